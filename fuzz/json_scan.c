/*
 * json_scan.c - the scanner against yyjson, by way of our trees, and against itself.
 *
 * The first byte of the input chooses how the rest is cut. Must hold: the verdict is that of a tree
 * (but for texts that are too much for one of both), and neither verdict, place of the error nor
 * any hit depends on the cut; nor does the place of the error in words. The paths are short, so
 * that a fuzzer finds them.
 */
#include "codec/json_place.h"
#include "codec/json_tree.h"

#define HITS_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const paths[] = {
    "", "a", "a.b", "a[]", "a[].b", "a[].b[].c", "[]", "[][]", "[].a", "b", "a.b.c", "b[][].a",
};
static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

/* What all hits amount to: a running hash, and the first of them for a debugger. */
struct record {
    const char *text;
    uint64_t hash;
    size_t n;
    struct json_hit first[HITS_MAX];
};

static void mix(uint64_t *hash, uint64_t v)
{
    *hash = (*hash ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    *hash ^= *hash >> 29;
}

static bool note(void *arg, const struct json_hit *hit)
{
    struct record *r = arg;
    bool string = hit->type == JSON_STRING;
    bool scalar = hit->type < JSON_ARRAY;

    MUST(hit->id < watch.n && hit->raw_cut == (scalar && hit->raw.n < hit->len - 2U * string));
    MUST(!hit->raw_cut || hit->raw.n == JSON_SCAN_TEXT);
    if (scalar)
        MUST(memcmp(hit->raw.p, r->text + hit->at + string, hit->raw.n) == 0);
    else if (hit->end)
        MUST(r->text[hit->at + hit->len - 1] == (hit->type == JSON_ARRAY ? ']' : '}'));
    else
        MUST(r->text[hit->at] == (hit->type == JSON_ARRAY ? '[' : '{') && hit->len == 0);
    mix(&r->hash, hit->id);
    mix(&r->hash, (uint64_t)hit->type << 2 | (uint64_t)hit->end << 1 | hit->escaped_key);
    mix(&r->hash, hit->index);
    mix(&r->hash, hit->at);
    mix(&r->hash, hit->len);
    if (r->n < HITS_MAX)
        r->first[r->n] = *hit;
    r->n++;
    return true;
}

/* Scan in pieces of 1 to `most` bytes (0: at once), each in memory of its own. */
static enum json_scan_rc scan(struct json_scan *s, struct record *r, const char *text, size_t n,
                              unsigned most)
{
    uint64_t dice = most;

    *r = (struct record){.text = text};
    json_scan_init(s, &watch, note, r);
    for (size_t at = 0; at < n;) {
        size_t piece = n - at;
        enum json_scan_rc rc;
        char *copy;

        mix(&dice, at);
        if (most)
            piece = MIN(piece, 1 + (size_t)(dice % most));
        copy = malloc(piece);
        MUST(copy);
        memcpy(copy, text + at, piece);
        rc = json_scan_feed(s, copy, piece);
        free(copy);
        if (rc == JSON_SCAN_BAD) {
            MUST(json_scan_feed(s, text, n) == JSON_SCAN_BAD);
            return rc;
        }
        at += piece;
        MUST(s->at == at);
    }
    return json_scan_eof(s);
}

static void against_tree(struct span text, enum json_scan_rc rc, const char *why)
{
    struct json_tree t = {0};
    struct err e = {0};
    int read = json_tree_read(&t, text, &e);

    json_tree_fini(&t);
    if ((read < 0 && e.code != ERR_PROTOCOL) || (rc == JSON_SCAN_BAD && strcmp(why, "depth") == 0))
        return;
    MUST((read == 0) == (rc == JSON_SCAN_DONE));
}

/* Of the bytes before the fault, which the scanner took. */
static void place(const char *text, size_t n)
{
    char whole[JSON_PLACE_TEXT], cut[JSON_PLACE_TEXT];
    struct json_place p;

    json_place_init(&p);
    json_place_feed(&p, text, n);
    json_place_text(&p, whole);
    json_place_init(&p);
    for (size_t i = 0; i < n; i++)
        json_place_feed(&p, text + i, 1);
    json_place_text(&p, cut);
    MUST(strcmp(whole, cut) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct record whole, cut;
    struct json_scan s, t;
    enum json_scan_rc rc;
    const char *text;

    if (len < 1)
        return 0;
    text = (const char *)data + 1;
    len--;
    rc = scan(&s, &whole, text, len, 0);
    MUST(rc == JSON_SCAN_BAD ? s.why && s.at <= len : rc == JSON_SCAN_DONE);
    against_tree(span_of(text, len), rc, s.why);
    place(text, (size_t)s.at);
    for (unsigned i = 0; i < 2; i++) {
        MUST(scan(&t, &cut, text, len, i ? 1 + data[0] : 1) == rc);
        MUST(t.at == s.at && t.why == s.why);
        MUST(cut.hash == whole.hash && cut.n == whole.n);
    }
    return 0;
}
