/*
 * sse.c - cuts a stream of server-sent events into payload runs and event ends.
 *
 * Why no line buffer: an event may be megabytes long, and what a relay wants is to send its
 * bytes on at once. So nothing is held but the state, the field's name as far as a known one
 * could be, and the event's name.
 *
 *     START -- BOM or not --------------> LINE
 *     LINE  -- empty line --------------> LINE (reports EVENT or COMMENT)
 *           -- else --------------------> FIELD
 *     FIELD -- "data"  then ':' or end -> DATA_SPACE or DATA
 *           -- "event" then ':' or end -> NAME_SPACE or NAME
 *           -- any other --------------> SKIP
 *     DATA, NAME, SKIP -- line end ----> LINE
 *
 * A line end is CR, LF or CRLF. CR ends the line at once, for what follows may never come; an LF
 * that starts the next piece is then swallowed (skip_lf).
 *
 * Invariants: (1) what a step reports is settled: no later byte changes it; (2) every step takes
 * a byte or changes the state toward one that does, so the caller's loop ends.
 */
#include "codec/sse.h"

#include "codec/swar.h"

enum state { START, LINE, FIELD, DATA_SPACE, DATA, NAME_SPACE, NAME, SKIP, STATES };

/* One state's work on the rest [p, p+n), n >= 1: how many bytes it took. May fill in *step. */
typedef size_t work(struct sse *s, const char *p, size_t n, struct sse_step *step);

void sse_init(struct sse *s)
{
    *s = (struct sse){.state = START};
}

static bool is_end(char c)
{
    return c == '\n' || c == '\r';
}

/* Bytes before the first line end. */
static size_t line_length(const char *text, size_t n)
{
    const unsigned char *from = (const unsigned char *)text;
    const unsigned char *p = from, *end = from + n;

    for (; end - p >= SWAR_BYTES; p += SWAR_BYTES) {
        uint64_t w = swar_load(p);
        uint64_t marks = swar_marks((swar_is(w, '\n') | swar_is(w, '\r')) & ~w);

        if (marks)
            return (size_t)(p - from) + swar_first(marks);
    }
    while (p < end && !is_end((char)*p))
        p++;
    return (size_t)(p - from);
}

/* Take the line end at p; the next line begins. */
static size_t end_line(struct sse *s, const char *p, size_t n)
{
    s->state = LINE;
    if (*p == '\n')
        return 1;
    s->skip_lf = n == 1;
    return n > 1 && p[1] == '\n' ? 2 : 1;
}

static void begin_block(struct sse *s)
{
    s->began = s->at;
    s->name_n = 0;
    s->name_cut = false;
    s->has_data = false;
    s->any = false;
    s->done = false;
}

static size_t on_start(struct sse *s, const char *p, size_t n, struct sse_step *step)
{
    static const char bom[3] = "\xEF\xBB\xBF";

    UNUSED(n);
    UNUSED(step);
    if (*p != bom[s->field_n]) { /* what looked like a BOM is a field that nobody knows */
        s->any = s->field_n > 0;
        s->state = s->field_n ? SKIP : LINE;
        return 0;
    }
    if (++s->field_n == sizeof(bom))
        s->state = LINE;
    return 1;
}

/* A data field was seen. Its line is joined to the one before by an LF. */
static void begin_data(struct sse *s, enum state state, struct sse_step *step)
{
    s->state = (uint8_t)state;
    if (s->has_data) {
        step->kind = SSE_DATA;
        step->data = SPAN_LIT("\n");
    }
    s->has_data = true;
}

static size_t on_line(struct sse *s, const char *p, size_t n, struct sse_step *step)
{
    static const char data[] = {'d', 'a', 't', 'a', ':'};

    if (is_end(*p)) {
        s->done = true;
        step->kind = s->has_data ? SSE_EVENT : SSE_COMMENT;
        return end_line(s, p, n);
    }
    s->any = true;
    if (n >= sizeof(data) && memcmp(p, data, sizeof(data)) == 0) { /* only to be quick */
        begin_data(s, DATA_SPACE, step);
        return sizeof(data);
    }
    s->field_n = 0;
    s->state = FIELD;
    return 0;
}

/* The field's name is complete. */
static void begin_value(struct sse *s, bool colon, struct sse_step *step)
{
    struct span field = {s->field, s->field_n};

    if (span_is(field, "data")) {
        begin_data(s, colon ? DATA_SPACE : DATA, step);
    } else if (span_is(field, "event")) {
        s->state = colon ? NAME_SPACE : NAME;
        s->name_n = 0;
        s->name_cut = false;
    } else {
        s->state = SKIP;
    }
}

static size_t on_field(struct sse *s, const char *p, size_t n, struct sse_step *step)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == ':' || is_end(p[i])) {
            begin_value(s, p[i] == ':', step);
            return i + (p[i] == ':'); /* a line end is the value's */
        }
        if (s->field_n == sizeof(s->field)) { /* longer than all that we know */
            s->state = SKIP;
            return i;
        }
        s->field[s->field_n++] = p[i];
    }
    return n;
}

/* One space behind the colon does not count. */
static size_t on_space(struct sse *s, const char *p, size_t n, struct sse_step *step)
{
    UNUSED(n);
    UNUSED(step);
    s->state = s->state == DATA_SPACE ? DATA : NAME;
    return *p == ' ';
}

static size_t on_data(struct sse *s, const char *p, size_t n, struct sse_step *step)
{
    size_t run = line_length(p, n);

    if (run) {
        step->kind = SSE_DATA;
        step->data = span_of(p, run);
    }
    return run < n ? run + end_line(s, p + run, n - run) : run;
}

static size_t on_name(struct sse *s, const char *p, size_t n, struct sse_step *step)
{
    size_t run = line_length(p, n);
    size_t keep = MIN(run, (size_t)SSE_NAME - s->name_n);

    UNUSED(step);
    memcpy(s->name + s->name_n, p, keep);
    s->name_n = (uint8_t)(s->name_n + keep);
    s->name_cut = s->name_cut || keep < run;
    return run < n ? run + end_line(s, p + run, n - run) : run;
}

static size_t on_skip(struct sse *s, const char *p, size_t n, struct sse_step *step)
{
    size_t run = line_length(p, n);

    UNUSED(step);
    return run < n ? run + end_line(s, p + run, n - run) : run;
}

static work *const works[STATES] = {
    [START] = on_start, [LINE] = on_line,        [FIELD] = on_field, [DATA_SPACE] = on_space,
    [DATA] = on_data,   [NAME_SPACE] = on_space, [NAME] = on_name,   [SKIP] = on_skip,
};

struct sse_step sse_next(struct sse *s, const char *p, size_t n)
{
    struct sse_step step = {.kind = SSE_MORE};

    if (n && s->done)
        begin_block(s);
    while (step.used < n && step.kind == SSE_MORE) {
        bool lf = s->skip_lf && p[step.used] == '\n';

        s->skip_lf = false;
        step.used += lf ? 1 : works[s->state](s, p + step.used, n - step.used, &step);
    }
    s->at += step.used;
    return step;
}

struct span sse_name(const struct sse *s)
{
    return span_of(s->name, s->name_n);
}

bool sse_at_boundary(const struct sse *s)
{
    if (s->done)
        return true;
    return !s->any && (s->state == LINE || (s->state == START && s->field_n == 0));
}
