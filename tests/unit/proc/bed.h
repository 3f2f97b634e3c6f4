/*
 * bed.h - a real master in a forked process, whose children do what a shared page says and write
 * there what they saw. The clock of all of them is the page's: it stands still but for leaps.
 */
#ifndef TEST_PROC_BED_H
#define TEST_PROC_BED_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "board/suspect.h"
#include "board/trial.h"
#include "proc/master.h"

#define S        1000000u /* microseconds */
#define DRAIN_MS 7000
#define SAID_MAX 16384
#define BEGIN_US (1000 * (uint64_t)S) /* anything that leaves room before it */
#define TRIES    30000                /* of a millisecond at least: then it will not come */

enum { KINDS = 3, ENGINES = 2 };

/* What a child of that kind saw last. */
struct seen {
    _Atomic uint64_t ready, drains, drain_ms, config, config_letter, result, result_letter;
    _Atomic uint64_t engine_words, engine_pid[ENGINES];
    _Atomic uint64_t trials, trial, trial_letter; /* 0: none is on trial */
};

/* The page of the test, the master and all children. */
struct page {
    _Atomic uint64_t now_us; /* the monotonic clock of all */
    /* orders */
    _Atomic bool exits;             /* children end at once */
    _Atomic bool deaf;              /* workers do not drain */
    _Atomic bool hangs;             /* a loader never ends */
    _Atomic uint64_t loader_status; /* and with what it ends */
    _Atomic uint64_t letter;        /* the configuration's only byte */
    /* what a child of a kind shall send, once */
    _Atomic uint64_t send_kind, send_type, send_index, send_number, sent;
    /* what happened */
    _Atomic uint64_t loads;
    _Atomic bool at_once;         /* the last one is to be taken without a trial ... */
    _Atomic uint64_t load_letter; /* ... and this one was in use */
    _Atomic uint64_t gave_way;    /* slots that did, each + 1, a decimal digit each */
    struct seen seen[KINDS];
    _Atomic uint64_t said_n;
    char said[SAID_MAX];
};

struct bed {
    struct board *board;
    struct proc_conf conf;
    struct proc_command commands[ENGINES];
    pid_t master;
    int status; /* of the master, once it has ended */
};

extern struct page *page;

int set_up(void **state);
int tear_down(void **state);
void begin(struct bed *b);
void nudge(const struct bed *b);
bool ended(struct bed *b);
bool said(const char *what);
unsigned times_said(const char *what);
bool all_beat(const struct bed *b);
void leap(struct bed *b, uint64_t us);
pid_t pid_of(const struct board_row *row);
bool replaced(const struct board_row *row, pid_t victim);
void slay(const struct bed *b, const struct board_row *row);
void begin_and_grow_up(struct bed *b);
void stop(struct bed *b);
void send_from(struct bed *b, enum proc_kind kind, enum link_type type, uint32_t index);
void let_finish(struct bed *b);
void begin_endless_reload(struct bed *b);
bool stopped(pid_t pid);

#define UNTIL(b, condition)                                                                        \
    do {                                                                                           \
        for (int tries_ = 0; !(condition) && tries_ < TRIES; tries_++)                             \
            nudge(b);                                                                              \
        if (!(condition))                                                                          \
            fail_msg("in vain: %s; said:\n%s", #condition, page->said);                            \
    } while (0)

#endif
