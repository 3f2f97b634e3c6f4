/*
 * command.c - see command.h.
 *
 * The group of its own keeps a Ctrl-C at the terminal away from the engine (the master stops it
 * when its requests are done) and lets one signal reach what it started itself.
 */
#include "proc/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_BYTES_MAX (4 * 1024 * 1024) /* a longer log begins anew at the next start */
#define GRACE_US      5000000u

static int open_log(const char *file)
{
    struct stat st;
    int fd = -1;

    if (file)
        fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > LOG_BYTES_MAX && ftruncate(fd, 0) != 0)
        (void)close(fd), fd = -1;
    return fd >= 0 ? fd : open("/dev/null", O_WRONLY | O_CLOEXEC);
}

/* In the forked process. */
static void be_command(const struct proc_command *c, pid_t parent)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC), out = open_log(c->log_file);
    sigset_t none;

    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(126);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    if (close_range(3, ~0U, 0) != 0)
        _exit(126);
    if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || sigemptyset(&none) != 0 ||
        sigprocmask(SIG_SETMASK, &none, NULL) != 0)
        _exit(126);
    (void)execve(c->argv[0], c->argv, c->envp);
    _exit(COMMAND_NOT_RUN);
}

int command_start(struct command_state *s, const struct proc_command *c, struct err *e)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0)
        be_command(c, parent);
    if (pid < 0)
        return err_set(e, ERR_SYS, "no new process: %s", strerror(errno));
    s->pid = pid;
    s->kill_us = 0;
    return 0;
}

static void signal_group(const struct command_state *s, int sig)
{
    /* Before setpgid() has run in the child the group does not exist yet. */
    if (kill(-s->pid, sig) != 0 && errno == ESRCH)
        (void)kill(s->pid, sig);
}

void command_stop(struct command_state *s, uint64_t now_us)
{
    if (!s->pid || s->kill_us)
        return;
    s->kill_us = now_us + GRACE_US;
    signal_group(s, SIGTERM);
}

void command_kill(struct command_state *s)
{
    if (s->pid)
        signal_group(s, SIGKILL);
}

void command_check(struct command_state *s, uint64_t now_us)
{
    if (s->pid && s->kill_us && now_us >= s->kill_us)
        command_kill(s);
}
