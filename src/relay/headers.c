/*
 * headers.c - see headers.h.
 */
#include "relay/headers.h"

enum verdict { DROP, PASS };

static const struct {
    struct span name;
    enum verdict way[2]; /* by enum headers_way */
} rows[] = {
#define X(name, to_upstream, to_client) {{name, sizeof(name) - 1}, {to_upstream, to_client}},
#include "relay/headers.def"
#undef X
};

/* Is it this name, or does it begin with what stands before the '*'? */
static bool matches(struct span row, struct span name)
{
    if (row.p[row.n - 1] == '*')
        return name.n >= row.n - 1 && memcmp(name.p, row.p, row.n - 1) == 0;
    return span_eq(row, name);
}

static bool passes(struct span name, enum headers_way way, const char *const *own)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (matches(rows[i].name, name))
            return rows[i].way[way] == PASS;
    for (; own && *own; own++)
        if (matches(span_str(*own), name))
            return true;
    return false;
}

size_t headers_filter(struct http_field *out, const struct http_head *from, enum headers_way way,
                      const char *const *own)
{
    size_t n = 0;

    for (size_t i = 0; i < from->fields_n; i++)
        if (passes(from->fields[i].name, way, own))
            out[n++] = from->fields[i];
    return n;
}
