/*
 * tls.c - one TLS connection over another connection.
 *
 *     HANDSHAKE -- done -----------------> OPEN     on_ready(NULL)
 *     HANDSHAKE -- refused, or broken ---> FAILED   on_ready(why)
 *     OPEN      -- bad record, or broken -> FAILED  on_error(why)
 *     any       -- net_conn_close() -----> CLOSED
 *
 * OpenSSL reads and writes through a BIO of our own: reading takes from the bytes that the lower
 * connection has just brought, writing queues on the lower connection. Nothing is buffered twice;
 * what OpenSSL leaves over when the owner's reader is off is held here, and the lower reader is
 * off until it is used up.
 *
 * Writes of a turn are gathered and encrypted at its end, so that many small ones become one
 * record. To tell the owner what has left, a mark is kept for each record: so many bytes of his
 * are out when the lower connection has sent up to there.
 *
 * pump() does all the work, from the lower connection's callbacks and from a post. An owner's
 * callback may close the connection under it, hence `busy`: the memory goes when pump() returns.
 *
 * Time for certificates is the loop's. OpenSSL's random bytes are its own: a virtual run with
 * TLS is right, but not byte for byte repeatable.
 *
 * Invariants: (1) held is empty whenever the lower reader is on; (2) marks ascend, and the sum of
 * their bytes and of `out` is `queued`; (3) no owner is called in CLOSED.
 */
#include "net/tls_impl.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/addr.h"

#define TLS_MAGIC     0x746c7363u
#define RECORD_BYTES  16384
#define MARKS_MAX     ((size_t)1024 * 1024) /* bytes of them: for 1 GiB queued */
#define ALPN_TEXT_MAX 32
#define PEER_TEXT_MAX (TLS_HOST_MAX + 3)

enum state { HANDSHAKE, OPEN, FAILED, CLOSED };

/* `plain` more bytes of the owner have left when the lower connection has sent `until`. */
struct mark {
    uint64_t until;
    size_t plain;
};

struct tlsconn {
    struct net_conn base;
    uint32_t magic;
    enum state state;
    struct tls_ctx *ctx;
    struct net_conn *lower;
    SSL *ssl;
    struct ev_post work;
    void (*on_ready)(void *arg, const struct err *e);
    void *ready_arg;

    struct span in;  /* encrypted bytes to be used, borrowed or of held */
    struct buf held; /* what was left over of them */
    struct outq out; /* plain bytes to be encrypted at the end of the turn */
    size_t queued;   /* plain bytes written and not told as sent */
    struct buf marks;
    uint64_t lower_written, lower_sent;

    int busy; /* pump() is on the stack so often */
    bool reading;
    bool lower_eof, lower_broken;
    bool sound;   /* the handshake went well, and no record was bad since */
    bool goodbye; /* the peer's close_notify came */
    bool told_eof;
    bool fin_wanted, fin;
    struct err why; /* of lower_broken */
    char alpn[ALPN_TEXT_MAX];
    char host[TLS_HOST_MAX + 1]; /* "" on a server */
    struct net_addr peer;
};

static const struct net_conn_ops conn_ops;

static struct tlsconn *of(struct net_conn *c)
{
    struct tlsconn *t = CONTAINER_OF(c, struct tlsconn, base);

    OBJ_CHECK(t, TLS_MAGIC);
    return t;
}

static const struct tlsconn *of_const(const struct net_conn *c)
{
    const struct tlsconn *t = (const struct tlsconn *)(const void *)c; /* base comes first */

    OBJ_CHECK(t, TLS_MAGIC);
    return t;
}

static const char *whom(const struct tlsconn *t, char out[PEER_TEXT_MAX])
{
    char text[NET_ADDR_TEXT];

    if (t->host[0])
        snprintf(out, PEER_TEXT_MAX, "'%s'", t->host);
    else
        snprintf(out, PEER_TEXT_MAX, "%s", net_addr_text(&t->peer, text));
    return out;
}

/* ---- between OpenSSL and the lower connection ---- */

static int bio_read(BIO *bio, char *out, size_t cap, size_t *ret_n)
{
    struct tlsconn *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (t->in.n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *ret_n = MIN(cap, t->in.n);
    memcpy(out, t->in.p, *ret_n);
    t->in = span_of(t->in.p + *ret_n, t->in.n - *ret_n);
    return 1;
}

static int bio_write(BIO *bio, const char *p, size_t n, size_t *ret_n)
{
    struct tlsconn *t = BIO_get_data(bio);
    struct err e;

    BIO_clear_retry_flags(bio);
    *ret_n = n;
    if (t->fin) /* nobody is to hear an alert any more */
        return 1;
    if (!t->lower || net_conn_write(t->lower, p, n, &e) < 0)
        return 0;
    t->lower_written += n;
    return 1;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    UNUSED(bio);
    UNUSED(num);
    UNUSED(ptr);
    return cmd == BIO_CTRL_FLUSH; /* bytes leave at the end of the turn */
}

BIO_METHOD *tls_bio_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "lamplighter");

    if (!m)
        return NULL;
    BIO_meth_set_read_ex(m, bio_read);
    BIO_meth_set_write_ex(m, bio_write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
}

int tls_on_session(SSL *ssl, SSL_SESSION *s)
{
    struct tlsconn *t = SSL_get_app_data(ssl);

    if (!SSL_SESSION_is_resumable(s))
        return 0;
    tls_ctx_keep(t->ctx, t->host, s);
    return 1; /* it was taken */
}

/* ---- failing ---- */

/* The last act of whoever calls it. */
static void fail(struct tlsconn *t, const struct err *e)
{
    bool shaking = t->state == HANDSHAKE;

    t->state = FAILED;
    outq_drop(&t->out, &t->ctx->store, t->out.n);
    net_conn_read(t->lower, false);
    if (shaking)
        t->on_ready(t->ready_arg, e);
    else if (t->base.cb)
        t->base.cb->on_error(t->base.arg, e);
}

static void fail_by_openssl(struct tlsconn *t)
{
    char text[PEER_TEXT_MAX];
    struct err e;

    tls_explain(&e, t->ssl, whom(t, text));
    t->sound = false;
    fail(t, &e);
}

/* The lower connection ended in the middle of a handshake. */
static void fail_unfinished(struct tlsconn *t)
{
    char text[PEER_TEXT_MAX];
    struct err e;

    if (t->lower_broken)
        err_set(&e, ERR_TLS, "TLS with %s: cut in the handshake: %s", whom(t, text), t->why.text);
    else
        err_set(&e, ERR_TLS, "TLS with %s: the peer hung up in the handshake", whom(t, text));
    fail(t, &e);
}

/* ---- the three kinds of work ---- */

static void note_alpn(struct tlsconn *t)
{
    const unsigned char *name;
    unsigned n;

    SSL_get0_alpn_selected(t->ssl, &name, &n);
    if (n > 0 && n < sizeof(t->alpn))
        memcpy(t->alpn, name, n);
}

static void handshake(struct tlsconn *t)
{
    int rc;

    ERR_clear_error();
    rc = SSL_do_handshake(t->ssl);
    if (rc == 1) {
        note_alpn(t);
        t->state = OPEN;
        t->sound = true;
        t->on_ready(t->ready_arg, NULL);
        return;
    }
    if (SSL_get_error(t->ssl, rc) != SSL_ERROR_WANT_READ)
        fail_by_openssl(t);
    else if (t->lower_broken || t->lower_eof)
        fail_unfinished(t);
}

/* Encrypt what was written. -1: OpenSSL's errors say why. */
static int encrypt(struct tlsconn *t)
{
    size_t n, done;
    char *p;

    while ((p = outq_front(&t->out, 0, &n))) {
        struct mark m = {.plain = MIN(n, (size_t)RECORD_BYTES)};

        ERR_clear_error();
        if (!buf_reserve(&t->marks, sizeof(m)) || SSL_write_ex(t->ssl, p, m.plain, &done) != 1 ||
            done != m.plain)
            return -1;
        m.until = t->lower_written;
        buf_add(&t->marks, &m, sizeof(m));
        outq_drop(&t->out, &t->ctx->store, m.plain);
    }
    if (t->fin_wanted && !t->fin) {
        SSL_shutdown(t->ssl);
        net_conn_shutdown(t->lower);
        t->fin = true;
    }
    return 0;
}

static void decrypt(struct tlsconn *t)
{
    /* Clearing it would cost more than most records. */
    char plain[RECORD_BYTES] __attribute__((uninitialized));

    while (t->state == OPEN && t->reading && !t->goodbye) {
        int n, why;

        ERR_clear_error();
        n = SSL_read(t->ssl, plain, sizeof(plain));
        if (n > 0) {
            t->base.cb->on_read(t->base.arg, plain, (size_t)n);
            continue;
        }
        why = SSL_get_error(t->ssl, n);
        if (why == SSL_ERROR_ZERO_RETURN) {
            t->goodbye = true;
        } else if (why != SSL_ERROR_WANT_READ) {
            fail_by_openssl(t);
            return;
        } else {
            break;
        }
    }
}

/* All that came is delivered: tell its end, if it has one. */
static void tell_end(struct tlsconn *t)
{
    bool eof = t->goodbye || (t->lower_eof && !t->lower_broken);

    if (t->reading && !t->told_eof && eof) {
        t->told_eof = true;
        t->base.cb->on_eof(t->base.arg);
    }
    if (t->state == OPEN && t->base.cb && t->lower_broken && (t->reading || t->in.n == 0))
        fail(t, &t->why);
}

/* ---- pump ---- */

static void free_conn(struct tlsconn *t)
{
    t->magic = 0;
    /* OpenSSL would spoil the session of a connection that ended without a goodbye. Since TLS 1.1
     * that is not called for; only one that broke its own rules is not to be resumed. */
    if (t->sound)
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    buf_fini(&t->held);
    buf_fini(&t->marks);
    outq_drop(&t->out, &t->ctx->store, t->out.n);
    tls_ctx_unref(&t->ctx);
    mem_free(t);
}

/* Keep what is left of t->in until the owner reads on. -1: no memory. */
static int hold(struct tlsconn *t)
{
    if (t->held.n > 0)
        buf_consume(&t->held, t->held.n - t->in.n);
    else
        buf_add_span(&t->held, t->in);
    t->in = (struct span){0};
    if (t->held.n == 0)
        buf_fini(&t->held);
    return buf_ok(&t->held) ? 0 : -1;
}

static void work(struct tlsconn *t)
{
    static const struct err no_memory = {.code = ERR_NOMEM, .text = "TLS: no memory"};

    if (t->state == HANDSHAKE)
        handshake(t);
    if (t->state == OPEN && encrypt(t) < 0)
        fail_by_openssl(t);
    if (t->state == OPEN && t->reading)
        decrypt(t);
    if (t->state == OPEN)
        tell_end(t);
    if (t->state == CLOSED)
        return;
    if (hold(t) < 0 && t->state != FAILED) {
        fail(t, &no_memory);
        return;
    }
    if (t->state != FAILED && !t->lower_broken)
        net_conn_read(t->lower,
                      t->held.n == 0 && !t->goodbye && (t->state == HANDSHAKE || t->reading));
}

static void pump(struct tlsconn *t)
{
    if (t->state == FAILED)
        return;
    if (t->in.n == 0 && t->held.n > 0)
        t->in = buf_span(&t->held);
    t->busy++;
    work(t);
    t->busy--;
    if (t->state == CLOSED && t->busy == 0)
        free_conn(t);
}

static void on_work(struct ev_post *p)
{
    pump(CONTAINER_OF(p, struct tlsconn, work));
}

/* ---- what the lower connection tells ---- */

static void lower_read(void *arg, const char *p, size_t n)
{
    struct tlsconn *t = arg;

    MUST(t->held.n == 0 && t->in.n == 0);
    t->in = span_of(p, n);
    pump(t);
}

static void lower_eof(void *arg)
{
    struct tlsconn *t = arg;

    t->lower_eof = true;
    pump(t);
}

static void lower_error(void *arg, const struct err *e)
{
    struct tlsconn *t = arg;

    t->lower_broken = true;
    t->why = *e;
    pump(t);
}

static void lower_sent(void *arg, size_t n)
{
    struct tlsconn *t = arg;
    size_t plain = 0, used = 0;

    t->lower_sent += n;
    for (; used < t->marks.n; used += sizeof(struct mark)) {
        struct mark m;

        memcpy(&m, t->marks.p + used, sizeof(m));
        if (m.until > t->lower_sent)
            break;
        plain += m.plain;
    }
    buf_consume(&t->marks, used);
    if (t->marks.n == 0)
        buf_fini(&t->marks);
    t->queued -= plain;
    if (plain > 0 && t->state == OPEN)
        t->base.cb->on_sent(t->base.arg, plain);
}

static const struct net_conn_cb lower_cb = {
    .on_read = lower_read,
    .on_eof = lower_eof,
    .on_sent = lower_sent,
    .on_error = lower_error,
};

/* ---- the calls of an owner ---- */

static void op_read(struct net_conn *c, bool on)
{
    struct tlsconn *t = of(c);

    if (t->reading == on)
        return;
    t->reading = on;
    if (on)
        ev_post(t->ctx->ev, &t->work); /* it may have bytes already */
    else if (t->busy == 0 && t->state == OPEN && !t->lower_broken)
        net_conn_read(t->lower, false);
}

static int op_write(struct net_conn *c, const char *p, size_t n, struct err *e)
{
    struct tlsconn *t = of(c);

    MUST(t->state != CLOSED && t->base.cb);
    if (t->state == FAILED || t->lower_broken || !EXPECT(!t->fin_wanted))
        return 0; /* it goes nowhere, and on_error says so */
    t->out.wipes = c->secret;
    if (outq_add(&t->out, &t->ctx->store, p, n) < 0)
        return err_set(e, ERR_NOMEM, "TLS: no memory for %zu bytes", n);
    t->queued += n;
    ev_post(t->ctx->ev, &t->work);
    return 0;
}

static size_t op_queued(const struct net_conn *c)
{
    return of_const(c)->queued;
}

static enum net_peek op_peek(const struct net_conn *c)
{
    const struct tlsconn *t = of_const(c);

    if (t->state != OPEN || t->goodbye || t->lower_eof || t->lower_broken)
        return NET_PEEK_ENDED;
    if (t->in.n > 0 || t->held.n > 0 || SSL_has_pending(t->ssl))
        return NET_PEEK_BYTES;
    return net_conn_peek(t->lower);
}

static void op_shutdown(struct net_conn *c)
{
    struct tlsconn *t = of(c);

    t->fin_wanted = true;
    ev_post(t->ctx->ev, &t->work);
}

static void op_close(struct net_conn *c, enum net_end how)
{
    struct tlsconn *t = of(c);

    MUST(t->state != CLOSED);
    if (t->state == OPEN && how != NET_END_RESET && !t->lower_broken) {
        if (encrypt(t) < 0)
            how = NET_END_RESET;
        else if (how == NET_END_FLUSH && !t->fin)
            SSL_shutdown(t->ssl);
    }
    t->state = CLOSED;
    t->base.cb = NULL;
    ev_post_cancel(&t->work);
    net_conn_close(&t->lower, how);
    if (t->busy == 0)
        free_conn(t);
}

static const struct net_addr *op_peer(const struct net_conn *c)
{
    return &of_const(c)->peer;
}

static const char *op_alpn(const struct net_conn *c)
{
    return of_const(c)->alpn;
}

static void op_dump(const struct net_conn *c, char *out, size_t cap)
{
    static const char *const names[] = {"handshake", "open", "failed", "closed"};
    const struct tlsconn *t = of_const(c);
    int n = snprintf(out, cap, "tls %s %s alpn=%s queued=%zu held=%zu reading=%d over ",
                     SSL_get_version(t->ssl), names[t->state], t->alpn, t->queued, t->held.n,
                     t->reading);

    if (n > 0 && (size_t)n < cap && t->lower)
        t->lower->ops->dump(t->lower, out + n, cap - (size_t)n);
}

static const struct net_conn_ops conn_ops = {
    .name = "tls",
    .read = op_read,
    .write = op_write,
    .queued = op_queued,
    .peek = op_peek,
    .shutdown = op_shutdown,
    .close = op_close,
    .peer = op_peer,
    .alpn = op_alpn,
    .dump = op_dump,
};

/* ---- wrapping ---- */

/* Whom the certificate must name, and what to tell a server that has several. */
static int expect_host(struct tlsconn *t, const char *hostname)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    SSL_SESSION *session;
    struct net_addr ip;
    size_t n = strlen(hostname);
    int ok;

    if (n > 1 && hostname[n - 1] == '.') /* certificates name hosts without the root's dot */
        n--;
    memcpy(t->host, hostname, n);
    /* Names stand in subjectAltName; a common name is for people (RFC 9525). */
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (net_addr_ip_parse(&ip, span_of(t->host, n), 0) == 0)
        ok = X509_VERIFY_PARAM_set1_ip_asc(param, t->host);
    else
        ok = X509_VERIFY_PARAM_set1_host(param, t->host, n) == 1 &&
             SSL_set_tlsext_host_name(t->ssl, t->host) == 1;
    if (ok != 1)
        return -1;
    session = tls_ctx_take(t->ctx, t->host);
    if (session) {
        SSL_set_session(t->ssl, session);
        SSL_SESSION_free(session);
    }
    return 0;
}

/* The SSL object with our BIO. -1: no memory. */
static int make_ssl(struct tlsconn *t, const char *hostname)
{
    BIO *bio;

    t->ssl = SSL_new(t->ctx->ssl);
    if (!t->ssl)
        return -1;
    bio = BIO_new(t->ctx->bio);
    if (!bio)
        return -1;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio); /* takes it */
    SSL_set_app_data(t->ssl, t);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(t->ssl), (time_t)(ev_wall_ms(t->ctx->ev) / 1000));
    if (t->ctx->server) {
        SSL_set_accept_state(t->ssl);
        return 0;
    }
    SSL_set_connect_state(t->ssl);
    return expect_host(t, hostname);
}

int tls_wrap(struct net_conn **ret, struct tls_ctx *ctx, struct net_conn *lower,
             const char *hostname, void (*on_ready)(void *arg, const struct err *e), void *arg,
             struct err *e)
{
    struct tlsconn *t;

    MUST(ret && ctx && lower && on_ready && e);
    MUST(ctx->server == !hostname);
    if (hostname && (hostname[0] == '\0' || strlen(hostname) > TLS_HOST_MAX))
        return err_set(e, ERR_TLS, "TLS: not a host name");
    t = mem_zalloc(1, sizeof(*t));
    if (!t)
        return err_set(e, ERR_NOMEM, "TLS: no memory");
    t->base.ops = &conn_ops;
    t->base.tls = true;
    t->magic = TLS_MAGIC;
    t->ctx = tls_ctx_ref(ctx);
    t->on_ready = on_ready;
    t->ready_arg = arg;
    t->peer = *net_conn_peer(lower);
    buf_init(&t->held, NET_READ_MAX);
    buf_init(&t->marks, MARKS_MAX);
    ev_post_init(&t->work, on_work);
    if (make_ssl(t, hostname) < 0) {
        free_conn(t);
        return err_set(e, ERR_NOMEM, "TLS: no memory");
    }
    t->lower = lower;
    net_conn_listen(lower, &lower_cb, t);
    net_conn_read(lower, true);
    ev_post(ctx->ev, &t->work); /* a client speaks first */
    *ret = &t->base;
    return 0;
}

bool net_conn_truncated(const struct net_conn *c)
{
    return c->ops == &conn_ops && of_const(c)->told_eof && !of_const(c)->goodbye;
}

bool tls_resumed(const struct net_conn *c)
{
    /* OpenSSL asks for an SSL that it does not change. */
    return c->ops == &conn_ops && SSL_session_reused(of_const(c)->ssl) == 1;
}
