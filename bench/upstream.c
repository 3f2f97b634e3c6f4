/*
 * upstream.c - a provider that is never the bottleneck: one epoll loop that answers fixed bytes.
 *
 * It reads a whole request into the connection's buffer, looks for a mark in the body and answers:
 *     "...":"e100g10    a stream of 100 events, one each 10 ms, in chunks; then a finish reason,
 *                       usage and the terminal
 *     anything else     one JSON answer of about 1.2 KB
 * in the dialect of the path: Anthropic's, Google's, or that of OpenAI's chat. Every event is one
 * write, and those of the chat carry in their id the time at which they were written, so that the
 * other end can tell how long they were under way. Streams are spread over their gap, or all
 * proxies would see one burst a gap instead of a flow.
 *
 * With --tls it is a TLS server, by certificate and key in one PEM file. Loopback only, and for a
 * bounded time: it ends by itself after --for seconds.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/span.h"
#include "wire.h"

#define REQUEST_MAX 8192
#define SLOTS       4096 /* of the wheel, one a millisecond: the longest gap is one less */
#define WAIT_EVENTS 512
#define FOR_S       600
#define EVENT_MAX   512

struct conn {
    struct wire wire;
    struct list due; /* on a slot of the wheel while it streams */
    uint64_t at_ms;  /* when the next event is due */
    uint32_t left;   /* content events to send */
    uint32_t gap_ms;
    const struct dialect *dialect; /* of the last request */
    size_t n;                      /* bytes of the request so far */
    char in[REQUEST_MAX];
};

struct upstream {
    int epoll, listener;
    SSL_CTX *ctx;               /* NULL: clear text */
    uint64_t now_ms, ticked_ms; /* slots up to ticked_ms are done */
    size_t streams;
    uint32_t phase;
    struct list slots[SLOTS];
};

static const char stream_head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                  "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
/* After the id: what chat completions of OpenAI say in each event. */
static const char event_tail[] =
    "\",\"object\":\"chat.completion.chunk\",\"created\":1726512345,"
    "\"model\":\"bench\",\"system_fingerprint\":\"fp_0ba0d124f1\",\"choices\":[{\"index\":0,"
    "\"delta\":{\"content\":\" lamp\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
static const char last_events[] =
    "data: {\"id\":\"chatcmpl-end\",\"object\":\"chat.completion.chunk\",\"created\":1726512345,"
    "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"id\":\"chatcmpl-end\",\"object\":\"chat.completion.chunk\",\"created\":1726512345,"
    "\"model\":\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":400,"
    "\"completion_tokens\":100,\"total_tokens\":500}}\n\n"
    "data: [DONE]\n\n";
static const char whole_begin[] =
    "{\"id\":\"chatcmpl-9xYzAbCdEfGhIjKlMnOpQrStUvWx\",\"object\":\"chat.completion\","
    "\"created\":1726512345,\"model\":\"bench\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
    "\"assistant\",\"content\":\"";
static const char whole_text[] =
    "The keeper lit the lamp at dusk, and it burned until the morning. ";
static const char whole_end[] =
    "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{"
    "\"prompt_tokens\":400,\"completion_tokens\":200,\"total_tokens\":600},"
    "\"system_fingerprint\":\"fp_0ba0d124f1\"}\n";
#define WHOLE_TEXTS 12

/* The same in Anthropic's dialect. */
static const char messages_begin[] =
    "event: message_start\ndata: "
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_01\",\"type\":"
    "\"message\",\"role\":\"assistant\",\"model\":\"bench\",\"content\":[],\"stop_reason\":null,"
    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":400,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
static const char messages_event[] =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
    "\"type\":\"text_delta\",\"text\":\" lamp\"}}\n\n";
static const char messages_last[] =
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\ndata: "
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
    "\"stop_sequence\":null},\"usage\":{\"output_tokens\":100}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
static const char messages_whole_begin[] = "{\"id\":\"msg_01\",\"type\":\"message\",\"role\":"
                                           "\"assistant\",\"model\":\"bench\",\"content\":[{"
                                           "\"type\":\"text\",\"text\":\"";
static const char messages_whole_end[] =
    "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":400,"
    "\"output_tokens\":200}}\n";

/* And in Google's. */
#define GEMINI_USAGE "\"usageMetadata\":{\"promptTokenCount\":400,\"candidatesTokenCount\":"
static const char gemini_event[] =
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\" lamp\"}],\"role\":\"model\"},"
    "\"index\":0}]," GEMINI_USAGE "50,\"totalTokenCount\":450},\"modelVersion\":\"bench\","
    "\"responseId\":\"lamp\"}\r\n\r\n";
static const char gemini_last[] =
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},"
    "\"finishReason\":\"STOP\",\"index\":0}]," GEMINI_USAGE "100,\"totalTokenCount\":500},"
    "\"modelVersion\":\"bench\",\"responseId\":\"lamp\"}\r\n\r\n";
static const char gemini_whole_begin[] = "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"";
static const char gemini_whole_end[] =
    "\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}]," GEMINI_USAGE
    "200,\"totalTokenCount\":600},\"modelVersion\":\"bench\",\"responseId\":\"lamp\"}\n";

/* What answers a request that begins so; the last row's has any beginning. */
static const struct dialect {
    const char *path;
    const char *begin, *event, *last; /* of a stream; event NULL: send_event() makes it */
    const char *whole_begin, *whole_end;
} dialects[] = {
    {"POST /v1/messages", messages_begin, messages_event, messages_last, messages_whole_begin,
     messages_whole_end},
    {"POST /v1beta/models/", NULL, gemini_event, gemini_last, gemini_whole_begin, gemini_whole_end},
    {"", NULL, NULL, last_events, whole_begin, whole_end},
};

static NORETURN void die(const char *what)
{
    fprintf(stderr, "upstream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void conn_free(struct upstream *u, struct conn **cp)
{
    struct conn *c = *cp;

    if (!list_empty(&c->due)) {
        list_del(&c->due);
        u->streams--;
    }
    wire_close(&c->wire);
    mem_free_ptr(cp);
}

static bool answer_whole(const struct conn *c)
{
    char body[2048], out[4096];
    size_t n = 0;
    int len;

    n += (size_t)snprintf(body, sizeof(body), "%s", c->dialect->whole_begin);
    for (int i = 0; i < WHOLE_TEXTS; i++) {
        memcpy(body + n, whole_text, sizeof(whole_text) - 1);
        n += sizeof(whole_text) - 1;
    }
    n += (size_t)snprintf(body + n, sizeof(body) - n, "%s", c->dialect->whole_end);
    len = snprintf(out, sizeof(out),
                   "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                   "content-length: %zu\r\nx-request-id: req_0123456789\r\n\r\n%.*s",
                   n, (int)n, body);
    return wire_put(&c->wire, out, (size_t)len);
}

/* ---- streams ---- */

static void wheel_put(struct upstream *u, struct conn *c)
{
    list_push(&u->slots[MAX(c->at_ms, u->ticked_ms + 1) % SLOTS], &c->due);
}

static bool send_chunk(const struct conn *c, const char *data, const char *end)
{
    char out[2048];
    int n = snprintf(out, sizeof(out), "%zx\r\n%s\r\n%s", strlen(data), data, end);

    return wire_put(&c->wire, out, (size_t)n);
}

static bool send_event(const struct conn *c)
{
    static const char hex[] = "0123456789abcdef";
    static const char id[] = "data: {\"id\":\"chatcmpl-";
    char out[EVENT_MAX];
    uint64_t now = clock_ns();
    size_t payload = sizeof(id) - 1 + 16 + sizeof(event_tail) - 1;
    int n;

    if (c->dialect->event)
        return send_chunk(c, c->dialect->event, "");
    n = snprintf(out, sizeof(out), "%zx\r\n%s", payload, id);
    for (int shift = 60; shift >= 0; shift -= 4)
        out[n++] = hex[now >> shift & 15];
    memcpy(out + n, event_tail, sizeof(event_tail) - 1);
    n += (int)sizeof(event_tail) - 1;
    memcpy(out + n, "\r\n", 2);
    return wire_put(&c->wire, out, (size_t)n + 2);
}

static bool send_last(const struct conn *c)
{
    return send_chunk(c, c->dialect->last, "0\r\n\r\n");
}

static void stream_due(struct upstream *u, struct conn *c)
{
    bool ok = c->left > 0 ? send_event(c) : send_last(c);

    list_del(&c->due);
    u->streams--;
    if (!ok) {
        conn_free(u, &c);
        return;
    }
    if (c->left-- == 0)
        return;
    c->at_ms += c->gap_ms;
    u->streams++;
    wheel_put(u, c);
}

static void tick(struct upstream *u)
{
    while (u->ticked_ms < u->now_ms) {
        struct list *slot = &u->slots[++u->ticked_ms % SLOTS];

        LIST_EACH(it, slot)
        stream_due(u, LIST_ENTRY(it, struct conn, due));
    }
}

static bool begin_stream(struct upstream *u, struct conn *c, uint32_t events, uint32_t gap_ms)
{
    if (!list_empty(&c->due) || gap_ms == 0 || gap_ms >= SLOTS)
        return false;
    c->left = MAX(events, 1) - 1; /* the first one goes with the head */
    c->gap_ms = gap_ms;
    c->at_ms = u->now_ms + 1 + u->phase++ % gap_ms;
    u->streams++;
    wheel_put(u, c);
    return wire_put(&c->wire, stream_head, sizeof(stream_head) - 1) &&
           (!c->dialect->begin || send_chunk(c, c->dialect->begin, "")) && send_event(c);
}

/* ---- requests ---- */

static uint32_t number(const char **p, const char *end)
{
    uint32_t v = 0;

    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++)
        v = v * 10 + (uint32_t)(**p - '0');
    return v;
}

static bool answer(struct upstream *u, struct conn *c, struct span body)
{
    static const struct span mark = SPAN_LIT("\":\"e");
    const char *p = memmem(body.p, body.n, mark.p, mark.n), *end = body.p + body.n;
    uint32_t events;

    if (!p || end - p < 8 || p[mark.n] < '0' || p[mark.n] > '9')
        return answer_whole(c);
    p += mark.n;
    events = number(&p, end);
    if (p == end || *p++ != 'g')
        return false;
    return begin_stream(u, c, events, number(&p, end));
}

/* The length of the body, by the only header that is looked at. */
static size_t body_len(const char *head)
{
    const char *p = strcasestr(head, "\ncontent-length:");

    if (!p)
        return 0;
    p += sizeof("\ncontent-length:") - 1;
    p += strspn(p, " ");
    return number(&p, p + 8);
}

/* Answer every request that is whole. false: the connection is of no more use. */
static bool read_requests(struct upstream *u, struct conn *c)
{
    for (;;) {
        char *end = memmem(c->in, c->n, "\r\n\r\n", 4);
        size_t head, all;

        if (!end)
            return c->n < REQUEST_MAX - 1;
        end[3] = '\0';
        head = (size_t)(end - c->in) + 4;
        all = head + body_len(c->in);
        end[3] = '\n';
        if (all > REQUEST_MAX - 1)
            return false;
        if (c->n < all)
            return true;
        c->dialect = dialects;
        while (!span_starts(span_of(c->in, c->n), span_str(c->dialect->path)))
            c->dialect++;
        if (!answer(u, c, span_of(c->in + head, all - head)))
            return false;
        memmove(c->in, c->in + all, c->n - all);
        c->n -= all;
    }
}

static void on_readable(struct upstream *u, struct conn *c)
{
    do {
        ssize_t n = wire_get(&c->wire, c->in + c->n, REQUEST_MAX - 1 - c->n);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n > 0)
            c->n += (size_t)n;
        if (n <= 0 || !read_requests(u, c)) {
            conn_free(u, &c);
            return;
        }
    } while (wire_pending(&c->wire));
}

/* The handshake is made by the reads. */
static void begin_tls(const struct upstream *u, struct wire *w)
{
    w->ssl = SSL_new(u->ctx);
    if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1)
        die("TLS");
    SSL_set_accept_state(w->ssl);
}

static void on_connection(struct upstream *u)
{
    for (;;) {
        struct epoll_event ev = {.events = EPOLLIN};
        int on = 1, fd = accept4(u->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct conn *c;

        if (fd < 0)
            return;
        c = mem_alloc(sizeof(*c));
        if (!c)
            die("memory");
        c->wire = (struct wire){.fd = fd};
        c->n = 0;
        if (u->ctx)
            begin_tls(u, &c->wire);
        list_init(&c->due);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        ev.data.ptr = c;
        if (epoll_ctl(u->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
            die("epoll_ctl");
    }
}

static void serve(struct upstream *u, uint64_t end_ms)
{
    struct epoll_event evs[WAIT_EVENTS];

    while (u->now_ms < end_ms) {
        int n = epoll_wait(u->epoll, evs, WAIT_EVENTS, u->streams ? 1 : 1000);

        u->now_ms = clock_ns() / 1000000;
        for (int i = 0; i < n; i++) {
            if (evs[i].data.ptr)
                on_readable(u, evs[i].data.ptr);
            else
                on_connection(u);
        }
        tick(u);
    }
}

static int read_options(struct upstream *u, uint64_t *for_s, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];

        if (strcmp(argv[i], "--for") == 0) {
            if (span_u64(span_str(value), for_s) < 0)
                return -1;
        } else if (strcmp(argv[i], "--tls") == 0) {
            u->ctx = SSL_CTX_new(TLS_server_method());
            if (!u->ctx || SSL_CTX_use_certificate_chain_file(u->ctx, value) != 1 ||
                SSL_CTX_use_PrivateKey_file(u->ctx, value, SSL_FILETYPE_PEM) != 1)
                die(value);
        } else {
            return -1;
        }
    }
    return argc % 2 == 1 ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static struct upstream u;
    struct epoll_event ev = {.events = EPOLLIN};
    socklen_t len = sizeof(at);
    uint64_t for_s = FOR_S;

    if (read_options(&u, &for_s, argc, argv) < 0) {
        fprintf(stderr, "usage: bench-upstream [--for SECONDS] [--tls PEM]\n");
        return 2;
    }
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        die("signal");
    for (size_t i = 0; i < SLOTS; i++)
        list_init(&u.slots[i]);
    u.epoll = epoll_create1(EPOLL_CLOEXEC);
    u.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(u.listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(u.listener, 4096) < 0 ||
        getsockname(u.listener, (struct sockaddr *)&at, &len) < 0)
        die("listen");
    if (epoll_ctl(u.epoll, EPOLL_CTL_ADD, u.listener, &ev) < 0)
        die("epoll_ctl");
    printf("%u\n", ntohs(at.sin_port));
    fflush(stdout);
    u.now_ms = u.ticked_ms = clock_ns() / 1000000;
    serve(&u, u.now_ms + for_s * 1000);
    return 0;
}
