/* Goal: without keys the gateway serves who is on its own host, and nobody else; with keys it asks
 * for a key wherever the client is.
 * Method: the twin with a client of another address; the upstream says what reached it. */
#include "kinds.h"

#include "net/addr.h"

#define WITH_KEYS                                                                                  \
    CONFIG                                                                                         \
    "keys:\n"                                                                                      \
    "  a: {hash: 'sha256:"                                                                         \
    "8eb943e7040b69a94bf39562088223755bff4c2e7c5fc257f1e08f870fe01d35'}\n"

static const struct {
    const char *ip;
    bool own;
} clients[] = {
    {"127.0.0.1", true},
    {"127.255.0.9", true},
    {"::1", true},
    {"::ffff:127.0.0.1", true},
    {"126.255.255.255", false},
    {"128.0.0.1", false},
    {"10.0.0.7", false},
    {"169.254.1.1", false},
    {"192.0.2.7", false},
    {"0.0.0.0", false},
    {"::", false},
    {"::2", false},
    {"::127.0.0.1", false},
    {"::ffff:10.0.0.7", false},
    {"64:ff9b::127.0.0.1", false},
    {"fe80::1", false},
    {"2001:db8::1", false},
};

/* The status of the answer; *ret is how many requests reached the upstream by it. */
static unsigned ask_from(const char *ip, const char *config, struct span request, unsigned *ret)
{
    struct twin_client c = {0};
    struct net_addr self;
    struct buf body;
    struct twin t;
    unsigned status;
    struct err e;

    buf_init(&body, 65536);
    twin_open(&t, 3, config);
    net_sim_host_free(&t.cl_net);
    assert_int_equal(net_addr_ip_parse(&self, span_str(ip), 0), 0);
    assert_int_equal(net_sim_host(&t.cl_net, t.sim, &self, &e), 0);
    t.ups[0].script = kind_script(&kinds[0]);
    twin_ask(&t, &c, request, EV_S(5));
    (void)twin_parse(buf_span(&c.in), &status, &body);
    *ret = t.up_heads;
    if (status != 200)
        assert_int_equal(t.record.reason, REASON_NO_KEY);
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&body);
    return status;
}

static void check(const char *config, struct span request, bool open, bool asks)
{
    unsigned got, heard;

    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        bool served = !open || clients[i].own;

        got = ask_from(clients[i].ip, config, request, &heard);
        if (got != (served ? 200 : 401) || heard != (served && asks))
            fail_msg("%s: status %u, %u requests upstream", clients[i].ip, got, heard);
    }
}

static void without_keys_the_own_host_is_served(void **state)
{
    struct buf b;

    UNUSED(state);
    buf_init(&b, 65536);
    check(CONFIG, kind_request(&b, kinds[0].path, kinds[0].body), true, true);
    check(CONFIG, SPAN_LIT("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"), true, false);
    buf_fini(&b);
}

static void with_a_key_everybody_is_served(void **state)
{
    unsigned heard;
    struct buf b;

    UNUSED(state);
    buf_init(&b, 65536);
    check(WITH_KEYS, kind_request(&b, kinds[0].path, kinds[0].body), false, true);
    buf_reset(&b);
    buf_add_str(&b, "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"); /* without its key */
    assert_int_equal(ask_from("127.0.0.1", WITH_KEYS, buf_span(&b), &heard), 401);
    assert_int_equal(ask_from("10.0.0.7", WITH_KEYS, buf_span(&b), &heard), 401);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_keys_the_own_host_is_served),
        cmocka_unit_test(with_a_key_everybody_is_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
