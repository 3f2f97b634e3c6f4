/*
 * logfile.c - see logfile.h.
 *
 * Why not just O_NONBLOCK: that flag belongs to the open file, which a descriptor handed to us
 * (standard output, most often) shares with other programs, and those do not expect it. So each
 * kind has its way, and the flag is only ever set on a file that we opened ourselves:
 *
 *     FLAGGED  opened here, or opened again by way of /proc/self/fd: O_NONBLOCK
 *     PLAIN    a regular file: writing never waits for anybody
 *     SOCKET   send() takes MSG_DONTWAIT
 *     POLLED   what could not be opened again: poll(), then at most PIPE_BUF bytes, which a pipe
 *              that is ready takes at once
 */
#include "base/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define FILE_MODE 0640

enum kind { NONE, FLAGGED, PLAIN, SOCKET, POLLED };

struct logfile {
    enum kind kind;
    int fd; /* ours; -1: none */
    struct buf queue;
    uint64_t dropped;
};

int logfile_new(struct logfile **ret, size_t queue_max, struct err *e)
{
    struct logfile *l = mem_zalloc(1, sizeof(*l));

    if (!l)
        return err_set(e, ERR_NOMEM, "log: no memory");
    l->fd = -1;
    buf_init(&l->queue, queue_max);
    *ret = l;
    return 0;
}

/* Count the lines of the queue as lost, a line that is half written included. */
static void lose(struct logfile *l)
{
    for (size_t i = 0; i < l->queue.n; i++)
        l->dropped += l->queue.p[i] == '\n';
    buf_reset(&l->queue);
}

void logfile_close(struct logfile *l)
{
    if (l->fd < 0)
        return;
    if (!logfile_flush(l))
        lose(l);
    close(l->fd);
    l->fd = -1;
    l->kind = NONE;
}

void logfile_free(struct logfile **lp)
{
    struct logfile *l = *lp;

    *lp = NULL;
    if (!l)
        return;
    logfile_close(l);
    buf_fini(&l->queue);
    mem_free(l);
}

static void move_to(struct logfile *l, int fd, enum kind kind)
{
    logfile_close(l);
    l->fd = fd;
    l->kind = kind;
}

int logfile_open(struct logfile *l, const char *path, struct err *e)
{
    int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, FILE_MODE);

    if (fd < 0)
        return err_set(e, ERR_SYS, "%s: %s", path, strerror(errno));
    move_to(l, fd, FLAGGED);
    return 0;
}

int logfile_use(struct logfile *l, int fd, struct err *e)
{
    enum kind kind = POLLED;
    char again[64];
    struct stat st;
    int own = -1;

    if (fstat(fd, &st) < 0)
        return err_set(e, ERR_SYS, "log descriptor %d: %s", fd, strerror(errno));
    if (S_ISREG(st.st_mode)) {
        kind = PLAIN; /* not opened again: others may share its place in the file */
    } else if (S_ISSOCK(st.st_mode)) {
        kind = SOCKET;
    } else if (snprintf(again, sizeof(again), "/proc/self/fd/%d", fd) > 0) {
        own = open(again, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (own >= 0)
            kind = FLAGGED;
    }
    if (own < 0)
        own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return err_set(e, ERR_SYS, "log descriptor %d: %s", fd, strerror(errno));
    move_to(l, own, kind);
    return 0;
}

void logfile_line(struct logfile *l, struct span line)
{
    if (l->kind == NONE)
        return;
    if (line.n > l->queue.max - l->queue.n) {
        l->dropped++;
        return;
    }
    buf_add_span(&l->queue, line);
    if (!buf_ok(&l->queue)) { /* no memory: what is queued already stays */
        l->queue.err = ERR_NONE;
        l->dropped++;
    }
}

static ssize_t put(const struct logfile *l, const char *p, size_t n)
{
    struct pollfd ready = {.fd = l->fd, .events = POLLOUT};

    switch (l->kind) {
    case NONE:
        break;
    case FLAGGED:
    case PLAIN:
        return write(l->fd, p, n);
    case SOCKET:
        return send(l->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    case POLLED:
        if (poll(&ready, 1, 0) > 0)
            return write(l->fd, p, MIN(n, (size_t)PIPE_BUF));
        break;
    }
    errno = EAGAIN;
    return -1;
}

bool logfile_flush(struct logfile *l)
{
    size_t at = 0;

    while (at < l->queue.n) {
        ssize_t n = put(l, l->queue.p + at, l->queue.n - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            lose(l);
            return true;
        }
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    buf_consume(&l->queue, at);
    return l->queue.n == 0;
}

uint64_t logfile_dropped(const struct logfile *l)
{
    return l->dropped;
}
