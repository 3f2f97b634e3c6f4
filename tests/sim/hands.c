/*
 * hands.c - what people do meanwhile: a new configuration, tried on a slice of the requests, kept
 * or taken back; a worker that ends; words by hand about targets and models.
 *
 * Not all worlds have them. The configuration on trial names the same targets by names of its own,
 * with an 'n' behind: so it is seen of every attempt by which configuration it was made. What may
 * be seen:
 *     - A request goes by one configuration, that was in use or on trial while it came; or by the
 *       one on trial first and by the one in use afterwards, and never back again.
 *     - Who fails with the one on trial before any of an answer has reached its client is asked
 *       again.
 *     - A trial ends; one whose requests all fail does not end with its configuration in use.
 *     - Nobody is sent to a target that is switched off, nor beyond the first tier of a plan whose
 *       spill is stopped; to one that is drained, or has no weight, only when there is nobody else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "board/override.h"
#include "board/trial.h"
#include "policy/trial.h"
#include "sim.h"

#define HANDS      0x68616e6400d0 /* the named seeds of before have none by it */
#define LOOK       EV_MS(250)
#define NUMBER     1 /* of the trial */
#define NEVER      UINT64_MAX
#define WORDS_MOST 400
#define HELD       ((size_t)16 * 1024) /* bytes of events before the first content */
#define SETTLING   40 /* requests to healthy targets, which say what a bad one is */

/* What is wrong with the new configuration. */
enum wrong {
    NOTHING,
    ONE_PORT,    /* nobody listens at one provider's */
    NO_PATIENCE, /* few first tokens come so soon */
    ALL_PORTS,   /* from here on all its requests fail */
    NO_MODELS,
    WRONGS
};

/* A word by hand, for as long as it holds. */
struct word {
    enum override_what what;
    char name[24];
    ev_us from, until;
};

struct alarm {
    struct ev_timer timer;
    struct sim *s;
    size_t at; /* of hears: whose */
};

struct hands {
    struct rng r;
    enum wrong wrong;
    struct text config;
    struct conf_report report;
    struct alarm begins, looks, dies, speaks, hears[WORKERS_MAX];
    ev_us begun, ended; /* NEVER */
    enum board_trial_end how;
    struct trial_rules rules;
    uint32_t slice;
    unsigned settled;
    struct word words[WORDS_MOST];
    size_t words_n;
};

bool hands_draw(struct sim *s)
{
    struct rng r;
    struct hands *h;

    rng_init(&r, s->seed ^ HANDS);
    if (rng_below(&r, 3))
        return false;
    h = calloc(1, sizeof(*h));
    MUST(h);
    h->r = r;
    h->begun = h->ended = NEVER;
    s->hands = h;
    return true;
}

/* ---- the two configurations ---- */

unsigned hands_more(struct sim *s)
{
    return s->hands ? 10 + (unsigned)rng_below(&s->hands->r, 50) : 0;
}

void hands_draw_ask(struct ask *a)
{
    struct hands *h = a->s->hands;

    if (!h)
        return;
    a->attempts_new = 1 + (unsigned)rng_below(&h->r, 5);
    a->weighted = rng_below(&h->r, 4) == 0;
    if (a->targets_n > 1 && rng_below(&h->r, 2))
        a->tier_2 = 1 + (size_t)rng_below(&h->r, a->targets_n - 1);
}

/* Of both configurations; `more` stands behind the names of the new one's. */
void hands_write_plan(struct text *out, const struct ask *a, unsigned attempts, const char *more)
{
    text_f(out, "%sretry: {attempts: %u, same_target: %u, wait_up_to: %us}, targets: [",
           a->weighted ? "strategy: weighted, " : "", attempts, a->same_target, a->wait_s);
    for (size_t i = 0; i < a->targets_n; i++) {
        bool second = a->tier_2 && i >= a->tier_2;

        text_f(out, "%s%s%s/%s%s%s", i ? ", " : "", second ? "{tier: 2, target: " : "",
               a->s->providers[a->targets[i].provider].name, a->targets[i].model, more,
               second ? "}" : "");
    }
    text_str(out, "]}\n");
}

/* A model of all providers, that everybody asks for in the end. */
void hands_write_common(struct sim *s, struct text *out, const char *more)
{
    text_str(out, "  t: {targets: [");
    for (size_t i = 0; i < s->providers_n; i++)
        text_f(out, "%sp%zu/a%s", i ? ", " : "", i, more);
    text_str(out, "]}\n");
}

/* What stands before the models, with what is wrong put into it. */
static void write_head(struct sim *s, struct text *out)
{
    static const char port[] = "127.0.0.1:9", first[] = "first_token: ";
    const struct hands *h = s->hands;
    const char *p = s->config.p, *end = strstr(p, "models:\n");

    while (p < end) {
        if (strncmp(p, port, sizeof(port) - 1) == 0 &&
            (h->wrong == ALL_PORTS || (h->wrong == ONE_PORT && p[sizeof(port) - 1] == '0'))) {
            text_str(out, "127.0.0.1:7");
            p += sizeof(port) - 1;
        } else if (h->wrong == NO_PATIENCE && strncmp(p, first, sizeof(first) - 1) == 0) {
            text_str(out, "first_token: 10ms");
            p += sizeof(first) - 1;
            p += strspn(p, "0123456789");
            p += 2; /* "ms" */
        } else {
            text_add(out, p++, 1);
        }
    }
}

static void write_new(struct sim *s)
{
    struct hands *h = s->hands;
    struct text *out = &h->config;

    write_head(s, out);
    text_str(out, "models:\n");
    for (size_t i = 0; i < s->providers_n; i++)
        text_f(out, "  h%zuan: {targets: p%zu/an}\n  h%zubn: {targets: p%zu/bn}\n", i, i, i, i);
    if (h->wrong == NO_MODELS)
        return;
    hands_write_common(s, out, "n");
    for (size_t i = 0; i < s->asks_n; i++) {
        const struct ask *a = s->asks[i];

        text_f(out, "  %s: {continue: %s, ", a->name, joins_word(a));
        costs_write(out, a);
        hands_write_plan(out, a, a->attempts_new, "n");
    }
}

void hands_load(struct sim *s)
{
    struct hands *h = s->hands;
    struct err e;

    if (!h)
        return;
    h->wrong = rng_below(&h->r, 2) ? NOTHING : (enum wrong)rng_below(&h->r, WRONGS);
    h->slice = 200000 + 200000 * (uint32_t)rng_below(&h->r, 4);
    h->rules = (struct trial_rules){.least_us = EV_S(1 + rng_below(&h->r, 10)),
                                    .most_us = EV_S(20 + rng_below(&h->r, 60))};
    write_new(s);
    if (s->trace)
        printf("on trial, by %u%%:\n%s\n", h->slice / 10000, h->config.p);
    conf_report_init(&h->report);
    conf_report_source(&h->report, SPAN_LIT("new.yaml"), span_of(h->config.p, h->config.n));
    if (settings_load_with(&s->next, span_of(h->config.p, h->config.n), SPAN_LIT("new.yaml"),
                           costs_prices(s), s->env, &h->report, &e) < 0) {
        struct buf printed;

        buf_init(&printed, (size_t)1 << 20);
        conf_report_text(&h->report, &printed, false);
        sim_fail(s, "the new configuration is none:\n%.*s", (int)printed.n, printed.p);
    }
}

bool hands_is_new(const char *model)
{
    size_t n = strlen(model);

    return n > 1 && model[n - 1] == 'n';
}

/* ---- the trial ---- */

static struct board_trial *trial_of(struct sim *s)
{
    return &s->board->trial;
}

static bool is_on(struct sim *s)
{
    return board_trial_is_on(trial_of(s), NUMBER);
}

static bool is_kept(const struct sim *s)
{
    return s->hands && board_trial_is_taken(s->hands->how);
}

/* The master's word comes to each worker in a moment of its own. */
static void on_hears(struct ev_timer *t)
{
    struct alarm *a = CONTAINER_OF(t, struct alarm, timer);
    struct sim *s = a->s;
    struct gateway *g = &s->workers[s->slots[a->at]].gateway;
    struct err e;

    if (is_on(s))
        gateway_trial(g, s->next, NUMBER);
    else if (is_kept(s))
        MUST(gateway_settings(g, s->next, &e) == 0);
    else
        gateway_trial(g, NULL, 0);
}

static void set(struct alarm *a, ev_us in)
{
    struct err e;

    MUST(ev_timer_set(&a->timer, in, &e) == 0);
}

static void tell(struct sim *s)
{
    struct hands *h = s->hands;

    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (i < s->slots_n)
            set(&h->hears[i], rng_below(&h->r, EV_MS(5)));
}

static void end_trial(struct sim *s, enum board_trial_end how)
{
    struct hands *h = s->hands;

    sim_say(s, "the trial ends: %s", board_trial_end_word(how));
    board_trial_ended(trial_of(s), how, ev_now(s->ev), 0);
    h->ended = ev_now(s->ev);
    h->how = how;
    tell(s);
}

static void judge(struct sim *s)
{
    static const enum board_trial_end ends[] = {[TRIAL_KEEP] = BOARD_TRIAL_END_KEPT,
                                                [TRIAL_FAILS] = BOARD_TRIAL_END_FAILS,
                                                [TRIAL_SLOW] = BOARD_TRIAL_END_SLOW,
                                                [TRIAL_UNPROVEN] = BOARD_TRIAL_END_UNPROVEN};
    struct hands *h = s->hands;
    struct trial_counts c;
    enum trial_verdict v;

    trial_read(trial_of(s), &c);
    v = trial_judge(&c, &h->rules, ev_now(s->ev) - h->begun);
    if (v == TRIAL_GOES_ON)
        return;
    if (v == TRIAL_KEEP && h->wrong >= ALL_PORTS &&
        c.sides[BOARD_SIDE_OLD].failed * 2 < c.sides[BOARD_SIDE_OLD].judged)
        sim_fail(s, "a bad configuration is kept: %llu of %llu failed, %llu of %llu of the old one",
                 (unsigned long long)c.sides[1].failed, (unsigned long long)c.sides[1].judged,
                 (unsigned long long)c.sides[0].failed, (unsigned long long)c.sides[0].judged);
    end_trial(s, ends[v]);
}

static void on_looks(struct ev_timer *t)
{
    struct sim *s = CONTAINER_OF(t, struct alarm, timer)->s;

    if (!is_on(s))
        return;
    judge(s);
    if (is_on(s))
        set(&s->hands->looks, LOOK);
}

static void on_begins(struct ev_timer *t)
{
    struct sim *s = CONTAINER_OF(t, struct alarm, timer)->s;
    struct hands *h = s->hands;

    sim_say(s, "a trial begins");
    board_set(&trial_of(s)->loaded.slice, h->slice);
    board_trial_begin(trial_of(s), s->board->standings, NUMBER, ev_now(s->ev), 0);
    h->begun = ev_now(s->ev);
    tell(s);
    set(&h->looks, LOOK);
}

/* ---- a worker ends ---- */

static void on_drained(void *arg)
{
    UNUSED(arg);
}

/* Its requests end with it, and another one takes its place. */
static void on_dies(struct ev_timer *t)
{
    struct sim *s = CONTAINER_OF(t, struct alarm, timer)->s;
    size_t i = (size_t)rng_below(&s->hands->r, s->slots_n), slot = s->slots[i];
    struct err e;

    sim_say(s, "worker %zu ends", slot);
    mem_torture(0, false); /* the new one has all that it needs */
    if (is_on(s) && board_get(&s->board->workers[slot].trying))
        end_trial(s, BOARD_TRIAL_END_DIED);
    gateway_drain(&s->workers[slot].gateway, 0, on_drained, NULL);
    s->slots[i] = s->workers_n++;
    sim_open_worker(s, s->slots[i]);
    if (is_kept(s)) /* it begins with what is in use */
        MUST(gateway_settings(&s->workers[s->slots[i]].gateway, s->next, &e) == 0);
    client_move(s, slot);
    tell(s);
}

/* ---- words by hand ---- */

static bool is_about(const struct word *w, size_t provider, const char *model)
{
    char id[40];
    size_t n = (size_t)snprintf(id, sizeof(id), "p%zu/%s", provider, model);

    return strcmp(w->name, id) == 0 || (w->what != OVERRIDE_WEIGHT && n > 2 &&
                                        strlen(w->name) == 2 && strncmp(w->name, id, 2) == 0);
}

/* Has it held from before `since` until now? */
static bool has_held(const struct sim *s, const struct word *w, ev_us since)
{
    return w->from < since && w->until > ev_now(s->ev);
}

static void forget(struct sim *s, const char *name, unsigned kinds)
{
    struct hands *h = s->hands;

    for (size_t i = 0; i < h->words_n; i++)
        if (strcmp(h->words[i].name, name) == 0 && (override_kind_of(h->words[i].what) & kinds))
            h->words[i].until = MIN(h->words[i].until, ev_now(s->ev));
}

static void say(struct sim *s, enum override_what what, const char *name, ev_us last)
{
    struct hands *h = s->hands;
    struct override o = {.what = what, .until_us = ev_now(s->ev) + last};

    if (h->words_n == WORDS_MOST)
        return;
    UNUSED(snprintf(o.name, sizeof(o.name), "%s", name));
    if (!override_put(s->board, &o, ev_now(s->ev)))
        return;
    sim_say(s, "%s %s for %llu ms", override_word(what), name, (unsigned long long)last / 1000);
    forget(s, name, override_kind_of(what));
    h->words[h->words_n] = (struct word){what, "", ev_now(s->ev), o.until_us};
    UNUSED(snprintf(h->words[h->words_n++].name, sizeof(h->words[0].name), "%s", name));
}

/* Whom a word is to meet: one that has begun, or is still to come. */
static const struct ask *somebody(struct sim *s, bool begun)
{
    const struct ask *a = s->asks[0];

    for (int i = 0; i < 10; i++) {
        a = s->asks[rng_below(&s->hands->r, s->asks_n)];
        if (begun ? a->sent && !a->over : !a->sent)
            break;
    }
    return a;
}

static void on_speaks(struct ev_timer *t)
{
    static const enum override_what words[] = {OVERRIDE_DRAIN, OVERRIDE_DISABLE, OVERRIDE_WEIGHT,
                                               OVERRIDE_STOP_SPILL};
    struct sim *s = CONTAINER_OF(t, struct alarm, timer)->s;
    struct rng *r = &s->hands->r;
    enum override_what what = words[rng_below(r, ARRAY_LEN(words))];
    const struct ask *a = somebody(s, what == OVERRIDE_DISABLE);
    size_t at = (size_t)rng_below(r, a->targets_n);
    char name[32];

    if (what == OVERRIDE_STOP_SPILL)
        UNUSED(snprintf(name, sizeof(name), "%s", a->name));
    else if (what != OVERRIDE_WEIGHT && rng_below(r, 3) == 0)
        UNUSED(snprintf(name, sizeof(name), "p%zu", a->targets[at].provider));
    else
        UNUSED(snprintf(name, sizeof(name), "p%zu/%s%s", a->targets[at].provider,
                        a->targets[at].model, rng_below(r, 4) ? "" : "n"));
    if (rng_below(r, 4)) {
        say(s, what, name, 1 + rng_below(r, EV_S(rng_below(r, 2) ? 3 : 30)));
    } else {
        override_end(s->board, span_str(name), override_kind_of(what), ev_now(s->ev));
        forget(s, name, override_kind_of(what));
    }
    set(&s->hands->speaks, rng_below(r, EV_S(rng_below(r, 2) ? 1 : 3)));
}

bool hands_touched(const struct ask *a, size_t provider, const char *model)
{
    const struct hands *h = a->s->hands;

    for (size_t i = 0; h && i < h->words_n; i++) {
        const struct word *w = &h->words[i];

        if (w->until > a->began && (w->what == OVERRIDE_STOP_SPILL ? strcmp(w->name, a->name) == 0
                                                                   : is_about(w, provider, model)))
            return true;
    }
    return false;
}

/* Is there somebody in the same tier, of whom nothing was said, that could have been asked? */
static bool could_another(struct ask *a, const struct attempt *t, size_t from, size_t to)
{
    char model[24];

    for (size_t i = from; i < to; i++) {
        UNUSED(snprintf(model, sizeof(model), "%s%s", a->targets[i].model,
                        hands_is_new(t->model) ? "n" : ""));
        if ((a->targets[i].provider != t->provider || strcmp(model, t->model) != 0) &&
            rules_left_out(a, t, a->targets[i].provider, model) &&
            !rules_was_sick(a->s, t, a->targets[i].provider, model))
            return true;
    }
    return false;
}

static size_t place_of(const struct ask *a, const struct attempt *t)
{
    size_t i = 0, n = strlen(t->model) - hands_is_new(t->model);

    while (i < a->targets_n &&
           !(a->targets[i].provider == t->provider && strlen(a->targets[i].model) == n &&
             strncmp(a->targets[i].model, t->model, n) == 0))
        i++;
    return i;
}

/* It goes behind the first one then, whatever its weight. */
static bool has_kin(const struct ask *a, size_t at)
{
    for (size_t i = 0; i < a->targets_n; i++)
        if (i != at && strcmp(a->targets[i].model, a->targets[at].model) == 0)
            return true;
    return false;
}

/* Not all that is known of the target is known here: of those that go on with an answer nothing. */
static void check_word(struct ask *a, const struct attempt *t, const struct word *w)
{
    size_t at = place_of(a, t), second = a->tier_2 ? a->tier_2 : a->targets_n;
    bool again = a->tries_n && a->tries[a->tries_n - 1].provider == t->provider &&
                 strcmp(a->tries[a->tries_n - 1].model, t->model) == 0;
    bool free = a->targets_n && at < a->targets_n && !a->s->torture && !again &&
                !(a->stream && a->go_on) && t->table != TABLE_VAGUE && has_held(a->s, w, a->began);

    if (w->what == OVERRIDE_STOP_SPILL && strcmp(w->name, a->name) == 0 && at >= second &&
        at < a->targets_n && has_held(a->s, w, a->began))
        sim_fail(a->s, "I4: request %u spills to p%zu/%s", a->n, t->provider, t->model);
    if (w->what == OVERRIDE_STOP_SPILL || !is_about(w, t->provider, t->model))
        return;
    if (w->what == OVERRIDE_DISABLE && has_held(a->s, w, ev_now(a->s->ev)))
        sim_fail(a->s, "I4: request %u asks p%zu/%s, which is switched off", a->n, t->provider,
                 t->model);
    if (w->what == OVERRIDE_DRAIN && free && could_another(a, t, 0, a->targets_n))
        sim_fail(a->s, "I4: request %u asks p%zu/%s, which is drained", a->n, t->provider,
                 t->model);
    if (w->what == OVERRIDE_WEIGHT && free && a->weighted && a->tries_n == 0 && !has_kin(a, at) &&
        could_another(a, t, at < second ? 0 : second, at < second ? second : a->targets_n))
        sim_fail(a->s, "I4: request %u asks p%zu/%s, which has no weight, first", a->n, t->provider,
                 t->model);
}

/* ---- what is checked of requests ---- */

/* By which table of what is known of targets it is made. */
static enum table table_of(const struct ask *a, const struct attempt *t)
{
    const struct hands *h = a->s->hands;

    if (!hands_is_new(t->model))
        return TABLE_MAIN;
    if (a->tries_n && hands_is_new(a->tries[0].model))
        return a->tries[0].table;
    if (!is_kept(a->s))
        return TABLE_TRIAL;
    return a->began > h->ended + EV_MS(10) ? TABLE_MAIN : TABLE_VAGUE;
}

void hands_attempt(struct ask *a, struct attempt *t)
{
    const struct hands *h = a->s->hands;
    bool is_new = hands_is_new(t->model);

    t->table = TABLE_MAIN;
    if (!h)
        return;
    t->table = table_of(a, t);
    if (is_new && h->begun == NEVER)
        sim_fail(a->s, "request %u goes by a configuration that is not there yet", a->n);
    if (is_new && h->ended != NEVER && !is_kept(a->s) && a->began > h->ended + EV_MS(10))
        sim_fail(a->s, "request %u goes by a configuration that was taken back", a->n);
    if (!is_new && is_kept(a->s) && a->began > h->ended + EV_MS(10))
        sim_fail(a->s, "request %u goes by a configuration that is not in use any more", a->n);
    if (is_new && a->tries_n && !hands_is_new(a->tries[a->tries_n - 1].model))
        sim_fail(a->s, "request %u goes on with the configuration on trial", a->n);
    for (size_t i = 0; i < h->words_n; i++)
        check_word(a, t, &h->words[i]);
}

/* What comes before the first content is held, but for what there is no room for: its client has
 * had that. */
static bool is_begun(const struct ask *a)
{
    const struct attempt *t = a->tries_n ? &a->tries[a->tries_n - 1] : NULL;

    return t && t->arrival && t->arrival->sent > HELD;
}

void hands_record(struct ask *a, const struct record *r)
{
    const struct hands *h = a->s->hands;
    bool first_new = a->tries_n && hands_is_new(a->tries[0].model);
    bool last_new = a->tries_n && hands_is_new(a->tries[a->tries_n - 1].model);

    if (!h || r->more)
        return;
    if (r->trial == RECORD_TRIAL_NONE && first_new != last_new)
        sim_fail(a->s, "request %u goes by two configurations, and its record says nothing", a->n);
    if (r->trial == RECORD_TRIAL_NONE && first_new && !is_kept(a->s))
        sim_fail(a->s, "request %u is of the trial, and its record says nothing", a->n);
    if (r->trial == RECORD_TRIAL_NEW && a->tries_n && !last_new)
        sim_fail(a->s, "request %u has gone back, and its record does not say so", a->n);
    if (r->trial == RECORD_TRIAL_REPEATED && a->tries_n && last_new && r->attempts == a->tries_n &&
        r->outcome != OUTCOME_FAILED && r->outcome != OUTCOME_CLIENT_GONE &&
        r->outcome != OUTCOME_CLIENT_ERROR && r->outcome != OUTCOME_SHED)
        sim_fail(a->s, "request %u is said to have gone back, and has not", a->n);
    if (r->trial == RECORD_TRIAL_NEW && r->outcome == OUTCOME_FAILED && r->first_us == 0 &&
        !is_begun(a) && !is_kept(a->s) && r->reason != REASON_DRAINING && !a->s->torture)
        sim_fail(a->s, "request %u has failed with the configuration on trial alone: %s", a->n,
                 r->text);
}

bool hands_has_cause(const struct sim *s, const struct attempt *t)
{
    if (!s->hands || !hands_is_new(t->model))
        return false;
    return (s->hands->wrong != NOTHING && s->hands->wrong != NO_MODELS) ||
           t->reason == REASON_TIMEOUT_FIRST;
}

/* ---- beginning and end ---- */

static void make(struct sim *s, struct alarm *a, void (*fn)(struct ev_timer *t), size_t at)
{
    a->s = s;
    a->at = at;
    ev_timer_init(&a->timer, s->ev, fn);
}

void hands_open(struct sim *s)
{
    struct hands *h = s->hands;

    if (!h)
        return;
    make(s, &h->begins, on_begins, 0);
    make(s, &h->looks, on_looks, 0);
    make(s, &h->dies, on_dies, 0);
    make(s, &h->speaks, on_speaks, 0);
    for (size_t i = 0; i < WORKERS_MAX; i++)
        make(s, &h->hears[i], on_hears, i);
    set(&h->begins, rng_below(&h->r, EV_S(rng_below(&h->r, 2) ? 2 : 20)));
    set(&h->speaks, rng_below(&h->r, EV_S(2)));
    if (rng_below(&h->r, 3) == 0)
        set(&h->dies, rng_below(&h->r, EV_S(20)));
}

void hands_rest(struct sim *s)
{
    struct hands *h = s->hands;

    if (!h)
        return;
    ev_timer_stop(&h->begins.timer);
    ev_timer_stop(&h->looks.timer);
    ev_timer_stop(&h->dies.timer);
    ev_timer_stop(&h->speaks.timer);
    for (size_t i = 0; i < h->words_n; i++) {
        override_end(s->board, span_str(h->words[i].name),
                     OVERRIDE_SERVICE | OVERRIDE_SHARE | OVERRIDE_SPILL, ev_now(s->ev));
        h->words[i].until = MIN(h->words[i].until, ev_now(s->ev));
    }
}

/* All targets are well: by now the requests say what the configuration is. */
bool hands_wants_more(struct sim *s)
{
    struct hands *h = s->hands;
    struct trial_counts c;

    if (!h || !is_on(s))
        return false;
    if (++h->settled <= SETTLING)
        return true;
    trial_read(trial_of(s), &c);
    judge(s);
    if (is_on(s))
        end_trial(s, BOARD_TRIAL_END_BY_HAND); /* nobody would wait any longer */
    /* Where most requests are on trial, many failures say little of whose they are. */
    if (h->wrong >= ALL_PORTS && c.sides[BOARD_SIDE_NEW].failed >= 2 * TRIAL_FAILURES &&
        trial_evidence(c.sides[BOARD_SIDE_NEW].failed,
                       c.sides[BOARD_SIDE_NEW].failed + c.sides[BOARD_SIDE_OLD].failed,
                       c.slice) > 4 / TRIAL_WRONG &&
        h->how != BOARD_TRIAL_END_FAILS)
        sim_fail(s, "a bad configuration is not taken back: %llu of %llu failed",
                 (unsigned long long)c.sides[1].failed, (unsigned long long)c.sides[1].judged);
    return false;
}

/* Whom the configuration in use calls so. */
const char *hands_suffix(const struct sim *s)
{
    return is_kept(s) ? "n" : "";
}

bool hands_is_wrong(const struct sim *s)
{
    return is_kept(s) && s->hands->wrong != NOTHING;
}

void hands_still(struct sim *s)
{
    for (size_t i = 0; i < s->workers_n; i++)
        if (board_get(&s->board->workers[i].trying))
            sim_fail(s, "I5: a request is counted as tried");
}

void hands_free(struct sim *s)
{
    if (!s->hands)
        return;
    settings_unref(&s->next);
    conf_report_fini(&s->hands->report);
    text_free(&s->hands->config);
    free(s->hands);
}
