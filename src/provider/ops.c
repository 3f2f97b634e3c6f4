/*
 * ops.c - which operation a client asks for, and under which path a provider has it.
 */
#include "codec/percent.h"
#include "provider/provider.h"

enum { STREAMED = 2 };

static const struct provider_op_row rows[OPS] = {
#define X(name, text, method, path, dialect, way)                                                  \
    [OP_##name] = {OP_##name, text, method, path, dialect, (way) != false, (way) == STREAMED},
#include "provider/ops.def"
#undef X
};

/* The part of a pattern before its '*', or all of it; *behind is what follows the '*'. */
static struct span fixed_part(const char *pattern, struct span *behind)
{
    *behind = span_str(pattern);
    return span_cut(behind, '*');
}

/* Could the upstream read another path out of the rest than the one that was matched? Dots that
 * climb, written out or escaped, and separators that are escaped. */
static bool is_tricky(struct span path)
{
    static const char *const tricks[] = {"/..", "%2e", "%2E", "%2f", "%2F", "%5c", "%5C", "\\"};

    for (size_t i = 0; i < ARRAY_LEN(tricks); i++)
        if (span_contains(path, span_str(tricks[i])))
            return true;
    return false;
}

/* Does the path fit, and what of it stands in place of the '*'? A path that climbs fits nothing:
 * what it means is the next server's secret. */
static bool path_fits(const char *pattern, struct span path, struct span *rest)
{
    struct span behind, fixed = fixed_part(pattern, &behind);

    if (fixed.n == 0 || !span_starts(path, fixed))
        return false;
    *rest = span_of(path.p + fixed.n, path.n - fixed.n);
    if (!span_has(behind)) /* no '*' */
        return rest->n == 0;
    if (is_tricky(path) || !span_ends(*rest, behind))
        return false;
    rest->n -= behind.n;
    if (fixed.p[fixed.n - 1] == '/')
        return rest->n > 0;
    return rest->n == 0 || rest->p[0] == '/';
}

struct span provider_op_rest(const struct provider_op_row *op, struct span path)
{
    struct span rest;

    if (!strchr(op->path, '*') || !path_fits(op->path, path, &rest))
        return span_of(NULL, 0);
    return rest;
}

const struct provider_op_row *provider_op_find(struct span method, struct span path,
                                               bool *path_known)
{
    struct span rest;

    *path_known = false;
    for (size_t i = 0; i < OPS; i++) {
        if (!rows[i].path[0] || !path_fits(rows[i].path, path, &rest))
            continue;
        *path_known = true;
        if (span_is(method, rows[i].method) || strcmp(rows[i].method, "*") == 0)
            return &rows[i];
    }
    return NULL;
}

const struct provider_op_row *provider_op_row(enum provider_op op)
{
    MUST(op < OPS);
    return &rows[op];
}

void provider_expand(struct buf *out, const char *text, struct span region, struct span project)
{
    struct span rest = span_str(text);

    buf_add_span(out, span_cut(&rest, '%'));
    while (span_has(rest)) {
        MUST(rest.n && (rest.p[0] == 'r' || rest.p[0] == 'p'));
        buf_add_span(out, rest.p[0] == 'r' ? region : project);
        rest = span_of(rest.p + 1, rest.n - 1);
        buf_add_span(out, span_cut(&rest, '%'));
    }
}

unsigned provider_places(const struct provider *p, char place)
{
    const struct span mark = {(const char[]){'%', place}, 2};
    unsigned places = 0;

    if (p->base && span_contains(span_str(p->base), mark))
        places |= PLACE_BASE;
    if (p->scope && span_contains(span_str(p->scope), mark))
        places |= PLACE_SCOPE;
    if (place == 'r' && p->cloud == CLOUD_AWS)
        places |= PLACE_SIGNATURE;
    return places;
}

enum provider_auth provider_auth(const struct provider *p, enum provider_op op)
{
    bool copied = strncmp(rows[op].dialect, "openai.", 7) == 0;

    return copied && p->auth_openai != AUTH_NONE ? p->auth_openai : p->auth;
}

/* How much of the base's end the path begins with, in whole segments. */
static size_t overlap(struct span base, struct span path)
{
    for (size_t at = 0; at < base.n; at++) {
        struct span end = span_of(base.p + at, base.n - at);

        if (*end.p == '/' && span_starts(path, end) && path.n > end.n && path.p[end.n] == '/')
            return end.n;
    }
    return 0;
}

bool provider_serves(const struct provider *p, enum provider_op op, struct span model)
{
    const char *hosted = p->hosted.models;

    for (const struct provider_some *s = p->some; s && s->models; s++)
        if (s->op == op && span_globs(s->models, model) == s->others)
            return false;
    if (!p->paths[op] || !hosted)
        return p->paths[op] != NULL;
    if (op == OP_MESSAGES)
        return span_glob(span_str(hosted), model);
    return !p->hosted.only || !span_glob(span_str(hosted), model);
}

int provider_path(struct buf *out, const struct provider *p, const struct provider_ask *ask,
                  struct span base)
{
    struct span streams = span_str(p->paths[ask->op]), rest = {NULL, 0}, path;

    if (!span_has(streams))
        return -1;
    path = span_cut(&streams, '|');
    if (ask->stream && span_has(streams))
        path = streams;
    if (path.p[path.n - 1] == '*') {
        if (!path_fits(provider_op_row(ask->op)->path, ask->client, &rest))
            return -1;
        path.n--;
    }
    base.n -= MAX(overlap(base, path), overlap(base, span_str(p->paths[OP_CHAT])));
    buf_add_span(out, base);
    buf_add_span(out, span_cut(&path, '%'));
    while (span_has(path)) { /* behind a '%', which is always "%m" */
        MUST(path.n && path.p[0] == 'm');
        percent_encode(out, ask->model, ""); /* one segment */
        path = span_of(path.p + 1, path.n - 1);
        buf_add_span(out, span_cut(&path, '%'));
    }
    buf_add_span(out, rest);
    return 0;
}
