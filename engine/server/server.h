/*
 * The server put together: store, ledger, state, policies, workers; started in that order and stopped in the reverse one. Main
 * thread.
 */
#ifndef EDICT_SERVER_SERVER_H
#define EDICT_SERVER_SERVER_H

#include "publish/settings.h"
#include "server/config.h"

struct server;

/* Everything up to and including edictd.json; on an error nothing is left running. `publishing` outlives the server. */
enum status server_start(const struct config *config, const struct publish_settings *publishing, struct server **out,
                         struct error *error) EDICT_MUST_USE;
/* Serves until SIGTERM, SIGINT (STATUS_OK) or a failure of the ledger. SIGHUP reloads the policies. */
enum status server_wait(struct server *server, struct error *error) EDICT_MUST_USE;
/* Drains and stops. NULL accepted. An error: the ledger failed meanwhile. */
enum status server_stop(struct server *server, struct error *error) EDICT_MUST_USE;

#endif
