/*
 * routing.c - what a request says about its own routing, where its model takes that
 * (routing.from_body):
 *
 *     "lamplighter": {"order": [...], "only": [...], "ignore": [...], "allow_fallbacks": false,
 *                     "sort": "cheapest"}
 *
 * It is for the gateway alone: it is cut out of the body, and the body read anew, so that all that
 * follows is as if it had never been there.
 */
#include "base/mem.h"
#include "codec/json_scan.h"
#include "codec/json_tree.h"
#include "relay/relay_plan.h"

#define MEMBER     "lamplighter"
#define OBJECT_MAX ((size_t)16 * 1024)
#define AROUND     256 /* bytes of white space and name that may stand around it */
#define WORDS_MOST 32

/* ---- where it is ---- */

struct found {
    uint64_t at, len;
    unsigned times;
    bool escaped, object;
};

static bool on_member(void *arg, const struct json_hit *h)
{
    struct found *f = arg;

    f->escaped |= h->escaped_key;
    f->times += !h->end;
    f->object |= h->type == JSON_OBJECT;
    f->at = h->at;
    f->len = h->len;
    return true;
}

static size_t skip_back(const char *p, size_t n)
{
    while (n && (p[n - 1] == ' ' || p[n - 1] == '\n' || p[n - 1] == '\r' || p[n - 1] == '\t'))
        n--;
    return n;
}

static size_t skip(struct span s, size_t at)
{
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\n' || s.p[at] == '\r' || s.p[at] == '\t'))
        at++;
    return at;
}

/* Its name, with the comma before it or behind it. -1: too much white space, or no memory. */
static int find_cut(struct relay *r, const struct found *f, struct blob_patch *ret, struct err *e)
{
    static const struct span name = SPAN_LIT("\"" MEMBER "\"");
    uint64_t end = f->at + f->len;
    size_t before = (size_t)MIN(f->at, (uint64_t)AROUND), n, at;
    size_t behind = (size_t)MIN(blob_len(r->body) - end, (uint64_t)AROUND);
    char text[AROUND];

    if (blob_copy(r->body, f->at - before, text, before, e) < 0)
        return -1;
    n = skip_back(text, before);
    n = n && text[n - 1] == ':' ? skip_back(text, n - 1) : 0;
    if (n < name.n || memcmp(text + n - name.n, name.p, name.n) != 0)
        return err_set(e, ERR_LIMIT, "white space");
    n = skip_back(text, n - name.n);
    if (n == 0)
        return err_set(e, ERR_LIMIT, "white space");
    n -= text[n - 1] == ',';
    *ret = (struct blob_patch){.at = f->at - before + n, .len = end - (f->at - before + n)};
    if (text[n] == ',')
        return 0;
    if (blob_copy(r->body, end, text, behind, e) < 0)
        return -1;
    at = skip(span_of(text, behind), 0);
    if (at == behind)
        return err_set(e, ERR_LIMIT, "white space");
    ret->len += text[at] == ',' ? at + 1 : 0;
    return 0;
}

/* ---- without it ---- */

/* What the URL says of the request is not in the body; nor is what `route` was asked about. */
static int read_again(struct relay *r, struct err *e)
{
    struct dialect_request was = r->req;
    struct relay_refusal no;

    r->reader = mem_alloc(sizeof(*r->reader));
    if (!r->reader)
        return err_set(e, ERR_NOMEM, "no memory");
    dialect_request_copy(r->reader, relay_ready(r, r->dialect));
    for (uint64_t at = 0; at < blob_len(r->body);) {
        struct span piece;

        if (blob_at(r->body, at, &piece, e) < 0)
            return -1;
        if (dialect_request_feed(r->reader, piece.p, piece.n) < 0)
            return err_set(e, ERR_PROTOCOL, "%s", r->reader->why);
        at += piece.n;
    }
    if (!relay_read_end(r, &no))
        return err_set(e, ERR_PROTOCOL, "it is no request without it");
    memcpy(r->req.model, was.model, sizeof(was.model));
    r->req.model_n = was.model_n;
    if (r->dialect->by_url)
        r->req.stream = was.stream;
    return 0;
}

static int cut_out(struct relay *r, const struct blob_patch *cut, struct err *e)
{
    struct blob *body = NULL;
    struct blob_reader reader;
    struct span piece;
    char text[4096];
    int rc = blob_new(&body, &r->env->blobs, r->settings->server.limits.body_bytes, e);

    blob_reader_init(&reader, r->body, cut, 1);
    while (rc == 0 && (rc = blob_reader_next(&reader, sizeof(text), &piece, e)) == 0 && piece.n) {
        memcpy(text, piece.p, piece.n); /* the pool's own, until it is asked for more */
        rc = blob_add(body, text, piece.n, e);
    }
    if (rc == 0) {
        blob_unref(&r->body);
        r->body = body;
        return read_again(r, e);
    }
    blob_unref(&body);
    return rc;
}

/* ---- what it says ---- */

static int read_words(struct relay *r, yyjson_val *v, struct route_words *ret)
{
    struct span *words = arena_alloc(&r->arena, WORDS_MOST * sizeof(*words));
    size_t i, n;
    yyjson_val *word;

    if (!words || !yyjson_is_arr(v) || yyjson_arr_size(v) > WORDS_MOST)
        return -1;
    yyjson_arr_foreach(v, i, n, word)
    {
        if (!yyjson_is_str(word))
            return -1;
        words[i] = arena_dup(&r->arena, json_text(word));
        if (!words[i].p)
            return -1;
    }
    *ret = (struct route_words){words, yyjson_arr_size(v)};
    return 0;
}

static int read_sort(struct relay_routing *ret, yyjson_val *v)
{
    static const struct {
        const char *word;
        enum route_strategy strategy;
    } words[] = {{"ordered", ROUTE_ORDERED},   {"spread", ROUTE_SPREAD},
                 {"weighted", ROUTE_WEIGHTED}, {"fastest", ROUTE_FASTEST},
                 {"latency", ROUTE_FASTEST},   {"cheapest", ROUTE_CHEAPEST},
                 {"price", ROUTE_CHEAPEST}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (span_is(json_text(v), words[i].word)) {
            ret->sort = words[i].strategy;
            ret->sorted = true;
            return 0;
        }
    return -1;
}

static int read_member(struct relay *r, struct span name, yyjson_val *v)
{
    struct relay_routing *to = &r->routing;

    if (span_is(name, "order"))
        return read_words(r, v, &to->order);
    if (span_is(name, "only"))
        return read_words(r, v, &to->only);
    if (span_is(name, "ignore"))
        return read_words(r, v, &to->ignore);
    if (span_is(name, "sort"))
        return read_sort(to, v);
    if (!span_is(name, "allow_fallbacks") || !yyjson_is_bool(v))
        return -1;
    to->no_fallbacks = !yyjson_get_bool(v);
    return 0;
}

static bool refuse(struct relay_refusal *no, const char *place, const char *text)
{
    return relay_no_at(no, 400, REASON_BAD_REQUEST, place, text,
                       "docs/plans.md says what a request may say about its routing.");
}

static bool read_object(struct relay *r, yyjson_val *object, struct relay_refusal *no)
{
    size_t i, n;
    yyjson_val *key, *v;
    struct span name, text;

    yyjson_obj_foreach(object, i, n, key, v)
    {
        name = json_text(key);
        if (read_member(r, name, v) == 0)
            continue;
        text = arena_printf(&r->arena,
                            MEMBER ".%.*s: it takes order, only and ignore (lists of at most 32 "
                                   "texts), allow_fallbacks (true or false), and sort (ordered, "
                                   "spread, weighted, fastest, cheapest).",
                            (int)MIN(name.n, (size_t)40), name.p);
        return refuse(no, MEMBER, text.p ? text.p : MEMBER ": a member is not as it may be.");
    }
    return true;
}

/* The object's bytes, to be read as a tree. */
static bool read_found(struct relay *r, const struct found *f, struct relay_refusal *no)
{
    char *bytes = arena_alloc(&r->arena, (size_t)f->len);
    struct json_tree tree = {0};
    struct err e;
    bool ok = false;

    if (!bytes || blob_copy(r->body, f->at, bytes, (size_t)f->len, &e) < 0 ||
        json_tree_read(&tree, span_of(bytes, (size_t)f->len), &e) < 0)
        relay_no(no, 503, REASON_NO_MEMORY, "The gateway has no memory for this request.", NULL);
    else
        ok = read_object(r, tree.root, no);
    json_tree_fini(&tree);
    return ok;
}

bool relay_read_routing(struct relay *r, struct relay_refusal *no)
{
    static const char *const paths[] = {MEMBER};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};
    struct found f = {.times = 0};
    struct blob_patch cut;
    struct err e;

    if (!r->plan.model || !r->plan.model->routed_by_body) {
        r->routing = (struct relay_routing){0};
        return true;
    }
    if (r->routing.read) /* by a configuration on trial, from which it has gone back */
        return true;
    if (relay_scan_body(r, &watch, on_member, &f, &e) < 0)
        return relay_no(no, 503, REASON_NO_MEMORY, "The request body cannot be read back.", NULL);
    if (f.times == 0)
        return true;
    if (f.times > 1 || f.escaped || !f.object || f.len > OBJECT_MAX)
        return refuse(no, MEMBER,
                      MEMBER ": it is one object of at most 16 KiB, spelled without escapes.");
    if (!read_found(r, &f, no))
        return false;
    r->routing.read = find_cut(r, &f, &cut, &e) == 0 && cut_out(r, &cut, &e) == 0;
    if (r->routing.read)
        return true;
    return e.code == ERR_LIMIT
               ? refuse(no, MEMBER, MEMBER ": there is too much white space around it.")
               : relay_no(no, 503, REASON_NO_MEMORY, "The gateway has no memory for this request.",
                          NULL);
}

/* ---- whom it is about ---- */

static bool is_named(struct route_words words, const struct settings_target *t)
{
    return route_has_word(words, t->id) || route_has_word(words, t->provider->name);
}

const char *relay_routed_away(const struct relay *r, const struct settings_target *t)
{
    if (r->routing.only.n && !is_named(r->routing.only, t))
        return "only";
    return is_named(r->routing.ignore, t) ? "ignore" : NULL;
}

uint8_t relay_rank(const struct relay *r, const struct settings_target *t)
{
    const struct route_words *order = &r->routing.order;

    _Static_assert(WORDS_MOST < ROUTE_UNWANTED, "each of them is a rank");
    for (size_t i = 0; i < order->n; i++)
        if (is_named((struct route_words){&order->words[i], 1}, t))
            return (uint8_t)i;
    return ROUTE_UNWANTED;
}
