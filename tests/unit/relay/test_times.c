/* Goal: the times of an attempt are its own, and what the gateway itself added stands apart, to the
 * microsecond.
 * Method: the twin with a turn that takes exactly 70 us and a network without jitter. */
#include "kinds.h"

#include "relay/relay_impl.h"

/* One way takes 1 ms, and a turn 70 us: connecting takes 2 ms, and so does an exchange. */
static void set_exact(struct twin *t)
{
    struct net_sim_conf *net = net_sim_conf(t->sim);

    net->latency_min = net->latency_max = 1000;
    net->jitter_max = 0;
    ev_sim_busy(t->ev, 70);
    t->ups[0].script = kind_script(&kinds[0]);
    t->ups[0].script.gap_max = 0;
}

static void ask_once(struct twin *t, const char *path, const char *body)
{
    struct twin_client c = {0};
    struct buf b;

    buf_init(&b, 65536);
    twin_ask(t, &c, kind_request(&b, path, body), EV_S(5));
    assert_int_equal(t->record.status, 200);
    assert_int_equal(t->record.outcome, OUTCOME_FULL);
    assert_string_equal(t->record.server, "127.0.0.1");
    twin_client_fini(&c);
    buf_fini(&b);
}

static void an_attempt_has_its_own_times(void **state)
{
    struct twin t;

    UNUSED(state);
    twin_open(&t, 5, CONFIG);
    set_exact(&t);
    ask_once(&t, kinds[0].path, kinds[0].body);
    assert_int_equal(t.record.attempt_first_us, 4000);
    assert_int_equal(t.record.attempt_us, 4000);
    assert_int_equal(t.record.overhead_us, 3 * 70); /* in: to connect, to send; out */
    ask_once(&t, kinds[0].path, kinds[0].body);
    assert_int_equal(t.record.attempt_us, 2000);
    assert_int_equal(t.record.attempt_first_us, 2000);
    assert_int_equal(t.record.overhead_us, 2 * 70);
    t.ups[0].script.head = SPAN_LIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                    "transfer-encoding: chunked\r\n\r\n");
    t.ups[0].script.body = SPAN_LIT("{\"model\":\"small\",\"choices\":[{\"index\":0,\"message\":"
                                    "{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n");
    ask_once(&t, kinds[0].path, REQUEST("small", ""));
    assert_int_equal(t.record.attempt_us, 2000);
    assert_int_equal(t.record.attempt_first_us, 0); /* no stream */
    assert_int_equal(t.record.overhead_us, 2 * 70);
    net_sim_conf(t.sim)->bytes_per_s = 10000; /* 80 bytes of a body take 8 ms */
    ask_once(&t, kinds[0].path, REQUEST("small", "\"user\":\"0123456789 0123456789 0123456789\","));
    assert_in_range(t.record.attempt_us, EV_MS(20), t.record.duration_us - EV_MS(8));
    assert_int_equal(t.record.overhead_us, 2 * 70);
    twin_close(&t);
}

/* What came before the content, comments and roles, is not the gateway's time. */
static void waiting_for_the_target_is_no_overhead(void **state)
{
    static const char stream[] = ": soon\n\n" EVENT("{\"content\":\"\"},\"finish_reason\":null")
        EVENT("{\"content\":\"Hi\"},\"finish_reason\":\"stop\"") "data: [DONE]\n\n";
    struct twin t;

    UNUSED(state);
    twin_open(&t, 6, CONFIG);
    set_exact(&t);
    t.ups[0].script.body = span_str(stream);
    t.ups[0].script.piece_max = 1;
    t.ups[0].script.gap_max = 2000; /* 1 ms a byte in the mean */
    ask_once(&t, kinds[0].path, kinds[0].body);
    assert_in_range(t.record.attempt_first_us, EV_MS(60), t.record.first_us - EV_MS(60));
    assert_in_range(t.record.attempt_us, t.record.first_us, t.record.duration_us);
    assert_int_equal(t.record.overhead_us, 3 * 70);
    twin_close(&t);
}

/* The time until the first token is one of thinking: that of a large request is not part of it. */
static void sending_the_request_is_no_silence(void **state)
{
    struct twin_client c = {0};
    struct buf body, b;
    struct twin t;

    UNUSED(state);
    buf_init(&body, (size_t)1 << 20);
    buf_init(&b, (size_t)1 << 20);
    buf_add_str(&body, "{\"model\":\"small\",\"stream\":true,\"messages\":[{\"role\":\"user\","
                       "\"content\":\"");
    for (size_t i = 0; i < 400000; i++)
        buf_add_char(&body, 'x');
    buf_add(&body, "\"}]}", 5);
    buf_add_char(&body, '\0');
    twin_open(&t, 8, CONFIG "defaults: {timeout: {first_token: 1s}}\n");
    set_exact(&t);
    net_sim_conf(t.sim)->bytes_per_s = 100000;
    twin_ask(&t, &c, kind_request(&b, kinds[0].path, body.p), EV_S(20));
    assert_int_equal(t.record.outcome, OUTCOME_FULL);
    assert_in_range(t.record.attempt_us, EV_S(4), EV_S(5));
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&body);
    buf_fini(&b);
}

static uint64_t under_way(const struct twin *t)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < BOARD_TARGETS; i++)
        sum += board_get(&t->targets[i].live);
    return sum;
}

static void a_failed_attempt_has_a_duration(void **state)
{
    struct twin_client c = {0};
    struct twin t;
    struct buf b;

    UNUSED(state);
    buf_init(&b, 65536);
    twin_open(&t, 7, CONFIG "defaults: {timeout: {first_token: 3s}}\n");
    set_exact(&t);
    t.ups[0].script.head = SPAN_LIT("");
    t.ups[0].script.cut_at = 0;
    t.ups[0].script.end = TWIN_SILENT;
    twin_ask(&t, &c, kind_request(&b, kinds[0].path, kinds[0].body), EV_S(2));
    assert_int_equal(under_way(&t), 1);
    ev_sim_run(t.ev, EV_S(10));
    assert_int_equal(t.record.reason, REASON_TIMEOUT_FIRST);
    assert_int_equal(t.record.attempt_us, EV_S(3) + 2000);
    assert_int_equal(t.record.attempt_first_us, 0);
    assert_int_equal(t.record.overhead_us, 0);
    assert_int_equal(under_way(&t), 0);
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attempt_has_its_own_times),
        cmocka_unit_test(waiting_for_the_target_is_no_overhead),
        cmocka_unit_test(sending_the_request_is_no_silence),
        cmocka_unit_test(a_failed_attempt_has_a_duration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
