/*
 * probes.h - is the gateway alive, ready, started? Judged from the board alone.
 *
 * Room: ops. Pure. Threads: any.
 */
#ifndef OPS_PROBES_H
#define OPS_PROBES_H

#include "base/buf.h"
#include "board/board.h"

#define PROBES_LIVE_US   UINT64_C(15000000) /* silence of all workers that fails /livez */
#define PROBES_SILENT_US UINT64_C(5000000)  /* silence after which a worker does not serve */

enum probe { PROBE_LIVE, PROBE_READY, PROBE_STARTED };

/* The verdict; `why` gets one line a fact, "[+] ..." or "[-] ...". workers: slots in use. */
bool probes_check(enum probe p, const struct board *b, uint32_t workers, uint64_t now_us,
                  struct buf *why);

/* How long the worker of that slot has not turned; one that never has is silent since the start.
 * How it serves, as one word: "ok", "starting", "silent", "draining", "outdated", "gone". */
uint64_t probes_silent_us(const struct board *b, uint32_t worker, uint64_t now_us);
const char *probes_worker(const struct board *b, uint32_t worker, uint64_t now_us);

#endif
