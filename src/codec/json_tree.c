/*
 * json_tree.c - see json_tree.h.
 *
 * yyjson reads in place over a copy with its padding, so a long string costs its length once. Its
 * other memory comes from one block of a size that is known beforehand: it fails there instead of
 * growing. yyjson itself has no bound of depth and needs none to read; walking does.
 */
#include "codec/json_tree.h"

#include <stdarg.h>

#include "base/mem.h"
#include "codec/json_scan.h"
#include "codec/json_write.h"
#include "codec/utf8.h"

/* A value takes 16 bytes; "[0,0,..." has one for every two bytes of text. What people send has one
 * for ten and more. */
#define TREE_MEMORY(n) (4 * (n) + (size_t)8 * 1024)
#define KEY_MAX        64   /* bytes of a key that a place shows */
#define ROOM_MIN       4096 /* bytes of text that room is made for at least */

/* yyjson_doc keeps its values in one array, in the order of the text: a container's is followed by
 * its content. So depth can be told without recursion. */
static bool too_deep(yyjson_doc *doc)
{
    yyjson_val *ends[JSON_TREE_DEPTH + 1]; /* behind the open containers */
    yyjson_val *v = yyjson_doc_get_root(doc), *end = v + yyjson_doc_get_val_count(doc);
    size_t depth = 0;

    for (; v < end; v++) {
        while (depth && v >= ends[depth - 1])
            depth--;
        if (!yyjson_is_ctn(v))
            continue;
        if (depth == JSON_TREE_DEPTH)
            return true;
        ends[depth++] = unsafe_yyjson_get_next(v);
    }
    return false;
}

/* Room for a text of n bytes: what is there, or new. */
static int make_room(struct json_tree *t, size_t n)
{
    if (t->memory && n <= t->cap)
        return 0;
    json_tree_fini(t);
    t->cap = MAX(n, (size_t)ROOM_MIN);
    t->bytes = mem_alloc(t->cap + YYJSON_PADDING_SIZE);
    t->memory = mem_alloc(TREE_MEMORY(t->cap));
    if (t->bytes && t->memory)
        return 0;
    json_tree_fini(t);
    return -1;
}

/* What follows a backslash is "uXXXX": the code unit, else 0. */
static uint32_t escaped(struct span s)
{
    uint32_t c = 0;

    if (s.n < 5 || *s.p != 'u')
        return 0;
    for (size_t i = 1; i < 5; i++) {
        unsigned char d = (unsigned char)s.p[i], lower = d | 0x20;

        if (d >= '0' && d <= '9')
            c = c << 4 | (d - '0');
        else if (lower >= 'a' && lower <= 'f')
            c = c << 4 | (lower - 'a' + 10U);
        else
            return 0;
    }
    return c;
}

/* Is the \u escape in front of s the first half of a pair, with the second behind it? */
static bool is_pair(uint32_t c, struct span s)
{
    uint32_t low = s.n && *s.p == '\\' ? escaped(span_of(s.p + 1, s.n - 1)) : 0;

    return c < 0xDC00 && low >= 0xDC00 && low <= 0xDFFF;
}

/* A copy in which surrogates that stand alone are no escapes any more, but the three bytes that
 * UTF-8 would have for them. Returns its length; 0: the text is not JSON. The scanner has to say
 * so, for yyjson takes anything in a string when it is to take these bytes. */
static size_t copy_lone(char *out, struct span s)
{
    size_t n = 0;

    if (json_scan_all(NULL, s, NULL, NULL) != JSON_SCAN_DONE)
        return 0;
    for (size_t i = 0, len; i < s.n; i += len) {
        struct span behind = span_of(s.p + i + 1, s.n - i - 1);
        uint32_t c = s.p[i] == '\\' ? escaped(behind) : 0;

        len = s.p[i] == '\\' && behind.n ? 2 : 1;
        if (c >= 0xD800 && c <= 0xDFFF) {
            len = 6;
            if (is_pair(c, span_of(s.p + i + 6, s.n - i - 6))) {
                len = 12;
            } else {
                n += utf8_put(out + n, c);
                continue;
            }
        }
        memcpy(out + n, s.p + i, len);
        n += len;
    }
    return n;
}

static yyjson_doc *parse(struct json_tree *t, size_t n, yyjson_read_flag more, yyjson_read_err *why)
{
    yyjson_alc alc;

    *why = (yyjson_read_err){.code = YYJSON_READ_ERROR_MEMORY_ALLOCATION};
    if (!yyjson_alc_pool_init(&alc, t->memory, TREE_MEMORY(n)))
        return NULL;
    memset(t->bytes + n, 0, YYJSON_PADDING_SIZE);
    return yyjson_read_opts(t->bytes, n, YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW | more,
                            &alc, why);
}

int json_tree_read(struct json_tree *t, struct span bytes, struct err *e)
{
    yyjson_read_err why, again;
    yyjson_doc *doc;
    size_t n;

    t->root = NULL;
    if (make_room(t, bytes.n) < 0)
        return err_set(e, ERR_NOMEM, "no memory for a JSON tree");
    if (bytes.n)
        memcpy(t->bytes, bytes.p, bytes.n);
    doc = parse(t, bytes.n, YYJSON_READ_NOFLAG, &why);
    if (!doc && why.code == YYJSON_READ_ERROR_INVALID_STRING) {
        n = copy_lone(t->bytes, bytes);
        if (n)
            doc = parse(t, n, YYJSON_READ_ALLOW_INVALID_UNICODE, &again);
    }
    if (!doc && why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return err_set(e, ERR_LIMIT, "the JSON has too many values");
    if (!doc)
        return err_set(e, ERR_PROTOCOL, "byte %zu: %s", why.pos, why.msg);
    if (too_deep(doc))
        return err_set(e, ERR_LIMIT, "the JSON is nested deeper than %d levels", JSON_TREE_DEPTH);
    t->root = yyjson_doc_get_root(doc);
    return 0;
}

size_t json_tree_memory(const struct json_tree *t)
{
    return t->memory ? t->cap + YYJSON_PADDING_SIZE + TREE_MEMORY(t->cap) : 0;
}

void json_tree_fini(struct json_tree *t)
{
    mem_free_ptr(&t->memory); /* the document lives in it */
    mem_free_ptr(&t->bytes);
    *t = (struct json_tree){0};
}

/* ---- places ---- */

/* What cannot stand in a header or a log line is a '?': keys are the client's to choose. */
static int add_key(char *ret, size_t cap, const struct json_at *at, bool dot)
{
    char key[KEY_MAX + 1];
    size_t n = MIN(at->key_n, (size_t)KEY_MAX);

    for (size_t i = 0; i < n; i++)
        key[i] = at->key[i] >= 0x20 && at->key[i] < 0x7F ? at->key[i] : '?';
    key[n] = '\0';
    return snprintf(ret, cap, "%s%s", dot ? "." : "", key);
}

void json_at_text(const struct json_at *at, char *ret, size_t cap)
{
    const struct json_at *chain[JSON_TREE_DEPTH];
    size_t n = 0, len = 0;
    int added;

    MUST(cap > 0);
    ret[0] = '\0';
    for (; at && n < ARRAY_LEN(chain); at = at->up)
        chain[n++] = at;
    if (n == 0)
        (void)snprintf(ret, cap, "the body");
    while (n-- > 0 && len + 1 < cap) {
        at = chain[n];
        if (at->key)
            added = add_key(ret + len, cap - len, at, len > 0);
        else
            added = snprintf(ret + len, cap - len, "[%zu]", at->index);
        len = MIN(len + (size_t)MAX(added, 0), cap - 1);
    }
}

int json_wrong(struct err *e, const struct json_at *at, const char *fmt, ...)
{
    char place[128], text[128];
    va_list ap;

    json_at_text(at, place, sizeof(place));
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    (void)err_set(e, ERR_PROTOCOL, "%s: %s", place, text);
    e->place_n = at ? (uint8_t)strlen(place) : 0;
    return -1;
}

/* ---- values ---- */

bool json_tree_u64(const yyjson_val *v, uint64_t *ret)
{
    struct span s = json_is_number(v) ? json_text(v) : span_of(NULL, 0);
    uint64_t n = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t digit = (uint64_t)(s.p[i] - '0');

        if (s.p[i] < '0' || s.p[i] > '9' || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *ret = n;
    return true;
}

static void write_scalar(struct buf *out, yyjson_val *v)
{
    struct span s = json_text(v);

    if (yyjson_is_raw(v)) {
        buf_add_span(out, s);
    } else if (yyjson_is_str(v)) {
        buf_add_char(out, '"');
        json_escape(out, s);
        buf_add_char(out, '"');
    } else {
        buf_add_str(out, yyjson_is_null(v) ? "null" : yyjson_is_true(v) ? "true" : "false");
    }
}

/* A comma stands before every value but the first of a container, and not behind a key. */
static void write_comma(struct buf *out)
{
    if (buf_ok(out) && !strchr("{[:", out->p[out->n - 1]))
        buf_add_char(out, ',');
}

/* In the order of the text, with the open containers on a stack of our own: no recursion. */
void json_write_tree(struct buf *out, yyjson_val *root)
{
    struct {
        size_t left; /* values still to come; keys count */
        bool object;
    } stack[JSON_TREE_DEPTH];
    size_t depth = 0;
    yyjson_val *v = root;

    for (;;) {
        bool key = depth && stack[depth - 1].object && stack[depth - 1].left % 2 == 0;

        if (yyjson_is_ctn(v) && depth < JSON_TREE_DEPTH) {
            bool object = yyjson_is_obj(v);

            buf_add_char(out, object ? '{' : '[');
            stack[depth].object = object;
            stack[depth++].left = yyjson_get_len(v) * (object ? 2 : 1) + 1;
        } else {
            write_scalar(out, v);
            if (key)
                buf_add_char(out, ':');
        }
        while (depth && --stack[depth - 1].left == 0)
            buf_add_char(out, stack[--depth].object ? '}' : ']');
        if (depth == 0)
            return;
        v++;
        write_comma(out);
    }
}
