/*
 * failure.c - see failure.h.
 */
#include "call/failure.h"

#include "provider/delay.h"

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
    memcpy(ret->type, ev->error_type, sizeof(ret->type));
    memcpy(ret->text, ev->error_text, sizeof(ev->error_text));
}

const struct span *failure_delays(const struct http_head *h, struct arena *a)
{
    struct span *ret = arena_zalloc(a, PROVIDER_DELAY_FIELDS * sizeof(*ret));

    for (size_t i = 0; ret && i < PROVIDER_DELAY_FIELDS; i++) {
        struct span value = http_field_get(h, provider_delay_fields[i]);

        if (span_has(value))
            ret[i] = arena_dup(a, value);
    }
    return ret;
}

void failure_answered(struct call_failure *ret, const struct provider *p, uint16_t status,
                      struct span body, struct span type, const struct span *delays,
                      uint64_t wall_ms, struct arena *a)
{
    static const struct span none[PROVIDER_DELAY_FIELDS];
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
    ret->asks = provider_delay(&ret->delay_us, delays ? delays : none, pf.delay, wall_ms);
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
