/*
 * models.c - which models there are, in the shape that the client's SDK reads.
 *
 * OpenAI's and Anthropic's have one path, /v1/models; what tells them apart is the version that
 * Anthropic's SDKs send with everything. Their answers differ in names only, so each has the
 * other's as well, as far as a name does not mean two things. Google's is another path and another
 * shape.
 *
 * The list has one page, whatever size was asked for: it is as long as the configuration.
 */
#include "codec/json_write.h"
#include "relay/relay_impl.h"

#define LIST_MAX ((size_t)4 * 1024 * 1024)
#define NAMED    "models/" /* Google calls a model that */

struct model {
    struct span name, owner;
};

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

static void put_list(struct json_write *w, const struct settings *s)
{
    bool any = s->models_n > 0;

    json_begin_object(w);
    json_kv_cstring(w, "object", "list");
    json_key(w, "data");
    json_begin_array(w);
    for (size_t i = 0; i < s->models_n; i++)
        put_model(w, &(struct model){s->models[i].name, s->models[i].targets[0].provider->name});
    json_end_array(w);
    json_kv_bool(w, "has_more", false);
    if (any) { /* Anthropic's; null is as good as nothing */
        json_kv_string(w, "first_id", s->models[0].name);
        json_kv_string(w, "last_id", s->models[s->models_n - 1].name);
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

static void put_google_list(struct json_write *w, const struct settings *s)
{
    json_begin_object(w);
    json_key(w, "models");
    json_begin_array(w);
    for (size_t i = 0; i < s->models_n; i++)
        put_google_model(
            w, &(struct model){s->models[i].name, s->models[i].targets[0].provider->name});
    json_end_array(w);
    json_end_object(w);
}

static int send_json(struct relay *r, struct buf *b, struct err *e)
{
    int rc = -1;

    if (buf_finish(b, "list of models", e) == 0)
        rc = relay_send_whole(r, 200, SPAN_LIT("application/json"), buf_span(b), span_of(NULL, 0),
                              false, e);
    buf_fini(b);
    return rc;
}

int relay_send_models(struct relay *r, struct err *e)
{
    struct json_write w;
    struct buf b;

    buf_init(&b, LIST_MAX);
    json_write_init(&w, &b);
    (r->dialect == &dialect_gemini_generate ? put_google_list : put_list)(&w, r->settings);
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
