/*
 * keys.h - tables of keys: one row a key, from which come the parser, the defaults, the JSON
 * Schema, the sample of `config init` and the reference page.
 *
 * A table describes a map of known keys and the C struct it is read into. The struct's first
 * member is `struct conf_value self` (of an entry of a CONF_MAP: its name). What a row's `at`
 * points to depends on its shape:
 *
 *     CONF_ONE            struct conf_value
 *     CONF_LIST           struct conf_list of struct conf_value
 *     CONF_ONE_OR_LIST    the same; one value may stand without brackets
 *     CONF_GROUP          the struct of the row's table
 *     CONF_MAP            struct conf_list of the struct of the row's table
 *     CONF_ITEMS          the same, of a list: an item is a map of the table's keys, or the value
 * of the first one alone; one item may stand without brackets
 *
 * Every value keeps its place, so that checks which need several values (a name that must stand
 * elsewhere) complain as exactly as the parser does.
 *
 * Room: conf (uses base codec). Threads: tables are constant; the rest has one owner.
 */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "conf/report.h"
#include "conf/yaml.h"

struct conf_value {
    struct span text; /* as written, or the default; in the arena or constant */
    uint64_t num;     /* what the type made of it: milliseconds, bytes, index of the word */
    struct conf_place at;
    bool set; /* stands in the file */
    bool bad; /* stands there, and was complained about: ask nothing more of it */
};

struct conf_list {
    void *items;
    size_t n;
    struct conf_place at;
    bool set;
    bool bad; /* some of it was complained about and left out */
};

/* How the text of a value is read. Other rooms add their own. */
struct conf_type {
    const char *name;   /* "duration": in the reference page */
    const char *what;   /* "a duration such as 500ms, 2s, 10m": in messages and the page */
    const char *schema; /* JSON Schema of a value, as JSON; NULL: made of the words */
    bool secret;        /* never show a value that could not be read */
    /* The i-th allowed word, NULL behind the last. NULL: not a choice of words. The number of
     * such a value is the word's index. */
    const char *(*word)(size_t i);
    /* Anything else: read the text. -1: not of this type; *e may say why in one clause, or keep
     * the empty text it came with. NULL: every text will do. */
    int (*parse)(struct span text, uint64_t *ret, struct err *e);
};

extern const struct conf_type conf_duration; /* milliseconds: 500ms, 2s, 1.5m, 12h, 30d */
extern const struct conf_type conf_size;     /* bytes: 512B, 32KiB, 64MiB, 2M (= 2MiB), 10MB */
extern const struct conf_type conf_percent;  /* millionths: 5%, 99.95% */
extern const struct conf_type conf_count;    /* 5000, 500k, 2M */
extern const struct conf_type conf_decimal;  /* millionths: 0.25, 3, 12.000001 */
extern const struct conf_type conf_bool;     /* false, true */
extern const struct conf_type conf_string;   /* any text of 1 to 4096 bytes */
extern const struct conf_type conf_name;     /* letters, digits, '.', '_', '-'; at most 64 */
extern const struct conf_type conf_path;     /* a file's absolute path */

/* Write a number of milliseconds or bytes as people write it: "30s", "64MiB". */
void conf_duration_text(struct buf *out, uint64_t ms);
void conf_size_text(struct buf *out, uint64_t bytes);

enum conf_shape { CONF_ONE, CONF_LIST, CONF_ONE_OR_LIST, CONF_GROUP, CONF_MAP, CONF_ITEMS };

struct conf_table;

struct conf_key {
    const char *name;
    enum conf_shape shape;
    bool required;
    const struct conf_type *type;   /* of values; of a CONF_MAP: of the entries' names */
    const struct conf_table *table; /* CONF_GROUP, CONF_MAP, CONF_ITEMS */
    size_t at;                      /* offsetof in the table's struct */
    const char *text;               /* default, as it would be written; NULL: none */
    const char *min, *max;          /* bounds of a number, as they would be written, or NULL */
    uint32_t most;                  /* most entries of a list or map */
    const char *example;            /* value, list in brackets, or entry name, for the sample */
    const char *help;               /* one or two sentences, plain text */
};

struct conf_table {
    size_t size; /* of the struct */
    const struct conf_key *keys;
    size_t n;
};

/* Read a tree into *out (t->size bytes, overwritten) by the table. Values that are missing get
 * their defaults. -1 only when memory is short; what is wrong with the file is in the report.
 * Keys of the top level that begin with "x-" are left alone. */
MUST_CHECK int conf_decode(const struct conf_table *t, const struct yaml_node *root, void *out,
                           struct arena *a, struct conf_report *report, struct err *e);

/* Read one text by its type and bounds: for defaults and tests. -1: *e says why. */
MUST_CHECK int conf_read(const struct conf_key *k, struct span text, uint64_t *ret, struct err *e);

/* ---- derivations ---- */

/* JSON Schema (draft 2020-12) of files that follow the table. */
void conf_write_schema(struct buf *out, const struct conf_table *t, const char *title);

/* Markdown: a section for every map, a row for every key. */
void conf_write_reference(struct buf *out, const struct conf_table *t);

/* A YAML text with every key, its help and its default or example. What stands in `given` (text
 * of a top-level key, with its name and indentation) replaces that key. live: nothing is commented
 * out, else all values are. */
struct conf_given {
    const char *name;
    struct span text;
};
void conf_write_sample(struct buf *out, const struct conf_table *t, const struct conf_given *given,
                       size_t given_n, bool live);

/* The values that were read, defaults included, as YAML. */
void conf_write_values(struct buf *out, const struct conf_table *t, const void *values);

#endif
