/*
 * json_scan.h - checks a JSON text that comes in pieces, and reports the few values a caller
 * watches, with their place. It builds no tree and keeps no copy of the text.
 *
 * This is what reads every event and every body on the hot path: a dialect lists the paths that
 * it needs ("choices[].finish_reason"), the scanner walks the bytes once, and everything else
 * is only checked. It accepts exactly what yyjson accepts with YYJSON_READ_NUMBER_AS_RAW (RFC
 * 8259, valid UTF-8, no BOM), but for two bounds: depth (JSON_SCAN_DEPTH) and, if set, bytes.
 *
 * Split invariance: any cutting of the same bytes gives the same hits and the same verdict.
 *
 * Room: codec. Pure: no allocation, no clock. Threads: one owner.
 */
#ifndef CODEC_JSON_SCAN_H
#define CODEC_JSON_SCAN_H

#include "base/span.h"

#define JSON_SCAN_DEPTH 64  /* deepest nesting of arrays and objects that is accepted */
#define JSON_SCAN_KEY   32  /* longest key (unescaped) that a path may name */
#define JSON_SCAN_TEXT  128 /* most bytes of a value that are kept when it spans two feeds */
#define JSON_SCAN_PATHS 60  /* most paths of one watch */
#define JSON_SCAN_STEPS 12  /* most steps (keys and "[]") of one path */
#define JSON_SCAN_NODES 80  /* most different beginnings of all paths of a watch, and one */

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/*
 * What to look for. A path is keys joined by '.', with "[]" behind a key for every element of
 * its array: "usage.prompt_tokens", "choices[].delta.content", "" (the root), "[]" (elements of
 * a root array). Keys are matched after unescaping; a key in a path is not empty and has no '.',
 * '[' or backslash. No path stands twice. The table is const and shared; row i is reported as
 * hit.id == i.
 */
struct json_watch {
    const char *const *paths;
    size_t n; /* <= JSON_SCAN_PATHS */
};

/* One watched value. Containers are reported twice: at their opening (end == false) and at their
 * closing bracket (end == true). Scalars are reported once, when their last byte was seen. */
struct json_hit {
    uint8_t id; /* which path */
    enum json_type type;
    bool end;         /* the closing of a container */
    bool escaped_key; /* the last key of the path was written with a backslash escape */
    uint32_t index;   /* index in the innermost "[]" of the path, 0 if it has none */
    uint64_t at;      /* offset of the value's first byte in the whole text (a string: its
                       * opening quote) */
    uint64_t len;     /* bytes from there to behind its last byte; 0 for a container's opening */
    struct span raw;  /* the scalar's own bytes (strings without quotes, still escaped), valid
                       * in the callback only. Cut to the first JSON_SCAN_TEXT bytes when the
                       * value came in several feeds; then raw.n < len (see raw_cut). */
    bool raw_cut;
};

/* Called for every hit, in text order. A false return stops the scan: json_scan_feed() gives
 * JSON_SCAN_BAD with reason "refused". */
typedef bool (*json_hit_fn)(void *arg, const struct json_hit *hit);

/* The paths as a tree: a node is a step ("choices", "[]") behind its parent's. Private. */
struct json_node {
    uint8_t n;     /* bytes of the key, 0 for "[]" ... */
    uint8_t first; /* ... and its first byte, '[' for "[]" */
    uint16_t at;   /* where the step stands ... */
    uint8_t path;  /* ... in which path */
    uint8_t id;    /* the path that ends here, or JSON_SCAN_PATHS */
    uint8_t child; /* its children are child, child + 1 ... */
    uint8_t children;
};

/* An open container on a watched path. Private. */
struct json_level {
    uint64_t at;    /* offset of its opening bracket */
    uint32_t index; /* of the current element; an object has that of the array around it */
    uint8_t node;
    uint8_t item; /* an array's "[]" node */
    bool escaped; /* json_hit.escaped_key of this container */
};

/* Fixed in size (at most 1152 bytes), owned by the caller, may be copied while no feed runs.
 * Members are private to json_scan.c but for why and at. */
struct json_scan {
    const struct json_watch *watch;
    json_hit_fn fn;
    void *arg;
    uint64_t at;     /* bytes fed so far; with BAD: offset of the offending byte */
    const char *why; /* with BAD: a constant text, "depth", "string", "refused", ... */
    /* private members follow */
    uint64_t objects;  /* one bit an open container, the innermost lowest: is it an object? */
    uint64_t token_at; /* offset of the first byte of the current key or value */
    uint8_t node;      /* of the current or coming value, or JSON_SCAN_NODES */
    uint8_t state;
    uint8_t depth; /* open containers ... */
    uint8_t live;  /* ... and how many of them, from the root, are in level[] */
    uint8_t type;  /* enum json_type of the current scalar */
    uint8_t text_n;
    bool key;     /* the current string is a key */
    bool escaped; /* the last key had an escape */
    bool carried; /* the current token began in an earlier feed: its head is in text */
    char text[6 * JSON_SCAN_KEY]; /* the longest spelling of a key of JSON_SCAN_KEY bytes */
    struct json_level level[JSON_SCAN_STEPS + 1];
    struct json_node nodes[JSON_SCAN_NODES];
};

enum json_scan_rc {
    JSON_SCAN_MORE, /* all bytes taken, the value is not complete (a bare number at the root ends
                     * only with json_scan_eof) */
    JSON_SCAN_DONE, /* one complete value was read; only white space may follow */
    JSON_SCAN_BAD,  /* not JSON, too deep, or refused: s->why and s->at say where */
};

/* Start. watch and what it points to must outlive the scan; watch may be NULL (only check). */
void json_scan_init(struct json_scan *s, const struct json_watch *watch, json_hit_fn fn, void *arg);

/* Start anew with the same watch, fn and arg. This is the cheap way to read one text after the
 * other: init sorts the paths, which costs as much as a short text. */
void json_scan_reset(struct json_scan *s);

/* Feed n bytes. After BAD every further feed gives BAD. After DONE further bytes are taken while
 * they are white space, else BAD. */
MUST_CHECK enum json_scan_rc json_scan_feed(struct json_scan *s, const char *p, size_t n);

/* The text has ended: DONE if it was one complete value, else BAD ("ends early"). */
MUST_CHECK enum json_scan_rc json_scan_eof(struct json_scan *s);

/* Whole text at once: feed and eof. */
MUST_CHECK enum json_scan_rc json_scan_all(const struct json_watch *watch, struct span text,
                                           json_hit_fn fn, void *arg);

/* Unescape the inside of a JSON string (raw of a JSON_STRING hit, whole) into out, at most cap
 * bytes. Returns the length, or SIZE_MAX when it does not fit. Input comes from the scanner, so
 * its escapes are valid; a lone surrogate becomes U+FFFD. */
MUST_CHECK size_t json_unescape(struct span raw, char *out, size_t cap);

/* Read the raw text of a JSON_NUMBER as a whole number: 12, 12.0 and 1.2e1 are 12. -1 when it has
 * a minus, has a fraction or does not fit; then *ret is untouched. */
MUST_CHECK int json_u64(struct span raw, uint64_t *ret);

#endif
