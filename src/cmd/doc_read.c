/*
 * doc_read.c - see doc_read.h.
 */
#include "cmd/doc_read.h"

#include <stdio.h>

#include "codec/utf8.h"

/* U+0080 to U+009F are control characters too; a text that was cut may end in half of one. */
void doc_tame(char *p, size_t n, bool newlines)
{
    unsigned char *at = (unsigned char *)p, *end = at + n;

    while (at < end) {
        size_t len = utf8_len(at, end);
        bool control = (*at < 0x20 && !(*at == '\n' && newlines)) || *at == 0x7f ||
                       (*at == 0xC2 && len == 2 && at[1] < 0xA0);

        if (control || len == 0)
            memset(at, '?', MAX(len, (size_t)1));
        at += MAX(len, (size_t)1);
    }
}

static void put_text(char *out, size_t cap, struct span raw)
{
    char whole[6 * DOC_TEXT_MAX];
    size_t n = json_unescape(raw, whole, sizeof(whole));

    MUST(cap <= DOC_TEXT_MAX);
    n = n == SIZE_MAX ? 0 : MIN(n, cap - 1);
    memcpy(out, whole, n);
    doc_tame(out, n, false);
    out[n] = '\0';
}

/* Within bounds, so that whoever prints it may make a whole number of it. */
static double number_of(struct span raw)
{
    char text[32];
    size_t n = MIN(raw.n, sizeof(text) - 1);
    double v;

    memcpy(text, raw.p, n);
    text[n] = '\0';
    if (sscanf(text, "%lf", &v) != 1)
        return 0;
    return MIN(MAX(v, -1.0), DOC_NUMBER_MAX);
}

void doc_put(const struct doc_member *m, void *row, const struct json_hit *hit)
{
    char *at = (char *)row + m->at;

    if (m->kind == DOC_TEXT && hit->type == JSON_STRING) {
        put_text(at, m->cap, hit->raw);
    } else if (m->kind == DOC_NUMBER && hit->type == JSON_NUMBER) {
        *(double *)(void *)at = number_of(hit->raw);
    } else if (m->kind == DOC_NUMBER && hit->type == JSON_NULL) {
        *(double *)(void *)at = -1;
    } else if (m->kind == DOC_YES || m->kind == DOC_NO) {
        *(bool *)at = hit->type == (m->kind == DOC_YES ? JSON_TRUE : JSON_FALSE);
    }
}

int doc_scan(const struct doc_member *members, size_t n, struct span text, json_hit_fn fn,
             void *arg)
{
    const char *paths[JSON_SCAN_PATHS];
    struct json_watch watch = {paths, n};

    MUST(n <= ARRAY_LEN(paths));
    for (size_t i = 0; i < n; i++)
        paths[i] = members[i].path;
    return json_scan_all(&watch, text, fn, arg) == JSON_SCAN_DONE ? 0 : -1;
}

static bool on_hit(void *arg, const struct json_hit *hit)
{
    struct doc_rows *r = arg;

    if (hit->index >= r->max)
        return true;
    doc_put(&r->members[hit->id], (char *)r->rows + hit->index * r->size, hit);
    r->n = MAX(r->n, (size_t)hit->index + 1);
    return true;
}

int doc_read(struct doc_rows *r, struct span text)
{
    return doc_scan(r->members, r->members_n, text, on_hit, r);
}
