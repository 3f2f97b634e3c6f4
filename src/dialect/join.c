/*
 * join.c - see join.h.
 */
#include "dialect/join.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

void join_init(struct join *j, struct follow *f, enum join_how how, struct chat_sink to)
{
    struct span told = buf_span(&f->text);
    size_t n = MIN(told.n, sizeof(j->tail));

    follow_on(f);
    *j = (struct join){.to = to,
                       .how = how,
                       .follow = f,
                       .before = f->usage,
                       .tail_n = n,
                       .anew = how == JOIN_REPLAY};
    if (n)
        memcpy(j->tail, told.p + told.n - n, n);
    while (how != JOIN_REPLAY && j->blank_n < n && is_blank(j->tail[n - j->blank_n - 1]))
        j->blank_n++;
}

struct span join_text(const struct join *j)
{
    struct span told = buf_span(&j->follow->text); /* none, if it was closed meanwhile */

    return span_of(told.p, told.n - MIN(told.n, j->blank_n));
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

/* ... of the white space at the end of the text what the head has behind `at` bytes. */
static size_t blanks(const struct join *j, size_t at, bool last)
{
    const char *blank = j->tail + j->tail_n - j->blank_n;
    size_t i = 0;

    while (i < j->blank_n && at + i < j->head_n && j->head[at + i] == blank[i])
        i++;
    return at + i == j->head_n && i < j->blank_n && !last ? UNDECIDED : at + i;
}

/* Does the head begin with all of what it was asked with, or is it all the beginning of that? */
static bool begins_anew(const struct join *j)
{
    struct span text = join_text(j);

    return !j->said && text.n >= JOIN_OVERLAP_MIN && j->head_n > 0 &&
           memcmp(text.p, j->head, MIN(text.n, j->head_n)) == 0;
}

static size_t again(const struct join *j, bool last)
{
    size_t n = j->said ? 0 : overlap(j, last), all = join_text(j).n;

    if (n != 0)
        return n;
    if (begins_anew(j) && j->head_n >= all)
        return blanks(j, all, last);
    return begins_anew(j) && !last ? UNDECIDED : blanks(j, 0, last);
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

static int begun_anew(struct err *e)
{
    return err_set(e, ERR_PROTOCOL, "the target has begun anew, and said something else");
}

/* As far as bytes tell: what is not ASCII counts as of a word. */
static bool is_of_word(char c)
{
    unsigned char u = (unsigned char)c, low = u | 0x20;

    return u >= 0x80 || u == '_' || (u >= '0' && u <= '9') || (low >= 'a' && low <= 'z');
}

/* Who was asked in words has gone on from there if he says the end again, or if no word is cut. */
static bool fits(const struct join *j)
{
    bool within =
        j->tail_n && j->head_n && is_of_word(j->tail[j->tail_n - 1]) && is_of_word(j->head[0]);

    return j->how != JOIN_INSTRUCT || !within || j->said || overlap(j, true) != 0 ||
           (begins_anew(j) && j->head_n >= join_text(j).n);
}

static bool is_within_character(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* What is new of the head. If it ends within a character, the rest of that is taken off *text: half
 * of one is no text that a writer could tell. */
static int tell_head(struct join *j, size_t told, struct span *text, struct err *e)
{
    size_t end = j->head_n, n = 0;
    char c[4];

    if (text->n && is_within_character(text->p[0])) {
        while (end > told && j->head_n - end < sizeof(c) - 1 &&
               is_within_character(j->head[end - 1]))
            end--;
        end -= end > told;
    }
    for (size_t i = end; i < j->head_n; i++)
        c[n++] = j->head[i];
    while (n && n < sizeof(c) && text->n && is_within_character(text->p[0])) {
        c[n++] = text->p[0];
        *text = span_of(text->p + 1, text->n - 1);
    }
    return tell(j, span_of(j->head + told, end - told), e) < 0 ? -1 : tell(j, span_of(c, n), e);
}

/* last: no more of the text will come, or no more of it fits into the head; *text is what follows.
 */
static int decide(struct join *j, bool last, struct span *text, struct err *e)
{
    size_t n;

    if (j->anew)
        return last ? begun_anew(e) : 0;
    n = j->new ? 0 : again(j, last);
    if (j->new || n == UNDECIDED)
        return 0;
    if (!fits(j))
        return err_set(e, ERR_PROTOCOL, "the target did not go on where the text broke off");
    j->new = true;
    return tell_head(j, n, text, e);
}

/* Of *text what fits into the head. */
static void fill_head(struct join *j, struct span *text)
{
    size_t n = MIN(text->n, sizeof(j->head) - j->head_n);

    if (n)
        memcpy(j->head + j->head_n, text->p, n);
    j->head_n += n;
    *text = span_of(text->p + n, text->n - n);
}

/* Its text goes on as the one that it was asked with: nothing of it is kept. */
static int follow_anew(struct join *j, struct span *text, struct err *e)
{
    struct span all = join_text(j);
    size_t n = MIN(text->n, all.n - MIN(all.n, j->anew_n));

    if (all.n < j->anew_n || (n && memcmp(all.p + j->anew_n, text->p, n) != 0))
        return begun_anew(e);
    j->anew_n += n;
    *text = span_of(text->p + n, text->n - n);
    if (j->anew_n < all.n)
        return 0;
    j->said = true;
    j->anew = false;
    return 0;
}

/* The head is all of what it was asked with, or so much of it that it is clear what it does: that
 * is left out. */
static void take_anew(struct join *j)
{
    size_t all = join_text(j).n, n = MIN(all, j->head_n);
    bool full = j->head_n == sizeof(j->head);

    if (!begins_anew(j) || (n < all && !full) || overlap(j, full) != 0)
        return;
    j->head_n -= n;
    memmove(j->head, j->head + n, j->head_n);
    j->said = n == all;
    j->anew = n < all;
    j->anew_n = n;
}

static int on_text(struct join *j, struct span text, struct err *e)
{
    if (j->anew && follow_anew(j, &text, e) < 0)
        return -1;
    while (text.n && !j->new && !j->anew) {
        fill_head(j, &text);
        take_anew(j);
        if (j->anew && follow_anew(j, &text, e) < 0)
            return -1;
        if (decide(j, j->head_n == sizeof(j->head), &text, e) < 0)
            return -1;
    }
    return j->new ? tell(j, text, e) : 0;
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

/* Of the part that goes on with the one that is open. */
static bool is_first(const struct join *j, const struct chat_event *ev)
{
    return is_of_part(ev) && ev->index == j->led;
}

/* Its own thinking before the text: the client has read another one's, or none. */
static bool is_led(struct join *j, const struct chat_event *ev)
{
    bool thinks = j->how != JOIN_PREFIX && is_first(j, ev) && ev->part == CHAT_PART_THINKING;

    if (thinks && ev->kind == CHAT_EVENT_PART)
        j->led++;
    return thinks || (is_of_part(ev) && ev->index < j->led);
}

int join_event(void *arg, const struct chat_event *ev, struct err *e)
{
    struct join *j = arg;
    struct chat_event own = *ev;
    struct span none = {NULL, 0};

    if (is_led(j, ev))
        return 0;
    if (is_first(j, ev) && ev->part != CHAT_PART_TEXT)
        return err_set(e, ERR_PROTOCOL, "the target did not go on with the text");
    if (ev->kind == CHAT_EVENT_START || (is_first(j, ev) && ev->kind == CHAT_EVENT_PART))
        return 0;
    if (is_first(j, ev) && ev->kind == CHAT_EVENT_DELTA)
        return on_text(j, ev->text, e);
    if (ev->kind != CHAT_EVENT_USAGE && decide(j, true, &none, e) < 0)
        return -1;
    if (ev->kind == CHAT_EVENT_USAGE) {
        j->counted = true;
        add_usage(&own.usage, &j->before);
    }
    if (is_of_part(ev))
        own.index = ev->index - j->led + j->follow->lead;
    return hand(j, &own, e);
}

/* The clients' writers know of no usage but what they are told: who goes on and counts nothing
 * would make the others' nothing, too. */
int join_end(struct join *j, struct err *e)
{
    const struct chat_event ev = {.kind = CHAT_EVENT_USAGE, .usage = j->before};
    struct span none = {NULL, 0};

    if (decide(j, true, &none, e) < 0)
        return -1;
    return j->counted || !j->before.seen ? 0 : hand(j, &ev, e);
}
