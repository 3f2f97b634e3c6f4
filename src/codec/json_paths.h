/*
 * json_paths.h - makes a tree of the paths of a watch. For json_scan.c only.
 *
 * Room: codec. Pure.
 */
#ifndef CODEC_JSON_PATHS_H
#define CODEC_JSON_PATHS_H

#include "codec/json_scan.h"

/* Fill in nodes; [0] is the root of the text. watch may be NULL. A path that breaks the rules of
 * json_watch, or too many of them, is a MUST: they are constants. */
void json_paths_sort(struct json_node nodes[JSON_SCAN_NODES], const struct json_watch *watch);

#endif
