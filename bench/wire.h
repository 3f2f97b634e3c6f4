/*
 * wire.h - a connection of the bench's programs, in clear text or over TLS.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire {
    SSL *ssl; /* NULL: clear text */
    int fd;   /* -1: not connected */
};

/* All or nothing; false: errno need not say why. */
static inline bool wire_put(const struct wire *w, const char *p, size_t n)
{
    if (w->ssl)
        return SSL_write(w->ssl, p, (int)n) == (int)n;
    return send(w->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
}

/* As recv() without waiting: 0 at the end, -1 with errno. */
static inline ssize_t wire_get(const struct wire *w, char *p, size_t n)
{
    int rc;

    if (!w->ssl)
        return recv(w->fd, p, n, MSG_DONTWAIT);
    ERR_clear_error(); /* what another connection left would be taken for ours */
    rc = SSL_read(w->ssl, p, (int)n);
    if (rc > 0)
        return rc;
    switch (SSL_get_error(w->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        errno = EIO;
        return -1;
    }
}

/* Bytes wait that no poll tells of. */
static inline bool wire_pending(const struct wire *w)
{
    return w->ssl && SSL_pending(w->ssl) > 0;
}

static inline void wire_close(struct wire *w)
{
    SSL_free(w->ssl);
    w->ssl = NULL;
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

#endif
