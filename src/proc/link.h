/*
 * link.h - the few fixed messages between the master and its children.
 *
 * One SOCK_SEQPACKET pair a child: a message arrives whole or not at all, and may carry one
 * descriptor. The master parses nothing else.
 *
 * Room: proc (uses base board). Threads: any.
 */
#ifndef PROC_LINK_H
#define PROC_LINK_H

#include "base/err.h"

enum link_type {
    /* master to child */
    LINK_CONFIG = 1,    /* a configuration to take into use: number = generation, fd = its text */
    LINK_DRAIN,         /* finish what runs, at most number milliseconds, then exit */
    LINK_ENGINE_STATE,  /* to the keeper: index, number = pid or 0, status = wait status */
    LINK_RELOAD_RESULT, /* to the clerk: number = enum link_reload, fd = the report's text */
    LINK_TRIAL,         /* to a worker: one to try on a slice of the requests: number = the trial's,
                         * fd = its text; without fd: none is on trial any more */
    /* child to master */
    LINK_READY,      /* serves generation `number` */
    LINK_RELOAD,     /* from the clerk: load the configuration anew; index = 1: without a trial */
    LINK_TRIAL_END,  /* from the clerk: the trial `number` ends so: index = enum board_trial_end */
    LINK_TRIAL_HOLD, /* from the clerk: the trial `number` goes on until somebody decides */
    LINK_ROLLBACK,   /* from the clerk: take the configuration before the one in use */
    LINK_ENGINE_START, /* from the keeper: index */
    LINK_ENGINE_STOP,  /* from the keeper: index */
};

enum link_reload { LINK_RELOAD_REFUSED, LINK_RELOAD_TAKEN, LINK_RELOAD_TRIED };

struct link_msg {
    uint32_t type; /* enum link_type */
    uint32_t index;
    uint64_t number;
    int32_t status;
    uint32_t spare;
};

/* Make a pair: non-blocking, close-on-exec. */
MUST_CHECK int link_pair(int ret[2], struct err *e);

/* Send; fd < 0: none goes along. Never blocks: -1 when the other side is gone or its queue is
 * full. */
MUST_CHECK int link_send(int link, const struct link_msg *m, int fd, struct err *e);

/* Receive one message: 1 got one, 0 none there now, -1 the other side is gone. *ret_fd is the
 * descriptor that came along (owned by the caller), else -1. */
MUST_CHECK int link_recv(int link, struct link_msg *ret, int *ret_fd);

#endif
