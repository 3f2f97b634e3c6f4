/*
 * answer_head.c - see answer_head.h.
 */
#include "call/answer_head.h"

static bool is_type(const struct http_head *h, const char *type)
{
    struct span rest = http_field_get(h, "content-type");
    struct span first = span_trim(span_cut(&rest, ';'));

    return span_eq_nocase(first, span_str(type));
}

const char *answer_head_junk(const struct http_head *h)
{
    struct span encoding = http_field_get(h, "content-encoding");

    if (span_has(encoding) && !span_eq_nocase(encoding, SPAN_LIT("identity")))
        return "the answer is compressed although the request forbids it";
    if (is_type(h, "text/html"))
        return "the answer is a web page";
    return NULL;
}

bool answer_head_events(const struct http_head *h, enum reframe_kind other,
                        enum reframe_kind *ret_framing)
{
    *ret_framing = is_type(h, reframe_type(other)) ? other : REFRAME_NONE;
    return is_type(h, reframe_type(*ret_framing));
}

struct span answer_head_error(const struct http_head *h, const char *field)
{
    struct span value = field ? http_field_get(h, field) : span_of(NULL, 0);

    return span_has(value) ? span_trim(span_cut(&value, ':')) : value;
}
