/*
 * master.c - one poll loop over signals, links and children.
 *
 * Why so little: whatever the master cannot do, it cannot break. It has no loop library, no
 * parser of outside bytes, no network connection; its memory hardly changes after the start, so
 * a fork is cheap and a forked child is clean.
 *
 *     child:  EMPTY -- spawn() --> ALIVE -- exit, or silent for SILENT_US (killed) --> EMPTY,
 *             and spawned again at once, or after RESPAWN_US when it lived less than that
 *     master: SERVING -- SIGTERM --> DRAINING -- all workers gone --> STOPPING -- all gone --> end
 *
 * Invariants: (1) a worker's slot keeps its listening sockets, so connections that wait in the
 *             kernel survive its process, unless its replacement dies young too: nobody shall wait
 *             for that where others listen; (2) a configuration reaches children only after a
 *             loader process has checked it.
 */
#include "proc/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board/held.h"
#include "board/loads.h"
#include "board/suspect.h"
#include "board/trial.h"
#include "proc/command.h"

#define CHILDREN      (BOARD_WORKERS + 2)
#define SILENT_US     5000000u  /* a worker that has not turned for so long is replaced */
#define RESPAWN_US    1000000u  /* pause before replacing one that lived shorter than this */
#define CHECK_MS      250       /* how often silence and pauses are looked at */
#define KILL_US       10000000u /* after the drain: from being told to stop to being killed */
#define LOADER_US     20000000u /* longest time to load a configuration */
#define START_CRASHES 10        /* this many short lives before anybody was ready: give up */

enum phase { SERVING, DRAINING, STOPPING };

struct child {
    struct proc_place place;
    struct board_row *row;
    pid_t pid; /* 0: no process */
    int link;  /* our end */
    uint64_t born_us, respawn_us;
    bool hung;    /* it was killed since it fell silent */
    bool greeted; /* it has been told what runs already */
};

struct master {
    const struct proc_conf *conf;
    enum phase phase;
    struct child children[CHILDREN];
    size_t children_n;
    struct command_state commands[BOARD_ENGINES];
    int signals;
    int config_fd;
    int before_fd; /* of the one before the one in use; -1: there was none */
    int trial_fd;  /* of the one on trial; -1: there is none */
    uint64_t generation, trials;
    uint64_t before_route, trial_route; /* board_trial.route_now with these */
    pid_t loader;
    uint64_t loader_us; /* when it is killed: it may hang on a file that never comes */
    int loader_text, loader_report;
    bool reload_again, again_at_once; /* asked for while one runs; that one without a trial */
    bool anybody_ready;
    unsigned short_lives;
    uint64_t stop_us; /* when what is left is killed */
    int status;
};

static uint64_t now_us(void)
{
    struct timespec t;

    MUST(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t wall_ms(void)
{
    struct timespec t;

    MUST(clock_gettime(CLOCK_REALTIME, &t) == 0);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void say(struct master *m, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(struct master *m, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    if (vsnprintf(line, sizeof(line), fmt, ap) > 0)
        m->conf->say(m->conf->arg, line);
    va_end(ap);
}

static const char *name_of(const struct child *c, char out[24])
{
    static const char *const kinds[] = {"worker", "keeper", "clerk"};

    if (c->place.kind == PROC_WORKER)
        (void)snprintf(out, 24, "worker %u", c->place.slot);
    else
        (void)snprintf(out, 24, "%s", kinds[c->place.kind]);
    return out;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* nothing is buffered in these; there is nothing to do about a failure */
    *fd = -1;
}

static struct child *find_kind(struct master *m, enum proc_kind kind)
{
    for (size_t i = 0; i < m->children_n; i++)
        if (m->children[i].place.kind == kind)
            return &m->children[i];
    return NULL;
}

static void tell(struct master *m, struct child *c, struct link_msg msg, int fd)
{
    char name[24];
    struct err e;

    if (c && c->pid && c->link >= 0 && link_send(c->link, &msg, fd, &e) < 0)
        say(m, "%s: %s", name_of(c, name), e.text);
}

/* ---- children ---- */

/* In the forked process: be a child. Service managers and terminals signal all processes at once;
 * only the master acts on it, and tells the others what to do. */
static void be_child(struct master *m, struct child *c, int link)
{
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
    sigset_t none;
    int status;

    close_fd(&m->signals);
    for (size_t i = 0; i < m->children_n; i++)
        close_fd(&m->children[i].link);
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        if (signal(ignored[i], SIG_IGN) == SIG_ERR)
            _exit(1);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        _exit(1);
    if (sigemptyset(&none) != 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0)
        _exit(1);
    c->place.link = link;
    c->place.config_fd = m->config_fd;
    c->place.generation = m->generation;
    c->place.trial_fd = m->trial_fd;
    c->place.trial = m->trials;
    status = m->conf->child_main(m->conf->arg, &c->place);
    (void)fflush(NULL);
    _exit(status);
}

static uint64_t hurried(const struct master *m, uint64_t us)
{
    return us / MAX(m->conf->hurry, 1);
}

static void spawn(struct master *m, struct child *c)
{
    int pair[2];
    char name[24];
    struct err e;
    pid_t pid;

    c->respawn_us = now_us() + hurried(m, RESPAWN_US); /* if this fails, try again then */
    if (link_pair(pair, &e) < 0) {
        say(m, "%s: %s", name_of(c, name), e.text);
        return;
    }
    board_set(&c->row->turned_us, now_us());
    pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        be_child(m, c, pair[1]);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        say(m, "%s: no new process: %s", name_of(c, name), strerror(errno));
        (void)close(pair[0]);
        return;
    }
    c->pid = pid;
    c->link = pair[0];
    c->born_us = now_us();
    c->greeted = false;
    board_set(&c->row->pid, (uint64_t)pid);
}

/* Did it die of its own doing? A kill from outside, and be it for want of memory, is not. */
static bool crashed(const struct child *c, int status)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (WIFSIGNALED(status) && WTERMSIG(status) == own[i])
            return true;
    return c->hung;
}

static bool others_work(const struct master *m)
{
    for (size_t i = 0; i < m->children_n; i++)
        if (m->children[i].place.kind == PROC_WORKER && m->children[i].pid)
            return true;
    return false;
}

static void end_trial(struct master *m, enum board_trial_end how);

/* Of the configuration on trial, as far as anybody can tell: requests of its were under way, or the
 * process did not even get that far. */
static bool died_trying(const struct master *m, const struct child *c, uint64_t now)
{
    return m->trial_fd >= 0 && c->place.kind == PROC_WORKER &&
           (board_get(&c->row->trying) || now - c->born_us < hurried(m, RESPAWN_US));
}

static void child_died(struct master *m, struct child *c, int status)
{
    uint64_t now = now_us();
    char name[24];

    c->pid = 0;
    close_fd(&c->link);
    held_ended(c->row);
    if (crashed(c, status) && suspect_found(m->conf->board, c->row, now))
        say(m, "%s was at work on one request when it %s: the same one is refused for an hour",
            name_of(c, name), c->hung ? "fell silent" : "crashed");
    c->hung = false;
    board_set(&c->row->working, 0);
    board_set(&c->row->pid, 0);
    board_set(&c->row->live, 0);
    board_set(&c->row->conns, 0);
    if (c->place.kind == PROC_WORKER) {
        board_targets_clear(m->conf->board->targets[c->place.slot]);
        loads_clear(m->conf->board->loads[c->place.slot]);
    }
    if (m->phase != SERVING)
        return;
    if (died_trying(m, c, now))
        end_trial(m, BOARD_TRIAL_END_DIED);
    board_set(&c->row->trying, 0);
    board_add(&c->row->crashes, 1);
    if (WIFSIGNALED(status))
        say(m, "%s died of signal %d; replacing it", name_of(c, name), WTERMSIG(status));
    else
        say(m, "%s exited with %d; replacing it", name_of(c, name), WEXITSTATUS(status));
    if (now - c->born_us >= hurried(m, RESPAWN_US)) {
        spawn(m, c);
        return;
    }
    c->respawn_us = now + hurried(m, RESPAWN_US);
    if (c->place.kind == PROC_WORKER && m->conf->give_way && others_work(m))
        m->conf->give_way(m->conf->arg, c->place.slot);
    if (!m->anybody_ready && ++m->short_lives >= START_CRASHES) {
        say(m, "no worker can start; giving up");
        m->status = 1;
        m->phase = STOPPING;
        m->stop_us = now;
    }
}

/* ---- reloading ---- */

static int memory_file(const char *name)
{
    return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static void start_reload(struct master *m, bool at_once)
{
    pid_t pid;

    if (m->loader) {
        m->reload_again = true;
        m->again_at_once = at_once;
        return;
    }
    m->loader_text = memory_file("configuration");
    m->loader_report = memory_file("report");
    pid = m->loader_text < 0 || m->loader_report < 0 ? -1 : fork();
    if (pid == 0) {
        int status =
            m->conf->load(m->conf->arg, m->loader_text, m->loader_report, m->config_fd, at_once);

        _exit(status);
    }
    if (pid < 0) {
        say(m, "reload: no process for it: %s", strerror(errno));
        close_fd(&m->loader_text);
        close_fd(&m->loader_report);
        return;
    }
    m->loader = pid;
    m->loader_us = now_us() + LOADER_US;
}

static void tell_all(struct master *m, struct link_msg msg, int fd)
{
    for (size_t i = 0; i < m->children_n; i++)
        tell(m, &m->children[i], msg, fd);
}

/* Into use; the text is ours from here on. */
static void take_config(struct master *m, int fd, uint64_t route)
{
    struct board_trial *t = &m->conf->board->trial;

    close_fd(&m->before_fd);
    m->before_fd = m->config_fd;
    m->before_route = board_get(&t->route_now);
    m->config_fd = fd;
    m->generation++;
    board_set(&t->route_now, route);
    board_set(&t->before, 1);
    board_set(&m->conf->board->generation, m->generation);
    board_set(&m->conf->board->reload_ok, 1);
    board_set(&m->conf->board->reload_wall_ms, wall_ms());
    tell_all(m, (struct link_msg){.type = LINK_CONFIG, .number = m->generation}, m->config_fd);
}

static void begin_trial(struct master *m, int fd)
{
    m->trial_fd = fd;
    m->trial_route = board_get(&m->conf->board->trial.loaded.route);
    m->trials++;
    board_trial_begin(&m->conf->board->trial, m->conf->board->standings, m->trials, now_us(),
                      wall_ms());
    tell_all(m, (struct link_msg){.type = LINK_TRIAL, .number = m->trials}, fd);
}

static void end_trial(struct master *m, enum board_trial_end how)
{
    int fd = m->trial_fd;

    if (fd < 0)
        return;
    m->trial_fd = -1;
    board_trial_ended(&m->conf->board->trial, how, now_us(), wall_ms());
    say(m, "reload: %s", board_trial_end_text(how));
    if (board_trial_is_taken(how)) {
        take_config(m, fd, m->trial_route);
        return;
    }
    close_fd(&fd);
    board_set(&m->conf->board->reload_ok, 0);
    tell_all(m, (struct link_msg){.type = LINK_TRIAL}, -1);
}

static void roll_back(struct master *m)
{
    int fd = m->before_fd;

    if (fd < 0)
        return;
    m->before_fd = -1;
    say(m, "reload: the configuration before is taken into use again");
    take_config(m, fd, m->before_route);
}

/* What the loader has found good, as its exit status says. */
static enum link_reload use_loaded(struct master *m, int status)
{
    bool try = WIFEXITED(status) && WEXITSTATUS(status) == PROC_LOAD_TRY;
    int fd = m->loader_text;

    if (!try && !(WIFEXITED(status) && WEXITSTATUS(status) == PROC_LOAD_TAKE))
        return LINK_RELOAD_REFUSED;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        say(m, "reload: the configuration cannot be sealed: %s", strerror(errno));
    m->loader_text = -1;
    end_trial(m, BOARD_TRIAL_END_REPLACED);
    if (try)
        begin_trial(m, fd);
    else
        take_config(m, fd, board_get(&m->conf->board->trial.loaded.route));
    return try ? LINK_RELOAD_TRIED : LINK_RELOAD_TAKEN;
}

static void loader_done(struct master *m, int status)
{
    static const char *const said[] = {
        [LINK_RELOAD_REFUSED] = "reload: refused; the old configuration stays",
        [LINK_RELOAD_TAKEN] = "reload: taken into use",
        [LINK_RELOAD_TRIED] = "reload: tried on a slice of the requests",
    };
    enum link_reload result = use_loaded(m, status);

    m->loader = 0;
    say(m, "%s", said[result]);
    if (result == LINK_RELOAD_REFUSED)
        board_set(&m->conf->board->reload_ok, 0);
    tell(m, find_kind(m, PROC_CLERK),
         (struct link_msg){.type = LINK_RELOAD_RESULT, .number = result}, m->loader_report);
    close_fd(&m->loader_text);
    close_fd(&m->loader_report);
    if (m->reload_again && m->phase == SERVING) {
        m->reload_again = false;
        start_reload(m, m->again_at_once);
    }
}

/* ---- ending ---- */

static void drain(struct master *m, uint64_t ms)
{
    uint64_t stop_us = now_us() + ms * 1000 + KILL_US;

    m->stop_us = m->phase == SERVING ? stop_us : MIN(m->stop_us, stop_us);
    if (m->phase == SERVING)
        m->phase = DRAINING;
    board_set(&m->conf->board->draining, 1);
    for (size_t i = 0; i < m->children_n; i++)
        if (m->children[i].place.kind == PROC_WORKER)
            tell(m, &m->children[i], (struct link_msg){.type = LINK_DRAIN, .number = ms}, -1);
}

static bool any_alive(const struct master *m, bool workers_only)
{
    for (size_t i = 0; i < m->children_n; i++)
        if (m->children[i].pid && (!workers_only || m->children[i].place.kind == PROC_WORKER))
            return true;
    if (workers_only)
        return false;
    for (size_t i = 0; i < m->conf->commands_n; i++)
        if (m->commands[i].pid)
            return true;
    return m->loader != 0;
}

/* What the workers still hold is told by the clerk: it ends behind them, and has its own time. */
static void kill_workers(struct master *m)
{
    for (size_t i = 0; i < m->children_n; i++)
        if (m->children[i].pid && m->children[i].place.kind == PROC_WORKER)
            (void)kill(m->children[i].pid, SIGKILL);
}

static void kill_all(struct master *m)
{
    for (size_t i = 0; i < m->children_n; i++)
        if (m->children[i].pid)
            (void)kill(m->children[i].pid, SIGKILL);
    for (size_t i = 0; i < m->conf->commands_n; i++)
        command_kill(&m->commands[i]);
    if (m->loader)
        (void)kill(m->loader, SIGKILL);
}

static void stop_rest(struct master *m)
{
    m->phase = STOPPING;
    m->stop_us = now_us() + KILL_US;
    for (size_t i = 0; i < m->children_n; i++)
        tell(m, &m->children[i], (struct link_msg){.type = LINK_DRAIN}, -1);
    for (size_t i = 0; i < m->conf->commands_n; i++)
        command_stop(&m->commands[i], now_us());
}

/* ---- events ---- */

static void engine_changed(struct master *m, size_t i, int status)
{
    board_set(&m->conf->board->engines[i].pid, (uint64_t)m->commands[i].pid);
    tell(m, find_kind(m, PROC_KEEPER),
         (struct link_msg){.type = LINK_ENGINE_STATE,
                           .index = (uint32_t)i,
                           .number = (uint64_t)m->commands[i].pid,
                           .status = status},
         -1);
}

static void say_engine_ended(struct master *m, const struct proc_command *c, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == COMMAND_NOT_RUN)
        say(m, "engine %s cannot be run: %s", c->name, c->argv[0]);
    else
        say(m, "engine %s ended (%s %d)%s%s", c->name, WIFSIGNALED(status) ? "signal" : "status",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
            status && c->log_file ? "; it wrote " : "", status && c->log_file ? c->log_file : "");
}

/* What an engine has started itself lives in its group, and would keep its GPU: it goes along. The
 * number of the group is still the engine's as long as the engine has not been waited for. */
static void end_group(const struct master *m, pid_t pid)
{
    for (size_t i = 0; i < m->conf->commands_n; i++)
        if (m->commands[i].pid == pid)
            (void)kill(-pid, SIGKILL);
}

/* The next child that has ended, not yet waited for; 0: none. */
static pid_t next_ended(void)
{
    siginfo_t info = {0};

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

static void reap(struct master *m)
{
    int status;
    pid_t pid;

    while ((pid = next_ended()) > 0) {
        end_group(m, pid);
        if (waitpid(pid, &status, WNOHANG) != pid)
            return;
        if (pid == m->loader)
            loader_done(m, status);
        for (size_t i = 0; i < m->children_n; i++)
            if (m->children[i].pid == pid)
                child_died(m, &m->children[i], status);
        for (size_t i = 0; i < m->conf->commands_n; i++) {
            if (m->commands[i].pid != pid)
                continue;
            m->commands[i].pid = 0;
            say_engine_ended(m, &m->conf->commands[i], status);
            engine_changed(m, i, status);
        }
    }
}

static void on_signal(struct master *m, uint32_t signal)
{
    switch (signal) {
    case SIGCHLD:
        reap(m);
        break;
    case SIGHUP:
        if (m->phase == SERVING)
            start_reload(m, false);
        break;
    case SIGTERM:
    case SIGINT:
        if (m->phase == SERVING) {
            say(m, "stopping: %llu s for what runs to finish (again to end at once)",
                (unsigned long long)(m->conf->drain_ms / 1000));
            drain(m, m->conf->drain_ms);
        } else {
            drain(m, 0);
        }
        break;
    default:
        break;
    }
}

static void start_engine(struct master *m, uint32_t i)
{
    struct err e;

    if (i >= m->conf->commands_n || m->commands[i].pid || m->phase != SERVING)
        return;
    if (command_start(&m->commands[i], &m->conf->commands[i], &e) < 0)
        say(m, "engine %s: %s", m->conf->commands[i].name, e.text);
    engine_changed(m, i, 0);
}

/* The clerk's words about configurations. What it says of a trial may come behind its end. */
static void on_reload_message(struct master *m, const struct link_msg *msg)
{
    bool on = m->trial_fd >= 0 && msg->number == m->trials;

    switch (msg->type) {
    case LINK_RELOAD:
        start_reload(m, msg->index == 1);
        break;
    case LINK_TRIAL_END:
        if (on && msg->index < BOARD_TRIAL_ENDS_N)
            end_trial(m, (enum board_trial_end)msg->index);
        break;
    case LINK_TRIAL_HOLD:
        if (on) {
            say(m, "reload: unproven; held on its slice until it is confirmed or rolled back");
            board_set(&m->conf->board->trial.state, BOARD_TRIAL_UNPROVEN);
        }
        break;
    default:
        roll_back(m);
        break;
    }
}

static void on_message(struct master *m, struct child *c, const struct link_msg *msg)
{
    switch (msg->type) {
    case LINK_READY:
        if (c->place.kind == PROC_WORKER)
            m->anybody_ready = true;
        board_set(&c->row->generation, msg->number);
        break;
    case LINK_RELOAD:
    case LINK_TRIAL_END:
    case LINK_TRIAL_HOLD:
    case LINK_ROLLBACK:
        if (m->phase == SERVING && c->place.kind == PROC_CLERK)
            on_reload_message(m, msg);
        break;
    case LINK_ENGINE_START:
        if (c->place.kind == PROC_KEEPER)
            start_engine(m, msg->index);
        break;
    case LINK_ENGINE_STOP:
        if (c->place.kind == PROC_KEEPER && msg->index < m->conf->commands_n)
            command_stop(&m->commands[msg->index], now_us());
        break;
    default:
        break;
    }
}

/* A keeper that has just come is told what runs already. */
static void greet_keeper(struct master *m, struct child *c)
{
    if (c->place.kind != PROC_KEEPER || c->greeted)
        return;
    c->greeted = true;
    for (size_t i = 0; i < m->conf->commands_n; i++)
        engine_changed(m, i, 0);
}

static void read_link(struct master *m, struct child *c)
{
    struct link_msg msg;
    int fd, rc;

    while (c->link >= 0 && (rc = link_recv(c->link, &msg, &fd)) != 0) {
        if (rc < 0) {
            close_fd(&c->link); /* its death will be told by SIGCHLD */
            return;
        }
        close_fd(&fd);
        if (msg.type == LINK_READY)
            greet_keeper(m, c);
        on_message(m, c, &msg);
    }
}

/* ---- time ---- */

static void check_children(struct master *m, uint64_t now)
{
    char name[24];

    for (size_t i = 0; i < m->children_n; i++) {
        struct child *c = &m->children[i];

        if (!c->pid && m->phase == SERVING && now >= c->respawn_us) {
            spawn(m, c);
        } else if (c->pid && now - board_time(&c->row->turned_us, now) > hurried(m, SILENT_US)) {
            say(m, "%s has been silent for %u s; killing it", name_of(c, name),
                SILENT_US / 1000000);
            (void)kill(c->pid, SIGKILL);
            c->hung = true;
            board_set(&c->row->turned_us, now);
        }
    }
}

static void check_phase(struct master *m, uint64_t now)
{
    if (m->loader && now >= m->loader_us)
        (void)kill(m->loader, SIGKILL);
    if (m->phase == DRAINING && !any_alive(m, true))
        stop_rest(m);
    if (m->phase == DRAINING && now >= m->stop_us)
        kill_workers(m);
    if (m->phase == STOPPING && now >= m->stop_us)
        kill_all(m);
    for (size_t i = 0; i < m->conf->commands_n; i++)
        command_check(&m->commands[i], now);
}

static void turn(struct master *m)
{
    struct pollfd fds[CHILDREN + 1];
    struct signalfd_siginfo info;

    fds[0] = (struct pollfd){.fd = m->signals, .events = POLLIN};
    for (size_t i = 0; i < m->children_n; i++)
        fds[i + 1] = (struct pollfd){.fd = m->children[i].link, .events = POLLIN};
    if (poll(fds, (nfds_t)(m->children_n + 1), CHECK_MS) < 0 && errno != EINTR)
        say(m, "poll: %s", strerror(errno));
    while (read(m->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        on_signal(m, info.ssi_signo);
    for (size_t i = 0; i < m->children_n; i++)
        if (fds[i + 1].revents)
            read_link(m, &m->children[i]);
    reap(m);
    check_children(m, now_us());
    check_phase(m, now_us());
}

/* ---- start ---- */

static void add_child(struct master *m, enum proc_kind kind, uint32_t slot, struct board_row *row)
{
    m->children[m->children_n++] = (struct child){
        .place = {.kind = kind, .slot = slot, .link = -1, .config_fd = -1},
        .row = row,
        .link = -1,
    };
}

static int block_signals(struct master *m)
{
    static const int wanted[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};
    sigset_t set;

    if (sigemptyset(&set) != 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (sigaddset(&set, wanted[i]) != 0)
            return -1;
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    m->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return m->signals < 0 ? -1 : 0;
}

int master_run(const struct proc_conf *conf)
{
    struct master m = {.conf = conf,
                       .signals = -1,
                       .config_fd = conf->config_fd,
                       .before_fd = -1,
                       .trial_fd = -1,
                       .generation = 1,
                       .loader_text = -1,
                       .loader_report = -1};

    MUST(conf->workers >= 1 && conf->workers <= BOARD_WORKERS);
    MUST(conf->commands_n <= BOARD_ENGINES);
    if (block_signals(&m) < 0) {
        say(&m, "signals: %s", strerror(errno));
        return 1;
    }
    board_set(&conf->board->generation, m.generation);
    board_set(&conf->board->master_pid, (uint64_t)getpid());
    board_set(&conf->board->reload_ok, 1);
    board_set(&conf->board->started_us, now_us());
    board_set(&conf->board->started_wall_ms, wall_ms());
    board_set(&conf->board->reload_wall_ms, wall_ms());
    for (uint32_t i = 0; i < conf->workers; i++)
        add_child(&m, PROC_WORKER, i, &conf->board->workers[i]);
    add_child(&m, PROC_KEEPER, 0, &conf->board->keeper);
    add_child(&m, PROC_CLERK, 0, &conf->board->clerk);
    for (size_t i = 0; i < m.children_n; i++)
        spawn(&m, &m.children[i]);
    while (m.phase != STOPPING || any_alive(&m, false))
        turn(&m);
    close_fd(&m.signals);
    close_fd(&m.before_fd);
    close_fd(&m.config_fd);
    close_fd(&m.trial_fd);
    return m.status;
}
