/* A report as lines for tables of tests: "E012 3:5+7 text | note | title: a, b*" (* closest). */
#ifndef TESTS_UNIT_CONF_DUMP_H
#define TESTS_UNIT_CONF_DUMP_H

#include "conf/report.h"

static inline void dump_report(struct conf_report *r, struct buf *out)
{
    buf_reset(out);
    conf_report_sort(r);
    for (size_t i = 0; i < r->n; i++) {
        const struct conf_diag *d = &r->diags[i];

        buf_printf(out, "%s%s %u:%u+%u %.*s", i ? "\n" : "", d->code, d->at.line, d->at.col,
                   d->at.width, SPAN_FMT(d->text));
        if (span_has(d->note))
            buf_printf(out, " | %.*s", SPAN_FMT(d->note));
        if (span_has(d->title))
            buf_printf(out, " | %.*s:", SPAN_FMT(d->title));
        for (size_t c = 0; c < d->choices_n; c++)
            buf_printf(out, "%s %.*s%s", c ? "," : "", SPAN_FMT(d->choices[c]),
                       c == d->closest ? "*" : "");
    }
    buf_add_char(out, '\0');
}

/* 1 and a word on standard error when row i of a table is not as it should be: a table tells of
 * all its wrong rows at once. */
static inline int dump_differs(size_t i, const char *got, const char *want)
{
    if (strcmp(got, want) == 0)
        return 0;
    fprintf(stderr, "row %zu:\ngot  %s\nwant %s\n", i, got, want);
    return 1;
}

#endif
