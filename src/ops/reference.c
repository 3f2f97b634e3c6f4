/*
 * reference.c - see reference.h. The rows are those of metrics.def, in its order.
 */
#include "ops/reference.h"

#include "ops/metrics.h"

static const char head[] =
    "# Metrics\n"
    "\n"
    "`GET /metrics` on the admin port, Prometheus text version 0.0.4. Made from\n"
    "`src/ops/metrics.def`; a test compares. Names are stable.\n"
    "\n"
    "`gen_ai_*` are the names of OpenTelemetry's conventions for generative AI, with dots as\n"
    "underscores. A label marked `*` takes values that clients and providers choose; past 20,000\n"
    "lines further values are counted under `other`, and `lamplighter_series_dropped_total`\n"
    "counts. A label without a value is left out.\n"
    "\n"
    "| metric | type | labels | meaning |\n"
    "|---|---|---|---|\n";

static const char *const types[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

static void labels(struct buf *out, const struct metric_row *row)
{
    size_t n = metrics_labels_n(row);

    for (size_t i = 0; i < n; i++) {
        bool world = row->labels[i][0] == '*';

        buf_printf(out, "%s%s%s", i ? ", " : "", row->labels[i] + world, world ? "\\*" : "");
    }
}

static void bounds(struct buf *out, const struct metric_row *row)
{
    buf_printf(out, "- `%s`:", row->name);
    for (size_t i = 0; i < row->bounds_n; i++)
        buf_printf(out, " %.15g", row->bounds[i]);
    buf_add_char(out, '\n');
}

void reference_write(struct buf *out)
{
    buf_add_str(out, head);
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric_row *row = metrics_row((enum metric)i);

        buf_printf(out, "| `%s` | %s | ", row->name, types[row->type]);
        labels(out, row);
        buf_printf(out, " | %s |\n", row->help);
    }
    buf_add_str(out, "\nUpper ends of the histograms' buckets:\n\n");
    for (size_t i = 0; i < METRICS; i++)
        if (metrics_row((enum metric)i)->bounds)
            bounds(out, metrics_row((enum metric)i));
}
