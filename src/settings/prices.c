/*
 * prices.c - the keys under `prices`, and the price file: its own small format, read by the same
 * machinery as the configuration, so that a wrong price is told with its place and its cure.
 *
 *     (prices.file, or the text that is built in) -> tree -> keys_price_file -> settings.prices
 *
 * Why the text of the file travels with the configuration to the other processes
 * (settings_load_with): a worker that is replaced must come up with the prices that were checked,
 * whatever has become of the file since; and all of them must count alike.
 *
 * What is left out of a row costs as the plain tokens that it is a part of, for so do vendors that
 * have no price for it. But three parts are never guessed, because vendors that have them price
 * them far apart: what is kept in the cache for an hour, and audio.
 */
#include <stdlib.h>

#include "base/file.h"
#include "conf/yaml.h"
#include "settings/build.h"

#define SCRATCH_BYTES ((size_t)96 * 1024 * 1024)
#define ROWS_MAX      5000
#define TIERS_MAX     4

extern const char prices_text[]; /* data/prices.yaml, by tools/embed */

/* ---- the format ---- */

struct keys_tier {
    struct conf_value self; /* the bound */
    struct conf_value rate[PRICE_PARTS];
};

struct keys_price {
    struct conf_value self; /* "provider/model" */
    struct conf_value rate[PRICE_PARTS];
    struct conf_list above; /* struct keys_tier */
    struct conf_value source, date;
};

_Static_assert(offsetof(struct keys_tier, rate) == offsetof(struct keys_price, rate),
               "the rows of rates serve both");

struct keys_price_file {
    struct conf_value self;
    struct conf_value version;
    struct conf_list prices; /* struct keys_price */
};

/* clang-format off */
#define RATE(part, key, must, text)                                                                \
    {key, CONF_ONE, .required = must, .type = &conf_decimal, .max = "1000000", .example = "1.25",  \
     .at = offsetof(struct keys_tier, rate[PRICE_##part]), .help = text}
#define RATES                                                                                      \
    RATE(INPUT, "input", true, "Input that is none of the following."),                            \
    RATE(CACHED, "cached", false, "Input that was read from the provider's cache; else as input."),\
    RATE(CACHE_WRITE, "cache_write", false, "Input that was written to it; else as input."),       \
    RATE(CACHE_WRITE_1H, "cache_write_1h", false, "The same, to be kept for an hour."),            \
    RATE(AUDIO_IN, "audio_in", false, "Input that is audio."),                                     \
    RATE(AUDIO_CACHED, "audio_cached", false, "Audio that was read from the cache; else as cached."), \
    RATE(OUTPUT, "output", false, "Output that is none of the following."),                        \
    RATE(REASONING, "reasoning", false, "Output that is thinking; else as output."),               \
    RATE(AUDIO_OUT, "audio_out", false, "Output that is audio.")

static const struct conf_key tier_keys[] = {RATES};
static const struct conf_table tier_table = {sizeof(struct keys_tier), tier_keys, ARRAY_LEN(tier_keys)};

static const struct conf_key price_keys[] = {
    RATES,
    {"above", CONF_MAP, .type = &conf_count, .table = &tier_table, .at = offsetof(struct keys_price, above), .most = TIERS_MAX, .example = "200k",
     .help = "Prices of answers to inputs of more tokens."},
    {"source", CONF_ONE, .required = true, .type = &conf_string, .at = offsetof(struct keys_price, source), .example = "https://example.com/pricing",
     .help = "Where the price was read."},
    {"date", CONF_ONE, .required = true, .type = &types_date, .at = offsetof(struct keys_price, date), .example = "2026-11-26",
     .help = "When."},
};
static const struct conf_table price_table = {sizeof(struct keys_price), price_keys, ARRAY_LEN(price_keys)};

static const struct conf_key file_keys[] = {
    {"version", CONF_ONE, .required = true, .type = &types_version, .at = offsetof(struct keys_price_file, version), .example = "1",
     .help = "Version of this format."},
    {"prices", CONF_MAP, .type = &types_priced, .table = &price_table, .at = offsetof(struct keys_price_file, prices), .most = ROWS_MAX, .example = "openai/gpt-5",
     .help = "What models cost, by provider/model."},
};
static const struct conf_table file_table = {sizeof(struct keys_price_file), file_keys, ARRAY_LEN(file_keys)};
/* clang-format on */

struct span settings_built_in_prices(void)
{
    return span_str(prices_text);
}

/* ---- rows ---- */

static uint64_t rate(const struct conf_value *v, uint64_t otherwise)
{
    return v->set && !v->bad ? v->num : otherwise;
}

static struct price_rates rates(const struct conf_value *v)
{
    struct price_rates r;

    for (size_t i = 0; i < PRICE_PARTS; i++)
        r.pico[i] = rate(&v[i], PRICE_UNSET);
    r.pico[PRICE_CACHED] = rate(&v[PRICE_CACHED], r.pico[PRICE_INPUT]);
    r.pico[PRICE_CACHE_WRITE] = rate(&v[PRICE_CACHE_WRITE], r.pico[PRICE_INPUT]);
    r.pico[PRICE_AUDIO_CACHED] = rate(&v[PRICE_AUDIO_CACHED], r.pico[PRICE_CACHED]);
    r.pico[PRICE_REASONING] = rate(&v[PRICE_REASONING], r.pico[PRICE_OUTPUT]);
    return r;
}

static void build_tiers(struct build *b, const struct keys_price *k, struct price *p)
{
    const struct keys_tier *from = k->above.items;
    struct price_tier *tiers = build_alloc(b, k->above.n, sizeof(*tiers));
    size_t at;

    if (!tiers)
        return;
    for (size_t i = 0; i < k->above.n; i++) {
        struct price_tier t = {from[i].self.num, rates(from[i].rate)};

        for (at = i; at > 0 && tiers[at - 1].above > t.above; at--)
            tiers[at] = tiers[at - 1];
        tiers[at] = t;
        if (at > 0 && tiers[at - 1].above == t.above && !from[i].self.bad)
            conf_report_add(b->report, CONF_ERROR, "E032", from[i].self.at,
                            "prices.%s.above has the bound %s twice", k->self.text.p,
                            from[i].self.text.p);
    }
    p->tiers = tiers;
    p->tiers_n = k->above.n;
}

static bool is_pattern(const struct settings_price *p)
{
    return span_find(p->model, '*') != SIZE_MAX;
}

static int compare_text(struct span x, struct span y)
{
    int c = memcmp(x.p, y.p, MIN(x.n, y.n));

    if (c != 0)
        return c;
    return x.n < y.n ? -1 : x.n > y.n;
}

/* The order of names, for bsearch(). */
static int compare_names(const void *a, const void *b)
{
    const struct settings_price *x = a, *y = b;
    int c = compare_text(x->provider, y->provider);

    return c ? c : compare_text(x->model, y->model);
}

/* Names first; patterns behind, the longest of a provider first. */
static int compare(const void *a, const void *b)
{
    const struct settings_price *x = a, *y = b;
    bool pattern = is_pattern(x);

    if (pattern != is_pattern(y))
        return pattern ? 1 : -1;
    if (pattern && x->model.n != y->model.n && span_eq(x->provider, y->provider))
        return x->model.n > y->model.n ? -1 : 1;
    return compare_names(x, y);
}

static void build_rows(struct build *b, const struct conf_list *list)
{
    const struct keys_price *k = list->items;
    struct settings *s = &b->snap->pub;
    struct settings_price *rows = build_alloc(b, list->n, sizeof(*rows));
    size_t n = 0;

    if (!rows)
        return;
    for (size_t i = 0; i < list->n && !b->nomem; i++) {
        struct settings_price *row = &rows[n];

        if (k[i].self.bad)
            continue;
        row->model = build_dup(b, k[i].self.text);
        row->provider = span_cut(&row->model, '/');
        row->price.rates = rates(k[i].rate);
        build_tiers(b, &k[i], &row->price);
        n++;
    }
    if (b->nomem)
        return;
    qsort(rows, n, sizeof(*rows), compare);
    s->prices = rows;
    s->prices_n = n;
    while (s->prices_named < n && !is_pattern(&rows[s->prices_named]))
        s->prices_named++;
}

/* ---- the file ---- */

static void read_prices(struct build *b, struct span text)
{
    struct keys_price_file *keys;
    struct yaml_node *root = NULL;
    struct arena scratch;
    struct err e;

    arena_init(&scratch, SCRATCH_BYTES);
    keys = arena_zalloc(&scratch, sizeof(*keys));
    if (!keys || ((yaml_parse(&root, text, &scratch, b->report, &e) < 0) && e.code == ERR_NOMEM))
        b->nomem = true;
    else if (root && conf_decode(&file_table, root, keys, &scratch, b->report, &e) < 0)
        b->nomem = true;
    else if (root)
        build_rows(b, &keys->prices);
    arena_fini(&scratch);
}

/* The text of prices.file, kept in the report too, which shows lines of it when we are gone. */
static struct span file_text(struct build *b, struct span path)
{
    const struct conf_value *k = &b->keys->prices.file;
    struct span shown = {NULL, 0};
    struct buf text;
    struct err e;

    buf_init(&text, YAML_BYTES_MAX);
    if (file_read(&text, path.p, &e) < 0) {
        conf_report_add(b->report, CONF_ERROR, "E041", k->at, "prices.file cannot be read: %s",
                        e.text);
    } else {
        b->snap->pub.prices_text = build_dup(b, span_of(text.p ? text.p : "", text.n));
        shown = arena_dup(&b->report->arena, b->snap->pub.prices_text);
        b->nomem |= !span_has(shown);
    }
    buf_fini(&text);
    return shown;
}

void build_prices(struct build *b, struct span given)
{
    const struct keys_prices *k = &b->keys->prices;
    struct span path = build_text(b, &k->file), name = path, text = given;
    size_t errors = b->report->errors;

    b->snap->pub.prices_block = k->unknown.num == 1;
    if (!span_has(given) && span_has(path))
        text = file_text(b, path);
    else if (!span_has(given))
        text = settings_built_in_prices();
    if (k->file.bad || !span_has(text) || b->nomem)
        return;
    if (span_has(path))
        name = arena_dup(&b->report->arena, path);
    conf_report_beside(b->report, span_has(name) ? name : SPAN_LIT("built-in prices"), text);
    read_prices(b, text);
    b->priced = b->report->errors == errors;
    conf_report_beside(b->report, (struct span){NULL, 0}, (struct span){NULL, 0});
}

/* ---- looking up ---- */

static const struct price *find(const struct settings *s, struct span provider, struct span model)
{
    struct settings_price key = {.provider = provider, .model = model};
    const struct settings_price *hit = NULL;

    if (s->prices_named)
        hit = bsearch(&key, s->prices, s->prices_named, sizeof(key), compare_names);
    for (size_t i = s->prices_named; !hit && i < s->prices_n; i++)
        if (span_eq(s->prices[i].provider, provider) && span_glob(s->prices[i].model, model))
            hit = &s->prices[i];
    return hit ? &hit->price : NULL;
}

static const struct price *find_type(const struct settings *s, const struct provider *type,
                                     struct span model)
{
    const struct price *hit = find(s, span_str(type->name), model);

    return hit || !type->priced_as ? hit : find(s, span_str(type->priced_as), model);
}

const struct price *settings_price(const struct settings *s, const struct settings_provider *p,
                                   struct span model)
{
    const struct price *hit = find(s, p->name, model);
    const struct provider *named = hit ? provider_find(p->name) : NULL;

    /* A name that is a type's means that type: an account called "openai" elsewhere is not it. */
    return hit && (!named || named == p->type) ? hit : find_type(s, p->type, model);
}
