/*
 * Goal: whatever a token service, a metadata service or a file answers, reading it ends in a grant
 * that can be sent or in a sentence, and reads no byte outside.
 * Method: the first byte chooses a step of a source, or one of the readers of files.
 */
#include <stdint.h>

#include "provider/aws_token.h"
#include "provider/azure_token.h"
#include "provider/google_token.h"

static const struct token_source *const sources[] = {
    &aws_token_web_identity, &aws_token_container,        &aws_token_instance,
    &google_token_user,      &google_token_federated_url, &google_token_federated_url_as,
    &google_token_metadata,  &azure_token_app_service,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_grant(const struct token_grant *g)
{
    const struct span words[] = {g->token, g->id, g->secret, g->session};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        MUST(!span_has(words[i]) || words[i].n > 0);
        for (size_t k = 0; k < words[i].n; k++)
            MUST(words[i].p[k] > ' ' && words[i].p[k] <= '~');
    }
}

static void read_step(unsigned which, struct span text)
{
    static const struct token_conf conf = {.v[TOKEN_SUBJECT_FIELD] = SPAN_LIT("access_token")};
    const struct token_source *s = sources[which % ARRAY_LEN(sources)];
    struct token_flow f = {.conf = &conf, .now_s = 1800000000};
    struct arena a;
    struct err e;

    arena_init(&a, (size_t)1 << 20);
    f.arena = &a;
    if (s->steps[which / ARRAY_LEN(sources) % s->steps_n].read(&f, text, &e) == 0)
        check_grant(&f.grant);
    arena_wipe(&a);
}

static void read_file(unsigned which, struct span text)
{
    const struct token_source *s;
    struct token_conf conf;
    struct token_grant g;
    struct arena a;
    struct err e;

    if (which % 2) {
        if (aws_token_read_profile(text, SPAN_LIT("default"), &g) == 0)
            check_grant(&g);
        return;
    }
    arena_init(&a, (size_t)1 << 20);
    if (google_token_read_file(&s, &conf, text, &a, &e) == 0)
        MUST(s && span_has(conf.v[TOKEN_URL]));
    arena_wipe(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span text;
    uint64_t at;
    struct err e;

    if (n == 0)
        return 0;
    text = span_of((const char *)data + 1, n - 1);
    UNUSED(token_refused(&e, 400, text));
    if (token_read_time(text, &at) == 0)
        MUST(at < UINT64_C(253402300801) + 86400); /* year 10000, a leap second and a zone */
    if (data[0] < 240)
        read_step(data[0], text);
    else
        read_file(data[0], text);
    return 0;
}
