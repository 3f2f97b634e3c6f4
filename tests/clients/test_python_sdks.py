"""The Python SDKs, as people use them, through the gateway to the mock.

Each test is written once and runs with the synchronous and the asynchronous client; some also by
TLS, with HTTP/1.1 and HTTP/2. What the client sends on the wire is noted, so that a test can also
ask whether the provider got exactly that: the same bytes, but for the model's name.
"""
import asyncio
import base64
import contextlib
import functools
import inspect
import json
import ssl

import anthropic
import httpx
import openai
import pytest

import answers
import serving

QUESTION = [{"role": "user", "content": "hi"}]
TEXT = "".join(f"w{i:06} " for i in range(12))  # what the mock says
ADD = {"type": "object", "properties": {"a": {"type": "integer"}, "why": {"type": "string"}},
       "required": ["a", "why"]}


# --- One test for two kinds of client -------------------------------------------------------

async def done(value):
    return await value if inspect.isawaitable(value) else value


async def items(stream):
    if hasattr(stream, "__aiter__"):
        async for item in stream:
            yield item
    else:
        for item in stream:
            yield item


@contextlib.asynccontextmanager
async def entered(manager):
    if hasattr(manager, "__aenter__"):
        async with manager as inner:
            yield inner
    else:
        with manager as inner:
            yield inner


# How a client comes to the gateway: the version of HTTP that it then speaks.
WAYS = {"clear": "HTTP/1.1", "tls": "HTTP/1.1", "http2": "HTTP/2"}


class Client:
    """An SDK's client, the requests that it sent, and the versions that the answers came by."""

    def __init__(self, library, kind, gateway, key=serving.KEY, way="clear", **options):
        self.sent, self.versions = [], set()
        self.is_async = kind == "async"
        self.way = way

        def note(request):
            self.sent.append(request)

        async def note_async(request):
            note(request)

        def note_version(answer):
            self.versions.add(answer.http_version)

        async def note_version_async(answer):
            note_version(answer)

        http = library.DefaultAsyncHttpxClient if self.is_async else library.DefaultHttpxClient
        hooks = {"request": [note_async if self.is_async else note],
                 "response": [note_version_async if self.is_async else note_version]}
        own = {} if way == "clear" else {"verify": ssl.create_default_context(cafile=gateway.ca),
                                         "http2": way == "http2"}
        name = {openai: "OpenAI", anthropic: "Anthropic"}[library]
        make = getattr(library, "Async" * self.is_async + name)
        base = gateway.base + ("/v1" if library is openai else "")
        self.sdk = make(api_key=key, base_url=base, max_retries=0, timeout=20,
                        http_client=http(event_hooks=hooks, **own), **options)

    async def close(self):
        await done(self.sdk.close())

    async def leave(self, stream):
        """Leave it behind. Of HTTP/2 httpx does not say so by itself: only the end of its
        connection does."""
        await done(stream.close())
        if self.way == "http2":
            await self.close()


def with_clients(library, *ways):
    """The test is called with a client that is closed afterwards, and with its gateway."""
    def decorate(test):
        @pytest.mark.parametrize("way", ways)
        @pytest.mark.parametrize("kind", ["sync", "async"])
        @functools.wraps(test)
        def run(kind, way, request, **fixtures):
            gateway = request.getfixturevalue("gateway" if way == "clear" else "secure")

            async def body():
                client = Client(library, kind, gateway, way=way)
                try:
                    await test(client, gateway=gateway, **fixtures)
                finally:
                    await client.close()
                assert client.versions == {WAYS[way]}

            asyncio.run(body())

        parameters = [p for n, p in inspect.signature(test).parameters.items()
                      if n not in ("client", "gateway")]
        for extra in ("kind", "way", "request"):
            parameters.append(inspect.Parameter(extra, inspect.Parameter.KEYWORD_ONLY))
        run.__signature__ = inspect.Signature(
            [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters])
        return run

    return decorate


with_openai, with_anthropic = with_clients(openai, "clear"), with_clients(anthropic, "clear")
# As many ways as there are, of what differs by them: framing, ends, sizes.
any_openai, any_anthropic = with_clients(openai, *WAYS), with_clients(anthropic, *WAYS)


def arrived(client, mock, name):
    """Did the provider get the last request byte for byte, but for the model's name? The mock's
    row of it."""
    row = mock.requests()[-1]
    assert row["body"] == serving.sent_on(client.sent[-1].content.decode(), name)
    return row


# --- openai ---------------------------------------------------------------------------------

@with_openai
async def test_openai_lists_models(client, gateway):
    page = await done(client.sdk.models.list())
    assert {"chat", "claude"} <= {model.id for model in page.data}
    one = await done(client.sdk.models.retrieve("chat"))
    assert one.id == "chat" and one.object == "model"


@any_openai
async def test_openai_chat_whole(client, gateway, mock):
    answer = await done(client.sdk.chat.completions.create(model="oai/mock", messages=QUESTION))
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "oai/mock"
    assert answer.usage.completion_tokens == 12
    row = arrived(client, mock, "oai/mock")
    assert row["headers"]["authorization"] == f"Bearer {serving.UPSTREAM_KEY}"
    assert answer._request_id.startswith("r_")
    assert gateway.record(answer._request_id)["outcome"] == "full"


@any_openai
async def test_openai_chat_stream(client, gateway, mock):
    stream = await done(client.sdk.chat.completions.create(
        model="oai/mock", messages=QUESTION, stream=True, stream_options={"include_usage": True}))
    chunks = [chunk async for chunk in items(stream)]
    assert {chunk.model for chunk in chunks} == {"oai/mock"}
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens == 12
    assert stream.response.headers["x-request-id"].startswith("r_")
    assert arrived(client, mock, "oai/mock")["stream"] is True


@with_openai
async def test_openai_usage_comes_only_when_asked(client, gateway):
    stream = await done(client.sdk.chat.completions.create(
        model="oai/mock", messages=QUESTION, stream=True))
    chunks = [chunk async for chunk in items(stream)]
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


@with_openai
async def test_openai_choices(client, gateway):
    stream = await done(client.sdk.chat.completions.create(
        model="chat", messages=QUESTION, n=3, stream=True))
    texts = ["", "", ""]
    async for chunk in items(stream):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [TEXT] * 3


@pytest.mark.parametrize("streamed", [False, True])
@any_openai
async def test_openai_forced_tool(client, gateway, mock, streamed):
    tool = {"type": "function", "function": {"name": "add", "parameters": ADD}}
    arguments = {"model": "oai/mock", "messages": QUESTION, "tools": [tool],
                 "tool_choice": {"type": "function", "function": {"name": "add"}}}
    if streamed:
        async with entered(client.sdk.chat.completions.stream(**arguments)) as stream:
            answer = await done(stream.get_final_completion())
    else:
        answer = await done(client.sdk.chat.completions.create(**arguments))
    call, = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "add"
    assert set(json.loads(call.function.arguments)) == {"a", "why"}
    arrived(client, mock, "oai/mock")


@any_openai
async def test_openai_parallel_tools(client, gateway):
    async with entered(client.sdk.chat.completions.stream(
            model="oai/mock;replay=two-openai", messages=QUESTION)) as stream:
        answer = await done(stream.get_final_completion())
    calls = [(c.id, c.function.name, c.function.arguments)
             for c in answer.choices[0].message.tool_calls]
    assert calls == answers.CALLS


@any_openai
async def test_openai_image_of_2_mb(client, gateway, mock, seed):
    picture = base64.b64encode(bytes((seed + i * 7) % 256 for i in range(2_000_000))).decode()
    content = [{"type": "text", "text": "what is this?"},
               {"type": "image_url", "image_url": {"url": "data:image/png;base64," + picture}}]
    answer = await done(client.sdk.chat.completions.create(
        model="oai/mock", messages=[{"role": "user", "content": content}]))
    assert answer.choices[0].message.content == TEXT
    assert arrived(client, mock, "oai/mock")["body_bytes"] > 2_600_000


@with_openai
async def test_openai_structured_output(client, gateway, mock):
    shape = {"type": "json_schema", "json_schema": {"name": "sum", "strict": True, "schema": ADD}}
    answer = await done(client.sdk.chat.completions.create(
        model="oai/mock;text=%7B%22a%22:1%7D", messages=QUESTION, response_format=shape,
        extra_body={"nobody_knows": {"this": [1.0, 1e300, 12345678901234567, "\u2028"]}}))
    assert json.loads(answer.choices[0].message.content) == {"a": 1}
    arrived(client, mock, "oai/mock;text=%7B%22a%22:1%7D")


@pytest.mark.parametrize("format_", ["float", "base64"])
@with_openai
async def test_openai_embeddings(client, gateway, mock, format_):
    answer = await done(client.sdk.embeddings.create(
        model="oai/mock", input=["one", "two"], dimensions=8, encoding_format=format_))
    assert len(answer.data) == 2
    assert [d.index for d in answer.data] == [0, 1]
    arrived(client, mock, "oai/mock")


@pytest.mark.parametrize("streamed", [False, True])
@with_openai
async def test_openai_completions(client, gateway, streamed):
    answer = await done(client.sdk.completions.create(
        model="oai/mock", prompt="once", stream=streamed))
    if streamed:
        text = "".join([c.choices[0].text async for c in items(answer) if c.choices])
    else:
        text = answer.choices[0].text
    assert text == TEXT


# --- anthropic ------------------------------------------------------------------------------

@with_anthropic
async def test_anthropic_lists_models(client, gateway):
    page = await done(client.sdk.models.list())
    assert {"chat", "claude"} <= {model.id for model in page.data}


@any_anthropic
async def test_anthropic_messages_whole(client, gateway, mock):
    answer = await done(client.sdk.messages.create(
        model="ant/mock", max_tokens=100, messages=QUESTION))
    assert answer.content[0].text == TEXT
    assert answer.stop_reason == "end_turn"
    assert answer.model == "ant/mock"
    assert answer.usage.output_tokens == 12
    row = arrived(client, mock, "ant/mock")
    assert row["headers"]["x-api-key"] == serving.UPSTREAM_KEY
    assert "authorization" not in row["headers"]
    assert row["headers"]["anthropic-version"] == client.sent[-1].headers["anthropic-version"]
    assert answer._request_id.startswith("r_")
    assert gateway.record(answer._request_id)["outcome"] == "full"


@with_anthropic
async def test_anthropic_messages_raw_stream(client, gateway):
    stream = await done(client.sdk.messages.create(
        model="claude", max_tokens=100, messages=QUESTION, stream=True))
    types = [event.type async for event in items(stream)]
    assert types[0] == "message_start" and types[-1] == "message_stop"
    assert types.count("content_block_delta") == 12


@any_anthropic
async def test_anthropic_stream_helper(client, gateway, mock):
    async with entered(client.sdk.messages.stream(
            model="ant/mock", max_tokens=100, messages=QUESTION)) as stream:
        events = [event async for event in items(stream)]
        message = await done(stream.get_final_message())
    assert "".join(event.text for event in events if event.type == "text") == TEXT
    assert message.content[0].text == TEXT
    assert message.stop_reason == "end_turn"
    assert message.model == "ant/mock"
    assert message.usage.output_tokens == 12
    assert stream.response.headers["request-id"].startswith("r_")
    arrived(client, mock, "ant/mock")


@pytest.mark.parametrize("streamed", [False, True])
@any_anthropic
async def test_anthropic_forced_tool(client, gateway, mock, streamed):
    arguments = {"model": "ant/mock", "max_tokens": 100, "messages": QUESTION,
                 "tools": [{"name": "add", "input_schema": ADD}],
                 "tool_choice": {"type": "tool", "name": "add"}}
    if streamed:
        async with entered(client.sdk.messages.stream(**arguments)) as stream:
            answer = await done(stream.get_final_message())
    else:
        answer = await done(client.sdk.messages.create(**arguments))
    call, = [block for block in answer.content if block.type == "tool_use"]
    assert answer.stop_reason == "tool_use"
    assert call.name == "add"
    assert set(call.input) == {"a", "why"}
    arrived(client, mock, "ant/mock")


@any_anthropic
async def test_anthropic_parallel_tools(client, gateway):
    async with entered(client.sdk.messages.stream(
            model="ant/mock;replay=two-anthropic", max_tokens=100, messages=QUESTION)) as stream:
        answer = await done(stream.get_final_message())
    calls = [(block.id, block.name, block.input) for block in answer.content]
    assert calls == [(id_, name, json.loads(args)) for id_, name, args in answers.CALLS]


@any_anthropic
async def test_anthropic_image_of_2_mb(client, gateway, mock, seed):
    picture = base64.b64encode(bytes((seed + i * 7) % 256 for i in range(2_000_000))).decode()
    source = {"type": "base64", "media_type": "image/png", "data": picture}
    answer = await done(client.sdk.messages.create(
        model="ant/mock", max_tokens=100,
        messages=[{"role": "user", "content": [{"type": "image", "source": source}]}]))
    assert answer.content[0].text == TEXT
    assert arrived(client, mock, "ant/mock")["body_bytes"] > 2_600_000


@with_anthropic
async def test_anthropic_count_tokens(client, gateway, mock):
    count = await done(client.sdk.messages.count_tokens(model="ant/mock", messages=QUESTION))
    assert count.input_tokens > 0
    assert arrived(client, mock, "ant/mock")["path"].startswith("/v1/messages/count_tokens")


# --- errors ---------------------------------------------------------------------------------

# What the provider answers, or the mistake; then the class that the SDK raises, and the status.
ERRORS = [
    ("status=400", "BadRequestError", 400),
    ("status=429", "RateLimitError", 429),
    ("status=500", "InternalServerError", 502),  # server: the provider's, not the gateway's
    ("status=502", "InternalServerError", 502),
    ("status=503", "InternalServerError", 503),
    ("status=529", "InternalServerError", 529),
    ("fault=reset", "InternalServerError", 502),
    ("fault=html", "InternalServerError", 502),
    ("status=401", "InternalServerError", 502),  # the gateway's key, not the client's
]


async def ask(client, model):
    if hasattr(client.sdk, "messages"):
        return await done(client.sdk.messages.create(model="ant/" + model, max_tokens=100,
                                                     messages=QUESTION))
    return await done(client.sdk.chat.completions.create(model="oai/" + model,
                                                         messages=QUESTION))


async def fails(client, library, gateway, model, class_name, status):
    with pytest.raises(getattr(library, class_name)) as caught:
        await ask(client, model)
    assert caught.value.status_code == status
    assert caught.value.request_id.startswith("r_")
    record = gateway.record(caught.value.request_id)
    assert record["status"] == status
    return caught.value, record


@pytest.mark.parametrize("how, class_name, status", ERRORS, ids=[row[0] for row in ERRORS])
@with_openai
async def test_openai_errors(client, gateway, how, class_name, status):
    error, _ = await fails(client, openai, gateway, "mock;" + how, class_name, status)
    assert error.message and error.body


@pytest.mark.parametrize("how, class_name, status", ERRORS, ids=[row[0] for row in ERRORS])
@with_anthropic
async def test_anthropic_errors(client, gateway, how, class_name, status):
    error, _ = await fails(client, anthropic, gateway, "mock;" + how, class_name, status)
    assert error.body["type"] == "error" and error.body["error"]["message"]


@with_openai
async def test_openais_param_is_the_place(client, gateway):
    wrong = [{"role": "user", "content": [{"type": "hologram"}]}]
    with pytest.raises(openai.BadRequestError) as caught:
        await done(client.sdk.chat.completions.create(model="ant/mock", messages=wrong))
    assert caught.value.param == "messages[0].content[0].type"
    with pytest.raises(openai.BadRequestError) as caught:
        await done(client.sdk.responses.create(model="ant/mock", input=wrong))
    assert caught.value.param == "input[0].content[0].type"
    with pytest.raises(openai.NotFoundError) as caught:
        await done(client.sdk.responses.create(model="nobody", input="hi"))
    assert caught.value.param == "model"


@any_openai
async def test_openai_retry_after_arrives(client, gateway):
    error, _ = await fails(client, openai, gateway, "mock;status=429;retry-after=17",
                           "RateLimitError", 429)
    assert error.response.headers["retry-after"] == "17"
    assert error.response.headers["x-should-retry"] == "true"


@any_anthropic
async def test_anthropic_retry_after_arrives(client, gateway):
    error, _ = await fails(client, anthropic, gateway, "mock;status=429;retry-after=17",
                           "RateLimitError", 429)
    assert error.response.headers["retry-after"] == "17"
    assert error.response.headers["x-should-retry"] == "true"


@pytest.mark.parametrize("how, asked", [("retry-after-ms=1", 3),
                                        ("retry-after=61;retry-after-ms=none", 1)])
@any_openai
async def test_openai_asks_again_as_it_is_told(client, gateway, mock, how, asked):
    model = f"mock;status=429;{how}"
    before = len(mock.requests(model=model))
    with pytest.raises(openai.RateLimitError):
        await done(client.sdk.with_options(max_retries=2).chat.completions.create(
            model="oai/" + model, messages=[{"role": "user", "content": "hi"}]))
    assert len(mock.requests(model=model)) - before == asked


BROKEN = "mock;fault=cut;at=6;how=rst"


@any_openai
async def test_openai_broken_stream_raises(client, gateway):
    stream = await done(client.sdk.chat.completions.create(
        model="oai/" + BROKEN, messages=QUESTION, stream=True))
    text = ""
    with pytest.raises(openai.APIError):
        async for chunk in items(stream):
            text += chunk.choices[0].delta.content or ""
    assert text and TEXT.startswith(text)


@any_anthropic
async def test_anthropic_broken_stream_raises(client, gateway):
    text = ""
    with pytest.raises(anthropic.APIError):
        async with entered(client.sdk.messages.stream(
                model="ant/" + BROKEN, max_tokens=100, messages=QUESTION)) as stream:
            async for piece in items(stream.text_stream):
                text += piece
    assert text and TEXT.startswith(text)


@pytest.mark.parametrize("library", [openai, anthropic], ids=["openai", "anthropic"])
def test_an_authority_that_is_not_known(secure, library):
    """The SDK finds out whom it speaks to, and nothing is asked."""
    make = {openai: openai.OpenAI, anthropic: anthropic.Anthropic}[library]
    with make(api_key=serving.KEY, base_url=secure.base, max_retries=0, timeout=20) as sdk:
        with pytest.raises(library.APIConnectionError) as caught:
            sdk.models.list()
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value.__cause__)


@pytest.mark.parametrize("library", [openai, anthropic], ids=["openai", "anthropic"])
def test_unknown_model(gateway, library):
    client = Client(library, "sync", gateway)
    with pytest.raises(library.NotFoundError) as caught:
        if library is openai:
            client.sdk.chat.completions.create(model="no-such-model", messages=QUESTION)
        else:
            client.sdk.messages.create(model="no-such-model", max_tokens=9, messages=QUESTION)
    assert "no-such-model" in caught.value.message
    assert gateway.record(caught.value.request_id)["reason"] == "unknown-model"


@pytest.mark.parametrize("library", [openai, anthropic], ids=["openai", "anthropic"])
def test_wrong_client_key(gateway, library):
    client = Client(library, "sync", gateway, key="not-a-key-of-ours")
    with pytest.raises(library.AuthenticationError) as caught:
        asyncio.run(ask(client, "mock"))
    assert caught.value.status_code == 401
    assert gateway.record(caught.value.request_id)["reason"] == "bad-key"


# --- going away -----------------------------------------------------------------------------

LONG = "mock;gap=20ms;tokens=100000;id={}"


@any_openai
async def test_openai_cancel_reaches_the_provider(client, gateway, mock):
    model = LONG.format(f"openai-{client.is_async}-{client.way}")
    stream = await done(client.sdk.chat.completions.create(
        model="oai/" + model, messages=QUESTION, stream=True))
    async for chunk in items(stream):
        if chunk.choices[0].delta.content:
            break
    await client.leave(stream)
    row, = mock.requests(model=model)
    assert mock.end_of(row["n"])["how"] == "client_gone"


@any_anthropic
async def test_anthropic_cancel_reaches_the_provider(client, gateway, mock):
    model = LONG.format(f"anthropic-{client.is_async}-{client.way}")
    async with entered(client.sdk.messages.stream(
            model="ant/" + model, max_tokens=200000, messages=QUESTION)) as stream:
        async for event in items(stream):
            if event.type == "text":
                break
        await client.leave(stream)
    row, = mock.requests(model=model)
    assert mock.end_of(row["n"])["how"] == "client_gone"


# --- HTTP/2 ---------------------------------------------------------------------------------

def test_http2_with_prior_knowledge(gateway):
    with httpx.Client(http1=False, http2=True, timeout=20) as client:
        answer = client.post(gateway.base + "/v1/chat/completions",
                             headers={"authorization": f"Bearer {serving.KEY}"},
                             json={"model": "chat", "messages": QUESTION, "stream": True})
    assert answer.http_version == "HTTP/2"
    assert answer.status_code == 200
    assert answer.text.endswith("data: [DONE]\n\n")
