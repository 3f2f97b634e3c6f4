/*
 * azure_token.c - see azure_token.h.
 */
#include "provider/azure_token.h"

#include "base/buf.h"
#include "base/secret.h"

static int ask(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    const struct span *v = f->conf->v;
    struct buf form;
    int rc;

    buf_init(&form, 4 * TOKEN_FILE_MAX);
    token_add_form(&form, "grant_type", SPAN_LIT("client_credentials"));
    token_add_form(&form, "client_id", v[TOKEN_ID]);
    token_add_form(&form, "scope", v[TOKEN_SCOPE]);
    if (span_has(f->file)) {
        token_add_form(&form, "client_assertion_type",
                       SPAN_LIT("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        token_add_form(&form, "client_assertion", f->file);
    } else {
        token_add_form(&form, "client_secret", v[TOKEN_SECRET]);
    }
    rc = token_post_form(f, ret, TOKEN_URL, &form, e);
    secret_wipe(form.p, form.n);
    buf_fini(&form);
    return rc;
}

static int ask_instance(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    UNUSED(f);
    UNUSED(e);
    return token_get(ret, TOKEN_URL, span_of(NULL, 0), SPAN_LIT("metadata"), SPAN_LIT("true"));
}

static int ask_app_service(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    UNUSED(e);
    return token_get(ret, TOKEN_URL, span_of(NULL, 0), SPAN_LIT("x-identity-header"),
                     f->conf->v[TOKEN_SECRET]);
}

const struct token_source azure_token_secret = {
    .name = "client secret",
    .steps_n = 1,
    .steps = {{"Azure's token service", false, ask, token_read_bearer}},
};

const struct token_source azure_token_federated = {
    .name = "workload identity",
    .steps_n = 1,
    .steps = {{"Azure's token service", true, ask, token_read_bearer}},
};

const struct token_source azure_token_instance = {
    .name = "managed identity",
    .steps_n = 1,
    .steps = {{"the instance's metadata service", false, ask_instance, token_read_bearer}},
};

const struct token_source azure_token_app_service = {
    .name = "managed identity",
    .steps_n = 1,
    .steps = {{"App Service's token service", false, ask_app_service, token_read_bearer}},
};
