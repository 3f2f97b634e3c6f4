/*
 * json_paths.c - "choices[].delta.content" and its siblings as a tree.
 *
 * Breadth first: a node gets all its children, which so lie side by side, before the next node
 * gets any. A comparison of a key is then a short walk over an array.
 */
#include "codec/json_paths.h"

/* Of each node, while the tree is made. */
struct draft {
    uint64_t paths; /* that end here or go on below */
    uint16_t end;   /* of the step, in each of them */
    uint8_t depth;
};

/* The step that begins at p, behind its '.'. */
static struct json_node read_step(const char *p)
{
    struct json_node step = {.first = (uint8_t)*p, .id = JSON_SCAN_PATHS};
    size_t n = strcspn(p, ".[\\");

    if (*p == '[') {
        MUST(p[1] == ']');
        return step;
    }
    MUST(n >= 1 && n <= JSON_SCAN_KEY && p[n] != '\\');
    step.n = (uint8_t)n;
    return step;
}

/* Put path i, which goes through nodes[parent], among the children of that node. */
static void add_child(struct json_node *nodes, struct draft *drafts, unsigned parent,
                      const struct json_watch *watch, unsigned i)
{
    const char *path = watch->paths[i];
    size_t at = drafts[parent].end;
    struct json_node *up = &nodes[parent];
    struct json_node step;
    unsigned k;

    if (path[at] == '\0') {
        MUST(up->id == JSON_SCAN_PATHS); /* else it stands twice */
        up->id = (uint8_t)i;
        return;
    }
    if (parent && path[at] != '[') {
        MUST(path[at] == '.');
        at++;
    }
    step = read_step(path + at);
    for (k = up->child; k < up->child + up->children; k++)
        if (nodes[k].n == step.n && nodes[k].first == step.first &&
            memcmp(watch->paths[nodes[k].path] + at, path + at, step.n) == 0)
            break;
    MUST(k < JSON_SCAN_NODES);
    if (k == up->child + up->children) {
        up->children++;
        step.at = (uint16_t)at;
        step.path = (uint8_t)i;
        nodes[k] = step;
        drafts[k].paths = 0;
        drafts[k].end = (uint16_t)(at + (step.n ? step.n : 2U));
        drafts[k].depth = (uint8_t)(drafts[parent].depth + 1);
        MUST(drafts[k].depth <= JSON_SCAN_STEPS);
    }
    drafts[k].paths |= UINT64_C(1) << i;
}

void json_paths_sort(struct json_node nodes[JSON_SCAN_NODES], const struct json_watch *watch)
{
    struct draft drafts[JSON_SCAN_NODES];
    size_t n = watch ? watch->n : 0;
    unsigned used = 1;

    MUST(n <= JSON_SCAN_PATHS);
    nodes[0] = (struct json_node){.id = JSON_SCAN_PATHS};
    drafts[0] = (struct draft){.paths = n ? UINT64_MAX >> (64 - n) : 0};
    for (unsigned k = 0; k < used; k++) {
        nodes[k].child = (uint8_t)used;
        for (uint64_t left = drafts[k].paths; left; left &= left - 1)
            add_child(nodes, drafts, k, watch, (unsigned)__builtin_ctzll(left));
        used += nodes[k].children;
    }
}
