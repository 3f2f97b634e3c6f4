/*
 * docs.h - what the rows of keys say, as files: all of them are made from settings/keys.c.
 *
 * Room: settings.
 */
#ifndef SETTINGS_DOCS_H
#define SETTINGS_DOCS_H

#include "base/env.h"
#include "conf/report.h"

/* JSON Schema of a configuration. */
void settings_write_schema(struct buf *out);

/* The reference page, Markdown. */
void settings_write_reference(struct buf *out);

/* A first configuration: the providers that the environment offers, every other key with its
 * default, commented out. What cannot be used of the environment is warned about. */
void settings_write_init(struct buf *out, const struct env *env, struct conf_report *report);

/* What a configuration's text comes to, defaults included, as YAML. Secrets are shown as the
 * references that they are. -1: the report says what is wrong, or memory is short. */
MUST_CHECK int settings_write_values(struct buf *out, struct span text, struct span file,
                                     struct conf_report *report, struct err *e);

#endif
