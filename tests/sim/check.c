/*
 * check.c - what a client has seen of an answer, against what was said to it and what the gateway
 * has written down (I1, I2, I3, I6).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/log.h"
#include "sim.h"

/* ---- records ---- */

/* The last request by that name that has no record yet. */
static struct ask *find_ask(struct sim *s, const char *name)
{
    for (size_t i = s->asks_n; i > 0; i--)
        if (strcmp(s->asks[i - 1]->name, name) == 0 && !s->asks[i - 1]->recorded)
            return s->asks[i - 1];
    return NULL;
}

static void check_secrets(struct sim *s, const struct record *r)
{
    struct buf line;

    if (memmem(r, sizeof(*r), CANARY, strlen(CANARY)))
        sim_fail(s, "I6: a key in a record: %s", r->text);
    buf_init(&line, RECORD_LINE_MAX);
    record_log_line(&line, r);
    if (line.n && memmem(line.p, line.n, CANARY, strlen(CANARY)))
        sim_fail(s, "I6: a key in the log: %.*s", (int)line.n, line.p);
    buf_fini(&line);
}

void check_record(struct worker *w, const struct record *r)
{
    struct sim *s = w->s;
    struct ask *a = find_ask(s, r->model);

    sim_say(s, "record of %s (%s): %s%s, %s, %s, status %u, %u attempts, last %s, %llu ms: %s",
            r->model, r->id, record_outcome_name(r->outcome), r->more ? " (more)" : "",
            reason_word(r->reason), class_row(r->class_id)->name, r->status, r->attempts, r->target,
            (unsigned long long)r->duration_us / 1000, r->text);
    check_secrets(s, r);
    w->finals += !r->more;
    if (!r->model[0]) /* it was over before it was known what it asks for */
        return;
    if (!a)
        sim_fail(s, "I1: a second record of %s, or one of nobody's request", r->model);
    if (a->id[0] && strcmp(a->id, r->id) != 0)
        sim_fail(s, "I1: request %u is %s to its client and %s to its record", a->n, a->id, r->id);
    if (a->mores && strcmp(a->record.id, r->id) != 0)
        sim_fail(s, "I1: the records of request %u are of two requests", a->n);
    rules_record(a, r);
    hands_record(a, r);
    a->record = *r;
    a->mores += r->more;
    a->recorded = !r->more;
}

/* ---- answers ---- */

struct arrival *check_arrival(struct sim *s, unsigned n)
{
    LIST_EACH(it, &s->arrivals)
    {
        struct arrival *a = LIST_ENTRY(it, struct arrival, link);

        if (a->n == n)
            return a;
    }
    return NULL;
}

static bool is_patient(const struct ask *a)
{
    return !a->left && a->reads == READS && !(a->s->torture && !a->pinned);
}

/* What text there is must be the beginning of what one provider said to this request. */
static void check_text(struct ask *a, const struct heard *h, bool complete)
{
    struct arrival *from;
    struct text all = {0};
    unsigned n;

    if (h->text.n == 0) {
        if (complete)
            sim_fail(a->s, "I2: request %u: an empty answer as a complete one", a->n);
        return;
    }
    n = h->text.p[0] == '<' ? (unsigned)text_number(h->text.p + 1, 10) : 0;
    from = check_arrival(a->s, n);
    if (!from)
        sim_fail(a->s, "I3: request %u: nobody said that: %.80s", a->n, h->text.p);
    if (from->ask != a)
        sim_fail(a->s, "I3: request %u got the answer to request %u", a->n, from->ask->n);
    speech_text(&all, &from->answer);
    if (h->text.n > all.n || memcmp(all.p, h->text.p, h->text.n) != 0)
        sim_fail(a->s, "I3: request %u: not the beginning of answer %u: %.*s", a->n, n,
                 (int)MIN(h->text.n, (size_t)2000), h->text.p);
    if ((complete && h->text.n < all.n) || (a->clean && from->sent < from->answer.complete_at))
        sim_fail(a->s, "I2: request %u: %zu of %zu bytes of answer %u as a complete one", a->n,
                 h->text.n, all.n, n);
    text_free(&all);
}

static void check_answer(struct ask *a)
{
    struct heard h = {0};
    bool complete;

    speech_hear(&h, a->api, a->stream, a->body.p ? a->body.p : "", a->body.n);
    /* Behind what looked like the end an error can still say that it was none. */
    complete = (h.terminal && !h.error) || a->clean;
    if (h.bad && (a->clean || h.begun > 1 || h.joins_n))
        sim_fail(a->s, "request %u: %s: %.*s", a->n, h.bad, (int)MIN(a->body.n, (size_t)2000),
                 a->body.p);
    if (a->clean && h.error)
        sim_fail(a->s, "I2: request %u: a clean end behind an error", a->n);
    if (a->clean && !h.terminal)
        sim_fail(a->s, "I2: request %u: a clean end without a terminal: %.*s", a->n,
                 (int)MIN(a->body.n, (size_t)3000), a->body.p);
    if (h.joins_n)
        check_joined(a, &h, complete);
    else if (a->stream || h.terminal || a->clean)
        check_text(a, &h, complete);
    if (!a->clean && h.terminal && !h.error && is_patient(a))
        sim_say(a->s, "request %u: a terminal and an unclean end", a->n);
    if (a->stream && a->broken && !h.error && is_patient(a))
        sim_fail(a->s, "request %u: it broke, and no error event says why", a->n);
    text_free(&h.text);
}

static void check_refusal(struct ask *a)
{
    struct heard h = {0};

    if (a->status < 400)
        sim_fail(a->s, "request %u: status %u", a->n, a->status);
    if (!a->clean) {
        if (is_patient(a))
            sim_fail(a->s, "request %u: a broken refusal", a->n);
        return;
    }
    speech_hear(&h, a->api, false, a->body.p ? a->body.p : "", a->body.n);
    if (h.bad || (!h.error && !text_has(&a->body, "\"message\"")))
        sim_fail(a->s, "request %u: a refusal that says nothing: %.*s", a->n, (int)a->body.n,
                 a->body.p ? a->body.p : "");
    text_free(&h.text);
}

void check_client(struct ask *a)
{
    if (!a->sent)
        return;
    if (text_has(&a->body, CANARY))
        sim_fail(a->s, "I6: request %u: a key in its answer", a->n);
    if (a->status == 200)
        check_answer(a);
    else if (a->status)
        check_refusal(a);
    else if (is_patient(a))
        sim_fail(a->s, "request %u: no answer at all", a->n);
}

/* ---- both ---- */

static bool is_good(enum outcome o)
{
    return o == OUTCOME_FULL || o == OUTCOME_EQUIVALENT || o == OUTCOME_JOINED;
}

static void check_time(const struct ask *a)
{
    const struct provider_world *p;
    ev_us most = 0, upload = a->uploaded - a->began;

    for (size_t i = 0; i < a->targets_n; i++) {
        p = &a->s->providers[a->targets[i].provider];
        most = MAX(most, p->total);
    }
    if (a->targets_n && a->reads == READS && a->record.duration_us > upload + most + EV_S(2))
        sim_fail(a->s, "I4: request %u took %llu ms, its deadline was %llu", a->n,
                 (unsigned long long)a->record.duration_us / 1000, (unsigned long long)most / 1000);
}

static void check_ask(struct ask *a)
{
    const struct record *r = &a->record;

    if (!a->sent)
        return;
    if (!a->over)
        sim_fail(a->s, "request %u: its client waits for ever", a->n);
    if (!a->recorded) {
        if (!a->left && a->status == 200)
            sim_fail(a->s, "I1: request %u has no record", a->n);
        return;
    }
    if (a->id[0] && strcmp(a->id, r->id) != 0)
        sim_fail(a->s, "I1: request %u is %s to its client and %s to its record", a->n, a->id,
                 r->id);
    if (a->status && r->status && a->status != r->status)
        sim_fail(a->s, "request %u: status %u to its client, %u in its record", a->n, a->status,
                 r->status);
    if (is_good(r->outcome) && !a->clean && is_patient(a))
        sim_fail(a->s, "request %u: its record says that it went well", a->n);
    if (a->clean && a->status == 200 && !is_good(r->outcome))
        sim_fail(a->s, "request %u: it is complete, and its record says %s", a->n,
                 record_outcome_name(r->outcome));
    check_time(a);
    hedges_ended(a);
    costs_check(a);
}

void check_asks(struct sim *s)
{
    for (size_t i = 0; i < s->asks_n; i++)
        check_ask(s->asks[i]);
}
