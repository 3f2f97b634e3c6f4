/*
 * prom.c - see prom.h.
 */
#include "prom.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/utf8.h"
#include "ops/prometheus.h"

#define FAMILIES_MAX 256
#define TEXT_MAX     ((size_t)64 * 1024 * 1024)

struct state {
    struct span line;
    struct span seen[FAMILIES_MAX];
    size_t seen_n;
    struct span family, type;
    bool helped;
    size_t samples;
    /* the histogram series being read: its labels without le */
    struct span series;
    double last_le, last_bucket;
    bool inf;
};

#define NEED(st, condition)                                                                        \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s: %.*s", #condition, SPAN_FMT((st)->line));                                \
    } while (0)

static double real(struct span s)
{
    char text[64];
    double v = NAN;
    int used = 0;

    if (span_is(s, "+Inf"))
        return INFINITY;
    if (s.n == 0 || s.n >= sizeof(text))
        return NAN;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return sscanf(text, "%lf%n", &v, &used) == 1 && (size_t)used == s.n ? v : NAN;
}

static size_t name_n(struct span s)
{
    size_t n = 0;

    while (n < s.n && (isalpha((unsigned char)s.p[n]) || s.p[n] == '_' || s.p[n] == ':' ||
                       (n > 0 && isdigit((unsigned char)s.p[n]))))
        n++;
    return n;
}

static struct span behind(struct span s, size_t n)
{
    return span_of(s.p + n, s.n - n);
}

/* Bytes of a quoted label value with its quotes. */
static size_t value_n(const struct state *st, struct span s)
{
    size_t n = 1;

    NEED(st, s.n >= 2 && s.p[0] == '"');
    while (n < s.n && s.p[n] != '"') {
        if (s.p[n] == '\\') {
            n++;
            NEED(st, n < s.n && (s.p[n] == '\\' || s.p[n] == '"' || s.p[n] == 'n'));
        }
        n++;
    }
    NEED(st, n < s.n);
    return n + 1;
}

/* Take the labels apart; le is cut off, and what comes before it is the series. */
static struct span read_labels(const struct state *st, struct span *rest, struct span *le)
{
    const char *begin = rest->p;
    struct span before;

    *le = span_of(NULL, 0);
    before = span_of(begin, 0);
    if (rest->n == 0 || rest->p[0] != '{')
        return before;
    do {
        struct span name, value;

        *rest = behind(*rest, 1);
        name = span_of(rest->p, name_n(*rest));
        NEED(st, name.n > 0 && !memchr(name.p, ':', name.n));
        *rest = behind(*rest, name.n);
        NEED(st, rest->n && rest->p[0] == '=');
        *rest = behind(*rest, 1);
        value = span_of(rest->p, value_n(st, *rest));
        *rest = behind(*rest, value.n);
        NEED(st, value.n > 2); /* an empty label is left out */
        if (span_is(name, "le"))
            *le = span_of(value.p + 1, value.n - 2);
        else
            before = span_of(begin, (size_t)(rest->p - begin));
        NEED(st, rest->n);
    } while (rest->p[0] == ',');
    NEED(st, rest->p[0] == '}');
    *rest = behind(*rest, 1);
    return before;
}

static void close_histogram(struct state *st)
{
    NEED(st, !span_has(st->series));
}

static void read_bucket(struct state *st, struct span series, struct span le, double v)
{
    double bound = real(le);

    NEED(st, !isnan(bound));
    if (!span_has(st->series)) {
        st->series = series;
        st->last_le = -INFINITY;
        st->last_bucket = 0;
    }
    NEED(st, span_eq(series, st->series));
    NEED(st, bound > st->last_le && v >= st->last_bucket);
    st->last_le = bound;
    st->last_bucket = v;
}

static void read_sample(struct state *st)
{
    struct span rest = st->line, name = span_of(rest.p, name_n(rest)), suffix, le, series;
    double v;

    NEED(st, span_starts(name, st->family) && st->helped && span_has(st->type));
    rest = behind(rest, name.n);
    series = read_labels(st, &rest, &le);
    NEED(st, rest.n > 1 && rest.p[0] == ' ');
    v = real(behind(rest, 1));
    NEED(st, !isnan(v));
    suffix = behind(name, st->family.n);
    st->samples++;
    if (!span_is(st->type, "histogram")) {
        NEED(st, suffix.n == 0 && !span_has(le));
        NEED(st, !span_is(st->type, "counter") || (v >= 0 && span_ends(name, SPAN_LIT("_total"))));
    } else if (span_is(suffix, "_bucket")) {
        read_bucket(st, series, le, v);
    } else if (span_is(suffix, "_sum")) {
        NEED(st, isinf(st->last_le) && span_eq(series, st->series));
    } else {
        NEED(st, span_is(suffix, "_count") && span_eq(series, st->series));
        NEED(st, !(v < st->last_bucket) && !(v > st->last_bucket));
        st->series = span_of(NULL, 0);
    }
}

static void read_comment(struct state *st)
{
    struct span rest = behind(st->line, 7), name = span_of(rest.p, name_n(rest));

    close_histogram(st);
    NEED(st, name.n && rest.n > name.n + 1 && rest.p[name.n] == ' ');
    rest = behind(rest, name.n + 1);
    if (span_starts(st->line, SPAN_LIT("# HELP "))) {
        for (size_t i = 0; i < st->seen_n; i++)
            NEED(st, !span_eq(name, st->seen[i]));
        NEED(st, st->seen_n < FAMILIES_MAX);
        st->seen[st->seen_n++] = st->family = name;
        st->type = span_of(NULL, 0);
        st->helped = true;
        return;
    }
    NEED(st, span_starts(st->line, SPAN_LIT("# TYPE ")) && span_eq(name, st->family));
    NEED(st, span_is(rest, "counter") || span_is(rest, "gauge") || span_is(rest, "histogram"));
    st->type = rest;
}

static int by_text(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    int c = memcmp(x->p, y->p, MIN(x->n, y->n));

    return c ? c : x->n < y->n ? -1 : x->n > y->n;
}

/* No two lines have the same name and labels. */
static void check_unique(struct span text, size_t lines)
{
    struct span *all = mem_zalloc(lines + 1, sizeof(*all));
    size_t n = 0;

    assert_non_null(all);
    for (struct span rest = text; rest.n;) {
        struct span line = span_cut(&rest, '\n');

        while (line.n && line.p[line.n - 1] != ' ')
            line.n--;
        if (line.n && line.p[0] != '#')
            all[n++] = line;
    }
    qsort(all, n, sizeof(*all), by_text);
    for (size_t i = 1; i < n; i++)
        if (span_eq(all[i - 1], all[i]))
            fail_msg("twice: %.*s", SPAN_FMT(all[i]));
    mem_free(all);
}

size_t prom_check(struct span text)
{
    struct state st = {.last_le = INFINITY};
    const unsigned char *p = (const unsigned char *)text.p, *end = p + text.n;

    assert_true(text.n > 0 && text.p[text.n - 1] == '\n');
    for (size_t n = 1; p < end; p += n) {
        n = utf8_len(p, end);
        assert_true(n > 0);
    }
    for (struct span rest = text; rest.n;) {
        st.line = span_cut(&rest, '\n');
        if (st.line.n && st.line.p[0] == '#')
            read_comment(&st);
        else
            read_sample(&st);
    }
    close_histogram(&st);
    check_unique(text, st.samples);
    return st.samples;
}

double prom_value(struct span text, const char *sample)
{
    size_t n = strlen(sample);

    while (text.n) {
        struct span line = span_cut(&text, '\n');

        if (line.n > n && memcmp(line.p, sample, n) == 0 && line.p[n] == ' ')
            return real(behind(line, n + 1));
    }
    return NAN;
}

char *prom_text(const struct metrics *m)
{
    struct buf out;
    char *text;

    buf_init(&out, TEXT_MAX);
    prometheus_write(&out, m);
    assert_true(buf_ok(&out));
    prom_check(buf_span(&out));
    text = mem_strndup(out.p, out.n);
    assert_non_null(text);
    buf_fini(&out);
    return text;
}
