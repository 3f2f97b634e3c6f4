/*
 * link.c - see link.h.
 */
#include "proc/link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int link_pair(int ret[2], struct err *e)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret) != 0)
        return err_set(e, ERR_SYS, "no socket pair: %s", strerror(errno));
    return 0;
}

int link_send(int link, const struct link_msg *m, int fd, struct err *e)
{
    struct link_msg copy = *m;
    struct iovec io = {&copy, sizeof(copy)};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr msg = {.msg_iov = &io, .msg_iovlen = 1};

    if (fd >= 0) {
        struct cmsghdr *c;

        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    if (sendmsg(link, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof(copy))
        return err_set(e, ERR_SYS, "message %u not sent: %s", m->type, strerror(errno));
    return 0;
}

/* The first descriptor that came along; further ones, which nobody of ours sends, are closed. How
 * many there were. */
static size_t take_fds(struct msghdr *msg, int *ret_fd)
{
    const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    size_t n;
    int fd;

    *ret_fd = -1;
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return 0;
    n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
    for (size_t i = 0; i < n; i++) {
        memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
        if (i == 0)
            *ret_fd = fd;
        else
            (void)close(fd);
    }
    return n;
}

int link_recv(int link, struct link_msg *ret, int *ret_fd)
{
    struct iovec io = {ret, sizeof(*ret)};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr msg = {.msg_iov = &io,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    size_t fds_n;
    ssize_t n;

    *ret_fd = -1;
    do {
        n = recvmsg(link, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    fds_n = take_fds(&msg, ret_fd);
    if (n == (ssize_t)sizeof(*ret) && !(msg.msg_flags & MSG_TRUNC) && fds_n <= 1)
        return 1;
    if (*ret_fd >= 0 && close(*ret_fd) == 0)
        *ret_fd = -1;
    return -1; /* end of file, or not of our kind */
}
