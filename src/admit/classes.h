/*
 * classes.h - numbers of tokens by classes a quarter of an octave wide, so that few counts say how
 * many of which size there are.
 *
 * Room: admit (uses base). Pure. Threads: any.
 */
#ifndef ADMIT_CLASSES_H
#define ADMIT_CLASSES_H

#include "base/base.h"

#define CLASSES 64

/* Class 0 is of less than 8, class i of those from classes_begin(i) to below classes_end(i), the
 * last of all that are larger, too: from some 300,000 on. */
size_t classes_of(uint64_t tokens);
double classes_begin(size_t class);
double classes_end(size_t class);

#endif
