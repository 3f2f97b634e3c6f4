/*
 * anthropic_asked.h - what the tests of the translation of Anthropic's messages share. In rows '
 * stands for ".
 */
#ifndef TEST_ANTHROPIC_ASKED_H
#define TEST_ANTHROPIC_ASKED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/anthropic/anthropic_messages_convert.h"

#define MEGA ((size_t)1024 * 1024)

#define OLD           "'model':'claude-3-5-haiku-latest','max_tokens':64"
#define HI            "{'role':'user','content':[{'type':'text','text':'hi'}]}"
#define ASK(more)     "{" OLD more ",'messages':[" HI "]}"
#define AFTER(more)   "{" OLD ",'messages':[" HI "]" more "}"
#define SAY(messages) "{" OLD ",'messages':[" messages "]}"
#define USER(blocks)  "{'role':'user','content':[" blocks "]}"
#define MODEL(blocks) "{'role':'assistant','content':[" blocks "]}"
#define TEXT(t)       "{'type':'text','text':'" t "'}"
#define CALL(id, n)   "{'type':'tool_use','id':'" id "','name':'" n "','input':{}}"
#define RESULT(id, r) "{'type':'tool_result','tool_use_id':'" id "','content':[" r "]}"

/* A row's text as JSON; lives until the next call with the same i, 0 or 1. */
struct span json(unsigned i, const char *row);

/* A request that has been read. */
struct asked {
    struct arena arena;
    struct json_tree tree;
    struct chat_request q;
};

int ask(struct asked *a, struct span body, struct err *e);
void asked_fini(struct asked *a);

/* The buf holds just that; it is freed. */
void ends(struct buf *b, struct span want);

#endif
