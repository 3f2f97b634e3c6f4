/*
 * head.c - see head.h. RFC 9110, sections 5.1, 5.5, 5.6.2, 5.6.7, 7.6.1 and 8.6; RFC 9112,
 * section 3.2.
 */
#include "http/head.h"

#include <stdio.h>

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

bool head_sends_length(const struct http_head *h)
{
    static const char *const with_body[] = {"POST", "PUT", "PATCH"};

    if (h->status)
        return !head_bodyless(h->status);
    for (size_t i = 0; i < ARRAY_LEN(with_body); i++)
        if (span_is(h->method, with_body[i]))
            return true;
    return h->body_len != 0;
}

/* Days since 1970-01-01 to a civil date (proleptic Gregorian), by 400-year eras. */
static void civil(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;

    *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *year = (unsigned)(yoe + era * 400 + (*month <= 2 ? 1 : 0));
}

const char *head_date(char out[HEAD_DATE], uint64_t wall_ms)
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint64_t s = wall_ms / 1000, day_n = s / 86400;
    unsigned year, month, day;

    civil(day_n, &year, &month, &day);
    snprintf(out, HEAD_DATE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + day_n % 7 * 3,
             day % 100, months + (size_t)(month - 1) * 3, year % 10000, (unsigned)(s / 3600 % 24),
             (unsigned)(s / 60 % 60), (unsigned)(s % 60));
    return out;
}

size_t head_refusal(char out[HEAD_REFUSAL], const char *why)
{
    char text[128], *quote;
    int n;

    snprintf(text, sizeof(text), "%s", why);
    while ((quote = strpbrk(text, "\"\\")) != NULL) /* a parser's words go into a JSON string */
        *quote = '\'';
    n = snprintf(out, HEAD_REFUSAL,
                 "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\","
                 "\"param\":null,\"code\":null}}\n",
                 text);
    return n > 0 ? (size_t)n : 0;
}
