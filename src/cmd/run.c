/*
 * run.c - `lamplighter run`: load the configuration, bind, tell the user, become the master.
 *
 * From here to the line that decides about a request:
 *     cmd_run() -> serve() -> master_run()      proc/master.c, forks and calls child_main()
 *     child_main() -> run_worker()              cmd/worker.c, a loop, sockets, a gateway
 *     gateway_init()                            relay/gateway.c, puts pools, relay, server together
 *     http_server -> relay_on_request()         relay/relay.c, the life of a request
 *     relay_find_target()                       relay/request.c, who serves it
 *     call_start() -> dialect_answer_verdict()  call/call.c, is the answer whole?
 */
#include "cmd/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/banner.h"
#include "cmd/commands.h"
#include "cmd/config.h"
#include "cmd/hurry.h"
#include "cmd/listen.h"
#include "net/tls.h"
#include "ops/history.h"
#include "proc/drop.h"
#include "proc/machine.h"
#include "proc/shares.h"
#include "relay/hand_over.h"

#define RECORDS_BYTES (1024 * 1024) /* queue of outcome records toward the clerk */

/* ---- for the master ---- */

static int write_all(int fd, struct span s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        s = span_of(s.p + n, s.n - (size_t)n);
    }
    return 0;
}

/* The one in use, as its text reads today; else (a file that it names is gone, say) the first. */
static struct settings *in_use(const struct run *run, int config_fd)
{
    struct settings *ret;
    struct err e;

    return run_settings(&ret, run, config_fd, &e) == 0 ? ret : settings_ref(run->first);
}

/* Is there anything to be tried, and a slice to try it on? */
static bool wants_trial(const struct run *run, const struct settings *now,
                        const struct settings *next)
{
    return now->reload.slice > 0 &&
           settings_route_id(next) != board_get(&run->board->trial.route_now);
}

static int load_again(void *arg, int text_fd, int report_fd, int config_fd, bool at_once)
{
    const struct run *run = arg;
    struct settings *next = NULL, *now = in_use(run, config_fd);
    bool tries = !at_once && now->reload.slice > 0;
    struct buf text, printed;
    int status;

    buf_init(&text, RUN_LOADED_MAX);
    buf_init(&printed, RUN_TEXT_MAX);
    status = run_load(run, tries ? now : NULL, &next, &text, &printed);
    if (write_all(report_fd, buf_span(&printed)) < 0 || write_all(text_fd, buf_span(&text)) < 0)
        status = 1;
    (void)write_all(STDERR_FILENO, buf_span(&printed)); /* whether anybody reads it or not */
    if (status == 0) {
        tries = tries && wants_trial(run, now, next);
        board_set(&run->board->trial.loaded.route, settings_route_id(next));
        board_set(&run->board->trial.loaded.slice, now->reload.slice);
        board_set(&run->board->trial.loaded.id, next->id);
    }
    settings_unref(&now);
    settings_unref(&next);
    buf_fini(&text);
    buf_fini(&printed);
    if (status != 0)
        return PROC_LOAD_BAD;
    return tries ? PROC_LOAD_TRY : PROC_LOAD_TAKE;
}

static int child_main(void *arg, const struct proc_place *place)
{
    const struct run *run = arg;

    switch (place->kind) {
    case PROC_WORKER:
        listen_close_others(run, place->slot, false);
        return run_worker(run, place);
    case PROC_KEEPER:
        listen_close_others(run, BOARD_WORKERS, false);
        return run_keeper(run, place);
    case PROC_CLERK:
        listen_close_others(run, BOARD_WORKERS, true);
        return run_clerk(run, place);
    }
    return 1;
}

static void give_way(void *arg, uint32_t slot)
{
    listen_give_way(arg, slot);
}

/* ---- start ---- */

#define MIB (UINT64_C(1024) * 1024)

/* As many as the CPUs this process may use, at least two: one crash must never cut everything. */
static uint32_t count_workers(const struct settings *s)
{
    uint32_t n = s->server.workers ? s->server.workers : MAX(machine_cpus(), 2U);

    return MIN(n, (uint32_t)BOARD_WORKERS);
}

/* What the control group grants is divided; without one each takes what the configuration says. */
static void share_memory(struct run *run)
{
    const struct settings *first = run->first;
    uint64_t granted = machine_memory();
    struct proc_shares s;
    struct relay_room room;

    if (granted == UINT64_MAX)
        return;
    s = proc_share(granted, run->workers, HISTORY_BYTES);
    run->room = (struct relay_room){s.bodies, s.translation};
    run->history = (size_t)s.history;
    room = relay_room(run->room, first);
    if (room.bodies < first->server.memory_bytes_max ||
        room.translation < first->server.translation_bytes_max)
        run_say("lamplighter: the control group grants %" PRIu64 " MiB of memory: in each worker "
                "bodies take at most %" PRIu64 " MiB of it and translations %" PRIu64
                " MiB, unless server.limits says otherwise",
                granted / MIB, room.bodies / MIB, room.translation / MIB);
}

static int open_records(struct run *run, struct err *e)
{
    int bytes = RECORDS_BYTES;

    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, run->records) != 0 ||
        setsockopt(run->records[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) != 0)
        return err_set(e, ERR_SYS, "records: no socket pair: %s", strerror(errno));
    return 0;
}

static int memory_file(struct span text, struct err *e)
{
    int fd = memfd_create("configuration", MFD_CLOEXEC);

    if (fd < 0 || write_all(fd, text) < 0)
        return err_set(e, ERR_SYS, "configuration: no memory file: %s", strerror(errno));
    return fd;
}

/* Drawn before the first fork: a client may resume its session at any worker, also at one that
 * comes later, and workers know each other by the other one. */
static int draw_secrets(struct run *run, struct err *e)
{
    unsigned char bytes[TLS_TICKET_SECRET_BYTES + HAND_OVER_SECRET];
    struct secret kept;
    int rc = -1;

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        err_set(e, ERR_SYS, "no random bytes: %s", strerror(errno));
    else if (secret_arena_new(&run->secrets, sizeof(bytes), e) == 0)
        rc = secret_put(run->secrets, &kept, span_of((const char *)bytes, sizeof(bytes)),
                        SPAN_LIT("TLS tickets, workers"), e);
    if (rc == 0) {
        run->ticket_secret = (const unsigned char *)kept.bytes.p;
        run->peer_secret = run->ticket_secret + TLS_TICKET_SECRET_BYTES;
    }
    secret_wipe(bytes, sizeof(bytes));
    return rc;
}

/* Keys must not leave by a core dump or a debugger. A test build is debugged. */
static void close_doors(void)
{
#ifndef LAMPLIGHTER_TEST
    struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
        run_say("lamplighter: warning: core dumps cannot be switched off: %s", strerror(errno));
#endif
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        run_say("lamplighter: warning: no_new_privs: %s", strerror(errno));
}

#define OTHER_FILES 48 /* listeners, links, the log, resolvers, spools */
#define CONNS_LEAST 8  /* whatever that leads to */

uint32_t run_conns_most(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
        return UINT32_MAX;
    if (files.rlim_cur < OTHER_FILES + 2 * CONNS_LEAST)
        return CONNS_LEAST;
    return (uint32_t)MIN((files.rlim_cur - OTHER_FILES) / 2, (rlim_t)UINT32_MAX);
}

/* Descriptors for as many connections as the system lets us have. */
static void raise_files(const struct settings *s)
{
    struct rlimit files;
    uint32_t most;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        run_say("lamplighter: warning: the limit of open files stays: %s", strerror(errno));
    most = run_conns_most();
    if (most < s->server.conns - s->server.conns / 10) /* by a few less nobody is helped */
        run_say("lamplighter: warning: %llu open files are enough for %u connections of clients a "
                "worker, and server.limits.connections says %u: raise the limit (ulimit -n, "
                "LimitNOFILE)",
                (unsigned long long)files.rlim_cur, most, s->server.conns);
}

static int serve(struct run *run, struct span text, struct err *e)
{
    const struct settings *settings = run->first;
    struct proc_conf conf = {.workers = run->workers,
                             .drain_ms = settings->server.drain_ms,
                             .hurry = run->hurry,
                             .child_main = child_main,
                             .load = load_again,
                             .give_way = give_way,
                             .say = run_tell,
                             .arg = run};
    struct run_commands commands;
    int status = -1;

    if (board_new(&run->board, e) < 0 || draw_secrets(run, e) < 0 || open_records(run, e) < 0 ||
        run_commands_make(&commands, run, settings, e) < 0)
        return -1;
    board_set(&run->board->trial.route_now, settings_route_id(settings));
    conf.board = run->board;
    conf.commands = commands.commands;
    conf.commands_n = commands.n;
    conf.config_fd = memory_file(text, e);
    if (conf.config_fd >= 0) {
        close_doors();
        raise_files(settings);
        banner_print(run, settings);
        status = run->single ? run_single(run, conf.config_fd) : master_run(&conf);
    }
    run_commands_free(&commands);
    board_free(&run->board);
    return status;
}

/* The addresses are bound, which root alone may have been able to. Become the user, and see with
 * its eyes all that was read as root: workers that come later, and every reload, have no others. */
static int become(struct run *run, struct buf *text, struct buf *printed)
{
    char user[64 + 1]; /* a conf_name */
    struct err e;
    int status;

    (void)snprintf(user, sizeof(user), "%.*s", SPAN_FMT(run->first->server.user));
    if (drop_root(user, &e) < 0) {
        run_say("lamplighter: %s", e.text);
        return EXIT_CONFIG;
    }
    settings_unref(&run->first);
    buf_reset(text);
    buf_reset(printed);
    status = run_load(run, NULL, &run->first, text, printed);
    if (status != 0)
        run_say("lamplighter: what root could read, '%s' (server.user) cannot:", user);
    return status;
}

/* 0, or the exit status: the configuration is loaded and its addresses are bound. */
static int prepare(struct run *run, struct buf *text)
{
    struct buf printed;
    struct err e;
    int status;

    buf_init(&printed, RUN_TEXT_MAX);
    status = run_load(run, NULL, &run->first, text, &printed);
    if (status == 0) {
        run->workers = run->single ? 1 : count_workers(run->first);
        share_memory(run);
        if (listen_open(run, run->first, &e) < 0) {
            run_say("lamplighter: %s", e.text);
            status = EXIT_FAILED;
        } else if (span_has(run->first->server.user)) {
            status = become(run, text, &printed);
        }
    }
    (void)write_all(STDERR_FILENO, buf_span(&printed)); /* whether anybody reads it or not */
    buf_fini(&printed);
    return status;
}

static const char usage[] =
    "usage: lamplighter run [-c FILE] [--single] [--engine PROGRAM --model FILE]\n"
    "\n"
    "  -c FILE           configuration; else $LAMPLIGHTER_CONFIG, ./lamplighter.yaml,\n"
    "                    /etc/lamplighter/lamplighter.yaml, else what the environment offers\n"
    "  --single          one process, for debugging; no engines\n"
    "  --engine PROGRAM  a llama-server to run beside (only without a configuration)\n"
    "  --model FILE      its weights (.gguf)\n"
    "\n"
    "SIGTERM or Ctrl-C ends it when the answers under way are done, again at once; SIGHUP has it\n"
    "read its configuration again.\n";

static int misuse(const char *word, const char *what)
{
    run_say("lamplighter run: %s %s", word, what);
    fputs(usage, stderr);
    return EXIT_USAGE;
}

/* Where the value of an option goes; NULL: it is none with a value. */
static const char **value_of(struct run *run, const char *option)
{
    if (strcmp(option, "-c") == 0)
        return &run->file;
    if (strcmp(option, "--engine") == 0)
        return &run->engine;
    return strcmp(option, "--model") == 0 ? &run->model : NULL;
}

/* -1: go on; else the exit status. */
static int parse(struct run *run, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char **value = value_of(run, argv[i]);

        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
            return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILED : EXIT_OK;
        if (strcmp(argv[i], "--single") == 0)
            run->single = true;
        else if (!value)
            return misuse(argv[i], "is not an option");
        else if (++i == argc)
            return misuse(argv[i - 1], "needs a value");
        else
            *value = argv[i];
    }
    if (!run->engine != !run->model)
        return misuse("--engine and --model", "go together");
    return -1;
}

/* The engine and its weights, as the absolute paths that a configuration has. */
static int find_engine(struct run *run, char engine[PATH_MAX], char model[PATH_MAX], struct err *e)
{
    if (run->file) {
        run_say("lamplighter: --engine is not started, because there is a configuration: %s",
                run->file);
        run->engine = run->model = NULL;
        return 0;
    }
    if (!realpath(run->engine, engine))
        return err_set(e, ERR_SYS, "--engine %s: %s", run->engine, strerror(errno));
    if (!realpath(run->model, model))
        return err_set(e, ERR_SYS, "--model %s: %s", run->model, strerror(errno));
    run->engine = engine;
    run->model = model;
    return listen_free_port(&run->engine_port, e);
}

int cmd_run(int argc, char **argv)
{
    struct run run = {.admin_fd = -1, .records = {-1, -1}, .hurry = hurry_factor()};
    char engine[PATH_MAX], model[PATH_MAX];
    struct buf text;
    struct err e;
    int status = parse(&run, argc, argv);

    if (status >= 0)
        return status;
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) /* a log that nobody reads ends nothing */
        return EXIT_FAILED;
    buf_init(&text, RUN_LOADED_MAX);
    status = 1;
    if (env_take(&run.env, &environ, &e) < 0)
        goto fail;
    run.file = config_path(run.file, run.env).p;
    if (run.engine && find_engine(&run, engine, model, &e) < 0)
        goto fail;
    status = prepare(&run, &text);
    if (status != 0)
        goto out;
    status = serve(&run, buf_span(&text), &e);
    if (status >= 0)
        goto out;
    status = 1;
fail:
    run_say("lamplighter: %s", e.text);
out:
    settings_unref(&run.first);
    secret_arena_free(&run.secrets);
    env_free(&run.env);
    buf_fini(&text);
    return status;
}
