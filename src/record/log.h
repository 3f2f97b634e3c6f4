/*
 * log.h - the outcome record as one line of the access log.
 *
 * Room: record. Pure. Threads: any.
 */
#ifndef RECORD_LOG_H
#define RECORD_LOG_H

#include "codec/json_write.h"
#include "record/record.h"

#define RECORD_LINE_MAX  ((size_t)12 * 1024) /* longest line, its newline included */
#define RECORD_TIME_TEXT 32                  /* "2026-01-01T00:00:00.000Z" and NUL fit */

/* Append one line: a JSON object and a newline. Text from outside is escaped, so that the line is
 * one line whatever it holds. Nothing is appended when out has no room for RECORD_LINE_MAX more:
 * then out's sticky error is set. */
void record_log_line(struct buf *out, const struct record *r);

/* The members of that line, into an object that is open. */
void record_write(struct json_write *w, const struct record *r);

/* The last attempt alone, likewise: when it began, whom it asked, what came of it. */
void record_write_attempt(struct json_write *w, const struct record *r);

/* Unix time as RFC 3339 in UTC; returns out. Years up to 9999. */
const char *record_time_text(uint64_t wall_ms, char out[RECORD_TIME_TEXT]);

/* A text of a record, which may have come from another process: never past its array. */
#define RECORD_TEXT(member) span_of((member), strnlen((member), sizeof(member)))

#endif
