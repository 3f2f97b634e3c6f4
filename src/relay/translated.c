/*
 * translated.c - what a request has besides, when its target speaks another dialect than its
 * client.
 *
 * The request is read as a conversation and written anew, into a blob of its own: the client's body
 * stays as it came. Events are gathered until they are whole, then translated; a whole answer is
 * translated when it is known to be good. Everything else of the request's life is as ever: what
 * the answer means, and whether it is complete, the call says, from the target's own bytes.
 */
#include "base/mem.h"
#include "relay/relay_impl.h"

#define REQUEST_MAX(n)   (4 * (n) + (size_t)1024 * 1024)
#define NAMES_MAX        ((size_t)1024)
#define MAX_TOKENS_UNSET 8192 /* where the dialect must have a number and the client gave none */

/* The operations that ask a model to go on with a conversation, in the order in which a target that
 * has several of them is asked: a vendor's own API says more than its imitation of another. */
static const struct {
    enum provider_op whole, stream;
} conversations[] = {{OP_GEMINI, OP_GEMINI_STREAM}, {OP_COHERE, OP_COHERE},
                     {OP_OLLAMA, OP_OLLAMA},        {OP_CHAT, OP_CHAT},
                     {OP_MESSAGES, OP_MESSAGES},    {OP_RESPONSES, OP_RESPONSES},
                     {OP_CONVERSE, OP_CONVERSE}};

/* Those that count a prompt's tokens, likewise. */
static const enum provider_op counts[] = {OP_GEMINI_COUNT, OP_COUNT, OP_RESPONSES_COUNT};

/* Those that make vectors, likewise. */
static const enum provider_op embeddings[] = {OP_COHERE_EMBED, OP_EMBEDDINGS, OP_VERTEX_EMBED,
                                              OP_VERTEX_PREDICT, OP_TITAN_EMBED};

static const struct provider_op_row *embed_op(const struct settings_target *t)
{
    for (size_t i = 0; i < ARRAY_LEN(embeddings); i++)
        if (provider_serves(t->provider->type, embeddings[i], t->model))
            return provider_op_row(embeddings[i]);
    return NULL;
}

static const struct provider_op_row *count_op(const struct settings_target *t)
{
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (t->provider->type->paths[counts[i]])
            return provider_op_row(counts[i]);
    return NULL;
}

/* The next one behind `last` that goes on with a conversation; last NULL: the first. Of those who
 * copy an API few have copied its newer sister whole: they are asked by the first alone. */
static const struct provider_op_row *conversation_op(const struct relay *r,
                                                     const struct settings_target *t,
                                                     const struct provider_op_row *last)
{
    bool begun = last == NULL;

    if (last && !(t->provider->type->caps & CAP_RESPONSES))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(conversations); i++) {
        const struct provider_op_row *op =
            provider_op_row(r->req.stream ? conversations[i].stream : conversations[i].whole);

        if (begun && provider_serves(t->provider->type, op->op, t->model) &&
            convert_target(dialect_find(span_str(op->dialect))))
            return op;
        begun = begun || op == last;
    }
    return NULL;
}

static const struct provider_op_row *next_op(const struct relay *r, const struct settings_target *t,
                                             const struct provider_op_row *last)
{
    if (convert_count_find(r->dialect))
        return last ? NULL : count_op(t);
    if (convert_embed_client(r->dialect))
        return last ? NULL : embed_op(t);
    return convert_client(r->dialect) ? conversation_op(r, t, last) : NULL;
}

bool relay_can_translate(const struct relay *r, const struct settings_target *t)
{
    return next_op(r, t, NULL) != NULL;
}

bool relay_goes_on(const struct relay *r, const struct settings_target *t)
{
    const struct provider_op_row *op = next_op(r, t, NULL);
    const struct convert_host *host = t->provider->type->host;

    return op && convert_goes_on(convert_target(dialect_find(span_str(op->dialect))),
                                 host ? host : &convert_host_plain, t->model);
}

char *relay_flat(struct blob *b, struct err *e)
{
    size_t n = (size_t)blob_len(b);
    char *p = mem_alloc(MAX(n, (size_t)1));

    if (!p) {
        err_set(e, ERR_NOMEM, "no memory to translate a body");
        return NULL;
    }
    if (n && blob_copy(b, 0, p, n, e) < 0)
        mem_free_ptr(&p);
    return p;
}

static void refuse(struct relay *r, struct relay_refusal *no, const struct err *e)
{
    struct span text = arena_dup(&r->arena, span_str(e->text));

    *no = (struct relay_refusal){.status = 400,
                                 .reason = REASON_BAD_REQUEST,
                                 .text = text.p ? text.p : "The request cannot be translated."};
    if (text.p && e->place_n)
        no->param = span_of(text.p, e->place_n);
    if (e->code != ERR_NOMEM)
        return;
    no->status = 503;
    no->reason = REASON_NO_MEMORY;
}

/* Why the target is not asked, in the words of the client's request. */
static void cannot_say(struct relay *r, enum chat_feature f, struct relay_refusal *no)
{
    const struct chat_feature_row *row = chat_feature_row(f);
    struct span place = translate_place(r->at->translate, f);
    struct span text =
        arena_printf(&r->arena, "%.*s%s%.*s cannot be asked for this (%s): %s", SPAN_FMT(place),
                     place.n ? ": " : "", SPAN_FMT(r->at->target->id), row->word, row->sentence);

    *no = (struct relay_refusal){
        .status = 400,
        .reason = REASON_CANNOT_SAY,
        .text = text.p ? text.p : row->sentence,
        .word = row->word,
        .param = place.n ? arena_dup(&r->arena, place) : place,
        .hint = "Leave it out, or name a target that takes it; docs/dialects.md lists who does."};
}

/* Is there memory for it besides what others take? Reading and writing happen within one turn, so
 * there is one peak at a time. */
static bool has_room(struct relay *r, struct relay_refusal *no)
{
    uint64_t max = relay_room(r->env->sink.room, r->settings).translation;
    uint64_t need = TRANSLATE_PEAK(blob_len(r->body)), taken = r->env->translating;

    if (need <= max && taken <= max - need)
        return true;
    *no = (struct relay_refusal){
        .status = 503,
        .reason = REASON_NO_MEMORY,
        .text = "The gateway has no memory to translate this request now.",
        .hint = "Try again, or raise server.limits.translation in the gateway's configuration."};
    if (need > max) {
        no->status = 413;
        no->reason = REASON_BODY_TOO_LARGE;
        no->text = "The body is too large to be translated for a target of another dialect.";
        no->hint = "Send less, name a target of this path's dialect, or raise "
                   "server.limits.translation in the gateway's configuration.";
    }
    return false;
}

static int write_request(struct relay *r, const struct translate_conf *conf, struct err *e)
{
    const struct provider *type = r->at->target->provider->type;
    struct convert_to to = {.model = r->at->target->model,
                            .stream = r->req.stream,
                            .ask_usage = type->caps & CAP_USAGE_OPT,
                            .signer = conf->target ? conf->target->signer : CHAT_SIGNER_NONE,
                            .count = conf->target_count != NULL,
                            .old_max_tokens = !(type->caps & CAP_MAX_COMPLETION),
                            .max_tokens = MAX_TOKENS_UNSET,
                            .hosted = type->hosted.version,
                            .hosted_stream = type->hosted.keeps_stream};
    struct buf out;
    int rc = -1;

    buf_init(&out, REQUEST_MAX((size_t)blob_len(r->body)));
    if (translate_request(r->at->translate, &out, &to, e) == 0 &&
        blob_new(&r->at->up_body, &r->env->blobs, UINT64_MAX, e) == 0)
        rc = blob_add(r->at->up_body, out.p, out.n, e);
    buf_fini(&out);
    return rc;
}

/* The names that `list` gives, as many of them as fit, in the arena, and for the record. */
static struct span note_names(struct relay *r, void (*list)(const struct translate *, struct buf *),
                              char *record, size_t cap)
{
    struct span names = {NULL, 0};
    struct buf b;

    buf_init(&b, NAMES_MAX);
    list(r->at->translate, &b);
    if (b.n)
        names = arena_dup(&r->arena, buf_span(&b));
    buf_fini(&b);
    buf_init(&b, cap - 1);
    list(r->at->translate, &b);
    relay_keep(record, cap, buf_span(&b));
    buf_fini(&b);
    return names;
}

/* What the target was not told, or not quite; and what the client was not. */
static void note_loss(struct relay *r)
{
    struct record *rec = &r->record;

    r->at->dropped = note_names(r, translate_dropped, rec->dropped, sizeof(rec->dropped));
    r->at->approximated =
        note_names(r, translate_approximated, rec->approximated, sizeof(rec->approximated));
}

static bool translate_by(struct relay *r, const struct provider_op_row *op,
                         struct relay_refusal *no)
{
    const struct dialect *theirs = dialect_find(span_str(op->dialect));
    struct translate_conf conf = {.client = convert_client(r->dialect),
                                  .target = convert_target(theirs),
                                  .host = r->at->target->provider->type->host,
                                  .client_count = convert_count_find(r->dialect),
                                  .target_count = convert_count_find(theirs),
                                  .client_embed = convert_embed_client(r->dialect),
                                  .target_embed = convert_embed_target(theirs),
                                  .model = span_of(r->req.model, r->req.model_n),
                                  .id = span_str(r->record.id),
                                  .created = r->record.wall_ms / 1000,
                                  .answer_max = r->settings->server.answer_bytes_max};
    enum chat_feature obstacle;
    bool ok = false;
    struct err e;
    char *body;

    if (conf.client_count) {
        conf.client = conf.client_count->convert;
        conf.target = conf.target_count->convert;
    }
    relay_translated_fini(r);
    if (!has_room(r, no))
        return false;
    body = relay_flat(r->body, &e);
    if (!body ||
        translate_new(&r->at->translate, &conf, span_of(body, (size_t)blob_len(r->body)), &e) < 0) {
        refuse(r, no, &e);
        goto out;
    }
    if (r->state == RELAY_ANSWERING && relay_says_joins(r) &&
        translate_say_join(r->at->translate, r->at->target->model, &e) < 0) {
        refuse(r, no, &e);
        goto out;
    }
    if (r->state == RELAY_ANSWERING &&
        translate_go_on(r->at->translate, r->at->follow, relay_join_how(r), r->at->target->id, &e) <
            0) {
        refuse(r, no, &e);
        goto out;
    }
    obstacle = translate_obstacle(r->at->translate);
    if (obstacle != CHAT_FEATURES) {
        cannot_say(r, obstacle, no);
        goto out;
    }
    r->at->up_op = op;
    r->at->up_dialect = theirs;
    if (write_request(r, &conf, &e) < 0) {
        refuse(r, no, &e);
        if (e.code == ERR_PROTOCOL) /* there is a place in it that this target cannot be told */
            no->reason = REASON_CANNOT_SAY;
        goto out;
    }
    note_loss(r);
    r->at->translating = translate_memory(r->at->translate);
    r->env->translating += r->at->translating;
    ok = true;
out:
    mem_free(body);
    if (!ok)
        relay_translated_fini(r);
    return ok;
}

/* What one of a target's APIs cannot say another may: OpenAI's newer models call tools while they
 * think by the second one alone. Why the first cannot is what the client is told. */
bool relay_translate(struct relay *r, struct relay_refusal *no)
{
    const struct provider_op_row *op = next_op(r, r->at->target, NULL);
    struct relay_refusal other = {0};
    bool ok;

    MUST(op); /* relay_can_translate() */
    ok = translate_by(r, op, no);
    while (!ok && no->reason == REASON_CANNOT_SAY && (op = next_op(r, r->at->target, op)) != NULL)
        ok = translate_by(r, op, &other);
    return ok;
}

void relay_translated_fini(struct relay *r)
{
    translate_free(&r->at->translate);
    r->env->translating -= r->at->translating;
    r->at->translating = 0;
    blob_unref(&r->at->up_body);
    buf_fini(&r->at->gathered);
    r->at->up_op = NULL;
    r->at->up_dialect = NULL;
}

/* ---- answers ---- */

int relay_translate_event(struct relay *r, struct span raw, enum call_piece piece, struct buf *out,
                          struct err *e)
{
    if (piece == CALL_EVENT_WHOLE)
        return translate_event(r->at->translate, raw, out, e);
    if (piece == CALL_EVENT_FIRST)
        buf_init(&r->at->gathered, TRANSLATE_EVENT_MAX);
    buf_add_span(&r->at->gathered, raw);
    if (buf_finish(&r->at->gathered, "event", e) < 0)
        return -1;
    if (piece != CALL_EVENT_LAST)
        return 0;
    if (translate_event(r->at->translate, buf_span(&r->at->gathered), out, e) < 0)
        return -1;
    buf_fini(&r->at->gathered);
    return 0;
}

int relay_translate_end(struct relay *r, struct err *e)
{
    struct buf out;
    int rc = -1;

    if (!r->at->translate)
        return 0;
    buf_init(&out, TRANSLATE_EVENT_MAX);
    if (translate_end(r->at->translate, &out, e) == 0)
        rc = relay_send(r, buf_span(&out), e);
    note_loss(r); /* of the answer: for the record, the header has gone */
    buf_fini(&out);
    return rc;
}

/* A client of Gemini's that asked for a stream, and not for events, gets a list: of one answer. */
static int translate_whole(struct relay *r, struct span body, struct buf *out, struct err *e)
{
    bool list = r->op->stream && !r->req.stream;

    if (list)
        buf_add_char(out, '[');
    if (translate_answer(r->at->translate, body, r->req.stream, out, e) < 0)
        return -1;
    if (list)
        buf_add_char(out, ']');
    return buf_finish(out, "answer", e);
}

int relay_translate_answer(struct relay *r, struct err *e)
{
    struct blob *answer = NULL;
    struct buf out;
    char *body = relay_flat(r->at->answer, e);
    int rc = -1;

    buf_init(&out, REQUEST_MAX((size_t)r->settings->server.answer_bytes_max));
    if (body && translate_whole(r, span_of(body, (size_t)blob_len(r->at->answer)), &out, e) == 0 &&
        blob_new(&answer, &r->env->blobs, UINT64_MAX, e) == 0 &&
        blob_add(answer, out.p, out.n, e) == 0) {
        blob_unref(&r->at->answer);
        r->at->answer = answer;
        answer = NULL;
        if (r->req.stream)
            relay_set_type(r, SPAN_LIT("text/event-stream"));
        rc = 0;
    }
    note_loss(r);
    blob_unref(&answer);
    buf_fini(&out);
    mem_free(body);
    return rc;
}
