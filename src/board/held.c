/*
 * held.c - see held.h.
 *
 * The owner of an entry is a birth of its slot: one more than the number of processes of the slot
 * that had ended when it was born. Only the master counts ends, when it has waited for the process
 * and before it forks the next one: so an owner is dead if and only if it is not above that count.
 * A pid would not do: it comes back, and the board learns it later than the child does.
 *
 *     FREE  (owner 0)     -- held_claim(): words, then the owner --> HELD
 *     HELD  (owner lives) -- held_give_up(): the owner becomes 0 --> FREE
 *     HELD                -- its process ends, held_ended() -------> DEAD
 *     DEAD  (owner ended) -- held_forget(), by the clerk ----------> FREE
 *
 * A process may die between any two stores:
 *     in held_claim()   the owner is still 0: there is no entry, and nothing had been asked yet
 *     in held_tried()   `tried` is 0 while the texts change: the entry says nothing of a target,
 *                       and none had been asked
 * What makes that true are the stores with release order; nobody waits for anybody.
 *     before held_give_up(), its record on the way
 *                       the record may come before anybody knows of the death: so the clerk
 *                       notes of every record that it came (`told`), and held_dead() says so
 *
 * A new process leaves the entries of dead ones alone until the clerk has freed them. They lie at
 * the bottom of its stack, so they are reached only when all others are taken, and a claim never
 * has to search.
 */
#include "board/held.h"

#define STREAM (UINT64_C(1) << 32) /* in `tried`, above the attempts */

/* ---- texts as words ---- */

#define PUT(words, text)                                                                           \
    do {                                                                                           \
        _Static_assert(sizeof(words) == sizeof(text), "the text has these words");                 \
        board_put_text((words), ARRAY_LEN(words), (text));                                         \
    } while (0)
#define GET(text, words)                                                                           \
    do {                                                                                           \
        _Static_assert(sizeof(words) == sizeof(text), "the text has these words");                 \
        board_get_text((text), (words), ARRAY_LEN(words));                                         \
    } while (0)

/* ---- a worker's end ---- */

void held_init(struct held_holder *h, struct board *b, uint32_t slot)
{
    MUST(slot < BOARD_WORKERS);
    *h = (struct held_holder){.table = &b->held[slot],
                              .unheld = &b->workers[slot].unheld,
                              .owner = held_ends(b, slot) + 1};
    for (size_t pass = 0; pass < 2; pass++) /* what is of the dead goes to the bottom */
        for (size_t i = BOARD_HELD; i > 0; i--)
            if ((board_get(&h->table->owners[i - 1]) == 0) == (pass == 1))
                h->free[h->free_n++] = (uint16_t)i;
    MUST(h->free_n == BOARD_HELD);
}

uint16_t held_claim(struct held_holder *h, const struct held_request *q)
{
    struct board_request *words;
    uint16_t n;

    if (h->free_n == 0 || board_get(&h->table->owners[h->free[h->free_n - 1] - 1]) != 0) {
        board_add(h->unheld, 1);
        return 0;
    }
    n = h->free[--h->free_n];
    words = &h->table->requests[n - 1];
    board_set(&words->wall_ms, q->wall_ms);
    board_set(&words->began_us, q->began_us);
    board_set(&words->op, q->op);
    board_set(&words->tried, 0);
    board_set(&words->result, 0);
    PUT(words->id, q->id);
    atomic_store_explicit(&h->table->owners[n - 1], h->owner, memory_order_release);
    return n;
}

void held_op(struct held_holder *h, uint16_t n, uint64_t op)
{
    if (n)
        board_set(&h->table->requests[n - 1].op, op);
}

void held_tried(struct held_holder *h, uint16_t n, const struct held_request *q)
{
    struct board_request *words;

    if (n == 0)
        return;
    words = &h->table->requests[n - 1];
    board_set(&words->tried, 0);
    atomic_thread_fence(memory_order_release); /* before the texts change */
    PUT(words->model, q->model);
    PUT(words->target, q->target);
    PUT(words->provider, q->provider);
    atomic_store_explicit(&words->tried, q->attempts | (q->stream ? STREAM : 0),
                          memory_order_release);
}

void held_over(struct held_holder *h, uint16_t n, uint64_t ended_us, uint64_t result)
{
    if (n == 0)
        return;
    board_set(&h->table->requests[n - 1].ended_us, ended_us);
    atomic_store_explicit(&h->table->requests[n - 1].result, result, memory_order_release);
}

void held_give_up(struct held_holder *h, uint16_t n)
{
    if (n == 0)
        return;
    MUST(h->free_n < BOARD_HELD && board_get(&h->table->owners[n - 1]) == h->owner);
    atomic_store_explicit(&h->table->owners[n - 1], 0, memory_order_release);
    h->free[h->free_n++] = n;
}

/* ---- the clerk's end ---- */

void held_ended(struct board_row *row)
{
    atomic_fetch_add_explicit(&row->ends, 1, memory_order_release);
}

uint64_t held_ends(const struct board *b, uint32_t slot)
{
    return atomic_load_explicit(&b->workers[slot].ends, memory_order_acquire);
}

static bool is_dead(const struct board *b, uint32_t slot, uint64_t ends, uint16_t n)
{
    uint64_t owner = atomic_load_explicit(&b->held[slot].owners[n - 1], memory_order_acquire);

    return owner != 0 && owner <= ends;
}

static bool is_told(const struct board *b, uint32_t slot, uint16_t n)
{
    const struct board_held *table = &b->held[slot];

    for (size_t i = 0; i < ARRAY_LEN(table->told[0]); i++)
        if (board_get(&table->told[n - 1][i]) != board_get(&table->requests[n - 1].id[i]))
            return false;
    return true;
}

void held_told(struct board *b, uint32_t slot, uint16_t n, const char id[HELD_ID])
{
    if (slot < BOARD_WORKERS && n > 0 && n <= BOARD_HELD) /* a record comes from outside */
        board_put_text(b->held[slot].told[n - 1], ARRAY_LEN(b->held[slot].told[0]), id);
}

uint16_t held_dead(const struct board *b, uint32_t slot, uint64_t ends, uint16_t from,
                   struct held_request *ret)
{
    for (uint16_t n = from + 1; n <= BOARD_HELD; n++) {
        const struct board_request *words = &b->held[slot].requests[n - 1];
        uint64_t tried;

        if (!is_dead(b, slot, ends, n))
            continue;
        tried = board_get(&words->tried);
        *ret = (struct held_request){.wall_ms = board_get(&words->wall_ms),
                                     .began_us = board_get(&words->began_us),
                                     .op = board_get(&words->op),
                                     .attempts = (uint32_t)tried,
                                     .stream = (tried & STREAM) != 0,
                                     .ended_us = board_get(&words->ended_us),
                                     .result = board_get(&words->result),
                                     .told = is_told(b, slot, n)};
        GET(ret->id, words->id);
        if (tried) {
            GET(ret->model, words->model);
            GET(ret->target, words->target);
            GET(ret->provider, words->provider);
        }
        return n;
    }
    return 0;
}

void held_forget(struct board *b, uint32_t slot, uint16_t n)
{
    atomic_store_explicit(&b->held[slot].owners[n - 1], 0, memory_order_release);
}
