/*
 * record.c - words of the outcome record.
 */
#include "record/record.h"

#include <stdio.h>

const char *record_trial_word(uint8_t t)
{
    static const char *const words[] = {
#define X(name, word) word,
        RECORD_TRIALS(X)
#undef X
    };

    return words[t < ARRAY_LEN(words) ? t : 0];
}

const char *record_hedge_word(uint8_t h)
{
    static const char *const words[] = {
#define X(name, word) word,
        RECORD_HEDGES(X)
#undef X
    };

    return words[h < ARRAY_LEN(words) ? h : 0];
}

#define OF_ATTEMPT(field) {offsetof(struct record, field), sizeof(((struct record *)NULL)->field)}

void record_swap(struct record *a, struct record *b)
{
    static const struct {
        size_t at, n;
    } fields[] = {
        OF_ATTEMPT(attempt_at_us),
        OF_ATTEMPT(attempt_us),
        OF_ATTEMPT(attempt_first_us),
        OF_ATTEMPT(usage),
        OF_ATTEMPT(cost),
        OF_ATTEMPT(pricing),
        OF_ATTEMPT(outcome),
        OF_ATTEMPT(reason),
        OF_ATTEMPT(class_id),
        OF_ATTEMPT(number),
        OF_ATTEMPT(upstream_status),
        OF_ATTEMPT(skipped_before),
        OF_ATTEMPT(resent),
        OF_ATTEMPT(beside),
        OF_ATTEMPT(last_resort),
        OF_ATTEMPT(target),
        OF_ATTEMPT(provider),
        OF_ATTEMPT(server),
        OF_ATTEMPT(upstream_model),
        OF_ATTEMPT(dropped),
        OF_ATTEMPT(approximated),
        OF_ATTEMPT(text),
    };
    char kept[sizeof(a->text)];

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        char *x = (char *)a + fields[i].at, *y = (char *)b + fields[i].at;

        MUST(fields[i].n <= sizeof(kept));
        memcpy(kept, x, fields[i].n);
        memcpy(x, y, fields[i].n);
        memcpy(y, kept, fields[i].n);
    }
}

bool record_is_complete(enum outcome o)
{
    static const bool complete[OUTCOMES_N] = {
        [OUTCOME_FULL] = true,     [OUTCOME_EQUIVALENT] = true, [OUTCOME_JOINED] = true,
        [OUTCOME_DEGRADED] = true, [OUTCOME_LATE] = true,
    };

    return o < OUTCOMES_N && complete[o];
}

const char *record_outcome_name(enum outcome o)
{
    static const char *const names[] = {
#define X(name, text) text,
        OUTCOMES(X)
#undef X
    };

    return (size_t)o < ARRAY_LEN(names) ? names[o] : "unknown";
}

#define SKIP_MORE "..."

/* Does the text have one that begins so? */
static bool has_skip(struct span text, struct span begin)
{
    while (span_has(text)) {
        struct span one = span_cut(&text, ' ');

        if (span_starts(one, begin) && (one.n == begin.n || one.p[begin.n] == '('))
            return true;
    }
    return false;
}

/* It stays one word, whatever the names hold. */
static void make_word(char *p)
{
    for (; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7F)
            *p = '?';
}

void record_skip(struct record *r, struct span target, const char *why, const char *detail)
{
    struct span text = span_of(r->skipped, strlen(r->skipped));
    char one[sizeof(r->skipped)];
    size_t n;

    UNUSED(snprintf(one, sizeof(one), "%.*s=%s", SPAN_FMT(target), why));
    make_word(one);
    if (has_skip(text, span_str(one)) || span_ends(text, SPAN_LIT(SKIP_MORE)))
        return;
    n = strlen(one);
    if (detail[0])
        UNUSED(snprintf(one + n, sizeof(one) - n, "(%s)", detail));
    if (text.n + strlen(one) + sizeof("  " SKIP_MORE) > sizeof(r->skipped))
        memcpy(one, SKIP_MORE, sizeof(SKIP_MORE));
    UNUSED(
        snprintf(r->skipped + text.n, sizeof(r->skipped) - text.n, "%s%s", text.n ? " " : "", one));
}

/* The last c, or SIZE_MAX. */
static size_t find_last(struct span s, char c)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == c)
            return i - 1;
    return SIZE_MAX;
}

bool record_next_skip(struct span *rest, struct record_skip *ret)
{
    struct span one = {NULL, 0};
    size_t at;

    while (span_has(*rest) && one.n == 0)
        one = span_cut(rest, ' ');
    if (one.n == 0)
        return false;
    *ret = (struct record_skip){.target = one};
    at = find_last(one, '=');
    if (at == SIZE_MAX)
        return true;
    ret->target = span_of(one.p, at);
    ret->why = span_of(one.p + at + 1, one.n - at - 1);
    if (ret->why.n && ret->why.p[ret->why.n - 1] == ')') {
        ret->detail = ret->why;
        ret->why = span_cut(&ret->detail, '(');
        ret->detail.n -= span_has(ret->detail);
    }
    return true;
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
