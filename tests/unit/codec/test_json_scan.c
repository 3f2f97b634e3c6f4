/* Goal: the scanner accepts JSON and nothing else, reports exactly the watched values, and does
 * not care how the text is cut.
 * Method: rows of text with the verdict and the hits as text. Each row is fed whole, split at
 * every byte, and one byte at a time; a refusal is tried at every hit. Bounds are tried at and
 * one past. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "codec/json_scan.h"

#define OUT_MAX (1U << 20)

/* The hits of one scan as text, "<path>#<index>@<at>" and then "+<len>=<raw>" for a scalar,
 * "{" for an opening, "+<len>}" for a closing. '~' behind the path: escaped key. */
struct record {
    const struct json_watch *watch;
    struct buf out;
    size_t left; /* hits that are not refused */
};

static bool note(void *arg, const struct json_hit *hit)
{
    struct record *r = arg;
    bool container = hit->type >= JSON_ARRAY;
    size_t raw = (size_t)hit->len - (hit->type == JSON_STRING ? 2 : 0);

    buf_printf(&r->out, "%s%s#%u@%u", r->watch->paths[hit->id], hit->escaped_key ? "~" : "",
               hit->index, (unsigned)hit->at);
    if (!container) {
        assert_int_equal(hit->raw_cut, hit->raw.n < raw);
        assert_true(!hit->raw_cut || hit->raw.n == JSON_SCAN_TEXT);
        buf_printf(&r->out, "+%u=%.*s ", (unsigned)hit->len,
                   (int)MIN(hit->raw.n, (size_t)JSON_SCAN_TEXT), hit->raw.p);
    } else if (hit->end) {
        buf_printf(&r->out, "+%u%c ", (unsigned)hit->len, hit->type == JSON_ARRAY ? ']' : '}');
    } else {
        assert_int_equal(hit->len, 0);
        buf_printf(&r->out, "%c ", hit->type == JSON_ARRAY ? '[' : '{');
    }
    return r->left-- > 0;
}

/* Feed [0, cut) and [cut, n); then `step` bytes at a time if that is not 0. */
static enum json_scan_rc scan(struct json_scan *s, struct record *r, struct span text, size_t cut,
                              size_t step)
{
    size_t at = 0;

    buf_reset(&r->out);
    json_scan_init(s, r->watch, note, r);
    while (at < text.n || cut == 0) {
        size_t n = step ? MIN(step, text.n - at) : at < cut ? cut : text.n - at;
        char *copy = malloc(MAX(n, (size_t)1)); /* exact, and gone after the feed */
        enum json_scan_rc rc;

        assert_non_null(copy);
        if (n)
            memcpy(copy, text.p + at, n);
        rc = json_scan_feed(s, copy, n);
        free(copy);
        if (rc == JSON_SCAN_BAD) {
            assert_int_equal(json_scan_feed(s, " ", 1), JSON_SCAN_BAD);
            assert_int_equal(json_scan_eof(s), JSON_SCAN_BAD);
            return rc;
        }
        at += n;
        assert_int_equal(s->at, at);
        cut = MAX(cut, (size_t)1);
    }
    return json_scan_eof(s);
}

/* All cuts of the text give this verdict, reason and place, and these hits (NULL: any, but the
 * same). Hits after number `refuse` are refused. */
static void try_row(const struct json_watch *watch, struct span text, enum json_scan_rc rc,
                    const char *why, size_t at, const char *hits, size_t refuse)
{
    struct record want = {.watch = watch, .left = refuse}, got = {.watch = watch};
    struct json_scan s;

    buf_init(&want.out, OUT_MAX);
    buf_init(&got.out, OUT_MAX);
    assert_int_equal(scan(&s, &want, text, text.n, 0), rc);
    if (why)
        assert_string_equal(s.why, why);
    if (at != SIZE_MAX)
        assert_int_equal(s.at, at);
    buf_add_char(&want.out, '\0');
    assert_true(buf_ok(&want.out));
    if (hits)
        assert_string_equal(want.out.p, hits);
    for (size_t cut = 0; cut <= text.n; cut++) {
        struct json_scan t;

        got.left = refuse;
        assert_int_equal(scan(&t, &got, text, cut, cut == text.n), rc);
        buf_add_char(&got.out, '\0');
        assert_string_equal(got.out.p, want.out.p);
        assert_int_equal(t.at, s.at);
        assert_ptr_equal(t.why, s.why);
    }
    buf_fini(&want.out);
    buf_fini(&got.out);
}

static const char *const paths[] = {"", "a", "a.b", "a[].b", "a[].c[].d", "x[]", "x[][]", "x"};
static const struct json_watch small = {paths, ARRAY_LEN(paths)};

static const struct {
    const char *text, *hits;
} finds[] = {
    {"7", "#0@0+1=7 "},
    {" \"s\" ", "#0@1+3=s "},
    {"true", "#0@0+4=true "},
    {"false", "#0@0+5=false "},
    {"null\n", "#0@0+4=null "},
    {"[]", "#0@0[ #0@0+2] "},
    {"{}", "#0@0{ #0@0+2} "},
    {"{\"a\":1}", "#0@0{ a#0@5+1=1 #0@0+7} "},
    {"{\"a\" : -0.5e+3 , \"b\":2}", "#0@0{ a#0@7+7=-0.5e+3 #0@0+23} "},
    {"{\"a\":{\"b\":\"\"}}", "#0@0{ a#0@5{ a.b#0@10+2= a#0@5+8} #0@0+14} "},
    {"{\"a\":{\"b\":[],\"c\":{}}}", "#0@0{ a#0@5{ a.b#0@10[ a.b#0@10+2] a#0@5+15} #0@0+21} "},
    {"{\"a\":[{\"b\":1},3,{\"b\":2}]}",
     "#0@0{ a#0@5[ a[].b#0@11+1=1 a[].b#2@21+1=2 a#0@5+19] #0@0+25} "},
    {"{\"a\":[{\"c\":[0,{\"d\":1}]},{\"c\":[{\"d\":2}],\"b\":3}]}",
     "#0@0{ a#0@5[ a[].c[].d#1@19+1=1 a[].c[].d#0@35+1=2 a[].b#1@43+1=3 a#0@5+41] #0@0+47} "},
    {"{\"x\":[[1,2],[],[3]]}",
     "#0@0{ x#0@5[ x[]#0@6[ x[][]#0@7+1=1 x[][]#1@9+1=2 x[]#0@6+5] x[]#1@12[ x[]#1@12+2] "
     "x[]#2@15[ x[][]#0@16+1=3 x[]#2@15+3] x#0@5+14] #0@0+20} "},
    /* A key counts only at its place. */
    {"{\"z\":{\"a\":1},\"y\":[{\"a\":1}]}", "#0@0{ #0@0+27} "},
    {"{\"z\":\"\\\"a\\\":1\",\"aa\":1,\"\":1,\"b\":1}", "#0@0{ #0@0+33} "},
    {"{\"a.b\":1,\"a[]\":2,\"x[]\":3,\"[]\":4}", "#0@0{ #0@0+32} "},
    {"{\"a\":{\"[]\":{\"b\":1}}}", "#0@0{ a#0@5{ a#0@5+14} #0@0+20} "},
    {"[{\"a\":1}]", "#0@0[ #0@0+9] "},
    /* A container of another kind than the path says. */
    {"{\"a\":[[{\"b\":1}]],\"x\":{\"a\":1}}", "#0@0{ a#0@5[ a#0@5+11] x#0@21{ x#0@21+7} #0@0+29} "},
    /* Duplicates are all reported. */
    {"{\"a\":1,\"a\":2}", "#0@0{ a#0@5+1=1 a#0@11+1=2 #0@0+13} "},
    /* Escaped keys are the same keys, and say so. */
    {"{\"\\u0061\":1,\"a\":2}", "#0@0{ a~#0@10+1=1 a#0@16+1=2 #0@0+18} "},
    {"{\"\\u0061\":{\"b\":1}}", "#0@0{ a~#0@10{ a.b#0@15+1=1 a~#0@10+7} #0@0+18} "},
    {"{\"\\u0078\":[1]}", "#0@0{ x~#0@10[ x[]~#0@11+1=1 x~#0@10+3] #0@0+14} "},
    {"{\"a\\u0000\":1,\"\\u0000\":1,\"\\\\a\":1}", "#0@0{ #0@0+32} "},
    {"{\"a\":\"\\uD800\\n\\uDC00\"}", "#0@0{ a#0@5+16=\\uD800\\n\\uDC00 #0@0+22} "},
    {"{\"a\":\"\\u00e9\\ud83d\\ude00\"}", "#0@0{ a#0@5+20=\\u00e9\\ud83d\\ude00 #0@0+26} "},
};

static void finds_what_is_watched(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(finds); i++)
        try_row(&small, span_str(finds[i].text), JSON_SCAN_DONE, NULL, strlen(finds[i].text),
                finds[i].hits, SIZE_MAX);
}

static const struct {
    const char *text, *why;
    size_t at; /* of the byte at fault */
} faults[] = {
    {"", "ends early", 0},
    {"  ", "ends early", 2},
    {"\xEF\xBB\xBF{}", "no value", 0},
    {"x", "no value", 0},
    {"1 2", "more than one value", 2},
    {"{} {}", "more than one value", 3},
    {"[", "ends early", 1},
    {"[1", "ends early", 2},
    {"[1,", "ends early", 3},
    {"[,1]", "no value", 1},
    {"[1,]", "no value", 3},
    {"[1 2]", "array", 3},
    {"[1}", "array", 2},
    {"[}", "no value", 1},
    {"]", "no value", 0},
    {"{", "ends early", 1},
    {"{]", "no key", 1},
    {"{\"a\"", "ends early", 4},
    {"{\"a\"}", "no colon", 4},
    {"{\"a\" 1}", "no colon", 5},
    {"{\"a\"::1}", "no value", 5},
    {"{\"a\":}", "no value", 5},
    {"{\"a\":1", "ends early", 6},
    {"{\"a\":1]", "object", 6},
    {"{\"a\":1,}", "no key", 7},
    {"{\"a\":1,,}", "no key", 7},
    {"{\"a\":1 \"b\":2}", "object", 7},
    {"{a:1}", "no key", 1},
    {"{1:1}", "no key", 1},
    {"{'a':1}", "no key", 1},
    {"[1]//", "more than one value", 3},
    {"/**/1", "no value", 0},
    {"\v1", "no value", 0},
    {"1\f", "number", 1},
    {"\xC2\xA0", "no value", 0},
    {"nul", "ends early", 3},
    {"nulL", "literal", 3},
    {"null0", "more than one value", 4},
    {"True", "no value", 0},
    {"trve", "literal", 2},
    {"fals ", "literal", 4},
    {"NaN", "no value", 0},
    {"Infinity", "no value", 0},
    {"-Infinity", "number", 1},
    {"+1", "no value", 0},
    {"-", "ends early", 1},
    {"--1", "number", 1},
    {"-a", "number", 1},
    {"01", "number", 1},
    {"-00", "number", 2},
    {".5", "no value", 0},
    {"1.", "ends early", 2},
    {"1.e1", "number", 2},
    {"1.5.5", "number", 3},
    {"1e", "ends early", 2},
    {"1e+", "ends early", 3},
    {"1e+-1", "number", 3},
    {"1e1e1", "number", 3},
    {"1e1.5", "number", 3},
    {"0x10", "number", 1},
    {"1_000", "number", 1},
    {"12a", "number", 2},
    {"1\"", "number", 1},
    {"\"", "ends early", 1},
    {"\"abc", "ends early", 4},
    {"\"a\nb\"", "string", 2},
    {"\"a\tb\"", "string", 2},
    {"\"a\x1F\"", "string", 2},
    {"\"\\", "ends early", 2},
    {"\"\\a\"", "escape", 2},
    {"\"\\'\"", "escape", 2},
    {"\"\\x41\"", "escape", 2},
    {"\"\\U0041\"", "escape", 2},
    {"\"\\u\"", "escape", 3},
    {"\"\\u004\"", "escape", 6},
    {"\"\\u00g0\"", "escape", 5},
    {"\"\x80\"", "utf-8", 1},
    {"\"\xC0\x80\"", "utf-8", 1},
    {"\"\xC1\xBF\"", "utf-8", 1},
    {"\"\xC2\"", "utf-8", 2},
    {"\"\xC2\xC2\"", "utf-8", 2},
    {"\"\xE0\x9F\xBF\"", "utf-8", 2},
    {"\"\xE1\x80\"", "utf-8", 3},
    {"\"\xED\xA0\x80\"", "utf-8", 2},
    {"\"\xED\xBF\xBF\"", "utf-8", 2},
    {"\"\xF0\x8F\xBF\xBF\"", "utf-8", 2},
    {"\"\xF0\x90\x80\"", "utf-8", 4},
    {"\"\xF4\x90\x80\x80\"", "utf-8", 2},
    {"\"\xF5\x80\x80\x80\"", "utf-8", 1},
    {"\"\xFF\"", "utf-8", 1},
    {"{\"\xC2\":1}", "utf-8", 3},
    {"{\"\\q\":1}", "escape", 3},
};

static void faults_are_found_where_they_are(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        try_row(&small, span_str(faults[i].text), JSON_SCAN_BAD, faults[i].why, faults[i].at, NULL,
                SIZE_MAX);
    try_row(&small, SPAN_LIT("1\0"), JSON_SCAN_BAD, "number", 1, NULL, SIZE_MAX);
    try_row(&small, SPAN_LIT("\"a\0\""), JSON_SCAN_BAD, "string", 2, NULL, SIZE_MAX);
}

static const char *const valid[] = {
    "0",
    "-0",
    "-0.0e-0",
    "123456789012345678901234567890",
    "1E400",
    "0.1e+10",
    "\t\n\r [\t1 ,\r\n2 ]\t",
    "\"\x7F\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\\uFFFF\\ud7ff\\ue000\\uDABC\\udcba\"",
    "\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\"",
    "\"\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF\xF1\x80\x80\x80\"",
    "\"plain text that is longer than a word of eight\"",
    "[\"\",null,true,false,[],{},\"1234567\",\"12345678\",\"123456789\"]",
    "{\"\":{\"\":[{\"\":0}]}}",
};

static void valid_texts_pass(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
        try_row(&small, span_str(valid[i]), JSON_SCAN_DONE, NULL, strlen(valid[i]), NULL, SIZE_MAX);
        assert_int_equal(json_scan_all(NULL, span_str(valid[i]), NULL, NULL), JSON_SCAN_DONE);
    }
}

/* What may stand in a string, or not, and how far into it the fault is found. */
static const struct {
    const char *piece, *why; /* NULL: it may */
    size_t at;
} pieces[] = {
    {"", NULL, 0},
    {"\x7F", NULL, 0},
    {"\\\"", NULL, 0},
    {"\\u00e9\\\\", NULL, 0},
    {"\xC3\xA9", NULL, 0},
    {"\xE2\x82\xAC", NULL, 0},
    {"\xF0\x9F\x8C\x8A", NULL, 0},
    {"\x01", "string", 0},
    {"\x1F", "string", 0},
    {"\\x", "escape", 1},
    {"\x80", "utf-8", 0},
    {"\xC3(", "utf-8", 1},
    {"\xE2\x82(", "utf-8", 2},
    {"\xED\xA0\x80", "utf-8", 1},
    {"\xFF", "utf-8", 0},
};

/* Fed whole, a string is skipped in vectors; fed byte by byte it is read by the table alone. */
static void a_string_may_stop_at_every_place_of_a_vector(void **state)
{
    static const char plain[] = "0123456789abcdefghijklmnopqrstuvw";

    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        for (size_t before = 0; before < sizeof(plain); before++) {
            for (size_t behind = 0; behind <= 17; behind += 17) {
                char text[128];
                int n = snprintf(text, sizeof(text), "{\"a\":\"%.*s%s%.*s\",\"x\":1}", (int)before,
                                 plain, pieces[i].piece, (int)behind, plain);
                size_t fault = strlen("{\"a\":\"") + before + pieces[i].at;

                if (pieces[i].why)
                    try_row(&small, span_of(text, (size_t)n), JSON_SCAN_BAD, pieces[i].why, fault,
                            "#0@0{ ", SIZE_MAX);
                else
                    try_row(&small, span_of(text, (size_t)n), JSON_SCAN_DONE, NULL, (size_t)n, NULL,
                            SIZE_MAX);
            }
        }
    }
}

static void a_refusal_stops_the_scan(void **state)
{
    static const size_t at[] = {0, 5, 12, 18, 20}; /* of the byte that completes the hit */
    static const char *const hits[] = {
        "#0@0{ ",
        "#0@0{ a#0@5[ ",
        "#0@0{ a#0@5[ a[].b#0@11+1=7 ",
        "#0@0{ a#0@5[ a[].b#0@11+1=7 a[].b#0@17+2= ",
        "#0@0{ a#0@5[ a[].b#0@11+1=7 a[].b#0@17+2= a#0@5+16] ",
    };
    struct span text = SPAN_LIT("{\"a\":[{\"b\":7,\"b\":\"\"}],\"x\":null}");

    for (size_t i = 0; i < ARRAY_LEN(hits); i++)
        try_row(&small, text, JSON_SCAN_BAD, "refused", at[i], hits[i], i);
    try_row(&small, SPAN_LIT("12"), JSON_SCAN_BAD, "refused", 2, "#0@0+2=12 ", 0);
    try_row(&small, SPAN_LIT("12 "), JSON_SCAN_BAD, "refused", 2, "#0@0+2=12 ", 0);
    try_row(&small, SPAN_LIT("null"), JSON_SCAN_BAD, "refused", 3, "#0@0+4=null ", 0);
    try_row(&small, SPAN_LIT("\"\""), JSON_SCAN_BAD, "refused", 1, "#0@0+2= ", 0);
}

/* depth times `open`, a value, depth times `close`. */
static void try_depth(const char *open, const char *close, size_t depth, enum json_scan_rc rc)
{
    struct buf text;

    buf_init(&text, OUT_MAX);
    for (size_t i = 0; i < depth; i++)
        buf_add_str(&text, open);
    buf_add_str(&text, "0");
    for (size_t i = 0; i < depth; i++)
        buf_add_str(&text, close);
    try_row(&small, buf_span(&text), rc, rc == JSON_SCAN_BAD ? "depth" : NULL,
            rc == JSON_SCAN_BAD ? JSON_SCAN_DEPTH * strlen(open) : text.n, NULL, SIZE_MAX);
    buf_fini(&text);
}

static void depth_has_a_bound(void **state)
{
    try_depth("[", "]", JSON_SCAN_DEPTH, JSON_SCAN_DONE);
    try_depth("[", "]", JSON_SCAN_DEPTH + 1, JSON_SCAN_BAD);
    try_depth("{\"a\":", "}", JSON_SCAN_DEPTH, JSON_SCAN_DONE);
    try_row(&small, SPAN_LIT("{\"a\":0}"), JSON_SCAN_DONE, NULL, 7, NULL, SIZE_MAX);
    try_depth("[[", "]]", JSON_SCAN_DEPTH / 2, JSON_SCAN_DONE);
}

#define KEY32 "abcdefghijklmnopqrstuvwxyz012345"
#define U8    "\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061"
#define A8    "aaaaaaaa"

static void keys_have_a_bound(void **state)
{
    static const char *const keys[] = {KEY32, A8 A8 A8 A8};
    static const struct json_watch watch = {keys, 2};

    try_row(&watch, SPAN_LIT("{\"" KEY32 "\":1}"), JSON_SCAN_DONE, NULL, 38, KEY32 "#0@36+1=1 ",
            SIZE_MAX);
    try_row(&watch, SPAN_LIT("{\"" KEY32 "6\":1}"), JSON_SCAN_DONE, NULL, 39, "", SIZE_MAX);
    try_row(&watch, SPAN_LIT("{\"" U8 U8 U8 U8 "\":1}"), JSON_SCAN_DONE, NULL, 198,
            A8 A8 A8 A8 "~#0@196+1=1 ", SIZE_MAX);
    try_row(&watch, SPAN_LIT("{\"" U8 U8 U8 U8 "a\":1}"), JSON_SCAN_DONE, NULL, 199, "", SIZE_MAX);
    try_row(&watch, SPAN_LIT("{\"" U8 U8 U8 U8 "\\u0061\":1}"), JSON_SCAN_DONE, NULL, 204, "",
            SIZE_MAX);
    try_row(&watch, SPAN_LIT("{\"" U8 U8 U8 U8 U8 U8 U8 U8 "\":1}"), JSON_SCAN_DONE, NULL, 390, "",
            SIZE_MAX);
}

/* Feed a string of n bytes, cut inside; all of it must come when it is short enough. */
static void try_text(size_t n)
{
    static const char *const root[] = {""};
    static const struct json_watch watch = {root, 1};
    struct record r = {.watch = &watch, .left = SIZE_MAX};
    struct json_scan s;
    struct buf text;
    struct span got;

    buf_init(&text, OUT_MAX);
    buf_init(&r.out, OUT_MAX);
    buf_add_char(&text, '"');
    for (size_t i = 0; i < n; i++)
        buf_add_char(&text, (char)('a' + i % 26));
    buf_add_char(&text, '"');
    for (size_t cut = 1; cut < text.n; cut++) {
        char head[32];
        int m = snprintf(head, sizeof(head), "#0@0+%zu=", n + 2);

        assert_int_equal(scan(&s, &r, buf_span(&text), cut, 0), JSON_SCAN_DONE);
        got = buf_span(&r.out);
        assert_true(span_starts(got, span_str(head)));
        got = span_of(got.p + m, got.n - (size_t)m - 1);
        assert_true(span_eq(got, span_of(text.p + 1, MIN(n, (size_t)JSON_SCAN_TEXT))));
    }
    buf_fini(&text);
    buf_fini(&r.out);
}

static bool keep(void *arg, const struct json_hit *hit)
{
    *(struct json_hit *)arg = *hit;
    return true;
}

static void carried_text_has_a_bound(void **state)
{
    static const char *const root[] = {""};
    static const struct json_watch watch = {root, 1};
    struct json_hit hit = {0};
    struct buf text;

    for (size_t n = JSON_SCAN_TEXT - 1; n <= JSON_SCAN_TEXT + 2; n++)
        try_text(n);
    /* In one feed nothing is cut, and raw points into the feed. */
    buf_init(&text, OUT_MAX);
    buf_printf(&text, "\"%01000d\"", 0);
    assert_int_equal(json_scan_all(&watch, buf_span(&text), keep, &hit), JSON_SCAN_DONE);
    assert_ptr_equal(hit.raw.p, text.p + 1);
    assert_int_equal(hit.raw.n, 1000);
    assert_false(hit.raw_cut);
    buf_fini(&text);
}

static bool count(void *arg, const struct json_hit *hit)
{
    ++*(size_t *)arg;
    return hit->id < JSON_SCAN_PATHS;
}

static void watches_have_bounds(void **state)
{
    char names[JSON_SCAN_PATHS][8], text[1024] = "{";
    const char *rows[JSON_SCAN_PATHS];
    struct json_watch watch = {rows, JSON_SCAN_PATHS};
    static const char *const deep[] = {"a.b[].c.d.e.f[][].g.h.i"};
    static const struct json_watch twelve = {deep, 1};
    size_t n = 0, at = 1;

    for (size_t i = 0; i < JSON_SCAN_PATHS; i++) {
        snprintf(names[i], sizeof(names[i]), "k%zu", i);
        rows[i] = names[i];
        at += (size_t)snprintf(text + at, sizeof(text) - at, "\"k%zu\":%zu,", i, i);
    }
    text[at - 1] = '}';
    assert_int_equal(json_scan_all(&watch, span_of(text, at), count, &n), JSON_SCAN_DONE);
    assert_int_equal(n, JSON_SCAN_PATHS);
    try_row(&twelve,
            SPAN_LIT("{\"a\":{\"b\":[{\"c\":{\"d\":{\"e\":{\"f\":[0,[1,{\"g\":{\"h\":{\"i\":[]}}}"
                     "]]}}}}]}}"),
            JSON_SCAN_DONE, NULL, 66,
            "a.b[].c.d.e.f[][].g.h.i#1@52[ a.b[].c.d.e.f[][].g.h.i#1@52+2] ", SIZE_MAX);
}

/* Does init abort on these paths? */
static bool aborts(const char *const *rows, size_t n)
{
    struct json_watch watch = {rows, n};
    struct json_scan s;
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        json_scan_init(&s, &watch, keep, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void wrong_paths_are_bugs(void **state)
{
    static const char *const rows[][2] = {
        {"a", "a"},         {"", ""},
        {"a..b", "x"},      {"a.", "x"},
        {".a", "x"},        {"a[", "x"},
        {"a[0]", "x"},      {"a[]b", "x"},
        {KEY32 "6", "x"},   {"a\\n", "x"},
        {"[]a", "x"},       {"a]", "a]"},
        {"a[].b", "a[].b"}, {"a.b.c.d.e.f.g.h.i.j.k.l.m", "x"},
    };
    static const char *const good[] = {"", "[]", "[].a", "a", "a[]", "a[].b", KEY32};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(aborts(rows[i], 2));
    assert_false(aborts(good, ARRAY_LEN(good)));
}

static void reset_reads_the_next_text(void **state)
{
    static const struct {
        const char *text;
        enum json_scan_rc rc;
    } rows[] = {
        {"{\"a\":[{\"b\":1", JSON_SCAN_MORE},
        {"[1}", JSON_SCAN_BAD},
        {"{\"a\":1}", JSON_SCAN_DONE},
    };
    struct json_scan s, copy;
    size_t n = 0;

    json_scan_init(&s, &small, count, &n);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_scan_reset(&s);
        n = 0;
        assert_int_equal(json_scan_feed(&s, rows[i].text, strlen(rows[i].text)), rows[i].rc);
    }
    assert_int_equal(n, 3);
    /* A copy goes on by itself. */
    json_scan_reset(&s);
    n = 0;
    assert_int_equal(json_scan_feed(&s, "{\"a\":1", 6), JSON_SCAN_MORE);
    copy = s;
    assert_int_equal(json_scan_feed(&s, "2}", 2), JSON_SCAN_DONE);
    assert_int_equal(json_scan_feed(&copy, "}", 1), JSON_SCAN_DONE);
    assert_int_equal(json_scan_eof(&copy), JSON_SCAN_DONE);
    assert_int_equal(json_scan_feed(&copy, " \n", 2), JSON_SCAN_DONE);
    assert_int_equal(json_scan_feed(&copy, NULL, 0), JSON_SCAN_DONE);
    assert_int_equal(json_scan_feed(&copy, "x", 1), JSON_SCAN_BAD);
    assert_int_equal(n, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_watched),
        cmocka_unit_test(faults_are_found_where_they_are),
        cmocka_unit_test(valid_texts_pass),
        cmocka_unit_test(a_string_may_stop_at_every_place_of_a_vector),
        cmocka_unit_test(a_refusal_stops_the_scan),
        cmocka_unit_test(depth_has_a_bound),
        cmocka_unit_test(keys_have_a_bound),
        cmocka_unit_test(carried_text_has_a_bound),
        cmocka_unit_test(watches_have_bounds),
        cmocka_unit_test(wrong_paths_are_bugs),
        cmocka_unit_test(reset_reads_the_next_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
