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

/* ---- answers ---- */

#define ID_KEPT 36 /* bytes of an id that are in every dialect's; longer ones may be cut */

struct telling {
    const struct convert *to;
    alike_differs differs;
    void *arg;
};

static bool refused(const struct chat_part *p)
{
    for (; p; p = p->next)
        if (p->kind == CHAT_PART_REFUSAL)
            return true;
    return false;
}

/* Dialects have fewer words for the end than there are ends. */
static enum chat_stop coarse(enum chat_stop s)
{
    switch (s) {
    case CHAT_STOP_TEXT:
    case CHAT_STOP_PAUSE:
        return CHAT_STOP_END;
    case CHAT_STOP_REFUSAL:
        return CHAT_STOP_FILTER;
    case CHAT_STOP_NONE:
    case CHAT_STOP_END:
    case CHAT_STOP_LENGTH:
    case CHAT_STOP_TOOL:
    case CHAT_STOP_FILTER:
        break;
    }
    return s;
}

static void compare_usage(const struct telling *t, const struct chat_usage *a,
                          const struct chat_usage *b)
{
    char want[96], got[96];

    (void)snprintf(want, sizeof(want), "%llu in, %llu out", (unsigned long long)a->input,
                   (unsigned long long)a->output);
    (void)snprintf(got, sizeof(got), "%llu in, %llu out", (unsigned long long)b->input,
                   (unsigned long long)b->output);
    if (a->seen && strcmp(want, got) != 0)
        t->differs(t->arg, "usage", span_str(want), span_str(got));
}

/* Dialects that have no word for the end, or for a refusal, say it by the parts. */
static void compare_ends(const struct telling *t, const struct chat_answer *a,
                         const struct chat_answer *b)
{
    char want[8], got[8];

    for (uint32_t i = 0; i < a->choices_n; i++) {
        const struct chat_choice_answer *c = &a->choices[i], *d = &b->choices[i];

        (void)snprintf(want, sizeof(want), "%d", (int)coarse(c->stop));
        (void)snprintf(got, sizeof(got), "%d", (int)coarse(d->stop));
        if (c->stop != CHAT_STOP_NONE && !refused(c->parts) && strcmp(want, got) != 0)
            t->differs(t->arg, "stop", span_str(want), span_str(got));
    }
}

/* An answer of that choice alone; of none where there is no such choice. */
static struct chat_answer only(const struct chat_answer *a, uint32_t choice)
{
    struct chat_answer ret = {.usage = a->usage};

    if (choice < a->choices_n)
        ret.choices[ret.choices_n++] = a->choices[choice];
    return ret;
}

static void compare_feature(const struct telling *t, enum chat_feature f,
                            const struct chat_answer *a, const struct chat_answer *b)
{
    struct buf x, y;

    buf_init(&x, TEXT_MAX);
    buf_init(&y, TEXT_MAX);
    said_answer(&x, a, f, t->to->loss[f].loss);
    said_answer(&y, b, f, t->to->loss[f].loss);
    if (!span_eq(buf_span(&x), buf_span(&y)))
        t->differs(t->arg, chat_feature_row(f)->word, buf_span(&x), buf_span(&y));
    buf_fini(&x);
    buf_fini(&y);
}

void alike_answers(const struct convert *to, const struct chat_answer *a,
                   const struct chat_answer *b, alike_differs differs, void *arg)
{
    const struct telling t = {to, differs, arg};

    for (uint32_t i = 0; i < MAX(MAX(a->choices_n, b->choices_n), 1U); i++) {
        const struct chat_answer x = only(a, i), y = only(b, i);

        for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
            if (f != CHAT_HAS_CITATIONS || to->signer != CHAT_SIGNER_ANTHROPIC)
                compare_feature(&t, f, &x, &y); /* Anthropic's cite otherwise than by URL */
    }
    compare_ends(&t, a, b);
    if (a->id.n && a->id.n <= ID_KEPT && !span_contains(b->id, a->id))
        differs(arg, "id", a->id, b->id);
    compare_usage(&t, &a->usage, &b->usage);
}
