/*
 * board.c - see board.h.
 */
#include "board/board.h"

#include <errno.h>
#include <sys/mman.h>

int board_new(struct board **ret, struct err *e)
{
    /* Most of it is never written, so none of it is set aside. */
    void *p = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        return err_set(e, ERR_NOMEM, "board: no shared memory: %s", strerror(errno));
    *ret = p;
    return 0;
}

void board_free(struct board **b)
{
    if (*b)
        MUST(munmap(*b, sizeof(**b)) == 0);
    *b = NULL;
}

/* ---- texts as words ---- */

void board_put_text(board_word *words, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t w;

        memcpy(&w, text + i * sizeof(w), sizeof(w));
        board_set(&words[i], w);
    }
}

void board_get_text(char *text, const board_word *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t w = board_get(&words[i]);

        memcpy(text + i * sizeof(w), &w, sizeof(w));
    }
    text[n * sizeof(uint64_t) - 1] = '\0'; /* it may come from another process */
}

/* ---- targets ---- */

/* Never 0, which is the id of what has no name. */
static uint64_t target_id(struct span target)
{
    uint64_t h = span_hash(target);

    return h ? h : 1;
}

/* The first slot from the hashed place on that is the target's or free. A target may come to stand
 * in two slots, when an earlier one gets free meanwhile: readers add up. */
struct board_target *board_enter(struct board_target row[BOARD_TARGETS + 1], struct span target)
{
    struct board_target *slot = &row[BOARD_TARGETS];
    uint64_t id = target_id(target);

    for (size_t i = 0; i < BOARD_TARGETS; i++) {
        struct board_target *at = &row[(id + i) % BOARD_TARGETS];

        if (board_get(&at->live) == 0)
            board_set(&at->id, id);
        if (board_get(&at->id) == id) {
            slot = at;
            break;
        }
    }
    board_add(&slot->live, 1);
    return slot;
}

void board_leave(struct board_target *slot)
{
    uint64_t live = board_get(&slot->live);

    if (EXPECT(live > 0))
        board_set(&slot->live, live - 1);
}

void board_targets_clear(struct board_target row[BOARD_TARGETS + 1])
{
    for (size_t i = 0; i <= BOARD_TARGETS; i++)
        board_set(&row[i].live, 0);
}

uint64_t board_live(const struct board_target row[BOARD_TARGETS + 1], struct span target)
{
    uint64_t id = target_id(target), sum = 0;

    for (size_t i = 0; i < BOARD_TARGETS; i++)
        if (board_get(&row[i].id) == id)
            sum += board_get(&row[i].live);
    return sum;
}

uint64_t board_at_target(const struct board *b, uint32_t workers, struct span target)
{
    uint64_t sum = 0;

    for (uint32_t w = 0; w < workers; w++)
        sum += board_live(b->targets[w], target);
    return sum;
}

uint64_t board_at_targets(const struct board *b, uint32_t workers)
{
    uint64_t sum = 0;

    for (uint32_t w = 0; w < workers; w++)
        for (size_t i = 0; i <= BOARD_TARGETS; i++)
            sum += board_get(&b->targets[w][i].live);
    return sum;
}

uint64_t board_time(const board_word *w, uint64_t now)
{
    uint64_t then = board_get(w);

    return MIN(then, now);
}
