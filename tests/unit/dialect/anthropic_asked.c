/*
 * anthropic_asked.c - see anthropic_asked.h.
 */
#include "anthropic_asked.h"

struct span json(unsigned i, const char *row)
{
    static char text[2][16384];
    size_t n = strlen(row);

    assert_true(n < sizeof(text[i]));
    for (size_t k = 0; k <= n; k++)
        text[i][k] = row[k] == '\'' ? '"' : row[k];
    return span_of(text[i], n);
}

int ask(struct asked *a, struct span body, struct err *e)
{
    *a = (struct asked){0};
    arena_init(&a->arena, 64 * MEGA);
    a->q.arena = &a->arena;
    return json_tree_read(&a->tree, body, e) < 0
               ? -1
               : convert_read(&convert_anthropic_messages, &a->q, a->tree.root, e);
}

void asked_fini(struct asked *a)
{
    json_tree_fini(&a->tree);
    arena_fini(&a->arena);
}

void ends(struct buf *b, struct span want)
{
    assert_true(buf_ok(b));
    if (!span_eq(buf_span(b), want))
        fail_msg("\n got %.*s\nwant %.*s", SPAN_FMT(buf_span(b)), SPAN_FMT(want));
    buf_fini(b);
}
