/*
 * shares.h - how the memory that a control group grants is divided among the processes of a
 * gateway.
 *
 * Room: proc. Pure.
 */
#ifndef PROC_SHARES_H
#define PROC_SHARES_H

#include "base/base.h"

/* Bytes. None is 0, however little there is. docs/decisions/0022-memory.md */
struct proc_shares {
    uint64_t bodies, translation; /* of one worker */
    uint64_t history;             /* past requests, in the clerk */
};

/* history_most: what past requests can use at all. */
struct proc_shares proc_share(uint64_t granted, uint32_t workers, uint64_t history_most);

#endif
