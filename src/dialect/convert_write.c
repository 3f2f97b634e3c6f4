/*
 * convert_write.c - see convert_write.h.
 */
#include "dialect/convert_write.h"

#include "codec/json_scan.h"
#include "dialect/convert_read.h"

void convert_kv_text(struct json_write *w, const char *key, struct span s)
{
    if (span_has(s))
        json_kv_string(w, key, s);
}

void convert_kv_raw(struct json_write *w, const char *key, struct span s)
{
    if (!span_has(s))
        return;
    json_key(w, key);
    json_raw(w, s);
}

void convert_kv_tri(struct json_write *w, const char *key, enum chat_tri t)
{
    if (t != CHAT_UNSET)
        json_kv_bool(w, key, t == CHAT_YES);
}

int convert_kv_joined(struct json_write *w, const char *key, const struct chat_part *p,
                      enum chat_kind kind, struct err *e)
{
    struct buf b;
    int rc;

    buf_init(&b, w->out->max);
    for (; p; p = p->next)
        if (p->kind == kind)
            buf_add_span(&b, p->text);
    rc = buf_finish(&b, "request", e);
    if (rc == 0 && b.n)
        json_kv_string(w, key, buf_span(&b));
    buf_fini(&b);
    return rc;
}

void convert_kv_stops(struct json_write *w, const char *key, const struct chat_request *q,
                      size_t most, const struct convert_to *to)
{
    const struct chat_text *t = q->stops;

    if (!t)
        return;
    json_key(w, key);
    json_begin_array(w);
    for (size_t n = 0; t && n < most; t = t->next, n++)
        json_string(w, t->s);
    json_end_array(w);
    if (t)
        convert_approximates(to, CHAT_HAS_STOP);
}

void convert_kv_citing(struct json_write *w, const struct chat_media *m)
{
    if (!m->cite)
        return;
    json_key(w, "citations");
    json_begin_object(w);
    json_kv_bool(w, "enabled", true);
    json_end_object(w);
}

void convert_kv_url(struct json_write *w, const char *key, const struct chat_media *m,
                    const char *type)
{
    if (m->source != CHAT_BASE64) {
        json_kv_string(w, key, m->data);
        return;
    }
    json_key(w, key);
    json_raw(w, SPAN_LIT("\"data:"));
    json_escape(w->out, span_has(m->type) ? m->type : span_str(type));
    buf_add_str(w->out, ";base64,");
    json_escape(w->out, m->data);
    buf_add_char(w->out, '"');
}

static void write_tool(struct json_write *w, const struct chat_tool *t, struct span name)
{
    json_begin_object(w);
    json_kv_cstring(w, "type", "function");
    json_key(w, "function");
    json_begin_object(w);
    json_kv_string(w, "name", name);
    convert_kv_text(w, "description", t->description);
    json_key(w, "parameters");
    json_raw(w,
             span_has(t->schema) ? t->schema : SPAN_LIT("{\"type\":\"object\",\"properties\":{}}"));
    json_end_object(w);
    json_end_object(w);
}

int convert_kv_tools(struct json_write *w, const struct chat_request *q, struct span only,
                     const struct convert_charset *names, struct err *e)
{
    bool any = false;

    for (const struct chat_tool *t = q->tools; t; t = t->next) {
        struct span name = t->name;

        if (t->kind != CHAT_TOOL_FUNCTION || (span_has(only) && !span_eq(t->name, only)))
            continue;
        if (names)
            name = convert_fit(q->arena, t->name, names);
        if (!span_has(name))
            return convert_no_memory(e);
        if (!any) {
            json_key(w, "tools");
            json_begin_array(w);
        }
        any = true;
        write_tool(w, t, name);
    }
    if (any)
        json_end_array(w);
    return 0;
}

void convert_kv_cache(struct json_write *w, const struct convert_to *to, struct span ttl)
{
    const struct convert_cache *c = to->host->cache;

    json_key(w, c->key);
    json_begin_object(w);
    json_kv_cstring(w, c->kind, c->word);
    if (c->ttl)
        convert_kv_text(w, "ttl", ttl);
    json_end_object(w);
    if (!c->ttl && span_is(ttl, "1h")) /* it may be gone before */
        convert_approximates(to, CHAT_HAS_CACHE);
}

size_t convert_count(const struct chat_part *p, enum chat_kind kind)
{
    size_t n = 0;

    for (; p; p = p->next)
        n += p->kind == kind;
    return n;
}

bool convert_is_object(struct span text)
{
    size_t at = 0;

    while (at < text.n && text.p[at] && strchr(" \t\r\n", text.p[at]))
        at++;
    return at < text.n && text.p[at] == '{' &&
           json_scan_all(NULL, text, NULL, NULL) == JSON_SCAN_DONE;
}

struct span convert_arguments(const struct chat_part *call)
{
    if (span_trim(call->args).n == 0)
        return SPAN_LIT("{}");
    return convert_is_object(call->args) ? call->args : span_of(NULL, 0);
}

bool convert_above_one(struct span s)
{
    size_t i = 1;

    if (s.n == 0 || s.p[0] < '1' || s.p[0] > '9' || span_find(s, 'e') != SIZE_MAX ||
        span_find(s, 'E') != SIZE_MAX)
        return false;
    while (i < s.n && s.p[0] == '1' && (s.p[i] == '0' || s.p[i] == '.') &&
           (s.p[i] != '0' || span_find(span_of(s.p, i), '.') != SIZE_MAX))
        i++;
    return s.p[0] != '1' || i < s.n;
}

struct span convert_effort(struct span effort)
{
    static const struct {
        const char *effort;
        struct span word;
    } rows[] = {
        {"minimal", SPAN_LIT("low")}, {"low", SPAN_LIT("low")},    {"medium", SPAN_LIT("medium")},
        {"high", SPAN_LIT("high")},   {"xhigh", SPAN_LIT("high")}, {"max", SPAN_LIT("high")},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_is(effort, rows[i].effort))
            return rows[i].word;
    return span_of(NULL, 0);
}

void convert_write_tree(struct json_write *w, yyjson_val *v)
{
    struct buf text;

    buf_init(&text, w->out->max);
    json_write_tree(&text, v);
    if (buf_ok(&text)) {
        json_raw(w, buf_span(&text));
    } else {
        w->out->err = text.err;
        json_null(w); /* the writer goes on, the buffer does not */
    }
    buf_fini(&text);
}

static void write_typed(struct json_write *w, yyjson_val *schema)
{
    yyjson_obj_iter it;
    yyjson_val *k;

    json_begin_object(w);
    json_kv_cstring(w, "type", "object");
    yyjson_obj_iter_init(schema, &it);
    while ((k = yyjson_obj_iter_next(&it)) != NULL) {
        json_key_span(w, json_text(k));
        convert_write_tree(w, yyjson_obj_iter_get_val(k));
    }
    json_end_object(w);
}

int convert_write_schema(struct json_write *w, struct span schema, struct err *e)
{
    struct json_tree t = {0};
    int rc;

    if (!span_has(schema))
        schema = SPAN_LIT("{}");
    rc = json_tree_read(&t, schema, e);
    if (rc == 0 && yyjson_is_obj(t.root) && !json_get(t.root, "type"))
        write_typed(w, t.root);
    else
        json_raw(w, schema);
    json_tree_fini(&t);
    return rc;
}

int convert_write_args(struct json_write *w, const struct chat_part *call, const struct json_at *at,
                       struct err *e)
{
    struct span args = call->args.n ? call->args : SPAN_LIT("{}");
    struct json_tree t = {0};
    int rc = json_tree_read(&t, args, e);

    if (rc < 0 ? e->code != ERR_NOMEM : !yyjson_is_obj(t.root))
        rc = json_wrong(e, at, "the arguments of a call of '%.*s' are no JSON object",
                        (int)MIN(call->name.n, (size_t)64), call->name.p);
    json_tree_fini(&t);
    json_raw(w, args);
    return rc;
}
