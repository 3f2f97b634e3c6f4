/*
 * date.c - see date.h.
 *
 * A form is a shape: of each part as many letters as it has digits, and everything else as it
 * stands there.
 */
#include "base/date.h"

#define HALF_CENTURY_S UINT64_C(1577847600)

enum part { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, PARTS };

static const char letters[] = "yndhms"; /* and "bbb": the name of a month */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct span behind(struct span s, size_t n)
{
    return span_of(s.p + n, s.n - n);
}

/* The number of a month by its name; 0: it is none. */
static uint64_t month_named(struct span name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (uint64_t i = 0; i < 12; i++)
        if (span_eq(name, span_of(names + 3 * i, 3)))
            return i + 1;
    return 0;
}

/* Parts that the shape does not have are 0. */
static bool fits(uint64_t v[PARTS], const char *shape, struct span s)
{
    memset(v, 0, PARTS * sizeof(v[0]));
    if (s.n != strlen(shape))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        const char *part = strchr(letters, shape[i]);

        if (shape[i] == 'b') {
            v[MONTH] = month_named(span_of(s.p + i, 3));
            i += 2;
        } else if (!part && s.p[i] != shape[i]) {
            return false;
        } else if (part && !is_digit(s.p[i])) {
            return false;
        } else if (part) {
            v[part - letters] = v[part - letters] * 10 + (uint64_t)(s.p[i] - '0');
        }
    }
    return true;
}

/* Days from 1970-01-01. */
static uint64_t days(uint64_t y, uint64_t m, uint64_t d)
{
    uint64_t era_year = m <= 2 ? y - 1 : y; /* the year begins in March: the leap day is last */
    uint64_t day = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

    return era_year * 365 + era_year / 4 - era_year / 100 + era_year / 400 + day - 719468;
}

static int to_unix(const uint64_t v[PARTS], uint64_t *ret_s)
{
    static const uint8_t longest[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t y = v[YEAR], m = v[MONTH];
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

    if (y < 1970 || m < 1 || m > 12 || v[DAY] < 1 ||
        v[DAY] > longest[m - 1] + (m == 2 && leap ? 1U : 0U))
        return -1;
    if (v[HOUR] > 23 || v[MINUTE] > 59 || v[SECOND] > 60) /* 60: a leap second */
        return -1;
    *ret_s = ((days(y, m, v[DAY]) * 24 + v[HOUR]) * 60 + v[MINUTE]) * 60 + v[SECOND];
    return 0;
}

/* ---- RFC 3339 ---- */

/* Cut off ".25"; nothing is 0. */
static int cut_fraction(struct span *s, uint64_t *ret_us)
{
    uint64_t unit = 1000000, us = 0;
    size_t n = 1;

    *ret_us = 0;
    if (s->n == 0 || s->p[0] != '.')
        return 0;
    for (; n < s->n && is_digit(s->p[n]); n++) {
        unit /= 10;
        us += unit * (uint64_t)(s->p[n] - '0');
    }
    *s = behind(*s, n);
    *ret_us = us;
    return n > 1 ? 0 : -1;
}

/* How far a zone is ahead of UTC, or behind it. */
static int read_zone(struct span s, uint64_t *ret_s, bool *ret_ahead)
{
    uint64_t v[PARTS] = {0};

    *ret_ahead = fits(v, "+hh:mm", s);
    if (!*ret_ahead && !fits(v, "-hh:mm", s) && !span_is(s, "Z"))
        return -1;
    if (v[HOUR] > 23 || v[MINUTE] > 59)
        return -1;
    *ret_s = (v[HOUR] * 60 + v[MINUTE]) * 60;
    return 0;
}

int date_read(struct span text, uint64_t *ret_us)
{
    static const char shape[] = "yyyy-nn-ddThh:mm:ss";
    uint64_t v[PARTS], s, us, zone_s;
    struct span rest;
    bool ahead;

    if (text.n < sizeof(shape) - 1 || !fits(v, shape, span_of(text.p, sizeof(shape) - 1)) ||
        to_unix(v, &s) < 0)
        return -1;
    rest = behind(text, sizeof(shape) - 1);
    if (cut_fraction(&rest, &us) < 0 || read_zone(rest, &zone_s, &ahead) < 0)
        return -1;
    if (ahead && s < zone_s) /* in UTC it is still 1969 */
        return -1;
    s = ahead ? s - zone_s : s + zone_s;
    *ret_us = s * 1000000 + us;
    return 0;
}

/* ---- HTTP ---- */

/* The latest year that ends so and is not more than fifty years ahead. */
static int of_short_year(uint64_t v[PARTS], uint64_t now_s, uint64_t *ret_s)
{
    uint64_t two = v[YEAR], s;
    int rc = -1;

    for (uint64_t century = 1900; century <= 9900; century += 100) {
        v[YEAR] = century + two;
        if (to_unix(v, &s) < 0 || s > now_s + HALF_CENTURY_S)
            continue;
        *ret_s = s;
        rc = 0;
    }
    return rc;
}

int date_read_http(struct span text, uint64_t now_s, uint64_t *ret_s)
{
    static const struct {
        const char *shape; /* behind the name of the day */
        bool short_year;
    } forms[] = {
        {", dd bbb yyyy hh:mm:ss GMT", false},
        {", dd-bbb-yy hh:mm:ss GMT", true}, /* RFC 850 */
        {" bbb dd hh:mm:ss yyyy", false},   /* asctime() */
        {" bbb  d hh:mm:ss yyyy", false},
    };
    uint64_t v[PARTS];
    size_t n = 0;

    while (n < text.n && (text.p[n] | 32) >= 'a' && (text.p[n] | 32) <= 'z')
        n++;
    if (n == 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (fits(v, forms[i].shape, behind(text, n)))
            return forms[i].short_year ? of_short_year(v, now_s, ret_s) : to_unix(v, ret_s);
    return -1;
}
