/*
 * run.h - `lamplighter run`: what the processes of one gateway are given at the fork.
 *
 * Room: cmd. The struct is made before the master forks and only read afterwards.
 */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include "base/buf.h"
#include "base/env.h"
#include "board/board.h"
#include "ev/ev_uv.h"
#include "proc/master.h"
#include "relay/relay.h"
#include "settings/settings.h"

#define RUN_LISTENS    8                      /* most addresses in server.listen */
#define RUN_BATCH      64                     /* most records a datagram to the clerk */
#define RUN_TEXT_MAX   ((size_t)1024 * 1024)  /* a configuration's text, and a price file's */
#define RUN_LOADED_MAX (2 * RUN_TEXT_MAX + 1) /* both, with a NUL between them */

struct run {
    struct env *env;
    struct board *board;
    struct secret_arena *secrets;       /* of this run, not of any configuration */
    const unsigned char *ticket_secret; /* in it: the TLS tickets of all workers */
    struct settings *first;             /* what the gateway started with; NULL until it is loaded */
    const char *file;                   /* the configuration; NULL: from the environment */
    const char *engine;                 /* --engine: a llama-server to start, NULL: none */
    const char *model;                  /* --model: its weights */
    uint16_t engine_port;
    bool single;
    uint32_t workers;
    struct relay_room room; /* of each worker, as relay_sink.room */
    size_t history;         /* as ops_conf.history */
    uint32_t hurry;
    size_t listens;
    int listen_fds[BOARD_WORKERS][RUN_LISTENS];
    int admin_fd;
    int peer_fds[BOARD_WORKERS]; /* for what one worker hands over to another ... */
    uint16_t peer_ports[BOARD_WORKERS];
    bool peers; /* ... if there are any, and a loopback address */
    const unsigned char *peer_secret;
    int records[2]; /* datagrams of struct record: workers write [1], the clerk reads [0] */
};

/* Load the configuration: the file's, or what the environment offers. `text` gets it, and behind a
 * NUL the price file if there is one; `printed` what is wrong with them, and, where another one is
 * in use (else NULL), what a trial cannot show. 0, or the exit status. */
MUST_CHECK int run_load(const struct run *run, const struct settings *in_use, struct settings **ret,
                        struct buf *text, struct buf *printed);

/* What the texts in a memory file of the master's say. No other file is asked for prices. */
MUST_CHECK int run_settings(struct settings **ret, const struct run *run, int config_fd,
                            struct err *e);

/* As many clients' connections as this process has descriptors for: one for each client and one for
 * its target, and some for all else. */
uint32_t run_conns_most(void);

/* A line for people, on standard error. */
void run_say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same as a callback of rooms that have something to say. */
void run_tell(void *arg, const char *line);

/* The lives of the children. They return the exit status. */
int run_worker(const struct run *run, const struct proc_place *place);
int run_clerk(const struct run *run, const struct proc_place *place);
int run_keeper(const struct run *run, const struct proc_place *place);

/* All of them in this process, on one loop. */
int run_single(const struct run *run, int config_fd);

int cmd_run(int argc, char **argv);

#endif
