/*
 * question.c - see question.h.
 */
#include "ops/question.h"

#include "codec/percent.h"

/* s without its escapes, at *to; that then points behind it. It gets no longer. */
static struct span decode(char **to, struct span s)
{
    char *begin = *to;

    while (s.n) {
        size_t took = percent_take(s, (*to)++);

        s = span_of(s.p + took, s.n - took);
    }
    return span_of(begin, (size_t)(*to - begin));
}

int question_read(struct ops_question *ret, char text[QUESTION_TEXT], struct span query,
                  struct err *e)
{
    struct ops_question q = {.path = SPAN_LIT("/v1/chat/completions")};
    const struct {
        const char *name;
        struct span *value;
    } members[] = {{"model", &q.model}, {"path", &q.path},
                   {"key", &q.key},     {"data_class", &q.data_class},
                   {"tags", &q.tags},   {"conversation", &q.conversation}};
    size_t i;

    if (query.n > QUESTION_TEXT)
        return err_set(e, ERR_LIMIT, "The query is too long.");
    while (span_has(query)) {
        struct span value = span_cut(&query, '&'), name = span_cut(&value, '=');

        for (i = 0; i < ARRAY_LEN(members) && !span_is(name, members[i].name); i++) {
        }
        if (i == ARRAY_LEN(members) || !span_has(value))
            return err_set(e, ERR_CONFIG,
                           "The query takes model=, path=, key=, data_class=, tags= and "
                           "conversation=; not "
                           "'%.*s'.",
                           (int)MIN(name.n, (size_t)40), name.p ? name.p : "");
        *members[i].value = decode(&text, value);
    }
    if (!span_has(q.model))
        return err_set(e, ERR_CONFIG, "The query has to name a model: ?model=NAME.");
    *ret = q;
    return 0;
}
