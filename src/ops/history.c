/*
 * history.c - see history.h.
 *
 * An entry is a record without the empty part of its texts. Entries follow one another in chunks,
 * none across two of them; a place is the number of bytes ever written before it, so that what has
 * fallen out is known by its place alone. The entries of one request are chained from the newest
 * to the oldest, and an index of ids (open addressing, no holes: what is taken out is filled from
 * behind) has the newest of each.
 *
 * Invariants: (1) tail <= every place in the index < head; (2) head - tail <= ring * CHUNK, so
 * that no chunk is written while an entry in it is kept; (3) the index is at most three quarters
 * full.
 */
#include "ops/history.h"

#include "base/mem.h"
#include "record/log.h"

#define CHUNK     ((size_t)64 * 1024)
#define CHUNKS    (HISTORY_BYTES / CHUNK) /* at most */
#define SLOTS_MIN ((size_t)1024)
#define SLOTS_MAX ((size_t)256 * 1024)
#define NOWHERE   UINT64_MAX

_Static_assert(HISTORY_BYTES % CHUNK == 0, "chunks fill the ring");
_Static_assert(HISTORY_REQUESTS < SLOTS_MAX / 4 * 3, "the index has room for all");

#define TEXT(member) {offsetof(struct record, member), sizeof(((struct record *)NULL)->member)}
static const struct {
    size_t at, cap;
} texts[] = {
    TEXT(id),    TEXT(model),          TEXT(target),   TEXT(next),
    TEXT(tried), TEXT(skipped),        TEXT(provider), TEXT(server),
    TEXT(key),   TEXT(peer),           TEXT(dropped),  TEXT(approximated),
    TEXT(text),  TEXT(upstream_model),
};

#define TEXTS   ARRAY_LEN(texts)
#define NUMBERS offsetof(struct record, id) /* what stands before all texts */

struct entry {
    _Alignas(8) history_at same; /* the record before of the same request; NOWHERE: none */
    uint32_t bytes;              /* to the next entry */
    uint32_t back;               /* to the one before; 0: it was the first */
    uint8_t lens[TEXTS];         /* of the texts, which follow the struct */
    char numbers[NUMBERS];
    char text[];
};

/* The hash stands beside the place: an entry that is not the one is not fetched from memory. */
struct slot {
    history_at next; /* place + 1; 0: free */
    uint64_t hash;
};

struct history {
    char *chunks[CHUNKS];
    size_t ring;                   /* so many of them are used in turns */
    history_at head, tail, newest; /* newest: of the entries, if there are any */
    uint64_t requests, entries;
    uint64_t fallen, missed, chunks_n;
    struct slot *slots;
    size_t slots_n, ids;
};

int history_new(struct history **ret, size_t most, struct err *e)
{
    MUST(most >= HISTORY_LEAST && most <= HISTORY_BYTES);
    *ret = mem_zalloc(1, sizeof(**ret));
    if (!*ret)
        return err_set(e, ERR_NOMEM, "the history of requests: no memory");
    (*ret)->ring = most / CHUNK;
    return 0;
}

void history_free(struct history **h)
{
    for (size_t i = 0; *h && i < CHUNKS; i++)
        mem_free((*h)->chunks[i]);
    if (*h)
        mem_free((*h)->slots);
    mem_free_ptr(h);
}

static struct entry *entry_at(const struct history *h, history_at at)
{
    return (struct entry *)(void *)(h->chunks[at / CHUNK % h->ring] + at % CHUNK);
}

static struct span id_at(const struct history *h, history_at at)
{
    const struct entry *en = entry_at(h, at);

    return span_of(en->text, en->lens[0]); /* texts[0] */
}

static bool is_more(const struct entry *en)
{
    bool more;

    memcpy(&more, en->numbers + offsetof(struct record, more), sizeof(more));
    return more;
}

/* ---- the index ---- */

static size_t home_of(const struct history *h, uint64_t hash)
{
    return (size_t)hash & (h->slots_n - 1);
}

static bool is_of(const struct history *h, const struct slot *s, struct span id, uint64_t hash)
{
    return s->hash == hash && span_eq(id_at(h, s->next - 1), id);
}

/* The slot of this id, or the free one where it would stand. There are slots. */
static size_t slot_of(const struct history *h, struct span id, uint64_t hash)
{
    size_t i = home_of(h, hash);

    while (h->slots[i].next && !is_of(h, &h->slots[i], id, hash))
        i = (i + 1) & (h->slots_n - 1);
    return i;
}

static size_t free_slot_of(const struct history *h, uint64_t hash)
{
    size_t i = home_of(h, hash);

    while (h->slots[i].next)
        i = (i + 1) & (h->slots_n - 1);
    return i;
}

/* Room for one more id. false: no memory. */
static bool grow(struct history *h)
{
    struct slot *old = h->slots;
    size_t old_n = h->slots_n, n = old_n ? 2 * old_n : SLOTS_MIN;

    if (h->ids < old_n / 4 * 3)
        return true;
    h->slots = n <= SLOTS_MAX ? mem_zalloc(n, sizeof(*h->slots)) : NULL;
    if (!h->slots) {
        h->slots = old;
        return false;
    }
    h->slots_n = n;
    for (size_t i = 0; i < old_n; i++)
        if (old[i].next)
            h->slots[free_slot_of(h, old[i].hash)] = old[i];
    mem_free(old);
    return true;
}

/* Free a slot, and let those behind it move up whose home is not behind it. */
static void free_slot(struct history *h, size_t hole)
{
    size_t mask = h->slots_n - 1;

    for (size_t i = (hole + 1) & mask; h->slots[i].next; i = (i + 1) & mask) {
        size_t home = home_of(h, h->slots[i].hash);

        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        h->slots[hole] = h->slots[i];
        hole = i;
    }
    h->slots[hole] = (struct slot){0};
    h->ids--;
}

/* ---- the ring ---- */

static void drop_oldest(struct history *h)
{
    const struct entry *en = entry_at(h, h->tail);
    struct span id = id_at(h, h->tail);
    size_t slot = slot_of(h, id, span_hash(id));

    if (h->slots[slot].next == h->tail + 1)
        free_slot(h, slot);
    if (!is_more(en)) {
        h->requests--;
        h->fallen++;
    }
    h->entries--;
    h->tail += en->bytes;
}

/* Where an entry of so many bytes goes. What is left of a chunk belongs to the entry before. */
static history_at next_place(struct history *h, size_t bytes)
{
    size_t left = CHUNK - h->head % CHUNK;

    if (bytes <= left)
        return h->head;
    if (h->entries)
        entry_at(h, h->newest)->bytes += (uint32_t)left;
    else
        h->tail += left;
    h->head += left;
    return h->head;
}

/* Its memory, with nobody in the way. NULL: there is none. */
static struct entry *make_room(struct history *h, size_t bytes, bool more)
{
    history_at at = next_place(h, bytes);
    char **chunk = &h->chunks[at / CHUNK % h->ring];

    while (h->entries &&
           (at + bytes - h->tail > h->ring * CHUNK || (!more && h->requests == HISTORY_REQUESTS) ||
            h->ids >= SLOTS_MAX / 4 * 3))
        drop_oldest(h);
    if (!*chunk) {
        *chunk = mem_alloc(CHUNK);
        h->chunks_n += *chunk != NULL;
    }
    return *chunk && grow(h) ? entry_at(h, at) : NULL;
}

static size_t measure(const struct record *r, uint8_t lens[TEXTS])
{
    size_t n = sizeof(struct entry);

    for (size_t i = 0; i < TEXTS; i++) {
        lens[i] = (uint8_t)strnlen((const char *)r + texts[i].at, texts[i].cap - 1);
        n += lens[i];
    }
    return (n + 7) / 8 * 8;
}

static void fill(struct entry *en, const struct record *r)
{
    char *to = en->text;

    memcpy(en->numbers, r, NUMBERS);
    for (size_t i = 0; i < TEXTS; i++) {
        memcpy(to, (const char *)r + texts[i].at, en->lens[i]);
        to += en->lens[i];
    }
}

void history_add(struct history *h, const struct record *r)
{
    uint8_t lens[TEXTS];
    size_t bytes = measure(r, lens), slot;
    uint64_t hash;
    struct entry *en = make_room(h, bytes, r->more);

    if (!en) {
        h->missed++;
        return;
    }
    memcpy(en->lens, lens, sizeof(lens));
    en->bytes = (uint32_t)bytes;
    en->back = h->entries ? (uint32_t)(h->head - h->newest) : 0;
    fill(en, r);
    hash = span_hash(span_of(en->text, lens[0]));
    slot = slot_of(h, span_of(en->text, lens[0]), hash);
    en->same = h->slots[slot].next ? h->slots[slot].next - 1 : NOWHERE;
    h->ids += h->slots[slot].next == 0;
    h->slots[slot] = (struct slot){h->head + 1, hash};
    h->newest = h->head;
    h->head += bytes;
    h->entries++;
    h->requests += !r->more;
}

/* ---- reading ---- */

size_t history_find(const struct history *h, struct span id, history_at ret[HISTORY_TRIES])
{
    size_t slot = h->slots_n ? slot_of(h, id, span_hash(id)) : 0, n = 0;

    if (!h->slots_n || !h->slots[slot].next)
        return 0;
    for (history_at at = h->slots[slot].next - 1;
         at != NOWHERE && at >= h->tail && n < HISTORY_TRIES; at = entry_at(h, at)->same)
        ret[n++] = at;
    for (size_t i = 0; i < n / 2; i++) { /* they were met from the newest on */
        history_at swap = ret[i];

        ret[i] = ret[n - 1 - i];
        ret[n - 1 - i] = swap;
    }
    return n;
}

bool history_newest(const struct history *h, history_at *ret)
{
    *ret = h->newest;
    return h->entries > 0;
}

bool history_before(const struct history *h, history_at *at)
{
    if (*at == h->tail)
        return false;
    *at -= entry_at(h, *at)->back;
    return true;
}

void history_read(const struct history *h, history_at at, struct record *ret)
{
    const struct entry *en = entry_at(h, at);
    const char *from = en->text;

    memset(ret, 0, sizeof(*ret));
    memcpy(ret, en->numbers, NUMBERS);
    for (size_t i = 0; i < TEXTS; i++) {
        memcpy((char *)ret + texts[i].at, from, en->lens[i]);
        from += en->lens[i];
    }
}

void history_facts(const struct history *h, struct history_facts *ret)
{
    struct record oldest = {0};

    if (h->entries)
        history_read(h, h->tail, &oldest);
    *ret = (struct history_facts){.requests = h->requests,
                                  .fallen = h->fallen,
                                  .missed = h->missed,
                                  .bytes = sizeof(*h) + h->chunks_n * CHUNK +
                                           h->slots_n * sizeof(*h->slots),
                                  .oldest_ms = oldest.wall_ms};
}
