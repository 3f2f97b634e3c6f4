/*
 * reread.c - what only some plans ask of a request's body: a second walk, for those alone.
 *
 * The reader of the request has seen that the body is whole and good.
 */
#include "codec/json_scan.h"
#include "relay/relay_impl.h"

static int walk(const struct relay *r, struct json_scan *scan, struct err *e)
{
    struct span piece;

    for (uint64_t at = 0; at < blob_len(r->body); at += piece.n) {
        if (blob_at(r->body, at, &piece, e) < 0)
            return -1;
        if (json_scan_feed(scan, piece.p, piece.n) == JSON_SCAN_BAD)
            return 0; /* it has been stopped: what was looked for is there */
    }
    return 0;
}

/* ---- tools ---- */

static bool on_tool(void *arg, const struct json_hit *h)
{
    UNUSED(h);
    *(bool *)arg = true;
    return false;
}

int relay_brings_tools(const struct relay *r, bool *ret, struct err *e)
{
    static const char *const paths[] = {"tools[]", "functions[]"};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};
    struct json_scan scan;

    *ret = false;
    json_scan_init(&scan, &watch, on_tool, ret);
    return walk(r, &scan, e);
}
