/* Goal: whatever dies or falls silent is replaced in its place; a configuration is taken only from
 * a loader that ended well; engines are the keeper's to start and stop; the end is orderly, and
 * quick when asked twice; a gateway that cannot start gives up; and none of it takes memory.
 * Method: a real master in a forked process, whose children do what a shared page says and write
 * there what they saw. The clock of all of them is ours: it stands still but for leaps, so no
 * machine is too slow, bounds are met exactly, and nothing is waited for that only time brings. */
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
    _Atomic uint64_t gave_way; /* slots that did, each + 1, a decimal digit each */
    struct seen seen[KINDS];
    _Atomic uint64_t said_n;
    char said[SAID_MAX];
};

static struct page *page; /* clock_gettime() has no argument to reach it by */

int clock_gettime(clockid_t id, struct timespec *t)
{
    uint64_t now;

    if (!page || id != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, id, t);
    now = page->now_us;
    *t = (struct timespec){.tv_sec = (time_t)(now / S), .tv_nsec = (long)(now % S) * 1000};
    return 0;
}

struct bed {
    struct board *board;
    struct proc_conf conf;
    struct proc_command commands[ENGINES];
    pid_t master;
    int status; /* of the master, once it has ended */
};

/* ---- the children ---- */

static char first_letter(int fd)
{
    char c = 0;

    return fd >= 0 && pread(fd, &c, 1, 0) == 1 ? c : 0;
}

/* True: this life is over. */
static bool hear(struct seen *seen, const struct link_msg *m, int fd, enum proc_kind kind)
{
    switch (m->type) {
    case LINK_CONFIG:
        seen->config_letter = (uint64_t)first_letter(fd);
        seen->config = m->number;
        break;
    case LINK_TRIAL:
        seen->trial_letter = (uint64_t)first_letter(fd);
        seen->trial = m->number;
        seen->trials++;
        break;
    case LINK_DRAIN:
        seen->drain_ms = m->number;
        seen->drains++;
        return !(kind == PROC_WORKER && page->deaf && m->number > 0);
    case LINK_RELOAD_RESULT:
        seen->result_letter = (uint64_t)first_letter(fd);
        seen->result = m->number + 1; /* 0: none has come */
        break;
    case LINK_ENGINE_STATE:
        seen->engine_pid[m->index] = m->number;
        seen->engine_words++;
        break;
    default:
        break;
    }
    return false;
}

static void send_order(const struct proc_place *place)
{
    struct err e;
    struct link_msg m = {.type = (uint32_t)page->send_type, .index = (uint32_t)page->send_index, .number = page->send_number};

    if (page->send_type && page->send_kind == place->kind && place->slot == 0) {
        page->send_type = 0;
        if (link_send(place->link, &m, -1, &e) == 0)
            page->sent++;
    }
}

static int live(void *arg, const struct proc_place *place)
{
    const struct bed *b = arg;
    struct board_row *row = place->kind == PROC_WORKER   ? &b->board->workers[place->slot]
                            : place->kind == PROC_KEEPER ? &b->board->keeper
                                                         : &b->board->clerk;
    struct seen *seen = &page->seen[place->kind];
    struct link_msg ready = {.type = LINK_READY, .number = place->generation}, m;
    struct err e;
    int fd;

    if (page->exits)
        return 3;
    seen->config_letter = (uint64_t)first_letter(place->config_fd);
    seen->trial_letter = (uint64_t)first_letter(place->trial_fd);
    if (link_send(place->link, &ready, -1, &e) < 0)
        return 1;
    seen->ready++;
    for (;;) {
        struct pollfd p = {.fd = place->link, .events = POLLIN};

        board_set(&row->turned_us, page->now_us);
        send_order(place);
        (void)poll(&p, 1, 2);
        while (link_recv(place->link, &m, &fd) > 0) {
            bool over = hear(seen, &m, fd, place->kind);

            if (fd >= 0)
                close(fd);
            if (over)
                return 0;
        }
    }
}

static int load(void *arg, int text_fd, int report_fd, int config_fd, bool at_once)
{
    char c = (char)page->letter;

    UNUSED(arg);
    page->loads++;
    page->at_once = at_once;
    page->load_letter = (uint64_t)first_letter(config_fd);
    while (page->hangs)
        pause();
    if (write(text_fd, &c, 1) != 1 || write(report_fd, "r", 1) != 1)
        return 1;
    return (int)page->loader_status;
}

static void give_way(void *arg, uint32_t slot)
{
    UNUSED(arg);
    page->gave_way = 10 * page->gave_way + slot + 1;
}

static void say(void *arg, const char *line)
{
    size_t n = strlen(line), at = page->said_n;

    UNUSED(arg);
    if (at + n + 2 > SAID_MAX)
        return;
    memcpy(page->said + at, line, n);
    page->said[at + n] = '\n';
    page->said_n = at + n + 1;
}

/* ---- the bed ---- */

static char *const engine_argv[] = {(char *)(uintptr_t)"/bin/sleep", (char *)(uintptr_t)"600",
                                    NULL};
static char *const missing_argv[] = {(char *)(uintptr_t)"/nowhere/engine", NULL};
static char *const no_env[] = {NULL};

static int set_up(void **state)
{
    struct bed *b = calloc(1, sizeof(*b));
    struct err e;

    assert_non_null(b);
    page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    assert_int_equal(board_new(&b->board, &e), 0);
    b->commands[0] = (struct proc_command){.name = "good", .argv = engine_argv, .envp = no_env};
    b->commands[1] = (struct proc_command){.name = "bad", .argv = missing_argv, .envp = no_env};
    page->now_us = BEGIN_US;
    page->letter = 'b';
    b->conf = (struct proc_conf){.board = b->board,
                                 .workers = 2,
                                 .drain_ms = DRAIN_MS,
                                 .config_fd = memfd_create("first", MFD_CLOEXEC),
                                 .commands = b->commands,
                                 .commands_n = ENGINES,
                                 .child_main = live,
                                 .load = load,
                                 .give_way = give_way,
                                 .say = say,
                                 .arg = b};
    assert_int_equal(write(b->conf.config_fd, "a", 1), 1);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    if (b->master > 0) { /* a test has failed; its children go with it */
        kill(b->master, SIGKILL);
        waitpid(b->master, NULL, 0);
    }
    close(b->conf.config_fd);
    board_free(&b->board);
    munmap(page, sizeof(*page));
    page = NULL;
    free(b);
    return 0;
}

static void begin(struct bed *b)
{
    static const int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS}; /* by the test library */
    int status;

    b->master = fork();
    assert_true(b->master >= 0);
    if (b->master == 0) {
        for (size_t i = 0; i < ARRAY_LEN(caught); i++)
            signal(caught[i], SIG_DFL);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
            _exit(99);
        mem_torture(1, true); /* it has none for anybody, and does not ask */
        status = master_run(&b->conf);
        _exit(mem_torture_hit() ? 98 : status);
    }
}

/* Let the master look around: it does so at every signal. */
static void nudge(const struct bed *b)
{
    kill(b->master, SIGCHLD);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

#define UNTIL(b, condition)                                                                        \
    do {                                                                                           \
        for (int tries_ = 0; !(condition) && tries_ < TRIES; tries_++)                             \
            nudge(b);                                                                              \
        if (!(condition))                                                                          \
            fail_msg("in vain: %s; said:\n%s", #condition, page->said);                            \
    } while (0)

static bool ended(struct bed *b)
{
    if (b->master > 0 && waitpid(b->master, &b->status, WNOHANG) == b->master)
        b->master = 0;
    return b->master == 0;
}

static bool said(const char *what)
{
    return strstr(page->said, what) != NULL;
}

/* How often it was said. */
static unsigned times_said(const char *what)
{
    unsigned n = 0;

    for (const char *p = page->said; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

static bool beats(const struct board_row *row)
{
    return board_get(&row->pid) == 0 || board_get(&row->turned_us) + S > page->now_us;
}

static bool all_beat(const struct bed *b)
{
    for (uint32_t i = 0; i < b->conf.workers; i++)
        if (!beats(&b->board->workers[i]))
            return false;
    return beats(&b->board->keeper) && beats(&b->board->clerk);
}

/* In steps that make nobody look silent. */
static void leap(struct bed *b, uint64_t us)
{
    for (uint64_t step; us > 0; us -= step) {
        step = MIN(us, 2 * S);
        page->now_us += step;
        UNTIL(b, all_beat(b));
    }
}

static pid_t pid_of(const struct board_row *row)
{
    return (pid_t)board_get(&row->pid);
}

static bool replaced(const struct board_row *row, pid_t victim)
{
    return pid_of(row) != 0 && pid_of(row) != victim;
}

/* All four children serve; what dies from here on has lived long enough to be replaced at once. */
static void begin_and_grow_up(struct bed *b)
{
    begin(b);
    UNTIL(b, page->seen[PROC_WORKER].ready == 2 && page->seen[PROC_KEEPER].ready == 1 &&
                 page->seen[PROC_CLERK].ready == 1);
    UNTIL(b, board_get(&b->board->clerk.generation) == 1); /* the last one: all pids are known */
    leap(b, S);
}

static void stop(struct bed *b)
{
    kill(b->master, SIGTERM);
    UNTIL(b, ended(b));
    assert_int_equal(b->status, 0);
}

static void send_from(struct bed *b, enum proc_kind kind, enum link_type type, uint32_t index)
{
    uint64_t before = page->sent;

    page->send_kind = kind;
    page->send_index = index;
    page->send_type = type;
    UNTIL(b, page->sent == before + 1);
}

/* The master is done with what it was doing: it has taken a word that was sent after that. */
static void let_finish(struct bed *b)
{
    board_set(&b->board->clerk.generation, UINT64_MAX);
    send_from(b, PROC_CLERK, LINK_READY, 0);
    UNTIL(b, board_get(&b->board->clerk.generation) == 0);
}

/* It begins a reload that does not end by itself. */
static void begin_endless_reload(struct bed *b)
{
    page->hangs = true;
    kill(b->master, SIGHUP);
    UNTIL(b, page->loads == 1);
    let_finish(b); /* its time is set after it has begun */
}

/* The process has met a SIGSTOP. */
static bool stopped(pid_t pid)
{
    char path[32], state = 0;
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
    fclose(f);
    return state == 'T';
}

/* ---- children ---- */

static void a_killed_child_is_replaced_in_its_place(void **state)
{
    struct bed *b = *state;
    struct board_row *row = &b->board->workers[1];
    pid_t victim, other;

    begin_and_grow_up(b);
    victim = pid_of(row);
    other = pid_of(&b->board->workers[0]);
    board_set(&row->live, 5);
    board_set(&row->conns, 6);
    board_add(&row->requests, 7);
    kill(victim, SIGKILL);
    UNTIL(b, page->seen[PROC_WORKER].ready == 3 && replaced(row, victim));
    assert_int_equal(pid_of(&b->board->workers[0]), other);
    assert_int_equal(board_get(&row->crashes), 1);
    assert_int_equal(board_get(&row->live), 0); /* what it had is gone ... */
    assert_int_equal(board_get(&row->conns), 0);
    assert_int_equal(board_get(&row->requests), 7); /* ... and what it did is not */
    assert_true(said("worker 1 died of signal 9; replacing it"));
    assert_int_equal(page->gave_way, 0);
    kill(pid_of(row), SIGKILL); /* this one is young */
    UNTIL(b, page->gave_way == 2);
    kill(other, SIGKILL); /* ... and so is its own replacement; but now nobody else is there */
    UNTIL(b, page->seen[PROC_WORKER].ready == 4 && replaced(&b->board->workers[0], other));
    kill(pid_of(&b->board->workers[0]), SIGKILL);
    UNTIL(b, times_said("worker 0 died") == 2);
    assert_int_equal(page->gave_way, 2);
    stop(b);
}

static void who_lived_short_is_replaced_later(void **state)
{
    struct bed *b = *state;
    pid_t victim;

    begin_and_grow_up(b);
    victim = pid_of(&b->board->clerk);
    kill(victim, SIGKILL);
    UNTIL(b, page->seen[PROC_CLERK].ready == 2 && replaced(&b->board->clerk, victim));
    leap(b, S - 1);
    kill(pid_of(&b->board->clerk), SIGKILL); /* this one is young */
    UNTIL(b, times_said("clerk died") == 2);
    leap(b, S - 1);
    for (int i = 0; i < 20; i++)
        nudge(b);
    assert_int_equal(page->seen[PROC_CLERK].ready, 2);
    leap(b, 1);
    UNTIL(b, page->seen[PROC_CLERK].ready == 3);
    assert_int_equal(page->gave_way, 0); /* nobody waits for a clerk */
    stop(b);
}

static void a_silent_worker_is_killed_and_replaced(void **state)
{
    struct bed *b = *state;
    pid_t victim;

    begin_and_grow_up(b);
    victim = pid_of(&b->board->workers[0]);
    kill(victim, SIGSTOP);
    UNTIL(b, stopped(victim));
    board_set(&b->board->workers[0].turned_us, page->now_us - 5 * S);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(pid_of(&b->board->workers[0]), victim);
    board_set(&b->board->workers[0].turned_us, page->now_us - 5 * S - 1);
    UNTIL(b, page->seen[PROC_WORKER].ready == 3 && replaced(&b->board->workers[0], victim));
    assert_int_equal(board_get(&b->board->workers[0].crashes), 1);
    assert_int_equal(board_get(&b->board->workers[1].crashes), 0);
    assert_true(said("worker 0 has been silent for 5 s; killing it"));
    stop(b);
}

/* How a worker ends while its row names a request, and whether that one is a suspect then. */
static const struct {
    int signal; /* 0: it hangs */
    bool suspect;
    const char *said;
} deaths[] = {
    {SIGSEGV, true, "was at work on one request when it crashed"},
    {SIGABRT, true, "was at work on one request when it crashed"},
    {SIGBUS, true, "was at work on one request when it crashed"},
    {SIGKILL, false, NULL}, /* somebody else's doing */
    {0, true, "was at work on one request when it fell silent"},
};

static void what_a_worker_crashed_of_is_a_suspect(void **state)
{
    struct bed *b = *state;
    struct board_row *row = &b->board->workers[0];
    unsigned found = 0;

    begin_and_grow_up(b);
    for (uint64_t i = 0; i < ARRAY_LEN(deaths); i++) {
        pid_t victim = pid_of(row);

        board_set(&row->working, i + 1);
        if (deaths[i].signal) {
            kill(victim, deaths[i].signal);
        } else {
            kill(victim, SIGSTOP);
            nudge(b);
            board_set(&row->turned_us, page->now_us - 6 * S);
        }
        UNTIL(b, replaced(row, victim));
        found += deaths[i].suspect;
        assert_int_equal(board_get(&b->board->suspected), found);
        assert_int_equal(suspect_is(b->board, i + 1, page->now_us), deaths[i].suspect);
        assert_int_equal(board_get(&row->working), 0);
        assert_true(!deaths[i].said || said(deaths[i].said));
        UNTIL(b, page->seen[PROC_WORKER].ready == 3 + i);
        leap(b, 2 * S);
    }
    stop(b);
}

static void a_gateway_that_cannot_start_gives_up(void **state)
{
    struct bed *b = *state;

    b->conf.workers = 8; /* ten children */
    page->exits = true;
    begin(b);
    UNTIL(b, ended(b));
    assert_true(WIFEXITED(b->status) && WEXITSTATUS(b->status) == 1);
    assert_int_equal(times_said("exited with 3"), 10);
    assert_true(said("no worker can start; giving up"));
}

static void nine_short_lives_are_not_enough(void **state)
{
    struct bed *b = *state;

    b->conf.workers = 7; /* nine children */
    page->exits = true;
    begin(b);
    UNTIL(b, times_said("exited with 3") == 9);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_false(ended(b));
    page->exits = false;
    leap(b, S);
    UNTIL(b, page->seen[PROC_WORKER].ready == 7);
    assert_false(said("giving up"));
    stop(b);
}

/* ---- reloading ---- */

static void a_good_configuration_reaches_all(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'a');
    board_set(&b->board->reload_wall_ms, 1);
    kill(b->master, SIGHUP);
    UNTIL(b, page->seen[PROC_CLERK].result);
    assert_int_equal(page->seen[PROC_CLERK].result, 1 + 1);
    assert_int_equal(page->seen[PROC_CLERK].result_letter, 'r');
    for (int kind = 0; kind < KINDS; kind++) {
        UNTIL(b, page->seen[kind].config == 2);
        assert_int_equal(page->seen[kind].config_letter, 'b');
    }
    assert_int_equal(board_get(&b->board->generation), 2);
    assert_int_equal(board_get(&b->board->reload_ok), 1);
    assert_true(board_get(&b->board->reload_wall_ms) > 1);
    assert_true(said("reload: taken into use"));
    /* Who comes later begins with it; only the keeper goes by the first one, as the master does. */
    page->seen[PROC_WORKER].config_letter = 0;
    kill(pid_of(&b->board->workers[0]), SIGKILL);
    kill(pid_of(&b->board->keeper), SIGKILL);
    UNTIL(b, page->seen[PROC_WORKER].ready == 3 && page->seen[PROC_KEEPER].ready == 2);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'b');
    assert_int_equal(page->seen[PROC_KEEPER].config_letter, 'a');
    stop(b);
}

static void a_refused_configuration_changes_nothing(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    page->loader_status = 3;
    board_set(&b->board->reload_wall_ms, 1);
    send_from(b, PROC_CLERK, LINK_RELOAD, 0);
    UNTIL(b, page->seen[PROC_CLERK].result);
    assert_int_equal(page->seen[PROC_CLERK].result, 0 + 1);
    assert_int_equal(page->seen[PROC_CLERK].result_letter, 'r'); /* what is wrong with it */
    assert_int_equal(page->seen[PROC_WORKER].config, 0);
    assert_int_equal(board_get(&b->board->generation), 1);
    assert_int_equal(board_get(&b->board->reload_ok), 0);
    assert_int_equal(board_get(&b->board->reload_wall_ms), 1);
    assert_true(said("reload: refused; the old configuration stays"));
    page->loader_status = 0;
    send_from(b, PROC_CLERK, LINK_RELOAD, 0);
    UNTIL(b, page->seen[PROC_WORKER].config == 2 && board_get(&b->board->reload_ok) == 1);
    stop(b);
}

/* ---- trials ---- */

/* 'b' is tried beside 'a'. */
static void begin_trial(struct bed *b)
{
    begin_and_grow_up(b);
    page->loader_status = PROC_LOAD_TRY;
    board_set(&b->board->trial.loaded.slice, 50000);
    board_set(&b->board->trial.route_now, 11);
    board_set(&b->board->trial.loaded.route, 22);
    send_from(b, PROC_CLERK, LINK_RELOAD, 0);
    UNTIL(b, page->seen[PROC_CLERK].result);
    assert_int_equal(page->seen[PROC_CLERK].result, LINK_RELOAD_TRIED + 1);
    UNTIL(b, page->seen[PROC_WORKER].trials == 2);
    assert_int_equal(page->seen[PROC_WORKER].trial_letter, 'b');
    assert_int_equal(page->load_letter, 'a');
    assert_false(page->at_once);
}

static void end_trial(struct bed *b, uint64_t number, enum board_trial_end how)
{
    page->send_number = number;
    send_from(b, PROC_CLERK, LINK_TRIAL_END, how);
    page->send_number = 0;
}

static uint64_t end_of(const struct bed *b)
{
    return board_get(&b->board->trial.end);
}

static void a_trial_that_is_kept_is_taken(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    assert_int_equal(board_get(&b->board->generation), 1); /* it is not in use */
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_RUNS);
    assert_int_equal(board_get(&b->board->trial.slice), 50000);
    end_trial(b, 7, BOARD_TRIAL_END_KEPT); /* a word about another one */
    end_trial(b, 1, BOARD_TRIAL_ENDS_N);
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_RUNS);
    end_trial(b, 1, BOARD_TRIAL_END_KEPT);
    UNTIL(b, page->seen[PROC_WORKER].config == 2 && end_of(b) == BOARD_TRIAL_END_KEPT);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'b');
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_NONE);
    assert_int_equal(board_get(&b->board->trial.route_now), 22);
    assert_int_equal(board_get(&b->board->reload_ok), 1);
    /* and what was before comes back, if it is asked for; and that again */
    send_from(b, PROC_CLERK, LINK_ROLLBACK, 0);
    UNTIL(b, page->seen[PROC_WORKER].config == 3);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'a');
    assert_int_equal(board_get(&b->board->trial.route_now), 11);
    send_from(b, PROC_CLERK, LINK_ROLLBACK, 0);
    UNTIL(b, page->seen[PROC_WORKER].config == 4);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'b');
    stop(b);
}

static void a_trial_that_fails_changes_nothing(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    end_trial(b, 1, BOARD_TRIAL_END_FAILS);
    UNTIL(b, page->seen[PROC_WORKER].trials == 4);
    assert_int_equal(page->seen[PROC_WORKER].trial_letter, 0);
    assert_int_equal(page->seen[PROC_WORKER].config, 0);
    assert_int_equal(end_of(b), BOARD_TRIAL_END_FAILS);
    assert_int_equal(board_get(&b->board->generation), 1);
    assert_int_equal(board_get(&b->board->reload_ok), 0);
    assert_int_equal(board_get(&b->board->trial.before), 0);
    assert_true(said("reload: taken back: more requests failed"));
    send_from(b, PROC_CLERK, LINK_ROLLBACK, 0); /* there is nothing before the first one */
    let_finish(b);
    assert_int_equal(board_get(&b->board->generation), 1);
    stop(b);
}

/* Who comes later takes part in it; one that dies of it ends it, one that dies beside it does not.
 */
static void a_worker_that_dies_on_a_trial_ends_it(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    page->seen[PROC_WORKER].trial_letter = 0;
    leap(b, 2 * S);
    kill(pid_of(&b->board->workers[0]), SIGKILL);
    UNTIL(b, page->seen[PROC_WORKER].ready == 3);
    assert_int_equal(page->seen[PROC_WORKER].trial_letter, 'b');
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_RUNS);
    leap(b, 2 * S);
    board_set(&b->board->workers[1].trying, 1);
    kill(pid_of(&b->board->workers[1]), SIGKILL);
    UNTIL(b, end_of(b) == BOARD_TRIAL_END_DIED && page->seen[PROC_WORKER].ready == 4);
    assert_int_equal(board_get(&b->board->workers[1].trying), 0);
    assert_true(said("reload: taken back: a worker died"));
    stop(b);
}

static void a_worker_that_dies_young_ends_a_trial(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    leap(b, 2 * S);
    kill(pid_of(&b->board->workers[0]), SIGKILL);
    UNTIL(b, page->seen[PROC_WORKER].ready == 3);
    kill(pid_of(&b->board->workers[0]), SIGKILL);
    UNTIL(b, end_of(b) == BOARD_TRIAL_END_DIED);
    stop(b);
}

static void a_trial_is_held_and_replaced(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    page->send_number = 1;
    send_from(b, PROC_CLERK, LINK_TRIAL_HOLD, 0);
    page->send_number = 0;
    UNTIL(b, board_get(&b->board->trial.state) == BOARD_TRIAL_UNPROVEN);
    assert_true(said("reload: unproven"));
    page->letter = 'c';
    page->loader_status = PROC_LOAD_BAD; /* replaces nothing */
    kill(b->master, SIGHUP);
    UNTIL(b, said("reload: refused"));
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_UNPROVEN);
    page->loader_status = PROC_LOAD_TRY;
    kill(b->master, SIGHUP);
    UNTIL(b, page->seen[PROC_WORKER].trial_letter == 'c' && page->seen[PROC_WORKER].trial == 2);
    assert_true(said("given up for a newer configuration"));
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_RUNS);
    page->letter = 'd';
    page->loader_status = PROC_LOAD_TAKE;
    send_from(b, PROC_CLERK, LINK_RELOAD, 1);
    UNTIL(b, page->seen[PROC_WORKER].config == 2);
    assert_true(page->at_once);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'd');
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_NONE);
    stop(b);
}

static void only_the_clerk_has_a_say(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    page->send_number = 1;
    send_from(b, PROC_WORKER, LINK_TRIAL_END, BOARD_TRIAL_END_KEPT);
    send_from(b, PROC_KEEPER, LINK_ROLLBACK, 0);
    page->send_number = 0;
    let_finish(b);
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_RUNS);
    stop(b);
}

static void reloads_that_come_at_once_are_one_more(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    begin_endless_reload(b);
    for (int i = 0; i < 3; i++) {
        kill(b->master, SIGHUP);
        nudge(b);
    }
    assert_int_equal(page->loads, 1);
    page->hangs = false;
    leap(b, 20 * S); /* the first one sleeps on, and is ended */
    UNTIL(b, page->seen[PROC_WORKER].config == 2);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(page->loads, 2);
    stop(b);
}

static void a_loader_that_hangs_is_ended(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    begin_endless_reload(b);
    leap(b, 20 * S - 1);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_false(said("reload:"));
    leap(b, 1);
    UNTIL(b, said("reload: refused"));
    UNTIL(b, page->seen[PROC_CLERK].result == 0 + 1);
    assert_int_equal(board_get(&b->board->generation), 1);
    stop(b);
}

/* ---- engines ---- */

static pid_t start_engine(struct bed *b)
{
    send_from(b, PROC_KEEPER, LINK_ENGINE_START, 0);
    UNTIL(b, page->seen[PROC_KEEPER].engine_pid[0]);
    return (pid_t)page->seen[PROC_KEEPER].engine_pid[0];
}

static void the_keeper_starts_and_stops_engines(void **state)
{
    struct bed *b = *state;
    pid_t engine;

    begin_and_grow_up(b);
    engine = start_engine(b);
    assert_int_equal(kill(engine, 0), 0);
    assert_int_equal(board_get(&b->board->engines[0].pid), engine);
    send_from(b, PROC_KEEPER, LINK_ENGINE_START, 0); /* it runs already */
    send_from(b, PROC_KEEPER, LINK_ENGINE_STOP, 0);
    UNTIL(b, page->seen[PROC_KEEPER].engine_pid[0] == 0);
    assert_int_equal(board_get(&b->board->engines[0].pid), 0);
    assert_int_equal(times_said("engine good ended (signal 15)"), 1);
    stop(b);
}

static void nothing_else_is_started(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    send_from(b, PROC_WORKER, LINK_ENGINE_START, 0); /* not a worker's to ask */
    send_from(b, PROC_KEEPER, LINK_ENGINE_START, ENGINES);
    send_from(b, PROC_KEEPER, LINK_ENGINE_STOP, ENGINES);
    send_from(b, PROC_KEEPER, LINK_ENGINE_START, 1); /* and answered after those */
    UNTIL(b, said("engine bad cannot be run: /nowhere/engine"));
    assert_int_equal(board_get(&b->board->engines[0].pid), 0);
    stop(b);
}

static void an_engine_outlives_the_keeper(void **state)
{
    struct bed *b = *state;
    struct seen *keeper = &page->seen[PROC_KEEPER];
    pid_t engine;

    begin_and_grow_up(b);
    UNTIL(b, keeper->engine_words == ENGINES); /* what runs, before anything else */
    assert_int_equal(keeper->engine_pid[0], 0);
    engine = start_engine(b);
    keeper->engine_words = 0;
    keeper->engine_pid[0] = 0;
    kill(pid_of(&b->board->keeper), SIGKILL);
    UNTIL(b, keeper->ready == 2 && keeper->engine_words >= ENGINES);
    assert_int_equal(keeper->engine_pid[0], engine); /* the next one is told */
    stop(b);
}

static void engines_end_last(void **state)
{
    struct bed *b = *state;
    pid_t engine;

    begin_and_grow_up(b);
    page->deaf = true;
    engine = start_engine(b);
    kill(b->master, SIGTERM);
    UNTIL(b, page->seen[PROC_WORKER].drains == 2);
    send_from(b, PROC_KEEPER, LINK_ENGINE_START, 1); /* nothing is started any more */
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(kill(engine, 0), 0); /* answers that are under way need it */
    assert_false(said("engine bad"));
    kill(b->master, SIGTERM);
    UNTIL(b, ended(b));
    assert_int_equal(b->status, 0);
    assert_int_not_equal(kill(engine, 0), 0);
}

/* ---- the end ---- */

static void workers_drain_before_the_rest_ends(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    page->deaf = true;
    kill(b->master, SIGTERM);
    UNTIL(b, page->seen[PROC_WORKER].drains == 2);
    assert_int_equal(page->seen[PROC_WORKER].drain_ms, DRAIN_MS);
    assert_int_equal(board_get(&b->board->draining), 1);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(page->seen[PROC_CLERK].drains, 0);
    assert_int_equal(page->seen[PROC_KEEPER].drains, 0);
    kill(b->master, SIGHUP); /* too late */
    kill(pid_of(&b->board->workers[0]), SIGKILL);
    UNTIL(b, pid_of(&b->board->workers[0]) == 0);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(pid_of(&b->board->workers[0]), 0); /* and nobody comes in its place */
    assert_int_equal(page->loads, 0);
    kill(pid_of(&b->board->workers[1]), SIGKILL);
    UNTIL(b, ended(b));
    assert_int_equal(b->status, 0);
    assert_int_equal(page->seen[PROC_CLERK].drains, 1);
    assert_int_equal(page->seen[PROC_KEEPER].drains, 1);
    assert_true(said("stopping: 7 s for what runs to finish"));
}

static void a_second_sigterm_ends_at_once(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    page->deaf = true; /* to the first */
    kill(b->master, SIGTERM);
    UNTIL(b, page->seen[PROC_WORKER].drains == 2);
    kill(b->master, SIGINT);
    UNTIL(b, ended(b));
    assert_int_equal(b->status, 0);
    assert_int_equal(page->seen[PROC_WORKER].drain_ms, 0);
}

static void who_does_not_end_is_killed(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    page->deaf = true;
    kill(b->master, SIGTERM);
    UNTIL(b, page->seen[PROC_WORKER].drains == 2);
    leap(b, (DRAIN_MS / 1000 + 10) * S - 1);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_true(pid_of(&b->board->workers[0]) > 0);
    assert_int_equal(page->seen[PROC_CLERK].drains, 0);
    leap(b, 1);
    UNTIL(b, ended(b));
    assert_int_equal(b->status, 0);
    assert_int_equal(page->seen[PROC_CLERK].drains, 1); /* it had its time to tell of the workers */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_killed_child_is_replaced_in_its_place),
        TEST(who_lived_short_is_replaced_later),
        TEST(a_silent_worker_is_killed_and_replaced),
        TEST(what_a_worker_crashed_of_is_a_suspect),
        TEST(a_gateway_that_cannot_start_gives_up),
        TEST(nine_short_lives_are_not_enough),
        TEST(a_good_configuration_reaches_all),
        TEST(a_refused_configuration_changes_nothing),
        TEST(a_trial_that_is_kept_is_taken),
        TEST(a_trial_that_fails_changes_nothing),
        TEST(a_worker_that_dies_on_a_trial_ends_it),
        TEST(a_worker_that_dies_young_ends_a_trial),
        TEST(a_trial_is_held_and_replaced),
        TEST(only_the_clerk_has_a_say),
        TEST(reloads_that_come_at_once_are_one_more),
        TEST(a_loader_that_hangs_is_ended),
        TEST(the_keeper_starts_and_stops_engines),
        TEST(nothing_else_is_started),
        TEST(an_engine_outlives_the_keeper),
        TEST(engines_end_last),
        TEST(workers_drain_before_the_rest_ends),
        TEST(a_second_sigterm_ends_at_once),
        TEST(who_does_not_end_is_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
