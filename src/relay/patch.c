/*
 * patch.c - patches of a request whose places only a second walk of the body tells: the model in
 * each request of a batch, and thinking that is not the target's.
 *
 * The reader of the request has seen that there are some, and that the body is whole and good.
 */
#include "dialect/foreign.h"
#include "relay/relay_impl.h"

static bool add(struct relay *r, struct blob_patch p)
{
    size_t room = r->patches_room;

    if (r->patches_n == room) {
        struct blob_patch *more = arena_alloc(&r->arena, 2 * room * sizeof(*more));

        if (!more)
            return false;
        memcpy(more, r->patches, r->patches_n * sizeof(*more));
        r->patches = more;
        r->patches_room = 2 * room;
    }
    r->patches_n = blob_patch_add(r->patches, r->patches_n, p);
    return true;
}

static int walk(struct relay *r, struct json_scan *scan, struct err *e)
{
    struct span piece;

    for (uint64_t at = 0; at < blob_len(r->body); at += piece.n) {
        if (blob_at(r->body, at, &piece, e) < 0)
            return -1;
        if (json_scan_feed(scan, piece.p, piece.n) == JSON_SCAN_BAD)
            return err_set(e, ERR_NOMEM, "no memory to patch a request: %s", scan->why);
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

    return add(p->r, (struct blob_patch){h->at, h->len, p->with});
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
    return add(arg, (struct blob_patch){.at = at, .len = len});
}

int relay_cut_foreign(struct relay *r, struct err *e)
{
    struct foreign_reader reader;

    foreign_begin(&reader, r->dialect->foreign, on_foreign, r);
    return walk(r, &reader.scan, e);
}
