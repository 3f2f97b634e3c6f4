/* Goal: a record counts in the right series, with OpenTelemetry's words; what the board and the
 * kernel say is shown as it stands.
 * Method: records and a board of our own against exact samples. */
#include "prom.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "ops/collect.h"

static struct metrics *make(void)
{
    struct metrics *m = NULL;
    struct err e;

    assert_int_equal(metrics_new(&m, 20000, 1, &e), 0);
    return m;
}

static struct record good(void)
{
    return (struct record){
        .duration_us = 2000000,
        .first_us = 500000,
        .attempt_us = 1900000,
        .attempt_first_us = 400000,
        .overhead_us = 140,
        .usage = {.input = 100, .output = 31, .seen = true},
        .outcome = OUTCOME_FULL,
        .op = OP_CHAT,
        .status = 200,
        .attempts = 1,
        .stream = true,
        .model = "smart",
        .target = "eu/gemini-3-pro",
        .provider = "gemini",
        .server = "gemini.example",
        .upstream_model = "gemini-3-pro-001",
    };
}

static void has(const char *text, const char *sample, double want)
{
    double have = prom_value(span_str(text), sample);

    if (!(fabs(have - want) < 1e-9))
        fail_msg("%s is %g, not %g, in:\n%s", sample, have, want, text);
}

static void lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("%s is in:\n%s", part, text);
}

#define GEMINI                                                                                     \
    "{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"gcp.gemini\","                         \
    "gen_ai_request_model=\"%s\",gen_ai_response_model=\"gemini-3-pro-001\""

static void has_gemini(const char *text, const char *name, const char *model, const char *more,
                       double want)
{
    char sample[512];
    int n = snprintf(sample, sizeof(sample), "%s" GEMINI "%s}", name, model, more);

    assert_true(n > 0 && (size_t)n < sizeof(sample));
    has(text, sample, want);
}

static void good_stream_counts_everywhere(void **state)
{
    struct metrics *m = make();
    struct record r = good();
    char *text;

    UNUSED(state);
    collect_record(m, &r);
    text = prom_text(m);
    has(text,
        "lamplighter_requests_total{model=\"smart\",api=\"chat\",stream=\"true\",outcome=\"full\"}",
        1);
    has(text,
        "lamplighter_attempts_total{target=\"eu/gemini-3-pro\",outcome=\"ok\",reason=\"none\"}", 1);
    has_gemini(text, "gen_ai_server_request_duration_seconds_bucket", "smart", ",le=\"2.56\"", 1);
    has_gemini(text, "gen_ai_server_request_duration_seconds_bucket", "smart", ",le=\"1.28\"", 0);
    has_gemini(text, "gen_ai_server_request_duration_seconds_sum", "smart", "", 2);
    has_gemini(text, "gen_ai_server_time_to_first_token_seconds_sum", "smart", "", 0.5);
    has_gemini(text, "gen_ai_server_time_per_output_token_seconds_sum", "smart", "", 0.05);
    has_gemini(text, "gen_ai_client_operation_duration_seconds_sum", "gemini-3-pro",
               ",server_address=\"gemini.example\"", 1.9);
    has_gemini(text, "gen_ai_client_operation_time_to_first_chunk_seconds_sum", "gemini-3-pro",
               ",server_address=\"gemini.example\"", 0.4);
    has(text, "lamplighter_overhead_seconds_sum", 0.00014);
    has(text, "lamplighter_overhead_seconds_bucket{le=\"0.0001\"}", 0);
    has(text, "lamplighter_overhead_seconds_bucket{le=\"0.00015\"}", 1);
    has_gemini(text, "gen_ai_client_token_usage_sum", "gemini-3-pro",
               ",gen_ai_token_type=\"input\"", 100);
    has_gemini(text, "gen_ai_client_token_usage_sum", "gemini-3-pro",
               ",gen_ai_token_type=\"output\"", 31);
    lacks(text, "lamplighter_stream_breaks_total");
    mem_free(text);
    metrics_free(&m);
}

/* An attempt that brought no answer has a duration, and nothing else. */
static void what_did_not_come_is_not_observed(void **state)
{
    struct metrics *m = make();
    struct record r = good();
    char *text;

    UNUSED(state);
    r.outcome = OUTCOME_FAILED;
    r.reason = REASON_CONNECT;
    r.class_id = CLASS_NEVER_EXECUTED;
    r.first_us = r.attempt_first_us = r.overhead_us = 0;
    collect_record(m, &r);
    text = prom_text(m);
    has_gemini(text, "gen_ai_client_operation_duration_seconds_count", "gemini-3-pro",
               ",error_type=\"never-executed\",server_address=\"gemini.example\"", 1);
    lacks(text, "time_to_first_chunk");
    lacks(text, "overhead");
    mem_free(text);
    metrics_free(&m);
}

/* A break is that of the target that broke, whoever told the rest. */
static void a_joined_answer_broke_once(void **state)
{
    struct metrics *m = make();
    struct record a = good(), refuses = good(), b = good();
    char *text;

    UNUSED(state);
    a.more = refuses.more = true;
    a.outcome = refuses.outcome = OUTCOME_FAILED;
    a.reason = REASON_TRUNCATED;
    refuses.attempt_first_us = 0; /* the answer's first content was another's */
    b.outcome = OUTCOME_JOINED;
    collect_record(m, &a);
    collect_record(m, &refuses);
    collect_record(m, &b);
    text = prom_text(m);
    has(text, "lamplighter_stream_breaks_total{target=\"eu/gemini-3-pro\",recovered=\"continued\"}",
        1);
    lacks(text, "error_event");
    has(text,
        "lamplighter_requests_total{model=\"smart\",api=\"chat\",stream=\"true\",outcome="
        "\"joined\"}",
        1);
    mem_free(text);
    metrics_free(&m);
}

static void broken_stream_names_its_class(void **state)
{
    struct metrics *m = make();
    struct record r = good();
    char *text;

    UNUSED(state);
    r.outcome = OUTCOME_FAILED;
    r.reason = REASON_TRUNCATED;
    r.class_id = CLASS_TRUNCATED;
    r.usage.seen = false;
    collect_record(m, &r);
    text = prom_text(m);
    has(text,
        "lamplighter_stream_breaks_total{target=\"eu/gemini-3-pro\",recovered=\"error_event\"}", 1);
    has(text,
        "lamplighter_attempts_total{target=\"eu/gemini-3-pro\",outcome=\"failed\","
        "reason=\"truncated\"}",
        1);
    has_gemini(text, "gen_ai_server_request_duration_seconds_count", "smart",
               ",error_type=\"truncated\"", 1);
    lacks(text, "gen_ai_client_token_usage");
    lacks(text, "gen_ai_server_time_per_output_token");
    mem_free(text);
    metrics_free(&m);
}

/* Who was outrun has not failed, and nobody has taken anything over from it; nor from a hedge. */
static void a_hedge_is_no_failover(void **state)
{
    static const struct {
        enum record_hedge hedge;
        const char *result;
    } rows[] = {{RECORD_HEDGE_WON, "won"},
                {RECORD_HEDGE_LOST, "lost"},
                {RECORD_HEDGE_FAILED, "failed"},
                {RECORD_HEDGE_RUNS, "canceled"}};
    struct metrics *m = make();
    struct record r = good();
    char *text;

    UNUSED(state);
    collect_record(m, &r);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        r.hedge = (uint8_t)rows[i].hedge;
        for (size_t n = 0; n <= i; n++)
            collect_record(m, &r);
    }
    r.more = true;
    r.outcome = OUTCOME_CLIENT_GONE;
    r.reason = REASON_OUTRUN;
    memcpy(r.next, "other/x", sizeof("other/x"));
    collect_record(m, &r);
    r.outcome = OUTCOME_FAILED;
    r.reason = REASON_UPSTREAM_STATUS;
    r.class_id = CLASS_OVERLOAD;
    r.beside = true;
    collect_record(m, &r);
    r.last_resort = true;
    collect_record(m, &r);
    text = prom_text(m);
    has(text, "lamplighter_last_resort_probes_total{target=\"eu/gemini-3-pro\"}", 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char sample[128];

        UNUSED(snprintf(sample, sizeof(sample),
                        "lamplighter_hedges_total{model=\"smart\",result=\"%s\"}", rows[i].result));
        has(text, sample, (double)i + 1);
    }
    has(text,
        "lamplighter_attempts_total{target=\"eu/gemini-3-pro\",outcome=\"canceled\","
        "reason=\"outrun\"}",
        1);
    lacks(text, "lamplighter_failovers_total{");
    mem_free(text);
    metrics_free(&m);
}

/* What a client makes up does not become a label. */
static void refused_request_has_no_provider_and_no_name(void **state)
{
    struct metrics *m = make();
    struct record r = {.outcome = OUTCOME_CLIENT_ERROR,
                       .reason = REASON_UNKNOWN_MODEL,
                       .op = OP_MESSAGES,
                       .model = "made-up"};
    char *text;

    UNUSED(state);
    collect_record(m, &r);
    r.op = OPS;
    collect_record(m, &r);
    text = prom_text(m);
    has(text,
        "lamplighter_requests_total{model=\"unknown\",api=\"messages\",stream=\"false\","
        "outcome=\"client_error\"}",
        1);
    has(text,
        "lamplighter_requests_total{model=\"unknown\",api=\"unknown\",stream=\"false\","
        "outcome=\"client_error\"}",
        1);
    lacks(text, "made-up");
    mem_free(text);
    r = (struct record){.outcome = OUTCOME_FAILED, /* all of its targets are left alone */
                        .op = OP_MESSAGES,
                        .model = "smart",
                        .configured = true};
    collect_record(m, &r);
    text = prom_text(m);
    has(text,
        "lamplighter_requests_total{model=\"smart\",api=\"messages\",stream=\"false\","
        "outcome=\"failed\"}",
        1);
    lacks(text, "gen_ai");
    lacks(text, "attempts");
    mem_free(text);
    metrics_free(&m);
}

/* Every outcome and operation has its words: no NULL, no crash, valid text. */
static void every_outcome_and_operation_is_counted(void **state)
{
    struct metrics *m = make();
    double sum = 0;
    char *text;

    UNUSED(state);
    for (int o = 0; o < OUTCOMES_N; o++)
        for (int op = 0; op <= OPS; op++) {
            struct record r = good();

            r.outcome = (enum outcome)o;
            r.op = (enum provider_op)op;
            r.class_id = (enum class_id)(op % CLASSES);
            r.reason = (enum reason)(op % REASONS);
            collect_record(m, &r);
        }
    text = prom_text(m);
    for (struct metrics_series s, *p = &s; p; p = NULL)
        for (const void *at = NULL; metrics_next(m, METRIC_REQUESTS, &at, &s);)
            sum += s.value;
    assert_true(fabs(sum - OUTCOMES_N * (OPS + 1)) < 1e-9);
    lacks(text, "(null)");
    mem_free(text);
    metrics_free(&m);
}

/* Configured targets are shown from the start, others when they are asked; sums are over workers.
 */
static void targets_have_a_state_and_attempts_under_way(void **state)
{
    static const struct settings_target smart[] = {{.id = SPAN_LIT("a/x")},
                                                   {.id = SPAN_LIT("b/y")}};
    static const struct settings_model models[] = {
        {.name = SPAN_LIT("smart"), .targets = smart, .targets_n = 2},
        {.name = SPAN_LIT("again"), .targets = smart, .targets_n = 1},
    };
    static const struct settings settings = {
        .source = SPAN_LIT("/etc/l.yaml"), .models = models, .models_n = 2};
    struct targets *targets = mem_zalloc(1, sizeof(*targets));
    struct view v = {.workers = 2,
                     .now_us = 20000000,
                     .settings = &settings,
                     .first = &settings,
                     .targets = targets};
    struct metrics *m = make();
    struct board *b = NULL;
    struct record r = good();
    struct board_target *at;
    struct err e;
    char *text;

    UNUSED(state);
    assert_non_null(targets);
    assert_int_equal(board_new(&b, &e), 0);
    v.board = b;
    targets_add(targets, &r, v.now_us);
    at = board_enter(b->targets[0], SPAN_LIT("a/x"));
    (void)board_enter(b->targets[1], SPAN_LIT("a/x"));
    (void)board_enter(b->targets[1], SPAN_LIT("new/one"));
    board_set(&b->workers[0].body_bytes, 32768);
    board_set(&b->workers[1].body_bytes, 65536);
    board_set(&b->workers[1].spooled_bytes, 7);
    collect_view(m, &v);
    text = prom_text(m);
    has(text, "lamplighter_target_state{target=\"a/x\",state=\"unknown\"}", 1);
    has(text, "lamplighter_target_state{target=\"a/x\",state=\"healthy\"}", 0);
    has(text, "lamplighter_target_state{target=\"eu/gemini-3-pro\",state=\"healthy\"}", 1);
    has(text, "lamplighter_target_state{target=\"eu/gemini-3-pro\",state=\"degraded\"}", 0);
    has(text, "lamplighter_target_inflight{target=\"a/x\"}", 2);
    has(text, "lamplighter_target_inflight{target=\"b/y\"}", 0);
    has(text, "lamplighter_target_inflight{target=\"eu/gemini-3-pro\"}", 0);
    has(text, "lamplighter_target_inflight{target=\"other\"}", 1);
    has(text, "lamplighter_memory_bytes{kind=\"bodies\"}", 98304);
    has(text, "lamplighter_memory_bytes{kind=\"spooled\"}", 7);
    mem_free(text);
    board_leave(at);
    board_targets_clear(b->targets[1]);
    v.now_us += 1000000 * (uint64_t)TARGETS_FORGET_S;
    collect_view(m, &v);
    text = prom_text(m);
    has(text, "lamplighter_target_inflight{target=\"a/x\"}", 0);
    lacks(text, "target=\"other\"");
    lacks(text, "gemini");
    mem_free(text);
    metrics_free(&m);
    board_free(&b);
    mem_free(targets);
}

static void credentials_are_shown_by_provider(void **state)
{
    static const struct token_source cloud = {.name = "some cloud", .steps_n = 1}, fixed;
    static const struct settings_provider providers[] = {
        {.name = SPAN_LIT("keys")},
        {.name = SPAN_LIT("fixed"), .credential.source = &fixed},
        {.name = SPAN_LIT("v"), .credential.source = &cloud},
        {.name = SPAN_LIT("idle"), .credential.source = &cloud},
    };
    static const struct settings settings = {.providers = providers,
                                             .providers_n = ARRAY_LEN(providers)};
    static const struct targets no_targets;
    struct metrics *m = make();
    struct board *b = NULL;
    struct view v = {.workers = 2,
                     .targets = &no_targets,
                     .wall_ms = 1767225600000,
                     .settings = &settings,
                     .first = &settings};
    struct board_cred *places[2];
    struct err e;
    char *text;

    UNUSED(state);
    assert_int_equal(board_new(&b, &e), 0);
    v.board = b;
    for (size_t i = 0; i < 2; i++) {
        places[i] = granted_take(b->creds[i], SPAN_LIT("v"));
        board_set(&places[i]->until_ms, v.wall_ms + 1500 + i);
        board_add(&places[i]->fetched, 3);
    }
    granted_failed(places[1], v.wall_ms, "why");
    collect_view(m, &v);
    text = prom_text(m);
    has(text, "lamplighter_credential_state{provider=\"v\",state=\"stale\"}", 1);
    has(text, "lamplighter_credential_state{provider=\"v\",state=\"good\"}", 0);
    has(text, "lamplighter_credential_state{provider=\"idle\",state=\"none\"}", 1);
    has(text, "lamplighter_credential_expiry_timestamp_seconds{provider=\"v\"}", 1767225601.5);
    has(text, "lamplighter_credential_fetches_total{provider=\"v\",outcome=\"ok\"}", 6);
    has(text, "lamplighter_credential_fetches_total{provider=\"v\",outcome=\"failed\"}", 1);
    lacks(text, "expiry_timestamp_seconds{provider=\"idle\"}");
    lacks(text, "provider=\"keys\"");
    lacks(text, "provider=\"fixed\"");
    mem_free(text);
    v.settings = &(struct settings){.providers = providers, .providers_n = 2};
    collect_view(m, &v);
    text = prom_text(m);
    lacks(text, "provider=\"v\""); /* not configured any more */
    mem_free(text);
    metrics_free(&m);
    board_free(&b);
}

static void view_shows_board_and_processes(void **state)
{
    static const struct settings_provider provider = {.name = SPAN_LIT("local")};
    static const struct settings_engine engine = {.provider = &provider};
    static const struct settings settings = {.id = 0x7f3a91, .source = SPAN_LIT("/etc/l.yaml")};
    static const struct settings first = {.engines = &engine, .engines_n = 1};
    static const struct targets no_targets;
    struct metrics *m = make();
    struct board *b = NULL;
    struct view v = {.workers = 2,
                     .now_us = 20000000,
                     .targets = &no_targets,
                     .wall_ms = 1767225600000,
                     .settings = &settings,
                     .first = &first,
                     .log_dropped = 3};
    struct err e;
    char *text;

    UNUSED(state);
    assert_int_equal(board_new(&b, &e), 0);
    v.board = b;
    board_set(&b->started_us, 10000000);
    board_set(&b->generation, 4);
    board_set(&b->reload_wall_ms, 1767225600500);
    board_set(&b->engines[0].state, ENGINE_READY);
    board_set(&b->engines[0].restarts, 2);
    board_set(&b->clerk.pid, (uint64_t)getpid());
    board_add(&b->workers[0].requests, 40);
    board_add(&b->workers[1].requests, 2);
    board_set(&b->workers[0].conns, 5);
    board_set(&b->workers[1].conns, 6);
    board_set(&b->workers[1].turned_us, 19500000);
    board_set(&b->workers[1].lag_us, 1500);
    board_add(&b->workers[1].records_dropped, 9);
    collect_view(m, &v);
    v.settings = &(struct settings){.id = 1, .source = SPAN_LIT("environment")};
    collect_view(m, &v);
    v.settings = &settings;
    collect_view(m, &v); /* nothing of the one in between stays */
    text = prom_text(m);
    has(text, "lamplighter_worker_requests_total{worker=\"0\"}", 40);
    has(text, "lamplighter_worker_requests_total{worker=\"1\"}", 2);
    has(text, "lamplighter_worker_silent_seconds{worker=\"1\"}", 0.5);
    lacks(text, "lamplighter_worker_silent_seconds{worker=\"0\"}");
    has(text, "lamplighter_loop_lag_seconds{worker=\"1\"}", 0.0015);
    lacks(text, "lamplighter_loop_lag_seconds{worker=\"0\"}");
    lacks(text, "worker=\"2\"");
    has(text, "lamplighter_connections", 11);
    has(text, "lamplighter_uptime_seconds", 10);
    has(text, "lamplighter_config_info{hash=\"00000000007f3a91\",source=\"/etc/l.yaml\"}", 1);
    lacks(text, "source=\"environment\"");
    has(text, "lamplighter_config_generation", 4);
    has(text, "lamplighter_config_last_reload_successful", 0);
    has(text, "lamplighter_config_last_reload_success_timestamp_seconds", 1767225600.5);
    has(text, "lamplighter_engine_state{engine=\"0\",provider=\"local\",state=\"ready\"}", 1);
    has(text, "lamplighter_engine_state{engine=\"0\",provider=\"local\",state=\"down\"}", 0);
    has(text, "lamplighter_engine_restarts_total{engine=\"0\",provider=\"local\"}", 2);
    has(text, "lamplighter_telemetry_dropped_total{signal=\"log\"}", 3);
    has(text, "lamplighter_telemetry_dropped_total{signal=\"record\"}", 9);
    has(text, "lamplighter_series_dropped_total", 0);
    assert_true(prom_value(span_str(text), "process_resident_memory_bytes{process=\"clerk\"}") >
                1e6);
    assert_true(prom_value(span_str(text), "process_cpu_seconds_total{process=\"clerk\"}") >= 0);
    assert_true(prom_value(span_str(text), "process_start_time_seconds{process=\"clerk\"}") > 1e9);
    has(text, "process_threads{process=\"clerk\"}", 1);
    lacks(text, "process=\"keeper\"");
    mem_free(text);
    metrics_free(&m);
    board_free(&b);
}

static void costs_are_added_and_what_has_none_is_counted(void **state)
{
    static const struct {
        const char *key;
        enum pricing pricing;
        uint64_t cost;
    } rows[] = {
        {"ci", PRICING_KNOWN, 1500000000000}, {"ci", PRICING_KNOWN, 250000000000},
        {"", PRICING_KNOWN, 125000000000},    {"ci", PRICING_INCOMPLETE, 1000000000000},
        {"ci", PRICING_NO_PRICE, 77},         {"ci", PRICING_NO_USAGE, 77},
        {"ci", PRICING_NOT_READ, 77},         {"ci", PRICING_NOTHING, 77},
    };
    struct metrics *m = make();
    struct record r = good();
    char *text;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(r.key, sizeof(r.key), "%s", rows[i].key);
        r.pricing = rows[i].pricing;
        r.cost = rows[i].cost;
        collect_record(m, &r);
    }
    text = prom_text(m);
    has(text, "lamplighter_cost_usd_total{target=\"eu/gemini-3-pro\"}", 2.875);
    has(text, "lamplighter_key_cost_usd_total{key=\"ci\"}", 2.75);
    has(text, "lamplighter_key_cost_usd_total", 0.125);
    has(text, "lamplighter_unpriced_requests_total{target=\"eu/gemini-3-pro\"}", 4);
    mem_free(text);
    metrics_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_are_added_and_what_has_none_is_counted),
        cmocka_unit_test(good_stream_counts_everywhere),
        cmocka_unit_test(what_did_not_come_is_not_observed),
        cmocka_unit_test(a_joined_answer_broke_once),
        cmocka_unit_test(broken_stream_names_its_class),
        cmocka_unit_test(a_hedge_is_no_failover),
        cmocka_unit_test(refused_request_has_no_provider_and_no_name),
        cmocka_unit_test(every_outcome_and_operation_is_counted),
        cmocka_unit_test(targets_have_a_state_and_attempts_under_way),
        cmocka_unit_test(credentials_are_shown_by_provider),
        cmocka_unit_test(view_shows_board_and_processes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
