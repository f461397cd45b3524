/*
 * The write-ahead log alone, on a disk that ends at any call and keeps any part of what was not synced, with a store that is no
 * more than numbers: lives of a process, each on what the one before it left. Whatever was acknowledged must come out, in order
 * and whole; and while a process lives its log is read, copied and erased by others.
 */
#include "ledger/wal.h"
#include "wal_disk.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

enum {
    UNIT = 16,
    NUMBER = 8 /* bytes that have the number of a payload whole */,
    PAYLOAD_LARGE = 300 << 10,
    FILE_BYTES_MAX = 2 << 20,
    OPERATIONS_MAX = 120,
    COPIES_MAX = 4
};

/* Each 16 bytes of a payload say which payload it is, where they lie in it, and, last so that a piece at its end does not, that
 * they are of one. */
struct unit {
    uint64_t number;
    uint32_t offset, mark;
};

/* What is on the disk besides the log; belongs to the disk's lock. */
struct truth {
    uint64_t acknowledged; /* the last payload that was */
    uint64_t flushed;      /* the store's own files have all up to here */
    uint64_t partly;       /* and a part of this one, for it may write any time */
};

struct world {
    struct model_trace trace;
    char folder[32], copy[48];
    struct wal *wal;
    struct truth now, left; /* left: when the world ended */
    _Atomic uint64_t applied;
    uint64_t first, last; /* of what came out at an opening; 0: nothing */
    bool opening, wrong_order;
    unsigned flush_odds; /* one in so many flushes fails; 0: none */
    _Atomic bool stop;
    _Atomic uint64_t readings, conflicts, copies, erasures;
    const char *_Atomic wrong; /* what another thread has found */
};

static const uint32_t unit_mark = 0x8e5cdb97;

/* ---- payloads ---- */

static struct slice make_payload(struct model_trace *trace, uint64_t number, char *bytes)
{
    uint64_t draw = model_below(trace, 100);
    uint64_t limit = draw < 60 ? 5000 : draw < 97 ? 30000 : PAYLOAD_LARGE - NUMBER;
    size_t size = NUMBER + model_below(trace, limit);

    for (size_t at = 0; at < size; at += UNIT) {
        struct unit unit = {.mark = unit_mark, .offset = (uint32_t)at, .number = number};

        memcpy(bytes + at, &unit, size - at < UNIT ? size - at : UNIT);
    }
    return slice_from(bytes, size);
}

/* Its number when it is whole, else 0. */
static uint64_t payload_number(struct slice payload)
{
    struct unit first = {0};

    memcpy(&first, payload.data, payload.size < UNIT ? payload.size : UNIT);
    for (size_t at = 0; at < payload.size; at += UNIT) {
        struct unit unit = {.mark = unit_mark, .offset = (uint32_t)at, .number = first.number};

        if (memcmp(payload.data + at, &unit, payload.size - at < UNIT ? payload.size - at : UNIT) != 0)
            return 0;
    }
    return first.number;
}

/* ---- the store ---- */

static void world_ended(void *context)
{
    struct world *world = context;

    world->left = world->now;
}

/* The store may write a part of what it has to its files any time. */
static void note_partly(struct world *world, uint64_t number)
{
    wal_disk_lock();
    if (number > world->now.partly)
        world->now.partly = number;
    wal_disk_unlock();
}

static enum status apply(void *context, struct slice payload, struct error *error)
{
    struct world *world = context;
    uint64_t number = payload_number(payload);

    (void)error;
    world->first = world->first ? world->first : number;
    world->wrong_order = world->wrong_order || number == 0 || (world->last > 0 && number != world->last + 1);
    world->last = number;
    note_partly(world, number);
    return STATUS_OK;
}

static enum status flush(void *context, struct error *error)
{
    struct world *world = context;
    uint64_t applied = atomic_load(&world->applied), draw;

    if (world->opening)
        applied = world->last > applied ? world->last : applied;
    draw = applied * UINT64_C(0x9E3779B97F4A7C15) >> 40;
    if (draw % 3 == 0)
        usleep((useconds_t)(draw % 700));
    if (world->flush_odds > 0 && draw % world->flush_odds == 0)
        return error_set(error, STATUS_IO, "", "a flush that was made to fail");
    wal_disk_lock();
    if (applied > world->now.flushed)
        world->now.flushed = applied;
    wal_disk_unlock();
    return STATUS_OK;
}

static const struct wal_store *store_of(struct world *world, struct wal_store *store)
{
    *store = (struct wal_store){.apply = apply, .flush = flush, .context = world};
    return store;
}

/* ---- what came out ---- */

struct reading {
    uint64_t first, last; /* 0: nothing */
    bool wrong_order;
};

static enum status read_apply(void *context, struct slice payload, struct error *error)
{
    struct reading *reading = context;
    uint64_t number = payload_number(payload);

    (void)error;
    reading->first = reading->first ? reading->first : number;
    reading->wrong_order = reading->wrong_order || number == 0 || (reading->last > 0 && number != reading->last + 1);
    reading->last = number;
    return STATUS_OK;
}

static enum status read_flush(void *context, struct error *error)
{
    (void)context;
    (void)error;
    return STATUS_OK;
}

/* With a store that has all up to `have`, of which the log gave `reading`: NULL, or what is wrong. */
static const char *judge(const struct reading *reading, uint64_t have, uint64_t acknowledged)
{
    if (reading->wrong_order)
        return "something torn or out of order came out";
    if (reading->first > have + 1)
        return "a payload between the store and the log is missing";
    if (reading->last > 0 && reading->last < have)
        return "the store was taken back to an earlier state";
    if ((reading->last > have ? reading->last : have) < acknowledged)
        return "what was acknowledged is missing";
    return NULL;
}

static const char *judge_opening(const struct world *world, const struct truth *left)
{
    const struct reading reading = {.first = world->first, .last = world->last, .wrong_order = world->wrong_order};
    uint64_t have = left->flushed, came_out = reading.last > have ? reading.last : have;
    const char *wrong = judge(&reading, have, left->acknowledged);

    if (!wrong && came_out < left->partly)
        wrong = "the store has a part of what the log has lost";
    if (!wrong && came_out > left->acknowledged + 1)
        wrong = "more came out than was ever written";
    return wrong;
}

/* ---- others, beside the writer ---- */

static void pause_for(uint64_t us)
{
    usleep((useconds_t)us);
}

/* Is a payload of a number up to `last` there? */
static bool has_payload(const char *bytes, uint64_t size, uint64_t last)
{
    for (uint64_t at = 0; at + UNIT <= size; at += UNIT) {
        struct unit unit;

        memcpy(&unit, bytes + at, sizeof unit);
        if (unit.mark == unit_mark && unit.number <= last)
            return true;
    }
    return false;
}

static bool file_has_payload(const char *folder, const char *name, uint64_t last)
{
    static char bytes[FILE_BYTES_MAX];
    char path[96];
    ssize_t size;
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    size = read(fd, bytes, sizeof bytes);
    close(fd);
    return size > 0 && has_payload(bytes, (uint64_t)size, last);
}

/* Would a power failure bring one back? */
static bool disk_has_payload(uint64_t last)
{
    bool has = false;

    wal_disk_lock();
    for (int file = 0; file < DISK_FILES; file++) {
        uint64_t size;
        const char *bytes = wal_disk_durable(file, &size);

        has = has || (bytes && has_payload(bytes, size, last));
    }
    wal_disk_unlock();
    return has;
}

static void *erase_now_and_then(void *context)
{
    struct world *world = context;
    uint64_t seed = world->trace.seed ^ 77;
    struct error error;

    while (!world->stop && !world->wrong) {
        uint64_t acknowledged;

        pause_for(seed % 4000);
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        wal_disk_lock();
        acknowledged = world->now.acknowledged;
        wal_disk_unlock();
        if (wal_erase(world->wal, &error) != STATUS_OK)
            break;
        if (file_has_payload(world->folder, "edict-0.wal", acknowledged) ||
            file_has_payload(world->folder, "edict-1.wal", acknowledged) || disk_has_payload(acknowledged))
            world->wrong = "after wal_erase a payload is still in a file";
        world->erasures++;
    }
    return NULL;
}

/* Like an open of the store beside its writer: what is needed, the store's files, the log. */
static void *read_again_and_again(void *context)
{
    struct world *world = context;
    struct error error = {0};

    while (!world->stop && !world->wrong) {
        struct reading reading = {0};
        const struct wal_store store = {.apply = read_apply, .flush = read_flush, .context = &reading};
        struct truth now;
        uint64_t needed;
        enum status status = wal_needed(world->folder, &needed, &error);

        if (status != STATUS_OK)
            world->wrong = "wal_needed fails beside a writer";
        wal_disk_lock();
        now = world->now;
        wal_disk_unlock();
        if (status == STATUS_OK)
            status = wal_read(world->folder, needed, &store, &error);
        if (status == STATUS_OK && judge(&reading, now.flushed, now.acknowledged))
            world->wrong = judge(&reading, now.flushed, now.acknowledged);
        if (status != STATUS_OK && status != STATUS_CONFLICT && !world->wrong)
            world->wrong = "wal_read fails beside a writer";
        (void)(status == STATUS_OK ? world->readings++ : world->conflicts++);
    }
    return NULL;
}

static void check_copy(struct world *world, const char *folder, uint64_t have, uint64_t acknowledged)
{
    struct reading reading = {0};
    const struct wal_store store = {.apply = read_apply, .flush = read_flush, .context = &reading};
    struct error error = {0};
    struct wal *wal = NULL;

    if (wal_open(folder, false, &store, &wal, &error) != STATUS_OK)
        world->wrong = "a copy does not open";
    else if (judge(&reading, have, acknowledged))
        world->wrong = judge(&reading, have, acknowledged);
    wal_close(wal);
}

static void remove_folder(const char *folder)
{
    char command[96];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* Like a backup: the store's files at some moment of the hold, then the log. */
static void *copy_now_and_then(void *context)
{
    struct world *world = context;
    uint64_t seed = world->trace.seed ^ 99;
    struct error error;

    for (int i = 0; i < COPIES_MAX && !world->stop && !world->wrong; i++) {
        struct truth held;
        enum status status;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        pause_for(seed >> 33 & 4095);
        ck_assert_int_eq(mkdir(world->copy, 0700), 0);
        wal_hold(world->wal);
        wal_disk_lock();
        held = world->now;
        wal_disk_unlock();
        pause_for(seed >> 50 & 1023);
        status = wal_copy(world->wal, world->copy, &error);
        wal_release(world->wal);
        if (status != STATUS_OK)
            world->wrong = "wal_copy fails";
        else
            check_copy(world, world->copy, held.flushed, held.acknowledged);
        remove_folder(world->copy);
        world->copies++;
    }
    return NULL;
}

/* ---- a life ---- */

/* False once the log has failed. */
static bool append_one(struct world *world)
{
    static char bytes[PAYLOAD_LARGE];
    uint64_t number = world->applied + 1;
    struct slice payload = make_payload(&world->trace, number, bytes);
    struct error error;

    model_note(&world->trace, "append %llu, %zu bytes", (unsigned long long)number, payload.size);
    if (wal_append(world->wal, payload, &error) != STATUS_OK)
        return false;
    wal_disk_lock();
    world->now.acknowledged = number;
    wal_disk_unlock();
    if (model_below(&world->trace, 8) == 0)
        pause_for(model_below(&world->trace, 600));
    if (model_below(&world->trace, 2))
        note_partly(world, number);
    atomic_store(&world->applied, number);
    wal_applied(world->wal, NULL);
    return true;
}

static bool one_operation(struct world *world)
{
    struct error error;

    if (model_below(&world->trace, 25) > 0)
        return append_one(world);
    model_note(&world->trace, "settle");
    return wal_settle(world->wal, &error) == STATUS_OK;
}

static void open_log(struct world *world)
{
    struct wal_store store;
    struct error error = {0};
    const char *wrong;
    struct truth left = world->left;
    enum status status;

    world->first = world->last = 0;
    world->wrong_order = false;
    world->opening = true;
    world->wal = NULL;
    atomic_store(&world->applied, left.flushed);
    world->now = left;
    status = wal_open(world->folder, false, store_of(world, &store), &world->wal, &error);
    world->opening = false;
    MODEL_CHECK(&world->trace, status == STATUS_OK || status == STATUS_IO, "a log that is whole is refused: %s", error.message);
    wrong = status == STATUS_OK ? judge_opening(world, &left) : NULL;
    MODEL_CHECK(&world->trace, !wrong, "%s: %llu to %llu came out, and %llu was flushed, %llu partly, %llu acknowledged", wrong,
                (unsigned long long)world->first, (unsigned long long)world->last, (unsigned long long)left.flushed,
                (unsigned long long)left.partly, (unsigned long long)left.acknowledged);
    if (world->last > world->applied)
        atomic_store(&world->applied, world->last);
    wal_disk_lock(); /* what came out is as good as acknowledged */
    if (status == STATUS_OK)
        world->now.acknowledged = world->applied;
    wal_disk_unlock();
}

static void run_life(struct world *world)
{
    static void *(*const others[])(void *) = {erase_now_and_then, copy_now_and_then, read_again_and_again};
    pthread_t threads[3];
    bool has[3];

    world->stop = false;
    for (int i = 0; i < 3; i++) {
        has[i] = model_below(&world->trace, 3) == 0;
        if (has[i])
            ck_assert_int_eq(pthread_create(&threads[i], NULL, others[i], world), 0);
    }
    for (int i = 0; i < OPERATIONS_MAX && !wal_disk_has_ended() && !world->wrong; i++) {
        if (!one_operation(world))
            break;
    }
    world->stop = true;
    for (int i = 0; i < 3; i++) {
        if (has[i])
            pthread_join(threads[i], NULL);
    }
}

static void choose_life(struct world *world)
{
    enum disk_end how = (enum disk_end)model_below(&world->trace, DISK_ENDS);
    uint64_t calls = model_below(&world->trace, 4) == 0 ? model_below(&world->trace, 20) : model_below(&world->trace, 600);

    world->flush_odds = model_below(&world->trace, 6) == 0 ? 4 : 0;
    wal_disk_fail_syncs(model_below(&world->trace, 6) == 0 ? 40 : 0);
    model_note(&world->trace, "a life of %llu calls, with end %d; of flushes one in %u fails", (unsigned long long)calls,
               (int)how, world->flush_odds);
    wal_disk_end_after(calls, how, model_random(&world->trace), world_ended, world);
}

static void begin(struct world *world, uint64_t salt)
{
    struct wal_store store;
    struct error error = {0};

    memset(world, 0, sizeof *world);
    model_begin(&world->trace, salt);
    setenv("EDICT_WAL_BYTES", model_below(&world->trace, 2) ? "65536" : "131072", 1);
    strcpy(world->folder, "/tmp/edict-wal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(world->folder));
    snprintf(world->copy, sizeof world->copy, "%s/copy", world->folder);
    ck_assert_int_eq(wal_open(world->folder, false, store_of(world, &store), &world->wal, &error), STATUS_OK);
    wal_close(world->wal);
    wal_disk_watch(world->folder);
}

START_TEST(what_was_acknowledged_outlives_any_end)
{
    static struct world world;

    begin(&world, 1);
    for (uint64_t life = model_rounds(150); life > 0; life--) {
        choose_life(&world);
        open_log(&world);
        if (world.wal)
            run_life(&world);
        wal_close(world.wal);
        MODEL_CHECK(&world.trace, !world.wrong, "%s", (const char *)world.wrong);
        wal_disk_fail_syncs(0);
        wal_disk_restore();
    }
    ck_assert_uint_gt(world.copies, 0);
    ck_assert_uint_gt(world.erasures, 0);
    ck_assert_uint_gt(world.readings, 0);
    wal_disk_forget();
    remove_folder(world.folder);
}
END_TEST

/* ---- beside a writer that never pauses ---- */

START_TEST(a_log_that_goes_on_is_read_copied_and_erased)
{
    static struct world world;
    static void *(*const others[])(void *) = {erase_now_and_then, copy_now_and_then, read_again_and_again};
    pthread_t threads[3];

    begin(&world, 2);
    wal_disk_end_after(UINT64_MAX, DISK_POWER_ALL, 0, world_ended, &world);
    open_log(&world);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, others[i], &world), 0);
    for (uint64_t i = 0;
         (i < model_rounds(3000) || world.readings < 20 || world.copies < COPIES_MAX || world.erasures < 5) && !world.wrong;
         i++)
        ck_assert(append_one(&world));
    world.stop = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    MODEL_CHECK(&world.trace, !world.wrong, "%s", (const char *)world.wrong);
    wal_close(world.wal);
    wal_disk_forget();
    remove_folder(world.folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wal model");
    TCase *tests = tcase_create("wal model");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 1200);
    tcase_add_test(tests, what_was_acknowledged_outlives_any_end);
    tcase_add_test(tests, a_log_that_goes_on_is_read_copied_and_erased);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
