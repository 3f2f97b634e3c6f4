/*
 * spool.c - see spool.h.
 *
 * The counter block is 8 random bytes of the file, then the number of the 16-byte block within it:
 * no block of any file is ever encrypted under the same counter twice, since a chunk is written
 * once.
 */
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"

#define AES_BLOCK 16

struct spool {
    int fd;
    size_t chunk_bytes;
    const unsigned char *key;
    unsigned char nonce[8];
    EVP_CIPHER_CTX *cipher;
};

int spool_new(struct spool **ret, const char *dir, const unsigned char key[SPOOL_KEY],
              size_t chunk_bytes, struct err *e)
{
    struct spool *s = mem_zalloc(1, sizeof(*s));
    int rc = -1;

    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for a spool");
    s->fd = -1;
    s->key = key;
    s->chunk_bytes = chunk_bytes;
    s->cipher = EVP_CIPHER_CTX_new();
    if (!s->cipher) {
        err_set(e, ERR_NOMEM, "no memory for a spool");
        goto out;
    }
    if (getrandom(s->nonce, sizeof(s->nonce), 0) != (ssize_t)sizeof(s->nonce)) {
        err_set(e, ERR_SYS, "no random bytes: %s", strerror(errno));
        goto out;
    }
    s->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd < 0) {
        err_set(e, ERR_SYS, "no file for a large body in '%s': %s", dir, strerror(errno));
        goto out;
    }
    *ret = s;
    s = NULL;
    rc = 0;
out:
    spool_free(&s);
    return rc;
}

void spool_free(struct spool **sp)
{
    struct spool *s = *sp;

    *sp = NULL;
    if (!s)
        return;
    if (s->fd >= 0)
        (void)close(s->fd); /* nothing in it is wanted any more */
    EVP_CIPHER_CTX_free(s->cipher);
    mem_free(s);
}

/* In place: encryption and decryption are the same in counter mode. */
static int apply(struct spool *s, size_t index, char *chunk, struct err *e)
{
    uint64_t block = (uint64_t)index * (s->chunk_bytes / AES_BLOCK);
    unsigned char counter[AES_BLOCK], *p = (unsigned char *)chunk;
    int n;

    memcpy(counter, s->nonce, sizeof(s->nonce));
    for (size_t i = 0; i < 8; i++)
        counter[8 + i] = (unsigned char)(block >> (56 - 8 * i));
    if (EVP_EncryptInit_ex(s->cipher, EVP_aes_256_ctr(), NULL, s->key, counter) != 1 ||
        EVP_EncryptUpdate(s->cipher, p, &n, p, (int)s->chunk_bytes) != 1)
        return err_set(e, ERR_BUG, "spool: the cipher failed");
    return 0;
}

static int move(struct spool *s, size_t index, char *chunk, bool write, struct err *e)
{
    size_t done = 0;

    while (done < s->chunk_bytes) {
        off_t at = (off_t)(index * s->chunk_bytes + done);
        char *p = chunk + done;
        ssize_t n = write ? pwrite(s->fd, p, s->chunk_bytes - done, at)
                          : pread(s->fd, p, s->chunk_bytes - done, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, ERR_SYS, "spool: cannot %s: %s", write ? "write" : "read",
                           n < 0 ? strerror(errno) : "the file ends early");
        done += (size_t)n;
    }
    return 0;
}

int spool_write(struct spool *s, size_t index, char *chunk, struct err *e)
{
    struct err again;

    if (apply(s, index, chunk, e) < 0)
        return -1;
    if (move(s, index, chunk, true, e) == 0)
        return 0;
    if (apply(s, index, chunk, &again) < 0)
        *e = again; /* a bug, and worse than a full disk */
    return -1;
}

int spool_read(struct spool *s, size_t index, char *ret_chunk, struct err *e)
{
    if (move(s, index, ret_chunk, false, e) < 0)
        return -1;
    return apply(s, index, ret_chunk, e);
}
