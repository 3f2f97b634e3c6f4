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
    {"localhost:8787", "/anthropic/*", "anthropic"},
    {"localhost:8787", "/bedrock/*", "bedrock"},
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
    {"bedrock-runtime.*", "*", "bedrock"},
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

/* Bytes that clients escape and others do not. */
static void add_plain(struct buf *out, struct span path)
{
    for (size_t i = 0; i < path.n; i++) {
        bool colon = span_starts(span_of(path.p + i, path.n - i), SPAN_LIT("%3A"));

        buf_add_char(out, colon ? ':' : path.p[i]);
        i += colon ? 2 : 0;
    }
}

/* The name that stands in the path: of a deployment at Azure, which is the user's, and not the
 * model of the body; of the model at Google and at Amazon. */
static struct span named(struct span path)
{
    struct span piece = {NULL, 0};

    bool amazon = false;

    while (span_has(path) && !span_is(piece, "deployments") && !span_is(piece, "models") &&
           !amazon) {
        piece = span_cut(&path, '/');
        amazon = span_is(piece, "model");
    }
    piece = span_cut(&path, '/');
    return amazon ? piece : span_cut(&piece, ':');
}

bool hosts_path_fits(const struct provider *p, enum provider_op op, bool stream, struct span host,
                     struct span path)
{
    struct span base = {"", 0}, own = {NULL, 0};
    struct buf plain, want, got;
    bool ok;

    if (span_starts(path, SPAN_LIT("<"))) /* the base was taken out of the recording */
        return p->paths[op] != NULL;
    if (p->base)
        base = base_path(p->base, &own);
    if (!span_eq(own, host)) /* the base is the user's: whatever stands before the row's path */
        base = span_of("", 0);
    buf_init(&plain, 4096);
    buf_init(&want, 4096);
    buf_init(&got, 4096);
    add_plain(&plain, path);
    ok = provider_path(&got, p, &(struct provider_ask){op, stream, path, named(buf_span(&plain))},
                       base) == 0;
    add_plain(&want, buf_span(&got));
    ok = ok && (span_eq(own, host) ? span_eq(buf_span(&plain), buf_span(&want))
                                   : span_ends(buf_span(&plain), buf_span(&want)));
    buf_fini(&plain);
    buf_fini(&want);
    buf_fini(&got);
    return ok;
}
