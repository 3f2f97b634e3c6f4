/*
 * dialect_stream.c - answers read at once, in bytes, and in cuts of the input's choice.
 *
 * The first byte chooses dialect, terminal and choices, the second the cut; the rest is the
 * answer. Must hold: every byte is taken exactly once, no cut changes an event, the usage or the
 * verdict, a complete answer stays complete or turns into an error that the provider reports (but
 * for a further choice that nobody asked for), and messages are complete by message_stop alone.
 */
#include "dialect/dialect.h"

#define EVENTS_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct dialect *const dialects[] = {
    &dialect_openai_chat,        &dialect_openai_completions, &dialect_openai_embeddings,
    &dialect_anthropic_messages, &dialect_anthropic_count,    &dialect_openai_responses,
    &dialect_gemini_generate,    &dialect_cohere_chat,        &dialect_ollama_chat,
    &dialect_bedrock_converse,
};

/* What is compared of an event. */
struct seen {
    enum dialect_kind kind;
    uint32_t index;
    uint64_t model_len;
    uint16_t status;
    uint64_t texts; /* a hash of all three */
};

struct reading {
    struct dialect_answer a;
    struct seen events[EVENTS_MAX];
    size_t n;
};

static uint64_t hash(uint64_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001B3);
    return h + 1;
}

static void note(struct reading *r)
{
    const struct dialect_event *e = &r->a.ev;

    MUST(r->n < EVENTS_MAX);
    r->events[r->n++] = (struct seen){
        .kind = e->kind,
        .index = e->index,
        .model_len = e->model_len,
        .status = e->error_status,
        .texts = hash(hash(hash(0, e->error_type), e->error_code), e->error_text),
    };
}

/* Has a choice begun that was not asked for? It must finish, too, once it is there. */
static bool unasked(const struct dialect_answer *a)
{
    return a->all.seen[0] >> a->choices || a->all.seen[1];
}

/* What may be asked at any time; and what may follow what. */
static enum dialect_verdict ask(const struct dialect_answer *a, enum dialect_verdict before)
{
    enum dialect_verdict v = dialect_answer_verdict(a);

    MUST(dialect_answer_why(a)[0] != '\0');
    if (a->streamed && before == VERDICT_COMPLETE && !unasked(a))
        MUST(v == VERDICT_COMPLETE || v == VERDICT_ERROR);
    if (before == VERDICT_ERROR || before == VERDICT_BAD)
        MUST(v == before);
    if (a->streamed && v == VERDICT_COMPLETE && a->d == &dialect_anthropic_messages)
        MUST(a->done && a->started);
    return v;
}

static enum dialect_verdict read_stream(struct reading *r, struct span s, size_t cut)
{
    enum dialect_verdict v = VERDICT_CUT;

    for (size_t at = 0; at < s.n;) {
        size_t n = MIN(cut, s.n - at), done = 0;
        char *piece = malloc(n);

        MUST(piece);
        memcpy(piece, s.p + at, n);
        while (done < n) {
            size_t used;
            enum dialect_step step = dialect_answer_next(&r->a, piece + done, n - done, &used);

            MUST(used <= n - done && (step == STEP_EVENT || used == n - done));
            MUST(used > 0 || r->a.bad); /* BAD by a byte that an earlier read brought */
            done += used;
            if (step == STEP_EVENT)
                note(r);
            v = ask(&r->a, v);
        }
        free(piece);
        at += n;
    }
    return v;
}

static enum dialect_verdict read_whole(struct reading *r, struct span s, size_t cut)
{
    enum dialect_verdict v = VERDICT_CUT;

    for (size_t at = 0; at < s.n; at += MIN(cut, s.n - at)) {
        int rc = dialect_answer_feed(&r->a, s.p + at, MIN(cut, s.n - at));

        v = dialect_answer_verdict(&r->a);
        MUST(rc == 0 || v == VERDICT_BAD);
    }
    note(r);
    return v;
}

static void compare(const struct reading *x, const struct reading *y)
{
    MUST(x->n == y->n);
    for (size_t i = 0; i < x->n; i++) {
        const struct seen *a = &x->events[i], *b = &y->events[i];

        MUST(a->kind == b->kind && a->index == b->index && a->model_len == b->model_len);
        MUST(a->status == b->status && a->texts == b->texts);
    }
    MUST(strcmp(x->a.model, y->a.model) == 0 && strcmp(x->a.stop, y->a.stop) == 0);
    MUST(x->a.usage.input == y->a.usage.input && x->a.usage.output == y->a.usage.output);
    MUST(x->a.finished == y->a.finished && x->a.content == y->a.content && x->a.tool == y->a.tool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t cuts[] = {SIZE_MAX, 1, 2};
    struct reading *r[ARRAY_LEN(cuts)];
    enum dialect_verdict v[ARRAY_LEN(cuts)];
    bool streamed;
    struct span s;

    if (len < 2 || len > EVENTS_MAX)
        return 0;
    streamed = data[0] & 1;
    cuts[2] = 2U + data[1];
    s = span_of((const char *)data + 2, len - 2);
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        r[i] = malloc(sizeof(*r[i]));
        MUST(r[i]);
        r[i]->n = 0;
        dialect_answer_begin(&r[i]->a, dialects[(data[0] >> 4) % ARRAY_LEN(dialects)],
                             data[0] & 2 ? TERMINAL_DONE : TERMINAL_FINISH, 1U + (data[0] >> 2 & 3),
                             streamed);
        v[i] = streamed ? read_stream(r[i], s, cuts[i]) : read_whole(r[i], s, cuts[i]);
        MUST(v[i] == v[0]);
        compare(r[i], r[0]);
    }
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++)
        free(r[i]);
    return 0;
}
