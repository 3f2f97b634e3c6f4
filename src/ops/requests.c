/*
 * requests.c - see requests.h.
 *
 * A timeline is made from what the records of a request say one after the other: who was skipped
 * before an attempt, the attempt, who was skipped behind it, the end.
 */
#include "ops/requests.h"

#include "codec/json_write.h"
#include "codec/percent.h"
#include "record/log.h"

/* ---- the query ---- */

/* The decoded value, as much of it as records keep. */
static void decode(char ret[64], struct span s)
{
    size_t n = 0;

    while (s.n && n < 63) {
        size_t took = percent_take(s, &ret[n++]);

        s = span_of(s.p + took, s.n - took);
    }
    ret[n] = '\0';
}

int requests_read_query(struct requests_query *ret, struct span query, struct err *e)
{
    struct requests_query q = {.n = REQUESTS_DEFAULT};

    while (span_has(query)) {
        struct span value = span_cut(&query, '&'), name = span_cut(&value, '=');

        if (span_is(name, "model"))
            decode(q.model, value);
        else if (span_is(name, "failed"))
            q.failed = span_is(value, "1");
        else if (!span_is(name, "n") || span_u64(value, &q.n) < 0 || q.n < 1 || q.n > REQUESTS_MOST)
            return err_set(e, ERR_CONFIG,
                           "The query takes n (1 to 1000), failed=1 and model; not '%.*s'.",
                           (int)MIN(name.n, (size_t)40), name.p ? name.p : "");
    }
    _Static_assert(REQUESTS_MOST == 1000, "as the message says");
    *ret = q;
    return 0;
}

/* ---- the list ---- */

static bool is_wanted(const struct record *r, const struct requests_query *q)
{
    if (r->more || (q->failed && record_is_complete(r->outcome)))
        return false;
    return !q->model[0] || span_is(RECORD_TEXT(r->model), q->model);
}

static void kv_since(struct json_write *w, const struct history_facts *f)
{
    char text[RECORD_TIME_TEXT];

    json_kv_cstring(w, "since", f->oldest_ms ? record_time_text(f->oldest_ms, text) : NULL);
}

void requests_write(struct buf *out, const struct history *h, const struct requests_query *q)
{
    struct history_facts f;
    struct json_write w;
    struct record r;
    history_at at;
    uint64_t n = 0;

    history_facts(h, &f);
    json_write_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "requests");
    json_begin_array(&w);
    for (bool any = history_newest(h, &at); any && n < q->n; any = history_before(h, &at)) {
        history_read(h, at, &r);
        if (!is_wanted(&r, q))
            continue;
        json_begin_object(&w);
        record_write(&w, &r);
        json_end_object(&w);
        n++;
    }
    json_end_array(&w);
    json_kv_uint(&w, "kept", f.requests);
    json_kv_uint(&w, "kept_most", HISTORY_REQUESTS);
    json_kv_uint(&w, "fallen_out", f.fallen);
    json_kv_uint(&w, "missed", f.missed);
    json_kv_uint(&w, "bytes", f.bytes);
    kv_since(&w, &f);
    json_end_object(&w);
    buf_add_char(out, '\n');
}

/* ---- one request ---- */

/* What is said of it so far. */
struct told {
    size_t skipped; /* bytes of record.skipped */
    uint64_t at_us; /* of the latest thing */
    uint16_t most;  /* the highest number of an attempt ... */
    uint16_t apart; /* ... and the one before it that is not told yet: it is still under way; 0:
                     * none is */
};

static void kv_ms(struct json_write *w, const char *key, uint64_t us)
{
    json_key(w, key);
    json_double(w, (double)us / 1000);
}

/* Those of r->skipped up to `end` that are not told yet. */
static void add_skips(struct json_write *w, struct told *t, const struct record *r, size_t end,
                      uint64_t at_us)
{
    struct span text = RECORD_TEXT(r->skipped);
    struct record_skip s;

    end = MIN(end, text.n);
    text = span_of(text.p + MIN(t->skipped, end), end - MIN(t->skipped, end));
    t->skipped = end;
    while (record_next_skip(&text, &s)) {
        json_begin_object(w);
        json_kv_cstring(w, "event", "skip");
        kv_ms(w, "at_ms", at_us);
        json_kv_string(w, "target", s.target);
        if (s.why.n)
            json_kv_string(w, "reason", s.why);
        if (s.detail.n)
            json_kv_string(w, "detail", s.detail);
        json_end_object(w);
    }
}

/* A target was called, or would have been if there had been a credential for it. */
static bool has_attempt(const struct told *t, const struct record *r)
{
    return r->number > t->most || (t->apart && r->number == t->apart) ||
           r->reason == REASON_NO_CREDENTIAL;
}

static void add_attempt(struct json_write *w, struct told *t, const struct record *r)
{
    json_begin_object(w);
    json_kv_cstring(w, "event", "attempt");
    json_kv_uint(w, "number", r->number);
    record_write_attempt(w, r);
    json_end_object(w);
    t->apart = r->number > t->most + 1 ? (uint16_t)(t->most + 1) : 0;
    t->most = MAX(t->most, r->number);
    t->at_us = r->attempt_at_us + r->attempt_us;
}

static void add_end(struct json_write *w, const struct record *r)
{
    json_begin_object(w);
    json_kv_cstring(w, "event", "end");
    kv_ms(w, "at_ms", r->duration_us);
    json_kv_cstring(w, "outcome", record_outcome_name(r->outcome));
    if (r->reason != REASON_NONE)
        json_kv_cstring(w, "reason", reason_word(r->reason));
    json_kv_uint(w, "status", r->status);
    if (r->text[0])
        json_kv_string(w, "text", RECORD_TEXT(r->text));
    json_end_object(w);
}

static void add_record(struct json_write *w, struct told *t, struct record *r)
{
    if (has_attempt(t, r)) {
        /* Of one that a worker died at nobody knows when it began. */
        if (r->attempt_at_us == 0)
            r->attempt_at_us = t->at_us;
        add_skips(w, t, r, r->skipped_before, r->attempt_at_us);
        add_attempt(w, t, r);
    }
    if (r->more)
        return;
    add_skips(w, t, r, sizeof(r->skipped), t->at_us);
    add_end(w, r);
}

bool requests_write_one(struct buf *out, const struct history *h, struct span id)
{
    history_at ats[HISTORY_TRIES];
    struct told told = {0};
    struct json_write w;
    struct record r;
    size_t n = history_find(h, id, ats);
    bool cut;

    if (n == 0)
        return false;
    history_read(h, ats[0], &r);
    cut = r.tried[0] != '\0'; /* one that is not there any more */
    history_read(h, ats[n - 1], &r);
    json_write_init(&w, out);
    json_begin_object(&w);
    record_write(&w, &r);
    json_kv_bool(&w, "ended", !r.more);
    json_kv_bool(&w, "cut", cut);
    json_key(&w, "timeline");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        history_read(h, ats[i], &r);
        add_record(&w, &told, &r);
    }
    json_end_array(&w);
    json_end_object(&w);
    buf_add_char(out, '\n');
    return true;
}

const char *requests_unknown(char ret[REQUESTS_TEXT], const struct history *h, uint64_t began_ms)
{
    char began[RECORD_TIME_TEXT], oldest[RECORD_TIME_TEXT];
    struct history_facts f;

    history_facts(h, &f);
    record_time_text(began_ms, began);
    if (f.requests == 0)
        UNUSED(snprintf(ret, REQUESTS_TEXT,
                        "There is no such request: none has ended since %s, when this began to be "
                        "kept.",
                        began));
    else if (f.fallen == 0)
        UNUSED(snprintf(ret, REQUESTS_TEXT,
                        "There is no such request among the %llu that have ended since %s, when "
                        "this began to be kept. Older ones stand in the access log.",
                        (unsigned long long)f.requests, began));
    else
        UNUSED(snprintf(ret, REQUESTS_TEXT,
                        "There is no such request among the latest %llu, which reach back to %s; "
                        "%llu older ones have made room. They stand in the access log.",
                        (unsigned long long)f.requests, record_time_text(f.oldest_ms, oldest),
                        (unsigned long long)f.fallen));
    return ret;
}
