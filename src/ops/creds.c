/*
 * creds.c - see creds.h. A provider gets a place with its first trouble and loses it with the last:
 * past the places, which are as many as the board has, nothing is said.
 */
#include "ops/creds.h"

#include "ops/view.h"
#include "record/log.h"

/* Its place; else a new one; else one of a provider that is gone, for trouble that lasts is told
 * more often than that; BOARD_CREDS: all are needed. */
static size_t place_of(const struct creds *c, uint64_t id, ev_us now)
{
    size_t old = BOARD_CREDS;

    for (size_t i = 0; i < c->n; i++) {
        if (c->places[i].id == id)
            return i;
        if (now - c->places[i].since >= 2 * CREDS_AGAIN)
            old = i;
    }
    return c->n < BOARD_CREDS ? c->n : old;
}

static void write(char line[CREDS_TEXT], struct span provider, const char *source,
                  const struct granted *g)
{
    char when[RECORD_TIME_TEXT];
    int n = snprintf(line, CREDS_TEXT, "credentials of %.*s (%s): ", SPAN_FMT(provider), source);
    char *to = line + MIN(MAX(n, 0), CREDS_TEXT - 1);
    size_t room = (size_t)(line + CREDS_TEXT - to);

    if (g->state == GRANTED_STALE)
        UNUSED(snprintf(to, room, "cannot be renewed, and end at %s: %s",
                        record_time_text(g->until_ms, when), g->why));
    else if (g->state == GRANTED_FAILED)
        UNUSED(snprintf(to, room, "there are none, and requests fail: %s", g->why));
    else if (g->state == GRANTED_GOOD)
        UNUSED(snprintf(to, room, "renewed again"));
    else
        UNUSED(snprintf(to, room, "nobody asks for them any more"));
    view_tame(line);
}

bool creds_say(struct creds *c, struct span provider, const char *source, const struct granted *g,
               ev_us now, char line[CREDS_TEXT])
{
    uint64_t id = span_hash(provider);
    bool trouble = g->state >= GRANTED_STALE;
    size_t i = place_of(c, id, now);
    bool known = i < c->n && c->places[i].id == id;

    if (i == BOARD_CREDS || (!known && !trouble))
        return false;
    if (known && g->state == c->places[i].told && now - c->places[i].since < CREDS_AGAIN)
        return false;
    c->n = MAX(c->n, i + 1);
    c->places[i].id = id;
    c->places[i].told = g->state;
    c->places[i].since = now;
    if (!trouble)
        c->places[i] = c->places[--c->n];
    write(line, provider, source, g);
    return true;
}
