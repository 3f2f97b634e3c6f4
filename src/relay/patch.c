/*
 * patch.c - patches of a request whose places only a second walk of the body tells: the model in
 * each request of a batch, and thinking that is not the target's.
 *
 * The reader of the request has seen that there are some, and that the body is whole and good.
 */
#include "base/mem.h"
#include "dialect/foreign.h"
#include "relay/relay_impl.h"

static bool make_room(struct relay *r)
{
    size_t room = 2 * r->at->patches_room;
    struct blob_patch *few = r->at->patches == r->at->few_patches ? r->at->few_patches : NULL;
    struct blob_patch *more = NULL;

    if (room <= RELAY_PATCHES_MAX)
        more = mem_realloc(few ? NULL : r->at->patches, room * sizeof(*more));
    if (!more)
        return false;
    if (few)
        memcpy(more, few, r->at->patches_n * sizeof(*more));
    r->at->patches = more;
    r->at->patches_room = room;
    return true;
}

bool relay_patch(struct relay *r, struct blob_patch p)
{
    if (r->at->patches_n == r->at->patches_room && !make_room(r))
        return false;
    r->at->patches_n = blob_patch_add(r->at->patches, r->at->patches_n, p);
    return true;
}

void relay_free_patches(struct relay *r)
{
    if (r->at->patches != r->at->few_patches)
        mem_free(r->at->patches);
}

static int walk(struct relay *r, struct json_scan *scan, struct err *e)
{
    struct span piece;

    for (uint64_t at = 0; at < blob_len(r->body); at += piece.n) {
        if (blob_at(r->body, at, &piece, e) < 0)
            return -1;
        if (json_scan_feed(scan, piece.p, piece.n) == JSON_SCAN_BAD)
            return r->at->patches_n == RELAY_PATCHES_MAX
                       ? err_set(e, ERR_LIMIT, "more than %d patches", RELAY_PATCHES_MAX)
                       : err_set(e, ERR_NOMEM, "no memory to patch a request: %s", scan->why);
    }
    return 0;
}

struct places {
    struct relay *r;
    struct span with;
};

static bool on_model(void *arg, const struct json_hit *h)
{
    struct places *p = arg;

    return relay_patch(p->r, (struct blob_patch){h->at, h->len, p->with});
}

int relay_rename_batch(struct relay *r, struct span with, struct err *e)
{
    static const char *const paths[] = {"requests[].model"};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};
    struct places p = {r, with};
    struct json_scan scan;

    json_scan_init(&scan, &watch, on_model, &p);
    return walk(r, &scan, e);
}

static bool on_foreign(void *arg, uint64_t at, uint64_t len)
{
    return relay_patch(arg, (struct blob_patch){.at = at, .len = len});
}

int relay_cut_foreign(struct relay *r, struct err *e)
{
    struct foreign_reader reader;

    foreign_begin(&reader, r->dialect->foreign, r->at->target->provider->type->caps & CAP_SIGNS,
                  on_foreign, r);
    return walk(r, &reader.scan, e);
}
