/*
 * data.h - where the recorded traffic lies, and how it is read.
 *
 * Below $LAMPLIGHTER_DATA (default: ../shared/data beside the checkout), recorded/ holds
 * cassettes/<dialect>.jsonl.gz, one interaction a line, and files of other projects.
 */
#ifndef CONFORMANCE_DATA_H
#define CONFORMANCE_DATA_H

#include "base/span.h"

/* Call fn for each line of a gzipped file. Returns the number of lines; -1: it cannot be read. */
long data_lines(const char *path, void (*fn)(void *arg, struct span line), void *arg);

/* What came back in an interaction, as text: AWS's binary streams as server-sent events. */
struct buf;
struct yyjson_val;
void data_answer(struct buf *out, struct yyjson_val *interaction);

/* The whole of a file, NUL-terminated; absent when it cannot be read. Release it. */
struct span data_file(const char *path);
void data_free(struct span *s);

/* Call fn for each file below dir whose name ends so, in the order of their paths. */
void data_walk(const char *dir, const char *end, void (*fn)(void *arg, const char *path),
               void *arg);

#endif
