/* Goal: a client that leaves costs its target nothing more: at every stage of a request, however it
 * leaves and by which version it came, the request at the upstream is over within 100 ms, and so is
 * all that the gateway holds for it.
 * Method: the twin, stopped at each stage; what the relay is at is looked at, then the client
 * leaves and 100 ms of virtual time pass. */
#include "twin.h"

#include "relay/relay_impl.h"

#define CONFIG                                                                                     \
    "version: 1\n"                                                                                 \
    "providers:\n"                                                                                 \
    "  up: {type: openai-compatible, endpoints: ['http://127.0.0.1:9000/v1'], private: true}\n"    \
    "models:\n"                                                                                    \
    "  m: {targets: [up/m]}\n"

#define WITHIN  EV_MS(100)
#define LATENCY EV_MS(1)
#define LARGE   ((size_t)1000 * 1000) /* a body that takes seconds at the pace below */
#define SLOWLY  ((uint64_t)100 * 1000)
#define PADDED                                                                                     \
    ((size_t)100 * 1000)         /* more than the network holds of an answer, less than that and   \
                                  * a window */
#define LEFT ((size_t)80 * 1000) /* the same of one that streams */

#define EVENT(delta)                                                                               \
    "data: {\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":null}]}\n\n"
#define ROLE    EVENT("{\"role\":\"assistant\"}")
#define CONTENT EVENT("{\"content\":\"hi\"}")
#define LAST                                                                                       \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"              \
    "data: [DONE]\n\n"
#define STREAM                                                                                     \
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
#define WHOLE                                                                                      \
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"

/* What the upstream is, once the client is connected. */
enum upstream { ANSWERS, SILENT_SYN, SLOW };

static const struct stage {
    const char *name;
    enum relay_state state;
    enum upstream upstream;
    const char *head, *body; /* of its answer */
    size_t padded;           /* so many bytes more of it */
    bool half;               /* the client sends half of its request */
    bool large;              /* the request is */
    bool deaf;               /* the client does not read */
    bool abrupt;             /* it leaves by RST alone: who ends its own side may read on */
    bool stream;
    bool backlog; /* bytes wait for the client */
    bool last;    /* the answer is complete, but for the end of its body */
    unsigned aborted;
    enum outcome outcome;
} stages[] = {
    {"reading", RELAY_READING, ANSWERS, STREAM, CONTENT, .half = true, .stream = true,
     .outcome = OUTCOME_CLIENT_GONE},
    {"connecting", RELAY_TRYING, SILENT_SYN, STREAM, CONTENT, .stream = true,
     .outcome = OUTCOME_CLIENT_GONE},
    {"sending", RELAY_TRYING, SLOW, STREAM, CONTENT, .large = true, .stream = true, .aborted = 1,
     .outcome = OUTCOME_CLIENT_GONE},
    {"waiting", RELAY_TRYING, ANSWERS, "", "", .stream = true, .aborted = 1,
     .outcome = OUTCOME_CLIENT_GONE},
    {"a head without content", RELAY_TRYING, ANSWERS, STREAM, "", .stream = true, .aborted = 1,
     .outcome = OUTCOME_CLIENT_GONE},
    {"half of a whole answer", RELAY_TRYING, ANSWERS, WHOLE, "{\"choices\":[", .aborted = 1,
     .outcome = OUTCOME_CLIENT_GONE},
    {"held for its role", RELAY_TRYING, ANSWERS, STREAM, ROLE, .stream = true, .aborted = 1,
     .outcome = OUTCOME_CLIENT_GONE},
    {"answering", RELAY_ANSWERING, ANSWERS, STREAM, CONTENT, .stream = true, .aborted = 1,
     .outcome = OUTCOME_CLIENT_GONE},
    {"held back", RELAY_ANSWERING, ANSWERS, STREAM, CONTENT, .padded = LARGE, .deaf = true,
     .stream = true, .backlog = true, .aborted = 1, .outcome = OUTCOME_CLIENT_GONE},
    {"behind the terminal", RELAY_ANSWERING, ANSWERS, STREAM, CONTENT, .stream = true, .last = true,
     .aborted = 1, .outcome = OUTCOME_FULL},
    {"the terminal waits for it", RELAY_ANSWERING, ANSWERS, STREAM, CONTENT, .padded = LEFT,
     .deaf = true, .abrupt = true, .stream = true, .backlog = true, .last = true, .aborted = 1,
     .outcome = OUTCOME_CLIENT_GONE},
    {"flushing", RELAY_FLUSHING, ANSWERS, WHOLE,
     "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},"
     "\"finish_reason\":\"stop\"}]}",
     .padded = PADDED, .deaf = true, .backlog = true, .outcome = OUTCOME_FULL},
};

enum way { RST, FIN, CANCEL, WAYS };

/* ---- requests ---- */

static void fill_json(struct buf *out, const struct stage *s)
{
    buf_reset(out);
    buf_printf(out, "{\"model\":\"m\",%s\"messages\":[{\"role\":\"user\",\"content\":\"",
               s->stream ? "\"stream\":true," : "");
    for (size_t i = 0; s->large && i < LARGE; i++)
        buf_add_char(out, 'x');
    buf_add_str(out, "\"}]}");
}

static void h1_request(struct buf *out, struct span json, bool half)
{
    buf_printf(out,
               "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: "
               "application/json\r\n"
               "content-length: %zu\r\n\r\n",
               json.n);
    buf_add(out, json.p, half ? json.n / 2 : json.n);
}

enum { H2_DATA, H2_HEADERS, H2_RST = 3, H2_SETTINGS };
enum { END_STREAM = 1, END_HEADERS = 4 };

static void frame(struct buf *out, int type, int flags, unsigned id, struct span payload)
{
    const char head[9] = {(char)(payload.n >> 16),
                          (char)(payload.n >> 8),
                          (char)payload.n,
                          (char)type,
                          (char)flags,
                          0,
                          0,
                          0,
                          (char)id};

    buf_add(out, head, sizeof(head));
    buf_add_span(out, payload);
}

/* POST, http, and two literals. */
#define H2_HEAD "\x83\x86\x04\x14/v1/chat/completions\x01\x09localhost"

static void h2_request(struct buf *out, struct span json, bool half)
{
    buf_add_str(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    frame(out, H2_SETTINGS, 0, 0, span_of("", 0));
    frame(out, H2_HEADERS, END_HEADERS, 1, SPAN_LIT(H2_HEAD));
    frame(out, H2_DATA, half ? 0 : END_STREAM, 1, span_of(json.p, half ? json.n / 2 : json.n));
}

/* ---- stages ---- */

struct world {
    struct twin t;
    const struct stage *stage;
};

static void become(void *arg)
{
    struct world *w = arg;

    net_sim_conf(w->t.sim)->silent_p = w->stage->upstream == SILENT_SYN;
    net_sim_conf(w->t.sim)->bytes_per_s = w->stage->upstream == SLOW ? SLOWLY : 0;
}

static void fill_answer(struct buf *out, const struct stage *s)
{
    buf_reset(out);
    for (size_t i = 0; !s->stream && i < s->padded; i++)
        buf_add_char(out, ' ');
    do
        buf_add_str(out, s->body);
    while (s->stream && out->n < s->padded);
    if (s->last)
        buf_add_str(out, LAST);
}

static void leave(struct twin_client *c, enum way way)
{
    static const char cancel[] = "\0\0\0\x08";
    struct buf out;
    struct err e;

    if (way != CANCEL) {
        twin_leave(c, way == RST ? NET_END_RESET : NET_END_FLUSH);
        return;
    }
    buf_init(&out, 64);
    frame(&out, H2_RST, 0, 1, span_of(cancel, 4));
    assert_int_equal(net_conn_write(c->conn, out.p, out.n, &e), 0);
    c->closed_at = ev_now(c->t->ev);
    buf_fini(&out);
}

static void check_stage(const struct world *w, bool h2)
{
    const struct relay *r = LIST_ENTRY(w->t.gateway.relay.live.next, struct relay, link);

    if (w->t.gateway.relay.stats.live != 1 || r->state != w->stage->state ||
        (r->backlog > 0) != w->stage->backlog)
        fail_msg("%s, HTTP/%d: %u live, state %u, %zu bytes wait", w->stage->name, h2 ? 2 : 1,
                 (unsigned)w->t.gateway.relay.stats.live, r->state, r->backlog);
    if (w->stage->last)
        assert_true(call_answer(r->at->call)->done);
}

static void check_gone(struct world *w, const struct twin_client *c, bool h2, enum way way)
{
    struct http_pool_stats pools;
    ev_us late = w->t.up_aborted ? w->t.up_aborted_at - c->closed_at : 0;

    call_pools_stats(w->t.gateway.pools, &pools);
    if (w->t.gateway.relay.stats.live || w->t.records != 1 ||
        w->t.record.outcome != w->stage->outcome || w->t.up_aborted != w->stage->aborted ||
        late > WITHIN || pools.conns_now != pools.idle_now || w->t.gateway.relay.blobs.bytes)
        fail_msg("%s, HTTP/%d, way %u: %u live, %u records, outcome %u, %u aborted after %llu us, "
                 "%llu connections, %llu idle",
                 w->stage->name, h2 ? 2 : 1, way, (unsigned)w->t.gateway.relay.stats.live,
                 w->t.records, w->t.record.outcome, w->t.up_aborted, (unsigned long long)late,
                 (unsigned long long)pools.conns_now, (unsigned long long)pools.idle_now);
}

static void leave_at(const struct stage *s, bool h2, enum way way)
{
    struct twin_client c = {.deaf = s->deaf};
    struct world w = {.stage = s};
    struct buf json, ask, answer;
    struct err e;

    buf_init(&json, 2 * LARGE);
    buf_init(&ask, 2 * LARGE);
    buf_init(&answer, 2 * LARGE);
    twin_open(&w.t, 1, CONFIG);
    net_sim_conf(w.t.sim)->latency_min = net_sim_conf(w.t.sim)->latency_max = LATENCY;
    fill_json(&json, s);
    fill_answer(&answer, s);
    w.t.ups[0].script =
        (struct twin_script){.head = span_str(s->head),
                             .body = buf_span(&answer),
                             .chunked = s->head[0],
                             .piece_max = 16384,
                             .cut_at = SIZE_MAX,
                             .end = s->state == RELAY_FLUSHING ? TWIN_WHOLE : TWIN_SILENT};
    (h2 ? h2_request : h1_request)(&ask, buf_span(&json), s->half);
    /* The client's connection is there after two latencies, its request after a third one. */
    assert_int_equal(ev_sim_at(w.t.ev, 2 * LATENCY + LATENCY / 2, become, &w, &e), 0);
    twin_ask(&w.t, &c, buf_span(&ask),
             s->large  ? EV_S(15) /* 10 s of it to come in */
             : s->last ? EV_MS(100)
                       : EV_S(3));
    check_stage(&w, h2);
    leave(&c, way);
    ev_sim_run(w.t.ev, ev_now(w.t.ev) + WITHIN);
    check_gone(&w, &c, h2, way);
    twin_client_fini(&c);
    twin_close(&w.t);
    buf_fini(&json);
    buf_fini(&ask);
    buf_fini(&answer);
}

static void a_client_of_http1_leaves_at_every_stage(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        for (enum way way = RST; way <= (stages[i].abrupt ? RST : FIN); way++)
            leave_at(&stages[i], false, way);
}

static void a_client_of_http2_leaves_at_every_stage(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        for (enum way way = RST; way < (stages[i].abrupt ? FIN : WAYS); way++)
            if (!stages[i].large) /* its body would need the windows to be kept */
                leave_at(&stages[i], true, way);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_of_http1_leaves_at_every_stage),
        cmocka_unit_test(a_client_of_http2_leaves_at_every_stage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
