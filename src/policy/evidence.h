/*
 * evidence.h - what attempts say of their targets, into the words that all workers share, and out
 * of them. Every change is one swap of one word, tried again when another process was faster.
 *
 * Nothing is noted of the place that is nobody's.
 *
 * Room: policy, private to it.
 */
#ifndef POLICY_EVIDENCE_H
#define POLICY_EVIDENCE_H

#include "board/standing.h"
#include "health/waits.h"

/* An attempt ended well or not. random: any 32 bits, for how long a breaker opens. Returns whether
 * it opens now. */
bool evidence_result(struct board_standing *s, bool ok, bool probe, uint64_t now_us,
                     uint32_t random);

/* Its breaker opens though it has failed but once. */
void evidence_trip(struct board_standing *s, uint64_t now_us, uint32_t random);

/* Failures since its last success. */
uint8_t evidence_row(const struct board_standing *s, uint64_t now_us);

bool evidence_is_open(const struct board_standing *s, uint64_t now_us);

/* Nobody else probes it until the time that is over by itself. false: somebody does. */
bool evidence_take_probe(struct board_standing *s, uint64_t until_us, uint64_t now_us);

/* The probe that was taken until then is over, and nobody begins another one before next_us. By
 * then it may have become another one's: then nothing is changed. */
void evidence_end_probe(struct board_standing *s, uint64_t until_us, uint64_t next_us);

/* Not before this time, or a later one that is there already. */
void evidence_not_before(struct board_standing *s, uint64_t at_us);

/* It was waited for: note is one of health/waits.h. */
void evidence_wait(struct board_standing *s, enum waits_of of,
                   uint64_t (*note)(uint64_t word, uint64_t us, uint64_t prompt_bytes), uint64_t us,
                   uint64_t prompt_bytes);

/* Its answer has begun after so long, or has not begun by then. */
void evidence_first(struct board_standing *s, bool whole, uint64_t us, uint64_t now_us);

/* A stream of its was slow, or was not. */
void evidence_pace(struct board_standing *s, bool slow, uint64_t now_us);

/* What an attempt does to its target's retry budget, before it begins; and undone, since it is not
 * made. */
enum evidence_fee { FEE_NONE, FEE_EARNS, FEE_SPENDS };

void evidence_earn(struct board_standing *s, uint64_t now_us);
bool evidence_spend(struct board_standing *s, uint64_t now_us);
double evidence_retries(const struct board_standing *s, uint64_t now_us);
void evidence_undo(struct board_standing *s, enum evidence_fee fee, uint64_t now_us);

#endif
