/*
 * manual.c - docs/mock.md is printed from the tables that the program itself uses, so that it
 * cannot say what is not so.
 */
#include "mock/answer.h"
#include "mock/mock.h"

static const char intro[] =
    "# lamplighter mock\n"
    "\n"
    "A fake provider that misbehaves to order. It shares no code with the gateway's HTTP, SSE,\n"
    "JSON writing and dialects: what it sends is written by hand, byte by byte, so that one\n"
    "mistake is not made on both sides. This page is printed by `lamplighter mock --manual`.\n"
    "\n"
    "```\n"
    "$ lamplighter mock --listen 127.0.0.1:0\n"
    "mock listening on http://127.0.0.1:40123\n"
    "$ curl http://127.0.0.1:40123/v1/chat/completions -H 'x-mock: fault=cut,at=5,how=rst' \\\n"
    "    -d '{\"model\":\"mock\",\"stream\":true,\"messages\":[]}'\n"
    "```\n"
    "\n"
    "It stops on SIGTERM or SIGINT with status 0.\n"
    "\n"
    "| option | |\n|---|---|\n";

static const char after_options[] =
    "\n"
    "`--refuse` binds a port, prints `mock refusing on ADDR:PORT` and closes it again; `--reset`\n"
    "prints `mock resetting on ADDR:PORT`. A request is asked on a connection, so `fault=refuse` "
    "can\n"
    "only refuse the next ones: answered, it leaves a port on which nothing listens for a while.\n"
    "\n"
    "## What it answers\n"
    "\n";

static const char after_paths[] =
    "\n"
    "Any prefix may stand before these. The text of an answer is `w000000 w000001 ...`, eight\n"
    "bytes a word, so that byte n is known without the others; a request whose last message is\n"
    "the assistant's, and is the beginning of this text, is answered from there on. A forced tool\n"
    "choice is obeyed, with arguments made up from the tool's schema. `max_tokens`, `n`,\n"
    "`stream` and `stream_options.include_usage` are obeyed. Nothing is random but `percent=`.\n"
    "\n"
    "## Behaviours\n"
    "\n"
    "A list of `key=value`, separated by `,` or `;`. It may stand in three places; where two say\n"
    "the same key, the later of these wins:\n"
    "\n"
    "1. a line of the script: `mock-* => fault=cut,at=5`\n"
    "2. the model name, after the first `;`: `mock;fault=cut;at=5` (in a path percent-encoded)\n"
    "3. the header `x-mock: fault=cut,at=5`\n"
    "\n"
    "Selectors rule over the list they stand in: `mock;fault=reset;nth=1` resets the first\n"
    "request of the model `mock;fault=reset;nth=1` and answers the others. A list that cannot be\n"
    "read is answered with status 500 and `mock_mistake`; in a script it is an error at the\n"
    "start. `early` acts before the body is read: choose it by header, path or key.\n"
    "\n";

static const char script[] =
    "\n"
    "## Script\n"
    "\n"
    "Lines `MATCH => LIST`; `#` starts a comment line. MATCH is words that must all match, each\n"
    "`KEY=GLOB` with the keys `model`, `path`, `key` (the credential that was sent) and\n"
    "`user-agent`; a word without `=` is a model. All lines that match apply, in order.\n"
    "\n"
    "```\n"
    "* => gap=1ms\n"
    "gpt-* => status=429,kind=insufficient_quota,first=3\n"
    "model=claude-* key=*second* => fault=stall,at=4\n"
    "```\n"
    "\n"
    "## Replay\n"
    "\n"
    "`--replay` reads JSON lines with `id`, `status`, `resp_headers`, and `resp` or `resp_b64`.\n"
    "`x-mock-replay: ID` or `replay=ID` answers with that recording, byte for byte: streams in\n"
    "one chunk an event, other bodies with their length. Faults apply to it as to any answer.\n"
    "\n"
    "## Log\n"
    "\n"
    "`--log` appends one JSON object a line. `ev` is `request` (`n`, `conn`, `method`, `path`,\n"
    "`model`, `stream`, `fault`, `last_user`, `headers`, `fields`, `body_bytes`, `body_sha256`,\n"
    "`body`), `end` (`n`, `conn`, `how`, `status`, `body_bytes`, `ms`, `ms_since_last_byte`), "
    "`bad`\n"
    "(a request that is no strict HTTP/1.1, with `why`) or `given-up` (its sender left before\n"
    "its end). `how` is `full`, `cut`, `reset`, `closed`, `client_gone`, `mistake` or `stopped`.\n"
    "\n"
    "## Errors\n"
    "\n"
    "`status=` and `kind=` choose a row; `provider=` is by default that of the path's dialect. A\n"
    "status without a row gets a plain body. With `fault=error-event` the row's body stands\n"
    "inside the stream.\n"
    "\n";

void mock_manual(struct buf *out)
{
    buf_add_str(out, intro);
    mock_manual_options(out);
    buf_add_str(out, after_options);
    mock_facts_manual(out);
    buf_add_str(out, after_paths);
    mock_how_manual(out);
    buf_add_str(out, script);
    mock_errors_manual(out);
}
