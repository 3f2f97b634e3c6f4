/*
 * gemini_takes.c - what single models of Gemini, and single hosts of them, take.
 */
#include "dialect/gemini/gemini_convert.h"

/* ---- budgets ---- */

/* What models take as a budget beside none at all, and whether that is one
 * (https://ai.google.dev/gemini-api/docs/thinking#set-budget). */
static const struct budget_row {
    const char *models;
    uint32_t least, most;
    bool off;
} budget_rows[] = {
    {"*gemini-2.5-pro*", 128, 32768, false},
    {"*gemini-2.5-flash-lite*", 512, 24576, true},
    {"*gemini-2.5-flash*", 1, 24576, true},
};

uint64_t gemini_budget(struct span model, uint64_t budget)
{
    for (size_t i = 0; i < ARRAY_LEN(budget_rows); i++) {
        const struct budget_row *row = &budget_rows[i];

        if (!span_glob(span_str(row->models), model))
            continue;
        if (budget == 0 && row->off)
            return 0;
        return MIN(MAX(budget, (uint64_t)row->least), (uint64_t)row->most);
    }
    return budget;
}

/* ---- tools ---- */

/* "Function calling with a response mime type: 'application/json' is unsupported". */
int gemini_fit_tools(struct chat_request *q, unsigned version, const struct convert_to *to,
                     struct err *e)
{
    bool bound = q->format == CHAT_FORMAT_OBJECT || q->format == CHAT_FORMAT_SCHEMA;

    if (!bound || !q->tools || version == 0 || version >= 3)
        return 0;
    if (q->choice != CHAT_CHOICE_NONE)
        return err_set(
            e, ERR_PROTOCOL,
            "response_format: models before Gemini 3 do not take it together with tools");
    q->tools = NULL;
    q->choice = CHAT_CHOICE_UNSET;
    convert_approximates(to, CHAT_HAS_TOOLS);
    return 0;
}

/* ---- labels ---- */

/* https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/add-labels-to-api-calls */
#define LABELS_MOST      64
#define LABEL_CHARS_MOST 63

/* Small letters, digits, '_' and '-'; a key begins with a letter. */
static bool is_label(yyjson_val *v, bool key)
{
    struct span s = json_text(v);
    bool fits = yyjson_is_str(v) && s.n <= LABEL_CHARS_MOST && (s.n || !key);

    for (size_t i = 0; i < s.n && fits; i++) {
        char c = s.p[i];
        bool letter = c >= 'a' && c <= 'z';

        fits = letter || ((i || !key) && ((c >= '0' && c <= '9') || c == '_' || c == '-'));
    }
    return fits;
}

static void write_labels(struct json_write *w, yyjson_val *labels, const struct convert_to *to)
{
    yyjson_obj_iter it;
    yyjson_val *k;
    size_t n = 0;

    yyjson_obj_iter_init(labels, &it);
    while ((k = yyjson_obj_iter_next(&it)) != NULL && n < LABELS_MOST) {
        yyjson_val *v = yyjson_obj_iter_get_val(k);

        if (!is_label(k, true) || !is_label(v, false))
            continue;
        if (n++ == 0) {
            json_key(w, "labels");
            json_begin_object(w);
        }
        json_key_span(w, json_text(k));
        json_string(w, json_text(v));
    }
    if (n)
        json_end_object(w);
    if (n == 0 || n < yyjson_obj_size(labels))
        (n ? convert_approximates : convert_drops)(to, CHAT_HAS_METADATA);
}

int gemini_write_labels(struct json_write *w, struct span metadata, const struct convert_to *to,
                        struct err *e)
{
    struct json_tree t = {0};
    int rc = 0;

    if (!span_has(metadata))
        return 0;
    if (!gemini_is_vertex(to)) {
        convert_drops(to, CHAT_HAS_METADATA);
        return 0;
    }
    rc = json_tree_read(&t, metadata, e);
    if (rc == 0)
        write_labels(w, t.root, to);
    json_tree_fini(&t);
    return rc;
}
