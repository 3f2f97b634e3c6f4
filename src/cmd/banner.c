/*
 * banner.c - see banner.h.
 */
#include "cmd/banner.h"

#include "base/version.h"
#include "cmd/listen.h"

static const char *addr_of(int fd, char out[NET_ADDR_TEXT])
{
    struct net_addr a;

    listen_addr(fd, &a);
    return net_addr_text(&a, out);
}

static const char *an_example(const struct settings_provider *p)
{
    static const struct {
        const char *type, *model;
    } rows[] = {
        {"openai", "gpt-5.1"},
        {"anthropic", "claude-sonnet-4-6"},
        {"mistral", "mistral-small-latest"},
        {"groq", "llama-3.3-70b-versatile"},
        {"deepseek", "deepseek-chat"},
        {"gemini", "gemini-2.5-flash"},
        {"llama.cpp", "smollm2-135m-instruct"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(p->type->name, rows[i].type) == 0)
            return rows[i].model;
    return "MODEL";
}

static void print_pass(const struct settings *s)
{
    for (size_t i = 0; i < s->pass_n; i++)
        run_say("  passes    %.*s%s", SPAN_FMT(s->pass[i]->name),
                i ? "" : " (files, batches, audio, images: the first that has the path)");
}

static void print_providers(const struct settings *s)
{
    for (size_t i = 0; i < s->providers_n; i++) {
        const struct settings_provider *p = &s->providers[i];

        run_say("  provider  %-12.*s %s at %.*s%s%s", SPAN_FMT(p->name), p->type->title,
                SPAN_FMT(p->urls[0].text), p->credential.source ? ", credentials by " : "",
                p->credential.source ? p->credential.source->name : "");
    }
    for (size_t i = 0; i < s->models_n; i++)
        run_say("  model     %.*s -> %.*s%s", SPAN_FMT(s->models[i].name),
                SPAN_FMT(s->models[i].targets[0].id), s->models[i].targets_n > 1 ? ", ..." : "");
    print_pass(s);
    if (s->providers_n == 0)
        run_say("  no provider found: set OPENAI_API_KEY or another provider's key, write a\n"
                "  configuration (lamplighter config init), or try `lamplighter mock`");
}

/* A name to ask for in an operation: one of `models`, or provider/model. false: nobody has it. */
static bool example_model(const struct settings *s, enum provider_op op, char out[SETTINGS_ID_MAX])
{
    for (size_t i = 0; i < s->models_n; i++)
        if (s->models[i].targets[0].provider->type->paths[op]) {
            UNUSED(snprintf(out, SETTINGS_ID_MAX, "%.*s", SPAN_FMT(s->models[i].name)));
            return true;
        }
    for (size_t i = 0; i < s->providers_n; i++)
        if (s->providers[i].type->paths[op]) {
            UNUSED(snprintf(out, SETTINGS_ID_MAX, "%.*s/%s", SPAN_FMT(s->providers[i].name),
                            an_example(&s->providers[i])));
            return true;
        }
    return false;
}

/* Not indented: Python minds. */
static void print_snippets(const struct settings *s, const char *scheme, const char *addr)
{
    const char *key = s->keys_open ? "any" : "YOUR-KEY";
    const char *header = s->keys_open ? "" : " \\\n  -H 'authorization: Bearer YOUR-KEY'";
    char model[SETTINGS_ID_MAX];

    if (example_model(s, OP_CHAT, model)) {
        run_say(
            "\ncurl %s://%s/v1/chat/completions -H 'content-type: application/json'%s \\\n"
            "  -d '{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'",
            scheme, addr, header, model);
        run_say("\nfrom openai import OpenAI\n"
                "client = OpenAI(base_url=\"%s://%s/v1\", api_key=\"%s\")\n"
                "answer = client.chat.completions.create(model=\"%s\",\n"
                "    messages=[{\"role\": \"user\", \"content\": \"Hello\"}])\n"
                "print(answer.choices[0].message.content)\n",
                scheme, addr, key, model);
    } else if (example_model(s, OP_MESSAGES, model)) {
        run_say("\nANTHROPIC_BASE_URL=%s://%s ANTHROPIC_API_KEY=%s claude --model %s\n"
                "\nfrom anthropic import Anthropic\n"
                "client = Anthropic(base_url=\"%s://%s\", api_key=\"%s\")\n"
                "answer = client.messages.create(model=\"%s\", max_tokens=100,\n"
                "    messages=[{\"role\": \"user\", \"content\": \"Hello\"}])\n"
                "print(answer.content[0].text)\n",
                scheme, addr, key, model, scheme, addr, key, model);
    }
}

void banner_print(const struct run *run, const struct settings *s)
{
    const char *scheme = s->server.tls_cert.n ? "https" : "http";
    char addr[NET_ADDR_TEXT];

    run_say("lamplighter %s, configuration from %.*s", version_text(), SPAN_FMT(s->source));
    print_providers(s);
    for (size_t i = 0; i < run->listens; i++)
        run_say("  clients   %s://%s/v1", scheme, addr_of(run->listen_fds[0][i], addr));
    run_say("  admin     http://%s/metrics", addr_of(run->admin_fd, addr));
    if (s->engines_n)
        run_say("  loading   a local model answers once its line below says 'ready'");
    if (run->listens)
        print_snippets(s, scheme, addr_of(run->listen_fds[0][0], addr));
}
