/*
 * headers.h - which header fields pass between client and upstream; the table is headers.def.
 *
 * Room: relay. Pure.
 */
#ifndef RELAY_HEADERS_H
#define RELAY_HEADERS_H

#include "http/http.h"

enum headers_way { HEADERS_TO_UPSTREAM, HEADERS_TO_CLIENT };

/* Copy the fields of `from` that pass into out (room for from->fields_n); returns how many. The
 * spans are borrowed. own: names that pass besides, as in the table, NULL-terminated; or NULL. */
size_t headers_filter(struct http_field *out, const struct http_head *from, enum headers_way way,
                      const char *const *own);

#endif
