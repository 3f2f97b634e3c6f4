/*
 * openai_chat_answer_read.c - answers of OpenAI's chat completions as chat events.
 *
 * Chunks do not say where a part begins or ends: a part of text goes on as long as deltas of its
 * kind come, a call as long as the choice, known by its index. Whole answers are read as one chunk
 * whose delta is the message.
 */
#include "dialect/convert_cite.h"
#include "dialect/openai/openai_chat_convert.h"

#define NO_PART UINT32_MAX

const struct openai_chat_stop openai_chat_stops[] = {
    {"stop", CHAT_STOP_END},
    {"length", CHAT_STOP_LENGTH},
    {"tool_calls", CHAT_STOP_TOOL},
    {"content_filter", CHAT_STOP_FILTER},
    /* written only */
    {"stop", CHAT_STOP_TEXT},
    {"stop", CHAT_STOP_PAUSE},
    {"content_filter", CHAT_STOP_REFUSAL},
    /* read only */
    {"function_call", CHAT_STOP_TOOL},
    {"eos", CHAT_STOP_END},             /* Together, TGI */
    {"eos_token", CHAT_STOP_END},       /* TGI */
    {"stop_sequence", CHAT_STOP_TEXT},  /* TGI */
    {"model_length", CHAT_STOP_LENGTH}, /* Mistral */
    {"max_tokens", CHAT_STOP_LENGTH},   /* Cohere's compatibility */
    {"tool_use", CHAT_STOP_TOOL},
    {"end_turn", CHAT_STOP_END},
    {"SAFETY", CHAT_STOP_FILTER}, /* Gemini's compatibility */
    {NULL, CHAT_STOP_NONE},
};

/* A call under way. */
struct call {
    struct call *next;
    uint64_t number; /* as the chunks have it */
    uint32_t index;  /* of its part */
};

/* A page that a host has searched, and a place in a text that names one by its number. */
struct source {
    struct span url, title;
};

struct mark {
    struct mark *next;
    uint64_t number, start, end;
};

/* A choice that has begun. */
struct openai_chat_open {
    struct openai_chat_open *next;
    uint32_t choice;
    uint32_t parts_n;
    uint32_t run; /* the part of text that goes on, NO_PART: none */
    enum chat_kind run_kind;
    struct call *calls;
    bool finished;
    bool annotated;             /* the host itself says what it cites */
    uint64_t chars;             /* of that part, if it is text */
    struct mark *marks, **tail; /* in it */
    size_t marks_n;
    uint64_t mark_at, number; /* "[12": what may become one */
    unsigned digits;
    bool in_mark;
};

static int tell(struct convert_reader *r, const struct chat_event *ev, struct err *e)
{
    return r->sink.event(r->sink.arg, ev, e);
}

static struct openai_chat_open *find_choice(struct convert_reader *r, uint32_t choice)
{
    struct openai_chat_reader *s = r->own;
    struct openai_chat_open *o;

    for (o = s->choices; o; o = o->next)
        if (o->choice == choice)
            return o;
    o = arena_zalloc(r->arena, sizeof(*o));
    if (!o)
        return NULL;
    o->choice = choice;
    o->run = NO_PART;
    o->next = s->choices;
    s->choices = o;
    return o;
}

static int end_run(struct convert_reader *r, struct openai_chat_open *o, struct err *e)
{
    struct chat_event ev = {
        .kind = CHAT_EVENT_PART_END, .choice = o->choice, .index = o->run, .part = o->run_kind};

    if (o->run == NO_PART)
        return 0;
    o->run = NO_PART;
    return tell(r, &ev, e);
}

/* "[3]" in a text, which may come in pieces. */
static int look_for_marks(struct convert_reader *r, struct openai_chat_open *o, struct span text,
                          struct err *e)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c == '[') {
            o->in_mark = true;
            o->mark_at = o->chars;
            o->number = o->digits = 0;
        } else if (o->in_mark && c >= '0' && c <= '9' && o->digits < 4) {
            o->number = o->number * 10 + (uint64_t)(c - '0');
            o->digits++;
        } else if (o->in_mark) {
            o->in_mark = false;
            if (c == ']' && o->number && o->marks_n < CONVERT_CITES_MAX) {
                struct mark *m = arena_zalloc(r->arena, sizeof(*m));

                if (!m)
                    return err_set(e, ERR_NOMEM, "no memory for an answer");
                *m = (struct mark){.number = o->number, .start = o->mark_at, .end = o->chars + 1};
                *o->tail = m;
                o->tail = &m->next;
                o->marks_n++;
            }
        }
        o->chars += ((unsigned char)c & 0xc0) != 0x80;
    }
    return 0;
}

static void forget_marks(struct openai_chat_open *o)
{
    o->chars = 0;
    o->in_mark = false;
    o->marks = NULL;
    o->tail = &o->marks;
    o->marks_n = 0;
}

/* Text of a kind: of the part that goes on, or of a new one. */
static int say(struct convert_reader *r, struct openai_chat_open *o, enum chat_kind kind,
               struct span text, struct err *e)
{
    struct chat_event ev = {.kind = CHAT_EVENT_PART, .choice = o->choice, .part = kind};

    if (text.n == 0)
        return 0;
    if (o->run == NO_PART || o->run_kind != kind) {
        if (end_run(r, o, e) < 0)
            return -1;
        o->run = o->parts_n++;
        o->run_kind = kind;
        forget_marks(o);
        ev.index = o->run;
        if (tell(r, &ev, e) < 0)
            return -1;
    }
    ev.kind = CHAT_EVENT_DELTA;
    ev.index = o->run;
    ev.text = text;
    if (kind == CHAT_PART_TEXT && look_for_marks(r, o, text, e) < 0)
        return -1;
    return tell(r, &ev, e);
}

/* ---- thinking ---- */

/* Who can read the signature of a detail: OpenRouter and those that copied it name the format. */
static enum chat_signer signer_of(struct span format)
{
    return span_starts(format, SPAN_LIT("anthropic-claude-")) ? CHAT_SIGNER_ANTHROPIC
                                                              : CHAT_SIGNER_NONE;
}

static int sign(struct convert_reader *r, const struct openai_chat_open *o, yyjson_val *detail,
                struct err *e)
{
    struct chat_event ev = {.kind = CHAT_EVENT_SIGN,
                            .choice = o->choice,
                            .index = o->run,
                            .part = CHAT_PART_THINKING,
                            .signature = json_get_text(detail, "signature"),
                            .signer = signer_of(json_get_text(detail, "format"))};
    bool is_open = o->run != NO_PART && o->run_kind == CHAT_PART_THINKING;

    return is_open && ev.signature.n && ev.signer != CHAT_SIGNER_NONE ? tell(r, &ev, e) : 0;
}

/* {"type": "reasoning.text", "text": ..., "signature": ..., "format": ...}: what the plain member
 * says too, where there is one (Snowflake has none), and Claude's word for it. */
static int read_details(struct convert_reader *r, struct openai_chat_open *o, yyjson_val *list,
                        bool plain, struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *item;

    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it)) != NULL)
        if ((!plain && say(r, o, CHAT_PART_THINKING, json_get_text(item, "text"), e) < 0) ||
            sign(r, o, item, e) < 0)
            return -1;
    return 0;
}

/* Under the name that the host has for it. */
static int read_reasoning(struct convert_reader *r, struct openai_chat_open *o, yyjson_val *d,
                          struct err *e)
{
    struct span text = json_get_text(d, "reasoning_content");

    if (!span_has(text))
        text = json_get_text(d, "reasoning");
    if (say(r, o, CHAT_PART_THINKING, text, e) < 0)
        return -1;
    return read_details(r, o, json_get(d, "reasoning_details"), text.n > 0, e);
}

/* ---- content ---- */

/* Mistral's thinking: {"type": "thinking", "thinking": [{"type": "text", "text": ...}]}. */
static int read_thinking(struct convert_reader *r, struct openai_chat_open *o, yyjson_val *v,
                         struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *item;

    yyjson_arr_iter_init(v, &it);
    while ((item = yyjson_arr_iter_next(&it)) != NULL)
        if (say(r, o, CHAT_PART_THINKING, json_get_text(item, "text"), e) < 0)
            return -1;
    return 0;
}

/* What it spoke: the words as text. There is no event for sound that comes in pieces. */
static int read_audio(struct convert_reader *r, struct openai_chat_open *o, yyjson_val *v,
                      struct err *e)
{
    if (json_get_text(v, "data").n && r->told)
        r->told->dropped |= CHAT_BIT(CHAT_HAS_MEDIA_OUT);
    return say(r, o, CHAT_PART_TEXT, json_get_text(v, "transcript"), e);
}

/* What it drew, at OpenRouter: [{"type": "image_url", "image_url": {"url": "data:..."}}]. */
static int read_images(struct convert_reader *r, struct openai_chat_open *o, yyjson_val *list,
                       struct err *e)
{
    struct chat_event ev = {.choice = o->choice, .part = CHAT_PART_MEDIA};
    yyjson_arr_iter it;
    yyjson_val *item;

    yyjson_arr_iter_init(list, &it);
    while ((item = yyjson_arr_iter_next(&it)) != NULL) {
        struct span url = json_get_text(json_get(item, "image_url"), "url");

        if (url.n == 0)
            continue;
        if (end_run(r, o, e) < 0)
            return -1;
        ev.kind = CHAT_EVENT_PART;
        ev.index = o->parts_n++;
        ev.media = (struct chat_media){.kind = CHAT_IMAGE};
        convert_data_url(&ev.media, url);
        if (tell(r, &ev, e) < 0)
            return -1;
        ev.kind = CHAT_EVENT_PART_END;
        if (tell(r, &ev, e) < 0)
            return -1;
    }
    return 0;
}

/* A string; or, from Mistral and some engines, a list. */
static int read_content(struct convert_reader *r, struct openai_chat_open *o, yyjson_val *v,
                        struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *item;

    if (yyjson_is_str(v))
        return say(r, o, CHAT_PART_TEXT, json_text(v), e);
    yyjson_arr_iter_init(v, &it);
    while ((item = yyjson_arr_iter_next(&it)) != NULL)
        if (say(r, o, CHAT_PART_TEXT, json_get_text(item, "text"), e) < 0 ||
            read_thinking(r, o, json_get(item, "thinking"), e) < 0)
            return -1;
    return 0;
}

/* Tell each element of a list as an event: ev, with the element's JSON text. */
static int tell_each(struct convert_reader *r, struct chat_event ev, yyjson_val *list,
                     struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *item;
    struct buf b;
    int rc = 0;

    buf_init(&b, r->arena->budget);
    yyjson_arr_iter_init(list, &it);
    while (rc == 0 && (item = yyjson_arr_iter_next(&it)) != NULL) {
        buf_reset(&b);
        json_write_tree(&b, item);
        ev.text = buf_span(&b);
        rc = buf_finish(&b, "answer", e) < 0 ? -1 : tell(r, &ev, e);
    }
    buf_fini(&b);
    return rc;
}

static int read_annotations(struct convert_reader *r, struct openai_chat_open *o, yyjson_val *v,
                            struct err *e)
{
    struct chat_event ev = {
        .kind = CHAT_EVENT_CITE, .choice = o->choice, .index = o->run, .part = CHAT_PART_TEXT};

    if (o->run == NO_PART || o->run_kind != CHAT_PART_TEXT)
        return 0;
    o->annotated |= yyjson_is_arr(v) && yyjson_arr_size(v);
    return tell_each(r, ev, v, e);
}

/* Perplexity's: pages in a list, {"title": ..., "url": ...} or URLs alone, which all chunks
 * repeat. The text names them by their number. */
static int read_sources(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    struct openai_chat_reader *s = r->own;
    yyjson_val *list = json_get(root, "search_results"), *one;
    yyjson_arr_iter it;
    size_t n = 0;

    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        list = json_get(root, "citations");
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) <= s->sources_n)
        return 0;
    n = MIN(yyjson_arr_size(list), (size_t)CONVERT_CITES_MAX);
    s->sources = arena_zalloc(r->arena, n * sizeof(*s->sources));
    s->sources_n = s->sources ? n : 0;
    yyjson_arr_iter_init(list, &it);
    for (size_t i = 0; i < s->sources_n && (one = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct span url = yyjson_is_str(one) ? json_text(one) : json_get_text(one, "url");
        struct span title = json_get_text(one, "title");

        s->sources[i].url = arena_dup(r->arena, span_has(url) ? url : SPAN_LIT(""));
        s->sources[i].title = arena_dup(r->arena, span_has(title) ? title : SPAN_LIT(""));
        if (!span_has(s->sources[i].url) || !span_has(s->sources[i].title))
            return err_set(e, ERR_NOMEM, "no memory for an answer");
    }
    return s->sources ? 0 : err_set(e, ERR_NOMEM, "no memory for an answer");
}

static int cite_sources(struct convert_reader *r, const struct openai_chat_open *o, struct err *e)
{
    const struct openai_chat_reader *s = r->own;
    struct chat_event ev = {
        .kind = CHAT_EVENT_CITE, .choice = o->choice, .index = o->run, .part = CHAT_PART_TEXT};
    struct buf b;
    int rc = 0;

    if (o->annotated || o->run == NO_PART || o->run_kind != CHAT_PART_TEXT)
        return 0;
    buf_init(&b, r->arena->budget);
    for (const struct mark *m = o->marks; m && rc == 0; m = m->next) {
        const struct source *page = m->number <= s->sources_n ? &s->sources[m->number - 1] : NULL;

        if (!page || page->url.n == 0)
            continue;
        buf_reset(&b);
        convert_add_url_citation(
            &b, &(struct convert_cited){
                    .url = page->url, .title = page->title, .start = m->start, .end = m->end});
        ev.text = buf_span(&b);
        rc = buf_finish(&b, "answer", e) < 0 ? -1 : tell(r, &ev, e);
    }
    buf_fini(&b);
    return rc;
}

/* ---- calls ---- */

static struct call *find_call(const struct openai_chat_open *o, uint64_t number)
{
    for (struct call *c = o->calls; c; c = c->next)
        if (c->number == number)
            return c;
    return NULL;
}

/* What is called. Snowflake writes both members, and one of them is empty. */
static yyjson_val *called(yyjson_val *v)
{
    yyjson_val *f = json_get(v, "function");

    return f ? f : json_get(v, "custom");
}

static int begin_call(struct convert_reader *r, struct openai_chat_open *o, uint64_t number,
                      yyjson_val *v, struct err *e)
{
    yyjson_val *f = called(v);
    struct chat_event ev = {.kind = CHAT_EVENT_PART,
                            .choice = o->choice,
                            .part = CHAT_PART_TOOL_CALL,
                            .id = json_get_text(v, "id"),
                            .name = json_get_text(f, "name"),
                            .free = f == json_get(v, "custom")};
    struct call *c = arena_zalloc(r->arena, sizeof(*c));

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for an answer");
    if (ev.name.n == 0)
        return err_set(e, ERR_PROTOCOL, "a call has no name");
    if (end_run(r, o, e) < 0)
        return -1;
    c->number = number;
    c->index = ev.index = o->parts_n++;
    c->next = o->calls;
    o->calls = c;
    if (ev.id.n == 0) { /* the client has to name the call in its next turn */
        ev.id = arena_printf(r->arena, "call_%u_%u", o->choice, c->index);
        if (!span_has(ev.id))
            return err_set(e, ERR_NOMEM, "no memory for an answer");
    }
    return tell(r, &ev, e);
}

static int read_call(struct convert_reader *r, struct openai_chat_open *o, uint64_t number,
                     yyjson_val *v, struct err *e)
{
    yyjson_val *f = called(v);
    struct chat_event ev = {.kind = CHAT_EVENT_DELTA,
                            .choice = o->choice,
                            .part = CHAT_PART_TOOL_CALL,
                            .text = json_get_text(f, json_get(f, "input") ? "input" : "arguments")};
    const struct call *c = find_call(o, number);

    if (!c && begin_call(r, o, number, v, e) < 0)
        return -1;
    c = find_call(o, number);
    ev.index = c->index;
    return ev.text.n ? tell(r, &ev, e) : 0;
}

static int read_calls(struct convert_reader *r, struct openai_chat_open *o, yyjson_val *v,
                      struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *item;
    uint64_t number;

    yyjson_arr_iter_init(v, &it);
    for (uint64_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++) {
        if (!json_tree_u64(json_get(item, "index"), &number))
            number = i;
        if (read_call(r, o, number, item, e) < 0)
            return -1;
    }
    return 0;
}

/* What came before tool_calls. */
static int read_old_call(struct convert_reader *r, struct openai_chat_open *o, yyjson_val *v,
                         struct err *e)
{
    struct chat_event ev = {.kind = CHAT_EVENT_PART,
                            .choice = o->choice,
                            .part = CHAT_PART_TOOL_CALL,
                            .id = json_get_text(v, "name"),
                            .name = json_get_text(v, "name")};
    struct call *c = find_call(o, 0);

    if (!yyjson_is_obj(v) || (!c && ev.name.n == 0))
        return 0;
    if (!c) {
        c = arena_zalloc(r->arena, sizeof(*c));
        if (!c)
            return err_set(e, ERR_NOMEM, "no memory for an answer");
        if (end_run(r, o, e) < 0)
            return -1;
        c->index = ev.index = o->parts_n++;
        o->calls = c;
        if (tell(r, &ev, e) < 0)
            return -1;
    }
    ev.kind = CHAT_EVENT_DELTA;
    ev.index = c->index;
    ev.text = json_get_text(v, "arguments");
    return ev.text.n ? tell(r, &ev, e) : 0;
}

/* ---- choices ---- */

static int read_logprobs(struct convert_reader *r, const struct openai_chat_open *o, yyjson_val *v,
                         struct err *e)
{
    struct chat_event ev = {.kind = CHAT_EVENT_LOGPROBS, .choice = o->choice};

    return tell_each(r, ev, v, e);
}

static enum chat_stop stop_of(struct span word)
{
    for (const struct openai_chat_stop *s = openai_chat_stops; s->word; s++)
        if (span_is(word, s->word))
            return s->stop;
    return CHAT_STOP_END;
}

static int finish(struct convert_reader *r, struct openai_chat_open *o, struct span word,
                  struct err *e)
{
    struct chat_event ev = {
        .kind = CHAT_EVENT_PART_END, .choice = o->choice, .part = CHAT_PART_TOOL_CALL};

    if (word.n == 0 || o->finished)
        return 0;
    o->finished = true;
    if (cite_sources(r, o, e) < 0 || end_run(r, o, e) < 0)
        return -1;
    for (uint32_t i = 0; i < o->parts_n; i++) /* in the order of their beginning */
        for (const struct call *c = o->calls; c; c = c->next) {
            ev.index = c->index;
            if (c->index == i && tell(r, &ev, e) < 0)
                return -1;
        }
    ev = (struct chat_event){.kind = CHAT_EVENT_FINISH, .choice = o->choice, .stop = stop_of(word)};
    /* A forced call ends with "stop", and so does any call at some hosts. */
    if (ev.stop == CHAT_STOP_END && o->calls)
        ev.stop = CHAT_STOP_TOOL;
    return tell(r, &ev, e);
}

static int read_choice(struct convert_reader *r, yyjson_val *v, const char *message, uint32_t i,
                       struct err *e)
{
    yyjson_val *d = json_get(v, message);
    struct openai_chat_open *o;
    uint64_t number;

    if (!json_tree_u64(json_get(v, "index"), &number))
        number = i;
    if (number >= CHAT_CHOICES_MAX)
        return err_set(e, ERR_LIMIT, "choice %llu of an answer", (unsigned long long)number);
    o = find_choice(r, (uint32_t)number);
    if (!o)
        return err_set(e, ERR_NOMEM, "no memory for an answer");
    if (read_reasoning(r, o, d, e) < 0 || read_content(r, o, json_get(d, "content"), e) < 0 ||
        read_audio(r, o, json_get(d, "audio"), e) < 0 ||
        read_images(r, o, json_get(d, "images"), e) < 0 ||
        say(r, o, CHAT_PART_REFUSAL, json_get_text(d, "refusal"), e) < 0 ||
        read_annotations(r, o, json_get(d, "annotations"), e) < 0 ||
        read_calls(r, o, json_get(d, "tool_calls"), e) < 0 ||
        read_old_call(r, o, json_get(d, "function_call"), e) < 0 ||
        read_logprobs(r, o, json_get(json_get(v, "logprobs"), "content"), e) < 0)
        return -1;
    return finish(r, o, json_get_text(v, "finish_reason"), e);
}

/* ---- the answer ---- */

static int read_usage(struct convert_reader *r, yyjson_val *v, struct err *e)
{
    struct chat_event ev = {.kind = CHAT_EVENT_USAGE, .usage = {.seen = true}};
    struct chat_usage *u = &ev.usage;
    uint64_t total;
    yyjson_val *in = json_get(v, "prompt_tokens_details");
    yyjson_val *out = json_get(v, "completion_tokens_details");
    const struct {
        yyjson_val *at;
        const char *key;
        uint64_t *to;
    } rows[] = {
        {v, "prompt_tokens", &u->input},
        {v, "completion_tokens", &u->output},
        {v, "prompt_cache_hit_tokens", &u->cache_read}, /* DeepSeek */
        {in, "cached_tokens", &u->cache_read},
        {in, "cache_write_tokens", &u->cache_write}, /* OpenRouter */
        {in, "audio_tokens", &u->audio_in},
        {out, "reasoning_tokens", &u->reasoning},
        {out, "audio_tokens", &u->audio_out},
    };

    if (!yyjson_is_obj(v))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        UNUSED(json_tree_u64(json_get(rows[i].at, rows[i].key), rows[i].to));
    if (!json_tree_u64(json_get(v, "total_tokens"), &total))
        total = 0;
    if (total > u->input && total - u->input > u->output) /* thinking apart: xAI, Gemini */
        u->output = total - u->input;
    else if (u->reasoning > u->output) /* the same: Vercel */
        u->output += u->reasoning;
    if (u->cache_read > u->input) /* hosts that count cached tokens apart, as Anthropic does */
        u->input += u->cache_read;
    u->cache_write = MIN(u->cache_write, u->input - u->cache_read); /* OpenRouter: the same twice */
    return tell(r, &ev, e);
}

static int read_start(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    struct openai_chat_reader *s = r->own;
    struct chat_event ev = {.kind = CHAT_EVENT_START,
                            .id = json_get_text(root, "id"),
                            .model = json_get_text(root, "model")};

    if (s->started)
        return 0;
    s->started = true;
    UNUSED(json_tree_u64(json_get(root, "created"), &ev.created));
    return tell(r, &ev, e);
}

static int read_root(struct convert_reader *r, yyjson_val *root, const char *message, struct err *e)
{
    yyjson_val *usage = json_get(root, "usage");
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_obj(usage)) /* Groq, in a stream */
        usage = json_get(json_get(root, "x_groq"), "usage");
    if (read_start(r, root, e) < 0 || read_sources(r, root, e) < 0)
        return -1;
    yyjson_arr_iter_init(json_get(root, "choices"), &it);
    for (uint32_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++)
        if (read_choice(r, item, message, i, e) < 0)
            return -1;
    return read_usage(r, usage, e);
}

int openai_chat_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                           struct err *e)
{
    UNUSED(name);
    return read_root(r, root, "delta", e);
}

int openai_chat_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    return read_root(r, root, "message", e);
}
