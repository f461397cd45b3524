/*
 * What `edictd --confined WORK` does: the judge's child. Reads what somebody sent from standard input after it has given up all
 * that it does not need, and writes one JSON document. Not for people.
 *
 *   check                         {"files": {"PATH": "SOURCE", …}}  ->  what `edict policy check` says of them
 *   backtest LEDGER-FOLDER SINCE  the same                          ->  what they would have changed since then (ms)
 *
 * Exit code 0: the document is the answer; 2: the input is wrong, and the document is {"where", "message"}; others: it failed.
 */
#ifndef EDICT_SERVER_CONFINED_H
#define EDICT_SERVER_CONFINED_H

enum { CONFINED_OK = 0, CONFINED_FAILED = 1, CONFINED_BAD_INPUT = 2 };

/* True when the command line asks for it. */
int confined_is_asked(int argc, char *const *argv);
/* Never returns. */
_Noreturn void confined_main(int argc, char *const *argv);

#endif
