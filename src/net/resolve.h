/*
 * resolve.h - names to addresses: through c-ares and /etc/hosts, or from a table on virtual time.
 *
 * Answers are kept for their TTL, at least 1 s and at most 5 min. When DNS fails, or does not
 * answer within a second, the last good addresses are served for as long as they are remembered:
 * an address that worked is a better guess than none. Attempts for one name share one query.
 *
 * Room: net. Threads: one loop.
 */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "net/net.h"

#define RESOLVE_HOST_MAX  253
#define RESOLVE_ADDRS_MAX 16 /* more are left out */

struct resolver;
struct resolve; /* one question */

struct resolver_conf {
    const char *servers; /* "10.0.0.2,10.0.0.3:5353"; NULL: those of the system */
    uint32_t timeout_ms; /* of one try; 0: 2000 */
    uint32_t tries;      /* 0: 2 */
    uint32_t names_max;  /* remembered; 0: 256 */
};

/* *conf is copied. */
MUST_CHECK int resolve_ares_new(struct resolver **ret, struct ev *ev,
                                const struct resolver_conf *conf, struct err *e);

/* Free *r; questions that are open are dropped without an answer. */
void resolve_free(struct resolver **r);

/* Ask for the addresses of host, a name or an IP address (which asks nobody). on_done gets at
 * least one address, with the port set, borrowed until it returns; or none and why (ERR_RESOLVE).
 * -1: ERR_RESOLVE when host can be no name, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK int resolve_start(struct resolve **ret, struct resolver *r, struct span host,
                             uint16_t port,
                             void (*on_done)(void *arg, const struct net_addr *addrs, size_t n,
                                             const struct err *e),
                             void *arg, struct err *e);

/* Give up; on_done will not be called. NULL is fine. After on_done the question is gone. */
void resolve_cancel(struct resolve **q);

/* Can host be a name or a bare IP address? No byte of it needs quoting in any protocol. */
bool resolve_host_ok(struct span host);

/* ---- the virtual one ---- */

MUST_CHECK int resolve_sim_new(struct resolver **ret, struct ev *ev,
                               const struct resolver_conf *conf, struct err *e);

/* From now on host is at these addresses (bare IPs with commas; "": it has none; NULL: no answer
 * ever comes), told after `delay` with this TTL. Asking for a name without a row fails. */
MUST_CHECK int resolve_sim_set(struct resolver *r, const char *host, const char *addrs,
                               uint32_t ttl_s, ev_us delay, struct err *e);

/* How many queries went out: for tests. */
size_t resolve_queries(const struct resolver *r);

#endif
