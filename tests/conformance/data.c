/*
 * data.c - see data.h.
 */
#include "data.h"

#include <fts.h>
#include <yyjson.h>
#include <zlib.h>

#include "base/base64.h"
#include "codec/reframe.h"

#define LINE_BYTES_MAX ((size_t)64 << 20)

long data_lines(const char *path, void (*fn)(void *arg, struct span line), void *arg)
{
    gzFile f = gzopen(path, "rb");
    size_t cap = 1 << 20, n = 0;
    char *line = malloc(cap);
    long lines = -1;

    if (!f || !line)
        goto out;
    lines = 0;
    while (gzgets(f, line + n, (int)(cap - n))) {
        n += strlen(line + n);
        if (n && line[n - 1] == '\n') {
            fn(arg, span_of(line, n - 1));
            lines++;
            n = 0;
        } else if (n + 1 == cap) {
            MUST(cap < LINE_BYTES_MAX);
            cap *= 2;
            line = realloc(line, cap);
            MUST(line);
        }
    }
    if (n) { /* the last one ends with the file */
        fn(arg, span_of(line, n));
        lines++;
    }
out:
    free(line);
    if (f)
        gzclose(f);
    return lines;
}

static void add_reframed(struct buf *out, enum reframe_kind kind, struct span bytes)
{
    struct reframe r;
    struct err e;

    reframe_init(&r, kind);
    MUST(reframe_feed(&r, bytes, out, &e) == 0 && reframe_end(&r, out, &e) == 0);
    reframe_fini(&r);
}

void data_answer(struct buf *out, yyjson_val *interaction)
{
    const char *type =
        yyjson_get_str(yyjson_obj_get(yyjson_obj_get(interaction, "resp_headers"), "content-type"));
    yyjson_val *text = yyjson_obj_get(interaction, "resp");
    yyjson_val *binary = yyjson_obj_get(interaction, "resp_b64");
    struct span plain = span_of(yyjson_get_str(text), yyjson_get_len(text));
    struct buf bytes;

    if (type && strstr(type, "ndjson"))
        add_reframed(out, REFRAME_NDJSON, plain);
    else
        buf_add_span(out, plain);
    if (yyjson_get_len(binary) == 0)
        return;
    buf_init(&bytes, LINE_BYTES_MAX);
    MUST(base64_decode(&bytes, span_of(yyjson_get_str(binary), yyjson_get_len(binary))) == 0);
    add_reframed(out, REFRAME_AWS, buf_span(&bytes));
    buf_fini(&bytes);
}

struct span data_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct span ret = {NULL, 0};
    char *text = NULL;
    long n;

    if (!f || fseek(f, 0, SEEK_END) < 0 || (n = ftell(f)) < 0)
        goto out;
    rewind(f);
    text = malloc((size_t)n + 1);
    MUST(text);
    if (fread(text, 1, (size_t)n, f) != (size_t)n)
        goto out;
    text[n] = '\0';
    ret = span_of(text, (size_t)n);
    text = NULL;
out:
    free(text);
    if (f)
        (void)fclose(f);
    return ret;
}

void data_free(struct span *s)
{
    void *p;

    memcpy(&p, &s->p, sizeof(p)); /* the span only borrows; this is the owner's way back */
    free(p);
    *s = span_of(NULL, 0);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

void data_walk(const char *dir, const char *end, void (*fn)(void *arg, const char *path), void *arg)
{
    char root[4096];
    char *roots[] = {root, NULL};
    FTS *tree;

    (void)snprintf(root, sizeof(root), "%s", dir);
    tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (!tree)
        return;
    for (FTSENT *e = fts_read(tree); e; e = fts_read(tree))
        if (e->fts_info == FTS_F && span_ends(span_str(e->fts_path), span_str(end)))
            fn(arg, e->fts_path);
    (void)fts_close(tree);
}
