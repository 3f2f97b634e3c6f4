/*
 * trial.c - see trial.h.
 *
 * What a trial could have seen is always said beside its verdict: "nothing was wrong" after ten
 * requests means little, and a reader shall not take it for more.
 */
#include "ops/trial.h"

#include "record/log.h"

enum trial_verdict trial_verdict_now(const struct view *v)
{
    const struct board_trial *t = &v->board->trial;
    uint64_t state = board_get(&t->state);
    struct trial_rules rules = {.least_us = v->settings->reload.at_least_ms * 1000,
                                .most_us = v->settings->reload.at_most_ms * 1000};
    struct trial_counts c;
    enum trial_verdict ret;

    if (state == BOARD_TRIAL_NONE)
        return TRIAL_GOES_ON;
    trial_read(t, &c);
    ret = trial_judge(&c, &rules, v->now_us - board_time(&t->began_us, v->now_us));
    if (state == BOARD_TRIAL_UNPROVEN && (ret == TRIAL_KEEP || ret == TRIAL_UNPROVEN))
        return TRIAL_GOES_ON;
    return ret;
}

/* ---- for people ---- */

static void write_counts(struct buf *out, const struct board_trial *t, const struct trial_counts *c)
{
    const struct trial_side *o = &c->sides[BOARD_SIDE_OLD], *n = &c->sides[BOARD_SIDE_NEW];

    buf_printf(out,
               "%llu requests, %llu failed (asked again: %llu), %llu slow; old: %llu, %llu, %llu",
               (unsigned long long)n->judged, (unsigned long long)n->failed,
               (unsigned long long)board_get(&t->sides[BOARD_SIDE_NEW].repeated),
               (unsigned long long)n->slow, (unsigned long long)o->judged,
               (unsigned long long)o->failed, (unsigned long long)o->slow);
}

static double power_of(const struct trial_counts *c)
{
    return trial_power(c->sides[BOARD_SIDE_NEW].judged, c->sides[BOARD_SIDE_OLD].failed, c->slice);
}

static void write_power(struct buf *out, const struct trial_counts *c)
{
    double power = power_of(c);

    if (power > 1)
        buf_printf(out, "; too few to have seen any fault");
    else
        buf_printf(out, "; failures of %.0f%% would have been seen with %.0f%%", 100 * power,
                   100 * TRIAL_SEEN);
}

void trial_write_text(struct buf *out, const struct view *v)
{
    const struct board_trial *t = &v->board->trial;
    uint64_t state = board_get(&t->state), end = board_get(&t->end);
    uint64_t until = state == BOARD_TRIAL_NONE ? board_get(&t->ended_us) : v->now_us;
    uint64_t began = board_get(&t->began_us);
    struct trial_counts c;

    if (state == BOARD_TRIAL_NONE && end == BOARD_TRIAL_END_NONE)
        return;
    trial_read(t, &c);
    if (state == BOARD_TRIAL_RUNS)
        buf_printf(out, "on trial on %.3g%% of new requests", 100 * c.slice);
    else if (state == BOARD_TRIAL_UNPROVEN)
        buf_printf(out, "unproven, held on %.3g%% of new requests (lamplighter confirm, rollback)",
                   100 * c.slice);
    else
        buf_add_str(out, board_trial_end_text(end));
    buf_printf(out,
               "; after %llu s: ", (unsigned long long)((until - MIN(began, until)) / 1000000));
    write_counts(out, t, &c);
    if (state != BOARD_TRIAL_RUNS)
        write_power(out, &c);
}

/* ---- for programs ---- */

static void kv_double(struct json_write *w, const char *key, double d)
{
    json_key(w, key);
    json_double(w, d);
}

static void write_side(struct json_write *w, const char *key, const struct board_trial *t,
                       const struct trial_counts *c, enum board_side_of side)
{
    const struct trial_side *s = &c->sides[side];

    json_key(w, key);
    json_begin_object(w);
    json_kv_uint(w, "begun", s->begun);
    json_kv_uint(w, "requests", s->judged);
    json_kv_uint(w, "failed", s->failed);
    json_kv_uint(w, "repeated", board_get(&t->sides[side].repeated));
    json_kv_uint(w, "first_tokens", s->timed);
    json_kv_uint(w, "slow", s->slow);
    json_end_object(w);
}

void trial_write(struct json_write *w, const struct view *v)
{
    const struct board_trial *t = &v->board->trial;
    uint64_t state = board_get(&t->state), wall = board_get(&t->ended_wall_ms);
    char when[RECORD_TIME_TEXT], id[VIEW_ID_TEXT];
    struct trial_counts c;
    struct buf text;
    double power;

    trial_read(t, &c);
    power = c.slice > 0 ? power_of(&c) : 2;
    buf_init(&text, 1024);
    trial_write_text(&text, v);
    json_kv_cstring(w, "state", board_trial_state_word(state));
    json_kv_uint(w, "trial", board_get(&t->number));
    json_kv_cstring(w, "config", view_id_text(board_get(&t->id), id));
    kv_double(w, "slice", c.slice);
    json_kv_uint(w, "needed", trial_needs(&c));
    write_side(w, "new", t, &c, BOARD_SIDE_NEW);
    write_side(w, "old", t, &c, BOARD_SIDE_OLD);
    json_key(w, "seen_from");
    if (power <= 1)
        json_double(w, power);
    else
        json_null(w);
    json_kv_cstring(w, "end", board_trial_end_word(board_get(&t->end)));
    json_kv_cstring(w, "ended", wall ? record_time_text(wall, when) : NULL);
    json_kv_bool(w, "taken", board_trial_is_taken(board_get(&t->end)));
    json_kv_bool(w, "can_roll_back", state != BOARD_TRIAL_NONE || board_get(&t->before) != 0);
    json_kv_string(w, "text", buf_span(&text));
    buf_fini(&text);
}
