/*
 * heard.c - see heard.h.
 */
#include "heard.h"

#include "dialect/dialect.h"

#define MEGA ((size_t)1024 * 1024)

void heard_init(struct heard *r, const struct convert *c)
{
    struct err e;

    arena_init(&r->arena, 64 * MEGA);
    MUST(chat_collect_new(&r->collect, 64 * MEGA, &e) == 0);
    r->reader = (struct convert_reader){.c = c,
                                        .own = arena_zalloc(&r->arena, c->reader_bytes),
                                        .arena = &r->arena,
                                        .sink = chat_collect_sink(r->collect)};
    MUST(r->reader.own);
}

void heard_fini(struct heard *r)
{
    chat_collect_free(&r->collect);
    arena_fini(&r->arena);
}

int heard_each_event(struct span s, int (*fn)(void *arg, struct span raw, struct err *e), void *arg,
                     struct err *e)
{
    while (s.n) {
        const char *end = memmem(s.p, s.n, "\n\n", 2), *crlf = memmem(s.p, s.n, "\r\n\r\n", 4);
        size_t n = s.n;

        if (end && (!crlf || end < crlf))
            n = (size_t)(end - s.p) + 2;
        else if (crlf)
            n = (size_t)(crlf - s.p) + 4;
        if (fn(arg, span_of(s.p, n), e) < 0)
            return -1;
        s = span_of(s.p + n, s.n - n);
    }
    return 0;
}

/* The data of an event that is one line, and its name. */
static struct span data_of(struct span raw, struct span *name)
{
    struct span data = {NULL, 0};

    *name = SPAN_LIT("");
    while (span_has(raw)) {
        struct span line = span_trim(span_cut(&raw, '\n'));

        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (span_starts(line, SPAN_LIT("data:")))
            data = span_trim(span_of(line.p + 5, line.n - 5));
        else if (span_starts(line, SPAN_LIT("event:")))
            *name = span_trim(span_of(line.p + 6, line.n - 6));
    }
    return data;
}

static int read_raw(void *arg, struct span raw, struct err *e)
{
    struct heard *r = arg;
    struct json_tree t = {0};
    struct span name, data = data_of(raw, &name);
    int rc = 0;

    if (data.n && !span_is(data, "[DONE]"))
        rc = json_tree_read(&t, data, e) < 0 ? -1
                                             : r->reader.c->read_event(&r->reader, name, t.root, e);
    json_tree_fini(&t);
    return rc;
}

int heard_read(struct heard *r, struct span text, bool stream, struct err *e)
{
    struct json_tree t = {0};
    int rc = -1;

    if (stream)
        return heard_each_event(text, read_raw, r, e);
    if (json_tree_read(&t, text, e) == 0)
        rc = r->reader.c->read_answer(&r->reader, t.root, e);
    json_tree_fini(&t);
    return rc;
}

const struct chat_answer *heard_answer(struct heard *h)
{
    return chat_collect_answer(h->collect);
}

bool heard_is_complete(const struct convert *client, struct span s)
{
    struct dialect_answer a;

    dialect_answer_begin(&a, client->dialect, TERMINAL_DONE, 1, true);
    while (s.n && a.ev.kind != EVENT_BAD) {
        size_t used;

        if (dialect_answer_next(&a, s.p, s.n, &used) == STEP_MORE)
            break;
        s = span_of(s.p + used, s.n - used);
    }
    return dialect_answer_verdict(&a) == VERDICT_COMPLETE;
}
