"""Every Python SDK before a target of every dialect: the same questions, the same answers.

A driver says in its SDK's words what all are asked: a question, streamed or not; a tool in a loop of
two turns; two tools at once; an image; an answer that fits a schema; thinking; and a request that is
refused. What is expected is the same in every cell, and what the target was told is looked at in the
mock's own log.
"""
import base64
import json

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types as google

import serving

TEXT = "".join(f"w{i:06} " for i in range(12))  # what the mock says
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
        "additionalProperties": False}
# By the dialect that they speak to others than their own clients.
TARGETS = {"chat": ("openai", "/v1"), "messages": ("anthropic", ""), "gemini": ("gemini", "")}
THOUGHT = "the lamp is lit"

# What each dialect's target says when it thinks, and when it calls two tools at once.
CALLS = [("weather", {"city": "Ulm"}), ("time", {"city": "Oslo"})]


def sse(events, named=False):
    return "".join((f"event: {e['type']}\n" if named else "") + f"data: {json.dumps(e)}\n\n"
                   for e in events)


def chat_answer(*deltas, finish):
    def chunk(delta, reason=None):
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1767225600,
                "model": "mock",
                "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    chunks = [chunk({"role": "assistant", "content": ""}), *map(chunk, deltas), chunk({}, finish)]
    return sse(chunks) + "data: [DONE]\n\n"


def messages_answer(*blocks, stop):
    yield {"type": "message_start",
           "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "mock",
                       "content": [], "stop_reason": None, "stop_sequence": None,
                       "usage": {"input_tokens": 9, "output_tokens": 1}}}
    for i, (block, deltas) in enumerate(blocks):
        yield {"type": "content_block_start", "index": i, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": i, "delta": delta}
        yield {"type": "content_block_stop", "index": i}
    yield {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
           "usage": {"output_tokens": 17}}
    yield {"type": "message_stop"}


def gemini_answer(*parts):
    body = {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0,
                            "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 17,
                              "totalTokenCount": 26}, "modelVersion": "mock"}
    return sse([body])


def responses_answer(*items):
    def response(status, output):
        return {"id": "resp_1", "object": "response", "created_at": 1767225600, "model": "mock",
                "status": status, "output": output, "parallel_tool_calls": True,
                "tool_choice": "auto", "tools": [],
                "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0},
                          "output_tokens": 17, "output_tokens_details": {"reasoning_tokens": 0},
                          "total_tokens": 26}}

    events = [{"type": "response.created", "response": response("in_progress", [])}]
    for i, (item, deltas) in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": i, "item": item})
        events += [{"output_index": i, "item_id": item["id"], **d} for d in deltas]
        events.append({"type": "response.output_item.done", "output_index": i, "item": item})
    events.append({"type": "response.completed",
                   "response": response("completed", [item for item, _ in items])})
    return sse([{**e, "sequence_number": n} for n, e in enumerate(events)], named=True)


RECORDINGS = {
    "two-responses": responses_answer(
        *(({"id": f"fc_{i}", "type": "function_call", "call_id": f"call_{i}", "name": n,
            "status": "completed", "arguments": json.dumps(a)},
           [{"type": "response.function_call_arguments.delta", "delta": json.dumps(a)},
            {"type": "response.function_call_arguments.done", "arguments": json.dumps(a)}])
          for i, (n, a) in enumerate(CALLS))),
    "think-responses": responses_answer(
        ({"id": "rs_1", "type": "reasoning",
          "summary": [{"type": "summary_text", "text": THOUGHT}]},
         [{"type": "response.reasoning_summary_text.delta", "summary_index": 0,
           "delta": THOUGHT}]),
        ({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
          "content": [{"type": "output_text", "text": "yes", "annotations": []}]},
         [{"type": "response.output_text.delta", "content_index": 0, "delta": "yes",
           "logprobs": []}])),
    "two-chat": chat_answer(
        *({"tool_calls": [{"index": i, "id": f"call_{i}", "type": "function",
                           "function": {"name": n, "arguments": json.dumps(a)}}]}
          for i, (n, a) in enumerate(CALLS)), finish="tool_calls"),
    "two-messages": sse(messages_answer(
        *(({"type": "tool_use", "id": f"toolu_{i}", "name": n, "input": {}},
           [{"type": "input_json_delta", "partial_json": json.dumps(a)}])
          for i, (n, a) in enumerate(CALLS)), stop="tool_use"), named=True),
    "two-gemini": gemini_answer(*({"functionCall": {"name": n, "args": a}} for n, a in CALLS)),
    "think-chat": chat_answer({"reasoning_content": THOUGHT}, {"content": "yes"}, finish="stop"),
    "think-messages": sse(messages_answer(
        ({"type": "thinking", "thinking": "", "signature": ""},
         [{"type": "thinking_delta", "thinking": THOUGHT},
          {"type": "signature_delta", "signature": "c2ln"}]),
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "yes"}]),
        stop="end_turn"), named=True),
    "think-gemini": gemini_answer({"text": THOUGHT, "thought": True}, {"text": "yes"}),
}


# --- What each SDK calls it -----------------------------------------------------------------

class Chat:
    """openai, chat.completions."""

    def __init__(self, gateway):
        self.sdk = openai.OpenAI(base_url=gateway.base + "/v1", api_key=serving.KEY, max_retries=0)

    def ask(self, model, content="hi", **more):
        return self.sdk.chat.completions.create(
            model=model, messages=[{"role": "user", "content": content}], **more)

    def plain(self, model):
        answer = self.ask(model)
        choice = answer.choices[0]
        assert choice.finish_reason == "stop" and answer.usage.completion_tokens > 0
        return choice.message.content

    def stream(self, model):
        chunks = list(self.ask(model, stream=True, stream_options={"include_usage": True}))
        assert chunks[-1].usage.completion_tokens > 0
        choices = [c.choices[0] for c in chunks if c.choices]
        assert [c.finish_reason for c in choices if c.finish_reason] == ["stop"]
        return "".join(c.delta.content or "" for c in choices)

    def loop(self, model):
        tools = [{"type": "function", "function": {"name": "weather", "parameters": CITY}}]
        first = self.ask(model, tools=tools, tool_choice="required")
        call = first.choices[0].message.tool_calls[0]
        assert first.choices[0].finish_reason == "tool_calls"
        second = self.sdk.chat.completions.create(
            model=model, tools=tools,
            messages=[{"role": "user", "content": "hi"}, first.choices[0].message,
                      {"role": "tool", "tool_call_id": call.id, "content": "9 degrees"}])
        return (call.function.name, json.loads(call.function.arguments),
                second.choices[0].message.content)

    def parallel(self, model):
        tools = [{"type": "function", "function": {"name": n, "parameters": CITY}}
                 for n, _ in CALLS]
        calls, finish = {}, None
        for chunk in self.ask(model, tools=tools, stream=True):
            for choice in chunk.choices:
                finish = choice.finish_reason or finish
                for call in choice.delta.tool_calls or []:
                    slot = calls.setdefault(call.index, ["", "", ""])
                    slot[0] += call.id or ""
                    slot[1] += call.function.name or ""
                    slot[2] += call.function.arguments or ""
        assert finish == "tool_calls" and len({c[0] for c in calls.values()}) == 2
        return [(name, json.loads(args)) for _, name, args in calls.values()]

    def image(self, model):
        return self.ask(model, [
            {"type": "text", "text": "what is it"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
        ]).choices[0].message.content

    def schema(self, model):
        self.ask(model, response_format={
            "type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": CITY}})

    def think(self, model):
        deltas = [c.choices[0].delta for c in self.ask(model, stream=True, reasoning_effort="high")
                  if c.choices]
        return ("".join(getattr(d, "reasoning_content", None) or "" for d in deltas),
                "".join(d.content or "" for d in deltas))

    errors = {400: openai.BadRequestError, 429: openai.RateLimitError}


class Responses:
    """openai, responses."""

    def __init__(self, gateway):
        self.sdk = openai.OpenAI(base_url=gateway.base + "/v1", api_key=serving.KEY, max_retries=0)

    def ask(self, model, content="hi", **more):
        return self.sdk.responses.create(model=model, input=content, **more)

    def plain(self, model):
        answer = self.ask(model)
        assert answer.status == "completed" and answer.usage.output_tokens > 0
        return answer.output_text

    def stream(self, model):
        events = list(self.ask(model, stream=True))
        assert events[-1].type == "response.completed"
        text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        assert events[-1].response.output_text == text
        return text

    def loop(self, model):
        tools = [{"type": "function", "name": "weather", "parameters": CITY, "strict": False}]
        first = self.ask(model, tools=tools, tool_choice="required")
        call = next(item for item in first.output if item.type == "function_call")
        second = self.ask(model, [{"role": "user", "content": "hi"}, *first.output,
                                  {"type": "function_call_output", "call_id": call.call_id,
                                   "output": "9 degrees"}], tools=tools)
        return call.name, json.loads(call.arguments), second.output_text

    def parallel(self, model):
        tools = [{"type": "function", "name": n, "parameters": CITY, "strict": False}
                 for n, _ in CALLS]
        calls = [e.item for e in self.ask(model, tools=tools, stream=True)
                 if e.type == "response.output_item.done" and e.item.type == "function_call"]
        assert len({c.call_id for c in calls}) == 2
        return [(c.name, json.loads(c.arguments)) for c in calls]

    def image(self, model):
        return self.ask(model, [{"role": "user", "content": [
            {"type": "input_text", "text": "what is it"},
            {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"}
        ]}]).output_text

    def schema(self, model):
        self.ask(model, text={"format": {"type": "json_schema", "name": "city", "strict": True,
                                         "schema": CITY}})

    def think(self, model):
        events = list(self.ask(model, stream=True, reasoning={"effort": "high", "summary": "auto"}))
        return ("".join(e.delta for e in events if e.type.startswith("response.reasoning")
                        and e.type.endswith(".delta")),
                "".join(e.delta for e in events if e.type == "response.output_text.delta"))

    errors = Chat.errors


class Messages:
    """anthropic, messages."""

    def __init__(self, gateway):
        self.sdk = anthropic.Anthropic(base_url=gateway.base, api_key=serving.KEY, max_retries=0)

    def ask(self, model, content="hi", **more):
        return self.sdk.messages.create(
            model=model, max_tokens=4096, messages=[{"role": "user", "content": content}], **more)

    def plain(self, model):
        answer = self.ask(model)
        assert answer.stop_reason == "end_turn" and answer.usage.output_tokens > 0
        return answer.content[0].text

    def stream(self, model):
        with self.sdk.messages.stream(model=model, max_tokens=4096,
                                      messages=[{"role": "user", "content": "hi"}]) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        assert final.stop_reason == "end_turn" and final.content[0].text == text
        return text

    def loop(self, model):
        tools = [{"name": "weather", "input_schema": CITY}]
        first = self.ask(model, tools=tools, tool_choice={"type": "any"})
        call = next(block for block in first.content if block.type == "tool_use")
        assert first.stop_reason == "tool_use"
        second = self.sdk.messages.create(
            model=model, max_tokens=4096, tools=tools,
            messages=[{"role": "user", "content": "hi"},
                      {"role": "assistant", "content": first.content},
                      {"role": "user", "content": [
                          {"type": "tool_result", "tool_use_id": call.id,
                           "content": "9 degrees"}]}])
        return call.name, call.input, second.content[0].text

    def parallel(self, model):
        tools = [{"name": n, "input_schema": CITY} for n, _ in CALLS]
        with self.sdk.messages.stream(model=model, max_tokens=4096, tools=tools,
                                      messages=[{"role": "user", "content": "hi"}]) as stream:
            final = stream.get_final_message()
        calls = [block for block in final.content if block.type == "tool_use"]
        assert final.stop_reason == "tool_use" and len({c.id for c in calls}) == 2
        return [(c.name, c.input) for c in calls]

    def image(self, model):
        return self.ask(model, [
            {"type": "text", "text": "what is it"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                         "data": PICTURE}}]).content[0].text

    def schema(self, model):
        self.ask(model, extra_body={
            "output_config": {"format": {"type": "json_schema", "schema": CITY}}})

    def think(self, model):
        with self.sdk.messages.stream(
                model=model, max_tokens=4096, thinking={"type": "enabled", "budget_tokens": 2048},
                messages=[{"role": "user", "content": "hi"}]) as stream:
            final = stream.get_final_message()
        return ("".join(b.thinking for b in final.content if b.type == "thinking"),
                "".join(b.text for b in final.content if b.type == "text"))

    errors = {400: anthropic.BadRequestError, 429: anthropic.RateLimitError}


class Gemini:
    """google-genai."""

    def __init__(self, gateway):
        self.sdk = genai.Client(api_key=serving.KEY,
                                http_options=google.HttpOptions(base_url=gateway.base))

    def ask(self, model, contents="hi", **conf):
        return self.sdk.models.generate_content(
            model=model, contents=contents, config=google.GenerateContentConfig(**conf))

    def plain(self, model):
        answer = self.ask(model)
        assert answer.candidates[0].finish_reason == google.FinishReason.STOP
        assert answer.usage_metadata.candidates_token_count > 0
        return answer.text

    def chunks(self, model, **conf):
        return list(self.sdk.models.generate_content_stream(
            model=model, contents="hi", config=google.GenerateContentConfig(**conf)))

    def stream(self, model):
        chunks = self.chunks(model)
        assert chunks[-1].candidates[0].finish_reason == google.FinishReason.STOP
        return "".join(c.text or "" for c in chunks)

    @staticmethod
    def tools(*names):
        return [google.Tool(function_declarations=[
            google.FunctionDeclaration(name=n, parameters_json_schema=CITY) for n in names])]

    def loop(self, model):
        tools = self.tools("weather")
        forced = google.ToolConfig(
            function_calling_config=google.FunctionCallingConfig(mode="ANY"))
        first = self.ask(model, tools=tools, tool_config=forced)
        call = first.function_calls[0]
        result = google.Part(function_response=google.FunctionResponse(
            id=call.id, name=call.name, response={"output": "9 degrees"}))
        second = self.ask(model, [google.Content(role="user", parts=[google.Part(text="hi")]),
                                  first.candidates[0].content,
                                  google.Content(role="user", parts=[result])], tools=tools)
        return call.name, call.args, second.text

    def parallel(self, model):
        calls = [call for chunk in self.chunks(model, tools=self.tools(*(n for n, _ in CALLS)))
                 for call in chunk.function_calls or []]
        return [(c.name, c.args) for c in calls]

    def image(self, model):
        picture = google.Part(inline_data=google.Blob(mime_type="image/png",
                                                      data=base64.b64decode(PICTURE)))
        return self.ask(model, [google.Content(role="user", parts=[
            google.Part(text="what is it"), picture])]).text

    def schema(self, model):
        self.ask(model, response_mime_type="application/json", response_json_schema=CITY)

    def think(self, model):
        chunks = self.chunks(model, thinking_config=google.ThinkingConfig(
            include_thoughts=True, thinking_budget=2048))
        parts = [p for c in chunks for p in c.candidates[0].content.parts or []]
        return ("".join(p.text or "" for p in parts if p.thought),
                "".join(p.text or "" for p in parts if not p.thought))

    errors = {400: google_errors.ClientError, 429: google_errors.ClientError}


CLIENTS = {"openai-chat": Chat, "openai-responses": Responses, "anthropic": Messages,
           "google-genai": Gemini}


# --- The matrix -----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def mock(binary, tmp_path_factory):
    directory = tmp_path_factory.mktemp("matrix-mock")
    head = {"content-type": "text/event-stream"}
    rows = [{"id": id_, "status": 200, "resp_headers": head, "resp": text}
            for id_, text in RECORDINGS.items()]
    (directory / "recorded.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    server = serving.Mock(binary, directory, "--log-bodies", "--replay",
                          directory / "recorded.jsonl")
    yield server
    assert server.stop() == 0, server.output()


@pytest.fixture(scope="module")
def gateway(binary, mock, tmp_path_factory):
    providers = "".join(
        f"  {name}: {{type: {kind}, endpoints: '{mock.url}{path}', key: 'env:UPSTREAM_KEY', "
        "private: true}\n" for name, (kind, path) in TARGETS.items())
    text = serving.config_text(mock.url).replace("providers:\n", "providers:\n" + providers, 1)
    server = serving.Gateway(binary, tmp_path_factory.mktemp("matrix-gateway"), text)
    yield server
    assert server.stop() == 0, server.output()


@pytest.fixture(params=CLIENTS)
def client(request, gateway):
    return CLIENTS[request.param](gateway)


@pytest.fixture(params=TARGETS)
def target(request):
    return request.param


def spoken(client, target):
    """The dialect in which the client reaches the target: OpenAI has both of its own, and Google
    has an imitation of its chat."""
    return {(Responses, "chat"): "responses", (Chat, "gemini"): "chat"}.get(
        (type(client), target), target)


def told(mock, model):
    """What the target was told of this model, oldest first."""
    return [r["body"] for r in mock.requests() if r["model"].split(";")[0] == model]


def test_a_question(client, target):
    assert client.plain(f"{target}/plain") == TEXT


def test_a_stream(client, target):
    assert client.stream(f"{target}/stream") == TEXT


def test_a_tool_in_a_loop_of_two_turns(client, target, mock):
    name = f"loop-{type(client).__name__}-{target}"
    called, args, text = client.loop(f"{target}/{name}")
    assert called == "weather" and isinstance(args["city"], str) and text == TEXT
    first, second = told(mock, name)
    assert "9 degrees" in second and '"weather"' in first and second.count('"weather"') >= 2


def test_two_tools_at_once(client, target):
    assert client.parallel(f"{target}/two;replay=two-{spoken(client, target)}") == CALLS


def test_an_image(client, target, mock):
    name = f"image-{type(client).__name__}-{target}"
    assert client.image(f"{target}/{name}") == TEXT
    assert PICTURE in told(mock, name)[0]


def test_an_answer_of_a_schema(client, target, mock):
    name = f"schema-{type(client).__name__}-{target}"
    client.schema(f"{target}/{name}")
    body = told(mock, name)[0]
    assert '"city"' in body and '"required"' in body and "chema" in body


def test_thinking(client, target):
    assert client.think(f"{target}/think;replay=think-{spoken(client, target)}") == (THOUGHT, "yes")


@pytest.mark.parametrize("status", (400, 429))
def test_errors_are_the_sdks_own(client, target, status):
    """Those of another dialect name the target; the client's own are the provider's words."""
    with pytest.raises(client.errors[status]) as raised:
        client.plain(f"{target}/no;status={status}")
    said = raised.value
    assert (getattr(said, "status_code", None) or said.code) == status
    assert len(str(said)) > 20
    if type(client).__name__.lower() != spoken(client, target) and status == 400:
        assert f"{target}/no" in str(said)
