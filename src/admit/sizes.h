/*
 * sizes.h - numbers of tokens by classes a quarter of an octave wide, so that few counts say how
 * many of which size there are.
 *
 * Room: admit (uses base). Pure. Threads: any.
 */
#ifndef ADMIT_SIZES_H
#define ADMIT_SIZES_H

#include "base/base.h"

#define SIZES 64

/* Class 0 is of less than 8, class i of those from sizes_begin(i) to below sizes_end(i), the
 * last of all that are larger, too: from some 300,000 on. */
size_t sizes_of(uint64_t tokens);
double sizes_begin(size_t class);
double sizes_end(size_t class);

#endif
