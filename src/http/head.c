/*
 * head.c - see head.h. RFC 9110, sections 5.1, 5.5, 5.6.2 and 7.6.1; RFC 9112, section 3.2.
 */
#include "http/head.h"

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_token_mark(char c)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    return memchr(marks, c, sizeof(marks) - 1) != NULL;
}

bool head_name_ok(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower(s.p[i]) && !is_token_mark(s.p[i]))
            return false;
    return s.n > 0;
}

bool head_method_ok(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower(s.p[i]) && !is_upper(s.p[i]) && !is_token_mark(s.p[i]))
            return false;
    return s.n > 0;
}

bool head_value_ok(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool head_target_ok(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
            return false;
    return s.n > 0;
}

bool head_host_ok(struct span s)
{
    static const char marks[] = "-._~%!$&'()*+;=:[]";

    for (size_t i = 0; i < s.n; i++)
        if (!is_lower(s.p[i]) && !is_upper(s.p[i]) && !memchr(marks, s.p[i], sizeof(marks) - 1))
            return false;
    return s.n > 0;
}

bool head_is_hop(struct span name)
{
    static const char *const names[] = {
        "connection", "content-length",    "expect",
        "host",       "http2-settings",    "keep-alive",
        "te",         "trailer",           "proxy-connection",
        "upgrade",    "transfer-encoding",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_is(name, names[i]))
            return true;
    return false;
}

bool head_bodyless(uint16_t status)
{
    return status < 200 || status == 204 || status == 304;
}
