/* Goal: what each type of engine says of its load is read as it is meant, whichever release says
 * it; what it does not say, or says badly, is unknown. Method: pages. llama.cpp's are as its server
 * of 2026-10 answers; those of the others are written from their sources (signals.c names them). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "engine/signals.h"

#define NONE SIGNAL_UNKNOWN

/* What a page comes to, cut at every place in turn. */
static void read_page(struct signals *s, const char *type, const char *page)
{
    struct signals first = {0};

    for (size_t cut = 0; cut <= strlen(page); cut += 1 + strlen(page) / 50) {
        struct signals_page p;

        signals_init(s);
        signals_page_begin(&p, signals_source(type));
        signals_page_feed(&p, page, cut);
        signals_page_feed(&p, page + cut, strlen(page) - cut);
        signals_page_end(&p, s);
        signals_derive(s);
        if (cut == 0)
            first = *s;
        assert_memory_equal(s, &first, sizeof(first));
    }
}

static const struct page {
    const char *type, *page;
    uint64_t running, waiting, share, used, tokens, preemptions;
} pages[] = {
    {"vllm",
     "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 42.0\n"
     "vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 7.0\n"
     "vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"m\"} 0.625\n"
     "vllm:num_preemptions_total{engine=\"0\",model_name=\"m\"} 2.0\n"
     "vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"1000\",cache_dtype=\"auto\"} "
     "1.0\n",
     42, 7, 625000, 10000, 16000, 2},
    /* two ranks of a data-parallel group: the fullest, and all together */
    {"vllm",
     "vllm:num_requests_running{engine=\"0\"} 1\nvllm:num_requests_running{engine=\"1\"} 2\n"
     "vllm:num_requests_waiting{engine=\"0\"} 3\nvllm:num_requests_waiting{engine=\"1\"} 4\n"
     "vllm:kv_cache_usage_perc{engine=\"0\"} 0.25\nvllm:kv_cache_usage_perc{engine=\"1\"} "
     "0.75\n"
     "vllm:num_preemptions_total{engine=\"0\"} 5\nvllm:num_preemptions_total{engine=\"1\"} 6\n"
     "vllm:cache_config_info{block_size=\"16\",engine=\"0\",num_gpu_blocks=\"100\"} 1\n"
     "vllm:cache_config_info{block_size=\"16\",engine=\"1\",num_gpu_blocks=\"100\"} 1\n",
     3, 7, 750000, 2400, 3200, 11},
    /* an old one, with the gauge's former name and less to say */
    {"vllm", "vllm:num_requests_running 1\nvllm:gpu_cache_usage_perc 0.5\n", 1, NONE, 500000, NONE,
     NONE, NONE},
    {"vllm", "vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"None\"} 1\n", NONE, NONE,
     NONE, NONE, NONE, NONE},
    {"vllm", "vllm:kv_cache_usage_perc NaN\nvllm:num_requests_running -1\n", NONE, NONE, NONE, NONE,
     NONE, NONE},
    {"vllm",
     "vllm:num_requests_running{engine=\"0\"} 1\nvllm:num_requests_running{engine=\"1\"} NaN\n",
     NONE, NONE, NONE, NONE, NONE, NONE},
    {"vllm", "vllm:num_requests_running +Inf\nvllm:num_requests_waiting 1e16\n", NONE, NONE, NONE,
     NONE, NONE, NONE},
    {"vllm", "vllm:num_requests_waiting 1e15\n", NONE, UINT64_C(1000000000000000), NONE, NONE, NONE,
     NONE},
    {"vllm", "", NONE, NONE, NONE, NONE, NONE, NONE},
    {"vllm", "<!doctype html>\n<html>\n", NONE, NONE, NONE, NONE, NONE, NONE},
    {"sglang",
     "sglang:num_running_reqs{model_name=\"m\",tp_rank=\"0\",pp_rank=\"0\"} 162.0\n"
     "sglang:num_running_reqs{model_name=\"m\",tp_rank=\"1\",pp_rank=\"0\"} 162.0\n"
     "sglang:num_running_reqs{model_name=\"m\",tp_rank=\"0\",pp_rank=\"1\"} 162.0\n"
     "sglang:num_queue_reqs{model_name=\"m\",tp_rank=\"0\"} 2826.0\n"
     "sglang:token_usage{model_name=\"m\"} 0.28\n"
     "sglang:num_used_tokens{model_name=\"m\"} 123859.0\n"
     "sglang:max_total_num_tokens{model_name=\"m\"} 442356.0\n"
     "sglang:num_retracted_reqs{model_name=\"m\"} 9\n"
     "sglang:num_retracted_requests_total{model_name=\"m\"} 3.0\n",
     162, 2826, 280000, 123859, 442356, 3},
    {"tgi", "tgi_batch_current_size 3\ntgi_queue_size 4\ntgi_batch_current_max_tokens 4000\n", 3, 4,
     NONE, NONE, NONE, NONE},
    {"llama.cpp",
     "# HELP llamacpp:requests_processing Number of requests processing\n"
     "# TYPE llamacpp:requests_processing gauge\nllamacpp:requests_processing 1\n"
     "llamacpp:requests_deferred 5\nllamacpp:n_tokens_max 240\n",
     1, 5, NONE, NONE, NONE, NONE},
    {"tensorrt-llm",
     "trtllm_num_requests_running{model_name=\"m\"} 5\ntrtllm_num_requests_waiting 6\n"
     "trtllm_kv_cache_utilization 0.5\ntrtllm_kv_cache_max_blocks 100\n"
     "trtllm_kv_cache_tokens_per_block 64\n",
     5, 6, 500000, 3200, 6400, NONE},
    {"tensorrt-llm",
     "nv_trt_llm_request_metrics{request_type=\"waiting\"} 2\n"
     "nv_trt_llm_request_metrics{request_type=\"scheduled\"} 3\n"
     "nv_trt_llm_request_metrics{request_type=\"max\"} 512\n"
     "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\"} 0.1\n"
     "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"tokens_per\"} 64\n"
     "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"used\"} 10\n"
     "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"max\"} 100\n",
     3, 2, 100000, 640, 6400, NONE},
};

static void each_engine(void **state)
{

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct signals s;

        read_page(&s, pages[i].type, pages[i].page);
        if (s.of[SIGNAL_RUNNING] != pages[i].running || s.of[SIGNAL_WAITING] != pages[i].waiting ||
            s.of[SIGNAL_KV_SHARE] != pages[i].share || s.of[SIGNAL_KV_USED] != pages[i].used ||
            s.of[SIGNAL_KV_TOKENS] != pages[i].tokens ||
            s.of[SIGNAL_PREEMPTIONS] != pages[i].preemptions)
            fail_msg(
                "row %zu: %llu %llu, %llu %llu of %llu, %llu", i,
                (unsigned long long)s.of[SIGNAL_RUNNING], (unsigned long long)s.of[SIGNAL_WAITING],
                (unsigned long long)s.of[SIGNAL_KV_SHARE], (unsigned long long)s.of[SIGNAL_KV_USED],
                (unsigned long long)s.of[SIGNAL_KV_TOKENS],
                (unsigned long long)s.of[SIGNAL_PREEMPTIONS]);
    }
    assert_null(signals_source("openai"));
}

#define SLOT(more) "{\"id\":0,\"n_ctx\":2048,\"speculative\":false," more "}"

static void whole_answers(void **state)
{
    static const struct {
        enum signals_form form;
        const char *body;
        int rc;
        enum endpoint_state stands; /* before: READY */
        uint64_t used, tokens;
    } rows[] = {
        {SIGNALS_SLOTS,
         "[" SLOT("\"is_processing\":false") "," SLOT(
             "\"is_processing\":true,\"n_prompt_tokens\":35,\"params\":{\"n_ctx\":1},"
             "\"next_token\":[{\"n_remain\":193,\"n_decoded\":7}]") "]",
         0, ENDPOINT_READY, 42, 4096},
        /* as it was until 2025; a slot that rests, and still has its last request's */
        {SIGNALS_SLOTS,
         "[" SLOT("\"is_processing\":true,\"next_token\":{\"n_decoded\":7}") "," SLOT(
             "\"is_processing\":false,\"n_prompt_tokens\":35,\"next_token\":{\"n_decoded\":7}") "]",
         0, ENDPOINT_READY, 7, 4096},
        {SIGNALS_SLOTS, "[" SLOT("\"is_processing\":true,\"n_prompt_tokens\":99999") "]", 0,
         ENDPOINT_READY, 2048, 2048},
        {SIGNALS_SLOTS, "[{\"id\":0}]", -1, ENDPOINT_READY, NONE, NONE},
        {SIGNALS_SLOTS, "[]", -1, ENDPOINT_READY, NONE, NONE},
        {SIGNALS_SLOTS, "{}", -1, ENDPOINT_READY, NONE, NONE},
        {SIGNALS_SLOTS, "[", -1, ENDPOINT_READY, NONE, NONE},
        {SIGNALS_PROPS, "{\"total_slots\":2,\"is_sleeping\":false}", 0, ENDPOINT_READY, NONE, NONE},
        {SIGNALS_PROPS, "{\"total_slots\":2,\"is_sleeping\":true}", 0, ENDPOINT_RESTING, NONE,
         NONE},
        {SIGNALS_PROPS, "{}", 0, ENDPOINT_READY, NONE, NONE},
        {SIGNALS_PROPS, "[]", -1, ENDPOINT_READY, NONE, NONE},
        {SIGNALS_SLEEPS, "{\"is_sleeping\":true}", 0, ENDPOINT_SLEEPING, NONE, NONE},
        {SIGNALS_SLEEPS, "{\"is_sleeping\":\"true\"}", 0, ENDPOINT_READY, NONE, NONE},
        {SIGNALS_MODELS, "{\"models\":[]}", 0, ENDPOINT_RESTING, NONE, NONE},
        {SIGNALS_MODELS, "{\"models\":[{\"name\":\"m\",\"size\":1}]}", 0, ENDPOINT_READY, NONE,
         NONE},
        {SIGNALS_MODELS, "{\"error\":\"x\"}", -1, ENDPOINT_READY, NONE, NONE},
        {SIGNALS_MODELS, "", -1, ENDPOINT_READY, NONE, NONE},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum endpoint_state stands = ENDPOINT_READY;
        struct signals s;
        struct err e;
        int rc;

        signals_init(&s);
        rc = signals_read(&s, &stands, rows[i].form, span_str(rows[i].body), &e);
        if (rc != rows[i].rc || stands != rows[i].stands || s.of[SIGNAL_KV_USED] != rows[i].used ||
            s.of[SIGNAL_KV_TOKENS] != rows[i].tokens)
            fail_msg("row %zu: %d, %s", i, rc, endpoints_state_name(stands));
        signals_derive(&s);
        assert_int_equal(s.of[SIGNAL_KV_SHARE] == NONE, rows[i].tokens == NONE);
    }
}

/* Whoever does not serve does not sleep. */
static void sleep_is_of_who_serves(void **state)
{
    enum endpoint_state stands = ENDPOINT_LOADING;
    struct signals s;
    struct err e;

    UNUSED(state);
    signals_init(&s);
    assert_int_equal(
        signals_read(&s, &stands, SIGNALS_SLEEPS, SPAN_LIT("{\"is_sleeping\":true}"), &e), 0);
    assert_int_equal(stands, ENDPOINT_LOADING);
}

static void health(void **state)
{
    static const struct {
        uint16_t status;
        const char *body;
        enum endpoint_state stands;
    } rows[] = {
        {200, "", ENDPOINT_READY},
        {204, "", ENDPOINT_READY},
        {200, "{\"status\":\"ok\"}", ENDPOINT_READY},
        {503,
         "{\"error\":{\"message\":\"Loading model\",\"type\":\"unavailable_error\",\"code\":503}}",
         ENDPOINT_LOADING},
        {503, "", ENDPOINT_DEAD},
        {503, "{\"error\":\"unhealthy\",\"error_type\":\"healthcheck\"}", ENDPOINT_DEAD},
        {500, "", ENDPOINT_DEAD},
        {499, "", ENDPOINT_UNKNOWN},
        {404, "Not Found", ENDPOINT_UNKNOWN},
        {401, "", ENDPOINT_UNKNOWN},
        {301, "", ENDPOINT_UNKNOWN},
        {501, "", ENDPOINT_UNKNOWN},
        {502, "Loading", ENDPOINT_LOADING},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(signals_health(rows[i].status, span_str(rows[i].body)), rows[i].stands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_engine),
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(sleep_is_of_who_serves),
        cmocka_unit_test(health),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
