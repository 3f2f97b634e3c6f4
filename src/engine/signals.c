/*
 * signals.c - see signals.h. Names as of 2026: vLLM vllm/v1/metrics/loggers.py, SGLang
 * srt/metrics/collector.py, TGI router/src/infer, llama.cpp tools/server/README.md, TensorRT-LLM
 * examples/serve/prometheus_metrics.py, Triton's inflight batcher.
 */
#include "engine/signals.h"

#include "codec/json_tree.h"

#include <math.h>

#define MOST 1e15 /* of anything that is counted here */

struct signals_row {
    const char *metric;
    enum signal_kind kind;
    bool greatest;          /* of several series; else their sum */
    double unit;            /* its value is worth so much; 0: 1 */
    const char *label;      /* the value is this label's; NULL: the sample's own */
    const char *where, *is; /* only of series whose label says so; NULL: of all */
};

/* ---- who tells what, and where ---- */

#define SHARE 1e6 /* of one, in millionths */

static const struct signals_row vllm[] = {
    {.metric = "vllm:num_requests_running", .kind = SIGNAL_RUNNING},
    {.metric = "vllm:num_requests_waiting", .kind = SIGNAL_WAITING},
    {.metric = "vllm:kv_cache_usage_perc",
     .kind = SIGNAL_KV_SHARE,
     .greatest = true,
     .unit = SHARE},
    {.metric = "vllm:gpu_cache_usage_perc", /* until 0.9 */
     .kind = SIGNAL_KV_SHARE,
     .greatest = true,
     .unit = SHARE},
    {.metric = "vllm:generation_tokens_total", .kind = SIGNAL_PROGRESS},
    {.metric = "vllm:num_preemptions_total", .kind = SIGNAL_PREEMPTIONS},
    {.metric = "vllm:cache_config_info", .kind = SIGNAL_KV_BLOCKS, .label = "num_gpu_blocks"},
    {.metric = "vllm:cache_config_info",
     .kind = SIGNAL_KV_BLOCK,
     .greatest = true,
     .label = "block_size"},
};

static const struct signals_row sglang[] = {
    {.metric = "sglang:num_running_reqs", .kind = SIGNAL_RUNNING},
    {.metric = "sglang:num_queue_reqs", .kind = SIGNAL_WAITING},
    {.metric = "sglang:token_usage", .kind = SIGNAL_KV_SHARE, .greatest = true, .unit = SHARE},
    {.metric = "sglang:num_used_tokens", .kind = SIGNAL_KV_USED},
    {.metric = "sglang:max_total_num_tokens", .kind = SIGNAL_KV_TOKENS},
    {.metric = "sglang:generation_tokens_total", .kind = SIGNAL_PROGRESS},
    {.metric = "sglang:num_retracted_requests_total", .kind = SIGNAL_PREEMPTIONS},
};

static const struct signals_row tgi[] = {
    {.metric = "tgi_batch_current_size", .kind = SIGNAL_RUNNING},
    {.metric = "tgi_queue_size", .kind = SIGNAL_WAITING},
};

static const struct signals_row llama_cpp[] = {
    {.metric = "llamacpp:requests_processing", .kind = SIGNAL_RUNNING},
    {.metric = "llamacpp:requests_deferred", .kind = SIGNAL_WAITING},
    {.metric = "llamacpp:n_decode_total", .kind = SIGNAL_PROGRESS},
};

static const struct signals_row tensorrt_llm[] = {
    {.metric = "trtllm_num_requests_running", .kind = SIGNAL_RUNNING},
    {.metric = "trtllm_num_requests_waiting", .kind = SIGNAL_WAITING},
    {.metric = "trtllm_kv_cache_utilization",
     .kind = SIGNAL_KV_SHARE,
     .greatest = true,
     .unit = SHARE},
    {.metric = "trtllm_kv_cache_max_blocks", .kind = SIGNAL_KV_BLOCKS},
    {.metric = "trtllm_kv_cache_tokens_per_block", .kind = SIGNAL_KV_BLOCK, .greatest = true},
    {.metric = "nv_trt_llm_request_metrics",
     .kind = SIGNAL_RUNNING,
     .where = "request_type",
     .is = "scheduled"},
    {.metric = "nv_trt_llm_request_metrics",
     .kind = SIGNAL_WAITING,
     .where = "request_type",
     .is = "waiting"},
    {.metric = "nv_trt_llm_kv_cache_block_metrics",
     .kind = SIGNAL_KV_SHARE,
     .greatest = true,
     .unit = SHARE,
     .where = "kv_cache_block_type",
     .is = "fraction"},
    {.metric = "nv_trt_llm_kv_cache_block_metrics",
     .kind = SIGNAL_KV_BLOCKS,
     .where = "kv_cache_block_type",
     .is = "max"},
    {.metric = "nv_trt_llm_kv_cache_block_metrics",
     .kind = SIGNAL_KV_BLOCK,
     .greatest = true,
     .where = "kv_cache_block_type",
     .is = "tokens_per"},
};

#define ROWS(table) .rows = (table), .rows_n = ARRAY_LEN(table)
_Static_assert(ARRAY_LEN(tensorrt_llm) <= SIGNALS_ROWS_MAX, "the most");

/* SGLang's /health makes a token, which takes a second and a place in its queue. llama.cpp falls
 * asleep only when nobody asks but for what stands before /slots here. */
static const struct signals_source sources[] = {
    {"vllm",
     {{"/health", SIGNALS_HEALTH, SIGNALS_EACH_ROUND},
      {"/metrics", SIGNALS_PROM, SIGNALS_AT_TIMES},
      {"/is_sleeping", SIGNALS_SLEEPS, SIGNALS_AT_TIMES}},
     ROWS(vllm)},
    {"sglang",
     {{"/v1/models", SIGNALS_HEALTH, SIGNALS_EACH_ROUND},
      {"/metrics", SIGNALS_PROM, SIGNALS_AT_TIMES}},
     ROWS(sglang)},
    {"llama.cpp",
     {{"/health", SIGNALS_HEALTH, SIGNALS_EACH_ROUND},
      {"/props", SIGNALS_PROPS, SIGNALS_AT_TIMES},
      {"/metrics", SIGNALS_PROM, SIGNALS_AWAKE},
      {"/slots", SIGNALS_SLOTS, SIGNALS_AT_WORK}},
     ROWS(llama_cpp)},
    {"tgi",
     {{"/health", SIGNALS_HEALTH, SIGNALS_EACH_ROUND},
      {"/metrics", SIGNALS_PROM, SIGNALS_AT_TIMES}},
     ROWS(tgi)},
    {"ollama", {{"/api/ps", SIGNALS_MODELS, SIGNALS_EACH_ROUND}}, .rows = NULL},
    {"tensorrt-llm",
     {{"/health", SIGNALS_HEALTH, SIGNALS_EACH_ROUND},
      {"/prometheus/metrics", SIGNALS_PROM, SIGNALS_AT_TIMES}},
     ROWS(tensorrt_llm)},
};

const struct signals_source *signals_source(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (strcmp(sources[i].type, type) == 0)
            return &sources[i];
    return NULL;
}

void signals_init(struct signals *s)
{
    for (size_t i = 0; i < SIGNALS; i++)
        s->of[i] = SIGNAL_UNKNOWN;
}

/* ---- a page for Prometheus ---- */

/* Ranks beside the first of a tensor or pipeline parallel group say what that one says. */
static bool is_double(const struct prom_sample *s)
{
    static const char *const ranks[] = {"tp_rank", "pp_rank"};

    for (size_t i = 0; i < ARRAY_LEN(ranks); i++) {
        struct span rank = prom_label(s, ranks[i]);

        if (span_has(rank) && !span_is(rank, "0"))
            return true;
    }
    return false;
}

/* NaN: there is none. */
static double value_of(const struct signals_row *row, const struct prom_sample *s)
{
    struct span text;
    uint64_t n;

    if (!row->label)
        return s->value;
    text = prom_label(s, row->label);
    return span_has(text) && span_u64(text, &n) == 0 ? (double)n : NAN;
}

static void on_sample(void *arg, const struct prom_sample *s)
{
    struct signals_page *p = arg;

    for (size_t i = 0; i < p->source->rows_n; i++) {
        const struct signals_row *row = &p->source->rows[i];
        double v;

        if (!span_is(s->name, row->metric) || is_double(s) ||
            (row->where && !span_is(prom_label(s, row->where), row->is)))
            continue;
        v = value_of(row, s) * (row->unit > 0 ? row->unit : 1);
        p->rows[i].bad |= !(v >= 0 && v <= MOST);
        p->rows[i].value = row->greatest ? fmax(p->rows[i].value, v) : p->rows[i].value + v;
        p->rows[i].seen = true;
    }
}

void signals_page_begin(struct signals_page *p, const struct signals_source *source)
{
    p->source = source;
    prom_init(&p->prom, on_sample, p);
    memset(p->rows, 0, sizeof(p->rows));
}

void signals_page_feed(struct signals_page *p, const char *bytes, size_t n)
{
    prom_feed(&p->prom, bytes, n);
}

void signals_page_end(struct signals_page *p, struct signals *ret)
{
    prom_end(&p->prom);
    for (size_t i = 0; i < p->source->rows_n; i++)
        if (p->rows[i].seen && !p->rows[i].bad)
            ret->of[p->source->rows[i].kind] = (uint64_t)(fmin(p->rows[i].value, MOST) + 0.5);
}

/* ---- JSON ---- */

static bool get_u64(yyjson_val *v, const char *key, uint64_t *ret)
{
    return json_tree_u64(json_get(v, key), ret);
}

/* A slot holds its prompt and what it has said so far; if it rests, what it holds is nobody's. */
static uint64_t tokens_of(yyjson_val *slot)
{
    uint64_t prompt = 0, said = 0;
    yyjson_val *next = json_get(slot, "next_token");

    if (!yyjson_is_true(json_get(slot, "is_processing")))
        return 0;
    if (yyjson_is_arr(next)) /* an object until 2025 */
        next = yyjson_arr_get_first(next);
    if (!get_u64(slot, "n_prompt_tokens", &prompt))
        prompt = 0;
    if (!get_u64(next, "n_decoded", &said))
        said = 0;
    return prompt + said;
}

static int read_slots(struct signals *s, yyjson_val *root, struct err *e)
{
    uint64_t used = 0, all = 0, n;
    size_t at, count;
    yyjson_val *slot;

    if (!yyjson_is_arr(root) || yyjson_arr_size(root) == 0)
        return err_set(e, ERR_PROTOCOL, "these are no slots");
    yyjson_arr_foreach(root, at, count, slot)
    {
        if (!get_u64(slot, "n_ctx", &n) || n > (uint64_t)MOST)
            return err_set(e, ERR_PROTOCOL, "a slot without n_ctx");
        all += n;
        used += MIN(tokens_of(slot), n);
    }
    s->of[SIGNAL_KV_TOKENS] = all;
    s->of[SIGNAL_KV_USED] = used;
    return 0;
}

static void sleeps(enum endpoint_state *state, const yyjson_val *v, enum endpoint_state how)
{
    if (yyjson_is_true((yyjson_val *)(uintptr_t)v) && *state == ENDPOINT_READY)
        *state = how;
}

static int read_root(struct signals *s, enum endpoint_state *state, enum signals_form form,
                     yyjson_val *root, struct err *e)
{
    if (form == SIGNALS_SLOTS)
        return read_slots(s, root, e);
    if (!yyjson_is_obj(root))
        return err_set(e, ERR_PROTOCOL, "no JSON object");
    if (form == SIGNALS_MODELS) { /* it is there; without a model it loads one when it is asked */
        if (!yyjson_is_arr(json_get(root, "models")))
            return err_set(e, ERR_PROTOCOL, "no models");
        *state = yyjson_arr_size(json_get(root, "models")) ? ENDPOINT_READY : ENDPOINT_RESTING;
        return 0;
    }
    sleeps(state, json_get(root, "is_sleeping"),
           form == SIGNALS_PROPS ? ENDPOINT_RESTING : ENDPOINT_SLEEPING);
    return 0;
}

int signals_read(struct signals *s, enum endpoint_state *state, enum signals_form form,
                 struct span body, struct err *e)
{
    struct json_tree t = {0};
    int rc = json_tree_read(&t, body, e);

    if (rc == 0)
        rc = read_root(s, state, form, t.root, e);
    json_tree_fini(&t);
    return rc;
}

enum endpoint_state signals_health(uint16_t status, struct span body)
{
    if (status >= 200 && status < 300)
        return ENDPOINT_READY;
    if (status < 500 || status == 501)
        return ENDPOINT_UNKNOWN;
    return span_contains(body, SPAN_LIT("oading")) ? ENDPOINT_LOADING : ENDPOINT_DEAD;
}

/* ---- what follows ---- */

static bool knows(const struct signals *s, enum signal_kind a, enum signal_kind b)
{
    return s->of[a] != SIGNAL_UNKNOWN && s->of[b] != SIGNAL_UNKNOWN;
}

void signals_derive(struct signals *s)
{
    uint64_t *of = s->of;

    if (of[SIGNAL_KV_TOKENS] == SIGNAL_UNKNOWN && knows(s, SIGNAL_KV_BLOCKS, SIGNAL_KV_BLOCK))
        of[SIGNAL_KV_TOKENS] =
            (uint64_t)fmin((double)of[SIGNAL_KV_BLOCKS] * (double)of[SIGNAL_KV_BLOCK], MOST);
    if (of[SIGNAL_KV_SHARE] == SIGNAL_UNKNOWN && knows(s, SIGNAL_KV_USED, SIGNAL_KV_TOKENS) &&
        of[SIGNAL_KV_TOKENS])
        of[SIGNAL_KV_SHARE] =
            (uint64_t)fmin((double)of[SIGNAL_KV_USED] / (double)of[SIGNAL_KV_TOKENS] * SHARE, MOST);
    else if (of[SIGNAL_KV_USED] == SIGNAL_UNKNOWN && knows(s, SIGNAL_KV_SHARE, SIGNAL_KV_TOKENS))
        of[SIGNAL_KV_USED] =
            (uint64_t)((double)of[SIGNAL_KV_SHARE] / SHARE * (double)of[SIGNAL_KV_TOKENS]);
}
