/* Goal: exactly the fields of framing and of one hop are told from all others.
 * Method: the names of the RFCs, each also one byte shorter and longer and in upper case, beside
 * names that begin alike. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_one_hop_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
