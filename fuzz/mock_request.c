/*
 * mock_request.c - any bytes as a request to the mock, and its model name as a behaviour.
 *
 * Must hold: the reader comes to the same state and body however the bytes are split; the facts
 * of what it accepts can be read; a list that is refused leaves the behaviour untouched; every
 * event of the answer can be made.
 */
#include "base/mem.h"
#include "mock/order.h"
#include "mock/script.h"

#define ARENA_MAX  (64U << 20)
#define EVENTS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void feed(struct mock_req *r, struct span text, size_t split)
{
    size_t at = 0, used;
    struct err e;

    while (at < text.n && r->state != MOCK_REQ_DONE) {
        size_t end = at < split ? split : text.n;

        if (mock_req_feed(r, text.p + at, end - at, &used, &e) < 0)
            return;
        MUST(used > 0);
        at += used;
    }
}

static void make_events(const struct mock_answer *a)
{
    struct mock_piece p;

    mock_piece_init(&p);
    for (uint64_t i = 0; i < EVENTS_MAX; i++) {
        mock_piece_reset(&p);
        if (!mock_order_event(a, i, &p))
            break;
    }
    mock_piece_fini(&p);
}

static void check_answer(struct mock_script *s, const struct mock_req *r)
{
    struct mock_answer *a = mem_zalloc(1, sizeof(*a));
    struct mock_replay replay;
    struct mock_facts facts;
    struct arena arena;
    struct mock_how how, before;
    struct err e;

    MUST(a);
    arena_init(&arena, ARENA_MAX);
    mock_replay_init(&replay);
    mock_how_init(&how);
    MUST(mock_facts_read(&facts, r, &arena, &e) == 0);
    before = how;
    if (mock_how_apply(&how, mock_model_list(facts.model), 1, 0, &e) < 0)
        MUST(memcmp(&how, &before, sizeof(how)) == 0);
    if (mock_script_decide(s, &facts, r, 0, true, &how, &e) == 0) {
        if (mock_answer_init(a, &facts, &how, &replay, 1, &e) == 0)
            make_events(a);
        mock_answer_fini(a);
    }
    mock_replay_fini(&replay);
    arena_fini(&arena);
    mem_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span text = span_of((const char *)data + (len > 0), len ? len - 1 : 0);
    struct mock_script *s = mem_zalloc(1, sizeof(*s));
    struct mock_req whole, split;

    MUST(s);
    mock_script_init(s);
    mock_req_init(&whole);
    mock_req_init(&split);
    feed(&whole, text, 0);
    feed(&split, text, len ? MIN((size_t)data[0], text.n) : 0);
    MUST(whole.state == split.state);
    if (whole.state != MOCK_REQ_BAD) {
        MUST(span_eq(buf_span(&whole.body), buf_span(&split.body)));
        MUST(whole.fields_n == split.fields_n);
    }
    if (whole.state == MOCK_REQ_DONE)
        check_answer(s, &whole);
    mock_req_fini(&whole);
    mock_req_fini(&split);
    mock_script_fini(s);
    mem_free(s);
    return 0;
}
