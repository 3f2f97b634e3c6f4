#include "cmd/hurry.h"

#ifdef LAMPLIGHTER_TEST
#include <stdlib.h>

#include "base/span.h"

#define HURRY_MAX 100

uint32_t hurry_factor(void)
{
    const char *word = getenv("LAMPLIGHTER_HURRY");
    uint64_t n;

    return word && span_u64(span_str(word), &n) == 0 && n && n <= HURRY_MAX ? (uint32_t)n : 1;
}
#else
uint32_t hurry_factor(void)
{
    return 1;
}
#endif
