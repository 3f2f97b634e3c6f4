/*
 * date.h - reads dates of the Gregorian calendar, as Unix time. Years 1970 to 9999.
 *
 * Room: base. Threads: any.
 */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include "base/span.h"

/* RFC 3339, in microseconds: "2026-11-26T20:00:00Z", "2026-11-26T21:00:00.25+01:00"; what is
 * smaller than a microsecond does not count. -1: it is none, or there is no such day or time. */
MUST_CHECK int date_read(struct span text, uint64_t *ret_us);

/* HTTP's, in seconds, in any of the forms of RFC 9110, 5.6.7; what day of the week it says is not
 * looked at. now_s: for years of two digits. -1 as above. */
MUST_CHECK int date_read_http(struct span text, uint64_t now_s, uint64_t *ret_s);

#endif
