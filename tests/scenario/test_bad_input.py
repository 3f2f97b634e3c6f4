"""Requests that are wrong, for a target of another dialect than the client's: a 400 in the client's
own words, with the place of what is wrong; the target hears nothing of it, and the gateway pays
little for it."""
import http.server
import json
import re
import threading

import pytest

import bed
import wire

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
GEMINI = "/v1beta/models/{}:generateContent"
MIB = 1 << 20
DEEP = 100_000
BODY_MAX = 64 * MIB  # server.limits.body, when nobody sets it


def openai(answer):
    """The message of an error in OpenAI's shape; all its members are there."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error" and error["code"]
    return error["message"]


def anthropic(answer):
    body = answer.json()
    assert body["type"] == "error" and set(body["error"]) == {"type", "message"}
    kinds = {400: "invalid_request_error", 413: "request_too_large"}
    assert body["error"]["type"] == kinds[answer.status]
    return body["error"]["message"]


def gemini(answer):
    error = answer.json()["error"]
    assert (error["code"], error["status"]) == (answer.status, "INVALID_ARGUMENT")
    return error["message"]


TOOL = {"type": "object", "properties": {}}
ITEM = {"type": "function_call_output", "call_id": "c9", "output": "x"}
RESULT = {"type": "tool_result", "tool_use_id": "c9", "content": "x"}
REPLY = {"functionResponse": {"id": "c9", "name": "f", "response": {}}}


def chat(content="hi", role="user", **more):
    return {"messages": [{"role": "user", "content": "hi"}, {"role": role, "content": content}],
            **more}


def responses(content="hi", role="user", **more):
    return {"input": [{"role": "user", "content": "hi"}, {"role": role, "content": content}],
            **more}


def messages(content="hi", role="user", **more):
    return {**chat(content, role), "max_tokens": 9, **more}


def contents(parts, role="user", **more):
    return {"contents": [{"role": "user", "parts": [{"text": "hi"}]},
                         {"role": role, "parts": parts}], **more}


# Of each client: its path, who reads its errors, a body with one text @, where that is, and bodies
# that are wrong: what is wrong, the body, and the place that is told.
CLIENTS = {
    "openai.chat": (CHAT, openai, chat("@"), "messages[1].content", [
        ("no list", {"messages": {"role": "user"}}, "messages"),
        ("no object", {"messages": ["hi"]}, "messages[0]"),
        ("no text", chat(7), "messages[1].content"),
        ("no number", chat(temperature="hot"), "temperature"),
        ("no flag", chat(parallel_tool_calls="yes"), "parallel_tool_calls"),
        ("no tool", chat(tools=[{"type": "function", "function": {"name": 1}}]),
         "tools[0].function.name"),
        ("role", chat(role="root"), "messages[1].role"),
        ("no role", {"messages": [{"content": "hi"}]}, "messages[0].role"),
        ("part", chat([{"type": "hologram"}]), "messages[1].content[0].type"),
        ("result", {"messages": [*chat()["messages"],
                                 {"role": "tool", "tool_call_id": "c9", "content": "x"}]},
         "messages[2].tool_call_id"),
    ]),
    "openai.responses": (RESPONSES, openai, responses("@"), "input[1].content", [
        ("no list", {"input": {"role": "user"}}, "input"),
        ("no object", {"input": ["hi"]}, "input[0]"),
        ("no text", responses(7), "input[1].content"),
        ("no number", responses(temperature="hot"), "temperature"),
        ("no flag", responses(parallel_tool_calls="yes"), "parallel_tool_calls"),
        ("no tool", responses(tools=[{"type": "function", "name": 1}]), "tools[0].name"),
        ("role", responses(role="root"), "input[1].role"),
        ("item", {"input": [{"type": "hologram"}]}, "input[0].type"),
        ("part", responses([{"type": "hologram"}]), "input[1].content[0].type"),
        ("result", {"input": [ITEM]}, "input[0].call_id"),
    ]),
    "anthropic.messages": (MESSAGES, anthropic, messages("@"), "messages[1].content", [
        ("no list", {"messages": {"role": "user"}, "max_tokens": 9}, "messages"),
        ("no object", {"messages": ["hi"], "max_tokens": 9}, "messages[0]"),
        ("no text", messages(7), "messages[1].content"),
        ("no number", messages(temperature="hot"), "temperature"),
        ("no tool", messages(tools=[{"name": 1, "input_schema": TOOL}]), "tools[0].name"),
        ("role", messages(role="root"), "messages[1].role"),
        ("block", messages([{"type": "hologram"}]), "messages[1].content[0].type"),
        ("result", messages([RESULT]), "messages[1].content[0].tool_use_id"),
    ]),
    "gemini.generate": (GEMINI, gemini, contents([{"text": "@"}]), "contents[1].parts[0].text", [
        ("no list", {"contents": 7}, "contents"),
        ("no object", {"contents": ["hi"]}, "contents[0]"),
        ("no text", contents([{"text": 7}]), "contents[1].parts[0].text"),
        ("no number", contents([], generationConfig={"temperature": "hot"}),
         "generationConfig.temperature"),
        ("no tool", contents([], tools=[{"functionDeclarations": [{"name": 1}]}]),
         "tools[0].functionDeclarations[0].name"),
        ("role", contents([{"text": "hi"}], role="root"), "contents[1].role"),
        ("call", contents([{"functionCall": {"name": "f"}}]), "contents[1].parts[0].functionCall"),
        ("result", contents([REPLY]), "contents[1].parts[0].functionResponse"),
    ]),
}
# Providers that have one API each, but for Cohere and Ollama: they have others' APIs beside their own.
TARGETS = {"openai.chat": "azure-models", "openai.responses": "openai-responses",
           "anthropic.messages": "anthropic", "gemini.generate": "vertex", "bedrock": "bedrock",
           "cohere": "cohere", "ollama": "ollama"}
SAME = {*((c, c) for c in CLIENTS), ("openai.chat", "cohere"), ("openai.chat", "ollama"),
        ("openai.responses", "ollama"), ("anthropic.messages", "ollama")}
PAIRS = [(c, t) for c in CLIENTS for t in TARGETS if (c, t) not in SAME]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append(self.path)
        self.send_response(418)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def upstream():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.asked = True, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def configuration(upstream, **limits):
    addr = f"127.0.0.1:{upstream.server_address[1]}"
    conf = bed.basic(addr, workers=1, limits=limits)
    conf["providers"] = {kind: bed.provider(kind, addr, path="", key="env:OAI_KEY")
                         for kind in TARGETS.values()}
    conf["providers"]["vertex"].update(project="p", region="europe-west4")
    return conf


@pytest.fixture(scope="module")
def gate(binary, place, upstream):
    g = bed.Gateway(binary, place, configuration(upstream), env=bed.sparing())
    yield g
    g.stop()


def request_of(client, target, body):
    """(path, bytes) of a client's request for the target."""
    model, path = f"{TARGETS[target]}/m", CLIENTS[client][0]
    if client == "gemini.generate":
        return path.format(model), json.dumps(body).encode()
    return path, json.dumps({"model": model, **body}).encode()


def message_of(client, answer, status=400):
    """Of the error, which is in the client's own shape."""
    assert (answer.status, answer.end) == (status, "whole"), answer.text[:300]
    return CLIENTS[client][1](answer)


@pytest.mark.parametrize("client, target", PAIRS)
def test_a_right_request_is_asked(gate, upstream, client, target):
    """So that it is the fault that the others are refused for."""
    before = len(upstream.asked)
    gate.ask(*request_of(client, target, CLIENTS[client][2]))
    assert len(upstream.asked) == before + 1


@pytest.mark.parametrize("client, target", PAIRS)
def test_what_is_wrong_is_told_its_place(gate, upstream, client, target):
    before, found = len(upstream.asked), {}
    for what, body, place in CLIENTS[client][4]:
        answer = gate.ask(*request_of(client, target, body))
        said = message_of(client, answer)
        if CLIENTS[client][1] is openai:
            assert answer.json()["error"]["param"] == said.partition(": ")[0]
        if not re.match(re.escape(place) + r"[:. ]", said):
            found[what] = said
    assert found == {}
    assert len(upstream.asked) == before


SEARCH = [{"type": "web_search"}]
FAR = "anthropic/claude-opus-4-6"


@pytest.mark.parametrize("path, body, param", [
    (CHAT, chat(), "model"),
    (CHAT, chat(model="nobody"), "model"),
    (CHAT, chat(model=7), "model"),
    (CHAT, b'{"model":"a","model":"b"}', "model"),
    (CHAT, rb'{"model":"a","strea\u006d":true}', "stream"),
    (CHAT, chat(model=FAR, n=0), "n"),
    (CHAT, chat(model=FAR, stream_options={"include_usage": 1}), "stream_options.include_usage"),
    (CHAT, chat(model=FAR, tools=SEARCH), "tools[0]"),
    (RESPONSES, responses(model=FAR, previous_response_id="resp_1"), "previous_response_id"),
    ("/v1/embeddings", {"model": "vertex/text-embedding-005", "input": [[1, 2]]}, "input[0]"),
    # no place of the request is known, or there is none
    (CHAT, b"[]", None),
    (CHAT, b"{", None),
    # a place in the conversation, where the instructions have gone from in front of the input
    (RESPONSES, responses([{"type": "input_image", "image_url": "data:;base64,AAAA"}], model=FAR,
                          instructions="x"), None),
])
def test_openais_param_is_the_place(gate, upstream, path, body, param):
    before = len(upstream.asked)
    answer = gate.ask(path, body if isinstance(body, bytes) else json.dumps(body).encode())
    assert answer.status in (400, 404) and answer.json()["error"]["param"] == param, answer.text
    assert len(upstream.asked) == before


BROKEN = {  # what stands in the text @, and what is said
    "not UTF-8": (b"a\xffb", "utf-8 at byte"),
    "half a character": (b"a\xe2\x82", "utf-8 at byte"),
    "a surrogate as UTF-8": (b"\xed\xa0\x80", "utf-8 at byte"),
    "a line's end": (b"a\nb", "string at byte"),
    "NUL": (b"a\0b", "string at byte"),
    "no escape": (rb"a\x", "escape at byte"),
    "nested, open": (b'","deep":' + b"[" * DEEP, "nested deeper than 64 levels"),
    "nested, closed": (b'","deep":' + b'{"a":' * DEEP + b"0" + b"}" * DEEP + b',"b":"',
                       "nested deeper than 64 levels"),
}


@pytest.mark.parametrize("client, target", PAIRS)
def test_what_is_no_json_is_told_its_place(gate, upstream, client, target):
    before, cost, pids = len(upstream.asked), bed.Cost(gate), gate.workers()
    field = CLIENTS[client][3]
    for what, (text, why) in BROKEN.items():
        path, body = request_of(client, target, CLIENTS[client][2])
        answer = gate.ask(path, body.replace(b"@", text))
        said = message_of(client, answer)
        if CLIENTS[client][1] is openai:
            assert said.endswith(f"It is in {answer.json()['error']['param']}.")
        where = re.escape(field.rpartition(".")[0] + ".deep" if "nested" in what else field)
        assert re.search(rf"{why}.* It is in {where}(\[0\]|\.a)*\.", said), (what, said)
    assert len(upstream.asked) == before
    assert cost.cpu_used() < 1 and cost.grown() < 8 * MIB and gate.workers() == pids


def large(client, target, size, text=b"z"):
    """A request of that many bytes, with that text at its end."""
    path, body = request_of(client, target, CLIENTS[client][2])
    return path, body.replace(b"@", b"z" * (size - len(body) + 1 - len(text)) + text)


ELSEWHERE = [("openai.chat", "anthropic.messages"), ("openai.responses", "bedrock"),
             ("anthropic.messages", "openai.chat"), ("gemini.generate", "openai.responses")]


@pytest.mark.parametrize("client, target", ELSEWHERE)
def test_a_fault_at_the_end_of_64_mib(gate, upstream, client, target):
    """Nothing of it is kept in memory but a window, and reading it twice takes no long time."""
    before, cost = len(upstream.asked), bed.Cost(gate)
    path, body = large(client, target, BODY_MAX, b"\xff")
    answer = gate.ask(path, body, timeout=30)
    assert f"It is in {CLIENTS[client][3]}." in message_of(client, answer)
    assert len(upstream.asked) == before
    assert cost.cpu_used() < 2
    bed.wait_for(lambda: cost.grown() < 16 * MIB)
    assert "silent" not in gate.said()


@pytest.mark.parametrize("client, target", ELSEWHERE)
def test_64_mib_are_the_most(gate, upstream, client, target):
    """One byte more is refused before it is read."""
    before, cost = len(upstream.asked), bed.Cost(gate)
    path, body = large(client, target, BODY_MAX + 1)
    with wire.Conn(gate.addr) as conn:
        conn.send(wire.request("POST", path, body[:1000], {"content-length": str(len(body))}))
        answer = conn.read()
    assert "larger than the limit" in message_of(client, answer, 413)
    assert b"server.limits.body" in answer.text  # the cure
    assert len(upstream.asked) == before and cost.grown() < MIB


@pytest.mark.parametrize("client, target", ELSEWHERE)
def test_64_mib_without_room_to_translate(start, upstream, client, target):
    """They are read, since a target of the client's dialect could take them; then refused in words."""
    g = start(bed.Gateway, configuration(upstream, translation="512MiB"), env=bed.sparing())
    before = len(upstream.asked)
    answer = g.ask(*large(client, target, BODY_MAX), timeout=30)
    assert "too large to be translated" in message_of(client, answer, 413)
    assert len(upstream.asked) == before


def test_64_mib_are_translated(gate, upstream):
    """At the default bounds, with which they just fit."""
    before = len(upstream.asked)
    gate.ask(*large("openai.chat", "anthropic.messages", BODY_MAX), timeout=30)
    assert len(upstream.asked) == before + 1
