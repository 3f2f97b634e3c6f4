/*
 * Goal: an answer of Anthropic's messages that is read and written again says the same, in whole
 * and in pieces, also where its parts overlap; and no allocation that fails is missed. Method:
 * translation from the dialect to itself in rows of text, and events as others tell them.
 */
#include "anthropic_asked.h"

static const struct convert *const c = &convert_anthropic_messages;

/* ---- streams ---- */

#define EV(name, rest) "event: " name "\ndata: {'type':'" name "'" rest "}\n\n"
#define USED(in, wrote, read, out)                                                                 \
    "'usage':{'input_tokens':" in ",'cache_creation_input_tokens':" wrote                          \
    ",'cache_read_input_tokens':" read ",'output_tokens':" out "}"
#define START(usage)                                                                               \
    EV("message_start", ",'message':{'id':'m1','type':'message','role':'assistant','model':"       \
                        "'mine','content':[],'stop_reason':null,'stop_sequence':null," usage "}")
#define BEGIN(n, block) EV("content_block_start", ",'index':" n ",'content_block':{" block "}")
#define DELTA(n, d)     EV("content_block_delta", ",'index':" n ",'delta':{" d "}")
#define STOP(n)         EV("content_block_stop", ",'index':" n)
#define END(reason, sequence, usage)                                                               \
    EV("message_delta",                                                                            \
       ",'delta':{'stop_reason':'" reason "','stop_sequence':" sequence "}," usage)                \
    EV("message_stop", "")
#define BEGIN_TEXT(n)     BEGIN(n, "'type':'text','text':''")
#define BEGIN_THINKING(n) BEGIN(n, "'type':'thinking','thinking':'','signature':''")
#define CALLED(id, n)                                                                              \
    "{'type':'tool_use','id':'" id "','name':'" n "','caller':{'type':'direct'},'input':{}}"
#define BEGIN_CALL(n, id)                                                                          \
    BEGIN(n, "'type':'tool_use','id':'" id "','name':'f','caller':{'type':'direct'},'input':{}")
#define SAID(n, t)    DELTA(n, "'type':'text_delta','text':'" t "'")
#define THOUGHT(n, t) DELTA(n, "'type':'thinking_delta','thinking':'" t "'")
#define SIGNED(n, t)  DELTA(n, "'type':'signature_delta','signature':'" t "'")
#define INPUT(n, t)   DELTA(n, "'type':'input_json_delta','partial_json':'" t "'")
#define CITED(n, t)   DELTA(n, "'type':'citations_delta','citation':{" t "}")
#define U0            USED("0", "0", "0", "0")
#define U1            USED("5", "2", "3", "1")
#define U2            USED("5", "2", "3", "9")
#define HEAD          START(U1)
#define ONE_TEXT      BEGIN_TEXT("0") SAID("0", "a") STOP("0")

/* clang-format off */
static const struct {
    const char *in, *out; /* NULL: as it went in */
} streams[] = {
    {HEAD BEGIN_TEXT("0") SAID("0", "a") SAID("0", "\\n\\u0001\xC3\xA4") STOP("0") END("end_turn", "null", U2), NULL},
    {HEAD BEGIN_THINKING("0") THOUGHT("0", "t") SIGNED("0", "c2ln") STOP("0") BEGIN("1", "'type':'redacted_thinking','data':'ZA=='") STOP("1") BEGIN_TEXT("2") SAID("2", "a") STOP("2") END("max_tokens", "null", U2), NULL},
    {HEAD BEGIN_CALL("0", "a") INPUT("0", "{") INPUT("0", "}") STOP("0") BEGIN_CALL("1", "b") STOP("1") END("tool_use", "null", U2), NULL},
    {HEAD BEGIN_TEXT("0") CITED("0", "'type':'page_location','n':1.0") SAID("0", "a") STOP("0") END("stop_sequence", "'x'", U2), NULL},
    {HEAD ONE_TEXT END("refusal", "null", U2), NULL},
    {HEAD ONE_TEXT END("pause_turn", "null", U2), NULL},
    {HEAD END("end_turn", "null", USED("5", "2", "3", "9,'output_tokens_details':{'thinking_tokens':4}")), HEAD END("end_turn", "null", "'usage':{'input_tokens':5,'cache_creation_input_tokens':2,'cache_read_input_tokens':3,'output_tokens':9,'output_tokens_details':{'thinking_tokens':4}}")},
    /* words of which there are more than ends */
    {HEAD ONE_TEXT END("model_context_window_exceeded", "null", U2), HEAD ONE_TEXT END("max_tokens", "null", U2)},
    {HEAD ONE_TEXT END("something_new", "null", U2), HEAD ONE_TEXT END("end_turn", "null", U2)},
    /* blocks that are left out break no index */
    {HEAD BEGIN("0", "'type':'server_tool_use','id':'s','name':'n','input':{}") INPUT("0", "{}") STOP("0") BEGIN("1", "'type':'fallback'") STOP("1") BEGIN("2", "'type':'compaction','content':null") DELTA("2", "'type':'compaction_delta','content':'c'") STOP("2") BEGIN_TEXT("3") SAID("3", "a") STOP("3") END("end_turn", "null", U2),
     HEAD ONE_TEXT END("end_turn", "null", U2)},
    /* what a block begins with */
    {HEAD BEGIN("0", "'type':'text','text':'a','citations':[{'type':'page_location'},7]") STOP("0") BEGIN("1", "'type':'thinking','thinking':'t','signature':'c2ln'") STOP("1") BEGIN("2", "'type':'tool_use','id':'a','name':'f','input':{'n':1.0}") INPUT("2", "") STOP("2") END("tool_use", "null", U2),
     HEAD BEGIN_TEXT("0") SAID("0", "a") CITED("0", "'type':'page_location'") STOP("0") BEGIN_THINKING("1") THOUGHT("1", "t") SIGNED("1", "c2ln") STOP("1") BEGIN_CALL("2", "a") INPUT("2", "{\\'n\\':1.0}") STOP("2") END("tool_use", "null", U2)},
    {HEAD BEGIN("0", "'type':'tool_use','id':'a','name':'f','input':{'n':1}") INPUT("0", "{}") STOP("0") END("tool_use", "null", U2), HEAD BEGIN_CALL("0", "a") INPUT("0", "{}") STOP("0") END("tool_use", "null", U2)},
    /* hosts: blocks without their end, side by side, counts that fall, no event names, pings */
    {HEAD BEGIN_TEXT("0") SAID("0", "a") BEGIN_TEXT("0") SAID("0", "b") STOP("0") END("end_turn", "null", U2), HEAD ONE_TEXT BEGIN_TEXT("1") SAID("1", "b") STOP("1") END("end_turn", "null", U2)},
    {HEAD BEGIN_TEXT("0") BEGIN_TEXT("7") SAID("7", "b") SAID("0", "a") STOP("7") STOP("0") END("end_turn", "null", U2), HEAD ONE_TEXT BEGIN_TEXT("1") SAID("1", "b") STOP("1") END("end_turn", "null", U2)},
    {HEAD EV("ping", "") ONE_TEXT END("end_turn", "null", USED("0", "0", "0", "9")), HEAD ONE_TEXT END("end_turn", "null", U2)},
    {HEAD "data: {'type':'content_block_start','index':0,'content_block':{'type':'text','text':''}}\n\n" "event: content_block_delta\ndata: {'index':0,'delta':{'type':'text_delta','text':'a'}}\n\n" STOP("0") END("end_turn", "null", U2), HEAD ONE_TEXT END("end_turn", "null", U2)},
    {HEAD ONE_TEXT EV("message_delta", ",'delta':{'stop_reason':null}") EV("message_delta", ",'delta':{'stop_reason':'end_turn'},'usage':null") EV("message_stop", ""), HEAD ONE_TEXT END("end_turn", "null", U1)},
    {HEAD BEGIN_TEXT("0") DELTA("0", "'type':'new_delta','x':1") SAID("0", "a") SAID("0", "") STOP("0") END("end_turn", "null", U2), HEAD ONE_TEXT END("end_turn", "null", U2)},
    {EV("message_start", ",'message':{}") EV("message_delta", ",'delta':{'stop_reason':'end_turn'}"), "event: message_start\ndata: {'type':'message_start','message':{'id':'r_1','type':'message','role':'assistant','model':'mine','content':[],'stop_reason':null,'stop_sequence':null," U0 "}}\n\n" END("end_turn", "null", U0)},
};

static const struct {
    const char *in, *why;
} wrong_events[] = {
    {EV("message_start", ""), "message: an object is wanted"},
    {EV("content_block_start", ",'content_block':{'type':'text'}"), "index: a whole number is wanted"},
    {EV("content_block_start", ",'index':0"), "content_block: an object is wanted"},
    {EV("content_block_delta", ",'index':-1"), "index: a whole number is wanted"},
    {SAID("0", "a"), "index: no block with this index is open"},
    {STOP("0"), "index: no block with this index is open"},
    {BEGIN_TEXT("0") STOP("0") SAID("0", "a"), "index: no block with this index is open"},
    {BEGIN_TEXT("0") THOUGHT("0", "a"), "delta: it is not of its block's type"},
};
/* clang-format on */

/* Both sides of an answer. */
struct answering {
    struct arena arena;
    struct convert_reader r;
    struct convert_writer w;
    struct buf out;
};

static int write_event(void *arg, const struct chat_event *ev, struct err *e)
{
    return c->write_event(arg, ev, e);
}

static int answering_init(struct answering *x, size_t budget)
{
    *x = (struct answering){.r = {.c = c, .arena = &x->arena, .sink = {write_event, &x->w}},
                            .w = {.c = c,
                                  .arena = &x->arena,
                                  .out = &x->out,
                                  .model = SPAN_LIT("mine"),
                                  .id = SPAN_LIT("r_1")}};
    arena_init(&x->arena, budget);
    buf_init(&x->out, 64 * MEGA);
    x->r.own = arena_zalloc(&x->arena, c->reader_bytes);
    x->w.own = arena_zalloc(&x->arena, c->writer_bytes);
    return x->r.own && x->w.own ? 0 : -1;
}

static void answering_fini(struct answering *x)
{
    arena_fini(&x->arena);
    buf_fini(&x->out);
}

static int feed(struct answering *x, struct span in, struct err *e)
{
    struct span name = {"", 0};
    int rc = 0;

    while (rc == 0 && span_has(in)) {
        struct span line = span_cut(&in, '\n');
        struct json_tree t = {0};

        if (span_starts(line, SPAN_LIT("event: ")))
            name = span_of(line.p + 7, line.n - 7);
        if (!span_starts(line, SPAN_LIT("data: ")))
            continue;
        rc = json_tree_read(&t, span_of(line.p + 6, line.n - 6), e) < 0
                 ? -1
                 : c->read_event(&x->r, name, t.root, e);
        json_tree_fini(&t);
        name = SPAN_LIT("");
    }
    return rc;
}

static void streams_say_the_same_again(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        const char *want = streams[i].out ? streams[i].out : streams[i].in;
        struct answering x;
        struct err e;

        assert_int_equal(answering_init(&x, MEGA), 0);
        if (feed(&x, json(0, streams[i].in), &e) < 0 || c->end(&x.w, &e) < 0)
            fail_msg("%s: %s", streams[i].in, e.text);
        ends(&x.out, json(1, want));
        answering_fini(&x);
    }
}

static void wrong_events_are_told_their_place(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong_events); i++) {
        struct answering x;
        struct err e = {0};

        assert_int_equal(answering_init(&x, MEGA), 0);
        assert_int_equal(feed(&x, json(0, wrong_events[i].in), &e), -1);
        assert_string_equal(e.text, wrong_events[i].why);
        assert_int_equal(e.code, ERR_PROTOCOL);
        answering_fini(&x);
    }
}

/* ---- events of others ---- */

#define P(i, k) {.kind = CHAT_EVENT_PART, .index = (i), .part = CHAT_PART_##k}
#define CALLS(i, call)                                                                             \
    {.kind = CHAT_EVENT_PART,                                                                      \
     .index = (i),                                                                                 \
     .part = CHAT_PART_TOOL_CALL,                                                                  \
     .id = SPAN_LIT(call),                                                                         \
     .name = SPAN_LIT("f")}
#define HIDDEN(i)                                                                                  \
    {.kind = CHAT_EVENT_PART, .index = (i), .part = CHAT_PART_THINKING, .redacted = true}
#define D(i, s)     {.kind = CHAT_EVENT_DELTA, .index = (i), .text = SPAN_LIT(s)}
#define CITES(i, s) {.kind = CHAT_EVENT_CITE, .index = (i), .text = SPAN_LIT(s)}
#define SIGNS(i, s, who)                                                                           \
    {.kind = CHAT_EVENT_SIGN, .index = (i), .signature = SPAN_LIT(s), .signer = CHAT_SIGNER_##who}
#define X(i)   {.kind = CHAT_EVENT_PART_END, .index = (i)}
#define F(why) {.kind = CHAT_EVENT_FINISH, .stop = CHAT_STOP_##why}
#define USE(in, out_n)                                                                             \
    {                                                                                              \
        .kind = CHAT_EVENT_USAGE, .usage = {.input = (in), .output = (out_n), .seen = true }       \
    }
#define OTHER_CHOICE {.kind = CHAT_EVENT_PART, .choice = 1, .part = CHAT_PART_TEXT}
#define BEGUN        {.kind = CHAT_EVENT_START, .id = SPAN_LIT("m1"), .model = SPAN_LIT("x")}
#define LAST         {.kind = CHAT_EVENT_START, .choice = 9}

/* clang-format off */
static const struct {
    struct chat_event events[16]; /* up to LAST */
    const char *out; /* before the end */
    const char *end;
} scripts[] = {
    /* parts side by side: one block at a time, in the order of their beginning */
    {{BEGUN, P(0, TEXT), CALLS(1, "a"), D(1, "{"), D(0, "a"), X(1), CALLS(2, "b"), D(2, "[]"), D(0, "b"), X(0), D(2, "x"), F(TOOL), LAST},
     START(U0) BEGIN_TEXT("0") SAID("0", "a") SAID("0", "b") STOP("0") BEGIN_CALL("1", "a") INPUT("1", "{") STOP("1") BEGIN_CALL("2", "b") INPUT("2", "[]") INPUT("2", "x") STOP("2"),
     END("tool_use", "null", U0)},
    /* parts without their end, and what is said of them too late */
    {{BEGUN, P(0, TEXT), P(1, TEXT), D(1, "b"), D(0, "a"), F(END), D(1, "c"), X(1), LAST},
     START(U0) ONE_TEXT BEGIN_TEXT("1") SAID("1", "b") STOP("1"), END("end_turn", "null", U0)},
    {{BEGUN, P(0, TEXT), D(0, "a"), LAST}, START(U0) BEGIN_TEXT("0") SAID("0", "a"), STOP("0") END("end_turn", "null", U0)},
    /* usage: in the head if it is known by then; behind FINISH it brings the end of the message */
    {{BEGUN, USE(5, 0), P(0, TEXT), D(0, "a"), X(0), F(END), USE(5, 7), USE(5, 8), LAST},
     START(USED("5", "0", "0", "0")) ONE_TEXT EV("message_delta", ",'delta':{'stop_reason':'end_turn','stop_sequence':null}," USED("5", "0", "0", "7")), EV("message_stop", "")},
    {{BEGUN, USE(5, 7), F(FILTER), LAST}, START(USED("5", "0", "0", "7")), END("refusal", "null", USED("5", "0", "0", "7"))},
    {{BEGUN, LAST}, "", START(U0) END("end_turn", "null", U0)},
    /* signatures of others; hidden thinking with and without one; signatures without a place */
    {{BEGUN, P(0, THINKING), D(0, "t"), SIGNS(0, "AA==", GEMINI), X(0), HIDDEN(1), SIGNS(1, "BB==", OPENAI), X(1), HIDDEN(2), D(2, "x"), X(2), CALLS(3, "a"), SIGNS(3, "CC==", GEMINI), X(3), F(TOOL), LAST},
     START(U0) BEGIN_THINKING("0") THOUGHT("0", "t") SIGNED("0", "lamplighter.gemini.AA==") STOP("0") BEGIN("1", "'type':'redacted_thinking','data':'lamplighter.openai.BB=='") STOP("1") BEGIN_CALL("2", "a") STOP("2"),
     END("tool_use", "null", U0)},
    {{BEGUN, P(0, TEXT), HIDDEN(1), SIGNS(1, "BB==", ANTHROPIC), X(1), X(0), F(END), LAST},
     START(U0) BEGIN_TEXT("0") STOP("0") BEGIN("1", "'type':'redacted_thinking','data':'BB=='") STOP("1"), END("end_turn", "null", U0)},
    /* thinking that nobody signed, ended and not, open and waiting */
    {{BEGUN, P(0, THINKING), D(0, "t"), P(1, THINKING), D(1, "u"), X(0), F(END), LAST},
     START(U0) BEGIN_THINKING("0") THOUGHT("0", "t") SIGNED("0", "") STOP("0") BEGIN_THINKING("1") THOUGHT("1", "u") SIGNED("1", "") STOP("1"), END("end_turn", "null", U0)},
    /* refusals are text, and the reason; media, other choices and log-probabilities cannot be said */
    {{BEGUN, P(0, REFUSAL), D(0, "a"), X(0), F(END), LAST}, START(U0) ONE_TEXT, END("refusal", "null", U0)},
    {{BEGUN, P(0, MEDIA), X(0), OTHER_CHOICE, {.kind = CHAT_EVENT_LOGPROBS, .text = SPAN_LIT("{}")}, P(1, TEXT), D(1, "a"), X(1), F(LENGTH), LAST}, START(U0) ONE_TEXT, END("max_tokens", "null", U0)},
    {{BEGUN, P(0, TEXT), CITES(0, "{\"type\":\"url_citation\"},{\"type\":\"page_location\"},{\"type\":\"char_location\"}"), D(0, "a"), X(0), F(END), LAST},
     START(U0) BEGIN_TEXT("0") CITED("0", "'type':'page_location'") CITED("0", "'type':'char_location'") SAID("0", "a") STOP("0"), END("end_turn", "null", U0)},
};
/* clang-format on */

static void play(struct answering *x, const struct chat_event *ev)
{
    struct err e;

    for (; ev->choice != 9; ev++)
        if (c->write_event(&x->w, ev, &e) < 0)
            fail_msg("%s", e.text);
}

static void events_of_others_become_a_stream(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct answering x;
        struct err e;

        assert_int_equal(answering_init(&x, MEGA), 0);
        play(&x, scripts[i].events);
        ends(&x.out, json(0, scripts[i].out));
        assert_int_equal(c->end(&x.w, &e), 0);
        ends(&x.out, json(0, scripts[i].end));
        answering_fini(&x);
    }
}

/* What waits for an open block has a bound, at the byte. */
static void what_waits_is_bounded(void **state)
{
    static const struct chat_event begin[] = {BEGUN, P(0, TEXT), P(1, TEXT), LAST};
    const size_t most = 32 * MEGA - sizeof(struct anthropic_messages_part) - 4 * sizeof(void *);
    char *text = mem_zalloc(most + 1, 1);

    assert_non_null(text);
    for (size_t over = 0; over < 2; over++) {
        struct chat_event ev = {
            .kind = CHAT_EVENT_DELTA, .index = 1, .text = span_of(text, most + over)};
        struct answering x;
        struct err e = {0};

        assert_int_equal(answering_init(&x, 64 * MEGA), 0);
        play(&x, begin);
        assert_int_equal(c->write_event(&x.w, &ev, &e), over ? -1 : 0);
        assert_int_equal(e.code, over ? ERR_LIMIT : ERR_NONE);
        answering_fini(&x);
    }
    mem_free(text);
}

/* A name that the API refuses is another in the request, and found again by it. */
static void names_are_mapped_back(void **state)
{
    static const struct span sent = SPAN_LIT("ab_c22566409199");
    struct convert_to to = {.model = SPAN_LIT("m"), .max_tokens = 1};
    struct asked a;
    struct buf out;
    struct err e;

    buf_init(&out, MEGA);
    assert_int_equal(
        ask(&a, json(0, "{'messages':[" HI "],'tools':[{'name':'a.b'},{'name':'plain'}]}"), &e), 0);
    assert_int_equal(c->write_request(&out, &a.q, &to, &e), 0);
    assert_true(span_contains(buf_span(&out), sent));
    assert_true(span_is(convert_unfit_name(&a.q, sent, c->names), "a.b"));
    assert_true(span_is(convert_unfit_name(&a.q, SPAN_LIT("plain"), c->names), "plain"));
    buf_fini(&out);
    asked_fini(&a);
}

/* ---- whole answers ---- */

#define WHOLE(blocks, reason, sequence)                                                            \
    "{'id':'m1','type':'message','role':'assistant','model':'mine','content':[" blocks             \
    "],'stop_reason':'" reason "','stop_sequence':" sequence "," U2 "}"

/* clang-format off */
static const struct {
    const char *in, *out; /* NULL: as it went in */
} wholes[] = {
    {WHOLE("", "end_turn", "null"), NULL},
    {WHOLE(TEXT("a") "," TEXT("b"), "stop_sequence", "'x'"), NULL},
    {WHOLE("{'type':'thinking','thinking':'t','signature':'c2ln'},{'type':'thinking','thinking':'','signature':'c2ln'},{'type':'redacted_thinking','data':'ZA=='}," TEXT("a"), "max_tokens", "null"), NULL},
    {WHOLE("{'type':'tool_use','id':'a','name':'f','caller':{'type':'direct'},'input':{'n':9007199254740993,'m':1.0}}," CALLED("b", "f"), "tool_use", "null"), NULL},
    {WHOLE("{'type':'text','text':'a','citations':[{'type':'page_location'},{'type':'char_location'}]}", "end_turn", "null"), NULL},
    {WHOLE("{'type':'server_tool_use','id':'s'}," TEXT("") ",{'type':'redacted_thinking','data':''}," TEXT("a"), "end_turn", "null"), WHOLE(TEXT("a"), "end_turn", "null")},
};
/* clang-format on */

static int whole(struct answering *x, struct span in, struct err *e)
{
    struct chat_collect *collect = NULL;
    struct json_tree t = {0};
    int rc = -1;

    if (json_tree_read(&t, in, e) < 0 || chat_collect_new(&collect, MEGA, e) < 0)
        goto out;
    x->r.sink = chat_collect_sink(collect);
    if (c->read_answer(&x->r, t.root, e) == 0)
        rc = c->write_answer(&x->w, chat_collect_answer(collect), e);
out:
    chat_collect_free(&collect);
    json_tree_fini(&t);
    return rc;
}

static void whole_answers_say_the_same_again(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
        struct answering x;
        struct err e;

        assert_int_equal(answering_init(&x, MEGA), 0);
        if (whole(&x, json(0, wholes[i].in), &e) < 0)
            fail_msg("%s: %s", wholes[i].in, e.text);
        ends(&x.out, json(1, wholes[i].out ? wholes[i].out : wholes[i].in));
        answering_fini(&x);
    }
}

/* A whole answer of another dialect: what has no place here, and what cannot be said. */
static void answers_of_others_are_said_nearly(void **state)
{
    struct chat_part call = {.kind = CHAT_PART_TOOL_CALL,
                             .id = SPAN_LIT("a"),
                             .name = SPAN_LIT("f"),
                             .args = SPAN_LIT("")};
    struct chat_part refusal = {.next = &call, .kind = CHAT_PART_REFUSAL, .text = SPAN_LIT("no")};
    struct chat_part media = {.next = &refusal, .kind = CHAT_PART_MEDIA};
    struct chat_part hidden = {.next = &media,
                               .kind = CHAT_PART_THINKING,
                               .redacted = true,
                               .signature = SPAN_LIT("AA=="),
                               .signer = CHAT_SIGNER_OPENAI};
    struct chat_answer a = {.choices_n = 1,
                            .choices = {{.parts = &hidden, .stop = CHAT_STOP_END}},
                            .usage = {.input = 10, .output = 9, .cache_read = 3, .cache_write = 2}};
    struct answering x;
    struct err e;

    assert_int_equal(answering_init(&x, MEGA), 0);
    assert_int_equal(c->write_answer(&x.w, &a, &e), 0);
    ends(&x.out,
         json(0, "{'id':'r_1','type':'message','role':'assistant','model':'mine','content':"
                 "[{'type':'redacted_thinking','data':'lamplighter.openai.AA=='}," TEXT(
                     "no") "," CALLED("a", "f") "],'stop_reason':'refusal','stop_sequence':null," U2
                                                "}"));
    call.args = SPAN_LIT("[1]");
    assert_int_equal(c->write_answer(&x.w, &a, &e), -1);
    assert_string_equal(e.text, "the arguments of a call of 'f': it is not a JSON object");
    answering_fini(&x);
}

static void a_wrong_answer_is_told_its_place(void **state)
{
    struct answering x;
    struct err e;

    assert_int_equal(answering_init(&x, MEGA), 0);
    assert_int_equal(whole(&x, json(0, "{'content':7}"), &e), -1);
    assert_string_equal(e.text, "content: a list of blocks is wanted");
    answering_fini(&x);
}

/* ---- the loss table, and memory ---- */

static void the_loss_table_is_whole(void **state)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++) {
        const struct convert_loss_row *row = &c->loss[f];

        if (row->feature != f || !row->page != (row->loss == CARRIED) ||
            !row->how != (row->loss == CARRIED || row->loss == LOST))
            fail_msg("%s", chat_feature_row(f)->word);
    }
}

/* All of it; 0: it went through, or the first failure said why. */
static int all_of_it(struct err *e)
{
    static const char request[] = SAY("{'role':'system','content':'s'}," USER(
        "{'type':'document','source':{'type':'content','content':[" TEXT("a") "," TEXT(
            "b") "]}}") "," MODEL("{'type':'text','text':'a','citations':[{'type':'page_location'}]"
                                  "}," CALL("f.g:0", "a.b")) "," USER(RESULT("f.g:0",
                                                                             TEXT("x")))) "";
    static const char stream[] =
        HEAD BEGIN("0", "'type':'tool_use','id':'a','name':'f','input':{'n':1}") BEGIN_TEXT("1")
            CITED("1", "'type':'page_location'") SAID("1", "a") STOP("1") STOP("0")
                END("tool_use", "null", U2);
    struct convert_to to = {.model = SPAN_LIT("m"), .max_tokens = 1};
    struct answering x;
    struct asked a = {0};
    int rc = -1;

    if (answering_init(&x, MEGA) < 0)
        (void)err_set(e, ERR_NOMEM, "no memory");
    else if (ask(&a, json(0, request), e) == 0 && c->write_request(&x.out, &a.q, &to, e) == 0 &&
             buf_finish(&x.out, "request", e) == 0 && feed(&x, json(0, stream), e) == 0 &&
             c->end(&x.w, e) == 0 && whole(&x, json(0, wholes[4].in), e) == 0)
        rc = 0;
    asked_fini(&a);
    answering_fini(&x);
    return rc;
}

static void every_failed_allocation_is_survived(void **state)
{
    size_t n = 1;

    for (;; n++) {
        struct err e = {0};
        bool hit;
        int rc;

        mem_torture(n, false);
        rc = all_of_it(&e);
        hit = mem_torture_hit();
        mem_torture(0, false);
        if (!hit)
            break;
        assert_int_equal(rc, -1);
        assert_int_equal(e.code, ERR_NOMEM);
        assert_true(n < 1000);
    }
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_say_the_same_again),
        cmocka_unit_test(wrong_events_are_told_their_place),
        cmocka_unit_test(events_of_others_become_a_stream),
        cmocka_unit_test(what_waits_is_bounded),
        cmocka_unit_test(names_are_mapped_back),
        cmocka_unit_test(whole_answers_say_the_same_again),
        cmocka_unit_test(answers_of_others_are_said_nearly),
        cmocka_unit_test(a_wrong_answer_is_told_its_place),
        cmocka_unit_test(the_loss_table_is_whole),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
