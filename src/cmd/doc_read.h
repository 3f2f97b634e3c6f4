/*
 * doc_read.h - a JSON document of the admin port as C values: a table says which member goes where.
 *
 * What is missing stays as it was, so that an older or newer gateway can be asked. Texts are cut,
 * and their control bytes are '?': names come from clients, and a terminal obeys what it prints.
 *
 * Room: cmd. Pure.
 */
#ifndef CMD_DOC_READ_H
#define CMD_DOC_READ_H

#include "codec/json_scan.h"

#define DOC_NUMBER_MAX 9007199254740992.0 /* 2^53; numbers are from -1 (null) to this */
#define DOC_TEXT_MAX   256                /* longest text, its NUL included */

enum doc_kind {
    DOC_TEXT,   /* char[] */
    DOC_NUMBER, /* double */
    DOC_YES,    /* bool: true is true */
    DOC_NO,     /* bool: false is true */
};

struct doc_member {
    const char *path;
    enum doc_kind kind;
    size_t at, cap; /* in the struct; bytes of a text */
};

/* A row of such a table. */
#define DOC_MEMBER(path, kind, type, member)                                                       \
    {path, kind, offsetof(type, member), sizeof(((type *)NULL)->member)}

/* Where the values go: `rows` are `max` structs of `size` bytes, by the index of the innermost
 * array of the path; n becomes how many there were. */
struct doc_rows {
    const struct doc_member *members;
    size_t members_n;
    void *rows;
    size_t size, max, n;
};

#define DOC_ROWS(table, where, most)                                                               \
    {.members = table,                                                                             \
     .members_n = ARRAY_LEN(table),                                                                \
     .rows = (where),                                                                              \
     .size = sizeof(*(where)),                                                                     \
     .max = (most)}

/* Read the text. -1: it is not JSON. */
MUST_CHECK int doc_read(struct doc_rows *r, struct span text);

/* The same with a callback of the caller's, which puts values by doc_put(). */
MUST_CHECK int doc_scan(const struct doc_member *members, size_t n, struct span text,
                        json_hit_fn fn, void *arg);
void doc_put(const struct doc_member *m, void *row, const struct json_hit *hit);

/* Make n bytes fit for a terminal: control characters, and what is no character, become '?'. */
void doc_tame(char *p, size_t n, bool newlines);

#endif
