/*
 * text.h - source text for people: checked before it is parsed, cleaned before it is printed.
 *
 * Room: conf. Private to the room. Pure.
 */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include "conf/report.h"

/* One character: its bytes, 0 when s does not begin with valid UTF-8. s is not empty. */
size_t text_char(struct span s, uint32_t *ret_point);

/* Make bytes fit for a terminal, in place: what is not printable becomes '?', a tab a space, and
 * what looks like a secret (sk-..., ://user:password@) stars. */
void text_clean(char *p, size_t n);

/* The part of a source line around a place, cleaned, with the caret's position in it. */
struct text_line {
    char text[CONF_LINE_SHOWN * 4 + 8];
    size_t n;
    uint32_t caret, carets; /* first column (from 1) and how many */
};
void text_line_get(struct text_line *ret, struct span source, struct conf_place at,
                   const struct conf_place *masks, size_t masks_n);

/* Refuse what no configuration may hold: bytes that are not UTF-8, control characters, tabs.
 * The diagnostics are in the report. -1: there were some. */
MUST_CHECK int text_check(struct span text, struct conf_report *report);

#endif
