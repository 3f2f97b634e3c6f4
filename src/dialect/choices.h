/*
 * choices.h - which of an answer's choices have begun, and which have finished: for dialects that
 * list them with an index each, in every event anew.
 *
 * Room: dialect, private to it.
 */
#ifndef DIALECT_CHOICES_H
#define DIALECT_CHOICES_H

#include "dialect/answer.h"

/* The opening or the closing of a choice's object; false: it is none. In between, its members say
 * its index and set choice_finished. */
bool choices_hit(struct dialect_answer *a, const struct json_hit *h);

/* The hit is the choice's index; without one its place counts. */
void choices_index(struct dialect_answer *a, const struct json_hit *h);

/* The event has ended: what it says of choices counts now, and no byte earlier. */
void choices_settle(struct dialect_answer *a);

/* Of the choices that began, has one not finished? And has any begun? */
bool choices_open(const struct dialect_answer *a, bool *any);

/* Have all choices that were asked for finished? */
bool choices_finished(const struct dialect_answer *a);

#endif
