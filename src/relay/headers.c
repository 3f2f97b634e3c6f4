/*
 * headers.c - see headers.h.
 */
#include "relay/headers.h"

enum verdict { DROP, PASS };

static const struct {
    const char *name;
    enum verdict way[2]; /* by enum headers_way */
} rows[] = {
#define X(name, to_upstream, to_client) {name, {to_upstream, to_client}},
#include "relay/headers.def"
#undef X
};

static bool passes(struct span name, enum headers_way way)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_glob(span_str(rows[i].name), name))
            return rows[i].way[way] == PASS;
    return false;
}

size_t headers_filter(struct http_field *out, const struct http_head *from, enum headers_way way)
{
    size_t n = 0;

    for (size_t i = 0; i < from->fields_n; i++)
        if (passes(from->fields[i].name, way))
            out[n++] = from->fields[i];
    return n;
}
