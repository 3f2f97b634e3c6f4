/*
 * blob.h - the bytes of a body: written once at the end, read many times from anywhere.
 *
 * A request body outlives the connection it came on and is sent to every target that is tried,
 * each time with other patches; so the bytes are kept as they came and a reader applies the
 * patches while it walks. Bytes live in chunks of BLOB_CHUNK (the first may be smaller): in memory,
 * up to BLOB_MEMORY a blob, and past that in an unlinked encrypted file (spool.h).
 *
 * The chunks of all blobs of a pool never take more than bytes_max. A blob may have more than one
 * while they take less than half of that; then it goes on in its file with what it has, and the
 * other half is for those that begin. Beside it stand, a pool, one chunk to read files through and
 * a few spare ones of 2 KiB, and a blob, less than 2 KiB and, if it has a file, one descriptor.
 *
 * A blob that would pass its own maximum gives ERR_LIMIT; one that can have neither memory nor a
 * file gives ERR_NOMEM or ERR_SYS, and what was added before stays.
 *
 * Room: base. Threads: owned by one loop.
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/mem.h"
#include "base/spool.h"
#include "base/span.h"

#define BLOB_CHUNK  ((size_t)32 * 1024)
#define BLOB_MEMORY ((size_t)1024 * 1024)

struct blob;

struct blob_pool {
    uint64_t bytes, bytes_max; /* memory of all chunks; most that may be */
    uint64_t spooled;          /* bytes in files */
    const char *dir;           /* for the files; NULL: nothing is spooled */
    unsigned char key[SPOOL_KEY];
    char *window;                 /* the chunk of a file that was read last ... */
    const struct blob *window_of; /* ... whose it is; NULL: nobody's ... */
    size_t window_i;              /* ... and its number there */
    struct mem_spares firsts;     /* first chunks of the least size, which most bodies need */
};

/* dir is borrowed for the pool's life. */
MUST_CHECK int blob_pool_init(struct blob_pool *p, uint64_t bytes_max, const char *dir,
                              struct err *e);
void blob_pool_fini(struct blob_pool *p);

MUST_CHECK int blob_new(struct blob **ret, struct blob_pool *pool, uint64_t max, struct err *e);

/* Share / let go. The last one frees the bytes. */
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob **b);

MUST_CHECK int blob_add(struct blob *b, const char *p, size_t n, struct err *e);
uint64_t blob_len(const struct blob *b);

/* The bytes from `at` on that lie together: at least one unless at is the length. Valid until the
 * next call about a blob of this pool. -1: the spool cannot be read. */
MUST_CHECK int blob_at(struct blob *b, uint64_t at, struct span *ret, struct err *e);

/* Copy n bytes from `at`; both must lie inside. */
MUST_CHECK int blob_copy(struct blob *b, uint64_t at, char *ret, size_t n, struct err *e);

/* Replace len bytes at `at` (len 0: insert). Sorted by at, not overlapping; borrowed by readers. */
struct blob_patch {
    uint64_t at, len;
    struct span with;
};

/* Put p among n sorted patches, for which there is room; returns n + 1. */
size_t blob_patch_add(struct blob_patch *patches, size_t n, struct blob_patch p);

/* Length of the body with the patches applied. */
uint64_t blob_patched_len(const struct blob *b, const struct blob_patch *patches, size_t n);

/* Walks a blob with patches. A value; borrows blob and patches. Several readers may walk one
 * blob. */
struct blob_reader {
    struct blob *blob;
    const struct blob_patch *patches;
    size_t patches_n, patch; /* next patch */
    size_t with;             /* bytes of its replacement already given */
    uint64_t at;
};

void blob_reader_init(struct blob_reader *r, struct blob *b, const struct blob_patch *patches,
                      size_t patches_n);

/* The next piece, at most max bytes (max >= 1); empty at the end. Valid until the next call about
 * a blob of its pool. */
MUST_CHECK int blob_reader_next(struct blob_reader *r, size_t max, struct span *ret, struct err *e);

#endif
