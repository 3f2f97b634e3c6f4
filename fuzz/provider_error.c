/*
 * provider_error.c - error bodies of any shape through the reader and the classifier.
 *
 * The first byte chooses the provider, two the status, one whether it was streamed; the rest is
 * the body. Must hold: every input has a class, what is read holds no control bytes, and reading
 * it again gives the same.
 */
#include "base/arena.h"
#include "provider/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        MUST((unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct provider_failure f[2];
    const struct provider *p;
    enum class_id id[2];
    struct arena a;
    size_t rows = 0;

    if (len < 4)
        return 0;
    while (provider_at(rows))
        rows++;
    p = provider_at(data[0] % rows);
    arena_init(&a, (size_t)1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(f); i++) {
        bool known;

        provider_read_error(&f[i], span_of((const char *)data + 4, len - 4), &a);
        check_text(f[i].type);
        check_text(f[i].code);
        check_text(f[i].text);
        check_text(f[i].delay);
        f[i].status = (uint16_t)(data[1] << 8 | data[2]);
        f[i].streamed = data[3] & 1;
        id[i] = provider_classify(p, &f[i], &known);
        MUST(id[i] > CLASS_NONE && id[i] < CLASSES);
    }
    MUST(id[0] == id[1] && span_eq(f[0].text, f[1].text) && span_eq(f[0].delay, f[1].delay));
    arena_fini(&a);
    return 0;
}
