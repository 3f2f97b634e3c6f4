/* Goal: a command runs with what its row says and nothing of ours; what cannot be run says so by
 * its status; who does not end when asked is killed after the grace, not before, and what it has
 * started dies along.
 * Method: shell scripts; the time that passes is a number of the test's. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc/command.h"

#define GRACE_US      5000000u
#define LOG_BYTES_MAX (4 * 1024 * 1024)

struct bed {
    char dir[64], log[96], text[4096];
    struct command_state s;
};

static void run(struct bed *b, const char *program, const char *script)
{
    char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)"-c", (char *)(uintptr_t)script,
                    (char *)(uintptr_t)b->dir, NULL};
    char *envp[] = {(char *)(uintptr_t)"ONLY=this", NULL};
    struct proc_command c = {.name = "x", .argv = argv, .envp = envp, .log_file = b->log};
    struct err e;

    b->s = (struct command_state){0};
    assert_int_equal(command_start(&b->s, &c, &e), 0);
    assert_true(b->s.pid > 0);
}

static int wait_for(struct bed *b)
{
    int status;

    assert_int_equal(waitpid(b->s.pid, &status, 0), b->s.pid);
    b->s.pid = 0;
    return status;
}

static const char *output(struct bed *b)
{
    int fd = open(b->log, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, b->text, sizeof(b->text) - 1);

    assert_true(n >= 0);
    b->text[n] = '\0';
    close(fd);
    return b->text;
}

/* Until the script has written the word: it is where it should be. */
static void wait_for_word(struct bed *b, const char *word)
{
    for (int i = 0; i < 2000 && !strstr(output(b), word); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (!strstr(output(b), word))
        fail_msg("'%s' is not in '%s'", word, b->text);
}

static int set_up(void **state)
{
    struct bed *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    snprintf(b->dir, sizeof(b->dir), "/tmp/lamplighter-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->log, sizeof(b->log), "%s/log", b->dir);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    command_kill(&b->s);
    if (b->s.pid)
        wait_for(b);
    unlink(b->log);
    rmdir(b->dir);
    free(b);
    return 0;
}

static void it_runs_with_nothing_of_ours(void **state)
{
    struct bed *b = *state;
    char want[128];
    int ours = open("/dev/null", O_RDONLY); /* inherited, were it not closed */

    assert_in_range(ours, 3, 39);
    run(b, "/bin/sh",
        "echo $ONLY $0; env | grep -Ecv '^(ONLY|PWD|OLDPWD|SHLVL|_)='; n=3;"
        "while [ $n -lt 40 ]; do [ -e /proc/$$/fd/$n ] && echo fd $n; n=$((n + 1)); done;"
        "read x || echo eof; echo err >&2; exit 7");
    assert_int_equal(WEXITSTATUS(wait_for(b)), 7);
    close(ours);
    snprintf(want, sizeof(want), "this %s\n0\neof\nerr\n", b->dir);
    assert_string_equal(output(b), want);
}

static void it_has_a_group_of_its_own(void **state)
{
    struct bed *b = *state;

    run(b, "/bin/sh", "echo up; exec sleep 60");
    wait_for_word(b, "up");
    assert_int_equal(getpgid(b->s.pid), b->s.pid);
    assert_int_not_equal(getpgid(0), b->s.pid);
}

static void what_cannot_be_run_says_so(void **state)
{
    struct bed *b = *state;

    run(b, "/nowhere/engine", "");
    assert_int_equal(WEXITSTATUS(wait_for(b)), COMMAND_NOT_RUN);
    run(b, b->dir, "");
    assert_int_equal(WEXITSTATUS(wait_for(b)), COMMAND_NOT_RUN);
}

static void a_log_that_cannot_be_is_done_without(void **state)
{
    struct bed *b = *state;

    snprintf(b->log, sizeof(b->log), "%s/no/such/log", b->dir);
    run(b, "/bin/sh", "echo something && exit 3");
    assert_int_equal(WEXITSTATUS(wait_for(b)), 3);
}

static void a_log_goes_on_until_it_is_too_long(void **state)
{
    struct bed *b = *state;
    struct stat st;

    run(b, "/bin/sh", "echo one");
    assert_int_equal(wait_for(b), 0);
    run(b, "/bin/sh", "echo two");
    assert_int_equal(wait_for(b), 0);
    assert_string_equal(output(b), "one\ntwo\n");
    assert_int_equal(truncate(b->log, LOG_BYTES_MAX), 0);
    run(b, "/bin/sh", "echo at the bound");
    assert_int_equal(wait_for(b), 0);
    assert_int_equal(stat(b->log, &st), 0);
    assert_int_equal(st.st_size, LOG_BYTES_MAX + 13);
    run(b, "/bin/sh", "echo past it");
    assert_int_equal(wait_for(b), 0);
    assert_string_equal(output(b), "past it\n");
    assert_int_equal(stat(b->log, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void who_ends_when_asked_is_not_killed(void **state)
{
    struct bed *b = *state;

    run(b, "/bin/sh", "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.01; done");
    wait_for_word(b, "up");
    command_stop(&b->s, 1000);
    assert_int_equal(WEXITSTATUS(wait_for(b)), 4);
    assert_non_null(strstr(output(b), "bye\n"));
}

static bool still_runs(const struct bed *b)
{
    siginfo_t info = {0};

    assert_int_equal(waitid(P_PID, (id_t)b->s.pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    return info.si_pid == 0;
}

static void who_does_not_is_killed_after_the_grace(void **state)
{
    struct bed *b = *state;
    int status;

    run(b, "/bin/sh", "trap '' TERM; echo up; while :; do sleep 0.01; done");
    wait_for_word(b, "up");
    command_check(&b->s, UINT64_MAX); /* nobody told it to stop */
    assert_true(still_runs(b));
    command_stop(&b->s, 1000);
    command_stop(&b->s, 999999999); /* asked again: the first time counts */
    command_check(&b->s, 1000 + GRACE_US - 1);
    usleep(20000);
    assert_true(still_runs(b));
    command_check(&b->s, 1000 + GRACE_US);
    status = wait_for(b);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    command_stop(&b->s, 1000); /* nothing runs: nothing is signalled */
    command_check(&b->s, UINT64_MAX);
    command_kill(&b->s);
}

static void what_it_started_dies_along(void **state)
{
    struct bed *b = *state;
    pid_t child = 0;
    int status;

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* whose parent died is ours */
    run(b, "/bin/sh", "trap '' TERM; sleep 60 & echo child $! .; wait; sleep 60");
    wait_for_word(b, " .\n");
    for (const char *p = output(b) + strlen("child "); *p >= '0' && *p <= '9'; p++)
        child = child * 10 + *p - '0';
    assert_true(child > 1 && kill(child, 0) == 0);
    command_kill(&b->s);
    wait_for(b);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_runs_with_nothing_of_ours),
        TEST(it_has_a_group_of_its_own),
        TEST(what_cannot_be_run_says_so),
        TEST(a_log_that_cannot_be_is_done_without),
        TEST(a_log_goes_on_until_it_is_too_long),
        TEST(who_ends_when_asked_is_not_killed),
        TEST(who_does_not_is_killed_after_the_grace),
        TEST(what_it_started_dies_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
