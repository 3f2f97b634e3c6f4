/*
 * record.c - words of the outcome record.
 */
#include "record/record.h"

const char *record_outcome_name(enum outcome o)
{
    static const char *const names[] = {
#define X(name, text) text,
        OUTCOMES(X)
#undef X
    };

    return (size_t)o < ARRAY_LEN(names) ? names[o] : "unknown";
}

#define KNOWN (UINT64_C(1) << 63) /* or a full answer without a status would be 0 */

uint64_t record_result(const struct record *r)
{
    return KNOWN | (uint64_t)r->outcome | (uint64_t)r->reason << 8 | (uint64_t)r->class_id << 16 |
           (uint64_t)r->status << 24 | (uint64_t)r->upstream_status << 40;
}

void record_set_result(struct record *r, uint64_t result)
{
    uint64_t outcome = result & 0xFF, reason = result >> 8 & 0xFF, class_id = result >> 16 & 0xFF;

    r->outcome = outcome < OUTCOMES_N ? (enum outcome)outcome : OUTCOME_FAILED;
    r->reason = reason < REASONS ? (enum reason)reason : REASON_NONE;
    r->class_id = class_id < CLASSES ? (enum class_id)class_id : CLASS_NONE;
    r->status = (uint16_t)(result >> 24);
    r->upstream_status = (uint16_t)(result >> 40);
}
