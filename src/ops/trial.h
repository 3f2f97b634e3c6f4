/*
 * trial.h - the configuration on trial: what the board says of it, judged and told to people.
 *
 * Room: ops. Pure but for the board's words.
 */
#ifndef OPS_TRIAL_H
#define OPS_TRIAL_H

#include "base/buf.h"
#include "codec/json_write.h"
#include "ops/view.h"
#include "policy/trial.h"

/* What is to become of it now; TRIAL_GOES_ON where there is none. By the rules of the snapshot in
 * use. One that is held is only looked at for what it does wrong. */
enum trial_verdict trial_verdict_now(const struct view *v);

/* One sentence: how far it is, or how the last one ended. Empty: there has not been any. */
void trial_write_text(struct buf *out, const struct view *v);

/* The members of an object about it: state, counts, text. */
void trial_write(struct json_write *w, const struct view *v);

#endif
