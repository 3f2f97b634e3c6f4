/*
 * admin_call.c - see admin_call.h.
 *
 * HTTP/1.1 with "connection: close": the answer is what comes until the end, and its
 * content-length says whether that was all.
 */
#include "cmd/admin_call.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_MAX  256
#define PORT      "80"
#define STATUS_AT 9 /* behind "HTTP/1.1 " */

struct caller {
    int fd;
    uint64_t until_ms; /* monotonic */
    char host[HOST_MAX], port[8];
    char numeric[NI_MAXHOST + 16]; /* "127.0.0.1:8081", as connected */
};

static uint64_t now_ms(void)
{
    struct timespec t;

    MUST(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the url ---- */

static int copy(char *out, size_t cap, struct span s)
{
    if (s.n == 0 || s.n >= cap)
        return -1;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return 0;
}

static int split_url(struct caller *c, const char *url, struct err *e)
{
    struct span s = span_str(url), host, scheme = SPAN_LIT("http://");
    uint64_t port;

    if (!span_starts(s, scheme))
        goto bad;
    s = span_str(url + scheme.n);
    if (s.n && s.p[s.n - 1] == '/')
        s.n--;
    if (s.n && s.p[0] == '[') { /* an IPv6 address */
        s = span_of(s.p + 1, s.n - 1);
        host = span_cut(&s, ']');
        if (!span_has(s) || (s.n && s.p[0] != ':'))
            goto bad;
        s = s.n ? span_of(s.p + 1, s.n - 1) : SPAN_LIT(PORT);
    } else {
        host = span_cut(&s, ':');
        if (!span_has(s))
            s = SPAN_LIT(PORT);
    }
    if (span_u64(s, &port) == 0 && port <= UINT16_MAX && copy(c->port, sizeof(c->port), s) == 0 &&
        span_find(host, '/') == SIZE_MAX && copy(c->host, sizeof(c->host), host) == 0)
        return 0;
bad:
    return err_set(e, ERR_CONFIG, "'%s' is not of the form http://HOST:PORT", url);
}

/* ---- the connection ---- */

static int wait_for(const struct caller *c, short events, struct err *e)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    int n = 0;

    do {
        uint64_t now = now_ms();

        n = now < c->until_ms ? poll(&p, 1, (int)(c->until_ms - now)) : 0;
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        return 0;
    return n == 0 ? err_set(e, ERR_TIMEOUT, "no answer in time")
                  : err_set(e, ERR_SYS, "poll: %s", strerror(errno));
}

static int connect_one(struct caller *c, const struct addrinfo *a, struct err *e)
{
    char host[NI_MAXHOST];
    socklen_t len = sizeof(int);
    int why = 0;

    c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return err_set(e, ERR_SYS, "socket: %s", strerror(errno));
    if (connect(c->fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
        why = errno;
    else if (wait_for(c, POLLOUT, e) < 0)
        return -1;
    else if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
        why = errno;
    if (why)
        return err_set(e, ERR_CONNECT, "%s", strerror(why));
    if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
        return err_set(e, ERR_RESOLVE, "an address without a number");
    why = snprintf(c->numeric, sizeof(c->numeric), a->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
                   host, c->port);
    MUST(why > 0);
    return 0;
}

static int dial(struct caller *c, struct err *e)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    int rc = getaddrinfo(c->host, c->port, &want, &all);

    if (rc != 0)
        return err_set(e, ERR_RESOLVE, "%s", gai_strerror(rc));
    rc = -1;
    for (const struct addrinfo *a = all; a && rc < 0; a = a->ai_next) {
        if (c->fd >= 0)
            close(c->fd);
        rc = connect_one(c, a, e);
    }
    freeaddrinfo(all);
    return rc;
}

static int send_all(const struct caller *c, struct span s, struct err *e)
{
    while (s.n) {
        ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            if (wait_for(c, POLLOUT, e) < 0)
                return -1;
            continue;
        }
        if (n < 0 && errno != EINTR)
            return err_set(e, ERR_RESET, "%s", strerror(errno));
        n = MAX(n, 0);
        s = span_of(s.p + n, s.n - (size_t)n);
    }
    return 0;
}

static int receive_all(const struct caller *c, struct buf *in, struct err *e)
{
    for (;;) {
        char piece[16384];
        ssize_t n = recv(c->fd, piece, sizeof(piece), 0);

        if (n == 0)
            return 0;
        if (n > 0)
            buf_add(in, piece, (size_t)n);
        else if (errno == EAGAIN && wait_for(c, POLLIN, e) < 0)
            return -1;
        else if (errno != EAGAIN && errno != EINTR)
            return err_set(e, ERR_RESET, "%s", strerror(errno));
        if (!buf_ok(in))
            return buf_finish(in, "answer", e);
    }
}

/* ---- the answer ---- */

/* The value of a field of the head, or the absent span. */
static struct span field(struct span head, struct span name)
{
    while (head.n) {
        struct span line = span_cut(&head, '\n'), key = span_cut(&line, ':');

        if (span_has(line) && span_eq_nocase(key, name)) {
            line.n -= line.n && line.p[line.n - 1] == '\r';
            return span_trim(line);
        }
    }
    return span_of(NULL, 0);
}

int admin_read_answer(struct buf *out, uint16_t *ret_status, struct span all, struct err *e)
{
    struct span head, body, version = SPAN_LIT("HTTP/1.");
    const char *end = all.n ? memmem(all.p, all.n, "\r\n\r\n", 4) : NULL;
    uint64_t status, length;

    if (!end || all.n < STATUS_AT + 3 || !span_starts(all, version) ||
        span_u64(span_of(all.p + STATUS_AT, 3), &status) < 0)
        return err_set(e, ERR_PROTOCOL, "what answers there is no admin port");
    head = span_of(all.p, (size_t)(end - all.p));
    body = span_of(end + 4, all.n - head.n - 4);
    if (span_u64(field(head, SPAN_LIT("content-length")), &length) < 0)
        return err_set(e, ERR_PROTOCOL, "what answers there is no admin port: no content-length");
    if (length != body.n)
        return err_set(e, ERR_RESET, "the answer was cut");
    buf_add_span(out, body);
    *ret_status = (uint16_t)status;
    return buf_finish(out, "answer", e);
}

int admin_call(struct buf *out, uint16_t *ret_status, const char *url, const char *method,
               const char *path, struct span body, uint32_t timeout_ms, struct err *e)
{
    struct caller c = {.fd = -1, .until_ms = now_ms() + timeout_ms};
    struct buf text;
    int rc = -1;

    buf_init(&text, ADMIN_BYTES_MAX);
    if (split_url(&c, url, e) < 0 || dial(&c, e) < 0)
        goto out;
    buf_printf(&text,
               "%s %s HTTP/1.1\r\nhost: %s\r\nconnection: close\r\nx-lamplighter-admin: 1\r\n"
               "content-length: %zu\r\n\r\n",
               method, path, c.numeric, body.n);
    if (buf_finish(&text, "request", e) < 0 || send_all(&c, buf_span(&text), e) < 0 ||
        send_all(&c, body, e) < 0)
        goto out;
    buf_reset(&text);
    if (receive_all(&c, &text, e) < 0)
        goto out;
    rc = admin_read_answer(out, ret_status, buf_span(&text), e);
out:
    buf_fini(&text);
    if (c.fd >= 0)
        close(c.fd);
    return rc;
}
