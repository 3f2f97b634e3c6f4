/*
 * survival.h - says aloud when a pool of engines would not survive the loss of a failure domain,
 * and when it would again (policy/pool.h).
 *
 * It looks once a second. People hear of what has held for SURVIVAL_TELL_US, so that a pool at its
 * edge does not fill their log; and nothing of a pool of one domain, for that is the
 * configuration's and `lamplighter check` says it.
 *
 * Room: engine (uses base ev policy board settings). Threads: one loop.
 */
#ifndef ENGINE_SURVIVAL_H
#define ENGINE_SURVIVAL_H

#include "ev/ev.h"
#include "settings/settings.h"

#define SURVIVAL_LOOK_MS UINT64_C(1000)
#define SURVIVAL_TELL_US UINT64_C(5000000)

struct survival;

struct survival_conf {
    struct ev *ev;
    const struct board *board;
    uint32_t workers;
    void (*say)(void *arg, const char *line);
    void *arg;
};

MUST_CHECK int survival_new(struct survival **ret, const struct survival_conf *conf, struct err *e);
void survival_free(struct survival **s);

/* From now on the pools of this snapshot are looked at; takes a reference. What people have been
 * told of those that it has in common with the last one stands. */
void survival_use(struct survival *s, struct settings *settings);

#endif
