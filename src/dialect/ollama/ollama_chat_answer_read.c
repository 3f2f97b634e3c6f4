/*
 * ollama_chat_answer_read.c - answers of Ollama's chat as chat events, and what the dialect can
 * say.
 *
 * Text and thinking go on for as long as pieces of their kind come; calls come whole. A call
 * without an id, which older servers never give, gets one of the time of its line and its number in
 * the answer: two turns of one conversation never have the same.
 */
#include "dialect/convert_read.h"
#include "dialect/ollama/ollama_chat_convert.h"

#include "dialect/dialect.h"

static int tell(struct convert_reader *r, const struct chat_event *ev, struct err *e)
{
    return r->sink.event(r->sink.arg, ev, e);
}

/* ---- texts ---- */

static int end_text(struct convert_reader *r, struct err *e)
{
    struct ollama_chat_reader *s = r->own;
    struct chat_event ev = {.kind = CHAT_EVENT_PART_END, .index = s->parts_n - 1, .part = s->kind};

    if (!s->open)
        return 0;
    s->open = false;
    return tell(r, &ev, e);
}

static int say(struct convert_reader *r, enum chat_kind kind, struct span text, struct err *e)
{
    struct ollama_chat_reader *s = r->own;
    struct chat_event ev = {.kind = CHAT_EVENT_PART, .part = kind};

    if (text.n == 0)
        return 0;
    if (!s->open || s->kind != kind) {
        if (end_text(r, e) < 0)
            return -1;
        s->open = true;
        s->kind = kind;
        ev.index = s->parts_n++;
        if (tell(r, &ev, e) < 0)
            return -1;
    }
    ev.kind = CHAT_EVENT_DELTA;
    ev.index = s->parts_n - 1;
    ev.text = text;
    return tell(r, &ev, e);
}

/* ---- calls ---- */

/* The digits of the line's time, and the call's number. */
static struct span made_id(struct convert_reader *r, struct span time)
{
    const struct ollama_chat_reader *s = r->own;
    char digits[32];
    size_t n = 0;

    for (size_t i = 0; i < time.n && n < 24; i++)
        if (time.p[i] >= '0' && time.p[i] <= '9')
            digits[n++] = time.p[i];
    return arena_printf(r->arena, "call_%.*s_%u", (int)n, digits, s->calls_n);
}

static int read_call(struct convert_reader *r, yyjson_val *call, struct span time, struct err *e)
{
    struct ollama_chat_reader *s = r->own;
    yyjson_val *f = json_get(call, "function"), *args = json_get(f, "arguments");
    struct chat_event ev = {.kind = CHAT_EVENT_PART,
                            .part = CHAT_PART_TOOL_CALL,
                            .id = json_get_text(call, "id"),
                            .name = json_get_text(f, "name")};
    struct buf b;
    int rc;

    if (ev.name.n == 0)
        return err_set(e, ERR_PROTOCOL, "a call has no name");
    if (ev.id.n == 0)
        ev.id = made_id(r, time);
    if (!span_has(ev.id))
        return convert_no_answer(e);
    if (end_text(r, e) < 0)
        return -1;
    s->calls_n++;
    ev.index = s->parts_n++;
    if (tell(r, &ev, e) < 0)
        return -1;
    buf_init(&b, r->arena->budget);
    if (yyjson_is_obj(args))
        json_write_tree(&b, args);
    else
        buf_add_str(&b, "{}");
    ev = (struct chat_event){.kind = CHAT_EVENT_DELTA,
                             .part = CHAT_PART_TOOL_CALL,
                             .index = ev.index,
                             .text = buf_span(&b)};
    rc = buf_ok(&b) ? tell(r, &ev, e) : convert_no_answer(e);
    buf_fini(&b);
    ev.kind = CHAT_EVENT_PART_END;
    ev.text = span_of(NULL, 0);
    return rc < 0 ? -1 : tell(r, &ev, e);
}

static int read_calls(struct convert_reader *r, yyjson_val *list, struct span time, struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *one;

    yyjson_arr_iter_init(list, &it);
    while ((one = yyjson_arr_iter_next(&it)))
        if (read_call(r, one, time, e) < 0)
            return -1;
    return 0;
}

/* ---- the rest ---- */

/* They are as OpenAI's chat has them. */
static int read_logprobs(struct convert_reader *r, yyjson_val *list, struct err *e)
{
    struct chat_event ev = {.kind = CHAT_EVENT_LOGPROBS};
    yyjson_arr_iter it;
    yyjson_val *one;
    struct buf b;
    int rc;

    if (!yyjson_is_arr(list) || yyjson_get_len(list) == 0)
        return 0;
    buf_init(&b, r->arena->budget);
    yyjson_arr_iter_init(list, &it);
    while ((one = yyjson_arr_iter_next(&it))) {
        if (b.n)
            buf_add_char(&b, ',');
        json_write_tree(&b, one);
    }
    ev.text = buf_span(&b);
    rc = buf_ok(&b) ? tell(r, &ev, e) : convert_no_answer(e);
    buf_fini(&b);
    return rc;
}

static int finish(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    struct ollama_chat_reader *s = r->own;
    struct chat_event ev = {.kind = CHAT_EVENT_FINISH, .stop = CHAT_STOP_END};
    struct chat_event usage = {.kind = CHAT_EVENT_USAGE};
    bool in, out;

    if (!yyjson_is_true(json_get(root, "done")) || s->finished)
        return 0;
    s->finished = true;
    if (span_is(json_get_text(root, "done_reason"), "length"))
        ev.stop = CHAT_STOP_LENGTH;
    else if (s->calls_n)
        ev.stop = CHAT_STOP_TOOL;
    if (end_text(r, e) < 0 || tell(r, &ev, e) < 0)
        return -1;
    in = json_tree_u64(json_get(root, "prompt_eval_count"), &usage.usage.input);
    out = json_tree_u64(json_get(root, "eval_count"), &usage.usage.output);
    usage.usage.seen = in || out;
    return usage.usage.seen ? tell(r, &usage, e) : 0;
}

static int read_start(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    struct ollama_chat_reader *s = r->own;
    struct chat_event ev = {.kind = CHAT_EVENT_START, .model = json_get_text(root, "model")};

    if (s->started)
        return 0;
    s->started = true;
    return tell(r, &ev, e);
}

int ollama_chat_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    yyjson_val *m = json_get(root, "message");

    if (read_start(r, root, e) < 0 ||
        say(r, CHAT_PART_THINKING, json_get_text(m, "thinking"), e) < 0 ||
        say(r, CHAT_PART_TEXT, json_get_text(m, "content"), e) < 0 ||
        read_calls(r, json_get(m, "tool_calls"), json_get_text(root, "created_at"), e) < 0 ||
        read_logprobs(r, json_get(root, "logprobs"), e) < 0)
        return -1;
    return finish(r, root, e);
}

int ollama_chat_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                           struct err *e)
{
    UNUSED(name);
    return ollama_chat_read_answer(r, root, e);
}

/* ---- the row ---- */

#define API           "https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion"
#define CARRIED(f)    [CHAT_HAS_##f] = {CHAT_HAS_##f, CARRIED, NULL, NULL}
#define NEARLY(f, as) [CHAT_HAS_##f] = {CHAT_HAS_##f, APPROXIMATE, as, API}
#define PARTLY(f, as) [CHAT_HAS_##f] = {CHAT_HAS_##f, PARTLY, as, API}
#define TYPES         "https://github.com/ollama/ollama/blob/main/api/types.go"
#define LOST(f)       [CHAT_HAS_##f] = {CHAT_HAS_##f, LOST, NULL, TYPES}

static const struct convert_loss_row losses[CHAT_FEATURES] = {
    CARRIED(SYSTEM),
    NEARLY(DEVELOPER, "a system message"),
    CARRIED(SYSTEM_LATER),
    LOST(SPEAKER),
    CARRIED(TEXT),
    NEARLY(IMAGE_BASE64, "beside the text of its message, not between two texts"),
    LOST(IMAGE_URL),
    LOST(IMAGE_DETAIL),
    LOST(DOCUMENT_BASE64),
    LOST(DOCUMENT_URL),
    NEARLY(DOCUMENT_TEXT, "a part of the message's text"),
    LOST(AUDIO),
    LOST(VIDEO),
    LOST(FILE_ID),
    CARRIED(TOOLS),
    LOST(TOOL_STRICT),
    LOST(TOOL_FREE),
    LOST(PROVIDER_TOOL),
    PARTLY(TOOL_CHOICE,
           "none leaves the tools out; where one must be called the target is skipped"),
    LOST(TOOL_PARALLEL),
    CARRIED(TOOL_CALL),
    CARRIED(TOOL_RESULT),
    CARRIED(TOOL_RESULT_IMAGE),
    LOST(TOOL_RESULT_ERROR),
    CARRIED(THINKING),
    LOST(SIGNATURE),
    NEARLY(REFUSAL, "text"),
    LOST(CITATIONS),
    CARRIED(JSON_OBJECT),
    CARRIED(JSON_SCHEMA),
    LOST(PREFILL),
    CARRIED(MAX_TOKENS),
    CARRIED(TEMPERATURE),
    CARRIED(TOP_P),
    CARRIED(TOP_K),
    CARRIED(STOP),
    CARRIED(PENALTIES),
    CARRIED(SEED),
    LOST(LOGIT_BIAS),
    CARRIED(LOGPROBS),
    LOST(CHOICES),
    PARTLY(EFFORT, "think: false, low, medium, high or max; minimal is low, xhigh is high"),
    PARTLY(BUDGET, "think: true, or the effort"),
    LOST(VERBOSITY),
    LOST(METADATA),
    LOST(USER),
    LOST(SERVICE_TIER),
    LOST(CACHE),
    LOST(STORE),
    LOST(PREVIOUS),
    LOST(OTHER),
    LOST(USAGE_CACHED),
    LOST(USAGE_REASONING),
    LOST(STOP_SEQUENCE),
    LOST(MEDIA_OUT),
};

const struct convert convert_ollama_chat = {
    .name = "ollama.chat",
    .dialect = &dialect_ollama_chat,
    .signer = CHAT_SIGNER_NONE,
    .loss = losses,
    .read_request = ollama_chat_read_request,
    .write_request = ollama_chat_write_request,
    .reader_bytes = sizeof(struct ollama_chat_reader),
    .read_event = ollama_chat_read_event,
    .read_answer = ollama_chat_read_answer,
};
