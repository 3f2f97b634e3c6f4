/*
 * dialect_request.c - request bodies read at once, in bytes, and in cuts of the input's choice.
 *
 * The first byte chooses the dialect, the second the cut; the rest is the body. Must hold: no cut
 * changes what was read or what is said; a body that is taken has a model, at the place that is
 * reported; one that is refused has a sentence; what it says is what a tree of it says.
 */
#include "codec/json_tree.h"
#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct dialect *const dialects[] = {
    &dialect_openai_chat,        &dialect_openai_completions, &dialect_openai_embeddings,
    &dialect_anthropic_messages, &dialect_anthropic_count,    &dialect_openai_responses,
};

static int read_body(struct dialect_request_reader *r, const struct dialect *d, struct span s,
                     size_t cut)
{
    int rc = 0;

    dialect_request_begin(r, d);
    for (size_t at = 0; at < s.n && rc == 0; at += MIN(cut, s.n - at)) {
        size_t n = MIN(cut, s.n - at);
        char *piece = malloc(n);

        MUST(piece);
        memcpy(piece, s.p + at, n);
        rc = dialect_request_feed(r, piece, n);
        free(piece);
    }
    MUST(rc == 0 || dialect_request_end(r) < 0);
    return dialect_request_end(r);
}

/* What a tree has at the root. A number is looked at in the dialect that has it in this place. */
static void against_tree(const struct dialect_request *q, const struct dialect *d, struct span text)
{
    struct json_tree t = {0};
    struct err e;
    uint64_t n = 1;
    int rc = json_tree_read(&t, text, &e);

    MUST(rc == 0 || e.code != ERR_PROTOCOL);
    if (rc == 0 && span_find(text, '\\') == SIZE_MAX) {
        MUST(span_is(json_get_text(t.root, "model"), q->model));
        MUST(q->stream_len == 0 || yyjson_is_true(json_get(t.root, "stream")) == q->stream);
    }
    if (rc == 0 && d == &dialect_openai_chat) {
        if (json_get(t.root, "n") && !yyjson_is_null(json_get(t.root, "n")))
            MUST(json_tree_u64(json_get(t.root, "n"), &n));
        MUST(q->choices == n);
    }
    json_tree_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t cuts[] = {SIZE_MAX, 1, 2};
    struct dialect_request_reader r[ARRAY_LEN(cuts)];
    int rc[ARRAY_LEN(cuts)];
    struct span s;

    if (len < 2)
        return 0;
    cuts[2] = 2U + data[1];
    s = span_of((const char *)data + 2, len - 2);
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        rc[i] = read_body(&r[i], dialects[data[0] % ARRAY_LEN(dialects)], s, cuts[i]);
        MUST(rc[i] == rc[0]);
        MUST(strcmp(r[i].why, r[0].why) == 0);
        MUST((rc[i] < 0) == (r[i].why[0] != '\0'));
        if (rc[i] == 0)
            MUST(memcmp(&r[i].req, &r[0].req, sizeof(r[0].req)) == 0);
    }
    if (rc[0] == 0) {
        const struct dialect_request *q = &r[0].req;

        MUST(q->model_n > 0 && strlen(q->model) == q->model_n);
        MUST(q->model_at + q->model_len <= s.n && q->model_len >= 3);
        MUST(s.p[q->model_at] == '"' && s.p[q->model_at + q->model_len - 1] == '"');
        MUST(q->choices >= 1);
        against_tree(q, dialects[data[0] % ARRAY_LEN(dialects)], s);
    }
    return 0;
}
