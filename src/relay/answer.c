/*
 * answer.c - what is written toward the client: heads, events, errors in its own dialect.
 */
#include "codec/json_write.h"
#include "relay/headers.h"
#include "relay/relay_plan.h"

#define OWN_FIELDS 15

/* Longer waits the SDKs take no notice of (Anthropic's), and ask again at once. */
#define RETRY_MOST_MS UINT64_C(60000)
#define ERROR_MAX     ((size_t)64 * 1024)

static void add(struct http_field *fields, size_t *n, const char *name, struct span value)
{
    if (value.n)
        fields[(*n)++] = (struct http_field){span_str(name), value};
}

/* The fields that every answer carries. SDKs show the request id under their own name for it. */
static void add_identity(const struct relay *r, struct http_field *fields, size_t *n,
                         char attempts[SPAN_U64])
{
    struct span id = span_str(r->record.id);
    bool anthropic =
        r->dialect == &dialect_anthropic_messages || r->dialect == &dialect_anthropic_count;

    add(fields, n, "x-lamplighter-request-id", id);
    add(fields, n, anthropic ? "request-id" : "x-request-id", id);
    add(fields, n, "x-lamplighter-target", span_str(r->record.target));
    if (r->record.attempts)
        add(fields, n, "x-lamplighter-attempts", span_of_u64(r->record.attempts, attempts));
    if (r->last)
        add(fields, n, "x-lamplighter-fallback-reason", span_str(relay_why(&r->last->no)));
    if (r->is_static || (r->at->target && r->at->target->degraded))
        add(fields, n, "x-lamplighter-degraded",
            r->is_static ? SPAN_LIT("static") : SPAN_LIT("target"));
    add(fields, n, "x-lamplighter-dropped", r->at->dropped);
    add(fields, n, "x-lamplighter-approximated", r->at->approximated);
}

int relay_send(struct relay *r, struct span bytes, struct err *e)
{
    r->backlog += bytes.n;
    r->record.bytes_out += bytes.n;
    return http_send_body(r->client, bytes.p, bytes.n, e);
}

static int send_end(struct relay *r, struct err *e)
{
    r->end_sent = true;
    return http_send_end(r->client, e);
}

int relay_send_whole(struct relay *r, uint16_t status, struct span type, struct span body,
                     const struct relay_retry *retry, struct err *e)
{
    struct http_field fields[OWN_FIELDS];
    struct http_head h = {.status = status, .fields = fields};
    bool bodyless = span_is(r->head->method, "HEAD");
    char attempts[SPAN_U64], seconds[SPAN_U64], ms[SPAN_U64];

    add(fields, &h.fields_n, "content-type", type);
    add_identity(r, fields, &h.fields_n, attempts);
    if (status >= 400) {
        bool soon = retry->ms <= RETRY_MOST_MS;

        add(fields, &h.fields_n, "x-should-retry",
            span_str(retry->makes_sense && soon ? "true" : "false"));
        add(fields, &h.fields_n, "x-lamplighter-reason", span_str(reason_word(r->record.reason)));
        if (span_has(retry->after))
            add(fields, &h.fields_n, "retry-after", retry->after);
        else if (retry->ms)
            add(fields, &h.fields_n, "retry-after", span_of_u64((retry->ms + 999) / 1000, seconds));
        if (retry->ms)
            add(fields, &h.fields_n, "retry-after-ms", span_of_u64(retry->ms, ms));
    }
    h.body_len = bodyless ? 0 : body.n;
    r->record.status = status;
    if (http_send_head(r->client, &h, e) < 0)
        return -1;
    r->head_sent = true;
    if (!bodyless && relay_send(r, body, e) < 0)
        return -1;
    return send_end(r, e);
}

static void fill_error(const struct relay *r, const struct relay_refusal *no,
                       struct dialect_error *ret)
{
    *ret = (struct dialect_error){
        .status = no->status,
        .reason = reason_word(no->reason),
        .message = span_str(no->text),
        .hint = relay_would_spill(r, no->class_id) ? r->stopped : span_str(no->hint),
        .param = no->param,
        .request_id = span_str(r->record.id),
        .upstream_status = no->upstream_status,
        .sequence = r->broke ? r->at->follow->stand.sequence : r->sequence,
    };
    if (r->broke && no == &r->broke->no)
        ret->target = r->broke->target->id;
    else if (r->record.target[0])
        ret->target = span_str(r->record.target);
    if (no->upstream_type && no->upstream_type[0])
        ret->upstream_type = span_str(no->upstream_type);
}

/* When the first of all targets may be asked again, if none may now: who failed last knows of
 * itself alone. */
static void hasten(const struct relay *r, const struct relay_refusal *no, struct relay_retry *retry)
{
    ev_us now = ev_now(r->env->ev), at = policy_reopens_us(&r->run, now);
    uint64_t ms = at > now ? (at - now + 999) / 1000 : 0;

    if (!class_row(no->class_id)->elsewhere || ms == 0 || (retry->ms && retry->ms <= ms))
        return;
    retry->after = span_of(NULL, 0);
    retry->ms = ms;
}

int relay_send_refusal(struct relay *r, const struct relay_refusal *no, struct err *e)
{
    struct relay_retry retry = {class_row(no->class_id)->client_retry, no->retry_after,
                                no->retry_ms};
    struct dialect_error de;
    uint64_t own_s;
    struct buf b;
    int rc = -1;

    if (r->run.n)
        hasten(r, no, &retry);
    if (span_u64(span_str(reason_retry_after(no->reason)), &own_s) == 0)
        retry = (struct relay_retry){.makes_sense = true, .ms = 1000 * own_s};
    fill_error(r, no, &de);
    buf_init(&b, ERROR_MAX);
    r->dialect->write_error(&b, &de);
    if (buf_finish(&b, "error answer", e) == 0)
        rc = relay_send_whole(r, no->status, SPAN_LIT("application/json"), buf_span(&b), &retry, e);
    buf_fini(&b);
    return rc;
}

int relay_send_error_event(struct relay *r, const struct relay_refusal *no, bool boundary,
                           struct err *e)
{
    struct dialect_error de;
    struct buf b;
    int rc = -1;

    fill_error(r, no, &de);
    buf_init(&b, ERROR_MAX);
    if (!boundary)
        buf_add_str(&b, "\n\n"); /* end the event that is half sent; its reader will refuse it */
    r->dialect->write_error_event(&b, &de);
    if (buf_finish(&b, "error event", e) == 0)
        rc = relay_send(r, buf_span(&b), e);
    buf_fini(&b);
    return rc;
}

/* The answer begins: its first bytes are on their way. What came in this turn let it begin, so what
 * the turn has taken is ours, and so is what the attempt says. */
static void note_overhead(struct relay *r)
{
    struct ev *ev = r->env->ev;

    r->record.overhead_us = call_times(r->at->call)->own + ev_clock(ev) - ev_now(ev);
}

void relay_set_type(struct relay *r, struct span type)
{
    struct http_head *h = &r->at->answer_head;

    for (size_t i = 0; i < h->fields_n; i++)
        if (span_eq_nocase(h->fields[i].name, SPAN_LIT("content-type")))
            ((struct http_field *)(uintptr_t)h->fields)[i].value = type;
}

int relay_send_head(struct relay *r, uint64_t body_len, struct err *e)
{
    const struct http_head *up = &r->at->answer_head;
    struct http_field *fields;
    struct http_head h = {.status = up->status, .body_len = body_len};
    char attempts[SPAN_U64];

    fields = arena_alloc(&r->arena, (up->fields_n + OWN_FIELDS) * sizeof(*fields));
    if (!fields)
        return err_set(e, ERR_NOMEM, "no memory for an answer");
    memcpy(fields, up->fields, up->fields_n * sizeof(*fields));
    h.fields = fields;
    h.fields_n = up->fields_n;
    add_identity(r, fields, &h.fields_n, attempts);
    if (!r->op->routed) /* one target, no failover, nothing read: the client shall know */
        add(fields, &h.fields_n, "x-lamplighter-passthrough", SPAN_LIT("1"));
    if (r->at->events) { /* proxies in between shall neither collect nor compress events */
        add(fields, &h.fields_n, "cache-control", SPAN_LIT("no-cache, no-transform"));
        add(fields, &h.fields_n, "x-accel-buffering", SPAN_LIT("no"));
    }
    if (r->at->call && call_answer(r->at->call)->model_n)
        add(fields, &h.fields_n, "x-lamplighter-model",
            span_of(call_answer(r->at->call)->model, call_answer(r->at->call)->model_n));
    r->record.status = h.status;
    if (http_send_head(r->client, &h, e) < 0)
        return -1;
    r->head_sent = true;
    r->streams = r->at->events;
    note_overhead(r);
    return 0;
}

#define EVENT_PATCHES 2
#define EVENT_PIECES  (2 * EVENT_PATCHES + 1)

/* What is not to reach the client as it came: the model's name where the client calls it otherwise,
 * and the "usage": null that nobody but us asked for. Sorted by place. */
static size_t event_patches(const struct relay *r, const struct dialect_event *ev, struct span raw,
                            struct blob_patch patches[EVENT_PATCHES])
{
    struct span null_usage = {NULL, 0};
    size_t n = 0;

    if (r->at->rename && ev->model_len && ev->model_at + ev->model_len <= raw.n)
        n = blob_patch_add(
            patches, n, (struct blob_patch){ev->model_at, ev->model_len, r->at->client_model_json});
    if (r->at->usage_added)
        null_usage = dialect_null_usage(ev, raw);
    if (null_usage.n)
        n = blob_patch_add(
            patches, n,
            (struct blob_patch){(uint64_t)(null_usage.p - raw.p), null_usage.n, {"", 0}});
    return n;
}

/* An event cut at its patches: what is left of it, and what stands in place of the rest. */
static size_t patch_event(const struct relay *r, const struct dialect_event *ev, struct span raw,
                          struct span pieces[EVENT_PIECES])
{
    struct blob_patch patches[EVENT_PATCHES];
    size_t patches_n = event_patches(r, ev, raw, patches), n = 0, at = 0;

    for (size_t i = 0; i < patches_n; i++) {
        pieces[n++] = span_of(raw.p + at, (size_t)patches[i].at - at);
        pieces[n++] = patches[i].with;
        at = (size_t)(patches[i].at + patches[i].len);
    }
    pieces[n++] = span_of(raw.p + at, raw.n - at);
    return n;
}

/* What the client gets of an event of another dialect. */
static int send_translated(struct relay *r, struct span raw, enum call_piece piece, struct err *e)
{
    struct buf out;
    int rc = -1;

    buf_init(&out, 4 * TRANSLATE_EVENT_MAX);
    if (relay_translate_event(r, raw, piece, &out, e) == 0)
        rc = out.n ? relay_send(r, buf_span(&out), e) : 0;
    buf_fini(&out);
    return rc;
}

int relay_send_event(struct relay *r, const struct dialect_event *ev, struct span raw,
                     enum call_piece piece, struct err *e)
{
    struct span pieces[EVENT_PIECES];
    size_t n;

    if (r->at->translate)
        return send_translated(r, raw, piece, e);
    if (piece == CALL_EVENT_MORE || piece == CALL_EVENT_LAST)
        return relay_send(r, raw, e); /* the model's place is one in the first piece */
    n = patch_event(r, ev, raw, pieces);
    for (size_t i = 0; i < n; i++)
        if (pieces[i].n && relay_send(r, pieces[i], e) < 0)
            return -1;
    return 0;
}

int relay_patch_event(const struct relay *r, const struct dialect_event *ev, struct span raw,
                      struct buf *out, struct err *e)
{
    struct span pieces[EVENT_PIECES];
    size_t n = patch_event(r, ev, raw, pieces);

    for (size_t i = 0; i < n; i++)
        buf_add_span(out, pieces[i]);
    return buf_finish(out, "events that are held", e);
}

int relay_hold_event(struct relay *r, const struct dialect_event *ev, struct span raw,
                     struct err *e)
{
    if (r->at->translate)
        return relay_translate_event(r, raw, CALL_EVENT_WHOLE, &r->at->held, e);
    return relay_patch_event(r, ev, raw, &r->at->held, e);
}

/* ---- answers of our own ---- */

int relay_send_root(struct relay *r, struct err *e)
{
    return relay_send_whole(r, 200, SPAN_LIT("application/json"),
                            SPAN_LIT("{\"object\":\"gateway\",\"name\":\"lamplighter\"}\n"), NULL,
                            e);
}
