/*
 * bed.c - see bed.h.
 */
#include "bed.h"

struct page *page; /* clock_gettime() has no argument to reach it by */

int clock_gettime(clockid_t id, struct timespec *t)
{
    uint64_t now;

    if (!page || id != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, id, t);
    now = page->now_us;
    *t = (struct timespec){.tv_sec = (time_t)(now / S), .tv_nsec = (long)(now % S) * 1000};
    return 0;
}

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
    struct link_msg m = {.type = (uint32_t)page->send_type,
                         .index = (uint32_t)page->send_index,
                         .number = page->send_number};

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

int set_up(void **state)
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

int tear_down(void **state)
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

void begin(struct bed *b)
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
void nudge(const struct bed *b)
{
    kill(b->master, SIGCHLD);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

bool ended(struct bed *b)
{
    if (b->master > 0 && waitpid(b->master, &b->status, WNOHANG) == b->master)
        b->master = 0;
    return b->master == 0;
}

bool said(const char *what)
{
    return strstr(page->said, what) != NULL;
}

/* How often it was said. */
unsigned times_said(const char *what)
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

bool all_beat(const struct bed *b)
{
    for (uint32_t i = 0; i < b->conf.workers; i++)
        if (!beats(&b->board->workers[i]))
            return false;
    return beats(&b->board->keeper) && beats(&b->board->clerk);
}

/* In steps that make nobody look silent. */
void leap(struct bed *b, uint64_t us)
{
    for (uint64_t step; us > 0; us -= step) {
        step = MIN(us, 2 * S);
        page->now_us += step;
        UNTIL(b, all_beat(b));
    }
}

pid_t pid_of(const struct board_row *row)
{
    return (pid_t)board_get(&row->pid);
}

bool replaced(const struct board_row *row, pid_t victim)
{
    return pid_of(row) != 0 && pid_of(row) != victim;
}

/* A child may say that it is ready before the master has noted who it is; and nobody is to be
 * killed then: 0 is the whole group of this process. */
void slay(const struct bed *b, const struct board_row *row)
{
    UNTIL(b, pid_of(row) > 0);
    kill(pid_of(row), SIGKILL);
}

/* All four children serve; what dies from here on has lived long enough to be replaced at once. */
void begin_and_grow_up(struct bed *b)
{
    begin(b);
    UNTIL(b, page->seen[PROC_WORKER].ready == 2 && page->seen[PROC_KEEPER].ready == 1 &&
                 page->seen[PROC_CLERK].ready == 1);
    UNTIL(b, board_get(&b->board->clerk.generation) == 1); /* the last one: all pids are known */
    leap(b, S);
}

void stop(struct bed *b)
{
    kill(b->master, SIGTERM);
    UNTIL(b, ended(b));
    assert_int_equal(b->status, 0);
}

void send_from(struct bed *b, enum proc_kind kind, enum link_type type, uint32_t index)
{
    uint64_t before = page->sent;

    page->send_kind = kind;
    page->send_index = index;
    page->send_type = type;
    UNTIL(b, page->sent == before + 1);
}

/* The master is done with what it was doing: it has taken a word that was sent after that. */
void let_finish(struct bed *b)
{
    board_set(&b->board->clerk.generation, UINT64_MAX);
    send_from(b, PROC_CLERK, LINK_READY, 0);
    UNTIL(b, board_get(&b->board->clerk.generation) == 0);
}

/* It begins a reload that does not end by itself. */
void begin_endless_reload(struct bed *b)
{
    page->hangs = true;
    kill(b->master, SIGHUP);
    UNTIL(b, page->loads == 1);
    let_finish(b); /* its time is set after it has begun */
}

/* The process has met a SIGSTOP. */
bool stopped(pid_t pid)
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
