/*
 * sizes.c - see sizes.h. Class i ends at 8 * 2^(i/4).
 */
#include "admit/sizes.h"

double sizes_end(size_t class)
{
    static const double quarters[] = {1, 1.189207115, 1.414213562, 1.681792831};

    return 8 * (double)(UINT64_C(1) << class / 4) * quarters[class % 4];
}

double sizes_begin(size_t class)
{
    return class ? sizes_end(class - 1) : 0;
}

size_t sizes_of(uint64_t tokens)
{
    size_t i = 0;

    while (i < SIZES - 1 && (double)tokens >= sizes_end(i))
        i++;
    return i;
}
