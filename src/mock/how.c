/*
 * how.c - the keys of a behaviour, one row each, and their parser.
 *
 * A key is a row: its name, where the value goes, how it is written. Adding one is adding a row
 * (and reading the member where it acts); the manual comes from the same rows.
 */
#include "mock/how.h"

#include "mock/text.h"

struct word {
    const char *word, *help;
};

#define X(name, word, help) {word, help},
static const struct word faults[] = {MOCK_FAULTS(X)};
static const struct word ends[] = {MOCK_ENDS(X)};
static const struct word bads[] = {MOCK_BADS(X)};
static const struct word frames[] = {MOCK_FRAMES(X)};
#undef X

/* How a value is written. */
enum kind { NUMBER, SIZE, TIME, FLAG, TEXT, RATE, FAULT, END, BAD, FRAME };

static const struct {
    const char *name, *about;
    const struct word *words;
    size_t n;
} kinds[] = {
    [NUMBER] = {"number", "a number, as 17", NULL, 0},
    [SIZE] = {"size", "bytes, as 100, 64K, 1M, 2G (1024 each)", NULL, 0},
    [TIME] = {"time", "a time, as 250us, 50ms, 3s", NULL, 0},
    [FLAG] = {"0/1", "0 or 1", NULL, 0},
    [TEXT] = {"text", "text with %XX", NULL, 0},
    [RATE] = {"rate", "a rate, as 1B/10ms", NULL, 0},
    [FAULT] = {"fault", "one of the faults", faults, ARRAY_LEN(faults)},
    [END] = {"end", "one of the ends", ends, ARRAY_LEN(ends)},
    [BAD] = {"bad", "one of the damages", bads, ARRAY_LEN(bads)},
    [FRAME] = {"frame", "one of the framings", frames, ARRAY_LEN(frames)},
};

#define AT(member) offsetof(struct mock_how, member), sizeof(((struct mock_how *)NULL)->member)

static const struct row {
    const char *key;
    enum kind kind;
    size_t at, n;
    const char *help;
} rows[] = {
    {"fault", FAULT, AT(fault), "what goes wrong"},
    {"at-byte", SIZE, AT(at_byte), "place of the fault: bytes of the body before it"},
    {"at-event", NUMBER, AT(at_event), "place of the fault: events before it"},
    {"at", NUMBER, AT(at_event), "short for at-event"},
    {"how", END, AT(end), "how a cut ends (default fin)"},
    {"bad", BAD, AT(bad), "what malformed means (default json)"},
    {"size", SIZE, AT(size), "bytes of the huge thing; without such a fault, of the whole text"},
    {"count", NUMBER, AT(count), "how many, for the faults that repeat"},
    {"for", TIME, AT(for_us), "how long, for the faults that wait"},
    {"mid-chunk", FLAG, AT(mid_chunk), "a cut inside an event announces the whole chunk"},
    {"nth", NUMBER, AT(nth), "selector: only the n-th request of this model"},
    {"every", NUMBER, AT(every), "selector: only every n-th"},
    {"first", NUMBER, AT(first), "selector: only the first n"},
    {"after", NUMBER, AT(after), "selector: all but the first n"},
    {"percent", NUMBER, AT(percent), "selector: so many in a hundred, by chance"},
    {"status", NUMBER, AT(status), "an error answer with this status (see the error rows)"},
    {"kind", TEXT, AT(kind), "an error row by its kind"},
    {"provider", TEXT, AT(provider), "whose error row (default by the path)"},
    {"retry-after", TEXT, AT(retry_after), "this retry-after header; none: leave the row's out"},
    {"retry-after-ms", TEXT, AT(retry_after_ms), "this retry-after-ms header, likewise"},
    {"tokens", NUMBER, AT(tokens), "content events, 8 bytes of text each (default 12)"},
    {"event-size", SIZE, AT(event_size), "bytes of text an event instead of 8"},
    {"text", TEXT, AT(text), "this text instead of `w000000 w000001 ...`"},
    {"echo", FLAG, AT(echo), "the text is that of the last user message"},
    {"tool", FLAG, AT(tool), "call the first tool offered (a forced choice is always obeyed)"},
    {"stop", TEXT, AT(stop), "this stop reason, as the dialect spells it"},
    {"choices", NUMBER, AT(choices), "so many choices instead of the request's n"},
    {"stream", FLAG, AT(stream), "stream or not, whatever the request says"},
    {"ttft", TIME, AT(ttft_us), "wait before the first content event"},
    {"gap", TIME, AT(gap_us), "wait before every later one"},
    {"head", TIME, AT(head_us), "wait before the head"},
    {"dribble", RATE, AT(dribble), "send all bytes, the head too, at this rate"},
    {"dribble-body", RATE, AT(dribble_body), "send the body at this rate"},
    {"frame", FRAME, AT(frame), "framing of the body"},
    {"crlf", FLAG, AT(crlf), "SSE lines end in CRLF"},
    {"comments", NUMBER, AT(comments), "so many SSE comments before the first content event"},
    {"ping", FLAG, AT(ping), "the ping event of Anthropic streams (default 1)"},
    {"usage", FLAG, AT(usage), "the usage event of OpenAI streams, whatever the request says"},
    {"done", FLAG, AT(done), "[DONE] at the end of OpenAI streams (default 1)"},
    {"id", TEXT, AT(id), "the answer's id"},
    {"as-model", TEXT, AT(as_model), "the answer's model name instead of the request's"},
    {"type", TEXT, AT(type), "this content-type"},
    {"header", TEXT, AT(header), "one more header, as name: value"},
    {"replay", TEXT, AT(replay), "answer with the recording of this id"},
};

void mock_how_init(struct mock_how *h)
{
    *h = (struct mock_how){0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].n == sizeof(uint64_t))
            memset((char *)h + rows[i].at, 0xff, sizeof(uint64_t)); /* MOCK_UNSET */
    h->fault = MOCK_FAULT_NONE;
    h->end = MOCK_END_FIN;
    h->bad = MOCK_BAD_JSON;
    h->frame = MOCK_FRAME_AUTO;
}

/* A number with one of these units after it. */
struct unit {
    const char *word;
    uint64_t times;
};
static const struct unit no_units[] = {{"", 1}};
static const struct unit sizes[] = {
    {"", 1}, {"B", 1}, {"K", 1024}, {"M", 1024 * 1024}, {"G", 1024 * 1024 * 1024}};
static const struct unit times[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}};

static int quantity(struct span v, const struct unit *units, size_t n, uint64_t *ret)
{
    size_t digits = 0;
    uint64_t number;

    while (digits < v.n && v.p[digits] >= '0' && v.p[digits] <= '9')
        digits++;
    if (span_u64(span_of(v.p, digits), &number) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (span_is(span_of(v.p + digits, v.n - digits), units[i].word))
            return __builtin_mul_overflow(number, units[i].times, ret) || *ret == MOCK_UNSET ? -1
                                                                                             : 0;
    return -1;
}

static int rate(struct span v, struct mock_rate *ret)
{
    struct span rest = v, bytes = span_cut(&rest, '/');
    struct mock_rate r;

    if (!span_has(rest) || quantity(bytes, sizes, ARRAY_LEN(sizes), &r.bytes) < 0 ||
        quantity(rest, times, ARRAY_LEN(times), &r.gap) < 0 || r.bytes == 0)
        return -1;
    *ret = r;
    return 0;
}

static int one_of(struct span v, const struct word *words, size_t n, uint64_t *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (span_is(v, words[i].word)) {
            *ret = i;
            return 0;
        }
    }
    return -1;
}

static int read_value(const struct row *row, struct span v, struct mock_how *h)
{
    void *to = (char *)h + row->at;

    switch (row->kind) {
    case NUMBER:
        return quantity(v, no_units, ARRAY_LEN(no_units), to);
    case SIZE:
        return quantity(v, sizes, ARRAY_LEN(sizes), to);
    case TIME:
        return quantity(v, times, ARRAY_LEN(times), to);
    case FLAG:
        return one_of(v, (const struct word[]){{"0", ""}, {"1", ""}}, 2, to);
    case TEXT:
        memset(to, 0, row->n);
        return mock_unescape(v, to, row->n);
    case RATE:
        return rate(v, to);
    case FAULT:
    case END:
    case BAD:
    case FRAME:
        return one_of(v, kinds[row->kind].words, kinds[row->kind].n, to);
    }
    return -1;
}

static int read_pair(struct span pair, struct span list, struct mock_how *h, struct err *e)
{
    struct span rest = pair, key = span_cut(&rest, '=');
    size_t at = (size_t)(pair.p - list.p) + 1;

    if (!span_has(rest))
        return err_set(e, ERR_CONFIG, "byte %zu: '%.*s' is not key=value", at, SPAN_FMT(pair));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!span_is(key, rows[i].key))
            continue;
        if (read_value(&rows[i], rest, h) < 0)
            return err_set(e, ERR_CONFIG, "byte %zu: '%.*s': the value is not %s", at,
                           SPAN_FMT(pair), kinds[rows[i].kind].about);
        return 0;
    }
    return err_set(e, ERR_CONFIG, "byte %zu: '%.*s': there is no key '%.*s'", at, SPAN_FMT(pair),
                   SPAN_FMT(key));
}

static bool chosen(const struct mock_how *h, uint64_t seen, uint64_t draw)
{
    return (h->nth == MOCK_UNSET || seen == h->nth) &&
           (h->every == MOCK_UNSET || (h->every && seen % h->every == 0)) &&
           (h->first == MOCK_UNSET || seen <= h->first) &&
           (h->after == MOCK_UNSET || seen > h->after) &&
           (h->percent == MOCK_UNSET || draw % 100 < h->percent);
}

int mock_how_apply(struct mock_how *h, struct span list, uint64_t seen, uint64_t draw,
                   struct err *e)
{
    struct mock_how next = *h;
    struct span rest = list;

    if (list.n > MOCK_LIST_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "the list is over %d bytes", MOCK_LIST_BYTES_MAX);
    next.nth = next.every = next.first = next.after = next.percent = MOCK_UNSET;
    while (rest.n) {
        size_t n = MIN(MIN(span_find(rest, ','), span_find(rest, ';')), rest.n);
        struct span pair = span_trim(span_of(rest.p, n));

        n = MIN(n + 1, rest.n); /* the separator too */
        rest = span_of(rest.p + n, rest.n - n);
        if (pair.n && read_pair(pair, list, &next, e) < 0)
            return -1;
    }
    if (chosen(&next, seen, draw))
        *h = next;
    return 0;
}

static void words_manual(struct buf *out, const char *title, const struct word *w, size_t n)
{
    buf_printf(out, "\n| %s | |\n|---|---|\n", title);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "| `%s` | %s |\n", w[i].word, w[i].help);
}

void mock_how_manual(struct buf *out)
{
    buf_add_str(out, "| key | value | |\n|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buf_printf(out, "| `%s=` | %s | %s |\n", rows[i].key, kinds[rows[i].kind].name,
                   rows[i].help);
    buf_add_str(out, "\nValues: ");
    for (size_t i = 0; i <= RATE; i++)
        buf_printf(out, "%s%s is %s", i ? "; " : "", kinds[i].name, kinds[i].about);
    buf_add_str(out, ".\n");
    words_manual(out, "fault=", faults, ARRAY_LEN(faults));
    words_manual(out, "how=", ends, ARRAY_LEN(ends));
    words_manual(out, "bad=", bads, ARRAY_LEN(bads));
    words_manual(out, "frame=", frames, ARRAY_LEN(frames));
}
