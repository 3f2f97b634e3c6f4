/*
 * exhausted.c - no target could answer: a text that the operator has approved takes the place of
 * the error, as an answer in the client's dialect that says whose it is: the model
 * "lamplighter/static", and a header.
 *
 * Only where nothing of an answer has been told, and where targets are at fault: who asks for what
 * nobody would do hears that. The record stays what it is, a failure, with status 200.
 */
#include "base/mem.h"
#include "relay/relay_impl.h"

#define MODEL      SPAN_LIT("lamplighter/static")
#define ANSWER_MAX ((size_t)256 * 1024)

static struct span approved(const struct relay *r, const struct relay_refusal *no)
{
    bool targets = no->class_id != CLASS_NONE && class_row(no->class_id)->elsewhere &&
                   no->class_id != CLASS_TOO_LONG;
    bool may = targets && (r->state == RELAY_READING || r->state == RELAY_TRYING) &&
               no->reason != REASON_NO_MEMORY && convert_client(r->dialect);

    return may && r->plan.model ? r->plan.model->exhausted : span_of(NULL, 0);
}

/* The answer in the client's dialect: whole, as events, or as a list of one. */
static int write_answer(struct relay *r, struct span text, struct buf *out, struct err *e)
{
    const struct convert *client = convert_client(r->dialect);
    struct translate_conf conf = {.client = client,
                                  .target = convert_target(client->dialect),
                                  .model = MODEL,
                                  .id = span_str(r->record.id),
                                  .created = r->record.wall_ms / 1000};
    bool list = r->op->stream && !r->req.stream;
    struct translate *t = NULL;
    char *body = relay_flat(r->body, e);
    int rc = -1;

    if (body && translate_new(&t, &conf, span_of(body, (size_t)blob_len(r->body)), e) == 0) {
        buf_add_str(out, list ? "[" : "");
        rc = translate_say(t, text, r->req.stream, out, e);
        buf_add_str(out, list ? "]" : "");
    }
    translate_free(&t);
    mem_free(body);
    return rc < 0 ? rc : buf_finish(out, "answer", e);
}

static int send_answer(struct relay *r, struct span answer, struct err *e)
{
    struct span type = r->req.stream ? SPAN_LIT("text/event-stream") : SPAN_LIT("application/json");

    if (!r->head_sent)
        return relay_send_whole(r, 200, type, answer, NULL, e);
    if (relay_send(r, answer, e) < 0)
        return -1;
    r->end_sent = true;
    return http_send_end(r->client, e);
}

bool relay_say_approved(struct relay *r, const struct relay_refusal *no)
{
    struct span text = approved(r, no);
    struct buf out;
    struct err e;
    bool said = false;

    if (!span_has(text) || !r->body)
        return false;
    buf_init(&out, ANSWER_MAX);
    if (write_answer(r, text, &out, &e) == 0) {
        relay_note(r, no);
        relay_drop_call(r);
        r->is_static = said = true;
        if (send_answer(r, buf_span(&out), &e) < 0)
            relay_end(r, HTTP_CLOSE_BROKEN);
        else
            relay_flush(r);
    }
    buf_fini(&out);
    return said;
}
