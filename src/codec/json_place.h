/*
 * json_place.h - where a text that is no JSON is broken, in the words of json_at_text().
 *
 * A scan (json_scan.h) that refuses a text knows the byte and keeps no path, since it runs on every
 * body and event. Who has kept the text reads it once more, up to that byte, with this.
 *
 * Room: codec. Pure: no allocation. Threads: one owner.
 */
#ifndef CODEC_JSON_PLACE_H
#define CODEC_JSON_PLACE_H

#include "codec/json_scan.h"

#define JSON_PLACE_KEY  40  /* bytes of a key, as it is spelt, that are told */
#define JSON_PLACE_TEXT 128 /* room for a place; what is longer is cut */

/* 3 KiB. Private. */
struct json_place {
    unsigned depth; /* open containers */
    bool text;      /* inside of a string ... */
    bool escape;    /* ... behind a backslash */
    bool key;       /* the current string is a key */
    struct json_place_level {
        bool object;
        bool key_due;   /* no colon since the last member */
        uint8_t key_n;  /* of the current member's key; */
        uint32_t index; /* of the current element */
        char key[JSON_PLACE_KEY];
    } level[JSON_SCAN_DEPTH];
};

void json_place_init(struct json_place *p);

/* n more bytes of those before the fault: a scan must have taken them all. */
void json_place_feed(struct json_place *p, const char *s, size_t n);

/* "messages[2].content"; empty where the fault is in no container's member or element. */
void json_place_text(const struct json_place *p, char ret[JSON_PLACE_TEXT]);

#endif
