/*
 * view.h - what metrics and status are made from, at one moment.
 *
 * Room: ops.
 */
#ifndef OPS_VIEW_H
#define OPS_VIEW_H

#include "board/granted.h"
#include "ops/targets.h"
#include "settings/settings.h"

struct view {
    const struct board *board;
    uint32_t workers; /* slots in use */
    uint64_t now_us;  /* monotonic */
    uint64_t wall_ms;
    const struct settings *settings; /* the newest */
    const struct settings *first;    /* whose engines the board has */
    const struct targets *targets;
    uint64_t log_dropped; /* lines */
    double requests_per_s;
};

/* Sum of one word over the workers' rows. */
#define VIEW_SUM(v, word) view_sum((v), offsetof(struct board_row, word))
uint64_t view_sum(const struct view *v, size_t word);

/* The targets of the configuration's models and those that were asked lately, each once. */
#define VIEW_TARGETS 512
struct view_target {
    struct span name;
    enum target_state state;
    uint64_t until_us;       /* open, left alone, slow start: so long */
    uint64_t silent_us;      /* policy_silent_us(), where `timeout.adaptive` is on */
    uint64_t live;           /* attempts under way */
    struct policy_left left; /* of the limits, of all its ways together */
    double retries_left;     /* policy_retries_left(); -1: it is no target of the configuration */
    uint64_t last_resorts;   /* targets_last_resorts() */
};
size_t view_targets(const struct view *v, struct view_target ret[VIEW_TARGETS]);

/* What targets share and has failed with them at least once: begin with *at 0. NULL: no more. */
const struct settings_fate *view_fate(const struct view *v, size_t *at,
                                      struct policy_fate_view *ret);

/* Its name, cut where it is longer. */
#define VIEW_FATE_TEXT 160
struct span view_fate_text(const struct settings_fate *f, char out[VIEW_FATE_TEXT]);

/* What failing over has cost within the hour, of a model that has a cap on it (UINT64_MAX: it has
 * none), in dollars. */
double view_extra_usd(const struct view *v, const struct settings_model *m);

/* How many hedges the model could make now, by its share. */
double view_hedges_left(const struct view *v, const struct settings_model *m);

/* The providers whose credentials a cloud gives, and what the workers have of them: begin with *at
 * 0. NULL: no more. */
const struct settings_provider *view_credential(const struct view *v, size_t *at,
                                                struct granted *ret);

/* The word for an engine's state: "none", "starting", "ready", "down". */
#define VIEW_ENGINE_STATES 4
const char *view_engine_state(uint64_t state);

/* The configuration's id as it is shown everywhere: 16 hexadecimal digits. */
#define VIEW_ID_TEXT 17
const char *view_id_text(uint64_t id, char out[VIEW_ID_TEXT]);

/* A line for people, of words from outside: it stays one line, and no terminal obeys it. */
void view_tame(char *line);

#endif
