"""Amazon Bedrock as a target: its binary streams reach clients of other dialects as their own; what
breaks in them is never a whole answer; Claude is asked in its own API."""
import json

import pytest

import bed
import fake_bedrock

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
RESPONSES = "/v1/responses"
HELLO = [{"role": "user", "content": "hi"}]
BODIES = {CHAT: {"messages": HELLO}, MESSAGES: {"messages": HELLO, "max_tokens": 50},
          RESPONSES: {"input": "hi"}}
TERMINAL = {CHAT: b"data: [DONE]", MESSAGES: b"event: message_stop",
            RESPONSES: b"event: response.completed"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TEXT = "".join(fake_bedrock.WORDS)
BROKEN = ("cut", "between", "crc", "prelude", "exception")


@pytest.fixture(scope="module")
def bedrock():
    b = fake_bedrock.Bedrock()
    yield b
    b.stop()


@pytest.fixture(scope="module")
def gate(binary, place, mock, bedrock):
    conf = bed.basic(mock.addr)
    conf["providers"]["aws"] = bed.provider("bedrock", bedrock.addr, path="", key="env:AWS_KEY")
    conf["models"] = {"haiku": {"targets": ["aws/us.anthropic.claude-haiku-4-5-v1:0"]}}
    g = bed.Gateway(binary, place, conf, name="aws", env={**bed.KEYS, "AWS_KEY": "bedrock-api-key"})
    yield g
    g.stop()


def ask(gate, path, model, stream=True, **more):
    body = {"model": f"aws/{model}", **BODIES[path], **({"stream": True} if stream else {}), **more}
    return gate.ask(path, body)


def events(answer):
    lines = [line[6:] for line in answer.text.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def chat_parts(answer):
    """Text, arguments of the call, its name, and how it ended."""
    text, args, name, finish = "", "", None, None
    for choice in (c for e in events(answer) for c in e.get("choices", [])):
        text += choice["delta"].get("content") or ""
        for call in choice["delta"].get("tool_calls", []):
            name = call["function"].get("name") or name
            args += call["function"].get("arguments", "")
        finish = choice["finish_reason"] or finish
    return text, args, name, finish


def messages_parts(answer):
    text, args, name, finish = "", "", None, None
    for e in events(answer):
        text += e.get("delta", {}).get("text", "")
        args += e.get("delta", {}).get("partial_json", "")
        name = e.get("content_block", {}).get("name", name)
        finish = e.get("delta", {}).get("stop_reason", finish)
    return text, args, name, finish


PARTS = {CHAT: (chat_parts, "tool_calls"), MESSAGES: (messages_parts, "tool_use")}


@pytest.mark.parametrize("way", ("tool", "pieces", "unmeasured"))
@pytest.mark.parametrize("path", PARTS)
def test_a_stream_with_a_call_arrives(gate, bedrock, path, way):
    """Text, thinking and call, the arguments to the byte, however the frames were cut; the usage
    may be missing, the answer is whole without it."""
    answer = ask(gate, path, f"us.amazon.nova-2:0-{way}")
    assert (answer.status, answer.end) == (200, "whole")
    assert answer["content-type"] == "text/event-stream"
    read, stop = PARTS[path]
    assert read(answer) == (TEXT, json.dumps(fake_bedrock.TOOL_INPUT), "weather", stop)
    assert TERMINAL[path] in answer.text.rstrip().split(b"\n\n")[-1]
    assert bedrock.asked()["path"] == f"/model/us.amazon.nova-2%3A0-{way}/converse-stream"
    assert bedrock.asked()["headers"]["authorization"] == "Bearer bedrock-api-key"
    record = gate.record(answer)
    assert (record["outcome"], record["status"]) == ("full", 200)
    if way != "unmeasured":
        assert (record["tokens_in"], record["tokens_out"]) == (17, 22)


@pytest.mark.parametrize("path", PARTS)
def test_a_whole_answer_with_a_call_arrives(gate, bedrock, path):
    answer = ask(gate, path, "us.amazon.nova-2", stream=False)
    assert (answer.status, answer.end) == (200, "whole")
    body = answer.json()
    if path == CHAT:
        call = body["choices"][0]["message"]["tool_calls"][0]
        assert body["choices"][0]["message"]["content"] == TEXT
        assert call["function"] == {"name": "weather",
                                    "arguments": json.dumps(fake_bedrock.TOOL_INPUT,
                                                            separators=(",", ":"))}
        assert body["usage"]["prompt_tokens"] == 17
    else:
        assert body["content"][0]["text"] == TEXT
        assert body["content"][1]["input"] == fake_bedrock.TOOL_INPUT
        assert body["usage"]["input_tokens"] == 10
    assert bedrock.asked()["path"] == "/model/us.amazon.nova-2/converse"


def test_a_message_longer_than_the_window_arrives(gate):
    """It is gathered until its checksum has come, and nobody waits for room meanwhile."""
    answer = ask(gate, CHAT, "us.amazon.nova-2-long")
    assert answer.end == "whole" and chat_parts(answer)[0] == fake_bedrock.LONG


@pytest.mark.parametrize("way", BROKEN)
@pytest.mark.parametrize("path", (CHAT, MESSAGES, RESPONSES))
def test_a_broken_stream_is_never_whole(gate, path, way):
    """What was whole has been handed on, then comes the client's own error, and an unclean end."""
    answer = ask(gate, path, f"us.amazon.nova-2-{way}")
    assert answer.status == 200 and answer.end == "cut"
    assert TERMINAL[path] not in answer.text and b"w0 " in answer.text
    assert b"error" in answer.text.rstrip().split(b"\n\n")[-1]
    record = gate.record(answer)
    assert record["outcome"] == "failed"
    assert record["reason"] == {"crc": "junk", "prelude": "junk",
                                "exception": "upstream-error"}.get(way, "truncated")


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_stream_of_claudes_is_never_whole(gate, way):
    answer = ask(gate, MESSAGES, f"us.anthropic.claude-haiku-4-5-{way}")
    assert answer.status == 200 and answer.end == "cut"
    assert TERMINAL[MESSAGES] not in answer.text and b"w0 " in answer.text
    assert events(answer)[-1]["type"] == "error"
    assert gate.record(answer)["outcome"] == "failed"


def test_an_exception_at_once_has_a_status(gate):
    answer = ask(gate, CHAT, "us.amazon.nova-2-throttled")
    assert answer.status == 429 and answer.json()["error"]["message"]
    assert gate.record(answer)["class"] == "rate"


@pytest.mark.parametrize("way, status, name", [("busy", 429, "rate"), ("cold", 429, "overload"),
                                               ("denied", 502, "credential"),
                                               ("toolong", 400, "too-long")])
def test_refusals_have_the_class_that_their_head_names(gate, way, status, name):
    answer = ask(gate, CHAT, f"us.amazon.nova-2-{way}")
    assert answer.status == status, answer.text
    assert gate.record(answer)["class"] == name


def test_claude_is_asked_in_its_own_api(gate, bedrock):
    """The events are Claude's own; the request is the client's, but for what the cloud has apart."""
    body = {"max_tokens": 50, "messages": HELLO, "extra": {"n": 9007199254740993}}
    raw = json.dumps({"model": "haiku", "stream": True, **body}, indent=1)
    answer = gate.ask(MESSAGES, raw.encode(), {"content-type": "application/json",
                                               "accept": "text/event-stream",
                                               "anthropic-version": "2023-06-01",
                                               "anthropic-beta": "one-2025-01-01, two"})
    assert (answer.status, answer.end) == (200, "whole")
    assert answer["content-type"] == "text/event-stream"
    want = fake_bedrock.messages()
    want[0] = {"type": "message_start", "message": {**fake_bedrock.MESSAGE, "model": "haiku"}}
    assert events(answer) == want
    names = [line for line in answer.text.split(b"\n") if line.startswith(b"event: ")]
    assert names == [f"event: {e['type']}".encode() for e in want]
    seen = bedrock.asked()
    assert seen["path"] == ("/model/us.anthropic.claude-haiku-4-5-v1%3A0/"
                            "invoke-with-response-stream")
    assert seen["text"] == raw.replace(
        '"model": "haiku"', '"anthropic_version":"bedrock-2023-05-31",'
        '"anthropic_beta":["one-2025-01-01","two"]').replace(',\n "stream": true', "")
    assert not {name for name in seen["headers"] if name.startswith(("anthropic", "accept"))
                } - {"accept-encoding"}
    assert gate.record(answer)["tokens_out"] == 22


@pytest.mark.parametrize("text, want", [
    ('{"stream":true,"model":"haiku","max_tokens":1,"messages":[]}',
     '{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"messages":[]}'),
    ('{ "stream" : false , "model" : "haiku" , "messages": []}',
     '{ "anthropic_version":"bedrock-2023-05-31" , "messages": []}'),
    ('{"messages":[],"model":"haiku"\n,\n"stream"\t:\r\n null}',
     '{"messages":[],"anthropic_version":"bedrock-2023-05-31"\n}'),
    ('{"model":"haiku"}', '{"anthropic_version":"bedrock-2023-05-31"}'),
])
def test_a_body_for_the_cloud_is_patched_wherever_its_members_stand(gate, bedrock, text, want):
    gate.ask(MESSAGES, text.encode(), {"content-type": "application/json"})
    seen = bedrock.asked()["text"]
    assert json.loads(seen) == json.loads(want)
    assert seen.replace(" ", "") == want.replace(" ", "")


def test_claude_is_asked_in_its_own_api_from_chat(gate, bedrock):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    answer = ask(gate, CHAT, "us.anthropic.claude-haiku-4-5", tools=tools)
    assert answer.end == "whole" and chat_parts(answer) == (TEXT, "", None, "stop")
    seen = bedrock.asked()
    assert seen["path"].endswith("/invoke-with-response-stream")
    assert seen["body"]["anthropic_version"] == "bedrock-2023-05-31"
    assert "model" not in seen["body"] and "stream" not in seen["body"]
    assert seen["body"]["tools"] == [{"name": "weather", "input_schema": SCHEMA}]


def test_what_is_asked_of_converse(gate, bedrock):
    turn = [{"role": "system", "content": "be kind"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
            {"role": "assistant", "tool_calls": [
                {"id": "call_1", "type": "function",
                 "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "21 C"}]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    answer = ask(gate, CHAT, "us.amazon.nova-2", messages=turn, tools=tools, stop=["END"],
                 tool_choice="required", temperature=0.5, max_completion_tokens=9, seed=4)
    assert answer.status == 200 and answer["x-lamplighter-dropped"] == "seed"
    assert bedrock.asked()["body"] == {
        "system": [{"text": "be kind"}],
        "messages": [
            {"role": "user", "content": [
                {"text": "look"}, {"image": {"format": "png", "source": {"bytes": "aGk="}}}]},
            {"role": "assistant", "content": [
                {"toolUse": {"toolUseId": "call_1", "name": "weather",
                             "input": {"city": "Paris"}}}]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "call_1", "content": [{"text": "21 C"}]}}]}],
        "toolConfig": {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}],
                       "toolChoice": {"any": {}}},
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "stopSequences": ["END"]}}


def test_what_converse_cannot_say_is_refused(gate):
    url = [{"role": "user", "content": [{"type": "image_url",
                                         "image_url": {"url": "https://example.com/a.png"}}]}]
    answer = ask(gate, CHAT, "us.amazon.nova-2", messages=url)
    assert answer.status == 400 and answer["x-lamplighter-reason"] == "cannot-say"
