/* Goal: the board is one memory for a process and its children, starts at zero, counts without
 * loss, and never shows a time that has not come.
 * Method: rows of times; forked children that count at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "board/granted.h"
#include "board/held.h"
#include "board/kept.h"

static const struct {
    uint64_t then, now, want;
} times[] = {
    {0, 0, 0},          {5, 6, 5},
    {6, 6, 6},          {7, 6, 6}, /* another core's clock was ahead */
    {UINT64_MAX, 6, 6}, {0, UINT64_MAX, 0},
};

static void a_time_is_never_in_the_future(void **state)
{
    board_word w;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        board_set(&w, times[i].then);
        assert_true(board_time(&w, times[i].now) == times[i].want);
        assert_true(board_get(&w) == times[i].then);
    }
}

static void all_words_begin_at_zero(void **state)
{
    struct board *b = NULL;
    struct err e;

    UNUSED(state);
    assert_int_equal(board_new(&b, &e), 0);
    for (size_t i = 0; i < sizeof(*b) / sizeof(board_word); i++)
        assert_int_equal(board_get((const board_word *)b + i), 0);
    /* Rows do not share a cache line. */
    assert_int_equal((uintptr_t)&b->workers[0] % 64, 0);
    assert_int_equal(sizeof(b->workers[0]) % 64, 0);
    board_free(&b);
    assert_null(b);
    board_free(&b);
}

static void children_count_without_loss(void **state)
{
    enum { CHILDREN = 4, TIMES = 100000 };
    struct board *b = NULL;
    struct err e;
    int status;

    UNUSED(state);
    assert_int_equal(board_new(&b, &e), 0);
    for (uint32_t i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid > 0)
            continue;
        for (int n = 0; n < TIMES; n++)
            board_add(&b->workers[0].requests, 1);
        board_set(&b->workers[i].live, i + 1);
        _exit(0);
    }
    for (int i = 0; i < CHILDREN; i++)
        assert_true(wait(&status) > 0 && status == 0);
    assert_int_equal(board_get(&b->workers[0].requests), CHILDREN * TIMES);
    for (uint32_t i = 0; i < CHILDREN; i++)
        assert_int_equal(board_get(&b->workers[i].live), i + 1);
    assert_int_equal(board_get(&b->workers[CHILDREN].live), 0);
    board_free(&b);
}

/* Its only allocation is the mapping. */
static void without_memory_there_is_no_board(void **state)
{
    struct rlimit was, none;
    struct board *b = NULL;
    struct err e;
    int rc;

    UNUSED(state);
    assert_int_equal(getrlimit(RLIMIT_AS, &was), 0);
    none = was;
    none.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    rc = board_new(&b, &e);
    assert_int_equal(setrlimit(RLIMIT_AS, &was), 0);
    assert_int_equal(rc, -1);
    assert_int_equal(e.code, ERR_NOMEM);
    assert_null(b);
}

/* What a process does to the board cannot fail for want of memory: nothing of it takes any. */
static void the_board_needs_no_memory_of_its_user(void **state)
{
    const struct held_request q = {.id = "r_1"};
    struct held_request dead;
    struct held_holder h;
    struct board *b = NULL;
    struct board_cred *place;
    struct granted g;
    struct err e;
    uint16_t n;

    UNUSED(state);
    mem_torture(1, true);
    assert_int_equal(board_new(&b, &e), 0);
    held_init(&h, b, 0);
    n = held_claim(&h, &q);
    held_tried(&h, n, &q);
    held_ended(&b->workers[0]);
    assert_int_equal(held_dead(b, 0, held_ends(b, 0), 0, &dead), n);
    place = granted_take(b->creds[0], SPAN_LIT("p"));
    granted_failed(place, 1, "why");
    granted_read(b, 1, SPAN_LIT("p"), 2, &g);
    assert_int_equal(g.failed, 1);
    board_leave(board_enter(b->targets[0], SPAN_LIT("t")));
    kept_note(&b->kept, 1, kept_mark(SPAN_LIT("p")));
    board_free(&b);
    assert_false(mem_torture_hit());
    mem_torture(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_never_in_the_future),
        cmocka_unit_test(all_words_begin_at_zero),
        cmocka_unit_test(children_count_without_loss),
        cmocka_unit_test(without_memory_there_is_no_board),
        cmocka_unit_test(the_board_needs_no_memory_of_its_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
