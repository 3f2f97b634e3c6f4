/*
 * providers.c - the rows: vendors, then engines, then the generic type. What a row cannot say has
 * no place here; a difference between vendors is a column, never a branch.
 *
 * Paths are relative to the base. Bases of vendors are as in the vendors' documents for OpenAI
 * clients; Anthropic's SDKs and all engines take a base without /v1, and provider_path() puts up
 * with both.
 *
 * The terminal of a stream is judged on recorded answers: hosts that were seen to end without
 * [DONE] are TERMINAL_FINISH.
 */
#include "provider/errors.h"

#define KEYS(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define MODELS(...)                                                                                \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define FIELDS(...)                                                                                \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define NONE                                                                                       \
    (const char *const[])                                                                          \
    {                                                                                              \
        NULL                                                                                       \
    }

#define CHAT_PATHS(v1)                                                                             \
    [OP_CHAT] = v1 "/chat/completions", [OP_MODELS] = v1 "/models", [OP_MODEL] = v1 "/models/*"
#define TEXT_PATHS(v1)    [OP_COMPLETIONS] = v1 "/completions"
#define VECTOR_PATHS(v1)  [OP_EMBEDDINGS] = v1 "/embeddings"
#define MESSAGE_PATHS(v1) [OP_MESSAGES] = v1 "/messages"
#define COUNT_PATHS(v1)   [OP_COUNT] = v1 "/messages/count_tokens"
#define RESPONSE_PATHS(v1)                                                                         \
    [OP_RESPONSES] = v1 "/responses", [OP_STORED_RESPONSES] = v1 "/responses*"

/* What only passes through, and hosts that copy OpenAI have as well. */
#define PASS_PATHS(v1)                                                                             \
    RESPONSE_PATHS(v1), [OP_AUDIO] = v1 "/audio*", [OP_IMAGES] = v1 "/images*",                    \
                        [OP_MODERATIONS] = v1 "/moderations", [OP_FILES] = v1 "/files*",           \
                        [OP_BATCHES] = v1 "/batches*", [OP_FINE_TUNING] = v1 "/fine_tuning*"

/* What only OpenAI and Azure have. */
#define OPENAI_PATHS(v1)                                                                           \
    [OP_RESPONSES_COUNT] = v1 "/responses/input_tokens",                                           \
    [OP_STORED_CHAT] = v1 "/chat/completions/*", [OP_CONVERSATIONS] = v1 "/conversations*",        \
    [OP_VIDEOS] = v1 "/videos*", [OP_UPLOADS] = v1 "/uploads*",                                    \
    [OP_VECTOR_STORES] = v1 "/vector_stores*", [OP_ASSISTANTS] = v1 "/assistants*",                \
    [OP_THREADS] = v1 "/threads*", [OP_CONTAINERS] = v1 "/containers*", [OP_EVALS] = v1 "/evals*"

/* Google's own, in both versions. */
#define GEMINI_PATHS                                                                               \
    [OP_GEMINI] = "/v1beta/models/%m:generateContent",                                             \
    [OP_GEMINI_STREAM] = "/v1beta/models/%m:streamGenerateContent",                                \
    [OP_GEMINI_COUNT] = "/v1beta/models/%m:countTokens",                                           \
    [OP_GEMINI_V1] = "/v1/models/%m:generateContent",                                              \
    [OP_GEMINI_V1_STREAM] = "/v1/models/%m:streamGenerateContent",                                 \
    [OP_GEMINI_V1_COUNT] = "/v1/models/%m:countTokens",                                            \
    [OP_GEMINI_EMBED] = "/v1beta/models/%m:embedContent",                                          \
    [OP_GEMINI_EMBED_BATCH] = "/v1beta/models/%m:batchEmbedContents",                              \
    [OP_GEMINI_V1_EMBED] = "/v1/models/%m:embedContent",                                           \
    [OP_GEMINI_V1_EMBED_BATCH] = "/v1/models/%m:batchEmbedContents"

/* Calls' ids at Mistral. */
static const struct convert_charset nine = {.exact = 9};

#define HAS(f) CHAT_BIT(CHAT_HAS_##f)

/* Its guide on prompt caching: of gpt-5.6 and later models. */
static const struct convert_cache breakpoints = {.key = "prompt_cache_breakpoint",
                                                 .kind = "mode",
                                                 .word = "explicit",
                                                 .models = MODELS("gpt-5.6*", "gpt-6*")};

/* Models that chat completions answers with a 404: "only supported in v1/responses". */
static const struct provider_some openai_some[] = {
    {OP_CHAT,
     MODELS("*gpt-5*codex*", "codex-mini*", "*gpt-5*-pro", "*gpt-5*-pro-2*", "o1-pro*", "o3-pro*",
            "*deep-research*", "computer-use-*"),
     true},
    {0},
};

static const struct convert_host openai = {.text_files = true, .cache = &breakpoints};

/* Keys that it does not know it refuses. */
static const struct convert_host mistral = {
    .less = HAS(DEVELOPER) | HAS(AUDIO) | HAS(TOOL_FREE) | HAS(REFUSAL) | HAS(LOGIT_BIAS) |
            HAS(LOGPROBS) | HAS(VERBOSITY) | HAS(USER) | HAS(SERVICE_TIER),
    .more = HAS(THINKING) | HAS(DOCUMENT_URL) | HAS(PREFILL),
    .call_ids = &nine,
    .seed = "random_seed",
    .thinking_items = true,
    .document_urls = true,
    .own_schemas = true,
    .prefill = "prefix",
};

/* It wants its thinking back while tools are called, and takes no notice of it otherwise. */
static const struct convert_host deepseek = {
    .less = HAS(DEVELOPER) | HAS(CACHE_KEY),
    .more = HAS(THINKING),
    .thinking = "reasoning_content",
    .own_schemas = true,
};

/* As Anthropic has it, for those whose caches have to be asked for. */
static const struct convert_cache controls = {.key = "cache_control",
                                              .kind = "type",
                                              .word = "ephemeral",
                                              .ttl = true,
                                              .models = MODELS("anthropic/*", "google/*")};

static const struct convert_host openrouter = {.less = HAS(CACHE_KEY),
                                               .more = HAS(THINKING) | HAS(TOP_K),
                                               .thinking = "reasoning",
                                               .own_schemas = true,
                                               .cache = &controls};

/* Everybody who is not OpenAI and has nothing else of its own. */
static const struct convert_host other = {.less = HAS(CACHE_KEY), .own_schemas = true};

/* Engines that go on with a last message of the assistant when they are told to; llama.cpp does so
 * without a word (its README: tools/server, /v1/chat/completions). */
static const struct convert_host vllm = {
    .less = HAS(CACHE_KEY), .more = HAS(PREFILL), .own_schemas = true, .final_message = true};
static const struct convert_host llama_cpp = {
    .less = HAS(CACHE_KEY), .more = HAS(PREFILL), .own_schemas = true};

static const struct convert_host vertex = {.vertex = true};

#undef HAS

/* The same of Vertex AI, behind its scope. */
#define VERTEX_PATHS                                                                               \
    [OP_GEMINI] = "/publishers/google/models/%m:generateContent",                                  \
    [OP_GEMINI_STREAM] = "/publishers/google/models/%m:streamGenerateContent",                     \
    [OP_GEMINI_COUNT] = "/publishers/google/models/%m:countTokens",                                \
    [OP_GEMINI_V1] = "/publishers/google/models/%m:generateContent",                               \
    [OP_GEMINI_V1_STREAM] = "/publishers/google/models/%m:streamGenerateContent",                  \
    [OP_GEMINI_V1_COUNT] = "/publishers/google/models/%m:countTokens",                             \
    [OP_VERTEX_PREDICT] = "/publishers/google/models/%m:predict",                                  \
    [OP_VERTEX_EMBED] = "/publishers/google/models/%m:embedContent"

/* Its embedContent is of the newer models, which predict does not know. */
static const struct provider_some vertex_some[] = {
    {OP_VERTEX_EMBED, MODELS("gemini-embedding-2*"), false},
    {0},
};

static const struct provider_some bedrock_some[] = {
    {OP_TITAN_EMBED, MODELS("*amazon.titan-embed-text-*"), false},
    {OP_COHERE_EMBED, MODELS("*cohere.embed-*"), false},
    {0},
};

#define AZURE_SCOPE "https://cognitiveservices.azure.com/.default"

#define CAPS_ALL (CAP_STREAM | CAP_TOOLS | CAP_VISION | CAP_JSON_SCHEMA)

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): the prefix and the path are one text */
static const struct provider providers[] = {
    {
        .name = "openai",
        .title = "OpenAI",
        .base = "https://api.openai.com/v1",
        .env_keys = KEYS("OPENAI_API_KEY"),
        .env_base = "OPENAI_BASE_URL",
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_USAGE_OPT | CAP_MAX_COMPLETION | CAP_SIGNS | CAP_RESPONSES,
        .limits = {.refills = true, .ramps = true, .dated = true},
        .models = MODELS("gpt-*", "chatgpt-*", "o1*", "o3*", "o4*", "codex-*", "computer-use-*",
                         "text-embedding-*", "text-moderation-*", "omni-moderation-*", "davinci-*",
                         "babbage-*", "dall-e-*", "tts-*", "whisper-*", "sora-*"),
        .paths = {CHAT_PATHS(""), TEXT_PATHS(""), VECTOR_PATHS(""), PASS_PATHS(""),
                  OPENAI_PATHS("")},
        .some = openai_some,
        .host = &openai,
        .errors = errors_openai,
    },
    {
        /* The same, asked by Responses alone: what of a model is only to be had there (how it
         * thinks, some models at all) then also reaches clients of other dialects. */
        .name = "openai-responses",
        .title = "OpenAI (Responses)",
        .base = "https://api.openai.com/v1",
        .env_keys = NONE, /* the same variable as openai's: that one is found by it */
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_SIGNS,
        .limits = {.refills = true, .ramps = true, .dated = true},
        .models = NONE,
        .paths = {RESPONSE_PATHS(""), [OP_RESPONSES_COUNT] = "/responses/input_tokens",
                  [OP_MODELS] = "/models", [OP_MODEL] = "/models/*"},
        .priced_as = "openai",
        .host = &openai,
        .errors = errors_openai,
    },
    {
        .name = "anthropic",
        .title = "Anthropic",
        .base = "https://api.anthropic.com",
        .env_keys = KEYS("ANTHROPIC_API_KEY"),
        .env_base = "ANTHROPIC_BASE_URL",
        .auth = AUTH_X_API_KEY,
        .header = {"anthropic-version", "2023-06-01"},
        .key_needed = true,
        .terminal = TERMINAL_MESSAGE_STOP,
        .caps = CAPS_ALL | CAP_SIGNS,
        .limits = {.apart = true,
                   .refills = true,
                   .ramps = true,
                   .shared = MODELS("claude-opus-4*", "claude-sonnet-4*")},
        .models = MODELS("claude-*"),
        .paths =
            {MESSAGE_PATHS("/v1"),
             COUNT_PATHS("/v1"), [OP_MESSAGE_BATCHES] = "/v1/messages/batches*",
             [OP_FILES] = "/v1/files*", [OP_MODELS] = "/v1/models", [OP_MODEL] = "/v1/models/*"},
        .errors = errors_anthropic,
    },
    {
        .name = "azure",
        .title = "Azure OpenAI (v1)",
        .env_keys = KEYS("AZURE_OPENAI_API_KEY"),
        .env_base = "AZURE_OPENAI_ENDPOINT",
        .auth = AUTH_API_KEY,
        .key_needed = true,
        .cloud = CLOUD_AZURE,
        .service = AZURE_SCOPE,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_USAGE_OPT | CAP_MAX_COMPLETION | CAP_SIGNS | CAP_RESPONSES,
        .models = NONE,
        .paths = {CHAT_PATHS("/openai/v1"), TEXT_PATHS("/openai/v1"), VECTOR_PATHS("/openai/v1"),
                  PASS_PATHS("/openai/v1"), OPENAI_PATHS("/openai/v1")},
        .some = openai_some,
        .errors = errors_azure,
    },
    {
        .name = "azure-deployments",
        .title = "Azure OpenAI (deployments)",
        .env_keys = NONE, /* the same variables as azure's: that one is found by them */
        .auth = AUTH_API_KEY,
        .key_needed = true,
        .cloud = CLOUD_AZURE,
        .service = AZURE_SCOPE,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_USAGE_OPT | CAP_MAX_COMPLETION | CAP_SIGNS,
        .models = NONE,
        .paths = {[OP_CHAT] = "/openai/deployments/%m/chat/completions",
                  [OP_COMPLETIONS] = "/openai/deployments/%m/completions",
                  [OP_EMBEDDINGS] = "/openai/deployments/%m/embeddings"},
        .query = "api-version=2024-10-21",
        .priced_as = "azure",
        .errors = errors_azure,
    },
    {
        .name = "azure-models",
        .title = "Azure AI model inference",
        .env_keys = KEYS("AZURE_AI_API_KEY"),
        .env_base = "AZURE_AI_ENDPOINT",
        .auth = AUTH_API_KEY,
        .key_needed = true,
        .cloud = CLOUD_AZURE,
        .service = AZURE_SCOPE,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_USAGE_OPT | CAP_SIGNS,
        .models = NONE,
        .paths = {[OP_CHAT] = "/models/chat/completions", [OP_EMBEDDINGS] = "/models/embeddings"},
        .query = "api-version=2024-05-01-preview",
        .host = &other,
        .priced_as = "azure",
        .errors = errors_azure,
    },
    {
        .name = "gemini",
        .title = "Google Gemini",
        .base = "https://generativelanguage.googleapis.com",
        .env_keys = KEYS("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        .auth = AUTH_GOOGLE,
        .auth_openai = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_USAGE_OPT | CAP_SIGNS,
        .models = MODELS("gemini-*", "gemma-*"),
        .paths = {GEMINI_PATHS, CHAT_PATHS("/v1beta/openai"),
                  VECTOR_PATHS("/v1beta/openai"), [OP_IMAGES] = "/v1beta/openai/images*",
                  [OP_FILES] = "/v1beta/openai/files*", [OP_BATCHES] = "/v1beta/openai/batches*"},
        .host = &other,
        .errors = errors_gemini,
    },
    {
        .name = "vertex",
        .title = "Google Vertex AI",
        .base = "https://%r-aiplatform.googleapis.com",
        .base_global = "https://aiplatform.googleapis.com",
        .scope = "/v1/projects/%p/locations/%r",
        .env_keys = NONE,
        .env_base = "GOOGLE_VERTEX_BASE_URL",
        .auth = AUTH_BEARER,
        .cloud = CLOUD_GOOGLE,
        .env_project = "GOOGLE_CLOUD_PROJECT",
        .env_region = KEYS("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION"),
        .env_cloud = KEYS("GOOGLE_APPLICATION_CREDENTIALS"),
        .terminal = TERMINAL_MESSAGE_STOP,
        .caps = CAPS_ALL | CAP_SIGNS,
        .models = MODELS("gemini-*", "claude-*", "text-embedding-0*", "text-multilingual-*"),
        .some = vertex_some,
        .paths = {VERTEX_PATHS, [OP_MESSAGES] = "/publishers/anthropic/models/%m:rawPredict|"
                                                "/publishers/anthropic/models/%m:streamRawPredict"},
        .hosted = {.version = "vertex-2023-10-16",
                   .models = "claude-*",
                   .only = true,
                   .keeps_stream = true},
        .host = &vertex,
        .errors = errors_gemini,
    },
    {
        .name = "bedrock",
        .title = "Amazon Bedrock",
        .base = "https://bedrock-runtime.%r.amazonaws.com",
        .env_keys = KEYS("AWS_BEARER_TOKEN_BEDROCK"),
        .env_base = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        .auth = AUTH_BEARER,
        .cloud = CLOUD_AWS,
        .service = "bedrock",
        .env_region = KEYS("AWS_REGION", "AWS_DEFAULT_REGION"),
        .env_cloud =
            KEYS("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_PROFILE",
                 "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        .terminal = TERMINAL_MESSAGE_STOP,
        .framing = REFRAME_AWS,
        .caps = CAPS_ALL | CAP_SIGNS,
        .models = MODELS("anthropic.*", "amazon.*", "meta.*", "cohere.*", "mistral.*", "us.*",
                         "eu.*", "apac.*", "global.*", "arn:aws:bedrock:*"),
        .paths = {[OP_MESSAGES] = "/model/%m/invoke|/model/%m/invoke-with-response-stream",
                  [OP_CONVERSE] = "/model/%m/converse|/model/%m/converse-stream",
                  [OP_TITAN_EMBED] = "/model/%m/invoke",
                  [OP_COHERE_EMBED] = "/model/%m/invoke"},
        .some = bedrock_some,
        .hosted = {.version = "bedrock-2023-05-31", .models = "*claude*", .body_betas = true},
        .error_header = "x-amzn-errortype",
        .errors = errors_bedrock,
    },
    {
        .name = "mistral",
        .title = "Mistral",
        .base = "https://api.mistral.ai/v1",
        .env_keys = KEYS("MISTRAL_API_KEY"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_PREFILL,
        .models = MODELS("mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*",
                         "pixtral-*", "voxtral-*", "open-mistral-*", "open-mixtral-*"),
        .paths = {CHAT_PATHS(""), VECTOR_PATHS(""), [OP_MODERATIONS] = "/moderations",
                  [OP_FILES] = "/files*", [OP_AUDIO] = "/audio*"},
        .host = &mistral,
        .errors = errors_mistral,
    },
    {
        .name = "cohere",
        .title = "Cohere",
        .base = "https://api.cohere.com",
        .env_keys = KEYS("COHERE_API_KEY", "CO_API_KEY"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL,
        .limits = {.shared = MODELS("*")}, /* of all calls of a trial key */
        .models =
            MODELS("command-*", "c4ai-*", "embed-english-*", "embed-multilingual-*", "embed-v4*"),
        .paths = {[OP_COHERE] = "/v2/chat",
                  [OP_COHERE_EMBED] = "/v2/embed",
                  [OP_CHAT] = "/compatibility/v1/chat/completions",
                  VECTOR_PATHS("/compatibility/v1"),
                  [OP_RERANK] = "/v1/rerank"},
        .errors = errors_cohere,
    },
    {
        .name = "groq",
        .title = "Groq",
        .base = "https://api.groq.com/openai/v1",
        .env_keys = KEYS("GROQ_API_KEY"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL,
        .limits = {.refills = true},
        .models = NONE,
        .paths = {CHAT_PATHS(""), VECTOR_PATHS(""), RESPONSE_PATHS(""), [OP_AUDIO] = "/audio*",
                  [OP_FILES] = "/files*", [OP_BATCHES] = "/batches*"},
        .host = &other,
        .errors = errors_groq,
    },
    {
        .name = "deepseek",
        .title = "DeepSeek",
        .base = "https://api.deepseek.com",
        .env_keys = KEYS("DEEPSEEK_API_KEY"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAP_STREAM | CAP_TOOLS,
        .models = MODELS("deepseek-chat*", "deepseek-reasoner*", "deepseek-v*"),
        .host = &deepseek,
        .paths = {CHAT_PATHS(""), MESSAGE_PATHS("/anthropic/v1"), RESPONSE_PATHS("")},
        .errors = errors_none,
    },
    {
        .name = "xai",
        .title = "xAI",
        .base = "https://api.x.ai/v1",
        .env_keys = KEYS("XAI_API_KEY"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_USAGE_OPT,
        .models = MODELS("grok-*"),
        .paths = {CHAT_PATHS(""), TEXT_PATHS(""), RESPONSE_PATHS(""), [OP_IMAGES] = "/images*",
                  [OP_FILES] = "/files*", [OP_BATCHES] = "/batches*"},
        .host = &other,
        .errors = errors_xai,
    },
    {
        .name = "openrouter",
        .title = "OpenRouter",
        .base = "https://openrouter.ai/api/v1",
        .env_keys = KEYS("OPENROUTER_API_KEY"),
        .auth = AUTH_BEARER,
        .fields = FIELDS("http-referer", "x-title", "x-openrouter-*"), /* which application asks */
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_MAX_COMPLETION,
        .limits = {.bare = true, .shared = MODELS("*:free")},
        .models = NONE,
        .paths = {CHAT_PATHS(""), TEXT_PATHS(""), VECTOR_PATHS(""), MESSAGE_PATHS(""),
                  RESPONSE_PATHS(""), [OP_RERANK] = "/rerank"},
        .host = &openrouter,
        .errors = errors_openrouter,
    },
    {
        .name = "together",
        .title = "Together AI",
        .base = "https://api.together.xyz/v1",
        .env_keys = KEYS("TOGETHER_API_KEY"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL,
        .limits = {.bare = true, .window_s = 1},
        .models = NONE,
        .paths = {CHAT_PATHS(""), TEXT_PATHS(""),
                  VECTOR_PATHS(""), [OP_AUDIO] = "/audio*", [OP_IMAGES] = "/images*",
                  [OP_RERANK] = "/rerank", [OP_FILES] = "/files*", [OP_BATCHES] = "/batches*"},
        .host = &other,
        .errors = errors_engine,
    },
    {
        .name = "fireworks",
        .title = "Fireworks AI",
        .base = "https://api.fireworks.ai/inference/v1",
        .env_keys = KEYS("FIREWORKS_API_KEY"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_USAGE_OPT,
        .limits = {.apart = true},
        .models = NONE,
        .paths = {CHAT_PATHS(""), TEXT_PATHS(""), VECTOR_PATHS(""), MESSAGE_PATHS(""),
                  RESPONSE_PATHS(""), [OP_RERANK] = "/rerank"},
        .host = &other,
        .errors = errors_none,
    },
    {
        .name = "perplexity",
        .title = "Perplexity",
        .base = "https://api.perplexity.ai",
        .env_keys = KEYS("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_FINISH,
        .caps = CAP_STREAM | CAP_VISION | CAP_JSON_SCHEMA,
        .models = MODELS("sonar*"),
        .paths = {[OP_CHAT] = "/chat/completions", VECTOR_PATHS("/v1"), RESPONSE_PATHS("/v1")},
        .host = &other,
        .errors = errors_none,
    },
    {
        .name = "huggingface",
        .title = "Hugging Face router",
        .base = "https://router.huggingface.co/v1",
        .env_keys = KEYS("HF_TOKEN"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_FINISH, /* as the host behind it does */
        .caps = CAPS_ALL | CAP_USAGE_OPT,
        .models = NONE,
        .paths = {CHAT_PATHS(""), RESPONSE_PATHS("")},
        .host = &other,
        .errors = errors_huggingface,
    },
    {
        .name = "cerebras",
        .title = "Cerebras",
        .base = "https://api.cerebras.ai/v1",
        .env_keys = KEYS("CEREBRAS_API_KEY"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_FINISH,
        .caps = CAP_STREAM | CAP_TOOLS | CAP_JSON_SCHEMA | CAP_USAGE_OPT,
        .models = NONE,
        .paths = {CHAT_PATHS(""), TEXT_PATHS("")},
        .host = &other,
        .errors = errors_none,
    },
    {
        .name = "zai",
        .title = "Z.ai",
        .base = "https://api.z.ai/api",
        .env_keys = KEYS("ZAI_API_KEY"),
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAP_STREAM | CAP_TOOLS | CAP_VISION,
        .models = MODELS("glm-*"),
        .paths = {[OP_CHAT] = "/paas/v4/chat/completions",
                  MESSAGE_PATHS("/anthropic/v1"),
                  [OP_IMAGES] = "/paas/v4/images*"},
        .host = &other,
        .errors = errors_zai,
    },
    {
        .name = "zai-coding",
        .title = "Z.ai coding plan",
        .base = "https://api.z.ai/api",
        .env_keys = NONE,
        .auth = AUTH_BEARER,
        .key_needed = true,
        .terminal = TERMINAL_DONE,
        .caps = CAP_STREAM | CAP_TOOLS | CAP_VISION,
        .models = NONE,
        .paths = {[OP_CHAT] = "/coding/paas/v4/chat/completions", MESSAGE_PATHS("/anthropic/v1")},
        .host = &other,
        .errors = errors_zai,
    },

    /* ---- engines ---- */
    {
        .name = "vllm",
        .title = "vLLM",
        .env_keys = NONE,
        .auth = AUTH_BEARER,
        .engine = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_PREFILL | CAP_USAGE_OPT,
        .models = NONE,
        .paths = {CHAT_PATHS("/v1"), TEXT_PATHS("/v1"), VECTOR_PATHS("/v1"), MESSAGE_PATHS("/v1"),
                  COUNT_PATHS("/v1"),
                  RESPONSE_PATHS("/v1"), [OP_AUDIO] = "/v1/audio*", [OP_RERANK] = "/v1/rerank"},
        .host = &vllm,
        .errors = errors_engine,
    },
    {
        .name = "sglang",
        .title = "SGLang",
        .env_keys = NONE,
        .auth = AUTH_BEARER,
        .engine = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_PREFILL | CAP_USAGE_OPT,
        .models = NONE,
        .paths = {CHAT_PATHS("/v1"), TEXT_PATHS("/v1"), VECTOR_PATHS("/v1"), MESSAGE_PATHS("/v1"),
                  COUNT_PATHS("/v1"), RESPONSE_PATHS("/v1"), [OP_RERANK] = "/v1/rerank"},
        .host = &vllm,
        .errors = errors_engine,
    },
    {
        .name = "llama.cpp",
        .title = "llama.cpp",
        .env_keys = NONE,
        .auth = AUTH_BEARER,
        .engine = true,
        .terminal = TERMINAL_DONE,
        .caps = CAPS_ALL | CAP_PREFILL | CAP_USAGE_OPT,
        .models = NONE,
        .paths = {CHAT_PATHS("/v1"), TEXT_PATHS("/v1"), VECTOR_PATHS("/v1"), MESSAGE_PATHS("/v1"),
                  COUNT_PATHS("/v1"), RESPONSE_PATHS("/v1"), [OP_RERANK] = "/v1/rerank"},
        .host = &llama_cpp,
        .errors = errors_engine,
    },
    {
        .name = "tgi",
        .title = "Text Generation Inference",
        .env_keys = NONE,
        .auth = AUTH_BEARER,
        .engine = true,
        .terminal = TERMINAL_DONE,
        .caps = CAP_STREAM | CAP_TOOLS | CAP_VISION | CAP_USAGE_OPT,
        .models = NONE,
        .paths = {CHAT_PATHS("/v1"), TEXT_PATHS("/v1")},
        .host = &other,
        .errors = errors_engine,
    },
    {
        .name = "tensorrt-llm",
        .title = "TensorRT-LLM (trtllm-serve)",
        .env_keys = NONE,
        .auth = AUTH_BEARER,
        .engine = true,
        .terminal = TERMINAL_DONE,
        .caps = CAP_STREAM | CAP_TOOLS | CAP_VISION | CAP_JSON_SCHEMA | CAP_USAGE_OPT,
        .models = NONE,
        .paths = {CHAT_PATHS("/v1"), TEXT_PATHS("/v1"), RESPONSE_PATHS("/v1")},
        .host = &other,
        .errors = errors_engine,
    },
    {
        .name = "ollama",
        .title = "Ollama",
        .env_keys = NONE,
        .auth = AUTH_BEARER,
        .engine = true,
        .terminal = TERMINAL_DONE,
        .framing = REFRAME_NDJSON,
        .caps = CAP_STREAM | CAP_TOOLS | CAP_VISION | CAP_USAGE_OPT,
        .models = NONE,
        .paths = {[OP_OLLAMA] = "/api/chat",
                  CHAT_PATHS("/v1"),
                  TEXT_PATHS("/v1"),
                  VECTOR_PATHS("/v1"),
                  MESSAGE_PATHS("/v1"),
                  RESPONSE_PATHS("/v1"),
                  [OP_IMAGES] = "/v1/images*"},
        .host = &other,
        .errors = errors_engine,
    },

    /* ---- everything else ---- */
    {
        .name = "openai-compatible",
        .title = "any host with OpenAI's API",
        .env_keys = NONE,
        .auth = AUTH_BEARER,
        .terminal = TERMINAL_DONE,
        .caps = CAP_STREAM,
        .models = NONE,
        .paths = {CHAT_PATHS(""), TEXT_PATHS(""), VECTOR_PATHS(""),
                  PASS_PATHS(""), [OP_RERANK] = "/rerank"},
        .host = &other,
        .errors = errors_engine,
    },
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

const struct provider *provider_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(providers); i++)
        if (span_is(name, providers[i].name))
            return &providers[i];
    return NULL;
}

const struct provider *provider_at(size_t i)
{
    return i < ARRAY_LEN(providers) ? &providers[i] : NULL;
}

const struct provider *
provider_for_model(struct span model, bool (*has)(void *arg, const struct provider *p), void *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(providers); i++)
        if (span_globs(providers[i].models, model) && has(arg, &providers[i]))
            return &providers[i];
    return NULL;
}
