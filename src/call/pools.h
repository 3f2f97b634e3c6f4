/*
 * pools.h - the connections to every origin, kept across configurations.
 *
 * A pool's identity is all that decides whom it talks to, and how: provider name, URL, version of
 * HTTP, CA (and what stood in its file), proxy and its password, time to connect. A new snapshot
 * that says the same keeps its warm connections; one that says otherwise gets new ones, and the old
 * pool goes once no stream uses it any more.
 *
 * Room: call. Threads: one loop.
 */
#ifndef CALL_POOLS_H
#define CALL_POOLS_H

#include "http/client.h"
#include "settings/settings.h"

struct call_pools;

/* net and resolver outlive the pools. */
MUST_CHECK int call_pools_new(struct call_pools **ret, struct net *net, struct resolver *resolver,
                              struct err *e);

/* All calls must have ended. NULL is fine. */
void call_pools_free(struct call_pools **p);

/* Requests that begin from now on go by this snapshot; a reference is taken. Its pools are made
 * now, so that no request waits for a CA bundle to be read (what fails here fails again, and is
 * told, when a request needs it); all others are freed as their last streams end. Requests of an
 * older snapshot may go on asking for them. */
void call_pools_use(struct call_pools *p, struct settings *s);

/* From the next snapshot on only the pools of such providers are made beforehand, and kept: for who
 * has requests for no others. */
void call_pools_want(struct call_pools *p,
                     bool (*wanted)(const struct settings_provider *provider));

/* So does a slice of them by this one, beside the newest: its pools are current too. NULL: no
 * snapshot does (any more); call_pools_use() says so as well. */
void call_pools_try(struct call_pools *p, struct settings *s);

/* The sums over all pools; totals also of those that are gone. */
void call_pools_stats(const struct call_pools *p, struct http_pool_stats *ret);

/* The pool for a provider's URL; made at first use. */
MUST_CHECK int call_pools_get(struct call_pools *p, struct http_pool **ret,
                              const struct settings_provider *provider,
                              const struct settings_url *url, struct err *e);

#endif
