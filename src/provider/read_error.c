/*
 * read_error.c - reads what an upstream's error body says, whatever its shape.
 *
 * One table has all places where hosts put a type, a code, a message or a delay; where a body has
 * several for one thing, the higher rank wins. Nothing here can fail: a body that is no JSON, or
 * breaks off, just says less.
 */
#include "base/arena.h"
#include "dialect/text.h"
#include "provider/provider.h"

#define TEXT_BYTES_MAX 2048 /* longest message that is kept, cut there */

enum part { TYPE, CODE, TEXT, DELAY, PARTS };

static const struct {
    const char *path;
    enum part part;
    int rank;
} places[] = {
    /* OpenAI and most: {"error": {...}} */
    {"error.type", TYPE, 9},
    {"error.code", CODE, 8},
    {"error.message", TEXT, 9},
    /* Google: status is the word; the quota that was hit stands deep inside, and how long to stay
     * away. As a list, too. */
    {"error.status", TYPE, 8},
    {"error.details[].violations[].quotaId", CODE, 9},
    {"error.details[].retryDelay", DELAY, 9},
    {"[].error.status", TYPE, 8},
    {"[].error.code", CODE, 8},
    {"[].error.message", TEXT, 9},
    {"[].error.details[].violations[].quotaId", CODE, 9},
    {"[].error.details[].retryDelay", DELAY, 9},
    /* Anthropic: {"type": "error", "error": {...}} */
    {"error.details.error_code", CODE, 9},
    /* Azure: the filter's own word */
    {"error.innererror.code", CODE, 7},
    /* {"error": "text"}: Ollama, TGI (with error_type), xAI (with code) */
    {"error", TEXT, 8},
    {"error_type", TYPE, 8},
    /* {"object": "error", "message": ...}: SGLang, Mistral, vLLM of old; Cerebras, Cohere */
    {"type", TYPE, 7},
    {"code", CODE, 6},
    {"message", TEXT, 7},
    /* Databricks, AWS */
    {"error_code", CODE, 5},
    {"Message", TEXT, 6},
    /* FastAPI: Mistral, Voyage, vLLM */
    {"detail", TEXT, 5},
    {"detail.message", TEXT, 5},
    {"detail[].msg", TEXT, 5},
    /* Cloudflare */
    {"errors[].code", CODE, 4},
    {"errors[].message", TEXT, 4},
    {"error_description", TEXT, 4},
};

struct reading {
    struct arena *arena;
    struct span part[PARTS];
    int rank[PARTS];
};

static bool on_hit(void *arg, const struct json_hit *h)
{
    struct reading *r = arg;
    enum part part = places[h->id].part;
    size_t cap = MIN(h->raw.n, (size_t)TEXT_BYTES_MAX) + 1;
    char *copy;

    if (h->type != JSON_STRING && (h->type != JSON_NUMBER || part != CODE))
        return true;
    if (h->raw.n == 0 || places[h->id].rank <= r->rank[part])
        return true;
    if (part == TYPE && span_is(h->raw, "error")) /* says nothing */
        return true;
    copy = arena_alloc(r->arena, cap);
    if (!copy)
        return true;
    r->part[part] = span_of(copy, dialect_text(h->raw, copy, cap));
    r->rank[part] = places[h->id].rank;
    return true;
}

void provider_read_error(struct provider_failure *ret, struct span body, struct arena *a)
{
    const char *paths[ARRAY_LEN(places)];
    const struct json_watch watch = {paths, ARRAY_LEN(places)};
    struct reading r = {.arena = a};
    enum json_scan_rc rc;
    struct json_scan s;

    _Static_assert(ARRAY_LEN(places) <= JSON_SCAN_PATHS, "bound of the scanner");
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        paths[i] = places[i].path;
    json_scan_init(&s, &watch, on_hit, &r);
    rc = json_scan_feed(&s, body.p, body.n);
    UNUSED(rc); /* what came before a fault still counts */
    *ret = (struct provider_failure){
        .type = r.part[TYPE],
        .code = r.part[CODE],
        .text = r.part[TEXT],
        .delay = r.part[DELAY],
    };
}
