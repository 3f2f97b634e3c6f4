/*
 * head.c - see head.h. RFC 9110, sections 5.1, 5.5, 5.6.2, 5.6.7, 7.6.1 and 8.6; RFC 9112,
 * section 3.2.
 */
#include "http/head.h"

#include "codec/swar.h"

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

/* Nearly all values are printable ASCII, which is told eight bytes at a time. */
bool head_value_ok(struct span s)
{
    while (s.n >= SWAR_BYTES) {
        uint64_t w = swar_load((const unsigned char *)s.p);

        if (swar_marks(w | swar_below(w, ' ') | swar_is(w, 0x7F)))
            break;
        s.p += SWAR_BYTES;
        s.n -= SWAR_BYTES;
    }
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

/* A letter as a bit; other bytes share them. */
#define LETTER(c) (UINT32_C(1) << ((unsigned char)(c) % 32))

/* Asked about every field of every head, and nearly always no: the first letter tells most. */
bool head_is_hop(struct span name)
{
    static const uint32_t letters = LETTER('c') | LETTER('e') | LETTER('h') | LETTER('k') |
                                    LETTER('p') | LETTER('t') | LETTER('u');
    static const struct span names[] = {
        SPAN_LIT("connection"), SPAN_LIT("content-length"),    SPAN_LIT("expect"),
        SPAN_LIT("host"),       SPAN_LIT("http2-settings"),    SPAN_LIT("keep-alive"),
        SPAN_LIT("te"),         SPAN_LIT("trailer"),           SPAN_LIT("proxy-connection"),
        SPAN_LIT("upgrade"),    SPAN_LIT("transfer-encoding"),
    };

    if (name.n == 0 || !(letters & LETTER(name.p[0])))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_eq(name, names[i]))
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

/* v as two digits. */
static void two(char *to, unsigned v)
{
    to[0] = (char)('0' + v / 10 % 10);
    to[1] = (char)('0' + v % 10);
}

/* By hand: printf would cost as much as the rest of a head. */
const char *head_date(char out[HEAD_DATE], uint64_t wall_ms)
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char shape[] = "Day, dd Mon yyyy hh:mm:ss GMT";
    uint64_t s = wall_ms / 1000, day_n = s / 86400;
    unsigned year, month, day;

    _Static_assert(sizeof(shape) <= HEAD_DATE, "the date fits");
    memcpy(out, shape, sizeof(shape));
    civil(day_n, &year, &month, &day);
    memcpy(out, days + day_n % 7 * 3, 3);
    two(out + 5, day);
    memcpy(out + 8, months + (size_t)(month - 1) * 3, 3);
    two(out + 12, year / 100);
    two(out + 14, year);
    two(out + 17, (unsigned)(s / 3600 % 24));
    two(out + 20, (unsigned)(s / 60 % 60));
    two(out + 23, (unsigned)(s % 60));
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
