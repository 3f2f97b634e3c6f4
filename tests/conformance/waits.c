/*
 * waits.c - recorded times to the first token, through what decides when a target is silent.
 *
 * Goal: healthy answers are not given up, also of a target that nobody has seen before; a silent
 * one is, after a time that follows from its own answers. Method: the waits of each provider and
 * model in their order, and SHUFFLES times in another one, each time from nothing known. The first
 * token of a prompt counts as recorded, for a short prompt, which is the harder case.
 *
 * Output: a line a file (waits, the longest, given up in their order and shuffled, the limit at
 * the start and the one at the end), and a last line with the counts and the seed.
 */
#include <yyjson.h>

#include "base/buf.h"
#include "base/rng.h"
#include "data.h"
#include "health/waits.h"

#define WAITS_MAX  1000
#define SHUFFLES   1000
#define FILE_BYTES ((size_t)1024 * 1024)
#define MOST_US    UINT64_C(600000000) /* the configuration's first_token */

struct run {
    struct rng rng;
    unsigned long files, waits, in_order, shuffled;
};

static void on_line(void *arg, struct span line)
{
    buf_add_span(arg, line);
}

/* Those of answers that came, also of ones that the benchmark found too short. */
static size_t read_waits(const char *path, uint64_t us[WAITS_MAX])
{
    size_t n = 0, i, max;
    yyjson_doc *doc;
    yyjson_val *one;
    struct buf text;

    buf_init(&text, FILE_BYTES);
    if (data_lines(path, on_line, &text) < 0)
        return 0;
    doc = yyjson_read(text.p, text.n, 0);
    yyjson_arr_foreach(yyjson_doc_get_root(doc), i, max, one)
    {
        yyjson_val *code = yyjson_obj_get(one, "error_code");
        double s = yyjson_get_num(yyjson_obj_get(one, "ttft_s"));

        if ((yyjson_is_null(code) || yyjson_get_int(code) == -100) && s > 0 && n < WAITS_MAX)
            us[n++] = (uint64_t)(s * 1e6);
    }
    yyjson_doc_free(doc);
    buf_fini(&text);
    return n;
}

static unsigned long given_up(const uint64_t *us, size_t n, uint64_t *ret_limit)
{
    unsigned long ret = 0;
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t limit = MIN(waits_limit_us(word, WAITS_STREAM, 0), MOST_US);

        ret += us[i] > limit;
        word = us[i] > limit ? waits_given_up(word, limit, 0) : waits_note(word, us[i], 0);
    }
    *ret_limit = MIN(waits_limit_us(word, WAITS_STREAM, 0), MOST_US);
    return ret;
}

static void shuffle(struct rng *rng, uint64_t *us, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)rng_below(rng, i);
        uint64_t kept = us[i - 1];

        us[i - 1] = us[k];
        us[k] = kept;
    }
}

static void on_file(void *arg, const char *path)
{
    struct run *run = arg;
    uint64_t us[WAITS_MAX], longest = 0, limit, unused;
    size_t n = read_waits(path, us);
    unsigned long in_order, shuffled = 0;

    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        longest = MAX(longest, us[i]);
    in_order = given_up(us, n, &limit);
    for (unsigned i = 0; i < SHUFFLES; i++) {
        shuffle(&run->rng, us, n);
        shuffled += given_up(us, n, &unused);
    }
    printf(
        "%-24s %4zu waits to %6.2f s, %lu given up, %lu in %u orders, limit %.0f s then %.0f s\n",
        strrchr(path, '/') + 1, n, (double)longest / 1e6, in_order, shuffled, SHUFFLES,
        (double)waits_limit_us(0, WAITS_STREAM, 0) / 1e6, (double)limit / 1e6);
    run->files++;
    run->waits += n;
    run->in_order += in_order;
    run->shuffled += shuffled;
}

int main(int argc, char **argv)
{
    struct run run = {0};
    char path[4096];
    uint64_t seed;

    if (argc != 3 || span_u64(span_str(argv[2]), &seed) < 0)
        return 2;
    rng_init(&run.rng, seed);
    (void)snprintf(path, sizeof(path), "%s/traces/llmperf_latency", argv[1]);
    data_walk(path, ".json.gz", on_file, &run);
    printf("# %lu files, %lu waits, %lu given up, %lu of %lu in other orders, seed %s\n", run.files,
           run.waits, run.in_order, run.shuffled, run.waits * SHUFFLES, argv[2]);
    return 0;
}
