/*
 * Goal: dates are read as what they are, in each form, and nothing else is taken for one.
 * Method: tables of texts and times; then each text with each byte changed, and cut at each byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/date.h"

#define NOW  UINT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define NONE UINT64_MAX

struct row {
    const char *text;
    uint64_t want; /* NONE: it is no date */
};

static const struct row rfc3339[] = {
    /* microseconds */
    {"1970-01-01T00:00:00Z", 0},
    {"1969-12-31T23:59:59Z", NONE},
    {"9999-12-31T23:59:59Z", UINT64_C(253402300799000000)},
    {"10000-01-01T00:00:00Z", NONE},
    {"2027-01-15T08:00:00Z", NOW * 1000000},
    {"2027-01-15T08:00:00.5Z", NOW * 1000000 + 500000},
    {"2027-01-15T08:00:00.000001Z", NOW * 1000000 + 1},
    {"2027-01-15T08:00:00.0000019999999999999999999999999Z", NOW * 1000000 + 1},
    {"2027-01-15T08:00:00.Z", NONE},
    {"2027-01-15T08:00:00,5Z", NONE},
    /* zones */
    {"2027-01-15T08:00:00+00:00", NOW * 1000000},
    {"2027-01-15T08:00:00-00:00", NOW * 1000000},
    {"2027-01-15T09:30:00+01:30", NOW * 1000000},
    {"2027-01-14T23:59:00.25-08:01", NOW * 1000000 + 250000},
    {"2027-01-15T08:00:00+23:59", (NOW - 86340) * 1000000},
    {"2027-01-15T08:00:00+24:00", NONE},
    {"2027-01-15T08:00:00+00:60", NONE},
    {"2027-01-15T08:00:00+0100", NONE},
    {"2027-01-15T08:00:00+01", NONE},
    {"2027-01-15T08:00:00", NONE},
    {"2027-01-15T08:00:00ZZ", NONE},
    {"1970-01-01T01:00:00+01:00", 0},
    {"1970-01-01T00:59:59+01:00", NONE},
    {"1970-01-01T00:00:00-01:00", UINT64_C(3600000000)},
    /* bounds of each part */
    {"2027-00-15T08:00:00Z", NONE},
    {"2027-13-15T08:00:00Z", NONE},
    {"2027-12-15T08:00:00Z", UINT64_C(1828857600000000)},
    {"2027-01-00T08:00:00Z", NONE},
    {"2027-01-31T08:00:00Z", UINT64_C(1801382400000000)},
    {"2027-01-32T08:00:00Z", NONE},
    {"2027-04-31T08:00:00Z", NONE},
    {"2027-02-29T00:00:00Z", NONE},
    {"2028-02-29T00:00:00Z", UINT64_C(1835395200000000)},
    {"2028-02-30T00:00:00Z", NONE},
    {"2000-02-29T00:00:00Z", UINT64_C(951782400000000)},
    {"2100-02-29T00:00:00Z", NONE},
    {"2027-01-15T23:00:00Z", (NOW + 54000) * 1000000},
    {"2027-01-15T24:00:00Z", NONE},
    {"2027-01-15T08:59:00Z", (NOW + 3540) * 1000000},
    {"2027-01-15T08:60:00Z", NONE},
    {"2016-12-31T23:59:60Z", UINT64_C(1483228800000000)},
    {"2016-12-31T23:59:61Z", NONE},
    /* no dates */
    {"", NONE},
    {"Z", NONE},
    {"2027-01-15", NONE},
    {"2027-01-15 08:00:00Z", NONE},
    {"2027-1-15T08:00:00Z", NONE},
    {"-027-01-15T08:00:00Z", NONE},
    {"1800000000", NONE},
};

static const struct row http[] = {
    /* seconds */
    {"Fri, 15 Jan 2027 08:00:00 GMT", NOW},
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"Sun Nov  6 08:49:37 1994", 784111777},
    {"Fri Jan 15 08:00:00 2027", NOW},
    {"Thu, 30 Dec 9999 23:59:60 GMT", UINT64_C(253402214400)},
    /* years of two digits: at fifty years ahead, and past it */
    {"Thursday, 14-Jan-77 11:00:00 GMT", NOW + 1577847600},
    {"Friday, 14-Jan-77 11:00:01 GMT", UINT64_C(222087601)},
    {"Thursday, 01-Jan-70 00:00:00 GMT", UINT64_C(3155760000)},
    {"Tuesday, 29-Feb-00 00:00:00 GMT", UINT64_C(951782400)},
    {"Tuesday, 29-Feb-01 00:00:00 GMT", NONE},
    /* no dates */
    {"Mon, 01 Jan 1900 00:00:00 GMT", NONE},
    {"Fri, 15 Jan 2027 08:00:00 UTC", NONE},
    {"Fri, 15 Jan 2027 08:00:00", NONE},
    {"Fri, 15 Jan 2027 08:00:00 GMT ", NONE},
    {"Fri, 15 jan 2027 08:00:00 GMT", NONE},
    {"Fri, 15 Jan 27 08:00:00 GMT", NONE},
    {"Fri, 5 Jan 2027 08:00:00 GMT", NONE},
    {"Fri, 32 Jan 2027 08:00:00 GMT", NONE},
    {"Fri, 15 Jan 2027 24:00:00 GMT", NONE},
    {", 15 Jan 2027 08:00:00 GMT", NONE},
    {"15 Jan 2027 08:00:00 GMT", NONE},
    {"2027-01-15T08:00:00Z", NONE},
    {"Fri", NONE},
    {"", NONE},
};

static void rfc3339s_are_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rfc3339); i++) {
        uint64_t got = NONE;
        int rc = date_read(span_str(rfc3339[i].text), &got);

        if (got != rfc3339[i].want || rc != (got == NONE ? -1 : 0))
            fail_msg("'%s': %d %llu", rfc3339[i].text, rc, (unsigned long long)got);
    }
    assert_int_equal(date_read(span_of(NULL, 0), &(uint64_t){0}), -1);
}

static void https_are_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(http); i++) {
        uint64_t got = NONE;
        int rc = date_read_http(span_str(http[i].text), NOW, &got);

        if (got != http[i].want || rc != (got == NONE ? -1 : 0))
            fail_msg("'%s': %d %llu", http[i].text, rc, (unsigned long long)got);
    }
    assert_int_equal(date_read_http(span_of(NULL, 0), NOW, &(uint64_t){0}), -1);
}

/* The months have their numbers. */
static void months_have_names(void **state)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (unsigned m = 1; m <= 12; m++) {
        char a[40], b[40];
        uint64_t us, s;

        snprintf(a, sizeof(a), "2027-%02u-15T08:00:00Z", m);
        snprintf(b, sizeof(b), "Fri, 15 %.3s 2027 08:00:00 GMT", names + (size_t)(m - 1) * 3);
        assert_int_equal(date_read(span_str(a), &us), 0);
        assert_int_equal(date_read_http(span_str(b), NOW, &s), 0);
        assert_int_equal(us, s * 1000000);
    }
}

/* A byte that is no digit, anywhere; and an end anywhere. */
static void broken_ones_are_none(void **state)
{
    static const char good[] = "2027-01-15T08:00:00+01:00", old[] = "Fri, 15 Jan 2027 08:00:00 GMT";
    uint64_t got;

    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        char bad[sizeof(good)];

        memcpy(bad, good, sizeof(good));
        bad[i] = '\0';
        assert_int_equal(date_read(span_of(bad, sizeof(good) - 1), &got), -1);
        assert_int_equal(date_read(span_of(good, i), &got), -1);
    }
    for (size_t i = 0; i < sizeof(old) - 1; i++) {
        char bad[sizeof(old)];

        memcpy(bad, old, sizeof(old));
        bad[i] = '\0';
        assert_int_equal(date_read_http(span_of(bad, sizeof(old) - 1), NOW, &got), -1);
        assert_int_equal(date_read_http(span_of(old, i), NOW, &got), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339s_are_read),
        cmocka_unit_test(https_are_read),
        cmocka_unit_test(months_have_names),
        cmocka_unit_test(broken_ones_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
