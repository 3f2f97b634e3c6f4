/* Goal: both loops keep the rules at the top of ev.h.
 * Method: the same functions run on libuv and on virtual time; what only one of them has is
 * tested on that one. Real time is waited for by milliseconds only. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ev/ev_sim.h"
#include "ev/ev_uv.h"

#define LOG_MAX 64

struct bed {
    struct ev *ev;
    bool sim;
    char log[LOG_MAX]; /* one letter an event */
    size_t log_n;
};

static int set_up(void **state, bool sim)
{
    struct bed *b = mem_zalloc(1, sizeof(*b));
    struct err e;

    assert_non_null(b);
    b->sim = sim;
    assert_int_equal(sim ? ev_sim_new(&b->ev, 1, &e) : ev_uv_new(&b->ev, &e), 0);
    *state = b;
    return 0;
}

static int set_up_uv(void **state)
{
    return set_up(state, false);
}

static int set_up_sim(void **state)
{
    return set_up(state, true);
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    if (b->sim)
        ev_sim_free(&b->ev);
    else
        ev_uv_free(&b->ev);
    mem_free(b);
    return 0;
}

static void run(struct bed *b)
{
    if (b->sim)
        ev_sim_run(b->ev, ev_now(b->ev) + EV_S(60));
    else
        ev_uv_run(b->ev);
}

struct item {
    struct ev_timer timer;
    struct ev_post post;
    struct bed *b;
    char name;
    int left; /* how often it does it again */
    struct item *then;
};

static void note(struct item *it)
{
    assert_true(it->b->log_n < LOG_MAX - 1);
    it->b->log[it->b->log_n++] = it->name;
}

static void on_timer_note(struct ev_timer *t)
{
    note(CONTAINER_OF(t, struct item, timer));
}

static void on_timer_stop(struct ev_timer *t)
{
    ev_stop(t->ev);
}

static void on_post_note(struct ev_post *p)
{
    note(CONTAINER_OF(p, struct item, post));
}

static void set(struct ev_timer *t, ev_us in)
{
    struct err e;

    assert_int_equal(ev_timer_set(t, in, &e), 0);
}

static void timers_fire_in_order_of_time_then_arming(void **state)
{
    static const struct {
        char name;
        unsigned ms;
    } rows[] = {{'f', 30}, {'c', 10}, {'d', 10}, {'a', 0}, {'e', 20}, {'b', 0}, {'g', 30}};
    struct bed *b = *state;
    struct item items[ARRAY_LEN(rows)] = {0};
    struct ev_timer end;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        items[i].b = b;
        items[i].name = rows[i].name;
        ev_timer_init(&items[i].timer, b->ev, on_timer_note);
        set(&items[i].timer, EV_MS(rows[i].ms));
        assert_true(ev_timer_armed(&items[i].timer));
    }
    ev_timer_init(&end, b->ev, on_timer_stop);
    set(&end, EV_MS(40));
    assert_int_equal(b->log_n, 0); /* nothing ran inside the call that armed it */
    run(b);
    assert_string_equal(b->log, "abcdefg");
}

static void moved_timer_fires_once_at_its_new_place(void **state)
{
    struct bed *b = *state;
    struct item x = {.b = b, .name = 'x'}, y = {.b = b, .name = 'y'};
    struct ev_timer end;

    ev_timer_init(&x.timer, b->ev, on_timer_note);
    ev_timer_init(&y.timer, b->ev, on_timer_note);
    ev_timer_init(&end, b->ev, on_timer_stop);
    set(&x.timer, EV_MS(1));
    set(&y.timer, EV_MS(3));
    set(&x.timer, EV_MS(5)); /* later */
    set(&end, EV_S(50));
    set(&end, EV_MS(8)); /* earlier */
    run(b);
    assert_string_equal(b->log, "yx");
}

static void stopped_timer_does_not_fire(void **state)
{
    struct bed *b = *state;
    struct item x = {.b = b, .name = 'x'};
    struct ev_timer end;

    ev_timer_init(&x.timer, b->ev, on_timer_note);
    ev_timer_init(&end, b->ev, on_timer_stop);
    ev_timer_stop(&x.timer); /* never armed: fine */
    set(&x.timer, EV_MS(1));
    ev_timer_stop(&x.timer);
    assert_false(ev_timer_armed(&x.timer));
    set(&end, EV_MS(4));
    run(b);
    assert_string_equal(b->log, "");
}

static void rested_timer_does_not_fire_until_set_again(void **state)
{
    struct bed *b = *state;
    struct item x = {.b = b, .name = 'x'}, y = {.b = b, .name = 'y'}, z = {.b = b, .name = 'z'};
    struct ev_timer end;

    ev_timer_init(&x.timer, b->ev, on_timer_note);
    ev_timer_init(&y.timer, b->ev, on_timer_note);
    ev_timer_init(&z.timer, b->ev, on_timer_note);
    ev_timer_init(&end, b->ev, on_timer_stop);
    ev_timer_rest(&x.timer); /* never armed: fine */
    assert_false(ev_timer_armed(&x.timer));
    set(&x.timer, EV_MS(2));
    set(&y.timer, EV_MS(2));
    set(&z.timer, EV_MS(2));
    ev_timer_rest(&x.timer);
    ev_timer_rest(&y.timer);
    ev_timer_rest(&z.timer);
    assert_false(ev_timer_armed(&x.timer));
    set(&z.timer, EV_MS(5)); /* later than it was */
    set(&y.timer, EV_MS(1)); /* earlier */
    assert_true(ev_timer_armed(&y.timer));
    set(&end, EV_MS(8));
    run(b);
    assert_string_equal(b->log, "yz");
    assert_false(ev_timer_armed(&x.timer));
    ev_timer_stop(&x.timer);
}

static void on_timer_post_and_again(struct ev_timer *t)
{
    struct item *it = CONTAINER_OF(t, struct item, timer);

    note(it);
    ev_post(it->b->ev, &it->post);
    if (it->left-- > 0)
        set(t, 0);
    else
        ev_stop(t->ev);
}

static void on_post_lower(struct ev_post *p)
{
    struct item *it = CONTAINER_OF(p, struct item, post);

    it->b->log[it->b->log_n++] = (char)(it->name + 'a' - 'A');
}

static void timer_set_to_0_fires_in_the_next_turn(void **state)
{
    struct bed *b = *state;
    struct item x = {.b = b, .name = 'X', .left = 2};

    ev_timer_init(&x.timer, b->ev, on_timer_post_and_again);
    ev_post_init(&x.post, on_post_lower);
    set(&x.timer, 0);
    run(b);
    assert_string_equal(b->log, "XxXxXx"); /* a turn's posts come before the next turn's timer */
}

static void on_post_chain(struct ev_post *p)
{
    struct item *it = CONTAINER_OF(p, struct item, post);

    note(it);
    if (it->then)
        ev_post(it->b->ev, &it->then->post);
}

static void posts_run_in_order_and_once(void **state)
{
    struct bed *b = *state;
    struct item d = {.b = b, .name = 'd'}, a = {.b = b, .name = 'a', .then = &d},
                c = {.b = b, .name = 'c'}, gone = {.b = b, .name = '!'};
    struct ev_timer end;

    ev_post_init(&a.post, on_post_chain);
    ev_post_init(&c.post, on_post_note);
    ev_post_init(&d.post, on_post_note);
    ev_post_init(&gone.post, on_post_note);
    ev_post(b->ev, &a.post);
    ev_post(b->ev, &gone.post);
    ev_post(b->ev, &c.post);
    ev_post(b->ev, &a.post); /* is posted already */
    ev_post_cancel(&gone.post);
    ev_post_cancel(&gone.post);
    assert_int_equal(b->log_n, 0);
    ev_timer_init(&end, b->ev, on_timer_stop);
    set(&end, EV_MS(2));
    run(b);
    assert_string_equal(b->log, "acd");
}

static void on_post_for_ever(struct ev_post *p)
{
    struct item *it = CONTAINER_OF(p, struct item, post);

    it->left++;
    ev_post(it->b->ev, p);
}

static void on_timer_count(struct ev_timer *t)
{
    struct item *it = CONTAINER_OF(t, struct item, timer);

    assert_true(it->then->left % EV_POST_ROUNDS == 0); /* whole turns have passed */
    if (it->then->left < 2 * EV_POST_ROUNDS) {
        set(t, 0);
        return;
    }
    ev_post_cancel(&it->then->post);
    ev_stop(t->ev);
}

static void endless_posts_do_not_starve_timers(void **state)
{
    struct bed *b = *state;
    struct item p = {.b = b}, t = {.b = b, .then = &p};

    ev_post_init(&p.post, on_post_for_ever);
    ev_timer_init(&t.timer, b->ev, on_timer_count);
    ev_post(b->ev, &p.post);
    set(&t.timer, 0);
    run(b);
    assert_true(p.left >= 2 * EV_POST_ROUNDS);
}

static void on_timer_dawdle(struct ev_timer *t)
{
    struct item *it = CONTAINER_OF(t, struct item, timer);
    ev_us before = ev_now(t->ev);

    if (!it->b->sim)
        usleep(3000);
    assert_true(ev_now(t->ev) == before);
    it->left = 1;
    ev_stop(t->ev);
}

static void time_stands_still_within_a_turn(void **state)
{
    struct bed *b = *state;
    struct item x = {.b = b};
    ev_us before = ev_now(b->ev);

    ev_timer_init(&x.timer, b->ev, on_timer_dawdle);
    set(&x.timer, EV_MS(2));
    run(b);
    assert_int_equal(x.left, 1);
    assert_true(ev_now(b->ev) >= before + EV_MS(2));
}

static void random_bytes_fill_every_size(void **state)
{
    struct bed *b = *state;
    unsigned char bytes[1500], zero[16] = {0};

    for (size_t n = 0; n <= 70; n++) {
        memset(bytes, 0, sizeof(bytes));
        ev_random(b->ev, bytes, n);
        assert_memory_equal(bytes + n, zero, sizeof(zero)); /* not past the end */
        if (n >= 16)
            assert_memory_not_equal(bytes, zero, 16);
    }
    ev_random(b->ev, bytes, sizeof(bytes));
    assert_memory_not_equal(bytes + sizeof(bytes) - 16, zero, 16);
    assert_true(ev_random_u64(b->ev) != ev_random_u64(b->ev));
}

static void many(struct ev_timer *t)
{
    struct item *it = CONTAINER_OF(t, struct item, timer);

    it->left++;
    assert_true(it->b->ev != NULL && t->at == ev_now(t->ev));
}

/* 3000 timers armed, moved and stopped at random: what stays armed fires once, at its time. */
static void heap_keeps_thousands_in_order(void **state)
{
    struct bed *b = *state;
    struct item *items = mem_zalloc(3000, sizeof(*items));
    struct rng r;
    size_t armed = 0, fired = 0;

    assert_non_null(items);
    rng_init(&r, 7);
    for (size_t i = 0; i < 3000; i++) {
        items[i].b = b;
        ev_timer_init(&items[i].timer, b->ev, many);
    }
    for (size_t i = 0; i < 20000; i++) {
        struct item *it = &items[rng_below(&r, 3000)];

        if (rng_chance(&r, 0.2))
            ev_timer_stop(&it->timer);
        else if (rng_chance(&r, 0.3))
            ev_timer_rest(&it->timer);
        else
            set(&it->timer, rng_below(&r, EV_MS(50)));
    }
    for (size_t i = 0; i < 3000; i++)
        armed += ev_timer_armed(&items[i].timer);
    assert_true(ev_sim_run_idle(b->ev, EV_S(1)));
    for (size_t i = 0; i < 3000; i++)
        fired += (size_t)items[i].left;
    assert_int_equal(fired, armed);
    mem_free(items);
}

static void add_letter(void *arg)
{
    struct item *it = arg;

    note(it);
}

static void events_come_at_their_time(void **state)
{
    struct bed *b = *state;
    struct item x = {.b = b, .name = 'x'}, y = {.b = b, .name = 'y'}, z = {.b = b, .name = 'z'};
    struct err e;

    assert_int_equal(ev_sim_at(b->ev, EV_S(2), add_letter, &y, &e), 0);
    assert_int_equal(ev_sim_at(b->ev, EV_S(1), add_letter, &x, &e), 0);
    assert_int_equal(ev_sim_at(b->ev, EV_S(9), add_letter, &z, &e), 0);
    ev_sim_run(b->ev, EV_S(2));
    assert_string_equal(b->log, "xy");
    assert_true(ev_now(b->ev) == EV_S(2));
    assert_true(ev_wall_ms(b->ev) == EV_SIM_WALL_MS + 2000);
    ev_sim_wall_set(b->ev, 1000);
    assert_true(ev_wall_ms(b->ev) == 1000);
    assert_false(ev_sim_run_idle(b->ev, EV_S(8)));
    assert_true(ev_sim_run_idle(b->ev, EV_S(10)));
    assert_true(ev_now(b->ev) == EV_S(9) && ev_wall_ms(b->ev) == 8000);
    assert_false(ev_sim_turn(b->ev));
}

static void seed_gives_the_sequence(void **state)
{
    struct ev *a = NULL, *c = NULL;
    struct err e;
    uint64_t first[3];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        assert_int_equal(ev_sim_new(&a, i == 2 ? 8 : 5, &e), 0);
        first[i] = ev_random_u64(a);
        ev_sim_free(&a);
    }
    assert_true(first[0] == first[1] && first[1] != first[2]);
    ev_sim_free(&c); /* NULL: fine */
}

struct pipe_test {
    struct bed *b;
    struct ev_fd *watch;
    int fds[2];
    int calls;
};

static void on_pipe(void *arg, unsigned events)
{
    struct pipe_test *p = arg;
    char c;

    assert_true(events & EV_FD_READ);
    assert_int_equal(read(p->fds[0], &c, 1), 1);
    if (++p->calls == 2) {
        ev_fd_close(&p->watch);
        ev_stop(p->b->ev);
    }
}

static void descriptor_is_watched_while_wanted(void **state)
{
    struct bed *b = *state;
    struct pipe_test p = {.b = b};
    struct ev_timer end;
    struct err e;

    assert_int_equal(pipe(p.fds), 0);
    assert_int_equal(ev_fd_open(&p.watch, b->ev, p.fds[0], on_pipe, &p, &e), 0);
    assert_int_equal(write(p.fds[1], "xyz", 3), 3);
    ev_timer_init(&end, b->ev, on_timer_stop);
    set(&end, EV_MS(3));
    run(b);
    assert_int_equal(p.calls, 0); /* nothing is wanted yet */
    ev_fd_want(p.watch, EV_FD_READ);
    run(b);
    assert_int_equal(p.calls, 2);
    assert_null(p.watch);
    close(p.fds[0]);
    close(p.fds[1]);
}

static void on_signal(void *arg, int signal)
{
    struct item *it = arg;

    it->left += signal;
    if (it->left == SIGUSR1 + SIGUSR2)
        ev_stop(it->b->ev);
}

static void signals_come_as_callbacks(void **state)
{
    static const int which[] = {SIGUSR1, SIGUSR2};
    struct bed *b = *state;
    struct item it = {.b = b};
    struct ev_signals *s = NULL;
    struct err e;

    assert_int_equal(ev_signals_open(&s, b->ev, which, 2, on_signal, &it, &e), 0);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(kill(getpid(), SIGUSR2), 0);
    run(b);
    ev_signals_close(&s);
    assert_null(s);
}

static void torture(bool sim)
{
    for (size_t at = 1;; at++) {
        struct ev *ev = NULL;
        struct err e = {0};
        int rc;

        mem_torture(at, false);
        rc = sim ? ev_sim_new(&ev, 1, &e) : ev_uv_new(&ev, &e);
        if (!mem_torture_hit()) {
            mem_torture(0, false);
            assert_int_equal(rc, 0);
            (sim ? ev_sim_free : ev_uv_free)(&ev);
            return;
        }
        mem_torture(0, false);
        assert_int_equal(rc, -1);
        assert_int_equal(e.code, ERR_NOMEM);
        assert_null(ev);
    }
}

static void constructors_survive_without_memory(void **state)
{
    UNUSED(state);
    torture(false);
    torture(true);
}

static void timer_growth_survives_without_memory(void **state)
{
    struct bed *b = *state;
    struct item items[100] = {0};
    struct err e;
    size_t failed = 0;

    mem_torture(1, true);
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        ev_timer_init(&items[i].timer, b->ev, on_timer_note);
        failed += ev_timer_set(&items[i].timer, EV_S(1), &e) < 0;
    }
    assert_int_equal(ev_timer_set(&items[0].timer, 0, &e), 0); /* moving never fails */
    mem_torture(0, false);
    assert_true(failed > 0 && failed < ARRAY_LEN(items));
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        ev_timer_stop(&items[i].timer);
}

#define UV(f)   {"uv_" #f, f, set_up_uv, tear_down, NULL}
#define SIM(f)  {"sim_" #f, f, set_up_sim, tear_down, NULL}
#define BOTH(f) UV(f), SIM(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(timers_fire_in_order_of_time_then_arming),
        BOTH(moved_timer_fires_once_at_its_new_place),
        BOTH(stopped_timer_does_not_fire),
        BOTH(rested_timer_does_not_fire_until_set_again),
        BOTH(timer_set_to_0_fires_in_the_next_turn),
        BOTH(posts_run_in_order_and_once),
        BOTH(endless_posts_do_not_starve_timers),
        BOTH(time_stands_still_within_a_turn),
        BOTH(random_bytes_fill_every_size),
        BOTH(timer_growth_survives_without_memory),
        SIM(heap_keeps_thousands_in_order),
        SIM(events_come_at_their_time),
        SIM(seed_gives_the_sequence),
        UV(descriptor_is_watched_while_wanted),
        UV(signals_come_as_callbacks),
        cmocka_unit_test(constructors_survive_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
