/*
 * blob.h - the bytes of a body: written once at the end, read many times from anywhere.
 *
 * A request body outlives the connection it came on and is sent to every target that is tried,
 * each time with other patches; so the bytes are kept as they came and a reader applies the
 * patches while it walks. Bytes live in chunks of BLOB_CHUNK.
 *
 * All blobs of a pool share one budget of memory. A blob that would pass its own maximum gives
 * ERR_LIMIT, one that finds the pool empty ERR_NOMEM; what was added before stays.
 *
 * Room: base. Threads: owned by one loop.
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/err.h"
#include "base/span.h"

#define BLOB_CHUNK ((size_t)32 * 1024)

struct blob_pool {
    uint64_t bytes, bytes_max; /* in chunks of all blobs; most that may be */
};

struct blob;

MUST_CHECK int blob_new(struct blob **ret, struct blob_pool *pool, uint64_t max, struct err *e);

/* Share / let go. The last one frees the bytes. */
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob **b);

MUST_CHECK int blob_add(struct blob *b, const char *p, size_t n, struct err *e);
uint64_t blob_len(const struct blob *b);

/* The bytes from `at` on that lie together: at least one unless at is the length. */
struct span blob_at(const struct blob *b, uint64_t at);

/* Copy n bytes from `at`; both must lie inside. */
void blob_copy(const struct blob *b, uint64_t at, char *out, size_t n);

/* Replace len bytes at `at` (len 0: insert). Sorted by at, not overlapping; borrowed by readers. */
struct blob_patch {
    uint64_t at, len;
    struct span with;
};

/* Length of the body with the patches applied. */
uint64_t blob_patched_len(const struct blob *b, const struct blob_patch *patches, size_t n);

/* Walks a blob with patches. A value; borrows blob and patches. */
struct blob_reader {
    const struct blob *blob;
    const struct blob_patch *patches;
    size_t patches_n, patch; /* next patch */
    size_t with;             /* bytes of its replacement already given */
    uint64_t at;
};

void blob_reader_init(struct blob_reader *r, const struct blob *b, const struct blob_patch *patches,
                      size_t patches_n);

/* The next piece, at most max bytes (max >= 1); empty at the end. Valid while the blob lives. */
struct span blob_reader_next(struct blob_reader *r, size_t max);

#endif
