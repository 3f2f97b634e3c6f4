/* Goal: a message arrives whole, with its descriptor, or not at all; a full queue and a dead peer
 * are told and never waited for; what is not of our kind ends the link and leaks no descriptor; a
 * link takes no memory, and without descriptors there is none.
 * Method: both ends in one process; descriptors are counted. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proc/link.h"

static const struct link_msg sample = {
    .type = LINK_ENGINE_STATE, .index = 3, .number = UINT64_MAX, .status = -9};

static int open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

struct pair {
    int fd[2];
    int files; /* open before it was made */
};

static int set_up(void **state)
{
    static struct pair p;
    struct err e;

    p.files = open_files();
    assert_int_equal(link_pair(p.fd, &e), 0);
    *state = &p;
    return 0;
}

/* Whatever a test did, no descriptor is left but those of the pair. */
static int tear_down(void **state)
{
    struct pair *p = *state;

    for (size_t i = 0; i < 2; i++)
        if (p->fd[i] >= 0)
            close(p->fd[i]);
    assert_int_equal(open_files(), p->files);
    return 0;
}

static void a_message_arrives_whole(void **state)
{
    struct pair *p = *state;
    struct link_msg got;
    struct err e;
    int fd = 0;

    assert_int_equal(link_recv(p->fd[1], &got, &fd), 0); /* nothing there: not waited for */
    assert_int_equal(fd, -1);
    assert_int_equal(link_send(p->fd[0], &sample, -1, &e), 0);
    assert_int_equal(link_send(p->fd[0], &(struct link_msg){.type = LINK_READY}, -1, &e), 0);
    assert_int_equal(link_recv(p->fd[1], &got, &fd), 1);
    assert_memory_equal(&got, &sample, sizeof(got));
    assert_int_equal(fd, -1);
    assert_int_equal(link_recv(p->fd[1], &got, &fd), 1); /* its bounds are kept */
    assert_int_equal(got.type, LINK_READY);
    assert_int_equal(link_recv(p->fd[1], &got, &fd), 0);
}

static void a_descriptor_comes_along(void **state)
{
    struct pair *p = *state;
    struct link_msg got;
    int pipes[2], fd;
    struct err e;
    char c;

    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(link_send(p->fd[0], &sample, pipes[0], &e), 0);
    close(pipes[0]);
    assert_int_equal(link_recv(p->fd[1], &got, &fd), 1);
    assert_true(fd >= 0);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    assert_int_equal(read(fd, &c, 1), 1);
    assert_int_equal(c, 'x');
    close(fd);
    close(pipes[1]);
}

static void a_full_queue_is_told(void **state)
{
    enum { FAR_TOO_MANY = 1000000 };
    struct pair *p = *state;
    struct link_msg m = {.type = LINK_CONFIG}, got;
    uint64_t sent = 0;
    struct err e;
    int fd;

    while (sent < FAR_TOO_MANY && link_send(p->fd[0], &m, -1, &e) == 0)
        m.number = ++sent;
    assert_in_range(sent, 10, FAR_TOO_MANY - 1);
    assert_int_equal(e.code, ERR_SYS);
    for (uint64_t i = 0; i < sent; i++) { /* and none of those before is lost */
        assert_int_equal(link_recv(p->fd[1], &got, &fd), 1);
        assert_int_equal(got.number, i);
    }
    assert_int_equal(link_send(p->fd[0], &m, -1, &e), 0);
}

static void a_dead_peer_is_told_after_its_last_word(void **state)
{
    struct pair *p = *state;
    struct link_msg got;
    struct err e;
    int fd;

    assert_int_equal(link_send(p->fd[0], &sample, p->fd[0], &e), 0);
    close(p->fd[0]);
    p->fd[0] = -1;
    assert_int_equal(link_recv(p->fd[1], &got, &fd), 1);
    close(fd); /* the last descriptor of that end */
    assert_int_equal(link_recv(p->fd[1], &got, &fd), -1);
    assert_int_equal(fd, -1);
    assert_int_equal(link_send(p->fd[1], &sample, -1, &e), -1); /* and no SIGPIPE */
    assert_int_equal(e.code, ERR_SYS);
}

/* Send n bytes and a number of descriptors, as no link_send() would. */
static void send_odd(int link, size_t n, size_t fds)
{
    char bytes[256] = {0};
    struct iovec io = {bytes, n};
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr msg = {.msg_iov = &io, .msg_iovlen = 1};
    int list[4] = {0, 0, 0, 0};

    if (fds) {
        struct cmsghdr *c;

        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds * sizeof(int));
        memcpy(CMSG_DATA(c), list, fds * sizeof(int));
    }
    assert_int_equal(sendmsg(link, &msg, MSG_NOSIGNAL), n);
}

static const struct {
    size_t bytes, fds;
    int want;
} odd[] = {
    {1, 0, -1},
    {sizeof(struct link_msg) - 1, 0, -1},
    {sizeof(struct link_msg), 0, 1},
    {sizeof(struct link_msg) + 1, 0, -1}, /* would be cut to the right size */
    {256, 0, -1},
    {1, 1, -1},
    {sizeof(struct link_msg), 1, 1},
    {sizeof(struct link_msg), 2, -1},
    {sizeof(struct link_msg), 4, -1},
};

static void what_is_not_of_our_kind_ends_the_link(void **state)
{
    struct pair *p = *state;
    struct link_msg got;
    int fd;

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        send_odd(p->fd[0], odd[i].bytes, odd[i].fds);
        if (link_recv(p->fd[1], &got, &fd) != odd[i].want)
            fail_msg("%zu bytes, %zu descriptors", odd[i].bytes, odd[i].fds);
        if (odd[i].want < 0)
            assert_int_equal(fd, -1);
        if (fd >= 0)
            close(fd);
        if (open_files() != p->files + 2)
            fail_msg("%zu bytes, %zu descriptors: some are left", odd[i].bytes, odd[i].fds);
    }
}

/* As many descriptors as there may be, and one and two fewer: both ends are there, or none. */
static void without_descriptors_there_is_no_pair(void **state)
{
    const char *preload = getenv("LD_PRELOAD");
    struct pair *p = *state;
    struct rlimit was, few;
    struct err e;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    few = was;
    for (unsigned more = 0; more <= 2; more++) {
        int fd[2] = {-1, -1}, rc, next = dup(p->fd[0]);

        close(next);
        few.rlim_cur = (rlim_t)next + more;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        rc = link_pair(fd, &e);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
        if (!preload || !strstr(preload, "valgrind")) /* which keeps some for itself */
            assert_int_equal(rc, more < 2 ? -1 : 0);
        if (rc < 0)
            assert_int_equal(e.code, ERR_SYS);
        for (size_t i = 0; i < 2 && rc == 0; i++)
            close(fd[i]);
        assert_int_equal(open_files(), p->files + 2);
    }
}

static void a_link_needs_no_memory(void **state)
{
    struct pair *p = *state;
    struct link_msg got;
    struct err e;
    int fd, pair[2];

    mem_torture(1, true);
    assert_int_equal(link_pair(pair, &e), 0);
    assert_int_equal(link_send(pair[0], &sample, p->fd[0], &e), 0);
    assert_int_equal(link_recv(pair[1], &got, &fd), 1);
    assert_false(mem_torture_hit());
    mem_torture(0, false);
    close(fd);
    close(pair[0]);
    close(pair[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_arrives_whole),
        TEST(a_descriptor_comes_along),
        TEST(a_full_queue_is_told),
        TEST(a_dead_peer_is_told_after_its_last_word),
        TEST(what_is_not_of_our_kind_ends_the_link),
        TEST(without_descriptors_there_is_no_pair),
        TEST(a_link_needs_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
