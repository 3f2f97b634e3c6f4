/*
 * alike.h - do a request and an answer still say what they said, after they were written in another
 * dialect?
 */
#ifndef CONFORMANCE_ALIKE_H
#define CONFORMANCE_ALIKE_H

#include "dialect/convert.h"

typedef void (*alike_differs)(void *arg, const char *what, struct span want, struct span got);

/* b is a, written for `to` and read again. Calls differs for each feature that the target carries,
 * by its loss table and by what its writer noted, and that they do not say alike. */
void alike_requests(const struct convert *to, const struct convert_told *told,
                    const struct chat_request *a, const struct chat_request *b,
                    alike_differs differs, void *arg);

/* Likewise of an answer b, heard by a client of `to`, and a, heard from its target. */
void alike_answers(const struct convert *to, const struct chat_answer *a,
                   const struct chat_answer *b, alike_differs differs, void *arg);

#endif
