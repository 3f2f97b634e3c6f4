/*
 * join.c - see join.h.
 */
#include "dialect/join.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

void join_init(struct join *j, struct follow *f, struct chat_sink to)
{
    struct span told = buf_span(&f->text);
    size_t n = MIN(told.n, sizeof(j->tail));

    follow_on(f);
    *j = (struct join){.to = to, .follow = f, .before = f->usage, .tail_n = n};
    if (n)
        memcpy(j->tail, told.p + told.n - n, n);
    while (j->blank_n < n && is_blank(j->tail[n - j->blank_n - 1]))
        j->blank_n++;
}

struct span join_text(const struct join *j)
{
    return span_of(j->follow->text.p, j->follow->text.n - j->blank_n);
}

/* ---- where the new text begins ---- */

#define UNDECIDED SIZE_MAX

/* How much of the head is the end of what was told, the longest such. */
static size_t overlap(const struct join *j, bool last)
{
    for (size_t n = j->tail_n; n >= JOIN_OVERLAP_MIN; n--) {
        if (memcmp(j->tail + j->tail_n - n, j->head, MIN(n, j->head_n)) != 0)
            continue;
        if (j->head_n >= n)
            return n;
        if (!last)
            return UNDECIDED;
    }
    return 0;
}

static size_t again(const struct join *j, bool last)
{
    const char *blank = j->tail + j->tail_n - j->blank_n;
    size_t n = overlap(j, last), i = 0;

    if (n != 0)
        return n;
    while (i < j->blank_n && i < j->head_n && j->head[i] == blank[i])
        i++;
    return i == j->head_n && i < j->blank_n && !last ? UNDECIDED : i;
}

/* The client is told. */
static int hand(struct join *j, const struct chat_event *ev, struct err *e)
{
    if (j->to.event(j->to.arg, ev, e) < 0)
        return -1;
    follow_told(j->follow, ev);
    return 0;
}

static int tell(struct join *j, struct span text, struct err *e)
{
    struct chat_event ev = {
        .kind = CHAT_EVENT_DELTA, .part = CHAT_PART_TEXT, .index = j->follow->lead, .text = text};

    return text.n ? hand(j, &ev, e) : 0;
}

/* last: no more of the text will come. */
static int decide(struct join *j, bool last, struct err *e)
{
    size_t n = j->new ? 0 : again(j, last);

    if (j->new || n == UNDECIDED)
        return 0;
    j->new = true;
    return tell(j, span_of(j->head + n, j->head_n - n), e);
}

static int on_text(struct join *j, struct span text, struct err *e)
{
    size_t n = j->new ? 0 : MIN(text.n, sizeof(j->head) - j->head_n);

    if (n) {
        memcpy(j->head + j->head_n, text.p, n);
        j->head_n += n;
        if (decide(j, j->head_n == sizeof(j->head), e) < 0)
            return -1;
    }
    return tell(j, span_of(text.p + n, text.n - n), e);
}

/* ---- its events ---- */

static void add_usage(struct chat_usage *u, const struct chat_usage *before)
{
    u->input += before->input;
    u->output += before->output;
    u->cache_read += before->cache_read;
    u->cache_write += before->cache_write;
    u->reasoning += before->reasoning;
    u->audio_in += before->audio_in;
    u->audio_out += before->audio_out;
}

static bool is_of_part(const struct chat_event *ev)
{
    return ev->kind == CHAT_EVENT_PART || ev->kind == CHAT_EVENT_DELTA ||
           ev->kind == CHAT_EVENT_SIGN || ev->kind == CHAT_EVENT_CITE ||
           ev->kind == CHAT_EVENT_PART_END;
}

/* Of its first part, which goes on with the one that is open. */
static bool is_first(const struct chat_event *ev)
{
    return is_of_part(ev) && ev->index == 0;
}

int join_event(void *arg, const struct chat_event *ev, struct err *e)
{
    struct join *j = arg;
    struct chat_event own = *ev;

    if (is_first(ev) && ev->part != CHAT_PART_TEXT)
        return err_set(e, ERR_PROTOCOL, "the target did not go on with the text");
    if (ev->kind == CHAT_EVENT_START || (is_first(ev) && ev->kind == CHAT_EVENT_PART))
        return 0;
    if (is_first(ev) && ev->kind == CHAT_EVENT_DELTA)
        return on_text(j, ev->text, e);
    if (ev->kind != CHAT_EVENT_USAGE && decide(j, true, e) < 0)
        return -1;
    if (ev->kind == CHAT_EVENT_USAGE)
        add_usage(&own.usage, &j->before);
    own.index += is_of_part(ev) ? j->follow->lead : 0;
    return hand(j, &own, e);
}

int join_end(struct join *j, struct err *e)
{
    return decide(j, true, e);
}
