/*
 * status_read.c - see status_read.h. One scan of the text for each group of members.
 */
#include "cmd/status_read.h"

#include "codec/json_scan.h"
#include "codec/utf8.h"

enum kind { TEXT, NUMBER, YES, NO }; /* YES: true is true; NO: false is true */

struct member {
    const char *path;
    enum kind kind;
    size_t at;
};

#define DOC(field)    offsetof(struct status_doc, field)
#define WORKER(field) offsetof(struct status_worker, field)
#define ENGINE(field) offsetof(struct status_engine, field)
#define CRED(field)   offsetof(struct status_cred, field)
#define MODEL(field)  offsetof(struct status_model, field)
#define TARGET(field) offsetof(struct status_target, field)

static const struct member doc_members[] = {
    {"version", TEXT, DOC(version)},
    {"uptime_s", NUMBER, DOC(uptime_s)},
    {"config.id", TEXT, DOC(config_id)},
    {"config.source", TEXT, DOC(config_source)},
    {"config.reloaded", TEXT, DOC(reloaded)},
    {"config.reload_ok", NO, DOC(reload_failed)},
    {"live", YES, DOC(is_live)},
    {"ready", YES, DOC(is_ready)},
    {"draining", YES, DOC(draining)},
    {"requests_per_s", NUMBER, DOC(requests_per_s)},
    {"requests_live", NUMBER, DOC(live)},
    {"connections", NUMBER, DOC(connections)},
    {"window_s", NUMBER, DOC(window_s)},
    {"overhead_p99_s", NUMBER, DOC(overhead_p99_s)},
    {"dropped.log_lines", NUMBER, DOC(dropped_lines)},
    {"dropped.records", NUMBER, DOC(dropped_records)},
    {"dropped.series", NUMBER, DOC(dropped_series)},
};

static const struct member worker_members[] = {
    {"workers[].slot", NUMBER, WORKER(slot)},
    {"workers[].pid", NUMBER, WORKER(pid)},
    {"workers[].state", TEXT, WORKER(state)},
    {"workers[].silent_s", NUMBER, WORKER(silent_s)},
    {"workers[].requests", NUMBER, WORKER(requests)},
    {"workers[].requests_live", NUMBER, WORKER(live)},
    {"workers[].connections", NUMBER, WORKER(conns)},
    {"workers[].crashes", NUMBER, WORKER(crashes)},
};

static const struct member engine_members[] = {
    {"engines[].provider", TEXT, ENGINE(provider)},
    {"engines[].state", TEXT, ENGINE(state)},
    {"engines[].pid", NUMBER, ENGINE(pid)},
    {"engines[].restarts", NUMBER, ENGINE(restarts)},
};

static const struct member cred_members[] = {
    {"credentials[].provider", TEXT, CRED(provider)},
    {"credentials[].source", TEXT, CRED(source)},
    {"credentials[].state", TEXT, CRED(state)},
    {"credentials[].until", TEXT, CRED(until)},
    {"credentials[].fetched", NUMBER, CRED(fetched)},
    {"credentials[].failed", NUMBER, CRED(failed)},
    {"credentials[].why", TEXT, CRED(why)},
};

static const struct member model_members[] = {
    {"models[].model", TEXT, MODEL(model)},
    {"models[].requests", NUMBER, MODEL(requests)},
    {"models[].ok_ratio", NUMBER, MODEL(ok_ratio)},
    {"models[].first_p50_s", NUMBER, MODEL(first_p50_s)},
    {"models[].first_p95_s", NUMBER, MODEL(first_p95_s)},
};

static const struct member target_members[] = {
    {"targets[].target", TEXT, TARGET(target)},
    {"targets[].state", TEXT, TARGET(state)},
    {"targets[].for_s", NUMBER, TARGET(for_s)},
    {"targets[].silent_after_s", NUMBER, TARGET(silent_after_s)},
    {"targets[].requests_live", NUMBER, TARGET(live)},
};

/* Of the model read last: its rows are innermost. */
static const struct member server_members[] = {
    {"models[].model", TEXT, SIZE_MAX},
    {"models[].served_by[].target", TEXT, offsetof(struct status_model, served_by[0].target)},
    {"models[].served_by[].requests", NUMBER, offsetof(struct status_model, served_by[0].requests)},
};

#define SERVER_SIZE sizeof(((struct status_model *)NULL)->served_by[0])

struct scan {
    const struct member *members;
    char *rows; /* of `size` bytes each */
    size_t size, max, n;
    struct status_doc *doc; /* for server_members */
    size_t model;
};

/* Make n bytes fit for a terminal: what is a control character (U+0080 to U+009F are), or no
 * character at all because the text was cut, becomes question marks. */
static void tame(char *p, size_t n, bool newlines)
{
    unsigned char *at = (unsigned char *)p, *end = at + n;

    while (at < end) {
        size_t len = utf8_len(at, end);
        bool control = (*at < 0x20 && !(*at == '\n' && newlines)) || *at == 0x7f ||
                       (*at == 0xC2 && len == 2 && at[1] < 0xA0);

        if (control || len == 0)
            memset(at, '?', MAX(len, (size_t)1));
        at += MAX(len, (size_t)1);
    }
}

static void put_text(char out[STATUS_TEXT], struct span raw)
{
    char whole[6 * STATUS_TEXT];
    size_t n = json_unescape(raw, whole, sizeof(whole));

    n = n == SIZE_MAX ? 0 : MIN(n, (size_t)STATUS_TEXT - 1);
    memcpy(out, whole, n);
    tame(out, n, false);
    out[n] = '\0';
}

/* Within bounds, so that whoever prints it may make a whole number of it. */
static double number_of(struct span raw)
{
    char text[32];
    size_t n = MIN(raw.n, sizeof(text) - 1);
    double v;

    memcpy(text, raw.p, n);
    text[n] = '\0';
    if (sscanf(text, "%lf", &v) != 1)
        return 0;
    return MIN(MAX(v, -1.0), STATUS_NUMBER_MAX);
}

static void put(const struct member *m, char *at, const struct json_hit *hit)
{
    if (m->kind == TEXT && hit->type == JSON_STRING) {
        put_text(at, hit->raw);
    } else if (m->kind == NUMBER && hit->type == JSON_NUMBER) {
        *(double *)(void *)at = number_of(hit->raw);
    } else if (m->kind == NUMBER && hit->type == JSON_NULL) {
        *(double *)(void *)at = -1;
    } else if (m->kind == YES || m->kind == NO) {
        *(bool *)at = hit->type == (m->kind == YES ? JSON_TRUE : JSON_FALSE);
    }
}

static bool on_hit(void *arg, const struct json_hit *hit)
{
    struct scan *s = arg;
    const struct member *m = &s->members[hit->id];

    if (hit->index >= s->max)
        return true;
    put(m, s->rows + hit->index * s->size + m->at, hit);
    s->n = MAX(s->n, (size_t)hit->index + 1);
    return true;
}

static bool on_server_hit(void *arg, const struct json_hit *hit)
{
    struct scan *s = arg;
    const struct member *m = &s->members[hit->id];
    struct status_model *model;

    if (m->at == SIZE_MAX) {
        s->model = hit->index;
        return true;
    }
    if (s->model >= STATUS_MODELS || hit->index >= STATUS_SERVERS)
        return true;
    model = &s->doc->models[s->model];
    put(m, (char *)model + m->at + hit->index * SERVER_SIZE, hit);
    model->served_by_n = MAX(model->served_by_n, (size_t)hit->index + 1);
    return true;
}

static int scan(struct scan *s, size_t members_n, struct span text, json_hit_fn fn)
{
    const char *paths[JSON_SCAN_PATHS];
    struct json_watch watch = {paths, members_n};

    MUST(members_n <= ARRAY_LEN(paths));
    for (size_t i = 0; i < members_n; i++)
        paths[i] = s->members[i].path;
    return json_scan_all(&watch, text, fn, s) == JSON_SCAN_DONE ? 0 : -1;
}

int status_read(struct status_doc *doc, struct span text, struct err *e)
{
    struct scan top = {.members = doc_members, .rows = (char *)doc, .max = 1};
    struct scan workers = {.members = worker_members,
                           .rows = (char *)doc->workers,
                           .size = sizeof(doc->workers[0]),
                           .max = STATUS_WORKERS};
    struct scan engines = {.members = engine_members,
                           .rows = (char *)doc->engines,
                           .size = sizeof(doc->engines[0]),
                           .max = STATUS_ENGINES};
    struct scan creds = {.members = cred_members,
                         .rows = (char *)doc->creds,
                         .size = sizeof(doc->creds[0]),
                         .max = STATUS_CREDS};
    struct scan models = {.members = model_members,
                          .rows = (char *)doc->models,
                          .size = sizeof(doc->models[0]),
                          .max = STATUS_MODELS};
    struct scan servers = {.members = server_members, .doc = doc};
    struct scan targets = {.members = target_members,
                           .rows = (char *)doc->targets,
                           .size = sizeof(doc->targets[0]),
                           .max = STATUS_TARGETS};

    if (scan(&top, ARRAY_LEN(doc_members), text, on_hit) < 0 ||
        scan(&workers, ARRAY_LEN(worker_members), text, on_hit) < 0 ||
        scan(&engines, ARRAY_LEN(engine_members), text, on_hit) < 0 ||
        scan(&creds, ARRAY_LEN(cred_members), text, on_hit) < 0 ||
        scan(&models, ARRAY_LEN(model_members), text, on_hit) < 0 ||
        scan(&servers, ARRAY_LEN(server_members), text, on_server_hit) < 0 ||
        scan(&targets, ARRAY_LEN(target_members), text, on_hit) < 0)
        return err_set(e, ERR_PARSE, "what answers there is no admin port: not JSON");
    doc->workers_n = workers.n;
    doc->engines_n = engines.n;
    doc->creds_n = creds.n;
    doc->models_n = models.n;
    doc->targets_n = targets.n;
    return 0;
}

/* ---- replies ---- */

static bool on_reply(void *arg, const struct json_hit *hit)
{
    char *out = arg;
    size_t n;

    if (hit->type != JSON_STRING)
        return true;
    n = json_unescape(hit->raw, out, STATUS_REPLY - 1);
    n = n == SIZE_MAX ? 0 : n;
    tame(out, n, true);
    out[n] = '\0';
    return true;
}

int status_read_reply(char ret[STATUS_REPLY], struct span text, struct err *e)
{
    static const char *const paths[] = {"text", "error.message"};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

    ret[0] = '\0';
    if (json_scan_all(&watch, text, on_reply, ret) != JSON_SCAN_DONE)
        return err_set(e, ERR_PARSE, "what answers there is no admin port: not JSON");
    return 0;
}
