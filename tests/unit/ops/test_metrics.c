/* Goal: the text of /metrics is what Prometheus reads, line by line, and the registry keeps its
 * bounds whatever labels come.
 * Method: known values against known lines; many names against the bound. */
#include "prom.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"

#define SEED 7

static struct metrics *make(size_t lines_max)
{
    struct metrics *m = NULL;
    struct err e;

    assert_int_equal(metrics_new(&m, lines_max, SEED, &e), 0);
    return m;
}

static void request(struct metrics *m, struct span model)
{
    metrics_add(m, METRIC_REQUESTS,
                (struct span[]){model, SPAN_LIT("chat"), SPAN_LIT("true"), SPAN_LIT("full")}, 1);
}

static double get(const struct metrics *m, const char *sample)
{
    char *text = prom_text(m);
    double v = prom_value(span_str(text), sample);

    mem_free(text);
    return v;
}

static void is(double have, double want)
{
    if (!(fabs(have - want) < 1e-9))
        fail_msg("%.17g is not %.17g", have, want);
}

static void text_is_exact(void **state)
{
    static const char want[] =
        "# HELP lamplighter_requests_total Requests, by what they came to: one of the words of "
        "docs/explain.md. shed: refused for want of the gateway's own room, or since it was "
        "ending.\n"
        "# TYPE lamplighter_requests_total counter\n"
        "lamplighter_requests_total{model=\"smart\",api=\"chat\",stream=\"true\","
        "outcome=\"full\"} 2\n"
        "lamplighter_requests_total{model=\"code\",api=\"chat\",stream=\"true\","
        "outcome=\"full\"} 1\n"
        "# HELP lamplighter_connections Client connections open.\n"
        "# TYPE lamplighter_connections gauge\n"
        "lamplighter_connections 12.5\n";
    struct metrics *m = make(100);
    char *text;

    UNUSED(state);
    request(m, SPAN_LIT("smart"));
    request(m, SPAN_LIT("code"));
    request(m, SPAN_LIT("smart"));
    metrics_set(m, METRIC_CONNECTIONS, NULL, 3);
    metrics_set(m, METRIC_CONNECTIONS, NULL, 12.5);
    text = prom_text(m);
    assert_string_equal(text, want);
    mem_free(text);
    metrics_free(&m);
}

static void label_values_are_escaped(void **state)
{
    static const struct {
        const char *value, *want;
    } rows[] = {
        {"plain", "plain"},
        {"quote\"", "quote\\\""},
        {"back\\slash", "back\\\\slash"},
        {"new\nline", "new\\nline"},
        {"\xC3\xA4", "\xC3\xA4"},
        {"\xFF\xC3", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"a} 1\nb{", "a} 1\\nb{"},
    };
    struct metrics *m = make(100);
    char line[200];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        request(m, span_str(rows[i].value));
        snprintf(line, sizeof(line),
                 "lamplighter_requests_total{model=\"%s\",api=\"chat\",stream=\"true\","
                 "outcome=\"full\"}",
                 rows[i].want);
        is(get(m, line), 1);
    }
    metrics_free(&m);
}

static void empty_label_is_left_out_and_long_one_cut(void **state)
{
    struct metrics *m = make(100);
    char name[300], line[400];

    UNUSED(state);
    memset(name, 'x', sizeof(name));
    request(m, span_of(NULL, 0));
    request(m, SPAN_LIT(""));
    request(m, span_of(name, 200));
    request(m, span_of(name, 300));
    is(get(m, "lamplighter_requests_total{api=\"chat\",stream=\"true\",outcome=\"full\"}"), 2);
    snprintf(line, sizeof(line),
             "lamplighter_requests_total{model=\"%.*s\",api=\"chat\",stream=\"true\","
             "outcome=\"full\"}",
             METRICS_LABEL_MAX, name);
    is(get(m, line), 2);
    metrics_free(&m);
}

/* Bounds of gen_ai_server_time_per_output_token_seconds are 0.01 ... 2.5: a value on a bound
 * belongs to its bucket. */
static void buckets_are_cumulative(void **state)
{
    static const double values[] = {0, 0.01, 0.0100001, 0.75, 2.5, 2.6, 1000};
    static const struct {
        const char *le;
        double want;
    } rows[] = {{"0.01", 2}, {"0.025", 3}, {"0.05", 3}, {"0.5", 3},
                {"0.75", 4}, {"1", 4},     {"2.5", 5},  {"+Inf", 7}};
    struct span labels[] = {
        SPAN_LIT("chat"), SPAN_LIT("openai"), SPAN_LIT("a"), SPAN_LIT("b"), {NULL, 0}};
    struct metrics *m = make(100);
    char line[300];
    static const char base[] = "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"openai\","
                               "gen_ai_request_model=\"a\",gen_ai_response_model=\"b\"";
    static const char name[] = "gen_ai_server_time_per_output_token_seconds";

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        metrics_observe(m, METRIC_GEN_AI_PACE, labels, values[i]);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(line, sizeof(line), "%s_bucket{%s,le=\"%s\"}", name, base, rows[i].le);
        is(get(m, line), rows[i].want);
    }
    snprintf(line, sizeof(line), "%s_sum{%s}", name, base);
    is(get(m, line), 1005.8700001);
    snprintf(line, sizeof(line), "%s_count{%s}", name, base);
    is(get(m, line), 7);
    metrics_free(&m);
}

static void request_names(struct metrics *m, size_t from, size_t to)
{
    char name[32];

    for (size_t i = from; i < to; i++)
        request(m, span_of(name, (size_t)snprintf(name, sizeof(name), "model-%zu", i)));
}

static void past_the_cap_names_become_other(void **state)
{
    static const char other[] = "lamplighter_requests_total{model=\"other\",api=\"chat\","
                                "stream=\"true\",outcome=\"full\"}";
    static const char zero[] = "lamplighter_requests_total{model=\"model-0\",api=\"chat\","
                               "stream=\"true\",outcome=\"full\"}";
    struct metrics *m = make(20000);

    UNUSED(state);
    request_names(m, 0, 20000); /* exactly at the cap */
    assert_int_equal(metrics_lines(m), 20000);
    assert_int_equal(metrics_dropped(m), 0);
    assert_true(isnan(get(m, other)));
    request_names(m, 20000, 20001); /* one past it */
    assert_int_equal(metrics_lines(m), 20001);
    assert_int_equal(metrics_dropped(m), 1);
    is(get(m, other), 1);
    request_names(m, 20001, 25000);
    request_names(m, 0, 1); /* what has its series keeps it */
    assert_int_equal(metrics_lines(m), 20001);
    assert_int_equal(metrics_dropped(m), 5000);
    is(get(m, other), 5000);
    is(get(m, zero), 2);
    metrics_set(m, METRIC_CONNECTIONS, NULL, 5); /* bounded by nature: still finds room */
    is(get(m, "lamplighter_connections"), 5);
    assert_int_equal(metrics_dropped(m), 5000);
    metrics_free(&m);
}

/* Labels that should have few values and have many: the hard end. */
static void past_the_reserve_all_labels_become_other(void **state)
{
    struct metrics *m = make(100);
    char word[32];

    UNUSED(state);
    for (size_t i = 0; i < 1000; i++) {
        struct span outcome = span_of(word, (size_t)snprintf(word, sizeof(word), "o%zu", i));

        metrics_add(m, METRIC_ATTEMPTS, (struct span[]){SPAN_LIT("t"), outcome, SPAN_LIT("r")}, 1);
    }
    assert_int_equal(metrics_lines(m), 100 + 25 + 1);
    is(get(m, "lamplighter_attempts_total{target=\"other\",outcome=\"other\",reason=\"other\"}"),
       1000 - 125);
    metrics_free(&m);
}

static void clear_gives_room_back(void **state)
{
    struct metrics *m = make(100);

    UNUSED(state);
    request_names(m, 0, 100);
    metrics_set(m, METRIC_LIVE, NULL, 1);
    metrics_clear(m, METRIC_REQUESTS);
    assert_int_equal(metrics_lines(m), 1);
    request_names(m, 0, 99);
    assert_int_equal(metrics_lines(m), 100);
    assert_int_equal(metrics_dropped(m), 0);
    is(get(m, "lamplighter_requests_live"), 1);
    metrics_free(&m);
}

static void no_memory_drops_and_counts(void **state)
{
    struct metrics *m = NULL;
    struct err e;

    UNUSED(state);
    mem_torture(1, false);
    assert_int_equal(metrics_new(&m, 100, SEED, &e), -1);
    assert_int_equal(e.code, ERR_NOMEM);
    mem_torture(0, false);
    m = make(100);
    mem_torture(1, true);
    request_names(m, 0, 3);
    mem_torture(0, false);
    assert_int_equal(metrics_dropped(m), 3);
    assert_int_equal(metrics_lines(m), 0);
    metrics_free(&m);
    assert_null(m);
    metrics_free(&m);
}

static void quantiles_lie_within_their_bucket(void **state)
{
    static const double bounds[] = {1, 2, 4};
    static const struct {
        uint64_t counts[4];
        double q, want;
    } rows[] = {
        {{0, 0, 0, 0}, 0.5, 0},   {{10, 0, 0, 0}, 0.5, 0.5}, {{0, 10, 0, 0}, 0.5, 1.5},
        {{5, 5, 0, 0}, 0.5, 1},   {{5, 0, 5, 0}, 0.75, 3},   {{0, 0, 0, 9}, 0.5, 4},
        {{1, 1, 1, 97}, 0.95, 4}, {{0, 0, 8, 0}, 1, 4},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        is(metrics_quantile(bounds, ARRAY_LEN(bounds), rows[i].counts, rows[i].q), rows[i].want);
}

static void every_row_keeps_the_naming_rules(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric_row *row = metrics_row((enum metric)i);

        assert_true(span_starts(span_str(row->name), SPAN_LIT("lamplighter_")) ||
                    span_starts(span_str(row->name), SPAN_LIT("gen_ai_")) ||
                    span_starts(span_str(row->name), SPAN_LIT("process_")));
        assert_int_equal(row->type == METRIC_COUNTER,
                         span_ends(span_str(row->name), SPAN_LIT("_total")));
        assert_int_equal(row->type == METRIC_HISTOGRAM, row->bounds != NULL);
        assert_true(row->bounds_n <= METRICS_BOUNDS_MAX);
        for (size_t b = 1; b < row->bounds_n; b++)
            assert_true(row->bounds[b - 1] < row->bounds[b]);
        assert_int_equal(row->help[strlen(row->help) - 1], '.');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(row->name, metrics_row((enum metric)k)->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_exact),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(empty_label_is_left_out_and_long_one_cut),
        cmocka_unit_test(buckets_are_cumulative),
        cmocka_unit_test(past_the_cap_names_become_other),
        cmocka_unit_test(past_the_reserve_all_labels_become_other),
        cmocka_unit_test(clear_gives_room_back),
        cmocka_unit_test(no_memory_drops_and_counts),
        cmocka_unit_test(quantiles_lie_within_their_bucket),
        cmocka_unit_test(every_row_keeps_the_naming_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
