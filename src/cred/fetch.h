/*
 * fetch.h - one run through the steps of a source: files are read, requests sent, answers read.
 *
 * Room: cred, private to it. Threads: one loop.
 */
#ifndef CRED_FETCH_H
#define CRED_FETCH_H

#include "call/pools.h"
#include "ev/ev.h"
#include "settings/settings.h"

#define FETCH_MS 10000 /* longest for all steps together */

struct fetch;

/* Begin; on_done comes once, not before this turn's posts. g: what came, in memory that ends with
 * the fetch; NULL: it failed, and e says why in one sentence without a secret. settings is the
 * snapshot that has c; a reference is taken. */
MUST_CHECK int fetch_start(struct fetch **ret, struct ev *ev, struct call_pools *pools,
                           struct settings *settings, const struct settings_credential *c,
                           void (*on_done)(void *arg, const struct token_grant *g,
                                           const struct err *e),
                           void *arg, struct err *e);

/* End it, finished or not, and overwrite what it knew; also from inside on_done. NULL is fine. */
void fetch_free(struct fetch **f);

#endif
