/*
 * reread.c - what only some plans ask of a request's body: a second walk, for those alone.
 *
 * The reader of the request has seen that the body is whole and good.
 */
#include "relay/relay_plan.h"

int relay_scan_body(const struct relay *r, const struct json_watch *watch, json_hit_fn fn,
                    void *arg, struct err *e)
{
    struct json_scan scan;
    struct span piece;

    json_scan_init(&scan, watch, fn, arg);
    for (uint64_t at = 0; at < blob_len(r->body); at += piece.n) {
        if (blob_at(r->body, at, &piece, e) < 0)
            return -1;
        if (json_scan_feed(&scan, piece.p, piece.n) == JSON_SCAN_BAD)
            return 0; /* it has been stopped: what was looked for is there */
    }
    return 0;
}

/* ---- tools ---- */

static bool on_tool(void *arg, const struct json_hit *h)
{
    UNUSED(h);
    *(bool *)arg = true;
    return false;
}

int relay_brings_tools(const struct relay *r, bool *ret, struct err *e)
{
    static const char *const paths[] = {"tools[]", "functions[]"};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

    *ret = false;
    return relay_scan_body(r, &watch, on_tool, ret, e);
}

/* ---- which conversation it is ---- */

#define TEXTS_MOST 32 /* of its beginning: system prompt and first message */

enum {
    CACHE_KEY,
    USER,
    USER_ID,
    SYSTEM,
    SYSTEM_TEXT,
    INSTRUCTIONS,
    GEMINI_SYSTEM,
    GEMINI_SYSTEM_TOO,
    CONTENT,
    CONTENT_TEXT,
    INPUT,
    INPUT_CONTENT,
    INPUT_TEXT,
    PART_TEXT,
    ROLE,
    INPUT_ROLE,
    GEMINI_ROLE,
    MESSAGE,
    INPUT_ITEM,
    GEMINI_CONTENT,
};

struct beginning {
    struct place {
        uint64_t at, len;
    } id, texts[TEXTS_MOST];
    size_t texts_n;
    bool spoken;  /* the user's first message has been read */
    bool another; /* the message at hand is another's */
};

static void add_text(struct beginning *b, const struct json_hit *h)
{
    bool of_system = h->id <= GEMINI_SYSTEM_TOO;

    if ((of_system || !b->spoken) && b->texts_n < TEXTS_MOST)
        b->texts[b->texts_n++] = (struct place){h->at, h->len};
}

static bool on_place(void *arg, const struct json_hit *h)
{
    struct beginning *b = arg;

    if (h->id >= MESSAGE) {
        b->spoken |= h->end && !b->another;
        b->another &= !h->end;
    } else if (h->type != JSON_STRING) {
        return true; /* its parts are told by themselves */
    } else if (h->id >= ROLE) {
        b->another = !span_is(h->raw, "user");
    } else if (h->id >= SYSTEM) {
        add_text(b, h);
    } else if (h->len > 2 && (b->id.len == 0 || h->id == CACHE_KEY)) {
        b->id = (struct place){h->at, h->len};
    }
    return true;
}

static int hash_place(const struct relay *r, const struct place *p, XXH64_state_t *state,
                      struct err *e)
{
    struct span piece;

    for (uint64_t done = 0; done < p->len; done += piece.n) {
        if (blob_at(r->body, p->at + done, &piece, e) < 0)
            return -1;
        piece.n = (size_t)MIN((uint64_t)piece.n, p->len - done);
        MUST(XXH64_update(state, piece.p, piece.n) == XXH_OK);
    }
    return 0;
}

int relay_read_conversation(const struct relay *r, XXH64_state_t *state, XXH64_state_t *texts,
                            bool *ret_any, struct err *e)
{
    static const char *const paths[] = {
        [CACHE_KEY] = "prompt_cache_key",
        [USER] = "user",
        [USER_ID] = "metadata.user_id",
        [SYSTEM] = "system",
        [SYSTEM_TEXT] = "system[].text",
        [INSTRUCTIONS] = "instructions",
        [GEMINI_SYSTEM] = "systemInstruction.parts[].text",
        [GEMINI_SYSTEM_TOO] = "system_instruction.parts[].text",
        [CONTENT] = "messages[].content",
        [CONTENT_TEXT] = "messages[].content[].text",
        [INPUT] = "input",
        [INPUT_CONTENT] = "input[].content",
        [INPUT_TEXT] = "input[].content[].text",
        [PART_TEXT] = "contents[].parts[].text",
        [ROLE] = "messages[].role",
        [INPUT_ROLE] = "input[].role",
        [GEMINI_ROLE] = "contents[].role",
        [MESSAGE] = "messages[]",
        [INPUT_ITEM] = "input[]",
        [GEMINI_CONTENT] = "contents[]",
    };
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};
    struct beginning b = {.texts_n = 0};

    if (relay_scan_body(r, &watch, on_place, &b, e) < 0)
        return -1;
    *ret_any = b.id.len || b.texts_n;
    if (b.texts_n == 0 && b.id.len && hash_place(r, &b.id, texts, e) < 0)
        return -1;
    for (size_t i = 0; i < b.texts_n; i++)
        if (hash_place(r, &b.texts[i], texts, e) < 0 ||
            (!b.id.len && hash_place(r, &b.texts[i], state, e) < 0))
            return -1;
    return b.id.len ? hash_place(r, &b.id, state, e) : 0;
}
