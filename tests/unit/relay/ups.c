/*
 * ups.c - see ups.h.
 */
#include "ups.h"

const struct up up_good = {ANSWERS, STREAM_HEAD, GOOD, 0, TWIN_WHOLE};
const struct up up_good_whole = {ANSWERS, WHOLE_HEAD, WHOLE, 0, TWIN_WHOLE};

void ups_set(struct twin *t, size_t i, const struct up *up)
{
    t->ups[i].script = (struct twin_script){.head = span_str(up->head),
                                            .body = span_str(up->body),
                                            .chunked = true,
                                            .piece_max = 1000,
                                            .cut_at = up->cut_at ? up->cut_at : SIZE_MAX,
                                            .end = up->end};
    if (up->does == REFUSES)
        twin_refuse(t, i);
    else
        twin_listen(t, i);
}

void ups_ask_at(struct twin *t, struct ups_got *g, const char *path, const char *body, ev_us limit)
{
    struct twin_client c = {0};
    struct buf request;

    buf_init(&request, 65536);
    buf_init(&g->body, 65536);
    twin_ask(t, &c, kind_request(&request, path, body), limit);
    g->clean = twin_parse(buf_span(&c.in), &g->status, &g->body);
    UNUSED(snprintf(g->head, sizeof(g->head), "%.*s", SPAN_FMT(buf_span(&c.in))));
    twin_client_fini(&c);
    buf_fini(&request);
}

void ups_ask(struct twin *t, struct ups_got *g, const char *body, ev_us limit)
{
    ups_ask_at(t, g, "/v1/chat/completions", body, limit);
}

bool ups_said(const struct ups_got *g, const char *what)
{
    return span_contains(buf_span(&g->body), span_str(what));
}

void ups_pass(struct twin *t, ev_us us)
{
    ev_sim_run(t->ev, ev_now(t->ev) + us);
}

bool ups_read_text(struct span body, struct buf *text, unsigned *roles)
{
    const char *p = body.p, *end = body.p + body.n;

    *roles = 0;
    while (p < end) {
        const char *at = memmem(p, (size_t)(end - p), "\n\n", 2), *content;
        struct span ev = span_of(p, (size_t)((at ? at : end) - p));

        if (!at)
            return false;
        *roles += span_contains(ev, SPAN_LIT("\"role\":\"assistant\""));
        content = memmem(ev.p, ev.n, "\"content\":\"", 11);
        for (content = content ? content + 11 : NULL; content && *content != '"'; content++)
            buf_add_char(text, *content);
        p = at + 2;
    }
    return true;
}

void ups_is_text(const struct ups_got *g, const char *want)
{
    struct buf text;
    unsigned roles;

    buf_init(&text, 65536);
    assert_true(ups_read_text(buf_span(&g->body), &text, &roles));
    assert_int_equal(roles, 1);
    if (!span_is(buf_span(&text), want))
        fail_msg("'%.*s'", SPAN_FMT(buf_span(&text)));
    buf_fini(&text);
}
