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

uint64_t board_time(const board_word *w, uint64_t now)
{
    uint64_t then = board_get(w);

    return MIN(then, now);
}
