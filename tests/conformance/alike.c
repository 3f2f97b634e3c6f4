/*
 * alike.c - see alike.h.
 */
#include "alike.h"

#include "said.h"

#define TEXT_MAX ((size_t)64 * 1024 * 1024)

/* What moves texts, or makes a text of what was none. */
#define MOVES                                                                                      \
    (CHAT_BIT(CHAT_HAS_SYSTEM_LATER) | CHAT_BIT(CHAT_HAS_DOCUMENT_TEXT) |                          \
     CHAT_BIT(CHAT_HAS_TOOL_RESULT_ERROR) | CHAT_BIT(CHAT_HAS_TOOL_RESULT_IMAGE) |                 \
     CHAT_BIT(CHAT_HAS_JSON_OBJECT) | CHAT_BIT(CHAT_HAS_REFUSAL))
#define TEXTS                                                                                      \
    (CHAT_BIT(CHAT_HAS_SYSTEM) | CHAT_BIT(CHAT_HAS_TEXT) | CHAT_BIT(CHAT_HAS_TOOL_RESULT) |        \
     CHAT_BIT(CHAT_HAS_DOCUMENT_TEXT))

/* What a writer may have to say though nobody asked: it is only compared where it was said. */
#define MAY_COME                                                                                   \
    (CHAT_BIT(CHAT_HAS_MAX_TOKENS) | CHAT_BIT(CHAT_HAS_EFFORT) | CHAT_BIT(CHAT_HAS_BUDGET) |       \
     CHAT_BIT(CHAT_HAS_SYSTEM_LATER))

/* Who cannot name a tool, or none, leaves out the others, or all. */
#define OF_TOOLS                                                                                   \
    (CHAT_BIT(CHAT_HAS_TOOLS) | CHAT_BIT(CHAT_HAS_TOOL_STRICT) | CHAT_BIT(CHAT_HAS_CACHE))

/* Does the target say it as it was, by the table, and by what the writer noted? */
static bool is_carried(const struct convert *to, const struct convert_told *told,
                       enum chat_feature f)
{
    enum convert_loss loss = to->loss[f].loss;

    return loss == CARRIED ||
           (loss == PARTLY && !((told->dropped | told->approximated) & CHAT_BIT(f)));
}

static bool is_compared(const struct convert *to, const struct convert_told *told,
                        const struct chat_request *q, enum chat_feature f)
{
    if (CHAT_BIT(f) & MAY_COME & ~q->has)
        return false;
    if (CHAT_BIT(f) & OF_TOOLS && q->choice >= CHAT_CHOICE_NONE &&
        !is_carried(to, told, CHAT_HAS_TOOL_CHOICE))
        return false;
    return is_carried(to, told, f) && !(q->has & MOVES && f == CHAT_HAS_CACHE);
}

/* Each text is somewhere: all that can be said where they move. */
static void within(const char *what, struct span texts, const struct chat_request *b,
                   alike_differs differs, void *arg)
{
    struct buf all;

    buf_init(&all, TEXT_MAX);
    said_texts(&all, b);
    said_request(&all, b, CHAT_HAS_DOCUMENT_TEXT);
    while (span_has(texts)) {
        struct span one = span_cut(&texts, SAID_END);

        if (!span_contains(buf_span(&all), one))
            differs(arg, what, one, buf_span(&all));
    }
    buf_fini(&all);
}

static void join(struct buf *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        if (b->p[i] != SAID_END)
            b->p[n++] = b->p[i];
    b->n = n;
}

void alike_requests(const struct convert *to, const struct convert_told *told,
                    const struct chat_request *a, const struct chat_request *b,
                    alike_differs differs, void *arg)
{
    struct buf x, y;

    buf_init(&x, TEXT_MAX);
    buf_init(&y, TEXT_MAX);
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++) {
        const char *word = chat_feature_row(f)->word;
        bool moves = a->has & MOVES && CHAT_BIT(f) & TEXTS;

        buf_reset(&x);
        buf_reset(&y);
        said_request(&x, a, f);
        if (moves)
            within(word, buf_span(&x), b, differs, arg);
        if (moves || !is_compared(to, told, a, f))
            continue;
        said_request(&y, b, f);
        join(&x);
        join(&y);
        if (!span_eq(buf_span(&x), buf_span(&y)))
            differs(arg, word, buf_span(&x), buf_span(&y));
    }
    buf_fini(&x);
    buf_fini(&y);
}
