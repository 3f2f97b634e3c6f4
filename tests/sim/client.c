/*
 * client.c - clients of HTTP/1.1: requests written and answers read by hand; some of them send
 * slowly, read slowly or not at all for a while, or leave.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/addr.h"
#include "sim.h"

static void client_next(struct client *c);

/* ---- the connection ---- */

static void close_conn(struct client *c, enum net_end how)
{
    ev_timer_stop(&c->timer);
    net_connect_cancel(&c->connecting);
    net_conn_close(&c->conn, how);
    if (c->session)
        client_h2_free(c);
    c->in.n = c->out.n = 0;
    c->connected = false;
}

bool client_write(struct client *c, const char *p, size_t n)
{
    struct err e;

    if (n == 0 || net_conn_write(c->conn, p, n, &e) == 0)
        return true;
    if (!c->s->torture)
        sim_fail(c->s, "a client could not write: %s", e.text);
    client_leave(c);
    return false;
}

/* What was asked for is over, in one way or the other. */
void client_over(struct client *c, struct ask *a, bool clean)
{
    if (a->over)
        return;
    a->over = true;
    a->clean = clean;
    a->broken = !clean && !a->left;
    a->ended = ev_now(c->s->ev);
    sim_say(c->s, "request %u is over for its client: status %u, %s, %zu bytes", a->n, a->status,
            clean     ? "clean"
            : a->left ? "left"
                      : "broken",
            a->body.n);
    check_client(a);
}

void client_leave(struct client *c)
{
    for (size_t i = 0; i < c->asks_n; i++) {
        c->asks[i]->left |= !c->asks[i]->over;
        client_over(c, c->asks[i], false);
    }
    c->at = c->asks_n;
    ev_timer_stop(&c->leave);
    close_conn(c, rng_below(&c->s->play, 2) ? NET_END_RESET : NET_END_FLUSH);
}

static void lost_with_it(struct client *c, struct ask *a)
{
    if (a->status == 0 && !a->recorded && c->s->slots[a->worker] != c->slot)
        a->left = true; /* it came when that worker had gone */
    client_over(c, a, false);
}

/* The connection is gone: by the gateway, or by the network. */
static void lost(struct client *c)
{
    ev_timer_stop(&c->leave);
    close_conn(c, NET_END_RESET);
    if (c->h2) {
        for (size_t i = 0; i < c->asks_n; i++)
            lost_with_it(c, c->asks[i]);
        c->at = c->asks_n;
        return;
    }
    if (c->at < c->asks_n)
        lost_with_it(c, c->asks[c->at++]);
    client_next(c);
}

/* ---- an answer ---- */

static bool field(const struct text *in, size_t head_n, const char *name, char *out, size_t cap)
{
    const char *p = memmem(in->p, head_n, name, strlen(name)), *end;

    if (!p)
        return false;
    p += strlen(name);
    end = memchr(p, '\r', (size_t)(in->p + head_n - p));
    if (!end || (size_t)(end - p) >= cap)
        return false;
    memcpy(out, p, (size_t)(end - p));
    out[end - p] = '\0';
    return true;
}

static bool read_head(struct client *c, struct ask *a)
{
    const char *end = memmem(c->in.p, c->in.n, "\r\n\r\n", 4);
    char value[64];
    size_t n;

    if (!end)
        return false;
    n = (size_t)(end + 2 - c->in.p);
    if (memmem(c->in.p, n, CANARY, strlen(CANARY)))
        sim_fail(c->s, "I6: a key in the head of an answer: %.*s", (int)n, c->in.p);
    a->status = (unsigned)text_number(c->in.p + 9, 10);
    c->chunked = field(&c->in, n, "\r\ntransfer-encoding: ", value, sizeof(value));
    c->length =
        field(&c->in, n, "\r\ncontent-length: ", value, sizeof(value)) ? text_number(value, 10) : 0;
    c->keep =
        !field(&c->in, n, "\r\nconnection: ", value, sizeof(value)) || strcmp(value, "close") != 0;
    if (!field(&c->in, n, "\r\nx-lamplighter-request-id: ", a->id, sizeof(a->id)))
        a->id[0] = '\0';
    text_cut(&c->in, n + 2);
    c->head_done = true;
    return true;
}

/* true: the last chunk has come. */
static bool read_chunks(struct client *c, struct ask *a)
{
    const char *line;
    size_t n, head;

    while (c->in.n && (line = memmem(c->in.p, c->in.n, "\r\n", 2))) {
        n = text_number(c->in.p, 16);
        head = (size_t)(line + 2 - c->in.p);
        if (c->in.n < head + n + 2)
            return false;
        text_add(&a->body, c->in.p + head, n);
        text_cut(&c->in, head + n + 2);
        if (n == 0)
            return true;
    }
    return false;
}

static bool read_body(struct client *c, struct ask *a)
{
    if (c->chunked)
        return read_chunks(c, a);
    text_add(&a->body, c->in.p ? c->in.p : "", c->in.n);
    c->in.n = 0;
    if (a->body.n > c->length)
        sim_fail(c->s, "request %u: more than its content-length came", a->n);
    return a->body.n == c->length;
}

static void cl_read(void *arg, const char *p, size_t n)
{
    struct client *c = arg;
    struct ask *a = c->at < c->asks_n ? c->asks[c->at] : NULL;

    if (c->h2) {
        client_h2_read(c, p, n);
        return;
    }
    if (!a) {
        sim_fail(c->s, "a client got what it has not asked for: %.*s", (int)n, p);
        return;
    }
    text_add(&c->in, p, n);
    if (!c->head_done && !read_head(c, a))
        return;
    if (!read_body(c, a)) {
        if (a->leaves && a->leave_bytes && a->body.n >= a->leave_bytes)
            client_leave(c);
        return;
    }
    ev_timer_stop(&c->leave);
    client_over(c, a, true);
    c->at++;
    if (c->in.n)
        sim_fail(c->s, "request %u: bytes behind its answer", a->n);
    if (!c->keep || c->sent < c->out.n)
        close_conn(c, NET_END_FLUSH);
    client_next(c);
}

static void cl_eof(void *arg)
{
    lost(arg);
}

static void cl_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void cl_error(void *arg, const struct err *e)
{
    UNUSED(e);
    lost(arg);
}

static const struct net_conn_cb cl_cb = {cl_read, cl_eof, cl_sent, cl_error};

/* ---- a request ---- */

static void set(struct client *c, struct ev_timer *t, ev_us in)
{
    struct err e;

    UNUSED(c);
    MUST(ev_timer_set(t, in, &e) == 0);
}

static void cl_leave(struct ev_timer *t)
{
    client_leave(CONTAINER_OF(t, struct client, leave));
}

/* The next piece of the request; then it may be that the client reads again, or for a moment not.
 */
static void cl_timer(struct ev_timer *t)
{
    struct client *c = CONTAINER_OF(t, struct client, timer);
    struct ask *a = c->at < c->asks_n ? c->asks[c->at] : NULL;
    size_t n;

    if (!c->connected || !a)
        return;
    if (!c->h2 && c->sent < c->out.n) {
        n = a->upload_piece ? MIN(a->upload_piece, c->out.n - c->sent) : c->out.n;
        c->sent += n;
        if (c->sent == c->out.n)
            a->uploaded = ev_now(c->s->ev);
        if (client_write(c, c->out.p + c->sent - n, n))
            set(c, t, c->sent < c->out.n ? a->upload_gap : EV_MS(1));
        return;
    }
    if (a->reads == READS)
        return;
    c->reading = !c->reading;
    net_conn_read(c->conn, c->reading);
    if (a->reads == READS_SLOWLY)
        set(c, t, c->reading ? EV_MS(2) : rng_below(&c->s->play, EV_MS(800)));
    else if (!c->reading)
        set(c, t, EV_S(1) + rng_below(&c->s->play, EV_S(90)));
}

static void write_request(struct client *c, struct ask *a)
{
    static const char *const auth[] = {"authorization: Bearer ",
                                       "x-api-key: ", "authorization: Bearer ", "x-goog-api-key: "};
    struct text path = {0}, body = {0};

    speech_request(&path, &body, a->api, a->stream, a->name, a->prompt.p, a->max_tokens);
    c->out.n = c->sent = 0;
    text_f(&c->out,
           "POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n%s%s\r\n"
           "content-length: %zu\r\n\r\n",
           path.p, auth[a->api], CLIENT_CANARY, body.n);
    text_add(&c->out, body.p, body.n);
    text_free(&path);
    text_free(&body);
}

static void begin_ask(struct client *c)
{
    struct ask *a = c->asks[c->at];

    sim_say(c->s, "request %u begins: %s %s, %zu targets, body %zu%s%s%s", a->n,
            (const char *const[]){"chat", "messages", "responses", "gemini"}[a->api],
            a->stream ? "stream" : "whole", a->targets_n, a->body_size, c->h2 ? ", HTTP/2" : "",
            a->leaves ? ", leaves" : "", a->reads ? ", slow" : "");
    a->sent = true;
    a->began = a->uploaded = ev_now(c->s->ev);
    c->head_done = false;
    c->in.n = 0;
    if (a->leaves && a->leave_in)
        set(c, &c->leave, a->leave_in);
    if (c->h2) {
        client_h2_open(c);
        set(c, &c->timer, EV_MS(1));
        return;
    }
    write_request(c, a);
    set(c, &c->timer, 0);
}

static void cl_connected(void *arg, struct net_conn *conn, const struct err *e)
{
    struct client *c = arg;

    c->connecting = NULL;
    if (!conn) {
        if (!c->s->torture)
            sim_fail(c->s, "a client cannot connect: %s", e->text);
        lost(c);
        return;
    }
    c->conn = conn;
    c->connected = c->reading = true;
    net_conn_listen(conn, &cl_cb, c);
    net_conn_read(conn, true);
    begin_ask(c);
}

/* The client's own connections are of a fair network. */
static void dial(struct client *c)
{
    struct sim *s = c->s;
    struct worker *w;
    struct err e;

    c->slot = s->slots[c->asks[c->at]->worker];
    w = &s->workers[c->slot];
    *net_sim_conf(s->net) = s->fair;
    if (net_connect(&c->connecting, s->cl_net, http_server_addr(w->gateway.server, 0), cl_connected,
                    c, &e) < 0) {
        MUST(s->torture);
        c->connecting = NULL;
        *net_sim_conf(s->net) = s->rough;
        lost(c);
        return;
    }
    *net_sim_conf(s->net) = s->rough;
}

void client_move(struct sim *s, size_t slot)
{
    LIST_EACH(it, &s->clients)
    {
        struct client *c = LIST_ENTRY(it, struct client, link);

        if (!c->connecting || c->slot != slot)
            continue;
        net_connect_cancel(&c->connecting);
        dial(c);
    }
}

static void client_next(struct client *c)
{
    if (c->at == c->asks_n) {
        close_conn(c, NET_END_FLUSH);
        return;
    }
    if (c->conn)
        begin_ask(c);
    else
        dial(c);
}

static void cl_start(struct ev_timer *t)
{
    struct client *c = CONTAINER_OF(t, struct client, timer);

    c->timer.fn = cl_timer;
    client_next(c);
}

void client_start(struct sim *s, struct ask *const *asks, size_t n, bool h2, ev_us in)
{
    struct client *c = calloc(1, sizeof(*c));

    MUST(c && n <= ARRAY_LEN(c->asks));
    c->s = s;
    c->h2 = h2;
    c->asks_n = n;
    memcpy(c->asks, asks, n * sizeof(*asks));
    list_init(&c->link);
    list_push(&s->clients, &c->link);
    ev_timer_init(&c->timer, s->ev, cl_start);
    ev_timer_init(&c->leave, s->ev, cl_leave);
    set(c, &c->timer, in);
}

void client_free(struct client *c)
{
    close_conn(c, NET_END_RESET);
    ev_timer_stop(&c->leave);
    list_del(&c->link);
    text_free(&c->in);
    text_free(&c->out);
    free(c);
}
