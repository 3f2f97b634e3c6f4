/*
 * cred.h - credentials of clouds: fetched at their first use, kept, renewed while they are in use.
 *
 * Room: cred (uses base board ev provider http settings call). Threads: one loop; one store a
 * worker.
 */
#ifndef CRED_CRED_H
#define CRED_CRED_H

#include "base/list.h"
#include "board/board.h"
#include "call/pools.h"
#include "settings/settings.h"

struct cred_store;

/* A credential that was given; shared by who uses it, and never changed. */
struct cred {
    uint32_t refs;               /* private */
    struct secret_arena *memory; /* private */
    struct token_grant grant;    /* in locked memory */
};

/* Who waits for one; embedded in its owner. fn comes once, with a reference for the owner, or with
 * NULL and why there is none. */
struct cred_wait {
    void (*fn)(struct cred_wait *w, struct cred *c, const struct err *e);
    struct list link; /* private */
};

/* pools outlive the store; so does shown, the process's own row of the board, where people see what
 * it has. NULL: nobody looks. */
MUST_CHECK int cred_store_new(struct cred_store **ret, struct ev *ev, struct call_pools *pools,
                              struct board_cred *shown, struct err *e);

/* Nobody may wait any more. References that are out stay good. NULL is fine. */
void cred_store_free(struct cred_store **s);

/* Go by this snapshot: a provider whose credentials come from where they came from keeps what it
 * has; what nobody has any more ends. */
void cred_store_use(struct cred_store *s, struct settings *settings);

enum cred_answer {
    CRED_READY,  /* *ret is a reference */
    CRED_WAIT,   /* w->fn will be called, or cred_wait_cancel() */
    CRED_FAILED, /* *e says why, in a sentence; it is tried again in a while */
};

/* The credential of a provider (which has a source) of that snapshot. w->fn is set. */
MUST_CHECK enum cred_answer cred_get(struct cred_store *s, struct settings *settings,
                                     const struct settings_provider *provider, struct cred **ret,
                                     struct cred_wait *w, struct err *e);

void cred_wait_init(struct cred_wait *w,
                    void (*fn)(struct cred_wait *w, struct cred *c, const struct err *e));

/* Do not wait any more; fn does not come. Also fine when nothing is waited for. */
void cred_wait_cancel(struct cred_wait *w);

/* The provider has refused that credential. true: another one is there, or will be fetched, so it
 * is worth asking again; false: it has no other, or a new one was refused just before. */
MUST_CHECK bool cred_refused(struct cred_store *s, const struct settings_provider *provider,
                             const struct cred *c);

/* Let go; *c becomes NULL. The last one overwrites it. NULL is fine. */
void cred_unref(struct cred **c);

#endif
