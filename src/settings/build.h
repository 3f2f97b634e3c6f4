/*
 * build.h - what the files that make a snapshot share.
 *
 * Each part turns its keys into values and complains about what only shows when several keys are
 * seen together. A complaint does not stop the work: all of them are wanted at once.
 *
 * Room: settings. Private to the room.
 */
#ifndef SETTINGS_BUILD_H
#define SETTINGS_BUILD_H

#include "base/env.h"
#include "settings/keys.h"
#include "settings/types.h"

#define SETTINGS_MAGIC            0x5e77195aU
#define SETTINGS_BYTES_MAX        ((size_t)64 * 1024 * 1024)
#define SETTINGS_SECRET_BYTES_MAX ((size_t)64 * 1024)

/* Where the keys stand that only a start takes into use (at_start.c). */
struct build_places {
    struct conf_place listen, admin, tls, drain, workers, user;
    struct build_engine_places {
        struct conf_place engine, endpoints;
    } *engines; /* one for each of settings.engines */
};

/* What stands behind a struct settings. */
struct snapshot {
    uint32_t magic;
    struct settings pub;
    struct arena arena;
    struct secret_arena *secrets;
    const struct settings_model **by_name; /* sorted */
    struct build_places places;
    uint64_t route_id; /* trial.c */
};

struct build {
    struct snapshot *snap;
    const struct keys_config *keys;
    const struct env *env;
    struct conf_report *report;
    bool priced; /* the price file was read without a complaint */
    bool nomem;
};

struct snapshot *settings_snapshot(const struct settings *s);

/* Memory of the snapshot, cleared; NULL notes the want. */
void *build_alloc(struct build *b, size_t count, size_t size);
struct span build_dup(struct build *b, struct span s);

/* A value of the file as text of the snapshot; absent stays absent. */
struct span build_text(struct build *b, const struct conf_value *v);

/* An entry's own value, else what all inherit. */
static inline uint64_t build_either(const struct conf_value *own,
                                    const struct conf_value *inherited)
{
    return own->set && !own->bad ? own->num : inherited->num;
}

/* A URL whose text is copied into the snapshot. The text was read before. */
struct settings_url build_url(struct build *b, struct span text);

/* The secret that a reference names. -1: complained about. */
MUST_CHECK int build_secret(struct build *b, const struct conf_value *v, struct secret *ret);

/* The proxy that the environment asks for towards a URL; set is false when there is none. */
void build_env_proxy(struct build *b, const struct settings_url *to, struct settings_proxy *ret);

/* given: the price file's text where it was read before; absent: it is read now. */
void build_prices(struct build *b, struct span given);

/* Where the provider's credentials come from; all else of it is built. */
void build_credential(struct build *b, const struct keys_provider *k, struct settings_provider *p);

/* What settings_route_id() says; all else of the snapshot is built. */
struct yaml_node;
void build_route_id(struct build *b, const struct yaml_node *root);

/* What is said of a provider, or of a target of it (then `all` is its provider's). */
struct route_facts build_facts(struct build *b, const struct keys_facts *own,
                               const struct route_facts *all);

/* The words of a list, in the snapshot. */
struct route_words build_words(struct build *b, const struct conf_list *list);

/* The classes whose demands these are known to meet, a bit each. */
uint32_t build_meets(const struct build *b, const struct route_facts *f);

/* The classes that a list names, a bit each; where: what has the list. */
uint32_t build_class_bits(struct build *b, const struct conf_list *list, const char *where,
                          struct span name);

/* Warn of models that nobody can serve for the walls before all their targets. */
void build_check_walls(struct build *b);

/* What a plan says of a target; all of them together, once they are there. */
void build_place_of_target(struct build *b, const struct keys_target *k, struct settings_target *t);
void build_plan(struct build *b, const struct keys_model *k, struct settings_model *m,
                struct settings_target *targets);

/* Which of what providers share is watched; and, with the models, a list of all of it. */
void build_fates(struct build *b);
void build_fate_list(struct build *b);

/* What all targets of a model share, if there is such a thing. */
bool build_shared_by_all(const struct settings_model *m, struct settings_fate *ret);

void build_classes(struct build *b);
void build_server(struct build *b);
void build_providers(struct build *b);
void build_models(struct build *b);
void build_clients(struct build *b);

/* By the name under `providers`; NULL. */
const struct settings_provider *build_find_provider(const struct build *b, struct span name);

/* E031 with the list of providers. */
void build_no_provider(struct build *b, struct conf_place at, const char *where, struct span name);

#endif
