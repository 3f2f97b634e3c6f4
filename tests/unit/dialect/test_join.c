/*
 * Goal: what the client was told of an answer is known to the byte, and what another target says
 * then becomes the rest of it: nothing twice, nothing lost, and nothing is gone on with that cannot
 * be.
 * Method: chat events in words of a letter each; texts in deltas that are split at every byte, and
 * after each of them what the follower knows is what the sink was told. Each allocation of a whole
 * join fails once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/join.h"
#include "dialect/translate.h"

#define MEGA ((size_t)1024 * 1024)

/* ---- what can be gone on with ---- */

/* One event a letter; a part is that of the last letter that began one. */
struct teller {
    struct follow *f;
    struct chat_event part;
    uint32_t parts;
};

static void begin_part(struct teller *t, enum chat_kind kind, bool redacted)
{
    t->part = (struct chat_event){
        .kind = CHAT_EVENT_PART, .part = kind, .index = t->parts++, .redacted = redacted};
    follow_told(t->f, &t->part);
}

static void tell_one(struct teller *t, char c)
{
    static const struct {
        char c;
        enum chat_event_kind kind;
    } kinds[] = {{'s', CHAT_EVENT_START}, {'d', CHAT_EVENT_DELTA},    {'g', CHAT_EVENT_SIGN},
                 {'c', CHAT_EVENT_CITE},  {'l', CHAT_EVENT_LOGPROBS}, {'e', CHAT_EVENT_PART_END},
                 {'f', CHAT_EVENT_FINISH}};
    struct chat_event ev = t->part;

    ev.text = ev.signature = SPAN_LIT("x");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].c != c)
            continue;
        ev.kind = kinds[i].kind;
        follow_told(t->f, &ev);
    }
}

static void tell_letters(struct follow *f, const char *letters)
{
    struct teller t = {.f = f};
    struct chat_event other = {.kind = CHAT_EVENT_DELTA, .choice = 1, .text = SPAN_LIT("x")};

    for (; *letters; letters++) {
        switch (*letters) {
        case 'T':
            begin_part(&t, CHAT_PART_TEXT, false);
            break;
        case 'K':
            begin_part(&t, CHAT_PART_THINKING, false);
            break;
        case 'R':
            begin_part(&t, CHAT_PART_THINKING, true);
            break;
        case 'C':
            begin_part(&t, CHAT_PART_TOOL_CALL, false);
            break;
        case 'M':
            begin_part(&t, CHAT_PART_MEDIA, false);
            break;
        case 'N':
            begin_part(&t, CHAT_PART_REFUSAL, false);
            break;
        case '2':
            follow_told(f, &other);
            break;
        default:
            tell_one(&t, *letters);
        }
    }
}

static void only_text_can(void **state)
{
    static const struct {
        const char *told;
        bool can;
        uint32_t lead, deltas;
    } rows[] = {
        {"sTd", true, 0, 1},       {"sTddd", true, 0, 3},
        {"Td", true, 0, 1},                                /* nobody has to begin with START */
        {"sKdeTdd", true, 1, 3},                           /* thinking takes tokens too */
        {"sKdeKdeTd", true, 2, 3}, {"sKdTd", false, 1, 1}, /* its thinking has not ended */
        {"sKdKdeTd", false, 2, 2},                         /* ... the first of two */
        {"s", false, 0, 0},        {"sT", false, 0, 0},    /* no text */
        {"sKd", false, 1, 1},                              /* no text yet */
        {"sTdK", false, 0, 1},                             /* thinking behind it */
        {"sTdTd", false, 0, 1},                            /* another text */
        {"sTde", false, 0, 1},                             /* its part has ended */
        {"sKdgeTd", false, 1, 1},                          /* signed thinking */
        {"sRTd", false, 0, 0},     {"sTdg", false, 0, 1},
        {"sTdc", false, 0, 1},     {"sTdl", false, 0, 1},
        {"sTdf", false, 0, 1},     {"sTd2", false, 0, 1},
        {"sTdC", false, 0, 1},     {"sCd", false, 0, 0},
        {"sMTd", false, 0, 0},     {"sNd", false, 0, 0},
        {"sTdfd", false, 0, 1}, /* for good */
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct follow f;
        struct err e;

        assert_int_equal(follow_init(&f, &convert_openai_chat, &e), 0);
        tell_letters(&f, rows[i].told);
        if (follow_can(&f) != rows[i].can || f.lead != rows[i].lead || f.deltas != rows[i].deltas)
            fail_msg("%s: %d %u %u", rows[i].told, follow_can(&f), f.lead, f.deltas);
        follow_fini(&f);
    }
}

#define CHUNK(delta)                                                                               \
    "data: {\"id\":\"c1\",\"created\":7,\"choices\":[{\"index\":0,\"delta\":" delta "}]}\n\n"

static void events_are_read(void **state)
{
    static const struct {
        const char *event;
        const char *text; /* NULL: it cannot be gone on with */
    } rows[] = {
        {CHUNK("{\"content\":\" \\u00e9\"}"), "ab \u00e9"},
        {CHUNK("{\"content\":\"\"}"), "ab"},
        {": alive\n\n", "ab"},
        {"data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n", "ab"},
        {"data: {\"choices\":[{\"index\":0,\n"
         "data: \"delta\":{\"content\":\"c\"}}]}\n\n",
         "abc"}, /* in two lines */
        {"data: {no\n\n", NULL},
        {"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", NULL},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct follow f;
        struct err e;

        assert_int_equal(follow_init(&f, &convert_openai_chat, &e), 0);
        follow_event(&f, SPAN_LIT(CHUNK("{\"role\":\"assistant\",\"content\":\"\"}")));
        follow_event(&f, SPAN_LIT(CHUNK("{\"content\":\"ab\"}")));
        follow_event(&f, span_str(rows[i].event));
        if (follow_can(&f) != (rows[i].text != NULL) ||
            (rows[i].text && !span_is(buf_span(&f.text), rows[i].text)))
            fail_msg("%s: '%.*s'", rows[i].event, SPAN_FMT(buf_span(&f.text)));
        assert_true(span_is(f.id, "c1"));
        assert_int_equal(f.created, 7);
        follow_on(&f); /* from now on it reads no events */
        follow_event(&f, SPAN_LIT(CHUNK("{\"content\":\"ab\"}")));
        assert_true(!rows[i].text || span_is(buf_span(&f.text), rows[i].text));
        follow_fini(&f);
    }
}

/* A client of the same dialect has got it, under a number of its own; who goes on cannot know. */
static void what_no_event_says_closes_it(void **state)
{
    static const struct {
        const struct convert *c;
        const char *before;
        bool can;
    } rows[] = {
        {&convert_anthropic_messages, "", true},
        {&convert_anthropic_messages,
         "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":"
         "\"web_search_tool_result\",\"content\":[]}}\n\n",
         false},
        {&convert_gemini_generate, "", true},
        {&convert_gemini_generate,
         "data: {\"candidates\":[{\"content\":{\"parts\":[{\"executableCode\":{}}]}}]}\n\n", false},
        {&convert_gemini_generate, "data: {\"candidates\":[{\"content\":{\"parts\":[{}]}}]}\n\n",
         true},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct follow f;
        struct err e;

        assert_int_equal(follow_init(&f, rows[i].c, &e), 0);
        follow_event(&f, span_str(rows[i].before));
        follow_event(&f,
                     rows[i].c == &convert_gemini_generate
                         ? SPAN_LIT("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
                                    "\"a\"}]}}]}\n\n")
                         : SPAN_LIT("data: {\"type\":\"content_block_start\",\"index\":0,"
                                    "\"content_block\":{\"type\":\"text\",\"text\":\"a\"}}\n\n"));
        if (follow_can(&f) != rows[i].can)
            fail_msg("%s: '%.*s'", rows[i].before, SPAN_FMT(buf_span(&f.text)));
        follow_fini(&f);
    }
}

static void the_longest_text(void **state)
{
    struct chat_event ev = {.kind = CHAT_EVENT_PART, .part = CHAT_PART_TEXT};
    struct follow f;
    struct err e;
    char *text = mem_zalloc(1, FOLLOW_TEXT_MAX);

    UNUSED(state);
    assert_int_equal(follow_init(&f, &convert_openai_chat, &e), 0);
    follow_told(&f, &ev);
    ev.kind = CHAT_EVENT_DELTA;
    ev.text = span_of(text, FOLLOW_TEXT_MAX);
    follow_told(&f, &ev);
    assert_true(follow_can(&f));
    ev.text = span_of(text, 1);
    follow_told(&f, &ev);
    assert_false(follow_can(&f));
    assert_null(f.text.p); /* and nothing is kept for it */
    follow_fini(&f);
    mem_free(text);
}

/* ---- where the new text begins ---- */

struct bed {
    struct follow f;
    struct join j;
    struct buf got; /* what the sink was told: texts, and other events by letters */
    struct buf all; /* what the client has read of the text */
    struct chat_usage usage;
    unsigned halves; /* texts that begin or end within a character */
};

static bool has_halves(struct span text)
{
    size_t end = text.n, last;

    if (text.n == 0)
        return false;
    while (end > 1 && ((unsigned char)text.p[end - 1] & 0xC0) == 0x80)
        end--;
    last = (unsigned char)text.p[end - 1];
    return ((unsigned char)text.p[0] & 0xC0) == 0x80 || text.n - end + 1 != (last >= 0xF0   ? 4U
                                                                             : last >= 0xE0 ? 3U
                                                                             : last >= 0xC0 ? 2U
                                                                                            : 1U);
}

static int note(void *arg, const struct chat_event *ev, struct err *e)
{
    static const char letters[] = "sPdgclefu";
    struct bed *b = arg;

    UNUSED(e);
    if (ev->kind == CHAT_EVENT_DELTA && ev->part == CHAT_PART_TEXT && ev->index == b->f.lead) {
        b->halves += has_halves(ev->text);
        buf_add_span(&b->got, ev->text);
        buf_add_span(&b->all, ev->text);
        return 0;
    }
    if (ev->kind == CHAT_EVENT_USAGE)
        b->usage = ev->usage;
    buf_printf(&b->got, "[%c", letters[ev->kind]);
    if (ev->kind != CHAT_EVENT_FINISH && ev->kind != CHAT_EVENT_USAGE)
        buf_printf(&b->got, "%u", ev->index);
    buf_add_char(&b->got, ']');
    return 0;
}

static void open_bed(struct bed *b, struct span told)
{
    struct err e;

    *b = (struct bed){0};
    buf_init(&b->got, MEGA);
    buf_init(&b->all, MEGA);
    assert_int_equal(follow_init(&b->f, &convert_openai_chat, &e), 0);
    tell_letters(&b->f, "sKdeT");
    follow_told(&b->f,
                &(struct chat_event){
                    .kind = CHAT_EVENT_DELTA, .part = CHAT_PART_TEXT, .index = 1, .text = told});
    buf_add_span(&b->all, told);
    join_init(&b->j, &b->f, JOIN_PREFIX, (struct chat_sink){note, b});
}

static void close_bed(struct bed *b)
{
    follow_fini(&b->f);
    buf_fini(&b->got);
    buf_fini(&b->all);
}

static int say(struct bed *b, enum chat_event_kind kind, enum chat_kind part, uint32_t index,
               struct span text)
{
    struct chat_event ev = {.kind = kind, .part = part, .index = index, .text = text};
    struct err e;
    int rc = join_event(&b->j, &ev, &e);

    if (!b->f.closed)
        assert_true(span_eq(buf_span(&b->f.text), buf_span(&b->all)));
    return rc;
}

/* The text in pieces that end at the bytes whose bit is set in `cuts`, or all of one size. */
static void say_pieces(struct bed *b, struct span text, size_t first, size_t most)
{
    while (text.n) {
        size_t n = MIN(text.n, first ? first : most);

        assert_int_equal(say(b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, span_of(text.p, n)), 0);
        text = span_of(text.p + n, text.n - n);
        first = 0;
    }
}

static void joins_to(struct span told, struct span text, struct span want, size_t first,
                     size_t most)
{
    struct bed b;

    open_bed(&b, told);
    assert_int_equal(say(&b, CHAT_EVENT_START, 0, 0, SPAN_LIT("")), 0);
    assert_int_equal(say(&b, CHAT_EVENT_PART, CHAT_PART_TEXT, 0, SPAN_LIT("")), 0);
    say_pieces(&b, text, first, most);
    assert_int_equal(say(&b, CHAT_EVENT_PART_END, CHAT_PART_TEXT, 0, SPAN_LIT("")), 0);
    b.got.n -= 4;
    if (!span_eq(buf_span(&b.got), want) || memcmp(b.got.p + b.got.n, "[e1]", 4) != 0)
        fail_msg("'%.*s' + '%.*s' in %zu, %zu: '%.*s'", SPAN_FMT(told), SPAN_FMT(text), first, most,
                 SPAN_FMT(buf_span(&b.got)));
    close_bed(&b);
}

static void at_every_byte(void **state)
{
    static const struct {
        const char *told, *text, *want;
    } rows[] = {
        {"There was a lamp", "lighter.", "lighter."},
        {"There was a ", " lamplighter.", "lamplighter."},
        {"There was a ", "lamplighter.", "lamplighter."},
        {"There was a ", "  lamplighter.", " lamplighter."},
        {"There was a", " lamplighter.", " lamplighter."},
        {"One.\n\n", "\n\nTwo.", "Two."},
        {"One.\n\n", "\nTwo.", "Two."},
        {"One.\n\n", " Two.", " Two."},
        {"One. \n", "Two.", "Two."},
        {"The lamps were all alight, and ", "were all alight, and he slept.", "he slept."},
        {"The lamps were all alight, and ", "re all alight, and he slept.", "he slept."},
        {"The lamps were all alight, and ", "e all alight, an he slept.",
         "e all alight, an he slept."},
        {"The lamps were all alight, and ", "The lamps were all alight, and he slept.",
         "he slept."},
        {"The lamps were all alight, and ", "were all alight, and were all alight, and",
         "were all alight, and"},
        {"aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaab", "aaab"}, /* the longest, once */
        {"aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaab", "b"},
        {"aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaab"},
        {"\n", "\nOne.", "One."},
        {"\u00e9t\u00e9 \u00e0 la mer, o\u00f9 ", "t\u00e9 \u00e0 la mer, o\u00f9 il dort.",
         "il dort."},
        {"There was a ", "", ""},
        {"There was a ", " ", ""},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span told = span_str(rows[i].told), text = span_str(rows[i].text);
        struct span want = span_str(rows[i].want);

        for (size_t cut = 0; cut <= text.n; cut++)
            joins_to(told, text, want, cut, SIZE_MAX);
        for (size_t most = 1; most < 8; most++)
            joins_to(told, text, want, 0, most);
    }
}

/* No two places of it are alike for 16 bytes. */
static void fill(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i % 5 < 4 ? 'a' + (i / 5 >> i % 5 * 2) % 4 : '.');
}

static void as_much_as_is_said_again(void **state)
{
    static const struct {
        size_t n;
        bool once;
    } rows[] = {{JOIN_OVERLAP_MIN - 1, false}, {JOIN_OVERLAP_MIN, true},
                {JOIN_OVERLAP_MIN + 1, true},  {200, true},
                {JOIN_OVERLAP_MAX - 1, true},  {JOIN_OVERLAP_MAX, true},
                {JOIN_OVERLAP_MAX + 1, false}};
    char told[1000], text[2000];

    UNUSED(state);
    fill(told, sizeof(told));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static const size_t pieces[] = {1, 7, 255, 256, 257, SIZE_MAX};
        size_t n = rows[i].n, skip = rows[i].once ? n : 0;

        memcpy(text, told + sizeof(told) - n, n);
        memset(text + n, 'z', 700);
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++)
            joins_to(span_of(told, sizeof(told)), span_of(text, n + 700),
                     span_of(text + skip, n + 700 - skip), 0, pieces[k]);
    }
}

/* The head may end anywhere; what is told of it ends with a character. */
static void no_character_is_told_in_halves(void **state)
{
    static const char *const chars[] = {"z", "\xC3\x9F", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    char told[300], text[400];

    UNUSED(state);
    memset(told, 'a', sizeof(told) - 20);
    memset(told + sizeof(told) - 20, 'b', 20);
    for (size_t again = 0; again <= 20; again += 20)
        for (size_t i = 0; i < ARRAY_LEN(chars) * 12; i++) {
            const char *c = chars[i % ARRAY_LEN(chars)];
            size_t at = JOIN_OVERLAP_MAX - 8 + i / ARRAY_LEN(chars), n = strlen(c);
            struct bed b;

            memset(text, 'c', sizeof(text));
            memset(text, 'b', again);
            for (size_t k = 0; k < 3; k++)
                memcpy(text + at + k * n, c, n);
            open_bed(&b, span_of(told, sizeof(told)));
            assert_int_equal(say(&b, CHAT_EVENT_START, 0, 0, SPAN_LIT("")), 0);
            assert_int_equal(say(&b, CHAT_EVENT_PART, CHAT_PART_TEXT, 0, SPAN_LIT("")), 0);
            assert_int_equal(
                say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, span_of(text, sizeof(text))), 0);
            assert_int_equal(b.halves, 0);
            assert_true(span_eq(buf_span(&b.got), span_of(text + again, sizeof(text) - again)));
            close_bed(&b);
        }
}

/* Says all of it again; or the beginning, and then something else: that is another answer, unless
 * it is so short that it may be chance. */
static void who_begins_anew(void **state)
{
    static const struct {
        size_t told, same; /* bytes; of these it says again */
        bool other, goes_on;
        size_t again; /* bytes that are left out */
    } rows[] = {
        {1000, 1000, true, true, 1000},
        {1000, 999, true, false, 0},
        {1000, 999, false, false, 0}, /* and ends */
        {1000, JOIN_OVERLAP_MAX, true, false, 0},
        {1000, JOIN_OVERLAP_MAX - 1, true, true, 0},
        {JOIN_OVERLAP_MAX + 1, JOIN_OVERLAP_MAX + 1, true, true, JOIN_OVERLAP_MAX + 1},
        {JOIN_OVERLAP_MAX, JOIN_OVERLAP_MAX, true, true, JOIN_OVERLAP_MAX},
        {100, 99, true, true, 0},
    };
    static const size_t pieces[] = {1, 7, 255, 256, 257, 999, 1001, SIZE_MAX};
    char told[1003], text[1200];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(pieces); i++) {
        size_t n = rows[i % ARRAY_LEN(rows)].told, same = rows[i % ARRAY_LEN(rows)].same;
        size_t most = pieces[i / ARRAY_LEN(rows)], again = rows[i % ARRAY_LEN(rows)].again;
        size_t all = same + (rows[i % ARRAY_LEN(rows)].other ? 50 : 0);
        struct bed b;
        int rc = 0;

        fill(told, n);
        memcpy(told + n, " \n", 2); /* with which it was not asked, ... */
        memcpy(text, told, same);
        memset(text + same, 'z', 50);
        text[same] = ' '; /* ... and one of which it has */
        if (rows[i % ARRAY_LEN(rows)].goes_on) {
            again += again ? 1 : 0;
            joins_to(span_of(told, n + 2), span_of(text, all), span_of(text + again, all - again),
                     0, most);
            continue;
        }
        open_bed(&b, span_of(told, n + 2));
        for (size_t at = 0; at < all && rc == 0; at += MIN(most, all - at))
            rc = say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0,
                     span_of(text + at, MIN(most, all - at)));
        if (rc == 0)
            rc = say(&b, CHAT_EVENT_PART_END, CHAT_PART_TEXT, 0, SPAN_LIT(""));
        assert_int_equal(rc, -1);
        assert_int_equal(b.got.n, 0);
        assert_true(follow_can(&b.f));
        close_bed(&b);
    }
}

/* Nobody keeps its text while it begins anew: it does not go on with one that is not known. */
static void the_text_is_closed_meanwhile(void **state)
{
    char told[1000];
    struct bed b;

    UNUSED(state);
    fill(told, sizeof(told));
    open_bed(&b, span_of(told, sizeof(told)));
    assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, span_of(told, 500)), 0);
    follow_close(&b.f);
    assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, span_of(told + 500, 1)), -1);
    close_bed(&b);
}

/* Who was asked in words: he says the end again, or begins between two words; behind whatever he
 * has thought. */
static void asked_in_words(void **state)
{
    static const struct {
        const char *told, *text;
        const char *want; /* NULL: he did not go on */
    } rows[] = {
        {"There was a lamp", "lighter.", NULL},
        {"There was a lamp", " and a post.", " and a post."},
        {"There was a lamp", ", and a post.", ", and a post."},
        {"There was a lamp ", "and a post.", "and a post."},
        {"There was a lamp,", "and a post.", "and a post."},
        {"There were 1", "00 lamps.", NULL},
        {"There was _", "x", NULL},
        {"\u00e9t\u00e9 \u00e0 la mer, o", "\u00f9 il dort.", NULL},
        {"There was a lamplighter", "was a lamplighters' ball.", "s' ball."}, /* the end again */
        {"There was a lamplighter", "There was a lamplighters' ball.", "s' ball."},
        {"There was a lamp", "", ""},
    };

    UNUSED(state);
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        struct span text = span_str(rows[i / 2].text);
        struct bed b;
        int rc;

        open_bed(&b, span_str(rows[i / 2].told));
        join_init(&b.j, &b.f, JOIN_INSTRUCT, (struct chat_sink){note, &b});
        if (i % 2) {
            assert_int_equal(say(&b, CHAT_EVENT_PART, CHAT_PART_THINKING, 0, SPAN_LIT("")), 0);
            assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_THINKING, 0, SPAN_LIT("hm")), 0);
            assert_int_equal(say(&b, CHAT_EVENT_PART_END, CHAT_PART_THINKING, 0, SPAN_LIT("")), 0);
        }
        assert_int_equal(say(&b, CHAT_EVENT_PART, CHAT_PART_TEXT, i % 2, SPAN_LIT("")), 0);
        rc = say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, i % 2, text);
        if (rc == 0)
            rc = say(&b, CHAT_EVENT_PART_END, CHAT_PART_TEXT, i % 2, SPAN_LIT(""));
        if ((rc == 0) != (rows[i / 2].want != NULL))
            fail_msg("'%s' + '%s': %d", rows[i / 2].told, rows[i / 2].text, rc);
        if (rc == 0) {
            b.got.n -= 4;
            assert_memory_equal(b.got.p + b.got.n, "[e1]", 4);
            assert_true(span_is(buf_span(&b.got), rows[i / 2].want));
        } else {
            assert_int_equal(b.got.n, 0);
        }
        close_bed(&b);
    }
}

/* White space: what of it the target is not asked with, and that as much of it is not told twice.
 */
static void white_space(void **state)
{
    static const size_t rows[] = {
        0, 1, 2, 200, JOIN_OVERLAP_MAX - 1, JOIN_OVERLAP_MAX, JOIN_OVERLAP_MAX + 1, 600};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = rows[i], known = MIN(n, (size_t)JOIN_OVERLAP_MAX);
        char told[700] = "a", text[700];
        struct bed b;

        memset(told + 1, ' ', n);
        memset(text, ' ', n);
        memcpy(text + n, "b", 1);
        open_bed(&b, span_of(told, n + 1));
        assert_int_equal(join_text(&b.j).n, n + 1 - known);
        close_bed(&b);
        if (n < JOIN_OVERLAP_MIN) {
            joins_to(span_of(told, n + 1), span_of(text, n + 1), SPAN_LIT("b"), 0, SIZE_MAX);
            joins_to(span_of(told, n + 1), span_of(text, n + 1), SPAN_LIT("b"), 0, 1);
        }
    }
}

/* ---- its events ---- */

static void what_is_held_back_is_told_to_nobody(void **state)
{
    struct span told = SPAN_LIT("The lamps were all alight, and ");
    struct bed b;

    UNUSED(state);
    open_bed(&b, told);
    assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, SPAN_LIT("were all al")), 0);
    assert_int_equal(b.got.n, 0);
    assert_true(follow_can(&b.f));
    join_init(&b.j, &b.f, JOIN_PREFIX, (struct chat_sink){note, &b}); /* it has broken off too */
    assert_true(span_is(join_text(&b.j), "The lamps were all alight, and"));
    assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, SPAN_LIT(" he ")), 0);
    join_init(&b.j, &b.f, JOIN_PREFIX, (struct chat_sink){note, &b}); /* ... and that one */
    assert_true(span_is(join_text(&b.j), "The lamps were all alight, and he"));
    assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, SPAN_LIT(" slept.")), 0);
    assert_true(span_is(buf_span(&b.all), "The lamps were all alight, and he slept."));
    assert_true(follow_can(&b.f));
    assert_int_equal(say(&b, CHAT_EVENT_FINISH, 0, 0, SPAN_LIT("")), 0);
    assert_false(follow_can(&b.f));
    close_bed(&b);
}

/* More than fits where the text was: the join has what it needs of it. */
static void the_text_grows(void **state)
{
    struct bed b;
    char *piece = mem_zalloc(1, 100000);

    UNUSED(state);
    memset(piece, 'x', 100000);
    open_bed(&b, SPAN_LIT("a "));
    assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, span_of(piece, 100000)), 0);
    assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, span_of(piece, 100000)), 0);
    assert_int_equal(b.f.text.n, 200002);
    assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, span_of(piece, 100000)), 0);
    assert_int_equal(b.all.n, 300002); /* told, though nobody could go on with it any more */
    assert_false(follow_can(&b.f));
    close_bed(&b);
    mem_free(piece);
}

static void other_parts_follow(void **state)
{
    struct bed b;

    UNUSED(state);
    open_bed(&b, SPAN_LIT("a "));
    assert_int_equal(say(&b, CHAT_EVENT_START, 0, 0, SPAN_LIT("")), 0);
    assert_int_equal(say(&b, CHAT_EVENT_PART, CHAT_PART_TEXT, 0, SPAN_LIT("")), 0);
    assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, SPAN_LIT(" ")), 0);
    assert_true(follow_can(&b.f));
    assert_int_equal(say(&b, CHAT_EVENT_PART, CHAT_PART_TOOL_CALL, 1, SPAN_LIT("")), 0);
    assert_false(follow_can(&b.f));
    assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TOOL_CALL, 1, SPAN_LIT("{}")), 0);
    assert_int_equal(say(&b, CHAT_EVENT_PART_END, CHAT_PART_TEXT, 0, SPAN_LIT("")), 0);
    assert_int_equal(say(&b, CHAT_EVENT_PART_END, CHAT_PART_TOOL_CALL, 1, SPAN_LIT("")), 0);
    assert_int_equal(say(&b, CHAT_EVENT_FINISH, 0, 0, SPAN_LIT("")), 0);
    assert_true(span_is(buf_span(&b.got), "[P2][d2][e1][e2][f]"));
    close_bed(&b);
}

/* What is held back comes before whatever follows it. */
static void nothing_overtakes_the_text(void **state)
{
    static const struct {
        enum chat_event_kind kind;
        uint32_t index;
        const char *got;
    } rows[] = {{CHAT_EVENT_PART, 1, "were all[P2]"},
                {CHAT_EVENT_CITE, 0, "were all[c1]"},
                {CHAT_EVENT_PART_END, 0, "were all[e1]"},
                {CHAT_EVENT_FINISH, 0, "were all[f]"},
                {CHAT_EVENT_USAGE, 0, "[u]"}};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed b;

        open_bed(&b, SPAN_LIT("The lamps were all alight, and "));
        assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, SPAN_LIT("were all")), 0);
        assert_int_equal(say(&b, rows[i].kind, CHAT_PART_TEXT, rows[i].index, SPAN_LIT("")), 0);
        if (!span_is(buf_span(&b.got), rows[i].got))
            fail_msg("%s: %.*s", rows[i].got, SPAN_FMT(buf_span(&b.got)));
        close_bed(&b);
    }
}

static void who_does_not_go_on(void **state)
{
    static const enum chat_kind kinds[] = {CHAT_PART_THINKING, CHAT_PART_TOOL_CALL,
                                           CHAT_PART_REFUSAL, CHAT_PART_MEDIA};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct bed b;

        open_bed(&b, SPAN_LIT("a"));
        assert_int_equal(say(&b, CHAT_EVENT_START, 0, 0, SPAN_LIT("")), 0);
        assert_int_equal(say(&b, CHAT_EVENT_PART, kinds[i], 0, SPAN_LIT("")), -1);
        assert_true(follow_can(&b.f)); /* another one may */
        close_bed(&b);
    }
}

static void usage_is_the_sum(void **state)
{
    const struct chat_usage one = {1, 2, 3, 4, 5, 6, 7, true};
    struct chat_event ev = {.kind = CHAT_EVENT_USAGE, .usage = one};
    struct bed b;
    struct err e;

    UNUSED(state);
    open_bed(&b, SPAN_LIT("a"));
    follow_told(&b.f, &ev);
    for (uint64_t i = 2; i < 5; i++) {
        join_init(&b.j, &b.f, JOIN_PREFIX, (struct chat_sink){note, &b});
        assert_int_equal(join_event(&b.j, &ev, &e), 0);
        assert_int_equal(join_event(&b.j, &ev, &e), 0); /* a later one replaces it */
        assert_int_equal(b.usage.input, i * one.input);
        assert_int_equal(b.usage.output, i * one.output);
        assert_int_equal(b.usage.cache_read, i * one.cache_read);
        assert_int_equal(b.usage.cache_write, i * one.cache_write);
        assert_int_equal(b.usage.reasoning, i * one.reasoning);
        assert_int_equal(b.usage.audio_in, i * one.audio_in);
        assert_int_equal(b.usage.audio_out, i * one.audio_out);
        assert_true(b.usage.seen);
    }
    close_bed(&b);
}

/* What the others have told of stays told when the last one counts nothing. */
static void who_counts_nothing(void **state)
{
    struct chat_event ev = {.kind = CHAT_EVENT_USAGE, .usage = {.input = 3, .output = 1}};
    struct bed b;
    struct err e;

    UNUSED(state);
    for (int seen = 0; seen < 2; seen++) {
        open_bed(&b, SPAN_LIT("a"));
        ev.usage.seen = seen;
        follow_told(&b.f, &ev);
        join_init(&b.j, &b.f, JOIN_PREFIX, (struct chat_sink){note, &b});
        assert_int_equal(say(&b, CHAT_EVENT_DELTA, CHAT_PART_TEXT, 0, SPAN_LIT("b")), 0);
        assert_int_equal(join_end(&b.j, &e), 0);
        assert_int_equal(b.usage.input, seen ? 3 : 0);
        assert_int_equal(b.usage.seen, seen);
        close_bed(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_text_can),
        cmocka_unit_test(events_are_read),
        cmocka_unit_test(what_no_event_says_closes_it),
        cmocka_unit_test(the_longest_text),
        cmocka_unit_test(at_every_byte),
        cmocka_unit_test(as_much_as_is_said_again),
        cmocka_unit_test(no_character_is_told_in_halves),
        cmocka_unit_test(who_begins_anew),
        cmocka_unit_test(the_text_is_closed_meanwhile),
        cmocka_unit_test(asked_in_words),
        cmocka_unit_test(white_space),
        cmocka_unit_test(what_is_held_back_is_told_to_nobody),
        cmocka_unit_test(the_text_grows),
        cmocka_unit_test(other_parts_follow),
        cmocka_unit_test(nothing_overtakes_the_text),
        cmocka_unit_test(who_does_not_go_on),
        cmocka_unit_test(usage_is_the_sum),
        cmocka_unit_test(who_counts_nothing),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
