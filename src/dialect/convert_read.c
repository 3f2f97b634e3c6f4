/*
 * convert_read.c - see convert_read.h.
 */
#include "dialect/convert_read.h"

#include "dialect/convert_calls.h"
#include "dialect/foreign.h"

#define OTHERS_MAX      64 /* places of unknown keys that are named; a header has no room for more */
#define FIT_HASH_DIGITS 12
#define FIT_MAX         256

int convert_no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for a request");
}

int convert_no_answer(struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for an answer");
}

static struct span place_of(struct chat_request *q, const struct json_at *at)
{
    char text[192];

    json_at_text(at, text, sizeof(text));
    return arena_dup(q->arena, span_str(text));
}

int convert_note(struct chat_request *q, enum chat_feature f, const struct json_at *at,
                 struct err *e)
{
    bool first = !(q->has & CHAT_BIT(f));

    chat_note(q, f);
    if (!first || chat_feature_row(f)->need != CHAT_NEED)
        return 0;
    q->places[f] = place_of(q, at);
    return span_has(q->places[f]) ? 0 : convert_no_memory(e);
}

int convert_note_other(struct chat_request *q, const struct json_at *at, struct err *e)
{
    struct span place;
    size_t n = 0;

    for (const struct chat_text *t = q->others; t; t = t->next)
        if (++n == OTHERS_MAX) {
            q->others_more++;
            return 0;
        }
    place = place_of(q, at);
    chat_note(q, CHAT_HAS_OTHER);
    return !span_has(place) || chat_add_text(q, &q->others, place) < 0 ? convert_no_memory(e) : 0;
}

static const struct convert_key *find(const struct convert_key *keys, size_t n, struct span key)
{
    for (size_t i = 0; i < n; i++)
        if (span_is(key, keys[i].key))
            return &keys[i];
    return NULL;
}

int convert_object(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                   const struct convert_key *keys, size_t keys_n, void *to, struct err *e)
{
    yyjson_obj_iter it;
    yyjson_val *k;

    if (!yyjson_is_obj(v))
        return json_wrong(e, at, "an object is wanted");
    yyjson_obj_iter_init(v, &it);
    while ((k = yyjson_obj_iter_next(&it)) != NULL) {
        struct span key = json_text(k);
        struct json_at here = {.up = at, .key = key.p, .key_n = key.n};
        struct convert_value x = {q, find(keys, keys_n, key), yyjson_obj_iter_get_val(k), &here, to,
                                  e};

        if (yyjson_is_null(x.v))
            continue;
        if (!x.key ? convert_note_other(q, &here, e) < 0 : x.key->read(&x) < 0)
            return -1;
        if (x.key && x.key->note &&
            convert_note(q, (enum chat_feature)(x.key->note - 1), &here, e) < 0)
            return -1;
    }
    return 0;
}

int convert_members(const struct convert_value *x, const struct convert_key *keys, size_t keys_n)
{
    return convert_object(x->q, x->v, x->at, keys, keys_n, x->to, x->e);
}

int convert_want(const struct convert_value *x, const char *what)
{
    return json_wrong(x->e, x->at, "%s is wanted", what);
}

static void *place(const struct convert_value *x)
{
    return (char *)x->to + x->key->at;
}

int convert_text(const struct convert_value *x)
{
    if (!yyjson_is_str(x->v))
        return convert_want(x, "a string");
    *(struct span *)place(x) = json_text(x->v);
    return 0;
}

int convert_number(const struct convert_value *x)
{
    if (!json_is_number(x->v))
        return convert_want(x, "a number");
    *(struct span *)place(x) = json_text(x->v);
    return 0;
}

int convert_bool(const struct convert_value *x)
{
    if (!yyjson_is_bool(x->v))
        return convert_want(x, "true or false");
    *(enum chat_tri *)place(x) = yyjson_is_true(x->v) ? CHAT_YES : CHAT_NO;
    return 0;
}

struct span convert_json_text(struct chat_request *q, yyjson_val *v)
{
    struct span ret = {NULL, 0};
    struct buf b;

    buf_init(&b, q->arena->budget);
    json_write_tree(&b, v);
    if (buf_ok(&b))
        ret = arena_dup(q->arena, buf_span(&b));
    buf_fini(&b);
    return ret;
}

int convert_json(const struct convert_value *x)
{
    struct span s = convert_json_text(x->q, x->v);

    if (!span_has(s))
        return convert_no_memory(x->e);
    *(struct span *)place(x) = s;
    return 0;
}

int convert_json_object(const struct convert_value *x)
{
    return yyjson_is_obj(x->v) ? convert_json(x) : convert_want(x, "an object");
}

int convert_texts(const struct convert_value *x)
{
    struct chat_text **tail = place(x);
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list of strings");
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++) {
        if (!yyjson_is_str(item))
            return json_wrong(x->e, &JSON_AT_ITEM(x->at, i), "a string is wanted");
        if (chat_add_text(x->q, tail, json_text(item)) < 0)
            return convert_no_memory(x->e);
        tail = &(*tail)->next;
    }
    return 0;
}

int convert_text_or_texts(const struct convert_value *x)
{
    if (yyjson_is_str(x->v))
        return chat_add_text(x->q, place(x), json_text(x->v)) < 0 ? convert_no_memory(x->e) : 0;
    return yyjson_is_arr(x->v) ? convert_texts(x)
                               : convert_want(x, "a string or a list of strings");
}

int convert_store(const struct convert_value *x)
{
    if (convert_bool(x) < 0)
        return -1;
    if (x->q->store == CHAT_YES)
        chat_note(x->q, CHAT_HAS_STORE);
    return 0;
}

static int read_tool_function(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"name", convert_text, offsetof(struct chat_tool, name), NOTE(TOOLS)},
        {"description", convert_text, offsetof(struct chat_tool, description), 0},
        {"parameters", convert_json, offsetof(struct chat_tool, schema), 0},
    };

    return convert_members(x, keys, ARRAY_LEN(keys));
}

int convert_tools(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"type", convert_ignore, 0, 0},
        {"function", read_tool_function, 0, 0},
    };
    struct chat_tool **tail = &x->q->tools;
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list");
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct json_at here = JSON_AT_ITEM(x->at, i);
        struct chat_tool *t = chat_add_tool(x->q, &tail, CHAT_TOOL_FUNCTION);

        if (!t)
            return convert_no_memory(x->e);
        if (convert_object(x->q, item, &here, keys, ARRAY_LEN(keys), t, x->e) < 0)
            return -1;
        if (t->name.n == 0)
            return json_wrong(x->e, &here, "the tool has no name");
    }
    return 0;
}

int convert_messages(const struct convert_value *x, convert_message_fn read)
{
    struct chat_message **tail = &x->q->messages;
    yyjson_arr_iter it;
    yyjson_val *one;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list");
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (one = yyjson_arr_iter_next(&it)); i++)
        if (read(x->q, &tail, one, &JSON_AT_ITEM(x->at, i), x->e) < 0)
            return -1;
    convert_note_messages(x->q);
    return convert_calls_name_results(x->q) < 0 ? convert_no_memory(x->e) : 0;
}

struct chat_message *convert_first_system(struct chat_request *q)
{
    struct chat_message *head = NULL, **tail = &head;
    struct chat_message *m = chat_add_message(q, &tail, CHAT_ROLE_SYSTEM);

    if (!m)
        return NULL;
    m->next = q->messages;
    q->messages = m;
    return m;
}

int convert_text_part(struct chat_request *q, struct chat_part ***tail, struct span text,
                      struct err *e)
{
    struct chat_part *p = chat_add_part(q, tail, CHAT_PART_TEXT);

    if (!p)
        return convert_no_memory(e);
    p->text = text;
    chat_note(q, CHAT_HAS_TEXT);
    return 0;
}

void convert_note_messages(struct chat_request *q)
{
    const struct chat_message *last = NULL;
    bool turns = false;

    for (const struct chat_message *m = q->messages; m; m = m->next) {
        if (!chat_is_system(m))
            turns = true;
        else
            chat_note(q, turns ? CHAT_HAS_SYSTEM_LATER : CHAT_HAS_SYSTEM);
        last = m;
    }
    if (last && last->role == CHAT_ROLE_ASSISTANT)
        chat_note(q, CHAT_HAS_PREFILL);
}

int convert_ignore(const struct convert_value *x)
{
    UNUSED(x);
    return 0;
}

int convert_other(const struct convert_value *x)
{
    return convert_note_other(x->q, x->at, x->e);
}

bool convert_blank(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(" \t\r\n", s.p[i]) || s.p[i] == '\0')
            return false;
    return true;
}

/* ---- media ---- */

void convert_data_url(struct chat_media *m, struct span url)
{
    struct span rest = url, head;

    m->source = CHAT_URL;
    m->data = url;
    if (!span_starts(url, SPAN_LIT("data:")))
        return;
    head = span_cut(&rest, ',');
    if (!span_ends(head, SPAN_LIT(";base64")))
        return;
    m->source = CHAT_BASE64;
    m->data = rest;
    m->type = span_of(head.p + 5, head.n - 5 - 7);
}

enum chat_feature convert_media_feature(const struct chat_media *m)
{
    static const enum chat_feature rows[][4] = {
        [CHAT_IMAGE] = {CHAT_HAS_IMAGE_BASE64, CHAT_HAS_IMAGE_URL, CHAT_HAS_IMAGE_BASE64,
                        CHAT_HAS_FILE_ID},
        [CHAT_DOCUMENT] = {CHAT_HAS_DOCUMENT_BASE64, CHAT_HAS_DOCUMENT_URL, CHAT_HAS_DOCUMENT_TEXT,
                           CHAT_HAS_FILE_ID},
        [CHAT_AUDIO_IN] = {CHAT_HAS_AUDIO, CHAT_HAS_AUDIO, CHAT_HAS_AUDIO, CHAT_HAS_FILE_ID},
        [CHAT_VIDEO_IN] = {CHAT_HAS_VIDEO, CHAT_HAS_VIDEO, CHAT_HAS_VIDEO, CHAT_HAS_FILE_ID},
    };

    return rows[m->kind][m->source];
}

/* ---- signatures ---- */

static const struct span makers[] = {
    [CHAT_SIGNER_ANTHROPIC] = SPAN_LIT(FOREIGN_SIGNATURE "anthropic."),
    [CHAT_SIGNER_OPENAI] = SPAN_LIT(FOREIGN_SIGNATURE "openai."),
    [CHAT_SIGNER_GEMINI] = SPAN_LIT(FOREIGN_SIGNATURE "gemini."),
};

struct span convert_hand_out(struct arena *a, struct span signature, enum chat_signer signer,
                             enum chat_signer own)
{
    if (signer == own || signer == CHAT_SIGNER_NONE)
        return signer == own ? signature : span_of(NULL, 0);
    return arena_join(a, (const struct span[]){makers[signer], signature}, 2);
}

struct span convert_take_back(struct span s, enum chat_signer own, enum chat_signer *ret_signer)
{
    *ret_signer = own;
    for (enum chat_signer i = CHAT_SIGNER_ANTHROPIC; i < ARRAY_LEN(makers); i++)
        if (span_starts(s, makers[i])) {
            *ret_signer = i;
            return span_of(s.p + makers[i].n, s.n - makers[i].n);
        }
    return s;
}

/* ---- ids and names ---- */

#define PLAIN "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool may_stand(char c, const struct convert_charset *set)
{
    return is_letter(c) || (c >= '0' && c <= '9') || (c == '-' && !set->no_dash) ||
           (set->more && c && strchr(set->more, c));
}

/* Letters and digits alone. */
static bool fits_exactly(struct span s, size_t n)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(PLAIN, s.p[i]) || !s.p[i])
            return false;
    return s.n == n;
}

static bool fits(struct span s, const struct convert_charset *set)
{
    if (set->exact)
        return fits_exactly(s, set->exact);
    if (s.n == 0 || s.n > set->max || (set->letter_first && !is_letter(s.p[0])))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!may_stand(s.p[i], set))
            return false;
    return true;
}

/* The text's hash in n digits of a base. */
static void add_hash(char *out, struct span s, size_t n, unsigned base)
{
    uint64_t h = span_hash(s);

    for (size_t i = 0; i < n; i++, h /= base)
        out[i] = PLAIN[h % base];
}

static struct span fit(char out[FIT_MAX], struct span s, const struct convert_charset *set)
{
    size_t keep = set->max - MIN(set->max, (size_t)FIT_HASH_DIGITS + 1), n = 0;

    if (set->exact) {
        add_hash(out, s, set->exact, sizeof(PLAIN) - 1);
        return span_of(out, set->exact);
    }
    if (set->letter_first && (s.n == 0 || !is_letter(s.p[0])) && keep)
        out[n++] = '_';
    for (size_t i = 0; i < s.n && n < keep; i++)
        if (may_stand(s.p[i], set))
            out[n++] = s.p[i];
    if (n)
        out[n++] = '_';
    add_hash(out + n, s, FIT_HASH_DIGITS, 16);
    return span_of(out, n + FIT_HASH_DIGITS);
}

struct span convert_fit(struct arena *a, struct span s, const struct convert_charset *set)
{
    char out[FIT_MAX];

    MUST(set->exact ? set->exact < FIT_MAX : set->max > FIT_HASH_DIGITS && set->max < FIT_MAX);
    return fits(s, set) ? s : arena_dup(a, fit(out, s, set));
}

struct span convert_unfit_name(const struct chat_request *q, struct span name,
                               const struct convert_charset *set)
{
    char out[FIT_MAX];

    for (const struct chat_tool *t = q->tools; t; t = t->next)
        if (!fits(t->name, set) && span_eq(fit(out, t->name, set), name))
            return t->name;
    return name;
}
