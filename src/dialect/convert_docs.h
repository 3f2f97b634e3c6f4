/*
 * convert_docs.h - the page of what each dialect can say, from the tables of losses.
 *
 * Room: dialect. Pure.
 */
#ifndef DIALECT_CONVERT_DOCS_H
#define DIALECT_CONVERT_DOCS_H

#include "base/buf.h"

/* Append docs/dialects.md. */
void convert_docs(struct buf *out);

#endif
