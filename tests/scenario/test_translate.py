"""A client of one dialect, a target of another: what was asked and what was answered arrive; what
cannot be said is refused or named; a broken answer is never a whole one."""
import json
import re

import pytest

import bed
import peers
import wire

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
RESPONSES = "/v1/responses"
HELLO = [{"role": "user", "content": "hi"}]
BODIES = {CHAT: {"messages": HELLO}, MESSAGES: {"messages": HELLO, "max_tokens": 50},
          RESPONSES: {"input": "hi"}}
OTHER = {CHAT: ("ant", MESSAGES), MESSAGES: ("oai", CHAT), RESPONSES: ("ant", MESSAGES)}
TERMINAL = {CHAT: b"data: [DONE]\n\n",
            MESSAGES: b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
            RESPONSES: b"data: [DONE]\n\n"}
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture(scope="module")
def mock(binary, place):
    """It logs what it is asked."""
    m = bed.Mock(binary, place, "--log-bodies")
    yield m
    m.stop()


def ask(gateway, path, name, **more):
    return gateway.ask(path, {"model": f"{OTHER[path][0]}/{name}", **BODIES[path], **more})


def events(answer):
    """The data of all events."""
    lines = [line[6:] for line in answer.text.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def streamed_text(path, answer):
    if path == CHAT:
        deltas = [c["delta"] for e in events(answer) for c in e.get("choices", [])]
        return "".join(d.get("content") or "" for d in deltas)
    if path == RESPONSES:
        return "".join(e["delta"] for e in events(answer)
                       if e["type"] == "response.output_text.delta")
    return "".join(e["delta"].get("text", "") for e in events(answer)
                   if e["type"] == "content_block_delta")


def whole_text(path, answer):
    body = answer.json()
    if path == CHAT:
        return body["choices"][0]["message"]["content"]
    if path == RESPONSES:
        assert (body["object"], body["status"], body["store"]) == ("response", "completed", False)
        return "".join(part["text"] for item in body["output"] for part in item["content"])
    return "".join(block["text"] for block in body["content"])


@pytest.mark.parametrize("path", (CHAT, MESSAGES, RESPONSES))
@pytest.mark.parametrize("stream", (True, False), ids=("sse", "json"))
def test_text_arrives(gateway, mock, path, stream):
    """The same words as from a target of its own dialect, under the client's name of the model, with
    tokens in the record."""
    answer = ask(gateway, path, "words;tokens=40", **({"stream": True} if stream else {}))
    assert answer.status == 200 and answer.end == "whole"
    text = streamed_text(path, answer) if stream else whole_text(path, answer)
    assert text == "".join(f"w{n:06} " for n in range(40))
    assert (TERMINAL[path].rstrip() in answer.text.rstrip().split(b"\n\n")[-1]) == stream
    assert answer["x-lamplighter-target"] == f"{OTHER[path][0]}/words;tokens=40"
    names = set(re.findall(rb'"model":"([^"]*)"', answer.text))
    assert names == {f"{OTHER[path][0]}/words;tokens=40".encode()}
    seen = mock.requests("words")[-1]
    assert seen["path"] == OTHER[path][1]
    record = gateway.record(answer)
    assert (record["outcome"], record["status"], record["attempts"]) == ("full", 200, 1)
    assert record["tokens_out"] > 0 and record["tokens_in"] > 0


def call_of_chat(answer):
    message = answer.json()["choices"][0]
    assert message["finish_reason"] == "tool_calls"
    call = message["message"]["tool_calls"][0]
    return call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])


def call_of_messages(answer):
    body = answer.json()
    assert body["stop_reason"] == "tool_use"
    block = next(b for b in body["content"] if b["type"] == "tool_use")
    return block["id"], block["name"], block["input"]


def test_a_tool_is_called_and_answered_from_chat(gateway, mock):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": TOOL}}]
    answer = ask(gateway, CHAT, "loop;tool=1", tools=tools, tool_choice="required")
    call, name, _ = call_of_chat(answer)
    assert name == "weather"
    sent = json.loads(mock.requests("loop")[-1]["body"])
    assert sent["tools"] == [{"name": "weather", "input_schema": TOOL}]
    assert sent["tool_choice"] == {"type": "any"}
    turn = [*HELLO, answer.json()["choices"][0]["message"],
            {"role": "tool", "tool_call_id": call, "content": "21 C"}]
    again = ask(gateway, CHAT, "loop", tools=tools, messages=turn)
    assert again.status == 200
    sent = json.loads(mock.requests("loop")[-1]["body"])
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "user"]
    used, result = sent["messages"][1]["content"][-1], sent["messages"][2]["content"][0]
    assert (used["type"], used["id"], used["name"]) == ("tool_use", call, "weather")
    assert (result["type"], result["tool_use_id"]) == ("tool_result", call)


def test_a_tool_is_called_and_answered_from_messages(gateway, mock):
    tools = [{"name": "weather", "input_schema": TOOL}]
    answer = ask(gateway, MESSAGES, "loop2;tool=1", tools=tools, tool_choice={"type": "any"})
    call, name, _ = call_of_messages(answer)
    assert name == "weather"
    sent = json.loads(mock.requests("loop2")[-1]["body"])
    assert sent["tools"] == [{"type": "function",
                              "function": {"name": "weather", "parameters": TOOL}}]
    assert sent["tool_choice"] == "required"
    result = {"type": "tool_result", "tool_use_id": call, "content": "21 C"}
    turn = [*HELLO, {"role": "assistant", "content": answer.json()["content"]},
            {"role": "user", "content": [result]}]
    again = ask(gateway, MESSAGES, "loop2", tools=tools, messages=turn)
    assert again.status == 200
    sent = json.loads(mock.requests("loop2")[-1]["body"])
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "tool"]
    assert sent["messages"][1]["tool_calls"][0]["id"] == call
    assert sent["messages"][2] == {"role": "tool", "tool_call_id": call, "content": "21 C"}


def test_a_tool_is_called_and_answered_from_responses(gateway, mock):
    tools = [{"type": "namespace", "name": "sky", "description": "d",
              "tools": [{"type": "function", "name": "weather", "parameters": TOOL}]}]
    answer = ask(gateway, RESPONSES, "loop3;tool=1", tools=tools, tool_choice="required")
    (call,) = answer.json()["output"]
    assert (call["type"], call["namespace"], call["name"]) == ("function_call", "sky", "weather")
    sent = json.loads(mock.requests("loop3")[-1]["body"])
    assert sent["tools"] == [{"name": "sky__weather", "input_schema": TOOL}]
    assert sent["tool_choice"] == {"type": "any"}
    turn = [*HELLO, call, {"type": "function_call_output", "call_id": call["call_id"],
                           "output": "21 C"}]
    again = ask(gateway, RESPONSES, "loop3", tools=tools, input=turn)
    assert again.status == 200
    sent = json.loads(mock.requests("loop3")[-1]["body"])
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "user"]
    used, result = sent["messages"][1]["content"][-1], sent["messages"][2]["content"][0]
    assert (used["type"], used["id"], used["name"]) == ("tool_use", call["call_id"],
                                                        "sky__weather")
    assert (result["type"], result["tool_use_id"]) == ("tool_result", call["call_id"])


@pytest.mark.parametrize("stream", (True, False), ids=("sse", "json"))
def test_a_limit_makes_a_response_incomplete(gateway, stream):
    answer = ask(gateway, RESPONSES, "long;tokens=200", max_output_tokens=20, stream=stream)
    assert answer.status == 200 and answer.end == "whole"
    last = events(answer)[-1]["response"] if stream else answer.json()
    if stream:
        assert [e["sequence_number"] for e in events(answer)] == list(range(len(events(answer))))
        assert events(answer)[-1]["type"] == "response.incomplete"
    assert (last["status"], last["incomplete_details"]) == ("incomplete",
                                                            {"reason": "max_output_tokens"})
    assert last["output"][-1]["status"] == "incomplete"
    assert last["usage"]["total_tokens"] > 20


def test_what_a_provider_keeps_is_not_gone_on_with_elsewhere(gateway, mock):
    answer = ask(gateway, RESPONSES, "kept", previous_response_id="resp_1")
    assert answer.status == 400 and answer["x-lamplighter-reason"] == "cannot-say"
    assert not mock.requests("kept")
    answer = ask(gateway, RESPONSES, "stored", store=True)
    assert answer.status == 200 and answer["x-lamplighter-dropped"] == "store"
    assert answer.json()["store"] is False


@pytest.mark.parametrize("path", (CHAT, MESSAGES, RESPONSES))
@pytest.mark.parametrize("fault", ("cut;at=6", "cut;at=6;how=rst", "cut;at=6;how=chunk-end",
                                   "malformed;at=6", "error-event;at=6"))
def test_a_broken_answer_is_never_whole(gateway, path, fault):
    """An error event of the client's dialect, no terminal, an unclean end."""
    answer = ask(gateway, path, f"broken;tokens=20;fault={fault}", stream=True)
    assert answer.status == 200 and answer.end == "cut"
    for terminal in (TERMINAL[path], b"event: message_stop", b"event: response.completed"):
        assert terminal not in answer.text
    assert b"event: response.incomplete" not in answer.text
    last = events(answer)[-1]
    assert "error" in last
    assert not any(e.get("type") == "message_delta" for e in events(answer))
    assert not any(c["finish_reason"] for e in events(answer) for c in e.get("choices", []))
    assert gateway.record(answer)["outcome"] == "failed"


def test_a_break_inside_of_a_long_event_is_told_cleanly(gateway):
    """Nothing of it was handed on, so nothing has to be ended before the error event."""
    answer = ask(gateway, CHAT, "long;event-size=60000;tokens=3;fault=cut;at-byte=40000",
                 stream=True)
    assert answer.status == 200 and answer.end == "cut"
    assert "error" in events(answer)[-1] and b"\n\n\n" not in answer.text


@pytest.mark.parametrize("stream", (True, False))
def test_a_tool_is_called_by_the_clients_name(gateway, mock, stream):
    """Also where the target cannot have that name."""
    tools = [{"type": "function", "function": {"name": "weather.now", "parameters": TOOL}}]
    answer = ask(gateway, CHAT, "named-tool;tool=1", tools=tools, tool_choice="required",
                 stream=stream)
    sent = json.loads(mock.requests("named-tool")[-1]["body"])["tools"][0]["name"]
    assert sent != "weather.now" and re.fullmatch(r"[A-Za-z0-9_-]+", sent)
    assert b'"name":"weather.now"' in answer.text and sent.encode() not in answer.text


@pytest.mark.parametrize("path", (CHAT, MESSAGES, RESPONSES))
def test_an_error_is_said_in_the_clients_dialect(gateway, path):
    answer = ask(gateway, path, "no;kind=invalid_request_error")
    assert answer.status == 400
    error = answer.json()["error"]
    assert "message" in error and "type" in error
    assert (answer.json().get("type") == "error") == (path == MESSAGES)


def test_what_is_left_out_is_named(gateway):
    answer = ask(gateway, CHAT, "dropped", seed=7, frequency_penalty=0.5, shiny=True)
    assert answer.status == 200
    assert answer["x-lamplighter-dropped"] == "penalties, seed, shiny"
    assert gateway.record(answer)["dropped"] == "penalties, seed, shiny"
    assert answer["x-lamplighter-approximated"] is None


PAGE = {"type": "page_location", "cited_text": "c", "document_index": 0, "document_title": None,
        "start_page_number": 1, "end_page_number": 2}
CITED = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
         "usage": {"input_tokens": 1, "output_tokens": 1}}
CITED_EVENTS = (
    {"type": "message_start", "message": {**CITED, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "t"}},
    {"type": "content_block_delta", "index": 0,
     "delta": {"type": "citations_delta", "citation": PAGE}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"})


def cited(request):
    """Claude's answer about a document."""
    if json.loads(request.body).get("stream"):
        lines = (f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in CITED_EVENTS)
        return peers.answer(200, "".join(lines).encode(), kind="text/event-stream")
    text = {"type": "text", "text": "t", "citations": [PAGE]}
    return peers.answer(200, {**CITED, "content": [text]})


@pytest.mark.parametrize("stream", (True, False), ids=("sse", "json"))
def test_what_an_answer_loses_is_named(binary, tmp_path, stream):
    """In the header where the whole answer is known before it, and in the record at any rate."""
    with peers.Provider(cited) as provider:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"ant": {"type": "anthropic", "endpoints": provider.url(),
                                     "private": True, "key": "env:OAI_KEY"}}
        gateway = bed.Gateway(binary, tmp_path, conf, env=bed.KEYS)
        try:
            answer = gateway.ask(CHAT, {"model": "ant/m", "messages": HELLO, "stream": stream})
            assert answer.status == 200
            assert answer["x-lamplighter-dropped"] == (None if stream else "citations")
            record = gateway.record(answer)
            assert (record["outcome"], record["dropped"]) == ("full", "citations")
        finally:
            gateway.stop()


def test_what_is_said_in_other_words_is_named(gateway):
    """And only that: what arrives as it was said is named nowhere."""
    messages = [*HELLO, {"role": "developer", "content": "be brief"}]
    answer = ask(gateway, CHAT, "nearly", messages=messages, temperature=1.5, top_p=0.5,
                 service_tier="priority", parallel_tool_calls=True)
    assert answer.status == 200 and answer["x-lamplighter-dropped"] is None
    names = "developer, system-later, temperature, service-tier"
    assert answer["x-lamplighter-approximated"] == names
    record = gateway.record(answer)
    assert record["approximated"] == names and "dropped" not in record
    answer = ask(gateway, CHAT, "same", temperature=1, top_p=0.5, service_tier="auto")
    assert answer.status == 200 and answer["x-lamplighter-approximated"] is None


def test_what_cannot_be_left_out_is_refused(gateway, mock):
    answer = ask(gateway, CHAT, "several", n=2)
    assert answer.status == 400 and answer["x-lamplighter-reason"] == "cannot-say"
    assert "Several answers to one request" in answer.json()["error"]["message"]
    assert not mock.requests("several")


def test_a_bound_above_what_the_model_answers_is_that(gateway, mock):
    answer = ask(gateway, MESSAGES, "gpt-4o-above", max_tokens=32000)
    assert answer.status == 200 and answer["x-lamplighter-approximated"] == "max-tokens"
    assert json.loads(mock.requests("gpt-4o-above")[-1]["body"])["max_completion_tokens"] == 16384
    assert gateway.record(answer)["approximated"] == "max-tokens"


THINKS = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
CALLS = {"tools": [{"name": "f", "input_schema": TOOL}]}
SHEET = [{"role": "user", "content": [{"type": "document", "source": {
    "type": "url", "url": "https://example.com/a.pdf"}}]}]


@pytest.mark.parametrize("model, more, path", [
    ("oai/gpt-5.4-a", {**THINKS, **CALLS}, RESPONSES),
    ("oai/gpt-5.4-b", CALLS, CHAT),
    ("oai/gpt-5.4-c", THINKS, CHAT),
    ("oai/gpt-5.6-a", CALLS, RESPONSES),
    ("oai/gpt-5.1-codex-a", {}, RESPONSES),
    ("oai/gpt-5.4-d", {"messages": SHEET}, RESPONSES),
    ("gen/gpt-5.4-e", {**THINKS, **CALLS}, CHAT),
])
@pytest.mark.parametrize("stream", (True, False), ids=("sse", "json"))
def test_openai_is_asked_by_the_api_that_takes_it(gateway, mock, model, more, path, stream):
    """Its newer models call tools while they think by Responses alone, some models are only there,
    and some documents; those who copied the first API need not have the second."""
    body = {"model": f"{model}{stream}", **BODIES[MESSAGES], "max_tokens": 4000, **more}
    answer = gateway.ask(MESSAGES, {**body, **({"stream": True} if stream else {})})
    assert answer.status == 200 and answer.end == "whole"
    assert (streamed_text if stream else whole_text)(MESSAGES, answer)
    assert mock.requests(f"{model[4:]}{stream}")[-1]["path"] == path
    assert gateway.record(answer)["outcome"] == "full"


def test_a_model_that_only_responses_has_serves_chats_clients(gateway, mock):
    answer = gateway.ask(CHAT, {"model": "oai/gpt-5-codex-chat", "messages": HELLO})
    assert answer.status == 200 and whole_text(CHAT, answer)
    assert mock.requests("gpt-5-codex-chat")[-1]["path"] == RESPONSES


def test_why_the_first_api_cannot_is_told(gateway, mock):
    """Neither can: the hint is about the one that others would be asked by."""
    answer = gateway.ask(MESSAGES, {"model": "oai/gpt-5.4-neither", **BODIES[MESSAGES], **THINKS,
                                    "max_tokens": 4000,
                                    "tools": [*CALLS["tools"], {"type": "web_search_20250305",
                                                                "name": "web_search"}]})
    assert answer.status == 400 and answer["x-lamplighter-reason"] == "cannot-say"
    assert "provider-tool" in answer.json()["error"]["message"]
    assert not mock.requests("gpt-5.4-neither")


def test_a_target_that_can_is_asked_instead(start, mock):
    conf = bed.basic(mock.addr)
    conf["models"] = {"both": {"targets": ["ant/first", "oai/second"]}}
    g = start(bed.Gateway, conf, env=bed.KEYS)
    table = {"type": "file", "file": {"filename": "t.xlsx",
                                      "file_data": "data:application/vnd.ms-excel;base64,AAAA"}}
    # n: no word for it; table: no place for it; new: what the gateway itself cannot read
    new = {"role": "user", "content": [{"type": "hologram", "hologram": {}}]}
    for more, target in (({}, "ant/first"), ({"n": 2}, "oai/second"),
                         ({"messages": [{"role": "user", "content": [table]}]}, "oai/second"),
                         ({"messages": [new]}, "oai/second"),
                         ({"tool_choice": {"type": "new"}}, "oai/second")):
        answer = g.ask(CHAT, {"model": "both", "messages": HELLO, **more})
        assert answer.status == 200 and answer["x-lamplighter-target"] == target


def test_without_room_to_translate_a_target_of_the_dialect_is_asked(start, mock):
    conf = bed.basic(mock.addr, workers=1, limits={"translation": "16MiB"})
    conf["models"] = {"both": {"targets": ["ant/first", "oai/second"]}}
    g = start(bed.Gateway, conf, env=bed.KEYS)
    for size, target in ((BODY_MOST, "ant/first"), (BODY_MOST + 1, "oai/second")):
        answer = g.ask(CHAT, large("both", size))
        assert answer.status == 200 and answer["x-lamplighter-target"] == target


def schema_of(required, **more):
    return {"type": "object", "properties": {"city": {"type": "string", **more}},
            "required": required}


def format_of(path, schema, **more):
    """How a client asks for an answer that is JSON of a schema."""
    if path == RESPONSES:
        return {"text": {"format": {"type": "json_schema", "name": "s", "schema": schema, **more}}}
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def test_a_schema_that_holds_at_claude_is_strict_at_openai(gateway, mock):
    """Closed where it was open; a strict tool likewise."""
    tool = {"name": "f", "input_schema": TOOL, "strict": True}
    answer = ask(gateway, MESSAGES, "strict", tools=[tool],
                 **format_of(MESSAGES, schema_of(["city"])))
    assert answer.status == 200 and answer["x-lamplighter-approximated"] is None
    sent = json.loads(mock.requests("strict")[-1]["body"])
    closed = {**schema_of(["city"]), "additionalProperties": False}
    assert sent["response_format"]["json_schema"] == {"name": "answer", "schema": closed,
                                                      "strict": True}
    assert sent["tools"][0]["function"] == {"name": "f", "parameters": closed, "strict": True}


def test_a_tool_that_cannot_be_strict_is_named(gateway, mock):
    tool = {"name": "f", "input_schema": schema_of([]), "strict": True}
    answer = ask(gateway, MESSAGES, "loose", tools=[tool])
    assert answer.status == 200 and answer["x-lamplighter-dropped"] == "tool-strict"
    sent = json.loads(mock.requests("loose")[-1]["body"])
    assert sent["tools"][0]["function"] == {"name": "f", "parameters": schema_of([]),
                                            "strict": False}


@pytest.fixture(scope="module")
def held(binary, place, mock):
    """Targets that hold to schemas by rules of their own, and one more behind each."""
    conf = bed.basic(mock.addr)
    conf["providers"]["goo"] = bed.provider("gemini", mock.addr, path="", key="env:GOO_KEY")
    conf["models"] = {"oai-ant": {"targets": ["oai/held-o", "ant/held-a"]},
                      "goo-oai": {"targets": ["goo/held-g", "oai/held-o"]}}
    g = bed.Gateway(binary, place, conf, name="held", env={**bed.KEYS, "GOO_KEY": "k"})
    yield g
    g.stop()


@pytest.mark.parametrize("path, model, schema, more, target", [
    (MESSAGES, "oai-ant", schema_of(["city"]), {}, "oai/held-o"),
    (MESSAGES, "oai-ant", schema_of([], type=["string", "null"]), {}, "oai/held-o"),
    (MESSAGES, "oai-ant", schema_of([]), {}, "ant/held-a"),
    (RESPONSES, "goo-oai", schema_of(["city"]), {"strict": True}, "goo/held-g"),
    (RESPONSES, "goo-oai", schema_of(["city"], pattern="^a"), {"strict": True}, "oai/held-o"),
    (RESPONSES, "goo-oai", schema_of(["city"], pattern="^a"), {}, "goo/held-g"),
])
def test_a_target_that_holds_to_the_schema_is_asked(held, path, model, schema, more, target):
    answer = held.ask(path, {"model": model, **BODIES[path], **format_of(path, schema, **more)})
    assert answer.status == 200 and answer["x-lamplighter-target"] == target


def test_a_schema_that_nobody_holds_to_is_told_by_its_place(held, mock):
    for path, model, schema, where in (
            (MESSAGES, "oai/alone", schema_of([]), b"schema.properties.city: it may be left out"),
            (RESPONSES, "goo/alone", schema_of(["city"], minLength=1),
             b"schema.properties.city.minLength: Gemini takes no notice of this")):
        answer = held.ask(path, {"model": model, **BODIES[path],
                                 **format_of(path, schema, strict=True)})
        assert answer.status == 400 and answer["x-lamplighter-reason"] == "cannot-say"
        assert where in answer.text
    assert not mock.requests("alone")


def test_gemini_takes_no_notice_of_a_keyword_and_that_is_named(held, mock):
    """Where the client's own API would not hold to it either."""
    schema = schema_of(["city"], pattern="^a")
    answer = held.ask(RESPONSES, {"model": "goo/nearly", **BODIES[RESPONSES],
                                  **format_of(RESPONSES, schema)})
    assert answer.status == 200 and answer["x-lamplighter-approximated"] == "json-schema"
    sent = json.loads(mock.requests("nearly")[-1]["body"])
    assert sent["generationConfig"]["responseJsonSchema"] == schema


@pytest.mark.parametrize("path, body, where", [
    (CHAT, {"messages": [{"role": "root", "content": "x"}]}, "messages[0].role"),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
     "messages[0].content[0]"),
    (CHAT, {"messages": HELLO, "temperature": "hot"}, "temperature"),
    (RESPONSES, {"input": [{"role": "user", "content": [{"type": "hologram"}]}]},
     "input[0].content[0].type"),
    (RESPONSES, {"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]},
     "input[0].call_id"),
    (MESSAGES, {"messages": [{"role": "user", "content": [{"type": "hologram"}]}],
                "max_tokens": 5}, "messages[0].content[0].type"),
])
def test_a_wrong_request_is_told_its_place(gateway, mock, path, body, where):
    answer = gateway.ask(path, {"model": f"{OTHER[path][0]}/wrong", **body})
    assert answer.status == 400
    assert where in answer.json()["error"]["message"]
    assert not mock.requests("wrong")


@pytest.mark.parametrize("n", (1, 6, 40, 80))
def test_more_names_than_there_is_room_for_are_counted(gateway, n):
    """Whole names, then how many more; in the header and, of less room, in the log."""
    answer = ask(gateway, CHAT, "many", **{f"unknown_{i:02}": 1 for i in range(n)})
    assert answer.status == 200
    lists = [answer["x-lamplighter-dropped"], gateway.record(answer)["dropped"]]
    for text, most in zip(lists, (1024, 95)):
        names = text.split(", ")
        more = re.fullmatch(r"and (\d+) more", names[-1])
        named = names[:-1] if more else names
        assert named == [f"unknown_{i:02}" for i in range(len(named))] and named
        assert len(named) + (int(more[1]) if more else 0) == n and len(text) <= most
        assert not more or len(text) > most - 60 or len(named) == 64


@pytest.mark.parametrize("key, name", [("x\r\nset-cookie: a=b", "x??set-cookie: a=b"),
                                       ("\u00e9", "??"), ("\0x", "?x")])
def test_a_dropped_key_may_have_any_name(gateway, key, name):
    """It cannot break out of the header that names it, nor cost the answer."""
    answer = ask(gateway, CHAT, "named", **{key: 1})
    assert answer.status == 200 and answer["set-cookie"] is None
    assert answer["x-lamplighter-dropped"] == name


def test_long_lists_take_no_long_time(gateway, mock):
    """400,000 stop texts, and 20,000 results of 1,000 calls: a turn, and not five seconds."""
    calls = [{"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
             for n in range(1000)]
    results = [{"role": "tool", "tool_call_id": f"c{n % 1000}", "content": "r"}
               for n in range(20000)]
    stops = ask(gateway, CHAT, "stops", stop=["x"] * 400000)
    tools = ask(gateway, CHAT, "results",
                messages=[*HELLO, {"role": "assistant", "tool_calls": calls}, *results])
    assert (stops.status, tools.status) == (200, 200)
    assert "silent" not in gateway.said()


MIB = 1 << 20
BODY_MOST = (16 * MIB - 64 * 1024) // 15  # of what a limit of 16 MiB lets be translated


def large(model, size, **more):
    """A chat request of that many bytes."""
    body = {"model": model, "messages": [{"role": "user", "content": "@"}], **more}
    text = json.dumps(body)
    return text.replace("@", "z" * (size - len(text) + 1)).encode()


def test_memory_of_translation_is_bounded(start, mock):
    """At the bound a body is translated; past it, it is refused, alone or because of others."""
    conf = bed.basic(mock.addr, workers=1, limits={"translation": "16MiB"})
    g = start(bed.Gateway, conf, env=bed.KEYS)
    assert g.ask(CHAT, large("ant/most", BODY_MOST)).status == 200
    answer = g.ask(CHAT, large("ant/more", BODY_MOST + 1))
    assert answer.status == 413 and b"server.limits.translation" in answer.text
    assert g.ask(CHAT, large("gen/own", BODY_MOST + 1)).status == 200  # nothing to translate
    with wire.Conn(g.addr) as conn:
        slow = large("ant/slow;tokens=3;gap=300ms", BODY_MOST // 2, stream=True)
        conn.send(wire.request("POST", CHAT, slow))
        conn.read(until=lambda reader: b"w000000" in reader.body)
        answer = g.ask(CHAT, large("ant/beside", BODY_MOST))
        assert answer.status == 503 and answer["retry-after"] == "1"
        assert g.ask(CHAT, large("ant/small", BODY_MOST // 4)).status == 200
        bed.wait_for(lambda: g.ask(CHAT, large("ant/after", BODY_MOST)).status == 200)
    assert not mock.requests("more") and not mock.requests("beside")


@pytest.mark.parametrize("provider, key", [("oai", "max_completion_tokens"), ("gen", "max_tokens")])
def test_a_request_is_the_targets_own(gateway, mock, provider, key):
    """No field that only the client's API has, and the bound as the target calls it."""
    answer = gateway.ask(MESSAGES, {"model": f"{provider}/own", **BODIES[MESSAGES]},
                         {"anthropic-version": "2023-06-01", "anthropic-beta": "b"})
    assert answer.status == 200
    seen = mock.requests("own")[-1]
    assert not [name for name in dict(seen["headers"]) if name.startswith("anthropic-")]
    body = json.loads(seen["body"])
    assert body[key] == 50 and len([k for k in body if "max" in k]) == 1


@pytest.mark.parametrize("model, most", [("bound", 8192), ("claude-3-opus-bound", 4096)])
def test_a_bound_that_must_be_is_given(gateway, mock, model, most):
    answer = gateway.ask(CHAT, {"model": f"ant/{model}", **BODIES[CHAT]}, {"openai-beta": "b"})
    assert answer.status == 200 and answer["x-lamplighter-approximated"] is None
    seen = mock.requests(model)[-1]
    assert json.loads(seen["body"])["max_tokens"] == most
    headers = dict(seen["headers"])
    assert "openai-beta" not in headers and headers["anthropic-version"] == "2023-06-01"
