/*
 * keeper.c - the life of the keeper: it drives the gateway's own engines, by the configuration that
 * the gateway began with, and asks all engines how they are, by the one in use.
 *
 * It may die at any moment: engines are the master's children, and the next keeper is told what
 * runs.
 */
#include <unistd.h>

#include "cmd/link_ev.h"
#include "cmd/run.h"
#include "engine/poll.h"
#include "engine/supervise.h"
#include "engine/survival.h"
#include "net/net_uv.h"

struct keeper {
    const struct run *run;
    struct ev *ev;
    struct net *net;
    struct resolver *resolver;
    struct call_pools *pools;
    struct supervise *supervise;
    struct poll *poll;
    struct survival *survival;
    struct link_ev link;
};

static bool is_engine(const struct settings_provider *p)
{
    return p->type->engine;
}

static void use(struct keeper *k, struct settings *settings)
{
    call_pools_use(k->pools, settings);
    poll_use(k->poll, settings);
    survival_use(k->survival, settings);
}

static void take_config(struct keeper *k, uint64_t generation, int fd)
{
    struct settings *settings = NULL;
    struct err e;

    if (run_settings(&settings, k->run, fd, &e) < 0) {
        run_say("keeper: %s", e.text);
        return;
    }
    use(k, settings);
    settings_unref(&settings);
    link_ev_send(&k->link, (struct link_msg){.type = LINK_READY, .number = generation});
}

static void on_msg(void *arg, const struct link_msg *m, int fd)
{
    struct keeper *k = arg;

    if (m->type == LINK_CONFIG)
        take_config(k, m->number, fd);
    else if (m->type == LINK_ENGINE_STATE)
        supervise_state(k->supervise, m->index, m->number, m->status);
    else if (m->type == LINK_DRAIN)
        ev_stop(k->ev);
    if (fd >= 0)
        (void)close(fd);
}

static void ask_start(void *arg, uint32_t index)
{
    struct keeper *k = arg;

    link_ev_send(&k->link, (struct link_msg){.type = LINK_ENGINE_START, .index = index});
}

static void ask_stop(void *arg, uint32_t index)
{
    struct keeper *k = arg;

    link_ev_send(&k->link, (struct link_msg){.type = LINK_ENGINE_STOP, .index = index});
}

static void say(void *arg, const char *line)
{
    UNUSED(arg);
    run_say("%s", line);
}

static int keep(struct keeper *k, const struct run *run, const struct proc_place *place,
                struct settings *settings, struct err *e)
{
    struct supervise_conf conf = {.ev = k->ev,
                                  .board = run->board,
                                  .start = ask_start,
                                  .stop = ask_stop,
                                  .say = say,
                                  .arg = k};
    struct poll_conf polls = {
        .ev = k->ev, .board = run->board, .workers = run->workers, .say = say, .arg = k};
    struct survival_conf survival = {
        .ev = k->ev, .board = run->board, .workers = run->workers, .say = say, .arg = k};
    int rc = -1;

    if (call_pools_new(&k->pools, k->net, k->resolver, e) < 0)
        return -1;
    call_pools_want(k->pools, is_engine);
    conf.pools = polls.pools = k->pools;
    k->link = (struct link_ev){
        .ev = k->ev, .link = place->link, .row = &run->board->keeper, .on_msg = on_msg, .arg = k};
    if (supervise_new(&k->supervise, &conf, run->first, e) == 0 &&
        poll_new(&k->poll, &polls, e) == 0 && survival_new(&k->survival, &survival, e) == 0 &&
        link_ev_open(&k->link, e) == 0) {
        use(k, settings);
        link_ev_send(&k->link, (struct link_msg){.type = LINK_READY, .number = place->generation});
        ev_uv_run(k->ev);
        rc = 0;
    }
    link_ev_close(&k->link);
    survival_free(&k->survival);
    poll_free(&k->poll);
    supervise_free(&k->supervise);
    call_pools_free(&k->pools);
    return rc;
}

int run_keeper(const struct run *run, const struct proc_place *place)
{
    struct resolver_conf names = {0};
    struct keeper k = {.run = run};
    struct settings *settings = NULL;
    struct err e;
    int rc = -1;

    if (ev_uv_new(&k.ev, &e) == 0 && net_uv_new(&k.net, k.ev, &e) == 0 &&
        resolve_ares_new(&k.resolver, k.ev, &names, &e) == 0 &&
        run_settings(&settings, run, place->config_fd, &e) == 0)
        rc = keep(&k, run, place, settings, &e);
    if (rc < 0)
        run_say("keeper: %s", e.text);
    settings_unref(&settings);
    resolve_free(&k.resolver);
    net_uv_free(&k.net);
    ev_uv_free(&k.ev);
    return rc == 0 ? 0 : 1;
}
