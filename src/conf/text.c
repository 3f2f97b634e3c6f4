/*
 * text.c - see text.h.
 *
 * Tabs are refused wherever they could be taken for indentation or go unseen, which is everywhere
 * but in comments. JSON is valid input and is often indented with tabs; a file that begins with
 * a brace is therefore let through.
 *
 * NEL, U+2028 and U+2029 end a line for YAML and for no editor: refused, so that the lines which
 * are reported are those that people see.
 */
#include "conf/text.h"

size_t text_char(struct span s, uint32_t *ret_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
    uint32_t point;

    if (n == 0 || n > s.n)
        return 0;
    point = n == 1 ? c : c & (0x7FU >> n);
    for (size_t i = 1; i < n; i++) {
        c = (unsigned char)s.p[i];
        if ((c & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (c & 0x3FU);
    }
    if (point < least[n] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return 0;
    *ret_point = point;
    return n;
}

static bool printable(uint32_t point)
{
    return point >= 0x20 && point != 0x7F && !(point >= 0x80 && point <= 0x9F) && point != 0x2028 &&
           point != 0x2029 && point != 0xFEFF && point != 0xFFFE && point != 0xFFFF &&
           !(point >= 0x202A && point <= 0x202E) && /* text direction */
           !(point >= 0x2066 && point <= 0x2069);
}

static bool key_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
}

/* Stars over what follows a well-known beginning of a key. */
static void hide_keys(char *p, size_t n)
{
    static const char *const begins[] = {"sk-", "sk_", "gsk_", "hf_", "xai-", "AIza", "pplx-"};
    struct span rest;
    size_t len;

    for (size_t i = 0; i < n; i++) {
        if (i > 0 && key_char(p[i - 1]))
            continue;
        rest = span_of(p + i, n - i);
        for (size_t b = 0; b < ARRAY_LEN(begins); b++) {
            if (!span_starts(rest, span_str(begins[b])))
                continue;
            len = strlen(begins[b]);
            for (size_t at = i + len; at < n && key_char(p[at]); at++)
                p[at] = '*';
        }
    }
}

/* Stars over the user and password of a URL. */
static void hide_userinfo(char *p, size_t n)
{
    size_t at, end;

    for (size_t i = 0; i + 3 <= n; i++) {
        if (memcmp(p + i, "://", 3) != 0)
            continue;
        for (at = SIZE_MAX, end = i + 3; end < n && !strchr(" /?#'\"", p[end]); end++)
            if (p[end] == '@')
                at = end;
        for (end = i + 3; at != SIZE_MAX && end < at; end++)
            p[end] = '*';
    }
}

void text_clean(char *p, size_t n)
{
    uint32_t point;
    size_t len;

    for (size_t i = 0; i < n; i += MAX(len, (size_t)1)) {
        len = text_char(span_of(p + i, n - i), &point);
        if (len && printable(point))
            continue;
        memset(p + i, len == 1 && point == '\t' ? ' ' : '?', MAX(len, (size_t)1));
    }
    hide_keys(p, n);
    hide_userinfo(p, n);
}

/* Cut the next line off *rest, without its end (\n, \r\n or \r). */
static struct span next_line(struct span *rest)
{
    struct span line = *rest;
    size_t n = 0;

    while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r')
        n++;
    line.n = n;
    if (n == rest->n) {
        *rest = (struct span){NULL, 0};
        return line;
    }
    n += rest->p[n] == '\r' && n + 1 < rest->n && rest->p[n + 1] == '\n' ? 2 : 1;
    *rest = span_of(rest->p + n, rest->n - n);
    return line;
}

static bool masked(uint32_t line, uint32_t col, const struct conf_place *masks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (masks[i].line == line && col >= masks[i].col && col - masks[i].col < masks[i].width)
            return true;
    return false;
}

void text_line_get(struct text_line *ret, struct span source, struct conf_place at,
                   const struct conf_place *masks, size_t masks_n)
{
    uint32_t point, col = 1, first, shown = 0;
    struct span rest = source, line = {NULL, 0};
    size_t len;

    for (uint32_t i = 0; i < at.line; i++)
        line = span_has(rest) ? next_line(&rest) : (struct span){NULL, 0};
    if (span_starts(line, SPAN_LIT("\xEF\xBB\xBF")) && at.line == 1)
        line = span_of(line.p + 3, line.n - 3);
    *ret = (struct text_line){.n = 0};
    /* A place far to the right is shown with some text before it. */
    first = at.col > CONF_LINE_SHOWN * 3 / 4 ? at.col - CONF_LINE_SHOWN / 2 : 1;
    for (; line.p && line.n && shown < CONF_LINE_SHOWN; col++) {
        len = text_char(line, &point);
        len = MAX(len, (size_t)1);
        if (col >= first) {
            if (masked(at.line, col, masks, masks_n)) {
                ret->text[ret->n++] = '*';
            } else {
                memcpy(ret->text + ret->n, line.p, len);
                ret->n += len;
            }
            shown++;
        }
        line = span_of(line.p + len, line.n - len);
    }
    text_clean(ret->text, ret->n);
    if (line.n) {
        memcpy(ret->text + ret->n, "...", 3);
        ret->n += 3;
    }
    ret->caret = at.col >= first ? at.col - first + 1 : 1;
    ret->carets = MAX(at.width, (uint32_t)1);
    if (ret->caret + ret->carets > shown + 1)
        ret->carets = ret->caret <= shown ? shown + 1 - ret->caret : 1;
}

struct checker {
    struct conf_report *report;
    bool json, bad, tab_seen;
    struct conf_diag *tab;
    size_t tab_lines;
};

static void bad_char(struct checker *c, struct conf_place at, size_t len, uint32_t point)
{
    if (len == 0)
        conf_report_add(c->report, CONF_ERROR, "E002", at, "the file is not UTF-8 text here");
    else
        conf_report_add(c->report, CONF_ERROR, "E002", at,
                        "the character U+%04X cannot stand in a configuration", point);
    c->bad = true;
}

/* At most one complaint about characters a line: a file in another encoding is wrong all over. */
static void check_line(struct checker *c, struct span line, uint32_t number)
{
    bool comment = false, tab = false;
    uint32_t point = 0, col = 1;
    char last = ' ';
    size_t len;

    for (; line.n; col++) {
        len = text_char(line, &point);
        if (len == 1 && point == '#' && (last == ' ' || last == '\t'))
            comment = true;
        if (len == 1 && point == '\t') {
            if (!comment && !c->json && !tab && c->tab_lines++ == 0)
                c->tab = conf_report_add(c->report, CONF_ERROR, "E003",
                                         (struct conf_place){number, col, 1},
                                         "a tab character; use spaces");
            tab = true;
        } else if (len == 0 || !printable(point)) {
            bad_char(c, (struct conf_place){number, col, 1}, len, point);
            return;
        }
        last = line.p[0];
        line = span_of(line.p + len, line.n - len);
    }
}

int text_check(struct span text, struct conf_report *report)
{
    struct checker c = {.report = report};
    uint32_t number = 0;

    if (span_starts(text, SPAN_LIT("\xEF\xBB\xBF")))
        text = span_of(text.p + 3, text.n - 3);
    for (size_t i = 0; i < text.n && !c.json; i++) {
        c.json = text.p[i] == '{';
        if (!strchr(" \t\r\n", text.p[i]))
            break;
    }
    while (span_has(text) && report->errors < CONF_DIAGS_MAX)
        check_line(&c, next_line(&text), ++number);
    if (c.tab_lines > 1)
        conf_diag_note(report, c.tab, "and on %zu more line%s", c.tab_lines - 1,
                       c.tab_lines == 2 ? "" : "s");
    return c.bad || c.tab_lines ? -1 : 0;
}
