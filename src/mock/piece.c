/*
 * piece.c - fillings are periodic, so that byte n of an answer is known without the n before it:
 * a test can check any part of a huge answer, and the mock holds none of it.
 */
#include "mock/piece.h"

#define PERIOD_MAX 48
#define AT_ONCE    1024 /* periods written in one go */

/* Six digits by hand: a gigabyte has 134 million words. */
static void put_digits(char *out, uint64_t n)
{
    for (int i = 5; i >= 0; i--) {
        out[i] = (char)('0' + n % 10);
        n /= 10;
    }
}

static void put_text(char *out, uint64_t n)
{
    out[0] = 'w';
    put_digits(out + 1, n);
    out[7] = ' ';
}

static void put_x(char *out, uint64_t n)
{
    UNUSED(n);
    memset(out, 'x', 8);
}

static void put_header(char *out, uint64_t n)
{
    static const char field[MOCK_FIELD_BYTES] = "x-h-000000: vv\r\n"; /* no NUL */

    memcpy(out, field, sizeof(field));
    put_digits(out + 4, n);
}

static void put_interim(char *out, uint64_t n)
{
    static const char interim[MOCK_INTERIM_BYTES] = /* no NUL */
        "HTTP/1.1 103 Early Hints\r\nlink: </style>\r\n\r\n";

    UNUSED(n);
    memcpy(out, interim, sizeof(interim));
}

static const struct {
    size_t period;
    void (*put)(char *out, uint64_t n); /* period number n */
} fills[] = {
    [MOCK_FILL_TEXT] = {MOCK_WORD_BYTES, put_text},
    [MOCK_FILL_X] = {8, put_x},
    [MOCK_FILL_HEADERS] = {MOCK_FIELD_BYTES, put_header},
    [MOCK_FILL_INTERIM] = {MOCK_INTERIM_BYTES, put_interim},
};

void mock_fill_add(struct buf *out, enum mock_fill fill, uint64_t at, uint64_t n)
{
    size_t period = fills[fill].period;
    char one[PERIOD_MAX];

    while (n && buf_ok(out)) {
        size_t skip = (size_t)(at % period);
        size_t some = (size_t)MIN(n, (uint64_t)(period - skip));
        size_t whole = (size_t)MIN(n / period, (uint64_t)AT_ONCE), i;
        char *to = skip == 0 && whole ? buf_reserve(out, whole * period) : NULL;

        if (to) {
            for (i = 0; i < whole; i++)
                fills[fill].put(to + i * period, at / period + i);
            some = whole * period;
            buf_commit(out, some);
        } else {
            fills[fill].put(one, at / period);
            buf_add(out, one + skip, some);
        }
        at += some;
        n -= some;
    }
}

void mock_piece_init(struct mock_piece *p)
{
    *p = (struct mock_piece){0};
    buf_init(&p->head, MOCK_PIECE_MAX);
    buf_init(&p->tail, MOCK_PIECE_MAX);
}

void mock_piece_fini(struct mock_piece *p)
{
    buf_fini(&p->head);
    buf_fini(&p->tail);
}

void mock_piece_reset(struct mock_piece *p)
{
    buf_reset(&p->head);
    buf_reset(&p->tail);
    p->fill = MOCK_FILL_TEXT;
    p->fill_at = 0;
    p->fill_n = 0;
    p->at = 0;
}

uint64_t mock_piece_left(const struct mock_piece *p)
{
    if (p->fill_n == MOCK_FOREVER)
        return MOCK_FOREVER;
    return p->head.n + p->fill_n + p->tail.n - p->at;
}

/* As much as possible of one part, at most n bytes; returns how many. */
static size_t take_part(struct mock_piece *p, struct buf *out, size_t n)
{
    uint64_t head = p->head.n, fill = p->fill_n;
    uint64_t head_fill = fill == MOCK_FOREVER ? MOCK_FOREVER : head + fill;
    size_t some = n;

    if (p->at < head) {
        some = (size_t)MIN((uint64_t)n, head - p->at);
        buf_add(out, p->head.p + p->at, some);
    } else if (p->at < head_fill) {
        some = (size_t)MIN((uint64_t)n, head_fill - p->at);
        mock_fill_add(out, p->fill, p->fill_at + (p->at - head), some);
    } else {
        buf_add(out, p->tail.p + (p->at - head_fill), some);
    }
    p->at += some;
    return some;
}

size_t mock_piece_take(struct mock_piece *p, struct buf *out, size_t max)
{
    size_t n = (size_t)MIN(mock_piece_left(p), (uint64_t)max), got = 0;

    while (got < n)
        got += take_part(p, out, n - got);
    return n;
}
