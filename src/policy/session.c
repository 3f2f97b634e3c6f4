/*
 * session.c - see session.h and ledger.h.
 *
 * A worker alone writes its row, so its words are set and not swapped. The largest of its sessions
 * on an engine is known by classes (admit/sizes.h), in units: a class's end may be a fifth more
 * than the session, and is 512 tokens at the least.
 */
#include "policy/session.h"

#include "admit/outputs.h"
#include "board/endpoints.h"

#define UNIT   64u /* tokens: the largest class begins beyond 20 million */
#define KINDS  3
#define ANYONE 0

_Static_assert(ARRAY_LEN(((struct board_lengths *)0)->counts) == OUTPUTS_WORDS, "board.h");

/* ---- how long answers are ---- */

static uint64_t kind_id(uint64_t tenant, uint64_t model, uint64_t bucket)
{
    uint64_t id = ((tenant * 31 + model) * 31 + bucket) * UINT64_C(0x9e3779b97f4a7c15);

    return id ? id : 1;
}

/* The narrowest first. */
static void kinds_of(const struct policy_request *q, uint64_t ids[KINDS])
{
    const struct policy_candidate *c = &q->candidates[q->it.at];
    uint64_t prompt = q->it.session.prompt,
             bucket = prompt ? 64 - (uint64_t)__builtin_clzll(prompt) : 0;

    ids[0] = kind_id(q->tenant, c->model, 1 + bucket);
    ids[1] = kind_id(ANYONE, c->model, 1 + bucket);
    ids[2] = kind_id(ANYONE, c->model, 0);
}

static bool is_known(const struct policy_ledger *l, uint64_t id, struct outputs *ret)
{
    const struct board_lengths *p = lengths_look(l->board, id);

    for (size_t i = 0; p && i < OUTPUTS_WORDS; i++)
        ret->words[i] = board_get(&p->counts[i]);
    return p && outputs_is_known(ret);
}

/* The whole session, once it has said so much. */
static uint64_t reckon(const struct policy_request *q, uint64_t said)
{
    struct outputs o;
    uint64_t ids[KINDS];
    size_t i = 0;

    kinds_of(q, ids);
    while (i < KINDS && !is_known(q->ledger, ids[i], &o))
        i++;
    return q->it.session.prompt + outputs_expect(i < KINDS ? &o : NULL, q->output, said);
}

static void count(board_word *w, uint64_t tokens)
{
    uint64_t old = board_get(w);

    while (!board_swap(w, &old, outputs_add(old, tokens)))
        ;
}

static void halve(board_word *w)
{
    uint64_t old = board_get(w);

    while (!board_swap(w, &old, outputs_halve(old)))
        ;
}

static void note_length(struct policy_ledger *l, uint64_t id, uint64_t tokens, uint64_t now_us)
{
    struct board_lengths *p = lengths_make(l->board, id, now_us);
    size_t at = outputs_place(tokens);

    if (!p)
        return;
    count(&p->counts[at], tokens);
    for (size_t i = 0; outputs_is_full(board_get(&p->counts[at])) && i < OUTPUTS_WORDS; i++)
        halve(&p->counts[(at + 1 + i) % OUTPUTS_WORDS]); /* its own is the last one */
}

/* ---- what it takes ---- */

static void change(board_word *w, uint64_t more, uint64_t less)
{
    board_set(w, board_get(w) + more - less);
}

static uint64_t largest(const uint32_t sizes[SIZES])
{
    size_t class = SIZES;

    while (class > 0 && sizes[class - 1] == 0)
        class --;
    return class ? (uint64_t)(UNIT * sizes_end(class - 1)) : 0;
}

static void resize(struct policy_ledger *l, size_t place, uint64_t to, uint64_t from)
{
    uint32_t *sizes = l->sizes[place];

    if (from)
        sizes[sizes_of(from / UNIT)]--;
    if (to)
        sizes[sizes_of(to / UNIT)]++;
    board_set(&l->row[place].largest, largest(sizes));
    change(&l->row[place].tokens, to, from);
}

/* What it has come to. A whole answer does not tell as long as it is made, so it counts as half
 * made all the time. */
static uint64_t come_to(const struct policy_request *q, const struct policy_session *s)
{
    return s->prompt + (q->whole ? (s->tokens - s->prompt) / 2 : s->said);
}

void session_begin(struct policy_request *q)
{
    struct policy_ledger *l = q->ledger;
    const struct policy_candidate *c = &q->candidates[q->it.at];
    struct policy_session *s = &q->it.session;
    size_t place;

    *s = (struct policy_session){0};
    if (!l || !c->endpoint || q->text + q->bulk == 0 || q->tokens == 0)
        return;
    place = endpoints_place(l->board, c->endpoint);
    if (place == BOARD_ENDPOINTS)
        return;
    s->state = SESSION_RUNS;
    s->place = (uint16_t)place;
    s->prompt = policy_tokens(q->table, c, q->text) + q->bulk;
    s->tokens = s->at_first = MAX(reckon(q, 0), UINT64_C(1));
    resize(l, place, s->tokens, 0);
    change(&l->row[place].now, come_to(q, s), 0);
    change(&l->row[place].sessions, 1, 0);
}

void policy_says(struct policy_request *q, uint64_t tokens)
{
    struct policy_session *s = &q->it.session;
    struct board_load *row;
    uint64_t was, before;

    if (s->state != SESSION_RUNS || tokens < s->said + LEDGER_POST)
        return;
    row = &q->ledger->row[s->place];
    was = come_to(q, s);
    before = s->tokens;
    s->said = tokens;
    if (s->prompt + tokens > s->tokens) {
        s->tokens = reckon(q, tokens);
        resize(q->ledger, s->place, s->tokens, before);
    }
    change(&row->now, come_to(q, s), was);
}

void session_end(struct policy_request *q, bool complete)
{
    struct policy_session *s = &q->it.session;
    struct board_load *row;

    if (s->state != SESSION_RUNS)
        return;
    row = &q->ledger->row[s->place];
    resize(q->ledger, s->place, 0, s->tokens);
    change(&row->now, 0, come_to(q, s));
    change(&row->sessions, 0, 1);
    s->state = complete ? SESSION_COMPLETE : SESSION_NONE;
}

void session_note(struct policy_request *q, uint64_t output, uint64_t now_us)
{
    struct policy_session *s = &q->it.session;
    uint64_t tokens = output ? output : s->said, ids[KINDS];
    struct board_load *row;

    if (s->state != SESSION_COMPLETE)
        return;
    s->state = SESSION_NONE;
    if (tokens == 0)
        return;
    row = &q->ledger->row[s->place];
    change(&row->ended, 1, 0);
    change(&row->covered, s->prompt + tokens <= s->at_first, 0);
    kinds_of(q, ids);
    for (size_t i = 0; i < KINDS; i++)
        note_length(q->ledger, ids[i], tokens, now_us);
}
