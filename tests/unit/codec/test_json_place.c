/*
 * Goal: a text that is no JSON is told the place of its fault, wherever reads cut it.
 * Method: rows of a broken text and the place; the scanner says the byte. Each text is fed at once,
 * in bytes, and split in two at every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/json_place.h"

#define FORTY "0123456789012345678901234567890123456789"

static const struct {
    const char *text, *place;
} rows[] = {
    {"", ""},
    {"x", ""},
    {"{}x", ""},
    {"{\"a\":[1]}x", ""},
    {"{x", ""},
    {"{\"a\xFF", ""},
    {"{\"a\"x", ""},
    {"{\"a\":x", "a"},
    {"{\"a\":\"\xFF\"}", "a"},
    {"{\"a\":\"b\"x", "a"},
    {"{\"a\":1,x", ""},
    {"{\"a\":1,\"b\":{\"c\":x", "b.c"},
    {"{\"a\":{\"b\":1},x", ""},
    {"{\"a\":{\"b\":1},\"c\":x", "c"},
    {"[x", "[0]"},
    {"[1,[],{},x", "[3]"},
    {"[[1,2],[3,x", "[1][1]"},
    {"{\"m\":[{\"r\":\"[{:,\\\"]}\\\\\",\"c\":[\"\",{\"t\":\"\xC3\xA4\x01", "m[0].c[1].t"},
    {"{\"m\":[{\"r\":{}},{\"r\":\"\\u00", "m[1].r"},
    {"{ \"m\" : [ 1 , tru ]", "m[1]"},
    {"{\"m\":[1,2", "m[1]"},
    {"{\"\":x", ""},
    {"{\"a\\\"b\":x", "a\\\"b"},
    {"{\"" FORTY "\":x", FORTY},
    {"{\"" FORTY "+\":x", FORTY},
    {"{\"ab\":{\"" FORTY "\":{\"" FORTY "\":{\"" FORTY "\":{\"b\":x",
     "ab." FORTY "." FORTY "." FORTY ".b"},
    {"{\"ab\":{\"" FORTY "\":{\"" FORTY "\":{\"" FORTY "\":{\"bc\":x",
     "ab." FORTY "." FORTY "." FORTY ".b"},
};

/* Of the bytes before the fault, in two pieces, or (cut beyond their end) in bytes. */
static void check(const char *text, size_t n, size_t cut, const char *want)
{
    struct json_place p;
    char got[JSON_PLACE_TEXT];

    json_place_init(&p);
    if (cut > n) {
        for (size_t i = 0; i < n; i++)
            json_place_feed(&p, text + i, 1);
    } else {
        json_place_feed(&p, text, cut);
        json_place_feed(&p, text + cut, n - cut);
    }
    json_place_text(&p, got);
    assert_string_equal(got, want);
}

/* Bytes that a scan takes before it refuses the text. */
static size_t fault_of(const char *text)
{
    struct json_scan s;

    json_scan_init(&s, NULL, NULL, NULL);
    if (json_scan_feed(&s, text, strlen(text)) != JSON_SCAN_BAD)
        assert_int_equal(json_scan_eof(&s), JSON_SCAN_BAD);
    return (size_t)s.at;
}

static void the_place_of_a_fault_is_told(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = fault_of(rows[i].text);

        for (size_t cut = 0; cut <= n + 1; cut++)
            check(rows[i].text, n, cut, rows[i].place);
    }
}

static void the_deepest_place_is_cut(void **state)
{
    char text[JSON_SCAN_DEPTH + 2] = "", want[JSON_PLACE_TEXT] = "";

    UNUSED(state);
    memset(text, '[', JSON_SCAN_DEPTH + 1);
    for (size_t i = 0; i + 1 < JSON_PLACE_TEXT; i++)
        want[i] = "[0]"[i % 3];
    assert_int_equal(fault_of(text), JSON_SCAN_DEPTH);
    check(text, JSON_SCAN_DEPTH, 0, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_place_of_a_fault_is_told),
        cmocka_unit_test(the_deepest_place_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
