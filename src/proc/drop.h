/*
 * drop.h - give up root, for good.
 *
 * Room: proc. Threads: none may run yet.
 */
#ifndef PROC_DROP_H
#define PROC_DROP_H

#include "base/err.h"

/* Become that user, with its groups and no others, and without a way back. It is no error to be
 * that user already; to be another one than root is, for only root can become somebody else. */
MUST_CHECK int drop_root(const char *user, struct err *e);

#endif
