/*
 * prom.h - reads the text format that Prometheus scrapes, as it comes.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4; OpenMetrics
 * looks the same for what is read here):
 *
 *     # comments
 *     vllm:num_requests_running{engine="0",model_name="m"} 42.0 1700000000000
 *
 * It is fed pieces and tells of samples, each once its line is whole. A line longer than
 * PROM_LINE_MAX, or one that is no sample, is passed over and counted: a page of any length takes
 * no more memory than one line.
 *
 * Room: codec (yyjson, for numbers). Pure: no allocation, fixed state. Threads: one owner.
 */
#ifndef CODEC_PROM_H
#define CODEC_PROM_H

#include "base/span.h"

#define PROM_LINE_MAX 8192

struct prom_sample {
    struct span name;
    struct span labels; /* what stands between the braces; absent: there are none */
    double value;       /* may be NaN or an infinity */
};

typedef void prom_sample_fn(void *arg, const struct prom_sample *s);

struct prom {
    prom_sample_fn *on_sample;
    void *arg;
    uint64_t passed_over; /* lines that were */
    size_t n;
    bool too_long;
    char line[PROM_LINE_MAX];
};

/* fn is called from within prom_feed() and prom_end(); its spans live until it returns. */
void prom_init(struct prom *p, prom_sample_fn *fn, void *arg);
void prom_feed(struct prom *p, const char *bytes, size_t n);
/* The page is over: a last line needs no line feed. */
void prom_end(struct prom *p);

/* The value of a label, as it stands between its quotes; absent: the sample has no such one. */
struct span prom_label(const struct prom_sample *s, const char *name);

#endif
