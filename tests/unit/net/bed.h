/*
 * bed.h - one test bed for both networks: a loop, a net, and recording ends of connections.
 *
 * A test drives it by WAIT(bed, condition): turns pass until the condition holds; when it does
 * not come true in time the test fails.
 */
#ifndef TESTS_UNIT_NET_BED_H
#define TESTS_UNIT_NET_BED_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "ev/ev_sim.h"
#include "ev/ev_uv.h"
#include "net/net_sim.h"
#include "net/net_uv.h"

#define IN_MAX ((size_t)64 * 1024 * 1024)

struct bed {
    bool sim;
    struct ev *ev;
    struct net_sim *world;
    struct net *net;
    struct ev_timer tick;
    ev_us begin;
};

int bed_uv(void **state);
int bed_sim(void **state);
int bed_end(void **state);

/* Make and free one outside of cmocka's set-up; conf may be NULL. */
struct bed *bed_new(bool sim, uint64_t seed, const struct net_sim_conf *conf);
void bed_free(struct bed *b);

void bed_turn(struct bed *b);
bool bed_in_time(struct bed *b);

/* Virtual only: let time pass. */
void bed_run(struct bed *b, ev_us until);

/* Let what may still come, come. */
void bed_settle(struct bed *b);

#define WAIT(b, condition)                                                                         \
    do {                                                                                           \
        (b)->begin = ev_now((b)->ev);                                                              \
        while (!(condition))                                                                       \
            if (bed_in_time(b))                                                                    \
                bed_turn(b);                                                                       \
            else                                                                                   \
                fail_msg("never came true: %s", #condition);                                       \
    } while (0)

/* An end that records. */
struct side {
    struct bed *b;
    struct net_conn *c;
    struct buf in;
    size_t sent;
    int calls; /* of any callback */
    bool eof, broken;
    struct err err;
    void (*hook)(struct side *s, char what); /* 'r' read, 'e' eof, 's' sent, '!' error */
};

void side_init(struct side *s, struct bed *b);
void side_take(struct side *s, struct net_conn *c); /* listen, and read */
void side_write(struct side *s, const void *p, size_t n);
void side_fini(struct side *s); /* resets what is still open */

/* Listen on a free port of loopback; the connections accepted fill sides[0..] in order. */
struct door {
    struct bed *b;
    struct net_listener *l;
    struct side *sides;
    size_t n, max;
    bool ready; /* the sides are initialised already */
    void (*hook)(struct door *d, struct side *s);
};

void door_open(struct door *d, struct bed *b, struct side *sides, size_t max);

/* An attempt that records. */
struct call {
    struct side *s;
    struct net_connect *attempt;
    bool done, failed;
    struct err err;
};

void call_start(struct call *c, struct side *s, const struct net_addr *to);
int call_try(struct call *c, struct side *s, const struct net_addr *to, struct err *e);

/* A connected pair over a new door. */
void bed_pair(struct bed *b, struct door *d, struct side *client, struct side *server);

#endif
