/*
 * requests_read.c - see requests_read.h.
 */
#include "cmd/requests_read.h"

/* A request's members stand at the root of its own document, and in the rows of a list. */
#define ROW(path, kind, member) DOC_MEMBER(path, DOC_##kind, struct request_row, member)
#define REQUEST(at)                                                                                \
    ROW(at "time", TEXT, time), ROW(at "id", TEXT, id), ROW(at "model", TEXT, model),              \
        ROW(at "key", TEXT, key), ROW(at "op", TEXT, op), ROW(at "target", TEXT, target),          \
        ROW(at "outcome", TEXT, outcome), ROW(at "reason", TEXT, reason),                          \
        ROW(at "unpriced", TEXT, unpriced), ROW(at "stream", YES, stream),                         \
        ROW(at "status", NUMBER, status), ROW(at "attempts", NUMBER, attempts),                    \
        ROW(at "duration_ms", NUMBER, duration_ms), ROW(at "tokens_in", NUMBER, tokens_in),        \
        ROW(at "tokens_out", NUMBER, tokens_out), ROW(at "cost", NUMBER, cost),                    \
        ROW(at "cost_before", NUMBER, cost_before)

static const struct doc_member one_members[] = {
    REQUEST(""),
    ROW("ended", NO, running),
    ROW("cut", YES, cut),
};
static const struct doc_member row_members[] = {REQUEST("requests[].")};

#define EVENT(path, kind, member)                                                                  \
    DOC_MEMBER("timeline[]." path, DOC_##kind, struct request_event, member)
static const struct doc_member event_members[] = {
    EVENT("event", TEXT, event),
    EVENT("target", TEXT, target),
    EVENT("reason", TEXT, reason),
    EVENT("detail", TEXT, detail),
    EVENT("class", TEXT, class_name),
    EVENT("outcome", TEXT, outcome),
    EVENT("text", TEXT, text),
    EVENT("at_ms", NUMBER, at_ms),
    EVENT("number", NUMBER, number),
    EVENT("status", NUMBER, status),
    EVENT("duration_ms", NUMBER, duration_ms),
    EVENT("first_ms", NUMBER, first_ms),
    EVENT("cost", NUMBER, cost),
    EVENT("beside", YES, beside),
    EVENT("last_resort", YES, last_resort),
};

#define LIST(path, kind, member) DOC_MEMBER(path, DOC_##kind, struct requests_doc, member)
static const struct doc_member list_members[] = {
    LIST("kept", NUMBER, kept),
    LIST("fallen_out", NUMBER, fallen_out),
    LIST("missed", NUMBER, missed),
    LIST("since", TEXT, since),
};

static int read_both(struct doc_rows *first, struct doc_rows *second, struct span text,
                     struct err *e)
{
    if (doc_read(first, text) < 0 || doc_read(second, text) < 0)
        return err_set(e, ERR_PARSE, "what answers there is no admin port: not JSON");
    return 0;
}

int request_read(struct request_doc *doc, struct span text, struct err *e)
{
    struct doc_rows one = DOC_ROWS(one_members, &doc->request, 1);
    struct doc_rows events = DOC_ROWS(event_members, doc->events, REQUESTS_EVENTS);
    int rc = read_both(&one, &events, text, e);

    doc->events_n = events.n;
    return rc;
}

int requests_read(struct requests_doc *doc, struct span text, struct err *e)
{
    struct doc_rows one = DOC_ROWS(list_members, doc, 1);
    struct doc_rows rows = DOC_ROWS(row_members, doc->requests, REQUESTS_ROWS);
    int rc = read_both(&one, &rows, text, e);

    doc->requests_n = rows.n;
    return rc;
}
