/*
 * hosts.c - see hosts.h.
 */
#include "hosts.h"

/* The first row that matches host and path counts. */
static const struct {
    const char *host, *path, *provider;
} hosts[] = {
    {"api.openai.com", "*", "openai"},
    {"api.anthropic.com", "*", "anthropic"},
    {"*.openai.azure.com", "/openai/deployments/*", "azure-deployments"},
    {"*.openai.azure.com", "*", "azure"},
    {"*.services.ai.azure.com", "/models/*", "azure-models"},
    {"*.services.ai.azure.com", "*", "azure"},
    {"*.cognitiveservices.azure.com", "/openai/responses", NULL}, /* of a dated preview */
    {"api.mistral.ai", "*", "mistral"},
    {"api.groq.com", "*", "groq"},
    {"api.deepseek.com", "/v1/*", "openai-compatible"},
    {"api.deepseek.com", "*", "deepseek"},
    {"api.x.ai", "*", "xai"},
    {"openrouter.ai", "*", "openrouter"},
    {"api.together.xyz", "*", "together"},
    {"api.fireworks.ai", "*", "fireworks"},
    {"api.perplexity.ai", "*", "perplexity"},
    {"router.huggingface.co", "/v1/*", "huggingface"},
    {"router.huggingface.co", "*", "openai-compatible"}, /* one host behind it by name */
    {"generativelanguage.googleapis.com", "*", "gemini"},
    {"*aiplatform.googleapis.com", "*", NULL},
    {"localhost:8787", "/google-vertex/*", NULL},
    {"api.cerebras.ai", "*", "cerebras"},
    {"api.z.ai", "/api/coding/*", "zai-coding"},
    {"api.z.ai", "*", "zai"},
    {"", "<OLLAMA_*", "ollama"},
    {"localhost:11434", "*", "ollama"},
    {"127.0.0.1:11434", "*", "ollama"},
    {"localhost:8787", "/anthropic/*", "anthropic"},
    {"api.cohere.com", "/v2/chat", "cohere"},
    {"api.cohere.com", "*", NULL},
    {"", "*", "openai-compatible"},
    {"localhost:*", "*", "openai-compatible"},
    {"ollama.com", "*", "ollama"},
    {"ai-gateway.vercel.sh", "*", "openai-compatible"},
    {"api.avian.io", "*", "openai-compatible"},
    {"api.cloudflare.com", "*", "openai-compatible"},
    {"api.inference.crusoecloud.com", "*", "openai-compatible"},
    {"api.voyageai.com", "*", "openai-compatible"},
    {"api.writer.com", "*", "openai-compatible"},
    {"bedrock-mantle.*", "*", "openai-compatible"},
    {"*.azuredatabricks.net", "*", "openai-compatible"},
    {"*.snowflakecomputing.com", "*", "openai-compatible"},
    {"us.inference.heroku.com", "*", "openai-compatible"},
    {"demo-endpoints.pydantic.workers.dev", "*", "openai-compatible"},
};

const struct provider *hosts_find(struct span host, struct span path, bool *known)
{
    *known = false;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (span_glob(span_str(hosts[i].host), host) && span_glob(span_str(hosts[i].path), path)) {
            *known = true;
            return hosts[i].provider ? provider_find(span_str(hosts[i].provider)) : NULL;
        }
    return NULL;
}

/* The path of a base URL: "/v1" of "https://api.openai.com/v1"; its host goes to *host. */
static struct span base_path(const char *base, struct span *host)
{
    static const struct span scheme = {"https://", 8};
    struct span rest = span_str(base);

    MUST(span_starts(rest, scheme));
    rest = span_of(rest.p + scheme.n, rest.n - scheme.n);
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] == '/') {
            *host = span_of(rest.p, i);
            return span_of(rest.p + i, rest.n - i);
        }
    *host = rest;
    return span_of("", 0);
}

/* The name that stands in the path: of a deployment at Azure, which is the user's, and not the
 * model of the body; of the model at Google. */
static struct span named(struct span path)
{
    struct span piece = {NULL, 0};

    while (span_has(path) && !span_is(piece, "deployments") && !span_is(piece, "models"))
        piece = span_cut(&path, '/');
    piece = span_cut(&path, '/');
    return span_cut(&piece, ':');
}

bool hosts_path_fits(const struct provider *p, enum provider_op op, struct span host,
                     struct span path)
{
    struct span base = {"", 0}, own = {NULL, 0};
    struct buf want;
    bool ok;

    if (span_starts(path, SPAN_LIT("<"))) /* the base was taken out of the recording */
        return p->paths[op] != NULL;
    if (p->base)
        base = base_path(p->base, &own);
    if (!span_eq(own, host)) /* the base is the user's: whatever stands before the row's path */
        base = span_of("", 0);
    buf_init(&want, 4096);
    ok = provider_path(&want, p, op, base, path, named(path)) == 0 &&
         (span_eq(own, host) ? span_eq(path, buf_span(&want)) : span_ends(path, buf_span(&want)));
    buf_fini(&want);
    return ok;
}
