/*
 * not_in_force.c - what may be written and is not, or not all of it, in force; said in one place.
 *
 * The format has lists where failover between their entries is to come, so that files need not
 * change when it does. Who lists a second key or endpoint today has nothing of it, and must not
 * believe that he has: each load warns, at the second entry, and the reference page has the same
 * rows (docs.c).
 */
#include "settings/build.h"

#define SHAPE(map, entry, list)                                                                    \
    offsetof(struct keys_config, map), sizeof(struct entry), offsetof(struct entry, list)

/* Lists in the entries of a map of names. A row goes when the program uses more than the first. */
static const struct {
    const char *map, *list;
    size_t map_at, entry_bytes, list_at;
    const char *key; /* as the reference names it */
    const char *says, *cure;
} rows[] = {
    {"providers", "key", SHAPE(providers, keys_provider, key), "providers.NAME.key",
     "only the first key is used, and no other when it is refused or used up",
     "leave one, or give the other to a provider of its own"},
    {"providers", "endpoints", SHAPE(providers, keys_provider, endpoints),
     "providers.NAME.endpoints",
     "only the first endpoint is asked, and no other when it fails or is full",
     "leave one, or put a load balancer before them"},
};

const char *build_not_in_force_at(size_t i, const char **ret_says, const char **ret_cure)
{
    if (i >= ARRAY_LEN(rows))
        return NULL;
    *ret_says = rows[i].says;
    *ret_cure = rows[i].cure;
    return rows[i].key;
}

static const void *at(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

static void check_lists(struct build *b, size_t row)
{
    const struct conf_list *map = at(b->keys, rows[row].map_at);
    struct conf_diag *d;

    for (size_t i = 0; i < map->n; i++) {
        const struct conf_value *self = at(map->items, i * rows[row].entry_bytes);
        const struct conf_list *list = at(self, rows[row].list_at);
        const struct conf_value *items = list->items;

        if (list->n < 2)
            continue;
        d = conf_report_add(b->report, CONF_WARNING, "W010", items[1].at,
                            "%s.%.*s.%s has %zu entries: %s", rows[row].map, SPAN_FMT(self->text),
                            rows[row].list, list->n, rows[row].says);
        conf_diag_note(b->report, d, "%s", rows[row].cure);
    }
}

void build_not_in_force(struct build *b)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_lists(b, i);
}
