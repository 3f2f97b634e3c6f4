/*
 * Goal: each source asks what its cloud documents, reads what its cloud answers, and says in plain
 * words what it cannot use, without a word of a secret.
 * Method: a table of sources with the requests, byte for byte, and the answers that they get; a
 * table of answers that are refused; a service account's assertion is taken apart and verified.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/buf.h"
#include "base/base64.h"
#include "provider/aws_token.h"
#include "provider/azure_token.h"
#include "provider/google_jwt.h"
#include "provider/google_token.h"

#define NOW           UINT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define V(name, text) [name] = SPAN_LIT(text)

#define ROLE_JSON                                                                                  \
    "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA1\",\"SecretAccessKey\":\"s/1+\","                \
    "\"Token\":\"t==\",\"Expiration\":\"2027-01-15T09:00:00Z\"}"
#define STS_XML                                                                                    \
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"            \
    "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s/1+</SecretAccessKey>"                      \
    "<SessionToken>t==</SessionToken><Expiration>2027-01-15T09:00:00.5Z</Expiration>"              \
    "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
#define FORM "content-type: application/x-www-form-urlencoded\n\n"

static const struct row {
    const struct token_source *source;
    struct token_conf conf;
    const char *file;
    struct {
        const char *request, *answer;
    } steps[TOKEN_STEPS_MAX];
    const char *grant; /* "token" or "id secret session" */
    uint64_t lifetime;
} rows[] = {
    {&aws_token_web_identity,
     {{V(TOKEN_ROLE, "arn:aws:iam::1:role/r"), V(TOKEN_SUBJECT_FIELD, "lamp")}},
     "jwt.a-b",
     {{"0 POST \n" FORM
       "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole"
       "%2Fr&RoleSessionName=lamp&WebIdentityToken=jwt.a-b",
       STS_XML}},
     "ASIA1 s/1+ t==",
     3600},
    {&aws_token_container,
     {{V(TOKEN_FIELD_VALUE, "word")}},
     NULL,
     {{"0 GET \nauthorization: word\n\n", ROLE_JSON}},
     "ASIA1 s/1+ t==",
     3600},
    {&aws_token_container, {{{0}}}, NULL, {{"0 GET \n\n", ROLE_JSON}}, "ASIA1 s/1+ t==", 3600},
    {&aws_token_container_file,
     {{{0}}},
     "from-file",
     {{"0 GET \nauthorization: from-file\n\n", ROLE_JSON}},
     "ASIA1 s/1+ t==",
     3600},
    {&aws_token_instance,
     {{{0}}},
     NULL,
     {{"0 PUT /latest/api/token\nx-aws-ec2-metadata-token-ttl-seconds: 21600\n\n", "session=="},
      {"0 GET /latest/meta-data/iam/security-credentials/\nx-aws-ec2-metadata-token: session==\n\n",
       "my-role\nother"},
      {"0 GET /latest/meta-data/iam/security-credentials/my-role\n"
       "x-aws-ec2-metadata-token: session==\n\n",
       ROLE_JSON}},
     "ASIA1 s/1+ t==",
     3600},
    {&google_token_user,
     {{V(TOKEN_ID, "c"), V(TOKEN_SECRET, "s&"), V(TOKEN_SESSION, "r/1")}},
     NULL,
     {{"0 POST \n" FORM
       "grant_type=refresh_token&client_id=c&client_secret=s%26&refresh_token=r%2F1",
       "{\"access_token\":\"ya29.x\",\"expires_in\":3599,\"token_type\":\"Bearer\"}"}},
     "ya29.x",
     3599},
#define STS_FORM                                                                                   \
    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&audience=aud&scope=sc&"  \
    "requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&"                \
    "subject_token_type=jwt&subject_token="
#define FEDERATED V(TOKEN_AUDIENCE, "aud"), V(TOKEN_SCOPE, "sc"), V(TOKEN_SUBJECT_TYPE, "jwt")
#define STS_JSON  "{\"access_token\":\"fed\",\"expires_in\":100}"
    {&google_token_federated,
     {{FEDERATED}},
     "subject.1",
     {{"0 POST \n" FORM STS_FORM "subject.1", STS_JSON}},
     "fed",
     100},
    {&google_token_federated_url_as,
     {{FEDERATED, V(TOKEN_FIELD_NAME, "metadata"), V(TOKEN_FIELD_VALUE, "True"),
       V(TOKEN_SUBJECT_FIELD, "access_token")}},
     NULL,
     {{"1 GET \nmetadata: True\n\n", "{\"access_token\":\"subject.2\"}\n"},
      {"0 POST \n" FORM STS_FORM "subject.2", STS_JSON},
      {"2 POST \nauthorization: Bearer fed\ncontent-type: application/json\n\n"
       "{\"scope\":[\"https://www.googleapis.com/auth/cloud-platform\"]}",
       "{\"accessToken\":\"account\",\"expireTime\":\"2027-01-15T08:30:00Z\"}"}},
     "account",
     1800},
    {&google_token_metadata,
     {{{0}}},
     NULL,
     {{"0 GET /computeMetadata/v1/instance/service-accounts/default/token\n"
       "metadata-flavor: Google\n\n",
       "{\"access_token\":\"ya29.m\",\"expires_in\":1200}"}},
     "ya29.m",
     1200},
    {&azure_token_secret,
     {{V(TOKEN_ID, "app"), V(TOKEN_SECRET, "s~1"), V(TOKEN_SCOPE, "https://x/.default")}},
     NULL,
     {{"0 POST \n" FORM "grant_type=client_credentials&client_id=app&scope=https%3A%2F%2Fx%2F"
       ".default&client_secret=s~1",
       "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"eyJ\"}"}},
     "eyJ",
     3599},
    {&azure_token_federated,
     {{V(TOKEN_ID, "app"), V(TOKEN_SCOPE, "sc")}},
     "jwt.k8s",
     {{"0 POST \n" FORM "grant_type=client_credentials&client_id=app&scope=sc&"
       "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&"
       "client_assertion=jwt.k8s",
       "{\"expires_in\":60,\"access_token\":\"eyK\"}"}},
     "eyK",
     60},
    {&azure_token_instance,
     {{{0}}},
     NULL,
     {{"0 GET \nmetadata: true\n\n",
       "{\"access_token\":\"eyM\",\"expires_in\":\"86399\",\"expires_on\":\"1800086399\"}"}},
     "eyM",
     86399},
    {&azure_token_app_service,
     {{V(TOKEN_SECRET, "head")}},
     NULL,
     {{"0 GET \nx-identity-header: head\n\n",
       "{\"access_token\":\"eyA\",\"expires_on\":\"1800000500\"}"}},
     "eyA",
     500},
};

/* "URL METHOD PATH\nfield: value\n...\n\nbody" */
static void write_request(struct buf *out, const struct token_request *q)
{
    buf_printf(out, "%d %s %.*s\n", (int)q->url, q->method, SPAN_FMT(q->path));
    for (size_t i = 0; i < q->fields_n; i++)
        buf_printf(out, "%.*s: %.*s\n", SPAN_FMT(q->fields[i].name), SPAN_FMT(q->fields[i].value));
    buf_add_char(out, '\n');
    buf_add_span(out, q->body);
}

static void check_grant(const struct token_grant *g, const struct row *r)
{
    char got[256];

    if (span_has(g->token))
        snprintf(got, sizeof(got), "%.*s", SPAN_FMT(g->token));
    else
        snprintf(got, sizeof(got), "%.*s %.*s %.*s", SPAN_FMT(g->id), SPAN_FMT(g->secret),
                 SPAN_FMT(g->session));
    assert_string_equal(got, r->grant);
    assert_int_equal(g->lifetime_s, r->lifetime);
}

static void run(const struct row *r)
{
    struct token_request q;
    struct token_flow f;
    struct arena a;
    struct buf text;
    struct err e;

    arena_init(&a, 1 << 20);
    buf_init(&text, 1 << 16);
    f = (struct token_flow){.conf = &r->conf, .arena = &a, .now_s = NOW};
    for (size_t i = 0; i < r->source->steps_n; i++) {
        assert_int_equal(r->source->steps[i].file, i == 0 && r->file != NULL);
        f.file = span_str(r->file);
        assert_int_equal(r->source->steps[i].ask(&f, &q, &e), 0);
        buf_reset(&text);
        write_request(&text, &q);
        if (!span_is(buf_span(&text), r->steps[i].request))
            fail_msg("%s: %.*s", r->source->name, SPAN_FMT(buf_span(&text)));
        if (r->source->steps[i].read(&f, span_str(r->steps[i].answer), &e) < 0)
            fail_msg("%s: %s", r->source->name, e.text);
    }
    check_grant(&f.grant, r);
    buf_fini(&text);
    arena_wipe(&a);
}

static void each_source_asks_and_reads(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        run(&rows[i]);
}

static void answers_that_cannot_be_used(void **state)
{
    static const struct {
        const struct token_source *source;
        size_t step;
        const char *answer, *why;
    } table[] = {
        {&google_token_metadata, 0, "", NULL},
        {&google_token_metadata, 0, "<html>", NULL},
        {&google_token_metadata, 0, "[]", "it has no \"access_token\""},
        {&google_token_metadata, 0, "{\"access_token\":{}}", "it has no \"access_token\""},
        {&google_token_metadata, 0, "{\"access_token\":\"a\\r\\nb\",\"expires_in\":1}",
         "its token cannot be sent"},
        {&google_token_metadata, 0, "{\"access_token\":\"\",\"expires_in\":1}",
         "its token cannot be sent"},
        {&google_token_metadata, 0, "{\"access_token\":\"t\"}",
         "it does not say how long its token lives"},
        {&google_token_metadata, 0, "{\"access_token\":\"t\",\"expires_in\":-1}",
         "it does not say how long its token lives"},
        {&aws_token_instance, 0, "two words", "its session's token cannot be sent"},
        {&aws_token_instance, 1, "", "the instance has no role"},
        {&aws_token_instance, 1, "../../up", "the instance has no role"},
        {&aws_token_instance, 2, "{\"Code\":\"Failed\"}", "it has no credentials for the role"},
        {&aws_token_instance, 2, "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"}",
         "it does not say how long its credentials live"},
        {&aws_token_instance, 2,
         "{\"AccessKeyId\":\"a "
         "b\",\"SecretAccessKey\":\"b\",\"Expiration\":\"2027-01-15T09:00:00Z\"}",
         "its credentials cannot be sent"},
        {&aws_token_web_identity, 0, "<AccessKeyId>a", "its credentials cannot be sent"},
        {&google_token_federated_url_as, 2, "{\"accessToken\":\"t\",\"expireTime\":\"soon\"}",
         "it does not say how long its token lives"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        static const struct token_conf none;
        struct token_flow f = {.conf = &none, .now_s = NOW};
        struct arena a;
        struct err e;

        arena_init(&a, 1 << 16);
        f.arena = &a;
        assert_int_equal(
            table[i].source->steps[table[i].step].read(&f, span_str(table[i].answer), &e), -1);
        if (table[i].why)
            assert_string_equal(e.text, table[i].why);
        arena_fini(&a);
    }
}

static void refusals_say_codes_and_no_more(void **state)
{
    static const struct {
        uint16_t status;
        const char *body, *want;
    } table[] = {
        {500, "", "it answered with status 500"},
        {302, "see https://there/?secret=s", "it answered with status 302"},
        {400, "{\"error\":\"invalid_grant\",\"error_description\":\"Bad secret s3cr3t\"}",
         "it answered with status 400, invalid_grant"},
        {401,
         "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid secret "
         "s3\"}",
         "it answered with status 401, invalid_client, AADSTS7000215"},
        {403, "{\"error\":{\"status\":\"PERMISSION_DENIED\",\"message\":\"for s3cr3t\"}}",
         "it answered with status 403, PERMISSION_DENIED"},
        {400, "{\"error\":\"s3cr3t-with-dashes\"}", "it answered with status 400"},
        {403, "<Error><Code>AccessDenied</Code><Message>s3cr3t</Message></Error>",
         "it answered with status 403, AccessDenied"},
        {403, "<Error><Code>", "it answered with status 403"},
    };
    char long_word[200] = "{\"error\":\"";
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        assert_int_equal(token_refused(&e, table[i].status, span_str(table[i].body)), -1);
        assert_string_equal(e.text, table[i].want);
    }
    for (size_t n = 64; n <= 65; n++) { /* at the bound of a code, and past it */
        memset(long_word + 10, 'w', n);
        memcpy(long_word + 10 + n, "\"}", 3);
        UNUSED(token_refused(&e, 400, span_str(long_word)));
        assert_int_equal(strlen(e.text),
                         strlen("it answered with status 400") + (n == 64 ? 66 : 0));
    }
}

static void times_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t want; /* 0: refused */
    } table[] = {
        {"2027-01-15T08:00:00Z", NOW},       {"2027-01-15T08:00:00.123456789Z", NOW},
        {"2000-02-29T00:00:00Z", 951782400}, {"2027-01-15T08:00:00", 0},
        {"2027-01-15 08:00:00Z", 0},         {"2027-13-15T08:00:00Z", 0},
        {"2027-01-15T24:00:00Z", 0},         {"2027-01-15T09:00:00+01:00", NOW},
        {"2027-02-29T08:00:00Z", 0},         {"", 0},
        {"2027-01-15T08:00:0xZ", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        uint64_t got = 0;

        assert_int_equal(token_read_time(span_str(table[i].text), &got), table[i].want ? 0 : -1);
        assert_int_equal(got, table[i].want);
    }
}

/* ---- Google's files ---- */

static EVP_PKEY *key;
static char pem[4096];

static int make_key(void **state)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n;

    key = EVP_RSA_gen(2048);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    n = BIO_read(bio, pem, sizeof(pem) - 1);
    assert_true(n > 0);
    BIO_free(bio);
    return 0;
}

static int free_key(void **state)
{
    EVP_PKEY_free(key);
    return 0;
}

static void verify(struct span jwt, const char *header, const char *claims)
{
    struct span rest = jwt, a = span_cut(&rest, '.'), b = span_cut(&rest, '.');
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct buf got;

    buf_init(&got, 4096);
    assert_int_equal(base64_decode(&got, a), 0);
    assert_true(span_is(buf_span(&got), header));
    buf_reset(&got);
    assert_int_equal(base64_decode(&got, b), 0);
    assert_true(span_is(buf_span(&got), claims));
    buf_reset(&got);
    assert_int_equal(base64_decode(&got, rest), 0);
    assert_true(span_find(jwt, '=') == SIZE_MAX && span_find(jwt, '+') == SIZE_MAX);
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, (const unsigned char *)got.p, got.n,
                                      (const unsigned char *)jwt.p, (size_t)(rest.p - 1 - jwt.p)),
                     1);
    EVP_MD_CTX_free(ctx);
    buf_fini(&got);
}

static void a_service_accounts_assertion(void **state)
{
    struct token_conf conf = {{V(TOKEN_ID, "a@b.iam"), V(TOKEN_KEY_ID, "kid1"),
                               V(TOKEN_SCOPE, "sc"), V(TOKEN_URL, "https://t/token")}};
    static const char begin[] =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    struct token_request q;
    struct token_flow f = {.conf = &conf, .now_s = NOW};
    struct arena a;
    struct err e;

    arena_init(&a, 1 << 16);
    f.arena = &a;
    conf.v[TOKEN_SECRET] = span_str(pem);
    assert_int_equal(google_token_account.steps[0].ask(&f, &q, &e), 0);
    assert_true(span_starts(q.body, span_str(begin)));
    verify(span_of(q.body.p + strlen(begin), q.body.n - strlen(begin)),
           "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"kid1\"}",
           "{\"iss\":\"a@b.iam\",\"scope\":\"sc\",\"aud\":\"https://t/token\","
           "\"iat\":1800000000,\"exp\":1800003600}");
    conf.v[TOKEN_SECRET] = SPAN_LIT("no key");
    assert_int_equal(google_token_account.steps[0].ask(&f, &q, &e), -1);
    arena_fini(&a);
}

static void credentials_files(void **state)
{
    static const struct {
        const char *text;
        const struct token_source *source; /* NULL: refused */
        const char *why;
    } table[] = {
        {"{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":\"s\","
         "\"refresh_token\":\"r\"}",
         &google_token_user, NULL},
        {"{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\","
         "\"token_url\":\"https://sts\",\"credential_source\":{\"file\":\"/f\"}}",
         &google_token_federated, NULL},
        {"{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\","
         "\"token_url\":\"https://sts\",\"service_account_impersonation_url\":\"https://i\","
         "\"credential_source\":{\"file\":\"/f\",\"format\":{\"type\":\"json\","
         "\"subject_token_field_name\":\"x\"}}}",
         &google_token_federated_as, NULL},
        {"{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\","
         "\"token_url\":\"https://sts\",\"credential_source\":{\"url\":\"http://m\","
         "\"headers\":{\"Metadata\":\"True\"}}}",
         &google_token_federated_url, NULL},
        {"{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\","
         "\"token_url\":\"https://sts\",\"credential_source\":{\"environment_id\":\"aws1\"}}",
         NULL, "has a \"credential_source\" that is neither a file nor a URL"},
        {"{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\","
         "\"token_url\":\"https://sts\",\"credential_source\":{\"url\":\"http://m\","
         "\"headers\":{\"a\":\"1\",\"b\":\"2\"}}}",
         NULL, "has more than one field in \"credential_source.headers\""},
        {"{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\","
         "\"token_url\":\"https://sts\",\"credential_source\":{\"file\":\"/f\","
         "\"format\":{\"type\":\"json\"}}}",
         NULL, "has no \"format.subject_token_field_name\""},
        {"{\"type\":\"service_account\",\"client_email\":\"e\",\"private_key\":\"x\"}", NULL,
         "the private key is no RSA key in PEM"},
        {"{\"type\":\"service_account\",\"client_email\":\"e\"}", NULL, "has no \"private_key\""},
        {"{\"type\":\"gdch_service_account\"}", NULL,
         "is of none of the types service_account, authorized_user and external_account"},
        {"{}", NULL,
         "is of none of the types service_account, authorized_user and external_account"},
        {"type=x", NULL, "is not JSON"},
        {"", NULL, "is not JSON"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct token_source *source = NULL;
        struct token_conf conf;
        struct arena a;
        struct err e;
        int rc;

        arena_init(&a, 1 << 16);
        rc = google_token_read_file(&source, &conf, span_str(table[i].text), &a, &e);
        assert_int_equal(rc, table[i].source ? 0 : -1);
        if (rc == 0)
            assert_ptr_equal(source, table[i].source);
        else
            assert_string_equal(e.text, table[i].why);
        if (source == &google_token_federated_url) {
            assert_true(span_is(conf.v[TOKEN_FIELD_NAME], "metadata"));
            assert_true(span_is(conf.v[TOKEN_FIELD_VALUE], "True"));
        }
        arena_fini(&a);
    }
}

static void shared_credentials_files(void **state)
{
    static const char text[] = "# mine\r\n[default]\naws_access_key_id = AK1 \n"
                               "aws_secret_access_key=s=1\n\n[ other ]\n"
                               "aws_access_key_id=AK2\naws_secret_access_key=s2\r\n"
                               "aws_session_token=t2\n[half]\naws_access_key_id=AK3";
    static const struct {
        const char *profile, *id, *secret, *session;
    } table[] = {
        {"default", "AK1", "s=1", NULL},
        {"other", "AK2", "s2", "t2"},
        {"half", NULL, NULL, NULL},
        {"none", NULL, NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct token_grant g;
        int rc = aws_token_read_profile(span_str(text), span_str(table[i].profile), &g);

        assert_int_equal(rc, table[i].id ? 0 : -1);
        if (rc < 0)
            continue;
        assert_true(span_is(g.id, table[i].id) && span_is(g.secret, table[i].secret));
        assert_true(span_eq(g.session, span_str(table[i].session)));
        assert_true(g.lifetime_s == TOKEN_NEVER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_source_asks_and_reads),
        cmocka_unit_test(answers_that_cannot_be_used),
        cmocka_unit_test(refusals_say_codes_and_no_more),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test_setup_teardown(a_service_accounts_assertion, make_key, free_key),
        cmocka_unit_test(credentials_files),
        cmocka_unit_test(shared_credentials_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
