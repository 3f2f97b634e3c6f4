/*
 * Goal: AWS takes our signatures.
 * Method: AWS's published test suite and examples, as facts; beside them what only shows with
 * Bedrock (a ':' in the path, a session's token), by an independent computation; the bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/sigv4.h"

#define DATE "20150830T123600Z"
#define TOKEN                                                                                      \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpS"  \
    "PfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDY"  \
    "wT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqK"  \
    "mlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

static const struct sigv4_key keys = {
    .id = SPAN_LIT("AKIDEXAMPLE"),
    .secret = SPAN_LIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    .region = SPAN_LIT("us-east-1"),
    .service = SPAN_LIT("service"),
};

struct row {
    const char *name, *method, *path, *host, *service;
    struct sigv4_field fields[3];
    const char *body, *names, *signature;
};

#define NO_FIELDS                                                                                  \
    {                                                                                              \
        {                                                                                          \
            .name = {NULL, 0}                                                                      \
        }                                                                                          \
    }
#define SUITE "example.amazonaws.com", "service"

static const struct row rows[] = {
    {"get-vanilla", "GET", "/", SUITE, NO_FIELDS, "", "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", SUITE, NO_FIELDS,
     "", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-order-value", "GET", "/?Param1=value2&Param1=Value1", SUITE, NO_FIELDS, "",
     "host;x-amz-date", "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
    {"get-vanilla-utf8-query", "GET", "/?\341\210\264=bar", SUITE, NO_FIELDS, "", "host;x-amz-date",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"the same, sent escaped", "GET", "/?%e1%88%b4=bar", SUITE, NO_FIELDS, "", "host;x-amz-date",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-utf8", "GET", "/\341\210\264", SUITE, NO_FIELDS, "", "host;x-amz-date",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-header-value-trim",
     "GET",
     "/",
     SUITE,
     {{SPAN_LIT("my-header2"), SPAN_LIT(" \"a   b   c\"")},
      {SPAN_LIT("my-header1"), SPAN_LIT(" value1")}},
     "",
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla", "POST", "/", SUITE, NO_FIELDS, "", "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-sts-header-before",
     "POST",
     "/",
     SUITE,
     {{SPAN_LIT("x-amz-security-token"), SPAN_LIT(TOKEN)}},
     "",
     "host;x-amz-date;x-amz-security-token",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     SUITE,
     {{SPAN_LIT("content-type"), SPAN_LIT("application/x-www-form-urlencoded")}},
     "Param1=value1",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"IAM's example",
     "GET",
     "/?Action=ListUsers&Version=2010-05-08",
     "iam.amazonaws.com",
     "iam",
     {{SPAN_LIT("content-type"), SPAN_LIT("application/x-www-form-urlencoded; charset=utf-8")}},
     "",
     "content-type;host;x-amz-date",
     "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
    {"a model with ':'",
     "POST",
     "/model/anthropic.claude-v2%3A1/converse-stream",
     "bedrock-runtime.us-east-1.amazonaws.com",
     "bedrock",
     {{SPAN_LIT("content-type"), SPAN_LIT("application/json")}},
     "{\"a\":1}",
     "content-type;host;x-amz-date",
     "7dee60b194dd990e3000868a59d24f1e4118be815f2d0567e16dd66dba1e85f8"},
};

static void hash(struct span body, char ret[SIGV4_HASH])
{
    struct sigv4_body b;
    struct err e;

    sigv4_body_begin(&b);
    for (size_t i = 0; i < body.n; i++) /* however it is cut */
        sigv4_body_add(&b, span_of(body.p + i, 1));
    assert_int_equal(sigv4_body_end(&b, ret, &e), 0);
}

static void published_signatures(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct sigv4_field fields[5];
        struct sigv4_key key = keys;
        char sum[SIGV4_HASH], want[512];
        struct sigv4_request q = {.method = span_str(r->method),
                                  .path = span_str(r->path),
                                  .fields = fields,
                                  .body_hash = sum};
        struct buf out;
        struct err e;

        key.service = span_str(r->service);
        for (size_t k = 0; k < ARRAY_LEN(r->fields) && r->fields[k].name.p; k++)
            fields[q.fields_n++] = r->fields[k];
        fields[q.fields_n++] = (struct sigv4_field){SPAN_LIT("x-amz-date"), SPAN_LIT(DATE)};
        fields[q.fields_n++] = (struct sigv4_field){SPAN_LIT("host"), span_str(r->host)};
        hash(span_str(r->body), sum);
        snprintf(want, sizeof(want),
                 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/%s/aws4_request, "
                 "SignedHeaders=%s, Signature=%s",
                 r->service, r->names, r->signature);
        buf_init(&out, 1024);
        assert_int_equal(sigv4_sign(&out, &q, &key, DATE, &e), 0);
        if (!span_is(buf_span(&out), want))
            fail_msg("%s: %.*s", r->name, SPAN_FMT(buf_span(&out)));
        buf_fini(&out);
    }
}

static void dates(void **state)
{
    static const struct {
        uint64_t at;
        const char *want;
    } table[] = {
        {0, "19700101T000000Z"},          {1440938160, DATE},
        {951782399, "20000228T235959Z"},  {951782400, "20000229T000000Z"},
        {951868800, "20000301T000000Z"},  {1709164800, "20240229T000000Z"},
        {4107542399, "21000228T235959Z"}, {4107542400, "21000301T000000Z"},
        {1798761599, "20261231T235959Z"}, {1798761600, "20270101T000000Z"},
    };
    char got[SIGV4_DATE];

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        sigv4_date(got, table[i].at);
        assert_string_equal(got, table[i].want);
    }
}

static int sign_with(size_t fields_n, size_t params_n)
{
    struct sigv4_field fields[SIGV4_FIELDS_MAX + 1];
    struct buf path;
    char sum[SIGV4_HASH];
    struct sigv4_request q = {
        .method = SPAN_LIT("GET"), .fields = fields, .fields_n = fields_n, .body_hash = sum};
    struct buf out;
    struct err e;
    int rc;

    for (size_t i = 0; i < fields_n; i++)
        fields[i] = (struct sigv4_field){SPAN_LIT("x-amz-a"), SPAN_LIT("b")};
    buf_init(&path, 1024);
    buf_add_str(&path, "/?");
    for (size_t i = 0; i < params_n; i++)
        buf_add_str(&path, "a=b&");
    q.path = buf_span(&path);
    hash(SPAN_LIT(""), sum);
    buf_init(&out, 4096);
    rc = sigv4_sign(&out, &q, &keys, DATE, &e);
    assert_true(rc == 0 || e.code == ERR_LIMIT);
    buf_fini(&out);
    buf_fini(&path);
    return rc;
}

static void bounds(void **state)
{
    assert_int_equal(sign_with(SIGV4_FIELDS_MAX, 1), 0);
    assert_int_equal(sign_with(SIGV4_FIELDS_MAX + 1, 1), -1);
    assert_int_equal(sign_with(2, SIGV4_PARAMS_MAX), 0);
    assert_int_equal(sign_with(2, SIGV4_PARAMS_MAX + 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_signatures),
        cmocka_unit_test(dates),
        cmocka_unit_test(bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
