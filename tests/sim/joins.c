/*
 * joins.c - answers that break off and are gone on with: who may, what he says, and what a client
 * may then have read (I3).
 *
 * Half of the worlds have joins; what has to do with them is drawn from numbers of their own, so
 * that a seed without is what it was before there were any.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yyjson.h>

#include "sim.h"

#define OVERLAP_MIN                                                                                \
    16 /* what is left out when it is said again; the rule once more, on purpose                   \
        */
#define OVERLAP_MAX 256

/* ---- the world ---- */

/* Most of them go on with a beginning. */
static const struct {
    const char *type, *base;
} kinds[] = {{"vllm", ""},
             {"vllm", ""},
             {"anthropic", ""},
             {"anthropic", ""},
             {"llama.cpp", ""},
             {"mistral", "/v1"},
             {"openai-compatible", "/v1"},
             {"gemini", ""}};

void joins_draw_provider(struct sim *s, struct provider_world *p)
{
    size_t kind = s->joins ? rng_below(&s->more, ARRAY_LEN(kinds)) : 0;

    if (!s->joins)
        return;
    p->type = kinds[kind].type;
    p->base = kinds[kind].base;
}

static bool has_target(const struct ask *a, size_t provider, const char *model)
{
    for (size_t i = 0; i < a->targets_n; i++)
        if (a->targets[i].provider == provider && strcmp(a->targets[i].model, model) == 0)
            return true;
    return false;
}

const char *joins_word(const struct ask *a)
{
    static const char *const words[] = {"off", "family", "any", "instruct", "replay"};

    return words[a->go_on];
}

void joins_draw_ask(struct ask *a)
{
    struct sim *s = a->s;

    if (!s->joins)
        return;
    a->stream |= rng_below(&s->more, 2) == 0;
    a->attempts += (unsigned)rng_below(&s->more, 4);
    for (size_t i = 0; i < a->targets_n; i++) /* most have the same weights */
        if (rng_below(&s->more, 4) && !has_target(a, a->targets[i].provider, "a"))
            UNUSED(snprintf(a->targets[i].model, sizeof(a->targets[i].model), "a"));
    a->go_on = rng_below(&s->more, 10) == 0  ? GO_ON_OFF
               : rng_below(&s->more, 3) == 0 ? GO_ON_ANY
                                             : GO_ON_FAMILY;
    if (a->go_on != GO_ON_OFF && rng_below(&s->more, 3) == 0)
        a->go_on = rng_below(&s->more, 2) ? GO_ON_INSTRUCT : GO_ON_REPLAY;
    text_f(&s->config, "continue: %s, ", joins_word(a));
}

bool joins_wait(const struct arrival *a)
{
    return a->stream && a->ask->go_on != GO_ON_OFF;
}

/* ---- the beginning that is given ---- */

static yyjson_val *last_of(yyjson_val *list)
{
    return yyjson_arr_get_last(list);
}

static void add_content(struct text *out, yyjson_val *content)
{
    size_t i, n;
    yyjson_val *part;

    if (yyjson_is_str(content))
        text_add(out, yyjson_get_str(content), yyjson_get_len(content));
    yyjson_arr_foreach(content, i, n, part)
    {
        yyjson_val *text = yyjson_obj_get(part, "text");

        text_add(out, text ? yyjson_get_str(text) : "", yyjson_get_len(text));
    }
}

/* Engines are told that they are to go on: they would begin a new turn. */
static bool is_told(const struct arrival *a, yyjson_val *root, yyjson_val *message)
{
    const char *type = a->ask->s->providers[a->provider].type;

    if (strcmp(type, "vllm") == 0)
        return yyjson_get_bool(yyjson_obj_get(root, "continue_final_message")) &&
               yyjson_is_false(yyjson_obj_get(root, "add_generation_prompt"));
    return strcmp(type, "mistral") != 0 || yyjson_get_bool(yyjson_obj_get(message, "prefix"));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* It asks for what may be asked for. */
static void check_begin(const struct arrival *a, bool told)
{
    struct sim *s = a->ask->s;
    const struct text *b = &a->begin;

    if (a->ask->go_on == GO_ON_OFF || !a->stream)
        sim_fail(s, "I3: request %u is gone on with, and nobody may", a->ask->n);
    if (a->in_words && a->ask->go_on != GO_ON_INSTRUCT)
        sim_fail(s, "I3: request %u: p%zu is asked in words to go on", a->ask->n, a->provider);
    if (!told)
        sim_fail(s, "I3: p%zu is not told that it is to go on", a->provider);
    if (b->n == 0 || is_blank(b->p[b->n - 1]))
        sim_fail(s, "I3: request %u: p%zu is asked to go on from white space", a->ask->n,
                 a->provider);
    if (memmem(a->ask->body.p ? a->ask->body.p : "", a->ask->body.n, SIM_TOOL, strlen(SIM_TOOL)))
        sim_fail(s, "I3: request %u is gone on with behind a call", a->ask->n);
}

/* Is the turn one about the model's own last one? */
static bool says_to_go_on(yyjson_val *message, const char *content)
{
    struct text said = {0};
    bool ret;

    text_str(&said, "");
    add_content(&said, yyjson_obj_get(message, content));
    ret = text_has(&said, "was cut off");
    text_free(&said);
    return ret;
}

void joins_read(struct arrival *a, const char *body, size_t n)
{
    const char *list = a->api == API_GEMINI ? "contents" : "messages";
    const char *role = a->api == API_GEMINI ? "model" : "assistant";
    yyjson_doc *doc = yyjson_read(body, n, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *m;

    m = last_of(yyjson_obj_get(root, list));
    if (m && says_to_go_on(m, a->api == API_GEMINI ? "parts" : "content")) {
        a->in_words = true;
        m = yyjson_arr_get(yyjson_obj_get(root, list),
                           yyjson_arr_size(yyjson_obj_get(root, list)) - 2);
    }
    if (m && yyjson_equals_str(yyjson_obj_get(m, "role"), role)) {
        text_str(&a->begin, "");
        add_content(&a->begin, yyjson_obj_get(m, a->api == API_GEMINI ? "parts" : "content"));
        check_begin(a, a->in_words || is_told(a, root, m));
    }
    yyjson_doc_free(doc);
}

/* ---- what is said behind it ---- */

static bool goes_on(const struct arrival *a)
{
    return a->begin.p != NULL;
}

/* Whose words the text begins with. */
static struct arrival *first_of(struct sim *s, const struct text *t)
{
    return t->n && t->p[0] == '<' ? check_arrival(s, (unsigned)text_number(t->p + 1, 10)) : NULL;
}

/* The rest of what the first one would have said; false: others have said something else. */
static bool rest_of(const struct arrival *a, struct text *rest)
{
    const struct arrival *first = first_of(a->ask->s, &a->begin);
    struct text all = {0};
    bool ok;

    if (!first)
        sim_fail(a->ask->s, "I3: request %u: p%zu is to go on with what nobody said: %.80s",
                 a->ask->n, a->provider, a->begin.p);
    speech_text(&all, &first->answer);
    ok = all.n >= a->begin.n && memcmp(all.p, a->begin.p, a->begin.n) == 0;
    if (ok)
        text_add(rest, all.p + a->begin.n, all.n - a->begin.n);
    text_free(&all);
    return ok;
}

/* Its last n bytes, or some more, that no character is cut. */
static void say_again(struct arrival *a, size_t n)
{
    size_t at = a->begin.n - MIN(n, a->begin.n);

    while (at > 0 && ((unsigned char)a->begin.p[at] & 0xc0) == 0x80)
        at--;
    a->faithful &= a->begin.n - at >= OVERLAP_MIN;
    text_add(&a->answer.own, a->begin.p + at, a->begin.n - at);
}

/* Of what it says itself there is one of its kind. */
static void say_own(struct arrival *a)
{
    struct answer own = a->answer;

    own.has_own = false;
    own.pad %= 400;
    speech_text(&a->answer.own, &own);
    a->faithful = false;
}

/* The bytes of the first half of a text, as whole characters. */
static size_t whole_half(const struct text *t)
{
    size_t n = t->n / 2;

    while (n > 0 && ((unsigned char)t->p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

enum manner { SAYS_ALL, SAYS_16, SAYS_HALF, SAYS_OWN, SAYS_SOME, GOES_ON = SAYS_SOME + 3 };

static void draw_what_follows(struct arrival *a, struct rng *r)
{
    struct text rest = {0};
    bool known = rest_of(a, &rest);
    enum manner how = (enum manner)rng_below(r, GOES_ON + 5);

    a->faithful = true;
    a->answer.has_own = true;
    text_str(&a->answer.own, "");
    if (how == SAYS_ALL)
        say_again(a, a->begin.n);
    else if (how == SAYS_16)
        say_again(a, OVERLAP_MIN);
    else if (how == SAYS_HALF)
        text_add(&a->answer.own, a->begin.p, whole_half(&a->begin));
    else if (how >= SAYS_SOME && how < GOES_ON)
        say_again(a, rng_range(r, 1, 250));
    if (known && how != SAYS_HALF && how != SAYS_OWN)
        text_add(&a->answer.own, rest.p ? rest.p : "", rest.n);
    else
        say_own(a);
    text_free(&rest);
}

/* It is asked afresh, and its client has read the beginning of an answer: it says that again, the
 * half of it, that and then something else, or something else. */
static void draw_what_comes_again(struct arrival *a, struct rng *r)
{
    struct heard h = {0};
    struct arrival *first;
    uint64_t how = rng_below(r, 8);

    speech_hear(&h, a->ask->api, true, a->ask->body.p ? a->ask->body.p : "", a->ask->body.n);
    first = first_of(a->ask->s, &h.text);
    if (first && how != 0) {
        a->answer.has_own = true;
        text_str(&a->answer.own, "");
        if (how <= 2)
            text_add(&a->answer.own, h.text.p, how == 1 ? whole_half(&h.text) : h.text.n);
        if (how == 2)
            say_own(a);
        if (how > 2)
            speech_text(&a->answer.own, &first->answer);
        a->faithful = how > 2;
    }
    text_free(&h.text);
}

void joins_fault(struct arrival *a)
{
    static const enum fault_kind cuts[] = {F_RESET_AT,    F_FIN_AT,   F_CLEAN_AT, F_STALL_AT,
                                           F_ERROR_LATER, F_PAUSE_AT, F_BAD_JSON, F_STATUS};
    struct rng *r = &a->ask->s->more;

    if (!joins_wait(a) || a->fault.kind != F_NONE || rng_below(r, 3) < (goes_on(a) ? 2 : 1))
        return;
    fault_draw(&a->fault, a->ask->s, r, cuts[rng_below(r, ARRAY_LEN(cuts) - !goes_on(a))]);
    a->fault.at = (size_t)rng_u64(r);
}

void joins_speak(struct arrival *a)
{
    struct rng *r = &a->ask->s->more;

    if (!joins_wait(a))
        return;
    if (a->api == API_CHAT || a->api == API_MESSAGES) {
        a->answer.thinks = rng_below(r, 8)   ? THINKS_NOT
                           : rng_below(r, 2) ? THINKS_PLAINLY
                                             : THINKS_SIGNED;
        a->answer.calls = rng_below(r, 8) == 0;
    }
    if (goes_on(a))
        draw_what_follows(a, r);
    else if (a->ask->go_on == GO_ON_REPLAY)
        draw_what_comes_again(a, r);
}

/* ---- what a client has read ---- */

/* What a text that goes on so adds to what there was: where they are alike it is told once. */
static void add_joined(struct text *out, const struct text *begin, const struct text *own)
{
    size_t blank = out->n - begin->n, n = MIN(MIN(out->n, own->n), (size_t)OVERLAP_MAX);
    bool anew = begin->n >= OVERLAP_MIN && own->n >= MIN(begin->n, (size_t)OVERLAP_MAX) &&
                memcmp(own->p, begin->p, MIN(begin->n, (size_t)OVERLAP_MAX)) == 0;

    while (n >= OVERLAP_MIN && memcmp(out->p + out->n - n, own->p, n) != 0)
        n--;
    if (n < OVERLAP_MIN) {
        if (anew && (own->n < begin->n || memcmp(own->p, begin->p, begin->n) != 0))
            return; /* and is something else: nothing of it is told */
        n = anew ? begin->n : 0;
        for (size_t i = 0; i < blank && n < own->n && own->p[n] == out->p[out->n - blank + i]; i++)
            n++;
    }
    text_add(out, own->p + n, own->n - n);
}

/* Was it asked with this text, less the white space at its end? */
static bool was_asked_with(const struct arrival *a, const char *p, size_t n)
{
    while (n && is_blank(p[n - 1]))
        n--;
    return goes_on(a) && a->begin.n == n && memcmp(a->begin.p, p, n) == 0;
}

static bool is_of_word(char c)
{
    return (c & 0x80) || c == '_' || (c >= '0' && c <= '9') ||
           ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Asked in words, it says the end again, all of it, or what it says does not begin within a word.
 */
static bool is_honest(const struct arrival *a, const struct text *told, const struct text *own)
{
    size_t n = MIN(MIN(told->n, own->n), (size_t)OVERLAP_MAX);

    if (own->n == 0 || !is_of_word(told->p[told->n - 1]) || !is_of_word(own->p[0]))
        return true;
    while (n >= OVERLAP_MIN && memcmp(told->p + told->n - n, own->p, n) != 0)
        n--;
    return n >= OVERLAP_MIN ||
           (own->n >= a->begin.n && memcmp(own->p, a->begin.p, a->begin.n) == 0);
}

/* The same of one that was asked afresh: it says all of the text again, and goes on. */
static bool may_be_again(const struct arrival *a, const struct text *heard, size_t at, size_t end,
                         struct text *all)
{
    all->n = 0;
    speech_text(all, &a->answer);
    return all->n >= MAX(at, end) && memcmp(all->p, heard->p, MAX(at, end)) == 0;
}

/* What the client may have read when all of it has gone on from its first `at` bytes. */
static bool may_be(const struct arrival *a, const struct text *heard, size_t at, size_t end,
                   struct text *all)
{
    struct text own = {0};

    all->n = 0;
    text_add(all, heard->p, at);
    text_str(&own, ""); /* it is there, if it says nothing */
    speech_text(&own, &a->answer);
    if (a->in_words && !is_honest(a, all, &own))
        all->n = at; /* nothing of it is told */
    else
        add_joined(all, &a->begin, &own);
    text_free(&own);
    return all->n >= end && memcmp(all->p, heard->p, end) == 0;
}

static bool may_have_joined(const struct arrival *x, const struct heard *h,
                            const struct heard_join *j, size_t end, struct text *all)
{
    if (strcmp(j->how, "replay") == 0)
        return !goes_on(x) && may_be_again(x, &h->text, j->at, end, all);
    return was_asked_with(x, h->text.p, j->at) &&
           x->in_words == (strcmp(j->how, "instruct") == 0) && may_be(x, &h->text, j->at, end, all);
}

/* Does the rule let it go on so? */
static bool is_let(const struct ask *a, const struct heard_join *j, bool same)
{
    if (strcmp(j->how, "instruct") == 0)
        return a->go_on == GO_ON_INSTRUCT;
    if (strcmp(j->how, "replay") == 0)
        return a->go_on == GO_ON_REPLAY;
    return a->go_on == GO_ON_ANY || (a->go_on != GO_ON_OFF && same);
}

/* Who said what stands from the join on. */
static struct arrival *who_joined(struct ask *a, const struct heard *h, unsigned k,
                                  const struct arrival *after, struct text *all)
{
    const struct heard_join *j = &h->joins[k];
    size_t end = k + 1 < h->joins_n ? h->joins[k + 1].at : h->text.n;
    struct arrival *ret = NULL;
    char model[24];
    size_t provider = sim_find_target(a->s, j->target, model);

    LIST_EACH(it, &a->s->arrivals)
    {
        struct arrival *x = LIST_ENTRY(it, struct arrival, link);

        if (x->ask == a && x->n > after->n && x->provider == provider &&
            strcmp(x->model, model) == 0 && may_have_joined(x, h, j, end, all) &&
            (!ret || k + 1 == h->joins_n))
            ret = x; /* the last one asked so: the others have broken off before they were told */
    }
    if (ret)
        UNUSED(may_have_joined(ret, h, j, end, all));
    else
        sim_fail(a->s, "I3: request %u: %s has not said what stands behind its join at %zu: %.*s",
                 a->n, j->target, j->at, (int)MIN(h->text.n, (size_t)3000), h->text.p);
    return ret;
}

/* The tokens that it has told of, at the least, when it has begun to say a text, and in the end:
 * what comes behind a finish reason may be lost. */
static uint64_t tokens_of(const struct arrival *a, bool whole)
{
    const struct sim *s = a->ask->s;
    /* what comes later than CALL_AFTER_MS behind a complete answer is not waited for */
    bool late = a->fault.kind == F_PAUSE_AT && a->fault.at >= a->answer.complete_at &&
                a->fault.delay >= EV_MS(1900) && a->fault.at < a->answer.body.n;
    bool came = !late && !s->was_rough && !s->torture && !a->killed && a->sent == a->answer.body.n;

    if (!whole)
        return MIN(a->answer.tokens_out, a->api == API_MESSAGES ? 1u
                                         : a->api == API_GEMINI ? 3u
                                                                : 0u);
    return a->api != API_CHAT || (came && text_has(&a->answer.body, "\"usage\""))
               ? a->answer.tokens_out
               : 0;
}

static void check_sum(struct ask *a, const struct heard *h, uint64_t least)
{
    uint64_t most = 0;

    if (a->api == API_CHAT) /* they have not asked for it */
        return;
    LIST_EACH(it, &a->s->arrivals)
    {
        const struct arrival *x = LIST_ENTRY(it, struct arrival, link);

        most += x->ask == a ? x->answer.tokens_out : 0;
    }
    if (h->usage_out < least || h->usage_out > most)
        sim_fail(a->s, "I3: request %u: %llu tokens, of %llu to %llu: %.*s", a->n,
                 (unsigned long long)h->usage_out, (unsigned long long)least,
                 (unsigned long long)most, (int)MIN(a->body.n, (size_t)4000), a->body.p);
}

/* A call, or a signature, and behind it another one. */
static void check_order(struct ask *a)
{
    static const char *const ends[] = {SIM_TOOL, SIM_SIGNATURE};
    const char *end = a->body.p + a->body.n, *join = a->body.p;

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const char *call = memmem(a->body.p, a->body.n, ends[i], strlen(ends[i]));

        join = call ? memmem(call, (size_t)(end - call), "\"joined\"", 8) : NULL;
        if (join)
            sim_fail(a->s, "I3: request %u is gone on with behind %s", a->n, ends[i]);
    }
}

void check_joined(struct ask *a, const struct heard *h, bool complete)
{
    struct arrival *first = first_of(a->s, &h->text), *last = first;
    struct text all = {0};
    bool faithful = true;
    uint64_t tokens = 0;

    if (!first || first->ask != a)
        sim_fail(a->s, "I3: request %u: nobody said that: %.80s", a->n, h->text.p);
    check_order(a);
    speech_text(&all, &first->answer);
    if (h->joins[0].at > all.n || memcmp(all.p, h->text.p, h->joins[0].at) != 0)
        sim_fail(a->s, "I3: request %u: not the beginning of answer %u: %.*s", a->n, first->n,
                 (int)MIN(h->text.n, (size_t)2000), h->text.p);
    for (unsigned k = 0; k < h->joins_n; k++) {
        tokens += tokens_of(last, false);
        last = who_joined(a, h, k, last, &all);
        faithful &= last->faithful;
        if (!is_let(a, &h->joins[k], strcmp(last->model, first->model) == 0))
            sim_fail(a->s, "I3: request %u: %s may not go on with it", a->n, h->joins[k].target);
    }
    if ((complete && all.n != h->text.n) || (a->clean && last->sent < last->answer.complete_at))
        sim_fail(a->s, "I2: request %u: %zu of %zu bytes as a complete answer", a->n, h->text.n,
                 all.n);
    all.n = 0;
    speech_text(&all, &first->answer);
    if (faithful && (h->text.n > all.n || memcmp(all.p, h->text.p, h->text.n) != 0))
        sim_fail(a->s, "I3: request %u: not the text that all of them have said: %.*s", a->n,
                 (int)MIN(h->text.n, (size_t)2000), h->text.p);
    if (complete)
        check_sum(a, h, tokens + tokens_of(last, true));
    text_free(&all);
}
