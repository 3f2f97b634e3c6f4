/*
 * hand_over.c - see hand_over.h.
 *
 * The owner makes the record: it knows what came of the request. Here one is made only where the
 * owner was not reached, or broke off: then nobody else can tell the client.
 */
#include "relay/hand_over.h"

#include "base/secret.h"
#include "relay/relay_impl.h"

#define SECRET_FIELD "x-lamplighter-worker"
#define PEER_FIELD   "x-lamplighter-peer"

/* ---- the worker that the client is connected to ---- */

static void pump_request(struct relay *r)
{
    uint64_t len = blob_len(r->body);
    struct span s;
    struct err e;

    while (r->handed_at < len && r->handed_at - r->handed_sent < HTTP_WINDOW) {
        if (blob_at(r->body, r->handed_at, &s, &e) < 0)
            goto fail;
        s.n = MIN(s.n, HTTP_WINDOW - (size_t)(r->handed_at - r->handed_sent));
        if (http_send_body(r->handed, s.p, s.n, &e) < 0)
            goto fail;
        r->handed_at += s.n;
    }
    if (r->handed_at < len || r->handed_whole)
        return;
    r->handed_whole = true;
    if (http_send_end(r->handed, &e) == 0)
        return;
fail:
    relay_impossible(r, &e);
}

static void on_connected(void *arg, bool pooled)
{
    struct relay *r = arg;

    UNUSED(pooled);
    r->owner_answers = true;
}

static void on_head(void *arg, const struct http_head *h)
{
    struct relay *r = arg;
    struct span type = http_field_get(h, "content-type");
    struct err e;

    if (r->state != RELAY_HANDED) /* it has been refused meanwhile */
        return;
    r->head_sent = true;
    r->streams = span_starts(type, SPAN_LIT("text/event-stream"));
    r->record.status = h->status;
    if (http_send_head(r->client, h, &e) < 0)
        relay_end(r, HTTP_CLOSE_BROKEN);
}

static void on_body(void *arg, const char *p, size_t n)
{
    struct relay *r = arg;
    struct err e;

    if (r->state == RELAY_HANDED && relay_send(r, span_of(p, n), &e) < 0)
        relay_end(r, HTTP_CLOSE_BROKEN);
}

static void on_end(void *arg)
{
    struct relay *r = arg;
    struct err e;

    if (r->state != RELAY_HANDED)
        return;
    r->end_sent = true;
    r->record.outcome = OUTCOME_FULL; /* of the handing over; nobody counts it */
    if (http_send_end(r->client, &e) < 0)
        relay_end(r, HTTP_CLOSE_BROKEN);
    else
        relay_flush(r);
}

static void on_sent(void *arg, size_t n)
{
    struct relay *r = arg;

    r->handed_sent += n;
    if (r->state == RELAY_HANDED)
        pump_request(r);
}

static bool send_on(struct relay *r, enum http_pool_want want, struct err *e);

static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    struct relay *r = arg;
    struct relay_refusal no = {.status = 502, .reason = REASON_CRASHED, .class_id = CLASS_SERVER};
    bool again = !r->head_sent && !r->handed_again &&
                 (how == HTTP_FAIL_NOT_SENT || how == HTTP_FAIL_UNANSWERED);
    struct err other;

    if (r->state != RELAY_HANDED)
        return;
    UNUSED(e);
    if (r->head_sent) { /* what there is to say of it the owner has said */
        relay_end(r, HTTP_CLOSE_BROKEN);
        return;
    }
    http_stream_close(&r->handed, HTTP_CLOSE_BROKEN);
    r->owner_answers = false;
    r->handed_again = true; /* a kept connection may have ended just now; the key is the same */
    if (again && send_on(r, HTTP_POOL_FRESH, &other))
        return;
    no.text = "The worker process that answers requests of this Idempotency-Key is gone.";
    relay_refuse(r, &no);
}

static const struct http_stream_cb handed_cb = {.on_head = on_head,
                                                .on_body = on_body,
                                                .on_end = on_end,
                                                .on_sent = on_sent,
                                                .on_fail = on_fail};

/* false: *e says why it could not even begin. */
static bool send_on(struct relay *r, enum http_pool_want want, struct err *e)
{
    const struct relay_owners *owners = r->env->owners;
    size_t n = r->head->fields_n;
    struct http_field *fields = arena_alloc(&r->arena, (n + 2) * sizeof(*fields));
    struct http_head h = *r->head;

    if (!fields) {
        err_set(e, ERR_NOMEM, "no memory for a request");
        return false;
    }
    if (n)
        memcpy(fields, h.fields, n * sizeof(*fields));
    fields[n] = (struct http_field){SPAN_LIT(SECRET_FIELD), span_str(owners->secret)};
    fields[n + 1] = (struct http_field){SPAN_LIT(PEER_FIELD), span_str(r->record.peer)};
    h.fields = fields;
    h.fields_n = n + 2;
    h.body_len = blob_len(r->body);
    r->handed_at = r->handed_sent = 0;
    r->handed_whole = false;
    if (http_pool_request(owners->pools[r->owner], &r->handed, want, on_connected, r, e) < 0)
        return false;
    http_stream_bind(r->handed, &handed_cb, r);
    if (http_send_head(r->handed, &h, e) < 0) {
        http_stream_close(&r->handed, HTTP_CLOSE_BROKEN);
        return false;
    }
    pump_request(r);
    return true;
}

void relay_hand_over(struct relay *r, uint32_t owner)
{
    struct relay_refusal no = {.status = 503, .reason = REASON_NO_MEMORY};
    struct err e;

    r->state = RELAY_HANDED;
    r->owner = owner;
    if (send_on(r, HTTP_POOL_ANY, &e))
        return;
    no.text = e.text;
    relay_refuse(r, &no);
}

void relay_handed_sent(struct relay *r, size_t n)
{
    if (r->handed)
        http_consumed(r->handed, n);
}

/* ---- the owner ---- */

void relay_on_handed(void *arg, struct http_stream *s, const struct http_head *h,
                     const struct net_addr *peer)
{
    struct relay_env *env = arg;
    struct net_addr client;
    struct err e;

    UNUSED(peer); /* a worker */
    if (!secret_eq(http_field_get(h, SECRET_FIELD), span_str(env->owners->secret)) ||
        net_addr_parse(&client, http_field_get(h, PEER_FIELD), &e) < 0) {
        http_stream_close(&s, HTTP_CLOSE_BROKEN);
        return;
    }
    relay_on_request(env, s, h, &client);
}
