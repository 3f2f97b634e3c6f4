/*
 * wall.c - the walls around a request: the classes of data that it has, by its key, its model and
 * its header, and who may not have it for them.
 *
 * Who is behind a wall is no candidate (candidates.c): whatever may be asked later in the request's
 * life is asked of candidates.
 */
#include "relay/relay_plan.h"

#define FIELD      "x-lamplighter-data-class"
#define NAMES_MOST ((size_t)64 * ROUTE_CLASSES_MAX)

/* ---- which ---- */

static bool unknown_class(struct relay *r, struct span name, struct relay_refusal *no)
{
    const struct settings *s = r->settings;
    struct span text;
    struct buf names;

    buf_init(&names, 2 * NAMES_MOST);
    for (size_t i = 0; i < s->classes_n; i++)
        buf_printf(&names, "%s%.*s", i ? ", " : "", SPAN_FMT(s->classes[i].name));
    text = s->classes_n
               ? arena_printf(&r->arena, FIELD ": there is no class '%.*s'. The classes are: %.*s.",
                              SPAN_FMT(name), SPAN_FMT(buf_span(&names)))
               : span_of(NULL, 0);
    buf_fini(&names);
    return relay_no_at(no, 400, REASON_BAD_REQUEST, FIELD,
                       text.p ? text.p : FIELD ": the gateway knows no class of data.",
                       "Leave the header out, or add the class to data_classes in the gateway's "
                       "configuration.");
}

/* "a, b": each of them into r->classes. */
static bool add_classes(struct relay *r, struct span list, struct relay_refusal *no)
{
    const struct settings *s = r->settings;

    while (span_has(list)) {
        struct span name = span_trim(span_cut(&list, ','));
        size_t i = 0;

        while (i < s->classes_n && !span_eq(s->classes[i].name, name))
            i++;
        if (i == s->classes_n)
            return unknown_class(r, name, no);
        r->classes |= UINT32_C(1) << i;
    }
    return true;
}

bool relay_read_classes(struct relay *r, struct relay_refusal *no)
{
    r->classes = r->key ? r->key->classes : 0;
    for (size_t i = 0; i < r->head->fields_n; i++)
        if (span_is(r->head->fields[i].name, FIELD) &&
            !add_classes(r, r->head->fields[i].value, no))
            return false;
    return true;
}

/* ---- who is behind one ---- */

static void add_words(struct buf *out, struct route_words w)
{
    for (size_t i = 0; i < w.n; i++)
        buf_printf(out, "%s%.*s", i ? ", " : "", SPAN_FMT(w.words[i]));
    if (w.n == 0)
        buf_add_str(out, "not known");
}

static const char *known(enum route_known k)
{
    static const char *const words[] = {"not known", "no", "yes"};

    return words[k];
}

static void add_time(struct buf *out, bool is_known, uint64_t ms)
{
    if (is_known && ms && ms % 86400000 == 0)
        buf_printf(out, "%llud", (unsigned long long)(ms / 86400000));
    else if (is_known && ms)
        buf_printf(out, "%llus", (unsigned long long)(ms / 1000));
    else
        buf_add_str(out, is_known ? "none" : "not known");
}

/* What the class demands, and what the target has. */
static void say_wall(struct buf *out, const struct route_facts *f, const struct route_class *c,
                     enum route_wall wall)
{
    buf_printf(out, "Data class %.*s demands %s: ", SPAN_FMT(c->name), route_wall_word(wall));
    switch (wall) {
    case ROUTE_WALL_JURISDICTION:
        add_words(out, c->jurisdictions);
        buf_add_str(out, "; here it is: ");
        add_words(out, f->jurisdictions);
        break;
    case ROUTE_WALL_RETENTION:
        add_time(out, true, c->retention_most_ms);
        buf_add_str(out, " at most; here it is: ");
        add_time(out, f->retention_known, f->retention_ms);
        break;
    case ROUTE_WALL_TRAINING:
        buf_printf(out, "no; here it is: %s", known(f->trains));
        break;
    case ROUTE_WALL_CONTRACT:
        add_words(out, c->contracts);
        buf_add_str(out, "; here it is: ");
        add_words(out, f->contracts);
        break;
    case ROUTE_WALL_NONE:
    case ROUTE_WALL_SAFETY:
        break;
    }
    buf_add_char(out, '.');
}

/* Want of memory leaves the bare word, and the wall where it is. */
static void name_wall(struct relay *r, const struct route_facts *f, const struct route_class *c,
                      struct relay_skip *ret)
{
    enum route_wall wall = route_wall(f, c);
    struct span word = arena_printf(&r->arena, "%.*s:%s", SPAN_FMT(c->name), route_wall_word(wall));
    struct span text = {NULL, 0};
    struct buf b;

    buf_init(&b, 4 * NAMES_MOST);
    say_wall(&b, f, c, wall);
    if (buf_ok(&b))
        text = arena_dup(&r->arena, buf_span(&b));
    buf_fini(&b);
    ret->word = word.p ? word.p : route_wall_word(wall);
    ret->text = text.p;
}

bool relay_is_walled(struct relay *r, const struct settings_target *t, struct relay_skip *ret)
{
    uint32_t missing = r->classes & ~t->meets;

    ret->why = REASON_WALLED;
    if (missing) {
        name_wall(r, &t->facts, &r->settings->classes[__builtin_ctz(missing)], ret);
        return true;
    }
    if (!r->plan.model || !r->plan.model->filtered || t->facts.filtered == ROUTE_YES)
        return false;
    ret->word = route_wall_word(ROUTE_WALL_SAFETY);
    ret->text = t->facts.filtered == ROUTE_NO
                    ? "The model demands a safety filter, and the target has none of its own."
                    : "The model demands a safety filter, and it is not known that the target has "
                      "one.";
    return true;
}
