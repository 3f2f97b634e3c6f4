/*
 * fates.h - what fails together, on the words that all workers share: policy/evidence.h for what
 * several targets have in common (health/fate.h).
 *
 * A fate has a place of its own in the table of standings, and only once somebody who shares it has
 * become sick. Of a candidate there are a few (struct policy_fates).
 *
 * Room: policy, private to it.
 */
#ifndef POLICY_FATES_H
#define POLICY_FATES_H

#include "policy/policy.h"

enum fates_stand {
    FATES_WELL,
    FATES_PROBE, /* one of them is open, and it is time for a probe */
    FATES_SHUT,  /* one of them is open; until *until_us */
};

/* sick: the candidate's own breaker is open. *by: which one of them it is. */
enum fates_stand fates_look(const struct board_standing *table, const struct policy_candidate *c,
                            bool sick, uint64_t now_us, uint64_t *until_us, uint8_t *by);

/* When the last one of them was over; 0: none was. */
uint64_t fates_closed_us(const struct board_standing *table, const struct policy_candidate *c);

/* Nobody else probes those that are open until then; a bit for each of them that this was said of.
 * false: somebody does. */
bool fates_take_probe(struct board_standing *table, const struct policy_candidate *c,
                      uint64_t until_us, uint64_t now_us, uint8_t *ret);

/* As evidence_end_probe(), of those of these bits. */
void fates_end_probe(struct board_standing *table, const struct policy_candidate *c, uint8_t of,
                     uint64_t until_us, uint64_t next_us);

/* The candidate's breaker has opened, of a failure that others may share. */
void fates_sick(struct board_standing *table, const struct policy_candidate *c, uint64_t now_us,
                uint32_t random);

/* The probe of these has failed so. */
void fates_still_sick(struct board_standing *table, const struct policy_candidate *c, uint8_t of,
                      uint64_t now_us, uint32_t random);

/* The candidate answers: all of its fates are well. */
void fates_answers(struct board_standing *table, const struct policy_candidate *c, uint64_t now_us);

#endif
