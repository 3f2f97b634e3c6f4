/*
 * Goal: a request of Anthropic's messages that is read and written again says the same; what it
 * holds is noted; what is wrong with it is said with its place.
 * Method: translation from the dialect to itself in rows of text.
 */
#include "anthropic_asked.h"

static const struct convert *const c = &convert_anthropic_messages;

/* ---- requests, there and back ---- */

#define TOOL(more) "'tools':[{'name':'f','input_schema':{'type':'object'}" more "}]"

#define IMAGE "{'type':'image','source':{'type':'base64','media_type':'image/png','data':'AAAA'}}"

/* clang-format off */
static const struct {
    const char *in, *out; /* NULL: as it went in */
    const char *has;      /* what is noted, beside text and max-tokens */
    const char *others;
} there_and_back[] = {
    {ASK(""), NULL, "", ""},
    {"{" OLD ",'messages':[{'role':'user','content':'hi'}]}", ASK(""), "", ""},
    {"{'messages':[" HI "],'max_tokens':64,'model':'claude-3-5-haiku-latest'}", ASK(""), "", ""},
    {ASK(",'temperature':null,'system':null,'tools':null,'cache_control':null"), ASK(""), "", ""},
    /* numbers and texts as they were written */
    {"{'model':'claude-3-5-haiku-latest','max_tokens':12345678901234567890123,'temperature':0.70,'top_p':1e-1,'top_k':9007199254740993,'messages':[" HI "]}", NULL, "temperature top-p top-k", ""},
    {SAY(USER(TEXT("\\u2028 \\\\ \\n \xC3\xA4"))), NULL, "", ""},
    {ASK(",'stream':true,'stop_sequences':['a','b'],'metadata':{'user_id':'u'},'service_tier':'auto'"), NULL, "stop user service-tier", ""},
    {ASK(",'service_tier':'standard_only'"), NULL, "service-tier", ""},
    {ASK(",'stop_sequences':['\\n','x',' ']"), ASK(",'stop_sequences':['x']"), "stop", ""},
    {ASK(",'stop_sequences':[]"), ASK(""), "", ""},
    /* the system prompt */
    {ASK(",'system':[{'type':'text','text':'s','cache_control':{'type':'ephemeral','ttl':'1h'}},{'type':'text','text':'t'}]"), NULL, "system cache", ""},
    {AFTER(",'system':'s'"), ASK(",'system':[" TEXT("s") "]"), "system", ""},
    {SAY("{'role':'system','content':'s'}," HI), ASK(",'system':[" TEXT("s") "]"), "system", ""},
    {SAY(HI ",{'role':'system','content':[" TEXT("s") "]}"), ASK(",'system':[" TEXT("s") "]"), "system system-later", ""},
    {SAY(HI ",{'role':'system','content':[{'type':'tool_addition','tool':{'type':'tool_reference','name':'f'}}]}"), ASK(""), "other", "messages[1].content[0]"},
    /* blocks of the user */
    {SAY(USER("{'type':'image','source':{'type':'base64','media_type':'image/png','data':'AAAA'}},{'type':'image','source':{'type':'url','url':'https://h/i.png'},'cache_control':{'type':'ephemeral'}}")), NULL, "image image-url cache !text", ""},
    {SAY(USER("{'type':'document','source':{'type':'base64','media_type':'application/pdf','data':'AAAA'},'title':'t'},{'type':'document','source':{'type':'url','url':'https://h/d'}},{'type':'document','source':{'type':'text','media_type':'text/plain','data':'d'}}")), NULL, "document document-url document-text !text", ""},
    {SAY(USER("{'type':'document','source':{'type':'content','content':[" TEXT("a") "," TEXT("b") "]},'context':'c','citations':{'enabled':true}}," TEXT("x"))),
     SAY(USER("{'type':'document','source':{'type':'text','media_type':'text/plain','data':'a\\nb'},'context':'c','citations':{'enabled':true}}," TEXT("x"))), "document-text citing document-context", ""},
    {SAY(USER("{'type':'document','source':{'type':'content','content':[" TEXT("a") "," IMAGE "," TEXT("b") "," IMAGE "]}}," TEXT("x"))),
     SAY(USER("{'type':'document','source':{'type':'text','media_type':'text/plain','data':'a\\nb'}}," IMAGE "," IMAGE "," TEXT("x"))), "image document-text", ""},
    {SAY(USER("{'type':'document','source':{'type':'content','content':[" IMAGE "," IMAGE "]}}," TEXT("x"))), SAY(USER(IMAGE "," IMAGE "," TEXT("x"))), "image", ""},
    {SAY(USER("{'type':'document','title':'t','context':'c','source':{'type':'content','content':[" IMAGE "]}}," TEXT("x"))),
     SAY(USER(TEXT("t\\nc") "," IMAGE "," TEXT("x"))), "image document-context", ""},
    {SAY(USER("{'type':'document','source':{'type':'content','content':'a'},'citations':{'enabled':false}}")),
     SAY(USER("{'type':'document','source':{'type':'text','media_type':'text/plain','data':'a'}}")), "document-text !text", ""},
    {SAY(USER("{'type':'search_result','source':'https://h','title':'t','content':[" TEXT("a") "]}")),
     NULL, "document-text document-context !text", ""},
    {SAY(USER("{'type':'search_result','source':'https://h','title':'t','content':[" TEXT("a") "," TEXT("b") "],'citations':{'enabled':true}}")),
     SAY(USER("{'type':'search_result','source':'https://h','title':'t','content':[" TEXT("a\\nb") "],'citations':{'enabled':true}}")), "document-text citing document-context !text", ""},
    {SAY(USER("{'type':'document','source':{'type':'base64','media_type':'text/plain;charset=utf-8','data':'YcOkCg=='},'title':'t'},{'type':'document','source':{'type':'base64','media_type':'TEXT/CSV','data':''}}")),
     SAY(USER("{'type':'document','source':{'type':'text','media_type':'text/plain','data':'a\xC3\xA4\\n'},'title':'t'},{'type':'document','source':{'type':'text','media_type':'text/plain','data':''}}")), "document !text", ""},
    {SAY(USER("{'type':'image','source':{'type':'base64','media_type':'image/JPG','data':'AAAA'}}")), SAY(USER("{'type':'image','source':{'type':'base64','media_type':'image/jpeg','data':'AAAA'}}")), "image !text", ""},
    {SAY(USER("{'type':'document','source':{'type':'file','file_id':'f'}}," TEXT("x"))), SAY(USER(TEXT("x"))), "file-id", ""},
    /* blocks of the model */
    {SAY(HI "," MODEL("{'type':'thinking','thinking':'t','signature':'c2ln'},{'type':'redacted_thinking','data':'ZGF0YQ=='}," TEXT("a"))), NULL, "thinking signature prefill", ""},
    {SAY(HI "," MODEL("{'type':'thinking','thinking':'t','signature':''}," TEXT("a"))), SAY(HI "," MODEL(TEXT("a"))), "thinking prefill", ""},
    {SAY(HI "," MODEL("{'type':'thinking','thinking':'t','signature':'lamplighter.gemini.AA=='}," TEXT("a"))), SAY(HI "," MODEL(TEXT("a"))), "thinking signature prefill", ""},
    {SAY(HI "," MODEL("{'type':'text','text':'a','citations':[{'type':'char_location','cited_text':'x','n':1.0},{'type':'url_citation'},{'type':'page_location'}]}") "," HI),
     SAY(HI "," MODEL("{'type':'text','text':'a','citations':[{'type':'char_location','cited_text':'x','n':1.0},{'type':'page_location'}]}") "," HI), "citations", ""},
    {SAY(HI "," MODEL("{'type':'text','text':'a','citations':[{'type':'url_citation'}]}") "," HI), SAY(HI "," MODEL(TEXT("a")) "," HI), "citations", ""},
    {SAY(HI "," MODEL("{'type':'text','text':'a','citations':[]}") "," HI), SAY(HI "," MODEL(TEXT("a")) "," HI), "", ""},
    {SAY(HI "," MODEL("{'type':'compaction','content':'c'},{'type':'compaction','content':null}") "," HI), SAY(HI "," MODEL(TEXT("c")) "," HI), "", ""},
    /* calls and their results */
    {SAY(HI "," MODEL("{'type':'tool_use','id':'a','name':'f','input':{'n':9007199254740993,'s':'\\u00e4'},'caller':{'type':'direct'}}," CALL("b", "g")) "," USER(RESULT("b", TEXT("x")) "," RESULT("a", "") "," TEXT("y"))),
     SAY(HI "," MODEL("{'type':'tool_use','id':'a','name':'f','input':{'n':9007199254740993,'s':'\xC3\xA4'}}," CALL("b", "g")) "," USER(RESULT("b", TEXT("x")) "," RESULT("a", "") "," TEXT("y"))), "tool-call tool-result", ""},
    {SAY(HI "," MODEL(CALL("a", "f")) "," USER("{'type':'tool_result','tool_use_id':'a','content':[" TEXT("x") ",{'type':'image','source':{'type':'base64','media_type':'image/png','data':'AAAA'}}],'is_error':true,'cache_control':{'type':'ephemeral'}}")), NULL, "image tool-call tool-result tool-result-image tool-result-error cache", ""},
    {SAY(HI "," MODEL(CALL("a", "f")) "," USER(RESULT("a", "{'type':'document','source':{'type':'content','content':[" TEXT("a") "," IMAGE "]}}"))),
     SAY(HI "," MODEL(CALL("a", "f")) "," USER(RESULT("a", "{'type':'document','source':{'type':'text','media_type':'text/plain','data':'a'}}," IMAGE))), "image document-text tool-call tool-result tool-result-image", ""},
    {SAY(HI "," MODEL(CALL("a", "f")) "," USER("{'type':'tool_result','tool_use_id':'a','content':'x','is_error':false}")), SAY(HI "," MODEL(CALL("a", "f")) "," USER(RESULT("a", TEXT("x")))), "tool-call tool-result", ""},
    {SAY(HI "," MODEL(CALL("a", "f")) "," USER("{'type':'tool_result','tool_use_id':'a'}")), SAY(HI "," MODEL(CALL("a", "f")) "," USER(RESULT("a", ""))), "tool-call tool-result", ""},
    {SAY(HI "," MODEL(CALL("a", "f")) "," USER(RESULT("a", "{'type':'tool_reference','tool_name':'g'}"))), SAY(HI "," MODEL(CALL("a", "f")) "," USER(RESULT("a", TEXT("g")))), "tool-call tool-result", ""},
    /* results first, turns merged, empty texts left out; ids that the API refuses are mapped */
    {SAY(HI "," MODEL(CALL("a", "f")) "," MODEL(CALL("b", "f")) "," USER(TEXT("y") "," RESULT("a", "")) "," USER(RESULT("b", ""))),
     SAY(HI "," MODEL(CALL("a", "f") "," CALL("b", "f")) "," USER(RESULT("a", "") "," RESULT("b", "") "," TEXT("y"))), "tool-call tool-result", ""},
    {SAY(USER(TEXT("") "," TEXT("a")) "," MODEL(TEXT(" \\n")) "," HI), SAY(USER(TEXT("a")) "," HI), "", ""},
    {SAY(HI "," MODEL(CALL("f.g:0", "a.b")) "," USER(RESULT("f.g:0", ""))),
     SAY(HI "," MODEL(CALL("fg0_c5a2e4d7ecaf", "ab_c22566409199")) "," USER(RESULT("fg0_c5a2e4d7ecaf", ""))), "tool-call tool-result", ""},
    /* tools */
    {AFTER("," TOOL("")), NULL, "tools", ""},
    {AFTER(",'tools':[{'name':'f','description':'d','input_schema':{'additionalProperties':false,'type':'object','properties':{'z':{'const':1.50},'a':{}}},'strict':true,'cache_control':{'type':'ephemeral'}}],'tool_choice':{'type':'tool','name':'f','disable_parallel_tool_use':true}"), NULL, "tools tool-strict tool-choice tool-parallel cache", ""},
    {AFTER("," TOOL(",'type':'custom','strict':false,'defer_loading':false") ",'tool_choice':{'type':'any'}"), AFTER("," TOOL("") ",'tool_choice':{'type':'any'}"), "tools tool-choice", ""},
    {AFTER("," TOOL(",'defer_loading':true,'input_examples':[]") ",'tool_choice':{'type':'none'}"), AFTER("," TOOL("") ",'tool_choice':{'type':'none'}"), "tools tool-choice other", "tools[0].defer_loading tools[0].input_examples"},
    {AFTER("," TOOL("") ",'tool_choice':{'type':'auto','disable_parallel_tool_use':false}"), NULL, "tools", ""},
    {AFTER(",'tools':[{'name':'f'},{'name':'g','input_schema':{'anyOf':[],'x':1.0}}]"), AFTER(",'tools':[{'name':'f','input_schema':{'type':'object'}},{'name':'g','input_schema':{'type':'object','anyOf':[],'x':1.0}}]"), "tools", ""},
    {AFTER(",'tools':[],'tool_choice':{'type':'any'}"), AFTER(""), "tool-choice", ""},
    /* what only the provider can do */
    {AFTER(",'tools':[{'type':'web_search_20250305','name':'web_search'}]"), AFTER(""), "provider-tool", ""},
    {AFTER(",'mcp_servers':[{'type':'url','url':'https://h','name':'m'}]"), AFTER(""), "provider-tool", ""},
    {AFTER(",'mcp_servers':[]"), AFTER(""), "", ""},
    {SAY(HI "," MODEL("{'type':'server_tool_use','id':'s','name':'web_search','input':{}},{'type':'web_search_tool_result','tool_use_id':'s','content':[]}," TEXT("a")) "," HI), SAY(HI "," MODEL(TEXT("a")) "," HI), "provider-tool", ""},
    {SAY(USER("{'type':'container_upload','file_id':'f'}," TEXT("x"))), SAY(USER(TEXT("x"))), "provider-tool", ""},
    {SAY(HI "," MODEL("{'type':'tool_use','id':'a','name':'f','input':{},'caller':{'type':'code_execution_20250825','tool_id':'s'}}")), SAY(HI "," MODEL(CALL("a", "f"))), "provider-tool tool-call prefill", ""},
    /* the shape of the answer */
    {AFTER(",'output_config':{'format':{'type':'json_schema','schema':{'additionalProperties':false,'type':'object','properties':{'b':{'enum':[1.0,null]},'a':{'type':'array','minItems':1}}}}}"), NULL, "json-schema", ""},
    /* a strict tool that cannot be held to its schema is one that is not strict */
    {AFTER(",'tools':[{'name':'f','input_schema':{'type':'object','properties':{'a':{'type':'integer','minimum':1}}},'strict':true}]"), AFTER(",'tools':[{'name':'f','input_schema':{'type':'object','properties':{'a':{'type':'integer','minimum':1}}}}]"), "tools tool-strict", ""},
    /* schemas of answers are closed */
    {AFTER(",'output_config':{'format':{'type':'json_schema','schema':{'type':'object','examples':[1],'properties':{'additionalProperties':{'anyOf':[{'type':'object','minItems':0},{'type':'null'}]},'l':{'type':'array','items':{'properties':{}}}},'$defs':{'d':{'type':'object'}}}}}"), AFTER(",'output_config':{'format':{'type':'json_schema','schema':{'additionalProperties':false,'type':'object','properties':{'additionalProperties':{'anyOf':[{'additionalProperties':false,'type':'object','minItems':0},{'type':'null'}]},'l':{'type':'array','items':{'additionalProperties':false,'properties':{}}}},'$defs':{'d':{'additionalProperties':false,'type':'object'}}}}}"), "json-schema", ""},
    {AFTER(",'output_format':{'type':'json_schema','schema':{}},'output_config':{'task_budget':{}}"), AFTER(",'output_config':{'format':{'type':'json_schema','schema':{}}}"), "json-schema other", "output_config.task_budget"},
    /* a marker for all is one at the last block; keys that nobody knows */
    {AFTER(",'cache_control':{'type':'ephemeral','ttl':'5m'}"), SAY(USER("{'type':'text','text':'hi','cache_control':{'type':'ephemeral','ttl':'5m'}}")), "cache", ""},
    {AFTER(",'foo':1,'anthropic_version':'vertex-2023-10-16','metadata':{'x':2}"), AFTER(""), "other", "foo metadata.x"},
    {SAY("{'role':'user','content':'hi','mood':1}"), SAY(HI), "other", "messages[0].mood"},
};
/* clang-format on */

/* "!text": without what stands in nearly all of them. */
static void noted(struct buf *out, const struct chat_request *q)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++) {
        if (!(q->has & CHAT_BIT(f)) || f == CHAT_HAS_TEXT || f == CHAT_HAS_MAX_TOKENS)
            continue;
        if (out->n)
            buf_add_char(out, ' ');
        buf_add_str(out, chat_feature_row(f)->word);
    }
    if (!(q->has & CHAT_BIT(CHAT_HAS_TEXT)))
        buf_add_str(out, " !text");
}

static void unknown(struct buf *out, const struct chat_request *q)
{
    for (const struct chat_text *t = q->others; t; t = t->next) {
        if (out->n)
            buf_add_char(out, ' ');
        buf_add_span(out, t->s);
    }
}

static void requests_say_the_same_again(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(there_and_back); i++) {
        const char *in = there_and_back[i].in, *want = there_and_back[i].out;
        struct convert_to to = {.signer = CHAT_SIGNER_ANTHROPIC, .stream = strstr(in, "'stream'")};
        struct asked a;
        struct buf out;
        struct err e;

        if (ask(&a, json(0, in), &e) < 0)
            fail_msg("%s: %s", in, e.text);
        buf_init(&out, MEGA);
        if (c->write_request(&out, &a.q, &to, &e) < 0)
            fail_msg("%s: %s", in, e.text);
        ends(&out, json(1, want ? want : in));
        noted(&out, &a.q);
        ends(&out, span_str(there_and_back[i].has));
        unknown(&out, &a.q);
        ends(&out, span_str(there_and_back[i].others));
        asked_fini(&a);
    }
}

/* ---- what targets differ in ---- */

#define THINK(on)             "'thinking':{'type':'" on "'}"
#define BUDGET(n)             "'thinking':{'type':'enabled','budget_tokens':" n "}"
#define EFFORT(w)             "'output_config':{'effort':'" w "'}"
#define SAMPLES(t)            "'temperature':" t ",'top_p':0.9,'top_k':4"
#define FREELY(more)          "{'messages':[" HI "]," more "}"
#define RULE(blocks)          "{'role':'system','content':[" blocks "]}"
#define TALK(m)               "{'messages':[" m "]}"
#define PUT(model, system, m) "{'model':'" model "','max_tokens':4096" system ",'messages':[" m "]}"
#define WROTE(model, most, more, end)                                                              \
    "{'model':'" model "','max_tokens':" most more ",'messages':[" HI "]" end "}"

/* clang-format off */
static const struct {
    const char *model, *in, *out;
} targets[] = {
    /* max_tokens has to be said; a budget is below it, and leaves room */
    {"claude-haiku-4-5", FREELY("'top_k':1"), WROTE("claude-haiku-4-5", "4096", ",'top_k':1", "")},
    {"claude-haiku-4-5", FREELY(BUDGET("2000")), WROTE("claude-haiku-4-5", "6096", "", "," BUDGET("2000"))},
    {"claude-haiku-4-5", FREELY(BUDGET("2000") ",'max_tokens':2001"), WROTE("claude-haiku-4-5", "2001", "", "," BUDGET("2000"))},
    {"claude-haiku-4-5", FREELY(BUDGET("5000") ",'max_tokens':5000"), WROTE("claude-haiku-4-5", "5000", "", "," BUDGET("2500"))},
    {"claude-haiku-4-5", FREELY(BUDGET("5000") ",'max_tokens':2048"), WROTE("claude-haiku-4-5", "2048", "", "," BUDGET("1024"))},
    {"claude-haiku-4-5", FREELY(BUDGET("5000") ",'max_tokens':2047"), WROTE("claude-haiku-4-5", "2047", "", "")},
    {"claude-haiku-4-5", FREELY(BUDGET("1") ",'max_tokens':9000"), WROTE("claude-haiku-4-5", "9000", "", "," BUDGET("1024"))},
    {"claude-haiku-4-5", FREELY(BUDGET("-1") ",'max_tokens':9000"), WROTE("claude-haiku-4-5", "9000", "", "," BUDGET("8192"))},
    {"claude-haiku-4-5", FREELY(BUDGET("0") ",'max_tokens':9000"), WROTE("claude-haiku-4-5", "9000", "", "," THINK("disabled"))},
    /* models with budgets, with efforts, without thinking, and of others */
    {"claude-haiku-4-5", FREELY(EFFORT("low") ",'max_tokens':9000"), WROTE("claude-haiku-4-5", "9000", "", "," BUDGET("2048"))},
    {"anthropic/claude-sonnet-4.5", FREELY(EFFORT("minimal") ",'max_tokens':9000"), WROTE("anthropic/claude-sonnet-4.5", "9000", "", "," BUDGET("1024"))},
    {"claude-sonnet-4@20250514", FREELY(EFFORT("odd") ",'max_tokens':9000"), WROTE("claude-sonnet-4@20250514", "9000", "", "," BUDGET("8192"))},
    {"claude-3-7-sonnet-latest", FREELY(THINK("adaptive") ",'max_tokens':9000"), WROTE("claude-3-7-sonnet-latest", "9000", "", "," BUDGET("8192"))},
    {"claude-3-5-haiku-latest", FREELY(BUDGET("2000") "," SAMPLES("0.5")), WROTE("claude-3-5-haiku-latest", "4096", "," SAMPLES("0.5"), "")},
    {"claude-opus-4-6", FREELY(EFFORT("minimal")), WROTE("claude-opus-4-6", "4096", "", "," THINK("adaptive") "," EFFORT("low"))},
    {"claude-opus-5", FREELY(EFFORT("xhigh")), WROTE("claude-opus-5", "4096", "", "," THINK("adaptive") "," EFFORT("xhigh"))},
    {"claude-opus-5", FREELY(EFFORT("none")), WROTE("claude-opus-5", "4096", "", "," THINK("disabled"))},
    {"claude-opus-5", FREELY(THINK("disabled")), WROTE("claude-opus-5", "4096", "", "," THINK("disabled"))},
    {"claude-opus-5", FREELY(BUDGET("2048")), WROTE("claude-opus-5", "4096", "", "," THINK("adaptive") "," EFFORT("low"))},
    {"claude-opus-5", FREELY(BUDGET("2049")), WROTE("claude-opus-5", "4096", "", "," THINK("adaptive") "," EFFORT("medium"))},
    {"claude-opus-5", FREELY(BUDGET("99999")), WROTE("claude-opus-5", "4096", "", "," THINK("adaptive") "," EFFORT("max"))},
    /* there is no thinking that is none, or it has another name */
    {"claude-opus-5-5", FREELY(EFFORT("none")), WROTE("claude-opus-5-5", "4096", "", "," EFFORT("low"))},
    {"claude-fable-5", FREELY(THINK("disabled")), WROTE("claude-fable-5", "4096", "", "," EFFORT("low"))},
    {"claude-sonnet-5-5", FREELY(THINK("disabled")), WROTE("claude-sonnet-5-5", "4096", "", "," THINK("between_tools"))},
    {"claude-haiku-5-5", FREELY(THINK("between_tools")), WROTE("claude-haiku-5-5", "4096", "", "," THINK("disabled"))},
    {"claude-opus-5", FREELY("'thinking':{'type':'adaptive','display':'summarized'}"), WROTE("claude-opus-5", "4096", "", ",'thinking':{'type':'adaptive','display':'summarized'}")},
    {"qwen3", FREELY(BUDGET("2000") ",'max_tokens':3000"), WROTE("qwen3", "3000", "", "," BUDGET("2000"))},
    {"claude-haiku-4-5", FREELY(BUDGET("2000") ",'max_tokens':9000," TOOL("") ",'tool_choice':{'type':'any'}"), WROTE("claude-haiku-4-5", "9000", "", "," TOOL("") ",'tool_choice':{'type':'any'}")},
    /* sampling */
    {"qwen3", FREELY(SAMPLES("1.5")), WROTE("qwen3", "4096", "," SAMPLES("1"), "")},
    {"qwen3", FREELY(SAMPLES("1.00")), WROTE("qwen3", "4096", "," SAMPLES("1.00"), "")},
    {"qwen3", FREELY(SAMPLES("1.01")), WROTE("qwen3", "4096", "," SAMPLES("1"), "")},
    {"qwen3", FREELY(SAMPLES("10")), WROTE("qwen3", "4096", "," SAMPLES("1"), "")},
    {"qwen3", FREELY(SAMPLES("2")), WROTE("qwen3", "4096", "," SAMPLES("1"), "")},
    {"qwen3", FREELY(SAMPLES("5e-1")), WROTE("qwen3", "4096", "," SAMPLES("5e-1"), "")},
    {"claude-haiku-4-5", FREELY(SAMPLES("0.5")), WROTE("claude-haiku-4-5", "4096", ",'temperature':0.5,'top_k':4", "")},
    {"claude-haiku-4-5", FREELY("'top_p':0.9"), WROTE("claude-haiku-4-5", "4096", ",'top_p':0.9", "")},
    {"claude-opus-5", FREELY(SAMPLES("0.5")), WROTE("claude-opus-5", "4096", "", "")},
    {"claude-haiku-4-5", FREELY(SAMPLES("0.5") "," BUDGET("2000")), WROTE("claude-haiku-4-5", "6096", "", "," BUDGET("2000"))},
    /* system messages stay between a user's and the answer, where the model takes them there */
    {"claude-opus-4-7", TALK(HI "," RULE(TEXT("s")) "," MODEL(TEXT("a")) "," HI), PUT("claude-opus-4-7", ",'system':[" TEXT("s") "]", HI "," MODEL(TEXT("a")) "," HI)},
    {"claude-opus-4-8", TALK(HI "," RULE(TEXT("s")) "," MODEL(TEXT("a")) "," HI), PUT("claude-opus-4-8", "", HI "," RULE(TEXT("s")) "," MODEL(TEXT("a")) "," HI)},
    {"claude-opus-4-8", TALK(RULE(TEXT("s")) "," HI "," RULE(TEXT("t")) "," RULE(TEXT("u"))), PUT("claude-opus-4-8", ",'system':[" TEXT("s") "]", HI "," RULE(TEXT("t") "," TEXT("u")))},
    {"claude-opus-4-8", TALK(HI "," RULE(TEXT("s")) "," HI), PUT("claude-opus-4-8", ",'system':[" TEXT("s") "]", USER(TEXT("hi") "," TEXT("hi")))},
    {"claude-opus-4-8", TALK(HI "," MODEL(TEXT("a")) "," RULE(TEXT("s")) "," HI), PUT("claude-opus-4-8", ",'system':[" TEXT("s") "]", HI "," MODEL(TEXT("a")) "," HI)},
    {"claude-opus-4-8", TALK(HI "," RULE(TEXT("s")) "," MODEL("{'type':'thinking','thinking':'t','signature':''}") "," HI), PUT("claude-opus-4-8", ",'system':[" TEXT("s") "]", HI "," HI)},
    {"claude-opus-4-8", TALK(HI "," RULE(TEXT(" "))), PUT("claude-opus-4-8", "", HI)},
};
/* clang-format on */

static void targets_get_what_they_take(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct convert_to to = {.model = span_str(targets[i].model),
                                .signer = CHAT_SIGNER_ANTHROPIC,
                                .max_tokens = 4096};
        struct asked a;
        struct buf out;
        struct err e;

        if (ask(&a, json(0, targets[i].in), &e) < 0)
            fail_msg("%s: %s", targets[i].in, e.text);
        buf_init(&out, MEGA);
        assert_int_equal(c->write_request(&out, &a.q, &to, &e), 0);
        ends(&out, json(1, targets[i].out));
        asked_fini(&a);
    }
}

/* Only the prompt is counted: what is about the answer alone is refused there. */
static void a_count_has_the_prompt_only(void **state)
{
    static const char prompt[] = ",'system':[" TEXT("s") "],'messages':[" HI "]," TOOL("");
    struct convert_to to = {.model = SPAN_LIT("m"), .stream = true, .count = true};
    char in[1024], want[1024];
    struct asked a;
    struct buf out;
    struct err e;

    (void)snprintf(in, sizeof(in), "{'model':'x','temperature':1,'stop_sequences':['x']%s}",
                   prompt);
    (void)snprintf(want, sizeof(want), "{'model':'m'%s}", prompt);
    assert_int_equal(ask(&a, json(0, in), &e), 0);
    buf_init(&out, MEGA);
    assert_int_equal(c->write_request(&out, &a.q, &to, &e), 0);
    ends(&out, json(1, want));
    asked_fini(&a);
}

/* Requests of other dialects hold what no request of this one does. */
#define JSON_ASKED "Answer with one JSON object and nothing else."

static void what_others_say_is_said_nearly(void **state)
{
    struct convert_to to = {.model = SPAN_LIT("m"), .max_tokens = 1};
    struct asked a;
    struct buf out;
    struct err e;

    assert_int_equal(ask(&a,
                         json(0, SAY(HI "," MODEL("{'type':'thinking','thinking':'t'}," TEXT(
                                     "no") "," CALL("a", "f")) "," HI)),
                         &e),
                     0);
    a.q.max_tokens = span_of(NULL, 0);
    a.q.model = span_of(NULL, 0);
    a.q.messages->role = CHAT_ROLE_DEVELOPER;
    a.q.messages->next->parts->next->kind = CHAT_PART_REFUSAL;
    a.q.messages->next->parts->next->next->args = SPAN_LIT("");
    a.q.format = CHAT_FORMAT_OBJECT;
    a.q.service_tier = SPAN_LIT("priority");
    a.q.tools = NULL;
    buf_init(&out, MEGA);
    assert_int_equal(c->write_request(&out, &a.q, &to, &e), 0);
    ends(&out,
         json(1, "{'model':'m','max_tokens':1,'service_tier':'auto','system':[" TEXT("hi") "," TEXT(
                     JSON_ASKED) "],'messages':[" MODEL("{'type':'thinking','thinking':'t','"
                                                        "signature':''"
                                                        "}," TEXT("no") "," CALL("a", "f")) "," HI
                                                                                            "]}"));
    asked_fini(&a);
}

/* clang-format off */
static const struct {
    const char *in, *why;
} unsaid[] = {
    {"{'messages':[]}", "messages: a message beside the system prompt is wanted"},
    {"{'system':'s','messages':[{'role':'system','content':'t'},{'role':'user','content':' '}]}", "messages: a message beside the system prompt is wanted"},
    {SAY(HI "," USER("{'type':'document','source':{'type':'base64','media_type':'application/rtf','data':'AA=='}}")), "messages[1]: a document of type 'application/rtf' cannot be said, only application/pdf"},
    {SAY(USER("{'type':'document','source':{'type':'base64','media_type':'text/csv','data':'YcM='}}")), "messages[0]: a text that is not UTF-8 cannot be said"},
    {SAY(USER("{'type':'document','source':{'type':'base64','media_type':'text/csv','data':'?'}}")), "messages[0]: a text that is not UTF-8 cannot be said"},
    {SAY(USER("{'type':'image','source':{'type':'base64','media_type':'image/bmp','data':'AA=='}}")), "messages[0]: an image of type 'image/bmp' cannot be said, only JPEG, PNG, GIF and WebP"},
    {SAY(USER("{'type':'image','source':{'type':'base64','data':'AA=='}}")), "messages[0]: an image without its type cannot be said"},
    {ASK(",'output_config':{'format':{'type':'json_schema','schema':{'type':'object','properties':{'a':{'type':'integer','minimum':1}}}}}"), "schema.properties.a.minimum: structured outputs do not have this"},
    {ASK(",'output_config':{'format':{'type':'json_schema','schema':{'type':'object','additionalProperties':true}}}"), "schema.additionalProperties: structured outputs do not have this"},
    {ASK(",'output_config':{'format':{'type':'json_schema','schema':{'type':'object','additionalProperties':{'type':'string'}}}}"), "schema.additionalProperties: structured outputs do not have this"},
    {ASK(",'output_config':{'format':{'type':'json_schema','schema':{'anyOf':[{'type':'null'},{'type':'array','minItems':2}]}}}"), "schema.anyOf[1].minItems: structured outputs do not have this"},
    {ASK(",'output_config':{'format':{'type':'json_schema','schema':{'$defs':{'d':{'not':[]}}}}}"), "schema.$defs.d.not: structured outputs do not have this"},
    {ASK(",'output_config':{'format':{'type':'json_schema','schema':{'items':{'not':{}}}}}"), "schema.items.not: structured outputs do not have this"},
};

static const struct {
    const char *in, *why;
} wrong[] = {
    {"[]", "the body: an object is wanted"},
    {"{'model':'m'}", "messages: a list of messages is wanted"},
    {"{'model':7,'messages':[]}", "model: a string is wanted"},
    {"{'messages':{}}", "messages: a list of messages is wanted"},
    {SAY("7"), "messages[0]: an object is wanted"},
    {SAY("{'content':'x'}"), "messages[0].role: a string is wanted"},
    {SAY("{'role':'tool','content':'x'}"), "messages[0].role: 'tool' is not known"},
    {SAY("{'role':'user'}"), "messages[0].content: a string or a list of blocks is wanted"},
    {SAY(HI ",{'role':'user','content':7}"), "messages[1].content: a string or a list of blocks is wanted"},
    {SAY(USER("7")), "messages[0].content[0]: an object is wanted"},
    {SAY(USER("{}")), "messages[0].content[0].type: a string is wanted"},
    {SAY(USER("{'type':'hologram'}")), "messages[0].content[0].type: a block of type 'hologram' is not known"},
    {SAY(USER(CALL("a", "f"))), "messages[0].content[0].type: a block of type 'tool_use' cannot stand here"},
    {SAY(HI "," MODEL(CALL("a", "f")) "," USER(RESULT("a", RESULT("a", "")))), "messages[2].content[0].content[0].type: a block of type 'tool_result' cannot stand here"},
    {AFTER(",'system':[{'type':'image'}]"), "system[0].type: a block of type 'image' cannot stand here"},
    {SAY(USER("{'type':'text'}")), "messages[0].content[0]: it has no text"},
    {SAY(USER("{'type':'text','text':7}")), "messages[0].content[0].text: a string is wanted"},
    {SAY(USER("{'type':'text','text':'a','cache_control':7}")), "messages[0].content[0].cache_control: an object is wanted"},
    {SAY(USER("{'type':'text','text':'a','cache_control':{'type':'ephemeral','ttl':5}}")), "messages[0].content[0].cache_control.ttl: a string is wanted"},
    {SAY(USER("{'type':'text','text':'a','citations':{}}")), "messages[0].content[0].citations: a list is wanted"},
    {SAY(USER("{'type':'image'}")), "messages[0].content[0].source: an object is wanted"},
    {SAY(USER("{'type':'image','source':'x'}")), "messages[0].content[0].source: an object is wanted"},
    {SAY(USER("{'type':'image','source':{'type':'ftp'}}")), "messages[0].content[0].source.type: 'ftp' is not known"},
    {SAY(USER("{'type':'image','source':{'type':'url'}}")), "messages[0].content[0].source: it has no data"},
    {SAY(USER("{'type':'document','source':{'type':'content','content':[7]}}")), "messages[0].content[0].source.content[0].text: a string is wanted"},
    {SAY(HI "," MODEL("{'type':'thinking'}")), "messages[1].content[0].thinking: a string is wanted"},
    {SAY(HI "," MODEL("{'type':'redacted_thinking'}")), "messages[1].content[0].data: a string is wanted"},
    {SAY(HI "," MODEL("{'type':'tool_use','name':'f','input':{}}")), "messages[1].content[0].id: a string that is not empty is wanted"},
    {SAY(HI "," MODEL("{'type':'tool_use','id':'a','input':{}}")), "messages[1].content[0].name: a string that is not empty is wanted"},
    {SAY(HI "," MODEL("{'type':'tool_use','id':'a','name':'f'}")), "messages[1].content[0].input: an object is wanted"},
    {SAY(HI "," MODEL("{'type':'tool_use','id':'a','name':'f','input':'{}'}")), "messages[1].content[0].input: an object is wanted"},
    {SAY(USER("{'type':'tool_result','content':'x'}")), "messages[0].content[0].tool_use_id: a string that is not empty is wanted"},
    {SAY(USER(RESULT("a", ""))), "messages[0].content[0].tool_use_id: no call of the turn before has the id 'a'"},
    {SAY(HI "," MODEL(CALL("a", "f")) "," USER(RESULT("b", ""))), "messages[2].content[0].tool_use_id: no call of the turn before has the id 'b'"},
    {SAY(HI "," MODEL(CALL("a", "f")) "," USER(TEXT("x") "," RESULT("a", "") "," RESULT("b", ""))), "messages[2].content[2].tool_use_id: no call of the turn before has the id 'b'"},
    {SAY(HI "," MODEL(CALL("a", "f")) "," HI "," MODEL(TEXT("x")) "," USER(RESULT("a", ""))), "messages[4].content[0].tool_use_id: no call of the turn before has the id 'a'"},
    {SAY(HI "," MODEL(CALL("a", "f")) "," USER("{'type':'tool_result','tool_use_id':'a','is_error':1}")), "messages[2].content[0].is_error: true or false is wanted"},
    {ASK(",'temperature':'hot'"), "temperature: a number is wanted"},
    {ASK(",'stream':1"), "stream: true or false is wanted"},
    {ASK(",'stop_sequences':'x'"), "stop_sequences: a list of strings is wanted"},
    {ASK(",'stop_sequences':['x',1]"), "stop_sequences[1]: a string is wanted"},
    {ASK(",'tools':{}"), "tools: a list of tools is wanted"},
    {ASK(",'tools':[7]"), "tools[0]: an object is wanted"},
    {ASK(",'tools':[{'type':7}]"), "tools[0].type: a string is wanted"},
    {ASK(",'tools':[{'input_schema':{}}]"), "tools[0].name: a string that is not empty is wanted"},
    {ASK(",'tools':[{'name':'f','input_schema':7}]"), "tools[0].input_schema: an object is wanted"},
    {ASK(",'tools':[{'name':'f','cache_control':{'ttl':1}}]"), "tools[0].cache_control.ttl: a string is wanted"},
    {ASK(",'tool_choice':'auto'"), "tool_choice: an object is wanted"},
    {ASK(",'tool_choice':{'type':'maybe'}"), "tool_choice.type: 'maybe' is not known"},
    {ASK(",'tool_choice':{'type':'tool'}"), "tool_choice.name: a string that is not empty is wanted"},
    {ASK(",'tool_choice':{'type':'auto','disable_parallel_tool_use':1}"), "tool_choice.disable_parallel_tool_use: true or false is wanted"},
    {ASK(",'thinking':{'type':'maybe'}"), "thinking.type: 'maybe' is not known"},
    {ASK(",'thinking':{'type':'enabled','budget_tokens':'x'}"), "thinking.budget_tokens: a number is wanted"},
    {ASK(",'output_config':{'format':{'type':'xml'}}"), "output_config.format.type: 'xml' is not known"},
    {ASK(",'output_format':{'type':'json_schema'}"), "output_format.schema: an object is wanted"},
    {ASK(",'metadata':{'user_id':7}"), "metadata.user_id: a string is wanted"},
    {ASK(",'service_tier':7"), "service_tier: a string is wanted"},
    {AFTER(",'cache_control':7"), "cache_control: an object is wanted"},
};
/* clang-format on */

static void wrong_requests_are_told_their_place(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct asked a;
        struct err e = {0};

        if (ask(&a, json(0, wrong[i].in), &e) == 0)
            fail_msg("taken: %s", wrong[i].in);
        assert_string_equal(e.text, wrong[i].why);
        assert_int_equal(e.code, ERR_PROTOCOL);
        asked_fini(&a);
    }
}

/* What a model refuses it is not asked for; a count is about none of it. */
static void models_refuse_what_others_do(void **state)
{
    static const char begun[] = SAY(HI "," MODEL(TEXT("a")));
    static const char any[] = ASK("," TOOL("") ",'tool_choice':{'type':'any'}");
    static const char one[] = ASK("," TOOL("") ",'tool_choice':{'type':'tool','name':'f'}");
    static const struct {
        const char *model, *in, *why;
    } rows[] = {
        {"claude-sonnet-4-5", begun, NULL},
        {"claude-sonnet-4-6", begun,
         "messages: this model does not go on from a beginning of its answer"},
        {"anthropic/claude-opus-5.5", begun,
         "messages: this model does not go on from a beginning of its answer"},
        {"qwen3", begun, NULL},
        {"claude-opus-5", any, NULL},
        {"claude-opus-5-5", any, "tool_choice: this model cannot be made to call a tool"},
        {"claude-sonnet-5-5", one, "tool_choice: this model cannot be made to call a tool"},
        {"claude-haiku-5-5", one, NULL},
        {"claude-fable-5", any, NULL},
        {"claude-fable-5-1", any, "tool_choice: this model cannot be made to call a tool"},
    };

    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        const char *why = i % 2 ? NULL : rows[i / 2].why;
        struct convert_to to = {.model = span_str(rows[i / 2].model), .count = i % 2};
        struct asked a;
        struct buf out;
        struct err e = {0};

        assert_int_equal(ask(&a, json(0, rows[i / 2].in), &e), 0);
        buf_init(&out, MEGA);
        assert_int_equal(c->write_request(&out, &a.q, &to, &e), why ? -1 : 0);
        if (why)
            assert_string_equal(e.text, why);
        buf_fini(&out);
        asked_fini(&a);
    }
}

static void what_cannot_be_said_is_told_its_place(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(unsaid); i++) {
        struct asked a;
        struct buf out;
        struct err e = {0};

        assert_int_equal(ask(&a, json(0, unsaid[i].in), &e), 0);
        buf_init(&out, MEGA);
        assert_int_equal(c->write_request(&out, &a.q, &(struct convert_to){0}, &e), -1);
        assert_string_equal(e.text, unsaid[i].why);
        buf_fini(&out);
        asked_fini(&a);
    }
}

/* Arguments come as a text from other dialects. */
static void arguments_are_an_object(void **state)
{
    static const char *const bad[] = {"[]", "{", "7", "{}x"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct asked a;
        struct buf out;
        struct err e = {0};

        assert_int_equal(ask(&a, json(0, SAY(HI "," MODEL(CALL("a", "f")))), &e), 0);
        a.q.messages->next->parts->args = span_str(bad[i]);
        buf_init(&out, MEGA);
        assert_int_equal(c->write_request(&out, &a.q, &(struct convert_to){0}, &e), -1);
        assert_string_equal(e.text,
                            "messages[1]: the arguments of a call of 'f' are no JSON object");
        buf_fini(&out);
        asked_fini(&a);
    }
}

/* ---- bounds ---- */

/* n calls in a turn of two messages, then their results, last first. */
static int many_calls(size_t n, struct err *e)
{
    struct asked a;
    struct buf b;
    int rc;

    buf_init(&b, MEGA);
    buf_add_str(&b, "{\"messages\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s{\"type\":\"tool_use\",\"id\":\"c%zu\",\"name\":\"f\",\"input\":{}}",
                   i == 0       ? "{\"role\":\"assistant\",\"content\":["
                   : i == n / 2 ? "]},{\"role\":\"assistant\",\"content\":["
                                : ",",
                   i);
    buf_add_str(&b, "]},{\"role\":\"user\",\"content\":[");
    for (size_t i = n; i-- > 0;)
        buf_printf(&b, "{\"type\":\"tool_result\",\"tool_use_id\":\"c%zu\"}%s", i, i ? "," : "");
    buf_add_str(&b, "]}]}");
    assert_true(buf_ok(&b));
    rc = ask(&a, buf_span(&b), e);
    if (rc == 0)
        assert_true(span_is(a.q.messages->next->next->parts->name, "f"));
    asked_fini(&a);
    buf_fini(&b);
    return rc;
}

static void a_turn_has_so_many_calls(void **state)
{
    struct err e;

    assert_int_equal(many_calls(256, &e), 0);
    assert_int_equal(many_calls(257, &e), -1);
    assert_string_equal(e.text, "messages[1].content: a turn has at most 256 calls of tools");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_say_the_same_again),
        cmocka_unit_test(targets_get_what_they_take),
        cmocka_unit_test(a_count_has_the_prompt_only),
        cmocka_unit_test(what_others_say_is_said_nearly),
        cmocka_unit_test(wrong_requests_are_told_their_place),
        cmocka_unit_test(models_refuse_what_others_do),
        cmocka_unit_test(what_cannot_be_said_is_told_its_place),
        cmocka_unit_test(arguments_are_an_object),
        cmocka_unit_test(a_turn_has_so_many_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
