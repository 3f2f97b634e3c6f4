/*
 * serve.c - accepts, reads requests, decides what each one gets, and sees clients leave.
 *
 *     READING -- request whole --> WAITING, HOLDING, SENDING ...   (send.c)
 *     any     -- answer over ----> READING, by mock_conn_next()
 *     any     -- closed ---------> GONE, freed at the end of the turn
 *
 * Reading is always on, to see the client leave; what comes before its turn is kept, and reading
 * pauses when that is much.
 */
#include "mock/serve.h"

#include "base/mem.h"
#include "mock/conn.h"

#define AHEAD_BYTES_MAX ((size_t)256 * 1024)
#define BACKLOG         1024
#define LISTEN_RETRY_US EV_MS(10) /* when another socket has the port for the moment */

static const char *fault_word(const struct mock_how *h)
{
    static const char *const words[] = {
#define X(name, word, help) word,
        MOCK_FAULTS(X)
#undef X
    };

    return words[h->fault];
}

void mock_conn_log_end(struct mock_conn *c, const char *word)
{
    ev_us now = ev_now(c->mock->ev);
    struct mock_log_end end = {
        .n = c->number,
        .conn = c->id,
        .at_ms = ev_wall_ms(c->mock->ev),
        .how = word,
        .status = c->head_sent ? c->answer.status : 0,
        .body_bytes = c->body_bytes,
        .ms = (now - c->asked_at) / 1000,
        .idle_ms = (now - c->wrote_at) / 1000,
    };

    if (c->number)
        mock_log_end(&c->mock->log, &end);
    c->number = 0;
}

static void free_conn(struct mock_conn *c)
{
    ev_timer_stop(&c->timer);
    ev_post_cancel(&c->free_post);
    list_del(&c->link);
    if (c->has_answer)
        mock_answer_fini(&c->answer);
    mock_piece_fini(&c->piece);
    mock_req_fini(&c->req);
    arena_fini(&c->arena);
    buf_fini(&c->in);
    buf_fini(&c->out);
    mem_free(c);
}

static void on_free(struct ev_post *p)
{
    free_conn(CONTAINER_OF(p, struct mock_conn, free_post));
}

void mock_conn_end(struct mock_conn *c, enum net_end how, const char *word)
{
    if (c->state == MOCK_GONE)
        return;
    mock_conn_log_end(c, word);
    net_conn_close(&c->net, how);
    ev_timer_stop(&c->timer);
    c->state = MOCK_GONE;
    ev_post(c->mock->ev, &c->free_post);
}

void mock_conn_arm(struct mock_conn *c, ev_us in)
{
    struct err e;

    if (ev_timer_set(&c->timer, in, &e) < 0)
        mock_conn_end(c, NET_END_RESET, "no-memory");
}

/* ---- deciding ---- */

/* Facts and behaviour of the request; the head alone (keep = false) tells less. */
static int decide(struct mock_conn *c, bool keep, struct err *e)
{
    struct mock *m = c->mock;

    arena_fini(&c->arena);
    if (mock_facts_read(&c->facts, &c->req, &c->arena, e) < 0)
        return -1;
    return mock_script_decide(&m->script, &c->facts, &c->req, ev_random_u64(m->ev), keep, &c->how,
                              e);
}

static void answer(struct mock_conn *c)
{
    struct mock *m = c->mock;
    struct err e;
    int rc = decide(c, true, &e);

    c->number = ++m->requests_n;
    c->asked_at = c->wrote_at = ev_now(m->ev);
    mock_log_request(&m->log, c->number, c->id, ev_wall_ms(m->ev), &c->req, &c->facts,
                     rc < 0 ? "mistake" : fault_word(&c->how));
    if (rc == 0) {
        if (c->has_answer)
            mock_answer_fini(&c->answer);
        rc = mock_answer_init(&c->answer, &c->facts, &c->how, &m->replay, c->number, &e);
        c->has_answer = true;
    }
    if (rc < 0)
        mock_send_refusal(c, c->facts.api == MOCK_API_NONE ? 404 : 500, e.text);
    else
        mock_send_start(c);
}

/* The head is whole and the body is not: is an answer due already? */
static void look_at_head(struct mock_conn *c)
{
    struct err e;

    c->fed_head = true;
    if (c->req.state != MOCK_REQ_BODY)
        return;
    if (decide(c, false, &e) == 0 && c->how.fault == MOCK_FAULT_EARLY) {
        answer(c);
        return;
    }
    if (c->req.expect_100) {
        static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";

        if (net_conn_write(c->net, interim, sizeof(interim) - 1, &e) < 0)
            mock_conn_end(c, NET_END_RESET, "no-memory");
    }
}

/* Read on in what has come, as long as a request is being read. */
static void read_on(struct mock_conn *c)
{
    struct err e;
    size_t used;

    while (c->state == MOCK_READING && c->in.n) {
        if (mock_req_feed(&c->req, c->in.p, c->in.n, &used, &e) < 0) {
            mock_log_bad(&c->mock->log, c->id, ev_wall_ms(c->mock->ev), "bad", e.text);
            mock_send_refusal(c, 400, e.text);
            return;
        }
        buf_consume(&c->in, used);
        if (!c->fed_head && c->req.state != MOCK_REQ_HEAD)
            look_at_head(c);
        if (c->state == MOCK_READING && c->req.state == MOCK_REQ_DONE)
            answer(c);
    }
    if (c->state == MOCK_GONE)
        return;
    if (c->state == MOCK_READING && c->in_eof) {
        if (c->req.head.n)
            mock_log_bad(&c->mock->log, c->id, ev_wall_ms(c->mock->ev), "given-up",
                         "the client left before its request was whole");
        mock_conn_end(c, NET_END_FLUSH, "closed");
        return;
    }
    net_conn_read(c->net, c->in.n < AHEAD_BYTES_MAX);
}

void mock_conn_next(struct mock_conn *c)
{
    mock_req_reset(&c->req);
    c->fed_head = false;
    c->state = MOCK_READING;
    read_on(c);
}

/* ---- callbacks ---- */

static void on_read(void *arg, const char *p, size_t n)
{
    struct mock_conn *c = arg;

    OBJ_CHECK(c, MOCK_CONN_MAGIC);
    if (c->state == MOCK_LINGERING)
        return;
    if (c->state != MOCK_READING && c->how.fault == MOCK_FAULT_EARLY)
        return; /* the rest of a body that nobody reads */
    buf_add(&c->in, p, n);
    if (!buf_ok(&c->in))
        mock_conn_end(c, NET_END_RESET, "no-memory");
    else
        read_on(c);
}

static void on_eof(void *arg)
{
    struct mock_conn *c = arg;

    OBJ_CHECK(c, MOCK_CONN_MAGIC);
    c->in_eof = true;
    if (c->state == MOCK_READING)
        read_on(c);
    else
        mock_conn_end(c, NET_END_FLUSH, c->state == MOCK_LINGERING ? "full" : "client_gone");
}

static void on_sent(void *arg, size_t n)
{
    struct mock_conn *c = arg;

    UNUSED(n);
    OBJ_CHECK(c, MOCK_CONN_MAGIC);
    mock_send_sent(c);
}

static void on_error(void *arg, const struct err *e)
{
    struct mock_conn *c = arg;

    UNUSED(e);
    OBJ_CHECK(c, MOCK_CONN_MAGIC);
    mock_conn_end(c, NET_END_RESET, "client_gone");
}

static void on_timer(struct ev_timer *t)
{
    mock_send_timer(CONTAINER_OF(t, struct mock_conn, timer));
}

static void on_accept(void *arg, struct net_conn *nc)
{
    static const struct net_conn_cb cb = {on_read, on_eof, on_sent, on_error};
    struct mock *m = arg;
    struct mock_conn *c = mem_zalloc(1, sizeof(*c));

    if (!c) {
        net_conn_close(&nc, NET_END_RESET);
        return;
    }
    c->magic = MOCK_CONN_MAGIC;
    c->state = MOCK_READING;
    c->mock = m;
    c->net = nc;
    c->id = ++m->conns_n;
    list_init(&c->link);
    list_push(&m->conns, &c->link);
    ev_timer_init(&c->timer, m->ev, on_timer);
    ev_post_init(&c->free_post, on_free);
    buf_init(&c->in, AHEAD_BYTES_MAX + NET_READ_MAX);
    buf_init(&c->out, MOCK_PIECE_MAX);
    mock_req_init(&c->req);
    arena_init(&c->arena, MOCK_ARENA_BYTES);
    mock_piece_init(&c->piece);
    net_conn_listen(nc, &cb, c);
    net_conn_read(nc, true);
}

static void on_accept_reset(void *arg, struct net_conn *nc)
{
    UNUSED(arg);
    net_conn_close(&nc, NET_END_RESET);
}

/* ---- the server ---- */

static void on_listen_again(struct ev_timer *t)
{
    struct mock *m = CONTAINER_OF(t, struct mock, listen_again);
    struct err e;

    if (mock_listen(m, &m->addr, &e) < 0)
        MUST(ev_timer_set(t, LISTEN_RETRY_US, &e) == 0); /* its room in the heap is still there */
}

void mock_refuse(struct mock *m, ev_us us)
{
    struct err e;

    if (ev_timer_set(&m->listen_again, us, &e) < 0)
        return; /* rather listen than never again */
    if (m->listener)
        m->addr = *net_listener_addr(m->listener);
    net_listener_close(&m->listener);
    LIST_EACH(link, &m->conns)
    {
        struct mock_conn *c = LIST_ENTRY(link, struct mock_conn, link);

        if (c->state == MOCK_READING && c->req.head.n == 0)
            mock_conn_end(c, NET_END_FLUSH, "closed");
    }
}

void mock_init(struct mock *m, struct net *net)
{
    m->net = net;
    m->ev = net_ev(net);
    m->listener = m->resetter = NULL;
    m->log = (struct mock_log){NULL, false};
    m->conns_n = m->requests_n = 0;
    list_init(&m->conns);
    ev_timer_init(&m->listen_again, m->ev, on_listen_again);
    mock_script_init(&m->script);
    mock_replay_init(&m->replay);
}

void mock_fini(struct mock *m)
{
    ev_timer_stop(&m->listen_again);
    net_listener_close(&m->listener);
    net_listener_close(&m->resetter);
    LIST_EACH(link, &m->conns)
    {
        struct mock_conn *c = LIST_ENTRY(link, struct mock_conn, link);

        mock_conn_end(c, NET_END_RESET, "stopped");
        free_conn(c);
    }
    mock_script_fini(&m->script);
    mock_replay_fini(&m->replay);
}

static int listen_on(struct mock *m, const struct net_addr *addr, struct net_listener **ret,
                     void (*fn)(void *arg, struct net_conn *c), struct err *e)
{
    struct net_listen_conf conf = {.addr = *addr, .fd = -1, .backlog = BACKLOG};

    return net_listen(ret, m->net, &conf, fn, m, e);
}

int mock_listen(struct mock *m, const struct net_addr *addr, struct err *e)
{
    return listen_on(m, addr, &m->listener, on_accept, e);
}

int mock_listen_reset(struct mock *m, const struct net_addr *addr, struct err *e)
{
    return listen_on(m, addr, &m->resetter, on_accept_reset, e);
}
