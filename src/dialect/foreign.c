/*
 * foreign.c - see foreign.h.
 *
 * Cutting an element takes a comma with it: the one before it where an element stays in front,
 * else the one behind. So what is cut at a list's beginning is known only when one comes that
 * stays, and nothing is cut where none does.
 */
#include "dialect/foreign.h"

bool foreign_is_ours(const struct json_hit *h)
{
    static const struct span begins[] = {SPAN_LIT(FOREIGN_SIGNATURE), SPAN_LIT(FOREIGN_BASE64),
                                         SPAN_LIT(FOREIGN_REASONING)};

    for (size_t i = 0; i < ARRAY_LEN(begins) && h->type == JSON_STRING; i++)
        if (span_starts(h->raw, begins[i]))
            return true;
    return false;
}

bool foreign_is_unsigned(const struct dialect_foreign *f, const struct json_hit *h)
{
    return f->unsigned_too && h->type == JSON_STRING && h->raw.n == 0;
}

static bool end_element(struct foreign_reader *r, struct foreign_list *l, uint64_t at, uint64_t end)
{
    bool ok = true;

    if (l->foreign && l->stays) {
        ok = r->cut(r->arg, l->end, end - l->end);
        l->end = end;
    } else if (l->foreign) {
        l->at = l->cutting ? l->at : at;
        l->cutting = true;
    } else {
        ok = !l->cutting || r->cut(r->arg, l->at, at - l->at);
        l->cutting = false;
        l->stays = true;
        l->end = end;
    }
    l->foreign = false;
    return ok;
}

static bool on_hit(void *arg, const struct json_hit *h)
{
    struct foreign_reader *r = arg;
    struct foreign_list *inner = &r->lists[1], *l;

    if (h->id >= r->f->lists) {
        r->lists[r->f->lists - 1].foreign |=
            foreign_is_ours(h) || (r->signs && foreign_is_unsigned(r->f, h));
        return true;
    }
    l = &r->lists[h->id];
    if (!h->end && (h->type == JSON_OBJECT || h->type == JSON_ARRAY)) {
        l->foreign = false;
        if (h->id == 0)
            *inner = (struct foreign_list){0};
        return true;
    }
    if (h->id == 0 && r->f->lists == 2 && h->end)
        l->foreign = inner->cutting; /* nothing else is left of it */
    return end_element(r, l, h->at, h->at + h->len);
}

void foreign_begin(struct foreign_reader *r, const struct dialect_foreign *f, bool signs,
                   bool (*cut)(void *arg, uint64_t at, uint64_t len), void *arg)
{
    *r = (struct foreign_reader){.f = f, .signs = signs, .cut = cut, .arg = arg};
    json_scan_init(&r->scan, f->watch, on_hit, r);
}
