/*
 * told.h - what a request becomes in another dialect, and what is told of it. For tests.
 */
#ifndef DIALECT_TOLD_H
#define DIALECT_TOLD_H

#include "dialect/translate.h"

#define MEGA ((size_t)1024 * 1024)

/* In JSON's quotes what is written in single ones, for legibility. */
static inline char *quoted(char *out, size_t cap, const char *in)
{
    size_t n = 0;

    for (; *in && n + 1 < cap; in++)
        out[n++] = *in == '\'' ? '"' : *in;
    assert_int_equal(*in, '\0');
    out[n] = '\0';
    return out;
}

/* What a request becomes; dropped and approximated are texts. */
static inline void ask(const struct convert *client, const struct convert *target,
                       const char *model, const char *in, struct buf *out, struct buf *dropped,
                       struct buf *approximated)
{
    struct translate_conf conf = {.client = client,
                                  .target = target,
                                  .model = SPAN_LIT("m"),
                                  .id = SPAN_LIT("i"),
                                  .answer_max = MEGA};
    struct convert_to to = {.model = span_str(model), .signer = target->signer, .max_tokens = 4096};
    struct translate *t = NULL;
    char body[2048];
    struct err e;

    buf_init(out, MEGA);
    buf_init(dropped, MEGA);
    buf_init(approximated, MEGA);
    if (translate_new(&t, &conf, span_str(quoted(body, sizeof(body), in)), &e) < 0 ||
        translate_request(t, out, &to, &e) < 0)
        fail_msg("%s: %s", in, e.text);
    translate_dropped(t, dropped);
    translate_approximated(t, approximated);
    buf_add_char(out, '\0');
    buf_add_char(dropped, '\0');
    buf_add_char(approximated, '\0');
    translate_free(&t);
}

static inline void fini(struct buf *out, struct buf *dropped, struct buf *approximated)
{
    buf_fini(out);
    buf_fini(dropped);
    buf_fini(approximated);
}

#endif
