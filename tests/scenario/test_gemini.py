"""Gemini's own API: the model and whether to stream stand in the URL, keys may stand there too."""
import hashlib
import json

import pytest

import bed
import wire

MODELS = "/v1beta/models/"
HELLO = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
KEY = "AIza-gateway-to-google"


def conf_of(mock):
    conf = bed.basic(mock.addr)
    conf["providers"]["goo"] = bed.provider("gemini", mock.addr, path="", key="env:GOO_KEY")
    conf["models"] = {"mine/pro": {"targets": ["goo/gemini-3-pro"]}, "chat": {"targets": ["oai/m"]}}
    return conf


@pytest.fixture(scope="module")
def gate(binary, place, mock):
    """A gateway before the mock, with Google among its providers."""
    g = bed.Gateway(binary, place, conf_of(mock), name="google", env={**bed.KEYS, "GOO_KEY": KEY})
    yield g
    g.stop()


def plain(text):
    """The mock counts its answers; all else must be the same."""
    found = json.loads(text)
    for each in found if isinstance(found, list) else [found]:
        each.pop("responseId")
    return found


WAYS = [":generateContent", ":streamGenerateContent", ":streamGenerateContent?alt=sse"]


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_is_the_providers(gate, mock, version, way):
    """But for the model's name, which is the one that the client asked for."""
    direct = wire.ask(mock.addr, "POST", f"/{version}/models/gemini-3-pro{way}", HELLO)
    through = gate.ask(f"/{version}/models/mine/pro{way}", HELLO)
    assert direct.end == through.end == "whole" and through.status == 200
    assert through["content-type"] == direct["content-type"]
    if "sse" in way:
        want, got = ([plain(d) for d in a.events()] for a in (direct, through))
        assert through.text.endswith(b"\r\n\r\n")
    else:
        want, got = plain(direct.text), plain(through.text)
    renamed = json.loads(json.dumps(want).replace('"gemini-3-pro"', '"mine/pro"'))
    assert want != renamed and got == renamed
    record = gate.record(through)
    assert (record["outcome"], record["op"]) == ("full", "generate")
    assert record["stream"] == ("sse" in way)
    assert record["tokens_out"] > 0 and record["tokens_in"] > 0
    assert record["upstream_model"] == "gemini-3-pro"


def test_the_path_is_the_providers(gate, mock):
    """Names are escaped there, and a body that repeats the name is renamed along."""
    body = b'{"generateContentRequest": { "model":"models\\/goo\\/a b" ,"contents":[]}}'
    answer = gate.ask(MODELS + "goo/a%20b:countTokens", body)
    assert answer.status == 200 and answer.json()["totalTokens"] > 0
    (request,) = mock.requests("a b")
    assert request["path"] == MODELS + "a%20b:countTokens"
    body = body.replace(b'"models\\/goo\\/a b"', b'"models/a b"')
    assert request["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert gate.record(answer)["op"] == "count_tokens"


def test_chat_still_goes_to_the_path_that_copies_openai(gate, mock):
    """With the key where OpenAI has it."""
    assert gate.chat("goo/chat-path").status == 200
    (request,) = mock.requests("chat-path")
    assert request["path"] == "/v1beta/openai/chat/completions"
    assert request["headers"]["authorization"] == "Bearer " + KEY
    assert "x-goog-api-key" not in request["headers"]


@pytest.fixture(scope="module")
def locked(binary, place, mock):
    """The same, with keys."""
    conf = conf_of(mock)
    digest = hashlib.sha256(b"client key").hexdigest()
    conf["keys"] = {"one": {"hash": "sha256:" + digest}}
    g = bed.Gateway(binary, place, conf, name="google-locked",
                    env={**bed.KEYS, "GOO_KEY": KEY})
    yield g
    g.stop()


@pytest.mark.parametrize("name,query,headers", [
    ("k-head", "?alt=sse", {"x-goog-api-key": "client key"}),
    ("k-query", "?key=client%20key&alt=sse", {}),
    ("k-spelled", "?alt=sse&%6bey=client%20key&access_token=client%20key&%24alt=json", {}),
    ("k-bearer", "?alt=sse&key=", {"authorization": "Bearer client key"}),
])
def test_keys(locked, mock, name, query, headers):
    """By Google's header or query; no key of a client goes on, the rest of the query does."""
    answer = locked.ask(f"{MODELS}goo/{name}:streamGenerateContent{query}", HELLO, headers)
    assert answer.status == 200, answer
    (request,) = mock.requests(name)
    assert "client" not in json.dumps([request["path"], request["headers"]])
    assert "alt=sse" in request["path"] and "token" not in request["path"]
    assert ("%24alt=json" in request["path"]) == ("%24alt" in query)
    assert request["headers"]["x-goog-api-key"] == KEY
    assert "authorization" not in request["headers"]
    assert "client key" not in locked.access.read_text() + locked.said()


@pytest.mark.parametrize("path,status,word", [
    (MODELS + "goo/m:generateContent", 401, "UNAUTHENTICATED"),
    (MODELS + "goo/m:generateContent?key=wrong", 401, "UNAUTHENTICATED"),
    (MODELS + "nobody:generateContent?key=client%20key", 404, "NOT_FOUND"),
    (MODELS + "a%0Ab:generateContent?key=client%20key", 400, "INVALID_ARGUMENT"),
    (MODELS + "m" * 128 + ":generateContent?key=client%20key", 400, "INVALID_ARGUMENT"),
    ("/v1beta/model", 404, "NOT_FOUND"),
    (MODELS + "goo/m;status=503:generateContent?key=client%20key", 503, "UNAVAILABLE"),
])
def test_refusals_are_in_googles_words(locked, path, status, word):
    """Code, status and message, as its SDKs read them."""
    answer = locked.ask(path, HELLO)
    assert answer.status == status, answer
    error = answer.json()["error"]
    assert (error["code"], error["status"]) == (status, word) and error["message"]


@pytest.mark.parametrize("behaviour,reason", [("fault=cut", "truncated"),
                                              ("fault=error-event", "upstream-error")])
def test_a_stream_that_breaks_ends_in_an_error(gate, behaviour, reason):
    """An error event, and an unclean end."""
    answer = gate.ask(f"{MODELS}goo/g;{behaviour};at-event=3:streamGenerateContent?alt=sse", HELLO)
    assert answer.end == "cut" and answer.status == 200
    error = json.loads(answer.events()[-1])["error"]
    assert error["code"] >= 500 and error["status"]
    assert gate.record(answer)["reason"] == reason


# ---- between Gemini and other dialects ----

WORDS = "".join(f"w{n:06} " for n in range(12))


def text_of(page):
    return "".join(part.get("text", "") for part in page["candidates"][0]["content"]["parts"])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("target", ["ant", "oai"])
def test_a_client_of_google_and_a_target_of_another(gate, mock, way, target):
    """It gets events, a list or one answer, as it asked, and the target its own words."""
    answer = gate.ask(f"{MODELS}{target}/goes{way}", HELLO)
    assert answer.status == 200 and answer.end == "whole"
    if "sse" in way:
        pages = [json.loads(d) for d in answer.events()]
        assert "finishReason" in pages[-1]["candidates"][0]
    else:
        pages = answer.json() if "stream" in way else [answer.json()]
    assert "".join(text_of(p) for p in pages if p["candidates"][0].get("content")) == WORDS
    path = mock.requests("goes")[-1]["path"]
    assert path == {"ant": "/v1/messages", "oai": "/v1/chat/completions"}[target]
    assert gate.record(answer)["outcome"] == "full"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_of_messages_and_google(gate, mock, stream):
    answer = gate.ask("/v1/messages", {"model": "goo/comes", "max_tokens": 50, "stream": stream,
                                       "messages": [{"role": "user", "content": "hi"}]})
    assert answer.status == 200 and answer.end == "whole"
    if stream:
        deltas = [json.loads(d).get("delta", {}) for d in answer.events()]
        assert "".join(d.get("text", "") for d in deltas) == WORDS
        assert answer.text.endswith(b'data: {"type":"message_stop"}\n\n')
    else:
        assert "".join(b["text"] for b in answer.json()["content"]) == WORDS
    (request,) = mock.requests("comes")[-1:]
    way = ":streamGenerateContent?alt=sse" if stream else ":generateContent"
    assert request["path"] == f"{MODELS}comes{way}"
    assert gate.record(answer)["tokens_out"] > 0


def test_a_cut_answer_of_google_is_never_whole_for_another(gate):
    answer = gate.ask("/v1/messages", {"model": "goo/cut;fault=cut;at=6", "max_tokens": 50,
                                       "stream": True,
                                       "messages": [{"role": "user", "content": "hi"}]})
    assert answer.end == "cut" and b"message_stop" not in answer.text
    assert b"event: error" in answer.text
