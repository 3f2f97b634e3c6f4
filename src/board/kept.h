/*
 * kept.h - which provider keeps an answer that can be asked for again by its id.
 *
 * OpenAI's Responses are kept by the provider that made them (`store`): what is gone on from one,
 * by previous_response_id, or asked of it by its own URL, must go to that one. The ids are the
 * provider's, and pass byte for byte, so that nothing in them tells; the gateway remembers.
 *
 * A table for all workers, which outlives each of them and every reload, and not the gateway: of an
 * answer that it does not remember nobody is told anything wrong
 * (docs/decisions/0010-kept-answers.md).
 *
 * Room: board. Anybody writes, anybody reads: an entry is one word, and one that is lost to another
 * worker's at the same moment is as one that was never noted.
 */
#ifndef BOARD_KEPT_H
#define BOARD_KEPT_H

#include "board/board.h"

/* What a provider is called in the table; never 0. */
uint32_t kept_mark(struct span provider);

/* Answers are named by a hash of their ids (span_hash()). The newest of a set makes the oldest
 * leave. */
void kept_note(struct board_kept *k, uint64_t answer, uint32_t mark);

/* The mark of who keeps it; 0: not known. */
uint32_t kept_by(const struct board_kept *k, uint64_t answer);

#endif
