/*
 * hosted.c - a request of Anthropic's messages for a cloud that has the API in a form of its own.
 *
 * The body says the version where Anthropic's own API has a header, and names no model, for the
 * path does; some also want the betas in it, and no word about streaming. All else stays byte for
 * byte: the member "model" is replaced by those that are wanted, "stream" is taken out with a
 * comma.
 *
 * Where the members begin is looked for backwards from their values: the reader of the request has
 * seen that keys stand in front of them, plainly spelled.
 */
#include "codec/json_write.h"
#include "relay/relay_impl.h"

#define MEMBERS_MAX ((size_t)16 * 1024)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The last byte before *at that is no blank; *at becomes its place. -1: the body cannot be read. */
static int step_back(struct blob *b, uint64_t *at, char *ret, struct err *e)
{
    do {
        MUST(*at > 0);
        if (blob_copy(b, --*at, ret, 1, e) < 0)
            return -1;
    } while (is_blank(*ret));
    return 0;
}

/* The first one from *at on; *at becomes the place behind it. */
static int step_on(struct blob *b, uint64_t *at, char *ret, struct err *e)
{
    do {
        MUST(*at < blob_len(b));
        if (blob_copy(b, (*at)++, ret, 1, e) < 0)
            return -1;
    } while (is_blank(*ret));
    return 0;
}

/* Where the member begins whose value stands at `at`: at its key's quote. */
static int find_key(struct blob *b, uint64_t at, const char *key, uint64_t *ret, struct err *e)
{
    char c;

    if (step_back(b, &at, &c, e) < 0) /* the colon */
        return -1;
    if (step_back(b, &at, &c, e) < 0) /* the quote behind the key */
        return -1;
    *ret = at - strlen(key) - 1;
    return 0;
}

/* A member that is not the only one, with the comma that goes with it. */
static int cut_member(struct blob *b, uint64_t key, uint64_t end, struct blob_patch *ret,
                      struct err *e)
{
    uint64_t before = key;
    char c;

    if (step_back(b, &before, &c, e) < 0)
        return -1;
    if (c == ',')
        key = before;
    else if (step_on(b, &end, &c, e) < 0) /* it is the first: the comma stands behind it */
        return -1;
    *ret = (struct blob_patch){key, end - key, {"", 0}};
    return 0;
}

static void add_betas(struct json_write *w, const struct http_head *h)
{
    bool any = false;

    for (size_t i = 0; i < h->fields_n; i++) {
        struct span rest = h->fields[i].value;

        while (span_is(h->fields[i].name, "anthropic-beta") && span_has(rest)) {
            struct span beta = span_trim(span_cut(&rest, ','));

            if (beta.n == 0)
                continue;
            if (!any) {
                json_key(w, "anthropic_beta");
                json_begin_array(w);
                any = true;
            }
            json_string(w, beta);
        }
    }
    if (any)
        json_end_array(w);
}

/* What stands in place of "model", in the arena; absent: no memory. */
static struct span members(struct relay *r)
{
    const struct provider *type = r->at->target->provider->type;
    struct span ret = {NULL, 0};
    struct json_write w;
    struct buf b;

    buf_init(&b, MEMBERS_MAX);
    json_write_init(&w, &b);
    json_begin_object(&w);
    json_kv_cstring(&w, "anthropic_version", type->hosted.version);
    if (type->hosted.body_betas)
        add_betas(&w, r->head);
    json_end_object(&w);
    if (buf_ok(&b))
        ret = arena_dup(&r->arena, span_of(b.p + 1, b.n - 2)); /* without the braces */
    buf_fini(&b);
    return ret;
}

bool relay_is_hosted(const struct relay *r)
{
    return !r->at->translate && r->dialect == &dialect_anthropic_messages &&
           r->at->target->provider->type->hosted.version;
}

int relay_host(struct relay *r, struct err *e)
{
    const struct dialect_request *q = &r->req;
    uint64_t model, stream;
    struct blob_patch p;

    p.with = members(r);
    if (!span_has(p.with))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    if (find_key(r->body, q->model_at, "model", &model, e) < 0)
        return -1;
    p.at = model;
    p.len = q->model_at + q->model_len - model;
    r->at->patches_n = 0;
    if (!relay_patch(r, p))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    if (q->stream_len == 0 || r->at->target->provider->type->hosted.keeps_stream)
        return 0;
    if (find_key(r->body, q->stream_at, "stream", &stream, e) < 0 ||
        cut_member(r->body, stream, q->stream_at + q->stream_len, &p, e) < 0)
        return -1;
    return relay_patch(r, p) ? 0 : err_set(e, ERR_NOMEM, "no memory for a request");
}
