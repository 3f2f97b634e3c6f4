/*
 * mem.c - malloc and friends behind one door.
 */
#include "base/mem.h"

#ifdef LAMPLIGHTER_TEST

/* The one writable global of the room, in test builds only: torture is about the whole process. */
static struct {
    size_t at, count;
    bool forever, hit;
} torture;

void mem_torture(size_t at, bool forever)
{
    torture.at = at;
    torture.count = 0;
    torture.forever = forever;
    torture.hit = false;
}

bool mem_torture_hit(void)
{
    return torture.hit;
}

static bool must_fail(void)
{
    if (torture.at == 0)
        return false;
    torture.count++;
    if (torture.count < torture.at || (torture.count > torture.at && !torture.forever))
        return false;
    torture.hit = true;
    return true;
}

#else

static bool must_fail(void)
{
    return false;
}

#endif

void *mem_alloc(size_t n)
{
    return must_fail() ? NULL : malloc(n ? n : 1);
}

/* glibc's calloc() passes by the cache of freed pieces that its malloc() looks into first. Large
 * ones stay with it: what comes fresh from the kernel need not be written. */
void *mem_zalloc(size_t count, size_t size)
{
    size_t n;
    void *p;

    if (__builtin_mul_overflow(count, size, &n) || n > MEM_CACHED_MAX)
        return must_fail() ? NULL : calloc(count, size);
    p = mem_alloc(n);
    if (p)
        memset(p, 0, n);
    return p;
}

void *mem_realloc(void *p, size_t n)
{
    return must_fail() ? NULL : realloc(p, n ? n : 1);
}

char *mem_strndup(const char *p, size_t n)
{
    char *s = mem_alloc(n + 1);

    if (!s)
        return NULL;
    if (n)
        memcpy(s, p, n);
    s[n] = '\0';
    return s;
}

void mem_free(void *p)
{
    free(p);
}

void *mem_spares_take(struct mem_spares *s, size_t size)
{
    void *p = s->first;

    if (!p)
        return mem_alloc(size);
    memcpy(&s->first, p, sizeof(s->first));
    s->n--;
    return p;
}

void mem_spares_give(struct mem_spares *s, void *p)
{
    if (!p || s->n == MEM_SPARES_MAX) {
        mem_free(p);
        return;
    }
    memcpy(p, &s->first, sizeof(s->first));
    s->first = p;
    s->n++;
}

void mem_spares_fini(struct mem_spares *s)
{
    while (s->first) {
        void *p = s->first;

        memcpy(&s->first, p, sizeof(s->first));
        mem_free(p);
    }
    s->n = MEM_SPARES_MAX;
}
