/*
 * yaml.h - YAML text as a tree of nodes that know where they stand.
 *
 * A strict subset: no tabs, tags, duplicate keys, second documents, complex keys. An anchor may
 * only be defined inside a top-level key that begins with "x-"; its alias may then stand
 * anywhere. Scalars have no type: `no`, `1.10` and `12:30` stay text, and the key decides. JSON
 * is YAML.
 *
 * Everything is bounded: bytes, depth, and nodes with every use of an alias counted in full, so
 * that walking the tree costs no more than YAML_NODES_MAX steps.
 *
 * Room: conf (uses base codec). Threads: one owner.
 */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include "base/arena.h"
#include "conf/report.h"

#define YAML_BYTES_MAX   ((size_t)1024 * 1024)
#define YAML_DEPTH_MAX   32 /* the top-level map is depth 1 */
#define YAML_NODES_MAX   100000
#define YAML_ANCHORS_MAX 256

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    bool null;        /* a scalar that says nothing: empty, ~ or null without quotes */
    struct span text; /* of a scalar */
    struct conf_place at;
    struct yaml_node *key;          /* in a map: the key that this is the value of */
    struct yaml_node *next;         /* in a list or map: the next one */
    struct yaml_node *first, *last; /* of a list or map */
    uint32_t n;                     /* how many stand there */
    uint32_t weight;                /* nodes of the whole subtree, this and keys included */
    uint32_t height;                /* levels of the subtree, 1 for a scalar */
};

/* Parse; the tree lives in the arena. *ret is never NULL on success: an empty text is an empty
 * map. -1 with ERR_CONFIG: what is wrong is in the report. Then *ret is set when the text could
 * be read to its end (duplicate keys, tags), so that the rest can be checked too, and otherwise
 * untouched. */
MUST_CHECK int yaml_parse(struct yaml_node **ret, struct span text, struct arena *a,
                          struct conf_report *report, struct err *e);

/* "a map", "a list", "a single value". */
const char *yaml_kind_name(enum yaml_kind kind);

#endif
