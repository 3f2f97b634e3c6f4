/* Goal: units are read exactly, bounds hold at and past their value, and nothing else is accepted.
 * Method: tables of texts; -1 stands for refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/keys.h"

#define NO UINT64_MAX

static const struct {
    const struct conf_type *type;
    const char *text;
    uint64_t want;
} rows[] = {
    {&conf_duration, "0s", 0},
    {&conf_duration, "1ms", 1},
    {&conf_duration, "1.5s", 1500},
    {&conf_duration, "0.001s", 1},
    {&conf_duration, "0.0001s", NO}, /* not rounded to nothing */
    {&conf_duration, "10m", 600000},
    {&conf_duration, "2h", 7200000},
    {&conf_duration, "30d", UINT64_C(2592000000)},
    {&conf_duration, "1", NO},
    {&conf_duration, "s", NO},
    {&conf_duration, "", NO},
    {&conf_duration, "1 s", NO},
    {&conf_duration, "1S", NO},
    {&conf_duration, "-1s", NO},
    {&conf_duration, "+1s", NO},
    {&conf_duration, "1m30s", NO},
    {&conf_duration, ".5s", NO},
    {&conf_duration, "1.s", NO},
    {&conf_duration, "1.2.3s", NO},
    {&conf_duration, "1e3s", NO},
    {&conf_duration, "213503982334d", UINT64_C(213503982334) * 86400000},
    {&conf_duration, "213503982335d", NO}, /* past 64 bits */
    {&conf_duration, "99999999999999999999s", NO},
    {&conf_size, "1B", 1},
    {&conf_size, "32KiB", 32768},
    {&conf_size, "32KB", 32000},
    {&conf_size, "2M", 2097152},
    {&conf_size, "1.5MiB", 1572864},
    {&conf_size, "1GiB", 1073741824},
    {&conf_size, "1GB", 1000000000},
    {&conf_size, "64", NO},
    {&conf_size, "64mib", NO},
    {&conf_size, "0.5B", NO},
    {&conf_percent, "5%", 50000},
    {&conf_percent, "99.95%", 999500},
    {&conf_percent, "5", NO},
    {&conf_percent, "0.00001%", NO},
    {&conf_count, "0", 0},
    {&conf_count, "5000", 5000},
    {&conf_count, "500k", 500000},
    {&conf_count, "2M", 2000000},
    {&conf_count, "1.5k", 1500},
    {&conf_count, "1.5", NO},
    {&conf_count, "18446744073709551615", UINT64_MAX - 0}, /* fits, see below */
    {&conf_count, "18446744073709551616", NO},
    {&conf_count, "x", NO},
    {&conf_bool, "false", 0},
    {&conf_bool, "true", 1},
    {&conf_bool, "True", NO},
    {&conf_bool, "yes", NO},
    {&conf_bool, "on", NO},
    {&conf_bool, "1", NO},
    {&conf_string, "x", 0},
    {&conf_string, "", NO},
    {&conf_string, "a\nb", NO},
    {&conf_name, "a", 0},
    {&conf_name, "a.b_c-9", 0},
    {&conf_name, "-a", NO},
    {&conf_name, "a b", NO},
    {&conf_name, "a/b", NO},
    {&conf_path, "/x", 0},
    {&conf_path, "x", NO},
};

static void units_are_read_exactly(void **state)
{
    struct conf_key k = {.name = "k"};
    uint64_t v;
    struct err e;
    int rc;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        k.type = rows[i].type;
        v = 7;
        rc = conf_read(&k, span_str(rows[i].text), &v, &e);
        if (rc == 0 ? v != rows[i].want : rows[i].want != NO)
            fail_msg("%s '%s': %d %ju", k.type->name, rows[i].text, rc, (uintmax_t)v);
        if (rc < 0)
            assert_true(e.text[0] != '\0' && v == 7);
    }
}

static void bounds_hold_at_and_past_their_value(void **state)
{
    const struct conf_key k = {.name = "k", .type = &conf_size, .min = "1KiB", .max = "2KiB"};
    uint64_t v = 0;
    struct err e;

    UNUSED(state);
    assert_int_equal(conf_read(&k, SPAN_LIT("1024B"), &v, &e), 0);
    assert_int_equal(conf_read(&k, SPAN_LIT("2048B"), &v, &e), 0);
    assert_int_equal(v, 2048);
    assert_int_equal(conf_read(&k, SPAN_LIT("1023B"), &v, &e), -1);
    assert_string_equal(e.text, "is too small; the least is 1KiB");
    assert_int_equal(conf_read(&k, SPAN_LIT("2049B"), &v, &e), -1);
    assert_string_equal(e.text, "is too large; the most is 2KiB");
}

static void names_and_texts_have_a_longest(void **state)
{
    struct conf_key k = {.name = "k", .type = &conf_name};
    char text[4097];
    uint64_t v;
    struct err e;

    UNUSED(state);
    memset(text, 'a', sizeof(text));
    assert_int_equal(conf_read(&k, span_of(text, 64), &v, &e), 0);
    assert_int_equal(conf_read(&k, span_of(text, 65), &v, &e), -1);
    k.type = &conf_string;
    assert_int_equal(conf_read(&k, span_of(text, 4096), &v, &e), 0);
    assert_int_equal(conf_read(&k, span_of(text, 4097), &v, &e), -1);
}

static void the_nearest_name_is_found(void **state)
{
    static const struct {
        const char *word, *want; /* NULL: none is near */
    } words[] = {
        {"tagrets", "targets"},
        {"target", "targets"},
        {"TARGETS", "targets"},
        {"tls", "tls"},
        {"tsl", "tls"},
        {"t", NULL},
        {"xyz", NULL},
        {"provider", "providers"},
        {"prvdrs", "providers"},
        {"completely-else", NULL},
        {"", NULL},
    };
    static const char *const known[] = {"targets", "tls", "providers", "timeout"};
    struct span names[ARRAY_LEN(known)];
    size_t at;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        names[i] = span_str(known[i]);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        at = conf_nearest(span_str(words[i].word), names, ARRAY_LEN(names));
        if (!words[i].want ? at != SIZE_MAX
                           : at == SIZE_MAX || strcmp(known[at], words[i].want) != 0)
            fail_msg("'%s': %s", words[i].word, at == SIZE_MAX ? "none" : known[at]);
    }
}

static void numbers_are_written_as_people_do(void **state)
{
    static const struct {
        uint64_t v;
        const char *duration, *size;
    } numbers[] = {
        {0, "0ms", "0B"},
        {1500, "1500ms", "1500B"},
        {60000, "1m", "60000B"},
        {90000, "90s", "90000B"},
        {UINT64_C(7200000), "2h", "7200000B"},
        {32768, "32768ms", "32KiB"},
        {1ULL << 30, "1073741824ms", "1GiB"},
    };
    struct buf b;

    UNUSED(state);
    buf_init(&b, 100);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        buf_reset(&b);
        conf_duration_text(&b, numbers[i].v);
        assert_true(span_is(buf_span(&b), numbers[i].duration));
        buf_reset(&b);
        conf_size_text(&b, numbers[i].v);
        assert_true(span_is(buf_span(&b), numbers[i].size));
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_read_exactly),
        cmocka_unit_test(bounds_hold_at_and_past_their_value),
        cmocka_unit_test(names_and_texts_have_a_longest),
        cmocka_unit_test(the_nearest_name_is_found),
        cmocka_unit_test(numbers_are_written_as_people_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
