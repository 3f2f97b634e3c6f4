/*
 * Goal: every shape of stream that hosts are known to send gives the right events and the right
 * verdict, wherever reads cut it, and only the provider's own end makes an answer complete.
 * Method: rows of (text, kinds of its events, verdict); each text is read at once, byte by byte,
 * and split in two at every byte. At every prefix the verdict must not be COMPLETE before the
 * row's own end.
 */
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

#include <cmocka.h>

#include "dialect/dialect.h"

/* One letter an event, in the order of enum dialect_kind; but a call that is held until it is whole
 * is a T, and the end of a part an e. */
static const char letters[] = "?ksctfu.EX";

struct row {
    const char *name, *text, *kinds;
    enum dialect_verdict verdict;
    const char *type, *error; /* of the last event, when it is an error; NULL: not looked at */
    enum dialect_terminal terminal;
    uint32_t choices;
};

#define ROLE                                                                                       \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
#define TEXT                                                                                       \
    "data: "                                                                                       \
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n"
#define STOP         "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n"
#define DONE         "data: [DONE]\n\n"
#define CHUNK(delta) "data: {\"choices\":[{\"index\":0,\"delta\":" delta "}]}\n\n"
#define SECOND(finish)                                                                             \
    "data: {\"choices\":[{\"finish_reason\":" finish                                               \
    ",\"delta\":{\"content\":\"x\"},\"index\":1}]}\n\n"

/* clang-format off */
static const struct row chat[] = {
    /* ends */
    {"whole", ROLE TEXT STOP USAGE DONE, "scfu.", VERDICT_COMPLETE, .choices = 1},
    {"no [DONE]", ROLE TEXT STOP, "scf", VERDICT_COMPLETE, .choices = 1},
    {"no [DONE], by the row", ROLE TEXT STOP, "scf", VERDICT_COMPLETE, .choices = 1, .terminal = TERMINAL_FINISH},
    {"nothing", "", "", VERDICT_CUT, .choices = 1},
    {"only comments", ": a\n\n: b\n\n", "kk", VERDICT_CUT, .choices = 1},
    {"only [DONE]", DONE, ".", VERDICT_CUT, .choices = 1},
    {"cut in text", ROLE TEXT, "sc", VERDICT_CUT, .choices = 1},
    {"cut in the finishing event", ROLE TEXT "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n", "sc", VERDICT_CUT, .choices = 1},
    {"[DONE] without a finish", ROLE TEXT DONE, "sc.", VERDICT_CUT, .choices = 1},
    {"[DONE] and usage without a finish", ROLE TEXT USAGE DONE, "scu.", VERDICT_COMPLETE, .choices = 1},
    {"that, where [DONE] is not the end", ROLE TEXT USAGE DONE, "scu.", VERDICT_CUT, .choices = 1, .terminal = TERMINAL_FINISH},
    {"an empty finish is none", ROLE "data: {\"choices\":[{\"index\":0,\"finish_reason\":\"\"}]}\n\n" DONE, "ss.", VERDICT_CUT, .choices = 1},
    {"a finish taken back in one object", "data: {\"choices\":[{\"finish_reason\":\"stop\",\"finish_reason\":null}]}\n\n", "s", VERDICT_CUT, .choices = 1},
    {"what comes after [DONE]", ROLE STOP DONE "data: junk\n\n" ROLE ": c\n\n", "sf.???", VERDICT_COMPLETE, .choices = 1},
    {"finish and usage in one", "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1}}\n\n", "f", VERDICT_COMPLETE, .choices = 1},
    {"content and finish in one", "data: {\"choices\":[{\"delta\":{\"content\":\"all\"},\"finish_reason\":\"stop\"}]}\n\n", "c", VERDICT_COMPLETE, .choices = 1},
    {"a later chunk of a finished choice", STOP ROLE USAGE DONE, "fsu.", VERDICT_COMPLETE, .choices = 1},
    /* choices */
    {"two choices", TEXT SECOND("null") STOP SECOND("\"stop\""), "ccfc", VERDICT_COMPLETE, .choices = 2},
    {"one of two", TEXT SECOND("null") STOP, "ccf", VERDICT_CUT, .choices = 2},
    {"one of two, and [DONE]", TEXT SECOND("null") STOP USAGE DONE, "ccfu.", VERDICT_CUT, .choices = 2},
    {"two were asked for, one was given", TEXT STOP DONE, "cf.", VERDICT_COMPLETE, .choices = 2},
    {"one was asked for, two came", TEXT SECOND("null") STOP, "ccf", VERDICT_CUT, .choices = 1},
    {"only the second finished", SECOND("\"stop\""), "c", VERDICT_CUT, .choices = 1},
    {"two in one chunk, by place", "data: {\"choices\":[{\"finish_reason\":\"a\"},{\"finish_reason\":\"b\"}]}\n\n", "f", VERDICT_COMPLETE, .choices = 2},
    {"an index beyond all", "data: {\"choices\":[{\"index\":4000000000,\"finish_reason\":\"a\"}]}\n\n" DONE, "f.", VERDICT_CUT, .choices = 1},
    {"more choices than are told apart", STOP, "f", VERDICT_CUT, .choices = 200},
    /* content */
    {"reasoning", CHUNK("{\"reasoning_content\":\"x\"}") CHUNK("{\"reasoning\":\"x\"}"), "cc", VERDICT_CUT, .choices = 1},
    {"refusal, audio, images", CHUNK("{\"refusal\":\"x\"}") CHUNK("{\"audio\":{\"data\":\"x\"}}") CHUNK("{\"images\":[{}]}"), "ccc", VERDICT_CUT, .choices = 1},
    {"a list of parts", CHUNK("{\"content\":[{\"type\":\"thinking\"}]}"), "c", VERDICT_CUT, .choices = 1},
    {"null and empty", CHUNK("{\"content\":null,\"tool_calls\":null,\"audio\":{}}") CHUNK("{\"tool_calls\":[]}"), "ss", VERDICT_CUT, .choices = 1},
    {"tools", CHUNK("{\"tool_calls\":[{\"index\":0}]}") CHUNK("{\"function_call\":{\"name\":\"f\"}}"), "TT", VERDICT_CUT, .choices = 1},
    {"text and a tool", CHUNK("{\"content\":\"x\",\"tool_calls\":[{\"index\":0}]}"), "T", VERDICT_CUT, .choices = 1},
    {"signed thinking", CHUNK("{\"reasoning\":\"x\",\"reasoning_details\":[{\"type\":\"t\",\"signature\":\"s\"}]}"), "T", VERDICT_CUT, .choices = 1},
    {"escaped keys", "data: {\"ch\\u006fices\":[{\"finish\\u005freason\":\"stop\"}]}\n\n", "f", VERDICT_COMPLETE, .choices = 1},
    {"keys inside of strings and deeper", CHUNK("{\"x\":\"\\\"finish_reason\\\":\\\"stop\\\"\",\"y\":{\"finish_reason\":\"stop\"}}"), "s", VERDICT_CUT, .choices = 1},
    /* no chunks */
    {"filter results first", "data: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n", "?", VERDICT_CUT, .choices = 1},
    {"choices of another kind", "data: {\"choices\":null}\n\ndata: {\"choices\":{\"finish_reason\":\"stop\"}}\n\ndata: {\"choices\":[1,null]}\n\n", "???", VERDICT_CUT, .choices = 1},
    {"unknown", "event: x\ndata: {\"a\":[{\"b\":1}]}\n\n", "?", VERDICT_CUT, .choices = 1},
    {"empty data", "data:\n\ndata: \n\ndata\n\n", "kkk", VERDICT_CUT, .choices = 1},
    {"names without data", "event: ping\n\nid: 1\n\nretry: 5\n\n", "kkk", VERDICT_CUT, .choices = 1},
    /* framing */
    {"comments in an event", ": OPENROUTER PROCESSING\n\n: x\n" TEXT, "kc", VERDICT_CUT, .choices = 1},
    {"no space", "data:{\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata:[DONE]\n\n", "f.", VERDICT_COMPLETE, .choices = 1},
    {"spaces around [DONE]", STOP "data:  [DONE] \n\n", "f.", VERDICT_COMPLETE, .choices = 1},
    {"BOM", "\xEF\xBB\xBF" STOP DONE, "f.", VERDICT_COMPLETE, .choices = 1},
    {"several lines", "data: {\"choices\":\ndata: [{\"finish_reason\"\ndata: :\"stop\"}\ndata: ]}\n\ndata: [DONE]\ndata:\n\n", "f.", VERDICT_COMPLETE, .choices = 1},
    {"a string over two lines", "data: {\"choices\":[{\"finish_reason\":\"st\ndata: op\"}]}\n\n", "X", VERDICT_BAD, .choices = 1},
    {"CRLF", "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n", "f.", VERDICT_COMPLETE, .choices = 1},
    {"CR", "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\r\rdata: [DONE]\r\r", "f.", VERDICT_COMPLETE, .choices = 1},
    {"HTML", "<!doctype html>\n<html>\n\n", "k", VERDICT_CUT, .choices = 1},
    /* broken */
    {"cut JSON", TEXT "data: {\"choices\":[\n\n" STOP, "cX", VERDICT_BAD, .error = "not JSON: ends early at byte 12 of the event's data", .choices = 1},
    {"no JSON", TEXT "data: upstream error\n\n" STOP, "cX", VERDICT_BAD, .error = "not JSON: no value at byte 0 of the event's data", .choices = 1},
    {"no object", "data: \"x\"\n\n", "X", VERDICT_BAD, .error = "not a JSON object", .choices = 1},
    {"an array", "data: [{}]\n\n", "X", VERDICT_BAD, .error = "not a JSON object", .choices = 1},
    {"two objects", "data: {}{}\n\n", "X", VERDICT_BAD, .choices = 1},
    {"[DONE cut", STOP "data: [DONE\n\n", "fX", VERDICT_COMPLETE, .choices = 1},
    {"[DONE] and more", TEXT "data: [DONE] x\n\n", "cX", VERDICT_BAD, .choices = 1},
    {"[DONE] with a space in it", TEXT "data: [DO NE]\n\n", "cX", VERDICT_BAD, .choices = 1},
    {"bad UTF-8", "data: {\"a\":\"\xFF\"}\n\n", "X", VERDICT_BAD, .choices = 1},
    {"junk after every finish", TEXT STOP "data: junk\n\n" DONE, "cfX", VERDICT_COMPLETE, .choices = 1},
    /* errors */
    {"error null", "data: {\"error\":null,\"message\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: {\"error\":false}\n\ndata: {\"error\":\"\"}\n\n", "c??", VERDICT_CUT, .type = "", .error = "", .choices = 1},
    {"OpenAI", TEXT "data: {\"error\":{\"message\":\"a \\u0022b\\u0022\\nc\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n", "cE", VERDICT_ERROR, "server_error", "a \"b\" c", .choices = 1},
    {"a code and no type", "data: {\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}}\n\n", "E", VERDICT_ERROR, "rate_limit_exceeded", "m", .choices = 1},
    {"OpenRouter", TEXT "data: {\"id\":\"1\",\"error\":{\"code\":502,\"message\":\"Provider disconnected\"},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}]}\n\n" DONE, "cE.", VERDICT_ERROR, .choices = 1},
    {"a finish reason that is none", TEXT "data: {\"choices\":[{\"index\":0,\"finish_reason\":\"insufficient_system_resource\"}]}\n\n", "cE", VERDICT_ERROR, "insufficient_system_resource", "", .choices = 1},
    {"SGLang", "data: {\"error\":{\"message\":\"x: [503] The request queue is full.\",\"type\":\"server_error\"}}\n\n", "E", VERDICT_ERROR, "server_error", "x: [503] The request queue is full.", .choices = 1},
    {"vLLM of old", "data: {\"object\":\"error\",\"message\":\"m\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}\n\n", "E", VERDICT_ERROR, "BadRequestError", "m", .choices = 1},
    {"TGI", "data: {\"error\":{\"message\":\"m\",\"http_status_code\":422}}\n\n", "E", VERDICT_ERROR, "", "m", .choices = 1},
    {"a type as long as its room", "data: {\"error\":{\"type\":\"0123456789012345678901234567890123456789012345678901234567890123\",\"message\":\"m\"}}\n\n", "E", VERDICT_ERROR, "012345678901234567890123456789012345678901234567890123456789012", "m", .choices = 1},
    {"text only", "data: {\"error\":\"m\"}\n\n", "E", VERDICT_ERROR, "", "m", .choices = 1},
    {"Groq", "event: error\ndata: {\"message\":\"m\",\"type\":\"t\"}\n\n", "E", VERDICT_ERROR, "t", "m", .choices = 1},
    {"Groq's extra", "data: {\"choices\":[],\"x_groq\":{\"error\":\"over capacity\"}}\n\n", "E", VERDICT_ERROR, "", "over capacity", .choices = 1},
    {"an error behind a finish", STOP "data: {\"error\":{\"message\":\"m\"}}\n\n", "fE", VERDICT_ERROR, .choices = 1},
};

#define M_START "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":4,\"cache_creation_input_tokens\":5,\"output_tokens\":1}}}\n\n"
#define M_PING "event: ping\ndata: {\"type\": \"ping\"}\n\n"
#define M_BLOCK(type) "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"" type "\",\"text\":\"\"}}\n\n"
#define M_DELTA(type) "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"" type "\",\"text\":\"x\"}}\n\n"
#define M_END "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
#define M_STOP "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":7,\"input_tokens\":0}}\n\n"
#define M_USAGE "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":null},\"usage\":{\"output_tokens\":2}}\n\n"
#define M_LAST "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static const struct row messages[] = {
    {"whole", M_START M_PING M_BLOCK("text") M_DELTA("text_delta") M_END M_STOP M_LAST, "skscef.", VERDICT_COMPLETE, .choices = 1},
    {"no message_stop", M_START M_BLOCK("text") M_DELTA("text_delta") M_END M_STOP, "sscef", VERDICT_CUT, .choices = 1},
    {"[DONE] is no end", M_START M_STOP DONE, "sf?", VERDICT_CUT, .choices = 1},
    {"[DONE] behind the end", M_START M_STOP M_LAST DONE, "sf.?", VERDICT_COMPLETE, .choices = 1},
    {"a chat answer is no end", ROLE TEXT STOP DONE, "????", VERDICT_CUT, .choices = 1},
    {"names only", "event: message_start\ndata: {}\n\nevent: message_stop\ndata: {}\n\n", "s.", VERDICT_COMPLETE, .choices = 1},
    {"types only", "data: {\"type\":\"message_start\"}\n\ndata: {\"type\":\"message_stop\"}\n\n", "s.", VERDICT_COMPLETE, .choices = 1},
    {"the type counts, not the name", M_START "event: message_stop\ndata: {\"type\":\"ping\"}\n\n", "sk", VERDICT_CUT, .choices = 1},
    {"a name without data", M_START "event: message_stop\n\n", "sk", VERDICT_CUT, .choices = 1},
    {"the end cut before its blank line", M_START "event: message_stop\ndata: {\"type\":\"message_stop\"}\n", "s", VERDICT_CUT, .choices = 1},
    {"escaped type", M_START "data: {\"ty\\u0070e\":\"message\\u005fstop\"}\n\n", "s.", VERDICT_COMPLETE, .choices = 1},
    {"tools", M_START M_BLOCK("tool_use") M_DELTA("input_json_delta") M_BLOCK("server_tool_use") M_BLOCK("web_search_tool_result"), "sTttt", VERDICT_CUT, .choices = 1},
    {"thinking", M_START M_BLOCK("thinking") M_DELTA("thinking_delta") M_DELTA("signature_delta") M_BLOCK("redacted_thinking"), "ssctt", VERDICT_CUT, .choices = 1},
    {"deltas yet to be invented", M_START M_DELTA("citations_delta") M_DELTA("x_delta"), "scc", VERDICT_CUT, .choices = 1},
    {"usage before the stop", M_START M_USAGE M_STOP M_LAST, "suf.", VERDICT_COMPLETE, .choices = 1},
    {"unknown events", "event: x\ndata: {\"type\":\"x\"}\n\n" M_START "data: {}\n\n", "?s?", VERDICT_CUT, .choices = 1},
    {"an end before the start", M_LAST, "X", VERDICT_BAD, .error = "an event of a message before its message_start", .choices = 1},
    {"text before the start", M_DELTA("text_delta"), "X", VERDICT_BAD, .choices = 1},
    {"two starts", M_START M_START M_LAST, "sX", VERDICT_BAD, .error = "a second message_start", .choices = 1},
    {"behind the end", M_START M_STOP M_LAST M_START "data: junk\n\n", "sf.??", VERDICT_COMPLETE, .choices = 1},
    {"no JSON", M_START "data: <html>\n\n", "sX", VERDICT_BAD, .choices = 1},
    {"overloaded", M_START "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n", "sE", VERDICT_ERROR, "overloaded_error", "Overloaded", .choices = 1},
    {"an error without type", "event: error\ndata: {\"error\":{\"message\":\"m\"}}\n\n", "E", VERDICT_ERROR, "", "m", .choices = 1},
    {"error null", M_START "data: {\"type\":\"ping\",\"error\":null}\n\n", "sk", VERDICT_CUT, .choices = 1},
};

#define R_EVENT(type, more) "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"
#define R_CREATED R_EVENT("response.created", ",\"sequence_number\":0,\"response\":{\"status\":\"in_progress\",\"error\":null,\"model\":\"m\",\"usage\":null}")
#define R_RUNS    R_EVENT("response.in_progress", "")
#define R_ITEM(type) R_EVENT("response.output_item.added", ",\"item\":{\"type\":\"" type "\"}")
#define R_PART    R_EVENT("response.content_part.added", ",\"part\":{\"type\":\"output_text\",\"text\":\"\"}")
#define R_TEXT    R_EVENT("response.output_text.delta", ",\"sequence_number\":7,\"delta\":\"x\"")
#define R_DONE    R_EVENT("response.output_text.done", ",\"text\":\"x\"") R_EVENT("response.output_item.done", ",\"item\":{\"type\":\"message\"}")
#define R_END     R_EVENT("response.completed", ",\"response\":{\"status\":\"completed\",\"error\":null,\"incomplete_details\":null,\"usage\":{\"input_tokens\":10,\"input_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":1},\"output_tokens\":20,\"output_tokens_details\":{\"reasoning_tokens\":6}}}")
#define R_LIMIT   R_EVENT("response.incomplete", ",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}}")

static const struct row responses[] = {
    {"whole", R_CREATED R_RUNS R_ITEM("message") R_PART R_TEXT R_DONE R_END, "sssscee.", VERDICT_COMPLETE, .choices = 1},
    {"ended by a limit", R_CREATED R_TEXT R_LIMIT, "sc.", VERDICT_COMPLETE, .choices = 1},
    {"all items done is no end", R_CREATED R_ITEM("message") R_PART R_TEXT R_DONE, "ssscee", VERDICT_CUT, .choices = 1},
    {"[DONE] is no end", R_CREATED R_TEXT DONE, "sc?", VERDICT_CUT, .choices = 1},
    {"[DONE] behind the end", R_CREATED R_END DONE, "s.?", VERDICT_COMPLETE, .choices = 1},
    {"behind the end", R_CREATED R_END R_CREATED "data: junk\n\n", "s.??", VERDICT_COMPLETE, .choices = 1},
    {"a chat answer is no end", ROLE TEXT STOP DONE, "????", VERDICT_CUT, .choices = 1},
    {"the end cut before its blank line", R_CREATED "event: response.completed\ndata: {\"type\":\"response.completed\"}\n", "s", VERDICT_CUT, .choices = 1},
    {"names only", "event: response.created\ndata: {}\n\nevent: response.completed\ndata: {}\n\n", "s.", VERDICT_COMPLETE, .choices = 1},
    {"types only", "data: {\"type\":\"response.created\"}\n\ndata: {\"type\":\"response.completed\"}\n\n", "s.", VERDICT_COMPLETE, .choices = 1},
    {"the type counts, not the name", R_CREATED "event: response.completed\ndata: {\"type\":\"response.in_progress\"}\n\n", "ss", VERDICT_CUT, .choices = 1},
    {"a status is no end", R_EVENT("response.in_progress", ",\"response\":{\"status\":\"completed\"}"), "s", VERDICT_CUT, .choices = 1},
    {"escaped type", R_CREATED "data: {\"ty\\u0070e\":\"response\\u002ecompleted\"}\n\n", "s.", VERDICT_COMPLETE, .choices = 1},
    {"a name that only begins so", R_CREATED R_EVENT("response.completed.x", "") R_EVENT("x.response.completed", ""), "s??", VERDICT_CUT, .choices = 1},
    {"what a reader reads", R_EVENT("response.reasoning_summary_text.delta", "") R_EVENT("response.reasoning_text.delta", "") R_EVENT("response.reasoning.delta", "") R_EVENT("response.refusal.delta", "") R_EVENT("response.audio.transcript.delta", ""), "ccccc", VERDICT_CUT, .choices = 1},
    {"tools", R_ITEM("function_call") R_EVENT("response.function_call_arguments.delta", "") R_ITEM("web_search_call") R_EVENT("response.custom_tool_call_input.delta", "") R_EVENT("response.output_item.done", ",\"item\":{\"type\":\"function_call\"}") R_ITEM("custom_tool_call"), "TtttTT", VERDICT_CUT, .choices = 1},
    {"parts that end", R_EVENT("response.content_part.done", ",\"part\":{\"type\":\"output_text\"}") R_EVENT("response.reasoning_summary_part.done", "") R_EVENT("response.done", ""), "ee?", VERDICT_CUT, .choices = 1},
    {"encrypted thinking", R_ITEM("reasoning") R_EVENT("response.output_item.done", ",\"item\":{\"encrypted_content\":\"e\",\"type\":\"reasoning\"}") R_EVENT("response.output_item.done", ",\"item\":{\"encrypted_content\":null,\"type\":\"reasoning\"}"), "ste", VERDICT_CUT, .choices = 1},
    {"a part that begins with text", R_EVENT("response.content_part.added", ",\"part\":{\"text\":\"x\"}"), "c", VERDICT_CUT, .choices = 1},
    {"in the background", R_EVENT("response.created", "") R_EVENT("response.queued", ""), "ss", VERDICT_CUT, .choices = 1},
    {"unknown events", R_EVENT("keepalive", "") "data: {}\n\n" R_EVENT("response.web_search_call.searching", ""), "???", VERDICT_CUT, .choices = 1},
    {"no JSON", R_CREATED "data: <html>\n\n", "sX", VERDICT_BAD, .choices = 1},
    {"failed", R_CREATED R_EVENT("response.failed", ",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}"), "sE", VERDICT_ERROR, "server_error", "m", .choices = 1},
    {"failed without a word", R_CREATED R_EVENT("response.failed", ",\"response\":{\"error\":null}"), "sE", VERDICT_ERROR, "", "", .choices = 1},
    {"an error as OpenAI says it", R_EVENT("error", ",\"code\":\"rate_limit_exceeded\",\"message\":\"m\",\"param\":null"), "E", VERDICT_ERROR, "rate_limit_exceeded", "m", .choices = 1},
    {"an error by specification", R_EVENT("error", ",\"error\":{\"type\":\"t\",\"code\":\"c\",\"message\":\"m\"},\"code\":\"x\",\"message\":\"x\""), "E", VERDICT_ERROR, "t", "m", .choices = 1},
    {"an error without a type", "data: {\"error\":{\"message\":\"m\"}}\n\n", "E", VERDICT_ERROR, "", "m", .choices = 1},
    {"an error behind text", R_CREATED R_TEXT R_EVENT("error", ",\"message\":\"m\"") R_END, "scE.", VERDICT_ERROR, .choices = 1},
};

#define G_PARTS(more, parts) "data: {\"candidates\": [{\"content\": {\"parts\": [" parts "],\"role\": \"model\"}," more "\"index\": 0}],\"modelVersion\": \"m\"}\r\n\r\n"
#define G_TEXT G_PARTS("", "{\"text\": \"hi\"}")
#define G_STOP G_PARTS("\"finishReason\": \"STOP\",", "{\"text\": \"\"}")
#define G_SECOND(more) "data: {\"candidates\": [{" more "\"index\": 1}]}\r\n\r\n"

/* As the reframer makes them of binary messages. */
#define NAMED(name, json) "event: " name "\ndata: " json "\n\n"
#define C_START           NAMED("messageStart", "{\"role\":\"assistant\"}")
#define C_DELTA(said)     NAMED("contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{" said "}}")
#define C_TEXT            C_DELTA("\"text\":\"hi\"")
#define C_CALL            NAMED("contentBlockStart", "{\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"name\":\"f\"}}}")
#define C_STOP            NAMED("messageStop", "{\"stopReason\":\"end_turn\"}")
#define C_META            NAMED("metadata", "{\"usage\":{\"inputTokens\":3,\"outputTokens\":2}}")
#define C_BROKE           NAMED("error", "{\"type\":\"error\",\"error\":{\"type\":\"throttlingException\",\"message\":\"slow\"}}")

static const struct row converse[] = {
    {"whole", C_START C_TEXT NAMED("contentBlockStop", "{\"contentBlockIndex\":0}") C_STOP C_META, "scefu", VERDICT_COMPLETE, .choices = 1},
    {"without its usage", C_START C_TEXT C_STOP, "scf", VERDICT_COMPLETE, .choices = 1},
    {"cut in text", C_START C_TEXT, "sc", VERDICT_CUT, .choices = 1},
    {"cut before its end", C_START C_TEXT NAMED("contentBlockStop", "{\"contentBlockIndex\":0}"), "sce", VERDICT_CUT, .choices = 1},
    {"usage is no end", C_START C_TEXT C_META, "scu", VERDICT_CUT, .choices = 1},
    {"an end without a reason", C_START C_TEXT NAMED("messageStop", "{}"), "scX", VERDICT_BAD, .choices = 1, .error = "a messageStop without its stopReason"},
    {"an end without a beginning", C_STOP, "X", VERDICT_BAD, .choices = 1, .error = "an event of a message before its messageStart"},
    {"text without a beginning", C_TEXT, "X", VERDICT_BAD, .choices = 1, .error = "an event of a message before its messageStart"},
    {"two beginnings", C_START C_START, "sX", VERDICT_BAD, .choices = 1, .error = "a second messageStart"},
    {"text behind the end takes nothing from it", C_START C_STOP C_TEXT, "sfX", VERDICT_COMPLETE, .choices = 1, .error = "an event of a message behind its messageStop"},
    {"a call", C_START C_CALL C_DELTA("\"toolUse\":{\"input\":\"{}\"}") C_STOP, "sTTf", VERDICT_COMPLETE, .choices = 1},
    {"thinking is content, what signs it is not", C_START C_DELTA("\"reasoningContent\":{\"text\":\"t\"}") C_DELTA("\"reasoningContent\":{\"signature\":\"s\"}") C_DELTA("\"reasoningContent\":{\"redactedContent\":\"r\"}") C_STOP, "scttf", VERDICT_COMPLETE, .choices = 1},
    {"an empty piece announces its block", C_START C_DELTA("\"text\":\"\"") C_STOP, "ssf", VERDICT_COMPLETE, .choices = 1},
    {"an exception", C_START C_TEXT C_BROKE, "scE", VERDICT_ERROR, .choices = 1, .type = "throttlingException", .error = "slow"},
    {"an exception at once", C_BROKE, "E", VERDICT_ERROR, .choices = 1, .type = "throttlingException", .error = "slow"},
    {"an event that nobody knows", C_START NAMED("newEvent", "{\"a\":1}") C_STOP, "s?f", VERDICT_COMPLETE, .choices = 1},
    {"an event without a word", C_START NAMED("pause", "") C_STOP, "skf", VERDICT_COMPLETE, .choices = 1},
    {"no JSON", C_START NAMED("contentBlockDelta", "hi"), "sX", VERDICT_BAD, .choices = 1},
};

static const struct row gemini[] = {
    /* ends */
    {"whole", G_TEXT G_STOP, "cf", VERDICT_COMPLETE, .choices = 1},
    {"cut in text", G_TEXT, "c", VERDICT_CUT, .choices = 1},
    {"cut before the blank line", G_TEXT "data: {\"candidates\": [{\"finishReason\": \"STOP\"}]}\r\n", "c", VERDICT_CUT, .choices = 1},
    {"[DONE] is no end", G_TEXT DONE, "c?", VERDICT_CUT, .choices = 1},
    {"content and finish in one", G_PARTS("\"finishReason\": \"MAX_TOKENS\",", "{\"text\": \"all\"}"), "c", VERDICT_COMPLETE, .choices = 1},
    {"no index", "data: {\"candidates\": [{\"finishReason\": \"STOP\"}]}\r\n\r\n", "f", VERDICT_COMPLETE, .choices = 1},
    {"a reason yet to be invented", "data: {\"candidates\": [{\"finishReason\": \"MODEL_ARMOR\"}]}\r\n\r\n", "f", VERDICT_COMPLETE, .choices = 1},
    {"a reason as a number", "data: {\"candidates\": [{\"finishReason\": 1}]}\r\n\r\n", "f", VERDICT_COMPLETE, .choices = 1},
    {"no reason at all", "data: {\"candidates\": [{\"finishReason\": \"FINISH_REASON_UNSPECIFIED\"},{\"finishReason\": 0},{\"finishReason\": null},{\"finishReason\": \"\"}]}\r\n\r\n", "s", VERDICT_CUT, .choices = 1},
    {"usage behind the end", G_TEXT G_STOP "data: {\"usageMetadata\": {\"promptTokenCount\": 1}}\r\n\r\n", "cfu", VERDICT_COMPLETE, .choices = 1},
    {"a reason in every event", G_PARTS("\"finishReason\": \"STOP\",", "{\"text\": \"a\"}") G_PARTS("\"finishReason\": \"STOP\",", "{\"text\": \"b\"}"), "cc", VERDICT_COMPLETE, .choices = 1},
    {"nothing but usage", "data: {\"usageMetadata\": {\"promptTokenCount\": 1},\"modelVersion\": \"m\"}\r\n\r\n", "u", VERDICT_CUT, .choices = 1},
    /* candidates */
    {"two", G_TEXT G_SECOND("") G_STOP G_SECOND("\"finishReason\": \"STOP\","), "csff", VERDICT_COMPLETE, .choices = 2},
    {"the second has not finished", G_TEXT G_SECOND("") G_STOP, "csf", VERDICT_CUT, .choices = 1},
    {"the second has not begun", G_TEXT G_STOP, "cf", VERDICT_CUT, .choices = 2},
    /* the prompt is refused */
    {"blocked", "data: {\"promptFeedback\": {\"blockReason\": \"SAFETY\"}}\r\n\r\n", ".", VERDICT_COMPLETE, .choices = 1},
    {"blocked, for as many as were asked for", "data: {\"promptFeedback\": {\"blockReason\": \"OTHER\"},\"usageMetadata\": {\"promptTokenCount\": 1}}\r\n\r\n", ".", VERDICT_COMPLETE, .choices = 4},
    {"feedback that blocks nothing", "data: {\"promptFeedback\": {\"blockReason\": \"BLOCK_REASON_UNSPECIFIED\",\"safetyRatings\": []}}\r\n\r\n", "?", VERDICT_CUT, .choices = 1},
    /* content */
    {"thoughts", G_PARTS("", "{\"text\": \"hm\",\"thought\": true}"), "c", VERDICT_CUT, .choices = 1},
    {"a signature", G_PARTS("", "{\"text\": \"\",\"thoughtSignature\": \"YWI=\"}"), "t", VERDICT_CUT, .choices = 1},
    {"a call", G_PARTS("", "{\"functionCall\": {\"name\": \"f\",\"args\": {}}}"), "t", VERDICT_CUT, .choices = 1},
    {"a picture", G_PARTS("", "{\"inlineData\": {\"mimeType\": \"image/png\",\"data\": \"AA==\"}}"), "c", VERDICT_CUT, .choices = 1},
    {"tools of the provider", G_PARTS("", "{\"executableCode\": {\"code\": \"1\"}}") G_PARTS("", "{\"codeExecutionResult\": {\"outcome\": \"OUTCOME_OK\"}}") G_PARTS("", "{\"toolCall\": {\"id\": \"1\"}}") G_PARTS("", "{\"toolResponse\": {\"id\": \"1\"}}"), "tttt", VERDICT_CUT, .choices = 1},
    {"no parts", "data: {\"candidates\": [{\"content\": {}}]}\r\n\r\ndata: {\"candidates\": [{}]}\r\n\r\n", "ss", VERDICT_CUT, .choices = 1},
    {"candidates of another kind", "data: {\"candidates\": null}\r\n\r\ndata: {\"candidates\": [1,null]}\r\n\r\n", "??", VERDICT_CUT, .choices = 1},
    /* errors */
    {"overloaded", G_TEXT "data: {\"error\": {\"code\": 503,\"message\": \"m\",\"status\": \"UNAVAILABLE\"}}\n\n", "cE", VERDICT_ERROR, "UNAVAILABLE", "m", .choices = 1},
    {"a text", "data: {\"error\": \"m\"}\n\n", "E", VERDICT_ERROR, "", "m", .choices = 1},
    {"none", G_TEXT "data: {\"error\": null}\r\n\r\n", "c?", VERDICT_CUT, .choices = 1},
    {"a list in an event", G_TEXT "data: [{\"candidates\": [{\"finishReason\": \"STOP\"}]}]\r\n\r\n", "cX", VERDICT_BAD, .error = "not a JSON object", .choices = 1},
    {"no JSON", G_TEXT "data: <html>\r\n\r\n", "cX", VERDICT_BAD, .choices = 1},
};

#define CO_START "event: message-start\ndata: {\"id\":\"a\",\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[],\"tool_plan\":\"\",\"tool_calls\":[],\"citations\":[]}}}\n\n"
#define CO_TEXT "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"hi\"}}}}\n\n"
#define CO_END(why) "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{" why "}}\n\n"
static const struct row cohere[] = {
    /* ends */
    {"whole", CO_START CO_TEXT CO_END("\"finish_reason\":\"COMPLETE\"") DONE, "sc.?", VERDICT_COMPLETE, .choices = 1},
    {"cut in text", CO_START CO_TEXT, "sc", VERDICT_CUT, .choices = 1},
    {"[DONE] is no end", CO_START CO_TEXT DONE, "sc?", VERDICT_CUT, .choices = 1},
    {"an end without a reason", CO_START CO_END("\"usage\":{}") CO_END("\"finish_reason\":null") CO_END("\"finish_reason\":\"\""), "s???", VERDICT_CUT, .choices = 1},
    {"a reason that is no end", CO_START "data: {\"type\":\"content-delta\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n", "s?", VERDICT_CUT, .choices = 1},
    {"cut before the blank line", CO_TEXT "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n", "c", VERDICT_CUT, .choices = 1},
    /* content */
    {"thinking, a plan, a call", "data: {\"delta\":{\"message\":{\"content\":{\"thinking\":\"t\"}}}}\n\ndata: {\"delta\":{\"message\":{\"tool_plan\":\"p\"}}}\n\ndata: {\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"c\"}}}}\n\n", "ccT", VERDICT_CUT, .choices = 1},
    {"a part that ends, one that begins", "data: {\"type\":\"content-end\",\"index\":0}\n\ndata: {\"type\":\"content-start\",\"index\":1}\n\n", "e?", VERDICT_CUT, .choices = 1},
    {"what is not known", "data: {\"type\":\"new\"}\n\n", "?", VERDICT_CUT, .choices = 1},
    /* errors */
    {"a failure for a reason", CO_TEXT CO_END("\"finish_reason\":\"ERROR\",\"error\":\"broke\""), "cE", VERDICT_ERROR, "ERROR", "broke", .choices = 1},
    {"too late", CO_END("\"finish_reason\":\"TIMEOUT\""), "E", VERDICT_ERROR, "TIMEOUT", "", .choices = 1},
    {"a message that is a text", CO_TEXT "data: {\"id\":\"a\",\"message\":\"internal\"}\n\n", "cE", VERDICT_ERROR, "", "internal", .choices = 1},
};

/* As lines of JSON are read: an event each. */
#define O_TEXT "data: {\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"done\":false}\n\n"
#define O_LAST(more) "data: {\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"}," more "}\n\n"
static const struct row ollama[] = {
    {"whole", O_TEXT O_LAST("\"done_reason\":\"stop\",\"done\":true"), "c.", VERDICT_COMPLETE, .choices = 1},
    {"whole in one", O_LAST("\"done\":true,\"done_reason\":\"length\""), ".", VERDICT_COMPLETE, .choices = 1},
    {"cut in text", O_TEXT, "c", VERDICT_CUT, .choices = 1},
    {"done, and nobody knows why", O_TEXT O_LAST("\"done\":true") O_LAST("\"done\":true,\"done_reason\":\"\""), "css", VERDICT_CUT, .choices = 1},
    {"a reason, and not done", O_LAST("\"done\":false,\"done_reason\":\"stop\""), "s", VERDICT_CUT, .choices = 1},
    {"[DONE] is no end", O_TEXT DONE, "c?", VERDICT_CUT, .choices = 1},
    {"thinking, a call", "data: {\"message\":{\"thinking\":\"t\"}}\n\ndata: {\"message\":{\"tool_calls\":[{}]}}\n\ndata: {\"message\":{\"tool_calls\":[]}}\n\n", "cts", VERDICT_CUT, .choices = 1},
    {"an error", O_TEXT "data: {\"error\":\"runner died\"}\n\n", "cE", VERDICT_ERROR, "", "runner died", .choices = 1},
    {"behind the end", O_LAST("\"done\":true,\"done_reason\":\"stop\"") "data: {\"error\":\"late\"}\n\n", ".?", VERDICT_COMPLETE, .choices = 1},
};

static const struct row completions[] = {
    {"whole", "data: {\"choices\":[{\"text\":\"a\",\"index\":0,\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"length\"}]}\n\n" DONE, "cf.", VERDICT_COMPLETE, .choices = 1},
    {"cut", "data: {\"choices\":[{\"text\":\"a\",\"index\":0}]}\n\n", "c", VERDICT_CUT, .choices = 1},
    {"of no dialect", "data: {\"value\":\"a\"}\n\n", "?", VERDICT_CUT, .choices = 1},
};

static const struct row embeddings[] = {
    {"never complete", "data: {\"data\":[{\"embedding\":[1]}]}\n\n" STOP DONE, "cf.", VERDICT_CUT, .choices = 1},
};
/* clang-format on */

struct reading {
    struct dialect_answer a;
    char kinds[32];
    size_t n;
    uint64_t taken;
};

static char letter_of(const struct dialect_event *ev)
{
    if (ev->call)
        return ev->kind == EVENT_TOOL ? 'T' : '!';
    if (ev->ends)
        return ev->kind == EVENT_OPAQUE ? 'e' : '!';
    return letters[ev->kind];
}

/* Feed a piece from memory of its own size, so that a sanitizer sees reads beyond it. */
static void feed(struct reading *r, const char *p, size_t n)
{
    char *piece = n ? malloc(n) : NULL;

    if (n)
        memcpy(piece, p, n);
    for (size_t at = 0, used; at < n; at += used) {
        enum dialect_step step = dialect_answer_next(&r->a, piece + at, n - at, &used);

        assert_true(used > 0 && used <= n - at);
        assert_true(step == STEP_EVENT || used == n - at);
        r->taken += used;
        if (step == STEP_MORE)
            continue;
        assert_true(r->n < sizeof(r->kinds) - 1);
        r->kinds[r->n++] = letter_of(&r->a.ev);
        r->kinds[r->n] = '\0';
    }
    free(piece);
}

static void begin(struct reading *r, const struct dialect *d, const struct row *row)
{
    memset(r, 0, sizeof(*r));
    dialect_answer_begin(&r->a, d, row->terminal, row->choices, true);
}

static void check_end(const struct reading *r, const struct row *row, const char *how, size_t cut)
{
    const struct dialect_event *e = &r->a.ev;
    enum dialect_verdict v = dialect_answer_verdict(&r->a);

    if (strcmp(r->kinds, row->kinds) != 0 || v != row->verdict)
        fail_msg("'%s' %s %zu: events %s, not %s; verdict %d, not %d", row->name, how, cut,
                 r->kinds, row->kinds, v, row->verdict);
    if (row->type && strcmp(e->error_type, row->type) != 0)
        fail_msg("'%s' %s %zu: type '%s', not '%s'", row->name, how, cut, e->error_type, row->type);
    if (row->error && strcmp(e->error_text, row->error) != 0)
        fail_msg("'%s' %s %zu: text '%s', not '%s'", row->name, how, cut, e->error_text,
                 row->error);
    assert_true(strlen(dialect_answer_why(&r->a)) > 0);
}

/* Byte by byte; only a finishing event's blank line may make the answer complete. */
static void read_bytes(const struct dialect *d, const struct row *row)
{
    struct reading r;
    size_t n = strlen(row->text);

    begin(&r, d, row);
    for (size_t i = 0; i < n; i++) {
        bool was = dialect_answer_verdict(&r.a) == VERDICT_COMPLETE;

        feed(&r, row->text + i, 1);
        if (!was && dialect_answer_verdict(&r.a) == VERDICT_COMPLETE)
            assert_true(row->text[i] == '\n' || row->text[i] == '\r');
    }
    check_end(&r, row, "in bytes", 0);
}

static void check_rows(const struct dialect *d, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(rows[i].text);
        struct reading r;

        for (size_t cut = 0; cut <= len; cut++) {
            begin(&r, d, &rows[i]);
            feed(&r, rows[i].text, cut);
            feed(&r, rows[i].text + cut, len - cut);
            check_end(&r, &rows[i], "cut at", cut);
        }
        read_bytes(d, &rows[i]);
    }
}

static void chat_streams_are_read_as_meant(void **state)
{
    check_rows(&dialect_openai_chat, chat, ARRAY_LEN(chat));
}

static void messages_streams_are_read_as_meant(void **state)
{
    check_rows(&dialect_anthropic_messages, messages, ARRAY_LEN(messages));
}

static void responses_streams_are_read_as_meant(void **state)
{
    check_rows(&dialect_openai_responses, responses, ARRAY_LEN(responses));
}

static void gemini_streams_are_read_as_meant(void **state)
{
    check_rows(&dialect_gemini_generate, gemini, ARRAY_LEN(gemini));
}

static void cohere_streams_are_read_as_meant(void **state)
{
    check_rows(&dialect_cohere_chat, cohere, ARRAY_LEN(cohere));
}

static void ollama_streams_are_read_as_meant(void **state)
{
    check_rows(&dialect_ollama_chat, ollama, ARRAY_LEN(ollama));
}

/* Of each count the last one; thoughts are part of the output, what tools have added of the input.
 */
static void gemini_counts_add_up(void **state)
{
    static const char text[] =
        "data: {\"usageMetadata\": {\"promptTokenCount\": 5,\"thoughtsTokenCount\": 7}}\r\n\r\n"
        "data: {\"candidates\": [{\"finishReason\": \"STOP\"}],\"usageMetadata\": "
        "{\"promptTokenCount\": 6,\"candidatesTokenCount\": 3,\"thoughtsTokenCount\": 8,"
        "\"cachedContentTokenCount\": 2,\"toolUsePromptTokenCount\": 10}}\r\n\r\n";
    struct dialect_answer a;
    size_t at = 0, used;

    dialect_answer_begin(&a, &dialect_gemini_generate, TERMINAL_DONE, 1, true);
    for (; at < sizeof(text) - 1; at += used)
        assert_int_equal(dialect_answer_next(&a, text + at, sizeof(text) - 1 - at, &used),
                         STEP_EVENT);
    assert_int_equal(a.usage.input, 16);
    assert_int_equal(a.usage.output, 11);
    assert_int_equal(a.usage.reasoning, 8);
    assert_int_equal(a.usage.cache_read, 2);
    assert_true(a.usage.seen);
    assert_string_equal(a.stop, "STOP");
}

static void converse_streams_are_read_as_meant(void **state)
{
    check_rows(&dialect_bedrock_converse, converse, ARRAY_LEN(converse));
}

static void completions_streams_are_read_as_meant(void **state)
{
    check_rows(&dialect_openai_completions, completions, ARRAY_LEN(completions));
}

static void an_embeddings_stream_is_never_complete(void **state)
{
    check_rows(&dialect_openai_embeddings, embeddings, ARRAY_LEN(embeddings));
}

/* The model's place in an event's own bytes, over BOM, CRLF, comments and several lines. */
static void the_models_place_is_in_the_events_own_bytes(void **state)
{
    static const char text[] = "\xEF\xBB\xBF: c\r\ndata: {\"a\":\"\xC3\xA4\",\r\ndata: \"model\" : "
                               "\"m\\u0031\"}\r\n\r\n: x\n\ndata:{\"model\":\"m2\"}\n\n";
    static const char *const want[] = {"\"m\\u0031\"", NULL, "\"m2\""};
    static const char *const names[] = {"m1", "m1", "m2"};
    size_t n = sizeof(text) - 1;

    for (size_t cut = 0; cut <= n; cut++) {
        struct dialect_answer a;
        uint64_t began = 0, at = 0;
        size_t events = 0;

        dialect_answer_begin(&a, &dialect_openai_chat, TERMINAL_DONE, 1, true);
        while (at < n) {
            size_t most = at < cut ? cut - (size_t)at : n - (size_t)at, used;

            if (dialect_answer_next(&a, text + at, most, &used) == STEP_MORE) {
                at += used;
                continue;
            }
            at += used;
            assert_true(events < ARRAY_LEN(want));
            assert_int_equal(a.ev.model_len, want[events] ? strlen(want[events]) : 0);
            if (want[events])
                assert_memory_equal(text + began + a.ev.model_at, want[events], a.ev.model_len);
            assert_string_equal(a.model, names[events]);
            began = at;
            events++;
        }
        assert_int_equal(events, ARRAY_LEN(want));
    }
}

/* clang-format off */
static const struct {
    const char *event, *left;
} null_usages[] = {
    {"data: {\"a\":1,\"usage\":null}\n\n", "data: {\"a\":1}\n\n"},
    {"data: {\"usage\":null,\"a\":1}\n\n", "data: {\"a\":1}\n\n"},
    {"data: {\"a\":1 , \"usage\" : null , \"b\":2}\n\n", "data: {\"a\":1  , \"b\":2}\n\n"},
    {"data: { \"usage\" : null , \"a\":1}\n\n", "data: { \"a\":1}\n\n"},
    {"data: {\"choices\":[{\"usage\":null}],\"usage\":null}\n\n", "data: {\"choices\":[{\"usage\":null}]}\n\n"},
    {"data: {\"usage\":null}\n\n", NULL},                        /* the comma is missing */
    {"data: {\"a\":1,\"us\\u0061ge\":null}\n\n", NULL},          /* spelled oddly */
    {"data: {\"a\":1,\"usage\":\ndata: null}\n\n", NULL},        /* cut into lines */
    {"data: {\"choices\":[{\"usage\":null}]}\n\n", NULL},        /* not the root's */
    {"data: {\"a\":1,\"usage\":{\"prompt_tokens\":1}}\n\n", NULL}, /* not null */
    {"data: {\"a\":\"\\\"usage\\\":null\"}\n\n", NULL},          /* in a text */
};
/* clang-format on */

static void a_null_usage_can_be_taken_out(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(null_usages); i++) {
        const char *event = null_usages[i].event;
        size_t n = strlen(event), used, before;
        struct dialect_answer a;
        struct span out;
        char left[128];

        dialect_answer_begin(&a, &dialect_openai_chat, TERMINAL_DONE, 1, true);
        assert_int_equal(dialect_answer_next(&a, event, n, &used), STEP_EVENT);
        out = dialect_null_usage(&a.ev, span_of(event, n));
        before = out.n ? (size_t)(out.p - event) : 0;
        snprintf(left, sizeof(left), "%.*s%s", (int)before, event, event + before + out.n);
        assert_string_equal(left, null_usages[i].left ? null_usages[i].left : event);
    }
}

static void usage_is_counted_alike(void **state)
{
    static const struct row m = {.text = M_START M_STOP M_LAST, .choices = 1};
    static const struct row c = {
        .text = "data: {\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,"
                "\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":1},"
                "\"completion_tokens_details\":{\"reasoning_tokens\":6}}}\n\n",
        .choices = 1};
    static const struct row groq = {
        .text = "data: {\"x_groq\":{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}}\n\n",
        .choices = 1};
    static const struct row resp = {.text = R_CREATED R_TEXT R_END, .choices = 1};
    struct reading r;

    begin(&r, &dialect_openai_responses, &resp);
    feed(&r, resp.text, strlen(resp.text));
    assert_int_equal(r.a.usage.input, 10);
    assert_int_equal(r.a.usage.output, 20);
    assert_int_equal(r.a.usage.cache_read, 4);
    assert_int_equal(r.a.usage.cache_write, 1);
    assert_int_equal(r.a.usage.reasoning, 6);
    assert_string_equal(r.a.model, "m");

    begin(&r, &dialect_anthropic_messages, &m);
    feed(&r, m.text, strlen(m.text));
    assert_true(r.a.usage.seen);
    assert_int_equal(r.a.usage.input, 12); /* 3 plain, 4 read, 5 written */
    assert_int_equal(r.a.usage.cache_read, 4);
    assert_int_equal(r.a.usage.cache_write, 5);
    assert_int_equal(r.a.usage.output, 7);
    assert_string_equal(r.a.model, "m");
    assert_string_equal(r.a.stop, "end_turn");

    begin(&r, &dialect_openai_chat, &c);
    feed(&r, c.text, strlen(c.text));
    assert_string_equal(r.kinds, "u");
    assert_int_equal(r.a.usage.input, 10);
    assert_int_equal(r.a.usage.output, 20);
    assert_int_equal(r.a.usage.cache_read, 4);
    assert_int_equal(r.a.usage.cache_write, 1);
    assert_int_equal(r.a.usage.reasoning, 6);

    begin(&r, &dialect_openai_chat, &groq);
    feed(&r, groq.text, strlen(groq.text));
    assert_int_equal(r.a.usage.input, 1);
    assert_int_equal(r.a.usage.output, 2);
}

/* How an answer stopped, and the number of the event that could come next. */
static void responses_say_how_they_stopped(void **state)
{
    static const struct {
        const char *text, *stop;
        unsigned sequence;
    } rows[] = {
        {R_CREATED, "", 1},
        {R_CREATED R_TEXT R_END, "completed", 8},
        {R_CREATED R_LIMIT, "max_output_tokens", 1},
        {R_RUNS, "", 0},
        {R_CREATED R_TEXT R_EVENT("error", ",\"sequence_number\":9"), "", 8},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct row row = {.text = rows[i].text, .choices = 1};
        struct reading r;

        begin(&r, &dialect_openai_responses, &row);
        feed(&r, row.text, strlen(row.text));
        assert_string_equal(r.a.stop, rows[i].stop);
        assert_int_equal(r.a.sequence, rows[i].sequence);
        assert_int_equal(r.a.finished, r.a.done);
    }
}

/* Of an answer that counts its events, and of none that does not. */
static void numbers_say_what_has_come_twice_or_too_soon(void **state)
{
    static const struct {
        const char *numbers, *said; /* of each event; '-': it has none. a: again, b: bad */
    } rows[] = {
        {"0122345", "...a..."}, {"01112", "..aa."}, {"12334", "...a."}, {"56778", "...a."},
        {"011", "..a"},         {"00", ".."},       {"00000", "....."}, {"566", "..."},
        {"012-23", "....a."},   {"----", "...."},   {"0121", "...b"},   {"013", "..b"},
        {"01224", "...ab"},     {"010", "..b"},     {"0200", "...."},   {"5646", "...."},
        {"5674", "...b"},       {"5679", "...b"},   {"012-4", "....b"}, {"0011133", "......."},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct row row = {.text = "", .choices = 1};
        struct reading r;

        begin(&r, &dialect_openai_responses, &row);
        for (size_t k = 0; rows[i].numbers[k]; k++) {
            char number[] = ",\"sequence_number\":0", text[128];

            number[sizeof(number) - 2] = rows[i].numbers[k];
            UNUSED(snprintf(text, sizeof(text), R_EVENT("response.output_text.delta", "%s"),
                            rows[i].numbers[k] == '-' ? "" : number));
            feed(&r, text, strlen(text));
            if (r.a.ev.again != (rows[i].said[k] == 'a') ||
                (r.a.ev.kind == EVENT_BAD) != (rows[i].said[k] == 'b') ||
                (dialect_answer_verdict(&r.a) == VERDICT_BAD) != (rows[i].said[k] == 'b'))
                fail_msg("%s: event %zu", rows[i].numbers, k);
        }
    }
}

static void a_status_inside_an_error_is_found(void **state)
{
    static const struct {
        const char *text;
        unsigned status;
    } rows[] = {
        {"data: {\"error\":{\"code\":429,\"message\":\"m\"}}\n\n", 429},
        {"data: {\"error\":{\"code\":\"503\",\"message\":\"m\"}}\n\n", 503},
        {"data: {\"error\":{\"code\":1302,\"message\":\"m\"}}\n\n", 0},
        {"data: {\"error\":{\"code\":\"x\",\"message\":\"m\"}}\n\n", 0},
        {"data: {\"object\":\"error\",\"code\":400}\n\n", 400},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct row row = {.text = rows[i].text, .choices = 1};
        struct reading r;

        begin(&r, &dialect_openai_chat, &row);
        feed(&r, row.text, strlen(row.text));
        assert_int_equal(r.a.ev.kind, EVENT_ERROR);
        assert_int_equal(r.a.ev.error_status, rows[i].status);
    }
}

/* A message longer than what a scan keeps is cut alike in one read and in many, at a character. */
static void a_long_message_is_cut_alike(void **state)
{
    char text[1024] = "data: {\"error\":{\"message\":\"";
    struct row row = {.text = text, .choices = 1};
    struct reading once, bytes;

    for (size_t n = strlen(text), i = 0; i < 200; i++, n += 2)
        memcpy(text + n, "\xC3\xA4", 3);
    memcpy(text + strlen(text), "\"}}\n\n", 6);
    begin(&once, &dialect_openai_chat, &row);
    feed(&once, text, strlen(text));
    begin(&bytes, &dialect_openai_chat, &row);
    for (size_t i = 0; i < strlen(text); i++)
        feed(&bytes, text + i, 1);
    assert_string_equal(once.a.ev.error_text, bytes.a.ev.error_text);
    assert_int_equal(strlen(once.a.ev.error_text), JSON_SCAN_TEXT);
}

static void boundaries_are_between_events(void **state)
{
    struct row row = {.text = TEXT STOP, .choices = 1};
    struct reading r;

    begin(&r, &dialect_openai_chat, &row);
    assert_true(dialect_answer_at_boundary(&r.a));
    feed(&r, row.text, 5);
    assert_false(dialect_answer_at_boundary(&r.a));
    feed(&r, row.text + 5, strlen(TEXT) - 5);
    assert_true(dialect_answer_at_boundary(&r.a));
}

/* A reader may be moved between two reads. */
static void an_answer_may_be_moved_between_reads(void **state)
{
    struct row row = {.text = ROLE TEXT STOP DONE, .choices = 1};
    struct reading r[2];

    begin(&r[0], &dialect_openai_chat, &row);
    for (size_t i = 0; i < strlen(row.text); i++) {
        feed(&r[i % 2], row.text + i, 1);
        memcpy(&r[(i + 1) % 2], &r[i % 2], sizeof(r[0]));
        memset(&r[i % 2], 0xA5, sizeof(r[0]));
    }
    assert_int_equal(dialect_answer_verdict(&r[strlen(row.text) % 2].a), VERDICT_COMPLETE);
}

static void dialects_are_found_by_name(void **state)
{
    assert_ptr_equal(dialect_find(SPAN_LIT("openai.chat")), &dialect_openai_chat);
    assert_ptr_equal(dialect_find(SPAN_LIT("anthropic.count")), &dialect_anthropic_count);
    assert_null(dialect_find(SPAN_LIT("openai")));
    assert_null(dialect_find(SPAN_LIT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat_streams_are_read_as_meant),
        cmocka_unit_test(messages_streams_are_read_as_meant),
        cmocka_unit_test(responses_streams_are_read_as_meant),
        cmocka_unit_test(gemini_streams_are_read_as_meant),
        cmocka_unit_test(cohere_streams_are_read_as_meant),
        cmocka_unit_test(ollama_streams_are_read_as_meant),
        cmocka_unit_test(gemini_counts_add_up),
        cmocka_unit_test(converse_streams_are_read_as_meant),
        cmocka_unit_test(completions_streams_are_read_as_meant),
        cmocka_unit_test(an_embeddings_stream_is_never_complete),
        cmocka_unit_test(the_models_place_is_in_the_events_own_bytes),
        cmocka_unit_test(a_null_usage_can_be_taken_out),
        cmocka_unit_test(usage_is_counted_alike),
        cmocka_unit_test(responses_say_how_they_stopped),
        cmocka_unit_test(numbers_say_what_has_come_twice_or_too_soon),
        cmocka_unit_test(a_status_inside_an_error_is_found),
        cmocka_unit_test(a_long_message_is_cut_alike),
        cmocka_unit_test(boundaries_are_between_events),
        cmocka_unit_test(an_answer_may_be_moved_between_reads),
        cmocka_unit_test(dialects_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
