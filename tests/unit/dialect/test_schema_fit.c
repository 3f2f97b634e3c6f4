/*
 * Goal: a schema becomes one that the target holds to, and that means the same to the client; where
 * there is none the place is told that is in the way; one that fits is not touched.
 * Method: every keyword of every target's table, and rows of whole schemas, as JSON before and
 * after; bounds at them and past them; whole requests from one API's client to another's target.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/anthropic/claude.h"
#include "dialect/cohere/cohere_chat_convert.h"
#include "dialect/gemini/gemini_convert.h"
#include "dialect/openai/openai_schema.h"
#include "dialect/translate.h"

#define MEGA ((size_t)1024 * 1024)

enum { C, O, G, K, TARGETS };
static const struct schema_rules *const targets[TARGETS] = {[C] = &claude_schemas,
                                                            [O] = &openai_schemas,
                                                            [G] = &gemini_schemas,
                                                            [K] = &cohere_schema_rules};
static const char *const lacks[TARGETS] = {[C] = "structured outputs do not have this",
                                           [O] = "OpenAI's strict schemas do not have this",
                                           [G] = "Gemini takes no notice of this",
                                           [K] = "Cohere's structured outputs do not have this"};

/* In JSON's quotes. */
static void quoted(struct buf *out, const char *in)
{
    buf_init(out, 16 * MEGA);
    for (; *in; in++)
        buf_add_char(out, *in == '\'' ? '"' : *in);
    assert_true(buf_ok(out));
}

/* What becomes of it is `want`, in any quotes; or it is refused, and `want` is why, after a '!'. */
static void check(size_t target, const char *in, const char *want, bool want_nearly)
{
    struct buf schema, got, wanted;
    bool nearly = false;
    struct err e = {0};
    int rc;

    quoted(&schema, in);
    quoted(&wanted, want);
    buf_init(&got, 16 * MEGA);
    rc = schema_fit_try(&got, buf_span(&schema), targets[target], &nearly, &e);
    if (*want == '!' && (rc != 0 || strcmp(e.text, want + 1) != 0))
        fail_msg("%zu %s: %d '%s', not '%s'", target, in, rc, e.text, want + 1);
    if (*want != '!' && (rc != 1 || !span_eq(buf_span(&got), buf_span(&wanted))))
        fail_msg("%zu %s: %d %s\n%.*s, not\n%s", target, in, rc, e.text, SPAN_FMT(buf_span(&got)),
                 want);
    if (nearly != want_nearly)
        fail_msg("%zu %s: nearly is %d", target, in, nearly);
    buf_fini(&schema);
    buf_fini(&got);
    buf_fini(&wanted);
}

/* ---- keywords ---- */

#define SAME "="
#define GONE "-"
#define NOT  "!"
#define NEAR "~" /* as SAME or GONE behind it, and told */

/* A member of a property that is a string, toward each target: one of the above, or what else it
 * becomes. */
static const struct {
    const char *key, *value, *to[TARGETS];
} keywords[] = {
    {"enum", "['a',1.50]", {SAME, SAME, SAME, SAME}},
    {"enum", "['a',null]", {SAME, SAME, NOT, SAME}},
    {"enum", "[true]", {SAME, SAME, NOT, SAME}},
    {"const", "'a'", {SAME, SAME, "'enum':['a']", SAME}},
    {"const", "null", {SAME, SAME, NOT, SAME}},
    {"format", "'uuid'", {SAME, SAME, SAME, SAME}},
    {"format", "'date-time'", {SAME, SAME, SAME, SAME}},
    {"format", "'uri'", {SAME, NEAR GONE, SAME, NEAR GONE}},
    {"format", "'int32'", {SAME, NEAR GONE, SAME, NEAR GONE}},
    {"pattern", "'^a'", {SAME, SAME, NOT, NOT}},
    {"pattern", "'a[bc]+'", {SAME, SAME, NOT, SAME}},
    {"pattern", "'a$'", {SAME, SAME, NOT, NOT}},
    {"pattern", "'a(?=b)'", {SAME, SAME, NOT, NOT}},
    {"pattern", "'a(?!b)'", {SAME, SAME, NOT, NOT}},
    {"minimum", "-1.50", {NOT, SAME, SAME, NOT}},
    {"maximum", "9007199254740993", {NOT, SAME, SAME, NOT}},
    {"exclusiveMinimum", "0", {NOT, SAME, NOT, NOT}},
    {"exclusiveMaximum", "9", {NOT, SAME, NOT, NOT}},
    {"multipleOf", "2", {NOT, SAME, NOT, NOT}},
    {"minItems", "1", {SAME, SAME, SAME, NOT}},
    {"minItems", "2", {NOT, SAME, SAME, NOT}},
    {"maxItems", "3", {NOT, SAME, SAME, NOT}},
    {"required", "[]", {SAME, SAME, SAME, SAME}},
    {"title", "'t'", {SAME, SAME, SAME, SAME}},
    {"description", "'d'", {SAME, SAME, SAME, SAME}},
    {"default", "'a'", {SAME, GONE, SAME, GONE}},
    {"$ref", "'#/$defs/d'", {SAME, "!type", "!type", SAME}},
    {"$schema", "'s'", {SAME, GONE, GONE, GONE}},
    {"$id", "'i'", {SAME, GONE, SAME, GONE}},
    {"$anchor", "'a'", {NOT, NOT, SAME, NOT}},
    {"$comment", "'c'", {GONE, GONE, GONE, GONE}},
    {"examples", "['a']", {GONE, GONE, GONE, GONE}},
    {"deprecated", "true", {GONE, GONE, GONE, GONE}},
    {"readOnly", "true", {GONE, GONE, GONE, GONE}},
    {"writeOnly", "true", {GONE, GONE, GONE, GONE}},
    {"discriminator", "{'propertyName':'p'}", {GONE, GONE, GONE, GONE}},
    {"propertyOrdering", "['a']", {GONE, GONE, SAME, GONE}},
    {"additionalProperties", "false", {SAME, SAME, SAME, SAME}},
    {"additionalProperties", "true", {NOT, NOT, SAME, SAME}},
    {"additionalProperties", "{'const':1}", {NOT, NOT, "'additionalProperties':{'enum':[1]}", NOT}},
    {"items", "{'type':'string'}", {SAME, SAME, SAME, SAME}},
    {"prefixItems", "[{'type':'string'}]", {NOT, NOT, SAME, NOT}},
    {"properties",
     "{}",
     {"'additionalProperties':false,'properties':{}",
      "'additionalProperties':false,'properties':{}", SAME,
      "!: an object that asks for no member: Cohere's structured outputs do not have this"}},
    {"$defs", "{'d':{'type':'string'}}", {SAME, SAME, SAME, SAME}},
    {"definitions",
     "{'d':{'type':'string'}}",
     {SAME, SAME, "'$defs':{'d':{'type':'string'}}", SAME}},
    {"anyOf", "[{'type':'string'},{'type':'null'}]", {SAME, SAME, SAME, SAME}},
    {"oneOf",
     "[{'type':'string'},{'type':'null'}]",
     {NEAR "'anyOf':[{'type':'string'},{'type':'null'}]",
      NEAR "'anyOf':[{'type':'string'},{'type':'null'}]", NEAR SAME,
      NEAR "'anyOf':[{'type':'string'},{'type':'null'}]"}},
    {"allOf",
     "[{'type':'string'}]",
     {SAME, "'anyOf':[{'type':'string'}]", "'anyOf':[{'type':'string'}]",
      "'anyOf':[{'type':'string'}]"}},
    {"allOf", "[{'type':'string'},{'type':'string'}]", {NOT, NOT, NOT, NOT}},
    {"not", "{}", {NOT, NOT, NOT, NOT}},
    {"if", "{}", {NOT, NOT, NOT, NOT}},
    {"minLength", "1", {NOT, NOT, NOT, NOT}},
    {"maxLength", "9", {NOT, NOT, NOT, NOT}},
    {"uniqueItems", "true", {NOT, NOT, NOT, NOT}},
    {"minProperties", "1", {NOT, NOT, NOT, NOT}},
    {"patternProperties", "{}", {NOT, NOT, NOT, NOT}},
    {"dependentRequired", "{}", {NOT, NOT, NOT, NOT}},
    {"madeUp", "1", {NOT, NOT, NOT, NOT}},
};

#define AROUND                                                                                     \
    "{'type':'object','properties':{'p':{%s%s'type':'string'}},'required':['p'],"                  \
    "'additionalProperties':false}"

static void keyword_to(size_t i, size_t target)
{
    const char *to = keywords[i].to[target];
    bool near = *to == *NEAR;
    char same[200], in[400], want[400];

    to += near;
    snprintf(same, sizeof(same), "'%s':%s", keywords[i].key, keywords[i].value);
    snprintf(in, sizeof(in), AROUND, same, ",");
    if (*to == *SAME)
        snprintf(want, sizeof(want), "%s", in);
    else if (*to == *GONE)
        snprintf(want, sizeof(want), AROUND, "", "");
    else if (*to == *NOT && to[1] == ':')
        snprintf(want, sizeof(want), "!schema.properties.p%s", to + 1);
    else if (*to == *NOT && to[1])
        snprintf(want, sizeof(want), "!schema.properties.p.%s: it stands beside a $ref", to + 1);
    else if (*to == *NOT)
        snprintf(want, sizeof(want), "!schema.properties.p.%s: %s", keywords[i].key, lacks[target]);
    else
        snprintf(want, sizeof(want), AROUND, to, ",");
    check(target, in, want, near);
}

static void every_keyword_is_carried_or_told(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        for (size_t target = 0; target < TARGETS; target++)
            keyword_to(i, target);
}

static void no_keyword_of_a_table_is_without_a_row(void **state)
{
    UNUSED(state);
    for (size_t target = 0; target < TARGETS; target++)
        for (size_t k = 0; k < targets[target]->rows_n; k++) {
            const char *key = targets[target]->rows[k].key;
            size_t i = 0;

            while (i < ARRAY_LEN(keywords) && strcmp(keywords[i].key, key) != 0)
                i++;
            if (i == ARRAY_LEN(keywords) && strcmp(key, "type") != 0)
                fail_msg("'%s'", key);
        }
}

/* ---- whole schemas ---- */

/* An object with one property, which refers to another schema. */
#define INNER(name, to, required)                                                                  \
    "{'properties':{'" name "':{'$ref':'" to "'}},'required':['" required "']}"
#define LOOP            ": a schema inside of itself cannot be left out there"
#define OBJECT(members) "{'type':'object','properties':{" members "}"
#define ENDS(required)  ",'required':[" required "],'additionalProperties':false}"
#define STRING          "{'type':'string'}"
#define WANTS_A         ": OpenAI's strict schemas do not have this"

static const struct {
    size_t target;
    const char *in, *want;
} schemas[] = {
    /* what fits is not touched */
    {O, OBJECT("'b':" STRING ",'a':{'type':['array','null'],'items':{'$ref':'#'}}") ENDS("'a','b'"),
     OBJECT("'b':" STRING ",'a':{'type':['array','null'],'items':{'$ref':'#'}}") ENDS("'a','b'")},
    {O, "{'type':'object','properties':{},'additionalProperties':false}",
     "{'type':'object','properties':{},'additionalProperties':false}"},
    /* objects are closed, everywhere */
    {O, OBJECT("'a':" OBJECT("") "}") ",'required':['a']}",
     "{'additionalProperties':false,'type':'object','properties':{'a':{'additionalProperties':"
     "false,'type':'object','properties':{}}},'required':['a']}"},
    {O, OBJECT("'a':{'anyOf':[" OBJECT("") "},{'type':'null'}]}") ENDS("'a'"),
     OBJECT("'a':{'anyOf':[{'additionalProperties':false,'type':'object','properties':{}},"
            "{'type':'null'}]}") ENDS("'a'")},
    {O, "{'properties':{'a':" STRING "},'required':['a']}",
     "{'type':'object','additionalProperties':false,'properties':{'a':" STRING
     "},'required':['a']}"},
    {G, OBJECT("'a':" STRING) "}", OBJECT("'a':" STRING) "}"},
    /* what may be left out */
    {O, OBJECT("'a':{'type':['string','null']},'b':" STRING) ENDS("'b'"),
     "{'required':['a','b'],'type':'object','properties':{'a':{'type':['string','null']},'b'"
     ":" STRING "},'additionalProperties':false}"},
    {O, OBJECT("'a':{'anyOf':[" STRING ",{'type':'null'}]}") "}",
     "{'required':['a'],'additionalProperties':false,'type':'object','properties':{'a':{'anyOf':"
     "[" STRING ",{'type':'null'}]}}}"},
    {O, OBJECT("'a':{'type':['string','null'],'enum':['x',null]}") "}",
     "{'required':['a'],'additionalProperties':false,'type':'object','properties':{'a':{'type':["
     "'string','null'],'enum':['x',null]}}}"},
    {O, OBJECT("'a':{'const':'x'},'b':{'enum':['y']}") "}",
     "{'required':['a','b'],'additionalProperties':false,'type':'object','properties':{'a':{'const'"
     ":'x'},'b':{'enum':['y']}}}"},
    {O, OBJECT("'a':" STRING ",'b':" STRING) ENDS("'a'"),
     "!schema.properties.b: it may be left out" WANTS_A},
    {O, OBJECT("'a':{'type':['string','null'],'enum':['x','y']}") "}",
     "!schema.properties.a: it may be left out" WANTS_A},
    {O, OBJECT("'a':{'anyOf':[" STRING ",{'type':'number'}]}") "}",
     "!schema.properties.a: it may be left out" WANTS_A},
    {O, OBJECT("'a':{'type':'string','anyOf':[{'type':'null'}]}") "}",
     "!schema.properties.a: it may be left out" WANTS_A},
    {O, OBJECT("'a':{'$ref':'#/$defs/n'}") ",'$defs':{'n':{'type':'null'}}}",
     "!schema.properties.a: it may be left out" WANTS_A},
    {C, OBJECT("'a':" STRING) ",'additionalProperties':false}",
     OBJECT("'a':" STRING) ",'additionalProperties':false}"},
    {O, OBJECT("'a':" STRING) ENDS("'b'"), "!schema.required[0]: there is no such property"},
    {O, OBJECT("'a':" STRING) ENDS("1"), "!schema.required[0]: there is no such property"},
    {O, OBJECT("'a':" STRING) ENDS("'a','a'"),
     "!schema.required: it has more names than there are properties"},
    {O, OBJECT("'a':" STRING) ",'required':'a'}", "!schema.required: a list is wanted"},
    /* what cannot be closed */
    {O, OBJECT("'a':{'type':'object'}") ENDS("'a'"),
     "!schema.properties.a: an object of any members" WANTS_A},
    {O, OBJECT("'a':{'type':['object','null']}") ENDS("'a'"),
     "!schema.properties.a: an object of any members" WANTS_A},
    {C, OBJECT("") ",'anyOf':[{'required':['a']}]}",
     "!schema.anyOf: it stands beside an object, which could then not be closed"},
    {O, OBJECT("") ",'oneOf':[]}",
     "!schema.oneOf: it stands beside an object, which could then not be closed"},
    {O, OBJECT("") ",'$ref':'#/$defs/d'}",
     "!schema.$ref: it stands beside an object, which could then not be closed"},
    /* the root */
    {O, "{'anyOf':[" OBJECT("") "}]}", "!schema: an answer that is no object" WANTS_A},
    {O, "{'type':'array','items':" STRING "}", "!schema: an answer that is no object" WANTS_A},
    {O, "{'type':['object'],'properties':{}}", "!schema: an answer that is no object" WANTS_A},
    {O, "{'$ref':'#/$defs/d','$defs':{}}", "!schema: an answer that is no object" WANTS_A},
    {G, "{'anyOf':[" OBJECT("") "}]}", "{'anyOf':[" OBJECT("") "}]}"},
    {C, "[]", "!schema: an object is wanted"},
    {O, "7", "!schema: an object is wanted"},
    /* what is no schema, or any */
    {O, OBJECT("'a':{}") ENDS("'a'"), "!schema.properties.a: a value of any type" WANTS_A},
    {O, OBJECT("'a':{'type':'array','items':true}") ENDS("'a'"),
     "!schema.properties.a.items: no schema" WANTS_A},
    {O, OBJECT("'a':true") ENDS("'a'"), "!schema.properties.a: no schema" WANTS_A},
    {C, "{'items':[true],'properties':7}",
     "{'additionalProperties':false,'items':[true],"
     "'properties':7}"},
    {G, "{'items':true,'properties':{'a':{}}}", "{'items':true,'properties':{'a':{}}}"},
    /* beside a reference */
    {O, OBJECT("'a':{'description':'d','title':'t','default':1,'$ref':'#/$defs/d'}") ENDS("'a'"),
     OBJECT("'a':{'$ref':'#/$defs/d'}") ENDS("'a'")},
    {G, "{'$ref':'#/$defs/d','description':'d','$defs':{'d':{'type':'string'}}}",
     "{'$ref':'#/$defs/d','$defs':{'d':{'type':'string'}}}"},
    {G, "{'$ref':'#/$defs/d','properties':{}}", "!schema.properties: it stands beside a $ref"},
    {G, "{'items':{'$ref':'http://x/y'}}", "!schema.items.$ref: Gemini takes no notice of this"},
    {G, "{'$ref':7}", "!schema.$ref: Gemini takes no notice of this"},
    {C, "{'$ref':'http://x/y','description':'d'}",
     "!schema.$ref: structured outputs do not have this"},
    /* other names */
    {G, "{'items':{'$ref':'#/definitions/a~1\\\"'},'definitions':{'a/\\\"':" STRING "}}",
     "{'items':{'$ref':'#/$defs/a~1\\\"'},'$defs':{'a/\\\"':" STRING "}}"},
    {G, "{'definitions':{},'$defs':{}}", "!schema.definitions: Gemini takes no notice of this"},
    {G, "{'const':1,'enum':[1]}", "!schema.const: Gemini takes no notice of this"},
    {O, OBJECT("'a':{'oneOf':[" STRING "],'allOf':[" STRING "]}") ENDS("'a'"),
     "!schema.properties.a.allOf: OpenAI's strict schemas do not have this"},
    /* whole numbers */
    {G, "{'type':'integer','exclusiveMinimum':0,'exclusiveMaximum':9007199254740992}",
     "{'type':'integer','minimum':1,'maximum':9007199254740991}"},
    {G, "{'type':'integer','exclusiveMinimum':9007199254740993}",
     "!schema.exclusiveMinimum: Gemini takes no notice of this"},
    {G, "{'type':'integer','exclusiveMaximum':0}",
     "!schema.exclusiveMaximum: Gemini takes no notice of this"},
    {G, "{'type':'integer','exclusiveMaximum':1.5}",
     "!schema.exclusiveMaximum: Gemini takes no notice of this"},
    {G, "{'type':'number','exclusiveMinimum':0}",
     "!schema.exclusiveMinimum: Gemini takes no notice of this"},
    {G, "{'type':'integer','exclusiveMinimum':0,'minimum':3}",
     "!schema.exclusiveMinimum: Gemini takes no notice of this"},
    /* inside of itself */
    {G, OBJECT("'next':{'anyOf':[{'$ref':'#'},{'type':'null'}]}") "}",
     OBJECT("'next':{'anyOf':[{'$ref':'#'},{'type':'null'}]}") "}"},
    {G, OBJECT("'next':{'anyOf':[{'$ref':'#'},{'type':'null'}]}") ",'required':['next']}",
     "!schema.properties.next.anyOf[0].$ref: a schema inside of itself cannot be left out there"},
    {G, "{'$defs':{'n':" OBJECT("'l':{'items':{'$ref':'#/$defs/n'}}") ",'required':['l']}}}",
     "!schema.$defs.n.properties.l.items.$ref: a schema inside of itself cannot be left out there"},
    {G, "{'$defs':{'n':" OBJECT("'l':{'items':{'$ref':'#/$defs/n'}}") "},'m':{}}}",
     "{'$defs':{'n':" OBJECT("'l':{'items':{'$ref':'#/$defs/n'}}") "},'m':{}}}"},
    {G, "{'$defs':{'n':" OBJECT("'l':{'$ref':'#/$defs/m'}") ",'required':['l']},'m':" STRING "}}",
     "{'$defs':{'n':" OBJECT("'l':{'$ref':'#/$defs/m'}") ",'required':['l']},'m':" STRING "}}"},
    /* ... through others, in whatever order */
    {G, "{'$defs':{'A':" INNER("b", "#/$defs/B", "b") ",'B':" INNER("a", "#/$defs/A", "a") "}}",
     "!schema.$defs.A.properties.b.$ref" LOOP},
    {G, "{'$defs':{'A':" INNER("b", "#/$defs/B", "b") ",'B':" INNER("a", "#/$defs/A", "") "}}",
     "{'$defs':{'A':" INNER("b", "#/$defs/B", "b") ",'B':" INNER("a", "#/$defs/A", "") "}}"},
    {G,
     "{'definitions':{'c':{'items':{'$ref':'#/definitions/a~1b'}},'b':{'$ref':'#/definitions/c'},"
     "'a/b':{'anyOf':[{'type':'null'},{'$ref':'#/definitions/b'}]}},'$ref':'#/definitions/b'}",
     "!schema.definitions.c.items.$ref" LOOP},
    {G,
     OBJECT("'p':{'$ref':'#/$defs/A'}") ",'required':['p'],'$defs':{'A':" INNER("r", "#", "r") "}}",
     "!schema.properties.p.$ref" LOOP},
    {G, OBJECT("'p':{'$ref':'#/$defs/A'}") ",'$defs':{'A':" INNER("r", "#", "r") "}}",
     OBJECT("'p':{'$ref':'#/$defs/A'}") ",'$defs':{'A':" INNER("r", "#", "r") "}}"},
    {G, OBJECT("'p':{'$ref':'#/$defs/A'}") ",'$defs':{'A':" INNER("s", "#/$defs/A", "s") "}}",
     "!schema.$defs.A.properties.s.$ref" LOOP},
    {G, OBJECT("'p':" INNER("q", "#/properties/p", "q")) "}",
     "!schema.properties.p.properties.q.$ref" LOOP},
    {G, OBJECT("'p':{'items':" INNER("q", "#/properties/p/items", "q") "}") "}",
     "!schema.properties.p.items.properties.q.$ref" LOOP},
    {C, OBJECT("'next':{'anyOf':[{'$ref':'#'},{'type':'null'}]}") "}",
     "!schema.properties.next.anyOf[0].$ref: a schema inside of itself"},
    {C,
     "{'$ref':'#/$defs/A','$defs':{'A':{'items':{'$ref':'#/$defs/B'}},'B':{'items':{'$ref':'#/"
     "$defs/A'}}}}",
     "!schema.$defs.A.items.$ref: a schema inside of itself"},
    {C, "{'$ref':'#/$defs/A','$defs':{'A':{'items':{'$ref':'#/$defs/B'}},'B':" STRING "}}",
     "{'$ref':'#/$defs/A','$defs':{'A':{'items':{'$ref':'#/$defs/B'}},'B':" STRING "}}"},
    {K,
     "{'$ref':'#/$defs/A','type':'object','required':['a'],'$defs':{'A':{'items':{'$ref':'#/$defs/"
     "A'}}}}",
     "{'$ref':'#/$defs/A','type':'object','required':['a'],'$defs':{'A':{'items':{'$ref':'#/$defs/"
     "A'}}}}"},
    /* the root, and what it asks for */
    {K, "{'properties':{'a':" STRING "},'required':['a']}",
     "{'type':'object','properties':{'a':" STRING "},'required':['a']}"},
    {K, "{'type':'array','items':" STRING "}",
     "!schema: an answer that is no object: Cohere's structured outputs do not have this"},
    {K, OBJECT("'a':" STRING) "}",
     "!schema: an object that asks for no member: Cohere's structured outputs do not have this"},
    {K, OBJECT("'a':" OBJECT("") "}") ",'required':['a']}",
     "!schema.properties.a: an object that asks for no member: Cohere's structured outputs do not "
     "have this"},
    {K, OBJECT("'a':" OBJECT("'b':" STRING) ",'required':['b']}") ",'required':['a']}",
     OBJECT("'a':" OBJECT("'b':" STRING) ",'required':['b']}") ",'required':['a']}"},
    /* two ways to one are no loop, nor is what leads nowhere */
    {G,
     "{'$ref':'#/$defs/A','$defs':{'C':" STRING ",'B':" INNER(
         "c", "#/$defs/C",
         "c") ",'A':{'anyOf':[{'$ref':'#/$defs/B'},{'$ref':'#/$defs/C'},{'$ref':'#/$defs/none'},"
              "{'$ref':'#/$defs/C/type/a'}]}}}",
     "{'$ref':'#/$defs/A','$defs':{'C':" STRING ",'B':" INNER(
         "c", "#/$defs/C",
         "c") ",'A':{'anyOf':[{'$ref':'#/$defs/B'},{'$ref':'#/$defs/C'},{'$ref':'#/$defs/none'},"
              "{'$ref':'#/$defs/C/type/a'}]}}}"},
    {O, OBJECT("'next':{'anyOf':[{'$ref':'#'},{'type':'null'}]}") ENDS("'next'"),
     OBJECT("'next':{'anyOf':[{'$ref':'#'},{'type':'null'}]}") ENDS("'next'")},
    /* properties that are called like keywords */
    {O,
     OBJECT("'not':" STRING ",'properties':" STRING ",'$ref':" STRING)
         ENDS("'not','properties','$ref'"),
     OBJECT("'not':" STRING ",'properties':" STRING ",'$ref':" STRING)
         ENDS("'not','properties','$ref'")},
};

static void schemas_fit_or_are_refused_by_their_place(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++)
        check(schemas[i].target, schemas[i].in, schemas[i].want, false);
}

/* ---- bounds ---- */

static void repeat(struct buf *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_str(out, text);
}

static const char *result(size_t target, struct buf *schema)
{
    static struct err e;
    struct buf got;
    bool nearly = false;
    int rc;

    memset(&e, 0, sizeof(e));
    buf_init(&got, 16 * MEGA);
    assert_true(buf_ok(schema));
    rc = schema_fit_try(&got, buf_span(schema), targets[target], &nearly, &e);
    if (rc == 1)
        assert_true(span_eq(buf_span(&got), buf_span(schema))); /* all of these fit as they are */
    buf_fini(&got);
    buf_fini(schema);
    return rc == 1 ? "" : e.text;
}

/* Lists in lists, so deep; the innermost a string. */
static const char *lists_of(size_t target, size_t levels)
{
    struct buf b;

    buf_init(&b, MEGA);
    repeat(&b, "{\"items\":", levels);
    buf_add_str(&b, "{\"type\":\"string\"}");
    repeat(&b, "}", levels);
    return result(target, &b);
}

static void a_schema_is_as_deep_as_a_tree(void **state)
{
    UNUSED(state);
    for (size_t target = C; target <= G; target += G - C) {
        assert_string_equal(lists_of(target, JSON_TREE_DEPTH - 1), "");
        assert_string_not_equal(lists_of(target, JSON_TREE_DEPTH), "");
    }
}

/* Objects in objects, so deep, the root included. */
static const char *objects(size_t levels)
{
    struct buf b;

    buf_init(&b, MEGA);
    repeat(&b, "{\"type\":\"object\",\"properties\":{\"a\":", levels);
    buf_add_str(&b, "{\"type\":\"string\"}");
    repeat(&b, "},\"required\":[\"a\"],\"additionalProperties\":false}", levels);
    return result(O, &b);
}

static void openai_takes_ten_levels(void **state)
{
    UNUSED(state);
    assert_string_equal(objects(10), "");
    assert_non_null(strstr(objects(11), ": levels of nesting are more than 10"));
}

/* So many properties whose names have `chars` characters together, or 6 each. */
static const char *properties(size_t n, size_t chars)
{
    struct buf b;

    buf_init(&b, MEGA);
    for (size_t part = 0; part < 2; part++) {
        buf_add_str(&b, part ? "},\"required\":[" : "{\"type\":\"object\",\"properties\":{");
        for (size_t i = 0; i < n; i++) {
            buf_printf(&b, "%s\"%06zu", i ? "," : "", i);
            if (i == 0 && chars > 6 * n) /* a letter of two bytes is one character */
                repeat(&b, "\xc3\xa4", chars - 6 * n);
            buf_add_str(&b, part ? "\"" : "\":{\"type\":\"string\"}");
        }
    }
    buf_add_str(&b, "],\"additionalProperties\":false}");
    return result(O, &b);
}

static void openai_takes_so_many_properties(void **state)
{
    UNUSED(state);
    assert_string_equal(properties(5000, 0), "");
    assert_string_equal(properties(5001, 0), "schema: properties are more than 5000");
    assert_string_equal(properties(2, 120000), "");
    assert_string_equal(properties(2, 120001),
                        "schema.properties: characters of names and values are more than 120000");
}

/* An enum of so many values that have so many characters together, but for the second, of one. */
static const char *enumerated(size_t n, size_t chars)
{
    struct buf b;

    buf_init(&b, MEGA);
    buf_add_str(&b, "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"");
    repeat(&b, "x", chars - (n - 1));
    buf_add_char(&b, '"');
    repeat(&b, ",\"y\"", n - 1);
    buf_add_str(&b, "]},\"b\":{\"const\":\"z\"}},\"required\":[\"a\",\"b\"],"
                    "\"additionalProperties\":false}");
    return result(O, &b);
}

static void openai_takes_so_many_values(void **state)
{
    UNUSED(state);
    assert_string_equal(enumerated(1000, 1000), "");
    assert_string_equal(enumerated(1001, 1001),
                        "schema.properties.a.enum: values of enums are more than 1000");
    assert_string_equal(enumerated(250, 15001), "");
    assert_string_equal(enumerated(251, 15000), "");
    assert_string_equal(
        enumerated(251, 15001),
        "schema.properties.a.enum: characters of so many values are more than 15000");
    assert_string_equal(enumerated(2, 119997), "");
    assert_string_equal(
        enumerated(2, 119998),
        "schema.properties.b.const: characters of names and values are more than 120000");
}

/* So many lists of the schema itself, none of which is among the thousand that have to be there. */
static const char *inner(size_t n)
{
    struct buf b;

    buf_init(&b, MEGA);
    buf_add_str(&b, "{\"properties\":{");
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s\"%zu\":{\"$ref\":\"#\"}", i ? "," : "", i);
    buf_add_str(&b, "},\"required\":[\"x\"");
    repeat(&b, ",\"x\"", 999);
    buf_add_str(&b, "]}");
    return result(G, &b);
}

static const char *references(size_t n)
{
    struct buf b;

    buf_init(&b, MEGA);
    buf_add_str(&b, "{\"prefixItems\":[");
    repeat(&b, "{\"$ref\":\"#/$defs/d\"},", n);
    buf_add_str(&b, "{}],\"$defs\":{\"d\":{\"type\":\"string\"}}}");
    return result(G, &b);
}

static void loops_are_looked_for_so_long(void **state)
{
    UNUSED(state);
    assert_string_equal(inner(617), "");
    assert_string_equal(inner(618), "schema: too many names and references have to be looked at");
    assert_string_equal(references(10000), "");
    assert_string_equal(references(10001), "schema: references are more than 10000");
}

/* ---- requests ---- */

#define G_ASKS(schema)                                                                             \
    "{'contents':[{'parts':[{'text':'hi'}]}],'generationConfig':{'responseMimeType':"              \
    "'application/json','responseJsonSchema':" schema "}}"
#define C_ASKS(strict, schema)                                                                     \
    "{'messages':[{'role':'user','content':'hi'}],'response_format':{'type':'json_schema',"        \
    "'json_schema':{'name':'s','schema':" schema strict "}}}"
#define A_ASKS(schema)                                                                             \
    "{'max_tokens':99,'messages':[{'role':'user','content':'hi'}],'output_config':{'format':{"     \
    "'type':'json_schema','schema':" schema "}}}"
#define A_TOOL(schema)                                                                             \
    "{'max_tokens':99,'messages':[{'role':'user','content':'hi'}],'tools':[{'name':'f',"           \
    "'input_schema':" schema ",'strict':true}]}"
#define C_TOOL(schema)                                                                             \
    "{'messages':[{'role':'user','content':'hi'}],'tools':[{'type':'function','function':{'name':" \
    "'f','parameters':" schema ",'strict':true}}]}"
#define OPEN OBJECT("'a':" STRING) ",'required':['a']}"
#define CLOSED                                                                                     \
    "{'additionalProperties':false,'type':'object','properties':{'a':" STRING "},'required':['a']" \
    "}"
#define LACKS OBJECT("'a':{'type':'string','minLength':1}") ENDS("'a'")

static const struct convert_host own = {.own_schemas = true};

static const struct {
    const char *what;
    const struct convert *client, *target;
    const struct convert_host *host;
    const char *in, *sent, *dropped, *approximated; /* sent: what is in it; '!': why not */
} requests[] = {
#define CHAT   &convert_openai_chat
#define RESP   &convert_openai_responses
#define CLAUDE &convert_anthropic_messages
#define GOOGLE &convert_gemini_generate
#define CLOUD  &convert_bedrock_converse
#define COHERE &convert_cohere_chat
    {"closed and strict", GOOGLE, CHAT, NULL, G_ASKS(OPEN),
     "'json_schema':{'name':'answer','schema':" CLOSED ",'strict':true}", "", ""},
    {"and in Responses", CLAUDE, RESP, NULL, A_ASKS(OPEN),
     "'name':'answer','schema':" CLOSED ",'strict':true", "", ""},
    {"none that is strict", CLAUDE, CHAT, NULL, A_ASKS(OBJECT("'a':" STRING) "}"),
     "!schema.properties.a: it may be left out" WANTS_A, NULL, NULL},
    {"a note is lost", GOOGLE, CHAT, NULL,
     G_ASKS(OBJECT("'a':{'type':'integer','format':'int64'}") ENDS("'a'")),
     "'a':{'type':'integer'}", "", "json-schema"},
    {"a host of its own", GOOGLE, CHAT, &own, G_ASKS(LACKS),
     "'json_schema':{'name':'answer','schema':" LACKS "}", "", ""},
    {"OpenAI's own client", CHAT, RESP, NULL, C_ASKS(",'strict':true", LACKS),
     "'schema':" LACKS ",'strict':true", "", ""},
    {"its best effort", CHAT, RESP, NULL, C_ASKS("", OPEN), "'schema':" OPEN ",'strict':false", "",
     ""},
    {"a strict tool", CLAUDE, CHAT, NULL, A_TOOL(OPEN), "'parameters':" CLOSED ",'strict':true", "",
     ""},
    {"a tool that cannot be", CLAUDE, CHAT, NULL, A_TOOL(LACKS),
     "'parameters':" LACKS ",'strict':false", "tool-strict", ""},
    {"in Responses", CLAUDE, RESP, NULL, A_TOOL(LACKS), "'parameters':" LACKS ",'strict':false",
     "tool-strict", ""},
    {"nearly", CLAUDE, CHAT, NULL,
     A_TOOL(OBJECT("'a':{'type':'string','format':'uri'}") ENDS("'a'")),
     "'parameters':" OBJECT("'a':" STRING) ENDS("'a'") ",'strict':true", "", "tool-strict"},
    {"one of them", GOOGLE, CLAUDE, NULL, G_ASKS("{'oneOf':[" STRING "]}"),
     "'schema':{'anyOf':[" STRING "]}", "", "json-schema"},
    {"of a tool", CHAT, CLAUDE, NULL, C_TOOL("{'oneOf':[" STRING "]}"),
     "'input_schema':{'anyOf':[" STRING "]},'strict':true", "", "tool-strict"},
    {"Gemini holds to it", CHAT, GOOGLE, NULL, C_ASKS(",'strict':true", OPEN),
     "'responseJsonSchema':" OPEN, "", ""},
    {"Gemini takes no notice", CHAT, GOOGLE, NULL, C_ASKS(",'strict':true", LACKS),
     "!schema.properties.a.minLength: Gemini takes no notice of this", NULL, NULL},
    {"which may be", CHAT, GOOGLE, NULL, C_ASKS("", LACKS), "'responseJsonSchema':" LACKS, "",
     "json-schema"},
    {"but not to Claude's client", CLAUDE, GOOGLE, NULL, A_ASKS(LACKS),
     "!schema.properties.a.minLength: Gemini takes no notice of this", NULL, NULL},
    {"Gemini's tools", CHAT, GOOGLE, NULL, C_TOOL(OBJECT("'a':{'const':'x'}") "}"),
     "'parametersJsonSchema':" OBJECT("'a':{'enum':['x']}") "}", "", "tool-strict"},
    {"and those of no notice", CHAT, GOOGLE, NULL, C_TOOL(LACKS),
     "'parametersJsonSchema':" LACKS "}]}],'generationConfig'", "tool-strict", ""},
    {"Bedrock's are a text", CHAT, CLOUD, NULL, C_ASKS("", "{'oneOf':[" STRING "]}"),
     "'schema':'{\\'anyOf\\':[{\\'type\\':\\'string\\'}]}'", "", "json-schema"},
    {"which refuses others", CHAT, CLOUD, NULL, C_ASKS("", LACKS),
     "!schema.properties.a.minLength: structured outputs do not have this", NULL, NULL},
    {"as Claude does", CHAT, CLAUDE, NULL, C_ASKS("", LACKS),
     "!schema.properties.a.minLength: structured outputs do not have this", NULL, NULL},
    {"Bedrock's tools", CHAT, CLOUD, NULL, C_TOOL(OPEN), "{'json':" CLOSED "},'strict':true}", "",
     ""},
    {"which are not strict", CHAT, CLOUD, NULL, C_TOOL(LACKS), "{'json':" LACKS "}}}]}",
     "tool-strict", ""},
    {"Cohere holds to it", GOOGLE, COHERE, NULL, G_ASKS(OPEN), "'json_schema':" OPEN, "", ""},
    {"Cohere does not know it", GOOGLE, COHERE, NULL, G_ASKS(LACKS),
     "!schema.properties.a.minLength: Cohere's structured outputs do not have this", NULL, NULL},
    {"as a best effort", CHAT, COHERE, NULL, C_ASKS("", LACKS), "'json_schema':" LACKS, "",
     "json-schema"},
    {"Cohere's tools", CHAT, COHERE, NULL, C_TOOL(OPEN), "'strict_tools':true", "", ""},
    {"where one is not strict", CHAT, COHERE, NULL, C_TOOL(LACKS), "'parameters':" LACKS "}}]}",
     "tool-strict", ""},
};

static void compare(const char *what, const char *of, const struct buf *got, const char *want)
{
    if (!span_is(buf_span(got), want))
        fail_msg("%s: %s: '%.*s', not '%s'", what, of, SPAN_FMT(buf_span(got)), want);
}

static void check_request(size_t i)
{
    struct translate_conf conf = {.client = requests[i].client,
                                  .target = requests[i].target,
                                  .host = requests[i].host,
                                  .model = SPAN_LIT("m"),
                                  .id = SPAN_LIT("i"),
                                  .answer_max = MEGA};
    struct convert_to to = {.model = SPAN_LIT("m"), .max_tokens = 4096};
    const char *want = requests[i].sent, *what = requests[i].what;
    struct translate *t = NULL;
    struct buf in, sent, out, dropped, approximated;
    struct err e = {0};
    int rc;

    quoted(&in, requests[i].in);
    quoted(&sent, want);
    buf_add_char(&sent, '\0');
    buf_init(&out, MEGA);
    buf_init(&dropped, MEGA);
    buf_init(&approximated, MEGA);
    rc = translate_new(&t, &conf, buf_span(&in), &e) < 0 ? -1 : translate_request(t, &out, &to, &e);
    buf_add_char(&out, '\0');
    if (*want == '!') {
        assert_int_equal(rc, -1);
        assert_string_equal(e.text, want + 1);
    } else {
        if (rc < 0 || !strstr(out.p, sent.p))
            fail_msg("%s: %s\n%s\nnot\n%s", what, e.text, out.p, sent.p);
        translate_dropped(t, &dropped);
        translate_approximated(t, &approximated);
        compare(what, "dropped", &dropped, requests[i].dropped);
        compare(what, "approximated", &approximated, requests[i].approximated);
    }
    translate_free(&t);
    buf_fini(&in);
    buf_fini(&sent);
    buf_fini(&out);
    buf_fini(&dropped);
    buf_fini(&approximated);
}

static void clients_get_what_their_api_promises(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        check_request(i);
}

/* ---- memory ---- */

/* -1: no memory. What is refused writes nothing. */
static int write_alone(size_t i, struct span in, struct buf *out)
{
    struct convert_to to = {.model = SPAN_LIT("m"), .max_tokens = 9, .host = requests[i].host};
    struct chat_request q = {0};
    struct json_tree t = {0};
    struct arena a;
    struct err e;
    int rc = -1;

    arena_init(&a, MEGA);
    q.arena = &a;
    buf_init(out, MEGA);
    if (json_tree_read(&t, in, &e) == 0 && requests[i].client->read_request(&q, t.root, &e) == 0 &&
        requests[i].target->write_request(out, &q, &to, &e) == 0)
        rc = buf_finish(out, "request", &e);
    else if (e.code == ERR_PROTOCOL)
        rc = 0;
    json_tree_fini(&t);
    arena_fini(&a);
    return rc;
}

static void without_memory_nothing_else_is_said(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct buf in, want, got;
        bool hit = true;
        int rc;

        quoted(&in, requests[i].in);
        assert_int_equal(write_alone(i, buf_span(&in), &want), 0);
        for (size_t at = 1; hit; at++) {
            mem_torture(at, false);
            rc = write_alone(i, buf_span(&in), &got);
            hit = mem_torture_hit();
            mem_torture(0, false);
            assert_true(rc == 0 ? span_eq(buf_span(&got), buf_span(&want)) : hit);
            buf_fini(&got);
        }
        buf_fini(&want);
        buf_fini(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_keyword_is_carried_or_told),
        cmocka_unit_test(no_keyword_of_a_table_is_without_a_row),
        cmocka_unit_test(schemas_fit_or_are_refused_by_their_place),
        cmocka_unit_test(a_schema_is_as_deep_as_a_tree),
        cmocka_unit_test(openai_takes_ten_levels),
        cmocka_unit_test(openai_takes_so_many_properties),
        cmocka_unit_test(openai_takes_so_many_values),
        cmocka_unit_test(loops_are_looked_for_so_long),
        cmocka_unit_test(clients_get_what_their_api_promises),
        cmocka_unit_test(without_memory_nothing_else_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
