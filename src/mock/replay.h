/*
 * replay.h - recorded answers, read from JSON lines, to be sent again byte for byte.
 *
 * A line: {"id", "status", "resp_headers": {name: value}, "resp": text, "resp_b64": base64 of
 * bytes that are no text}. Other members are ignored. A file may be gzipped (name ends in .gz);
 * of a directory all *.jsonl and *.jsonl.gz are read.
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_REPLAY_H
#define MOCK_REPLAY_H

#include "base/arena.h"
#include "mock/text.h"

#define MOCK_REPLAY_BYTES_MAX ((size_t)512 * 1024 * 1024)

struct mock_recording {
    struct span id, body, type; /* type: its content-type, maybe absent */
    struct span headers;        /* fields to send as they were, each with CRLF */
    unsigned status;
    enum mock_framing framing;
};

struct mock_replay {
    struct arena arena; /* all bytes */
    struct mock_recording *list;
    size_t n, cap;
};

void mock_replay_init(struct mock_replay *r);
void mock_replay_fini(struct mock_replay *r);

/* Add one line; *e says what is wrong with it. A line without a body is skipped. */
MUST_CHECK int mock_replay_line(struct mock_replay *r, struct span line, struct err *e);

/* Add a file or a directory; errors name the file and the line. */
MUST_CHECK int mock_replay_load(struct mock_replay *r, const char *path, struct err *e);

/* The recording of that id, or NULL. */
const struct mock_recording *mock_replay_find(const struct mock_replay *r, struct span id);

#endif
