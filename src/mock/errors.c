/*
 * errors.c - what providers and engines answer when they refuse: status, headers, body.
 *
 * The shapes follow their published documents and answers seen in the field; names, numbers and
 * ids are made up. Kinds are unique within a provider. Rows whose kind starts with "stream_" or
 * "response" are what stands inside a stream of status 200 (fault=error-event).
 */
#include "mock/answer.h"

/* clang-format off */
static const struct mock_error rows[] = {
    {"anthropic", "invalid_request_error", 400,
     "x-should-retry: false\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"messages.0."
     "content: Field required\"},\"request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "prompt_too_long", 400,
     "x-should-retry: false\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is t"
     "oo long: 213462 tokens > 200000 maximum\"},\"request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "spend_limit", 400,
     "x-should-retry: false\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"You have re"
     "ached your specified API usage limits. You will regain access on 2026-02-01 at 00:00 UTC.\""
     "},\"request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "credit_balance", 400,
     "x-should-retry: false\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your credit"
     " balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or"
     " purchase credits.\"},\"request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "authentication_error", 401,
     "x-should-retry: false\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-ap"
     "i-key\"},\"request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "billing_error", 402,
     "x-should-retry: false\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"There is an issue w"
     "ith your billing or payment information.\"},\"request_id\":\"req_011CMockMockMockMockMock\""
     "}"},
    {"anthropic", "permission_error", 403,
     "x-should-retry: false\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":\"Your API key doe"
     "s not have permission to use the specified resource.\"},\"request_id\":\"req_011CMockMockMo"
     "ckMockMock\"}"},
    {"anthropic", "not_found_error", 404,
     "x-should-retry: false\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"model: mock\"},\""
     "request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "conflict_error", 409,
     "x-should-retry: true\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"conflict_error\",\"message\":\"The request confli"
     "cts with the current state of the resource.\"},\"request_id\":\"req_011CMockMockMockMockMoc"
     "k\"}"},
    {"anthropic", "request_too_large", 413,
     "x-should-retry: false\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"Request exceeds"
     " the maximum size\"},\"request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "rate_limit_error", 429,
     "retry-after: 37\r\n"
     "x-should-retry: true\r\n"
     "anthropic-ratelimit-requests-limit: 50\r\n"
     "anthropic-ratelimit-requests-remaining: 0\r\n"
     "anthropic-ratelimit-requests-reset: 2026-01-01T00:00:37Z\r\n"
     "anthropic-ratelimit-tokens-limit: 40000\r\n"
     "anthropic-ratelimit-tokens-remaining: 0\r\n"
     "anthropic-ratelimit-tokens-reset: 2026-01-01T00:00:37Z\r\n"
     "anthropic-ratelimit-input-tokens-limit: 30000\r\n"
     "anthropic-ratelimit-input-tokens-remaining: 0\r\n"
     "anthropic-ratelimit-input-tokens-reset: 2026-01-01T00:00:37Z\r\n"
     "anthropic-ratelimit-output-tokens-limit: 8000\r\n"
     "anthropic-ratelimit-output-tokens-remaining: 8000\r\n"
     "anthropic-ratelimit-output-tokens-reset: 2026-01-01T00:00:00Z\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"This request wou"
     "ld exceed the rate limit for your organization of 30,000 input tokens per minute.\"},\"requ"
     "est_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "acceleration_limit", 429,
     "retry-after: 11\r\n"
     "x-should-retry: true\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"This request wou"
     "ld exceed your organization's maximum usage increase rate for input tokens per minute.\"},"
     "\"request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "enforced_spend_limit_reached", 429,
     "x-should-retry: false\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Your organizatio"
     "n has reached its monthly spend limit.\",\"details\":{\"error_code\":\"enforced_spend_limit"
     "_reached\"}},\"request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "api_error", 500,
     "x-should-retry: true\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"Internal server error\""
     "},\"request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "timeout_error", 504,
     "x-should-retry: true\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\"message\":\"The request timed o"
     "ut. Use streaming for long requests.\"},\"request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"anthropic", "overloaded_error", 529,
     "x-should-retry: true\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"},\""
     "request_id\":\"req_011CMockMockMockMockMock\"}"},
    {"openai", "invalid_request_error", 400,
     "",
     "{\"error\":{\"message\":\"'messages' is a required property\",\"type\":\"invalid_request_er"
     "ror\",\"param\":\"messages\",\"code\":null}}"},
    {"openai", "context_length_exceeded", 400,
     "",
     "{\"error\":{\"message\":\"This model's maximum context length is 128000 tokens. However, yo"
     "ur messages resulted in 140213 tokens. Please reduce the length of the messages.\",\"type\""
     ":\"invalid_request_error\",\"param\":\"messages\",\"code\":\"context_length_exceeded\"}}"},
    {"openai", "content_policy_violation", 400,
     "",
     "{\"error\":{\"message\":\"Your request was rejected as a result of our safety system.\",\"t"
     "ype\":\"invalid_request_error\",\"param\":null,\"code\":\"content_policy_violation\"}}"},
    {"openai", "invalid_prompt", 400,
     "",
     "{\"error\":{\"message\":\"Invalid prompt: your prompt was flagged as potentially violating "
     "our usage policy. Please try again with a different prompt.\",\"type\":\"invalid_request_er"
     "ror\",\"param\":null,\"code\":\"invalid_prompt\"}}"},
    {"openai", "invalid_api_key", 401,
     "",
     "{\"error\":{\"message\":\"Incorrect API key provided: sk-mock*****mock. You can find your A"
     "PI key at https://platform.openai.com/account/api-keys.\",\"type\":\"invalid_request_error"
     "\",\"param\":null,\"code\":\"invalid_api_key\"}}"},
    {"openai", "ip_not_authorized", 403,
     "",
     "{\"error\":{\"message\":\"Your IP address is not authorized to access this project.\",\"typ"
     "e\":\"invalid_request_error\",\"param\":null,\"code\":\"ip_not_authorized\"}}"},
    {"openai", "unsupported_country_region_territory", 403,
     "",
     "{\"error\":{\"message\":\"Country, region, or territory not supported\",\"type\":\"request_"
     "forbidden\",\"param\":null,\"code\":\"unsupported_country_region_territory\"}}"},
    {"openai", "model_not_found", 404,
     "",
     "{\"error\":{\"message\":\"The model `mock` does not exist or you do not have access to it."
     "\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"model_not_found\"}}"},
    {"openai", "rate_limit_exceeded", 429,
     "retry-after: 1\r\n"
     "retry-after-ms: 494\r\n"
     "x-ratelimit-limit-requests: 500\r\n"
     "x-ratelimit-limit-tokens: 30000\r\n"
     "x-ratelimit-remaining-requests: 499\r\n"
     "x-ratelimit-remaining-tokens: 0\r\n"
     "x-ratelimit-reset-requests: 120ms\r\n"
     "x-ratelimit-reset-tokens: 494ms\r\n",
     "{\"error\":{\"message\":\"Rate limit reached for mock in organization org-mock on tokens pe"
     "r min (TPM): Limit 30000, Used 30000, Requested 247. Please try again in 494ms. Visit https"
     "://platform.openai.com/account/rate-limits to learn more.\",\"type\":\"tokens\",\"param\":n"
     "ull,\"code\":\"rate_limit_exceeded\"}}"},
    {"openai", "rate_limit_requests", 429,
     "retry-after: 8\r\n"
     "x-ratelimit-limit-requests: 500\r\n"
     "x-ratelimit-limit-tokens: 30000\r\n"
     "x-ratelimit-remaining-requests: 0\r\n"
     "x-ratelimit-remaining-tokens: 29000\r\n"
     "x-ratelimit-reset-requests: 120ms\r\n"
     "x-ratelimit-reset-tokens: 6m0s\r\n",
     "{\"error\":{\"message\":\"Rate limit reached for mock in organization org-mock on requests "
     "per min (RPM): Limit 500, Used 500, Requested 1. Please try again in 8s.\",\"type\":\"reque"
     "sts\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}"},
    {"openai", "slow_down", 429,
     "retry-after: 5\r\n",
     "{\"error\":{\"message\":\"Your request rate increased too quickly. Please reduce your reque"
     "st rate to its original level, keep it consistent for at least 15 minutes, then gradually i"
     "ncrease it.\",\"type\":\"rate_limit_error\",\"param\":null,\"code\":\"slow_down\"}}"},
    {"openai", "insufficient_quota", 429,
     "",
     "{\"error\":{\"message\":\"You exceeded your current quota, please check your plan and billi"
     "ng details. For more information on this error, read the docs: https://platform.openai.com/"
     "docs/guides/error-codes/api-errors.\",\"type\":\"insufficient_quota\",\"param\":null,\"code"
     "\":\"insufficient_quota\"}}"},
    {"openai", "credit_balance_exhausted", 429,
     "",
     "{\"error\":{\"message\":\"Your prepaid credit balance is exhausted. Please add credits to c"
     "ontinue.\",\"type\":\"insufficient_quota\",\"param\":null,\"code\":\"credit_balance_exhaust"
     "ed\"}}"},
    {"openai", "organization_spend_limit_exceeded", 429,
     "",
     "{\"error\":{\"message\":\"Your organization has reached its spend limit for this month.\","
     "\"type\":\"insufficient_quota\",\"param\":null,\"code\":\"organization_spend_limit_exceeded"
     "\"}}"},
    {"openai", "project_spend_limit_exceeded", 429,
     "",
     "{\"error\":{\"message\":\"Your project has reached its spend limit for this month.\",\"type"
     "\":\"insufficient_quota\",\"param\":null,\"code\":\"project_spend_limit_exceeded\"}}"},
    {"openai", "organization_usage_limit_exceeded", 429,
     "",
     "{\"error\":{\"message\":\"Your organization has reached the usage limit that is approved "
     "for it.\",\"type\":\"insufficient_quota\",\"param\":null,\"code\":\"organization_usage_limit_"
     "exceeded\"}}"},
    {"openai", "server_error", 500,
     "",
     "{\"error\":{\"message\":\"The server had an error while processing your request. Sorry abou"
     "t that!\",\"type\":\"server_error\",\"param\":null,\"code\":null}}"},
    {"openai", "server_is_overloaded", 503,
     "retry-after: 30\r\n",
     "{\"error\":{\"message\":\"The engine is currently overloaded, please try again later.\",\"t"
     "ype\":\"service_unavailable_error\",\"param\":null,\"code\":\"server_is_overloaded\"}}"},
    {"openai", "responses_server_error", 500,
     "",
     "{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"The server had an error while p"
     "rocessing your request. Sorry about that!\",\"param\":null,\"sequence_number\":0}"},
    {"openai", "responses_rate_limit_exceeded", 429,
     "",
     "{\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"Rate limit reached for m"
     "ock in organization org-mock on tokens per min (TPM).\",\"param\":null,\"sequence_number\":"
     "0}"},
    {"openai", "response_failed", 500,
     "",
     "{\"type\":\"response.failed\",\"sequence_number\":0,\"response\":{\"id\":\"resp_mock\",\"ob"
     "ject\":\"response\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":"
     "\"The model failed to generate a response.\"},\"output\":[]}}"},
    {"azure", "rate_limit", 429,
     "retry-after: 7\r\n"
     "retry-after-ms: 6800\r\n"
     "x-ratelimit-limit-tokens: 30000\r\n"
     "x-ratelimit-remaining-tokens: 0\r\n",
     "{\"error\":{\"code\":\"RateLimitReached\",\"message\":\"Your requests to mock for mock in w"
     "esteurope have exceeded the token rate limit of your current tier. Please retry after 7 sec"
     "onds.\"}}"},
    {"azure", "ptu_exceeded", 429,
     "retry-after: 1\r\n"
     "retry-after-ms: 250\r\n"
     "azure-openai-deployment-utilization: 104.5%\r\n",
     "{\"error\":{\"code\":\"429\",\"message\":\"The provisioned throughput of this deployment is"
     " used up. Please retry after 250 milliseconds.\"}}"},
    {"azure", "high_demand", 429,
     "retry-after: 2\r\n"
     "retry-after-ms: 1500\r\n",
     "{\"error\":{\"code\":\"429\",\"message\":\"The system is currently experiencing high demand"
     " and cannot process your request. Your request exceeds the maximum usage size allowed durin"
     "g peak load.\"}}"},
    {"azure", "temporary_limit", 429,
     "retry-after: 3\r\n"
     "retry-after-ms: 2400\r\n"
     "x-ratelimit-limit-tokens: 1000\r\n"
     "x-ratelimit-remaining-tokens: 0\r\n",
     "{\"error\":{\"code\":\"RateLimitReached\",\"message\":\"Rate limit is temporarily exceeded "
     "for this deployment. Please retry after 3 seconds.\"}}"},
    {"azure", "content_filter", 400,
     "",
     "{\"error\":{\"message\":\"The response was filtered due to the prompt triggering Azure Open"
     "AI's content management policy. Please modify your prompt and retry.\",\"type\":null,\"para"
     "m\":\"prompt\",\"code\":\"content_filter\",\"status\":400,\"innererror\":{\"code\":\"Respon"
     "sibleAIPolicyViolation\",\"content_filter_result\":{\"jailbreak\":{\"filtered\":true,\"dete"
     "cted\":true},\"violence\":{\"filtered\":false,\"severity\":\"safe\"}}}}}"},
    {"azure", "access_denied", 401,
     "",
     "{\"error\":{\"code\":\"401\",\"message\":\"Access denied due to invalid subscription key or"
     " wrong API endpoint. Make sure to provide a valid key for an active subscription and use a "
     "correct regional API endpoint for your resource.\"}}"},
    {"azure", "deployment_not_found", 404,
     "",
     "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"The API deployment for this resou"
     "rce does not exist. If you created the deployment within the last 5 minutes, please wait a "
     "moment and try again.\"}}"},
    {"gemini", "INVALID_ARGUMENT", 400,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 400,\n"
     "    \"message\": \"The input token count (1200345) exceeds the maximum number of tokens all"
     "owed (1048576).\",\n"
     "    \"status\": \"INVALID_ARGUMENT\"\n"
     "  }\n"
     "}\n"},
    {"gemini", "API_KEY_INVALID", 400,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 400,\n"
     "    \"message\": \"API key not valid. Please pass a valid API key.\",\n"
     "    \"status\": \"INVALID_ARGUMENT\",\n"
     "    \"details\": [\n"
     "      {\n"
     "        \"@type\": \"type.googleapis.com/google.rpc.ErrorInfo\",\n"
     "        \"reason\": \"API_KEY_INVALID\",\n"
     "        \"domain\": \"googleapis.com\"\n"
     "      }\n"
     "    ]\n"
     "  }\n"
     "}\n"},
    {"gemini", "FAILED_PRECONDITION", 400,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 400,\n"
     "    \"message\": \"User location is not supported for the API use.\",\n"
     "    \"status\": \"FAILED_PRECONDITION\"\n"
     "  }\n"
     "}\n"},
    {"gemini", "PREPAID_EMPTY", 402,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 402,\n"
     "    \"message\": \"Your prepaid balance is empty.\",\n"
     "    \"status\": \"FAILED_PRECONDITION\"\n"
     "  }\n"
     "}\n"},
    {"gemini", "PERMISSION_DENIED", 403,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 403,\n"
     "    \"message\": \"Permission denied on resource project mock.\",\n"
     "    \"status\": \"PERMISSION_DENIED\"\n"
     "  }\n"
     "}\n"},
    {"gemini", "NOT_FOUND", 404,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 404,\n"
     "    \"message\": \"models/mock is not found for API version v1beta, or is not supported for"
     " generateContent.\",\n"
     "    \"status\": \"NOT_FOUND\"\n"
     "  }\n"
     "}\n"},
    {"gemini", "RESOURCE_EXHAUSTED", 429,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 429,\n"
     "    \"message\": \"Resource has been exhausted (e.g. check quota).\",\n"
     "    \"status\": \"RESOURCE_EXHAUSTED\"\n"
     "  }\n"
     "}\n"},
    {"gemini", "quota_per_minute", 429,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 429,\n"
     "    \"message\": \"You exceeded your current quota, please check your plan and billing deta"
     "ils.\\nPlease retry in 22s.\",\n"
     "    \"status\": \"RESOURCE_EXHAUSTED\",\n"
     "    \"details\": [\n"
     "      {\n"
     "        \"@type\": \"type.googleapis.com/google.rpc.QuotaFailure\",\n"
     "        \"violations\": [\n"
     "          {\n"
     "            \"quotaMetric\": \"generativelanguage.googleapis.com/generate_content_paid_tier"
     "_input_token_count\",\n"
     "            \"quotaId\": \"GenerateContentPaidTierInputTokensPerModelPerMinute\",\n"
     "            \"quotaDimensions\": {\n"
     "              \"location\": \"global\",\n"
     "              \"model\": \"mock\"\n"
     "            },\n"
     "            \"quotaValue\": \"1000000\"\n"
     "          }\n"
     "        ]\n"
     "      },\n"
     "      {\n"
     "        \"@type\": \"type.googleapis.com/google.rpc.RetryInfo\",\n"
     "        \"retryDelay\": \"22s\"\n"
     "      }\n"
     "    ]\n"
     "  }\n"
     "}\n"},
    {"gemini", "quota_per_day", 429,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 429,\n"
     "    \"message\": \"You exceeded your current quota, please check your plan and billing deta"
     "ils.\",\n"
     "    \"status\": \"RESOURCE_EXHAUSTED\",\n"
     "    \"details\": [\n"
     "      {\n"
     "        \"@type\": \"type.googleapis.com/google.rpc.QuotaFailure\",\n"
     "        \"violations\": [\n"
     "          {\n"
     "            \"quotaMetric\": \"generativelanguage.googleapis.com/generate_content_paid_tier"
     "_input_token_count\",\n"
     "            \"quotaId\": \"GenerateRequestsPerDayPerProjectPerModel-FreeTier\",\n"
     "            \"quotaDimensions\": {\n"
     "              \"location\": \"global\",\n"
     "              \"model\": \"mock\"\n"
     "            },\n"
     "            \"quotaValue\": \"1000000\"\n"
     "          }\n"
     "        ]\n"
     "      },\n"
     "      {\n"
     "        \"@type\": \"type.googleapis.com/google.rpc.RetryInfo\",\n"
     "        \"retryDelay\": \"37020s\"\n"
     "      }\n"
     "    ]\n"
     "  }\n"
     "}\n"},
    {"gemini", "quota_spend", 429,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 429,\n"
     "    \"message\": \"Your project has reached its spend limit for this 10 minute window.\",\n"
     "    \"status\": \"RESOURCE_EXHAUSTED\",\n"
     "    \"details\": [\n"
     "      {\n"
     "        \"@type\": \"type.googleapis.com/google.rpc.QuotaFailure\",\n"
     "        \"violations\": [\n"
     "          {\n"
     "            \"quotaMetric\": \"generativelanguage.googleapis.com/generate_content_paid_tier"
     "_input_token_count\",\n"
     "            \"quotaId\": \"SpendPerProjectPer10Minutes\",\n"
     "            \"quotaDimensions\": {\n"
     "              \"location\": \"global\",\n"
     "              \"model\": \"mock\"\n"
     "            },\n"
     "            \"quotaValue\": \"1000000\"\n"
     "          }\n"
     "        ]\n"
     "      },\n"
     "      {\n"
     "        \"@type\": \"type.googleapis.com/google.rpc.RetryInfo\",\n"
     "        \"retryDelay\": \"600s\"\n"
     "      }\n"
     "    ]\n"
     "  }\n"
     "}\n"},
    {"gemini", "stream_array", 429,
     "",
     "[{\n"
     "  \"error\": {\n"
     "    \"code\": 429,\n"
     "    \"message\": \"Resource exhausted. Please try again later.\",\n"
     "    \"status\": \"RESOURCE_EXHAUSTED\"\n"
     "  }\n"
     "}\n"
     "]\n"},
    {"gemini", "INTERNAL", 500,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 500,\n"
     "    \"message\": \"An internal error has occurred. Please retry or report in https://develo"
     "pers.generativeai.google/guide/troubleshooting\",\n"
     "    \"status\": \"INTERNAL\"\n"
     "  }\n"
     "}\n"},
    {"gemini", "UNAVAILABLE", 503,
     "",
     "{\"error\":{\"code\":503,\"message\":\"The model is overloaded. Please try again later.\","
     "\"status\":\"UNAVAILABLE\"}}"},
    {"gemini", "DEADLINE_EXCEEDED", 504,
     "",
     "{\n"
     "  \"error\": {\n"
     "    \"code\": 504,\n"
     "    \"message\": \"The request timed out. Please try again.\",\n"
     "    \"status\": \"DEADLINE_EXCEEDED\"\n"
     "  }\n"
     "}\n"},
    {"bedrock", "ValidationException", 400,
     "x-amzn-errortype: ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"
     "\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"Input is too long for requested model.\"}"},
    {"bedrock", "AccessDeniedException", 403,
     "x-amzn-errortype: AccessDeniedException:http://internal.amazon.com/coral/com.amazon.bedrock"
     "/\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"You don't have access to the model with the specified model ID.\"}"},
    {"bedrock", "ExpiredTokenException", 403,
     "x-amzn-errortype: ExpiredTokenException:http://internal.amazon.com/coral/com.amazon.bedrock"
     "/\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"The security token included in the request is expired\"}"},
    {"bedrock", "ResourceNotFoundException", 404,
     "x-amzn-errortype: ResourceNotFoundException:http://internal.amazon.com/coral/com.amazon.bed"
     "rock/\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"Could not resolve the foundation model from the model identifier.\"}"},
    {"bedrock", "ModelTimeoutException", 408,
     "x-amzn-errortype: ModelTimeoutException:http://internal.amazon.com/coral/com.amazon.bedrock"
     "/\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"The model did not answer in time.\"}"},
    {"bedrock", "ModelErrorException", 424,
     "x-amzn-errortype: ModelErrorException:http://internal.amazon.com/coral/com.amazon.bedrock/"
     "\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"The model returned an error. Try your request again.\"}"},
    {"bedrock", "ModelStreamErrorException", 424,
     "x-amzn-errortype: ModelStreamErrorException:http://internal.amazon.com/coral/com.amazon.bed"
     "rock/\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"The model failed while streaming.\"}"},
    {"bedrock", "ThrottlingException", 429,
     "x-amzn-errortype: ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"
     "\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"Too many tokens, please wait before trying again.\"}"},
    {"bedrock", "ModelNotReadyException", 429,
     "x-amzn-errortype: ModelNotReadyException:http://internal.amazon.com/coral/com.amazon.bedroc"
     "k/\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"Model is not ready for inference. Wait and try your request again.\"}"},
    {"bedrock", "InternalServerException", 500,
     "x-amzn-errortype: InternalServerException:http://internal.amazon.com/coral/com.amazon.bedro"
     "ck/\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"The system encountered an unexpected error during processing. Try your reque"
     "st again.\"}"},
    {"bedrock", "ServiceUnavailableException", 503,
     "x-amzn-errortype: ServiceUnavailableException:http://internal.amazon.com/coral/com.amazon.b"
     "edrock/\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n",
     "{\"message\":\"Bedrock is unable to process your request.\"}"},
    {"bedrock", "overloaded_error", 529,
     "x-amzn-errortype: overloaded_error:http://internal.amazon.com/coral/com.amazon.bedrock/\r\n"
     "x-amzn-requestid: 00000000-mock-0000-0000-000000000000\r\n"
     "retry-after: 3\r\n",
     "{\"message\":\"Overloaded\"}"},
    {"vllm", "context_length", 400,
     "",
     "{\"object\":\"error\",\"message\":\"This model's maximum context length is 16384 tokens. Ho"
     "wever, you requested 8192 output tokens and your prompt contains at least 8193 input tokens"
     ", for a total of at least 16385 tokens.\",\"type\":\"BadRequestError\",\"param\":null,\"cod"
     "e\":400}"},
    {"vllm", "not_found", 404,
     "",
     "{\"object\":\"error\",\"message\":\"The model `mock` does not exist.\",\"type\":\"NotFoundE"
     "rror\",\"param\":null,\"code\":404}"},
    {"vllm", "engine_dead", 500,
     "",
     ""},
    {"vllm", "queue_full", 503,
     "",
     "{\"object\":\"error\",\"message\":\"The request queue is full: 256 requests are running or "
     "waiting.\",\"type\":\"ServiceUnavailableError\",\"param\":null,\"code\":503}"},
    {"vllm", "queue_full_429", 429,
     "retry-after: 1\r\n",
     "{\"object\":\"error\",\"message\":\"The request queue is full.\",\"type\":\"TooManyRequests"
     "Error\",\"param\":null,\"code\":429}"},
    {"vllm", "stream_engine_dead", 500,
     "",
     "{\"error\":{\"object\":\"error\",\"message\":\"EngineCore encountered an issue. See stack t"
     "race (above) for the root cause.\",\"type\":\"InternalServerError\",\"param\":null,\"code\""
     ":500}}"},
    {"sglang", "queue_full", 503,
     "",
     "{\"object\":\"error\",\"message\":\"The request queue is full.\",\"type\":\"ServiceUnavaila"
     "bleError\",\"param\":null,\"code\":503}"},
    {"sglang", "priority_abort", 503,
     "",
     "{\"object\":\"error\",\"message\":\"The request is aborted by a higher priority request.\","
     "\"type\":\"ServiceUnavailableError\",\"param\":null,\"code\":503}"},
    {"sglang", "waiting_timeout", 503,
     "",
     "{\"object\":\"error\",\"message\":\"Request waiting timeout reached.\",\"type\":\"ServiceUn"
     "availableError\",\"param\":null,\"code\":503}"},
    {"sglang", "stream_queue_full", 503,
     "",
     "{\"error\":{\"message\":\"Error: [503] The request queue is full.\",\"type\":\"server_error"
     "\"}}"},
    {"tgi", "overloaded", 429,
     "",
     "{\"error\":\"Model is overloaded\",\"error_type\":\"overloaded\"}"},
    {"tgi", "validation", 422,
     "",
     "{\"error\":\"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Gi"
     "ven: 4090 `inputs` tokens and 20 `max_new_tokens`\",\"error_type\":\"validation\"}"},
    {"tgi", "generation", 424,
     "",
     "{\"error\":\"Request failed during generation: Server error: CUDA out of memory.\",\"error_"
     "type\":\"generation\"}"},
    {"tgi", "incomplete_generation", 500,
     "",
     "{\"error\":\"Incomplete generation\",\"error_type\":\"incomplete_generation\"}"},
    {"tgi", "unhealthy", 503,
     "",
     "{\"error\":\"unhealthy\",\"error_type\":\"healthcheck\"}"},
    {"llamacpp", "loading", 503,
     "",
     "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}"},
    {"llamacpp", "exceed_context_size_error", 400,
     "",
     "{\"error\":{\"code\":400,\"message\":\"request (13392 tokens) exceeds the available context"
     " size (8192 tokens), try increasing it\",\"type\":\"exceed_context_size_error\",\"n_prompt_"
     "tokens\":13392,\"n_ctx\":8192}}"},
    {"llamacpp", "not_supported_error", 501,
     "",
     "{\"error\":{\"code\":501,\"message\":\"This server does not support metrics endpoint. Start"
     " it with `--metrics`\",\"type\":\"not_supported_error\"}}"},
    {"ollama", "busy", 503,
     "",
     "{\"error\":\"server busy, please try again.  maximum pending requests exceeded\"}"},
    {"ollama", "model_not_found", 404,
     "",
     "{\"error\":\"model 'mock' not found\"}"},
    {"ollama", "load_oom", 500,
     "",
     "{\"error\":\"model requires more system memory (48.2 GiB) than is available (31.0 GiB)\"}"},
    {"openrouter", "no_credits", 402,
     "",
     "{\"error\":{\"message\":\"Insufficient credits. Add more using https://openrouter.ai/settin"
     "gs/credits\",\"code\":402},\"user_id\":\"user_mock\"}"},
    {"openrouter", "upstream_rate", 429,
     "",
     "{\"error\":{\"message\":\"Provider returned error\",\"code\":429,\"metadata\":{\"raw\":\"mo"
     "ck is temporarily rate-limited upstream. Please retry shortly.\",\"provider_name\":\"Mock\""
     "}},\"user_id\":\"user_mock\"}"},
    {"openrouter", "upstream_error", 502,
     "",
     "{\"error\":{\"message\":\"Provider returned error\",\"code\":502,\"metadata\":{\"provider_n"
     "ame\":\"Mock\"}}}"},
    {"openrouter", "stream_error", 502,
     "",
     "{\"id\":\"gen-mock\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":"
     "\"mock\",\"provider\":\"Mock\",\"error\":{\"code\":502,\"message\":\"Provider disconnected "
     "unexpectedly\"},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\""
     "error\"}]}"},
    {"proxy", "nginx_502", 502,
     "server: nginx\r\n",
     "<html>\r\n"
     "<head><title>502 Bad Gateway</title></head>\r\n"
     "<body>\r\n"
     "<center><h1>502 Bad Gateway</h1></center>\r\n"
     "<hr><center>nginx</center>\r\n"
     "</body>\r\n"
     "</html>\r\n"},
    {"proxy", "nginx_503", 503,
     "server: nginx\r\n",
     "<html>\r\n"
     "<head><title>503 Service Temporarily Unavailable</title></head>\r\n"
     "<body>\r\n"
     "<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n"
     "<hr><center>nginx</center>\r\n"
     "</body>\r\n"
     "</html>\r\n"},
    {"proxy", "nginx_504", 504,
     "server: nginx\r\n",
     "<html>\r\n"
     "<head><title>504 Gateway Time-out</title></head>\r\n"
     "<body>\r\n"
     "<center><h1>504 Gateway Time-out</h1></center>\r\n"
     "<hr><center>nginx</center>\r\n"
     "</body>\r\n"
     "</html>\r\n"},
    {"proxy", "captive_portal", 511,
     "",
     "<html>\r\n"
     "<head><title>511 Network Authentication Required</title></head>\r\n"
     "<body>\r\n"
     "<center><h1>511 Network Authentication Required</h1></center>\r\n"
     "<hr><center>portal</center>\r\n"
     "</body>\r\n"
     "</html>\r\n"},
    {"proxy", "cloudflare_520", 520,
     "server: cloudflare\r\n"
     "cf-ray: 0000000000000000-MOCK\r\n",
     "<!DOCTYPE html>\n"
     "<html lang=\"en-US\"><head><title>mock | 520: Web server is returning an unknown error</tit"
     "le></head><body><h1>Error 520</h1></body></html>\n"},
    {"proxy", "cloudflare_521", 521,
     "server: cloudflare\r\n"
     "cf-ray: 0000000000000000-MOCK\r\n",
     "<!DOCTYPE html>\n"
     "<html lang=\"en-US\"><head><title>mock | 521: Web server is down</title></head><body><h1>Er"
     "ror 521</h1></body></html>\n"},
    {"proxy", "cloudflare_522", 522,
     "server: cloudflare\r\n"
     "cf-ray: 0000000000000000-MOCK\r\n",
     "<!DOCTYPE html>\n"
     "<html lang=\"en-US\"><head><title>mock | 522: Connection timed out</title></head><body><h1>"
     "Error 522</h1></body></html>\n"},
    {"proxy", "cloudflare_523", 523,
     "server: cloudflare\r\n"
     "cf-ray: 0000000000000000-MOCK\r\n",
     "<!DOCTYPE html>\n"
     "<html lang=\"en-US\"><head><title>mock | 523: Origin is unreachable</title></head><body><h1"
     ">Error 523</h1></body></html>\n"},
    {"proxy", "cloudflare_524", 524,
     "server: cloudflare\r\n"
     "cf-ray: 0000000000000000-MOCK\r\n",
     "<!DOCTYPE html>\n"
     "<html lang=\"en-US\"><head><title>mock | 524: A timeout occurred</title></head><body><h1>Er"
     "ror 524</h1></body></html>\n"},
    {"proxy", "cloudflare_525", 525,
     "server: cloudflare\r\n"
     "cf-ray: 0000000000000000-MOCK\r\n",
     "<!DOCTYPE html>\n"
     "<html lang=\"en-US\"><head><title>mock | 525: SSL handshake failed</title></head><body><h1>"
     "Error 525</h1></body></html>\n"},
    {"proxy", "cloudflare_526", 526,
     "server: cloudflare\r\n"
     "cf-ray: 0000000000000000-MOCK\r\n",
     "<!DOCTYPE html>\n"
     "<html lang=\"en-US\"><head><title>mock | 526: Invalid SSL certificate</title></head><body><"
     "h1>Error 526</h1></body></html>\n"},
};
/* clang-format on */

const struct mock_error *mock_error_find(const char *provider, const char *kind, unsigned status)
{
    const struct mock_error *other = NULL;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct mock_error *row = &rows[i];

        if (kind[0] && strcmp(kind, row->kind) != 0)
            continue;
        if (status && status != row->status)
            continue;
        if (!provider[0] || strcmp(provider, row->provider) == 0)
            return row;
        if (!other && kind[0])
            other = row;
    }
    return other;
}

void mock_errors_manual(struct buf *out)
{
    buf_add_str(out, "| provider | kind | status | headers |\n|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span rest = span_str(rows[i].headers);

        buf_printf(out, "| %s | `%s` | %u |", rows[i].provider, rows[i].kind, rows[i].status);
        while (rest.n) {
            struct span line = span_cut(&rest, '\n');

            buf_printf(out, " `%.*s`", (int)(line.n - 1), line.p);
        }
        buf_add_str(out, " |\n");
    }
}

const char *mock_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Payload Too Large"},
        {422, "Unprocessable Entity"},
        {424, "Failed Dependency"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {529, "Overloaded"},
    };

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Mock"; /* a reason phrase is free text */
}
