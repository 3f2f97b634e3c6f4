/*
 * write.h - pieces that the writers of keys.h share.
 *
 * Room: conf. Private to the room.
 */
#ifndef CONF_WRITE_H
#define CONF_WRITE_H

#include "base/buf.h"

/* A YAML scalar: plain where that is safe, else in double quotes. */
void write_scalar(struct buf *out, struct span s);

#endif
