/*
 * outputs.c - see outputs.h. A word holds four counts of 16 bits, of classes that follow each
 * other.
 */
#include "admit/outputs.h"

#include <math.h>

#include "admit/sizes.h"

#define IN_A_WORD 4
#define BITS      16u
#define COUNT     UINT64_C(0xffff)
#define MILLION   1e6

_Static_assert(SIZES == OUTPUTS_WORDS * IN_A_WORD, "a count for each class");

static uint64_t count_of(const struct outputs *o, size_t class)
{
    return o->words[class / IN_A_WORD] >> class % IN_A_WORD * BITS & COUNT;
}

size_t outputs_place(uint64_t tokens)
{
    return sizes_of(tokens) / IN_A_WORD;
}

uint64_t outputs_add(uint64_t word, uint64_t tokens)
{
    unsigned at = (unsigned)(sizes_of(tokens) % IN_A_WORD) * BITS;

    return (word >> at & COUNT) == COUNT ? word : word + (UINT64_C(1) << at);
}

bool outputs_is_full(uint64_t word)
{
    bool ret = false;

    for (unsigned at = 0; at < IN_A_WORD; at++)
        ret |= (word >> at * BITS & COUNT) >= OUTPUTS_FULL;
    return ret;
}

uint64_t outputs_halve(uint64_t word)
{
    uint64_t half = word >> 1;

    for (unsigned at = 1; at < IN_A_WORD; at++) /* what came from the count above */
        half &= ~(UINT64_C(1) << (at * BITS - 1));
    return half;
}

uint64_t outputs_n(const struct outputs *o)
{
    uint64_t ret = 0;

    for (size_t i = 0; i < SIZES; i++)
        ret += count_of(o, i);
    return ret;
}

/* Of a class's answers, as many as are longer than `past`. */
static double beyond(const struct outputs *o, size_t class, double past)
{
    double begin = sizes_begin(class), end = sizes_end(class), n = (double)count_of(o, class);

    if (past <= begin)
        return n;
    return past >= end ? 0 : n * (end - past) / (end - begin);
}

uint64_t outputs_quantile(const struct outputs *o, uint32_t millionths, uint64_t past)
{
    double all = 0, want, from = (double)past;

    for (size_t i = 0; i < SIZES; i++)
        all += beyond(o, i, from);
    want = all * (double)millionths / MILLION;
    for (size_t i = 0; i < SIZES && all > 0; i++) {
        double n = beyond(o, i, from), begin = MAX(sizes_begin(i), from);

        if (n > 0 && n >= want)
            return MAX((uint64_t)ceil(begin + (sizes_end(i) - begin) * want / n), past + 1);
        want -= n;
    }
    return MAX(2 * past, past + 64);
}

bool outputs_is_known(const struct outputs *o)
{
    return outputs_n(o) >= OUTPUTS_FEW;
}

uint64_t outputs_expect(const struct outputs *o, uint64_t most, uint64_t past)
{
    uint64_t ret =
        o ? outputs_quantile(o, OUTPUTS_PART, past) : MAX((uint64_t)OUTPUTS_UNKNOWN, 2 * past);

    return most ? MIN(ret, MAX(most, past)) : ret;
}
