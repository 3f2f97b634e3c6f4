/*
 * listen.h - the listening sockets, bound before anything is forked: a start that cannot listen
 * fails at once, and a worker that is replaced leaves its queue of connections to the next one.
 *
 * Room: cmd.
 */
#ifndef CMD_LISTEN_H
#define CMD_LISTEN_H

#include "cmd/run.h"

/* Fill run->listen_fds (one SO_REUSEPORT socket a slot and address), run->listens and
 * run->admin_fd. A port 0 is chosen by the kernel and then shared by all slots. */
MUST_CHECK int listen_open(struct run *run, const struct settings *s, struct err *e);

/* The address that a socket really has. */
void listen_addr(int fd, struct net_addr *ret);

/* Stop listening for this slot: who waits there is refused, who comes goes to another slot. */
void listen_give_way(const struct run *run, uint32_t slot);

/* Listen again, if that was stopped. */
MUST_CHECK int listen_anew(const struct run *run, uint32_t slot, struct err *e);

/* Close all but those of one slot and, for the clerk, the admin socket. keep: the slot, or
 * BOARD_WORKERS for none. */
void listen_close_others(const struct run *run, uint32_t keep, bool keep_admin);

/* A TCP port of 127.0.0.1 that nobody listens on now. */
MUST_CHECK int listen_free_port(uint16_t *ret, struct err *e);

#endif
