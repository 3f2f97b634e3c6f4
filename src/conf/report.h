/*
 * report.h - what is wrong with a configuration: all of it, with place, cure and choices.
 *
 * Whoever checks adds diagnostics and goes on; at the end they are printed in the order of the
 * file:
 *
 *     error[E012]: unknown key 'tagrets' in models.smart
 *       --> /etc/lamplighter/lamplighter.yaml:39:5
 *        |
 *     39 |     tagrets: [anthropic/claude-sonnet-4-6]
 *        |     ^^^^^^^ did you mean 'targets'?
 *
 * Codes are stable; conf/codes.def explains them. Texts never hold a secret: what looks like one
 * is printed as stars. Bytes that a terminal could act on are printed as '?'.
 *
 * A diagnostic that found no memory makes the whole report say so (conf_report_ok()).
 *
 * Room: conf (uses base codec). Threads: one owner.
 */
#ifndef CONF_REPORT_H
#define CONF_REPORT_H

#include "base/arena.h"
#include "base/buf.h"

#define CONF_DIAGS_MAX   100 /* further ones are only counted */
#define CONF_LINE_SHOWN  120 /* characters of a source line that are printed */
#define CONF_CHOICES_MAX 64  /* entries of a list of choices that are printed */

/* A place in the source. Counted from 1, columns in characters; line 0: nowhere. */
struct conf_place {
    uint32_t line, col, width;
};

enum conf_severity { CONF_ERROR, CONF_WARNING };

struct conf_diag {
    enum conf_severity severity;
    const char *code;         /* "E012" */
    struct span file, source; /* of a file beside the configuration; absent: the report's own */
    struct span text;         /* one sentence without a full stop */
    struct conf_place at;
    struct span note;     /* stands behind the caret; may be absent */
    struct span title;    /* "providers" ... */
    struct span *choices; /* ... and what there is */
    size_t choices_n;
    size_t closest; /* index into choices, SIZE_MAX: none */
};

struct conf_report {
    struct arena arena;
    struct span file, source;          /* borrowed: as long as the report is added to and printed */
    struct span beside, beside_source; /* what new diagnostics are about; absent: file, source */
    struct conf_diag diags[CONF_DIAGS_MAX];
    size_t n;
    size_t errors, warnings;  /* all, also those past CONF_DIAGS_MAX */
    struct conf_place *masks; /* parts of the source that are not shown */
    size_t masks_n, masks_cap;
    bool masked_all; /* more masks than can be kept: no source is shown */
    bool nomem;
};

void conf_report_init(struct conf_report *r);
void conf_report_fini(struct conf_report *r);

/* The file that places refer to. Both are borrowed. */
void conf_report_source(struct conf_report *r, struct span file, struct span text);

/* Diagnostics from now on are about another file, which the configuration names; an absent one ends
 * that. It holds no secrets: nothing of it is masked. Both are borrowed like the others. */
void conf_report_beside(struct conf_report *r, struct span file, struct span text);

/* Add a diagnostic. NULL when it was only counted; the functions below accept that. */
struct conf_diag *conf_report_add(struct conf_report *r, enum conf_severity severity,
                                  const char *code, struct conf_place at, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

/* A hint behind the caret. */
void conf_diag_note(struct conf_report *r, struct conf_diag *d, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* What would have been right: n names (copied), of which the one nearest to `word` is marked;
 * it also becomes the note "did you mean '...'?" when there is none yet. */
void conf_diag_choices(struct conf_report *r, struct conf_diag *d, const char *title,
                       const struct span *names, size_t n, struct span word);

/* Only the note "did you mean '...'?", without the list, if one of the names is near. */
void conf_diag_nearest(struct conf_report *r, struct conf_diag *d, const struct span *names,
                       size_t n, struct span word);

/* Never show that part of the source: somebody wrote a secret there. */
void conf_report_mask(struct conf_report *r, struct conf_place at);

/* 0 when all diagnostics were kept; -1 (ERR_NOMEM) when memory was short. */
MUST_CHECK int conf_report_ok(const struct conf_report *r, struct err *e);

/* Sort by place; printing does it. */
void conf_report_sort(struct conf_report *r);

/* As text for people, with a last line that counts; nothing when the report is empty. */
void conf_report_text(struct conf_report *r, struct buf *out, bool color);

/* One JSON object a line. */
void conf_report_json(struct conf_report *r, struct buf *out);

/* The index of the name nearest to word, SIZE_MAX when none is near enough: at most two edits
 * (a swap of neighbours is one), or a third of the word. */
size_t conf_nearest(struct span word, const struct span *names, size_t n);

/* The sentence that explains a code, NULL for an unknown one; conf_code_at() walks them. */
const char *conf_code_meaning(const char *code);
const char *conf_code_at(size_t i, const char **ret_meaning);

#endif
