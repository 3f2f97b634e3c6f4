/*
 * ops.h - what operators see: the admin port with health, metrics and status; the access log.
 *
 * Lives in the clerk (or, with --single, beside the worker). It reads the board and the outcome
 * records that workers send; nothing that answers a client waits for it.
 *
 *   GET /livez     200 unless no worker has turned for 15 s
 *   GET /readyz    200 when at least one worker serves the current configuration and the gateway
 *                  is not draining; ?verbose lists the reasons
 *   GET /startupz  200 once all workers have turned
 *   GET /metrics   Prometheus text, version 0.0.4
 *   GET /api/v1/status   JSON, what `lamplighter status` prints
 *   GET /api/v1/requests      the latest requests
 *   GET /api/v1/requests/ID   one of them, with its attempts
 *   POST /api/v1/route   where a request would go now, and why: question.h
 *   POST /api/v1/reload  asks for a reload; answers with its result, which may be that the new
 *                        configuration is on trial; ?now: without a trial
 *   GET /api/v1/trial    the trial of a configuration that runs, or how the last one ended
 *   POST /api/v1/confirm    takes what is on trial into use
 *   POST /api/v1/override   a word by hand about a target or a model: override.h
 *   POST /api/v1/rollback   takes it back; without a trial, what was in use before comes back
 *
 * The port has no keys: who reaches it may read it, and it listens on loopback by default. Web
 * pages are kept out of /api/: a change needs a header that a page cannot send to another origin
 * ("x-lamplighter-admin: 1", or JSON as content type), and the Host must be an address or
 * "localhost", so that no name can be bent to point here.
 *
 * Room: ops. Threads: one loop.
 */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "board/board.h"
#include "policy/trial.h"
#include "http/server.h"
#include "record/record.h"
#include "settings/settings.h"

struct ops;

/* Where would such a request go? Spans are absent where nothing was said. */
struct ops_question {
    struct span path, model, key; /* as the client calls; key: the name of one of its keys */
    struct span data_class, tags, conversation; /* as their headers would say them, or absent */
    struct span body;
};

enum ops_reloaded { OPS_REFUSED, OPS_TAKEN, OPS_TRIED };
enum ops_decision { OPS_CONFIRM, OPS_ROLL_BACK };

struct ops_conf {
    struct net *net;
    struct board *board;
    uint32_t workers; /* slots in use */
    size_t history;   /* bytes that past requests take (history.h); 0: as many as may be */
    /* The snapshot that the gateway started with: the board's engines are those of it, by index,
     * whatever came later. A reference is taken. */
    struct settings *first;
    int log_fd;    /* access log when the configuration names no file, one JSON line a
                    * request; -1: none. Written without blocking; what does not fit is
                    * dropped and counted */
    int listen_fd; /* > 0: the admin port's socket, bound and listening; it becomes ours. Else
                    * the configuration's address is bound */
    /* Begin a reload; done is called once with the text of the report, not after ops_free().
     * At most one is under way. May be NULL. */
    void (*reload)(void *arg, bool at_once,
                   void (*done)(void *done_arg, enum ops_reloaded how, struct span text),
                   void *done_arg);
    /* Somebody decides about what is on trial, or was taken last. May be NULL. */
    void (*decide)(void *arg, enum ops_decision d);
    /* Append the answer to out, as JSON; nothing is called, and nothing that others see changes.
     * -1: *e says why there is none. May be NULL. */
    int (*explain)(void *arg, const struct ops_question *q, struct settings *settings,
                   struct buf *out, struct err *e);
    /* A line for people, rarely. May be NULL. */
    void (*say)(void *arg, const char *line);
    void *arg;
};

/* Takes a reference of the snapshot and listens on its admin address. */
MUST_CHECK int ops_new(struct ops **ret, const struct ops_conf *conf, struct settings *settings,
                       struct err *e);
void ops_free(struct ops **o);

/* The next snapshot (log settings, names); a log file is opened anew. A changed admin address
 * waits for the next start (settings_compare_start). -1: the new log file does
 * not open, lines go on to where they went before; all else of the snapshot is taken. */
MUST_CHECK int ops_settings(struct ops *o, struct settings *settings, struct err *e);

/* One request is over: count it, log it. */
void ops_record(struct ops *o, const struct record *r);

/* What is to become of the configuration on trial now, and, if it is unproven, what is to be done
 * about that. */
enum trial_verdict ops_judge(const struct ops *o, enum settings_unproven *ret);

/* Write the log's lines now, as far as its reader takes them, and not at the end of the turn. */
void ops_flush(struct ops *o);

/* The address of the admin port. */
const struct net_addr *ops_addr(const struct ops *o);

#endif
