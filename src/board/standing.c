/*
 * standing.c - see standing.h. A place is one of a few behind the hash; who takes it from an idle
 * one clears its words behind the swap of the id: who reads between the two knows the other's
 * standing for a moment, as it may with any two words of the board.
 */
#include "board/standing.h"

#include "base/mem.h"

#define WAYS     16
#define FRESH_US UINT64_C(1000000) /* used so lately: not written down again */

struct board_standing *standing_new(void)
{
    return mem_zalloc(BOARD_STANDINGS + 1, sizeof(struct board_standing));
}

void standing_free(struct board_standing **table)
{
    mem_free(*table);
    *table = NULL;
}

/* What answers have taught. */
static void copy_learned(struct board_standing *to, const struct board_standing *from)
{
    for (size_t k = 0; k < ARRAY_LEN(to->waits); k++)
        board_set(&to->waits[k], board_get(&from->waits[k]));
    for (size_t k = 0; k < ARRAY_LEN(to->limits); k++) {
        board_set(&to->limits[k].level, board_get(&from->limits[k].level));
        board_set(&to->limits[k].full_us, board_get(&from->limits[k].full_us));
    }
    board_set(&to->peaks[0], board_get(&from->peaks[0]));
    board_set(&to->peaks[1], board_get(&from->peaks[1]));
    board_set(&to->slow, board_get(&from->slow));
    board_set(&to->limits_said_us, board_get(&from->limits_said_us));
    for (size_t k = 0; k < ARRAY_LEN(to->reserved); k++)
        for (size_t slot = 0; slot < 2; slot++)
            board_set(&to->reserved[k][slot], board_get(&from->reserved[k][slot]));
    board_set(&to->pace, board_get(&from->pace));
    board_set(&to->ramp, board_get(&from->ramp));
    board_set(&to->density, board_get(&from->density));
    board_set(&to->extra[0], board_get(&from->extra[0]));
    board_set(&to->extra[1], board_get(&from->extra[1]));
    board_set(&to->hedges, board_get(&from->hedges));
}

void standing_copy(struct board_standing *to, const struct board_standing *from)
{
    for (size_t i = 0; i <= BOARD_STANDINGS; i++) {
        board_set(&to[i].id, board_get(&from[i].id));
        board_set(&to[i].used_us, board_get(&from[i].used_us));
        board_set(&to[i].breaker, board_get(&from[i].breaker));
        board_set(&to[i].until_us, board_get(&from[i].until_us));
        board_set(&to[i].not_before_us, board_get(&from[i].not_before_us));
        board_set(&to[i].probe_us, board_get(&from[i].probe_us));
        board_set(&to[i].opened_us, board_get(&from[i].opened_us));
        board_set(&to[i].closed_us, board_get(&from[i].closed_us));
        board_set(&to[i].incidents, board_get(&from[i].incidents));
        board_set(&to[i].budget, board_get(&from[i].budget));
        copy_learned(&to[i], &from[i]);
    }
}

static size_t place(uint64_t id, size_t way)
{
    return (size_t)((id + way) % BOARD_STANDINGS);
}

/* A place that is taken is never free again: behind a free one there is nothing to be found. */
struct board_standing *standing_known(struct board_standing *table, uint64_t id)
{
    for (size_t way = 0; way < WAYS; way++) {
        struct board_standing *s = &table[place(id, way)];
        uint64_t here = board_get(&s->id);

        if (here == id)
            return s;
        if (here == 0)
            return NULL;
    }
    return NULL;
}

const struct board_standing *standing_look(const struct board_standing *table, uint64_t id)
{
    return standing_known((struct board_standing *)(uintptr_t)table, id);
}

static bool take(struct board_standing *s, uint64_t from, uint64_t id)
{
    static const struct board_standing nothing;

    if (!atomic_compare_exchange_strong_explicit(&s->id, &from, id, memory_order_relaxed,
                                                 memory_order_relaxed))
        return false;
    board_set(&s->breaker, 0);
    board_set(&s->until_us, 0);
    board_set(&s->not_before_us, 0);
    board_set(&s->probe_us, 0);
    board_set(&s->opened_us, 0);
    board_set(&s->closed_us, 0);
    board_set(&s->incidents, 0);
    board_set(&s->budget, 0);
    copy_learned(s, &nothing);
    return true;
}

static bool is_idle(const struct board_standing *s, uint64_t now_us)
{
    return board_time(&s->used_us, now_us) + STANDING_IDLE_US <= now_us;
}

/* Each request looks at all of its targets, and what is written leaves the other processors'
 * caches. Processes' times differ a little: the later one stays. */
static void note_use(struct board_standing *s, uint64_t now_us)
{
    if (board_get(&s->used_us) + FRESH_US <= now_us)
        board_set(&s->used_us, now_us);
}

/* A new place: a free one, else an idle one. */
static struct board_standing *make(struct board_standing *table, uint64_t id, uint64_t now_us)
{
    for (size_t way = 0; way < WAYS; way++)
        if (board_get(&table[place(id, way)].id) == 0 && take(&table[place(id, way)], 0, id))
            return &table[place(id, way)];
    for (size_t way = 0; way < WAYS; way++) {
        struct board_standing *s = &table[place(id, way)];

        if (is_idle(s, now_us) && take(s, board_get(&s->id), id))
            return s;
    }
    return NULL;
}

struct board_standing *standing_find(struct board_standing *table, uint64_t id, uint64_t now_us)
{
    struct board_standing *s = standing_known(table, id);

    if (!s)
        s = make(table, id, now_us);
    if (!s)
        return &table[BOARD_STANDINGS];
    note_use(s, now_us);
    return s;
}

bool standing_is_nobodys(const struct board_standing *s)
{
    return board_get(&s->id) == 0;
}
