/* Goal: lines arrive whole and in order, a full or broken destination never makes the writer
 * wait, and what is lost is counted.
 * Method: pipes, socket pairs and files of our own; readers that do not read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/logfile.h"
#include "base/mem.h"

#define QUEUE_MAX ((size_t)64 * 1024)
#define PIPE_MAX  ((size_t)1024 * 1024) /* more than any pipe or socket of a test takes */

struct ends {
    int in, out;
};

static struct ends make_ends(bool sockets)
{
    int fd[2];

    assert_int_equal(sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd) : pipe(fd), 0);
    assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
    return (struct ends){fd[1], fd[0]};
}

static struct logfile *make(void)
{
    struct logfile *l = NULL;
    struct err e;

    assert_int_equal(logfile_new(&l, QUEUE_MAX, &e), 0);
    return l;
}

/* How many bytes can be read now; *last is the last of them. */
static size_t drain(int fd, char *last)
{
    char piece[4096];
    size_t sum = 0;
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) > 0) {
        sum += (size_t)n;
        *last = piece[n - 1];
    }
    return sum;
}

static void without_destination_nothing_is_counted(void **state)
{
    struct logfile *l = make();

    UNUSED(state);
    logfile_line(l, SPAN_LIT("gone\n"));
    assert_true(logfile_flush(l));
    assert_int_equal(logfile_dropped(l), 0);
    logfile_free(&l);
    assert_null(l);
    logfile_free(&l);
}

/* Fill it until the queue is full, then read: what was taken comes out, the rest is counted. */
static void full_destination_drops_whole_lines(void **state)
{
    static const char line[] = "0123456789012345678901234567890123456789012345678901234567890\n";
    const size_t n = sizeof(line) - 1;

    UNUSED(state);
    for (int sockets = 0; sockets < 2; sockets++) {
        struct ends ends = make_ends(sockets);
        struct logfile *l = make();
        size_t written = 0, got = 0;
        char last = 0;
        struct err e;

        assert_int_equal(logfile_use(l, ends.in, &e), 0);
        while (logfile_dropped(l) == 0 && written < PIPE_MAX) {
            logfile_line(l, span_of(line, n));
            (void)logfile_flush(l);
            written += n;
        }
        assert_int_equal(logfile_dropped(l), 1);
        written -= n;
        while (!logfile_flush(l))
            got += drain(ends.out, &last);
        got += drain(ends.out, &last);
        assert_int_equal(got, written);
        assert_int_equal(last, '\n');
        assert_int_equal(fcntl(ends.in, F_GETFL) & O_NONBLOCK, 0); /* it is not ours */
        logfile_free(&l);
        close(ends.in);
        close(ends.out);
    }
}

static void broken_destination_loses_and_counts(void **state)
{
    UNUSED(state);
    for (int sockets = 0; sockets < 2; sockets++) {
        struct ends ends = make_ends(sockets);
        struct logfile *l = make();
        struct err e;

        assert_int_equal(logfile_use(l, ends.in, &e), 0);
        close(ends.out);
        logfile_line(l, SPAN_LIT("a\n"));
        logfile_line(l, SPAN_LIT("b\n"));
        assert_true(logfile_flush(l));
        assert_int_equal(logfile_dropped(l), 2);
        logfile_free(&l);
        close(ends.in);
    }
}

static size_t size_of(const char *path)
{
    struct buf all;
    struct err e;
    size_t n;

    buf_init(&all, QUEUE_MAX);
    assert_int_equal(file_read(&all, path, &e), 0);
    n = all.n;
    buf_fini(&all);
    return n;
}

static void file_is_opened_anew_for_rotation(void **state)
{
    char path[] = "/tmp/lamplighter-log-XXXXXX", moved[64];
    int fd = mkstemp(path);
    struct logfile *l = make();
    struct err e;

    UNUSED(state);
    assert_true(fd >= 0);
    close(fd);
    snprintf(moved, sizeof(moved), "%s.1", path);
    assert_int_equal(logfile_open(l, path, &e), 0);
    logfile_line(l, SPAN_LIT("one\n"));
    assert_true(logfile_flush(l));
    assert_int_equal(rename(path, moved), 0);
    logfile_line(l, SPAN_LIT("two\n"));
    assert_int_equal(logfile_open(l, path, &e), 0); /* "two" still goes where it was meant to */
    logfile_line(l, SPAN_LIT("three\n"));
    logfile_free(&l);
    assert_int_equal(size_of(moved), 8);
    assert_int_equal(size_of(path), 6);
    unlink(path);
    unlink(moved);
}

static void failed_open_keeps_the_old_destination(void **state)
{
    struct ends ends = make_ends(false);
    struct logfile *l = make();
    char last = 0;
    struct err e;

    UNUSED(state);
    assert_int_equal(logfile_use(l, ends.in, &e), 0);
    assert_int_equal(logfile_open(l, "/nonexistent/lamplighter/log", &e), -1);
    assert_int_equal(e.code, ERR_SYS);
    assert_int_equal(logfile_use(l, -1, &e), -1);
    logfile_line(l, SPAN_LIT("here\n"));
    logfile_free(&l);
    assert_int_equal(drain(ends.out, &last), 5);
    close(ends.in);
    close(ends.out);
}

static void no_memory_is_an_answer(void **state)
{
    struct ends ends = make_ends(false);
    struct logfile *l = NULL;
    struct err e;

    UNUSED(state);
    mem_torture(1, false);
    assert_int_equal(logfile_new(&l, QUEUE_MAX, &e), -1);
    assert_int_equal(e.code, ERR_NOMEM);
    mem_torture(0, false);
    l = make();
    assert_int_equal(logfile_use(l, ends.in, &e), 0);
    mem_torture(1, false);
    logfile_line(l, SPAN_LIT("lost\n"));
    mem_torture(0, false);
    assert_int_equal(logfile_dropped(l), 1);
    logfile_line(l, SPAN_LIT("kept\n"));
    assert_true(logfile_flush(l));
    assert_int_equal(logfile_dropped(l), 1);
    logfile_free(&l);
    close(ends.in);
    close(ends.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_destination_nothing_is_counted),
        cmocka_unit_test(full_destination_drops_whole_lines),
        cmocka_unit_test(broken_destination_loses_and_counts),
        cmocka_unit_test(file_is_opened_anew_for_rotation),
        cmocka_unit_test(failed_open_keeps_the_old_destination),
        cmocka_unit_test(no_memory_is_an_answer),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
