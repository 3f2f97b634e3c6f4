/* Goal: exactly the fields of framing and of one hop are told from all others; a value holds no
 * byte that could end its line, wherever it stands.
 * Method: the names of the RFCs, each also one byte shorter and longer and in upper case, beside
 * names that begin alike; every byte at every place of a value of three words and a bit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "http/head.h"

static const char *const hop[] = {
    "connection", "content-length",    "expect",
    "host",       "http2-settings",    "keep-alive",
    "te",         "trailer",           "proxy-connection",
    "upgrade",    "transfer-encoding",
};
static const char *const through[] = {
    "",       "accept",       "authorization", "content-type", "cookie",
    "etag",   "forwarded",    "keep",          "priority",     "traceparent",
    "tE",     "upgrade-info", "user-agent",    "x-request-id", "proxy-authorization",
    "\xff\0",
};

static void fields_of_one_hop_are_known(void **state)
{
    char name[32];

    for (size_t i = 0; i < ARRAY_LEN(hop); i++) {
        struct span s = span_str(hop[i]);

        assert_true(head_is_hop(s));
        assert_false(head_is_hop(span_of(s.p, s.n - 1)));
        assert_false(head_is_hop(span_of(s.p + 1, s.n - 1)));
        memcpy(name, s.p, s.n);
        name[s.n] = 's';
        assert_false(head_is_hop(span_of(name, s.n + 1)));
        name[0] = (char)(name[0] - 'a' + 'A'); /* readers have made it lower case */
        assert_false(head_is_hop(span_of(name, s.n)));
    }
    for (size_t i = 0; i < ARRAY_LEN(through); i++)
        assert_false(head_is_hop(span_str(through[i])));
}

static void values_hold_no_control_bytes(void **state)
{
    for (size_t n = 1; n <= 27; n++) {
        for (size_t at = 0; at < n; at++) {
            for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
                bool ok = byte == '\t' || (byte >= 0x20 && byte != 0x7F);
                char *value = malloc(n); /* exact */

                assert_non_null(value);
                memset(value, 'v', n);
                value[at] = (char)byte;
                assert_int_equal(head_value_ok(span_of(value, n)), ok);
                value[n - 1 - at] = (char)0xC3; /* text beyond ASCII changes nothing */
                if (at != n - 1 - at)
                    assert_int_equal(head_value_ok(span_of(value, n)), ok);
                free(value);
            }
        }
    }
    assert_true(head_value_ok(span_of("", 0)));
    assert_true(head_value_ok(span_of(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_one_hop_are_known),
        cmocka_unit_test(values_hold_no_control_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
