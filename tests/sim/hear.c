/*
 * hear.c - the dialects, as clients read them: text, usage, joins, ends, and whether it is one
 * answer. Written once more on purpose: what is tested must not vouch for itself.
 */
#include <yyjson.h>

#include <stdio.h>
#include <string.h>

#include "sim.h"

static yyjson_val *at(yyjson_val *v, const char *path)
{
    return v ? yyjson_ptr_get(v, path) : NULL;
}

static void hear_text(struct heard *h, yyjson_val *v)
{
    if (yyjson_is_str(v))
        text_add(&h->text, yyjson_get_str(v), yyjson_get_len(v));
}

/* An answer has one name, and begins once. */
static void hear_id(struct heard *h, yyjson_val *id)
{
    const char *s = yyjson_get_str(id);

    if (!s)
        return;
    if (h->id[0] && strcmp(h->id, s) != 0)
        h->bad = "two answers in one";
    UNUSED(snprintf(h->id, sizeof(h->id), "%s", s));
}

static void hear_begin(struct heard *h)
{
    if (h->begun++)
        h->bad = "it begins twice";
}

static void hear_list(struct heard *h, yyjson_val *list, const char *member)
{
    size_t i, n;
    yyjson_val *v;

    yyjson_arr_foreach(list, i, n, v) if (!yyjson_get_bool(yyjson_obj_get(v, "thought")))
        hear_text(h, yyjson_obj_get(v, member));
}

/* Another target goes on from here. */
static void hear_join(struct heard *h, yyjson_val *joined)
{
    const char *target = yyjson_get_str(yyjson_obj_get(joined, "target"));
    struct heard_join *j = &h->joins[h->joins_n];

    if (!joined)
        return;
    if (!target || h->joins_n == ARRAY_LEN(h->joins)) {
        h->bad = "a join of nobody, or one too many";
        return;
    }
    UNUSED(snprintf(j->target, sizeof(j->target), "%s", target));
    if (yyjson_is_str(yyjson_obj_get(joined, "how")))
        UNUSED(
            snprintf(j->how, sizeof(j->how), "%s", yyjson_get_str(yyjson_obj_get(joined, "how"))));
    j->at = h->text.n;
    if (yyjson_get_uint(yyjson_obj_get(joined, "at")) != j->at)
        h->bad = "a join at another place than it says";
    h->joins_n++;
}

static void hear_usage(struct heard *h, yyjson_val *usage, const char *in, const char *out)
{
    if (yyjson_is_uint(yyjson_obj_get(usage, in)))
        h->usage_in = yyjson_get_uint(yyjson_obj_get(usage, in));
    if (yyjson_is_uint(yyjson_obj_get(usage, out)))
        h->usage_out = yyjson_get_uint(yyjson_obj_get(usage, out));
}

static void hear_response(struct heard *h, yyjson_val *response, bool repeats)
{
    struct heard all = {0};
    size_t i, n;
    yyjson_val *item, *list = yyjson_obj_get(response, "output");

    h->terminal |= yyjson_equals_str(yyjson_obj_get(response, "status"), "completed") ||
                   yyjson_equals_str(yyjson_obj_get(response, "status"), "incomplete");
    h->error |= yyjson_equals_str(yyjson_obj_get(response, "status"), "failed");
    hear_id(h, yyjson_obj_get(response, "id"));
    hear_usage(h, yyjson_obj_get(response, "usage"), "input_tokens", "output_tokens");
    yyjson_arr_foreach(list, i, n,
                       item) if (yyjson_equals_str(yyjson_obj_get(item, "type"), "message"))
        hear_list(&all, yyjson_obj_get(item, "content"), "text");
    if (!repeats)
        text_add(&h->text, all.text.p ? all.text.p : "", all.text.n);
    else if (h->terminal &&
             (all.text.n != h->text.n || (all.text.n && memcmp(all.text.p, h->text.p, all.text.n))))
        h->bad = "the answer is not the sum of its deltas";
    text_free(&all.text);
}

static void hear_messages_event(struct heard *h, yyjson_val *v)
{
    const char *type = yyjson_get_str(yyjson_obj_get(v, "type"));

    if (!type)
        h->bad = "an event without a type";
    else if (strcmp(type, "content_block_delta") == 0)
        hear_text(h, at(v, "/delta/text"));
    else if (strcmp(type, "message_start") == 0)
        hear_begin(h), hear_usage(h, at(v, "/message/usage"), "input_tokens", "output_tokens");
    else if (strcmp(type, "message_delta") == 0)
        hear_usage(h, yyjson_obj_get(v, "usage"), "input_tokens", "output_tokens");
    else if (strcmp(type, "message_stop") == 0)
        h->terminal = true;
}

/* Events count on, and all of the text is of one message. */
static void hear_place(struct heard *h, yyjson_val *v, const char *type)
{
    const char *item = strstr(type, "output_text")   ? yyjson_get_str(yyjson_obj_get(v, "item_id"))
                       : strstr(type, "output_item") ? yyjson_get_str(at(v, "/item/id"))
                                                     : NULL;

    if (yyjson_get_uint(yyjson_obj_get(v, "sequence_number")) != h->sequence++)
        h->bad = "an event has another number";
    if (!item || strncmp(item, "msg_", 4) != 0)
        return;
    if (h->item[0] && strcmp(h->item, item) != 0)
        h->bad = "two messages in one";
    UNUSED(snprintf(h->item, sizeof(h->item), "%s", item));
}

static void hear_responses_event(struct heard *h, yyjson_val *v)
{
    const char *type = yyjson_get_str(yyjson_obj_get(v, "type"));

    hear_place(h, v, type ? type : "");

    if (!type)
        h->bad = "an event without a type";
    else if (strcmp(type, "response.output_text.delta") == 0)
        hear_text(h, yyjson_obj_get(v, "delta"));
    else if (strcmp(type, "error") == 0)
        h->error = true;
    else if (strcmp(type, "response.created") == 0)
        hear_begin(h), hear_id(h, at(v, "/response/id"));
    else if (strcmp(type, "response.completed") == 0 || strcmp(type, "response.incomplete") == 0 ||
             strcmp(type, "response.failed") == 0)
        hear_response(h, yyjson_obj_get(v, "response"), true);
}

static void hear_value(struct heard *h, enum api api, bool stream, yyjson_val *v)
{
    yyjson_val *error = yyjson_obj_get(v, "error");

    hear_join(h, at(v, "/lamplighter/joined"));
    if (error && !yyjson_is_null(error)) {
        h->error = true;
        return;
    }
    switch (api) {
    case API_CHAT:
        hear_text(h, at(v, stream ? "/choices/0/delta/content" : "/choices/0/message/content"));
        h->terminal |= yyjson_is_str(at(v, "/choices/0/finish_reason"));
        hear_id(h, yyjson_obj_get(v, "id"));
        if (stream && yyjson_is_str(at(v, "/choices/0/delta/role")))
            hear_begin(h);
        break;
    case API_MESSAGES:
        if (stream)
            hear_messages_event(h, v);
        else
            hear_list(h, yyjson_obj_get(v, "content"), "text");
        h->terminal |= !stream && yyjson_is_str(yyjson_obj_get(v, "stop_reason"));
        break;
    case API_RESPONSES:
        if (stream)
            hear_responses_event(h, v);
        else
            hear_response(h, v, false);
        break;
    case API_GEMINI:
        hear_list(h, at(v, "/candidates/0/content/parts"), "text");
        h->terminal |= yyjson_is_str(at(v, "/candidates/0/finishReason"));
        hear_id(h, yyjson_obj_get(v, "responseId"));
        hear_usage(h, yyjson_obj_get(v, "usageMetadata"), "promptTokenCount",
                   "candidatesTokenCount");
        break;
    case API_COHERE:
    case API_OLLAMA:
    case APIS:
        MUST(false);
    }
}

static void hear_json(struct heard *h, enum api api, bool stream, const char *p, size_t n)
{
    yyjson_doc *doc = yyjson_read(p, n, 0);

    if (doc)
        hear_value(h, api, stream, yyjson_doc_get_root(doc));
    else
        h->bad = "it is no JSON";
    yyjson_doc_free(doc);
}

/* The blank line behind an event, as OpenAI and as Google write it; *n: how long it is. */
static const char *event_over(const char *p, const char *end, size_t *n)
{
    const char *lf = memmem(p, (size_t)(end - p), "\n\n", 2);
    const char *crlf = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);

    *n = crlf && (!lf || crlf < lf) ? 4 : 2;
    return *n == 4 ? crlf : lf;
}

/* Lines "data: ..." up to the blank one; what is cut behind the last one is no event. */
void speech_hear(struct heard *h, enum api api, bool stream, const char *body, size_t n)
{
    const char *p = body, *end = body + n, *event;
    size_t blank;

    if (!stream) {
        hear_json(h, api, false, body, n);
        return;
    }
    while (p < end && (event = event_over(p, end, &blank))) {
        const char *data = memmem(p, (size_t)(event - p), "data: ", 6);
        bool is_data = data && (data == p || data[-1] == '\n');

        if (is_data && h->error)
            h->bad = "an event behind an error";
        if (is_data && strncmp(data, "data: [DONE]\n", 13) != 0)
            hear_json(h, api, true, data + 6, (size_t)(event - data - 6));
        p = event + blank;
    }
}
