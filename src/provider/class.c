/*
 * class.c - see class.h.
 */
#include "provider/class.h"

static const struct class_row rows[CLASSES] = {
    [CLASS_NONE] = {CLASS_NONE, "none", 200, false, false, false, false, false, false, ""},
#define X(name, ...) [CLASS_##name] = {CLASS_##name, __VA_ARGS__},
#include "provider/classes.def"
#undef X
};

const struct class_row *class_row(enum class_id id)
{
    MUST(id < CLASSES);
    return &rows[id];
}
