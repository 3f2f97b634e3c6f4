/*
 * file.h - whole small files, for start-up and checks (blocking; never on a loop's path).
 *
 * Room: base. Threads: any.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"

/* Append all of a file to out, whose maximum bounds it. "-" is standard input. A directory or a
 * file that does not open is ERR_SYS, one that is too large ERR_LIMIT. */
MUST_CHECK int file_read(struct buf *out, const char *path, struct err *e);

/* Could this process read that regular file now? */
MUST_CHECK int file_check(const char *path, struct err *e);

/* A number that changes whenever the file is replaced or written; 0: it cannot be looked at. */
uint64_t file_stamp(const char *path);

/* Write a whole file, which must not exist yet. */
MUST_CHECK int file_create(const char *path, struct span text, struct err *e);

#endif
