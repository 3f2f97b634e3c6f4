/*
 * fixtures.h - answers that other projects keep as test data: files of SSE, of one JSON chunk a
 * line, or of one JSON answer. Files of dialects that we do not have are left out.
 */
#ifndef CONFORMANCE_FIXTURES_H
#define CONFORMANCE_FIXTURES_H

#include "check.h"

/* Check all files below the folder. */
void fixtures_check(struct tally *t, const char *folder);

#endif
