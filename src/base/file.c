/*
 * file.c - see file.h.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)16 * 1024)

static int read_fd(struct buf *out, int fd, const char *path, struct err *e)
{
    ssize_t got;
    size_t want;
    char *to;

    for (;;) {
        /* One byte past the maximum tells a full file from a file that is too large. */
        want = MIN(PIECE, out->max - out->n);
        if (want == 0) {
            char more;

            got = read(fd, &more, 1);
            if (got == 0)
                return 0;
            return err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, out->max);
        }
        to = buf_reserve(out, want);
        if (!to)
            return buf_finish(out, path, e);
        got = read(fd, to, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(e, ERR_SYS, "%s: %s", path, strerror(errno));
        if (got == 0)
            return 0;
        buf_commit(out, (size_t)got);
    }
}

int file_read(struct buf *out, const char *path, struct err *e)
{
    int fd, rc;

    if (strcmp(path, "-") == 0)
        return read_fd(out, STDIN_FILENO, "standard input", e);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(e, ERR_SYS, "%s: %s", path, strerror(errno));
    rc = read_fd(out, fd, path, e);
    close(fd);
    return rc;
}

int file_check(const char *path, struct err *e)
{
    struct stat st;
    int fd, rc = 0;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return err_set(e, ERR_SYS, "%s", strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        rc = err_set(e, ERR_SYS, "not a regular file");
    close(fd);
    return rc;
}

uint64_t file_stamp(const char *path)
{
    uint64_t parts[5], stamp = 0;
    struct stat st;

    if (stat(path, &st) < 0)
        return 0;
    parts[0] = (uint64_t)st.st_dev;
    parts[1] = (uint64_t)st.st_ino;
    parts[2] = (uint64_t)st.st_size;
    parts[3] = (uint64_t)st.st_mtim.tv_sec;
    parts[4] = (uint64_t)st.st_mtim.tv_nsec;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        stamp = (stamp ^ parts[i]) * UINT64_C(0x9E3779B97F4A7C15) + (stamp >> 29);
    return stamp | 1;
}

int file_create(const char *path, struct span text, struct err *e)
{
    int fd, rc = 0;
    ssize_t put;

    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(e, ERR_SYS, "%s: %s", path, strerror(errno));
    while (text.n && rc == 0) {
        put = write(fd, text.p, text.n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            rc = err_set(e, ERR_SYS, "%s: %s", path, strerror(errno));
        } else {
            text.p += put;
            text.n -= (size_t)put;
        }
    }
    if (close(fd) < 0 && rc == 0)
        rc = err_set(e, ERR_SYS, "%s: %s", path, strerror(errno));
    return rc;
}
