/*
 * call.h - one attempt at one target: send the request, read the answer, say what it was.
 *
 * A request that meets the end of a kept connection is sent once more, on a new one, and nobody but
 * call_resent() tells: docs/decisions/0005-kept-connections.md.
 *
 * An attempt ends in exactly one of on_done (the answer is whole, by the provider's own word) and
 * on_fail (with its class). It never decides what comes next: whether to try elsewhere is the
 * relay's to ask and policy's to say.
 *
 * Room: call (uses base ev codec chat dialect provider http settings). Threads: one loop.
 */
#ifndef CALL_CALL_H
#define CALL_CALL_H

#include "base/blob.h"
#include "base/mem.h"
#include "base/reason.h"
#include "ev/ev.h"
#include "http/client.h"
#include "provider/limits.h"
#include "provider/sigv4.h"
#include "settings/settings.h"

#define CALL_EVENT_MAX ((size_t)16 * 1024) /* longer events are handed on in parts */
#define CALL_ERROR_MAX ((size_t)64 * 1024) /* most of an error body that is read */
#define CALL_RESEND_MS 1000 /* a kept connection that ends later has had the request */
#define CALL_AFTER_MS  2000 /* what may still come once the answer is complete: usage, [DONE] */

/* A piece of an event and what HTTP/2 has not told of its credit are in an answer's window, and it
 * must not be full of them. */
_Static_assert(HTTP_ANSWER_WINDOW > CALL_EVENT_MAX + HTTP_CREDIT, "streams would stand still");

/* Everything is borrowed and must outlive the call. */
struct call_conf {
    struct ev *ev;
    struct mem_spares *spares; /* memory of calls that have ended */
    struct http_pool *pool;
    const struct settings_provider *provider;
    const struct settings_url *url;
    enum provider_op op;     /* what is asked for */
    enum provider_auth auth; /* how the credential is sent ... */
    struct span key;         /* ... which is this; absent: none. AUTH_AWS: a session's token,
                              * if it has one */
    struct sigv4_key aws;    /* AUTH_AWS: what the request is signed with */
    struct span method;      /* "POST" */
    struct span path;        /* whole, with its query */
    const struct http_field *fields; /* the client's, already filtered */
    size_t fields_n;
    struct blob *body; /* NULL: no body */
    const struct blob_patch *patches;
    size_t patches_n;
    const struct dialect_ready *dialect; /* NULL: pass through, nothing is read */
    bool stream;                         /* the client asked for events */
    uint32_t choices;
    struct settings_timeouts timeout;
};

struct call_failure {
    enum class_id class_id;
    enum reason reason;
    uint16_t status; /* of the upstream's answer, 0: none came */
    char type[64];   /* the provider's word for it, "" unknown */
    char text[248];  /* one sentence, no secrets */
    /* Of an error answer, our key starred; absent if there is none, or it broke off, or it is
     * CALL_ERROR_MAX bytes or more (callback only). */
    struct span body;
    struct span content_type;
    struct span retry_after;       /* the upstream's retry-after, absent if none */
    bool asks;                     /* it asks to be left alone ... */
    uint64_t delay_us;             /* ... for so long (provider/delay.h) */
    bool too_fast;                 /* it asks for a slower rise of the rate */
    struct provider_limits limits; /* what its head says of them */
};

/* Events over CALL_EVENT_MAX come in pieces. Only the last piece carries the event's meaning, only
 * the first one the model's place. */
enum call_piece { CALL_EVENT_WHOLE, CALL_EVENT_FIRST, CALL_EVENT_MORE, CALL_EVENT_LAST };

struct call_cb {
    /* From here until it is called with false, this process works on the attempt, and on nothing
     * else. NULL is fine. */
    void (*on_work)(void *arg, bool works);
    /* A 2xx head came. events: what follows are on_event calls, server-sent events whatever framing
     * the head says that they came in; else on_body ones. */
    void (*on_head)(void *arg, const struct http_head *h, bool events);
    /* One event, or a piece of it, as it came; the blank line behind it included. */
    void (*on_event)(void *arg, const struct dialect_event *ev, struct span raw,
                     enum call_piece piece);
    /* Bytes of a whole answer (not yet known to be good) or of one passed through. */
    void (*on_body)(void *arg, struct span bytes);
    void (*on_done)(void *arg);
    void (*on_fail)(void *arg, const struct call_failure *f);
};

/* What an attempt's clock says; 0: not yet. */
struct call_times {
    ev_us began;
    ev_us asked; /* the connection was there: from here on the answer is waited for */
    ev_us first; /* the first event of a stream that is no comment and no ping */
    ev_us ended;
    ev_us own; /* what the gateway took until the request's head was handed to a connection: from
                * the turn in which the attempt began, and, if it had to connect, from the turn in
                * which the connection was there */
};

struct call;

/* Begin. No callback comes before the next turn of the loop. */
MUST_CHECK int call_start(struct call **ret, const struct call_conf *conf, const struct call_cb *cb,
                          void *arg, struct err *e);

/* All that was delivered so far has left toward the client: go on reading. Until then the target
 * is held back, and its silence is not counted as a stall. */
void call_resume(struct call *c);

/* What has been read of the answer so far. */
const struct dialect_answer *call_answer(const struct call *c);

const struct call_times *call_times(const struct call *c);

/* Is the answer's stream between two events, as far as they were handed on? */
bool call_at_boundary(const struct call *c);

/* Do the events come in another framing than they are handed on in? */
bool call_reframed(const struct call *c);

/* Was the request sent a second time? */
bool call_resent(const struct call *c);

/* Has all of the request's body been handed to the connection? Then it is not looked at again. */
bool call_request_sent(const struct call *c);

/* End it; an unfinished attempt is cancelled at the target. *c becomes NULL; NULL is fine. */
void call_free(struct call **c);

#endif
