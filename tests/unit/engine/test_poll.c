/* Goal: what each endpoint says of itself stands on the board within a second, whatever becomes of
 * it; a configuration that changes disturbs nobody else; nothing that an engine answers is held but
 * within bounds. Method: a poller in virtual time, and origins in the engines' places. */
#include "call/world.h"

#include "base/mem.h"
#include "board/loads.h"
#include "engine/poll.h"

#define HEAD(status) "HTTP/1.1 " status "\r\ncontent-length: "
#define LLAMA                                                                                      \
    "version: 1\nproviders: {e: {type: llama.cpp, endpoints: \"http://127.0.0.1:9001\"}}\n"
#define VLLM "version: 1\nproviders: {e: {type: vllm, endpoints: \"http://127.0.0.1:9001/v1\"}}\n"
#define OK   HEAD("200 OK") "0\r\n\r\n"
#define GONE HEAD("404 Not Found") "0\r\n\r\n"
#define METRICS                                                                                    \
    HEAD("200 OK")                                                                                 \
    "65\r\n\r\nllamacpp:requests_processing 1\nllamacpp:requests_deferred     "                    \
    "5\n\n"
#define SLOTS HEAD("200 OK") "38\r\n\r\n[{\"n_ctx\":2048,\"is_processing\":false}]"
#define LOADS                                                                                      \
    HEAD("503 Service Unavailable") "37\r\n\r\n{\"error\":{\"message\":\"Loading model\"}}"

struct bed {
    struct world w;
    struct origin engine, other;
    struct board *board;
    struct call_pools *pools;
    struct settings *settings;
    struct poll *p;
    char said[1024]; /* all lines */
};

static void on_say(void *arg, const char *line)
{
    struct bed *b = arg;
    size_t n = strlen(b->said);

    snprintf(b->said + n, sizeof(b->said) - n, "%s\n", line);
}

static void use(struct bed *b, const char *text)
{
    settings_unref(&b->settings);
    b->settings = world_settings(&b->w, text);
    call_pools_use(b->pools, b->settings);
    poll_use(b->p, b->settings);
}

/* An engine with these pages, which answers all else with this status; and it is asked. */
static void open_engine(struct bed *b, const struct origin_page *pages, unsigned status,
                        const char *text)
{
    origin_open(&b->engine, &b->w, "127.0.0.1:9001", status);
    b->engine.pages = pages;
    use(b, text);
}

static int set_up(void **state)
{
    static const char *const env[] = {"K=the-engines-key", NULL};
    struct bed *b = calloc(1, sizeof(*b));
    struct poll_conf conf = {.workers = 1, .say = on_say, .arg = b};
    struct err e;

    assert_non_null(b);
    world_open(&b->w, env);
    assert_int_equal(board_new(&b->board, &e), 0);
    assert_int_equal(call_pools_new(&b->pools, b->w.net, b->w.resolver, &e), 0);
    conf.ev = b->w.ev;
    conf.pools = b->pools;
    conf.board = b->board;
    assert_int_equal(poll_new(&b->p, &conf, &e), 0);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    poll_free(&b->p);
    poll_free(&b->p);
    call_pools_free(&b->pools);
    settings_unref(&b->settings);
    world_run(&b->w, EV_S(1));
    if (b->engine.listener)
        origin_close(&b->engine);
    if (b->other.listener)
        origin_close(&b->other);
    board_free(&b->board);
    world_close(&b->w);
    free(b);
    return 0;
}

static struct endpoint_view look(const struct bed *b, size_t provider, size_t url)
{
    const struct settings_provider *p = &b->settings->providers[provider];
    struct endpoint_view view;

    assert_true(endpoints_view(&view, b->board, p->urls[url].id, ev_now(b->w.ev)));
    return view;
}

static void is(const struct bed *b, enum endpoint_state state)
{
    struct endpoint_view view = look(b, 0, 0);

    if (view.state != state || view.stale)
        fail_msg("%s, stale %d", endpoints_state_name(view.state), view.stale);
}

static void what_it_says_is_on_the_board(void **state)
{
    static const struct origin_page pages[] = {
        {"/health", OK}, {"/metrics", METRICS}, {"/slots", SLOTS}, {"/props", GONE}, {NULL, NULL}};
    struct bed *b = *state;
    struct endpoint_view view;

    open_engine(b, pages, 500, LLAMA);
    assert_int_equal(look(b, 0, 0).seen_us, 0); /* it has not been asked yet */
    assert_true(look(b, 0, 0).stale);
    world_run(&b->w, EV_MS(300));
    is(b, ENDPOINT_READY);
    view = look(b, 0, 0);
    assert_int_equal(view.signals[SIGNAL_RUNNING], 1);
    assert_int_equal(view.signals[SIGNAL_WAITING], 5);
    assert_int_equal(view.signals[SIGNAL_KV_TOKENS], 2048);
    assert_int_equal(view.signals[SIGNAL_KV_SHARE], 0);
    assert_true(view.signals[SIGNAL_PREEMPTIONS] == SIGNAL_UNKNOWN);
    world_run(&b->w, EV_S(10));
    assert_in_range(b->engine.requests, 2 * 38, 3 * 43 + 1); /* /props is not there */
    assert_int_equal(b->engine.accepted, 1);
    assert_string_equal(b->said, ""); /* that it is ready is no news */
}

static void a_place_that_is_not_there_is_asked_again_later(void **state)
{
    static const struct origin_page pages[] = {
        {"/health", OK}, {"/metrics", GONE}, {"/is_sleeping", GONE}, {NULL, NULL}};
    struct bed *b = *state;
    unsigned before;

    open_engine(b, pages, 500, VLLM);
    world_run(&b->w, EV_S(50));
    is(b, ENDPOINT_READY);
    before = b->engine.requests;
    assert_in_range(before, 190, 210);
    world_run(&b->w, EV_S(20));
    assert_in_range(b->engine.requests, before + 76 + 2, before + 84 + 2);
}

#define SLEEPS HEAD("200 OK") "20\r\n\r\n{\"is_sleeping\":true}"
#define AWAKE  HEAD("200 OK") "21\r\n\r\n{\"is_sleeping\":false}"
#define RESTS  HEAD("200 OK") "31\r\n\r\nllamacpp:requests_processing 0\n"

/* How often that was asked in a second. */
static unsigned asked(struct bed *b, const char *path)
{
    unsigned ret = 0;
    char want[64];

    snprintf(want, sizeof(want), "GET %s ", path);
    for (int i = 0; i < 1000; i++) {
        world_run(&b->w, EV_MS(1));
        ret += strncmp(b->engine.asked, want, strlen(want)) == 0;
        b->engine.asked[0] = '\0';
    }
    return ret;
}

static void who_rests_is_not_kept_awake(void **state)
{
    static struct origin_page pages[] = {
        {"/health", OK}, {"/props", AWAKE}, {"/metrics", METRICS}, {"/slots", SLOTS}, {NULL, NULL}};
    struct bed *b = *state;

    open_engine(b, pages, 500, LLAMA);
    world_run(&b->w, EV_S(1));
    assert_in_range(asked(b, "/slots"), 1, 5); /* it works */
    pages[2].answer = RESTS;
    world_run(&b->w, EV_S(1));
    assert_int_equal(asked(b, "/slots"), 0); /* it has nothing to do */
    assert_in_range(asked(b, "/metrics"), 1, 5);
    assert_int_equal(look(b, 0, 0).signals[SIGNAL_KV_TOKENS], 2048);
    assert_int_equal(look(b, 0, 0).signals[SIGNAL_KV_USED], 0);
    pages[1].answer = SLEEPS;
    world_run(&b->w, EV_S(1));
    is(b, ENDPOINT_RESTING);
    assert_int_equal(asked(b, "/metrics"), 0);
    assert_in_range(asked(b, "/props"), 1, 5);
    pages[1].answer = AWAKE;
    world_run(&b->w, EV_S(1));
    is(b, ENDPOINT_READY);
}

static void it_comes_and_goes(void **state)
{
    static const struct origin_page loads[] = {{"/health", LOADS}, {NULL, NULL}};
    struct bed *b = *state;

    use(b, VLLM);
    world_run(&b->w, EV_S(6));
    is(b, ENDPOINT_DOWN);
    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 404);
    b->engine.pages = loads;
    world_run(&b->w, EV_S(6));
    is(b, ENDPOINT_LOADING);
    b->engine.pages = NULL;
    b->engine.status = 200;
    world_run(&b->w, EV_S(6));
    is(b, ENDPOINT_READY);
    b->engine.status = 503;
    world_run(&b->w, EV_S(6));
    is(b, ENDPOINT_DEAD);
    b->engine.status = 0;
    for (int i = 0; i < 60; i++) { /* at no moment is it not known */
        world_run(&b->w, EV_MS(100));
        if (i > 12)
            is(b, ENDPOINT_SILENT);
    }
    b->engine.status = 200;
    world_run(&b->w, EV_S(6));
    is(b, ENDPOINT_READY);
    origin_close(&b->engine);
    b->engine.listener = NULL;
    world_run(&b->w, EV_S(6));
    is(b, ENDPOINT_DOWN);
    assert_string_equal(b->said, "endpoint http://127.0.0.1:9001/v1 of e: down\n"
                                 "endpoint http://127.0.0.1:9001/v1 of e: loading\n"
                                 "endpoint http://127.0.0.1:9001/v1 of e: ready\n"
                                 "endpoint http://127.0.0.1:9001/v1 of e: dead\n"
                                 "endpoint http://127.0.0.1:9001/v1 of e: silent\n"
                                 "endpoint http://127.0.0.1:9001/v1 of e: ready\n"
                                 "endpoint http://127.0.0.1:9001/v1 of e: down\n");
}

/* It takes no connection, as one that is switched off. */
static void who_cannot_be_reached_is_down(void **state)
{
    struct bed *b = *state;

    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 200);
    net_sim_conf(b->w.sim)->silent_p = 1;
    use(b, VLLM);
    world_run(&b->w, EV_S(2));
    is(b, ENDPOINT_DOWN);
    net_sim_conf(b->w.sim)->silent_p = 0;
    world_run(&b->w, EV_S(2));
    is(b, ENDPOINT_READY);
}

/* ... and one whose connection ends may be well: the next round tells. */
static void a_connection_that_ends_says_nothing(void **state)
{
    struct bed *b = *state;

    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 200);
    use(b, VLLM);
    world_run(&b->w, EV_S(1));
    is(b, ENDPOINT_READY);
    while (strncmp(b->engine.asked, "GET /is_sleeping ", 17) != 0)
        world_run(&b->w, EV_MS(1));
    b->engine.status = 0; /* it does not answer what comes next */
    while (strncmp(b->engine.asked, "GET /health ", 12) != 0)
        world_run(&b->w, EV_MS(1));
    origin_close(&b->engine);
    b->engine.listener = NULL;
    while (look(b, 0, 0).state == ENDPOINT_READY)
        world_run(&b->w, EV_MS(1));
    is(b, ENDPOINT_UNKNOWN);
    world_run(&b->w, EV_S(1));
    is(b, ENDPOINT_DOWN);
}

/* What is not asked in each round takes nothing along but what it would have said. */
static void a_place_that_breaks_off_takes_only_its_own(void **state)
{
    static const struct origin_page pages[] = {
        {"/health", OK},
        {"/props", AWAKE},
        {"/metrics", METRICS},
        {"/slots", "HTTP/1.1 200 OK\r\ncontent-length: nonsense\r\n\r\n"},
        {NULL, NULL}};
    struct bed *b = *state;

    open_engine(b, pages, 500, LLAMA);
    for (int i = 0; i < 50; i++) {
        world_run(&b->w, EV_MS(100));
        if (i < 10)
            continue;
        is(b, ENDPOINT_READY);
        assert_int_equal(look(b, 0, 0).signals[SIGNAL_RUNNING], 1);
        assert_true(look(b, 0, 0).signals[SIGNAL_KV_TOKENS] == SIGNAL_UNKNOWN);
    }
}

/* One that comes and goes all the time. */
static void people_are_told_now_and_then(void **state)
{
    struct bed *b = *state;
    unsigned lines = 0;

    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 200);
    use(b, VLLM);
    for (int i = 0; i < 60; i++) {
        b->engine.status = i % 2 ? 200 : 503;
        world_run(&b->w, EV_MS(500));
    }
    for (const char *p = b->said; (p = strchr(p, '\n')); p++)
        lines++;
    assert_in_range(lines, 4, 7);
}

/* How one does that the gateway runs itself, its supervisor says. */
static void of_supervised_ones_others_tell(void **state)
{
    struct bed *b = *state;

    use(b, "version: 1\nproviders: {e: {type: llama.cpp, endpoints: \"http://127.0.0.1:9001\", "
           "engine: "
           "{command: [/bin/e]}}}\n");
    world_run(&b->w, EV_S(1));
    is(b, ENDPOINT_DOWN);
    assert_string_equal(b->said, "");
}

static void who_is_not_asked_any_more_is_stale(void **state)
{
    struct bed *b = *state;

    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 200);
    use(b, VLLM);
    world_run(&b->w, EV_S(1));
    is(b, ENDPOINT_READY);
    poll_free(&b->p); /* as if the keeper had died */
    world_run(&b->w, EV_S(1));
    assert_true(look(b, 0, 0).stale);
}

/* Every connection that is refused is heard of at once, however rarely it is asked. */
static void rounds_are_as_long_as_the_configuration_says(void **state)
{
    struct bed *b = *state;

    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 200);
    use(b, "version: 1\nproviders: {e: {type: tgi, poll: 10s, endpoints: "
           "\"http://127.0.0.1:9001\"}}\n");
    world_run(&b->w, EV_S(100));
    assert_in_range(b->engine.requests, 2 * 9, 2 * 11);
    for (int i = 0; i < 30; i++) {
        world_run(&b->w, EV_S(1));
        is(b, ENDPOINT_READY);
    }
    b->engine.requests = 0;
    use(b, "version: 1\nproviders: {e: {type: tgi, poll: 0s, endpoints: "
           "\"http://127.0.0.1:9001\"}}\n");
    world_run(&b->w, EV_S(60));
    assert_int_equal(b->engine.requests, 0);
    assert_false(endpoints_view(&(struct endpoint_view){0}, b->board,
                                b->settings->providers[0].urls[0].id, 1));
}

#define TWO(a, b)                                                                                  \
    "version: 1\nproviders: {e: {type: vllm, endpoints: ['http://127.0.0.1:" a                     \
    "', 'http://127.0.0.1:" b "']}}\n"

static void a_new_configuration_disturbs_nobody(void **state)
{
    struct bed *b = *state;
    uint64_t id;

    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 200);
    origin_open(&b->other, &b->w, "127.0.0.1:9002", 200);
    use(b, TWO("9001", "9003"));
    id = b->settings->providers[0].urls[1].id;
    world_run(&b->w, EV_S(1));
    assert_int_equal(look(b, 0, 1).state, ENDPOINT_DOWN);
    for (int i = 0; i < 20; i++) { /* in the middle of rounds, too */
        world_run(&b->w, 1000 + 37 * (ev_us)i);
        use(b, TWO("9001", "9002"));
        is(b, ENDPOINT_READY);
    }
    assert_int_equal(b->engine.accepted, 1);
    assert_false(endpoints_view(&(struct endpoint_view){0}, b->board, id, 1));
    world_run(&b->w, EV_S(1));
    assert_int_equal(look(b, 0, 1).state, ENDPOINT_READY);
    use(b, "version: 1\nproviders: {o: {type: openai, endpoints: \"http://127.0.0.1:9001\", "
           "private: true, "
           "key: 'env:K'}}\n");
    b->engine.requests = 0;
    world_run(&b->w, EV_S(5));
    assert_int_equal(b->engine.requests, 0); /* a cloud's is no engine */
}

static void its_key_is_sent_along(void **state)
{
    struct bed *b = *state;

    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 200);
    use(b, "version: 1\nproviders: {e: {type: vllm, endpoints: \"http://127.0.0.1:9001/v1\", key: "
           "'env:K'}}\n");
    world_run(&b->w, EV_S(1));
    is(b, ENDPOINT_READY);
    assert_non_null(strstr(b->engine.asked, "host: 127.0.0.1:9001\r\n"));
    assert_non_null(strstr(b->engine.asked, "authorization: Bearer the-engines-key\r\n"));
}

/* A page that does not end: nobody reads on, and the rest of it is asked as ever. */
static void a_page_is_read_no_further_than_its_bound(void **state)
{
    static struct origin_page pages[] = {{"/health", OK}, {"/metrics", NULL}, {NULL, NULL}};
    struct bed *b = *state;
    struct buf page;
    unsigned before;

    buf_init(&page, 2 * (size_t)POLL_PAGE_MAX);
    buf_add_str(&page,
                "HTTP/1.1 200 OK\r\ncontent-length: 20000000\r\n\r\nvllm:num_requests_running 1\n");
    while (page.n < POLL_PAGE_MAX + 100000)
        buf_add_str(&page, "something_else{of=\"no matter\"} 1234567890.5\n");
    buf_add_char(&page, '\0');
    assert_true(buf_ok(&page));
    pages[1].answer = page.p;
    open_engine(b, pages, 404, VLLM);
    world_run(&b->w, EV_S(5));
    is(b, ENDPOINT_READY);
    assert_true(look(b, 0, 0).signals[SIGNAL_RUNNING] == SIGNAL_UNKNOWN);
    before = b->engine.requests;
    world_run(&b->w, EV_S(10));
    is(b, ENDPOINT_READY);
    assert_in_range(b->engine.requests, before + 38, before + 43);
    buf_fini(&page);
}

#define BUSY                                                                                       \
    HEAD("200 OK") "59\r\n\r\nvllm:num_requests_running 1\nvllm:generation_tokens_total 5\n"
#define MORE                                                                                       \
    HEAD("200 OK") "59\r\n\r\nvllm:num_requests_running 1\nvllm:generation_tokens_total 6\n"
#define IDLE                                                                                       \
    HEAD("200 OK") "59\r\n\r\nvllm:num_requests_running 0\nvllm:generation_tokens_total 5\n"
#define MUTE   HEAD("200 OK") "28\r\n\r\nvllm:num_requests_running 1\n"
#define MODELS HEAD("200 OK") "35\r\n\r\n{\"data\":[{\"id\":\"m/1\"},{\"id\":\"m2\"}]}"

static bool was_asked_for_a_token(struct bed *b)
{
    bool ret = strstr(b->engine.asked, "POST /v1/chat/completions ") != NULL;

    assert_true(!ret || strstr(b->engine.asked, "{\"model\":\"m/1\",")); /* its first */
    b->engine.asked[0] = '\0';
    return ret;
}

/* In so many seconds. */
static unsigned tokens_asked_for(struct bed *b, unsigned seconds)
{
    unsigned ret = 0;

    for (unsigned i = 0; i < 100 * seconds; i++) {
        world_run(&b->w, EV_MS(10));
        ret += was_asked_for_a_token(b);
    }
    return ret;
}

static void one_that_makes_nothing_is_hung(void **state)
{
    static struct origin_page pages[] = {{"/health", OK},        {"/metrics", BUSY},
                                         {"/is_sleeping", GONE}, {"/v1/models", MODELS},
                                         {NULL, NULL},           {NULL, NULL}};
    struct bed *b = *state;

    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 0); /* nothing else is answered */
    b->engine.pages = pages;
    use(b, VLLM);
    assert_int_equal(tokens_asked_for(b, 9), 0);
    assert_int_equal(tokens_asked_for(b, 3), 1);
    is(b, ENDPOINT_READY); /* it has some time to answer */
    world_run(&b->w, EV_S(10));
    is(b, ENDPOINT_HUNG);
    assert_in_range(tokens_asked_for(b, 60), 5, 7);
    is(b, ENDPOINT_HUNG);
    pages[0].answer = NULL; /* late for once: that says nothing of it */
    world_run(&b->w, EV_S(2));
    pages[0].answer = OK;
    world_run(&b->w, EV_S(1));
    is(b, ENDPOINT_HUNG);
    pages[4] = (struct origin_page){"/v1/chat/completions", HEAD("400 Bad Request") "0\r\n\r\n"};
    world_run(&b->w, EV_S(21));
    is(b, ENDPOINT_READY); /* whoever refuses is there */
    pages[4].answer = "nonsense\r\n\r\n";
    world_run(&b->w, EV_S(21));
    is(b, ENDPOINT_READY); /* and so is who says nothing that can be read */
    assert_in_range(tokens_asked_for(b, 60), 5, 7);
    pages[4] = (struct origin_page){NULL, NULL};
    world_run(&b->w, EV_S(30));
    is(b, ENDPOINT_HUNG);
    pages[1].answer = MORE;
    world_run(&b->w, EV_S(1));
    is(b, ENDPOINT_READY);
    assert_non_null(strstr(b->said, "endpoint http://127.0.0.1:9001/v1 of e: hung\n"));
    pages[1].answer = BUSY;
}

static void who_is_not_suspected_is_not_asked_for_a_token(void **state)
{
    static struct origin_page pages[] = {{"/health", OK},
                                         {"/metrics", IDLE},
                                         {"/is_sleeping", GONE},
                                         {"/v1/models", MODELS},
                                         {NULL, NULL}};
    struct bed *b = *state;

    open_engine(b, pages, 0, VLLM);
    assert_int_equal(tokens_asked_for(b, 60), 0); /* it has nothing to do */
    pages[1].answer = MUTE;
    assert_int_equal(tokens_asked_for(b, 60), 0); /* it does not say what it makes */
    for (int i = 0; i < 30; i++) {
        pages[1].answer = i % 2 ? BUSY : MORE;
        assert_int_equal(tokens_asked_for(b, 2), 0);
    }
    pages[1].answer = BUSY;
    pages[0].answer = LOADS;
    assert_int_equal(tokens_asked_for(b, 60), 0); /* it does not say that it is well */
    pages[0].answer = OK;
    world_run(&b->w, EV_S(12)); /* one is under way */
    use(b, VLLM);
    poll_free(&b->p);
}

/* Whoever goes on while it is asked for a token is not hung, whatever becomes of that one. */
static void who_goes_on_needs_no_token(void **state)
{
    static struct origin_page pages[] = {{"/health", OK},
                                         {"/metrics", BUSY},
                                         {"/is_sleeping", GONE},
                                         {"/v1/models", MODELS},
                                         {NULL, NULL}};
    struct bed *b = *state;

    open_engine(b, pages, 0, VLLM);
    world_run(&b->w, EV_S(9));
    assert_int_equal(tokens_asked_for(b, 3), 1);
    pages[1].answer = MORE;
    for (int i = 0; i < 95; i++) {
        world_run(&b->w, EV_MS(100));
        is(b, ENDPOINT_READY);
    }
    pages[1].answer = BUSY;
}

/* Between its tokens a cache grows: llama.cpp counts the calls that made them at their end. */
static void who_fills_its_cache_is_at_work(void **state)
{
#define DECODES                                                                                    \
    HEAD("200 OK")                                                                                 \
    "63\r\n\r\nllamacpp:requests_processing 1\nllamacpp:n_decode_total       7\n"
#define FILLED(n)                                                                                  \
    HEAD("200 OK")                                                                                 \
    "93\r\n\r\n[{\"n_ctx\":2048,\"is_processing\":true,\"n_prompt_tokens\":1000,\"next_token\":[{" \
    "\"n_decoded\":" n "}]}]"
    static struct origin_page pages[] = {{"/health", OK},        {"/props", AWAKE},
                                         {"/metrics", DECODES},  {"/slots", NULL},
                                         {"/v1/models", MODELS}, {NULL, NULL}};
    struct bed *b = *state;

    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 0);
    b->engine.pages = pages;
    pages[3].answer = FILLED("100");
    use(b, LLAMA);
    for (int i = 0; i < 10; i++) {
        pages[3].answer = i % 2 ? FILLED("100") : FILLED("101");
        assert_int_equal(tokens_asked_for(b, 3), 0);
        is(b, ENDPOINT_READY);
    }
    assert_in_range(look(b, 0, 0).signals[SIGNAL_KV_USED], 1100, 1101);
    assert_int_equal(tokens_asked_for(b, 12), 1); /* now it stands still */
}

/* ... and what it goes by is gone then. */
static void a_probe_goes_with_its_snapshot(void **state)
{
    static const struct origin_page pages[] = {
        {"/health", OK}, {"/metrics", BUSY}, {"/is_sleeping", GONE}, {NULL, NULL}};
    struct bed *b = *state;

    open_engine(b, pages, 0, VLLM);
    for (int i = 0; i < 3; i++) {
        while (!strstr(b->engine.asked, "GET /v1/models "))
            world_run(&b->w, EV_MS(10));
        b->engine.asked[0] = '\0';
        use(b, VLLM);
        is(b, ENDPOINT_READY);
    }
    world_run(&b->w, EV_S(12));
}

/* One that has too much to do for it says so, and is asked again at once. */
static void a_place_that_is_busy_is_asked_in_the_next_round(void **state)
{
    static struct origin_page pages[] = {
        {"/health", OK}, {"/metrics", LOADS}, {"/is_sleeping", GONE}, {NULL, NULL}};
    struct bed *b = *state;

    open_engine(b, pages, 0, VLLM);
    world_run(&b->w, EV_S(2));
    is(b, ENDPOINT_READY);
    assert_true(look(b, 0, 0).signals[SIGNAL_RUNNING] == SIGNAL_UNKNOWN);
    pages[1].answer = BUSY;
    world_run(&b->w, EV_MS(600));
    assert_int_equal(look(b, 0, 0).signals[SIGNAL_RUNNING], 1);
}

#define HALF                                                                                       \
    HEAD("200 OK")                                                                                 \
    "92\r\n\r\nvllm:kv_cache_usage_perc "                                                          \
    "0.5\nvllm:cache_config_info{block_size=\"16\",num_gpu_blocks="                                \
    "\"100\"} 1\n"

/* What it uses beyond what our own sessions have come to, over some rounds. */
static void what_is_not_ours_is_foreign(void **state)
{
    static struct origin_page pages[] = {
        {"/health", OK}, {"/metrics", HALF}, {"/is_sleeping", GONE}, {NULL, NULL}};
    struct bed *b = *state;
    struct board_load *own;

    open_engine(b, pages, 0, VLLM);
    world_run(&b->w, EV_MS(300));
    assert_int_equal(look(b, 0, 0).signals[SIGNAL_KV_USED], 800);
    assert_in_range(look(b, 0, 0).foreign, 200, 350); /* a round may say much that is none */
    world_run(&b->w, EV_S(10));
    assert_in_range(look(b, 0, 0).foreign, 797, 800);
    own = b->board->loads[0] + endpoints_place(b->board, b->settings->providers[0].urls[0].id);
    board_set(&own->now, 500);
    world_run(&b->w, EV_S(10));
    assert_in_range(look(b, 0, 0).foreign, 297, 303);
    board_set(&own->now, 1000); /* the engine has not heard of some of it */
    world_run(&b->w, EV_S(10));
    assert_in_range(look(b, 0, 0).foreign, 0, 3);
    board_set(&own->now, 0);
    pages[1].answer = MUTE; /* it does not say what it uses */
    world_run(&b->w, EV_S(10));
    assert_in_range(look(b, 0, 0).foreign, 0, 3);
}

static void every_failed_allocation_is_survived(void **state)
{
    static const struct origin_page pages[] = {
        {"/health", OK}, {"/metrics", METRICS}, {"/slots", SLOTS}, {"/props", GONE}, {NULL, NULL}};
    struct bed *b = *state;
    struct poll_conf conf = {
        .ev = b->w.ev, .pools = b->pools, .board = b->board, .say = on_say, .arg = b};
    struct poll *p = NULL;
    struct err e;

    origin_open(&b->engine, &b->w, "127.0.0.1:9001", 200);
    b->engine.pages = pages;
    mem_torture(1, false);
    assert_int_equal(poll_new(&p, &conf, &e), -1);
    mem_torture(0, false);
    assert_null(p);
    use(b, LLAMA);
    for (size_t at = 1; at <= 60; at++) {
        mem_torture(at, false);
        poll_use(b->p, b->settings);
        world_run(&b->w, EV_MS(400));
        mem_torture(0, false);
        if (look(b, 0, 0).state != ENDPOINT_READY) /* it is well, and nobody says else of it */
            is(b, ENDPOINT_UNKNOWN);
        poll_use(b->p, b->settings);
        world_run(&b->w, EV_S(1));
        is(b, ENDPOINT_READY);
    }
}

/* Our own want of memory makes no engine hung. */
static void a_probe_without_memory_says_nothing(void **state)
{
    static const struct origin_page pages[] = {{"/health", OK},
                                               {"/metrics", BUSY},
                                               {"/v1/models", MODELS},
                                               {"/v1/chat/completions", OK},
                                               {NULL, NULL}};
    struct bed *b = *state;

    open_engine(b, pages, 404, VLLM);
    world_run(&b->w, EV_MS(9500));
    for (size_t at = 1; at <= 60; at++) {
        mem_torture(at, false);
        world_run(&b->w, EV_S(1));
        mem_torture(0, false);
        poll_use(b->p, b->settings);
        world_run(&b->w, EV_S(10));
        is(b, ENDPOINT_READY);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_it_says_is_on_the_board),
        TEST(a_place_that_is_not_there_is_asked_again_later),
        TEST(who_rests_is_not_kept_awake),
        TEST(it_comes_and_goes),
        TEST(who_cannot_be_reached_is_down),
        TEST(a_connection_that_ends_says_nothing),
        TEST(a_place_that_breaks_off_takes_only_its_own),
        TEST(people_are_told_now_and_then),
        TEST(of_supervised_ones_others_tell),
        TEST(who_is_not_asked_any_more_is_stale),
        TEST(rounds_are_as_long_as_the_configuration_says),
        TEST(a_new_configuration_disturbs_nobody),
        TEST(its_key_is_sent_along),
        TEST(a_page_is_read_no_further_than_its_bound),
        TEST(one_that_makes_nothing_is_hung),
        TEST(who_is_not_suspected_is_not_asked_for_a_token),
        TEST(who_goes_on_needs_no_token),
        TEST(who_fills_its_cache_is_at_work),
        TEST(a_probe_goes_with_its_snapshot),
        TEST(a_place_that_is_busy_is_asked_in_the_next_round),
        TEST(what_is_not_ours_is_foreign),
        TEST(every_failed_allocation_is_survived),
        TEST(a_probe_without_memory_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
