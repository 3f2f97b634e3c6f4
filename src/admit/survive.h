/*
 * survive.h - would the protected sessions of any one failure domain still fit in the rest of the
 * pool, if that domain died now? Before a session is admitted, and for everybody to see.
 *
 * An engine of capacity C holds sessions whose caches will come to R tokens, of which P are of
 * protected ones: best-effort sessions may use what is spare, for they are the first to go. A
 * session of f tokens may be placed on engine i where
 *
 *   (a) R_i + f <= SURVIVE_FILL C_i
 *   (b) for every domain d: the room of all engines outside d, max(0, SURVIVE_AFTER C_j - P_j)
 *       together, holds (1 + SURVIVE_MARGIN) times the protected sessions of d
 *   (c) ... and one of them the largest of those
 *   (d) ... and they read the contexts of those again within SURVIVE_READ_S, with SURVIVE_SHARE of
 *       their prefill, for the rest goes on with what it has
 *
 * for a best-effort one (a) alone. Source: the issue "Self-hosted pools"; what the margins are
 * worth is measured by bench/admission, decision 0025.
 *
 * Room: admit (uses base). Pure. Threads: any.
 */
#ifndef ADMIT_SURVIVE_H
#define ADMIT_SURVIVE_H

#include "base/base.h"

/* In millionths. */
#define SURVIVE_FILL   UINT64_C(900000)
#define SURVIVE_AFTER  UINT64_C(950000)
#define SURVIVE_MARGIN UINT64_C(50000)
#define SURVIVE_SHARE  UINT64_C(300000)
#define SURVIVE_READ_S 30u

/* An engine. Tokens; no sum of them over a pool exceeds 2^48. */
struct survive_member {
    uint64_t capacity; /* 0: it takes nothing of others, for it does not serve */
    uint64_t reserved; /* what all that it holds will come to */
    uint64_t kept;     /* ... of it what is protected */
    uint64_t context;  /* ... and of that what would have to be read again */
    uint64_t largest;  /* protected session */
    uint64_t prefill;  /* tokens that it reads in a second; 0: not known */
    uint16_t domain;   /* < domains_n */
};

/* Of a domain, by survive_look(). */
struct survive_domain {
    uint64_t kept, context, largest, room, widest, prefill;
    bool there; /* it has a member that serves */
};

enum survive_why {
    SURVIVE_FITS,
    SURVIVE_FULL,      /* (a) */
    SURVIVE_NO_ROOM,   /* (b) */
    SURVIVE_TOO_LARGE, /* (c) */
    SURVIVE_TOO_LONG,  /* (d) */
    SURVIVE_ALONE,     /* there is one domain only: nobody would take its sessions */
    SURVIVE_WHYS
};

struct survive_verdict {
    enum survive_why why;
    uint16_t domain; /* the first whose sessions would be lost */
    uint64_t lost;   /* tokens of its sessions that would have no room; 0: (c), (d) */
};

/* Does the pool survive the loss of any one domain, as it stands? d: domains_n places to work in.
 * Takes time by n and domains_n. SURVIVE_FITS also where nothing is protected. */
struct survive_verdict survive_look(const struct survive_member *m, size_t n,
                                    struct survive_domain *d, size_t domains_n);

/* May a session be placed on member i, of so many tokens in the end, of which `context` will be
 * read first? SURVIVE_ALONE: (a) holds, and more cannot. */
struct survive_verdict survive_admits(const struct survive_member *m, size_t n,
                                      struct survive_domain *d, size_t domains_n, size_t i,
                                      uint64_t tokens, uint64_t context, bool kept);

#endif
