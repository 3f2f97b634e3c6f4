/*
 * Goal: a request of OpenAI's Responses that is read and written again says the same; what it holds
 * is noted; what is wrong with it is said with its place. An answer likewise, streamed and whole,
 * also where a host says less than others; and it repeats what was asked.
 * Method: translation from the dialect to itself, in rows of text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/openai/openai_responses_convert.h"
#include "dialect/translate.h"

#define MEGA   ((size_t)1024 * 1024)
#define HAS(f) CHAT_BIT(CHAT_HAS_##f)

static const struct translate_conf conf = {
    .client = &convert_openai_responses,
    .target = &convert_openai_responses,
    .model = {"mine", 4},
    .id = {"r_1", 3},
    .created = 7,
    .answer_max = MEGA,
};

static struct translate *begin(const char *in, struct err *e)
{
    struct translate *t = NULL;

    return translate_new(&t, &conf, span_str(in), e) == 0 ? t : NULL;
}

/* ---- requests ---- */

/* clang-format off */
static const struct {
    const char *in, *out, *dropped;
    chat_set has; /* among others */
} there_and_back[] = {
    {"{\"model\":\"m\",\"input\":\"hi\"}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "", HAS(TEXT)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"max_output_tokens\":12345678901234567890123,\"temperature\":0.70,\"top_p\":1e-1,\"top_logprobs\":3}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"max_output_tokens\":12345678901234567890123,\"temperature\":0.70,\"top_p\":1e-1,\"top_logprobs\":3}", "", HAS(MAX_TOKENS) | HAS(TEMPERATURE) | HAS(TOP_P) | HAS(LOGPROBS)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"max_output_tokens\":15}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"max_output_tokens\":16}", "", HAS(MAX_TOKENS)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"max_output_tokens\":16}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"max_output_tokens\":16}", "", HAS(MAX_TOKENS)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"metadata\":{\"b\":\"1\",\"a\":\"2\"},\"service_tier\":\"flex\"}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"metadata\":{\"b\":\"1\",\"a\":\"2\"},\"service_tier\":\"flex\"}", "", HAS(METADATA) | HAS(SERVICE_TIER)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"metadata\":{},\"service_tier\":\"standard_only\",\"temperature\":null,\"truncation\":\"disabled\",\"background\":false,\"stream_options\":{\"include_obfuscation\":false}}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "service-tier", HAS(SERVICE_TIER)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"store\":true}", "{\"model\":\"m\",\"store\":true,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "", HAS(STORE)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"store\":false}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "", 0},
    {"{\"model\":\"m\",\"input\":\"hi\",\"previous_response_id\":\"resp_1\"}", "{\"model\":\"m\",\"store\":false,\"previous_response_id\":\"resp_1\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "", HAS(PREVIOUS)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"user\":\"old\",\"safety_identifier\":\"new\"}", "{\"model\":\"m\",\"store\":false,\"safety_identifier\":\"new\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "", HAS(USER)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"safety_identifier\":\"new\",\"user\":\"old\"}", "{\"model\":\"m\",\"store\":false,\"safety_identifier\":\"new\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "", HAS(USER)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"frequency_penalty\":1,\"foo\":1,\"prompt_cache_key\":\"k\",\"truncation\":\"auto\",\"background\":true}", "{\"model\":\"m\",\"store\":false,\"prompt_cache_key\":\"k\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "penalties, foo, truncation, background", HAS(PENALTIES) | HAS(CACHE_KEY) | HAS(OTHER)},
    {"{\"model\":\"m\",\"previous_response_id\":\"r\"}", "{\"model\":\"m\",\"store\":false,\"previous_response_id\":\"r\",\"input\":[]}", "", HAS(PREVIOUS)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"conversation\":\"conv_1\"}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "conversation", HAS(PREVIOUS) | HAS(OTHER)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"instructions\":\"s\"}", "{\"model\":\"m\",\"store\":false,\"instructions\":\"s\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "", HAS(SYSTEM)},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"developer\",\"content\":\"d\"},{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "{\"model\":\"m\",\"store\":false,\"instructions\":\"s\",\"input\":[{\"type\":\"message\",\"role\":\"developer\",\"content\":[{\"type\":\"input_text\",\"text\":\"d\"}]},{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "", HAS(SYSTEM) | HAS(DEVELOPER)},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"system\",\"content\":\"s\"}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"s\"}]}]}", "", HAS(SYSTEM)},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]},{\"role\":\"system\",\"content\":\"s\"}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]},{\"type\":\"message\",\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"s\"}]}]}", "", HAS(SYSTEM_LATER)},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"id\":\"msg_1\",\"status\":\"completed\",\"phase\":\"commentary\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\",\"annotations\":[],\"logprobs\":[]},{\"type\":\"refusal\",\"refusal\":\"no\"}]},{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"x\"},{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]},{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "input[0].phase", HAS(REFUSAL)},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\",\"annotations\":[{\"type\":\"url_citation\",\"url\":\"u\"}]}]},{\"role\":\"user\",\"content\":[]}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"x\"},{\"type\":\"message\",\"role\":\"user\",\"content\":[]}]}", "citations", HAS(CITATIONS)},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\",\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}}]}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "cache", HAS(CACHE)},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[]}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[]}]}", "", 0},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"detail\":\"low\",\"image_url\":\"data:image/webp;base64,AAAA\"},{\"type\":\"input_image\",\"image_url\":\"https://h/i.png\"},{\"type\":\"input_file\",\"filename\":\"x.pdf\",\"file_data\":\"data:application/pdf;base64,CCCC\"},{\"type\":\"input_file\",\"file_url\":\"https://h/d.pdf\"}]}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"detail\":\"low\",\"image_url\":\"data:image/webp;base64,AAAA\"},{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"https://h/i.png\"},{\"type\":\"input_file\",\"filename\":\"x.pdf\",\"file_data\":\"data:application/pdf;base64,CCCC\"},{\"type\":\"input_file\",\"file_url\":\"https://h/d.pdf\"}]}]}", "", HAS(IMAGE_BASE64) | HAS(IMAGE_URL) | HAS(IMAGE_DETAIL) | HAS(DOCUMENT_BASE64) | HAS(DOCUMENT_URL)},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_data\":\"CCCC\"}]}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"filename\":\"document.pdf\",\"file_data\":\"data:application/pdf;base64,CCCC\"}]}]}", "", HAS(DOCUMENT_BASE64)},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"}]}", "", HAS(TOOL_CALL) | HAS(TOOL_RESULT)},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]},{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\"}]},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"},{\"type\":\"function_call\",\"id\":\"fc_2\",\"status\":\"completed\",\"call_id\":\"c2\",\"name\":\"g\",\"arguments\":\"\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"},{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":[{\"type\":\"input_text\",\"text\":\"a\"},{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"https://h/i\"}]}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]},{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"x\"},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"},{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\",\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"},{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":[{\"type\":\"input_text\",\"text\":\"a\"},{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"https://h/i\"}]}]}", "", HAS(TOOL_RESULT_IMAGE)},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"p\",\"input\":\"*** {\"},{\"type\":\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":\"ok\"}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"p\",\"input\":\"*** {\"},{\"type\":\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":\"ok\"}]}", "", HAS(TOOL_FREE)},
    {"{\"model\":\"m\",\"previous_response_id\":\"r\",\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"}]}", "{\"model\":\"m\",\"store\":false,\"previous_response_id\":\"r\",\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"}]}", "", HAS(TOOL_RESULT)},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"a\"},{\"type\":\"summary_text\",\"text\":\"b\"}],\"encrypted_content\":\"e\"},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"a\\n\\nb\"}],\"encrypted_content\":\"e\"},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"}],\"include\":[\"reasoning.encrypted_content\"]}", "", HAS(THINKING) | HAS(SIGNATURE)},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"e\"},{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"e\"},{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"include\":[\"reasoning.encrypted_content\"]}", "", HAS(SIGNATURE)},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"content\":[{\"type\":\"reasoning_text\",\"text\":\"t\"}],\"encrypted_content\":null},{\"role\":\"user\",\"content\":\"hi\"}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "thinking", HAS(THINKING)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\",\"context\":\"auto\"},\"include\":[\"reasoning.encrypted_content\",\"file_search_call.results\",\"message.output_text.logprobs\"]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},\"include\":[\"reasoning.encrypted_content\",\"message.output_text.logprobs\"]}", "reasoning.context, include[1]", HAS(EFFORT) | HAS(LOGPROBS)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"reasoning\":{\"effort\":null,\"generate_summary\":\"concise\"}}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"reasoning\":{\"summary\":\"concise\"}}", "", 0},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"z\":1.50,\"a\":{}},\"strict\":true}],\"tool_choice\":\"required\",\"parallel_tool_calls\":false}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"z\":1.50,\"a\":{}},\"strict\":true}],\"tool_choice\":\"required\",\"parallel_tool_calls\":false}", "", HAS(TOOLS) | HAS(TOOL_STRICT) | HAS(TOOL_CHOICE) | HAS(TOOL_PARALLEL)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"custom\",\"name\":\"p\",\"format\":{\"type\":\"text\"}}],\"tool_choice\":{\"type\":\"custom\",\"name\":\"p\"}}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":false},{\"type\":\"custom\",\"name\":\"p\",\"format\":{\"type\":\"text\"}}],\"tool_choice\":{\"type\":\"custom\",\"name\":\"p\"}}", "", HAS(TOOLS) | HAS(TOOL_FREE) | HAS(TOOL_CHOICE)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"function\",\"name\":\"g\"}],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[{\"type\":\"function\",\"name\":\"g\"}]}}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"tools\":[{\"type\":\"function\",\"name\":\"g\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":false}],\"tool_choice\":\"auto\"}", "", 0},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"description\":\"d\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"strict\":false}]}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"tools\":[{\"type\":\"function\",\"name\":\"n__f\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":false}]}", "", HAS(TOOLS)},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c1\",\"namespace\":\"n\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"n__f\",\"arguments\":\"{}\"},{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}", "", HAS(TOOL_CALL)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"s\",\"description\":\"d\",\"schema\":{\"type\":\"object\"},\"strict\":true},\"verbosity\":\"low\"}}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"s\",\"description\":\"d\",\"schema\":{\"type\":\"object\"},\"strict\":true},\"verbosity\":\"low\"}}", "", HAS(JSON_SCHEMA) | HAS(VERBOSITY)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"json_object\"}}}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"text\":{\"format\":{\"type\":\"json_object\"}}}", "", HAS(JSON_OBJECT)},
    {"{\"model\":\"m\",\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"text\"}}}", "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}],\"text\":{\"format\":{\"type\":\"text\"}}}", "", 0},
};
/* clang-format on */

static void requests_say_the_same_again(void **state)
{
    struct convert_to to = {.model = SPAN_LIT("m"), .signer = CHAT_SIGNER_OPENAI};
    struct buf out, dropped;
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(there_and_back); i++) {
        struct translate *t = begin(there_and_back[i].in, &e);

        if (!t)
            fail_msg("%s: %s", there_and_back[i].in, e.text);
        buf_init(&out, MEGA);
        buf_init(&dropped, MEGA);
        assert_int_equal(translate_request(t, &out, &to, &e), 0);
        translate_dropped(t, &dropped);
        buf_add_char(&out, '\0');
        buf_add_char(&dropped, '\0');
        assert_string_equal(out.p, there_and_back[i].out);
        assert_string_equal(dropped.p, there_and_back[i].dropped);
        translate_free(&t);
        buf_fini(&out);
        buf_fini(&dropped);
    }
}

/* Read into q; the tree and the arena live until release(). */
struct held {
    struct json_tree tree;
    struct arena arena;
    struct chat_request q;
};

static void hold(struct held *h, const char *in)
{
    struct err e;

    *h = (struct held){.q = {.arena = &h->arena}};
    arena_init(&h->arena, MEGA);
    assert_int_equal(json_tree_read(&h->tree, span_str(in), &e), 0);
    assert_int_equal(convert_read(&convert_openai_responses, &h->q, h->tree.root, &e), 0);
}

static void release(struct held *h)
{
    json_tree_fini(&h->tree);
    arena_fini(&h->arena);
}

static void what_a_request_holds_is_noted(void **state)
{
    struct held h;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(there_and_back); i++) {
        hold(&h, there_and_back[i].in);
        if ((h.q.has & there_and_back[i].has) != there_and_back[i].has)
            fail_msg("%s: %llx is not noted", there_and_back[i].in,
                     (unsigned long long)(there_and_back[i].has & ~h.q.has));
        release(&h);
    }
    hold(&h, there_and_back[0].in); /* and nothing else */
    assert_int_equal(h.q.has, HAS(TEXT));
    release(&h);
}

/* clang-format off */
/* What only the provider has of a conversation. */
static const struct {
    const char *in;
} hidden[] = {
    {"{\"model\":\"m\",\"input\":\"hi\",\"previous_response_id\":\"r\"}"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"conversation\":\"c\"}"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"prompt\":{\"id\":\"p\"}}"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]}"},
    {"{\"model\":\"m\",\"input\":[{\"id\":\"msg_1\"}]}"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"compaction\",\"encrypted_content\":\"e\"}]}"},
    {"{\"model\":\"m\",\"input\":[{\"id\":\"msg_1\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"}]}"},
};
/* clang-format on */

static void what_the_provider_keeps_is_noted(void **state)
{
    struct held h;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        hold(&h, hidden[i].in);
        assert_true(h.q.has & HAS(PREVIOUS));
        release(&h);
    }
}

/* clang-format off */
static const struct {
    const char *in, *why;
} wrong[] = {
    {"[]", "the body: an object is wanted"},
    {"{\"model\":\"m\"}", "input: there is nothing to answer"},
    {"{\"input\":[]}", "input: there is nothing to answer"},
    {"{\"input\":null,\"instructions\":\"s\"}", "input: there is nothing to answer"},
    {"{\"input\":7}", "input: a string or an array is wanted"},
    {"{\"instructions\":[]}", "instructions: a string is wanted"},
    {"{\"model\":\"m\",\"input\":[7]}", "input[0]: an object is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"root\",\"content\":\"x\"}]}", "input[0].role: user, assistant, system or developer is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"content\":\"x\"}]}", "input[0].role: user, assistant, system or developer is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\"}]}", "input[0].content: it is missing"},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":{}}]}", "input[0].content: a string or an array is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"hologram\"}]}]}", "input[1].content[0].type: no kind of content that is known"},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\"}]}]}", "input[0].content[0].text: it is missing"},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":7}]}]}", "input[0].content[0].text: a string is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]}", "input[0].content[0].image_url: it is missing"},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"filename\":\"x\"}]}]}", "input[0].content[0].file_data: it is missing"},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\"}]}]}", "input[0].content[0].refusal: it is missing"},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":7}]}]}", "input[0].content[0].input_audio: an object is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"teleport\"}]}", "input[0].type: no kind of item that is known"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}]}", "input[0].call_id: it is missing"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"arguments\":\"{}\"}]}", "input[0].name: it is missing"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\"}]}", "input[0].arguments: a string is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":{}}]}", "input[0].arguments: a string is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"f\",\"input\":1}]}", "input[0].input: a string is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"}]}", "input[0].call_id: no call before it has this id"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"}]}", "input[0].call_id: no call before it has this id"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\"}]}", "input[1].output: it is missing"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":7}]}", "input[1].output: a string or an array is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"summary\":\"s\"}]}", "input[0].summary: an array is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"summary\":[{\"type\":\"text\",\"text\":\"x\"}]}]}", "input[0].summary[0].type: summary_text is wanted"},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\"}]}]}", "input[0].summary[0].text: a string is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"temperature\":\"hot\"}", "temperature: a number is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"stream\":1}", "stream: true or false is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"store\":\"no\"}", "store: true or false is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"metadata\":[]}", "metadata: an object is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"safety_identifier\":\"a\",\"user\":7}", "user: a string is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":{}}", "tools: an array is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[7]}", "tools[0]: an object is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{}]}", "tools[0].type: a string is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"function\"}]}", "tools[0].name: it is missing"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":[]}]}", "tools[0].parameters: an object is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\"}]}", "tools[0].tools: an array is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"namespace\",\"tools\":[]}]}", "tools[0].name: a string is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\"}]}]}", "tools[0].tools[0].name: it is missing"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tool_choice\":\"maybe\"}", "tool_choice: auto, none or required is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tool_choice\":7}", "tool_choice: a string or an object with a type is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tool_choice\":{\"type\":\"function\"}}", "tool_choice.name: it is missing"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"x\",\"tools\":[]}}", "tool_choice.mode: auto, none or required is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\"}}", "tool_choice.tools: an array is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"xml\"}}}", "text.format.type: text, json_object or json_schema is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"text\":{\"format\":{}}}", "text.format.type: it is missing"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"s\"}}}", "text.format.schema: it is missing"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"include\":\"all\"}", "include: an array is wanted"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"reasoning\":\"high\"}", "reasoning: an object is wanted"},
    {"{\"a\":", "byte 5: unexpected end of data"},
};

/* What a target that loses it would have to be skipped for. */
static const struct {
    const char *in;
    enum chat_feature obstacle;
} obstacles[] = {
    {"{\"model\":\"m\",\"input\":\"hi\"}", CHAT_FEATURES},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"web_search\"}]}", CHAT_HAS_PROVIDER_TOOL},
    {"{\"model\":\"m\",\"input\":\"hi\",\"tool_choice\":{\"type\":\"web_search_preview\"}}", CHAT_HAS_PROVIDER_TOOL},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]},{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"completed\"}]}", CHAT_HAS_PROVIDER_TOOL},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"mcp_call\"}]}", CHAT_HAS_PROVIDER_TOOL},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"Once\"}]}", CHAT_FEATURES},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_id\":\"f\"}]}]}", CHAT_HAS_FILE_ID},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"f\"}]}]}", CHAT_HAS_FILE_ID},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"A\",\"format\":\"wav\"}}]}]}", CHAT_HAS_AUDIO},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_video\",\"video_url\":\"https://h/v\"}]}]}", CHAT_HAS_VIDEO},
};
/* clang-format on */

static void wrong_requests_are_told_their_place(void **state)
{
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (begin(wrong[i].in, &e))
            fail_msg("%s is taken", wrong[i].in);
        assert_int_equal(e.code, ERR_PROTOCOL);
        assert_string_equal(e.text, wrong[i].why);
    }
}

static void what_cannot_be_said_is_an_obstacle(void **state)
{
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(obstacles); i++) {
        struct translate *t = begin(obstacles[i].in, &e);

        assert_non_null(t);
        assert_int_equal(translate_obstacle(t), obstacles[i].obstacle);
        translate_free(&t);
    }
}

#define FORMAT(name)                                                                               \
    {.format = CHAT_FORMAT_SCHEMA,                                                                 \
     .format_name = {name, sizeof(name) - 1},                                                      \
     .format_schema = {"{}", 2}}
#define N48 "0123456789abcdef0123456789abcdef0123456789abcdef"

/* What other dialects ask for and this one says in other words: a piece of the request. */
static const struct {
    struct chat_request q;
    struct convert_to to;
    const char *piece;
} others[] = {
    {{.effort = {"max", 3}}, {.stream = true}, "\"reasoning\":{\"effort\":\"max\"}"},
    {{.thinking_budget = {"0", 1}}, {.stream = true}, "\"reasoning\":{\"effort\":\"none\"}"},
    {{.thinking_budget = {"4096", 4}}, {.stream = true}, "\"reasoning\":{\"effort\":\"low\"}"},
    {{.thinking_budget = {"4097", 4}}, {.stream = true}, "\"reasoning\":{\"effort\":\"medium\"}"},
    {{.thinking_budget = {"16385", 5}}, {.stream = true}, "\"reasoning\":{\"effort\":\"high\"}"},
    {{.thinking_budget = {"-1", 2}}, {.stream = true}, "\"reasoning\":{\"effort\":\"medium\"}"},
    {{.thinking = CHAT_YES}, {.stream = true}, "\"reasoning\":{\"summary\":\"auto\"}"},
    {{.thinking = CHAT_NO, .thinking_budget = {"9", 1}}, {.stream = true}, "\"hi\"}]}]}"},
    {{.effort = {"low", 3}},
     {.signer = CHAT_SIGNER_OPENAI},
     "\"include\":[\"reasoning.encrypted_content\"]"},
    {{.effort = {"low", 3}, .store = CHAT_YES},
     {.signer = CHAT_SIGNER_OPENAI},
     "\"reasoning\":{\"effort\":\"low\"}}"},
    {{.effort = {"low", 3}}, {.signer = CHAT_SIGNER_NONE}, "\"reasoning\":{\"effort\":\"low\"}}"},
    {{.user = {"a b", 3}}, {.stream = true}, "\"safety_identifier\":\"a b\""},
    {{.choice = CHAT_CHOICE_ONE, .choice_name = {"a.b", 3}}, {.stream = true}, "\"name\":\"ab_"},
    {FORMAT(""), {.stream = true}, "\"name\":\"answer\",\"schema\""},
    {FORMAT("a-b_9"), {.stream = true}, "\"name\":\"a-b_9\",\"schema\""},
    {FORMAT("a.b"), {.stream = true}, "\"name\":\"ab_"},
    {FORMAT(N48 "0123456789abcdef"),
     {.stream = true},
     "\"name\":\"" N48 "0123456789abcdef\",\"schema\""},
    {FORMAT(N48 "0123456789abcdefX"), {.stream = true}, "\"name\":\"" N48 "012_"},
};

static const struct chat_part hi = {.kind = CHAT_PART_TEXT, .text = {"hi", 2}};
static const struct chat_message asks = {.role = CHAT_ROLE_USER,
                                         .parts = (struct chat_part *)(uintptr_t)&hi};

static void what_others_ask_for_is_said_in_its_words(void **state)
{
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct chat_request q = others[i].q;
        struct arena a;
        struct buf out;

        arena_init(&a, MEGA);
        q.arena = &a;
        q.messages = (struct chat_message *)(uintptr_t)&asks;
        buf_init(&out, MEGA);
        assert_int_equal(convert_openai_responses.write_request(&out, &q, &others[i].to, &e), 0);
        if (!span_contains(buf_span(&out), span_str(others[i].piece)))
            fail_msg("row %zu: %.*s", i, SPAN_FMT(buf_span(&out)));
        buf_fini(&out);
        arena_fini(&a);
    }
}

/* Other dialects may let a result pass that nobody asked for, or a conversation of nothing that
 * this one can say. */
static void what_the_api_would_refuse_is_not_written(void **state)
{
    struct chat_part result = {.kind = CHAT_PART_TOOL_RESULT, .id = SPAN_LIT("c")};
    struct chat_part call = {
        .kind = CHAT_PART_TOOL_CALL, .id = SPAN_LIT("c"), .name = SPAN_LIT("f")};
    struct chat_message last = {.role = CHAT_ROLE_USER, .parts = &result};
    struct chat_message first = {.role = CHAT_ROLE_ASSISTANT, .parts = &call, .next = &last};
    struct chat_part redacted = {.kind = CHAT_PART_THINKING, .redacted = true};
    struct chat_message mute = {.role = CHAT_ROLE_ASSISTANT, .parts = &redacted};
    struct convert_to to = {.signer = CHAT_SIGNER_OPENAI};
    struct arena a;
    struct buf out;
    struct err e;
    struct chat_request q = {.arena = &a, .messages = &last};

    UNUSED(state);
    arena_init(&a, MEGA);
    buf_init(&out, MEGA);
    assert_int_equal(convert_openai_responses.write_request(&out, &q, &to, &e), -1);
    assert_int_equal(e.code, ERR_PROTOCOL);
    assert_string_equal(e.text, "the tool result 'c' has no call before it");
    buf_reset(&out);
    q.messages = &mute;
    assert_int_equal(convert_openai_responses.write_request(&out, &q, &to, &e), -1);
    assert_string_equal(e.text, "nothing is left that could be answered");
    buf_reset(&out);
    q.messages = &first;
    assert_int_equal(convert_openai_responses.write_request(&out, &q, &to, &e), 0);
    buf_fini(&out);
    arena_fini(&a);
}

/* A signature goes to who can read it, and back to whom it came from. */
static void signatures_find_their_makers(void **state)
{
    static const char mine[] = "{\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{"
                               "\"type\":\"summary_text\",\"text\":\"t\"}],"
                               "\"encrypted_content\":\"e\"},{\"role\":\"user\","
                               "\"content\":\"hi\"}]}";
    struct convert_to to = {.signer = CHAT_SIGNER_ANTHROPIC};
    struct held h;
    struct buf out;
    struct err e;

    UNUSED(state);
    buf_init(&out, MEGA);
    hold(&h, mine);
    assert_int_equal(h.q.messages->parts->signer, CHAT_SIGNER_OPENAI);
    assert_int_equal(convert_openai_responses.write_request(&out, &h.q, &to, &e), 0);
    assert_false(span_contains(buf_span(&out), SPAN_LIT("reasoning")));
    buf_reset(&out);
    to.signer = CHAT_SIGNER_OPENAI;
    assert_int_equal(convert_openai_responses.write_request(&out, &h.q, &to, &e), 0);
    assert_true(span_contains(buf_span(&out), SPAN_LIT("\"encrypted_content\":\"e\"")));
    release(&h);
    buf_fini(&out);
}

/* More calls than a table has slots to begin with, each answered. */
static void many_calls_are_told_apart(void **state)
{
    struct held h;
    struct buf b;
    size_t n = 0;

    UNUSED(state);
    buf_init(&b, MEGA);
    buf_add_str(&b, "{\"input\":[");
    for (int i = 0; i < 200; i++)
        buf_printf(&b,
                   "{\"type\":\"function_call\",\"call_id\":\"c%d\",\"name\":\"n%d\","
                   "\"arguments\":\"{}\"},",
                   i, i);
    for (int i = 199; i >= 0; i--)
        buf_printf(&b, "{\"type\":\"function_call_output\",\"call_id\":\"c%d\",\"output\":\"\"}%s",
                   i, i ? "," : "]}");
    buf_add_char(&b, '\0');
    hold(&h, b.p);
    assert_non_null(h.q.messages->next);
    assert_null(h.q.messages->next->next); /* all calls are one message, all results another */
    for (const struct chat_part *p = h.q.messages->next->parts; p; p = p->next, n++) {
        assert_int_equal(p->id.p[0], 'c');
        assert_int_equal(p->name.p[0], 'n');
        assert_memory_equal(p->id.p + 1, p->name.p + 1, p->id.n - 1);
    }
    assert_int_equal(n, 200);
    release(&h);
    buf_fini(&b);
}

/* ---- answers ---- */

/* clang-format off */
/* out NULL: the stream comes out as it went in. */
static const struct {
    const char *name, *in, *out;
} streams[] = {
    {"text",
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n"
        "event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":1,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n"
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\n"
        "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":3,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"\"}}\n\n"
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":4,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"delta\":\"a\",\"logprobs\":[]}\n\n"
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":5,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"delta\":\" \\\"b\\\"\",\"logprobs\":[]}\n\n"
        "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"sequence_number\":6,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"text\":\"a \\\"b\\\"\",\"logprobs\":[]}\n\n"
        "event: response.content_part.done\ndata: {\"type\":\"response.content_part.done\",\"sequence_number\":7,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"a \\\"b\\\"\"}}\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":8,\"output_index\":0,\"item\":{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"a \\\"b\\\"\"}]}}\n\n"
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":9,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"completed\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"a \\\"b\\\"\"}]}],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":0},\"output_tokens\":8,\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":17}}}\n\ndata: [DONE]\n\n",
        NULL},
    {"thinking and calls",
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n"
        "event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":1,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n"
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":\"rs_lamplighter_1_0\",\"type\":\"reasoning\",\"summary\":[]}}\n\n"
        "event: response.reasoning_summary_part.added\ndata: {\"type\":\"response.reasoning_summary_part.added\",\"sequence_number\":3,\"item_id\":\"rs_lamplighter_1_0\",\"output_index\":0,\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}\n\n"
        "event: response.reasoning_summary_text.delta\ndata: {\"type\":\"response.reasoning_summary_text.delta\",\"sequence_number\":4,\"item_id\":\"rs_lamplighter_1_0\",\"output_index\":0,\"summary_index\":0,\"delta\":\"t\"}\n\n"
        "event: response.reasoning_summary_text.done\ndata: {\"type\":\"response.reasoning_summary_text.done\",\"sequence_number\":5,\"item_id\":\"rs_lamplighter_1_0\",\"output_index\":0,\"summary_index\":0,\"text\":\"t\"}\n\n"
        "event: response.reasoning_summary_part.done\ndata: {\"type\":\"response.reasoning_summary_part.done\",\"sequence_number\":6,\"item_id\":\"rs_lamplighter_1_0\",\"output_index\":0,\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"t\"}}\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":7,\"output_index\":0,\"item\":{\"id\":\"rs_lamplighter_1_0\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"t\"}],\"encrypted_content\":\"e\"}}\n\n"
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":8,\"output_index\":1,\"item\":{\"id\":\"fc_1_1\",\"type\":\"function_call\",\"status\":\"in_progress\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"\"}}\n\n"
        "event: response.function_call_arguments.delta\ndata: {\"type\":\"response.function_call_arguments.delta\",\"sequence_number\":9,\"item_id\":\"fc_1_1\",\"output_index\":1,\"delta\":\"{\\\"a\\\":\"}\n\n"
        "event: response.function_call_arguments.delta\ndata: {\"type\":\"response.function_call_arguments.delta\",\"sequence_number\":10,\"item_id\":\"fc_1_1\",\"output_index\":1,\"delta\":\"1}\"}\n\n"
        "event: response.function_call_arguments.done\ndata: {\"type\":\"response.function_call_arguments.done\",\"sequence_number\":11,\"item_id\":\"fc_1_1\",\"output_index\":1,\"arguments\":\"{\\\"a\\\":1}\",\"name\":\"f\"}\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":12,\"output_index\":1,\"item\":{\"id\":\"fc_1_1\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}\n\n"
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":13,\"output_index\":2,\"item\":{\"id\":\"ctc_1_2\",\"type\":\"custom_tool_call\",\"status\":\"in_progress\",\"call_id\":\"c2\",\"name\":\"p\",\"input\":\"\"}}\n\n"
        "event: response.custom_tool_call_input.delta\ndata: {\"type\":\"response.custom_tool_call_input.delta\",\"sequence_number\":14,\"item_id\":\"ctc_1_2\",\"output_index\":2,\"delta\":\"*\"}\n\n"
        "event: response.custom_tool_call_input.done\ndata: {\"type\":\"response.custom_tool_call_input.done\",\"sequence_number\":15,\"item_id\":\"ctc_1_2\",\"output_index\":2,\"input\":\"*\"}\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":16,\"output_index\":2,\"item\":{\"id\":\"ctc_1_2\",\"type\":\"custom_tool_call\",\"status\":\"incomplete\",\"call_id\":\"c2\",\"name\":\"p\",\"input\":\"*\"}}\n\n"
        "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"sequence_number\":17,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"model\":\"mine\",\"output\":[{\"id\":\"rs_lamplighter_1_0\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"t\"}],\"encrypted_content\":\"e\"},{\"id\":\"fc_1_1\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"},{\"id\":\"ctc_1_2\",\"type\":\"custom_tool_call\",\"status\":\"incomplete\",\"call_id\":\"c2\",\"name\":\"p\",\"input\":\"*\"}],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":0},\"output_tokens\":8,\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":17}}}\n\ndata: [DONE]\n\n",
        NULL},
    {"refusal, citation, log-probabilities",
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n"
        "event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":1,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n"
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\n"
        "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":3,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"\"}}\n\n"
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":4,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"delta\":\"a\",\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}]}\n\n"
        "event: response.output_text.annotation.added\ndata: {\"type\":\"response.output_text.annotation.added\",\"sequence_number\":5,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"annotation_index\":0,\"annotation\":{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"t\"}}\n\n"
        "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"sequence_number\":6,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"text\":\"a\",\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}]}\n\n"
        "event: response.content_part.done\ndata: {\"type\":\"response.content_part.done\",\"sequence_number\":7,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"annotations\":[{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"t\"}],\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}],\"text\":\"a\"}}\n\n"
        "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":8,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":1,\"part\":{\"type\":\"refusal\",\"refusal\":\"\"}}\n\n"
        "event: response.refusal.delta\ndata: {\"type\":\"response.refusal.delta\",\"sequence_number\":9,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":1,\"delta\":\"no\"}\n\n"
        "event: response.refusal.done\ndata: {\"type\":\"response.refusal.done\",\"sequence_number\":10,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":1,\"refusal\":\"no\"}\n\n"
        "event: response.content_part.done\ndata: {\"type\":\"response.content_part.done\",\"sequence_number\":11,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":1,\"part\":{\"type\":\"refusal\",\"refusal\":\"no\"}}\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":12,\"output_index\":0,\"item\":{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"incomplete\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"annotations\":[{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"t\"}],\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}],\"text\":\"a\"},{\"type\":\"refusal\",\"refusal\":\"no\"}]}}\n\n"
        "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"sequence_number\":13,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":\"content_filter\"},\"model\":\"mine\",\"output\":[{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"incomplete\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"annotations\":[{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"t\"}],\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}],\"text\":\"a\"},{\"type\":\"refusal\",\"refusal\":\"no\"}]}],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\ndata: [DONE]\n\n",
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n"
        "event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":1,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n"
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\n"
        "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":3,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"\"}}\n\n"
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":4,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"delta\":\"a\",\"logprobs\":[]}\n\n"
        "event: response.output_text.annotation.added\ndata: {\"type\":\"response.output_text.annotation.added\",\"sequence_number\":5,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"annotation_index\":0,\"annotation\":{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"t\"}}\n\n"
        "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"sequence_number\":6,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"text\":\"a\",\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}]}\n\n"
        "event: response.content_part.done\ndata: {\"type\":\"response.content_part.done\",\"sequence_number\":7,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"annotations\":[{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"t\"}],\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}],\"text\":\"a\"}}\n\n"
        "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":8,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":1,\"part\":{\"type\":\"refusal\",\"refusal\":\"\"}}\n\n"
        "event: response.refusal.delta\ndata: {\"type\":\"response.refusal.delta\",\"sequence_number\":9,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":1,\"delta\":\"no\"}\n\n"
        "event: response.refusal.done\ndata: {\"type\":\"response.refusal.done\",\"sequence_number\":10,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":1,\"refusal\":\"no\"}\n\n"
        "event: response.content_part.done\ndata: {\"type\":\"response.content_part.done\",\"sequence_number\":11,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":1,\"part\":{\"type\":\"refusal\",\"refusal\":\"no\"}}\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":12,\"output_index\":0,\"item\":{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"incomplete\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"annotations\":[{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"t\"}],\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}],\"text\":\"a\"},{\"type\":\"refusal\",\"refusal\":\"no\"}]}}\n\n"
        "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"sequence_number\":13,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":\"content_filter\"},\"model\":\"mine\",\"output\":[{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"incomplete\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"annotations\":[{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"t\"}],\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}],\"text\":\"a\"},{\"type\":\"refusal\",\"refusal\":\"no\"}]}],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\ndata: [DONE]\n\n"},
    {"a host that says less",
        "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"created_at\":3,\"model\":\"x\"}}\n\n"
        "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"a\"}\n\n"
        "data: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\"}]}}\n\n"
        "data: {\"type\":\"response.web_search_call.searching\",\"output_index\":1}\n\n"
        "data: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":\"web_search_call\",\"id\":\"ws\"}}\n\n"
        "data: {\"type\":\"response.output_item.done\",\"output_index\":2,\"item\":{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"\"}}\n\n"
        "data: {\"type\":\"response.output_item.done\",\"output_index\":3,\"item\":{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"x\"},{\"type\":\"summary_text\",\"text\":\"y\"}]}}\n\n"
        "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n",
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n"
        "event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":1,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\n"
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\n"
        "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":3,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"\"}}\n\n"
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":4,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"delta\":\"a\",\"logprobs\":[]}\n\n"
        "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"sequence_number\":5,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"text\":\"a\",\"logprobs\":[]}\n\n"
        "event: response.content_part.done\ndata: {\"type\":\"response.content_part.done\",\"sequence_number\":6,\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"a\"}}\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":7,\"output_index\":0,\"item\":{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"a\"}]}}\n\n"
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":8,\"output_index\":1,\"item\":{\"id\":\"fc_1_1\",\"type\":\"function_call\",\"status\":\"in_progress\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"\"}}\n\n"
        "event: response.function_call_arguments.delta\ndata: {\"type\":\"response.function_call_arguments.delta\",\"sequence_number\":9,\"item_id\":\"fc_1_1\",\"output_index\":1,\"delta\":\"{}\"}\n\n"
        "event: response.function_call_arguments.done\ndata: {\"type\":\"response.function_call_arguments.done\",\"sequence_number\":10,\"item_id\":\"fc_1_1\",\"output_index\":1,\"arguments\":\"{}\",\"name\":\"f\"}\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":11,\"output_index\":1,\"item\":{\"id\":\"fc_1_1\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"}}\n\n"
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":12,\"output_index\":2,\"item\":{\"id\":\"rs_lamplighter_1_2\",\"type\":\"reasoning\",\"summary\":[]}}\n\n"
        "event: response.reasoning_summary_part.added\ndata: {\"type\":\"response.reasoning_summary_part.added\",\"sequence_number\":13,\"item_id\":\"rs_lamplighter_1_2\",\"output_index\":2,\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}\n\n"
        "event: response.reasoning_summary_text.delta\ndata: {\"type\":\"response.reasoning_summary_text.delta\",\"sequence_number\":14,\"item_id\":\"rs_lamplighter_1_2\",\"output_index\":2,\"summary_index\":0,\"delta\":\"x\"}\n\n"
        "event: response.reasoning_summary_text.delta\ndata: {\"type\":\"response.reasoning_summary_text.delta\",\"sequence_number\":15,\"item_id\":\"rs_lamplighter_1_2\",\"output_index\":2,\"summary_index\":0,\"delta\":\"\\n\\n\"}\n\n"
        "event: response.reasoning_summary_text.delta\ndata: {\"type\":\"response.reasoning_summary_text.delta\",\"sequence_number\":16,\"item_id\":\"rs_lamplighter_1_2\",\"output_index\":2,\"summary_index\":0,\"delta\":\"y\"}\n\n"
        "event: response.reasoning_summary_text.done\ndata: {\"type\":\"response.reasoning_summary_text.done\",\"sequence_number\":17,\"item_id\":\"rs_lamplighter_1_2\",\"output_index\":2,\"summary_index\":0,\"text\":\"x\\n\\ny\"}\n\n"
        "event: response.reasoning_summary_part.done\ndata: {\"type\":\"response.reasoning_summary_part.done\",\"sequence_number\":18,\"item_id\":\"rs_lamplighter_1_2\",\"output_index\":2,\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"x\\n\\ny\"}}\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":19,\"output_index\":2,\"item\":{\"id\":\"rs_lamplighter_1_2\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"x\\n\\ny\"}]}}\n\n"
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":20,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"completed\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"a\"}]},{\"id\":\"fc_1_1\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"},{\"id\":\"rs_lamplighter_1_2\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"x\\n\\ny\"}]}],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}}\n\ndata: [DONE]\n\n"},
};

static const struct {
    const char *text;
} wholes[] = {
    {"{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"completed\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"annotations\":[{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"u\",\"title\":\"t\"}],\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]}],\"text\":\"a\\u2028b\"}]}],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":0},\"output_tokens\":8,\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":17}}"},
    {"{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"completed\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[{\"id\":\"rs_lamplighter_1_0\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"t\"}],\"encrypted_content\":\"e\"},{\"id\":\"fc_1_1\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"n\\\": 9007199254740993}\"},{\"id\":\"ctc_1_2\",\"type\":\"custom_tool_call\",\"status\":\"completed\",\"call_id\":\"c2\",\"name\":\"p\",\"input\":\"*\"}],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":0},\"output_tokens\":8,\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":17}}"},
    {"{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":\"content_filter\"},\"model\":\"mine\",\"output\":[{\"id\":\"msg_1_0\",\"type\":\"message\",\"status\":\"incomplete\",\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":0},\"output_tokens\":8,\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":17}}"},
    {"{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"completed\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[],\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"service_tier\":\"default\",\"store\":false,\"background\":false,\"temperature\":1,\"top_p\":1,\"top_logprobs\":0,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{},\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null}"},
};
/* clang-format on */

static void feed(struct translate *t, const char *in, struct buf *out)
{
    struct err e;

    for (const char *at = in, *end; *at; at = end) {
        end = strstr(at, "\n\n") + 2;
        if (translate_event(t, span_of(at, (size_t)(end - at)), out, &e) < 0)
            fail_msg("%.*s: %s", (int)(end - at), at, e.text);
        assert_null(memmem(out->p, out->n, "event: response.completed", 25));
        assert_null(memmem(out->p, out->n, "event: response.incomplete", 26));
    }
    assert_int_equal(translate_end(t, out, &e), 0);
}

static void streams_say_the_same_again(void **state)
{
    struct buf out;
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct translate *t = begin(there_and_back[0].in, &e);

        buf_init(&out, MEGA);
        feed(t, streams[i].in, &out);
        buf_add_char(&out, '\0');
        if (strcmp(out.p, streams[i].out ? streams[i].out : streams[i].in) != 0)
            fail_msg("%s: %s", streams[i].name, out.p);
        translate_free(&t);
        buf_fini(&out);
    }
}

static void answer_is(const char *request, const char *answer, const char *want)
{
    struct buf out;
    struct err e;
    struct translate *t = begin(request, &e);

    assert_non_null(t);
    buf_init(&out, MEGA);
    assert_int_equal(translate_answer(t, span_str(answer), false, &out, &e), 0);
    buf_add_char(&out, '\0');
    assert_string_equal(out.p, want);
    translate_free(&t);
    buf_fini(&out);
}

static void whole_answers_say_the_same_again(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++)
        answer_is(there_and_back[0].in, wholes[i].text, wholes[i].text);
}

/* clang-format off */
#define ASKED "{\"model\":\"m\",\"instructions\":\"s\",\"input\":\"hi\",\"temperature\":0.70,\"top_p\":0.5,\"max_output_tokens\":99,\"top_logprobs\":2,\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},\"safety_identifier\":\"u\",\"service_tier\":\"flex\",\"parallel_tool_calls\":false,\"metadata\":{\"a\":\"1\"},\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"x\":1.0}},\"verbosity\":\"low\"},\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"custom\",\"name\":\"p\"}]}],\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}}"
#define ANSWERED "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"status\":\"completed\",\"output\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"n__p\",\"input\":\"x\"}]}"
#define REPEATED "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":3,\"completed_at\":null,\"status\":\"completed\",\"error\":null,\"incomplete_details\":null,\"model\":\"mine\",\"output\":[{\"id\":\"ctc_1_0\",\"type\":\"custom_tool_call\",\"status\":\"completed\",\"call_id\":\"c\",\"name\":\"p\",\"namespace\":\"n\",\"input\":\"x\"}],\"instructions\":\"s\",\"max_output_tokens\":99,\"max_tool_calls\":null,\"parallel_tool_calls\":false,\"previous_response_id\":null,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},\"safety_identifier\":\"u\",\"service_tier\":\"flex\",\"store\":false,\"background\":false,\"temperature\":0.70,\"top_p\":0.5,\"top_logprobs\":2,\"frequency_penalty\":0,\"presence_penalty\":0,\"truncation\":\"disabled\",\"metadata\":{\"a\":\"1\"},\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"description\":null,\"schema\":{\"x\":1.0},\"strict\":false},\"verbosity\":\"low\"},\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":null,\"parameters\":null,\"strict\":false},{\"type\":\"custom\",\"name\":\"p\",\"description\":null}],\"usage\":null}"
/* clang-format on */

static void an_answer_repeats_what_was_asked(void **state)
{
    UNUSED(state);
    answer_is(ASKED, ANSWERED, REPEATED);
}

/* Events of other dialects that this one has no place for, or that come in another order. */
static void parts_may_overlap_and_be_mute(void **state)
{
    static const struct chat_event events[] = {
        {.kind = CHAT_EVENT_PART, .index = 0, .part = CHAT_PART_TOOL_CALL, .name = {"f", 1}},
        {.kind = CHAT_EVENT_PART, .index = 1, .part = CHAT_PART_TOOL_CALL, .name = {"g", 1}},
        {.kind = CHAT_EVENT_DELTA, .index = 0, .text = {"1", 1}},
        {.kind = CHAT_EVENT_DELTA, .index = 1, .text = {"2", 1}},
        {.kind = CHAT_EVENT_PART, .index = 2, .part = CHAT_PART_MEDIA},
        {.kind = CHAT_EVENT_PART_END, .index = 2},
        {.kind = CHAT_EVENT_PART, .index = 3, .part = CHAT_PART_THINKING, .redacted = true},
        {.kind = CHAT_EVENT_PART_END, .index = 3},
        {.kind = CHAT_EVENT_PART, .index = 0, .choice = 1, .part = CHAT_PART_TEXT},
        {.kind = CHAT_EVENT_PART, .index = 4, .part = CHAT_PART_THINKING, .redacted = true},
        {.kind = CHAT_EVENT_SIGN,
         .index = 4,
         .signature = {"s", 1},
         .signer = CHAT_SIGNER_ANTHROPIC},
        {.kind = CHAT_EVENT_FINISH, .stop = CHAT_STOP_TOOL},
    };
    static const char *const pieces[] = {
        "\"item_id\":\"fc_r_1_0\",\"output_index\":0,\"delta\":\"1\"",
        "\"item_id\":\"fc_r_1_1\",\"output_index\":1,\"delta\":\"2\"",
        "\"output\":[{\"id\":\"fc_r_1_0\",\"type\":\"function_call\",\"status\":\"completed\","
        "\"call_id\":\"call_r_1_0\",\"name\":\"f\",\"arguments\":\"1\"},{\"id\":\"fc_r_1_1\","
        "\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"call_r_1_1\",\"name\":"
        "\"g\",\"arguments\":\"2\"},{\"id\":\"rs_lamplighter_r_1_2\",\"type\":\"reasoning\","
        "\"summary\":[],"
        "\"encrypted_content\":\"",
    };
    struct openai_responses_writer own = {0};
    struct held h;
    struct buf out;
    struct err e;
    struct convert_writer w = {.own = &own,
                               .arena = &h.arena,
                               .out = &out,
                               .request = &h.q,
                               .model = SPAN_LIT("m"),
                               .id = SPAN_LIT("r_1"),
                               .created = 1};

    UNUSED(state);
    buf_init(&out, MEGA);
    hold(&h, there_and_back[0].in);
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        assert_int_equal(convert_openai_responses.write_event(&w, &events[i], &e), 0);
    assert_int_equal(convert_openai_responses.end(&w, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        if (!span_contains(buf_span(&out), span_str(pieces[i])))
            fail_msg("'%s' is not in %.*s", pieces[i], SPAN_FMT(buf_span(&out)));
    release(&h);
    buf_fini(&out);
}

/* So many parts are taken, and not one more: of a target, and toward a client. */
static void parts_have_a_bound(void **state)
{
    struct translate *t;
    struct buf out;
    struct err e;
    char event[160];
    int rc = 0;

    UNUSED(state);
    t = begin(there_and_back[0].in, &e);
    buf_init(&out, 64 * MEGA);
    for (int i = 0; i <= 4096 && rc == 0; i++) {
        (void)snprintf(event, sizeof(event),
                       "data: {\"type\":\"response.content_part.added\",\"output_index\":%d,"
                       "\"part\":{\"type\":\"output_text\"}}\n\n",
                       i);
        rc = translate_event(t, span_str(event), &out, &e);
        if (rc < 0)
            assert_int_equal(i, 4096);
    }
    assert_int_equal(rc, -1);
    assert_int_equal(e.code, ERR_LIMIT);
    translate_free(&t);
    buf_fini(&out);
}

/* ---- memory ---- */

static int request_and_back(size_t i)
{
    struct convert_to to = {.model = SPAN_LIT("m"), .signer = CHAT_SIGNER_OPENAI};
    struct translate *t = NULL;
    struct buf out;
    struct err e;
    int rc = -1;

    buf_init(&out, MEGA);
    if (translate_new(&t, &conf, span_str(there_and_back[i].in), &e) == 0 &&
        translate_request(t, &out, &to, &e) == 0)
        rc = buf_ok(&out) ? 0 : -1;
    translate_free(&t);
    buf_fini(&out);
    return rc;
}

static int stream_and_whole(size_t i)
{
    struct translate *t = NULL, *u = NULL;
    struct buf out;
    struct err e;
    int rc = -1;

    buf_init(&out, MEGA);
    if (translate_new(&t, &conf, span_str(there_and_back[0].in), &e) == 0 &&
        translate_new(&u, &conf, span_str(there_and_back[0].in), &e) == 0)
        rc = translate_answer(u, span_str(wholes[i % ARRAY_LEN(wholes)].text), false, &out, &e);
    for (const char *at = streams[i].in, *end; *at && rc == 0; at = end) {
        end = strstr(at, "\n\n") + 2;
        rc = translate_event(t, span_of(at, (size_t)(end - at)), &out, &e);
    }
    if (rc == 0)
        rc = translate_end(t, &out, &e);
    if (rc == 0)
        rc = buf_ok(&out) ? 0 : -1;
    translate_free(&t);
    translate_free(&u);
    buf_fini(&out);
    return rc;
}

static void survives(int (*all)(size_t i), size_t i)
{
    for (size_t n = 1;; n++) {
        bool hit;
        int rc;

        mem_torture(n, false);
        rc = all(i);
        hit = mem_torture_hit();
        mem_torture(0, false);
        assert_int_equal(rc, hit ? -1 : 0);
        if (!hit)
            return;
        assert_true(n < 1000);
    }
}

static void every_failed_allocation_is_survived(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(there_and_back); i++)
        survives(request_and_back, i);
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        survives(stream_and_whole, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_say_the_same_again),
        cmocka_unit_test(what_a_request_holds_is_noted),
        cmocka_unit_test(what_the_provider_keeps_is_noted),
        cmocka_unit_test(wrong_requests_are_told_their_place),
        cmocka_unit_test(what_cannot_be_said_is_an_obstacle),
        cmocka_unit_test(what_others_ask_for_is_said_in_its_words),
        cmocka_unit_test(what_the_api_would_refuse_is_not_written),
        cmocka_unit_test(signatures_find_their_makers),
        cmocka_unit_test(many_calls_are_told_apart),
        cmocka_unit_test(streams_say_the_same_again),
        cmocka_unit_test(whole_answers_say_the_same_again),
        cmocka_unit_test(an_answer_repeats_what_was_asked),
        cmocka_unit_test(parts_may_overlap_and_be_mute),
        cmocka_unit_test(parts_have_a_bound),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
