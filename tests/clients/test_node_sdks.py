"""The Node SDKs through the gateway to the mock: openai, and Anthropic's in its two kinds: the
old one authenticates with x-api-key, the new one with a bearer token. Some tests run by TLS too, with
HTTP/1.1 and with HTTP/2, which Node's fetch has but does not offer by itself."""
import base64
import json

import pytest

import answers
import node_client
import serving

QUESTION = [{"role": "user", "content": "hi"}]
TEXT = "".join(f"w{i:06} " for i in range(12))
ADD = {"type": "object", "properties": {"a": {"type": "integer"}, "why": {"type": "string"}},
       "required": ["a", "why"]}
ANTHROPICS = ["anthropic", "anthropic-old"]
ALL = ["openai", *ANTHROPICS]


@pytest.fixture(scope="module")
def client(node):
    process = node_client.NodeClient(node)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def secure_clients(node, secure):
    """By the protocol that ALPN agrees on."""
    trust = {"NODE_EXTRA_CA_CERTS": str(secure.ca)}
    processes = {"http/1.1": node_client.NodeClient(node, env=trust),
                 "h2": node_client.NodeClient(node, env={**trust, "LAMPLIGHTER_HTTP2": "1"})}
    yield processes
    for process in processes.values():
        process.stop()


@pytest.fixture
def alpn(request):
    """How the client comes: by TLS with this protocol; None: in clear text."""
    return getattr(request, "param", None)


any_way = pytest.mark.parametrize("alpn", [None, "http/1.1", "h2"], indirect=True,
                                  ids=["clear", "tls", "http2"])


@pytest.fixture
def served(request, alpn):
    """The gateway that `call` asks."""
    return request.getfixturevalue("secure" if alpn else "gateway")


@pytest.fixture
def call(request, alpn, served):
    """call(sdk, method, arguments...): what the SDK made of it."""
    client = request.getfixturevalue("secure_clients")[alpn] if alpn \
        else request.getfixturevalue("client")

    def do(sdk, method, *args, key=serving.KEY, **options):
        base = served.base + ("/v1" if sdk == "openai" else "")
        out = client.call(sdk, base, key, method, *args, **options)
        assert not alpn or out["alpn"] == [alpn]
        return out

    return do


@pytest.fixture
def good(call):
    def do(*args, **options):
        out = call(*args, **options)
        assert "error" not in out, out["error"]
        return out

    return do


def arrived(out, mock, name):
    """The provider got the same bytes, but for the model's name."""
    row = mock.requests()[-1]
    assert row["body"] == serving.sent_on(out["sent_body"], name)
    return row


def chat(model="oai/mock", **more):
    return {"model": model, "messages": QUESTION, **more}


def message(model="ant/mock", **more):
    return {"model": model, "max_tokens": 100, "messages": QUESTION, **more}


# --- openai ---------------------------------------------------------------------------------

def test_openai_lists_models(good):
    names = {model["id"] for model in good("openai", "models.list")["value"]["data"]}
    assert {"chat", "claude"} <= names


@any_way
def test_openai_chat_whole(good, served, mock):
    out = good("openai", "chat.completions.create", chat())
    assert out["value"]["choices"][0]["message"]["content"] == TEXT
    assert out["value"]["model"] == "oai/mock"
    assert served.record(out["request_id"])["outcome"] == "full"
    arrived(out, mock, "oai/mock")


@any_way
def test_openai_chat_stream(good, mock):
    out = good("openai", "chat.completions.create",
               chat(stream=True, stream_options={"include_usage": True}))
    deltas = [c["delta"].get("content") or "" for i in out["items"] for c in i["choices"]]
    assert "".join(deltas) == TEXT
    assert out["items"][-1]["usage"]["completion_tokens"] == 12
    arrived(out, mock, "oai/mock")


@any_way
@pytest.mark.parametrize("method", ["create", "stream"])
def test_openai_forced_tool(good, mock, method):
    tool = {"type": "function", "function": {"name": "add", "parameters": ADD}}
    out = good("openai", f"chat.completions.{method}",
               chat(tools=[tool], tool_choice={"type": "function", "function": {"name": "add"}}))
    answer = out["value"] if method == "create" else out["final"]
    tool_call, = answer["choices"][0]["message"]["tool_calls"]
    assert tool_call["function"]["name"] == "add"
    assert set(json.loads(tool_call["function"]["arguments"])) == {"a", "why"}
    arrived(out, mock, "oai/mock")


@any_way
def test_openai_parallel_tools(good):
    out = good("openai", "chat.completions.stream", chat("oai/mock;replay=two-openai"))
    calls = [(c["id"], c["function"]["name"], c["function"]["arguments"])
             for c in out["final"]["choices"][0]["message"]["tool_calls"]]
    assert calls == answers.CALLS


@any_way
def test_openai_image_of_2_mb(good, mock, seed):
    picture = base64.b64encode(bytes((seed + i * 7) % 256 for i in range(2_000_000))).decode()
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + picture}}
    out = good("openai", "chat.completions.create",
               {"model": "oai/mock", "messages": [{"role": "user", "content": [part]}]})
    assert out["value"]["choices"][0]["message"]["content"] == TEXT
    assert arrived(out, mock, "oai/mock")["body_bytes"] > 2_600_000


def test_openai_structured_output(good, mock):
    shape = {"type": "json_schema", "json_schema": {"name": "sum", "strict": True, "schema": ADD}}
    model = "oai/mock;text=%7B%22a%22:1%7D"
    out = good("openai", "chat.completions.create", chat(model, response_format=shape))
    assert json.loads(out["value"]["choices"][0]["message"]["content"]) == {"a": 1}
    arrived(out, mock, model)


def test_openai_embeddings(good):
    out = good("openai", "embeddings.create",
               {"model": "oai/mock", "input": ["one", "two"], "dimensions": 8})
    assert [len(row["embedding"]) for row in out["value"]["data"]] == [8, 8]


@pytest.mark.parametrize("streamed", [False, True])
def test_openai_completions(good, streamed):
    out = good("openai", "completions.create",
               {"model": "oai/mock", "prompt": "once", "stream": streamed})
    rows = out["items"] if streamed else [out["value"]]
    assert "".join(c["text"] for row in rows for c in row["choices"]) == TEXT


# --- anthropic ------------------------------------------------------------------------------

@pytest.mark.parametrize("sdk, header", [("anthropic", "authorization"),
                                         ("anthropic-old", "x-api-key")])
def test_anthropic_both_header_styles(good, mock, sdk, header):
    out = good(sdk, "messages.create", message())
    assert serving.KEY in out["sent"][header]
    assert ({"authorization", "x-api-key"} - {header}).isdisjoint(out["sent"])
    row = arrived(out, mock, "ant/mock")
    assert row["headers"]["x-api-key"] == serving.UPSTREAM_KEY
    assert "authorization" not in row["headers"]
    assert row["headers"]["anthropic-version"] == out["sent"]["anthropic-version"]


@pytest.mark.parametrize("sdk", ANTHROPICS)
def test_anthropic_lists_models(good, sdk):
    names = {model["id"] for model in good(sdk, "models.list")["value"]["data"]}
    assert {"chat", "claude"} <= names


@any_way
@pytest.mark.parametrize("sdk", ANTHROPICS)
def test_anthropic_messages_whole(good, served, sdk):
    out = good(sdk, "messages.create", message())
    assert out["value"]["content"][0]["text"] == TEXT
    assert out["value"]["model"] == "ant/mock"
    assert served.record(out["request_id"])["outcome"] == "full"


@pytest.mark.parametrize("sdk", ANTHROPICS)
def test_anthropic_raw_stream(good, sdk):
    out = good(sdk, "messages.create", message("claude", stream=True))
    assert [i["type"] for i in out["items"]].count("content_block_delta") == 12
    assert out["items"][-1]["type"] == "message_stop"


@any_way
@pytest.mark.parametrize("sdk", ANTHROPICS)
def test_anthropic_stream_helper(good, mock, sdk):
    out = good(sdk, "messages.stream", message())
    assert out["final"]["content"][0]["text"] == TEXT
    assert out["final"]["stop_reason"] == "end_turn"
    assert out["final"]["usage"]["output_tokens"] == 12
    arrived(out, mock, "ant/mock")


@any_way
@pytest.mark.parametrize("sdk", ANTHROPICS)
@pytest.mark.parametrize("method", ["create", "stream"])
def test_anthropic_forced_tool(good, mock, sdk, method):
    out = good(sdk, f"messages.{method}",
               message(tools=[{"name": "add", "input_schema": ADD}],
                       tool_choice={"type": "tool", "name": "add"}))
    answer = out["value"] if method == "create" else out["final"]
    block, = [b for b in answer["content"] if b["type"] == "tool_use"]
    assert answer["stop_reason"] == "tool_use"
    assert set(block["input"]) == {"a", "why"}
    arrived(out, mock, "ant/mock")


@any_way
@pytest.mark.parametrize("sdk", ANTHROPICS)
def test_anthropic_parallel_tools(good, sdk):
    out = good(sdk, "messages.stream", message("ant/mock;replay=two-anthropic"))
    calls = [(b["id"], b["name"], b["input"]) for b in out["final"]["content"]]
    assert calls == [(id_, name, json.loads(args)) for id_, name, args in answers.CALLS]


@any_way
@pytest.mark.parametrize("sdk", ANTHROPICS)
def test_anthropic_image_of_2_mb(good, mock, seed, sdk):
    picture = base64.b64encode(bytes((seed + i * 7) % 256 for i in range(2_000_000))).decode()
    source = {"type": "base64", "media_type": "image/png", "data": picture}
    out = good(sdk, "messages.create",
               message(messages=[{"role": "user",
                                  "content": [{"type": "image", "source": source}]}]))
    assert out["value"]["content"][0]["text"] == TEXT
    assert arrived(out, mock, "ant/mock")["body_bytes"] > 2_600_000


@pytest.mark.parametrize("sdk", ANTHROPICS)
def test_anthropic_count_tokens(good, sdk):
    out = good(sdk, "messages.countTokens", {"model": "ant/mock", "messages": QUESTION})
    assert out["value"]["input_tokens"] > 0


# --- errors and going away ------------------------------------------------------------------

ERRORS = [
    ("status=400", "BadRequestError", 400),
    ("status=429;retry-after=17", "RateLimitError", 429),
    ("status=500", "InternalServerError", 502),
    ("status=502", "InternalServerError", 502),
    ("status=503", "InternalServerError", 503),
    ("status=529", "InternalServerError", 529),
    ("fault=reset", "InternalServerError", 502),
    ("fault=html", "InternalServerError", 502),
    ("status=401", "InternalServerError", 502),
]
# Anthropic's new SDK has classes of its own for two of them.
NEW_CLASSES = {503: "ServiceUnavailableError", 529: "OverloadedError"}


def ask(call, sdk, model, **options):
    if sdk == "openai":
        return call(sdk, "chat.completions.create", chat(model), **options)
    return call(sdk, "messages.create", message(model), **options)


def provider_of(sdk):
    return "oai" if sdk == "openai" else "ant"


@pytest.mark.parametrize("how, class_name, status", ERRORS, ids=[row[0] for row in ERRORS])
@pytest.mark.parametrize("sdk", ALL)
def test_errors(call, gateway, sdk, how, class_name, status):
    error = ask(call, sdk, f"{provider_of(sdk)}/mock;{how}")["error"]
    if sdk == "anthropic":
        class_name = NEW_CLASSES.get(status, class_name)
    assert (error["class"], error["status"]) == (class_name, status)
    assert gateway.record(error["request_id"])["status"] == status
    assert error["body"]
    if status == 429:
        assert error["retry_after"] == "17"
        assert error["should_retry"] == "true"


@any_way
@pytest.mark.parametrize("sdk", ALL)
def test_unknown_model(call, served, sdk):
    error = ask(call, sdk, "no-such-model")["error"]
    assert (error["class"], error["status"]) == ("NotFoundError", 404)
    assert "no-such-model" in error["message"]
    assert served.record(error["request_id"])["reason"] == "unknown-model"


@pytest.mark.parametrize("sdk", ALL)
def test_wrong_client_key(call, sdk):
    error = ask(call, sdk, "chat", key="not-a-key-of-ours")["error"]
    assert (error["class"], error["status"]) == ("AuthenticationError", 401)


@any_way
@pytest.mark.parametrize("sdk", ALL)
def test_cancel_reaches_the_provider(good, mock, alpn, sdk):
    model = f"mock;gap=20ms;tokens=100000;id=node-{sdk}-{alpn}"
    name = f"{provider_of(sdk)}/{model}"
    if sdk == "openai":
        good(sdk, "chat.completions.create", chat(name, stream=True), stop_after=1)
    else:
        good(sdk, "messages.create", message(name, stream=True, max_tokens=200000), stop_after=1)
    row, = mock.requests(model=model)
    assert mock.end_of(row["n"])["how"] == "client_gone"
