/*
 * err.h - why something failed: a code for programs, a text for people.
 *
 * Every fallible function takes `struct err *e` as its last parameter, never NULL, returns 0 or
 * -1, and sets *e only when it fails. The text says what, where and, if it can, the cure; it
 * never holds a secret. Library rooms return errors and do not log them.
 *
 * Room: base. Threads: any.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/base.h"

#define ERR_CODES(X)                                                                               \
    X(NONE, "none")                                                                                \
    X(NOMEM, "no-memory")   /* an allocation failed, or a budget of bytes is used up */            \
    X(LIMIT, "limit")       /* a configured or built-in bound was passed */                        \
    X(PARSE, "parse")       /* bytes that do not follow their grammar */                           \
    X(CONFIG, "config")     /* the configuration or the command line is wrong */                   \
    X(SYS, "system")        /* a system call failed; the text has strerror */                      \
    X(RESOLVE, "resolve")   /* a name has no usable address */                                     \
    X(CONNECT, "connect")   /* no connection was made: nothing was executed upstream */            \
    X(TLS, "tls")           /* a handshake or a certificate failed */                              \
    X(RESET, "reset")       /* the peer broke an established connection */                         \
    X(TIMEOUT, "timeout")   /* a phase took longer than it may */                                  \
    X(PROTOCOL, "protocol") /* the peer speaks, but not what it must */                            \
    X(CANCELED, "canceled") /* our own side gave up */                                             \
    X(STORE, "store")       /* a database or file could not be used */                             \
    X(BUG, "bug")           /* ours */

enum err_code {
#define X(name, text) ERR_##name,
    ERR_CODES(X)
#undef X
};

struct err {
    enum err_code code;
    uint8_t place_n; /* so many bytes of the text name a place in what was read; 0: none */
    char text[247];
};

/* Set *e; a text that is too long is cut at a byte. Always returns -1, so that a caller can
 * write `return err_set(...)`. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put "what: " in front of the text, as errors travel up. Returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The word of a code ("no-memory"), for logs and metrics. */
const char *err_code_name(enum err_code code);

#endif
