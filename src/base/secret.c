/*
 * secret.c - see secret.h.
 *
 * Why memfd_secret first: its pages are taken out of the kernel's direct map, so neither a core
 * dump, nor ptrace, nor a kernel read bug shows them. It only maps shared, which decides two
 * things. How the arena dies: another process (a worker that still serves streams of an old
 * snapshot) may use the same pages, so the bytes are not overwritten here; the kernel clears such
 * pages when the last mapping goes. And how it grows after a fork: the child's free space is the
 * parent's free space, so who did not make a region never writes to it but adds one of its own.
 * Anonymous memory is private after a fork: there each process writes and wipes its own copy.
 *
 * Why no MADV_WIPEONFORK: workers are forked from the process that loads, and need the keys.
 *
 * Where locking is refused (RLIMIT_MEMLOCK of a container) the arena works unlocked: a gateway
 * that does not start protects nobody. secret_arena_locked() tells.
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

struct region {
    struct region *older;
    char *map;
    size_t size, used;
    pid_t owner; /* who made it */
    bool shared; /* memfd_secret: other processes may use the same pages */
    bool locked;
};

struct secret_arena {
    struct region *regions; /* newest first; at least one */
    size_t size, used;      /* of all secrets together */
};

static char *map_memfd(size_t size)
{
    char *map = NULL;
    void *p;
    int fd;

    fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (ftruncate(fd, (off_t)size) == 0) {
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        map = p == MAP_FAILED ? NULL : p;
    }
    close(fd); /* the mapping keeps the pages */
    return map;
}

static char *map_anonymous(size_t size, bool *ret_locked)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    *ret_locked = mlock(p, size) == 0;
    return p;
}

static int add_region(struct secret_arena *a, size_t size, struct err *e)
{
    struct region *r = mem_zalloc(1, sizeof(*r));

    if (!r)
        return err_set(e, ERR_NOMEM, "secrets: no memory");
    r->size = size;
    r->owner = getpid();
    r->map = map_memfd(size);
    r->shared = r->map != NULL;
    r->locked = r->shared;
    if (!r->map)
        r->map = map_anonymous(size, &r->locked);
    if (!r->map) {
        mem_free(r);
        return err_set(e, ERR_NOMEM, "secrets: cannot map %zu bytes", size);
    }
    if (madvise(r->map, size, MADV_DONTDUMP) < 0)
        r->locked = false; /* an old kernel: worth a word, no reason to stop */
    r->older = a->regions;
    a->regions = r;
    return 0;
}

int secret_arena_new(struct secret_arena **ret, size_t bytes, struct err *e)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct secret_arena *a;
    int rc = -1;

    MUST(ret && e && bytes > 0 && bytes < SIZE_MAX / 2);
    a = mem_zalloc(1, sizeof(*a));
    if (!a) {
        err_set(e, ERR_NOMEM, "secrets: no memory");
        goto out;
    }
    a->size = (bytes + page - 1) / page * page;
    if (add_region(a, a->size, e) < 0)
        goto out;
    *ret = a;
    a = NULL;
    rc = 0;
out:
    secret_arena_free(&a);
    return rc;
}

void secret_arena_free(struct secret_arena **a)
{
    struct region *r, *older;

    if (!*a)
        return;
    for (r = (*a)->regions; r; r = older) {
        older = r->older;
        if (!r->shared)
            secret_wipe(r->map, r->size);
        MUST(munmap(r->map, r->size) == 0);
        mem_free(r);
    }
    mem_free_ptr(a);
}

bool secret_arena_locked(const struct secret_arena *a)
{
    for (const struct region *r = a->regions; r; r = r->older)
        if (!r->locked)
            return false;
    return true;
}

/* Where at most a->size - a->used bytes may be written; NULL: *e says why. */
static char *free_space(struct secret_arena *a, struct err *e)
{
    const struct region *r = a->regions;

    if (r->shared && r->owner != getpid() && add_region(a, a->size, e) < 0)
        return NULL;
    return a->regions->map + a->regions->used;
}

static void take(struct secret_arena *a, size_t n)
{
    a->used += n;
    a->regions->used += n;
}

int secret_put(struct secret_arena *a, struct secret *ret, struct span bytes, struct span name,
               struct err *e)
{
    char *to;

    if (bytes.n > a->size - a->used)
        return err_set(e, ERR_LIMIT, "secret %.*s: all secrets together exceed %zu bytes",
                       SPAN_FMT(name), a->size);
    to = free_space(a, e);
    if (!to)
        return -1;
    if (bytes.n)
        memcpy(to, bytes.p, bytes.n);
    *ret = (struct secret){{to, bytes.n}, name};
    take(a, bytes.n);
    return 0;
}

/* Read at most cap bytes; more than that in the file is ERR_LIMIT. */
static int read_all(int fd, char *to, size_t cap, size_t *ret_n, struct err *e)
{
    size_t n = 0;
    ssize_t got;
    char more;

    while (n < cap) {
        got = read(fd, to + n, cap - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(e, ERR_SYS, "%s", strerror(errno));
        if (got == 0)
            break;
        n += (size_t)got;
    }
    if (n == cap && read(fd, &more, 1) > 0)
        return err_set(e, ERR_LIMIT, "larger than %zu bytes", cap);
    *ret_n = n;
    return 0;
}

static bool white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int secret_put_file(struct secret_arena *a, struct secret *ret, const char *path, struct span name,
                    struct err *e)
{
    size_t cap = MIN(a->size - a->used, SECRET_FILE_MAX);
    char *to = free_space(a, e);
    struct span got;
    struct stat st;
    int fd, rc = -1;
    size_t n = 0;

    if (!to)
        return -1;
    /* O_NONBLOCK: a FIFO in its place must not hang the start. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return err_set(e, ERR_SYS, "%s", strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        err_set(e, ERR_SYS, "not a regular file");
        goto out;
    }
    if (read_all(fd, to, cap, &n, e) < 0) {
        secret_wipe(to, cap);
        goto out;
    }
    got = span_of(to, n);
    while (got.n && white(got.p[0])) {
        got.p++;
        got.n--;
    }
    while (got.n && white(got.p[got.n - 1]))
        got.n--;
    *ret = (struct secret){got, name};
    take(a, n);
    rc = 0;
out:
    close(fd);
    return rc;
}

void secret_wipe(void *p, size_t n)
{
    if (n)
        explicit_bzero(p, n);
}

bool secret_eq(struct span a, struct span b)
{
    volatile unsigned char diff = 0;

    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        diff = (unsigned char)(diff | ((unsigned char)a.p[i] ^ (unsigned char)b.p[i]));
    return diff == 0;
}
