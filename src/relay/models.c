/*
 * models.c - which models there are, in the shape that the client's SDK reads.
 *
 * OpenAI's and Anthropic's answers differ in names only, so each has the other's as well, as far as
 * a name does not mean two things. Google's is another shape. All three stand at /v1/models; Google
 * has /v1beta/models, too.
 *
 * OpenAI's list has one page, the others are paged by a model's name: what stands before or behind
 * it is the same after a reload, as long as there is that model.
 */
#include "codec/json_write.h"
#include "relay/relay_impl.h"

#define LIST_MAX ((size_t)4 * 1024 * 1024)
#define NAMED    "models/" /* Google calls a model that */

struct model {
    struct span name, owner;
};

/* ---- pages ---- */

struct paging {
    const char *size, *size_too, *after, *after_too, *before;
    uint64_t usual, most;
    bool cuts; /* who asks for more than the most gets that, and none is as if nothing was said */
};

/* clang-format off */
static const struct paging anthropics = {
    .size = "limit", .after = "after_id", .before = "before_id", .usual = 20, .most = 1000,
};
static const struct paging googles = {
    .size = "pageSize", .size_too = "page_size", .after = "pageToken", .after_too = "page_token",
    .usual = 50, .most = 1000, .cuts = true,
};
/* clang-format on */

static bool refuse(struct relay *r, struct relay_refusal *no, const char *param, const char *why)
{
    struct span text = arena_printf(&r->arena, "%s: %s", param, why);

    *no = (struct relay_refusal){.status = 400, .reason = REASON_BAD_REQUEST};
    no->text = span_has(text) ? text.p : why;
    return false;
}

static struct span get(struct relay *r, const char *name, const char *name_too)
{
    struct span s = name ? relay_query_get(r, name) : span_of(NULL, 0);

    return span_has(s) || !name_too ? s : relay_query_get(r, name_too);
}

static bool read_size(struct relay *r, const struct paging *p, uint64_t *ret,
                      struct relay_refusal *no)
{
    struct span text = get(r, p->size, p->size_too);
    uint64_t n = 0;

    *ret = p->usual;
    if (text.n == 0)
        return true;
    if (span_u64(text, &n) < 0 || (!p->cuts && (n == 0 || n > p->most)))
        return refuse(r, no, p->size,
                      p->cuts ? "a number is wanted" : "a number from 1 to 1000 is wanted");
    if (n)
        *ret = MIN(n, p->most);
    return true;
}

/* The place of a model in the list; SIZE_MAX: none is named. */
static bool find(struct relay *r, struct span name, const char *param, size_t *ret,
                 struct relay_refusal *no)
{
    const struct settings *s = r->settings;

    *ret = SIZE_MAX;
    if (name.n == 0)
        return true;
    for (size_t i = 0; i < s->models_n; i++)
        if (span_eq(s->models[i].name, name)) {
            *ret = i;
            return true;
        }
    return refuse(r, no, param, "no model of the list is called so");
}

bool relay_read_page(struct relay *r, struct relay_page *ret, struct relay_refusal *no)
{
    const struct paging *p = r->dialect == &dialect_gemini_generate      ? &googles
                             : r->dialect == &dialect_anthropic_messages ? &anthropics
                                                                         : NULL;
    size_t all = r->settings->models_n, after, before;
    uint64_t size;

    *ret = (struct relay_page){.to = all};
    if (!p)
        return true;
    if (!read_size(r, p, &size, no) ||
        !find(r, get(r, p->after, p->after_too), p->after, &after, no) ||
        !find(r, get(r, p->before, NULL), p->before, &before, no))
        return false;
    if (before == SIZE_MAX) {
        ret->from = after == SIZE_MAX ? 0 : after + 1;
        ret->to = ret->from + MIN(size, all - ret->from);
        ret->more = ret->to < all;
        return true;
    }
    if (after != SIZE_MAX)
        return refuse(r, no, p->before, "it cannot stand beside after_id");
    ret->to = before;
    ret->from = before - MIN(size, before);
    ret->more = ret->from > 0;
    return true;
}

/* ---- lists ---- */

/* OpenAI's and Anthropic's. When a model was made is not known, which both say by the epoch. */
static void put_model(struct json_write *w, const struct model *m)
{
    json_begin_object(w);
    json_kv_string(w, "id", m->name);
    json_kv_cstring(w, "object", "model");
    json_kv_uint(w, "created", 0);
    json_kv_string(w, "owned_by", m->owner);
    json_kv_cstring(w, "type", "model"); /* from here on Anthropic's */
    json_kv_string(w, "display_name", m->name);
    json_kv_cstring(w, "created_at", "1970-01-01T00:00:00Z");
    json_kv_cstring(w, "lifecycle", "active");
    json_end_object(w);
}

static void put_list(struct json_write *w, const struct settings *s, const struct relay_page *page)
{
    json_begin_object(w);
    json_kv_cstring(w, "object", "list");
    json_key(w, "data");
    json_begin_array(w);
    for (size_t i = page->from; i < page->to; i++)
        put_model(w, &(struct model){s->models[i].name, s->models[i].targets[0].provider->name});
    json_end_array(w);
    json_kv_bool(w, "has_more", page->more);
    if (page->from < page->to) { /* Anthropic's; null is as good as nothing */
        json_kv_string(w, "first_id", s->models[page->from].name);
        json_kv_string(w, "last_id", s->models[page->to - 1].name);
    }
    json_end_object(w);
}

static void put_google_model(struct json_write *w, const struct model *m)
{
    static const char *const methods[] = {"generateContent", "streamGenerateContent",
                                          "countTokens"};

    json_begin_object(w);
    json_key(w, "name");
    json_raw(w, SPAN_LIT("\"" NAMED));
    json_escape(w->out, m->name);
    buf_add_char(w->out, '"');
    json_kv_string(w, "displayName", m->name);
    json_key(w, "supportedGenerationMethods");
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        json_cstring(w, methods[i]);
    json_end_array(w);
    json_end_object(w);
}

static void put_google_list(struct json_write *w, const struct settings *s,
                            const struct relay_page *page)
{
    json_begin_object(w);
    json_key(w, "models");
    json_begin_array(w);
    for (size_t i = page->from; i < page->to; i++)
        put_google_model(
            w, &(struct model){s->models[i].name, s->models[i].targets[0].provider->name});
    json_end_array(w);
    if (page->more)
        json_kv_string(w, "nextPageToken", s->models[page->to - 1].name);
    json_end_object(w);
}

static int send_json(struct relay *r, struct buf *b, struct err *e)
{
    int rc = -1;

    if (buf_finish(b, "list of models", e) == 0)
        rc = relay_send_whole(r, 200, SPAN_LIT("application/json"), buf_span(b), NULL, e);
    buf_fini(b);
    return rc;
}

int relay_send_models(struct relay *r, const struct relay_page *page, struct err *e)
{
    struct json_write w;
    struct buf b;

    buf_init(&b, LIST_MAX);
    json_write_init(&w, &b);
    (r->dialect == &dialect_gemini_generate ? put_google_list : put_list)(&w, r->settings, page);
    return send_json(r, &b, e);
}

int relay_send_model(struct relay *r, struct span name, struct err *e)
{
    const struct settings_target *first = r->plan.model ? r->plan.model->targets : &r->plan.one;
    const struct model m = {name, first->provider->name};
    struct json_write w;
    struct buf b;

    buf_init(&b, LIST_MAX);
    json_write_init(&w, &b);
    (r->dialect == &dialect_gemini_generate ? put_google_model : put_model)(&w, &m);
    return send_json(r, &b, e);
}
