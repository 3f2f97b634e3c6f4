/*
 * batch.c - renames the model in a batch, which says it in each of its requests.
 *
 * The reader of the request has counted the places and made sure that they are plain strings; here
 * the body is walked once more for where they stand.
 */
#include "relay/relay_impl.h"

struct places {
    struct relay *r;
    struct span with;
    size_t max;
};

static bool on_model(void *arg, const struct json_hit *h)
{
    struct places *p = arg;
    struct relay *r = p->r;

    if (r->patches_n == p->max)
        return false;
    r->patches_n =
        blob_patch_add(r->patches, r->patches_n, (struct blob_patch){h->at, h->len, p->with});
    return true;
}

int relay_rename_batch(struct relay *r, struct span with, struct err *e)
{
    static const char *const paths[] = {"requests[].model"};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};
    struct places p = {r, with, r->patches_n + r->req.models};
    struct blob_patch *patches = arena_alloc(&r->arena, p.max * sizeof(*patches));
    struct json_scan scan;
    struct span piece;

    if (!patches)
        return err_set(e, ERR_NOMEM, "no memory for a batch of %u requests", r->req.models);
    for (size_t i = 0; i < r->patches_n; i++)
        patches[i] = r->patches[i];
    r->patches = patches;
    json_scan_init(&scan, &watch, on_model, &p);
    for (uint64_t at = 0; at < blob_len(r->body); at += piece.n) {
        if (blob_at(r->body, at, &piece, e) < 0)
            return -1;
        if (json_scan_feed(&scan, piece.p, piece.n) == JSON_SCAN_BAD)
            return err_set(e, ERR_PROTOCOL, "the batch cannot be read again: %s", scan.why);
    }
    return 0;
}
