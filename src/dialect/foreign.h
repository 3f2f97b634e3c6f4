/*
 * foreign.h - thinking in a request that the gateway has handed out for another API's model.
 *
 * A client that was answered by a model of another family gets its thinking in the client's own
 * dialect, with the signature behind a mark of ours (convert_hand_out()), or without any. It sends
 * it back with its next request. Where that goes to a provider of the client's own dialect these
 * parts are cut out: nobody but their maker can read them, and who checks signatures refuses the
 * whole request for one that it did not make. For a missing one too: toward him (CAP_SIGNS) what
 * nobody has signed is cut out as well. All else of the body stays byte for byte.
 *
 * Room: dialect. Pure: no allocation; caller-owned state.
 */
#ifndef DIALECT_FOREIGN_H
#define DIALECT_FOREIGN_H

#include "dialect/dialect.h"

/* What signatures and ids of ours begin with; none that a provider makes does. */
#define FOREIGN_SIGNATURE "lamplighter."     /* no signature has a dot: they are base64 */
#define FOREIGN_BASE64    "bGFtcGxpZ2h0ZXI6" /* "lamplighter:", where it has to be base64 */
#define FOREIGN_REASONING "rs_lamplighter"   /* items of thinking in Responses */

/* Where a dialect's requests have them. */
struct dialect_foreign {
    const struct json_watch *watch; /* the elements of the list, then those of the list in each of
                                     * them where `lists` is 2, then the values that may be ours:
                                     * the last of the dialect's request_watch too */
    uint8_t lists;
    bool unsigned_too; /* an empty signature says that there is none */
};

extern const struct dialect_foreign anthropic_foreign, openai_responses_foreign, gemini_foreign;

/* Is this value (a hit of either watch) ours; is it that of a part without a signature? */
bool foreign_is_ours(const struct json_hit *h);
bool foreign_is_unsigned(const struct dialect_foreign *f, const struct json_hit *h);

/* A list whose foreign elements are cut out, each with one comma. */
struct foreign_list {
    uint64_t at, end; /* of what is being cut at its beginning; of the last element that stays */
    bool cutting, stays;
    bool foreign; /* the element under way */
};

/* Feed `scan`, and it says where to cut: rising within a list, but what is in an element may come
 * before what is cut in front of it. An element whose own list would be left empty is cut as a
 * whole. A list that would lose all is left as it is. */
struct foreign_reader {
    const struct dialect_foreign *f;
    bool signs;
    struct foreign_list lists[2];
    struct json_scan scan; /* BAD: it is not JSON, or cut() has stopped it */
    bool (*cut)(void *arg, uint64_t at, uint64_t len); /* false: stop */
    void *arg;
};

/* signs: the provider takes no thinking without a signature. The reader may not be moved
 * afterwards. */
void foreign_begin(struct foreign_reader *r, const struct dialect_foreign *f, bool signs,
                   bool (*cut)(void *arg, uint64_t at, uint64_t len), void *arg);

#endif
