/*
 * json_scan.c - one pass over JSON that comes in pieces.
 *
 * Why not a tree: a document per event costs more than all the rest of a relayed event, and the
 * relay wants half a dozen values of it, with their place in the text. Why not a scan for the key
 * as text: `"model"` also stands inside of strings, and what we read must be what an upstream
 * that parses would read.
 *
 * Each byte is one step in json_table.h. Inside of strings, where most bytes are, plain text is
 * skipped sixteen bytes at a time and whole UTF-8 characters one at a time; the table sees only
 * what is left: quotes, escapes, and characters that are cut by the end of a feed or wrong.
 *
 * Paths: json_paths.c makes a tree of them, once. level[] has the open containers that lie on
 * it; they are always the outermost ones (live <= depth). So a key is compared only directly
 * inside of the last level (live == depth), and only with the children of one node.
 *
 * A key or value that is cut by the end of a feed is carried in text: a value's first
 * JSON_SCAN_TEXT bytes, a key as far as it can still match.
 *
 * Invariants: (1) node != NONE only when all open containers are in level[]; (2) between feeds,
 * text is meant only when the state is inside of a token; (3) nothing that is reported depends on
 * where feeds were cut, but for json_hit.raw.
 */
#include "codec/json_scan.h"

#include "codec/json_paths.h"
#include "codec/json_table.h"
#include "codec/plain.h"
#include "codec/utf8.h"

_Static_assert(sizeof(struct json_scan) <= 1152, "promised in the header");
_Static_assert(A_NEXT_ITEM <= UINT8_MAX, "states and actions are bytes");

#define NONE JSON_SCAN_NODES /* no node */

/* Where the current feed and the current token in it begin, and where the feed ends. */
struct feed {
    const unsigned char *from, *token, *end;
};

/* What a literal or number is by its first byte, and the state behind that byte. */
static const struct {
    uint8_t state, type, n;
    char word[6]; /* a literal's n bytes */
} scalars[JSON_CLASSES] = {
    [C_MINUS] = {S_MINUS, JSON_NUMBER, 0, ""}, [C_0] = {S_ZERO, JSON_NUMBER, 0, ""},
    [C_1_7] = {S_INT, JSON_NUMBER, 0, ""},     [C_8_9] = {S_INT, JSON_NUMBER, 0, ""},
    [C_f] = {S_F_A, JSON_FALSE, 5, "false"},   [C_n] = {S_N_U, JSON_NULL, 4, "null"},
    [C_t] = {S_T_R, JSON_TRUE, 4, "true"},
};

static const char *const reasons[JSON_STATES] = {
    [S_VALUE] = "no value",
    [S_FIRST_ITEM] = "no value",
    [S_FIRST_KEY] = "no key",
    [S_KEY] = "no key",
    [S_COLON] = "no colon",
    [S_AFTER_ITEM] = "array",
    [S_AFTER_MEMBER] = "object",
    [S_END] = "more than one value",
    [S_TEXT] = "string",
    [S_ESCAPE... S_U4] = "escape",
    [S_TAIL1... S_F4] = "utf-8",
    [S_T_R... S_NUL_L] = "literal",
    [S_MINUS... S_EXPONENT] = "number",
};

void json_scan_init(struct json_scan *s, const struct json_watch *watch, json_hit_fn fn, void *arg)
{
    MUST(!watch || watch->n == 0 || fn);
    s->watch = watch;
    s->fn = fn;
    s->arg = arg;
    json_paths_sort(s->nodes, watch);
    json_scan_reset(s);
}

void json_scan_reset(struct json_scan *s)
{
    s->at = 0;
    s->why = NULL;
    s->objects = 0;
    s->token_at = 0;
    s->node = s->watch ? 0 : NONE;
    s->state = S_VALUE;
    s->depth = 0;
    s->live = 0;
    s->type = JSON_NULL;
    s->text_n = 0;
    s->key = false;
    s->escaped = false;
    s->carried = false;
}

/* The innermost open container is on a watched path. */
static bool watched(const struct json_scan *s)
{
    return s->live && s->live == s->depth;
}

/* Tell the caller, if a path ends at this node. The hit lacks what all hits share. */
static bool report(struct json_scan *s, unsigned node, struct json_hit *hit)
{
    if (s->nodes[node].id == JSON_SCAN_PATHS)
        return true;
    hit->id = s->nodes[node].id;
    hit->index = s->live ? s->level[s->live - 1].index : 0;
    if (s->fn(s->arg, hit))
        return true;
    s->why = "refused";
    return false;
}

/* The child that is this key, or NONE. */
static unsigned find_key(const struct json_scan *s, unsigned node, struct span key)
{
    const struct json_node *c = &s->nodes[s->nodes[node].child];
    const struct json_node *end = c + s->nodes[node].children;

    if (key.n == 0)
        return NONE;
    for (; c < end; c++)
        if (c->n == key.n && c->first == (unsigned char)key.p[0] &&
            memcmp(s->watch->paths[c->path] + c->at, key.p, key.n) == 0)
            return (unsigned)(c - s->nodes);
    return NONE;
}

/* A key of a watched object has ended; raw is its spelling. */
static void match_key(struct json_scan *s, struct span raw)
{
    unsigned node = s->level[s->live - 1].node;
    char plain[JSON_SCAN_KEY];

    s->escaped = false;
    s->node = NONE;
    if (s->nodes[node].children == 0)
        return;
    s->node = (uint8_t)find_key(s, node, raw);
    if (s->node != NONE || raw.n == 0 || !memchr(raw.p, '\\', raw.n))
        return;
    s->escaped = true;
    raw.n = json_unescape(raw, plain, sizeof(plain));
    raw.p = plain;
    if (raw.n <= sizeof(plain)) /* else longer than any key of a path */
        s->node = (uint8_t)find_key(s, node, raw);
}

/* The next value is an element of the innermost array. */
static void expect_item(struct json_scan *s)
{
    const struct json_level *l;

    if (!watched(s))
        return;
    l = &s->level[s->live - 1];
    s->node = l->item;
    s->escaped = l->escaped;
}

/* Put a container, which is the value at s->node, into level[]. */
static bool open_level(struct json_scan *s, bool object, uint64_t at)
{
    struct json_hit hit = {.type = object ? JSON_OBJECT : JSON_ARRAY, .at = at};
    struct json_level *l = &s->level[s->live];
    const struct json_node *node = &s->nodes[s->node];

    hit.escaped_key = s->escaped;
    if (!report(s, s->node, &hit))
        return false;
    MUST(s->live <= JSON_SCAN_STEPS); /* so deep is the tree */
    l->at = at;
    l->index = object && s->live ? s->level[s->live - 1].index : 0;
    l->node = s->node;
    l->item = NONE;
    l->escaped = s->escaped;
    for (unsigned i = node->child; !object && i < node->child + node->children; i++)
        if (s->nodes[i].n == 0)
            l->item = (uint8_t)i;
    s->live++;
    s->node = NONE;
    return true;
}

/* An opening bracket. On failure why is set. */
static bool open_container(struct json_scan *s, bool object, uint64_t at)
{
    if (s->depth == JSON_SCAN_DEPTH) {
        s->why = "depth";
        return false;
    }
    if (s->node != NONE && !open_level(s, object, at))
        return false;
    s->depth++;
    s->objects = s->objects << 1 | object;
    if (!object)
        expect_item(s);
    return true;
}

/* A closing bracket, of the right kind; end is the offset behind it. */
static bool close_container(struct json_scan *s, uint64_t end)
{
    struct json_hit hit = {.type = s->objects & 1 ? JSON_OBJECT : JSON_ARRAY, .end = true};
    const struct json_level *l;

    s->node = NONE;
    s->objects >>= 1;
    if (s->depth-- != s->live)
        return true;
    l = &s->level[--s->live];
    hit.escaped_key = l->escaped;
    hit.at = l->at;
    hit.len = end - l->at;
    return report(s, l->node, &hit);
}

/* Append what this feed has of the current token, up to p, to the bytes that are carried. */
static void carry(struct json_scan *s, const struct feed *f, const unsigned char *p)
{
    size_t most = s->key ? sizeof(s->text) : JSON_SCAN_TEXT;
    size_t n;

    if (!s->carried)
        s->text_n = 0;
    s->carried = true;
    n = MIN(most - s->text_n, (size_t)(p - f->token));
    if (n)
        memcpy(s->text + s->text_n, f->token, n);
    s->text_n = (uint8_t)(s->text_n + n);
}

/* The bytes of the token that ends before p, as far as they are still known. */
static struct span token_bytes(struct json_scan *s, const struct feed *f, const unsigned char *p)
{
    if (!s->carried)
        return span_of((const char *)f->token, (size_t)(p - f->token));
    carry(s, f, p);
    return span_of(s->text, s->text_n);
}

static void begin_token(struct json_scan *s, struct feed *f, const unsigned char *p,
                        enum json_type type)
{
    s->token_at = s->at + (uint64_t)(p - f->from);
    s->type = (uint8_t)type;
    s->key = false;
    s->carried = false;
    f->token = type == JSON_STRING ? p + 1 : p;
}

/* A scalar's bytes end before p; quotes count for its length and not for its bytes. */
static bool end_scalar(struct json_scan *s, const struct feed *f, const unsigned char *p)
{
    struct json_hit hit = {.type = (enum json_type)s->type, .at = s->token_at};
    unsigned quotes = hit.type == JSON_STRING ? 2 : 0;

    if (s->node == NONE)
        return true;
    hit.escaped_key = s->escaped;
    hit.len = s->at + (uint64_t)(p - f->from) + quotes / 2 - s->token_at;
    hit.raw = token_bytes(s, f, p);
    hit.raw_cut = hit.raw.n < hit.len - quotes;
    return report(s, s->node, &hit);
}

/* A key's bytes end before p. */
static void end_key(struct json_scan *s, const struct feed *f, const unsigned char *p)
{
    uint64_t n = s->at + (uint64_t)(p - f->from) - s->token_at - 1;

    if (watched(s)) {
        s->node = NONE;
        if (n <= sizeof(s->text))
            match_key(s, token_bytes(s, f, p));
    }
    s->key = false;
}

/* The first byte from p on that is neither plain text nor part of a whole character. */
static const unsigned char *skip_text(const unsigned char *p, const unsigned char *end)
{
    for (;;) {
        const unsigned char *from = plain_skip(p, end);

        if (from == end || *from < 0x80)
            return from;
        p = utf8_skip(from, end);
        if (p == from)
            return p;
    }
}

/* A value has ended before p. Returns the state behind it; steps over `,"` where that is due. */
static unsigned behind_value(struct json_scan *s, struct feed *f, const unsigned char **p)
{
    if (s->depth == 0)
        return S_END;
    if (!(s->objects & 1))
        return S_AFTER_ITEM;
    if (f->end - *p < 2 || (*p)[0] != ',' || (*p)[1] != '"')
        return S_AFTER_MEMBER;
    begin_token(s, f, *p + 1, JSON_STRING);
    s->key = true;
    *p += 2;
    return S_TEXT;
}

/* The closing quote of a string, before *p. */
static unsigned end_string(struct json_scan *s, struct feed *f, const unsigned char **p)
{
    const unsigned char *at = *p - 1;

    if (!s->key)
        return end_scalar(s, f, at) ? behind_value(s, f, p) : S_BAD;
    end_key(s, f, at);
    if (*p == f->end || **p != ':')
        return S_COLON;
    ++*p;
    return S_VALUE;
}

/* The first byte of a literal or number, before *p. */
static unsigned begin_scalar(struct json_scan *s, struct feed *f, const unsigned char **p)
{
    const unsigned char *at = *p - 1;
    unsigned class = json_class[*at];

    begin_token(s, f, at, (enum json_type)scalars[class].type);
    if (scalars[class].n == 0 || f->end - at < scalars[class].n ||
        memcmp(at, scalars[class].word, scalars[class].n) != 0)
        return scalars[class].state;
    *p = at + scalars[class].n;
    return end_scalar(s, f, *p) ? behind_value(s, f, p) : S_BAD;
}

/* Take the action of the byte at *p and step over it. Where the next bytes are what nearly always
 * comes, they are taken along: the table would do the same, only later. Returns the next state. */
static unsigned act(struct json_scan *s, struct feed *f, const unsigned char **p, unsigned action)
{
    const unsigned char *at = (*p)++;
    uint64_t offset = s->at + (uint64_t)(at - f->from);
    bool ok;

    switch (action) {
    case A_STRING:
    case A_KEY:
        begin_token(s, f, at, JSON_STRING);
        s->key = action == A_KEY;
        return S_TEXT;
    case A_QUOTE:
        return end_string(s, f, p);
    case A_SCALAR:
        return begin_scalar(s, f, p);
    case A_LITERAL_END:
        ok = end_scalar(s, f, *p);
        break;
    case A_NUMBER_END:
        ok = end_scalar(s, f, at);
        *p -= ok; /* the byte behind a number has its own meaning */
        break;
    case A_OPEN_OBJECT:
        return open_container(s, true, offset) ? S_FIRST_KEY : S_BAD;
    case A_OPEN_ARRAY:
        return open_container(s, false, offset) ? S_FIRST_ITEM : S_BAD;
    case A_CLOSE_OBJECT:
    case A_CLOSE_ARRAY:
        ok = close_container(s, offset + 1);
        break;
    default: /* A_NEXT_ITEM */
        if (watched(s))
            s->level[s->live - 1].index++;
        expect_item(s);
        return S_VALUE;
    }
    return ok ? behind_value(s, f, p) : S_BAD;
}

/* Is the scan inside of a key or value that a hit may need? */
static bool token_wanted(const struct json_scan *s, unsigned state)
{
    return state >= S_TEXT && (s->key ? watched(s) : s->node != NONE);
}

/* The byte before p will not do, or the hit that it completed was refused. (The byte behind a
 * number completes it too.) */
static enum json_scan_rc give_up(struct json_scan *s, const struct feed *f, const unsigned char *p)
{
    s->at += (uint64_t)(p - f->from) - 1;
    s->state = S_BAD;
    return JSON_SCAN_BAD;
}

enum json_scan_rc json_scan_feed(struct json_scan *s, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    struct feed f = {p, p, n ? p + n : p};
    unsigned state = s->state;

    if (state == S_BAD)
        return JSON_SCAN_BAD;
    while (p < f.end) {
        unsigned from = state;

        if (state == S_TEXT) {
            p = skip_text(p, f.end);
            if (p == f.end)
                break;
        }
        state = json_table[from][json_class[*p]];
        if (state >= JSON_STATES) {
            state = act(s, &f, &p, state);
        } else {
            if (state == S_BAD) /* what begins no character ends up in S_TEXT's row */
                s->why = reasons[from == S_TEXT && *p >= 0x80 ? S_TAIL1 : from];
            p++;
        }
        if (state == S_BAD)
            return give_up(s, &f, p);
    }
    if (token_wanted(s, state))
        carry(s, &f, f.end);
    s->at += n;
    s->state = (uint8_t)state;
    return state == S_END ? JSON_SCAN_DONE : JSON_SCAN_MORE;
}

enum json_scan_rc json_scan_eof(struct json_scan *s)
{
    static const unsigned char nothing[1];
    struct feed f = {nothing, nothing, NULL};

    if (s->state == S_BAD)
        return JSON_SCAN_BAD;
    if (s->depth == 0 && json_table[s->state][C_SPACE] == A_NUMBER_END) {
        if (end_scalar(s, &f, nothing))
            s->state = S_END;
    } else if (s->state != S_END) {
        s->why = "ends early";
    }
    if (s->state == S_END)
        return JSON_SCAN_DONE;
    s->state = S_BAD;
    return JSON_SCAN_BAD;
}

enum json_scan_rc json_scan_all(const struct json_watch *watch, struct span text, json_hit_fn fn,
                                void *arg)
{
    struct json_scan s;

    json_scan_init(&s, watch, fn, arg);
    if (json_scan_feed(&s, text.p, text.n) == JSON_SCAN_BAD)
        return JSON_SCAN_BAD;
    return json_scan_eof(&s);
}
