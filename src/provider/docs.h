/*
 * docs.h - docs/providers.md: what the rows of this room say, for readers.
 *
 * Room: provider. Pure.
 */
#ifndef PROVIDER_DOCS_H
#define PROVIDER_DOCS_H

#include "base/buf.h"

/* The whole page, Markdown. */
void provider_write_docs(struct buf *out);

#endif
