"""Targets that speak an API which no client speaks, Cohere's and Ollama's own chat: clients of
other dialects are answered by it, and only its own word for the end makes an answer whole."""
import http.server
import json
import threading

import pytest

import bed

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
GEMINI = "/v1beta/models/{}:generateContent"
GEMINI_STREAM = "/v1beta/models/{}:streamGenerateContent?alt=sse"
HELLO = [{"role": "user", "content": "hi"}]
CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTIONS = [{"functionDeclarations": [{"name": "weather", "parametersJsonSchema": TOOL}]}]
TERMINAL = b'{"type":"message_stop"}'


def cohere(*events):
    return [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]


def delta(kind, index=0, **message):
    return {"type": kind, "index": index, "delta": {"message": message}}


START = {"type": "message-start", "id": "c1", "delta": {"message": {"tool_plan": ""}}}
TEXT = [delta("content-start", content={"type": "text", "text": ""}),
        delta("content-delta", content={"text": "Hi "}),
        delta("content-delta", content={"text": "you"})]
ENDED = {"type": "content-end", "index": 0}
USAGE = {"tokens": {"input_tokens": 9, "output_tokens": 5}, "cached_tokens": 4}


def end(reason, **more):
    return {"type": "message-end", "delta": {"finish_reason": reason, **more}}


CALLS = [{"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I look."}}},
         delta("tool-call-start", tool_calls={
             "id": "w_1", "type": "function", "function": {"name": "weather", "arguments": ""}}),
         delta("tool-call-delta", tool_calls={"function": {"arguments": "{\n \"city\":"}}),
         delta("tool-call-delta", tool_calls={"function": {"arguments": " \"Rome\"}"}}),
         {"type": "tool-call-end", "index": 0}]
WHOLE = {"id": "c1", "finish_reason": "COMPLETE", "usage": USAGE,
         "message": {"role": "assistant", "content": [{"type": "text", "text": "Hi you"}]}}


def line(message, **more):
    return json.dumps({"model": "m", "created_at": "2026-01-02T03:04:05.678Z",
                       "message": {"role": "assistant", **message}, "done": False, **more})


DONE = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 5}
SAID = [line({"content": "Hi "}), line({"content": "you"})]
CALLED = line({"content": "", "tool_calls": [
    {"function": {"name": "weather", "arguments": {"city": "Rome"}}}]})


def lines(*texts, last="\n"):
    return ["\n".join(texts).encode() + last.encode()]


SSE, NDJSON, JSON = "text/event-stream", "application/x-ndjson; charset=utf-8", "application/json"

# Answers by the model's name: status, content-type, pieces; cut: the connection breaks behind them.
ANSWERS = {
    "text": (200, SSE, cohere(START, *TEXT, ENDED, end("COMPLETE", usage=USAGE))),
    "call": (200, SSE, cohere(START, *CALLS, end("TOOL_CALL", usage=USAGE))),
    "whole": (200, JSON, [json.dumps(WHOLE).encode()]),
    "no-end": (200, SSE, cohere(START, *TEXT, ENDED)),
    "done-mark": (200, SSE, [*cohere(START, *TEXT, ENDED), b"data: [DONE]\n\n"]),
    "end-cut": (200, SSE, cohere(START, *TEXT, ENDED, end("COMPLETE"))[:-1]
                + [cohere(end("COMPLETE"))[0][:-2]]),
    "failed": (200, SSE, cohere(START, *TEXT, end("ERROR", error="model broke"))),
    "long": (400, JSON, [b'{"error_type":"TOO_MANY_TOKENS","message":"too many tokens"}']),
    "lines": (200, NDJSON, lines(*SAID, line({"content": ""}, **DONE))),
    "lines-call": (200, NDJSON, lines(CALLED, line({"content": ""}, **DONE))),
    "lines-whole": (200, JSON, lines(line({"content": "Hi you"}, **DONE))),
    "lines-no-newline": (200, NDJSON, lines(*SAID, line({"content": ""}, **DONE), last="")),
    "lines-no-end": (200, NDJSON, lines(*SAID)),
    "lines-no-reason": (200, NDJSON, lines(*SAID, line({"content": ""}, done=True))),
    "lines-cut": (200, NDJSON, lines(*SAID, line({"content": ""}, **DONE)[:-9], last="")),
    "lines-error": (200, NDJSON, lines(*SAID, '{"error":"runner died"}')),
    "lines-junk": (200, NDJSON, lines(*SAID, "{]")),
}


class Upstream(http.server.ThreadingHTTPServer):
    """Answers as the table says, chunked, in small writes; keeps what it was asked."""

    daemon_threads = True

    def __init__(self):
        self.asked = []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def last(self, model):
        return next(a for a in reversed(self.asked) if a[1]["model"] == model)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body))
        status, kind, pieces = ANSWERS[body["model"]]
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for data in pieces:
            for half in (data[:len(data) // 2], data[len(data) // 2:]):
                if half:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(half), half))
                    self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def upstream():
    server = Upstream()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def gate(binary, place, mock, upstream):
    addr = f"127.0.0.1:{upstream.server_address[1]}"
    conf = bed.basic(mock.addr)
    conf["providers"]["co"] = bed.provider("cohere", addr, path="", key="env:CO_KEY")
    conf["providers"]["olm"] = bed.provider("ollama", addr)
    g = bed.Gateway(binary, place, conf, name="native", env={**bed.KEYS, "CO_KEY": "sk-co"})
    yield g
    g.stop()


def messages(gate, model, **more):
    return gate.ask(MESSAGES, {"model": model, "max_tokens": 50, "messages": HELLO, **more})


def gemini(gate, model, stream=False, **more):
    path = GEMINI_STREAM if stream else GEMINI
    return gate.ask(path.format(model), {"contents": CONTENTS, **more})


def events(answer):
    return [json.loads(text[6:]) for text in answer.text.replace(b"\r", b"").split(b"\n")
            if text.startswith(b"data: ")]


def parts(answers):
    return [p for a in answers for p in a["candidates"][0]["content"]["parts"]]


# ---- Cohere ----

def test_a_stream_of_cohere_reaches_a_client_of_anthropic(gate, upstream):
    answer = messages(gate, "co/text", stream=True, top_k=5, system="s",
                      stop_sequences=["x"])
    assert answer.status == 200 and answer.end == "whole" and TERMINAL in answer.text
    assert answer["content-type"].startswith("text/event-stream")
    said = [e["delta"]["text"] for e in events(answer) if e["type"] == "content_block_delta"]
    assert "".join(said) == "Hi you"
    (last,) = [e for e in events(answer) if e["type"] == "message_delta"]
    assert last["delta"]["stop_reason"] == "end_turn" and last["usage"]["output_tokens"] == 5
    path, body = upstream.last("text")
    assert path == "/v2/chat"
    assert body == {"model": "text", "stream": True, "max_tokens": 50, "k": 5,
                    "stop_sequences": ["x"],
                    "messages": [{"role": "system", "content": "s"}, *HELLO]}
    record = gate.record(answer)
    assert (record["outcome"], record["tokens_in"], record["tokens_out"]) == ("full", 9, 5)


def test_a_call_of_cohere_is_answered(gate, upstream):
    tools = [{"name": "weather", "input_schema": TOOL}]
    answer = messages(gate, "co/call", stream=True, tools=tools, tool_choice={"type": "any"})
    assert answer.end == "whole" and TERMINAL in answer.text
    begun = [e["content_block"] for e in events(answer) if e["type"] == "content_block_start"]
    call = begun[-1]
    assert (call["type"], call["id"], call["name"]) == ("tool_use", "w_1", "weather")
    pieces = [e["delta"].get("partial_json", "") for e in events(answer)
              if e["type"] == "content_block_delta"]
    assert json.loads("".join(pieces)) == {"city": "Rome"}
    assert upstream.last("call")[1]["tool_choice"] == "REQUIRED"
    turn = [*HELLO, {"role": "assistant", "content": [{**call, "input": {"city": "Rome"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "w_1",
                                          "content": "21 C"}]}]
    assert messages(gate, "co/whole", messages=turn, tools=tools).status == 200
    sent = upstream.last("whole")[1]["messages"]
    assert [m["role"] for m in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == "w_1"


def test_a_call_in_several_lines_is_one_event(gate):
    """Its arguments have a line's end, which a client of Gemini must not see as the event's."""
    answer = gemini(gate, "co/call", stream=True, tools=FUNCTIONS)
    calls = [p["functionCall"] for p in parts(events(answer)) if "functionCall" in p]
    assert [c["args"] for c in calls] == [{"city": "Rome"}] and answer.end == "whole"


def test_a_whole_answer_of_cohere(gate):
    body = gate.ask(RESPONSES, {"model": "co/whole", "input": "hi"}).json()
    assert body["output"][0]["content"][0]["text"] == "Hi you"
    assert body["usage"]["input_tokens"] == 9
    assert body["usage"]["input_tokens_details"]["cached_tokens"] == 4


@pytest.mark.parametrize("model", ("no-end", "done-mark", "end-cut", "failed"))
def test_cohere_says_itself_when_it_is_whole(gate, model):
    answer = messages(gate, f"co/{model}", stream=True)
    assert answer.status == 200 and answer.end == "cut" and TERMINAL not in answer.text
    assert events(answer)[-1]["type"] == "error"
    assert gate.record(answer)["outcome"] == "failed"


def test_an_error_of_cohere_is_said_as_anthropic_would(gate):
    answer = messages(gate, "co/long")
    assert answer.status == 400 and answer.json()["type"] == "error"
    assert gate.record(answer)["class"] == "too-long"


def test_what_cohere_cannot_say_is_no_request(gate, upstream):
    answer = gate.ask(RESPONSES, {"model": "co/never", "input": "hi", "tools": [
        {"type": "function", "name": "f", "parameters": TOOL}],
        "text": {"format": {"type": "json_object"}}})
    assert answer.status == 400 and answer["x-lamplighter-reason"] == "cannot-say"
    assert not [a for a in upstream.asked if a[1]["model"] == "never"]


# ---- Ollama ----

def test_lines_of_ollama_reach_a_client_of_gemini(gate, upstream):
    answer = gemini(gate, "olm/lines", stream=True, generationConfig={"topK": 5, "seed": 7})
    assert answer.status == 200 and answer.end == "whole"
    assert answer["content-type"].startswith("text/event-stream")
    assert "".join(p.get("text", "") for p in parts(events(answer))) == "Hi you"
    last = events(answer)[-1]
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert last["usageMetadata"]["candidatesTokenCount"] == 5
    path, body = upstream.last("lines")
    assert path == "/api/chat"
    assert body == {"model": "lines", "messages": HELLO, "stream": True,
                    "options": {"top_k": 5, "seed": 7}}
    assert gate.record(answer)["outcome"] == "full"


@pytest.mark.parametrize("model", ("lines-whole", "lines-no-newline"))
def test_an_answer_of_ollama_is_whole(gate, model):
    """In one piece; and where the last line has no end, for it says all the same that it is."""
    answer = gemini(gate, f"olm/{model}", stream=model != "lines-whole")
    assert answer.status == 200 and answer.end == "whole"
    told = events(answer) or [answer.json()]
    assert "".join(p.get("text", "") for p in parts(told)) == "Hi you"


def test_a_call_of_ollama_has_an_id(gate, upstream):
    answer = gemini(gate, "olm/lines-call", stream=True, tools=FUNCTIONS)
    (call,) = [p["functionCall"] for p in parts(events(answer)) if "functionCall" in p]
    assert (call["name"], call["args"]) == ("weather", {"city": "Rome"})
    assert call["id"] == "call_20260102030405678_0"
    turn = [*CONTENTS, {"role": "model", "parts": [{"functionCall": call}]},
            {"role": "user", "parts": [{"functionResponse": {
                "id": call["id"], "name": "weather", "response": {"output": "21 C"}}}]}]
    assert gemini(gate, "olm/lines-whole", contents=turn, tools=FUNCTIONS).status == 200
    sent = upstream.last("lines-whole")[1]["messages"]
    assert sent[1]["tool_calls"][0] == {"id": call["id"], "function": {
        "name": "weather", "arguments": {"city": "Rome"}}}
    assert (sent[2]["role"], sent[2]["tool_name"], sent[2]["tool_call_id"]) == (
        "tool", "weather", call["id"])


@pytest.mark.parametrize("model", ("lines-no-end", "lines-no-reason", "lines-cut", "lines-error",
                                   "lines-junk"))
def test_ollama_says_itself_when_it_is_whole(gate, model):
    answer = gemini(gate, f"olm/{model}", stream=True)
    assert answer.status == 200 and answer.end == "cut"
    assert b"finishReason" not in answer.text and "error" in events(answer)[-1]
    assert gate.record(answer)["outcome"] == "failed"


# ---- the imitations ----

@pytest.mark.parametrize("provider, base", (("co", "/compatibility/v1"), ("olm", "/v1")))
def test_a_client_of_openai_is_not_translated(gate, upstream, provider, base):
    """Its body is relayed as it came, to the API that it was written for."""
    gate.ask(CHAT, {"model": f"{provider}/whole", "messages": HELLO, "shiny": {"a": [1.0]}})
    path, body = upstream.last("whole")
    assert path == f"{base}/chat/completions"
    assert body == {"model": "whole", "messages": HELLO, "shiny": {"a": [1.0]}}
