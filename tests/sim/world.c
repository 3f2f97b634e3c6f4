/*
 * world.c - what one seed draws, and the life of one run.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "board/endpoints.h"
#include "ev/ev_impl.h"
#include "net/addr.h"
#include "sim.h"

#define TURNS_MAX UINT64_C(3000000)
#define LONGEST   EV_S(3600)
#define TIMERS    4096 /* of the loop's heap: setting one never wants memory while it runs */
#define HEDGES    0x6865646765
#define JOINS     0x6a6f696e00f3 /* the named seeds of before have none by it */
#define TOGETHER  0x746f6765u

/* ---- saying ---- */

void sim_say(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (!s->trace)
        return;
    printf("%12.6f  ", (double)(s->ev ? ev_now(s->ev) : 0) / 1e6);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    printf("seed %llu at %.6f s: ", (unsigned long long)s->seed,
           (double)(s->ev ? ev_now(s->ev) : 0) / 1e6);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
    _Exit(1);
}

/* ---- drawing ---- */

static const struct {
    const char *type, *base;
} kinds[] = {{"openai-compatible", "/v1"},
             {"vllm", ""},
             {"anthropic", ""},
             {"openai-responses", "/v1"},
             {"gemini", ""},
             {"cohere", ""},
             {"ollama", ""},
             {"openai", "/v1"},
             {"openai-compatible", "/v1"}};

static void draw_provider(struct sim *s, size_t i)
{
    struct provider_world *p = &s->providers[i];
    struct rng *r = &s->draw;
    size_t kind = rng_below(r, ARRAY_LEN(kinds));

    *p = (struct provider_world){.type = kinds[kind].type, .base = kinds[kind].base};
    joins_draw_provider(s, p);
    UNUSED(snprintf(p->name, sizeof(p->name), "p%zu", i));
    costs_draw_provider(s, p);
    p->ends_n = rng_below(r, 4) ? 1 : 2;
    p->keys_n = rng_below(r, 4) ? 1 : 2;
    p->connect = EV_MS(100 * (5 + rng_below(r, 20)));
    p->first = EV_MS(100 * (10 + rng_below(r, 80)));
    p->idle = EV_MS(100 * (10 + rng_below(r, 50)));
    p->total = EV_S(10 + rng_below(r, 60));
    for (size_t k = 0; k < p->keys_n; k++)
        UNUSED(snprintf(p->keys[k], sizeof(p->keys[k]), CANARY "p%zuk%zu-%016llx", i, k,
                        (unsigned long long)rng_u64(r)));
    for (size_t k = 0; k < p->ends_n; k++) {
        struct endpoint *e = &p->ends[k];

        e->s = s;
        e->provider = i;
        e->at = k;
        list_init(&e->conns);
        UNUSED(snprintf(e->addr, sizeof(e->addr), "127.0.0.1:%zu", FIRST_PORT + 100 * i + k));
    }
}

static void write_provider(struct sim *s, size_t i)
{
    const struct provider_world *p = &s->providers[i];

    text_f(&s->config, "  %s:\n    type: %s\n    private: true\n    endpoints: [", p->name,
           p->type);
    for (size_t k = 0; k < p->ends_n; k++)
        text_f(&s->config, "%s'http://%s%s'", k ? ", " : "", p->ends[k].addr, p->base);
    text_str(&s->config, "]\n    key: [");
    for (size_t k = 0; k < p->keys_n; k++)
        text_f(&s->config, "%senv:KEY_%zu_%zu", k ? ", " : "", i, k);
    text_f(&s->config,
           "]\n    timeout: {connect: %llums, first_token: %llums, idle: %llums, total: %llums}\n",
           (unsigned long long)p->connect / 1000, (unsigned long long)p->first / 1000,
           (unsigned long long)p->idle / 1000, (unsigned long long)p->total / 1000);
    if (s->rack >> i & 1)
        text_str(&s->config, "    fate: rack\n");
}

/* In every second world some of the providers stand in one rack. */
static void draw_rack(struct sim *s)
{
    if (rng_below(&s->together, 2))
        for (size_t i = 0; i < s->providers_n; i++)
            s->rack |= (uint32_t)rng_below(&s->together, 2) << i;
}

static void write_keys(struct sim *s)
{
    unsigned char digest[32];

    MUST(EVP_Digest(CLIENT_CANARY, strlen(CLIENT_CANARY), digest, NULL, EVP_sha256(), NULL) == 1);
    text_str(&s->config, "keys:\n  team: {hash: 'sha256:");
    for (size_t i = 0; i < sizeof(digest); i++)
        text_f(&s->config, "%02x", digest[i]);
    text_str(&s->config, "'}\n");
}

static void draw_config(struct sim *s)
{
    struct rng *r = &s->draw;

    s->breaker = rng_below(r, 8) != 0;
    s->keyed = rng_below(r, 2) == 0;
    s->workers_n = s->slots_n = 1 + rng_below(r, WORKERS_MAX);
    for (size_t i = 0; i < s->slots_n; i++)
        s->slots[i] = i;
    s->providers_n = 1 + rng_below(r, PROVIDERS_MAX);
    draw_rack(s);
    text_f(&s->config,
           "version: 1\nserver: {timeout: {write_stall: %llus}, limits: {memory: %s}}\n",
           (unsigned long long)(5 + rng_below(r, 60)), rng_below(r, 10) ? "64MiB" : "16MiB");
    text_f(&s->config, "defaults: {breaker: %s, continue: off}\nproviders:\n",
           s->breaker ? "true" : "false");
    for (size_t i = 0; i < s->providers_n; i++) {
        draw_provider(s, i);
        write_provider(s, i);
    }
    if (s->keyed)
        write_keys(s);
    if (s->hedges)
        text_str(&s->config, "data_classes: {eu: {jurisdiction: eu}}\n");
    text_str(&s->config, "models:\n");
    for (size_t i = 0; i < s->providers_n; i++)
        text_f(&s->config, "  h%zua: {targets: p%zu/a}\n  h%zub: {targets: p%zu/b}\n", i, i, i, i);
    if (s->hands)
        hands_write_common(s, &s->config, "");
    load_draw(s);
}

static void draw_network(struct sim *s)
{
    static const uint32_t sizes[] = {1460, 1460, 16384, 300};
    struct rng *r = &s->draw;
    struct net_sim_conf *c = &s->fair;

    c->latency_min = 50;
    c->latency_max = 100 + rng_below(r, EV_MS(rng_below(r, 4) ? 3 : 100));
    c->jitter_max = rng_below(r, 500);
    c->mss = sizes[rng_below(r, ARRAY_LEN(sizes))];
    for (size_t i = 0; i < s->asks_n; i++)
        if (s->asks[i]->body_size > 100000)
            c->mss = 16384;
    s->rough = *c;
    s->is_rough = s->was_rough = rng_below(r, 5) == 0;
    if (!s->is_rough)
        return;
    c = &s->rough;
    c->refuse_p = rng_unit(r) * 0.2;
    c->silent_p = rng_unit(r) * 0.2;
    c->reset_p = rng_unit(r) * 0.3;
    c->stall_p = rng_unit(r) * 0.3;
    c->half_close_p = rng_unit(r) * 0.2;
    c->fault_bytes_max = 1 + (uint32_t)rng_below(r, 5000);
    c->stall_max = EV_S(1 + rng_below(r, 15));
}

/* ---- opening ---- */

static void load_settings(struct sim *s)
{
    char vars[PROVIDERS_MAX * ENDS_MAX][80];
    const char *pairs[PROVIDERS_MAX * ENDS_MAX + 1] = {NULL};
    struct span config = span_of(s->config.p, s->config.n);
    struct buf printed;
    size_t n = 0;
    struct err e;

    for (size_t i = 0; i < s->providers_n; i++)
        for (size_t k = 0; k < s->providers[i].keys_n; k++) {
            UNUSED(snprintf(vars[n], sizeof(vars[n]), "KEY_%zu_%zu=%s", i, k,
                            s->providers[i].keys[k]));
            pairs[n] = vars[n];
            n++;
        }
    MUST(env_new_table(&s->env, pairs, &e) == 0);
    conf_report_init(&s->report);
    conf_report_source(&s->report, SPAN_LIT("sim.yaml"), config);
    if (settings_load_with(&s->settings, config, SPAN_LIT("sim.yaml"), costs_prices(s), s->env,
                           &s->report, &e) < 0) {
        buf_init(&printed, (size_t)1 << 20);
        conf_report_text(&s->report, &printed, false);
        sim_fail(s, "its configuration is none:\n%s\n%.*s", s->config.p, (int)printed.n, printed.p);
    }
}

static void on_record(void *arg, const struct record *r)
{
    struct worker *w = arg;

    check_record(w, r);
    held_give_up(&w->held, r->held);
}

void sim_open_worker(struct sim *s, size_t i)
{
    struct worker *w = &s->workers[i];
    struct net_listen_conf lc = {.fd = -1};
    struct relay_sink sink = {.record = on_record,
                              .arg = w,
                              .targets = s->board->targets[i],
                              .held = &w->held,
                              .board = s->board,
                              .row = &s->board->workers[i],
                              .standings = s->board->standings,
                              .creds = s->board->creds[i],
                              .kept = &s->board->kept,
                              .seats = &s->board->seats,
                              .trial = &s->board->trial,
                              .ledger = &w->ledger,
                              .overrides = s->board};
    char addr[32];
    struct err e;

    *w = (struct worker){.s = s, .at = i};
    held_init(&w->held, s->board, (uint32_t)i);
    MUST(policy_ledger_init(&w->ledger, s->board, (uint32_t)i, &e) == 0);
    MUST(net_sim_host(&w->net, s->net, NULL, &e) == 0);
    MUST(gateway_init(&w->gateway, w->net, s->resolver, s->settings, sink, NULL, &e) == 0);
    UNUSED(snprintf(addr, sizeof(addr), "127.0.0.1:%zu", GATE_PORT + i));
    MUST(net_addr_parse(&lc.addr, span_str(addr), &e) == 0);
    MUST(http_server_listen(w->gateway.server, &lc, &e) == 0);
}

static void nothing(struct ev_timer *t)
{
    UNUSED(t);
}

/* The heap grows now, and not when memory is wanting. */
static void widen_heap(struct sim *s)
{
    struct ev_timer *timers = calloc(TIMERS, sizeof(*timers));
    struct err e;

    MUST(timers);
    for (size_t i = 0; i < TIMERS; i++) {
        ev_timer_init(&timers[i], s->ev, nothing);
        MUST(ev_timer_set(&timers[i], 1, &e) == 0);
    }
    for (size_t i = 0; i < TIMERS; i++)
        ev_timer_stop(&timers[i]);
    free(timers);
}

static void net_line(void *arg, const char *line)
{
    sim_say(arg, "  %s", line);
}

static void on_turn(struct ev_timer *t)
{
    struct endpoint *e = CONTAINER_OF(t, struct endpoint, turn);
    struct rng *r = &e->s->play;
    uint64_t how = rng_below(r, 12);
    struct err err;

    if (e->s->rack_down && e->s->rack >> e->provider & 1)
        how = 4; /* it has no power */
    upstream_mood(e, how < 4    ? MOOD_WELL
                     : how < 5  ? MOOD_DOWN
                     : how < 8  ? MOOD_SICK
                     : how < 10 ? MOOD_FLAKY
                                : MOOD_BUSY);
    MUST(ev_timer_set(t, EV_MS(500) + rng_below(r, EV_S(40)), &err) == 0);
}

/* The rack loses its power, or has it again. */
static void on_rack(struct ev_timer *t)
{
    struct sim *s = CONTAINER_OF(t, struct sim, rack_timer);
    struct err e;

    s->rack_down = !s->rack_down;
    sim_say(s, "the rack is %s", s->rack_down ? "down" : "up");
    for (size_t i = 0; i < s->providers_n; i++)
        for (size_t k = 0; s->rack >> i & 1 && k < s->providers[i].ends_n; k++)
            upstream_mood(&s->providers[i].ends[k], s->rack_down ? MOOD_DOWN : MOOD_WELL);
    MUST(ev_timer_set(t, EV_S(1) + rng_below(&s->together, EV_S(60)), &e) == 0);
}

/* One allocation fails from time to time. */
static void on_torture(struct ev_timer *t)
{
    struct sim *s = CONTAINER_OF(t, struct sim, torture_timer);
    struct err e;

    mem_torture(1 + rng_below(&s->play, 60), false);
    MUST(ev_timer_set(t, rng_below(&s->play, EV_MS(500)), &e) == 0);
}

static void open_world(struct sim *s)
{
    struct resolver_conf names = {0};
    struct err e;

    MUST(board_new(&s->board, &e) == 0);
    MUST(ev_sim_new(&s->ev, s->seed, &e) == 0);
    widen_heap(s);
    MUST(resolve_sim_new(&s->resolver, s->ev, &names, &e) == 0);
    if (s->trace > 1) {
        s->fair.trace = s->rough.trace = net_line;
        s->fair.trace_arg = s->rough.trace_arg = s;
    }
    MUST(net_sim_new(&s->net, s->ev, &s->fair, &e) == 0);
    s->fair = *net_sim_conf(s->net); /* what was left out is filled in */
    if (!s->rough.fault_bytes_max)
        s->rough = s->fair;
    s->rough.window_bytes = s->fair.window_bytes;
    MUST(net_sim_host(&s->up_net, s->net, NULL, &e) == 0);
    MUST(net_sim_host(&s->cl_net, s->net, NULL, &e) == 0);
    for (size_t i = 0; i < s->providers_n; i++)
        for (size_t k = 0; k < s->providers[i].ends_n; k++) {
            ev_timer_init(&s->providers[i].ends[k].turn, s->ev, on_turn);
            upstream_open(&s->providers[i].ends[k]);
        }
    for (size_t i = 0; i < s->workers_n; i++)
        sim_open_worker(s, i);
    for (size_t i = 0; i < s->settings->providers_n;
         i++) /* as if they had been asked how they are */
        for (size_t k = 0; k < s->settings->providers[i].pool.n; k++)
            MUST(endpoints_make(s->board, s->settings->providers[i].pool.ids[k]));
    hedges_open(s);
    s->timers = ends_timers(s);
    for (size_t i = 0; i < s->providers_n; i++)
        for (size_t k = 0; k < s->providers[i].ends_n; k++)
            on_turn(&s->providers[i].ends[k].turn);
    *net_sim_conf(s->net) = s->rough;
    ev_timer_init(&s->torture_timer, s->ev, on_torture);
    ev_timer_init(&s->rack_timer, s->ev, on_rack);
    hands_open(s);
}

/* ---- closing ---- */

static void close_world(struct sim *s)
{
    LIST_EACH(it, &s->clients)
    {
        client_free(LIST_ENTRY(it, struct client, link));
    }
    for (size_t i = 0; i < s->providers_n; i++)
        for (size_t k = 0; k < s->providers[i].ends_n; k++) {
            upstream_kill(&s->providers[i].ends[k]);
            upstream_close(&s->providers[i].ends[k]);
        }
    ev_sim_run(s->ev, ev_now(s->ev) + EV_S(1));
    for (size_t i = 0; i < s->workers_n; i++) {
        gateway_fini(&s->workers[i].gateway);
        policy_ledger_fini(&s->workers[i].ledger);
    }
    ends_gone(s);
    for (size_t i = 0; i < s->workers_n; i++)
        net_sim_host_free(&s->workers[i].net);
    net_sim_host_free(&s->up_net);
    net_sim_host_free(&s->cl_net);
    resolve_free(&s->resolver);
    net_sim_free(&s->net);
    ev_sim_free(&s->ev);
    settings_unref(&s->settings);
    hands_free(s);
    conf_report_fini(&s->report);
    env_free(&s->env);
    board_free(&s->board);
    LIST_EACH(it, &s->arrivals)
    {
        struct arrival *a = LIST_ENTRY(it, struct arrival, link);

        text_free(&a->answer.body);
        text_free(&a->answer.own);
        text_free(&a->begin);
        free(a);
    }
    load_free(s);
    rules_free(s);
    text_free(&s->config);
    text_free(&s->prices);
}

/* ---- running ---- */

bool sim_idle(const struct sim *s)
{
    for (size_t i = 0; i < s->asks_n; i++)
        if (!s->asks[i]->over)
            return false;
    for (size_t i = 0; i < s->workers_n; i++)
        if (s->workers[i].gateway.relay.stats.live)
            return false;
    return true;
}

static void run_load(struct sim *s)
{
    while (!sim_idle(s)) {
        if (++s->turns > TURNS_MAX || ev_now(s->ev) > LONGEST) {
            check_asks(s);
            sim_fail(s, "it does not come to an end");
        }
        MUST(ev_sim_turn(s->ev));
        rules_turn(s);
    }
}

static void run_all(struct sim *s)
{
    struct err e;

    load_settings(s);
    hands_load(s);
    open_world(s);
    load_begin(s);
    if (s->torture)
        MUST(ev_timer_set(&s->torture_timer, 0, &e) == 0);
    if (s->rack)
        MUST(ev_timer_set(&s->rack_timer, rng_below(&s->together, EV_S(30)), &e) == 0);
    run_load(s);
    ev_timer_stop(&s->rack_timer);
    s->rack_down = false;
    mem_torture(0, false);
    ev_timer_stop(&s->torture_timer);
    hands_rest(s);
    ends_still(s);
    ends_heal(s);
    ends_still(s);
    close_world(s);
}

/* Of the sanitizer; without one nobody counts. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : 0;
}

/* Returns how many bytes are left. */
static size_t run_once(uint64_t seed, int trace)
{
    size_t before = allocated(), after;
    struct sim *s = calloc(1, sizeof(*s));

    MUST(s);
    s->seed = seed;
    s->trace = trace;
    rng_init(&s->draw, seed);
    rng_init(&s->play, seed ^ 0x706c6179);
    rng_init(&s->more, seed ^ JOINS);
    rng_init(&s->together, seed ^ TOGETHER);
    s->joins = rng_below(&s->more, 2);
    hands_draw(s);
    rng_init(&s->hedges_rng, seed ^ HEDGES);
    s->hedges = !s->hands && rng_below(&s->hedges_rng, 3) == 0;
    costs_draw(s);
    list_init(&s->arrivals);
    list_init(&s->clients);
    rules_init(s);
    draw_config(s);
    draw_network(s);
    s->torture = rng_below(&s->draw, 8) == 0;
    if (trace)
        printf("%s\nrough %d, torture %d\n", s->config.p, s->is_rough, s->torture);
    run_all(s);
    free(s);
    after = allocated();
    return after > before ? after - before : 0;
}

/* Libraries keep what they take once: then it is not taken again. */
void sim_run(uint64_t seed, int trace)
{
    struct sim s = {.seed = seed};
    size_t left = run_once(seed, trace);

    if (left && (left = run_once(seed, 0)) > 0)
        sim_fail(&s, "I5: %zu bytes are left", left);
}
