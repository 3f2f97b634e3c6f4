/*
 * docs.c - see docs.h. Everything but the sentences at the top comes from the tables that the
 * program itself reads, so that the page cannot say what is not so.
 */
#include "provider/docs.h"

#include "provider/errors.h"

static const char head[] =
    "# Providers\n"
    "\n"
    "Written by `lamplighter config providers` from the tables in `src/provider/`; do not edit "
    "it.\n"
    "\n"
    "A provider in a configuration has a `type`, which is one of the sections below. The type "
    "says\n"
    "where the provider lives unless `endpoints` does, how it wants its key, which operations it\n"
    "has and under which paths, what ends a stream of its answers, and what its errors mean. A "
    "host\n"
    "that is not here, and has OpenAI's API, is of the type `openai-compatible`.\n"
    "\n"
    "- *Found by*: without a configuration file, and in `lamplighter config init`, a provider is\n"
    "  there when one of these variables is set; the other one moves its base URL.\n"
    "- *Credentials*: what a provider of this type takes in place of a key; `credentials` says\n"
    "  where they come from. `%r` stands for its `region`, `%p` for its `project`.\n"
    "- *End of a stream*: an answer that stops before it is broken, however cleanly the "
    "connection\n"
    "  ends.\n"
    "- *Bare model names*: a request that names only a model goes to a configured provider of the\n"
    "  first type on this page whose pattern fits. `provider/model` always works.\n"
    "- *Operations* are those of clients (`src/provider/ops.def`); `*` is whatever stands behind\n"
    "  the client's path, `%m` the model's name. Those in the second line pass through to the\n"
    "  first provider of `pass` that has them, to no other when it fails, and neither request nor\n"
    "  answer is read; the answer says so by `x-lamplighter-passthrough: 1`. Files are "
    "Anthropic's\n"
    "  for clients that send `anthropic-version`, and OpenAI's for all others. Models are listed "
    "by\n"
    "  the gateway itself.\n"
    "  `cohere` and `ollama` are a provider's own chat, which only translated requests are sent "
    "to.\n"
    "- *Does not know*, *knows besides*: where a host differs from the table of its dialect in\n"
    "  [dialects.md](dialects.md).\n"
    "- *Errors* are looked for in the type's own rows, then in those of all hosts, then by status\n"
    "  alone; the first that fits counts. A type or code may hold `*`; a text is found anywhere "
    "in\n"
    "  the message. What is done about a class stands in the table of classes.\n"
    "\n";

static const struct {
    uint32_t cap;
    const char *name;
} caps[] = {
    {CAP_STREAM, "streams"},
    {CAP_TOOLS, "tools"},
    {CAP_VISION, "images"},
    {CAP_JSON_SCHEMA, "JSON schema"},
    {CAP_PREFILL, "continues an answer that was begun"},
    {CAP_USAGE_OPT, "usage in streams only when asked"},
    {CAP_MAX_COMPLETION, "max_completion_tokens"},
    {CAP_SIGNS, "signed thinking"},
    {CAP_RESPONSES, "Responses where chat completions cannot say it"},
};

static const char *const auths[] = {
    [AUTH_NONE] = "none",
    [AUTH_BEARER] = "`authorization: Bearer KEY`",
    [AUTH_X_API_KEY] = "`x-api-key: KEY`",
    [AUTH_API_KEY] = "`api-key: KEY`",
    [AUTH_GOOGLE] = "`x-goog-api-key: KEY`",
};

static const char *const clouds[] = {
    [CLOUD_AWS] = "AWS's, as a signature (version 4)",
    [CLOUD_GOOGLE] = "Google Cloud's, as `authorization: Bearer TOKEN`",
    [CLOUD_AZURE] = "Azure's, as `authorization: Bearer TOKEN`",
};

static const char *const terminals[] = {
    [TERMINAL_DONE] =
        "every choice's `finish_reason`; `data: [DONE]` follows, and is not insisted on",
    [TERMINAL_FINISH] = "every choice's `finish_reason`; `[DONE]` does not come",
    [TERMINAL_MESSAGE_STOP] = "`event: message_stop`",
};

static const char *yes(bool v)
{
    return v ? "yes" : "no";
}

/* ---- errors ---- */

static void cell(struct buf *out, const char *text)
{
    if (text)
        buf_printf(out, " `%s` |", text);
    else
        buf_add_str(out, " |");
}

static void error_rows(struct buf *out, const struct provider_error_row *rows)
{
    buf_add_str(out, "\n| status | type or code | text | class |\n|---|---|---|---|\n");
    for (; rows->class_id != CLASS_NONE; rows++) {
        if (rows->status)
            buf_printf(out, "| %u |", rows->status);
        else
            buf_add_str(out, "| any |");
        cell(out, rows->type);
        cell(out, rows->text);
        buf_printf(out, " %s |\n", class_row(rows->class_id)->name);
    }
}

/* Rows that several types share are printed for the first of them. */
static void errors_of(struct buf *out, const struct provider *p)
{
    const struct provider *first = p;

    if (p->errors[0].class_id == CLASS_NONE) {
        buf_add_str(out, "\nErrors: no rows of its own.\n");
        return;
    }
    for (size_t i = 0; provider_at(i) != p; i++)
        if (first == p && provider_at(i)->errors == p->errors)
            first = provider_at(i);
    if (first == p)
        error_rows(out, p->errors);
    else
        buf_printf(out, "\nErrors: as `%s`.\n", first->name);
}

static void common_errors(struct buf *out)
{
    buf_add_str(out, "\n## Errors of all hosts\n");
    error_rows(out, errors_common);
    buf_add_str(out, "\nInside of a stream, where there is no status:\n");
    error_rows(out, errors_streamed);
    buf_add_str(out, "\nBy the status alone; the first row that has it counts:\n"
                     "\n| status | class |\n|---|---|\n");
    for (size_t i = 0; errors_statuses[i].class_id != CLASS_NONE; i++) {
        const struct error_status *s = &errors_statuses[i];

        buf_printf(out, s->from == s->to ? "| %u |" : "| %u to %u |", s->from, s->to);
        buf_printf(out, " %s |\n", class_row(s->class_id)->name);
    }
    buf_add_str(out, "\nA 404 without a word is junk: no API would leave it at that.\n");
}

static void classes(struct buf *out)
{
    buf_add_str(out,
                "## Classes\n\n"
                "| class | status toward the client | another target may do it | "
                "once more in place | counts against health | may be billed | client may retry |\n"
                "|---|---|---|---|---|---|---|\n");
    for (int i = CLASS_NONE + 1; i < CLASSES; i++) {
        const struct class_row *c = class_row((enum class_id)i);

        buf_printf(out, "| %s | %u | %s | %s | %s | %s | %s |\n", c->name, c->client_status,
                   yes(c->elsewhere), yes(c->in_place), yes(c->health), yes(c->maybe_billed),
                   yes(c->client_retry));
    }
    buf_add_str(out,
                "\nA provider's own 429, 503 or 529 keeps its status, and what a provider says of "
                "a caller's\nfault (caller, too-long, policy) is passed on in its own words.\n");
}

/* ---- one provider ---- */

static void words(struct buf *out, const char *const *w)
{
    for (size_t i = 0; w[i]; i++)
        buf_printf(out, "%s`%s`", i ? " " : "", w[i]);
}

static void found_by(struct buf *out, const struct provider *p)
{
    if (!p->env_keys[0] && !p->env_cloud)
        return;
    buf_add_str(out, "| found by | ");
    words(out, p->env_keys);
    if (p->env_cloud) {
        buf_add_str(out, p->env_keys[0] ? " " : "");
        words(out, p->env_cloud);
    }
    if (p->env_region) {
        buf_add_str(out, "; region by ");
        words(out, p->env_region);
    }
    if (p->env_project)
        buf_printf(out, "; project by `%s`", p->env_project);
    if (p->env_base)
        buf_printf(out, "; base URL by `%s`", p->env_base);
    buf_add_str(out, " |\n");
}

static void capabilities(struct buf *out, const struct provider *p)
{
    const char *sep = "";

    buf_add_str(out, "| can | ");
    for (size_t i = 0; i < ARRAY_LEN(caps); i++)
        if (p->caps & caps[i].cap) {
            buf_printf(out, "%s%s", sep, caps[i].name);
            sep = ", ";
        }
    buf_add_str(out, " |\n");
}

static void only_some(struct buf *out, const struct provider *p, enum provider_op op)
{
    for (const struct provider_some *s = p->some; s && s->models; s++)
        if (s->op == op) {
            buf_printf(out, " (of models %s", s->others ? "other than " : "");
            words(out, s->models);
            buf_add_str(out, ")");
        }
}

static void operations(struct buf *out, const struct provider *p, bool routed, const char *title)
{
    const char *sep = "";

    for (int i = 0; i < OPS; i++) {
        const struct provider_op_row *op = provider_op_row((enum provider_op)i);
        struct span whole, stream;

        if (!p->paths[i] || op->routed != routed)
            continue;
        if (!sep[0])
            buf_printf(out, "| %s | ", title);
        stream = span_str(p->paths[i]);
        whole = span_cut(&stream, '|');
        buf_printf(out, "%s%s `%.*s`", sep, op->name, SPAN_FMT(whole));
        if (span_has(stream))
            buf_printf(out, " (streams: `%.*s`)", SPAN_FMT(stream));
        only_some(out, p, op->op);
        sep = ", ";
    }
    if (sep[0])
        buf_add_str(out, " |\n");
}

/* Features of a set, comma-separated, as docs/dialects.md calls them. */
static void features(struct buf *out, const char *title, chat_set set)
{
    const char *sep = "";

    if (!set)
        return;
    buf_printf(out, "| %s | ", title);
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (set & CHAT_BIT(f)) {
            buf_printf(out, "%s`%s`", sep, chat_feature_row(f)->word);
            sep = ", ";
        }
    buf_add_str(out, " |\n");
}

static void base_url(struct buf *out, const struct provider *p)
{
    buf_printf(out, "| base URL | %s%s%s |\n", p->base ? "`" : "",
               p->base ? p->base : "`endpoints` must say", p->base ? "`" : "");
    if (p->base_global)
        buf_printf(out, "| ... in the region `global` | `%s` |\n", p->base_global);
    if (p->scope)
        buf_printf(out, "| goes behind every base | `%s` |\n", p->scope);
}

static void one(struct buf *out, const struct provider *p)
{
    buf_printf(out, "\n## %s\n\n| `type: %s` | %s |\n|---|---|\n", p->name, p->name, p->title);
    base_url(out, p);
    found_by(out, p);
    buf_printf(out, "| key | %s%s%s, %s |\n", auths[p->auth],
               p->auth_openai != AUTH_NONE ? "; for operations copied from OpenAI " : "",
               p->auth_openai != AUTH_NONE ? auths[p->auth_openai] : "",
               p->key_needed ? "needed" : "if one is set");
    if (p->cloud != CLOUD_NONE)
        buf_printf(out, "| credentials | %s |\n", clouds[p->cloud]);
    if (p->header.name)
        buf_printf(out, "| sent if the client does not | `%s: %s` |\n", p->header.name,
                   p->header.value);
    if (p->fields) {
        buf_add_str(out, "| of the client's head besides what all are sent | ");
        words(out, p->fields);
        buf_add_str(out, " |\n");
    }
    if (p->query)
        buf_printf(out, "| query | `%s` |\n", p->query);
    if (p->engine)
        buf_add_str(out, "| self-hosted | private addresses and clear text are normal |\n");
    buf_printf(out, "| end of a stream | %s |\n", terminals[p->terminal]);
    if (p->framing != REFRAME_NONE)
        buf_printf(out, "| framing of streams | `%s` |\n", reframe_type(p->framing));
    if (p->hosted.version)
        buf_printf(out, "| messages | of models `%s`, with `anthropic_version` %s in the body |\n",
                   p->hosted.models ? p->hosted.models : "*", p->hosted.version);
    capabilities(out, p);
    if (p->models[0]) {
        buf_add_str(out, "| bare model names | ");
        words(out, p->models);
        buf_add_str(out, " |\n");
    }
    if (p->priced_as)
        buf_printf(out, "| priced as | `%s`, where it has no price of its own |\n", p->priced_as);
    if (p->host) {
        features(out, "does not know of translated requests", p->host->less);
        features(out, "knows besides", p->host->more);
    }
    operations(out, p, true, "operations");
    operations(out, p, false, "passed through");
    errors_of(out, p);
}

void provider_write_docs(struct buf *out)
{
    buf_add_str(out, head);
    classes(out);
    for (size_t i = 0; provider_at(i); i++)
        one(out, provider_at(i));
    common_errors(out);
}
