/*
 * price.c - see price.h.
 */
#include "provider/price.h"

#define PICO     UINT64_C(1000000000000) /* of a dollar */
#define DECIMALS 12

const char *price_word(enum pricing p)
{
    static const char *const words[] = {
#define X(name, word) word,
        PRICINGS(X)
#undef X
    };

    return (size_t)p < ARRAY_LEN(words) ? words[p] : "";
}

/* Up to `want` of what is left. */
static uint64_t take(uint64_t *left, uint64_t want)
{
    uint64_t n = MIN(*left, want);

    *left -= n;
    return n;
}

void price_split(const struct dialect_usage *u, uint64_t ret[PRICE_PARTS])
{
    uint64_t in = u->input, out = u->output;
    uint64_t cached = take(&in, u->cache_read), written = take(&in, u->cache_write);
    uint64_t audio_cached = MIN(MIN(u->audio_cached, u->audio_in), cached);

    ret[PRICE_CACHED] = cached - audio_cached;
    ret[PRICE_AUDIO_CACHED] = audio_cached;
    ret[PRICE_CACHE_WRITE_1H] = MIN(u->cache_write_1h, written);
    ret[PRICE_CACHE_WRITE] = written - ret[PRICE_CACHE_WRITE_1H];
    ret[PRICE_AUDIO_IN] = take(&in, u->audio_in - audio_cached);
    ret[PRICE_INPUT] = in;
    ret[PRICE_REASONING] = take(&out, u->reasoning);
    ret[PRICE_AUDIO_OUT] = take(&out, u->audio_out);
    ret[PRICE_OUTPUT] = out;
}

static const struct price_rates *rates_for(const struct price *p, uint64_t input)
{
    const struct price_rates *r = &p->rates;

    for (size_t i = 0; i < p->tiers_n && input > p->tiers[i].above; i++)
        r = &p->tiers[i].rates;
    return r;
}

static bool all_free(const struct price_rates *r)
{
    for (size_t i = 0; i < PRICE_PARTS; i++)
        if (r->pico[i] != 0 && r->pico[i] != PRICE_UNSET)
            return false;
    return true;
}

enum pricing price_cost(uint64_t *ret_pico, const struct price *p, const struct dialect_usage *u)
{
    const struct price_rates *r = rates_for(p, u->input);
    bool free = !p->tiers_n && all_free(r);
    uint64_t tokens[PRICE_PARTS], sum = 0, part;

    if (!u->seen && !free)
        return PRICING_NO_USAGE;
    if (u->tiers && !free)
        return PRICING_TIER;
    price_split(u, tokens);
    for (size_t i = 0; i < PRICE_PARTS; i++) {
        if (tokens[i] == 0)
            continue;
        if (r->pico[i] == PRICE_UNSET)
            return PRICING_NO_RATE;
        if (__builtin_mul_overflow(tokens[i], r->pico[i], &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return PRICING_TOO_LARGE;
    }
    *ret_pico = sum;
    return u->extras && !free ? PRICING_EXTRAS : PRICING_KNOWN;
}

int price_read(uint64_t *ret_pico, struct span text)
{
    struct span fraction = text, whole = span_cut(&fraction, '.');
    uint64_t dollars, pico = 0;

    if (span_u64(whole, &dollars) < 0 || __builtin_mul_overflow(dollars, PICO, &dollars))
        return -1;
    if (span_has(fraction) && (fraction.n > DECIMALS || span_u64(fraction, &pico) < 0))
        return -1;
    for (size_t i = fraction.n; span_has(fraction) && i < DECIMALS; i++)
        pico *= 10;
    return __builtin_add_overflow(dollars, pico, ret_pico) ? -1 : 0;
}

const char *price_text(uint64_t pico, char out[PRICE_TEXT])
{
    int n = snprintf(out, PRICE_TEXT, "%llu.%012llu", (unsigned long long)(pico / PICO),
                     (unsigned long long)(pico % PICO));

    MUST(n > DECIMALS && n < PRICE_TEXT);
    while (out[n - 1] == '0')
        n--;
    if (out[n - 1] == '.')
        n--;
    out[n] = '\0';
    return out;
}
