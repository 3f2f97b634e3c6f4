/*
 * admin_call.h - one request to the admin port of a running gateway, waited for.
 *
 * A client of its own and not the loop's: a command asks once, has nothing else to do, and must
 * work whatever state the gateway's own code is in.
 *
 * Room: cmd. Blocks, for a bounded time.
 */
#ifndef CMD_ADMIN_CALL_H
#define CMD_ADMIN_CALL_H

#include "base/buf.h"

#define ADMIN_DEFAULT   "http://127.0.0.1:8081"
#define ADMIN_BYTES_MAX ((size_t)16 * 1024 * 1024) /* of an answer, head included */

/* Send "METHOD path" with this body to the gateway at url ("http://HOST[:PORT]") and append the
 * answer's body to out. The Host that is sent is the address connected to, never a name. On failure
 * e->code is ERR_CONFIG: the url is wrong; ERR_CONNECT, ERR_RESOLVE, ERR_TIMEOUT, ERR_RESET: nobody
 * answers there; else what answers is no gateway. */
MUST_CHECK int admin_call(struct buf *out, uint16_t *ret_status, const char *url,
                          const char *method, const char *path, struct span body,
                          uint32_t timeout_ms, struct err *e);

/* Append the body of an answer that has come whole, from its first byte to its last. */
MUST_CHECK int admin_read_answer(struct buf *out, uint16_t *ret_status, struct span all,
                                 struct err *e);

#endif
