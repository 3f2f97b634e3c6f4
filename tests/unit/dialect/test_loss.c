/*
 * test_loss.c - what a target is not told, or not quite, is named; what it is told is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "told.h"

/* Quotes are single in what is asked, for legibility. */
#define CHAT(more)      "{'messages':[{'role':'user','content':'hi'}]" more "}"
#define CHAT_SAY(more)  "{'messages':[" more "]}"
#define MESSAGES(more)  "{'max_tokens':9000,'messages':[{'role':'user','content':'hi'}]" more "}"
#define RESPONSES(more) "{'input':'hi'" more "}"
#define GEMINI(more)    "{'contents':[{'parts':[{'text':'hi'}]}]" more "}"
#define LOOK(how)                                                                                  \
    "{'role':'user','content':[{'type':'image_url','image_url':{'url':'data:image/png;base64,"     \
    "AAAA','detail':'" how "'}}]}"
#define LOOKED(type, level)                                                                        \
    "{'contents':[{'parts':[{'inlineData':{'mimeType':" type ",'data':'AAAA'},'mediaResolution':{" \
    "'level':'MEDIA_RESOLUTION_" level "'}}]}]}"
#define USER "{'role':'user','content':'hi'}"

#define SEEN                                                                                       \
    "{'max_tokens':9,'messages':[{'role':'user','content':'a'},{'role':'assistant','content':[{"   \
    "'type':'tool_use','id':'c','name':'f','input':{}}]},{'role':'user','content':[{'type':"       \
    "'tool_result','tool_use_id':'c','content':[{'type':'image','source':{'type':'base64',"        \
    "'media_type':'image/png','data':'AAAA'}}]}]}]}"

#define A16  "aaaaaaaaaaaaaaaa"
#define A128 A16 A16 A16 A16 A16 A16 A16 A16

static const struct loss {
    const struct convert *client, *target;
    const char *model, *in, *dropped, *approximated;
} losses[] = {
#define C &convert_openai_chat
#define R &convert_openai_responses
#define A &convert_anthropic_messages
#define G &convert_gemini_generate
#define B &convert_bedrock_converse
#define H &convert_cohere_chat
#define O &convert_ollama_chat
    /* what holds without a word is as good as not said */
    {C, A, "m",
     CHAT(",'tools':[{'type':'function','function':{'name':'f','strict':false}}],'n':1,"
          "'tool_choice':'auto','parallel_tool_calls':true,'logprobs':false"),
     "", ""},
    {C, G, "gemini-3-pro",
     CHAT(",'tools':[{'type':'function','function':{'name':'f'}}],'parallel_tool_calls':true"), "",
     ""},
    {C, G, "gemini-3-pro",
     CHAT(",'tools':[{'type':'function','function':{'name':'f'}}],'parallel_tool_calls':false"),
     "tool-parallel", ""},
    {G, R, "m", GEMINI(",'generationConfig':{'stopSequences':[],'candidateCount':1}"), "", ""},
    {C, R, "m", CHAT(",'stop':[]"), "", ""},
    {C, R, "m", CHAT(",'stop':'x'"), "stop", ""},
    /* by the table */
    {C, A, "m", CHAT(",'seed':1,'shiny':2,'frequency_penalty':1"), "penalties, seed, shiny", ""},
    {C, A, "m",
     CHAT_SAY("{'role':'developer','content':'d'}," USER ",{'role':'system','content':'s'}"), "",
     "developer, system-later"},
    {C, A, "claude-opus-5", CHAT_SAY(USER ",{'role':'system','content':'s'}"), "", ""},
    {C, A, "claude-opus-5",
     CHAT_SAY(USER ",{'role':'assistant','content':'a'},{'role':'system','content':'s'}," USER), "",
     "system-later"},
    {C, A, "claude-opus-5-5", CHAT(",'reasoning_effort':'none'"), "", "effort"},
    {C, A, "claude-sonnet-5-5", CHAT(",'reasoning_effort':'none'"), "", ""},
    {C, A, "m", CHAT_SAY("{'role':'user','name':'bob','content':'hi'}"), "speaker", ""},
    {C, R, "m", CHAT_SAY("{'role':'user','name':'bob','content':'hi'}"), "speaker", ""},
    /* sampling: by the value, and by the model */
    {C, A, "m", CHAT(",'temperature':1,'top_p':0.5,'top_k':3"), "", ""},
    {C, A, "m", CHAT(",'temperature':1.01"), "", "temperature"},
    {C, A, "claude-opus-4-5", CHAT(",'temperature':0.5,'top_p':0.5"), "top-p", ""},
    {C, A, "claude-opus-4-5", CHAT(",'top_p':0.5"), "", ""},
    {C, A, "claude-opus-4-8", CHAT(",'temperature':1.5,'top_p':0.5,'top_k':3"),
     "temperature, top-p, top-k", ""},
    {C, A, "m", CHAT(",'stop':['a',' ']"), "", "stop"},
    {C, A, "m", CHAT(",'stop':['\\n']"), "stop", ""},
    {C, R, "m", CHAT(",'max_tokens':15"), "", "max-tokens"},
    {C, R, "m", CHAT(",'max_tokens':16"), "", ""},
    {C, R, "m", CHAT(",'user':'a b'"), "", ""},
    {C, R, "m", CHAT(",'user':'" A128 "'"), "", ""},
    {C, R, "m", CHAT(",'user':'" A128 "a'"), "", "user"},
    {C, R, "m", CHAT(",'user':'ab'"), "", ""},
    {C, R, "m", CHAT(",'metadata':{'a':'b'}"), "", ""},
    {C, R, "m", CHAT(",'metadata':'a'"), "metadata", ""},
    {A, C, "m", MESSAGES(",'stop_sequences':['a','b','c','d']"), "", ""},
    {A, C, "m", MESSAGES(",'stop_sequences':['a','b','c','d','e']"), "", "stop"},
    /* thinking */
    {C, A, "claude-opus-4-8", CHAT(",'reasoning_effort':'high'"), "", ""},
    {C, A, "claude-opus-4-8", CHAT(",'reasoning_effort':'minimal'"), "", "effort"},
    {C, A, "claude-opus-4-5", CHAT(",'reasoning_effort':'high'"), "", "effort"},
    {C, A, "claude-3-opus", CHAT(",'reasoning_effort':'high'"), "effort", ""},
    {C, A, "claude-3-opus", CHAT(",'reasoning_effort':'none'"), "", ""},
    {G, A, "claude-opus-4-5",
     GEMINI(",'generationConfig':{'maxOutputTokens':9000,"
            "'thinkingConfig':{'thinkingBudget':1024}}"),
     "", ""},
    {G, A, "claude-opus-4-5",
     GEMINI(",'generationConfig':{'maxOutputTokens':9000,"
            "'thinkingConfig':{'thinkingBudget':1023}}"),
     "", "budget"},
    {G, A, "claude-opus-4-5",
     GEMINI(",'generationConfig':{'maxOutputTokens':1000,"
            "'thinkingConfig':{'thinkingBudget':1023}}"),
     "budget", ""},
    {G, A, "claude-opus-4-8",
     GEMINI(",'generationConfig':{'thinkingConfig':{'thinkingBudget':1024}}"), "", "budget"},
    {A, C, "m", MESSAGES(",'thinking':{'type':'enabled','budget_tokens':2000}"), "", "budget"},
    {A, C, "m",
     MESSAGES(",'thinking':{'type':'enabled','budget_tokens':2000},"
              "'output_config':{'effort':'low'}"),
     "budget", ""},
    {A, C, "m", MESSAGES(",'thinking':{'type':'adaptive'}"), "effort", ""},
    {A, C, "m", MESSAGES(",'thinking':{'type':'disabled'}"), "effort", ""},
    {A, R, "m", MESSAGES(",'thinking':{'type':'disabled'}"), "effort", ""},
    {A, R, "m",
     MESSAGES(",'thinking':{'type':'adaptive','display':'summarized'},"
              "'output_config':{'effort':'max'}"),
     "", ""},
    {A, C, "m",
     MESSAGES(",'thinking':{'type':'adaptive','display':'summarized'},"
              "'output_config':{'effort':'max'}"),
     "thinking", ""},
    {R, C, "m", RESPONSES(",'reasoning':{'summary':'auto'}"), "thinking", ""},
    {R, G, "gemini-3-flash", RESPONSES(",'reasoning':{'effort':'low','summary':'auto'}"), "", ""},
    {R, G, "gemini-3-flash", RESPONSES(",'reasoning':{'effort':'xhigh'}"), "", "effort"},
    {R, G, "gemini-3-pro", RESPONSES(",'reasoning':{'effort':'minimal'}"), "", "effort"},
    {R, G, "gemini-2.5-pro", RESPONSES(",'reasoning':{'effort':'low'}"), "", "effort"},
    {R, G, "gemini-2.5-flash", RESPONSES(",'reasoning':{'effort':'none'}"), "", ""},
    {R, G, "gemini-2.5-flash", RESPONSES(",'reasoning':{'effort':'odd'}"), "effort", ""},
    {R, G, "gemini-2.5-pro", RESPONSES(",'reasoning':{'effort':'none'}"), "", "effort"},
    {A, G, "gemini-2.5-pro", MESSAGES(",'thinking':{'type':'disabled'}"), "", "effort"},
    {G, A, "claude-opus-4-8",
     GEMINI(",'generationConfig':{'thinkingConfig':{'thinkingBudget':-1}}"), "", ""},
    {G, C, "m", GEMINI(",'generationConfig':{'thinkingConfig':{'thinkingBudget':-1}}"), "effort",
     ""},
    {C, G, "gemini-2.5-flash", CHAT(",'stop':['a','b','c','d','e']"), "", ""},
    {C, G, "gemini-2.5-flash", CHAT(",'stop':['a','b','c','d','e','f']"), "", "stop"},
    {C, G, "gemini-2.5-flash", CHAT_SAY(LOOK("low") "," LOOK("low")), "", ""},
    {C, G, "gemini-2.5-flash", CHAT_SAY(LOOK("low") "," LOOK("high")), "", "image-detail"},
    {C, G, "gemini-3-flash", CHAT_SAY(LOOK("low") "," LOOK("high")), "", ""},
    {C, &convert_cohere_chat, "m", CHAT(",'logprobs':true"), "", ""},
    {C, &convert_cohere_chat, "m", CHAT(",'temperature':1,'seed':0"), "", ""},
    {C, &convert_cohere_chat, "m", CHAT(",'temperature':1.5,'seed':-1"), "seed", "temperature"},
    {C, &convert_cohere_chat, "m", CHAT(",'logprobs':true,'top_logprobs':0"), "", ""},
    {C, &convert_cohere_chat, "m", CHAT(",'logprobs':true,'top_logprobs':1"), "", "logprobs"},
    {C, &convert_ollama_chat, "m",
     CHAT_SAY(USER ",{'role':'assistant','tool_calls':[{'id':'c','type':'function','function':{"
                   "'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'c','content':"
                   "'r'}"),
     "", ""},
    {A, G, "gemini-2.5-flash",
     MESSAGES(
         ",'thinking':{'type':'enabled','budget_tokens':2000},'output_config':{'effort':'low'}"),
     "effort", ""},
    /* how closely an image is looked at */
    {G, C, "m", LOOKED("'image/png'", "HIGH"), "", ""},
    {G, A, "m", LOOKED("'image/png'", "HIGH"), "image-detail", ""},
    {G, C, "m", LOOKED("'image/png'", "MEDIUM"), "contents[0].parts[0].mediaResolution.level", ""},
    {G, C, "m", LOOKED("'application/pdf'", "LOW"), "contents[0].parts[0].mediaResolution", ""},
    /* an image that a tool returned: in the result, or, before Gemini 3, beside it */
    {A, G, "gemini-3-pro", SEEN, "", ""},
    {A, G, "gemini-2.5-pro", SEEN, "", "tool-result-image"},
    {A, G, "m", SEEN, "", "tool-result-image"},
    /* what only its maker can read */
    {A, G, "gemini-3-pro",
     "{'max_tokens':99,'messages':[{'role':'user','content':'a'},{'role':'assistant','content':[{"
     "'type':'thinking','thinking':'t','signature':'x'}]},{'role':'user','content':'b'}]}",
     "signature", ""},
    {A, R, "m",
     "{'max_tokens':99,'messages':[{'role':'user','content':'a'},{'role':'assistant','content':[{"
     "'type':'thinking','thinking':'t','signature':'lamplighter.openai.x'}]},{'role':'user',"
     "'content':'b'}]}",
     "", ""},
    {R, A, "claude-opus-4-8",
     "{'input':[{'role':'user','content':'a'},{'type':'reasoning','encrypted_content':'x',"
     "'summary':[{'type':'summary_text','text':'t'}]},{'role':'user','content':'b'}]}",
     "thinking, signature", ""},
    {C, A, "claude-opus-4-8",
     CHAT_SAY(USER ",{'role':'assistant','content':'x','reasoning_content':'t'}," USER), "thinking",
     ""},
    /* citations, and what a model drew */
    {A, R, "m",
     "{'max_tokens':99,'messages':[{'role':'user','content':'a'},{'role':'assistant','content':[{"
     "'type':'text','text':'t','citations':[{'type':'char_location','cited_text':'c'}]}]},{'role':"
     "'user','content':'b'}]}",
     "citations", ""},
    {A, C, "m",
     "{'max_tokens':99,'messages':[{'role':'user','content':'a'},{'role':'assistant','content':[{"
     "'type':'text','text':'t','citations':[{'type':'char_location','cited_text':'c'}]}]},{'role':"
     "'user','content':'b'}]}",
     "citations", ""},
    {A, G, "gemini-3-pro",
     "{'max_tokens':99,'messages':[{'role':'user','content':'a'},{'role':'assistant','content':[{"
     "'type':'text','text':'t','citations':[{'type':'char_location','cited_text':'c'}]}]},{'role':"
     "'user','content':'b'}]}",
     "citations", ""},
    {R, A, "m",
     "{'input':[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'output_text',"
     "'text':'t','annotations':[{'type':'url_citation','url':'u','title':'t','start_index':0,"
     "'end_index':1}]}]},{'role':'user','content':'b'}]}",
     "citations", ""},
    {G, C, "m",
     "{'contents':[{'parts':[{'text':'hi'}]},{'role':'model','parts':[{'inlineData':{'mimeType':"
     "'image/png','data':'AAAA'}}]},{'parts':[{'text':'hi'}]}]}",
     "image", ""},
    {G, R, "m",
     "{'contents':[{'parts':[{'text':'hi'}]},{'role':'model','parts':[{'inlineData':{'mimeType':"
     "'image/png','data':'AAAA'}}]},{'parts':[{'text':'hi'}]}]}",
     "image", ""},
    /* Converse: what all models have ... */
    {C, B, "meta.llama4", CHAT(",'temperature':1,'top_p':0.5,'stop':['a'],'metadata':{'a':'b'}"),
     "", ""},
    {C, B, "meta.llama4", CHAT(",'temperature':1.5,'stop':['a',' ']"), "", "temperature, stop"},
    {C, B, "meta.llama4", CHAT(",'stop':[' '],'metadata':{'a':'!'},'service_tier':'scale'"),
     "stop, metadata, service-tier", ""},
    {C, B, "meta.llama4", CHAT(",'metadata':{'a':'b','c':'!'},'service_tier':'flex'"), "",
     "metadata"},
    {C, B, "meta.llama4",
     CHAT(",'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':'none'"), "",
     "tool-choice"},
    {C, B, "meta.llama4",
     CHAT(",'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':'required'"), "",
     ""},
    /* ... and single ones */
    {A, B, "meta.llama4", MESSAGES(",'top_k':5,'output_config':{'effort':'low'}"), "top-k, effort",
     ""},
    {A, B, "us.amazon.nova-pro-v1:0", MESSAGES(",'top_k':5,'output_config':{'effort':'low'}"),
     "effort", ""},
    {A, B, "us.amazon.nova-2-lite-v1:0", MESSAGES(",'top_k':5,'output_config':{'effort':'low'}"),
     "", ""},
    {A, B, "us.amazon.nova-2-lite-v1:0", MESSAGES(",'output_config':{'effort':'high'}"), "",
     "effort"},
    {C, B, "us.amazon.nova-2-lite-v1:0",
     CHAT(",'temperature':1,'top_p':1,'reasoning_effort':'high'"), "temperature, top-p", ""},
    {A, B, "openai.gpt-oss-120b-1:0", MESSAGES(",'top_k':5,'output_config':{'effort':'max'}"),
     "top-k", "effort"},
    {A, B, "openai.gpt-oss-120b-1:0",
     MESSAGES(",'thinking':{'type':'enabled','budget_tokens':2000}"), "", "budget"},
    {C, B, "anthropic.claude-opus-4-8", CHAT(",'temperature':1,'reasoning_effort':'minimal'"),
     "temperature", "effort"},
    {A, B, "anthropic.claude-3-opus", MESSAGES(",'top_k':5"), "", "max-tokens"},
    {A, B, "meta.llama4",
     "{'max_tokens':9,'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':[{'"
     "type':'thinking',"
     "'thinking':'t','signature':'s'},{'type':'text','text':'a'}]},{'role':'user','content':'b'}]}",
     "thinking, signature", ""},
    {A, B, "anthropic.claude-3-opus",
     "{'max_tokens':9,'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':[{'"
     "type':'thinking',"
     "'thinking':'t','signature':'s'},{'type':'text','text':'a'}]},{'role':'user','content':'b'}]}",
     "", ""},
    /* Cohere */
    {C, H, "m", CHAT(",'temperature':1,'top_p':0.5,'frequency_penalty':0.5,'seed':1"), "", ""},
    {C, H, "m", CHAT(",'temperature':1.5,'top_p':1.0,'presence_penalty':-1,'seed':-1"), "seed",
     "temperature, top-p, penalties"},
    {C, H, "m", CHAT(",'stop':['a','b','c','d','e']"), "", ""},
    {C, H, "m", CHAT(",'stop':['a','b','c','d','e','f']"), "", "stop"},
    {C, H, "m", CHAT(",'top_p':0.99"), "", ""},
    {C, H, "m", CHAT(",'top_p':0.995"), "", "top-p"},
    {C, H, "m", CHAT(",'response_format':{'type':'json_object'}"), "", ""},
    {C, H, "m",
     CHAT(",'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':'required'"), "",
     ""},
    {C, H, "m",
     CHAT(",'tools':[{'type':'function','function':{'name':'f'}},{'type':'function','function':{'"
          "name':'g'}}],"
          "'tool_choice':{'type':'function','function':{'name':'f'}}"),
     "", "tool-choice"},
    {C, H, "m", CHAT(",'reasoning_effort':'low'"), "", "effort"},
    {C, H, "m", CHAT(",'reasoning_effort':'none'"), "", ""},
    {A, H, "m", MESSAGES(",'thinking':{'type':'enabled','budget_tokens':2000}"), "", ""},
    /* Ollama */
    {C, O, "m", CHAT(",'reasoning_effort':'low'"), "", ""},
    {C, O, "m", CHAT(",'reasoning_effort':'minimal'"), "", "effort"},
    {C, O, "m", CHAT(",'reasoning_effort':'none'"), "", ""},
    {A, O, "m", MESSAGES(",'thinking':{'type':'enabled','budget_tokens':2000}"), "", "budget"},
    {C, O, "m", CHAT(",'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':'none'"),
     "", "tool-choice"},
    {C, O, "m", CHAT(",'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':'auto'"),
     "", ""},
};

/* A limit above what the model answers would be refused; so would one of ours. */
#define LIMIT(n) "{'max_tokens':" #n ",'messages':[{'role':'user','content':'hi'}]}"
static const struct {
    const struct convert *client, *target;
    const char *model, *in, *limit;
    bool nearly;
} limits[] = {
    {A, C, "gpt-4o", LIMIT(16384), "\"max_completion_tokens\":16384", false},
    {A, C, "gpt-4o", LIMIT(16385), "\"max_completion_tokens\":16384", true},
    {A, C, "gpt-4o-2024-05-13", LIMIT(5000), "\"max_completion_tokens\":4096", true},
    {A, R, "gpt-4.1-mini", LIMIT(64000), "\"max_output_tokens\":32768", true},
    {A, R, "gpt-5.2", LIMIT(128000), "\"max_output_tokens\":128000", false},
    {A, R, "gpt-5.2-chat-latest", LIMIT(32000), "\"max_output_tokens\":16384", true},
    {A, C, "llama", LIMIT(9000000), "\"max_completion_tokens\":9000000", false},
    {A, G, "gemini-2.0-flash", LIMIT(32000), "\"maxOutputTokens\":8192", true},
    {A, G, "gemini-2.5-pro", LIMIT(64000), "\"maxOutputTokens\":64000", false},
    {C, A, "claude-3-5-haiku-20241022", CHAT(",'max_tokens':9000"), "\"max_tokens\":8192", true},
    {C, A, "claude-opus-4-20250514", CHAT(",'max_tokens':64000"), "\"max_tokens\":32000", true},
    {C, A, "claude-3-haiku-20240307", CHAT(",'max_tokens':1e9"), "\"max_tokens\":1e9", false},
    {A, B, "us.amazon.nova-pro-v1:0", LIMIT(32000), "\"maxTokens\":10000", true},
    {A, B, "us.anthropic.claude-3-7-sonnet-20250219-v1:0", LIMIT(99999), "\"maxTokens\":64000",
     true},
};

#undef C
#undef R
#undef A
#undef G
#undef B
#undef H
#undef O

/* In JSON's quotes, with a word in place of @. */
static char *filled(char *out, size_t cap, const char *in, const char *word)
{
    struct buf b;

    buf_init(&b, cap);
    for (; *in; in++)
        if (*in == '@')
            buf_add_str(&b, word);
        else
            buf_add_char(&b, *in == '\'' ? '"' : *in);
    buf_add_char(&b, '\0');
    assert_true(buf_ok(&b));
    memcpy(out, b.p, b.n);
    buf_fini(&b);
    return out;
}

static void what_is_lost_is_named_and_nothing_else(void **state)
{
    struct buf out, dropped, approximated;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
        const struct loss *l = &losses[i];

        ask(l->client, l->target, l->model, l->in, &out, &dropped, &approximated);
        if (strcmp(dropped.p, l->dropped) != 0 || strcmp(approximated.p, l->approximated) != 0)
            fail_msg("row %zu, %s to %s: %s\ndropped '%s', approximated '%s'\n%s", i,
                     l->client->name, l->target->name, l->in, dropped.p, approximated.p, out.p);
        fini(&out, &dropped, &approximated);
    }
}

static void limits_are_within_what_the_model_answers(void **state)
{
    struct buf out, dropped, approximated;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        ask(limits[i].client, limits[i].target, limits[i].model, limits[i].in, &out, &dropped,
            &approximated);
        if (!strstr(out.p, limits[i].limit) ||
            strcmp(approximated.p, limits[i].nearly ? "max-tokens" : "") != 0)
            fail_msg("row %zu: approximated '%s'\n%s", i, approximated.p, out.p);
        fini(&out, &dropped, &approximated);
    }
}

/* Each word toward each dialect: what is written, and what is said of it. */
static void tiers_have_the_targets_words(void **state)
{
    static const struct {
        const char *word;
        const char *openai, *anthropic, *gemini; /* NULL: dropped; "~": nearly; "": not said */
    } rows[] = {
        {"auto", "auto", "auto", ""},           {"default", "default", "standard_only", "standard"},
        {"flex", "flex", NULL, "flex"},         {"priority", "priority", "~auto", "priority"},
        {"fast", "fast", "~auto", "~priority"}, {"scale", "scale", NULL, NULL},
        {"on_demand", NULL, NULL, NULL},
    };
    struct buf out, dropped, approximated;
    char in[256], want[64];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct {
            const struct convert *target;
            const char *key, *wire;
        } to[] = {{&convert_openai_responses, "service_tier", rows[i].openai},
                  {&convert_anthropic_messages, "service_tier", rows[i].anthropic},
                  {&convert_gemini_generate, "serviceTier", rows[i].gemini}};

        snprintf(in, sizeof(in), CHAT(",'service_tier':'%s'"), rows[i].word);
        for (size_t j = 0; j < ARRAY_LEN(to); j++) {
            bool nearly = to[j].wire && *to[j].wire == '~';
            bool said = to[j].wire && *to[j].wire;

            ask(&convert_openai_chat, to[j].target, "m", in, &out, &dropped, &approximated);
            snprintf(want, sizeof(want), "\"%s\":\"%s\"", to[j].key,
                     said ? to[j].wire + nearly : "");
            assert_int_equal(strstr(out.p, said ? want : to[j].key) != NULL, said);
            assert_string_equal(dropped.p, to[j].wire ? "" : "service-tier");
            assert_string_equal(approximated.p, nearly ? "service-tier" : "");
            fini(&out, &dropped, &approximated);
        }
    }
}

/* Toward Gemini each image by itself, or, before Gemini 3, one word for all. */
static void images_are_looked_at_as_the_model_can(void **state)
{
    static const struct {
        const char *detail, *part, *all; /* NULL: nothing is said */
    } rows[] = {
        {"low", "LOW", "LOW"},
        {"high", "HIGH", "HIGH"},
        {"original", "ULTRA_HIGH", "HIGH"},
        {"auto", NULL, NULL},
    };
    struct buf out, dropped, approximated;
    char in[512], want[128];

    UNUSED(state);
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        const char *word = i % 2 ? rows[i / 2].part : rows[i / 2].all;

        filled(in, sizeof(in), CHAT_SAY(LOOK("@")), rows[i / 2].detail);
        ask(&convert_openai_chat, &convert_gemini_generate,
            i % 2 ? "gemini-3-pro" : "gemini-2.5-pro", in, &out, &dropped, &approximated);
        snprintf(want, sizeof(want),
                 i % 2 ? "\"mediaResolution\":{\"level\":\"MEDIA_RESOLUTION_%s\"}}]"
                       : "\"generationConfig\":{\"mediaResolution\":\"MEDIA_RESOLUTION_%s\"}",
                 word ? word : "");
        assert_int_equal(strstr(out.p, word ? want : "mediaResolution") != NULL, word != NULL);
        fini(&out, &dropped, &approximated);
    }
}

/* The client's words come back as OpenAI's. */
static void tiers_are_read_in_all_words(void **state)
{
    static const struct {
        const struct convert *client;
        const char *in, *want;
    } rows[] = {
        {&convert_anthropic_messages, MESSAGES(",'service_tier':'standard_only'"), "default"},
        {&convert_anthropic_messages, MESSAGES(",'service_tier':'auto'"), "auto"},
        {&convert_gemini_generate, GEMINI(",'serviceTier':'standard'"), "default"},
        {&convert_gemini_generate, GEMINI(",'service_tier':'unspecified'"), "auto"},
        {&convert_gemini_generate, GEMINI(",'serviceTier':'priority'"), "priority"},
        {&convert_openai_responses, RESPONSES(",'service_tier':'fast'"), "fast"},
    };
    struct buf out, dropped, approximated;
    char want[64];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ask(rows[i].client, &convert_openai_chat, "m", rows[i].in, &out, &dropped, &approximated);
        snprintf(want, sizeof(want), "\"service_tier\":\"%s\"", rows[i].want);
        assert_non_null(strstr(out.p, want));
        fini(&out, &dropped, &approximated);
    }
}

/* A target may be asked after another one was: what was said of that is forgotten. */
static void a_second_target_is_told_anew(void **state)
{
    struct translate_conf conf = {.client = &convert_openai_chat,
                                  .target = &convert_anthropic_messages,
                                  .model = SPAN_LIT("m"),
                                  .id = SPAN_LIT("i"),
                                  .answer_max = MEGA};
    struct convert_to cold = {.model = SPAN_LIT("claude-opus-4-8"), .max_tokens = 1};
    struct convert_to warm = {.model = SPAN_LIT("claude-3-opus"), .max_tokens = 1};
    struct translate *t = NULL;
    struct buf out, names;
    char body[256];
    struct err e;

    UNUSED(state);
    buf_init(&out, MEGA);
    buf_init(&names, MEGA);
    quoted(body, sizeof(body), CHAT(",'temperature':0.5"));
    assert_int_equal(translate_new(&t, &conf, span_str(body), &e), 0);
    assert_int_equal(translate_request(t, &out, &cold, &e), 0);
    translate_dropped(t, &names);
    assert_true(span_is(buf_span(&names), "temperature"));
    buf_reset(&names);
    assert_int_equal(translate_request(t, &out, &warm, &e), 0);
    translate_dropped(t, &names);
    assert_int_equal(names.n, 0);
    translate_free(&t);
    buf_fini(&out);
    buf_fini(&names);
}

/* In the words of the SDKs' types: openai 3.54, anthropic 2.12, @google/genai. */
static const struct {
    const struct convert *client;
    const char *in; /* with the word in place of @ */
    const char *words[40];
} provider_tools[] = {
    {&convert_openai_responses,
     RESPONSES(",'tools':[{'type':'@'}]"),
     {"apply_patch", "code_interpreter", "computer", "computer_use_preview", "file_search",
      "image_generation", "local_shell", "mcp", "programmatic_tool_calling", "shell", "tool_search",
      "web_search", "web_search_2025_08_26", "web_search_preview",
      "web_search_preview_2025_03_11"}},
    {&convert_openai_responses,
     RESPONSES(",'tool_choice':{'type':'@'}"),
     {"apply_patch", "code_interpreter", "computer", "computer_use", "computer_use_preview",
      "file_search", "image_generation", "mcp", "programmatic_tool_calling", "shell",
      "web_search_preview", "web_search_preview_2025_03_11"}},
    {&convert_openai_responses,
     "{'input':[{'role':'user','content':'hi'},{'type':'@'}]}",
     {"additional_tools",
      "apply_patch_call",
      "apply_patch_call_output",
      "code_interpreter_call",
      "computer_call",
      "computer_call_output",
      "file_search_call",
      "image_generation_call",
      "local_shell_call",
      "local_shell_call_output",
      "mcp_approval_request",
      "mcp_approval_response",
      "mcp_call",
      "mcp_list_tools",
      "program",
      "program_output",
      "shell_call",
      "shell_call_output",
      "tool_search_call",
      "tool_search_output",
      "web_search_call"}},
    {&convert_anthropic_messages,
     MESSAGES(",'tools':[{'type':'@','name':'n'}]"),
     {"advisor_20260301", "bash_20250124", "browser_toolset_20260801", "code_execution_20260521",
      "computer_20251124", "computer_toolset_20260801", "mcp_toolset", "memory_20250818",
      "text_editor_20250728", "tool_search_tool_bm25", "tool_search_tool_regex_20251119",
      "web_fetch_20260318", "web_search_20260318"}},
    {&convert_anthropic_messages,
     "{'max_tokens':9,'messages':[{'role':'assistant','content':[{'type':'@'}]},{'role':'user',"
     "'content':'hi'}]}",
     {"advisor_tool_result", "bash_code_execution_tool_result", "code_execution_tool_result",
      "container_upload", "mcp_tool_listing", "mcp_tool_result", "mcp_tool_use", "server_tool_use",
      "text_editor_code_execution_tool_result", "tool_search_tool_result", "web_fetch_tool_result",
      "web_search_tool_result"}},
    {&convert_anthropic_messages,
     MESSAGES(",'@':[{'type':'url','url':'u','name':'n'}]"),
     {"mcp_servers"}},
    {&convert_gemini_generate,
     GEMINI(",'tools':[{'@':{}}]"),
     {"codeExecution", "computerUse", "enterpriseWebSearch", "exaAiSearch", "fileSearch",
      "googleMaps", "googleSearch", "googleSearchRetrieval", "google_search", "mcpServers",
      "parallelAiSearch", "retrieval", "urlContext"}},
    {&convert_gemini_generate,
     "{'contents':[{'parts':[{'text':'hi'},{'@':{}}]}]}",
     {"codeExecutionResult", "executableCode", "toolCall", "toolResponse"}},
    {&convert_openai_chat, CHAT(",'@':{}"), {"web_search_options"}},
    {&convert_openai_chat, CHAT(",'tools':[{'type':'@'}]"), {"web_search", "mcp"}},
};

/* A target of no other dialect is asked for it. */
static void tools_of_a_provider_are_known_by_all_their_names(void **state)
{
    char in[512];
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(provider_tools); i++)
        for (const char *const *word = provider_tools[i].words; *word; word++)
            for (size_t j = 0; j < CONVERTS; j++) {
                struct translate_conf conf = {.client = provider_tools[i].client,
                                              .target = convert_row(j),
                                              .model = SPAN_LIT("m"),
                                              .id = SPAN_LIT("i"),
                                              .answer_max = MEGA};
                struct translate *t = NULL;

                if (conf.client == conf.target)
                    continue;
                filled(in, sizeof(in), provider_tools[i].in, *word);
                if (translate_new(&t, &conf, span_str(in), &e) < 0)
                    fail_msg("%s: %s", in, e.text);
                if (translate_obstacle(t) != CHAT_HAS_PROVIDER_TOOL)
                    fail_msg("%s to %s: %s", conf.client->name, conf.target->name, in);
                translate_free(&t);
            }
}

/* The latest configuration counts for the answer. */
static void a_conversation_may_change_its_configuration(void **state)
{
    struct buf out, dropped, approximated;

    UNUSED(state);
    ask(&convert_openai_responses, &convert_openai_chat, "m",
        "{'reasoning':{'effort':'low'},'input':[{'role':'user','content':'hi'},{'type':"
        "'configuration_update','id':'c','reasoning':{'effort':'high'},'text':{'format':{'type':"
        "'json_object'}}}]}",
        &out, &dropped, &approximated);
    assert_non_null(strstr(out.p, "\"reasoning_effort\":\"high\""));
    assert_non_null(strstr(out.p, "\"response_format\":{\"type\":\"json_object\"}"));
    assert_string_equal(dropped.p, "");
    fini(&out, &dropped, &approximated);
}

/* Every row of every table is there, and says how and where it is shown. */
static void the_tables_are_whole(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < CONVERTS; i++)
        for (enum chat_feature f = 0; f < CHAT_FEATURES; f++) {
            const struct convert_loss_row *row = &convert_row(i)->loss[f];
            bool how = row->loss == APPROXIMATE || row->loss == PARTLY;

            if (row->feature != f || (row->how != NULL) != how ||
                (row->page != NULL) != (row->loss != CARRIED) ||
                (row->page && !span_starts(span_str(row->page), SPAN_LIT("https://"))))
                fail_msg("%s: %s", convert_row(i)->name, chat_feature_row(f)->word);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_lost_is_named_and_nothing_else),
        cmocka_unit_test(limits_are_within_what_the_model_answers),
        cmocka_unit_test(tiers_have_the_targets_words),
        cmocka_unit_test(images_are_looked_at_as_the_model_can),
        cmocka_unit_test(tiers_are_read_in_all_words),
        cmocka_unit_test(a_second_target_is_told_anew),
        cmocka_unit_test(tools_of_a_provider_are_known_by_all_their_names),
        cmocka_unit_test(a_conversation_may_change_its_configuration),
        cmocka_unit_test(the_tables_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
