/*
 * gemini_answer_read.c - reads Gemini's answers as chat events: an event of a stream, an answer, or
 * the list of a stream without SSE are all the same object, once or more.
 *
 * Each event has what is new. Text goes on with the part that is open, as long as it is of the same
 * kind (plain, or a thought) and the part has not been signed; a signature that comes with an empty
 * text signs the part that is open. Calls and media come whole.
 *
 * Calls without an id are given one: of the answer's id and their number in it.
 *
 * A finishReason may be followed by more (hosts of old wrote one into every event); then there is a
 * later FINISH, which replaces the one before.
 */
#include "dialect/convert_cite.h"
#include "dialect/convert_read.h"
#include "dialect/gemini/gemini_convert.h"

enum open { NOTHING, TEXT, THOUGHT };

/* Of one candidate. */
struct candidate {
    uint32_t parts;                /* that have begun */
    uint8_t open;                  /* enum open: the last of them, if it is text that may go on */
    bool is_signed;                /* that one */
    enum chat_kind part;           /* what it is */
    bool calls;                    /* it has called something */
    struct convert_widths *widths; /* of the text that is open */
};

struct own {
    struct candidate candidates[CHAT_CHOICES_MAX];
    struct chat_usage usage;
    uint64_t prompt, tools, output; /* parts of it, which Google counts apart */
    uint32_t calls;
    bool started;
};
_Static_assert(sizeof(struct own) <= GEMINI_READER_BYTES, "room of the reader");

struct reading {
    struct convert_reader *r;
    struct own *own;
    yyjson_val *root;
    struct err *e;
    uint32_t choice;
    struct candidate *c; /* of that choice */
    size_t texts;        /* that this event has of it */
};

static int tell(struct reading *x, struct chat_event ev)
{
    ev.choice = x->choice;
    if (ev.kind >= CHAT_EVENT_DELTA && ev.kind <= CHAT_EVENT_PART_END && x->c)
        ev.part = x->c->part;
    return x->r->sink.event(x->r->sink.arg, &ev, x->e);
}

/* ---- parts ---- */

static int close_part(struct reading *x)
{
    if (x->c->open == NOTHING)
        return 0;
    x->c->open = NOTHING;
    return tell(x, (struct chat_event){.kind = CHAT_EVENT_PART_END, .index = x->c->parts - 1});
}

/* Begin a part: ev says what it is. */
static int begin_part(struct reading *x, struct chat_event ev)
{
    if (close_part(x) < 0)
        return -1;
    ev.kind = CHAT_EVENT_PART;
    ev.index = x->c->parts++;
    x->c->is_signed = false;
    x->c->part = ev.part;
    return tell(x, ev);
}

static int delta(struct reading *x, struct span text)
{
    return tell(
        x, (struct chat_event){.kind = CHAT_EVENT_DELTA, .index = x->c->parts - 1, .text = text});
}

static int sign(struct reading *x, struct span signature)
{
    if (!span_has(signature) || gemini_is_no_signature(signature))
        return 0;
    x->c->is_signed = true;
    return tell(x, (struct chat_event){.kind = CHAT_EVENT_SIGN,
                                       .index = x->c->parts - 1,
                                       .signature = signature,
                                       .signer = CHAT_SIGNER_GEMINI});
}

static int read_text(struct reading *x, struct span text, bool thought, struct span signature)
{
    enum open kind = thought ? THOUGHT : TEXT;

    if (text.n == 0 && !span_has(signature))
        return 0;
    if (x->c->open != kind || x->c->is_signed) {
        struct chat_event ev = {.part = thought ? CHAT_PART_THINKING : CHAT_PART_TEXT};

        if (begin_part(x, ev) < 0)
            return -1;
        x->c->open = (uint8_t)kind;
        x->c->widths = arena_zalloc(x->r->arena, sizeof(*x->c->widths));
        if (!x->c->widths)
            return convert_no_answer(x->e);
    }
    if (!thought && convert_widths_add(x->c->widths, x->r->arena, text) < 0)
        return convert_no_answer(x->e);
    x->texts += !thought;
    if (text.n && delta(x, text) < 0)
        return -1;
    return sign(x, signature);
}

static struct span call_id(struct reading *x, yyjson_val *call)
{
    struct span id = json_get_text(call, "id"), answer = json_get_text(x->root, "responseId");

    if (id.n)
        return id;
    return arena_printf(x->r->arena, "call_%.*s_%u", SPAN_FMT(answer), x->own->calls);
}

static int read_call(struct reading *x, yyjson_val *call, struct span signature)
{
    struct chat_event ev = {.part = CHAT_PART_TOOL_CALL, .name = json_get_text(call, "name")};
    yyjson_val *args = gemini_get(call, "args", "args");
    struct buf b;
    int rc;

    if (ev.name.n == 0 || gemini_get(call, "partialArgs", "partial_args"))
        return err_set(x->e, ERR_PROTOCOL, "a function call without a name, or in pieces");
    ev.id = call_id(x, call);
    if (!span_has(ev.id))
        return convert_no_answer(x->e);
    x->own->calls++;
    x->c->calls = true;
    if (begin_part(x, ev) < 0)
        return -1;
    buf_init(&b, x->r->arena->budget);
    if (args)
        json_write_tree(&b, args);
    else
        buf_add_str(&b, "{}");
    rc = buf_ok(&b) ? delta(x, buf_span(&b)) : convert_no_answer(x->e);
    buf_fini(&b);
    if (rc < 0 || sign(x, signature) < 0)
        return -1;
    return tell(x, (struct chat_event){.kind = CHAT_EVENT_PART_END, .index = x->c->parts - 1});
}

static int read_media(struct reading *x, yyjson_val *in, yyjson_val *file, struct span signature)
{
    struct chat_event ev = {.part = CHAT_PART_MEDIA};
    yyjson_val *type = gemini_get(in ? in : file, "mimeType", "mime_type");

    ev.media.type = json_text(type);
    ev.media.data =
        in ? json_get_text(in, "data") : json_text(gemini_get(file, "fileUri", "file_uri"));
    ev.media.source = in ? CHAT_BASE64 : gemini_is_file(ev.media.data) ? CHAT_FILE : CHAT_URL;
    ev.media.kind = gemini_media_kind(ev.media.type, in ? span_of(NULL, 0) : ev.media.data);
    if (begin_part(x, ev) < 0 || sign(x, signature) < 0)
        return -1;
    return tell(x, (struct chat_event){.kind = CHAT_EVENT_PART_END, .index = x->c->parts - 1});
}

/* What tools of the provider have done is no part of the answer: nobody asks for them here. */
static int read_part(struct reading *x, yyjson_val *part)
{
    struct span signature = json_text(gemini_get(part, "thoughtSignature", "thought_signature"));
    yyjson_val *call = gemini_get(part, "functionCall", "function_call");
    yyjson_val *in = gemini_get(part, "inlineData", "inline_data");
    yyjson_val *file = gemini_get(part, "fileData", "file_data");

    if (call)
        return read_call(x, call, signature);
    if (in || file)
        return read_media(x, in, file, signature);
    if (json_get(part, "text"))
        return read_text(x, json_get_text(part, "text"), yyjson_is_true(json_get(part, "thought")),
                         signature);
    if (yyjson_obj_size(part)) /* code that it has run, and the like */
        convert_unsaid(x->r);
    return 0;
}

/* ---- citations, log-probabilities ---- */

static int cite(struct reading *x, yyjson_val *source, yyjson_val *place)
{
    const struct convert_widths *w = x->c->widths;
    struct convert_cited c = {.url = json_get_text(source, "uri"),
                              .title = json_get_text(source, "title")};
    uint64_t start = 0, end;
    struct buf b;
    int rc;

    json_tree_u64(json_get(place, "startIndex"), &start);
    if (c.url.n == 0 || !json_tree_u64(json_get(place, "endIndex"), &end) ||
        !convert_widths_char(w, start, &c.start) || !convert_widths_char(w, end, &c.end))
        return 0;
    buf_init(&b, x->r->arena->budget);
    convert_add_url_citation(&b, &c);
    rc = buf_ok(&b) ? tell(x, (struct chat_event){.kind = CHAT_EVENT_CITE,
                                                  .index = x->c->parts - 1,
                                                  .text = buf_span(&b)})
                    : convert_no_answer(x->e);
    buf_fini(&b);
    return rc;
}

/* {"web": {"uri": ..., "title": ...}}, or from another place. */
static yyjson_val *page_of(yyjson_val *chunk)
{
    static const char *const kinds[] = {"web", "maps", "retrievedContext"};
    yyjson_val *page = NULL;

    for (size_t i = 0; i < ARRAY_LEN(kinds) && !page; i++)
        page = json_get(chunk, kinds[i]);
    return page;
}

/* What a piece of the text is grounded on. */
static int cite_support(struct reading *x, yyjson_val *chunks, yyjson_val *support)
{
    yyjson_val *numbers = json_get(support, "groundingChunkIndices"), *one;
    yyjson_val *segment = json_get(support, "segment");
    uint64_t number, part = 0;
    yyjson_arr_iter it;
    size_t n = 0;

    json_tree_u64(json_get(segment, "partIndex"), &part);
    if ((part && x->texts > 1) || !numbers || !yyjson_arr_iter_init(numbers, &it))
        return 0; /* of several texts that are one part here */
    while ((one = yyjson_arr_iter_next(&it)) && n++ < CONVERT_CITES_MAX)
        if (json_tree_u64(one, &number) && number < CONVERT_CITES_MAX &&
            cite(x, page_of(yyjson_arr_get(chunks, (size_t)number)), segment) < 0)
            return -1;
    return 0;
}

/* They belong to the text that is open; without one there is nothing to cite. Google's own API says
 * citationSources, its cloud citations. */
static int read_citations(struct reading *x, yyjson_val *candidate)
{
    yyjson_val *cited = json_get(candidate, "citationMetadata"), *one;
    yyjson_val *ground = json_get(candidate, "groundingMetadata");
    yyjson_val *lists[] = {json_get(cited, "citationSources"), json_get(cited, "citations"),
                           json_get(ground, "groundingSupports")};
    yyjson_arr_iter it;

    if (x->c->open != TEXT)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        size_t n = 0;

        if (!lists[i] || !yyjson_arr_iter_init(lists[i], &it))
            continue;
        while ((one = yyjson_arr_iter_next(&it)) && n++ < CONVERT_CITES_MAX)
            if ((i < 2 ? cite(x, one, one)
                       : cite_support(x, json_get(ground, "groundingChunks"), one)) < 0)
                return -1;
    }
    return 0;
}

/* Members of a token's object, as OpenAI has them; the object stays open. */
static void begin_token(struct json_write *w, yyjson_val *token)
{
    struct span p = json_get_text(token, "logProbability"), word = json_get_text(token, "token");

    json_begin_object(w);
    json_kv_string(w, "token", word);
    json_key(w, "logprob");
    json_raw(w, p.n ? p : SPAN_LIT("0"));
    json_key(w, "bytes");
    json_begin_array(w);
    for (size_t i = 0; i < word.n; i++)
        json_uint(w, (unsigned char)word.p[i]);
    json_end_array(w);
}

static void write_top(struct json_write *w, yyjson_val *top)
{
    yyjson_val *list = json_get(top, "candidates"), *one;
    yyjson_arr_iter it;

    json_key(w, "top_logprobs");
    json_begin_array(w);
    if (list && yyjson_arr_iter_init(list, &it))
        while ((one = yyjson_arr_iter_next(&it))) {
            begin_token(w, one);
            json_end_object(w);
        }
    json_end_array(w);
}

static int read_logprobs(struct reading *x, yyjson_val *candidate)
{
    yyjson_val *result = json_get(candidate, "logprobsResult"), *one;
    yyjson_val *chosen = json_get(result, "chosenCandidates");
    yyjson_val *tops = json_get(result, "topCandidates");
    yyjson_arr_iter it, top;
    struct json_write w;
    struct buf b;
    int rc;

    if (!chosen || !yyjson_arr_iter_init(chosen, &it) || yyjson_get_len(chosen) == 0)
        return 0;
    if (!tops || !yyjson_arr_iter_init(tops, &top))
        memset(&top, 0, sizeof(top));
    buf_init(&b, x->r->arena->budget);
    while ((one = yyjson_arr_iter_next(&it))) {
        if (b.n)
            buf_add_char(&b, ',');
        json_write_init(&w, &b);
        begin_token(&w, one);
        write_top(&w, yyjson_arr_iter_next(&top));
        json_end_object(&w);
    }
    rc = buf_ok(&b)
             ? tell(x, (struct chat_event){.kind = CHAT_EVENT_LOGPROBS, .text = buf_span(&b)})
             : convert_no_answer(x->e);
    buf_fini(&b);
    return rc;
}

/* ---- candidates ---- */

static int finish(struct reading *x, struct span reason)
{
    struct chat_event ev = {.kind = CHAT_EVENT_FINISH, .stop = gemini_stop(reason)};

    if (ev.stop == CHAT_STOP_END && x->c->calls)
        ev.stop = CHAT_STOP_TOOL;
    return close_part(x) < 0 ? -1 : tell(x, ev);
}

static bool is_said(struct span reason)
{
    return reason.n && !span_contains(reason, SPAN_LIT("_UNSPECIFIED"));
}

static int read_candidate(struct reading *x, yyjson_val *candidate, size_t place)
{
    yyjson_val *parts = json_get(json_get(candidate, "content"), "parts"), *part;
    struct span reason = json_get_text(candidate, "finishReason");
    uint64_t index = place;
    yyjson_arr_iter it;

    json_tree_u64(json_get(candidate, "index"), &index);
    if (index >= CHAT_CHOICES_MAX)
        return err_set(x->e, ERR_LIMIT, "the answer has more than %d candidates", CHAT_CHOICES_MAX);
    x->choice = (uint32_t)index;
    x->c = &x->own->candidates[index];
    x->texts = 0;
    if (parts && yyjson_arr_iter_init(parts, &it))
        while ((part = yyjson_arr_iter_next(&it)))
            if (read_part(x, part) < 0)
                return -1;
    if (read_citations(x, candidate) < 0 || read_logprobs(x, candidate) < 0)
        return -1;
    return is_said(reason) ? finish(x, reason) : 0;
}

static int read_candidates(struct reading *x, yyjson_val *list)
{
    yyjson_arr_iter it;
    yyjson_val *one;

    if (!list || !yyjson_arr_iter_init(list, &it))
        return 0;
    for (size_t i = 0; (one = yyjson_arr_iter_next(&it)); i++)
        if (read_candidate(x, one, i) < 0)
            return -1;
    return 0;
}

/* The prompt was refused: an answer without a word. */
static int read_block(struct reading *x)
{
    struct span reason = json_get_text(json_get(x->root, "promptFeedback"), "blockReason");

    if (!is_said(reason))
        return 0;
    x->choice = 0;
    return tell(x, (struct chat_event){.kind = CHAT_EVENT_FINISH, .stop = CHAT_STOP_FILTER});
}

/* ---- usage ---- */

static void count(yyjson_val *usage, const char *key, uint64_t *ret)
{
    json_tree_u64(json_get(usage, key), ret);
}

static void count_audio(yyjson_val *usage, const char *key, uint64_t *ret)
{
    yyjson_val *list = json_get(usage, key), *one;
    yyjson_arr_iter it;

    if (list && yyjson_arr_iter_init(list, &it))
        while ((one = yyjson_arr_iter_next(&it)))
            if (span_is(json_get_text(one, "modality"), "AUDIO"))
                count(one, "tokenCount", ret);
}

/* What an event does not count is as it was. */
static int read_usage(struct reading *x)
{
    yyjson_val *usage = json_get(x->root, "usageMetadata");
    struct own *own = x->own;
    struct chat_usage *u = &own->usage;

    if (!yyjson_is_obj(usage))
        return 0;
    count(usage, "promptTokenCount", &own->prompt);
    count(usage, "toolUsePromptTokenCount", &own->tools);
    count(usage, "candidatesTokenCount", &own->output);
    count(usage, "thoughtsTokenCount", &u->reasoning);
    count(usage, "cachedContentTokenCount", &u->cache_read);
    count_audio(usage, "promptTokensDetails", &u->audio_in);
    count_audio(usage, "candidatesTokensDetails", &u->audio_out);
    u->input = own->prompt + own->tools;
    u->output = own->output + u->reasoning;
    u->seen = u->seen || u->input || u->output;
    if (!u->seen)
        return 0;
    return tell(x, (struct chat_event){.kind = CHAT_EVENT_USAGE, .usage = *u});
}

/* ---- answers ---- */

static int read_object(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    struct reading x = {.r = r, .own = r->own, .root = root, .e = e};

    if (!yyjson_is_obj(root))
        return json_wrong(e, NULL, "an object is wanted");
    x.c = &x.own->candidates[0];
    if (!x.own->started) {
        struct chat_event ev = {.kind = CHAT_EVENT_START,
                                .id = json_get_text(root, "responseId"),
                                .model = json_get_text(root, "modelVersion")};

        x.own->started = true;
        if (tell(&x, ev) < 0)
            return -1;
    }
    if (read_candidates(&x, json_get(root, "candidates")) < 0 || read_block(&x) < 0)
        return -1;
    x.choice = 0;
    return read_usage(&x);
}

int gemini_read_event(struct convert_reader *r, struct span name, yyjson_val *root, struct err *e)
{
    UNUSED(name);
    return read_object(r, root, e);
}

int gemini_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *one;

    if (!yyjson_is_arr(root))
        return read_object(r, root, e);
    yyjson_arr_iter_init(root, &it);
    while ((one = yyjson_arr_iter_next(&it)))
        if (read_object(r, one, e) < 0)
            return -1;
    return 0;
}
