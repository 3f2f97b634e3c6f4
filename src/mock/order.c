/*
 * order.c - each fault is a small function from the place in the stream to the event that comes
 * there. Events can be made in any order (answer.h), so none of these keeps a state.
 */
#include "mock/order.h"

#define END     UINT64_MAX       /* the stream is over */
#define ERROR   (UINT64_MAX - 1) /* the dialect's error event */
#define UNKNOWN (UINT64_MAX - 2)

static uint64_t plain(const struct mock_answer *a, uint64_t e, uint64_t at)
{
    UNUSED(at);
    return e < a->events ? e : END;
}

static uint64_t no_terminal(const struct mock_answer *a, uint64_t e, uint64_t at)
{
    UNUSED(at);
    return e < a->terminal_at ? e : END;
}

static uint64_t error_event(const struct mock_answer *a, uint64_t e, uint64_t at)
{
    if (e == MIN(at, a->events))
        return ERROR;
    return e < at ? plain(a, e, at) : END;
}

static uint64_t duplicate(const struct mock_answer *a, uint64_t e, uint64_t at)
{
    uint64_t times = mock_or(a->how->count, 1);

    if (e <= at)
        return plain(a, e, at);
    return plain(a, e - at <= times ? at : e - times, at);
}

static uint64_t skip(const struct mock_answer *a, uint64_t e, uint64_t at)
{
    return plain(a, e < at ? e : e + 1, at);
}

static uint64_t reorder(const struct mock_answer *a, uint64_t e, uint64_t at)
{
    if (at + 1 >= a->events)
        return plain(a, e, at);
    return plain(a, e == at ? at + 1 : e == at + 1 ? at : e, at);
}

static uint64_t restart(const struct mock_answer *a, uint64_t e, uint64_t at)
{
    if (e == at)
        return plain(a, 0, at);
    return plain(a, e < at ? e : e - 1, at);
}

static uint64_t unknown_event(const struct mock_answer *a, uint64_t e, uint64_t at)
{
    if (e == at)
        return UNKNOWN;
    return plain(a, e < at ? e : e - 1, at);
}

static uint64_t after_terminal(const struct mock_answer *a, uint64_t e, uint64_t at)
{
    return e == a->events ? MIN(a->content_at, a->events - 1) : plain(a, e, at);
}

static const struct {
    enum mock_fault fault;
    uint64_t at; /* where, when the behaviour does not say */
    uint64_t (*pick)(const struct mock_answer *a, uint64_t e, uint64_t at);
} orders[] = {
    {MOCK_FAULT_NO_TERMINAL, 0, no_terminal},
    {MOCK_FAULT_ERROR_EVENT, 0, error_event},
    {MOCK_FAULT_DUPLICATE, 1, duplicate},
    {MOCK_FAULT_SKIP, 1, skip},
    {MOCK_FAULT_REORDER, 1, reorder},
    {MOCK_FAULT_RESTART, 1, restart},
    {MOCK_FAULT_UNKNOWN_EVENT, 1, unknown_event},
    {MOCK_FAULT_AFTER_TERMINAL, 0, after_terminal},
};

/* ---- damage to one event ---- */

/* Put one byte into the text: before its filling, or into the middle of the event. */
static void spoil(struct mock_piece *p, char c)
{
    if (p->fill_n)
        buf_add_char(&p->head, c);
    else if (p->head.n)
        p->head.p[p->head.n / 2] = c;
}

static void damage_json(struct mock_piece *p)
{
    buf_reset(&p->tail);
    if (!p->fill_n)
        p->head.n = p->head.n / 2;
    buf_add_str(p->fill_n ? &p->tail : &p->head, "\n\n");
}

/* "data:" loses its second a. */
static void damage_field(struct mock_piece *p)
{
    char *hit = p->head.n ? memmem(p->head.p, p->head.n, "data:", 5) : NULL;
    size_t at;

    if (!hit)
        return;
    at = (size_t)(hit - p->head.p) + 3;
    memmove(p->head.p + at, p->head.p + at + 1, p->head.n - at - 1);
    p->head.n--;
}

static void damage(struct mock_piece *p, enum mock_bad bad)
{
    switch (bad) {
    case MOCK_BAD_JSON:
        damage_json(p);
        break;
    case MOCK_BAD_UTF8:
        spoil(p, (char)0xff);
        break;
    case MOCK_BAD_NUL:
        spoil(p, '\0');
        break;
    case MOCK_BAD_FIELD:
        damage_field(p);
        break;
    case MOCK_BAD_EMPTY:
        mock_piece_reset(p);
        mock_put(p, "data: \n\n");
        break;
    }
}

bool mock_order_event(const struct mock_answer *a, uint64_t e, struct mock_piece *p)
{
    uint64_t i = MOCK_UNSET;
    bool picked = false;

    for (size_t f = 0; f < ARRAY_LEN(orders) && !picked; f++) {
        if (orders[f].fault == a->how->fault && a->events) {
            i = orders[f].pick(a, e, mock_or(a->how->at_event, orders[f].at));
            picked = true;
        }
    }
    if (!picked)
        i = plain(a, e, 0);
    if (i == END)
        return false;
    if (i == ERROR)
        mock_answer_error_event(a, p);
    else if (i == UNKNOWN)
        mock_answer_unknown_event(a, p);
    else
        mock_answer_event(a, i, p);
    if (a->how->fault == MOCK_FAULT_MALFORMED && e == mock_or(a->how->at_event, 1))
        damage(p, (enum mock_bad)a->how->bad);
    return true;
}
