/*
 * fixtures.c - see fixtures.h.
 */
#include "fixtures.h"

#include <yyjson.h>

#include "data.h"

/* The dialect of an event or answer by its marks, or NULL. */
static const struct dialect *dialect_of(struct span json)
{
    yyjson_doc *doc = yyjson_read(json.p, json.n, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *type = yyjson_obj_get(root, "type");
    yyjson_val *first = yyjson_arr_get_first(yyjson_obj_get(root, "data"));
    const struct dialect *d = NULL;

    if (yyjson_equals_str(yyjson_obj_get(root, "object"), "text_completion"))
        d = &dialect_openai_completions;
    else if (yyjson_obj_get(root, "choices"))
        d = &dialect_openai_chat;
    else if (yyjson_equals_str(type, "message_start") || yyjson_equals_str(type, "message"))
        d = &dialect_anthropic_messages;
    else if (yyjson_equals_str(type, "response.created") ||
             yyjson_equals_str(yyjson_obj_get(root, "object"), "response"))
        d = &dialect_openai_responses;
    else if (yyjson_obj_get(first, "embedding"))
        d = &dialect_openai_embeddings;
    else if (yyjson_obj_get(root, "candidates") || yyjson_obj_get(root, "promptFeedback"))
        d = &dialect_gemini_generate;
    else if (yyjson_obj_get(root, "totalTokens"))
        d = &dialect_gemini_count;
    yyjson_doc_free(doc);
    return d;
}

static void check_sse(struct tally *t, const char *path, struct span text)
{
    struct span rest = text, line = {NULL, 0};
    const struct dialect *d = NULL;

    while (span_has(rest) && !span_starts(line, SPAN_LIT("data:")))
        line = span_cut(&rest, '\n');
    if (span_starts(line, SPAN_LIT("data:")))
        d = dialect_of(span_of(line.p + 5, line.n - 5));
    if (!d)
        return;
    t->recordings++;
    check_stream(t, path, d, TERMINAL_DONE, 1, text);
}

/* One JSON chunk a line: what an SDK was given, put back into the frame it came in. */
static void check_chunks(struct tally *t, const char *path, struct span text)
{
    struct span rest = text, line = span_cut(&rest, '\n');
    const struct dialect *d = dialect_of(line);
    struct buf sse;

    if (!d)
        return;
    buf_init(&sse, (size_t)64 << 20);
    for (rest = text; span_has(rest);) {
        line = span_cut(&rest, '\n');
        if (line.n == 0)
            continue;
        buf_add_str(&sse, "data: ");
        buf_add_span(&sse, line);
        buf_add_str(&sse, "\n\n");
    }
    MUST(buf_ok(&sse));
    t->recordings++;
    check_stream(t, path, d, TERMINAL_FINISH, 1, buf_span(&sse));
    buf_fini(&sse);
}

static void on_file(void *arg, const char *path)
{
    struct tally *t = arg;
    struct span text = data_file(path), name = span_str(path);
    const struct dialect *d;

    if (!text.p)
        return;
    if (span_ends(name, SPAN_LIT(".chunks.txt"))) {
        check_chunks(t, path, text);
    } else if (span_ends(name, SPAN_LIT(".sse")) || span_ends(name, SPAN_LIT(".txt"))) {
        check_sse(t, path, text);
    } else if (span_ends(name, SPAN_LIT(".json")) && (d = dialect_of(text)) != NULL) {
        t->recordings++;
        check_whole(t, path, d, text);
    }
    data_free(&text);
}

void fixtures_check(struct tally *t, const char *folder)
{
    data_walk(folder, "", on_file, t);
}
