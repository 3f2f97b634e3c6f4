/*
 * send.c - writes answers, and breaks them where it was told to.
 *
 *     WAITING  -- head= is over ---------------> SENDING
 *     SENDING  -- everything written ----------> DRAINING (or closed: cut, reset)
 *     SENDING  -- place of the stall ----------> HOLDING -- for= is over --> SENDING
 *     DRAINING -- everything has left ---------> READING, IDLE, LINGERING or closed
 *     IDLE     -- for= is over ----------------> something unasked for, or closed
 *
 * Bytes go through two steps: stage() puts at most 64 KiB with its framing into `out` and says
 * in `then` what follows; pump() writes `out`, at the rate and only while the socket takes it.
 * A cut is exact because it is made while staging: the bytes before it are written, then the
 * connection ends.
 *
 * Invariants: (1) `then` is acted on only when `out` is empty; (2) the timer has one purpose,
 * that of the state; (3) at most QUEUED_BYTES_MAX wait in the net, so that memory stays flat
 * however long the answer.
 */
#include "mock/conn.h"
#include "mock/order.h"

#define STAGE_BYTES         ((size_t)64 * 1024)
#define QUEUED_BYTES_MAX    ((size_t)256 * 1024)
#define REFUSE_US           EV_MS(500) /* what fault=refuse lasts without for= */
#define LINGER_US           EV_S(2)
#define MEASURED_EVENTS_MAX 100000 /* a longer stream gets no content-length */

#define ULL(x) ((unsigned long long)(x))

/* ---- the plan: where it breaks, how it is framed ---- */

static bool fault_is(const struct mock_conn *c, enum mock_fault f)
{
    return c->how.fault == f;
}

/* Bytes of all events in the order in which they will be sent. */
static uint64_t body_length(struct mock_conn *c)
{
    uint64_t n = 0, left;

    for (uint64_t e = 0; n < INT64_MAX; e++) {
        mock_piece_reset(&c->piece);
        if (!mock_order_event(&c->answer, e, &c->piece))
            break;
        left = mock_piece_left(&c->piece);
        n += MIN(left, (uint64_t)INT64_MAX);
    }
    mock_piece_reset(&c->piece);
    return n;
}

/* A cut without a place is after the first event of a stream, in the middle of anything else. */
static void plan_cut(struct mock_conn *c)
{
    const struct mock_how *h = &c->how;

    c->cut_byte = c->cut_event = c->head_cut = MOCK_UNSET;
    if (!fault_is(c, MOCK_FAULT_CUT) && !fault_is(c, MOCK_FAULT_STALL) &&
        !fault_is(c, MOCK_FAULT_CUT_JSON) && !fault_is(c, MOCK_FAULT_CHUNK_GARBAGE))
        return;
    if (h->at_byte != MOCK_UNSET)
        c->cut_byte = h->at_byte;
    else if (fault_is(c, MOCK_FAULT_CUT_JSON) || (!c->answer.stream && h->at_event == MOCK_UNSET))
        c->cut_byte = body_length(c) / 2;
    else
        c->cut_event = mock_or(h->at_event, 1);
}

static enum mock_frame frame_of(const struct mock_conn *c)
{
    enum mock_frame frame = (enum mock_frame)c->how.frame;

    if (frame == MOCK_FRAME_AUTO)
        frame = c->answer.stream ? MOCK_FRAME_CHUNKED : MOCK_FRAME_LENGTH;
    if (fault_is(c, MOCK_FAULT_TWO_LENGTHS) || fault_is(c, MOCK_FAULT_LENGTH_SHORT) ||
        fault_is(c, MOCK_FAULT_LENGTH_LONG))
        frame = MOCK_FRAME_LENGTH;
    if (fault_is(c, MOCK_FAULT_LENGTH_AND_CHUNKED) || fault_is(c, MOCK_FAULT_CHUNK_GARBAGE))
        frame = MOCK_FRAME_CHUNKED;
    if ((c->req.http10 && frame == MOCK_FRAME_CHUNKED) ||
        (frame == MOCK_FRAME_LENGTH && c->answer.events > MEASURED_EVENTS_MAX))
        frame = MOCK_FRAME_CLOSE;
    return frame;
}

/* Does the body end cleanly, only too early? */
static bool clean_cut(const struct mock_conn *c)
{
    return fault_is(c, MOCK_FAULT_CUT_JSON) ||
           (fault_is(c, MOCK_FAULT_CUT) && c->how.end == MOCK_END_CHUNK_END);
}

/* The content-length to announce. */
static uint64_t announced_length(struct mock_conn *c)
{
    uint64_t n = body_length(c), by = mock_or(c->how.count, 10);

    if (clean_cut(c) && c->cut_byte != MOCK_UNSET)
        return MIN(n, c->cut_byte);
    if (fault_is(c, MOCK_FAULT_LENGTH_SHORT))
        return n - MIN(n, by);
    if (fault_is(c, MOCK_FAULT_LENGTH_LONG))
        return n + by;
    return n;
}

/* ---- the head ---- */

static void put_framing(struct mock_conn *c, struct buf *b)
{
    if (c->frame == MOCK_FRAME_CHUNKED)
        buf_add_str(b, "transfer-encoding: chunked\r\n");
    if (c->frame == MOCK_FRAME_LENGTH || fault_is(c, MOCK_FAULT_LENGTH_AND_CHUNKED)) {
        uint64_t n = announced_length(c);

        buf_printf(b, "content-length: %llu\r\n", ULL(n));
        if (fault_is(c, MOCK_FAULT_TWO_LENGTHS))
            buf_printf(b, "content-length: %llu\r\n", ULL(n + 1));
    }
    if (fault_is(c, MOCK_FAULT_GZIP))
        buf_add_str(b, "content-encoding: gzip\r\n");
    if (c->close_after)
        buf_add_str(b, "connection: close\r\n");
}

static void put_fill(struct mock_piece *p, enum mock_fill fill, uint64_t n)
{
    p->fill = fill;
    p->fill_n = n;
}

static void make_head(struct mock_conn *c)
{
    const struct mock_answer *a = &c->answer;
    struct mock_piece *p = &c->piece;
    struct buf text;

    buf_init(&text, MOCK_HEAD_BYTES_MAX); /* body_length() uses the piece: write aside first */
    buf_printf(&text, "HTTP/1.%d ", c->how.frame != MOCK_FRAME_HTTP10);
    if (fault_is(c, MOCK_FAULT_BAD_STATUS))
        buf_add_str(&text, "two hundred\r\n");
    else
        buf_printf(&text, "%u %s\r\n", a->status, mock_reason(a->status));
    if (a->type[0])
        buf_printf(&text, "content-type: %s\r\n", a->type);
    if (a->stream)
        buf_add_str(&text, "cache-control: no-cache\r\n");
    put_framing(c, &text);
    buf_add_span(&text, buf_span(&a->headers));

    mock_piece_reset(p);
    buf_add_span(&p->head, buf_span(&text));
    if (fault_is(c, MOCK_FAULT_HUGE_HEADER)) {
        buf_add_str(&p->head, "x-huge: ");
        put_fill(p, MOCK_FILL_X, mock_or(c->how.size, 1024 * 1024));
        buf_add_str(&p->tail, "\r\n");
    } else if (fault_is(c, MOCK_FAULT_MANY_HEADERS)) {
        put_fill(p, MOCK_FILL_HEADERS, mock_or(c->how.count, 10000) * MOCK_FIELD_BYTES);
    } else if (fault_is(c, MOCK_FAULT_ENDLESS_HEADERS)) {
        put_fill(p, MOCK_FILL_HEADERS, MOCK_FOREVER);
    }
    buf_add_str(p->fill_n ? &p->tail : &p->head, "\r\n");
    if (fault_is(c, MOCK_FAULT_NOT_HTTP)) {
        mock_piece_reset(p);
        mock_put(p, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");
    }
    if (fault_is(c, MOCK_FAULT_CUT_HEAD) || fault_is(c, MOCK_FAULT_STALL_HEAD))
        c->head_cut = mock_or(c->how.at_byte, mock_piece_left(p) / 2);
    buf_fini(&text);
}

/* ---- staging ---- */

/* The place of the cut or stall is reached. */
static void then_break(struct mock_conn *c)
{
    bool stall = fault_is(c, MOCK_FAULT_STALL) || fault_is(c, MOCK_FAULT_STALL_HEAD);

    if (stall) {
        c->then = MOCK_THEN_STALL;
    } else if (fault_is(c, MOCK_FAULT_CHUNK_GARBAGE)) {
        buf_add_str(&c->out, "zz\r\n{}\r\n");
        c->then = MOCK_THEN_CLOSE;
    } else if (clean_cut(c)) {
        c->part = MOCK_PART_END;
    } else {
        c->then = MOCK_THEN_END;
    }
    c->cut_byte = c->cut_event = c->head_cut = MOCK_UNSET;
}

static void stage_interim(struct mock_conn *c)
{
    if (mock_piece_left(&c->piece)) {
        mock_piece_take(&c->piece, &c->out, STAGE_BYTES);
        return;
    }
    make_head(c);
    c->part = MOCK_PART_HEAD;
}

static void stage_head(struct mock_conn *c)
{
    size_t max = (size_t)MIN((uint64_t)STAGE_BYTES, c->head_cut);

    if (c->head_cut == 0) {
        then_break(c);
        return;
    }
    if (mock_piece_left(&c->piece)) {
        size_t n = mock_piece_take(&c->piece, &c->out, max);

        c->head_sent = true;
        if (c->head_cut != MOCK_UNSET)
            c->head_cut -= n;
        return;
    }
    if (fault_is(c, MOCK_FAULT_NOT_HTTP)) {
        c->then = MOCK_THEN_CLOSE;
        return;
    }
    mock_piece_reset(&c->piece);
    c->part = MOCK_PART_BODY;
}

/* Some of the event that is in the piece, as one chunk. */
static void stage_event(struct mock_conn *c)
{
    uint64_t left = mock_piece_left(&c->piece);
    uint64_t to_cut = c->cut_byte == MOCK_UNSET ? MOCK_UNSET : c->cut_byte - c->body_bytes;
    size_t whole = (size_t)MIN(left, (uint64_t)STAGE_BYTES), n = (size_t)MIN(whole, to_cut);
    bool goes_on = fault_is(c, MOCK_FAULT_STALL) && c->how.for_us != MOCK_UNSET;
    bool short_chunk = n < whole && mock_or(c->how.mid_chunk, 0) && !goes_on;

    if (n == 0 && !short_chunk) {
        then_break(c);
        return;
    }
    if (c->frame == MOCK_FRAME_CHUNKED)
        buf_printf(&c->out, "%zx\r\n", short_chunk ? whole : n);
    mock_piece_take(&c->piece, &c->out, n);
    c->body_bytes += n;
    if (c->frame == MOCK_FRAME_CHUNKED && !short_chunk)
        buf_add_str(&c->out, "\r\n");
    if (n == to_cut)
        then_break(c);
}

/* Wait before the next event? Then the timer is armed and the next call will not wait. */
static bool pace(struct mock_conn *c)
{
    bool first =
        c->event == c->answer.content_at && c->comments_left == mock_or(c->how.comments, 0);
    uint64_t wait = first ? mock_or(c->how.ttft_us, 0) : mock_or(c->how.gap_us, 0);

    if (!c->answer.stream || c->paced || wait == 0 || c->event < c->answer.content_at ||
        (c->event == 0 && !first)) {
        c->paced = false;
        return false;
    }
    c->paced = true;
    mock_conn_arm(c, wait);
    return true;
}

/* Put the next event into the piece. */
static void next_event(struct mock_conn *c)
{
    mock_piece_reset(&c->piece);
    if (c->event == c->answer.content_at && c->comments_left && c->answer.stream) {
        c->comments_left--;
        mock_put(&c->piece, ": MOCK PROCESSING\n\n");
        return;
    }
    if (mock_order_event(&c->answer, c->event, &c->piece))
        c->event++;
    else
        c->part = MOCK_PART_END;
}

static void stage_end(struct mock_conn *c)
{
    if (c->frame == MOCK_FRAME_CHUNKED)
        buf_add_str(&c->out, "0\r\n\r\n");
    c->then = MOCK_THEN_FULL;
}

/* Put more into `out`. False: wait, the timer will come. */
static bool stage(struct mock_conn *c)
{
    switch (c->part) {
    case MOCK_PART_INTERIM:
        stage_interim(c);
        break;
    case MOCK_PART_HEAD:
        stage_head(c);
        break;
    case MOCK_PART_BODY:
        if (mock_piece_left(&c->piece)) {
            stage_event(c);
        } else if (c->event >= c->cut_event ||
                   (c->cut_byte != MOCK_UNSET && c->body_bytes >= c->cut_byte)) {
            then_break(c);
        } else {
            if (pace(c))
                return false;
            next_event(c);
        }
        break;
    case MOCK_PART_END:
        stage_end(c);
        break;
    }
    return true;
}

/* ---- writing ---- */

static const char *const end_words[] = {
    [MOCK_END_FIN] = "cut",
    [MOCK_END_RST] = "reset",
    [MOCK_END_RST_NOW] = "reset",
    [MOCK_END_CHUNK_END] = "cut",
};
static const enum net_end net_ends[] = {
    [MOCK_END_FIN] = NET_END_FLUSH,
    [MOCK_END_RST] = NET_END_RESET_ACKED,
    [MOCK_END_RST_NOW] = NET_END_RESET,
    [MOCK_END_CHUNK_END] = NET_END_FLUSH,
};

static void hold(struct mock_conn *c)
{
    c->state = MOCK_HOLDING;
    c->then = MOCK_THEN_MORE;
    if (c->how.for_us != MOCK_UNSET)
        mock_conn_arm(c, c->how.for_us);
}

/* All that was staged has been written: what now? True: stage more. */
static bool act(struct mock_conn *c)
{
    switch (c->then) {
    case MOCK_THEN_MORE:
        return true;
    case MOCK_THEN_FULL:
        c->state = MOCK_DRAINING;
        break;
    case MOCK_THEN_STALL:
        hold(c);
        break;
    case MOCK_THEN_END:
        mock_conn_end(c, net_ends[c->how.end], end_words[c->how.end]);
        break;
    case MOCK_THEN_CLOSE:
        mock_conn_end(c, NET_END_FLUSH, "closed");
        break;
    }
    return false;
}

static const struct mock_rate *rate_of(const struct mock_conn *c)
{
    if (c->how.dribble.bytes)
        return &c->how.dribble;
    return c->how.dribble_body.bytes && c->part > MOCK_PART_HEAD ? &c->how.dribble_body : NULL;
}

static void pump(struct mock_conn *c)
{
    while (c->state == MOCK_SENDING && !ev_timer_armed(&c->timer)) {
        const struct mock_rate *rate = rate_of(c);
        size_t n = c->out.n - c->out_at;
        struct err e;

        if (n == 0) {
            buf_reset(&c->out);
            c->out_at = 0;
            if (!act(c) || !stage(c))
                return;
            if (!buf_ok(&c->out) || !buf_ok(&c->piece.head) || !buf_ok(&c->piece.tail))
                mock_conn_end(c, NET_END_RESET, "no-memory");
            continue;
        }
        if (net_conn_queued(c->net) >= QUEUED_BYTES_MAX)
            return; /* on_sent comes back */
        if (rate)
            n = (size_t)MIN((uint64_t)n, rate->bytes);
        if (net_conn_write(c->net, c->out.p + c->out_at, n, &e) < 0) {
            mock_conn_end(c, NET_END_RESET, "no-memory");
            return;
        }
        c->out_at += n;
        c->wrote_at = ev_now(c->mock->ev);
        if (rate)
            mock_conn_arm(c, rate->gap);
    }
}

/* ---- start and end ---- */

static void begin(struct mock_conn *c)
{
    c->state = MOCK_SENDING;
    mock_piece_reset(&c->piece);
    c->part = MOCK_PART_INTERIM;
    if (fault_is(c, MOCK_FAULT_INTERIM))
        put_fill(&c->piece, MOCK_FILL_INTERIM, mock_or(c->how.count, 11) * MOCK_INTERIM_BYTES);
    pump(c);
}

void mock_send_start(struct mock_conn *c)
{
    uint64_t wait = mock_or(c->how.head_us, 0);

    if (!c->answer.stream) /* a whole answer takes as long as its tokens */
        wait += mock_or(c->how.ttft_us, 0) + mock_or(c->how.gap_us, 0) * c->answer.text_events;
    c->frame = frame_of(c);
    c->close_after = c->req.close || c->frame == MOCK_FRAME_CLOSE ||
                     c->frame == MOCK_FRAME_HTTP10 || fault_is(c, MOCK_FAULT_EARLY) ||
                     fault_is(c, MOCK_FAULT_REFUSE);
    c->head_sent = c->paced = false;
    c->event = c->body_bytes = 0;
    c->comments_left = mock_or(c->how.comments, 0);
    c->then = MOCK_THEN_MORE;
    buf_reset(&c->out);
    c->out_at = 0;
    plan_cut(c);
    if (fault_is(c, MOCK_FAULT_REFUSE))
        mock_refuse(c->mock, mock_or(c->how.for_us, REFUSE_US));
    if (fault_is(c, MOCK_FAULT_RESET)) {
        mock_conn_end(c, NET_END_RESET, "reset");
    } else if (fault_is(c, MOCK_FAULT_CLOSE)) {
        mock_conn_end(c, NET_END_FLUSH, "closed");
    } else if (fault_is(c, MOCK_FAULT_SILENT)) {
        hold(c);
    } else if (wait) {
        c->state = MOCK_WAITING;
        mock_conn_arm(c, wait);
    } else {
        begin(c);
    }
}

void mock_send_refusal(struct mock_conn *c, unsigned status, const char *text)
{
    struct buf body, all;
    struct err e;

    buf_init(&body, STAGE_BYTES);
    buf_init(&all, STAGE_BYTES);
    buf_add_str(&body,
                "{\"error\":{\"type\":\"mock_mistake\",\"code\":\"mock_mistake\",\"message\":");
    mock_quote(&body, span_str(text));
    buf_add_str(&body, ",\"param\":null}}");
    buf_printf(&all,
               "HTTP/1.1 %u Mock\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n"
               "connection: close\r\n\r\n",
               status, body.n);
    buf_add_span(&all, buf_span(&body));
    c->body_bytes = body.n;
    if (buf_ok(&all) && net_conn_write(c->net, all.p, all.n, &e) == 0)
        mock_conn_end(c, NET_END_FLUSH, "mistake");
    else
        mock_conn_end(c, NET_END_RESET, "no-memory");
    buf_fini(&body);
    buf_fini(&all);
}

/* The whole answer has left. */
static void settle(struct mock_conn *c)
{
    bool idle = fault_is(c, MOCK_FAULT_EXTRA) || fault_is(c, MOCK_FAULT_CLOSE_IDLE);

    if (fault_is(c, MOCK_FAULT_EARLY)) {
        net_conn_shutdown(c->net);
        c->state = MOCK_LINGERING;
        mock_conn_arm(c, LINGER_US);
        return;
    }
    if (c->close_after || fault_is(c, MOCK_FAULT_LENGTH_LONG)) {
        mock_conn_end(c, NET_END_FLUSH, "full");
        return;
    }
    mock_conn_log_end(c, "full");
    if (idle) {
        c->state = MOCK_IDLE;
        mock_conn_arm(c, mock_or(c->how.for_us, 0));
        return;
    }
    mock_conn_next(c);
}

/* The second answer that nobody asked for. */
static void send_extra(struct mock_conn *c)
{
    static const char extra[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                "content-length: 19\r\n\r\n{\"mock\":\"unasked\"}\n";
    struct err e;

    if (net_conn_write(c->net, extra, sizeof(extra) - 1, &e) < 0)
        mock_conn_end(c, NET_END_RESET, "no-memory");
    else
        mock_conn_next(c);
}

void mock_send_timer(struct mock_conn *c)
{
    switch (c->state) {
    case MOCK_WAITING:
        begin(c);
        break;
    case MOCK_SENDING:
        pump(c);
        break;
    case MOCK_HOLDING:
        if (fault_is(c, MOCK_FAULT_SILENT)) {
            mock_conn_end(c, NET_END_FLUSH, "closed");
        } else {
            c->state = MOCK_SENDING;
            pump(c);
        }
        break;
    case MOCK_IDLE:
        if (fault_is(c, MOCK_FAULT_EXTRA))
            send_extra(c);
        else
            mock_conn_end(c, NET_END_FLUSH, "closed");
        break;
    case MOCK_LINGERING:
        mock_conn_end(c, NET_END_FLUSH, "full");
        break;
    case MOCK_READING:
    case MOCK_DRAINING:
    case MOCK_GONE:
        break;
    }
    /* At the pace of a dribble all had left before this turn: nothing more will be reported. */
    if (c->state == MOCK_DRAINING && net_conn_queued(c->net) == 0)
        settle(c);
}

void mock_send_sent(struct mock_conn *c)
{
    if (c->state == MOCK_SENDING)
        pump(c);
    else if (c->state == MOCK_DRAINING && net_conn_queued(c->net) == 0)
        settle(c);
}
