/*
 * prometheus.c - see prometheus.h.
 *
 * A label without a value is left out: to Prometheus both are the same. Buckets are written
 * cumulative, as the format wants them; the registry holds them apart, which is one addition a
 * value instead of twenty.
 */
#include "ops/prometheus.h"

#include "codec/utf8.h"

static const char *const types[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

/* Whole numbers as such up to 2^53, which a double holds exactly. */
static void number(struct buf *out, double v)
{
    if (v >= 0 && v <= 9007199254740992.0 && v - (double)(uint64_t)v <= 0)
        buf_add_u64(out, (uint64_t)v);
    else
        buf_printf(out, "%.15g", v);
}

/* HELP escapes backslash and newline, a label's value the quote as well. */
static void escaped(struct buf *out, struct span s, bool quote)
{
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;

    while (p < end) {
        size_t n = utf8_len(p, end);

        if (n == 0)
            buf_add_str(out, "\xEF\xBF\xBD"); /* U+FFFD */
        else if (*p == '\n')
            buf_add_str(out, "\\n");
        else if (*p == '\\' || (*p == '"' && quote))
            buf_printf(out, "\\%c", *p);
        else
            buf_add(out, p, n);
        p += MAX(n, (size_t)1);
    }
}

/* "{a="b",le="0.1"} ", or just the blank before the value. */
static void labels(struct buf *out, const struct metric_row *row, const struct metrics_series *s,
                   const double *le, bool inf)
{
    char sep = '{';

    for (size_t i = 0; i < METRICS_LABELS && row->labels[i]; i++) {
        if (s->labels[i].n == 0)
            continue;
        buf_add_char(out, sep);
        buf_add_str(out, row->labels[i] + (row->labels[i][0] == '*'));
        buf_add_str(out, "=\"");
        escaped(out, s->labels[i], true);
        buf_add_char(out, '"');
        sep = ',';
    }
    if (le || inf) {
        buf_add_char(out, sep);
        buf_add_str(out, "le=\"");
        if (le)
            number(out, *le);
        else
            buf_add_str(out, "+Inf");
        buf_add_char(out, '"');
        sep = ',';
    }
    buf_add_str(out, sep == '{' ? " " : "} ");
}

static void histogram(struct buf *out, const struct metric_row *row, const struct metrics_series *s)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= row->bounds_n; i++) {
        bool inf = i == row->bounds_n;

        count += s->counts[i];
        buf_add_str(out, row->name);
        buf_add_str(out, "_bucket");
        labels(out, row, s, inf ? NULL : &row->bounds[i], inf);
        buf_add_u64(out, count);
        buf_add_char(out, '\n');
    }
    buf_add_str(out, row->name);
    buf_add_str(out, "_sum");
    labels(out, row, s, NULL, false);
    number(out, s->value);
    buf_add_char(out, '\n');
    buf_add_str(out, row->name);
    buf_add_str(out, "_count");
    labels(out, row, s, NULL, false);
    buf_add_u64(out, count);
    buf_add_char(out, '\n');
}

static void plain(struct buf *out, const struct metric_row *row, const struct metrics_series *s)
{
    buf_add_str(out, row->name);
    labels(out, row, s, NULL, false);
    number(out, s->value);
    buf_add_char(out, '\n');
}

void prometheus_write(struct buf *out, const struct metrics *m)
{
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric_row *row = metrics_row((enum metric)i);
        struct metrics_series s;
        const void *at = NULL;
        bool first = true;

        for (; metrics_next(m, (enum metric)i, &at, &s); first = false) {
            if (first) {
                buf_printf(out, "# HELP %s ", row->name);
                escaped(out, span_str(row->help), false);
                buf_printf(out, "\n# TYPE %s %s\n", row->name, types[row->type]);
            }
            if (row->bounds)
                histogram(out, row, &s);
            else
                plain(out, row, &s);
        }
    }
}
