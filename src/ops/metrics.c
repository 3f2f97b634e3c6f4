/*
 * metrics.c - see metrics.h.
 *
 * A series is found by its key: the metric and its label values, each with its length in front.
 * Chains hang in a table of fixed size, hashed with a seed of this process.
 *
 *     fits                        -> as it is
 *     lines_max reached           -> labels marked '*' become "other"; a quarter more is kept
 *                                    free for these, and for metrics without such labels
 *     that is used up too         -> every label becomes "other": one series a metric, always
 *
 * Invariant: lines <= lines_max + a quarter + METRICS series with all labels "other".
 */
#include "ops/metrics.h"

#include <xxhash.h>

#include "base/list.h"
#include "base/mem.h"

#define SLOTS   4096
#define KEY_MAX (2 + METRICS_LABELS * (1 + METRICS_LABEL_MAX))

/* clang-format off */
static const double bounds_request[] = {
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    163.84, 327.68, 655.36,
};
static const double bounds_first[] = {
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 15, 20,
    30, 45, 60,
};
static const double bounds_overhead[] = {
    0.00005, 0.0001, 0.00015, 0.0002, 0.0003, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
};
static const double bounds_pace[] = {
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
};
static const double bounds_tokens[] = {
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
};

#define BOUNDS_NONE    NULL, 0
#define BOUNDS_REQUEST bounds_request, ARRAY_LEN(bounds_request)
#define BOUNDS_FIRST   bounds_first, ARRAY_LEN(bounds_first)
#define BOUNDS_OVERHEAD bounds_overhead, ARRAY_LEN(bounds_overhead)
#define BOUNDS_PACE    bounds_pace, ARRAY_LEN(bounds_pace)
#define BOUNDS_TOKENS  bounds_tokens, ARRAY_LEN(bounds_tokens)
#define UNWRAP(...)    __VA_ARGS__

static const struct metric_row rows[METRICS] = {
#define X(id, name, type, bounds, labels, help)                                                    \
    [METRIC_##id] = {name, METRIC_##type, BOUNDS_##bounds, {UNWRAP labels}, help},
#include "ops/metrics.def"
#undef X
};
/* clang-format on */

_Static_assert(ARRAY_LEN(bounds_first) <= METRICS_BOUNDS_MAX, "bounds");
_Static_assert(METRICS_LABEL_MAX <= UINT8_MAX, "a length is one byte");

struct series {
    struct series *chain;
    struct list link; /* of its metric */
    uint64_t hash;
    double value;
    size_t key_n;
    uint64_t *counts; /* behind the key; NULL: no histogram */
    char key[];
};

struct key {
    char p[KEY_MAX];
    size_t n;
    uint64_t hash;
};

struct metrics {
    uint64_t seed;
    size_t lines, lines_max, reserve;
    uint64_t dropped;
    struct key key; /* of the series that is looked for */
    struct list of[METRICS];
    struct series *slots[SLOTS];
};

enum folding { AS_IT_IS, WORLD_IS_OTHER, ALL_IS_OTHER };

const struct metric_row *metrics_row(enum metric id)
{
    MUST((size_t)id < METRICS);
    return &rows[id];
}

size_t metrics_labels_n(const struct metric_row *row)
{
    size_t n = 0;

    while (n < METRICS_LABELS && row->labels[n])
        n++;
    return n;
}

int metrics_new(struct metrics **ret, size_t lines_max, uint64_t seed, struct err *e)
{
    struct metrics *m = mem_zalloc(1, sizeof(*m));

    if (!m)
        return err_set(e, ERR_NOMEM, "metrics: no memory");
    m->seed = seed;
    m->lines_max = lines_max;
    m->reserve = lines_max / 4;
    for (size_t i = 0; i < METRICS; i++)
        list_init(&m->of[i]);
    *ret = m;
    return 0;
}

void metrics_free(struct metrics **mp)
{
    struct metrics *m = *mp;

    *mp = NULL;
    if (!m)
        return;
    for (size_t i = 0; i < METRICS; i++)
        LIST_EACH(it, &m->of[i])
    mem_free(LIST_ENTRY(it, struct series, link));
    mem_free(m);
}

/* ---- keys ---- */

static const struct key *make_key(struct metrics *m, enum metric id, const struct span *labels,
                                  enum folding folding)
{
    const struct metric_row *row = metrics_row(id);
    size_t labels_n = metrics_labels_n(row);
    struct key *k = &m->key;

    k->p[0] = (char)(id & 0xff);
    k->p[1] = (char)(id >> 8);
    k->n = 2;
    for (size_t i = 0; i < labels_n; i++) {
        bool other = folding == ALL_IS_OTHER || (folding && row->labels[i][0] == '*');
        struct span v = other ? SPAN_LIT("other") : labels[i];

        v.n = MIN(v.n, (size_t)METRICS_LABEL_MAX);
        k->p[k->n++] = (char)v.n;
        if (v.n)
            memcpy(k->p + k->n, v.p, v.n);
        k->n += v.n;
    }
    k->hash = XXH3_64bits_withSeed(k->p, k->n, m->seed);
    return k;
}

static struct series *find(const struct metrics *m, const struct key *k)
{
    struct series *s = m->slots[k->hash % SLOTS];

    while (s && (s->hash != k->hash || s->key_n != k->n || memcmp(s->key, k->p, k->n) != 0))
        s = s->chain;
    return s;
}

/* ---- series ---- */

static size_t lines_of(const struct metric_row *row)
{
    return row->bounds ? row->bounds_n + 3 : 1;
}

static struct series *make(struct metrics *m, enum metric id, const struct key *k)
{
    const struct metric_row *row = metrics_row(id);
    size_t head = offsetof(struct series, key) + k->n;
    struct series *s;

    head += -head % sizeof(uint64_t);
    s = mem_zalloc(1, head + (row->bounds ? (row->bounds_n + 1) * sizeof(uint64_t) : 0));
    if (!s)
        return NULL;
    if (row->bounds)
        s->counts = (uint64_t *)(void *)((char *)s + head);
    s->hash = k->hash;
    s->key_n = k->n;
    memcpy(s->key, k->p, k->n);
    s->chain = m->slots[k->hash % SLOTS];
    m->slots[k->hash % SLOTS] = s;
    list_init(&s->link);
    list_push(&m->of[id], &s->link);
    m->lines += lines_of(row);
    return s;
}

static bool of_the_world(const struct metric_row *row)
{
    for (size_t i = 0; i < METRICS_LABELS && row->labels[i]; i++)
        if (row->labels[i][0] == '*')
            return true;
    return false;
}

/* The series to count in: the wanted one, or what stands for it at the bounds. NULL: no memory. */
static struct series *get(struct metrics *m, enum metric id, const struct span *labels)
{
    const struct metric_row *row = metrics_row(id);
    const size_t most[] = {
        [AS_IT_IS] = m->lines_max + (of_the_world(row) ? 0 : m->reserve),
        [WORLD_IS_OTHER] = m->lines_max + m->reserve,
        [ALL_IS_OTHER] = SIZE_MAX,
    };
    struct series *s = NULL;

    for (size_t i = AS_IT_IS; i <= ALL_IS_OTHER; i++) {
        const struct key *k = make_key(m, id, labels, (enum folding)i);

        s = find(m, k);
        if (!s && m->lines + lines_of(row) <= most[i]) {
            s = make(m, id, k);
            m->dropped += !s;
            return s;
        }
        if (s)
            break;
        m->dropped += i == AS_IT_IS;
    }
    return s;
}

void metrics_add(struct metrics *m, enum metric id, const struct span *labels, double by)
{
    struct series *s = get(m, id, labels);

    MUST(rows[id].type == METRIC_COUNTER);
    if (s)
        s->value += by;
}

void metrics_set(struct metrics *m, enum metric id, const struct span *labels, double to)
{
    struct series *s = get(m, id, labels);

    MUST(rows[id].type != METRIC_HISTOGRAM);
    if (s)
        s->value = to;
}

void metrics_observe(struct metrics *m, enum metric id, const struct span *labels, double value)
{
    struct series *s = get(m, id, labels);
    size_t i = 0;

    MUST(rows[id].type == METRIC_HISTOGRAM);
    if (!s)
        return;
    while (i < rows[id].bounds_n && value > rows[id].bounds[i])
        i++;
    s->counts[i]++;
    s->value += value;
}

static void unchain(struct metrics *m, const struct series *s)
{
    struct series **at = &m->slots[s->hash % SLOTS];

    while (*at != s)
        at = &(*at)->chain;
    *at = s->chain;
}

void metrics_clear(struct metrics *m, enum metric id)
{
    LIST_EACH(it, &m->of[id])
    {
        struct series *s = LIST_ENTRY(it, struct series, link);

        unchain(m, s);
        list_del(it);
        m->lines -= lines_of(&rows[id]);
        mem_free(s);
    }
}

uint64_t metrics_dropped(const struct metrics *m)
{
    return m->dropped;
}

size_t metrics_lines(const struct metrics *m)
{
    return m->lines;
}

/* ---- reading ---- */

bool metrics_next(const struct metrics *m, enum metric id, const void **at,
                  struct metrics_series *ret)
{
    const struct list *next = *at ? ((const struct list *)*at)->next : m->of[id].next;
    const struct series *s;
    size_t k = 2;

    if (next == &m->of[id])
        return false;
    *at = next;
    s = (const struct series *)(const void *)((const char *)next - offsetof(struct series, link));
    *ret = (struct metrics_series){.value = s->value, .counts = s->counts};
    for (size_t i = 0; k < s->key_n; i++) {
        ret->labels[i] = span_of(s->key + k + 1, (unsigned char)s->key[k]);
        k += 1 + ret->labels[i].n;
    }
    return true;
}

double metrics_quantile(const double *bounds, size_t bounds_n, const uint64_t *counts, double q)
{
    double all = 0, rank, low, seen = 0;

    for (size_t i = 0; i <= bounds_n; i++)
        all += (double)counts[i];
    rank = q * all;
    for (size_t i = 0; i < bounds_n && all > 0; i++) {
        double n = (double)counts[i];

        low = i ? bounds[i - 1] : 0;
        if (n > 0 && seen + n >= rank)
            return low + (bounds[i] - low) * (rank - seen) / n;
        seen += n;
    }
    return all > 0 ? bounds[bounds_n - 1] : 0;
}
