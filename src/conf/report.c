/*
 * report.c - see report.h.
 *
 * Diagnostics keep only places; source lines are cut out when they are printed, because what is
 * masked on a line may be found after the first complaint about it.
 */
#include "conf/report.h"

#include <stdarg.h>

#include "codec/json_write.h"
#include "conf/text.h"

#define ARENA_BUDGET ((size_t)8 * 1024 * 1024)
#define MASKS_MAX    4096
#define WORD_MAX     64 /* longest word that gets a suggestion */

static const struct {
    const char *code, *meaning;
} codes[] = {
#define X(code, meaning) {code, meaning},
#include "conf/codes.def"
#undef X
};

const char *conf_code_meaning(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].meaning;
    return NULL;
}

const char *conf_code_at(size_t i, const char **ret_meaning)
{
    if (i >= ARRAY_LEN(codes))
        return NULL;
    *ret_meaning = codes[i].meaning;
    return codes[i].code;
}

void conf_report_init(struct conf_report *r)
{
    memset(r, 0, sizeof(*r));
    arena_init(&r->arena, ARENA_BUDGET);
}

void conf_report_fini(struct conf_report *r)
{
    arena_fini(&r->arena);
    conf_report_init(r);
}

void conf_report_source(struct conf_report *r, struct span file, struct span text)
{
    r->file = file;
    r->source = text;
}

void conf_report_beside(struct conf_report *r, struct span file, struct span text)
{
    r->beside = file;
    r->beside_source = text;
}

int conf_report_ok(const struct conf_report *r, struct err *e)
{
    if (r->nomem)
        return err_set(e, ERR_NOMEM, "configuration: no memory");
    return 0;
}

/* A formatted text in the arena, made fit for a terminal. */
static struct span say(struct conf_report *r, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
static struct span say(struct conf_report *r, const char *fmt, va_list ap)
{
    char text[512];
    struct span s;
    int n;

    n = vsnprintf(text, sizeof(text), fmt, ap);
    n = MIN(MAX(n, 0), (int)sizeof(text) - 1);
    text_clean(text, (size_t)n);
    s = arena_dup(&r->arena, span_of(text, (size_t)n));
    if (!span_has(s))
        r->nomem = true;
    return s;
}

struct conf_diag *conf_report_add(struct conf_report *r, enum conf_severity severity,
                                  const char *code, struct conf_place at, const char *fmt, ...)
{
    struct conf_diag *d;
    va_list ap;

    UNUSED(EXPECT(conf_code_meaning(code) != NULL));
    if (severity == CONF_ERROR)
        r->errors++;
    else
        r->warnings++;
    if (r->n == CONF_DIAGS_MAX)
        return NULL;
    d = &r->diags[r->n];
    *d = (struct conf_diag){.severity = severity, .code = code, .at = at, .closest = SIZE_MAX};
    d->file = r->beside;
    d->source = r->beside_source;
    va_start(ap, fmt);
    d->text = say(r, fmt, ap);
    va_end(ap);
    if (!span_has(d->text))
        return NULL;
    r->n++;
    return d;
}

void conf_diag_note(struct conf_report *r, struct conf_diag *d, const char *fmt, ...)
{
    va_list ap;

    if (!d)
        return;
    va_start(ap, fmt);
    d->note = say(r, fmt, ap);
    va_end(ap);
}

void conf_diag_nearest(struct conf_report *r, struct conf_diag *d, const struct span *names,
                       size_t n, struct span word)
{
    size_t near = conf_nearest(word, names, n);

    if (d && near != SIZE_MAX && !span_has(d->note))
        conf_diag_note(r, d, "did you mean '%.*s'?", SPAN_FMT(names[near]));
}

void conf_diag_choices(struct conf_report *r, struct conf_diag *d, const char *title,
                       const struct span *names, size_t n, struct span word)
{
    if (!d)
        return;
    conf_diag_nearest(r, d, names, n, word);
    d->title = span_str(title);
    d->closest = conf_nearest(word, names, n);
    n = MIN(n, (size_t)CONF_CHOICES_MAX);
    d->choices = arena_alloc(&r->arena, MAX(n, (size_t)1) * sizeof(*d->choices));
    if (!d->choices) {
        r->nomem = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        d->choices[i] = arena_dup(&r->arena, names[i]);
        if (!span_has(d->choices[i])) {
            r->nomem = true;
            return;
        }
        d->choices_n++;
    }
}

void conf_report_mask(struct conf_report *r, struct conf_place at)
{
    size_t cap = MAX(r->masks_cap * 2, (size_t)16);
    struct conf_place *more = NULL;

    if (r->masks_n == MASKS_MAX) {
        r->masked_all = true;
        return;
    }
    if (r->masks_n == r->masks_cap) {
        more = arena_alloc(&r->arena, cap * sizeof(*more));
        if (!more) {
            r->nomem = true;
            r->masked_all = true;
            return;
        }
        if (r->masks_n)
            memcpy(more, r->masks, r->masks_n * sizeof(*more));
        r->masks = more;
        r->masks_cap = cap;
    }
    r->masks[r->masks_n++] = at;
}

static bool same_letter(char a, char b)
{
    return span_eq_nocase(span_of(&a, 1), span_of(&b, 1));
}

/* Edits between two words: insert, delete, replace, swap two neighbours. Both at most WORD_MAX
 * bytes; case does not count. */
static size_t distance(struct span a, struct span b)
{
    size_t row[3][WORD_MAX + 1];
    size_t *before = row[0], *last = row[1], *now = row[2], *spare, best;

    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            best = last[j - 1] + !same_letter(a.p[i - 1], b.p[j - 1]);
            if (last[j] < best)
                best = last[j] + 1;
            if (now[j - 1] < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
                before[j - 2] < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.n];
}

size_t conf_nearest(struct span word, const struct span *names, size_t n)
{
    size_t best = SIZE_MAX, best_at = SIZE_MAX, most, d;

    if (word.n == 0 || word.n > WORD_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        if (names[i].n == 0 || names[i].n > WORD_MAX)
            continue;
        most = MAX((size_t)2, MAX(word.n, names[i].n) / 3);
        /* Of very short words nearly everything is two edits away. */
        most = MIN(most, MIN(word.n, names[i].n) / 2 + (word.n > 1));
        d = distance(word, names[i]);
        if (d <= most && d < best) {
            best = d;
            best_at = i;
        }
    }
    return best_at;
}

static bool before(const struct conf_diag *a, const struct conf_diag *b)
{
    if (span_has(a->file) != span_has(b->file))
        return span_has(b->file);
    if (a->at.line != b->at.line)
        return a->at.line < b->at.line;
    return a->at.col < b->at.col;
}

void conf_report_sort(struct conf_report *r)
{
    struct conf_diag d;
    size_t j;

    /* By insertion: stable, and at most CONF_DIAGS_MAX of them. */
    for (size_t i = 1; i < r->n; i++) {
        d = r->diags[i];
        for (j = i; j > 0 && before(&d, &r->diags[j - 1]); j--)
            r->diags[j] = r->diags[j - 1];
        r->diags[j] = d;
    }
}

static void count(struct buf *out, size_t n, const char *what)
{
    buf_printf(out, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

/* The source line and the caret below it. */
static void show_line(struct conf_report *r, struct buf *out, const struct conf_diag *d, bool color)
{
    bool beside = span_has(d->file);
    struct span source = beside ? d->source : r->masked_all ? (struct span){NULL, 0} : r->source;
    struct text_line line;
    const char *mark = d->severity == CONF_ERROR ? "\033[31m" : "\033[33m";
    char number[16];
    int pad;

    pad = snprintf(number, sizeof(number), "%u", d->at.line);
    text_line_get(&line, source, d->at, r->masks, beside ? 0 : r->masks_n);
    buf_printf(out, "%*s |\n%s | %.*s\n%*s | ", pad, "", number, (int)line.n, line.text, pad, "");
    for (uint32_t i = 1; i < line.caret; i++)
        buf_add_char(out, ' ');
    buf_add_str(out, color ? mark : "");
    for (uint32_t i = 0; i < line.carets; i++)
        buf_add_char(out, '^');
    if (span_has(d->note))
        buf_printf(out, " %.*s", SPAN_FMT(d->note));
    buf_add_str(out, color ? "\033[0m\n" : "\n");
}

/* Names may be the file's own. */
static void show_choices(struct buf *out, const struct conf_diag *d, int pad)
{
    buf_printf(out, "%*s = %.*s: ", pad, "", SPAN_FMT(d->title));
    for (size_t i = 0; i < d->choices_n; i++) {
        size_t n = d->choices[i].n;

        buf_add_str(out, i ? ", " : "");
        buf_add_span(out, d->choices[i]);
        if (buf_ok(out))
            text_clean(out->p + out->n - n, n);
        buf_add_str(out, i == d->closest ? " (closest)" : "");
    }
    buf_add_str(out, d->choices_n ? "\n" : "none\n");
}

static void show_head(struct buf *out, const struct conf_diag *d, bool color)
{
    const char *word = d->severity == CONF_ERROR ? "error" : "warning";
    const char *paint = d->severity == CONF_ERROR ? "\033[1;31m" : "\033[1;33m";

    buf_printf(out, "%s%s[%s]%s: ", color ? paint : "", word, d->code, color ? "\033[0m" : "");
    buf_add_span(out, d->text);
    buf_add_char(out, '\n');
}

static void show(struct conf_report *r, struct buf *out, const struct conf_diag *d, bool color)
{
    char number[16];
    int pad = 1;

    show_head(out, d, color);
    if (d->at.line)
        pad = snprintf(number, sizeof(number), "%u", d->at.line);
    buf_printf(out, "%*s--> ", pad, "");
    buf_add_span(out, span_has(d->file) ? d->file : r->file);
    if (d->at.line) {
        buf_printf(out, ":%u:%u\n", d->at.line, d->at.col);
        show_line(r, out, d, color);
    } else {
        buf_add_char(out, '\n');
        if (span_has(d->note))
            buf_printf(out, "%*s = %.*s\n", pad, "", SPAN_FMT(d->note));
    }
    if (span_has(d->title))
        show_choices(out, d, pad);
}

void conf_report_text(struct conf_report *r, struct buf *out, bool color)
{
    if (r->errors == 0 && r->warnings == 0)
        return;
    conf_report_sort(r);
    for (size_t i = 0; i < r->n; i++)
        show(r, out, &r->diags[i], color);
    if (r->errors + r->warnings > r->n)
        buf_printf(out, "... and %zu more\n", r->errors + r->warnings - r->n);
    count(out, r->errors, "error");
    buf_add_str(out, ", ");
    count(out, r->warnings, "warning");
    buf_add_char(out, '\n');
}

static void json_diag(struct conf_report *r, struct buf *out, const struct conf_diag *d)
{
    struct json_write w;

    json_write_init(&w, out);
    json_begin_object(&w);
    json_kv_cstring(&w, "severity", d->severity == CONF_ERROR ? "error" : "warning");
    json_kv_cstring(&w, "code", d->code);
    json_kv_string(&w, "text", d->text);
    json_kv_string(&w, "file", span_has(d->file) ? d->file : r->file);
    if (d->at.line) {
        json_kv_uint(&w, "line", d->at.line);
        json_kv_uint(&w, "column", d->at.col);
        json_kv_uint(&w, "width", d->at.width);
    }
    if (span_has(d->note))
        json_kv_string(&w, "note", d->note);
    if (span_has(d->title)) {
        json_key(&w, "choices");
        json_begin_array(&w);
        for (size_t i = 0; i < d->choices_n; i++)
            json_string(&w, d->choices[i]);
        json_end_array(&w);
    }
    json_end_object(&w);
    buf_add_char(out, '\n');
}

void conf_report_json(struct conf_report *r, struct buf *out)
{
    conf_report_sort(r);
    for (size_t i = 0; i < r->n; i++)
        json_diag(r, out, &r->diags[i]);
    buf_printf(out, "{\"errors\":%zu,\"warnings\":%zu}\n", r->errors, r->warnings);
}
