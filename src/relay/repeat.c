/*
 * repeat.c - a request with an Idempotency-Key: is it the first of its key, or a repetition?
 *
 * All requests of one key meet in one worker, its owner: which one it is follows from the client
 * and the key. There the first one is answered on a tape (tape.h), and the others read it. Another
 * worker that gets such a request hands it over (hand_over.c).
 */
#include <openssl/evp.h>

#include "relay/hand_over.h"
#include "relay/relay_impl.h"

/* How long answers are kept: what has been promised of them holds whatever is on trial. */
static uint64_t kept_ms(const struct relay *r)
{
    return r->env->settings->server.idempotency_ms;
}

bool relay_read_once(struct relay *r, struct relay_refusal *no)
{
    struct span key = http_field_get(r->head, "idempotency-key");

    if (!span_has(key) || !r->op->routed || kept_ms(r) == 0)
        return true;
    if (key.n == 0 || key.n > ONCE_KEY_MAX)
        return relay_no_at(no, 400, REASON_BAD_REQUEST, "idempotency-key",
                           "An Idempotency-Key has 1 to 255 bytes.",
                           "Send a key of that length, such as a UUID, or none.");
    r->once_key = key;
    return true;
}

/* Of two clients nobody shall meet another's answer by guessing a key. A client is known by its key
 * itself: a new configuration may call that otherwise. */
static bool hash_id(struct relay *r, uint64_t id[ONCE_ID])
{
    struct relay_env *env = r->env;
    struct span whose =
        span_of(r->key ? (const char *)r->key->sha256 : "", r->key ? sizeof(r->key->sha256) : 0);
    unsigned char sum[EVP_MAX_MD_SIZE];

    if (EVP_DigestInit_ex(env->hash, env->sha256, NULL) != 1 ||
        EVP_DigestUpdate(env->hash, whose.p, whose.n) != 1 ||
        EVP_DigestUpdate(env->hash, "", 1) != 1 ||
        EVP_DigestUpdate(env->hash, r->once_key.p, r->once_key.n) != 1 ||
        EVP_DigestFinal_ex(env->hash, sum, NULL) != 1)
        return false;
    memcpy(id, sum, ONCE_ID * sizeof(*id));
    return true;
}

/* The tape has been read, or its reader has left. */
static void on_over(void *arg, enum tape_over how)
{
    struct relay *r = arg;
    struct relay_refusal no = {.status = 400, .reason = REASON_CLIENT_GONE};
    const struct tape_about *about = tape_about(r->tape);

    relay_keep(r->record.model, sizeof(r->record.model), span_str(about->model));
    if (how == TAPE_READ) {
        record_set_result(&r->record, about->result);
        r->record.bytes_out = tape_len(r->tape);
    } else {
        if (how == TAPE_NO_ROOM)
            no = (struct relay_refusal){.status = 503, .reason = REASON_NO_MEMORY};
        no.text = reason_meaning(no.reason);
        relay_note(r, &no);
    }
    ev_post(r->env->ev, &r->over); /* other requests may be at work just now */
}

void relay_on_over(struct ev_post *p)
{
    struct relay *r = CONTAINER_OF(p, struct relay, over);

    relay_end(r, HTTP_CLOSE_BROKEN); /* its stream is gone already */
}

static void read_along(struct relay *r, struct tape *tape)
{
    struct relay_refusal no = {.status = 503, .reason = REASON_NO_MEMORY};
    struct http_stream *client = r->client;
    struct err e;

    relay_keep(r->record.repeats, sizeof(r->record.repeats), span_str(tape_about(tape)->id));
    r->tape = tape_ref(tape);
    r->state = RELAY_READING_ALONG;
    r->record.stream = r->req.stream;
    r->client = NULL;
    r->env->stats.repeated_total++;
    if (tape_attach(tape, client, true, false, on_over, r, &e) == 0)
        return;
    r->client = client;
    r->state = RELAY_READING;
    no.text = e.text;
    relay_refuse(r, &no);
}

/* It is the first one: from here on its client is a reader like those that may come. */
static bool begin_tape(struct relay *r, const uint64_t id[ONCE_ID], struct err *e)
{
    struct relay_env *env = r->env;
    struct http_stream *client = r->client, *writer;
    struct tape *tape;

    if (tape_new(&tape, &writer, env->ev, &env->blobs, r->settings->server.answer_bytes_max, e) < 0)
        return false;
    r->once = once_begin(&env->once, id, r->print, tape);
    if (!r->once) {
        err_set(e, ERR_NOMEM, "no memory for a request");
    } else if (tape_attach(tape, client, false, true, NULL, NULL, e) == 0) {
        relay_keep(tape_about(tape)->id, sizeof(tape_about(tape)->id), span_str(r->record.id));
        r->tape = tape_ref(tape);
        r->client = writer;
        http_stream_bind(writer, &relay_client_cb, r);
        return true;
    }
    once_end(&env->once, &r->once, 0, 0);
    http_stream_close(&writer, HTTP_CLOSE_BROKEN);
    return false;
}

/* The owner of its key knows whether it is the first. */
static bool is_first_here(struct relay *r, const uint64_t id[ONCE_ID], struct relay_refusal *no)
{
    struct tape *tape;
    struct span text;
    struct err e;

    if (!r->print)
        r->print = MAX(XXH64_digest(&r->read), UINT64_C(1));
    switch (once_find(&r->env->once, id, r->print, &tape)) {
    case ONCE_SAME:
        read_along(r, tape);
        return false;
    case ONCE_OTHER:
        return relay_no_at(no, 422, REASON_OTHER_REQUEST, "idempotency-key",
                           "This Idempotency-Key has come with another request before.",
                           "Send a new key with a new request, and the same key only with the very "
                           "same path and body.");
    case ONCE_UNHELD:
        return true;
    case ONCE_NEW:
        break;
    }
    if (begin_tape(r, id, &e))
        return true;
    text = arena_dup(&r->arena, span_str(e.text));
    return relay_no(no, 503, REASON_NO_MEMORY, text.p ? text.p : reason_meaning(REASON_NO_MEMORY),
                    NULL);
}

bool relay_is_first(struct relay *r)
{
    const struct relay_owners *owners = r->env->owners;
    struct relay_refusal no = {.reason = REASON_NONE};
    uint64_t id[ONCE_ID];

    if (!span_has(r->once_key))
        return true;
    if (!hash_id(r, id))
        relay_no(&no, 503, REASON_NO_MEMORY, "The gateway cannot hash the Idempotency-Key.", NULL);
    else if (owners && id[1] % owners->n != owners->self)
        relay_hand_over(r, (uint32_t)(id[1] % owners->n));
    else if (is_first_here(r, id, &no))
        return true;
    if (no.reason != REASON_NONE)
        relay_refuse(r, &no);
    return false;
}

/* Is it an answer that a repetition may be given? What failed is worth another try. */
static bool is_good(const struct relay *r, enum http_close how)
{
    return how == HTTP_CLOSE_DONE && r->end_sent && record_is_complete(r->record.outcome);
}

void relay_end_once(struct relay *r, enum http_close how)
{
    struct relay_env *env = r->env;
    struct tape_about *about;

    if (!r->once)
        return;
    about = tape_about(r->tape);
    about->result = record_result(&r->record);
    relay_keep(about->model, sizeof(about->model), span_str(r->record.model));
    once_end(&env->once, &r->once, is_good(r, how) ? EV_MS(kept_ms(r)) : 0,
             env->blobs.bytes_max / 4);
}
