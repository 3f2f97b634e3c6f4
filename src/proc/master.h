/*
 * master.h - the process that is the parent of all others and does almost nothing itself.
 *
 * It forks workers, keeper and clerk, replaces those that die or fall silent, starts and stops the
 * commands of its table (local engines) when the keeper asks, hands a new configuration to all,
 * and ends everything in order. What the children do is not its business: it calls child_main in
 * the forked process.
 *
 * Room: proc (uses base board).
 */
#ifndef PROC_MASTER_H
#define PROC_MASTER_H

#include "board/board.h"
#include "proc/link.h"

enum proc_kind { PROC_WORKER, PROC_KEEPER, PROC_CLERK };

/* What a child is told of itself. */
struct proc_place {
    enum proc_kind kind;
    uint32_t slot;       /* of a worker, else 0 */
    int link;            /* to the master */
    int config_fd;       /* text of the configuration, to be read with pread() */
    uint64_t generation; /* its number */
    int trial_fd;        /* text of the one on trial; -1: there is none */
    uint64_t trial;      /* the number of the trial */
};

/* What a load came to, as an exit status; any other: the configuration is bad. */
enum proc_load { PROC_LOAD_TAKE = 0, PROC_LOAD_BAD = 1, PROC_LOAD_TRY = 10 };

/* A command that may be started: nothing else ever is. */
struct proc_command {
    const char *name;
    char *const *argv;    /* argv[0] is an absolute path */
    char *const *envp;    /* the whole environment of the command */
    const char *log_file; /* its output; NULL: dropped */
};

struct proc_conf {
    struct board *board;
    uint32_t workers;  /* >= 1 */
    uint64_t drain_ms; /* SIGTERM: time for what runs to finish */
    int config_fd;     /* the first configuration; owned by the master from here on */
    const struct proc_command *commands;
    size_t commands_n; /* <= BOARD_ENGINES */
    uint32_t hurry;    /* of a test: silence and pauses are so many times shorter; 0: as ever */

    /* The life of a child, in its own process; returns its exit status. */
    int (*child_main)(void *arg, const struct proc_place *place);
    /* Load the configuration anew, in a process of its own: write its text to text_fd and a
     * report for people to report_fd. config_fd: the text of the one in use; at_once: whoever asks
     * wants no trial. Returns an enum proc_load. */
    int (*load)(void *arg, int text_fd, int report_fd, int config_fd, bool at_once);
    /* The worker of this slot cannot be replaced at once, and there are others. Who waits for it in
     * the kernel is to go to another one; the next process of the slot listens anew. NULL: they
     * wait. */
    void (*give_way)(void *arg, uint32_t slot);
    /* One line about what happened, for the log. */
    void (*say)(void *arg, const char *line);
    void *arg;
};

/* Run until told to stop by SIGTERM or SIGINT (a second one ends at once); SIGHUP reloads.
 * Returns the exit status: 0 after an orderly end, 1 when the gateway could not start. */
int master_run(const struct proc_conf *conf);

#endif
