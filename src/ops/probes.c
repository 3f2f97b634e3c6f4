/*
 * probes.c - see probes.h.
 *
 * Why /livez asks for so little: whoever reads it restarts the whole gateway and cuts all its
 * streams. One silent worker is the master's business, which replaces it after 5 s. A gateway
 * whose workers have not begun to turn is silent since its start, not since the beginning of
 * time.
 */
#include "ops/probes.h"

uint64_t probes_silent_us(const struct board *b, uint32_t worker, uint64_t now_us)
{
    uint64_t turned = board_time(&b->workers[worker].turned_us, now_us);

    return now_us - MAX(turned, board_time(&b->started_us, now_us));
}

const char *probes_worker(const struct board *b, uint32_t worker, uint64_t now_us)
{
    const struct board_row *row = &b->workers[worker];

    if (board_get(&row->pid) == 0)
        return "gone";
    if (board_get(&row->turned_us) == 0)
        return "starting";
    if (probes_silent_us(b, worker, now_us) > PROBES_SILENT_US)
        return "silent";
    if (board_get(&row->draining))
        return "draining";
    if (board_get(&row->generation) != board_get(&b->generation))
        return "outdated";
    return "ok";
}

static bool fact(struct buf *why, bool ok, const char *text)
{
    buf_printf(why, "[%c] %s\n", ok ? '+' : '-', text);
    return ok;
}

static void add_workers(struct buf *why, const struct board *b, uint32_t workers, uint64_t now_us)
{
    for (uint32_t i = 0; i < workers; i++) {
        const char *word = probes_worker(b, i, now_us);

        buf_printf(why, "[%c] worker %u: %s\n", strcmp(word, "ok") == 0 ? '+' : '-', i, word);
    }
}

static bool live(const struct board *b, uint32_t workers, uint64_t now_us, struct buf *why)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < workers; i++)
        least = MIN(least, probes_silent_us(b, i, now_us));
    return fact(why, least <= PROBES_LIVE_US, "a worker has turned in the last 15 s");
}

static bool ready(const struct board *b, uint32_t workers, uint64_t now_us, struct buf *why)
{
    bool stays = fact(why, board_get(&b->draining) == 0, "the gateway is not draining");
    bool serves = false;

    for (uint32_t i = 0; i < workers; i++)
        serves |= strcmp(probes_worker(b, i, now_us), "ok") == 0;
    serves = fact(why, serves, "a worker serves the current configuration");
    return stays && serves;
}

static bool started(const struct board *b, uint32_t workers, struct buf *why)
{
    bool all = true;

    for (uint32_t i = 0; i < workers; i++)
        all &= board_get(&b->workers[i].turned_us) != 0;
    return fact(why, all, "all workers have turned");
}

bool probes_check(enum probe p, const struct board *b, uint32_t workers, uint64_t now_us,
                  struct buf *why)
{
    bool ok = false;

    switch (p) {
    case PROBE_LIVE:
        ok = live(b, workers, now_us, why);
        break;
    case PROBE_READY:
        ok = ready(b, workers, now_us, why);
        break;
    case PROBE_STARTED:
        ok = started(b, workers, why);
        break;
    }
    add_workers(why, b, workers, now_us);
    return ok;
}
