/*
 * prom.c - see prom.h.
 */
#include "codec/prom.h"

#include <yyjson.h>

#define NUMBER_MAX 64 /* bytes of a value: no number that a page prints is longer */

void prom_init(struct prom *p, prom_sample_fn *fn, void *arg)
{
    p->on_sample = fn;
    p->arg = arg;
    p->passed_over = 0;
    p->n = 0;
    p->too_long = false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':';
}

static size_t skip_blanks(struct span s, size_t at)
{
    while (at < s.n && is_blank(s.p[at]))
        at++;
    return at;
}

static size_t skip_name(struct span s, size_t at)
{
    while (at < s.n && is_of_name(s.p[at]))
        at++;
    return at;
}

/* s.p[at] is a quote: behind the one that ends the string; SIZE_MAX: none does. */
static size_t skip_string(struct span s, size_t at)
{
    for (at++; at < s.n && s.p[at] != '"'; at++)
        at += s.p[at] == '\\';
    return at < s.n ? at + 1 : SIZE_MAX;
}

/* s.p[at] begins NAME="VALUE": what they are, and what stands behind. SIZE_MAX: it is no label. */
static size_t read_label(struct span s, size_t at, struct span *name, struct span *value)
{
    size_t begin = at, end;

    at = skip_name(s, at);
    *name = span_of(s.p + begin, at - begin);
    at = skip_blanks(s, at);
    if (name->n == 0 || at == s.n || s.p[at] != '=')
        return SIZE_MAX;
    at = skip_blanks(s, at + 1);
    if (at == s.n || s.p[at] != '"')
        return SIZE_MAX;
    end = skip_string(s, at);
    if (end != SIZE_MAX)
        *value = span_of(s.p + at + 1, end - at - 2);
    return end;
}

/* s.p[at] is what follows the opening brace: behind the closing one; SIZE_MAX: these are none. */
static size_t skip_labels(struct span s, size_t at)
{
    struct span name, value;

    for (;;) {
        at = skip_blanks(s, at);
        if (at < s.n && s.p[at] == '}')
            return at + 1;
        at = read_label(s, at, &name, &value);
        if (at == SIZE_MAX)
            return SIZE_MAX;
        at = skip_blanks(s, at);
        if (at < s.n && s.p[at] == ',')
            at++;
        else if (at == s.n || s.p[at] != '}')
            return SIZE_MAX;
    }
}

/* As Go's ParseFloat prints it: JSON's numbers, with a sign before them too, NaN and infinities. */
static bool read_value(struct span s, double *ret)
{
    char text[NUMBER_MAX + 1];
    bool plus = s.n && s.p[0] == '+';
    yyjson_val v;

    s = span_of(s.p + plus, s.n - plus);
    if (s.n == 0 || s.n > NUMBER_MAX || (plus && s.p[0] == '-'))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (yyjson_read_number(text, &v, YYJSON_READ_ALLOW_INF_AND_NAN, NULL, NULL) != text + s.n)
        return false;
    *ret = yyjson_get_num(&v);
    return true;
}

/* false: it is no sample. */
static bool read_line(struct span s, struct prom_sample *ret)
{
    size_t at = skip_name(s, 0), end;

    *ret = (struct prom_sample){.name = span_of(s.p, at)};
    if (at == 0)
        return false;
    at = skip_blanks(s, at);
    if (at < s.n && s.p[at] == '{') {
        end = skip_labels(s, at + 1);
        if (end == SIZE_MAX)
            return false;
        ret->labels = span_of(s.p + at + 1, end - at - 2);
        at = skip_blanks(s, end);
    }
    for (end = at; end < s.n && !is_blank(s.p[end]);)
        end++;
    return read_value(span_of(s.p + at, end - at), &ret->value); /* and a time, perhaps */
}

static void end_line(struct prom *p)
{
    struct span s = span_trim(span_of(p->line, p->n));
    struct prom_sample sample;

    if (s.n && s.p[s.n - 1] == '\r')
        s = span_trim(span_of(s.p, s.n - 1));
    if (p->too_long || (s.n && s.p[0] != '#' && !read_line(s, &sample)))
        p->passed_over++;
    else if (s.n && s.p[0] != '#')
        p->on_sample(p->arg, &sample);
    p->n = 0;
    p->too_long = false;
}

void prom_feed(struct prom *p, const char *bytes, size_t n)
{
    struct span rest = span_of(bytes, n);

    while (rest.n) {
        size_t at = span_find(rest, '\n'), take = MIN(at, rest.n), room = PROM_LINE_MAX - p->n;

        p->too_long = p->too_long || take > room;
        memcpy(p->line + p->n, rest.p, MIN(take, room));
        p->n += MIN(take, room);
        if (at != SIZE_MAX) {
            end_line(p);
            take++;
        }
        rest = span_of(rest.p + take, rest.n - take);
    }
}

void prom_end(struct prom *p)
{
    if (p->n || p->too_long)
        end_line(p);
}

struct span prom_label(const struct prom_sample *s, const char *name)
{
    struct span key, value;
    size_t at = 0;

    while (at < s->labels.n) { /* which are known to be labels */
        at = skip_blanks(s->labels, at);
        if (at == s->labels.n)
            break;
        at = read_label(s->labels, at, &key, &value);
        MUST(at != SIZE_MAX);
        if (span_is(key, name))
            return value;
        at = skip_blanks(s->labels, at);
        at += at < s->labels.n; /* the comma */
    }
    return (struct span){0};
}
