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
#include "admit/outputs.h"
#include "admit/survive.h"
#include "base/mem.h"
#include "data.h"

#define PREFILL  10000u /* tokens a second */
#define TOKEN_US 30000u
#define STEP_US  100000u
#define STEPS    9000u /* 15 minutes ... */
#define WARM     3000u /* ... of which the first five only fill the pool */
#define KINDS    64
#define REQUESTS 40000
#define LIVE     20000
#define ENGINES  8

struct request {
    uint32_t prompt, output;
};

struct session {
    struct request of;
    size_t at;
    uint64_t tokens;   /* reckoned with; prompt and answer */
    uint64_t at_first; /* ... when it was admitted */
    uint64_t speaks_us;
};

struct pool {
    const char *name;
    size_t n;
    uint64_t capacity;
};

struct run {
    const struct request *requests;
    size_t requests_n, next;
    const struct pool *pool;
    bool known;
    struct outputs by_prompt[KINDS], all;
    struct survive_member m[ENGINES];
    uint64_t truth[ENGINES]; /* what each one's sessions really come to */
    struct session *live;
    size_t live_n;
    uint64_t held;
    unsigned long supposed, lost, ended, covered;
};

static void note(struct outputs *o, uint64_t tokens)
{
    size_t at = outputs_place(tokens);

    o->words[at] = outputs_add(o->words[at], tokens);
    if (outputs_is_full(o->words[at]))
        for (size_t i = 0; i < OUTPUTS_WORDS; i++)
            o->words[i] = outputs_halve(o->words[i]);
}

static size_t kind_of(uint32_t prompt)
{
    return prompt ? (size_t)(31 - __builtin_clz(prompt)) : 0;
}

static uint64_t reckon(const struct run *r, const struct request *q, uint64_t past)
{
    const struct outputs *o = &r->by_prompt[kind_of(q->prompt)];

    if (!outputs_is_known(o))
        o = outputs_is_known(&r->all) ? &r->all : NULL;
    return q->prompt + (r->known ? q->output : outputs_expect(o, 0, past));
}

static void hold(struct run *r, size_t at, uint64_t more, uint64_t less)
{
    r->m[at].reserved += more - less;
    r->m[at].kept += more - less;
}

static void end(struct run *r, struct session *s)
{
    hold(r, s->at, 0, s->tokens);
    r->truth[s->at] -= s->of.prompt + s->of.output;
    r->ended++;
    r->covered += s->of.prompt + s->of.output <= s->at_first;
    note(&r->by_prompt[kind_of(s->of.prompt)], s->of.output);
    note(&r->all, s->of.output);
    *s = r->live[--r->live_n];
}

/* Answers have grown meanwhile; who has said more than was reckoned with is reckoned with anew. */
static void go_on(struct run *r, uint64_t now_us)
{
    for (size_t i = r->live_n; i > 0; i--) {
        struct session *s = &r->live[i - 1];
        uint64_t said = now_us < s->speaks_us ? 0 : (now_us - s->speaks_us) / TOKEN_US + 1, was;

        if (said >= s->of.output) {
            end(r, s);
        } else if (s->of.prompt + said > s->tokens) {
            was = s->tokens;
            s->tokens = reckon(r, &s->of, said);
            hold(r, s->at, s->tokens, was);
        }
    }
}

static void find_largest(struct run *r)
{
    for (size_t i = 0; i < r->pool->n; i++)
        r->m[i].largest = 0;
    for (size_t i = 0; i < r->live_n; i++)
        r->m[r->live[i].at].largest = MAX(r->m[r->live[i].at].largest, r->live[i].tokens);
}

static bool admit(struct run *r, uint64_t now_us)
{
    const struct request *q = &r->requests[r->next % r->requests_n];
    struct survive_domain d[ENGINES];
    uint64_t tokens = reckon(r, q, 0);
    bool tried[ENGINES] = {false};

    for (size_t k = 0; k < r->pool->n && r->live_n < LIVE; k++) {
        size_t at = ENGINES;

        for (size_t i = 0; i < r->pool->n; i++)
            if (!tried[i] && (at == ENGINES || r->m[i].reserved < r->m[at].reserved))
                at = i;
        tried[at] = true;
        if (survive_admits(r->m, r->pool->n, d, r->pool->n, at, tokens, q->prompt, true).why !=
            SURVIVE_FITS)
            continue;
        hold(r, at, tokens, 0);
        r->m[at].largest = MAX(r->m[at].largest, tokens);
        r->truth[at] += q->prompt + q->output;
        r->live[r->live_n++] = (struct session){*q, at, tokens, tokens,
                                                now_us + (uint64_t)q->prompt * 1000000 / PREFILL};
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
    for (size_t i = 0; i < r->pool->n; i++)
        r->m[i] = (struct survive_member){.capacity = r->pool->capacity, .domain = (uint16_t)i};
    for (uint64_t step = 0; step < STEPS; step++) {
        go_on(r, step * STEP_US);
        find_largest(r);
        while (admit(r, step * STEP_US))
            ;
        if (step >= WARM)
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
        runs[i].live = mem_zalloc(LIVE, sizeof(*runs[i].live));
        good = runs[i].live != NULL;
        if (good)
            play(&runs[i]);
        good = good && runs[i].held && runs[i].ended;
        mem_free(runs[i].live);
    }
    if (good) {
        share = (unsigned long)(1000 * runs[1].held / runs[0].held);
        printf("%s, %s: %zu requests, %.1f%% of what known lengths hold, lost %lu of %lu (known "
               "lengths: %lu), %.1f%% no longer than reckoned with\n",
               name, pool->name, t->n, (double)share / 10, runs[1].lost, runs[1].supposed,
               runs[0].lost, 100.0 * (double)runs[1].covered / (double)runs[1].ended);
        all->pools++;
        all->least = MIN(all->least, share);
        all->lost += runs[1].lost;
        all->supposed += runs[1].supposed;
    }
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
