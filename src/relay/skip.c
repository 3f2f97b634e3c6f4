/*
 * skip.c - who of a plan is not asked, and why: into the record, and to whoever else wants to know.
 */
#include "relay/relay_plan.h"

#define DETAIL_MAX 64

/* "12s,key-2": for how long it holds, and which way to the target it is of several. */
static void write_detail(char out[DETAIL_MAX], const struct relay_skip *s, ev_us now)
{
    const struct settings_provider *p = s->way->target->provider;
    struct buf b;

    buf_init(&b, DETAIL_MAX - 1);
    if (s->until_us > now)
        buf_printf(&b, "%llus,", (unsigned long long)((s->until_us - now + 999999) / 1000000));
    if (s->word)
        buf_printf(&b, "%s,", s->word);
    if (p->urls_n > 1 && !s->every_way)
        buf_printf(&b, "endpoint-%zu,", s->way->url + 1);
    if (p->keys_n > 1 && !s->every_way)
        buf_printf(&b, "key-%zu,", s->way->key + 1);
    relay_keep(out, DETAIL_MAX, span_of(b.p, b.n - (b.n > 0)));
    buf_fini(&b);
}

void relay_skip(struct relay *r, const struct relay_skip *s)
{
    char detail[DETAIL_MAX];

    write_detail(detail, s, ev_now(r->env->ev));
    record_skip(&r->record, s->way->target->id, reason_word(s->why), detail);
    if (r->env->sink.skip)
        r->env->sink.skip(r->env->sink.arg, s);
}

void relay_note_passed(struct relay *r)
{
    for (size_t i = 0; i < r->run.n; i++) {
        const struct policy_passed *p = &r->run.passed[i];

        if (p->why == REASON_NONE)
            continue;
        relay_skip(
            r, &(struct relay_skip){.way = &r->ways[i],
                                    .why = p->why,
                                    .word = p->why == REASON_FATE
                                                ? policy_fate_name((enum policy_fate_kind)p->fate)
                                                : NULL,
                                    .until_us = p->until_us});
    }
}
