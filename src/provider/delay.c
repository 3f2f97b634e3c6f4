/*
 * delay.c - see delay.h. Where the forms stand:
 *   https://learn.microsoft.com/azure/ai-services/openai/how-to/provisioned-get-started
 *   https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto (RetryInfo)
 *   https://protobuf.dev/programming-guides/json (how a Duration is written)
 *   https://platform.openai.com/docs/guides/rate-limits
 *   https://pkg.go.dev/time#Duration.String (how OpenAI writes it)
 *   https://docs.claude.com/en/api/rate-limits
 *   https://github.com/openai/openai-dotnet/issues/838 (Azure's numbers)
 *   https://docs.digitalocean.com/products/inference/reference/quota-specific-response-headers
 *
 * Numbers are counted in nanoseconds, Go's smallest unit. One that is too large is the largest: who
 * asks for that long must not be asked again at once.
 */
#include "provider/delay.h"

#include "base/date.h"

#define MS UINT64_C(1000000) /* nanoseconds */
#define S  (1000 * MS)

#define LONGEST_US   (UINT64_MAX / 1000)
#define YEAR_2001_US UINT64_C(1000000000000000) /* nobody asks for so long: it is a time */

enum { RETRY_AFTER_MS, RETRY_AFTER, PAIRS };

const char *const provider_delay_fields[PROVIDER_DELAY_FIELDS] = {
    [RETRY_AFTER_MS] = "retry-after-ms",
    [RETRY_AFTER] = "retry-after",
    /* from PAIRS on: what is left, and when there will be more */
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-remaining-requests-minute",
    "x-ratelimit-reset-requests-minute",
    "x-ratelimit-remaining-requests-day",
    "x-ratelimit-reset-requests-day",
    "x-ratelimit-remaining-tokens-minute",
    "x-ratelimit-reset-tokens-minute",
    "x-ratelimit-remaining-tokens-day",
    "x-ratelimit-reset-tokens-day",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
    "anthropic-ratelimit-output-tokens-remaining",
    "anthropic-ratelimit-output-tokens-reset",
};

/* ---- numbers ---- */

/* "6", "0.5" */
struct decimal {
    struct span whole, fraction;
};

/* Cut off the bytes at the beginning that are digits, or that are none. */
static struct span cut(struct span *s, bool digits)
{
    struct span piece = *s;

    for (piece.n = 0; piece.n < s->n; piece.n++)
        if ((s->p[piece.n] >= '0' && s->p[piece.n] <= '9') != digits)
            break;
    if (piece.n) /* what is absent has no place to go on from */
        *s = span_of(s->p + piece.n, s->n - piece.n);
    return piece;
}

static bool cut_decimal(struct span *s, struct decimal *ret)
{
    *ret = (struct decimal){.whole = cut(s, true)};
    if (s->n == 0 || s->p[0] != '.')
        return ret->whole.n > 0;
    *s = span_of(s->p + 1, s->n - 1);
    ret->fraction = cut(s, true);
    return ret->whole.n > 0 && ret->fraction.n > 0;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t times(const struct decimal *d, uint64_t unit)
{
    uint64_t ns;

    /* They are digits: if they cannot be read, there are too many. */
    if (span_u64(d->whole, &ns) < 0 || __builtin_mul_overflow(ns, unit, &ns))
        return UINT64_MAX;
    for (size_t i = 0; i < d->fraction.n; i++) {
        unit /= 10; /* 0 in the end: the rest is too small to count */
        ns = sum(ns, (uint64_t)(d->fraction.p[i] - '0') * unit);
    }
    return ns;
}

/* ---- forms ---- */

/* A number and nothing else. */
static bool number(uint64_t *ret_us, struct span s, uint64_t unit)
{
    struct decimal d;

    if (!cut_decimal(&s, &d) || s.n)
        return false;
    *ret_us = times(&d, unit) / 1000;
    return true;
}

static uint64_t unit_named(struct span name)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"h", 3600 * S},     {"m", 60 * S},       {"s", S}, {"ms", MS},
        {"us", 1000},        {"\xC2\xB5s", 1000}, /* the micro sign, which is what Go writes */
        {"\xCE\xBCs", 1000},                      /* the letter mu */
        {"ns", 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (span_is(name, units[i].name))
            return units[i].ns;
    return 0;
}

/* Numbers, each with its unit: "22s", "1h2m3.5s". */
static bool duration(uint64_t *ret_us, struct span s)
{
    bool some = s.n > 0;
    uint64_t ns = 0;

    while (s.n) {
        struct decimal d;
        uint64_t unit;

        if (!cut_decimal(&s, &d))
            return false;
        unit = unit_named(cut(&s, false));
        if (!unit)
            return false;
        ns = sum(ns, times(&d, unit));
    }
    if (some)
        *ret_us = ns / 1000;
    return some;
}

static uint64_t until(uint64_t at_us, uint64_t wall_us)
{
    return at_us > wall_us ? MIN(at_us - wall_us, LONGEST_US) : 0;
}

static bool http_date(uint64_t *ret_us, struct span s, uint64_t wall_us)
{
    uint64_t at_s;

    if (date_read_http(s, wall_us / 1000000, &at_s) < 0)
        return false;
    *ret_us = until(at_s * 1000000, wall_us);
    return true;
}

static bool date(uint64_t *ret_us, struct span s, uint64_t wall_us)
{
    uint64_t at_us;

    if (date_read(s, &at_us) < 0)
        return false;
    *ret_us = until(at_us, wall_us);
    return true;
}

/* A reset that is a number. 0 says nothing: it is written where the time is not known, too. */
static bool reset_number(uint64_t *ret_us, struct span s, uint64_t wall_us)
{
    uint64_t us;

    if (!number(&us, s, S) || us == 0)
        return false;
    if (us == LONGEST_US) /* of milliseconds there are so many */
        UNUSED(number(&us, s, MS));
    *ret_us = us < YEAR_2001_US ? us : until(us, wall_us);
    return true;
}

/* ---- what counts ---- */

static bool reset(uint64_t *ret_us, struct span s, uint64_t wall_us)
{
    return duration(ret_us, s) || date(ret_us, s, wall_us) || reset_number(ret_us, s, wall_us);
}

/* What is not used up is not what was refused. */
static bool resets(uint64_t *ret_us, const struct span *values, uint64_t wall_us)
{
    uint64_t latest = 0, left, us;
    bool some = false;

    for (size_t i = PAIRS; i < PROVIDER_DELAY_FIELDS; i += 2) {
        if (span_u64(values[i], &left) < 0 || left > 0)
            continue;
        if (!reset(&us, values[i + 1], wall_us))
            continue;
        latest = MAX(latest, us);
        some = true;
    }
    if (some)
        *ret_us = latest;
    return some;
}

bool provider_delay(uint64_t *ret_us, const struct span values[PROVIDER_DELAY_FIELDS],
                    struct span retry_info, uint64_t wall_ms)
{
    uint64_t wall_us = wall_ms * 1000;

    _Static_assert((PROVIDER_DELAY_FIELDS - PAIRS) % 2 == 0, "pairs");
    return number(ret_us, values[RETRY_AFTER_MS], MS) || number(ret_us, values[RETRY_AFTER], S) ||
           http_date(ret_us, values[RETRY_AFTER], wall_us) || duration(ret_us, retry_info) ||
           resets(ret_us, values, wall_us);
}

bool provider_delay_reset(uint64_t *ret_us, struct span value, uint64_t wall_ms)
{
    return reset(ret_us, value, wall_ms * 1000);
}
