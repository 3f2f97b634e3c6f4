/* Goal: no spelling of a forbidden address passes for a public one.
 * Method: a table of addresses and classes, edges of the ranges included. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/addr.h"

static struct net_addr ip(const char *text)
{
    struct net_addr a;

    if (net_addr_ip_parse(&a, span_str(text), 80) < 0)
        fail_msg("%s is not an address", text);
    return a;
}

static const struct {
    const char *ip;
    enum net_addr_class want;
} class_rows[] = {
    {"1.1.1.1", NET_ADDR_PUBLIC},
    {"8.8.8.8", NET_ADDR_PUBLIC},
    {"9.255.255.255", NET_ADDR_PUBLIC},
    {"10.0.0.0", NET_ADDR_PRIVATE},
    {"10.255.255.255", NET_ADDR_PRIVATE},
    {"11.0.0.0", NET_ADDR_PUBLIC},
    {"172.15.255.255", NET_ADDR_PUBLIC},
    {"172.16.0.0", NET_ADDR_PRIVATE},
    {"172.31.255.255", NET_ADDR_PRIVATE},
    {"172.32.0.0", NET_ADDR_PUBLIC},
    {"192.168.1.1", NET_ADDR_PRIVATE},
    {"192.167.255.255", NET_ADDR_PUBLIC},
    {"100.63.255.255", NET_ADDR_PUBLIC},
    {"100.64.0.1", NET_ADDR_PRIVATE},
    {"100.127.255.255", NET_ADDR_PRIVATE},
    {"100.128.0.0", NET_ADDR_PUBLIC},
    {"100.100.100.200", NET_ADDR_METADATA},
    {"168.63.129.16", NET_ADDR_METADATA},
    {"192.0.0.192", NET_ADDR_METADATA},
    {"192.0.0.1", NET_ADDR_PRIVATE},
    {"192.0.2.1", NET_ADDR_PRIVATE},
    {"192.0.1.1", NET_ADDR_PUBLIC},
    {"198.19.255.255", NET_ADDR_PRIVATE},
    {"203.0.113.9", NET_ADDR_PRIVATE},
    {"240.0.0.1", NET_ADDR_PRIVATE},
    {"255.255.255.255", NET_ADDR_MULTICAST},
    {"224.0.0.1", NET_ADDR_MULTICAST},
    {"239.255.255.255", NET_ADDR_MULTICAST},
    {"127.0.0.1", NET_ADDR_LOOPBACK},
    {"127.255.255.254", NET_ADDR_LOOPBACK},
    {"0.0.0.0", NET_ADDR_UNSPECIFIED},
    {"0.1.2.3", NET_ADDR_UNSPECIFIED},
    {"169.254.0.1", NET_ADDR_LINK_LOCAL},
    {"169.254.169.254", NET_ADDR_METADATA},
    {"169.254.169.253", NET_ADDR_LINK_LOCAL},
    {"169.254.170.2", NET_ADDR_METADATA},
    {"169.254.170.23", NET_ADDR_METADATA},
    {"::", NET_ADDR_UNSPECIFIED},
    {"::1", NET_ADDR_LOOPBACK},
    {"::2", NET_ADDR_UNSPECIFIED}, /* compatible form of 0.0.0.2 */
    {"2606:4700::1111", NET_ADDR_PUBLIC},
    {"fe80::1", NET_ADDR_LINK_LOCAL},
    {"febf::1", NET_ADDR_LINK_LOCAL},
    {"fec0::1", NET_ADDR_PRIVATE},
    {"fc00::1", NET_ADDR_PRIVATE},
    {"fdff::1", NET_ADDR_PRIVATE},
    {"fd00:ec2::254", NET_ADDR_METADATA},
    {"fd00:ec2::23", NET_ADDR_METADATA},
    {"fd20:ce::254", NET_ADDR_METADATA},
    {"fe80::a9fe:a9fe", NET_ADDR_METADATA},
    {"ff02::1", NET_ADDR_MULTICAST},
    {"2001:db8::1", NET_ADDR_PRIVATE},
    {"100::1", NET_ADDR_PRIVATE},
    /* the v4 address inside decides */
    {"::ffff:8.8.8.8", NET_ADDR_PUBLIC},
    {"::ffff:127.0.0.1", NET_ADDR_LOOPBACK},
    {"::ffff:169.254.169.254", NET_ADDR_METADATA},
    {"::ffff:10.1.2.3", NET_ADDR_PRIVATE},
    {"::ffff:0.0.0.0", NET_ADDR_UNSPECIFIED},
    {"::127.0.0.1", NET_ADDR_LOOPBACK},
    {"::169.254.169.254", NET_ADDR_METADATA},
    {"::ffff:0:127.0.0.1", NET_ADDR_LOOPBACK},
    {"64:ff9b::8.8.8.8", NET_ADDR_PUBLIC},
    {"64:ff9b::10.0.0.1", NET_ADDR_PRIVATE},
    {"64:ff9b::169.254.169.254", NET_ADDR_METADATA},
    {"64:ff9b:1::8.8.8.8", NET_ADDR_PRIVATE},
    {"64:ff9b:1::169.254.169.254", NET_ADDR_METADATA},
    {"2002:7f00:1::", NET_ADDR_LOOPBACK},
    {"2002:a9fe:a9fe::1", NET_ADDR_METADATA},
    {"2002:808:808::1", NET_ADDR_PUBLIC},
    {"2001:0:808:808::80ff:fffe", NET_ADDR_LOOPBACK}, /* Teredo of 127.0.0.1 */
    {"2001:0:808:808::f7f7:f7f7", NET_ADDR_PUBLIC},   /* of 8.8.8.8 */
    {"2606:4700::5efe:10.0.0.1", NET_ADDR_PRIVATE},   /* ISATAP */
    {"2606:4700::200:5efe:127.0.0.1", NET_ADDR_LOOPBACK},
};

static void classes_hold_for_every_spelling(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(class_rows); i++) {
        struct net_addr a = ip(class_rows[i].ip);
        enum net_addr_class got = net_addr_class(&a);

        if (got != class_rows[i].want)
            fail_msg("%s: %s, want %s", class_rows[i].ip, net_addr_class_name(got),
                     net_addr_class_name(class_rows[i].want));
    }
}

static void prefixes_match_by_bits(void **state)
{
    static const struct {
        const char *a, *base;
        unsigned bits;
        bool want;
    } rows[] = {
        {"10.1.2.3", "10.0.0.0", 8, true},
        {"11.1.2.3", "10.0.0.0", 8, false},
        {"10.1.2.3", "10.1.2.2", 31, true},
        {"10.1.2.3", "10.1.2.2", 32, false},
        {"10.1.2.3", "99.0.0.0", 0, true},
        {"10.1.2.3", "10.1.2.3", 33, false},
        {"::1", "0.0.0.0", 0, false},
        {"2001:db8::7", "2001:db8::", 32, true},
        {"2001:db9::7", "2001:db8::", 32, false},
        {"2001:db9::7", "2001:db8::", 31, true},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_addr a = ip(rows[i].a), base = ip(rows[i].base);

        assert_int_equal(net_addr_ip_in(&a, &base, rows[i].bits), rows[i].want);
    }
}

static void equality_is_of_ip_and_port(void **state)
{
    struct net_addr a = ip("10.0.0.1"), b = ip("10.0.0.1"), six = ip("::ffff:10.0.0.1");
    static const char *const bad[] = {"",    "10.0.0",     "010.0.0.1",  "1.2.3.4 ", "[::1]",
                                      "::g", "fe80::1%lo", "2130706433", "0x7f.1"};

    UNUSED(state);
    assert_true(net_addr_eq(&a, &b));
    net_addr_port_set(&b, 81);
    assert_int_equal(net_addr_port(&b), 81);
    assert_false(net_addr_eq(&a, &b));
    assert_true(net_addr_ip_eq(&a, &b));
    assert_false(net_addr_ip_eq(&a, &six));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(net_addr_ip_parse(&a, span_str(bad[i]), 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_hold_for_every_spelling),
        cmocka_unit_test(prefixes_match_by_bits),
        cmocka_unit_test(equality_is_of_ip_and_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
