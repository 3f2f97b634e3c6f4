"""What passes through, and what does not: bytes, header fields, refusals, keys."""
import hashlib
import json
import pathlib
import re

import anthropic
import openai
import pytest

import bed
import peers
import wire

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
RESPONSES = "/v1/responses"

HELLO = [{"role": "user", "content": "hi"}]
BODIES = {
    CHAT: {"messages": HELLO},
    COMPLETIONS: {"prompt": "hi"},
    EMBEDDINGS: {"input": "hi"},
    MESSAGES: {"messages": HELLO, "max_tokens": 50},
    COUNT: {"messages": HELLO},
    RESPONSES: {"input": "hi", "store": False},
}
TERMINALS = {CHAT: b"data: [DONE]\n\n", COMPLETIONS: b"data: [DONE]\n\n",
             MESSAGES: b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
             RESPONSES: b"event: response.completed\n"}
OWN = re.compile(r"^r_[0-9a-z]{15}$")


def without_ids(body):
    """The mock counts its answers; all else must be the same, byte for byte."""
    return re.sub(rb"((?:chatcmpl|cmpl|msg|embd|resp)[-_]mock[-_])\d+", rb"\1N", body)


def case(provider, path, stream):
    return pytest.param(provider, path, stream,
                        id=f"{provider}-{path[4:].replace('/', '-')}-{'sse' if stream else 'json'}")


CASES = [case(provider, path, stream)
         for provider, paths in (("oai", (CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES)),
                                 ("ant", (MESSAGES, COUNT)),
                                 ("vllm", (CHAT, MESSAGES, COUNT, EMBEDDINGS, RESPONSES)))
         for path in paths
         for stream in ((True, False) if path in TERMINALS else (False,))]


# ---- bytes ----

@pytest.mark.parametrize("provider,path,stream", CASES)
def test_bytes_are_the_providers(gateway, mock, provider, path, stream):
    """But for the model's name, which is the one that the client asked for."""
    body = {"model": "same", **BODIES[path]}
    if stream:
        body["stream"] = True
    direct = wire.ask(mock.addr, "POST", path, body)
    body["model"] = f"{provider}/same"
    through = gateway.ask(path, body)
    assert direct.end == through.end == "whole"
    assert through.status == 200
    expected = without_ids(direct.text).replace(b'"model":"same"',
                                                f'"model":"{provider}/same"'.encode())
    assert without_ids(through.text) == expected
    assert through["content-type"] == direct["content-type"]
    if stream:
        assert through.text.split(b"\n\n")[-2].startswith(TERMINALS[path].rstrip())
        assert through["transfer-encoding"] == "chunked"
    else:
        assert through["content-length"] == str(len(through.text))
    record = gateway.record(through)
    assert (record["outcome"], record["status"], record["stream"]) == ("full", 200, stream)
    assert record["bytes_out"] == len(through.text)
    assert record["attempts"] == 1


def test_a_name_of_ones_own_comes_back(start, mock):
    """An alias is patched into the request's bytes and out of the answer's, at its place only."""
    conf = bed.basic(mock.addr)
    conf["models"] = {"my-\u00fcber/model": {"targets": ["oai/upstream-1"]}}
    g = start(bed.Gateway, conf, env=bed.KEYS)
    text = ('{ "x":[1, 2 ,{"model":"inner"}],\n "messages" : [{"role":"user","content":'
            '"\\"model\\": \\"not this\\""}],  "model" :"my-\\u00fcber/model" ,"zz":1E+300}')
    for stream in (False, True):
        sent = text.replace("1E+300", "1E+300" if not stream else '1,"stream":true')
        answer = g.ask(CHAT, sent.encode())
        assert answer.status == 200, answer
        names = set(re.findall(rb'"model":("[^"]*")', answer.text))
        assert names == {b'"my-\\u00fcber/model"'}
        assert answer["x-lamplighter-model"] == "upstream-1"
        expected = sent.replace('"my-\\u00fcber/model"', '"upstream-1"')
        if stream:
            expected = expected[:-1] + ',"stream_options":{"include_usage":true}}'
        sums = [r["body_sha256"] for r in mock.requests("upstream-1")]
        assert sums[-1] == hashlib.sha256(expected.encode()).hexdigest()


def test_tokens_of_a_stream_are_counted_unasked(gateway, mock):
    """The provider is asked for usage; the client, which did not ask, is given none."""
    body = {"model": "oai/counted", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    quiet = gateway.ask(CHAT, body)
    asked = gateway.ask(CHAT, {**body, "stream_options": {"include_usage": True}})
    assert quiet.end == asked.end == "whole"
    assert b"usage" not in quiet.text and b"[DONE]" in quiet.text
    assert b'"usage":null' in asked.text and b'"usage":{' in asked.text
    records = [gateway.record(a) for a in (quiet, asked)]
    assert records[0]["tokens_out"] == records[1]["tokens_out"] > 0


def test_unknown_fields_survive_both_ways(gateway, mock):
    """The request's bytes arrive unchanged, and unknown events come through."""
    body = (b'{"model":"gen/survive;fault=unknown-event;at=2","stream":true,"messages":[],'
            b'"future_option":{"a":[1,2,3],"b":null},"weird":"\\ud83d\\ude00","n":1}')
    answer = gateway.ask(CHAT, body)
    direct = wire.ask(mock.addr, "POST", CHAT, body.replace(b"gen/", b""))
    assert answer.status == 200 and answer.end == "whole"
    assert without_ids(answer.text) == without_ids(direct.text).replace(
        b'"model":"survive"', b'"model":"gen/survive;fault=unknown-event;at=2"')
    expected = hashlib.sha256(body.replace(b"gen/", b"")).hexdigest()
    assert {r["body_sha256"] for r in mock.requests("survive")} == {expected}


def test_a_large_body_arrives_whole(gateway, mock):
    """Past what is kept in memory, and in pieces."""
    content = "0123456789abcdef" * (3 << 16)
    body = json.dumps({"messages": [{"role": "user", "content": content}],
                       "model": "oai/large"}).encode()
    with wire.Conn(gateway.addr) as conn:
        data = wire.request("POST", CHAT, body)
        for at in range(0, len(data), 100_001):
            conn.send(data[at:at + 100_001])
        answer = conn.read()
    assert answer.status == 200
    (request,) = mock.requests("large")
    assert request["body_sha256"] == hashlib.sha256(body.replace(b"oai/", b"")).hexdigest()


def test_chunked_requests_and_keep_alive(gateway, mock):
    """One connection, several requests; a chunked body goes on with its length."""
    body = json.dumps({"model": "oai/chunks", **BODIES[CHAT]}).encode()
    with wire.Conn(gateway.addr) as conn:
        for _ in range(3):
            conn.send(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
                      .encode())
            for at in range(0, len(body), 7):
                piece = body[at:at + 7]
                conn.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            conn.send(b"0\r\n\r\n")
            answer = conn.read()
            assert answer.status == 200 and answer.end == "whole"
    requests = mock.requests("chunks")
    assert len(requests) == 3
    assert {r["headers"].get("content-length") for r in requests} == {str(len(body) - 4)}
    assert all("transfer-encoding" not in r["headers"] for r in requests)


def test_pipelined_requests_are_answered_in_order(gateway):
    """Two requests in one packet."""
    pair = b"".join(wire.request("POST", CHAT, {"model": f"oai/pipe{i}", **BODIES[CHAT]})
                    for i in range(2))
    with wire.Conn(gateway.addr) as conn:
        conn.send(pair)
        assert [conn.read().json()["model"] for _ in range(2)] == ["oai/pipe0", "oai/pipe1"]


def test_expect_100_continue(gateway):
    """The body is asked for before it is sent."""
    body = json.dumps({"model": "oai/expect", **BODIES[CHAT]}).encode()
    head = wire.request("POST", CHAT, b"x", {"content-length": str(len(body)),
                                             "expect": "100-continue"})[:-1]
    with wire.Conn(gateway.addr) as conn:
        conn.send(head)
        assert conn.sock.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        conn.send(body)
        assert conn.read().status == 200


# ---- header fields ----

@pytest.mark.parametrize("provider,path", [("oai", CHAT), ("ant", MESSAGES)])
def test_credentials_do_not_pass(gateway, mock, provider, path):
    """The provider gets its own key and nothing of the client's."""
    model = f"keys-{provider}"
    answer = gateway.ask(path, {"model": f"{provider}/{model}", **BODIES[path]}, {
        "authorization": "Bearer client-secret", "x-api-key": "client-secret",
        "api-key": "client-secret", "cookie": "session=client-secret",
        "proxy-authorization": "Basic client-secret", "x-forwarded-for": "10.1.2.3",
        "x-mock": "status=500", "x-custom": "client-secret", "user-agent": "tests/1",
        "anthropic-version": "2023-06-01", "anthropic-beta": "a,b", "openai-beta": "c",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    assert answer.status == 200
    (request,) = mock.requests(model)
    headers = request["headers"]
    assert "client-secret" not in json.dumps(headers)
    if provider == "oai":
        assert headers["authorization"] == "Bearer " + bed.KEYS["OAI_KEY"]
        assert "x-api-key" not in headers
    else:
        assert headers["x-api-key"] == bed.KEYS["ANT_KEY"]
        assert "authorization" not in headers
    for name in ("cookie", "x-forwarded-for", "x-mock", "x-custom", "api-key"):
        assert name not in headers
    assert headers["host"] == mock.addr
    assert headers["user-agent"] == "tests/1"
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["anthropic-beta"] == "a,b"
    assert headers["openai-beta"] == "c"
    assert headers["accept-encoding"] == "identity"
    assert headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c")


OPENROUTERS = {"http-referer": "https://app.example", "x-title": "App", "x-openrouter-title": "App",
               "x-openrouter-categories": "cli-agent"}


@pytest.mark.parametrize("kind,given", [("openrouter", OPENROUTERS), ("openai", {})])
def test_fields_of_one_providers_own_go_to_it_alone(start, kind, given):
    """Also where the request is translated."""
    with peers.Provider() as server:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"p": bed.provider(kind, server.addr, key="env:OAI_KEY")}
        g = start(bed.Gateway, conf, env=bed.KEYS)
        mine = {"HTTP-Referer": "https://app.example", "X-Title": "App",
                "X-OpenRouter-Title": "App", "X-OpenRouter-Categories": "cli-agent",
                "x-other": "no", "openai-organization": "org-1", "openai-project": "proj-1"}
        gemini = {"contents": [{"parts": [{"text": "hi"}]}]}
        assert g.ask(CHAT, {"model": "p/m", **BODIES[CHAT]}, mine).status == 200
        assert g.ask("/v1beta/models/p/m:generateContent", gemini, mine).status == 200
        assert len(server.requests) == 2
        for request in server.requests:
            found = {n: v for n, v in request.headers.items()
                     if n in [*OPENROUTERS, "x-other", "openai-organization", "openai-project"]}
            assert found == given


def test_trailers_of_a_request_are_dropped(start):
    """docs/decisions/0012-trailers.md"""
    with peers.Provider() as server:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"p": bed.provider("openai", server.addr, key="env:OAI_KEY")}
        g = start(bed.Gateway, conf, env=bed.KEYS)
        body = json.dumps({"model": "p/m", **BODIES[CHAT]}).encode()
        head = (f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                "te: trailers\r\ntrailer: user-agent\r\ntransfer-encoding: chunked\r\n\r\n")
        trailer = b"user-agent: from-behind\r\nx-title: late\r\n\r\n"
        with wire.Conn(g.addr) as conn:
            assert conn.send(head.encode() + b"%x\r\n%s\r\n0\r\n" % (len(body), body) + trailer)
            answer = conn.read()
        assert (answer.status, answer["trailer"]) == (200, None)
        (request,) = server.requests
        assert request.body == body.replace(b"p/m", b"m")
        for name in ("user-agent", "x-title", "trailer", "te"):
            assert name not in request.headers


def test_every_field_of_the_table_is_on_its_page():
    root = pathlib.Path(__file__).parents[2]
    names = re.findall(r'^X\("([^"]+)"', (root / "src/relay/headers.def").read_text(), re.M)
    page = (root / "docs/headers.md").read_text()
    assert len(names) > 15 and [n for n in names if f"`{n}`" not in page] == []


@pytest.mark.parametrize("provider,path,stream",
                         [c for c in CASES if c.values[0] in ("oai", "ant")])
def test_what_an_answers_head_says(gateway, provider, path, stream):
    """Our request id under the SDK's name, our own fields, nothing that lets proxies collect."""
    body = {"model": f"{provider}/heads", **BODIES[path]}
    if stream:
        body["stream"] = True
    answer = gateway.ask(path, body)
    assert answer.status == 200, answer
    own = answer["x-lamplighter-request-id"]
    assert OWN.match(own)
    assert answer["x-lamplighter-target"].startswith(f"{provider}/heads")
    assert answer["x-lamplighter-attempts"] == "1"
    name, other = (("request-id", "x-request-id") if path in (MESSAGES, COUNT)
                   else ("x-request-id", "request-id"))
    assert answer[name] == own
    assert answer[other] is None
    assert "req_mock" not in str(answer.fields)  # the mock sends both
    names = [n for n, _ in answer.fields]
    assert len(names) == len(set(names))
    if stream:
        assert "no-transform" in answer["cache-control"]
        assert answer["x-accel-buffering"] == "no"
    for name in ("server", "set-cookie", "connection"):
        assert answer[name] is None


def test_what_an_answers_head_lets_through(gateway):
    """Limits of the account are worth knowing; cookies and the rest are not ours to give."""
    for field, passes in (("x-ratelimit-remaining-tokens: 7", True),
                          ("anthropic-ratelimit-requests-limit: 50", True),
                          ("openai-processing-ms: 12", True),
                          ("set-cookie: a=b", False), ("x-secret: 1", False),
                          ("server: nginx", False), ("alt-svc: h3=1", False),
                          ("strict-transport-security: max-age=1", False)):
        answer = gateway.chat(f"oai/heads;header={field}")
        assert answer.status == 200, answer
        name, _, value = field.partition(": ")
        assert answer[name] == (value if passes else None), field


# ---- what the gateway answers itself ----

def test_head_root_is_answered(gateway):
    """Claude Code asks so whether anybody is there."""
    answer = gateway.ask("/", method="HEAD")
    assert (answer.status, answer.end, answer.text) == (200, "whole", b"")
    answer = gateway.ask("/", method="GET")
    assert answer.json()["name"] == "lamplighter"


def test_models_are_listed(start, mock):
    """In both dialects at once."""
    conf = bed.basic(mock.addr)
    conf["models"] = {"one": {"targets": "oai/a"}, "two": {"targets": ["ant/b", "oai/c"]}}
    g = start(bed.Gateway, conf, env=bed.KEYS)
    answer = g.ask("/v1/models", method="GET")
    assert answer.status == 200
    page = answer.json()
    assert (page["object"], page["has_more"]) == ("list", False)
    assert [m["id"] for m in page["data"]] == ["one", "two"]
    for m in page["data"]:
        assert m["object"] == m["type"] == "model"
        assert m["owned_by"] in ("oai", "ant")
        assert m["display_name"] == m["id"] and m["created_at"]
    one = g.ask("/v1/models/one", method="GET")
    assert one.status == 200 and one.json()["id"] == "one"
    assert g.ask("/v1/models/three", method="GET").status == 404


@pytest.fixture
def listing(start, mock):
    conf = bed.basic(mock.addr)
    conf["models"] = {"one": {"targets": "oai/a"}, "a/\u00fc": {"targets": "ant/b"}}
    return start(bed.Gateway, conf, env=bed.KEYS)


def test_anthropics_sdk_lists_models(listing):
    client = anthropic.Anthropic(base_url=f"http://{listing.addr}", api_key="any", max_retries=0)
    page = client.models.list()
    assert (page.first_id, page.last_id, page.has_more) == ("one", "a/\u00fc", False)
    assert [model.id for model in page] == ["one", "a/\u00fc"]
    one = client.models.retrieve("one")
    assert (one.id, one.type, one.lifecycle, one.created_at.year) == ("one", "model", "active", 1970)
    with pytest.raises(anthropic.NotFoundError) as e:
        client.models.retrieve("three")
    assert e.value.body["type"] == "error" and e.value.body["error"]["type"] == "not_found_error"


def test_openais_sdk_lists_models(listing):
    client = openai.OpenAI(base_url=f"http://{listing.addr}/v1", api_key="any", max_retries=0)
    assert [(model.id, model.object) for model in client.models.list()] == [
        ("one", "model"), ("a/\u00fc", "model")]
    assert client.models.retrieve("one").owned_by == "oai"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("three")


def test_googles_list_of_models(listing):
    answer = listing.ask("/v1beta/models", method="GET")
    assert answer.status == 200
    models = answer.json()["models"]
    assert [m["name"] for m in models] == ["models/one", "models/a/\u00fc"]
    assert {"generateContent", "streamGenerateContent"} <= set(
        models[0]["supportedGenerationMethods"])
    for path, name in (("one", "one"), ("a/%C3%BC", "a/\u00fc"), ("oai/any", "oai/any")):
        answer = listing.ask(f"/v1beta/models/{path}", method="GET")
        assert (answer.status, answer.json()["name"]) == (200, f"models/{name}")
    answer = listing.ask("/v1beta/models/three", method="GET")
    assert (answer.status, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


# ---- refusals ----

def refusal(answer, path, status, reason):
    """It is an error of the path's dialect, with our request id, a reason and a hint."""
    assert answer.status == status, answer
    assert answer.end == "whole"
    own = answer["x-lamplighter-request-id"]
    assert OWN.match(own)
    assert answer["x-lamplighter-reason"] == reason
    assert answer["content-type"] == "application/json"
    page = answer.json()
    if path.startswith(MESSAGES):
        assert page["type"] == "error"
        assert page["request_id"] == own
        assert answer["request-id"] == own
    else:
        assert set(page["error"]) >= {"message", "type", "param", "code"}
        assert answer["x-request-id"] == own
    assert page["error"]["message"]
    assert page["lamplighter"]["request_id"] == own
    assert page["lamplighter"]["reason"] == reason
    return page


ODD = {
    "unknown path": ("GET", "/v1/nothing", b"", {}, 404, "unknown-path"),
    "unknown path below messages": ("POST", "/v1/messages/nothing", b"{}", {}, 404,
                                    "unknown-path"),
    "method": ("GET", CHAT, b"", {}, 405, "unknown-path"),
    "method of messages": ("DELETE", MESSAGES, b"", {}, 405, "unknown-path"),
    "compressed": ("POST", CHAT, b"{}", {"content-encoding": "gzip"}, 415, "bad-request"),
    "compressed messages": ("POST", MESSAGES, b"{}", {"content-encoding": "br"}, 415,
                            "bad-request"),
    "no json": ("POST", CHAT, b"hello", {}, 400, "bad-request"),
    "no json messages": ("POST", MESSAGES, b"{", {}, 400, "bad-request"),
    "no object": ("POST", CHAT, b"[]", {}, 400, "bad-request"),
    "empty": ("POST", CHAT, b"", {}, 400, "bad-request"),
    "two documents": ("POST", CHAT, b'{"model":"oai/a"}{}', {}, 400, "bad-request"),
    "no model": ("POST", CHAT, b'{"messages":[]}', {}, 400, "bad-request"),
    "model of a wrong type": ("POST", CHAT, b'{"model":3}', {}, 400, "bad-request"),
    "empty model": ("POST", MESSAGES, b'{"model":""}', {}, 400, "bad-request"),
    "control byte in a model": ("POST", CHAT, b'{"model":"a\\u0001"}', {}, 400, "bad-request"),
    "unknown model": ("POST", CHAT, b'{"model":"nobody-knows"}', {}, 404, "unknown-model"),
    "unknown model messages": ("POST", MESSAGES, b'{"model":"nobody-knows"}', {}, 404,
                               "unknown-model"),
    "unknown provider": ("POST", CHAT, b'{"model":"nobody/gpt"}', {}, 404, "unknown-model"),
    "wrong dialect": ("POST", EMBEDDINGS, b'{"model":"ant/claude"}', {}, 400, "wrong-dialect"),
    "no model responses": ("POST", RESPONSES, b'{"input":"hi"}', {}, 400, "bad-request"),
    "responses in general": ("GET", RESPONSES, b"", {}, 404, "unknown-path"),
    "wrong dialect messages": ("POST", COUNT, b'{"model":"gen/gpt"}', {}, 400, "wrong-dialect"),
    "stream of a wrong type": ("POST", CHAT, b'{"model":"oai/a","stream":"yes"}', {}, 400,
                               "bad-request"),
    "duplicate model": ("POST", CHAT, b'{"model":"oai/a","model":"oai/b"}', {}, 400,
                        "bad-request"),
    "duplicate model messages": ("POST", MESSAGES, b'{"model":"ant/a","x":1,"model":"ant/a"}', {},
                                 400, "bad-request"),
    "duplicate stream": ("POST", CHAT, b'{"model":"oai/a","stream":true,"stream":false}', {}, 400,
                         "bad-request"),
    "escaped model": ("POST", CHAT, b'{"mod\\u0065l":"oai/a"}', {}, 400, "bad-request"),
    "escaped beside plain": ("POST", CHAT, b'{"model":"oai/a","\\u006dodel":"oai/b"}', {}, 400,
                             "bad-request"),
    "escaped stream": ("POST", MESSAGES, b'{"model":"ant/a","\\u0073tream":true}', {}, 400,
                       "bad-request"),
    "invalid utf-8": ("POST", CHAT, b'{"model":"oai/a","x":"\xff"}', {}, 400, "bad-request"),
    "passes to nobody": ("POST", "/v1/files", b"{}", {}, 404, "unknown-path"),
}


@pytest.mark.parametrize("name", ODD)
def test_refusals(gateway, mock, name):
    """Each says why, in the dialect of its path, and nothing goes upstream."""
    method, path, body, headers, status, reason = ODD[name]
    before = len(mock.requests())
    answer = gateway.ask(path, body, headers, method=method)
    page = refusal(answer, path, status, reason)
    if status in (404, 405, 415) or reason == "wrong-dialect":
        assert page["lamplighter"]["hint"]
    record = gateway.record(answer)
    assert (record["outcome"], record["reason"], record["status"]) == ("client_error", reason,
                                                                       status)
    assert len(mock.requests()) == before


def test_other_duplicates_pass(gateway):
    """Only keys that the gateway reads must be plain."""
    body = b'{"model":"oai/dups","messages":[],"x":1,"x":2,"nested":{"model":1,"model":2}}'
    assert gateway.ask(CHAT, body).status == 200


def test_a_body_past_the_limit_is_413(start, mock):
    """Before it is read when its length is known, as soon as it is too long when it is not."""
    conf = bed.basic(mock.addr, limits={"body": "64KiB"})
    g = start(bed.Gateway, conf, env=bed.KEYS)
    big = json.dumps({"model": "oai/a", "pad": "x" * 100_000}).encode()
    for path in (CHAT, MESSAGES):
        answer = g.ask(path, big)
        refusal(answer, path, 413, "body-too-large")
        assert g.record(answer)["reason"] == "body-too-large"
    with wire.Conn(g.addr) as conn:
        conn.send(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for at in range(0, len(big), 8000):
            if not conn.send(b"%x\r\n%s\r\n" % (len(big[at:at + 8000]), big[at:at + 8000])):
                break
        answer = conn.read()
    refusal(answer, CHAT, 413, "body-too-large")
    assert not mock.requests("a")


# ---- keys ----

def digest(key):
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture(scope="module")
def locked(binary, place, mock):
    """A gateway that asks for keys."""
    conf = bed.basic(mock.addr)
    conf["keys"] = {
        "all": {"hash": digest("key-all")},
        "some": {"hash": digest("key-some"), "models": ["oai/gpt-*", "ant/*"]},
        "old": {"hash": digest("key-old"), "expires": "2020-01-01"},
        "young": {"hash": digest("key-young"), "expires": "2999-12-31"},
    }
    g = bed.Gateway(binary, place, conf, name="locked", env=bed.KEYS)
    yield g
    g.stop()


KEY_ROWS = [
    # key, model, status, reason
    (None, "oai/gpt-1", 401, "no-key"),
    ("", "oai/gpt-1", 401, "no-key"),
    ("wrong", "oai/gpt-1", 401, "bad-key"),
    (digest("key-all"), "oai/gpt-1", 401, "bad-key"),
    ("key-all ", "oai/gpt-1", 200, None),
    ("key-all", "oai/gpt-1", 200, None),
    ("key-all", "gen/any", 200, None),
    ("key-some", "oai/gpt-1", 200, None),
    ("key-some", "oai/o1", 403, "bad-key"),
    ("key-some", "gen/any", 403, "bad-key"),
    ("key-old", "oai/gpt-1", 401, "bad-key"),
    ("key-young", "oai/gpt-1", 200, None),
]


@pytest.mark.parametrize("way", ["bearer", "x-api-key"])
@pytest.mark.parametrize("key,model,status,reason", KEY_ROWS)
def test_keys(locked, way, key, model, status, reason):
    """By either header; the name of the key is in the log, the key nowhere."""
    headers = {}
    if key is not None:
        headers = {"authorization": f"Bearer {key}"} if way == "bearer" else {"x-api-key": key}
    answer = locked.ask(CHAT, {"model": model, "messages": []}, headers)
    if status == 200:
        assert answer.status == 200, answer
        assert locked.record(answer)["key"] == key.strip()[4:]
        return
    page = refusal(answer, CHAT, status, reason)
    assert page["lamplighter"]["hint"]
    assert page["error"]["type"] == ("authentication_error" if status == 401
                                     else "permission_error")
    assert "key-" not in locked.access.read_text() + locked.said()


def test_keys_in_the_other_dialect(locked):
    """Anthropic's words for it."""
    answer = locked.ask(MESSAGES, {"model": "ant/a", **BODIES[MESSAGES]})
    assert refusal(answer, MESSAGES, 401, "no-key")["error"]["type"] == "authentication_error"
    answer = locked.ask(MESSAGES, {"model": "ant/a", **BODIES[MESSAGES]}, {"x-api-key": "key-some"})
    assert answer.status == 200


def test_one_request_with_two_keys_is_judged_by_the_bearer(locked):
    """Claude Code sends both; no guessing by which of them works."""
    both = {"authorization": "Bearer wrong", "x-api-key": "key-all"}
    assert locked.ask(CHAT, {"model": "oai/gpt-1", "messages": []}, both).status == 401


def test_the_bodys_size_does_not_matter_without_a_key(locked):
    """Who has no key is told at once, and not allowed to fill memory first."""
    with wire.Conn(locked.addr) as conn:
        conn.send(wire.request("POST", CHAT, b"x", {"content-length": "60000000"}))
        answer = conn.read()
    assert answer.status == 401
    assert answer["connection"] == "close"


# ---- the outside ----

def test_metrics_count_what_came(gateway):
    """Requests by outcome, and the processes."""
    name = ('lamplighter_requests_total{model="oai/metered",api="chat",stream="false",'
            'outcome="full"}')
    for _ in range(3):
        gateway.record(gateway.chat("oai/metered"))
    found = gateway.metrics()
    assert found.get(name) == 3, sorted(found)[:50]
    assert found["lamplighter_config_last_reload_successful"] == 1


def test_no_secret_is_written_anywhere(gateway):
    """Neither keys nor prompts are in logs, status or metrics."""
    marker = "prompt-marker-91c2"
    gateway.record(gateway.chat("oai/quiet", messages=[{"role": "user", "content": marker}]))
    seen = (gateway.access.read_text() + gateway.said() + json.dumps(gateway.status())
            + wire.ask(gateway.admin, "GET", "/metrics").text.decode())
    for secret in (marker, *bed.KEYS.values(), "w000001"):
        assert secret not in seen


OTHERS = {"a name that leads here": {"host": "evil.example"},
          "a page elsewhere": {"origin": "https://evil.example"},
          "a page of another host": {"origin": "http://10.0.0.7"},
          "a page that will not say": {"origin": "null"}}
OURS = {"by name": {"host": "localhost:1"}, "by IPv6": {"host": "[::1]:1"}, "by address": {"host": "10.0.0.7"},
        "a page of this host": {"origin": "http://localhost:3000"}}


@pytest.mark.parametrize("name", OTHERS | OURS)
def test_without_keys_no_page_of_another_host_is_served(gateway, name):
    answer = gateway.ask("/v1/chat/completions", {"model": "gen/page", "messages": []},
                         (OTHERS | OURS)[name])
    assert answer.status == (403 if name in OTHERS else 200), answer
    assert (b"web page" in answer.text) == (name in OTHERS)
