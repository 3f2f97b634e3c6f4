/*
 * ledger.c - see ledger.h.
 */
#include "policy/ledger.h"

#include "base/mem.h"

int policy_ledger_init(struct policy_ledger *l, struct board *board, uint32_t worker, struct err *e)
{
    l->board = board;
    l->row = board->loads[worker];
    l->sizes = mem_zalloc(BOARD_ENDPOINTS, sizeof(*l->sizes));
    if (!l->sizes)
        return err_set(e, ERR_NOMEM, "no memory for the ledger of sessions");
    return 0;
}

void policy_ledger_fini(struct policy_ledger *l)
{
    mem_free(l->sizes);
    l->sizes = NULL;
}
