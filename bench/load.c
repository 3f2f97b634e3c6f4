/*
 * load.c - makes requests and times the answers; one epoll loop.
 *
 *     bench-load --port N whole  [--conns C] [--rate R] [--millis T] [--requests N]
 *     bench-load --port N stream [--conns C] [--events E] [--gap MS] [--millis T] [--hold]
 *
 * whole: POSTs of 1.7 KB on kept connections. Without --rate each connection sends its next
 * request when it has its answer (closed loop). With --rate request k is due at k/R, and its
 * latency counts from then, also when no connection was free to send it: a server that stops for
 * a while cannot hide that by being asked less.
 *
 * stream: C streams at a time of E events each, begun again when they end. The latency is that of
 * an event, from the time that bench-upstream wrote into it. --hold: opens the streams, says so,
 * and keeps them until standard input ends.
 *
 * --tls: over TLS, with connections that are made before the window opens.
 * --messages: the same request in Anthropic's dialect, at its path.
 *
 * A line `begin` on standard output opens the window that is measured (connections are up, all
 * streams have had an event), one JSON object closes it; nothing more is sent after that. So the
 * reader can take the CPU time of a proxy at both; cpu_s is our own. Loopback only, FOR_S at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/span.h"
#include "wire.h"

#define FOR_S        300
#define BODY_BYTES   1700
#define HEAD_MAX     4096
#define SAMPLES_MAX  (4U << 20)
#define WARM_NS      300000000 /* before the window of `whole` opens */
#define OPEN_AT_ONCE 256       /* streams that are being opened at a time */
#define WAIT_EVENTS  512
#define RETRIES_MAX  1000 /* requests that met a connection which was just being closed */
#define NS           UINT64_C(1000000000)

enum part { IDLE, HEAD, SIZE, DATA, DATA_END, TRAILER, LENGTH };

struct conn {
    struct wire wire;
    enum part part; /* of the answer; IDLE: none is awaited */
    bool close;     /* the server said so */
    bool fresh;     /* no answer has come on this connection yet */
    bool at_event;  /* what comes next begins an event */
    bool after_nl;  /* the last byte of the body was a newline */
    bool flowing;   /* a stream that has had an event */
    size_t left;    /* of the body, or of the chunk */
    size_t head_n;
    uint64_t asked_ns; /* when the request was due */
    struct list free;  /* on load.free when idle in an open loop */
    char head[HEAD_MAX];
};

struct load {
    /* what is asked */
    bool stream, hold, tls, messages;
    uint64_t port, conns_n, rate, requests, events, gap_ms, millis;
    /* what goes on */
    int epoll;
    SSL_CTX *ctx;
    struct conn *conns;
    struct list free;
    char request[HEAD_MAX];
    size_t request_n;
    uint64_t now, began, opened, ends; /* opened: the window, 0 when it is not open yet */
    uint64_t cpu_opened;               /* our own CPU time then */
    uint64_t due_n, sent_n;            /* of an open loop: requests due, sent */
    uint64_t started_n, flowing_n;
    /* what came */
    uint64_t ended_n; /* answered or failed, in the window or before */
    uint64_t done, event_count, errors, retries, samples_n;
    uint32_t *samples; /* in tenths of a microsecond */
};

static NORETURN void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static void sample(struct load *l, uint64_t since_ns)
{
    if (l->opened && since_ns >= l->opened && l->samples_n < SAMPLES_MAX && l->now >= since_ns)
        l->samples[l->samples_n++] = (uint32_t)MIN((l->now - since_ns) / 100, UINT32_MAX);
}

/* ---- requests ---- */

static void make_request(struct load *l)
{
    static const struct {
        const char *path, *user, *system;
    } rows[] = {
        {"chat/completions", "{\"user\":\"somebody\",",
         "\"messages\":[{\"role\":\"system\",\"content\":\"You keep a lighthouse.\"},"},
        {"messages", "{\"metadata\":{\"user_id\":\"somebody\"},",
         "\"system\":\"You keep a lighthouse.\",\"messages\":["},
    };
    char body[BODY_BYTES + 1], streamed[64] = ""; /* what every dialect hands on is the prompt */
    size_t row = l->messages;
    int n;

    if (l->stream)
        (void)snprintf(streamed, sizeof(streamed), "e%zug%zu. ", (size_t)l->events,
                       (size_t)l->gap_ms);
    n = snprintf(body, sizeof(body),
                 "%s%s\"model\":\"bench\",\"max_tokens\":200,\"temperature\":0.2,%s"
                 "{\"role\":\"user\",\"content\":\"%s",
                 rows[row].user, l->stream ? "\"stream\":true," : "", rows[row].system, streamed);
    for (size_t i = 0; (size_t)n < BODY_BYTES - 4; i++, n++)
        body[n] = "Tell me what the keeper saw that night. "[i % 40];
    memcpy(body + n, "\"}]}", 5);
    n = snprintf(l->request, sizeof(l->request),
                 "POST /v1/%s HTTP/1.1\r\nhost: 127.0.0.1:%zu\r\n"
                 "authorization: Bearer sk-0123456789abcdef0123456789abcdef\r\n"
                 "user-agent: OpenAI/Python 1.54.0\r\naccept: %s\r\n"
                 "content-type: application/json\r\ncontent-length: %d\r\n\r\n%s",
                 rows[row].path, (size_t)l->port,
                 l->stream ? "text/event-stream" : "application/json", BODY_BYTES, body);
    l->request_n = (size_t)n;
}

/* The handshake, while nothing else is done. The certificate is not looked at: we made it. */
static void begin_tls(struct load *l, struct conn *c)
{
    c->wire.ssl = SSL_new(l->ctx);
    if (!c->wire.ssl || SSL_set_fd(c->wire.ssl, c->wire.fd) != 1 || SSL_connect(c->wire.ssl) != 1) {
        ERR_print_errors_fp(stderr);
        die("TLS");
    }
    if (fcntl(c->wire.fd, F_SETFL, O_NONBLOCK) < 0)
        die("fcntl");
}

static void connect_conn(struct load *l, struct conn *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;

    to.sin_port = htons((uint16_t)l->port);
    c->wire.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->wire.fd < 0 || connect(c->wire.fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        die("connect");
    setsockopt(c->wire.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (l->tls)
        begin_tls(l, c);
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->wire.fd, &ev) < 0)
        die("epoll_ctl");
    c->fresh = true;
    c->close = false;
}

/* Send the request that was due at asked_ns. */
static void ask(struct load *l, struct conn *c, uint64_t asked_ns)
{
    list_del(&c->free);
    if (c->wire.fd >= 0 && c->close)
        wire_close(&c->wire);
    if (c->wire.fd < 0)
        connect_conn(l, c);
    c->asked_ns = asked_ns;
    c->part = HEAD;
    c->head_n = 0;
    c->at_event = true;
    c->after_nl = false;
    l->started_n++;
    if (!wire_put(&c->wire, l->request, l->request_n))
        c->close = true; /* the reading side tells why */
}

static void next(struct load *l, struct conn *c)
{
    c->part = IDLE;
    if (l->rate)
        list_push(&l->free, &c->free);
    else if (l->started_n < l->requests && !l->hold)
        ask(l, c, l->now);
}

static void answered(struct load *l, struct conn *c)
{
    c->fresh = false;
    l->ended_n++;
    if (l->opened)
        l->done++;
    if (!l->stream)
        sample(l, c->asked_ns);
    if (c->close)
        wire_close(&c->wire);
    next(l, c);
}

/* The connection ended, or what came is no answer. */
static void broken(struct load *l, struct conn *c, const char *why)
{
    bool unheard = c->part == HEAD && c->head_n == 0;

    wire_close(&c->wire);
    if (c->part == IDLE)
        return; /* an idle connection may be closed at any time */
    if (unheard && !c->fresh && l->retries < RETRIES_MAX) {
        l->retries++; /* the server closed it while the request was under way */
        l->started_n--;
        ask(l, c, c->asked_ns);
        return;
    }
    l->ended_n++;
    if (l->errors++ == 0)
        fprintf(stderr, "load: %s\n", why);
    next(l, c);
}

/* ---- answers ---- */

/* The time that stands in an event's id. */
static void event_begins(struct load *l, const char *p, size_t n)
{
    static const struct span id = SPAN_LIT("data: {\"id\":\"chatcmpl-");
    uint64_t ns = 0;

    if (n < id.n + 16 || memcmp(p, id.p, id.n) != 0)
        return;
    for (size_t i = 0; i < 16; i++) {
        char c = p[id.n + i];

        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return;
        ns = ns << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    sample(l, ns);
}

/* Bytes of an event stream: an event ends with an empty line. */
static void read_events(struct load *l, struct conn *c, const char *p, size_t n)
{
    const char *end = p + n, *nl;

    if (c->at_event)
        event_begins(l, p, n);
    c->at_event = false;
    while (p < end) {
        if (c->after_nl && *p == '\n') {
            c->after_nl = false;
            p++;
            l->event_count += l->opened != 0;
            if (!c->flowing) {
                c->flowing = true;
                l->flowing_n++;
            }
            c->at_event = p == end;
            if (p < end)
                event_begins(l, p, (size_t)(end - p));
            continue;
        }
        nl = memchr(p, '\n', (size_t)(end - p));
        c->after_nl = nl != NULL;
        p = nl ? nl + 1 : end;
    }
}

/* One byte of chunk framing. */
static void read_framing(struct load *l, struct conn *c, char b)
{
    if (c->part == DATA_END) {
        if (b == '\n')
            c->part = SIZE;
    } else if (c->part == SIZE) {
        if (b >= '0' && b <= '9')
            c->left = c->left * 16 + (size_t)(b - '0');
        else if ((b | 32) >= 'a' && (b | 32) <= 'f')
            c->left = c->left * 16 + (size_t)((b | 32) - 'a' + 10);
        else if (b == '\n')
            c->part = c->left ? DATA : TRAILER;
    } else if (b == '\n') {
        answered(l, c); /* trailers are not expected, their end is */
    }
}

/* false: it is broken, and so is what follows. */
static bool read_head(struct load *l, struct conn *c)
{
    const char *p;

    c->head[c->head_n] = '\0';
    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0) {
        c->head[MIN(c->head_n, 200)] = '\0';
        broken(l, c, c->head);
        return false;
    }
    c->close = strcasestr(c->head, "\nconnection: close") != NULL;
    c->left = 0;
    c->part = SIZE;
    if (strcasestr(c->head, "\ntransfer-encoding: chunked"))
        return true;
    p = strcasestr(c->head, "\ncontent-length: ");
    if (!p) {
        broken(l, c, "an answer without a length");
        return false;
    }
    c->part = LENGTH;
    for (p += 17; *p >= '0' && *p <= '9'; p++)
        c->left = c->left * 10 + (size_t)(*p - '0');
    return true;
}

/* Add to the head; returns how many bytes belonged to it. */
static size_t add_head(struct load *l, struct conn *c, const char *p, size_t n)
{
    size_t had = c->head_n, from = had > 3 ? had - 3 : 0, take = MIN(n, HEAD_MAX - 1 - had);
    char *end;

    memcpy(c->head + had, p, take);
    c->head_n += take;
    end = memmem(c->head + from, c->head_n - from, "\r\n\r\n", 4);
    if (end) {
        c->head_n = (size_t)(end - c->head) + 4;
        take = c->head_n - had;
        return read_head(l, c) ? take : n;
    }
    if (c->head_n == HEAD_MAX - 1) {
        broken(l, c, "the head of an answer is too large");
        return n;
    }
    return take;
}

static void read_answer(struct load *l, struct conn *c, const char *p, size_t n)
{
    while (n > 0 && c->part != IDLE) {
        size_t take = 1;

        if (c->part == HEAD) {
            take = add_head(l, c, p, n);
        } else if (c->part == DATA || c->part == LENGTH) {
            enum part after = c->part == DATA ? DATA_END : IDLE;

            take = MIN(n, c->left);
            if (l->stream)
                read_events(l, c, p, take);
            c->left -= take;
            if (c->left == 0 && after == IDLE)
                answered(l, c);
            else if (c->left == 0)
                c->part = after;
        } else {
            read_framing(l, c, *p);
        }
        p += take;
        n -= take;
    }
}

static void on_readable(struct load *l, struct conn *c)
{
    static char in[65536];
    ssize_t n;

    do {
        n = wire_get(&c->wire, in, sizeof(in));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            broken(l, c, n == 0 ? "the answer was cut" : strerror(errno));
        else
            read_answer(l, c, in, (size_t)n);
    } while (wire_pending(&c->wire));
}

/* ---- the run ---- */

static void send_due(struct load *l)
{
    l->due_n = (l->now - l->began) * l->rate / NS;
    while (l->sent_n <= l->due_n && !list_empty(&l->free)) {
        struct conn *c = LIST_ENTRY(l->free.next, struct conn, free);

        ask(l, c, l->began + l->sent_n++ * NS / l->rate);
    }
}

/* Streams are opened some at a time, as many as are not flowing yet. */
static void open_streams(struct load *l)
{
    while (l->started_n < l->conns_n && l->started_n - l->flowing_n < OPEN_AT_ONCE)
        ask(l, &l->conns[l->started_n], l->now);
}

static void open_window(struct load *l)
{
    if (l->opened)
        return;
    if (l->stream ? l->flowing_n < l->conns_n : l->now - l->began < WARM_NS)
        return;
    printf("begin\n");
    fflush(stdout);
    l->opened = clock_ns(CLOCK_MONOTONIC);
    l->cpu_opened = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    l->ends = l->opened + l->millis * (NS / 1000);
}

static void wait_events(struct load *l)
{
    struct epoll_event evs[WAIT_EVENTS];
    struct timespec wait = {.tv_nsec = 10000000};
    int n;

    if (l->rate && !list_empty(&l->free)) {
        uint64_t due = l->began + l->sent_n * NS / l->rate;

        wait.tv_nsec = due > l->now ? (long)MIN(due - l->now, 10000000) : 0;
    }
    n = epoll_pwait2(l->epoll, evs, WAIT_EVENTS, &wait, NULL);
    l->now = clock_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < n; i++)
        on_readable(l, evs[i].data.ptr);
    l->now = clock_ns(CLOCK_MONOTONIC);
}

static bool input_ended(void)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    char drop[64];

    return poll(&in, 1, 0) > 0 && read(0, drop, sizeof(drop)) <= 0;
}

static bool over(const struct load *l)
{
    if (l->now - l->began > FOR_S * NS)
        return true;
    if (l->hold)
        return input_ended();
    if (l->opened && l->now >= l->ends)
        return true;
    return !l->rate && l->ended_n >= l->requests;
}

static void run(struct load *l)
{
    for (size_t i = 0; i < l->conns_n; i++) {
        struct conn *c = &l->conns[i];

        c->wire.fd = -1;
        list_init(&c->free);
        if (l->tls) /* all handshakes come first: each is waited for, and would hold up answers */
            connect_conn(l, c);
    }
    l->now = l->began = clock_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; i < l->conns_n; i++) {
        struct conn *c = &l->conns[i];

        if (l->rate)
            list_push(&l->free, &c->free);
        else if (!l->stream)
            ask(l, c, l->now);
    }
    while (!over(l)) {
        if (l->rate)
            send_due(l);
        if (l->stream)
            open_streams(l);
        wait_events(l);
        open_window(l);
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double percentile(const struct load *l, double share)
{
    if (l->samples_n == 0)
        return 0;
    return l->samples[(uint64_t)((double)(l->samples_n - 1) * share)] / 10.0;
}

static void report(struct load *l)
{
    double seconds = l->opened ? (double)(l->now - l->opened) / 1e9 : 0;
    double cpu = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - l->cpu_opened) / 1e9;

    qsort(l->samples, l->samples_n, sizeof(l->samples[0]), by_value);
    printf("{\"requests\": %zu, \"events\": %zu, \"seconds\": %.4f, \"cpu_s\": %.4f, "
           "\"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, \"errors\": %zu, "
           "\"retries\": %zu, \"late\": %zu}\n",
           (size_t)l->done, (size_t)l->event_count, seconds, cpu, percentile(l, 0.5),
           percentile(l, 0.99), percentile(l, 0.999), percentile(l, 1), (size_t)l->errors,
           (size_t)l->retries, l->rate ? (size_t)(l->due_n - MIN(l->sent_n, l->due_n)) : 0);
    fflush(stdout);
}

static int read_options(struct load *l, int argc, char **argv)
{
    const struct {
        const char *name;
        uint64_t *value;
    } options[] = {{"--port", &l->port},         {"--conns", &l->conns_n}, {"--rate", &l->rate},
                   {"--requests", &l->requests}, {"--events", &l->events}, {"--gap", &l->gap_ms},
                   {"--millis", &l->millis}};
    const struct {
        const char *name;
        bool *value;
    } flags[] = {{"--hold", &l->hold}, {"--tls", &l->tls}, {"--messages", &l->messages}};

    for (int i = 1; i < argc; i++) {
        size_t k = 0;

        if (strcmp(argv[i], "whole") == 0 || strcmp(argv[i], "stream") == 0) {
            l->stream = argv[i][0] == 's';
            continue;
        }
        while (k < ARRAY_LEN(flags) && strcmp(argv[i], flags[k].name) != 0)
            k++;
        if (k < ARRAY_LEN(flags)) {
            *flags[k].value = true;
            continue;
        }
        k = 0;
        while (k < ARRAY_LEN(options) && strcmp(argv[i], options[k].name) != 0)
            k++;
        if (k == ARRAY_LEN(options) || ++i == argc ||
            span_u64(span_str(argv[i]), options[k].value) < 0)
            return -1;
    }
    return l->port && l->port < 65536 && l->conns_n && (l->rate == 0 || !l->stream) ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct load l = {
        .conns_n = 64, .requests = UINT64_MAX, .events = 1000000, .gap_ms = 10, .millis = 2000};

    if (read_options(&l, argc, argv) < 0) {
        fprintf(stderr, "usage: bench-load --port N whole|stream [--conns N] [--rate N] "
                        "[--requests N] [--millis N] [--events N] [--gap MS] [--hold] [--tls] "
                        "[--messages]\n");
        return 2;
    }
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        die("signal");
    prctl(PR_SET_TIMERSLACK, 1);
    l.samples = mem_alloc(SAMPLES_MAX * sizeof(l.samples[0]));
    l.conns = mem_zalloc(l.conns_n, sizeof(l.conns[0]));
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l.tls)
        l.ctx = SSL_CTX_new(TLS_client_method());
    if (!l.samples || !l.conns || l.epoll < 0 || (l.tls && !l.ctx))
        die("memory");
    list_init(&l.free);
    make_request(&l);
    run(&l);
    report(&l);
    return l.errors == 0 && l.opened ? 0 : 1;
}
