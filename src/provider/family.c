/*
 * family.c - see family.h.
 */
#include "provider/family.h"

#define DATE 8 /* 20250929 */

struct name {
    struct span name, date;
};

static bool is_digits(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

/* Its end, from the last `c` on, if that is what it is; else nothing. */
static struct span tail(struct span s, char c)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == c)
            return span_of(s.p + i, s.n - i);
    return span_of(NULL, 0);
}

static void cut(struct span *s, struct span end)
{
    s->n -= end.n + 1;
}

/* Who has it, and where: what stands before the last '/', and words before a '.'. */
static struct span without_platform(struct span s)
{
    for (size_t at = span_find(s, '/'); at != SIZE_MAX; at = span_find(s, '/'))
        s = span_of(s.p + at + 1, s.n - at - 1);
    for (size_t at = span_find(s, '.'); at != SIZE_MAX; at = span_find(s, '.')) {
        for (size_t i = 0; i < at; i++)
            if ((s.p[i] < 'a' || s.p[i] > 'z') && s.p[i] != '-')
                return s;
        s = span_of(s.p + at + 1, s.n - at - 1);
    }
    return s;
}

static struct name read_name(struct span s)
{
    struct name ret = {.name = without_platform(s)};
    struct span end = tail(ret.name, ':');

    if (is_digits(end)) /* Bedrock's: "-v1:0" */
        cut(&ret.name, end);
    end = tail(ret.name, '-');
    if (end.n == 2 && end.p[0] == 'v' && is_digits(span_of(end.p + 1, 1)))
        cut(&ret.name, end);
    end = tail(ret.name, '@'); /* Vertex AI's */
    if (!span_has(end))
        end = tail(ret.name, '-');
    if (end.n == DATE && is_digits(end))
        ret.date = end;
    if (span_has(ret.date) || span_is(end, "latest") || span_is(end, "default"))
        cut(&ret.name, end);
    return ret;
}

bool provider_same_family(struct span a, struct span b)
{
    struct name x = read_name(a), y = read_name(b);

    return x.name.n > 0 && span_eq_nocase(x.name, y.name) &&
           (!span_has(x.date) || !span_has(y.date) || span_eq(x.date, y.date));
}
