/*
 * Goal: how long a failed answer asks to be left alone is read from whatever says it, the best of
 * them first, and what says nothing is not taken for an answer.
 * Method: tables of values: each form alone, then several that disagree; bodies through the reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "provider/delay.h"
#include "provider/provider.h"

#define NOW_MS  UINT64_C(1800000000500) /* 2027-01-15T08:00:00.5Z */
#define S       UINT64_C(1000000)
#define NONE    UINT64_MAX
#define LONGEST (UINT64_MAX / 1000)
#define DIGITS  "99999999999999999999999999999999999999999999999999999999999999999999999999999999"

struct row {
    const char *value;
    uint64_t want; /* NONE: it says nothing */
};

static const struct row milliseconds[] = {
    {"0", 0},
    {"1", 1000},
    {"494", 494000},
    {"0.25", 250},
    {"0.0009", 0},
    {"00001", 1000},
    {"18446744073709", 18446744073709 * UINT64_C(1000)}, /* at what can be counted */
    {"18446744073710", LONGEST},
    {DIGITS, LONGEST},
    {"", NONE},
    {"-1", NONE},
    {"+1", NONE},
    {"1e3", NONE},
    {"1ms", NONE},
    {" 1", NONE},
    {"NaN", NONE},
    {"Fri, 15 Jan 2027 08:00:37 GMT", NONE},
};

static const struct row seconds[] = {
    {"0", 0},
    {"1", S},
    {"37", 37 * S},
    {"0.5", S / 2},
    {"1.000001", S + 1},
    {"1.0000009999999999999999999999999", S},
    {"1." DIGITS, 2 * S - 1},
    {"18446744073.709551615", LONGEST},
    {"18446744073.709551616", LONGEST},
    {"18446744074", LONGEST},
    {"18446744073709551615", LONGEST},
    {"18446744073709551616", LONGEST},
    {DIGITS, LONGEST},
    {DIGITS ".5", LONGEST},
    {"", NONE},
    {".5", NONE},
    {"5.", NONE},
    {"1.5.2", NONE},
    {"1,5", NONE},
    {"-1", NONE},
    {"-0", NONE},
    {"1 2", NONE},
    {"1s", NONE},
    {"0x10", NONE},
    {"soon", NONE},
    /* dates */
    {"Fri, 15 Jan 2027 08:00:37 GMT", 37 * S - S / 2},
    {"Friday, 15-Jan-27 08:00:37 GMT", 37 * S - S / 2},
    {"Fri Jan 15 08:00:37 2027", 37 * S - S / 2},
    {"Fri, 15 Jan 2027 08:00:01 GMT", S / 2},
    {"Fri, 15 Jan 2027 08:00:00 GMT", 0},
    {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 0},
    {"Sun Nov  6 08:49:37 1994", 0},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Fri, 31 Dec 9999 23:59:59 GMT", LONGEST},
    {"Wed, 31 Dec 1969 23:59:59 GMT", NONE},
    {"Fri, 32 Jan 2027 08:00:37 GMT", NONE},
    {"Fri, 15 Jan 2027 08:00:37 CET", NONE},
    {"2027-01-15T08:00:37Z", NONE},
};

static const struct row retry_infos[] = {
    {"22s", 22 * S},
    {"0.5s", S / 2},
    {"0s", 0},
    {"45.837906927s", 45837906},
    {"3.000000001s", 3 * S},
    {"0.000000999s", 0},
    {"10h17m", 37020 * S},
    {"315576000000s", LONGEST}, /* the longest Duration */
    {DIGITS "s", LONGEST},
    {"", NONE},
    {"22", NONE},
    {"s", NONE},
    {"-22s", NONE},
    {"22 s", NONE},
    {"22S", NONE},
    {"22s ", NONE},
    {"2027-01-15T08:00:37Z", NONE},
};

static const struct row resets[] = {
    {"1s", S},
    {"6m0s", 360 * S},
    {"20ms", 20000},
    {"1h2m3.5s", 3723 * S + S / 2},
    {"2m59.56s", 179 * S + 560000},
    {"1.5h", 5400 * S},
    {"24h0m0s", 86400 * S},
    {"512\xC2\xB5s", 512},
    {"512\xCE\xBCs", 512},
    {"512us", 512},
    {"1999ns", 1},
    {"0s", 0},
    {"5124095h34m33.709551615s", LONGEST},
    {"5124095h34m33.709551616s", LONGEST},
    {"5124096h", LONGEST},
    {"5124095h5124095h", LONGEST},
    {DIGITS "h" DIGITS "ms", LONGEST},
    {"1." DIGITS "s", 2 * S - 1},
    /* units that are none, or are not there */
    {"1d", NONE},
    {"1w2d", NONE},
    {"1sec", NONE},
    {"1S", NONE},
    {"1m2", NONE},
    {"m", NONE},
    {"s1", NONE},
    {"1.s", NONE},
    {".5s", NONE},
    {"1.5.2s", NONE},
    {"-1s", NONE},
    {"1s-", NONE},
    {"1s 2ms", NONE},
    {"1h,2m", NONE},
    {"", NONE},
    {"soon", NONE},
    /* RFC 3339 */
    {"2027-01-15T08:00:37Z", 37 * S - S / 2},
    {"2027-01-15T09:00:37+01:00", 37 * S - S / 2},
    {"2027-01-15T08:00:37.123456Z", 36623456},
    {"2027-01-15T08:00:00.500001Z", 1},
    {"2027-01-15T08:00:00.5Z", 0},
    {"2027-01-15T08:00:00Z", 0},
    {"1970-01-01T00:00:00Z", 0},
    {"2611-08-06T07:34:34.209550Z", LONGEST - 1},
    {"2611-08-06T07:34:34.209551Z", LONGEST},
    {"2611-08-06T07:34:34.209552Z", LONGEST},
    {"9999-12-31T23:59:59-23:59", LONGEST},
    {"2027-01-15T08:00:37", NONE},
    {"2027-02-29T08:00:37Z", NONE},
    {"Fri, 15 Jan 2027 08:00:37 GMT", NONE},
    /* numbers: seconds, or Unix time */
    {"1", S},
    {"55", 55 * S},
    {"0.5", S / 2},
    {"999999999", 999999999 * S},
    {"1000000000", 0},
    {"1800000000", 0},
    {"1800000037", 37 * S - S / 2},
    {DIGITS, LONGEST - NOW_MS * 1000},
    {"0", NONE},
    {"-1", NONE},
};

static size_t field(const char *name)
{
    for (size_t i = 0; i < PROVIDER_DELAY_FIELDS; i++)
        if (strcmp(provider_delay_fields[i], name) == 0)
            return i;
    fail_msg("no field %s", name);
    return 0;
}

static uint64_t ask(const struct span *values, struct span retry_info)
{
    uint64_t us = NONE;
    bool some = provider_delay(&us, values, retry_info, NOW_MS);

    assert_true(some == (us != NONE)); /* untouched, or said */
    return us;
}

/* Each row as the value of a field (NULL: of retry_info), beside a 0 of the other one. */
static void check(const struct row *rows, size_t n, const char *name, const char *remaining)
{
    for (size_t i = 0; i < n; i++) {
        struct span values[PROVIDER_DELAY_FIELDS] = {0}, value = span_str(rows[i].value);
        uint64_t got;

        if (name)
            values[field(name)] = value;
        if (remaining)
            values[field(remaining)] = SPAN_LIT("0");
        got = ask(values, name ? span_of(NULL, 0) : value);
        if (got != rows[i].want)
            fail_msg("%s: '%s': %llu", name ? name : "retryDelay", rows[i].value,
                     (unsigned long long)got);
    }
}

static const struct {
    const char *remaining, *reset;
} pairs[] = {
    {"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
    {"x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"},
    {"x-ratelimit-remaining-requests-minute", "x-ratelimit-reset-requests-minute"},
    {"x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day"},
    {"x-ratelimit-remaining-tokens-minute", "x-ratelimit-reset-tokens-minute"},
    {"x-ratelimit-remaining-tokens-day", "x-ratelimit-reset-tokens-day"},
    {"x-ratelimit-remaining", "x-ratelimit-reset"},
    {"anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"},
    {"anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"},
    {"anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"},
    {"anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"},
};

static void each_form_is_read(void **state)
{
    check(milliseconds, ARRAY_LEN(milliseconds), "retry-after-ms", NULL);
    check(seconds, ARRAY_LEN(seconds), "retry-after", NULL);
    check(retry_infos, ARRAY_LEN(retry_infos), NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        check(resets, ARRAY_LEN(resets), pairs[i].reset, pairs[i].remaining);
}

static void fields_are_all_and_in_lower_case(void **state)
{
    assert_int_equal(PROVIDER_DELAY_FIELDS, 2 + 2 * ARRAY_LEN(pairs));
    for (size_t i = 0; i < PROVIDER_DELAY_FIELDS; i++)
        for (const char *p = provider_delay_fields[i]; *p; p++)
            assert_false(*p >= 'A' && *p <= 'Z');
}

static void a_reset_counts_where_nothing_is_left(void **state)
{
    static const struct {
        const char *remaining; /* NULL: the field is not there */
        bool counts;
    } table[] = {
        {"0", true}, {"000", true},  {"1", false},    {"29000", false}, {"-1", false},
        {"", false}, {"0.0", false}, {"none", false}, {DIGITS, false},  {NULL, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        for (size_t k = 0; k < ARRAY_LEN(table); k++) {
            struct span values[PROVIDER_DELAY_FIELDS] = {0};

            values[field(pairs[i].reset)] = SPAN_LIT("6m0s");
            values[field(pairs[i].remaining)] = span_str(table[k].remaining);
            assert_int_equal(ask(values, span_of(NULL, 0)), table[k].counts ? 360 * S : NONE);
        }
}

/* Fields as of an answer's head, and the retryDelay of its body. */
static const struct {
    const char *why;
    struct {
        const char *name, *value;
    } fields[6];
    const char *retry_info;
    uint64_t want;
} answers[] = {
    {"nothing is said", {{NULL, NULL}}, NULL, NONE},
    {"milliseconds before seconds",
     {{"retry-after", "1"}, {"retry-after-ms", "494"}},
     "22s",
     494000},
    {"even when they are none", {{"retry-after", "1"}, {"retry-after-ms", "0"}}, NULL, 0},
    {"what cannot be read is passed over",
     {{"retry-after", "1"}, {"retry-after-ms", "soon"}},
     NULL,
     S},
    {"seconds before the body", {{"retry-after", "5"}}, "22s", 5 * S},
    {"a date that is past before the body",
     {{"retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"}},
     "22s",
     0},
    {"the body, when the head cannot be read", {{"retry-after", "-5"}}, "22s", 22 * S},
    {"the body before resets",
     {{"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "6m0s"}},
     "22s",
     22 * S},
    {"resets, when the body cannot be read",
     {{"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "6m0s"}},
     "later",
     360 * S},
    {"the seconds before resets",
     {{"retry-after", "8"},
      {"x-ratelimit-remaining-requests", "0"},
      {"x-ratelimit-reset-requests", "120ms"}},
     NULL,
     8 * S},
    {"the later of two",
     {{"x-ratelimit-remaining-requests", "0"},
      {"x-ratelimit-reset-requests", "120ms"},
      {"x-ratelimit-remaining-tokens", "0"},
      {"x-ratelimit-reset-tokens", "100ms"}},
     NULL,
     120000},
    {"the later of two, the other way round",
     {{"x-ratelimit-remaining-requests", "0"},
      {"x-ratelimit-reset-requests", "120ms"},
      {"x-ratelimit-remaining-tokens", "0"},
      {"x-ratelimit-reset-tokens", "6m0s"}},
     NULL,
     360 * S},
    {"not the later one, where something is left",
     {{"x-ratelimit-remaining-requests", "0"},
      {"x-ratelimit-reset-requests", "120ms"},
      {"x-ratelimit-remaining-tokens", "29000"},
      {"x-ratelimit-reset-tokens", "6m0s"}},
     NULL,
     120000},
    {"a remaining is that of its own reset",
     {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-tokens", "6m0s"}},
     NULL,
     NONE},
    {"one that cannot be read leaves the other",
     {{"x-ratelimit-remaining-requests", "0"},
      {"x-ratelimit-reset-requests", "1d"},
      {"x-ratelimit-remaining-tokens", "0"},
      {"x-ratelimit-reset-tokens", "20ms"}},
     NULL,
     20000},
    {"times, the latest of three",
     {{"anthropic-ratelimit-requests-remaining", "0"},
      {"anthropic-ratelimit-requests-reset", "2027-01-15T08:00:10.5Z"},
      {"anthropic-ratelimit-input-tokens-remaining", "0"},
      {"anthropic-ratelimit-input-tokens-reset", "2027-01-15T08:00:20.5Z"},
      {"anthropic-ratelimit-output-tokens-remaining", "0"},
      {"anthropic-ratelimit-output-tokens-reset", "2027-01-15T08:00:15.5Z"}},
     NULL,
     20 * S},
    {"a time that is past is said",
     {{"anthropic-ratelimit-tokens-remaining", "0"},
      {"anthropic-ratelimit-tokens-reset", "2027-01-15T07:59:59Z"}},
     NULL,
     0},
};

static void the_best_of_them_counts(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct span values[PROVIDER_DELAY_FIELDS] = {0};
        uint64_t got;

        for (size_t k = 0; k < ARRAY_LEN(answers[i].fields) && answers[i].fields[k].name; k++)
            values[field(answers[i].fields[k].name)] = span_str(answers[i].fields[k].value);
        got = ask(values, span_str(answers[i].retry_info));
        if (got != answers[i].want)
            fail_msg("%s: %llu", answers[i].why, (unsigned long long)got);
    }
}

#define RETRY_INFO(delay)                                                                          \
    "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":" delay "}"
#define GOOGLE(details)                                                                            \
    "{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":"    \
    "[" details "]}}"

static void bodies_say_it(void **state)
{
    static const struct {
        const char *body, *delay; /* NULL: absent */
        uint64_t want;
    } table[] = {
        {GOOGLE(RETRY_INFO("\"22s\"")), "22s", 22 * S},
        {"[" GOOGLE(RETRY_INFO("\"22s\"")) "]", "22s", 22 * S},
        {GOOGLE("{\"violations\":[{\"quotaId\":\"q\"}]},{\"links\":[]}," RETRY_INFO("\"0.5s\"")),
         "0.5s", S / 2},
        {GOOGLE(RETRY_INFO("\"1s\"") "," RETRY_INFO("\"2s\"")), "1s", S},
        {GOOGLE(RETRY_INFO("\"2\\u0032s\"")), "22s", 22 * S},
        {GOOGLE(RETRY_INFO("\"later\"")), "later", NONE},
        {GOOGLE(RETRY_INFO("\"\"")), NULL, NONE},
        {GOOGLE(RETRY_INFO("22")), NULL, NONE},
        {GOOGLE(RETRY_INFO("null")), NULL, NONE},
        {GOOGLE(RETRY_INFO("{\"seconds\":22}")), NULL, NONE},
        {GOOGLE("{}"), NULL, NONE},
        {"{\"error\":{\"details\":{\"retryDelay\":\"22s\"}}}", NULL, NONE},
        {"{\"error\":{\"retryDelay\":\"22s\"},\"retryDelay\":\"22s\"}", NULL, NONE},
        {"{\"error\":{\"details\":[{\"retryDelay\":\"22s\"", "22s", 22 * S}, /* cut short */
        {"", NULL, NONE},
    };
    const struct span none[PROVIDER_DELAY_FIELDS] = {0};

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct provider_failure f;
        struct arena a;

        arena_init(&a, 65536);
        provider_read_error(&f, span_str(table[i].body), &a);
        if (span_has(f.delay) != (table[i].delay != NULL) ||
            !span_eq(f.delay, span_str(table[i].delay)) || ask(none, f.delay) != table[i].want)
            fail_msg("%s: '%.*s'", table[i].body, SPAN_FMT(f.delay));
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_read),
        cmocka_unit_test(fields_are_all_and_in_lower_case),
        cmocka_unit_test(a_reset_counts_where_nothing_is_left),
        cmocka_unit_test(the_best_of_them_counts),
        cmocka_unit_test(bodies_say_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
