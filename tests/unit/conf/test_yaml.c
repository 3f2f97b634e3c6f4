/* Goal: YAML becomes a tree with exact places; everything outside the subset is refused in plain
 * words at the right place; all bounds hold at and past their value.
 * Method: tables of text and the whole report, or the tree printed back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "conf/dump.h"
#include "conf/yaml.h"

static const struct {
    const char *text, *want;
} bad[] = {
    /* text */
    {"a: 1\nb: \xff\n", "E002 2:4+1 the file is not UTF-8 text here"},
    {"a: 1\nb: \xc3\xa9\x01\n", "E002 2:5+1 the character U+0001 cannot stand in a configuration"},
    {"a: \xe2\x80\xa8\n", "E002 1:4+1 the character U+2028 cannot stand in a configuration"},
    {"a: \xed\xa0\x80\n", "E002 1:4+1 the file is not UTF-8 text here"},
    {"a:\n\tb: 1\n", "E003 2:1+1 a tab character; use spaces"},
    {"a:\r\n  b:\t1\r\n  c:\t2\r\n", "E003 2:5+1 a tab character; use spaces | and on 1 more line"},
    {"a: 'x\ty'\n", "E003 1:6+1 a tab character; use spaces"},
    /* syntax */
    {"a: 'open\nb: 1\n", "E004 1:4+1 the quote that begins here is never closed"},
    {"a: \"open\n---\n", "E004 1:4+1 the quote that begins here is never closed"},
    {"a: 1\nb\nc: 2\n",
     "E004 2:1+1 a ':' is missing behind this key (or the line before is not finished)"},
    {"a: b: c\n", "E004 1:5+1 a ':' where no key can stand; if it belongs to a text, put the text "
                  "in quotes"},
    {"a: - b\n", "E004 1:4+1 a '-' where no list item can begin"},
    {"a: @b\n", "E004 1:4+1 no value can begin with this character; put the text in quotes"},
    {"a: `b`\n", "E004 1:4+1 no value can begin with this character; put the text in quotes"},
    {"a:\n  - b\n  c: d\n", "E004 3:3+1 this line is indented like the list above it, but does not "
                            "begin with '- '"},
    {"a:\n  b: 1\n c: 2\n",
     "E004 3:2+1 this line does not fit the indentation of the lines above it"},
    {"a: [1, 2\nb: 3\n", "E004 1:4+1 a list in [ ] is not closed, or misses a comma"},
    {"a: {b: 1, c: 2\n", "E004 1:4+1 a map in { } is not closed, or misses a comma"},
    {"a: [1, , 2]\n", "E004 1:8+1 a value is missing here"},
    {"a: \"\\q\"\n", "E004 1:5+1 an unknown escape behind '\\' in a text with double quotes; use "
                     "single quotes"},
    {"a: \"\\xzz\"\n", "E004 1:7+1 an escape \\x, \\u or \\U lacks its digits"},
    {"a: \"\\ud800\"\n", "E004 1:7+1 an escape that is no character"},
    {"a: |x\n  b\n", "E004 1:5+1 behind '|' or '>' nothing may follow on the line"},
    {"a: &\n", "E004 1:5+1 a '&' must be followed by a name; if it belongs to a text, put the text "
               "in quotes"},
    {"a: *\n", "E004 1:5+1 a '*' must be followed by a name; if it belongs to a text, put the text "
               "in quotes"},
    {"%FOO bar\n---\na: 1\n", "E004 1:5+1 a line that begins with '%' is a directive, which is not "
                              "read here"},
    /* the subset */
    {"a: 1\nb: 2\na: 3\n", "E005 3:1+1 key 'a' stands twice; it is already on line 1"},
    {"a: {b: 1, b: 2, b: 3}\nc: {d: 1, d: 1}\n",
     "E005 1:11+1 key 'b' stands twice; it is already on line 1\n"
     "E005 1:17+1 key 'b' stands twice; it is already on line 1\n"
     "E005 2:11+1 key 'd' stands twice; it is already on line 2"},
    {"a: !!int 1\nb: !foo {}\n",
     "E006 1:4+7 a tag ('!...') is not read here; the key decides what a value is\n"
     "E006 2:4+1 a tag ('!...') is not read here; the key decides what a value is"},
    {"a: &x 1\nb: *x\n",
     "E007 1:4+4 anchor '&x' outside a top-level x- block\n"
     "E007 2:4+2 alias '*x' has no anchor '&x' in a top-level x- block above it"},
    {"x-a: &x [*x]\n",
     "E007 1:10+2 alias '*x' has no anchor '&x' in a top-level x- block above it"},
    {"x-a: &x 1\nx-b: &x 2\n", "E007 2:6+4 anchor '&x' is defined twice"},
    {"a: 1\n---\nb: 2\n", "E008 2:1+1 a second document begins here; a configuration is one "
                          "document"},
    {"[1, 2]\n", "E010 1:1+1 a configuration is a map of keys, this is a list"},
    {"hello\n", "E010 1:1+5 a configuration is a map of keys, this is a single value"},
    {"[a]: 1\n", "E010 1:1+1 a list cannot be a key; a key is one word"},
};

static void what_is_wrong_is_said_where_it_is(void **state)
{
    struct yaml_node *root;
    struct conf_report r;
    struct arena a;
    struct buf out;
    struct err e;
    int wrong = 0;

    UNUSED(state);
    buf_init(&out, 65536);
    arena_init(&a, 1U << 20);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        conf_report_init(&r);
        conf_report_source(&r, SPAN_LIT("f"), span_str(bad[i].text));
        assert_int_equal(yaml_parse(&root, span_str(bad[i].text), &a, &r, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        dump_report(&r, &out);
        wrong += dump_differs(i, out.p, bad[i].want);
        conf_report_fini(&r);
        arena_fini(&a);
    }
    buf_fini(&out);
    assert_int_equal(wrong, 0);
}

/* {k: [v, v], ...}, walked without recursion: the tree is shallow in this test. */
static void print(struct buf *out, const struct yaml_node *n, int depth)
{
    if (depth > 6)
        return;
    if (n->key)
        buf_printf(out, "%.*s@%u:%u=", SPAN_FMT(n->key->text), n->key->at.line, n->key->at.col);
    if (n->kind == YAML_SCALAR) {
        buf_printf(out, n->null ? "null" : "'%.*s'", SPAN_FMT(n->text));
        buf_printf(out, "@%u:%u+%u", n->at.line, n->at.col, n->at.width);
        return;
    }
    buf_add_char(out, n->kind == YAML_MAP ? '{' : '[');
    for (const struct yaml_node *v = n->first; v; v = v->next) {
        print(out, v, depth + 1);
        if (v->next)
            buf_add_char(out, ' ');
    }
    buf_add_char(out, n->kind == YAML_MAP ? '}' : ']');
}

static void trees_keep_texts_and_places(void **state)
{
    static const struct {
        const char *text, *want;
    } good[] = {
        {"", "{}"},
        {"# nothing\n", "{}"},
        {"\xEF\xBB\xBF"
         "a: 1\n",
         "{a@1:1='1'@1:4+1}"},
        {"a: no\nb: 1.10\nc: 12:30\n", "{a@1:1='no'@1:4+2 b@2:1='1.10'@2:4+4 c@3:1='12:30'@3:4+5}"},
        {"a:\nb: ~\nc: ''\nz: 'null'\n",
         "{a@1:1=null@1:3+1 b@2:1=null@2:4+1 c@3:1=''@3:4+2 z@4:1='null'@4:4+6}"},
        {"a: [x, {y: z}]\r\nb:\r\n  - 1\r\n  - - 2\r\n",
         "{a@1:1=['x'@1:5+1 {y@1:9='z'@1:12+1}] b@2:1=['1'@3:5+1 ['2'@4:7+1]]}"},
        {"\xc3\xa9\xc3\xa9: x\n", "{\xc3\xa9\xc3\xa9@1:1='x'@1:5+1}"},
        {"{\n\t\"a\": [1,\n\t2],\t\"b\": {\"c\": \"\\u00e9\\/\"}\n}\n",
         "{a@2:2=['1'@2:8+1 '2'@3:2+1] b@3:6={c@3:12='\xc3\xa9/'@3:17+10}}"},
        {"x-t: &t {a: 1}\nx-l: &l [*t]\nb: *t\nc: *l\n",
         "{x-t@1:1={a@1:10='1'@1:13+1} x-l@2:1=[{a@1:10='1'@1:13+1}] b@3:1={a@1:10='1'@1:13+1} "
         "c@4:1=[{a@1:10='1'@1:13+1}]}"},
        {"a: 1 # tab\there\n", "{a@1:1='1'@1:4+1}"},
        {"---\na: 1\n...\n", "{a@2:1='1'@2:4+1}"},
    };
    struct yaml_node *root;
    struct conf_report r;
    struct arena a;
    struct buf out;
    struct err e;
    int wrong = 0;

    UNUSED(state);
    buf_init(&out, 65536);
    arena_init(&a, 1U << 20);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        conf_report_init(&r);
        conf_report_source(&r, SPAN_LIT("f"), span_str(good[i].text));
        if (yaml_parse(&root, span_str(good[i].text), &a, &r, &e) < 0) {
            dump_report(&r, &out);
            fail_msg("row %zu: %s", i, out.p);
        }
        buf_reset(&out);
        print(&out, root, 0);
        buf_add_char(&out, '\0');
        wrong += dump_differs(i, out.p, good[i].want);
        conf_report_fini(&r);
        arena_fini(&a);
    }
    buf_fini(&out);
    assert_int_equal(wrong, 0);
}

/* Parse; the report's text in *out (empty: fine). */
static void try_text(struct buf *text, struct buf *out)
{
    struct yaml_node *root = NULL;
    struct conf_report r;
    struct arena a;
    struct err e;

    assert_true(buf_ok(text));
    arena_init(&a, 64U << 20);
    conf_report_init(&r);
    conf_report_source(&r, SPAN_LIT("f"), buf_span(text));
    if (yaml_parse(&root, buf_span(text), &a, &r, &e) == 0)
        assert_non_null(root);
    dump_report(&r, out);
    conf_report_fini(&r);
    arena_fini(&a);
}

static void nest(struct buf *text, int levels)
{
    buf_reset(text);
    buf_add_str(text, "a: ");
    for (int i = 1; i < levels - 1; i++)
        buf_add_char(text, '[');
    buf_add_char(text, '1');
    for (int i = 1; i < levels - 1; i++)
        buf_add_char(text, ']');
}

static void depth_is_bounded(void **state)
{
    struct buf text, out;

    UNUSED(state);
    buf_init(&text, 2U << 20);
    buf_init(&out, 65536);
    nest(&text, YAML_DEPTH_MAX);
    try_text(&text, &out);
    assert_string_equal(out.p, "");
    nest(&text, YAML_DEPTH_MAX + 1);
    try_text(&text, &out);
    assert_string_equal(out.p, "E009 1:35+1 nested deeper than 32 levels");
    /* an alias brings its own height: 30 levels below, used at level 3 */
    buf_reset(&text);
    buf_add_str(&text,
                "x-a: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\nb: [*a]\n");
    try_text(&text, &out);
    assert_string_equal(out.p, "");
    buf_reset(&text);
    buf_add_str(&text, "x-a: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"
                       "b: [[*a]]\n");
    try_text(&text, &out);
    assert_string_equal(out.p, "E009 2:6+2 nested deeper than 32 levels");
    buf_fini(&text);
    buf_fini(&out);
}

static void nodes_and_bytes_are_bounded(void **state)
{
    struct buf text, out;

    UNUSED(state);
    buf_init(&text, 4U << 20);
    buf_init(&out, 65536);
    /* root, key, list and the items */
    for (int extra = 0; extra < 2; extra++) {
        buf_reset(&text);
        buf_add_str(&text, "a: [1");
        for (int i = 0; i < YAML_NODES_MAX - 4 + extra; i++)
            buf_add_str(&text, ",1");
        buf_add_str(&text, "]");
        try_text(&text, &out);
        assert_string_equal(out.p, extra ? "E009 1:199999+1 more than 100000 values" : "");
    }
    /* each use of an alias counts in full */
    buf_reset(&text);
    buf_add_str(&text, "x-a: &a [1,1,1,1,1,1,1,1,1]\nx-b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                       "x-c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                       "x-d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                       "x-e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n");
    try_text(&text, &out);
    assert_string_equal(out.p, "E009 5:34+2 more than 100000 values");
    for (int extra = 0; extra < 2; extra++) {
        buf_reset(&text);
        buf_add_str(&text, "a: ");
        while (text.n < YAML_BYTES_MAX + (size_t)extra)
            buf_add_char(&text, 'x');
        try_text(&text, &out);
        assert_string_equal(out.p, extra ? "E001 0:0+0 larger than 1048576 bytes" : "");
    }
    buf_fini(&text);
    buf_fini(&out);
}

static void errors_of_many_lines_are_counted_and_bounded(void **state)
{
    struct conf_report r;
    struct buf text, out;

    UNUSED(state);
    buf_init(&text, 65536);
    buf_init(&out, 1U << 20);
    for (int i = 0; i < 300; i++)
        buf_add_str(&text, "a: 1\n");
    try_text(&text, &out);
    conf_report_init(&r);
    conf_report_source(&r, SPAN_LIT("f"), buf_span(&text));
    for (int i = 0; i < 300; i++)
        conf_report_add(&r, CONF_ERROR, "E005", (struct conf_place){(uint32_t)i + 1, 1, 1}, "x");
    assert_int_equal(r.n, CONF_DIAGS_MAX);
    assert_int_equal(r.errors, 300);
    buf_reset(&out);
    conf_report_text(&r, &out, false);
    assert_true(span_ends(buf_span(&out), SPAN_LIT("... and 200 more\n300 errors, 0 warnings\n")));
    conf_report_fini(&r);
    buf_fini(&text);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said_where_it_is),
        cmocka_unit_test(trees_keep_texts_and_places),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(nodes_and_bytes_are_bounded),
        cmocka_unit_test(errors_of_many_lines_are_counted_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
