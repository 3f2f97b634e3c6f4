/*
 * class.h - the twelve classes of upstream failure, and what each means. Classified once, by a
 * provider's table; what to do about a class stands here and nowhere else.
 *
 * Room: provider. Pure.
 */
#ifndef PROVIDER_CLASS_H
#define PROVIDER_CLASS_H

#include "base/base.h"

enum class_id {
    CLASS_NONE, /* no failure */
#define X(name, ...) CLASS_##name,
#include "provider/classes.def"
#undef X
    CLASSES
};

struct class_row {
    enum class_id id;
    const char *name;       /* stable: records, metric labels */
    uint16_t client_status; /* status toward the client when it is final */
    bool elsewhere;         /* another target may succeed */
    bool in_place;          /* so may the same one, a moment later */
    bool health;            /* counts against the target's health */
    bool together;          /* ... and may be of what it shares with others (policy/fates.h) */
    bool maybe_billed;      /* the upstream may have worked for it */
    bool client_retry;      /* the client's own retry makes sense: x-should-retry */
    const char *hint;       /* one sentence for the client's operator */
};

const struct class_row *class_row(enum class_id id);

#endif
