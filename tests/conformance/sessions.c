/*
 * sessions.c - recorded conversations on a pool that admits only what survives the loss of any one
 * engine, with lengths that are learned, and beside it with lengths that are known.
 *
 * Goal: what is not known of lengths costs little, and protected sessions would fit in the rest at
 * (almost) every moment, whichever engine died then. Method: more requests wait than are admitted,
 * in their recorded order; each takes its time by its tokens (PREFILL a second, then TOKEN_US
 * each). Once in STEP_US each engine is supposed dead, and what its sessions really come to is held
 * against what the others' really do.
 *
 * Output: a line a trace and pool: of the tokens that known lengths would hold, how many are held;
 * in how many suppositions sessions would not have fit; how many answers were no longer than
 * reckoned with.
 */
#include "admit/survive.h"
#include "base/mem.h"
#include "board/endpoints.h"
#include "data.h"
#include "policy/policy.h"
#include "policy/pool.h"

#define PREFILL  10000u /* tokens a second */
#define TOKEN_US 30000u
#define STEP_US  100000u
#define STEPS    9000u /* 15 minutes ... */
#define WARM     3000u /* ... of which the first five only fill the pool */
#define REQUESTS 40000
#define LIVE     20000
#define ENGINES  8

struct request {
    uint32_t prompt, output;
};

struct session {
    struct request of;
    size_t at;
    uint64_t speaks_us;
    struct policy_request q; /* with learned lengths */
};

struct pool {
    const char *name;
    size_t n;
    uint64_t capacity;
};

/* With known lengths the sums are kept here, with learned ones by the policy and its ledger. */
struct run {
    const struct request *requests;
    size_t requests_n, next;
    const struct pool *pool;
    bool known;
    struct survive_member m[ENGINES];
    struct board *board;
    struct board_standing *table;
    struct policy_ledger ledger;
    struct policy_candidate c[ENGINES];
    uint64_t ids[ENGINES];
    uint16_t domains[ENGINES];
    uint64_t truth[ENGINES]; /* what each one's sessions really come to */
    struct session *live;
    size_t live_n;
    uint64_t held;
    unsigned long supposed, lost;
};

static struct loads load_of(const struct run *r, size_t at)
{
    struct loads l;

    loads_sum(&l, r->board, 1, endpoints_place(r->board, r->ids[at]));
    return l;
}

static uint64_t reserved(const struct run *r, size_t at)
{
    return r->known ? r->m[at].reserved : load_of(r, at).tokens;
}

static void hold(struct run *r, size_t at, uint64_t more, uint64_t less)
{
    r->m[at].reserved += more - less;
    r->m[at].kept += more - less;
}

static void end(struct run *r, struct session *s, uint64_t now_us)
{
    uint64_t tokens = s->of.prompt + s->of.output;

    r->truth[s->at] -= tokens;
    if (r->known) {
        hold(r, s->at, 0, tokens);
    } else {
        policy_ended(&s->q, 0, now_us);
        policy_used(&s->q, 0, s->of.output, now_us);
    }
    *s = r->live[--r->live_n];
}

/* Answers have grown meanwhile. */
static void go_on(struct run *r, uint64_t now_us)
{
    for (size_t i = r->live_n; i > 0; i--) {
        struct session *s = &r->live[i - 1];
        uint64_t said = now_us < s->speaks_us ? 0 : (now_us - s->speaks_us) / TOKEN_US + 1;

        if (said >= s->of.output)
            end(r, s, now_us);
        else if (!r->known)
            policy_says(&s->q, said);
    }
}

static void find_largest(struct run *r)
{
    for (size_t i = 0; i < r->pool->n; i++)
        r->m[i].largest = 0;
    for (size_t i = 0; i < r->live_n; i++) {
        const struct session *s = &r->live[i];

        r->m[s->at].largest = MAX(r->m[s->at].largest, s->of.prompt + s->of.output);
    }
}

static bool take_known(struct run *r, const struct session *s)
{
    struct survive_domain d[ENGINES];
    uint64_t tokens = s->of.prompt + s->of.output;

    if (survive_admits(r->m, r->pool->n, d, r->pool->n, s->at, tokens, s->of.prompt, true).why !=
        SURVIVE_FITS)
        return false;
    hold(r, s->at, tokens, 0);
    r->m[s->at].largest = MAX(r->m[s->at].largest, tokens);
    return true;
}

/* Reserve, look, undo. */
static bool take_learned(struct run *r, struct session *s, uint64_t now_us)
{
    static const struct policy_rules rules = {.attempts = 1};
    const struct policy_pool pool = {r->ids, r->domains, (uint16_t)r->pool->n,
                                     (uint16_t)r->pool->n};
    struct policy_pool_view v;

    s->q = (struct policy_request){.table = r->table,
                                   .rules = &rules,
                                   .candidates = r->c,
                                   .n = (uint32_t)r->pool->n,
                                   .tokens = 1,
                                   .text = 4 * (uint64_t)s->of.prompt, /* as where nobody knows */
                                   .ledger = &r->ledger,
                                   .tenant = 1,
                                   .out = ~(UINT32_C(1) << s->at)};
    MUST(policy_next(&s->q, now_us) == (int)s->at);
    policy_pool_look(&v, &pool, r->board, 1, now_us);
    if (v.n1 == N1_OK &&
        reserved(r, s->at) <= r->pool->capacity / 1000000 * SURVIVE_FILL +
                                  r->pool->capacity % 1000000 * SURVIVE_FILL / 1000000)
        return true;
    policy_skip(&s->q, now_us);
    return false;
}

static bool admit(struct run *r, uint64_t now_us)
{
    const struct request *q = &r->requests[r->next % r->requests_n];
    bool tried[ENGINES] = {false};

    for (size_t k = 0; k < r->pool->n && r->live_n < LIVE; k++) {
        struct session *s = &r->live[r->live_n];
        size_t at = ENGINES;

        for (size_t i = 0; i < r->pool->n; i++)
            if (!tried[i] && (at == ENGINES || reserved(r, i) < reserved(r, at)))
                at = i;
        tried[at] = true;
        *s = (struct session){
            .of = *q, .at = at, .speaks_us = now_us + (uint64_t)q->prompt * 1000000 / PREFILL};
        if (r->known ? !take_known(r, s) : !take_learned(r, s, now_us))
            continue;
        r->truth[at] += q->prompt + q->output;
        r->live_n++;
        r->next++;
        return true;
    }
    return false;
}

static void suppose(struct run *r)
{
    for (size_t dead = 0; dead < r->pool->n; dead++) {
        uint64_t room = 0;

        for (size_t i = 0; i < r->pool->n; i++)
            if (i != dead)
                room += r->pool->capacity - MIN(r->truth[i], r->pool->capacity);
        r->supposed++;
        r->lost += r->truth[dead] > room;
        r->held += r->truth[dead];
    }
}

static void play(struct run *r)
{
    for (uint64_t step = 1; step <= STEPS; step++) {
        go_on(r, step * STEP_US);
        find_largest(r);
        while (admit(r, step * STEP_US))
            ;
        if (step > WARM)
            suppose(r);
    }
}

/* ---- the traces ---- */

struct trace {
    struct request *requests;
    size_t n;
};

/* "time,prompt,output" of Azure's, "..."input_length": n, "output_length": n..." of Mooncake's. */
static bool read_request(struct span line, struct request *ret)
{
    char text[256];
    const char *in, *out;
    size_t n = MIN(line.n, sizeof(text) - 1);

    memcpy(text, line.p, n);
    text[n] = '\0';
    in = strstr(text, "\"input_length\": ");
    out = strstr(text, "\"output_length\": ");
    if (in && out)
        return sscanf(in + 16, "%u", &ret->prompt) == 1 &&
               sscanf(out + 17, "%u", &ret->output) == 1;
    in = strchr(text, ',');
    return in && sscanf(in, ",%u,%u", &ret->prompt, &ret->output) == 2;
}

static void on_line(void *arg, struct span line)
{
    struct trace *t = arg;
    struct request q;

    if (t->n < REQUESTS && read_request(line, &q) && q.output)
        t->requests[t->n++] = q;
}

struct totals {
    unsigned long pools, least, lost, supposed; /* least: thousandths of what known lengths hold */
};

/* Engines that have just said that they are well. */
static bool open_run(struct run *r)
{
    struct err e;

    r->live = mem_zalloc(LIVE, sizeof(*r->live));
    r->table = standing_new();
    if (!r->live || !r->table || board_new(&r->board, &e) < 0 ||
        policy_ledger_init(&r->ledger, r->board, 0, &e) < 0)
        return false;
    for (size_t i = 0; i < r->pool->n; i++) {
        struct board_endpoint *p;

        r->ids[i] = ENDPOINT_ID_LEAST + i;
        r->domains[i] = (uint16_t)i;
        r->m[i] = (struct survive_member){.capacity = r->pool->capacity, .domain = (uint16_t)i};
        r->c[i] = (struct policy_candidate){.target = 100 + i,
                                            .credential = 200,
                                            .provider = 300,
                                            .model = 7,
                                            .endpoint = r->ids[i]};
        p = endpoints_make(r->board, r->ids[i]);
        board_set(&p->state, ENDPOINT_READY);
        board_set(&p->seen_us, 1);
        board_set(&p->stale_us, UINT64_MAX / 2);
        board_set(&p->signals[SIGNAL_KV_TOKENS], r->pool->capacity);
    }
    return true;
}

static void close_run(struct run *r)
{
    policy_ledger_fini(&r->ledger);
    board_free(&r->board);
    standing_free(&r->table);
    mem_free(r->live);
}

/* How many of its complete answers were no longer than was reckoned with, in percent. */
static double covered(const struct run *r)
{
    uint64_t ended = 0, of = 0;

    for (size_t i = 0; i < r->pool->n; i++) {
        of += load_of(r, i).ended;
        ended += load_of(r, i).covered;
    }
    return 100.0 * (double)ended / (double)MAX(of, UINT64_C(1));
}

/* A trace that is played on a pool twice: with known lengths, and with learned ones. */
static bool compare(struct totals *all, const char *name, const struct trace *t,
                    const struct pool *pool)
{
    struct run *runs = mem_zalloc(2, sizeof(*runs));
    bool good = runs != NULL;
    unsigned long share;

    for (size_t i = 0; good && i < 2; i++) {
        runs[i].requests = t->requests;
        runs[i].requests_n = t->n;
        runs[i].pool = pool;
        runs[i].known = i == 0;
        good = open_run(&runs[i]);
        if (good)
            play(&runs[i]);
        good = good && runs[i].held;
    }
    if (good) {
        share = (unsigned long)(1000 * runs[1].held / runs[0].held);
        printf("%s, %s: %zu requests, %.1f%% of what known lengths hold, lost %lu of %lu (known "
               "lengths: %lu), %.1f%% no longer than reckoned with\n",
               name, pool->name, t->n, (double)share / 10, runs[1].lost, runs[1].supposed,
               runs[0].lost, covered(&runs[1]));
        all->pools++;
        all->least = MIN(all->least, share);
        all->lost += runs[1].lost;
        all->supposed += runs[1].supposed;
    }
    for (size_t i = 0; runs && i < 2; i++)
        close_run(&runs[i]);
    mem_free(runs);
    return good;
}

int main(int argc, char **argv)
{
    static const struct pool pools[] = {
        {"4x100k", 4, 100000}, {"8x400k", 8, 400000}, {"2x1000k", 2, 1000000}};
    static const struct {
        const char *name;
        size_t from; /* of the pools: its requests are too long for smaller ones */
    } traces[] = {{"AzureLLMInferenceTrace_conv.csv.gz", 0},
                  {"AzureLLMInferenceTrace_code.csv.gz", 0},
                  {"mooncake_conversation_trace.jsonl.gz", 1}};
    struct trace t = {.requests = mem_zalloc(REQUESTS, sizeof(*t.requests))};
    struct totals all = {.least = 1000};
    char path[4096];

    if (argc != 2 || !t.requests)
        return 2;
    for (size_t i = 0; i < ARRAY_LEN(traces); i++) {
        t.n = 0;
        (void)snprintf(path, sizeof(path), "%s/traces/%s", argv[1], traces[i].name);
        if (data_lines(path, on_line, &t) < 0 || t.n == 0)
            return 1;
        for (size_t k = traces[i].from; k < ARRAY_LEN(pools); k++)
            if (!compare(&all, traces[i].name, &t, &pools[k]))
                return 1;
    }
    mem_free(t.requests);
    printf("# %lu pools, %lu of 1000 held at the least, %lu of %lu lost\n", all.pools, all.least,
           all.lost, all.supposed);
    return 0;
}
