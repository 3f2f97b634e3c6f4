/*
 * route_read.h - the document of POST /api/v1/route as C values, for `lamplighter route`.
 *
 * What is missing stays zero or empty.
 *
 * Room: cmd. Pure.
 */
#ifndef CMD_ROUTE_READ_H
#define CMD_ROUTE_READ_H

#include "base/err.h"
#include "cmd/doc_read.h"

#define ROUTE_TARGETS 64

struct route_target {
    char target[104], provider[40], reason[32], detail[72], text[DOC_TEXT_MAX], shares[16];
    char engine[16];
    bool asked, probe, last_resort, sits, weighed_by_hand;
    double weight, turn, key, endpoint, for_s, shares_with;
};

struct route_doc {
    char model[136], path[DOC_TEXT_MAX], op[40], config[DOC_TEXT_MAX];
    char reason[32], text[DOC_TEXT_MAX], hint[DOC_TEXT_MAX]; /* it is refused */
    char hedge_onto[104], hedge_reason[32], hedge_text[DOC_TEXT_MAX];
    double hedge_after_s;
    bool running;
    double status, attempts_most;
    struct route_target targets[ROUTE_TARGETS];
    size_t targets_n;
};

/* Fill *doc, which is all zero, from the text. */
MUST_CHECK int route_read(struct route_doc *doc, struct span text, struct err *e);

#endif
