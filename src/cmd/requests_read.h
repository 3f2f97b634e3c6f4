/*
 * requests_read.h - the documents of GET /api/v1/requests and /api/v1/requests/ID as C values, for
 * `lamplighter requests` and `lamplighter request`.
 *
 * What is missing stays zero or empty.
 *
 * Room: cmd. Pure.
 */
#ifndef CMD_REQUESTS_READ_H
#define CMD_REQUESTS_READ_H

#include "base/err.h"
#include "cmd/doc_read.h"

#define REQUESTS_ROWS   1000
#define REQUESTS_EVENTS 256

struct request_row {
    char time[32], id[32], model[72], key[40], op[40], target[104];
    char outcome[24], reason[32], unpriced[32];
    bool stream, running, cut; /* running: its end has not come; cut: earlier attempts are gone */
    double status, attempts, duration_ms, tokens_in, tokens_out;
    double cost, cost_before; /* cost -1: not known */
};

struct request_event {
    char event[16], target[104], reason[32], detail[72], class_name[32], outcome[24];
    char text[DOC_TEXT_MAX];
    double at_ms, number, status, duration_ms, first_ms, cost;
    bool beside, last_resort;
};

struct request_doc {
    struct request_row request;
    struct request_event events[REQUESTS_EVENTS];
    size_t events_n;
};

struct requests_doc {
    double kept, fallen_out, missed;
    char since[32];
    struct request_row requests[REQUESTS_ROWS];
    size_t requests_n;
};

/* Fill *doc, which is all zero, from the text. */
MUST_CHECK int request_read(struct request_doc *doc, struct span text, struct err *e);
MUST_CHECK int requests_read(struct requests_doc *doc, struct span text, struct err *e);

#endif
