/*
 * spool.h - chunks of a large body in an unlinked, encrypted file.
 *
 * The file has no name (O_TMPFILE) and is gone with its descriptor; its bytes are AES-256-CTR
 * under a key that lives in this process only, so what a disk or a backup sees is noise.
 *
 * Writes and reads block, as page-cache copies do; they are for bodies that do not fit in memory,
 * which are rare. docs/decisions/0004-spool.md
 *
 * Room: base. Threads: owned by one loop.
 */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include "base/err.h"

#define SPOOL_KEY 32

struct spool;

/* A file in dir for chunks of chunk_bytes (a multiple of 16). The key is borrowed. */
MUST_CHECK int spool_new(struct spool **ret, const char *dir, const unsigned char key[SPOOL_KEY],
                         size_t chunk_bytes, struct err *e);
void spool_free(struct spool **s);

/* Write chunk `index`, once, or read it, all of it. Writing encrypts in place, so that it needs no
 * memory of its own: the caller's chunk is noise behind a success, and as it was behind a failure.
 */
MUST_CHECK int spool_write(struct spool *s, size_t index, char *chunk, struct err *e);
MUST_CHECK int spool_read(struct spool *s, size_t index, char *ret_chunk, struct err *e);

#endif
