/*
 * log.c - see log.h.
 *
 * Why a line cannot exceed its maximum: all texts of a record together have less than 1300 bytes,
 * and no byte becomes more than six when it is escaped.
 */
#include "record/log.h"

#define DAY_MS      UINT64_C(86400000)
#define WALL_MAX_MS UINT64_C(253402300799999) /* the end of the year 9999 */

/* Days since 1970-01-01 to year, month and day: years begin in March, so that the leap day is the
 * last of a year, and 400 years are one turn of 146097 days. */
static void civil(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint64_t z = days + 719468, era = z / 146097, of_era = z % 146097;
    uint64_t of_year, y, m;

    y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * y + y / 4 - y / 100);
    m = (5 * of_year + 2) / 153;
    *day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = (unsigned)(y + era * 400 + (*month <= 2));
}

/* v as n digits; returns the place behind them. */
static char *digits(char *to, unsigned v, size_t n)
{
    for (size_t i = n; i > 0; i--, v /= 10)
        to[i - 1] = (char)('0' + v % 10);
    return to + n;
}

/* 2026-01-31T23:59:59.999Z; by hand, for printf costs as much as the rest of a line. */
const char *record_time_text(uint64_t wall_ms, char out[RECORD_TIME_TEXT])
{
    static const char marks[] = "--T::.";
    unsigned year, month, day, ms;
    char *to = out;

    wall_ms = MIN(wall_ms, WALL_MAX_MS);
    civil(wall_ms / DAY_MS, &year, &month, &day);
    ms = (unsigned)(wall_ms % DAY_MS);
    to = digits(to, year, 4);
    for (size_t i = 0; i < sizeof(marks) - 1; i++) {
        const unsigned parts[] = {month,          day,      ms / 3600000, ms / 60000 % 60,
                                  ms / 1000 % 60, ms % 1000};

        *to++ = marks[i];
        to = digits(to, parts[i], marks[i] == '.' ? 3 : 2);
    }
    memcpy(to, "Z", 2);
    MUST(to + 2 <= out + RECORD_TIME_TEXT);
    return out;
}

/* A text that is not there is left out: lines stay short. */
static void text(struct json_write *w, const char *key, struct span s)
{
    if (s.n)
        json_kv_string(w, key, s);
}

/* By hand: the shortest text of a double costs more than the rest of the line. */
static void milliseconds(struct json_write *w, const char *key, uint64_t us)
{
    char frac[4] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
                    (char)('0' + us % 10)};

    json_kv_uint(w, key, us / 1000);
    if (us % 1000)
        buf_add(w->out, frac, sizeof(frac));
}

/* The sums and what was cached always, the rarer parts where there are any. */
static void tokens(struct json_write *w, const struct dialect_usage *u)
{
    const struct {
        const char *key;
        uint64_t n;
    } parts[] = {
        {"tokens_cache_write", u->cache_write},   {"tokens_cache_write_1h", u->cache_write_1h},
        {"tokens_reasoning", u->reasoning},       {"tokens_audio_in", u->audio_in},
        {"tokens_audio_cached", u->audio_cached}, {"tokens_audio_out", u->audio_out},
    };

    json_kv_uint(w, "tokens_in", u->input);
    json_kv_uint(w, "tokens_out", u->output);
    json_kv_uint(w, "tokens_cached", u->cache_read);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].n)
            json_kv_uint(w, parts[i].key, parts[i].n);
}

/* Dollars as an exact decimal number. What is not known is null, never 0, and why. */
static void attempt_cost(struct json_write *w, const struct record *r)
{
    bool known = price_is_known(r->pricing);
    char text[PRICE_TEXT];

    if (r->pricing == PRICING_NOTHING)
        return;
    json_key(w, "cost");
    json_raw(w, known ? span_str(price_text(r->cost, text)) : SPAN_LIT("null"));
    if (r->pricing != PRICING_KNOWN)
        json_kv_cstring(w, "unpriced", price_word(r->pricing));
}

static void cost(struct json_write *w, const struct record *r)
{
    char text[PRICE_TEXT];

    if (r->pricing != PRICING_NOTHING && r->cost_before) {
        json_key(w, "cost_before");
        json_raw(w, span_str(price_text(r->cost_before, text)));
    }
    attempt_cost(w, r);
}

static void times(struct json_write *w, const struct record *r)
{
    milliseconds(w, "duration_ms", r->duration_us);
    if (r->first_us)
        milliseconds(w, "first_ms", r->first_us);
    if (r->attempts)
        milliseconds(w, "attempt_ms", r->attempt_us);
    if (r->attempt_first_us)
        milliseconds(w, "attempt_first_ms", r->attempt_first_us);
    if (r->overhead_us)
        milliseconds(w, "overhead_ms", r->overhead_us);
}

static void how(struct json_write *w, const struct record *r)
{
    if (r->reason != REASON_NONE)
        json_kv_cstring(w, "reason", reason_word(r->reason));
    if (r->class_id != CLASS_NONE && r->class_id < CLASSES)
        json_kv_cstring(w, "class", class_row(r->class_id)->name);
}

static void what_came(struct json_write *w, const struct record *r)
{
    json_kv_cstring(w, "outcome", record_outcome_name(r->outcome));
    how(w, r);
    json_kv_uint(w, "status", r->status);
    if (r->upstream_status)
        json_kv_uint(w, "upstream_status", r->upstream_status);
    json_kv_uint(w, "attempts", r->attempts);
    text(w, "tried", RECORD_TEXT(r->tried));
    text(w, "skipped", RECORD_TEXT(r->skipped));
    if (r->resent)
        json_kv_bool(w, "resent", true);
    if (r->client_retry)
        json_kv_uint(w, "client_retry", r->client_retry);
    text(w, "repeats", RECORD_TEXT(r->repeats));
    text(w, "trial", span_str(record_trial_word(r->trial)));
    text(w, "hedge", span_str(record_hedge_word(r->hedge)));
    json_kv_bool(w, "stream", r->stream);
    times(w, r);
    json_kv_uint(w, "bytes_in", r->bytes_in);
    json_kv_uint(w, "bytes_out", r->bytes_out);
    if (r->usage.seen)
        tokens(w, &r->usage);
    cost(w, r);
}

static void whom_it_asked(struct json_write *w, const struct record *r)
{
    text(w, "target", RECORD_TEXT(r->target));
    text(w, "provider", RECORD_TEXT(r->provider));
    text(w, "server", RECORD_TEXT(r->server));
    text(w, "upstream_model", RECORD_TEXT(r->upstream_model));
    text(w, "dropped", RECORD_TEXT(r->dropped));
    text(w, "approximated", RECORD_TEXT(r->approximated));
}

void record_write(struct json_write *w, const struct record *r)
{
    char when[RECORD_TIME_TEXT];

    json_kv_cstring(w, "time", record_time_text(r->wall_ms, when));
    text(w, "id", RECORD_TEXT(r->id));
    json_kv_cstring(w, "op", r->op < OPS ? provider_op_row(r->op)->name : "unknown");
    text(w, "model", RECORD_TEXT(r->model));
    whom_it_asked(w, r);
    what_came(w, r);
    text(w, "key", RECORD_TEXT(r->key));
    text(w, "peer", RECORD_TEXT(r->peer));
    text(w, "text", RECORD_TEXT(r->text));
}

void record_write_attempt(struct json_write *w, const struct record *r)
{
    milliseconds(w, "at_ms", r->attempt_at_us);
    whom_it_asked(w, r);
    how(w, r);
    if (r->upstream_status)
        json_kv_uint(w, "status", r->upstream_status);
    milliseconds(w, "duration_ms", r->attempt_us);
    if (r->attempt_first_us)
        milliseconds(w, "first_ms", r->attempt_first_us);
    if (r->resent)
        json_kv_bool(w, "resent", true);
    if (r->beside)
        json_kv_bool(w, "beside", true);
    if (r->last_resort)
        json_kv_bool(w, "last_resort", true);
    if (r->usage.seen)
        tokens(w, &r->usage);
    attempt_cost(w, r);
    if (r->reason != REASON_NONE)
        text(w, "text", RECORD_TEXT(r->text));
}

void record_log_line(struct buf *out, const struct record *r)
{
    struct json_write w;
    size_t begin;

    if (!buf_reserve(out, RECORD_LINE_MAX))
        return;
    begin = out->n;
    json_write_init(&w, out);
    json_begin_object(&w);
    record_write(&w, r);
    json_end_object(&w);
    buf_add_char(out, '\n');
    MUST(out->n - begin <= RECORD_LINE_MAX);
}
