/*
 * schema_walk.h - a JSON Schema gone through and written anew, keyword by keyword: the walk that is
 * the same for all who change schemas.
 *
 * No recursion: what is open is a stack, as deep as a tree may be.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_SCHEMA_WALK_H
#define DIALECT_SCHEMA_WALK_H

#include "codec/json_tree.h"
#include "codec/json_write.h"

/* A schema; an object whose members are schemas; a list of them. */
enum schema_kind { SCHEMA_ONE, SCHEMA_MAP, SCHEMA_LIST };

struct schema_level {
    enum schema_kind kind;
    union {
        yyjson_obj_iter members;
        yyjson_arr_iter items;
    };
    yyjson_val *v;
    struct json_at at;
    unsigned marks; /* the ops' own ... */
    size_t nest;    /* ... as this is */
};

struct schema_walk;

/* All but `open` and `close` are there. -1: the walk ends, and they have said why. */
struct schema_ops {
    /* Its bracket is written. */
    int (*open)(struct schema_walk *s, struct schema_level *l);
    /* A member of a schema: written in full, gone into by schema_walk_enter(), or left out. */
    int (*keyword)(struct schema_walk *s, struct schema_level *l, yyjson_val *key);
    /* Something else stands where something to be gone into is due; its key is written. */
    int (*plain)(struct schema_walk *s, yyjson_val *v, const struct json_at *at);
    /* Its closing bracket is about to be written. */
    void (*close)(struct schema_walk *s, const struct schema_level *l);
};

struct schema_walk {
    const struct schema_ops *ops;
    void *arg;
    struct json_write *w;
    struct schema_level stack[JSON_TREE_DEPTH + 1];
    size_t depth;
};

MUST_CHECK int schema_walk_enter(struct schema_walk *s, enum schema_kind kind, yyjson_val *v,
                                 struct json_at at, unsigned marks);

/* From the root to its end. */
MUST_CHECK int schema_walk(struct schema_walk *s, yyjson_val *root, struct json_at at);

#endif
