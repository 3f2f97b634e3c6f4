/*
 * failure.c - see failure.h.
 */
#include "call/failure.h"

void failure_streamed(struct call_failure *ret, const struct provider *p,
                      const struct dialect_event *ev)
{
    struct provider_failure pf = {.status = ev->error_status,
                                  .type = span_str(ev->error_type),
                                  .code = span_str(ev->error_code),
                                  .text = span_str(ev->error_text),
                                  .streamed = true};
    bool known;

    ret->reason = REASON_UPSTREAM_ERROR;
    ret->class_id = provider_classify(p, &pf, &known);
    ret->too_fast = provider_ramps(p, &pf);
    memcpy(ret->type, ev->error_type, sizeof(ret->type));
    memcpy(ret->text, ev->error_text, sizeof(ev->error_text));
}

const struct failure_head *failure_head(const struct http_head *h, const struct provider *p,
                                        uint64_t wall_ms, struct arena *a)
{
    struct failure_head *ret = arena_zalloc(a, sizeof(*ret));

    for (size_t i = 0; ret && i < PROVIDER_DELAY_FIELDS; i++) {
        struct span value = http_field_get(h, provider_delay_fields[i]);

        if (span_has(value))
            ret->delays[i] = arena_dup(a, value);
    }
    for (size_t i = 0; ret && i < h->fields_n; i++)
        provider_limits_field(&ret->limits, p, h->fields[i].name, h->fields[i].value, wall_ms);
    if (ret)
        provider_limits_end(&ret->limits, p);
    return ret;
}

void failure_answered(struct call_failure *ret, const struct provider *p, uint16_t status,
                      struct span body, struct span type, const struct failure_head *head,
                      uint64_t wall_ms, struct arena *a)
{
    static const struct failure_head nothing;
    struct provider_failure pf;
    bool known;

    provider_read_error(&pf, body, a);
    pf.status = status;
    if (!span_has(pf.type))
        pf.type = type;
    ret->reason = REASON_UPSTREAM_STATUS;
    ret->class_id = provider_classify(p, &pf, &known);
    if (span_has(pf.type) || span_has(pf.code))
        snprintf(ret->type, sizeof(ret->type), "%.*s",
                 SPAN_FMT(span_has(pf.type) ? pf.type : pf.code));
    snprintf(ret->text, sizeof(ret->text), "%.*s", SPAN_FMT(pf.text));
    if (!head)
        head = &nothing;
    ret->asks = provider_delay(&ret->delay_us, head->delays, pf.delay, wall_ms);
    ret->too_fast = provider_ramps(p, &pf);
    ret->limits = head->limits;
}

void failure_transport(struct call_failure *ret, enum http_fail how, const struct err *e)
{
    static const struct {
        enum err_code code;
        enum reason reason;
    } rows[] = {
        {ERR_RESOLVE, REASON_RESOLVE}, {ERR_CONNECT, REASON_CONNECT},
        {ERR_TLS, REASON_TLS},         {ERR_TIMEOUT, REASON_TIMEOUT_CONNECT},
        {ERR_PROTOCOL, REASON_JUNK},   {ERR_NOMEM, REASON_NO_MEMORY},
    };

    ret->reason = REASON_RESET;
    ret->class_id = how == HTTP_FAIL_NOT_SENT ? CLASS_NEVER_EXECUTED : CLASS_MAYBE_EXECUTED;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].code == e->code)
            ret->reason = rows[i].reason;
    if (e->code == ERR_PROTOCOL)
        ret->class_id = CLASS_JUNK;
}
