/*
 * link.c - whatever bytes and descriptors come over the link between the master and a child.
 *
 * The first byte says how many descriptors go along; what follows is one datagram after another,
 * each behind a byte that says how long it is. Must hold: what is of a message's size and brings at
 * most one descriptor is a message, with the bytes that were sent; the first of all else ends the
 * link; and no descriptor is left behind.
 */
#include "proc/link.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int next_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    MUST(fd >= 0 && close(fd) == 0);
    return fd;
}

static bool send_raw(int link, const void *p, size_t n, size_t fds_n)
{
    struct iovec io = {(void *)(uintptr_t)p, n};
    union {
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr msg = {.msg_iov = &io, .msg_iovlen = 1};
    int fds[FDS_MAX];

    for (size_t i = 0; i < FDS_MAX; i++)
        fds[i] = STDERR_FILENO; /* the link itself the kernel would hold for its collector's time */
    if (fds_n) {
        struct cmsghdr *c;

        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(fds_n * sizeof(int));
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, fds_n * sizeof(int));
    }
    return sendmsg(link, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
}

/* One datagram; false: it was none of ours. */
static bool pass(const int pair[2], const uint8_t *p, size_t n, size_t fds_n)
{
    struct link_msg m;
    int fd = -2, rc;

    if (!send_raw(pair[0], p, n, fds_n))
        return false;
    rc = link_recv(pair[1], &m, &fd);
    if (n != sizeof(m) || fds_n > 1) {
        MUST(rc == -1 && fd == -1);
        return false;
    }
    MUST(rc == 1 && memcmp(&m, p, n) == 0 && (fd >= 0) == (fds_n == 1));
    if (fd >= 0)
        MUST(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    if (fd >= 0)
        MUST(close(fd) == 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct link_msg none;
    int pair[2], fd, free_fd;
    struct err e;

    if (len < 1)
        return 0;
    MUST(link_pair(pair, &e) == 0);
    free_fd = next_fd();
    MUST(link_recv(pair[1], &none, &fd) == 0 && fd == -1);
    for (size_t at = 1; at + 1 < len;) {
        size_t n = MIN((size_t)data[at], len - at - 1);

        if (!pass(pair, data + at + 1, n, data[0] % (FDS_MAX + 1)))
            break;
        at += 1 + n;
    }
    MUST(next_fd() == free_fd);
    MUST(close(pair[0]) == 0);
    MUST(link_recv(pair[1], &none, &fd) == -1 && fd == -1);
    MUST(close(pair[1]) == 0);
    return 0;
}
