/*
 * token.c - what the sources of credentials share: forms, JSON answers, times, refusals.
 */
#include "codec/percent.h"
#include "provider/token.h"

#include "base/buf.h"
#include "base/date.h"
#include "base/secret.h"
#include "codec/json_tree.h"

#define FORM_MAX ((size_t)64 * 1024)
#define CODE_MAX 64 /* a longer word is no code */

/* ---- requests ---- */

void token_add_form(struct buf *out, const char *name, struct span value)
{
    if (out->n)
        buf_add_char(out, '&');
    percent_encode(out, span_str(name), "");
    buf_add_char(out, '=');
    percent_encode(out, value, "");
}

int token_post_form(const struct token_flow *f, struct token_request *ret, enum token_value url,
                    const struct buf *form, struct err *e)
{
    struct span body;

    if (buf_finish(form, "token request", e) < 0)
        return -1;
    body = arena_dup(f->arena, buf_span(form));
    if (!span_has(body))
        return err_set(e, ERR_NOMEM, "no memory for a token request");
    *ret = (struct token_request){
        .url = url,
        .method = "POST",
        .fields = {{SPAN_LIT("content-type"), SPAN_LIT("application/x-www-form-urlencoded")}},
        .fields_n = 1,
        .body = body,
    };
    return 0;
}

int token_get(struct token_request *ret, enum token_value url, struct span path, struct span name,
              struct span value)
{
    *ret = (struct token_request){.url = url, .path = path, .method = "GET"};
    if (span_has(value))
        ret->fields[ret->fields_n++] = (struct token_field){name, value};
    return 0;
}

/* ---- answers ---- */

int token_read_json(void *ret, struct span text, struct arena *a,
                    const struct token_member *members, size_t n, struct err *e)
{
    struct json_tree t = {0};
    int rc = -1;

    if (json_tree_read(&t, text, e) < 0)
        goto out;
    for (size_t i = 0; i < n; i++) {
        struct span v = json_get_text(t.root, members[i].name);

        if (!span_has(v) && members[i].needed) {
            err_set(e, ERR_PROTOCOL, "it has no \"%s\"", members[i].name);
            goto out;
        }
        if (!span_has(v))
            continue;
        v = arena_dup(a, v);
        if (!span_has(v)) {
            err_set(e, ERR_NOMEM, "no memory for a credential");
            goto out;
        }
        memcpy((char *)ret + members[i].at, &v, sizeof(v));
    }
    rc = 0;
out:
    if (t.bytes)
        secret_wipe(t.bytes, text.n);
    json_tree_fini(&t);
    return rc;
}

bool token_sendable(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7F)
            return false;
    return s.n > 0;
}

/* Seconds as digits; some services write a fraction. */
static int read_seconds(struct span s, uint64_t *ret)
{
    return span_u64(span_cut(&s, '.'), ret);
}

int token_read_bearer(struct token_flow *f, struct span body, struct err *e)
{
    struct answer {
        struct span token, in, on;
    } a = {0};
    static const struct token_member members[] = {
        {"access_token", offsetof(struct answer, token), true},
        {"expires_in", offsetof(struct answer, in), false},
        {"expires_on", offsetof(struct answer, on), false},
    };
    uint64_t s;

    if (token_read_json(&a, body, f->arena, members, ARRAY_LEN(members), e) < 0)
        return -1;
    if (!token_sendable(a.token))
        return err_set(e, ERR_PROTOCOL, "its token cannot be sent");
    f->grant.token = a.token;
    if (span_has(a.in) && read_seconds(a.in, &s) == 0)
        f->grant.lifetime_s = s;
    else if (span_has(a.on) && read_seconds(a.on, &s) == 0)
        f->grant.lifetime_s = token_left(s, f->now_s);
    else
        return err_set(e, ERR_PROTOCOL, "it does not say how long its token lives");
    return 0;
}

int token_read_time(struct span text, uint64_t *ret)
{
    uint64_t us;

    if (date_read(text, &us) < 0)
        return -1;
    *ret = us / 1000000;
    return 0;
}

/* ---- refusals ---- */

/* The word at the beginning of s, if it looks like a code. */
static struct span code(struct span s)
{
    size_t n = 0;

    while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '_' ||
                       ((s.p[n] | 32) >= 'a' && (s.p[n] | 32) <= 'z')))
        n++;
    return n > 0 && n <= CODE_MAX && (n == s.n || strchr(":. ", s.p[n])) ? span_of(s.p, n)
                                                                         : span_of(NULL, 0);
}

/* What a refusal's JSON calls it: OAuth's "error", and Azure's own code before the colon. */
static void codes_of_json(struct span body, char ret[2 * CODE_MAX + 4])
{
    struct json_tree t = {0};
    struct err ignored;

    if (json_tree_read(&t, body, &ignored) == 0) {
        struct span word = code(json_get_text(t.root, "error"));
        struct span azure = json_get_text(t.root, "error_description");

        if (!span_has(word))
            word = code(json_get_text(json_get(t.root, "error"), "status"));
        azure = span_starts(azure, SPAN_LIT("AADSTS")) ? code(azure) : span_of(NULL, 0);
        snprintf(ret, 2 * CODE_MAX + 4, "%.*s%s%.*s", SPAN_FMT(word), azure.n ? ", " : "",
                 SPAN_FMT(azure));
    }
    json_tree_fini(&t);
}

int token_refused(struct err *e, uint16_t status, struct span body)
{
    static const struct span open = {"<Code>", 6};
    char words[2 * CODE_MAX + 4] = "";
    const char *xml = body.n ? memmem(body.p, body.n, open.p, open.n) : NULL;

    if (xml) {
        struct span rest = span_of(xml + open.n, body.n - (size_t)(xml - body.p) - open.n);
        struct span word = code(span_cut(&rest, '<'));

        snprintf(words, sizeof(words), "%.*s", SPAN_FMT(word));
    } else {
        codes_of_json(body, words);
    }
    return err_set(e, ERR_PROTOCOL, "it answered with status %u%s%s", (unsigned)status,
                   words[0] ? ", " : "", words);
}
