/*
 * errors.c - what upstream errors mean. Rows are looked through in this order: the provider's
 * own, then those that all hosts share, then (inside of a stream, where there is no status) the
 * general words, then the status alone.
 *
 * Rows without a status also serve errors inside of a stream. General words such as api_error
 * are no rows of the first two tables: hosts write them beside every status (Ollama says
 * api_error with 401), so the status is asked first.
 *
 * A model that is missing is CREDENTIAL and not CALLER: the hosts themselves cannot tell "does
 * not exist" from "not for this key", and another target of the same name may well have it.
 */
#include "provider/errors.h"

#define END {0, NULL, NULL, CLASS_NONE}

/* clang-format off */
const struct provider_error_row errors_none[] = {END};

const struct provider_error_row errors_openai[] = {
    {0, "slow_down", NULL, CLASS_RATE}, /* with 429, and 503 before */
    {400, "invalid_prompt", NULL, CLASS_POLICY},
    {503, "server_is_overloaded", NULL, CLASS_OVERLOAD},
    END
};

const struct provider_error_row errors_anthropic[] = {
    {0, "enforced_spend_limit_reached", NULL, CLASS_QUOTA},
    {400, NULL, "credit balance is too low", CLASS_QUOTA},
    {400, NULL, "specified API usage limits", CLASS_QUOTA},
    {400, NULL, "spend limit", CLASS_QUOTA},
    {400, NULL, "exceed context limit", CLASS_TOO_LONG},
    {400, NULL, "content filtering policy", CLASS_POLICY},
    {404, "not_found_error", "model", CLASS_CREDENTIAL},
    {413, "request_too_large", NULL, CLASS_CALLER},
    END
};

const struct provider_error_row errors_azure[] = {
    {0, "DeploymentNotFound", NULL, CLASS_CREDENTIAL},
    {0, "OperationNotSupported", NULL, CLASS_CREDENTIAL},
    {0, "unknown_model", NULL, CLASS_CREDENTIAL},
    {0, "ResponsibleAIPolicyViolation", NULL, CLASS_POLICY},
    {0, "NoCapacity", NULL, CLASS_OVERLOAD},
    {0, "RateLimitReached", NULL, CLASS_RATE},
    END
};

/* The head of an answer names the exception; in a stream its name begins with a small letter. */
const struct provider_error_row errors_bedrock[] = {
    {0, "*hrottlingException", NULL, CLASS_RATE},
    {0, "*erviceQuotaExceededException", NULL, CLASS_QUOTA},
    {0, "*odelNotReadyException", NULL, CLASS_OVERLOAD},       /* the model is being loaded */
    {0, "*erviceUnavailableException", NULL, CLASS_OVERLOAD},
    {0, "*odelTimeoutException", NULL, CLASS_SERVER},
    {0, "*odelErrorException", NULL, CLASS_SERVER},
    {0, "*odelStreamErrorException", NULL, CLASS_SERVER},
    {0, "*nternalServerException", NULL, CLASS_SERVER},
    {0, "AccessDeniedException", NULL, CLASS_CREDENTIAL},
    {0, "ExpiredTokenException", NULL, CLASS_CREDENTIAL},
    {0, "UnrecognizedClientException", NULL, CLASS_CREDENTIAL},
    {0, "InvalidSignatureException", NULL, CLASS_CREDENTIAL},
    {0, "ResourceNotFoundException", NULL, CLASS_CREDENTIAL},
    {400, NULL, "model identifier is invalid", CLASS_CREDENTIAL},
    {400, NULL, "on-demand throughput", CLASS_CREDENTIAL},     /* only by an inference profile */
    {0, NULL, "input is too long", CLASS_TOO_LONG},
    {0, NULL, "input tokens exceeded", CLASS_TOO_LONG},
    {0, NULL, "too many input tokens", CLASS_TOO_LONG},
    {0, NULL, "prompt is too long", CLASS_TOO_LONG},
    {0, "*alidationException", NULL, CLASS_CALLER},
    END
};

const struct provider_error_row errors_mistral[] = {
    {0, "service_tier_capacity_exceeded", NULL, CLASS_OVERLOAD},
    {0, "3505", NULL, CLASS_OVERLOAD},
    {0, "rate_limited", NULL, CLASS_RATE},
    {400, "invalid_model", NULL, CLASS_CREDENTIAL},
    {400, NULL, "too large for model", CLASS_TOO_LONG},
    END
};

const struct provider_error_row errors_cohere[] = {
    {0, "TOO_MANY_TOKENS", NULL, CLASS_TOO_LONG},
    {0, NULL, "too many tokens", CLASS_TOO_LONG},
    {429, NULL, "API calls / month", CLASS_QUOTA},  /* a trial key */
    {498, NULL, NULL, CLASS_CREDENTIAL},            /* invalid token */
    {0, "TIMEOUT", NULL, CLASS_SERVER},             /* finish reasons that are none */
    {0, "ERROR", NULL, CLASS_SERVER},
    END
};

const struct provider_error_row errors_groq[] = {
    {413, "rate_limit_exceeded", NULL, CLASS_TOO_LONG}, /* more than the account's whole minute */
    {413, "tokens", NULL, CLASS_TOO_LONG},
    {498, NULL, NULL, CLASS_OVERLOAD},                  /* flex tier without capacity */
    {0, "tool_use_failed", NULL, CLASS_CALLER},
    {0, "organization_restricted", NULL, CLASS_CREDENTIAL},
    END
};

const struct provider_error_row errors_xai[] = {
    {400, NULL, "Incorrect API key", CLASS_CREDENTIAL},
    {0, NULL, "used all available credits", CLASS_QUOTA},
    {0, NULL, "monthly spending limit", CLASS_QUOTA},
    {0, NULL, "maximum prompt length", CLASS_TOO_LONG},
    {403, NULL, "Content violates usage guidelines", CLASS_POLICY},
    END
};

const struct provider_error_row errors_openrouter[] = {
    {403, NULL, "moderation", CLASS_POLICY},
    {403, NULL, "flagged", CLASS_POLICY},
    {404, NULL, "No endpoints found", CLASS_CREDENTIAL},
    {400, NULL, "is not a valid model", CLASS_CREDENTIAL},
    {0, NULL, "Key limit exceeded", CLASS_QUOTA},
    {0, NULL, "Provider disconnected", CLASS_SERVER},
    END
};

const struct provider_error_row errors_huggingface[] = {
    {0, NULL, "monthly included credits", CLASS_QUOTA},
    {400, "model_not_supported", NULL, CLASS_CREDENTIAL},
    {503, NULL, "loading", CLASS_OVERLOAD},
    END
};

const struct provider_error_row errors_gemini[] = {
    {429, "*PerDay*", NULL, CLASS_QUOTA},
    {429, NULL, "prepayment credits are depleted", CLASS_QUOTA},
    {400, NULL, "API key not valid", CLASS_CREDENTIAL},
    {400, NULL, "API key expired", CLASS_CREDENTIAL},
    {400, NULL, "User location is not supported", CLASS_CREDENTIAL},
    {0, NULL, "input token count", CLASS_TOO_LONG},
    {404, "NOT_FOUND", "model", CLASS_CREDENTIAL},
    {0, "RESOURCE_EXHAUSTED", NULL, CLASS_RATE},
    {0, "UNAVAILABLE", NULL, CLASS_OVERLOAD},
    {0, "DEADLINE_EXCEEDED", NULL, CLASS_SERVER},
    {0, "INTERNAL", NULL, CLASS_SERVER},
    {0, "PERMISSION_DENIED", NULL, CLASS_CREDENTIAL},
    {0, "UNAUTHENTICATED", NULL, CLASS_CREDENTIAL},
    END
};

const struct provider_error_row errors_zai[] = {
    {0, "1113", NULL, CLASS_QUOTA},      /* the account is in arrears */
    {0, "1304", NULL, CLASS_QUOTA},      /* calls of the day */
    {0, "1308", NULL, CLASS_QUOTA},      /* the plan's use of some hours or days */
    {0, "1309", NULL, CLASS_QUOTA},      /* the plan is over */
    {0, "100*", NULL, CLASS_CREDENTIAL},
    {0, "1211", NULL, CLASS_CREDENTIAL}, /* no such model */
    {0, "1220", NULL, CLASS_CREDENTIAL},
    {0, "1261", NULL, CLASS_TOO_LONG},
    {0, "1301", NULL, CLASS_POLICY},
    {0, "1302", NULL, CLASS_RATE},
    {0, "1303", NULL, CLASS_RATE},
    {0, "1305", NULL, CLASS_RATE},
    {0, "1312", NULL, CLASS_OVERLOAD},   /* the model has too many visitors */
    END
};

/* vLLM, SGLang, TGI, llama.cpp, Ollama. */
const struct provider_error_row errors_engine[] = {
    {0, NULL, "queue is full", CLASS_OVERLOAD},                       /* SGLang */
    {0, NULL, "waiting timeout reached", CLASS_OVERLOAD},
    {0, NULL, "aborted by a higher priority", CLASS_OVERLOAD},
    {0, NULL, "maximum pending requests exceeded", CLASS_OVERLOAD},   /* Ollama */
    {0, "overloaded", NULL, CLASS_OVERLOAD},                          /* TGI */
    {503, "unavailable_error", NULL, CLASS_OVERLOAD},                 /* llama.cpp: loading */
    {0, "exceed_context_size_error", NULL, CLASS_TOO_LONG},
    {422, "validation", "must be <=", CLASS_TOO_LONG},                /* TGI */
    {422, "validation", NULL, CLASS_CALLER},
    {424, "generation", NULL, CLASS_SERVER},                          /* TGI: the batch is lost */
    {500, "incomplete_generation", NULL, CLASS_TRUNCATED},
    {0, NULL, "out of memory", CLASS_SERVER},
    {0, NULL, "CUDA", CLASS_SERVER},
    {0, NULL, "EngineCore", CLASS_SERVER},                            /* vLLM: the engine died */
    {0, NULL, "EngineDead", CLASS_SERVER},
    {404, "NotFoundError", NULL, CLASS_CREDENTIAL},                   /* vLLM: no such model */
    {404, NULL, "model", CLASS_CREDENTIAL},                           /* Ollama: not pulled */
    END
};

const struct provider_error_row errors_common[] = {
    {0, "insufficient_quota", NULL, CLASS_QUOTA},
    {0, "credit_balance_exhausted", NULL, CLASS_QUOTA},
    {0, "*_spend_limit_exceeded", NULL, CLASS_QUOTA},
    {0, "organization_usage_limit_exceeded", NULL, CLASS_QUOTA},
    {0, "billing_*", NULL, CLASS_QUOTA},
    {0, NULL, "insufficient balance", CLASS_QUOTA},
    {0, NULL, "insufficient credits", CLASS_QUOTA},
    {0, NULL, "exceeded your current quota, please check your plan", CLASS_QUOTA},
    {0, "context_length_exceeded", NULL, CLASS_TOO_LONG},
    {0, NULL, "maximum context length", CLASS_TOO_LONG},
    {0, NULL, "model's context length", CLASS_TOO_LONG},
    {0, NULL, "available context size", CLASS_TOO_LONG},
    {0, NULL, "exceeds the context window", CLASS_TOO_LONG},
    {0, NULL, "prompt is too long", CLASS_TOO_LONG},
    {0, NULL, "prompt too long", CLASS_TOO_LONG},
    {0, NULL, "reduce the length of the messages", CLASS_TOO_LONG},
    {0, "content_filter", NULL, CLASS_POLICY},
    {0, "content_policy_violation", NULL, CLASS_POLICY},
    {0, "data_inspection_failed", NULL, CLASS_POLICY},
    {0, NULL, "content management policy", CLASS_POLICY},
    {0, NULL, "flagged as potentially violating", CLASS_POLICY},
    {0, "rate_limit*", NULL, CLASS_RATE},
    {0, "too_many_*", NULL, CLASS_RATE},
    {0, "overloaded_error", NULL, CLASS_OVERLOAD},
    {0, "service_unavailable*", NULL, CLASS_OVERLOAD},
    {0, NULL, "currently overloaded", CLASS_OVERLOAD},
    {0, NULL, "model is overloaded", CLASS_OVERLOAD},
    {0, "authentication_error", NULL, CLASS_CREDENTIAL},
    {0, "invalid_api_key", NULL, CLASS_CREDENTIAL},
    {0, "permission_error", NULL, CLASS_CREDENTIAL},
    {0, "model_not_found", NULL, CLASS_CREDENTIAL},
    {0, "account_deactivated", NULL, CLASS_CREDENTIAL},
    {0, "unsupported_country_region_territory", NULL, CLASS_CREDENTIAL},
    {0, "BadRequestError", NULL, CLASS_CALLER}, /* vLLM, in streams too */
    {400, "invalid_request_error", NULL, CLASS_CALLER},
    {404, "invalid_request_error", NULL, CLASS_CALLER},
    {409, "invalid_request_error", NULL, CLASS_CALLER},
    {413, "invalid_request_error", NULL, CLASS_CALLER},
    {422, "invalid_request_error", NULL, CLASS_CALLER},
    {500, "api_error", NULL, CLASS_SERVER},
    {500, "server_error", NULL, CLASS_SERVER},
    {500, "internal_server_error", NULL, CLASS_SERVER},
    {504, "timeout_error", NULL, CLASS_SERVER},
    END
};

/* What an error inside of a stream says when it has no status. */
const struct provider_error_row errors_streamed[] = {
    {0, "api_error", NULL, CLASS_SERVER},
    {0, "server_error", NULL, CLASS_SERVER},
    {0, "internal_server_error", NULL, CLASS_SERVER},
    {0, "timeout_error", NULL, CLASS_SERVER},
    {0, "error", NULL, CLASS_SERVER}, /* finish reasons that are none */
    {0, "abort", NULL, CLASS_SERVER},
    {0, "network_error", NULL, CLASS_SERVER},
    {0, "insufficient_system_resource", NULL, CLASS_OVERLOAD},
    {0, "invalid_request_error", NULL, CLASS_CALLER},
    {0, "not_found_error", NULL, CLASS_CREDENTIAL},
    END
};

/* The status alone; the first row whose range has it. */
const struct error_status errors_statuses[] = {
    {401, 401, CLASS_CREDENTIAL},
    {402, 402, CLASS_QUOTA},
    {403, 403, CLASS_CREDENTIAL},
    {408, 408, CLASS_SERVER},
    {424, 424, CLASS_SERVER},
    {425, 425, CLASS_RATE},
    {429, 429, CLASS_RATE},
    {451, 451, CLASS_POLICY},
    {499, 499, CLASS_SERVER},     /* the upstream's own client went away */
    {400, 498, CLASS_CALLER},
    {503, 503, CLASS_OVERLOAD},
    {520, 526, CLASS_JUNK},       /* Cloudflare could not reach the provider */
    {529, 529, CLASS_OVERLOAD},
    {500, 599, CLASS_SERVER},
    {100, 399, CLASS_JUNK},
    {0, 0, CLASS_NONE},
};
/* clang-format on */

/* Is needle in s, upper and lower case alike? */
static bool says(struct span s, const char *needle)
{
    struct span n = span_str(needle);

    for (size_t i = 0; n.n <= s.n && i <= s.n - n.n; i++)
        if (span_eq_nocase(span_of(s.p + i, n.n), n))
            return true;
    return false;
}

static bool row_fits(const struct provider_error_row *r, const struct provider_failure *f,
                     uint16_t status)
{
    if (r->status && r->status != status)
        return false;
    if (r->type && !span_glob(span_str(r->type), f->type) && !span_glob(span_str(r->type), f->code))
        return false;
    return !r->text || says(f->text, r->text);
}

static enum class_id look_up(const struct provider_error_row *rows,
                             const struct provider_failure *f, uint16_t status)
{
    while (rows->class_id != CLASS_NONE && !row_fits(rows, f, status))
        rows++;
    return rows->class_id;
}

static enum class_id by_status(const struct provider_failure *f, uint16_t status)
{
    bool silent = !f->type.n && !f->code.n && !f->text.n;

    if (f->streamed && status < 400) /* an error that says no more than that it is one */
        return CLASS_SERVER;
    if (status == 0) /* no answer: the transport's own classes are set by who saw it */
        return CLASS_MAYBE_EXECUTED;
    if (status == 404 && silent) /* no API would leave it at that */
        return CLASS_JUNK;
    for (const struct error_status *s = errors_statuses; s->class_id != CLASS_NONE; s++)
        if (status >= s->from && status <= s->to)
            return s->class_id;
    return CLASS_JUNK;
}

enum class_id provider_classify(const struct provider *p, const struct provider_failure *f,
                                bool *known)
{
    uint16_t status = f->streamed && f->status < 400 ? 0 : f->status;
    enum class_id id = look_up(p->errors, f, status);

    if (id == CLASS_NONE)
        id = look_up(errors_common, f, status);
    if (id == CLASS_NONE && f->streamed && status == 0)
        id = look_up(errors_streamed, f, status);
    *known = id != CLASS_NONE;
    return *known ? id : by_status(f, f->status);
}

bool provider_ramps(const struct provider *p, const struct provider_failure *f)
{
    static const struct provider_error_row rows[] = {
        {0, "slow_down", NULL, CLASS_RATE},
        {429, NULL, "usage increase rate", CLASS_RATE},
        {429, NULL, "acceleration limit", CLASS_RATE},
        END,
    };

    return p->limits.ramps && look_up(rows, f, f->status) != CLASS_NONE;
}
