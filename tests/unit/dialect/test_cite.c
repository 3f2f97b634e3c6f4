/*
 * Goal: where a text has its facts from reaches clients of other dialects: Google counts bytes,
 * OpenAI characters. Method: Gemini's answers and the events that are told of them; events and what
 * a client of Gemini reads of them; the bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../conformance/chat_text.h"
#include "dialect/convert_cite.h"
#include "dialect/gemini/gemini_convert.h"

#define C      (&convert_gemini_generate)
#define BUDGET ((size_t)1 << 20)

struct telling {
    struct arena a;
    struct convert_reader r;
    struct convert_writer w;
    struct buf text, out;
    unsigned char own[2][8192];
};

static int on_event(void *arg, const struct chat_event *ev, struct err *e)
{
    struct telling *t = arg;

    UNUSED(e);
    chat_text_event(&t->text, ev);
    return 0;
}

static void telling_begin(struct telling *t)
{
    memset(t, 0, sizeof(*t));
    assert_true(C->reader_bytes <= sizeof(t->own[0]) && C->writer_bytes <= sizeof(t->own[1]));
    arena_init(&t->a, BUDGET);
    buf_init(&t->text, BUDGET);
    buf_init(&t->out, BUDGET);
    t->r = (struct convert_reader){.c = C, .own = t->own[0], .arena = &t->a, .sink = {on_event, t}};
    t->w = (struct convert_writer){.c = C,
                                   .own = t->own[1],
                                   .arena = &t->a,
                                   .out = &t->out,
                                   .model = SPAN_LIT("mine"),
                                   .id = SPAN_LIT("r_1")};
}

static void telling_end(struct telling *t)
{
    arena_fini(&t->a);
    buf_fini(&t->text);
    buf_fini(&t->out);
}

/* Events, a line each. */
static int tell_events(struct telling *t, const char *lines, struct err *e)
{
    struct span rest = span_str(lines);
    int rc = 0;

    while (span_has(rest) && rc == 0) {
        struct json_tree tree = {0};

        rc = json_tree_read(&tree, span_cut(&rest, '\n'), e) < 0
                 ? -1
                 : C->read_event(&t->r, SPAN_LIT(""), tree.root, e);
        json_tree_fini(&tree);
    }
    return rc;
}

/* clang-format off */
static const struct {
    const char *name, *in, *events;
} answers[] = {
    {"citations of Google's API, in bytes", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\xc3\xa4" "b\"}]},\"citationMetadata\":{\"citationSources\":[{\"endIndex\":2,\"uri\":\"u\"},{\"startIndex\":2,\"endIndex\":3,\"uri\":\"v\",\"license\":\"l\"}]}}]}",
     "0.0 start\n0.0 part text\n0.0 delta text='\xc3\xa4" "b'\n0.0 cite text='{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"\"}'\n0.0 cite text='{\"type\":\"url_citation\",\"start_index\":1,\"end_index\":2,\"url\":\"v\",\"title\":\"\"}'\n"},
    {"citations of its cloud", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\xc3\xa4" "b\"}]},\"citationMetadata\":{\"citations\":[{},{\"endIndex\":3},{\"endIndex\":3,\"uri\":\"u\",\"title\":\"t\"}]}}]}",
     "0.0 start\n0.0 part text\n0.0 delta text='\xc3\xa4" "b'\n0.0 cite text='{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":2,\"url\":\"u\",\"title\":\"t\"}'\n"},
    {"no place, within a character, behind the text", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\xc3\xa4" "b\"}]},\"citationMetadata\":{\"citationSources\":[{\"uri\":\"u\"},{\"endIndex\":1,\"uri\":\"u\"},{\"startIndex\":1,\"endIndex\":3,\"uri\":\"u\"},{\"endIndex\":4,\"uri\":\"u\"}]}}]}",
     "0.0 start\n0.0 part text\n0.0 delta text='\xc3\xa4" "b'\n"},
    {"grounding", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\xc3\xa4" "b\"}]},\"groundingMetadata\":{\"webSearchQueries\":[\"q\"],\"groundingChunks\":[{\"web\":{\"uri\":\"u\",\"title\":\"t\"}},{\"maps\":{\"uri\":\"v\"}},{\"image\":{}}],\"groundingSupports\":[{\"segment\":{\"endIndex\":2,\"partIndex\":1},\"groundingChunkIndices\":[0,1,2,3]},{\"segment\":{\"startIndex\":2,\"endIndex\":3},\"groundingChunkIndices\":[1]},{},{\"segment\":{\"endIndex\":3}}]}}]}",
     "0.0 start\n0.0 part text\n0.0 delta text='\xc3\xa4" "b'\n0.0 cite text='{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"t\"}'\n0.0 cite text='{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"v\",\"title\":\"\"}'\n0.0 cite text='{\"type\":\"url_citation\",\"start_index\":1,\"end_index\":2,\"url\":\"v\",\"title\":\"\"}'\n"},
    {"a part of several", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]},\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"u\"}}],\"groundingSupports\":[{\"segment\":{\"endIndex\":1,\"partIndex\":1},\"groundingChunkIndices\":[0]},{\"segment\":{\"endIndex\":1},\"groundingChunkIndices\":[0]}]}}]}",
     "0.0 start\n0.0 part text\n0.0 delta text='a'\n0.0 delta text='b'\n0.0 cite text='{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"\"}'\n"},
    {"a thought is no text", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\",\"thought\":true}]},\"citationMetadata\":{\"citationSources\":[{\"endIndex\":1,\"uri\":\"u\"}]}}]}",
     "0.0 start\n0.0 part thinking\n0.0 delta text='a'\n"},
};
/* clang-format on */

static void answers_cite_characters(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct telling t;
        struct err e;

        telling_begin(&t);
        if (tell_events(&t, answers[i].in, &e) < 0)
            fail_msg("'%s': %s", answers[i].name, e.text);
        if (!span_is(buf_span(&t.text), answers[i].events))
            fail_msg("'%s': got\n%.*s", answers[i].name, SPAN_FMT(buf_span(&t.text)));
        telling_end(&t);
    }
}

#define CITE(start, end, url, title)                                                               \
    "{\"type\":\"url_citation\",\"start_index\":" #start ",\"end_index\":" #end ",\"url\":\"" url  \
    "\",\"title\":\"" title "\"}"
#define SUPPORT(place, chunk) "{\"segment\":{" place "},\"groundingChunkIndices\":[" #chunk "]}"

/* Citations of a place in characters: a page is told once, and the places are bytes. */
static void citations_are_told_at_the_end(void **state)
{
    static const char cites[] = CITE(0, 1, "u", "t") "," CITE(1, 2, "v", "") "," CITE(
        1, 2, "u", "t") "," CITE(0, 3, "w", "") ",{\"type\":\"page_location\"}";
    static const char chunks[] =
        "\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"u\",\"title\":\"t\"}},{"
        "\"web\":{\"uri\":\"v\"}},{\"web\":{\"uri\":\"w\"}}],\"groundingSupports\":[";
    static const char places[] = SUPPORT("\"startIndex\":0,\"endIndex\":2", 0) "," SUPPORT(
        "\"startIndex\":2,\"endIndex\":3", 1) "," SUPPORT("\"startIndex\":2,\"endIndex\":3",
                                                          0) "]}";
    static const struct chat_event events[] = {
        {.kind = CHAT_EVENT_PART, .part = CHAT_PART_THINKING},
        {.kind = CHAT_EVENT_DELTA, .part = CHAT_PART_THINKING, .text = SPAN_LIT("h")},
        {.kind = CHAT_EVENT_PART_END, .part = CHAT_PART_THINKING},
        {.kind = CHAT_EVENT_PART, .index = 1},
        {.kind = CHAT_EVENT_DELTA, .index = 1, .text = SPAN_LIT("\xc3\xa4")},
        {.kind = CHAT_EVENT_DELTA, .index = 1, .text = SPAN_LIT("b")},
        {.kind = CHAT_EVENT_CITE, .index = 1, .text = {cites, sizeof(cites) - 1}},
        {.kind = CHAT_EVENT_PART_END, .index = 1},
        {.kind = CHAT_EVENT_FINISH, .stop = CHAT_STOP_END},
    };
    struct chat_collect *all;
    struct chat_sink sink;
    struct telling t;
    struct err e;

    telling_begin(&t);
    assert_int_equal(chat_collect_new(&all, BUDGET, &e), 0);
    sink = chat_collect_sink(all);
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        assert_int_equal(C->write_event(&t.w, &events[i], &e), 0);
        assert_int_equal(sink.event(sink.arg, &events[i], &e), 0);
    }
    assert_false(span_contains(buf_span(&t.out), SPAN_LIT("grounding")));
    assert_int_equal(C->end(&t.w, &e), 0);
    assert_true(span_contains(buf_span(&t.out), span_str(chunks)));
    assert_true(span_contains(buf_span(&t.out), span_str(places)));
    telling_end(&t);

    telling_begin(&t); /* as a whole: the text is the second part */
    assert_int_equal(C->write_answer(&t.w, chat_collect_answer(all), &e), 0);
    assert_true(span_contains(buf_span(&t.out), span_str(chunks)));
    assert_true(span_contains(
        buf_span(&t.out), SPAN_LIT(SUPPORT("\"partIndex\":1,\"startIndex\":0,\"endIndex\":2", 0))));
    chat_collect_free(&all);
    telling_end(&t);
}

/* n citations of a text that has so many characters beyond a byte before its last one. */
static size_t cited(size_t n, size_t wide)
{
    struct telling t;
    struct buf in;
    size_t told = 0;
    struct err e;

    buf_init(&in, BUDGET);
    buf_add_str(&in, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"");
    for (size_t i = 0; i < wide; i++)
        buf_add_str(&in, "\xc3\xa4");
    buf_add_str(&in, "b\"}]},\"citationMetadata\":{\"citationSources\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(&in, "%s{\"startIndex\":%zu,\"endIndex\":%zu,\"uri\":\"u\"}", i ? "," : "",
                   2 * wide, 2 * wide + 1);
    buf_add_str(&in, "]}}]}");
    buf_add_char(&in, '\0');
    assert_true(buf_ok(&in));
    telling_begin(&t);
    assert_int_equal(tell_events(&t, in.p, &e), 0);
    for (struct span rest = buf_span(&t.text), line; span_has(rest);) {
        line = span_cut(&rest, '\n');
        told += span_contains(line, SPAN_LIT(" cite "));
    }
    telling_end(&t);
    buf_fini(&in);
    return told;
}

static void citations_are_bounded(void **state)
{
    assert_int_equal(cited(CONVERT_CITES_MAX, 0), CONVERT_CITES_MAX);
    assert_int_equal(cited(CONVERT_CITES_MAX + 1, 0), CONVERT_CITES_MAX);
    assert_int_equal(cited(1, CONVERT_WIDTHS_MAX), 1);
    assert_int_equal(cited(1, CONVERT_WIDTHS_MAX + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_cite_characters),
        cmocka_unit_test(citations_are_told_at_the_end),
        cmocka_unit_test(citations_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
