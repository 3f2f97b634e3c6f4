/* Goal: each sample of a page is told once, as it stands there, wherever the page is cut; what is
 * none is passed over, and the next line is read again. Method: a table of lines; a page cut at
 * every byte; lines at the bound and past it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "codec/prom.h"

static void on_sample(void *arg, const struct prom_sample *s)
{
    buf_printf(arg, "%.*s|%.*s|%.15g\n", SPAN_FMT(s->name), SPAN_FMT(s->labels), s->value);
}

/* Fed in pieces of so many bytes; 0: at once. Returns how many lines were passed over. */
static uint64_t read_page(struct buf *out, struct span page, size_t piece)
{
    struct prom p;

    buf_reset(out);
    prom_init(&p, on_sample, out);
    for (size_t at = 0; at < page.n;) {
        size_t n = piece ? MIN(piece, page.n - at) : page.n;

        prom_feed(&p, page.p + at, n);
        at += n;
    }
    prom_end(&p);
    return p.passed_over;
}

static void each_line(void **state)
{
    static const struct {
        const char *line, *want; /* "": it is no sample; NULL: nor anything */
    } rows[] = {
        {"a 1", "a||1\n"},
        {"vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 42.0",
         "vllm:num_requests_running|engine=\"0\",model_name=\"m\"|42\n"},
        {"a{} 1", "a||1\n"},
        {"a{b=\"c\",} 1", "a|b=\"c\",|1\n"},
        {"a{b=\"}\"} 1", "a|b=\"}\"|1\n"},
        {"a{b=\"\\\"} 2\"} 1", "a|b=\"\\\"} 2\"|1\n"},
        {"a{b=\"\\\\\"} 1", "a|b=\"\\\\\"|1\n"},
        {"  a\t{ b = \"c\" , d = \"\" }\t 1.5  1700000000000 ", "a| b = \"c\" , d = \"\" |1.5\n"},
        {"a 1\r", "a||1\n"},
        {"a -1", "a||-1\n"},
        {"a +1", "a||1\n"},
        {"a 1e3", "a||1000\n"},
        {"a 1.25E+2", "a||125\n"},
        {"a 5e-1", "a||0.5\n"},
        {"a .5", ""},
        {"a 5.", ""},
        {"a 8.128902e+06", "a||8128902\n"},
        {"a 0.007507552643049313", "a||0.00750755264304931\n"},
        {"a 012", ""},
        {"a 123456789012345678901234567890", "a||1.23456789012346e+29\n"},
        {"a 1e999999999999", "a||inf\n"},
        {"a 1e-999999999999", "a||0\n"},
        {"a 0e999", "a||0\n"},
        {"a NaN", "a||nan\n"},
        {"a +Inf", "a||inf\n"},
        {"a -inf", "a||-inf\n"},
        {"a infinity", "a||inf\n"},
        {"# HELP a something", NULL},
        {"#", NULL},
        {"", NULL},
        {"   ", NULL},
        {"a", ""},
        {"a ", ""},
        {"a b", ""},
        {"a 1x", ""},
        {"a 1e", ""},
        {"a 1e+", ""},
        {"a 1e1.5", ""},
        {"a .", ""},
        {"a -", ""},
        {"a 0x10", ""},
        {"a +-1", ""},
        {"a 1,5", ""},
        {"{b=\"c\"} 1", ""},
        {"a{b=\"c\" 1", ""},
        {"a{b=\"c} 1", ""},
        {"a{b=c} 1", ""},
        {"a{b} 1", ""},
        {"a{=\"c\"} 1", ""},
        {"a{b=\"c\"d=\"e\"} 1", ""},
        {"a{b=\"c\"}", ""},
        {"a{b=\"c\\", ""},
        {"\xff\xfe 1", ""},
    };
    struct buf out;

    UNUSED(state);
    buf_init(&out, 65536);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t over = read_page(&out, span_str(rows[i].line), 0);

        if (!span_is(buf_span(&out), rows[i].want ? rows[i].want : "") ||
            over != (rows[i].want && !rows[i].want[0]))
            fail_msg("%s: %.*s, %d passed over", rows[i].line, SPAN_FMT(buf_span(&out)), (int)over);
    }
    buf_fini(&out);
}

static void every_cut(void **state)
{
    static const char page[] =
        "# TYPE a gauge\na{b=\"c\",d=\"}\\\"\"} 1.5\r\n\nnone\nb 2 3\nc -4e2";
    struct buf want, out;

    UNUSED(state);
    buf_init(&want, 65536);
    buf_init(&out, 65536);
    assert_int_equal(read_page(&want, span_str(page), 0), 1);
    assert_true(span_is(buf_span(&want), "a|b=\"c\",d=\"}\\\"\"|1.5\nb||2\nc||-400\n"));
    for (size_t piece = 1; piece < sizeof(page); piece++) {
        assert_int_equal(read_page(&out, span_str(page), piece), 1);
        assert_true(span_eq(buf_span(&out), buf_span(&want)));
    }
    buf_fini(&want);
    buf_fini(&out);
}

static void a_line_is_as_long_as_it_may_be(void **state)
{
    struct buf page, out;

    UNUSED(state);
    buf_init(&page, 1 << 20);
    buf_init(&out, 1 << 20);
    for (size_t n = PROM_LINE_MAX; n <= PROM_LINE_MAX + 1; n++) {
        buf_reset(&page);
        for (size_t i = 0; i < n - 2; i++)
            buf_add_char(&page, 'a');
        buf_add_str(&page, " 1\nb 2\n");
        for (size_t piece = 0; piece < 3; piece++) {
            assert_int_equal(read_page(&out, buf_span(&page), piece), n > PROM_LINE_MAX);
            assert_true(span_ends(buf_span(&out), SPAN_LIT("b||2\n")));
            assert_int_equal(buf_span(&out).n > PROM_LINE_MAX - 2, n == PROM_LINE_MAX);
        }
    }
    buf_reset(&page);
    for (size_t i = 0; i < 100000; i++) /* and without an end */
        buf_add_char(&page, '1');
    assert_int_equal(read_page(&out, buf_span(&page), 777), 1);
    assert_int_equal(buf_span(&out).n, 0);
    buf_fini(&page);
    buf_fini(&out);
}

static void on_label(void *arg, const struct prom_sample *s)
{
    buf_printf(arg, "%.*s|%.*s|%d", SPAN_FMT(prom_label(s, "block_size")),
               SPAN_FMT(prom_label(s, "num")), span_has(prom_label(s, "size")));
}

static void labels_are_found_by_their_whole_name(void **state)
{
    static const char line[] =
        "vllm:cache_config_info{ num = \"27543\", block_size=\"16\" ,odd=\"num=\\\"1\\\"\",} 1.0\n";
    struct prom p;
    struct buf out;

    UNUSED(state);
    buf_init(&out, 4096);
    prom_init(&p, on_label, &out);
    prom_feed(&p, line, sizeof(line) - 1);
    assert_true(span_is(buf_span(&out), "16|27543|0"));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(a_line_is_as_long_as_it_may_be),
        cmocka_unit_test(labels_are_found_by_their_whole_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
