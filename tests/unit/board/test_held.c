/* Goal: whatever moment a worker dies at, what it held is told, whole and once, and what others
 * hold is not.
 * Method: lives of a slot one after the other, as the master counts them; entries to the last one
 * and past it; a child killed at random moments while it claims and gives up as fast as it can. */
#include <setjmp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "board/held.h"

enum { SLOT = 3 };

static int set_up(void **state)
{
    struct board *b = NULL;
    struct err e;

    assert_int_equal(board_new(&b, &e), 0);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct board *b = *state;

    board_free(&b);
    return 0;
}

static struct held_holder *born(struct board *b)
{
    struct held_holder *h = malloc(sizeof(*h));

    assert_non_null(h);
    held_init(h, b, SLOT);
    return h;
}

static void dies(struct board *b, struct held_holder *h)
{
    free(h);
    held_ended(&b->workers[SLOT]);
}

static struct held_request request(unsigned number)
{
    struct held_request q = {.wall_ms = number, .began_us = number + 1, .op = number % 7};

    (void)snprintf(q.id, sizeof(q.id), "r_%u", number);
    return q;
}

static uint16_t claim(struct held_holder *h, unsigned number)
{
    struct held_request q = request(number);

    return held_claim(h, &q);
}

static size_t dead(const struct board *b)
{
    struct held_request q;
    size_t count = 0;

    for (uint16_t n = 0; (n = held_dead(b, SLOT, held_ends(b, SLOT), n, &q)) != 0;)
        count++;
    return count;
}

/* All that the dead have left is told and forgotten. */
static size_t bury(struct board *b)
{
    uint64_t ends = held_ends(b, SLOT);
    struct held_request q;
    size_t count = 0;

    for (uint16_t n = 0; (n = held_dead(b, SLOT, ends, n, &q)) != 0; count++)
        held_forget(b, SLOT, n);
    assert_int_equal(dead(b), 0);
    return count;
}

static void only_the_dead_are_told(void **state)
{
    struct board *b = *state;
    struct held_holder *h = born(b);
    struct held_request q;
    uint16_t first = claim(h, 1), second = claim(h, 2), third = claim(h, 3);

    assert_true(first && second && third);
    assert_int_equal(dead(b), 0);
    held_give_up(h, second);
    held_op(h, third, 9);
    dies(b, h);
    assert_int_equal(held_dead(b, SLOT, held_ends(b, SLOT), 0, &q), first);
    assert_string_equal(q.id, "r_1");
    assert_true(q.wall_ms == 1 && q.began_us == 2 && q.op == 1);
    assert_true(q.attempts == 0 && !q.stream && !q.model[0] && !q.target[0] && !q.provider[0]);
    assert_int_equal(held_dead(b, SLOT, held_ends(b, SLOT), first, &q), third);
    assert_true(q.op == 9);
    assert_int_equal(held_dead(b, SLOT, held_ends(b, SLOT), third, &q), 0);
    assert_int_equal(held_dead(b, SLOT + 1, UINT64_MAX, 0, &q), 0); /* not its slot */
    assert_int_equal(bury(b), 2);
}

/* The child claims before its parent has written anything about it. */
static void a_new_life_is_not_taken_for_the_old_one(void **state)
{
    struct board *b = *state;
    struct held_holder *h = born(b);
    uint64_t seen = held_ends(b, SLOT);
    struct held_request q;
    uint16_t of_first, of_second;

    of_first = claim(h, 1);
    dies(b, h);
    h = born(b);
    of_second = claim(h, 2);
    assert_int_not_equal(of_first, of_second);
    assert_int_equal(held_dead(b, SLOT, seen, 0, &q), 0); /* the clerk's view is old: nobody died */
    assert_int_equal(dead(b), 1);
    dies(b, h); /* and nobody has come to bury the first */
    h = born(b);
    assert_int_equal(dead(b), 2);
    assert_int_equal(bury(b), 2);
    held_give_up(h, claim(h, 3));
    dies(b, h);
    assert_int_equal(dead(b), 0);
}

static void full_is_counted_and_what_comes_free_is_used(void **state)
{
    struct board *b = *state;
    struct held_holder *h = born(b);
    uint16_t n = 0;

    for (unsigned i = 0; i < BOARD_HELD; i++)
        assert_true((n = claim(h, i)) != 0);
    assert_true(board_get(&b->workers[SLOT].unheld) == 0);
    assert_int_equal(claim(h, BOARD_HELD), 0);
    assert_int_equal(claim(h, BOARD_HELD), 0);
    assert_true(board_get(&b->workers[SLOT].unheld) == 2);
    held_tried(h, 0, &(struct held_request){.attempts = 1}); /* what has no entry goes on */
    held_op(h, 0, 1);
    held_give_up(h, 0);
    held_give_up(h, n);
    assert_int_equal(claim(h, 7), n);
    dies(b, h);
    assert_int_equal(bury(b), BOARD_HELD);
}

/* Who comes after a full table has no room until the clerk has been there, and then all of it. */
static void entries_of_the_dead_are_left_alone(void **state)
{
    struct board *b = *state;
    struct held_holder *h = born(b);

    for (unsigned i = 0; i < BOARD_HELD - 1; i++)
        assert_true(claim(h, i) != 0);
    dies(b, h);
    h = born(b);
    assert_true(claim(h, 1) != 0);
    assert_int_equal(claim(h, 2), 0);
    assert_int_equal(bury(b), BOARD_HELD - 1);
    for (unsigned i = 0; i < BOARD_HELD - 1; i++)
        assert_true(claim(h, i) != 0);
    assert_int_equal(claim(h, 3), 0);
    dies(b, h);
}

/* Texts to their longest; those of an older request never show. */
static void texts_come_back_whole(void **state)
{
    struct board *b = *state;
    struct held_holder *h = born(b);
    struct held_request q = request(1), got;
    uint16_t n = held_claim(h, &q);

    q.attempts = UINT16_MAX;
    q.stream = true;
    memset(q.model, 'm', sizeof(q.model) - 1);
    memset(q.target, 't', sizeof(q.target) - 1);
    memset(q.provider, 'p', sizeof(q.provider) - 1);
    held_tried(h, n, &q);
    held_give_up(h, n);
    memset(q.id, 'i', sizeof(q.id) - 1);
    assert_int_equal(held_claim(h, &q), n);
    dies(b, h);
    assert_int_equal(held_dead(b, SLOT, 1, 0, &got), n);
    assert_string_equal(got.id, q.id);
    assert_true(got.attempts == 0 && !got.stream && !got.target[0]); /* it has not been tried */

    h = born(b);
    n = held_claim(h, &q);
    held_tried(h, n, &q);
    (void)snprintf(q.target, sizeof(q.target), "gen/next");
    (void)snprintf(q.model, sizeof(q.model), "1234567"); /* a word with its NUL */
    (void)snprintf(q.provider, sizeof(q.provider), "12345678");
    q.attempts = 2;
    held_tried(h, n, &q);
    assert_int_equal(bury(b), 1);
    dies(b, h);
    assert_int_equal(held_dead(b, SLOT, 2, 0, &got), n);
    assert_string_equal(got.target, "gen/next");
    assert_string_equal(got.model, "1234567");
    assert_string_equal(got.provider, "12345678");
    assert_true(got.attempts == 2 && got.stream);
}

static bool told(const struct board *b, uint16_t n)
{
    struct held_request q;

    assert_int_equal(held_dead(b, SLOT, held_ends(b, SLOT), n - 1, &q), n);
    return q.told;
}

/* A record may come while its worker lives, after its death, or not at all. */
static void what_had_ended_says_how(void **state)
{
    struct board *b = *state;
    struct held_holder *h = born(b);
    struct held_request got;
    uint16_t over = claim(h, 1), running = claim(h, 2), again;

    held_over(h, over, 77, UINT64_C(1) << 63 | 9);
    held_over(h, 0, 78, 1); /* one that found no entry */
    again = claim(h, 3);
    held_over(h, again, 79, 3);
    held_give_up(h, again);
    again = claim(h, 3); /* nothing is left of the one before */
    dies(b, h);
    for (uint16_t n = 0; (n = held_dead(b, SLOT, held_ends(b, SLOT), n, &got)) != 0;) {
        assert_true(n == over || n == running || n == again);
        assert_int_equal(got.result, n == over ? UINT64_C(1) << 63 | 9 : 0);
        if (n == over)
            assert_int_equal(got.ended_us, 77);
    }
}

static void a_record_that_came_is_known(void **state)
{
    struct board *b = *state;
    struct held_holder *h = born(b);
    struct held_request q = request(1);
    uint16_t n = held_claim(h, &q), other = claim(h, 2);

    held_told(b, SLOT, n, q.id);
    dies(b, h);
    assert_true(told(b, n));
    assert_false(told(b, other));
    q = request(2);
    held_told(b, SLOT, other, q.id);
    assert_true(told(b, other));
    assert_int_equal(bury(b), 2);

    h = born(b); /* who comes next into the entry is another */
    assert_int_equal(claim(h, 12), n);
    held_told(b, SLOT, n, request(1).id); /* late */
    dies(b, h);
    assert_false(told(b, n));
    held_told(b, SLOT + 1, n, request(12).id);
    held_told(b, SLOT, 0, request(12).id);
    held_told(b, SLOT, BOARD_HELD + 1, request(12).id);
    held_told(b, BOARD_WORKERS, n, request(12).id);
    assert_false(told(b, n));
}

/* Two targets take turns; the numbers are the same everywhere in a request. */
static void work_until_killed(struct board *b)
{
    struct held_holder *h = born(b);
    uint16_t held[5] = {0};

    for (unsigned i = 0;; i++) {
        uint16_t *n = &held[i % ARRAY_LEN(held)];
        struct held_request q = request(i);

        held_give_up(h, *n);
        *n = held_claim(h, &q);
        for (q.attempts = 1; q.attempts <= 2; q.attempts++) {
            memset(q.model, q.attempts == 1 ? 'a' : 'b', 60);
            memset(q.target, q.attempts == 1 ? 'a' : 'b', 90);
            memset(q.provider, q.attempts == 1 ? 'a' : 'b', 30);
            held_tried(h, *n, &q);
        }
        board_add(&b->workers[SLOT].requests, 1);
    }
}

/* However slow the machine is: some of its work is done before it is killed. */
static void await_work(struct board *b, uint64_t n)
{
    uint64_t before = board_get(&b->workers[SLOT].requests);

    while (board_get(&b->workers[SLOT].requests) < before + n)
        UNUSED(sched_yield());
}

static void check_told(const struct held_request *q)
{
    const char want = q->attempts == 1 ? 'a' : 'b';
    char id[sizeof(q->id)];

    (void)snprintf(id, sizeof(id), "r_%llu", (unsigned long long)q->wall_ms);
    assert_string_equal(q->id, id);
    assert_true(q->began_us == q->wall_ms + 1 && q->op == q->wall_ms % 7);
    assert_true(q->attempts <= 2);
    if (q->attempts == 0)
        return;
    for (size_t i = 0; i < 90; i++)
        assert_true(q->target[i] == want && (i >= 60 || q->model[i] == want) &&
                    (i >= 30 || q->provider[i] == want));
}

static void killed_at_any_moment_nothing_is_torn(void **state)
{
    struct board *b = *state;
    uint64_t worked = 0;

    for (unsigned round = 0; round < 100; round++) {
        struct timespec pause = {0, round * 7919};
        struct held_request q;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            work_until_killed(b);
        await_work(b, 10);
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        held_ended(&b->workers[SLOT]);
        for (uint16_t n = 0; (n = held_dead(b, SLOT, held_ends(b, SLOT), n, &q)) != 0;) {
            check_told(&q);
            worked = MAX(worked, q.wall_ms);
        }
        assert_in_range(bury(b), 0, 5);
    }
    assert_true(worked >= 9); /* it counts from 0 */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(only_the_dead_are_told),
        TEST(a_new_life_is_not_taken_for_the_old_one),
        TEST(full_is_counted_and_what_comes_free_is_used),
        TEST(entries_of_the_dead_are_left_alone),
        TEST(texts_come_back_whole),
        TEST(what_had_ended_says_how),
        TEST(a_record_that_came_is_known),
        TEST(killed_at_any_moment_nothing_is_torn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
