/*
 * json_scan.c - one pass over JSON that comes in pieces.
 *
 * Why not a tree: a document per event costs more than all the rest of a relayed event, and the
 * relay wants half a dozen values of it, with their place in the text. Why not a scan for the key
 * as text: `"model"` also stands inside of strings, and what we read must be what an upstream
 * that parses would read.
 *
 * Each byte is one step in json_table.h. Inside of strings, where most bytes are, plain text is
 * skipped eight bytes at a time and whole UTF-8 characters one at a time; the table sees only
 * what is left: quotes, escapes, and characters that are cut by the end of a feed or wrong.
 *
 * Paths: level[] has the open containers that lie on a watched path. They are always the
 * outermost ones (live <= depth), and all paths of a level have the same bytes up to there
 * (prefix), since a path has one spelling. So a key is compared only directly inside of the last
 * level (live == depth), only with paths that have come so far, and only with one step of them.
 *
 * A key or value that is cut by the end of a feed is carried in text: a value's first
 * JSON_SCAN_TEXT bytes, a key as far as it can still match.
 *
 * Invariants: (1) cand != 0 only when all open containers are in level[]; (2) between feeds,
 * text is meant only when the state is inside of a token; (3) nothing that is reported depends on
 * where feeds were cut, but for json_hit.raw.
 */
#include "codec/json_scan.h"

#include "codec/json_table.h"
#include "codec/swar.h"
#include "codec/utf8.h"

_Static_assert(sizeof(struct json_scan) <= 1024, "promised in the header");
_Static_assert(A_NEXT_ITEM <= UINT8_MAX, "states and actions are bytes");

/* Where the current feed and the current token in it begin. */
struct feed {
    const unsigned char *from, *token;
};

/* What a literal or number is by its first byte, and the state behind that byte. */
static const struct {
    uint8_t state, type;
} scalars[JSON_CLASSES] = {
    [C_MINUS] = {S_MINUS, JSON_NUMBER}, [C_0] = {S_ZERO, JSON_NUMBER},
    [C_1_7] = {S_INT, JSON_NUMBER},     [C_8_9] = {S_INT, JSON_NUMBER},
    [C_f] = {S_F_A, JSON_FALSE},        [C_n] = {S_N_U, JSON_NULL},
    [C_t] = {S_T_R, JSON_TRUE},
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
    [S_UD2... S_L2] = "surrogate",
    [S_TAIL1... S_F4] = "utf-8",
    [S_T_R... S_NUL_L] = "literal",
    [S_MINUS... S_EXPONENT] = "number",
};

void json_scan_init(struct json_scan *s, const struct json_watch *watch, json_hit_fn fn, void *arg)
{
    size_t n = watch ? watch->n : 0;

    MUST(n <= JSON_SCAN_PATHS && (n == 0 || fn));
    s->watch = watch;
    s->fn = fn;
    s->arg = arg;
    s->at = 0;
    s->why = NULL;
    s->objects = 0;
    s->token_at = 0;
    s->cand = (uint32_t)((UINT64_C(1) << n) - 1);
    s->prefix = 0;
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

/* What may come behind a value here. */
static unsigned after_value(const struct json_scan *s)
{
    if (s->depth == 0)
        return S_END;
    return s->objects & 1 ? S_AFTER_MEMBER : S_AFTER_ITEM;
}

/* Tell the caller, once for each path of the set. The hit lacks what all hits share. */
static bool report(const struct json_scan *s, uint32_t ids, struct json_hit *hit)
{
    hit->index = s->live ? s->level[s->live - 1].index : 0;
    for (; ids; ids &= ids - 1) {
        hit->id = (uint8_t)__builtin_ctz(ids);
        if (!s->fn(s->arg, hit))
            return false;
    }
    return true;
}

/* Does the first step of the path spell this key? */
static bool step_is(const char *path, const char *key, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (path[i] != key[i] || path[i] == '\0' || path[i] == '.' || path[i] == '[')
            return false;
    return path[n] == '\0' || path[n] == '.' || path[n] == '[';
}

/* A key of a watched object has ended; raw is its spelling. */
static void match_key(struct json_scan *s, struct span raw)
{
    const struct json_level *l = &s->level[s->live - 1];
    size_t begin = l->prefix ? l->prefix + 1U : 0; /* behind the '.' */
    char plain[JSON_SCAN_KEY];
    uint32_t cand = 0;

    s->escaped = raw.n && memchr(raw.p, '\\', raw.n);
    if (s->escaped) {
        raw.n = json_unescape(raw, plain, sizeof(plain)); /* SIZE_MAX when it is longer */
        raw.p = plain;
    }
    if (raw.n > JSON_SCAN_KEY)
        return;
    for (uint32_t left = l->inside; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);

        if (step_is(s->watch->paths[i] + begin, raw.p, raw.n))
            cand |= UINT32_C(1) << i;
    }
    s->cand = cand;
    s->prefix = (uint16_t)(begin + raw.n);
}

/* Which of the candidates end at this value, and not inside of it? */
static uint32_t ending(const struct json_scan *s)
{
    uint32_t ends = 0;

    for (uint32_t left = s->cand; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);

        if (s->watch->paths[i][s->prefix] == '\0')
            ends |= UINT32_C(1) << i;
    }
    return ends;
}

/* Which of the candidates go on into this kind of container? */
static uint32_t going_on(const struct json_scan *s, bool object)
{
    uint32_t on = 0;

    for (uint32_t left = s->cand; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        char c = s->watch->paths[i][s->prefix];

        if (c && (c != '[') == object)
            on |= UINT32_C(1) << i;
    }
    return on;
}

/* The next value is an element of the innermost array. */
static void expect_item(struct json_scan *s)
{
    const struct json_level *l;

    if (!watched(s))
        return;
    l = &s->level[s->live - 1];
    s->cand = l->inside;
    s->prefix = (uint16_t)(l->prefix + 2); /* "[]" */
    s->escaped = l->escaped;
}

/* Put the container on a watched path into level[]. */
static bool open_level(struct json_scan *s, bool object, uint64_t at)
{
    struct json_level *l = &s->level[s->live];
    struct json_hit hit = {.type = object ? JSON_OBJECT : JSON_ARRAY, .at = at};
    uint32_t open = ending(s), inside = going_on(s, object);

    s->cand = 0;
    if (s->live == JSON_SCAN_STEPS && !EXPECT(inside == 0)) /* a path with too many steps */
        inside = 0;
    if (!(open | inside))
        return true;
    hit.escaped_key = s->escaped;
    if (!report(s, open, &hit))
        return false;
    l->at = at;
    l->open = open;
    l->inside = inside;
    l->index = object && s->live ? s->level[s->live - 1].index : 0;
    l->prefix = s->prefix;
    l->escaped = s->escaped;
    s->live++;
    return true;
}

/* An opening bracket. On failure why is set. */
static bool open_container(struct json_scan *s, bool object, uint64_t at)
{
    if (s->depth == JSON_SCAN_DEPTH) {
        s->why = "depth";
        return false;
    }
    if (s->cand && !open_level(s, object, at)) {
        s->why = "refused";
        return false;
    }
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

    s->cand = 0;
    s->objects >>= 1;
    if (s->depth-- != s->live)
        return true;
    l = &s->level[--s->live];
    hit.escaped_key = l->escaped;
    hit.at = l->at;
    hit.len = end - l->at;
    if (report(s, l->open, &hit))
        return true;
    s->why = "refused";
    return false;
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
    uint32_t ends = ending(s);
    unsigned quotes = hit.type == JSON_STRING ? 2 : 0;

    if (!ends)
        return true;
    hit.escaped_key = s->escaped;
    hit.len = s->at + (uint64_t)(p - f->from) + quotes / 2 - s->token_at;
    hit.raw = token_bytes(s, f, p);
    hit.raw_cut = hit.raw.n < hit.len - quotes;
    if (report(s, ends, &hit))
        return true;
    s->why = "refused";
    return false;
}

/* A key's bytes end before p. */
static void end_key(struct json_scan *s, const struct feed *f, const unsigned char *p)
{
    uint64_t n = s->at + (uint64_t)(p - f->from) - s->token_at - 1;

    if (watched(s)) {
        s->cand = 0;
        if (n <= sizeof(s->text))
            match_key(s, token_bytes(s, f, p));
    }
    s->key = false;
}

/* The first byte from p on that is neither plain text nor part of a whole character. */
static const unsigned char *skip_text(const unsigned char *p, const unsigned char *end)
{
    for (;;) {
        size_t n;

        p = swar_skip_json(p, end);
        if (p == end || *p < 0x80)
            return p;
        n = utf8_len(p, end);
        if (n == 0)
            return p;
        p += n;
    }
}

/* Take the action at p. Returns the next state, or BAD. */
static unsigned act(struct json_scan *s, struct feed *f, const unsigned char *p, unsigned action)
{
    uint64_t at = s->at + (uint64_t)(p - f->from);
    bool ok = true;

    switch (action) {
    case A_SCALAR:
        begin_token(s, f, p, (enum json_type)scalars[json_class[*p]].type);
        return scalars[json_class[*p]].state;
    case A_STRING:
        begin_token(s, f, p, JSON_STRING);
        return S_TEXT;
    case A_KEY:
        begin_token(s, f, p, JSON_STRING);
        s->key = true;
        return S_TEXT;
    case A_QUOTE:
        if (s->key) {
            end_key(s, f, p);
            return S_COLON;
        }
        ok = end_scalar(s, f, p);
        break;
    case A_LITERAL_END:
        ok = end_scalar(s, f, p + 1);
        break;
    case A_NUMBER_END:
        ok = end_scalar(s, f, p);
        break;
    case A_OPEN_OBJECT:
        return open_container(s, true, at) ? S_FIRST_KEY : S_BAD;
    case A_OPEN_ARRAY:
        return open_container(s, false, at) ? S_FIRST_ITEM : S_BAD;
    case A_CLOSE_OBJECT:
    case A_CLOSE_ARRAY:
        ok = close_container(s, at + 1);
        break;
    default: /* A_NEXT_ITEM */
        if (watched(s))
            s->level[s->live - 1].index++;
        expect_item(s);
        return S_VALUE;
    }
    return ok ? after_value(s) : S_BAD;
}

/* Is the scan inside of a key or value that a hit may need? */
static bool token_wanted(const struct json_scan *s, unsigned state)
{
    return state >= S_TEXT && (s->key ? watched(s) : s->cand != 0);
}

enum json_scan_rc json_scan_feed(struct json_scan *s, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *end;
    struct feed f = {p, p};
    unsigned state = s->state;

    if (state == S_BAD)
        return JSON_SCAN_BAD;
    if (n == 0)
        return state == S_END ? JSON_SCAN_DONE : JSON_SCAN_MORE;
    end = p + n;
    while (p < end) {
        unsigned to;
        bool again = false;

        if (state == S_TEXT) {
            p = skip_text(p, end);
            if (p == end)
                break;
        }
        to = json_table[state][json_class[*p]];
        if (to >= JSON_STATES) {
            again = to == A_NUMBER_END;
            to = act(s, &f, p, to);
        } else if (to == S_BAD) {
            s->why = reasons[state];
        }
        if (to == S_BAD) {
            s->at += (uint64_t)(p - f.from);
            s->state = S_BAD;
            return JSON_SCAN_BAD;
        }
        state = to;
        p += !again;
    }
    if (token_wanted(s, state))
        carry(s, &f, end);
    s->at += n;
    s->state = (uint8_t)state;
    return state == S_END ? JSON_SCAN_DONE : JSON_SCAN_MORE;
}

enum json_scan_rc json_scan_eof(struct json_scan *s)
{
    struct feed f = {NULL, NULL};

    if (s->state == S_BAD)
        return JSON_SCAN_BAD;
    if (s->depth == 0 && json_table[s->state][C_SPACE] == A_NUMBER_END) {
        if (end_scalar(s, &f, NULL))
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
