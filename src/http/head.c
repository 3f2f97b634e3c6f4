/*
 * head.c - see head.h. RFC 9110, sections 5.1, 5.5, 5.6.2 and 7.6.1; RFC 9112, section 3.2.
 */
#include "http/head.h"

/* Where a byte may stand, a bit each. */
enum { NAME = 1, METHOD = 2, VALUE = 4, TARGET = 8, HOST = 16 };

#define ALL (NAME | METHOD | VALUE | TARGET | HOST)

/* clang-format off */
static const unsigned char bytes[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['!'] = ALL,
    ['"'] = VALUE | TARGET,
    ['#'] = NAME | METHOD | VALUE,
    ['$' ... '\''] = ALL,
    ['(' ... ')'] = VALUE | TARGET | HOST,
    ['*' ... '+'] = ALL,
    [','] = VALUE | TARGET,
    ['-' ... '.'] = ALL,
    ['/'] = VALUE | TARGET,
    ['0' ... '9'] = ALL,
    [':' ... ';'] = VALUE | TARGET | HOST,
    ['<'] = VALUE | TARGET,
    ['='] = VALUE | TARGET | HOST,
    ['>' ... '@'] = VALUE | TARGET,
    ['A' ... 'Z'] = ALL & ~NAME,
    ['['] = VALUE | TARGET | HOST,
    ['\\'] = VALUE | TARGET,
    [']'] = VALUE | TARGET | HOST,
    ['^'] = ALL & ~HOST,
    ['_'] = ALL,
    ['`'] = ALL & ~HOST,
    ['a' ... 'z'] = ALL,
    ['{'] = VALUE | TARGET,
    ['|'] = ALL & ~HOST,
    ['}'] = VALUE | TARGET,
    ['~'] = ALL,
    [0x80 ... 0xff] = VALUE,
};
/* clang-format on */

static bool all(struct span s, unsigned char what)
{
    unsigned char common = what;

    for (size_t i = 0; i < s.n; i++)
        common &= bytes[(unsigned char)s.p[i]];
    return common != 0;
}

bool head_name_ok(struct span s)
{
    return s.n > 0 && all(s, NAME);
}

bool head_method_ok(struct span s)
{
    return s.n > 0 && all(s, METHOD);
}

bool head_value_ok(struct span s)
{
    return all(s, VALUE);
}

bool head_target_ok(struct span s)
{
    return s.n > 0 && all(s, TARGET);
}

bool head_host_ok(struct span s)
{
    return s.n > 0 && all(s, HOST);
}

bool head_is_hop(struct span name)
{
    static const struct span names[] = {
        SPAN_LIT("connection"), SPAN_LIT("content-length"),    SPAN_LIT("expect"),
        SPAN_LIT("host"),       SPAN_LIT("http2-settings"),    SPAN_LIT("keep-alive"),
        SPAN_LIT("te"),         SPAN_LIT("trailer"),           SPAN_LIT("proxy-connection"),
        SPAN_LIT("upgrade"),    SPAN_LIT("transfer-encoding"),
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_eq(name, names[i]))
            return true;
    return false;
}

bool head_bodyless(uint16_t status)
{
    return status < 200 || status == 204 || status == 304;
}
