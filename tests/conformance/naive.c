/*
 * naive.c - see naive.h.
 */
#include "naive.h"

#include <yyjson.h>

struct reading {
    bool messages, responses, gemini, cohere, ollama, converse;
    enum dialect_terminal terminal;
    uint32_t choices;
    bool seen[DIALECT_CHOICES_MAX], finished[DIALECT_CHOICES_MAX];
    bool usage, done, started, error, bad;
};

static bool is_failure(const char *finish)
{
    return !strcmp(finish, "error") || !strcmp(finish, "abort") ||
           !strcmp(finish, "network_error") || !strcmp(finish, "insufficient_system_resource");
}

static bool is_error(yyjson_val *v)
{
    return v && !yyjson_is_null(v) && !yyjson_is_false(v) && !yyjson_equals_str(v, "");
}

static void chat_event(struct reading *r, yyjson_val *root)
{
    yyjson_val *choices = yyjson_obj_get(root, "choices"), *choice;
    yyjson_val *usage = yyjson_obj_get(root, "usage");
    size_t i, n;

    if (is_error(yyjson_obj_get(root, "error")) ||
        yyjson_equals_str(yyjson_obj_get(root, "object"), "error"))
        r->error = true;
    if (yyjson_is_num(yyjson_obj_get(usage, "completion_tokens")))
        r->usage = true;
    yyjson_arr_foreach(choices, i, n, choice)
    {
        yyjson_val *index = yyjson_obj_get(choice, "index");
        const char *finish = yyjson_get_str(yyjson_obj_get(choice, "finish_reason"));
        uint64_t at = yyjson_is_uint(index) ? yyjson_get_uint(index) : i;

        MUST(at < DIALECT_CHOICES_MAX);
        r->seen[at] = true;
        if (finish && *finish)
            r->finished[at] = true;
        if (finish && is_failure(finish))
            r->error = true;
    }
}

static bool chat_complete(const struct reading *r)
{
    size_t seen = 0, finished = 0;
    bool asked = true;

    for (size_t i = 0; i < DIALECT_CHOICES_MAX; i++) {
        seen += r->seen[i];
        finished += r->finished[i];
        asked = asked && (i >= r->choices || r->finished[i]);
    }
    if (asked && seen == finished)
        return true;
    if (r->terminal != TERMINAL_DONE || !r->done || seen == 0)
        return false;
    return seen == finished || (finished == 0 && r->usage);
}

static void messages_event(struct reading *r, yyjson_val *root)
{
    const char *type = yyjson_get_str(yyjson_obj_get(root, "type"));

    if (!type)
        return;
    if (!strcmp(type, "message_start"))
        r->started = true;
    if (!strcmp(type, "message_stop"))
        r->done = true;
    if (!strcmp(type, "error"))
        r->error = true;
}

static void responses_event(struct reading *r, yyjson_val *root)
{
    const char *type = yyjson_get_str(yyjson_obj_get(root, "type"));

    if (type && (!strcmp(type, "response.completed") || !strcmp(type, "response.incomplete")))
        r->done = true;
    if (type && (!strcmp(type, "response.failed") || !strcmp(type, "error")))
        r->error = true;
}

/* Its events have no type inside: what each of them holds tells. */
static void converse_event(struct reading *r, yyjson_val *root)
{
    r->error = r->error || is_error(yyjson_obj_get(root, "error"));
    r->started = r->started || yyjson_is_str(yyjson_obj_get(root, "role"));
    r->done = yyjson_is_str(yyjson_obj_get(root, "stopReason"));
}

/* A reason that is one: neither empty nor *_UNSPECIFIED nor 0. */
static bool is_reason(yyjson_val *v)
{
    const char *s = yyjson_get_str(v);

    return yyjson_is_num(v) ? yyjson_get_num(v) != 0 : s && *s && !strstr(s, "_UNSPECIFIED");
}

static void gemini_event(struct reading *r, yyjson_val *root)
{
    yyjson_val *list = yyjson_obj_get(root, "candidates"), *candidate;
    size_t i, n;

    r->error = r->error || is_error(yyjson_obj_get(root, "error"));
    r->done = is_reason(yyjson_obj_get(yyjson_obj_get(root, "promptFeedback"), "blockReason"));
    yyjson_arr_foreach(list, i, n, candidate)
    {
        yyjson_val *index = yyjson_obj_get(candidate, "index");
        uint64_t at = yyjson_is_uint(index) ? yyjson_get_uint(index) : i;

        MUST(at < DIALECT_CHOICES_MAX);
        r->seen[at] = true;
        if (is_reason(yyjson_obj_get(candidate, "finishReason")))
            r->finished[at] = true;
    }
}

static bool is_word(yyjson_val *v)
{
    return yyjson_is_str(v) && yyjson_get_len(v) > 0;
}

static bool cohere_failed(const char *reason)
{
    return reason && (!strcmp(reason, "ERROR") || !strcmp(reason, "TIMEOUT"));
}

static void cohere_event(struct reading *r, yyjson_val *root)
{
    yyjson_val *reason = yyjson_obj_get(yyjson_obj_get(root, "delta"), "finish_reason");

    if (yyjson_is_str(yyjson_obj_get(root, "message")) || cohere_failed(yyjson_get_str(reason)))
        r->error = true;
    else if (yyjson_equals_str(yyjson_obj_get(root, "type"), "message-end") && is_word(reason))
        r->done = true;
}

static void ollama_event(struct reading *r, yyjson_val *root)
{
    r->error = r->error || is_error(yyjson_obj_get(root, "error"));
    r->done = !r->error && yyjson_is_true(yyjson_obj_get(root, "done")) &&
              is_word(yyjson_obj_get(root, "done_reason"));
}

/* Dialects whose events are read alike here. */
static void (*reader_of(const struct reading *r))(struct reading *r, yyjson_val *root)
{
    if (r->messages)
        return messages_event;
    if (r->responses)
        return responses_event;
    if (r->gemini)
        return gemini_event;
    if (r->cohere)
        return cohere_event;
    if (r->converse)
        return converse_event;
    return r->ollama ? ollama_event : chat_event;
}

static void read_event(struct reading *r, char *data, size_t n)
{
    yyjson_doc *doc;

    if (r->done || r->bad || n == 0)
        return;
    if (n == 6 && memcmp(data, "[DONE]", 6) == 0) {
        r->done = reader_of(r) == chat_event;
        return;
    }
    doc = yyjson_read(data, n, 0);
    if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
        r->bad = true;
    else
        reader_of(r)(r, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
}

static bool complete(const struct reading *r)
{
    struct reading plain = *r;

    if (r->messages || r->converse)
        return r->done && r->started;
    if (r->responses || r->cohere || r->ollama)
        return r->done;
    if (r->gemini && r->done)
        return true;
    if (r->gemini)
        plain.terminal = TERMINAL_FINISH;
    return chat_complete(&plain);
}

static enum dialect_verdict judge(const struct reading *r)
{
    if (r->error)
        return VERDICT_ERROR;
    if (complete(r))
        return VERDICT_COMPLETE;
    return r->bad ? VERDICT_BAD : VERDICT_CUT;
}

size_t naive_stream(struct naive_mark **ret, const char *dialect, enum dialect_terminal terminal,
                    uint32_t choices, struct span text)
{
    struct reading r = {.messages = !strcmp(dialect, "anthropic.messages"),
                        .responses = !strcmp(dialect, "openai.responses"),
                        .gemini = !strcmp(dialect, "gemini.generate"),
                        .cohere = !strcmp(dialect, "cohere.chat"),
                        .ollama = !strcmp(dialect, "ollama.chat"),
                        .converse = !strcmp(dialect, "bedrock.converse"),
                        .terminal = terminal,
                        .choices = choices};
    struct naive_mark *marks = malloc((text.n + 2) * sizeof(*marks));
    char *data = malloc(text.n + 1);
    size_t n = 1, data_n = 0;

    MUST(marks && data);
    marks[0] = (struct naive_mark){0, VERDICT_CUT};
    for (size_t at = 0; at < text.n;) {
        size_t begin = at, end;
        struct span line;

        while (at < text.n && text.p[at] != '\n' && text.p[at] != '\r')
            at++;
        if (at == text.n)
            break; /* a line without its end counts for nothing */
        line = span_of(text.p + begin, at - begin);
        end = at + 1; /* a CR ends the line even before its LF */
        at = text.p[at] == '\r' && end < text.n && text.p[end] == '\n' ? end + 1 : end;
        if (line.n == 0) {
            read_event(&r, data, data_n);
            data_n = 0;
            marks[n++] = (struct naive_mark){end, judge(&r)};
        } else if (span_starts(line, SPAN_LIT("data:"))) {
            line = span_of(line.p + 5, line.n - 5);
            line = line.n && *line.p == ' ' ? span_of(line.p + 1, line.n - 1) : line;
            if (data_n)
                data[data_n++] = '\n';
            memcpy(data + data_n, line.p, line.n);
            data_n += line.n;
        }
    }
    free(data);
    *ret = marks;
    return n;
}

static bool has_list(yyjson_val *root, const char *list, const char *member)
{
    return yyjson_obj_get(yyjson_arr_get_first(yyjson_obj_get(root, list)), member) != NULL;
}

static bool is_answer(const char *dialect, yyjson_val *root)
{
    if (!strcmp(dialect, "openai.chat"))
        return has_list(root, "choices", "message");
    if (!strcmp(dialect, "openai.completions"))
        return has_list(root, "choices", "text");
    if (!strcmp(dialect, "openai.embeddings"))
        return has_list(root, "data", "embedding");
    if (!strcmp(dialect, "gemini.embed"))
        return yyjson_arr_size(yyjson_obj_get(root, "embeddings")) > 0;
    if (!strcmp(dialect, "gemini.count"))
        return yyjson_is_num(yyjson_obj_get(root, "totalTokens"));
    if (!strcmp(dialect, "anthropic.count"))
        return yyjson_is_num(yyjson_obj_get(root, "input_tokens"));
    if (!strcmp(dialect, "cohere.chat"))
        return yyjson_is_obj(yyjson_obj_get(root, "message")) &&
               is_word(yyjson_obj_get(root, "finish_reason"));
    if (!strcmp(dialect, "ollama.chat"))
        return yyjson_is_obj(yyjson_obj_get(root, "message")) &&
               yyjson_is_true(yyjson_obj_get(root, "done")) &&
               is_word(yyjson_obj_get(root, "done_reason"));
    if (!strcmp(dialect, "bedrock.converse"))
        return yyjson_is_obj(yyjson_obj_get(yyjson_obj_get(root, "output"), "message")) &&
               yyjson_is_str(yyjson_obj_get(root, "stopReason"));
    if (!strcmp(dialect, "openai.responses"))
        return yyjson_equals_str(yyjson_obj_get(root, "object"), "response") &&
               yyjson_is_str(yyjson_obj_get(root, "status"));
    return yyjson_equals_str(yyjson_obj_get(root, "type"), "message") &&
           yyjson_is_str(yyjson_obj_get(root, "stop_reason"));
}

/* One answer, or the list of a streamed one's. */
static enum dialect_verdict gemini_whole(yyjson_val *root)
{
    struct reading r = {.gemini = true};
    size_t i, n, began = 0;
    yyjson_val *event;

    if (yyjson_is_obj(root))
        gemini_event(&r, root);
    yyjson_arr_foreach(root, i, n, event)
    {
        bool was = r.done;

        gemini_event(&r, event);
        r.done = r.done || was;
    }
    for (i = 0; i < DIALECT_CHOICES_MAX; i++) {
        began += r.seen[i];
        if (r.seen[i] != r.finished[i])
            began = DIALECT_CHOICES_MAX + 1;
    }
    if (r.error)
        return VERDICT_ERROR;
    return r.done || (began > 0 && began <= DIALECT_CHOICES_MAX) ? VERDICT_COMPLETE : VERDICT_BAD;
}

struct naive_mark naive_whole(const char *dialect, struct span text)
{
    yyjson_doc *doc = yyjson_read(text.p, text.n, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct naive_mark ret = {text.n, VERDICT_BAD};

    while (ret.at && strchr(" \t\r\n", text.p[ret.at - 1]))
        ret.at--;
    if (!strcmp(dialect, "gemini.generate"))
        ret.verdict = gemini_whole(root);
    else if (is_error(yyjson_obj_get(root, "error")))
        ret.verdict = VERDICT_ERROR;
    else if (yyjson_is_obj(root) && is_answer(dialect, root))
        ret.verdict = VERDICT_COMPLETE;
    yyjson_doc_free(doc);
    return ret;
}
