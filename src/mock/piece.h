/*
 * piece.h - a run of bytes to send that need not exist yet: some that do, some that are
 * computed when they leave, some more that do. A gigabyte in one event costs 64 KiB.
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_PIECE_H
#define MOCK_PIECE_H

#include "base/buf.h"

#define MOCK_PIECE_MAX ((size_t)96 * 1024 * 1024) /* bytes of the parts that are in memory */
#define MOCK_FOREVER   UINT64_MAX                 /* a filling that never ends */

/* What a filling looks like. All are periodic, so any place of them can be computed. */
enum mock_fill {
    MOCK_FILL_TEXT,    /* "w000000 w000001 ", 8 bytes a word: the text of all answers */
    MOCK_FILL_X,       /* "xxxxxxxx" */
    MOCK_FILL_HEADERS, /* "x-h-000000: vv\r\n", 16 bytes a field */
    MOCK_FILL_INTERIM, /* a 103 response, MOCK_INTERIM_BYTES each */
};
#define MOCK_WORD_BYTES    8
#define MOCK_FIELD_BYTES   16
#define MOCK_INTERIM_BYTES 44

struct mock_piece {
    struct buf head, tail;
    enum mock_fill fill;
    uint64_t fill_at, fill_n; /* the filling is bytes [fill_at, fill_at + fill_n) */
    uint64_t at;              /* bytes already taken */
};

void mock_piece_init(struct mock_piece *p);
void mock_piece_fini(struct mock_piece *p);
/* Empty it, keep its memory. */
void mock_piece_reset(struct mock_piece *p);

/* Bytes that are left; MOCK_FOREVER when they never end. */
uint64_t mock_piece_left(const struct mock_piece *p);

/* Append the next bytes, at most max, to out; returns how many. */
size_t mock_piece_take(struct mock_piece *p, struct buf *out, size_t max);

/* Write n bytes of a filling, from its place `at`. */
void mock_fill_add(struct buf *out, enum mock_fill fill, uint64_t at, uint64_t n);

#endif
