/*
 * convert_cite.h - where a text has its facts from. The conversation holds citations as their
 * maker's JSON (chat.h): each writer takes those that its dialect can say.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_CONVERT_CITE_H
#define DIALECT_CONVERT_CITE_H

#include "base/arena.h"
#include "codec/json_tree.h"
#include "codec/json_write.h"

/* Call each for every citation of a CHAT_EVENT_CITE or a part. -1: what it said, or no memory. */
MUST_CHECK int convert_cites(struct span items,
                             int (*each)(void *arg, yyjson_val *citation, struct err *e), void *arg,
                             struct err *e);

/* The object with "url", "start_index" and "end_index" of OpenAI's kind, flat as in Responses or
 * nested as in the chat API; NULL: it is of another kind. */
yyjson_val *convert_url_citation(yyjson_val *citation);

/* Is it one? */
bool convert_is_url_citation(yyjson_val *citation);

/* One that was told in other words: the characters of its part from start to end. */
struct convert_cited {
    struct span url, title; /* title absent: there is none */
    uint64_t start, end;
};

/* Append it in OpenAI's words, flat. */
void convert_add_url_citation(struct buf *out, const struct convert_cited *c);

/* Most citations of a part that are told, and most characters that are more than a byte before
 * nothing more is known of where the others stand. */
#define CONVERT_CITES_MAX  1024
#define CONVERT_WIDTHS_MAX 4096

/* Which characters of a text are more than a byte. OpenAI counts characters, Google bytes. */
struct convert_width {
    uint32_t at;    /* the character */
    uint32_t extra; /* what it and those before it have beyond a byte each */
};

struct convert_widths {
    struct convert_width *rows; /* in the arena */
    uint32_t n, cap;
    uint64_t chars, extra; /* of all that was added */
    bool full;             /* there were more */
};

/* The text goes on. -1: no memory. */
MUST_CHECK int convert_widths_add(struct convert_widths *w, struct arena *a, struct span text);

/* The byte where a character begins, the character that begins at a byte; of the text's end too.
 * false: behind it, or it is not known, or within a character. */
bool convert_widths_byte(const struct convert_widths *w, uint64_t at, uint64_t *ret);
bool convert_widths_char(const struct convert_widths *w, uint64_t byte, uint64_t *ret);

/* The members of such a one, but for its type. */
void convert_write_url_citation(struct json_write *w, yyjson_val *url_citation);

#endif
