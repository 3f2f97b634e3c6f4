/*
 * main.c - the command line of `lamplighter mock`.
 *
 * It opens its files itself: the mock stands for another company's server, not for a part of
 * the gateway, and has nothing of the gateway's to lean on.
 */
#include <signal.h>
#include <stdio.h>

#include "base/mem.h"
#include "ev/ev_uv.h"
#include "mock/mock.h"
#include "mock/serve.h"
#include "net/net_uv.h"

enum option { LISTEN, RESET, REFUSE, REPLAY, SCRIPT, LOG, LOG_BODIES, FOR, MANUAL, HELP, OPTIONS };

static const struct {
    const char *name, *value, *help;
} options[OPTIONS] = {
    [LISTEN] = {"--listen", "ADDR:PORT", "answer here; port 0 takes any (default 127.0.0.1:0)"},
    [RESET] = {"--reset", "ADDR:PORT", "accept here and reset every connection"},
    [REFUSE] = {"--refuse", "ADDR:PORT", "name a port on which nothing listens"},
    [REPLAY] = {"--replay", "PATH", "recordings: a .jsonl or .jsonl.gz file, or a directory"},
    [SCRIPT] = {"--script", "FILE", "lines MATCH => LIST"},
    [LOG] = {"--log", "FILE", "append a JSON line for every request and every end"},
    [LOG_BODIES] = {"--log-bodies", NULL, "with the requests' bodies, not only their SHA-256"},
    [FOR] = {"--for", "SECONDS", "stop after so long"},
    [MANUAL] = {"--manual", NULL, "print the manual (docs/mock.md) and stop"},
    [HELP] = {"--help", NULL, "print the options and stop"},
};

/* One run: everything that ends with it. */
struct run {
    const char *values[OPTIONS]; /* "" for a switch that is on */
    struct ev *ev;
    struct net *net;
    struct ev_signals *signals;
    struct ev_timer timer;
    struct mock *mock;
    bool timed;
};

static void print_options(FILE *to)
{
    fprintf(to, "usage: lamplighter mock [OPTIONS]\n\n");
    for (size_t i = 0; i < OPTIONS; i++)
        fprintf(to, "  %-12s %-10s %s\n", options[i].name, options[i].value ? options[i].value : "",
                options[i].help);
    fprintf(to,
            "\nBehaviours are chosen per request: lamplighter mock --manual, or docs/mock.md.\n");
}

static int read_options(struct run *r, int argc, char **argv, struct err *e)
{
    for (int i = 1; i < argc; i++) {
        size_t o = 0;

        while (o < OPTIONS && strcmp(argv[i], options[o].name) != 0)
            o++;
        if (o == OPTIONS)
            return err_set(e, ERR_CONFIG, "there is no option '%s'; see --help", argv[i]);
        if (options[o].value && i + 1 == argc)
            return err_set(e, ERR_CONFIG, "%s needs %s", argv[i], options[o].value);
        r->values[o] = options[o].value ? argv[++i] : "";
    }
    return 0;
}

static void on_signal(void *arg, int signal)
{
    struct run *r = arg;

    UNUSED(signal);
    ev_stop(r->ev);
}

static void on_time(struct ev_timer *t)
{
    ev_stop(t->ev);
}

static int read_script(struct mock *m, const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");
    struct buf b;
    int rc = -1;

    buf_init(&b, MOCK_SCRIPT_BYTES_MAX);
    if (!f) {
        err_set(e, ERR_SYS, "%s: cannot be opened", path);
        goto out;
    }
    while (!feof(f) && !ferror(f)) {
        char *to = buf_reserve(&b, 4096);

        if (!to)
            break;
        buf_commit(&b, fread(to, 1, 4096, f));
    }
    if (buf_finish(&b, path, e) == 0) {
        rc = mock_script_read(&m->script, buf_span(&b), e);
        if (rc < 0)
            err_prefix(e, "%s", path);
    }
out:
    if (f)
        (void)fclose(f);
    buf_fini(&b);
    return rc;
}

static int load(struct run *r, struct err *e)
{
    if (r->values[SCRIPT] && read_script(r->mock, r->values[SCRIPT], e) < 0)
        return -1;
    if (r->values[REPLAY] && mock_replay_load(&r->mock->replay, r->values[REPLAY], e) < 0)
        return -1;
    r->mock->log.bodies = r->values[LOG_BODIES] != NULL;
    return r->values[LOG] ? mock_log_open(&r->mock->log, r->values[LOG], e) : 0;
}

/* Listen where an option says; `what` is printed before the address. */
static int listen_on(struct run *r, enum option o, const char *what, struct err *e)
{
    const char *text = r->values[o];
    char out[NET_ADDR_TEXT];
    struct net_addr addr;
    struct net_listener *l;

    if (net_addr_parse(&addr, span_str(text), e) < 0)
        return err_prefix(e, "%s %s", options[o].name, text);
    if ((o == LISTEN ? mock_listen : mock_listen_reset)(r->mock, &addr, e) < 0)
        return err_prefix(e, "%s %s", options[o].name, text);
    l = o == LISTEN ? r->mock->listener : r->mock->resetter;
    printf("mock %s %s%s\n", what, o == LISTEN ? "http://" : "",
           net_addr_text(net_listener_addr(l), out));
    if (o == REFUSE)
        net_listener_close(&r->mock->resetter);
    return 0;
}

static int start(struct run *r, struct err *e)
{
    static const int stop[] = {SIGTERM, SIGINT};
    uint64_t seconds;

    if (r->values[FOR]) {
        if (span_u64(span_str(r->values[FOR]), &seconds) < 0 || seconds > 1000000)
            return err_set(e, ERR_CONFIG, "--for '%s' is no number of seconds", r->values[FOR]);
        ev_timer_init(&r->timer, r->ev, on_time);
        r->timed = true;
        if (ev_timer_set(&r->timer, EV_S(seconds), e) < 0)
            return -1;
    }
    if (ev_signals_open(&r->signals, r->ev, stop, ARRAY_LEN(stop), on_signal, r, e) < 0 ||
        load(r, e) < 0)
        return -1;
    if ((r->values[REFUSE] && listen_on(r, REFUSE, "refusing on", e) < 0) ||
        (r->values[RESET] && listen_on(r, RESET, "resetting on", e) < 0) ||
        listen_on(r, LISTEN, "listening on", e) < 0)
        return -1;
    return fflush(stdout) == 0 ? 0 : err_set(e, ERR_SYS, "standard output cannot be written");
}

static void stop(struct run *r)
{
    if (r->mock) {
        mock_fini(r->mock);
        mock_log_close(&r->mock->log);
    }
    mem_free_ptr(&r->mock);
    if (r->timed)
        ev_timer_stop(&r->timer);
    ev_signals_close(&r->signals);
    net_uv_free(&r->net);
    ev_uv_free(&r->ev);
}

static int serve(struct run *r, struct err *e)
{
    int rc = -1;

    if (!r->values[LISTEN])
        r->values[LISTEN] = "127.0.0.1:0";
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) /* a client may be gone when it is written to */
        return err_set(e, ERR_SYS, "SIGPIPE cannot be ignored");
    if (ev_uv_new(&r->ev, e) < 0 || net_uv_new(&r->net, r->ev, e) < 0)
        goto out;
    r->mock = mem_zalloc(1, sizeof(*r->mock));
    if (!r->mock) {
        err_set(e, ERR_NOMEM, "no memory");
        goto out;
    }
    mock_init(r->mock, r->net);
    if (start(r, e) < 0)
        goto out;
    ev_uv_run(r->ev);
    rc = 0;
out:
    stop(r);
    return rc;
}

static int print_manual(void)
{
    struct buf b;
    int rc;

    buf_init(&b, MOCK_SCRIPT_BYTES_MAX);
    mock_manual(&b);
    rc = buf_ok(&b) && fwrite(b.p, 1, b.n, stdout) == b.n && fflush(stdout) == 0 ? 0 : 1;
    buf_fini(&b);
    return rc;
}

int mock_main(int argc, char **argv)
{
    struct run r = {0};
    struct err e;

    if (read_options(&r, argc, argv, &e) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], e.text);
        return 2;
    }
    if (r.values[MANUAL])
        return print_manual();
    if (r.values[HELP]) {
        print_options(stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (serve(&r, &e) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], e.text);
        return e.code == ERR_CONFIG || e.code == ERR_PARSE ? 2 : 1;
    }
    return 0;
}

void mock_manual_options(struct buf *out)
{
    for (size_t i = 0; i < OPTIONS; i++)
        buf_printf(out, "| `%s%s%s` | %s |\n", options[i].name, options[i].value ? " " : "",
                   options[i].value ? options[i].value : "", options[i].help);
}
