/*
 * how.h - what one answer shall do, and the little language that says so.
 *
 * A list of `key=value` pairs, separated by ',' or ';'. The same list may stand in three places:
 *     model name       mock;fault=cut;at=5        (after the first ';')
 *     header           x-mock: fault=cut,at=5
 *     script line      mock-* => fault=cut,at=5   (script.h)
 * Values may hold %XX. A key given twice keeps the last value, and so do lists: script lines
 * come first, then the model name, then the header.
 *
 * Selectors (nth=, every=, first=, after=, percent=) rule over the list they stand in: when they
 * do not choose the request, the list says nothing.
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_HOW_H
#define MOCK_HOW_H

#include "ev/ev.h"
#include "base/buf.h"

#define MOCK_LIST_BYTES_MAX 4096
#define MOCK_WORD_MAX       96
#define MOCK_TEXT_MAX       1024
#define MOCK_UNSET          UINT64_MAX

/* name, where it acts, help. The rows are the documentation. */
#define MOCK_FAULTS(X)                                                                             \
    X(NONE, "none", "the answer is well-formed")                                                   \
    X(REFUSE, "refuse",                                                                            \
      "the request is answered, then its connection closes; from now on, for= (default 500ms), "   \
      "nothing listens and connections are refused. Idle ones are closed as well")                 \
    X(RESET, "reset", "RST before any byte of the answer")                                         \
    X(CLOSE, "close", "FIN before any byte of the answer")                                         \
    X(SILENT, "silent", "no byte ever; the connection stays open (for=: then FIN)")                \
    X(EARLY, "early",                                                                              \
      "the answer is sent before the body of the request is read, "                                \
      "which is then discarded; the connection closes")                                            \
    X(INTERIM, "1xx", "count= (default 11) 103 responses before the answer")                       \
    X(BAD_STATUS, "bad-status", "the status line is `HTTP/1.1 two hundred`")                       \
    X(NOT_HTTP, "not-http", "the answer is not HTTP at all: an SSH banner, then FIN")              \
    X(CUT_HEAD, "cut-head", "the head is cut after at-byte= bytes (default half), end as how=")    \
    X(STALL_HEAD, "stall-head", "as cut-head, but the connection stays open (for=: goes on)")      \
    X(HUGE_HEADER, "huge-header", "one header of size= bytes (default 1M)")                        \
    X(MANY_HEADERS, "many-headers", "count= more headers (default 10000)")                         \
    X(ENDLESS_HEADERS, "endless-headers", "headers without end")                                   \
    X(TWO_LENGTHS, "two-lengths", "two content-length fields that disagree")                       \
    X(LENGTH_AND_CHUNKED, "length-and-chunked", "content-length beside transfer-encoding")         \
    X(LENGTH_SHORT, "length-short", "content-length is count= (default 10) less than the body")    \
    X(LENGTH_LONG, "length-long", "content-length is count= (default 10) more, then FIN")          \
    X(GZIP, "gzip", "content-encoding: gzip before a body that is not")                            \
    X(CHUNK_GARBAGE, "chunk-garbage", "a chunk size that is no number, at at-event= (default 1)")  \
    X(CUT_JSON, "cut-json", "the body ends at at-byte= (default half); the framing is whole")      \
    X(HTML, "html", "an HTML page, 200 unless status= says otherwise")                             \
    X(EMPTY, "empty", "a body of no bytes, or a stream of no events")                              \
    X(EXTRA, "extra", "for= (default 0) after the answer a second one that nobody asked for")      \
    X(CLOSE_IDLE, "close-idle",                                                                    \
      "for= (default 0) after the answer the connection closes, "                                  \
      "unannounced")                                                                               \
    X(CUT, "cut", "the body is cut at at-byte= or at-event= (default 1), end as how=")             \
    X(STALL, "stall", "nothing more from at-byte= or at-event= (default 1) on (for=: goes on)")    \
    X(NO_TERMINAL, "no-terminal", "no terminal marker, nor what comes after it; clean end")        \
    X(ERROR_EVENT, "error-event",                                                                  \
      "event at-event= (default 0) is the error kind=, then a "                                    \
      "clean end")                                                                                 \
    X(MALFORMED, "malformed",                                                                      \
      "event at-event= (default 1) is broken: bad=json, utf8, field, "                             \
      "nul or empty")                                                                              \
    X(DUPLICATE, "duplicate", "event at-event= (default 1) comes count= (default 1) times more")   \
    X(SKIP, "skip", "event at-event= (default 1) is left out")                                     \
    X(REORDER, "reorder", "event at-event= (default 1) and the next change places")                \
    X(RESTART, "restart", "the first event comes again at at-event= (default 1)")                  \
    X(UNKNOWN_EVENT, "unknown-event", "an event of an unknown type at at-event= (default 1)")      \
    X(AFTER_TERMINAL, "after-terminal", "one more content event after the terminal marker")        \
    X(HUGE_EVENT, "huge-event",                                                                    \
      "event at-event= (default 1) has size= bytes (default 1M) of "                               \
      "text in one line")

enum mock_fault {
#define X(name, word, help) MOCK_FAULT_##name,
    MOCK_FAULTS(X)
#undef X
};

#define MOCK_ENDS(X)                                                                               \
    X(FIN, "fin", "FIN after the last byte")                                                       \
    X(RST, "rst", "RST after the peer has acknowledged the last byte")                             \
    X(RST_NOW, "rst-now", "RST at once: bytes under way may be lost")                              \
    X(CHUNK_END, "chunk-end", "a clean end of the body: what comes next is just missing")

enum mock_end {
#define X(name, word, help) MOCK_END_##name,
    MOCK_ENDS(X)
#undef X
};

#define MOCK_BADS(X)                                                                               \
    X(JSON, "json", "the JSON stops in the middle")                                                \
    X(UTF8, "utf8", "a byte 0xff in the text")                                                     \
    X(FIELD, "field", "the SSE field name is `dat`")                                               \
    X(NUL, "nul", "a NUL byte in the text")                                                        \
    X(EMPTY, "empty", "the data is empty")

enum mock_bad {
#define X(name, word, help) MOCK_BAD_##name,
    MOCK_BADS(X)
#undef X
};

#define MOCK_FRAMES(X)                                                                             \
    X(AUTO, "auto", "chunked for streams, content-length for the rest")                            \
    X(CHUNKED, "chunked", "chunked")                                                               \
    X(LENGTH, "length", "content-length (a stream too)")                                           \
    X(CLOSE, "close", "the end of the connection is the end of the body")                          \
    X(HTTP10, "http10", "an HTTP/1.0 answer that ends with the connection")

enum mock_frame {
#define X(name, word, help) MOCK_FRAME_##name,
    MOCK_FRAMES(X)
#undef X
};

struct mock_rate { /* bytes every gap */
    uint64_t bytes;
    ev_us gap;
};

struct mock_how {
    uint64_t fault, end, bad, frame; /* the enums above */
    uint64_t at_byte, at_event, size, count, for_us;
    uint64_t nth, every, first, after, percent;
    uint64_t status, tokens, event_size, ttft_us, gap_us, head_us, comments;
    uint64_t usage, done, echo, mid_chunk, crlf, tool, ping, choices, stream;
    struct mock_rate dribble, dribble_body;
    char kind[MOCK_WORD_MAX], provider[MOCK_WORD_MAX], replay[MOCK_WORD_MAX];
    char retry_after[MOCK_WORD_MAX], retry_after_ms[MOCK_WORD_MAX], stop[MOCK_WORD_MAX];
    char type[MOCK_WORD_MAX], id[MOCK_WORD_MAX], as_model[MOCK_WORD_MAX];
    char header[MOCK_TEXT_MAX], text[MOCK_TEXT_MAX];
};

/* Everything unset or at its default. */
void mock_how_init(struct mock_how *h);

/* Read a list over *h. `seen` is the number of this request among those of its model, from 1;
 * `draw` is a random number for percent=. On failure *h is untouched, and *e quotes the pair
 * and says at which byte of the list it stands. */
MUST_CHECK int mock_how_apply(struct mock_how *h, struct span list, uint64_t seen, uint64_t draw,
                              struct err *e);

/* v, or when it is MOCK_UNSET, otherwise. */
static inline uint64_t mock_or(uint64_t v, uint64_t otherwise)
{
    return v == MOCK_UNSET ? otherwise : v;
}

/* The keys, faults and their kin as Markdown tables. */
void mock_how_manual(struct buf *out);

#endif
