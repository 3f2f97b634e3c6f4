/*
 * logfile.h - lines toward a file, pipe or socket that never make their writer wait.
 *
 * Lines are queued to a maximum and written as far as the descriptor takes them now; what does
 * not fit is dropped as whole lines and counted. The owner calls logfile_flush() at the end of
 * its turn, and again some time later while that says that bytes are left.
 *
 * SIGPIPE must be ignored or blocked in the process.
 *
 * Room: base. Threads: owned by one loop.
 */
#ifndef BASE_LOGFILE_H
#define BASE_LOGFILE_H

#include "base/buf.h"

struct logfile;

/* Without a destination yet: lines are dropped, and not counted. */
MUST_CHECK int logfile_new(struct logfile **ret, size_t queue_max, struct err *e);

/* Write what can be written now, then free. NULL is fine. */
void logfile_free(struct logfile **l);

/* From now on append to the file of that path, made if need be. It is opened anew even when it is
 * the same path: this is how a log is rotated. On failure the old destination stays. */
MUST_CHECK int logfile_open(struct logfile *l, const char *path, struct err *e);

/* From now on write to this descriptor, which stays the caller's. */
MUST_CHECK int logfile_use(struct logfile *l, int fd, struct err *e);

/* No destination any more. */
void logfile_close(struct logfile *l);

/* Queue one line, its newline included. */
void logfile_line(struct logfile *l, struct span line);

/* Write without waiting; true when nothing is left. A broken destination loses what is queued. */
bool logfile_flush(struct logfile *l);

uint64_t logfile_dropped(const struct logfile *l);

#endif
