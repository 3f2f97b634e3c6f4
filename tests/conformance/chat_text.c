/*
 * chat_text.c - see chat_text.h.
 */
#include "chat_text.h"

static void put(struct buf *out, const char *name, struct span s)
{
    if (span_has(s))
        buf_printf(out, " %s='%.*s'", name, SPAN_FMT(s));
}

static void put_media(struct buf *out, const struct chat_media *m)
{
    buf_printf(out, " kind=%d source=%d", m->kind, m->source);
    put(out, "type", m->type);
    put(out, "data", m->data);
    if (!span_is(m->detail, "auto")) /* is as good as no word */
        put(out, "detail", m->detail);
}

static void put_part(struct buf *out, const struct chat_part *p)
{
    static const char *const kinds[] = {"text", "media", "call", "result", "thinking", "refusal"};

    buf_printf(out, "  %s", kinds[p->kind]);
    put(out, "text", p->text);
    put(out, "id", p->id);
    put(out, "name", p->name);
    put(out, "args", p->args);
    put(out, "signature", p->signature);
    if (span_has(p->signature))
        buf_printf(out, " signer=%d", p->signer);
    if (p->kind == CHAT_PART_MEDIA)
        put_media(out, &p->media);
    if (p->error)
        buf_add_str(out, " error");
    if (p->redacted)
        buf_add_str(out, " redacted");
    buf_add_char(out, '\n');
}

static void put_numbers(struct buf *out, const struct chat_request *q)
{
    put(out, "max_tokens", q->max_tokens);
    put(out, "temperature", q->temperature);
    put(out, "top_p", q->top_p);
    put(out, "top_k", q->top_k);
    put(out, "frequency_penalty", q->frequency_penalty);
    put(out, "presence_penalty", q->presence_penalty);
    put(out, "seed", q->seed);
    put(out, "choices", q->choices);
    put(out, "top_logprobs", q->top_logprobs);
    put(out, "thinking_budget", q->thinking_budget);
    put(out, "effort", q->effort);
    put(out, "summary", q->summary);
    put(out, "metadata", q->metadata);
    put(out, "previous", q->previous);
    for (const struct chat_text *t = q->stops; t; t = t->next)
        put(out, "stop", t->s);
}

void chat_text_request(struct buf *out, const struct chat_request *q)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant"};

    for (const struct chat_message *m = q->messages, *before = NULL; m; before = m, m = m->next) {
        if (!before || before->role != m->role) /* dialects join what one role says */
            buf_printf(out, "%s\n", roles[m->role]);
        for (const struct chat_part *p = m->parts; p; p = p->next) {
            put_part(out, p);
            for (const struct chat_part *r = p->parts; r; r = r->next) {
                buf_add_str(out, "  ");
                put_part(out, r);
            }
        }
    }
    for (const struct chat_tool *t = q->tools; t; t = t->next) {
        buf_printf(out, "tool %d%s", t->kind, t->strict == CHAT_YES ? " strict" : "");
        put(out, "name", t->name);
        put(out, "description", t->description);
        put(out, "schema", t->schema);
        put(out, "raw", t->raw);
        buf_add_char(out, '\n');
    }
    /* Without a word the model may call a tool. */
    buf_printf(out, "choice=%d", q->choice == CHAT_CHOICE_UNSET ? CHAT_CHOICE_AUTO : q->choice);
    put(out, "name", q->choice_name);
    buf_printf(out, " format=%d", q->format);
    put(out, "schema", q->format_schema);
    buf_printf(out, " thinking=%d logprobs=%d", q->thinking, q->logprobs);
    put_numbers(out, q);
    buf_add_char(out, '\n');
}

void chat_text_event(struct buf *out, const struct chat_event *ev)
{
    static const char *const kinds[] = {"start",    "part", "delta",  "sign", "cite",
                                        "logprobs", "end",  "finish", "usage"};
    static const char *const parts[] = {"text", "media", "call", "result", "thinking", "refusal"};
    static const char *const stops[] = {"none", "end",    "length",  "text",
                                        "tool", "filter", "refusal", "pause"};

    buf_printf(out, "%u.%u %s", ev->choice, ev->index, kinds[ev->kind]);
    if (ev->kind == CHAT_EVENT_PART)
        buf_printf(out, " %s", parts[ev->part]);
    if (ev->kind == CHAT_EVENT_FINISH)
        buf_printf(out, " %s", stops[ev->stop]);
    put(out, "id", ev->id);
    put(out, "name", ev->name);
    put(out, "model", ev->model);
    if (ev->kind == CHAT_EVENT_DELTA || ev->kind == CHAT_EVENT_CITE ||
        ev->kind == CHAT_EVENT_LOGPROBS)
        put(out, "text", ev->text);
    if (ev->kind == CHAT_EVENT_SIGN)
        put(out, "signature", ev->signature);
    if (ev->kind == CHAT_EVENT_PART && ev->part == CHAT_PART_MEDIA)
        put_media(out, &ev->media);
    if (ev->kind == CHAT_EVENT_USAGE)
        buf_printf(out, " in=%llu out=%llu cached=%llu reasoning=%llu",
                   (unsigned long long)ev->usage.input, (unsigned long long)ev->usage.output,
                   (unsigned long long)ev->usage.cache_read,
                   (unsigned long long)ev->usage.reasoning);
    buf_add_char(out, '\n');
}
