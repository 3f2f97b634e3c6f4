/*
 * percent.h - percent-encoding (RFC 3986), of paths, queries and forms.
 *
 * Room: codec. Pure. Threads: any.
 */
#ifndef CODEC_PERCENT_H
#define CODEC_PERCENT_H

#include "base/buf.h"

/* Append s with every byte as %XX that is neither unreserved (2.3) nor one of `keep`. */
void percent_encode(struct buf *out, struct span s, const char *keep);

/* The byte that s, which is not empty, begins with: that of an escape, or, also where a '%' begins
 * none, as it stands. Returns how many bytes of s it takes, 1 or 3. */
size_t percent_take(struct span s, char *ret);

#endif
