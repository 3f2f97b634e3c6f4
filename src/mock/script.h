/*
 * script.h - a file of lines `MATCH => LIST` that gives requests their behaviour, and the count
 * of requests by model.
 *
 * MATCH is words that must all match; a word is KEY=GLOB ('*' stands for anything):
 *     model=, path=, key= (the credential sent: authorization or x-api-key), user-agent=
 * and a word without '=' is a model. '#' starts a comment line. All lines that match apply, in
 * order; LIST is that of how.h.
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_SCRIPT_H
#define MOCK_SCRIPT_H

#include "base/arena.h"
#include "mock/facts.h"
#include "mock/how.h"

#define MOCK_SCRIPT_LINES_MAX 256
#define MOCK_SCRIPT_BYTES_MAX ((size_t)1024 * 1024)
#define MOCK_MODELS_MAX       1024 /* models counted one by one; all others share a count */

struct mock_script_line {
    struct span match, list;
};

struct mock_script {
    struct arena arena;
    struct mock_script_line lines[MOCK_SCRIPT_LINES_MAX];
    size_t lines_n;
    struct span models[MOCK_MODELS_MAX];
    uint64_t counts[MOCK_MODELS_MAX + 1];
    size_t models_n;
};

void mock_script_init(struct mock_script *s);
void mock_script_fini(struct mock_script *s);

/* Add the lines of a script; errors say the line. */
MUST_CHECK int mock_script_read(struct mock_script *s, struct span text, struct err *e);

/* Work out the behaviour of a request: the script's lines, the list in the model name, the x-mock
 * and x-mock-replay headers. With `keep` it is counted; without, this was only a look at its
 * head (an early answer cannot wait for the model's name). */
MUST_CHECK int mock_script_decide(struct mock_script *s, const struct mock_facts *f,
                                  const struct mock_req *r, uint64_t draw, bool keep,
                                  struct mock_how *ret, struct err *e);

#endif
