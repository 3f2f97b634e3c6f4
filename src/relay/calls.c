/*
 * calls.c - calls of the client's tools are told when they are whole, where another target could
 * take the answer over: nobody goes on with half a call.
 *
 *     a call begins, or the text ends      --> it is held, and what comes behind it
 *     the answer is finished, or says more --> all of it is told, in its order
 *     RELAY_CALLS bytes, RELAY_CALLS_MS    --> likewise, as far as it came
 *     the target breaks off                --> it is dropped, as if the target had not said it
 *
 * Several calls in a row are held together: the client gets all of them, or another answer. The end
 * of a text is held because a call may be right behind it, and behind an end that was told nobody
 * could go on; what follows it comes at once. Behind a call that has been told nobody goes on.
 *
 * What is held are the target's events, not what the client's dialect makes of them: its writer,
 * and who follows the answer, know of nothing that was not told.
 */
#include "relay/relay_impl.h"

static bool begins(const struct relay *r, const struct dialect_event *ev)
{
    if (!r->follow || r->follow->closed)
        return false;
    return ev->call || (ev->ends && relay_can_join(r));
}

/* Is it clear what the answer is, with this event? */
static bool is_over(const struct relay *r, const struct dialect_event *ev)
{
    return ev->kind == EVENT_CONTENT || ev->kind == EVENT_FINISH || ev->kind == EVENT_TERMINAL ||
           call_answer(r->call)->finished > 0;
}

bool relay_holds(const struct relay *r, const struct dialect_event *ev, struct span raw,
                 enum call_piece piece)
{
    size_t n = r->calls.held.n + sizeof(uint32_t) + raw.n;

    return piece == CALL_EVENT_WHOLE && !is_over(r, ev) && n <= RELAY_CALLS &&
           (r->calls.held.n || begins(r, ev));
}

static int begin(struct relay *r, const struct dialect_event *ev, struct err *e)
{
    r->calls.any = false;
    r->calls.sequence = ev->next ? ev->next - 1 : call_answer(r->call)->sequence;
    return ev_timer_set(&r->calls.timer, EV_MS(RELAY_CALLS_MS), e);
}

int relay_hold_call(struct relay *r, const struct dialect_event *ev, struct span raw, struct err *e)
{
    struct buf *held = &r->calls.held;
    size_t at = held->n;
    uint32_t n = 0;

    if (at == 0 && begin(r, ev, e) < 0)
        return -1;
    r->calls.any |= ev->call;
    buf_add(held, (const char *)&n, sizeof(n));
    if (r->translate)
        buf_add_span(held, raw);
    else if (relay_patch_event(r, ev, raw, held, e) < 0)
        return -1;
    if (buf_finish(held, "calls that are held", e) < 0)
        return -1;
    n = (uint32_t)(held->n - at - sizeof(n));
    memcpy(held->p + at, &n, sizeof(n));
    return 0;
}

/* One event of them, patched where it is not translated. */
static int tell_one(struct relay *r, struct span raw, struct err *e)
{
    const struct dialect_event none = {.kind = EVENT_OPAQUE};

    relay_follow_event(r, raw, CALL_EVENT_WHOLE);
    return r->translate ? relay_send_event(r, &none, raw, CALL_EVENT_WHOLE, e)
                        : relay_send(r, raw, e);
}

int relay_tell_calls(struct relay *r, struct err *e)
{
    struct buf held = r->calls.held;
    int rc = 0;

    if (held.n == 0)
        return 0;
    buf_init(&r->calls.held, 2 * RELAY_CALLS); /* patched they may be longer */
    ev_timer_stop(&r->calls.timer);
    if (r->state == RELAY_TRYING)
        rc = relay_open(r, e);
    for (size_t at = 0; rc == 0 && at < held.n;) {
        uint32_t n;

        memcpy(&n, held.p + at, sizeof(n));
        at += sizeof(n);
        rc = tell_one(r, span_of(held.p + at, n), e);
        at += n;
    }
    if (rc == 0 && r->calls.any) {
        if (r->follow)
            follow_close(r->follow);
        relay_note_told(r);
    }
    buf_fini(&held);
    return rc;
}

void relay_drop_calls(struct relay *r)
{
    ev_timer_stop(&r->calls.timer);
    buf_reset(&r->calls.held);
}

void relay_on_calls(struct ev_timer *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, calls.timer);
    struct err e;

    relay_on_work(r, true);
    if (relay_tell_calls(r, &e) < 0)
        relay_impossible(r, &e);
    relay_on_work(r, false);
}
