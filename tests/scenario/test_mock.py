"""Goal: what `lamplighter mock` sends is exactly what it was told to send.
Method: raw sockets and a small reader of our own; every assertion is on bytes. The mock stands
for other companies' servers in all other scenarios, so nothing here is taken on trust."""
import base64
import gzip
import hashlib
import json
import select
import signal
import socket
import struct
import subprocess
import time
import urllib.parse

import pytest

from fake import CHAT, Answer, Mock, request, words

@pytest.fixture(scope="module")
def mock(binary, tmp_path_factory):
    m = Mock(binary, tmp_path_factory.mktemp("mock"), "--reset", "127.0.0.1:0",
             "--refuse", "127.0.0.1:0")
    yield m
    m.stop()


@pytest.fixture
def own(binary, tmp_path):
    """Start a mock of one's own: own(*args)."""
    started = []

    def start(*args):
        started.append(Mock(binary, tmp_path, *args))
        return started[-1]

    yield start
    for m in started:
        if m.process.poll() is None:
            m.stop()


# ---- well-formed answers ----

def test_chat_stream(mock):
    a = mock.ask("tokens=3", stream_options={"include_usage": True})
    assert a.status_line == "HTTP/1.1 200 OK"
    assert a.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert a.chunked_end and a.left == b""
    assert len(a.chunks) == len(a.events) == 1 + 3 + 1 + 1 + 1  # one chunk an event
    assert a.text() == (words(3), "stop")
    assert json.loads(a.data()[-2])["usage"]["completion_tokens"] == 3
    assert a.data()[-1] == b"[DONE]"


def test_chat_whole(mock):
    a = mock.ask("tokens=3", stream=False)
    body = json.loads(a.body)
    assert a.headers["content-type"] == "application/json"
    assert body["choices"][0]["message"]["content"] == words(3)
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + 3


def test_choices(mock):
    body = json.loads(mock.ask(stream=False, n=3).body)
    assert [c["index"] for c in body["choices"]] == [0, 1, 2]
    chunks = [json.loads(d) for d in mock.ask("tokens=2", n=2).data()[:-1]]
    assert [c["choices"][0]["index"] for c in chunks] == [0, 1] * 4


def test_completions(mock):
    a = mock.ask("tokens=2", path="/x/v1/completions")
    assert "".join(json.loads(d)["choices"][0]["text"] for d in a.data()[:-1]) == words(2)
    assert json.loads(mock.ask(path="/v1/completions", stream=False).body)["choices"][0]["text"]


def test_messages_stream(mock):
    a = mock.ask("tokens=2", path="/v1/messages")
    names = [e.split(b"\n")[0] for e in a.events]
    assert names == [b"event: " + n for n in (
        b"message_start", b"content_block_start", b"ping", b"content_block_delta",
        b"content_block_delta", b"content_block_stop", b"message_delta", b"message_stop")]
    assert json.loads(a.data()[-2])["delta"]["stop_reason"] == "end_turn"
    assert "request-id" in a.headers


def test_messages_whole_and_count(mock):
    body = json.loads(mock.ask("tokens=2", path="/v1/messages", stream=False).body)
    assert body["content"] == [{"type": "text", "text": words(2)}]
    assert json.loads(mock.ask(path="/v1/messages/count_tokens").body)["input_tokens"] > 0


def test_responses(mock):
    a = mock.ask("tokens=2", path="/v1/responses", input="hi")
    data = [json.loads(d) for d in a.data()]
    assert [d["sequence_number"] for d in data] == list(range(len(data)))
    assert data[-1]["type"] == "response.completed"
    assert data[-1]["response"]["output"][0]["content"][0]["text"] == words(2)
    body = json.loads(mock.ask("tokens=2", path="/v1/responses", stream=False).body)
    assert body["output"][0]["content"][0]["text"] == words(2)


def test_gemini(mock):
    path = "/v1beta/models/gemini-x:%sGenerateContent"
    a = mock.ask("tokens=2", path=path.replace("%s", "stream") + "?alt=sse")
    assert a.body.endswith(b"\r\n\r\n")
    last = json.loads(a.data()[-1])
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert last["modelVersion"] == "gemini-x"
    whole = json.loads(mock.ask("tokens=2", path=path.replace("%sG", "g")).body)
    assert whole["candidates"][0]["content"]["parts"][0]["text"] == words(2)
    (only,) = json.loads(mock.ask("tokens=2", path=path.replace("%s", "stream")).body)
    assert only == whole | {"responseId": only["responseId"]}
    count = json.loads(mock.ask(path="/v1beta/models/gemini-x:countTokens").body)
    assert count["totalTokens"] > 0


def test_embeddings_models_health(mock):
    body = json.loads(mock.ask(path="/v1/embeddings", input=["a", "b"], dimensions=3).body)
    assert [len(d["embedding"]) for d in body["data"]] == [3, 3]
    s = mock.connect()
    s.sendall(b"GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n")
    assert json.loads(Answer(s).body)["object"] == "list"
    s.sendall(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
    assert Answer(s).body == b"{}"


def test_azure_paths_carry_the_model(mock):
    name = urllib.parse.quote("gpt;tokens=2", safe="")
    a = mock.ask(path=f"/openai/deployments/{name}/chat/completions?api-version=1", model="")
    assert a.text() == (words(2), "stop")
    assert json.loads(a.data()[0])["model"] == "gpt"
    assert mock.ask("tokens=1", path="/openai/v1/chat/completions").text()[0] == words(1)


@pytest.mark.parametrize("stream", [False, True])
def test_forced_tool_choice_is_obeyed(mock, stream):
    schema = {"type": "object", "properties": {
        "city": {"type": "string"}, "days": {"type": "integer"},
        "unit": {"enum": ["c", "f"]}, "where": {"type": "object", "properties": {
            "x": {"type": "number"}}}}}
    want = {"city": "text", "days": 1, "unit": "c", "where": {"x": 1.5}}
    tools = [{"type": "function", "function": {"name": n, "parameters": schema}} for n in "ab"]
    a = mock.ask(stream=stream, tools=tools,
                 tool_choice={"type": "function", "function": {"name": "b"}})
    if stream:
        deltas = [json.loads(d)["choices"][0] for d in a.data()[:-1]]
        calls = [c for d in deltas for c in d["delta"].get("tool_calls", [])]
        assert calls[0]["function"]["name"] == "b"
        got = "".join(c["function"]["arguments"] for c in calls)
        assert deltas[-1]["finish_reason"] == "tool_calls"
    else:
        got = json.loads(a.body)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(got) == want
    tools = [{"name": n, "input_schema": schema} for n in "cd"]
    for choice, name in (({"type": "any"}, "c"), ({"type": "tool", "name": "d"}, "d")):
        a = mock.ask(path="/v1/messages", stream=stream, tool_choice=choice, tools=tools)
        if stream:
            data = [json.loads(d) for d in a.data()]
            assert data[1]["content_block"]["name"] == name
            got = json.loads("".join(d["delta"].get("partial_json", "") for d in data
                                     if d["type"] == "content_block_delta"))
            assert data[-2]["delta"]["stop_reason"] == "tool_use"
        else:
            block = json.loads(a.body)["content"][0]
            assert (block["type"], block["name"]) == ("tool_use", name)
            got = block["input"]
        assert got == want
    a = mock.ask(stream=False, tools=[{"type": "function", "function": {"name": "e"}}],
                 tool_choice="required")
    call = json.loads(a.body)["choices"][0]["message"]["tool_calls"][0]["function"]
    assert call["name"] == "e"


def test_offered_tool_is_not_called_unasked(mock):
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert mock.ask(tools=tools).text()[1] == "stop"
    assert mock.ask("tool=1", tools=tools).text()[1] == "tool_calls"


def test_max_tokens_cuts_with_the_reason(mock):
    assert mock.ask(max_tokens=2).text() == (words(2), "length")
    a = mock.ask(path="/v1/messages", stream=False, max_tokens=2)
    assert json.loads(a.body)["stop_reason"] == "max_tokens"


def test_prefix_is_continued(mock):
    talk = [{"role": "user", "content": "go"}, {"role": "assistant", "content": words(3)[:-4]}]
    assert mock.ask("tokens=5", messages=talk).text()[0] == words(5)[20:]
    talk[1]["content"] = "something else"
    assert mock.ask("tokens=5", messages=talk).text()[0] == words(5)


def test_text_and_echo_keep_characters_whole(mock):
    text = 'say "\u00fc\u20ac\U0001f600"\n'
    talk = [{"role": "user", "content": text}]
    assert mock.ask("echo=1,event-size=1", messages=talk).text()[0] == text
    assert mock.ask("text=a%2cb%22").text()[0] == 'a,b"'


def test_keep_alive_and_pipelining(mock):
    s = mock.connect()
    s.sendall(request("tokens=1") + request("tokens=2", stream=False))
    first = Answer(s, head_only=True)
    first.read_body()
    second = first.left
    while second.count(b"\r\n\r\n") < 1 or not second.endswith(b"}"):
        second += s.recv(65536)
    assert words(2).encode() in second
    assert mock.send(s, "tokens=3") and Answer(s).text()[0] == words(3)


def test_http10_client_gets_no_chunks(mock):
    s = mock.connect()
    s.sendall(request("tokens=1").replace(b"HTTP/1.1", b"HTTP/1.0"))
    a = Answer(s)
    assert "transfer-encoding" not in a.headers and a.reads_end("fin")
    assert a.text() == (words(1), "stop")


def test_chunked_request_and_100_continue(mock):
    s = mock.connect()
    s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n"
              b"expect: 100-continue\r\n\r\n")
    assert s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    body = b'{"model":"m;tokens=2"}'
    s.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert json.loads(Answer(s).body)["choices"][0]["message"]["content"] == words(2)


# ---- carriers ----

def test_model_name_carries_behaviour(mock):
    a = mock.ask(model="gpt-4;tokens=2;stop=content_filter")
    assert a.text() == (words(2), "content_filter")
    assert json.loads(a.data()[0])["model"] == "gpt-4"


def test_nth_counts_by_model(mock):
    got = [mock.ask(model="nth;status=500;nth=2", stream=False).status for _ in range(3)]
    assert got == [200, 500, 200]
    got = [mock.ask("status=503,first=2", model="other", stream=False).status for _ in range(3)]
    assert got == [503, 503, 200]


def test_script(own, tmp_path):
    script = tmp_path / "script"
    script.write_text("# first\ngpt-* => tokens=2\nkey=*bad path=/v1/* => status=401,"
                      "kind=invalid_api_key\n* => header=x-seen: yes, nth=2\n")
    m = own("--script", script)
    assert m.ask(model="gpt-4").text()[0] == words(2)
    assert m.ask(model="gpt-4").headers["x-seen"] == "yes"
    a = m.ask(headers=["authorization: Bearer bad"])
    assert a.status == 401 and json.loads(a.body)["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("args, text", [
    (["--script", "no such"], "no such: cannot be opened"),
    (["--listen", "nowhere"], "--listen nowhere"),
    (["--bogus"], "there is no option '--bogus'"),
    (["--log"], "--log needs FILE"),
    (["--for", "x"], "--for 'x' is no number"),
    (["--replay", "no such"], "no such: cannot be opened"),
])
def test_wrong_command_line(binary, args, text):
    r = subprocess.run([binary, "mock", *args], capture_output=True, text=True, timeout=5)
    assert r.returncode in (1, 2) and text in r.stderr and r.stdout == ""


def test_wrong_script_names_line_and_place(binary, tmp_path):
    (tmp_path / "s").write_text("a => at=1\nb => at=1,how=gently\n")
    r = subprocess.run([binary, "mock", "--script", tmp_path / "s"], capture_output=True,
                       text=True, timeout=5)
    assert r.returncode == 2
    assert "s: line 2: after =>: byte 6: 'how=gently': the value is not one of the ends" in r.stderr


@pytest.mark.parametrize("how, path, status, text", [
    ("bogus=1", CHAT, 500, "byte 1: 'bogus=1': there is no key 'bogus'"),
    ("kind=nonsense", CHAT, 500, "no error row of kind 'nonsense'"),
    ("replay=none", CHAT, 500, "no recording 'none'"),
    ("status=100", CHAT, 500, "status=100 is no final status"),
    ("", "/nowhere", 404, "nothing is served at '/nowhere'"),
])
def test_mistakes_are_answered(mock, how, path, status, text):
    a = mock.ask(how, path=path)
    assert a.status == status and text in json.loads(a.body)["error"]["message"]


# ---- errors of the table ----

@pytest.mark.parametrize("path, how, status, where, headers", [
    (CHAT, "status=429", 429, ("code", "rate_limit_exceeded"), {"retry-after-ms": "494"}),
    (CHAT, "kind=insufficient_quota", 429, ("type", "insufficient_quota"), {}),
    (CHAT, "kind=slow_down,retry-after=30", 429, ("code", "slow_down"), {"retry-after": "30"}),
    (CHAT, "status=500", 500, ("type", "server_error"), {}),
    (CHAT, "kind=ptu_exceeded", 429, ("code", "429"), {"retry-after-ms": "250"}),
    (CHAT, "kind=loading,provider=llamacpp", 503, ("type", "unavailable_error"), {}),
    ("/v1/messages", "status=529", 529, ("type", "overloaded_error"), {"x-should-retry": "true"}),
    ("/v1/messages", "status=429", 429, ("type", "rate_limit_error"),
     {"retry-after": "37", "anthropic-ratelimit-requests-remaining": "0"}),
    ("/v1beta/models/g:generateContent", "kind=quota_per_day", 429,
     ("status", "RESOURCE_EXHAUSTED"), {}),
    (CHAT, "status=418", 418, ("type", "mock_error"), {}),
    (CHAT, "status=503,kind=overloaded_error", 503, ("type", "overloaded_error"), {}),
])
def test_error_rows(mock, path, how, status, where, headers):
    a = mock.ask(how, path=path)
    assert a.status == status and a.headers["content-type"] == "application/json"
    assert json.loads(a.body)["error"][where[0]] == where[1]
    for name, value in headers.items():
        assert [v for k, v in a.fields if k == name] == [value]


def test_error_row_loses_its_delay(mock):
    a = mock.ask("status=429,retry-after=none,retry-after-ms=none")
    assert "retry-after" not in a.headers and "retry-after-ms" not in a.headers


def test_dead_engine_and_proxies(mock):
    a = mock.ask("kind=engine_dead,provider=vllm")
    assert (a.status, a.body) == (500, b"")
    a = mock.ask("kind=cloudflare_522")
    assert a.status == 522 and a.headers["content-type"] == "text/html" and b"<h1>" in a.body


def test_every_error_row(mock, binary):
    manual = subprocess.run([binary, "mock", "--manual"], capture_output=True, text=True,
                            timeout=5).stdout
    rows = [line.split("|")[1:5] for line in manual.split("## Errors")[1].splitlines()
            if line.startswith("| ") and not line.startswith("| provider")]
    assert len(rows) > 90
    s = mock.connect()
    for provider, kind, status, headers in rows:
        mock.send(s, f"provider={provider.strip()},kind={kind.strip(' `')}")
        a = Answer(s)
        assert a.status == int(status)
        for header in headers.split("`")[1::2]:
            assert header.split(": ", 1) in a.fields
        if a.headers["content-type"] == "application/json" and a.body:
            json.loads(a.body)


# ---- before the head ----

def test_reset_listener_and_refused_port(mock):
    with pytest.raises(ConnectionResetError):
        mock.connect("resetting").recv(1)
    with pytest.raises(ConnectionRefusedError):
        mock.connect("refusing")


def refused(mock):
    try:
        mock.connect().close()
        return False
    except ConnectionRefusedError:
        return True


def refused_for(mock, since):
    while refused(mock):
        assert time.monotonic() - since < 5
        time.sleep(0.002)
    return time.monotonic() - since


def test_refuse(own):
    m = own()
    idle, busy = m.connect(), m.send(m.connect(), "gap=20ms,tokens=10")
    m.wait_log("request", 1)
    start = time.monotonic()
    a = m.ask("fault=refuse,for=300ms,tokens=1")
    assert refused(m)  # by the time that the answer is there
    assert (a.status, a.headers["connection"], a.text()) == (200, "close", (words(1), "stop"))
    assert a.reads_end("fin")
    assert idle.recv(1) == b""
    assert 0.28 <= refused_for(m, start) < 2
    assert Answer(busy).text() == (words(10), "stop")  # what was under way goes on
    assert m.ask("tokens=2").text()[0] == words(2)
    assert [m.wait_log("end", n)["how"] for n in (1, 2, 3)] == ["full"] * 3


def test_refuse_for_half_a_second_and_again(own):
    m = own()
    start = time.monotonic()
    assert m.ask("fault=refuse,status=503", stream=False).status == 503
    assert 0.48 <= refused_for(m, start) < 2
    start = time.monotonic()
    late = m.connect()
    m.ask("fault=refuse,for=1s")
    assert refused(m)
    assert late.recv(1) == b""  # it was idle
    m.stop()  # also while nothing listens
    assert time.monotonic() - start < 0.9


def test_refuse_is_the_last_order_that_counts(own):
    m = own()
    both = [m.connect(), m.connect()]
    for s in both:
        s.sendall(request("fault=refuse,for=400ms")[:-1])  # not idle, not whole
    time.sleep(0.05)
    both[0].sendall(b"}")
    Answer(both[0])
    time.sleep(0.2)
    start = time.monotonic()
    both[1].sendall(b"}")
    Answer(both[1])
    assert 0.38 <= refused_for(m, start) < 2


def test_reset_close_silent(mock):
    assert mock.ask("fault=reset").end == "rst"
    a = mock.ask("fault=close")
    assert (a.raw, a.end) == (b"", "fin")
    a = mock.ask("fault=silent,for=50ms")
    assert (a.raw, a.end) == (b"", "fin")
    s = mock.send(mock.connect(), "fault=silent")
    assert select.select([s], [], [], 0.1)[0] == []


def test_slow_head_and_first_token(mock):
    start = time.monotonic()
    a = Answer(mock.send(mock.connect(), "head=60ms,ttft=80ms,tokens=1"), head_only=True)
    assert 0.06 <= time.monotonic() - start < 0.13
    assert words(1).encode() not in a.rest
    a.read_body()
    assert time.monotonic() - start >= 0.14 and a.text()[0] == words(1)
    start = time.monotonic()
    mock.ask("gap=10ms,tokens=5")
    assert 0.05 <= time.monotonic() - start < 0.5
    start = time.monotonic()
    mock.ask("gap=10ms,tokens=5,ttft=30ms", stream=False)
    assert time.monotonic() - start >= 0.08


def test_early_answer(mock):
    s = mock.connect()
    s.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: a\r\nx-mock: fault=early,status=413\r\n"
              b"content-length: 1000000\r\n\r\n{")
    a = Answer(s)
    assert a.status == 413 and a.headers["connection"] == "close"
    s.sendall(b"x" * 999999)
    assert a.reads_end("fin")


def test_interim_flood(mock):
    s = mock.send(mock.connect(), "fault=1xx,count=20,tokens=1")
    raw = b""
    while b"[DONE]" not in raw:
        raw += s.recv(65536)
    one = b"HTTP/1.1 103 Early Hints\r\nlink: </style>\r\n\r\n"
    assert raw.startswith(one * 20 + b"HTTP/1.1 200 OK\r\n")


# ---- the head ----

def test_heads_that_are_none(mock):
    assert mock.ask("fault=bad-status").status_line == "HTTP/1.1 two hundred"
    a = mock.ask("fault=not-http")
    assert a.raw.startswith(b"SSH-2.0-") and a.end == "fin"


def test_cut_head(mock):
    for n in (0, 1, 17, 40):
        a = mock.ask(f"fault=cut-head,at-byte={n}")
        assert (len(a.raw), a.end) == (n, "fin")
    assert mock.ask("fault=cut-head,at-byte=10,how=rst").end == "rst"
    a = mock.ask("fault=stall-head,at-byte=10,for=30ms,tokens=1")
    assert a.text()[0] == words(1)


def test_huge_heads(mock):
    a = mock.ask("fault=huge-header,size=1M,tokens=1")
    assert a.headers["x-huge"] == "x" * (1 << 20) and a.text()[0] == words(1)
    a = mock.ask("fault=many-headers,count=10000,tokens=1")
    assert [k for k, _ in a.fields if k.startswith("x-h-")] == [f"x-h-{i:06d}" for i in range(10000)]
    s = mock.send(mock.connect(), "fault=endless-headers")
    got = sum(len(s.recv(65536)) for _ in range(100))
    assert got > 1 << 20


def test_client_that_leaves_an_endless_head_does_not_kill_the_mock(own):
    m = own()
    for n in range(1, 4):
        s = m.send(m.connect(), "fault=endless-headers")
        s.recv(65536)
        s.close() # with bytes unread: a reset, and writing to it SIGPIPE
        assert m.wait_log("end", n)["how"] == "client_gone"


def test_two_lengths(mock):
    a = Answer(mock.send(mock.connect(), "fault=two-lengths", stream=False), head_only=True)
    lengths = [int(v) for k, v in a.fields if k == "content-length"]
    assert len(lengths) == 2 and lengths[1] == lengths[0] + 1
    a = mock.ask("fault=length-and-chunked,tokens=1")
    assert a.chunked_end and int(a.headers["content-length"]) == len(a.body)


# ---- whole bodies ----

def test_wrong_lengths(mock):
    a = mock.ask("fault=length-short,count=7", stream=False)
    a.sock.settimeout(0.1)
    a.more()
    assert json.loads(a.body + a.got()[len(a.body):]) and len(a.got()) == len(a.body) + 7
    a = mock.ask("fault=length-long,count=7", stream=False)
    assert len(a.got()) == int(a.headers["content-length"]) - 7 and a.end == "fin"
    json.loads(a.got())


def test_cut_json_html_gzip_empty(mock):
    whole = mock.ask("tokens=2", stream=False).body
    a = mock.ask("tokens=2,fault=cut-json", stream=False)
    assert len(a.body) == int(a.headers["content-length"]) == len(whole) // 2
    with pytest.raises(ValueError):
        json.loads(a.body)
    assert a.reads_end("open")
    a = mock.ask("fault=html")
    assert a.status == 200 and a.headers["content-type"].startswith("text/html")
    assert mock.ask("fault=html,status=502").status == 502
    a = mock.ask("fault=gzip", stream=False)
    assert a.headers["content-encoding"] == "gzip"
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(a.body)
    a = mock.ask("fault=empty", stream=False)
    assert (a.status, a.headers["content-length"], a.body) == (200, "0", b"")
    a = mock.ask("fault=empty")
    assert a.chunked_end and a.body == b""


def test_frames(mock):
    a = mock.ask("frame=length,tokens=2")
    assert len(a.body) == int(a.headers["content-length"]) and a.text()[0] == words(2)
    a = mock.ask("frame=close,tokens=2")
    assert a.headers["connection"] == "close" and a.end == "fin" and a.text()[0] == words(2)
    a = mock.ask("frame=http10,tokens=2")
    assert a.status_line == "HTTP/1.0 200 OK" and a.end == "fin" and a.text()[0] == words(2)
    a = mock.ask("frame=chunked", stream=False)
    assert a.chunked_end and json.loads(a.body)


def test_unasked_answer_and_idle_close(mock):
    a = mock.ask("fault=extra,for=30ms", stream=False)
    a.sock.settimeout(2)
    before = len(a.raw)
    a.more()
    assert a.raw[before:].startswith(b"HTTP/1.1 200 OK\r\n")
    a = mock.ask("fault=close-idle,for=30ms", stream=False)
    assert "connection" not in a.headers and a.reads_end("fin")


# ---- streams ----

@pytest.mark.parametrize("how, end", [("fin", "fin"), ("rst", "rst"), ("chunk-end", None)])
def test_cut_at_every_byte(mock, how, end):
    whole = mock.ask("tokens=1,id=x").body
    for n in range(0, len(whole) + 1, 7):
        a = mock.ask(f"tokens=1,id=x,fault=cut,at-byte={n},how={how}")
        assert (a.body, a.end, a.chunked_end) == (whole[:n], end, end is None)
    assert end or a.reads_end("open")


@pytest.mark.parametrize("how, end", [("fin", "fin"), ("rst", "rst"), ("chunk-end", "open")])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_cut_at_event(mock, how, end, at):
    a = mock.ask(f"tokens=5,fault=cut,at={at},how={how}")
    assert len(a.events) == at and a.chunked_end == (end == "open")
    assert a.reads_end(end)


def test_cut_rst_now(mock):
    assert mock.ask("tokens=5,fault=cut,how=rst-now,at=1,head=5ms").end == "rst"


def test_cut_inside_a_chunk(mock):
    a = mock.ask("tokens=1,fault=cut,at-byte=10,mid-chunk=1")
    size = int(a.got().split(b"\r\n")[0], 16)
    assert size > 100 and len(a.got().split(b"\r\n", 1)[1]) == 10


def test_cut_whole_answer(mock):
    a = mock.ask("fault=cut", stream=False)
    assert 0 < len(a.got()) < int(a.headers["content-length"]) and a.end == "fin"
    a = mock.ask("fault=cut,at-byte=5,how=chunk-end", stream=False)
    assert a.headers["content-length"] == "5" and a.reads_end("open")


def test_stall(mock):
    a = Answer(mock.send(mock.connect(), "tokens=3,fault=stall,at=2"), head_only=True)
    a.sock.settimeout(0.1)
    a.read_body()
    assert len(a.events) == 2 and a.end == "open"
    a = mock.ask("tokens=3,fault=stall,at=2,for=40ms")
    assert a.text() == (words(3), "stop")
    a = mock.ask("tokens=3,fault=stall,at-byte=30,for=40ms")
    assert a.text() == (words(3), "stop")


def test_dribble(mock):
    s = mock.send(mock.connect(), "dribble=1B/1ms,tokens=0,done=0")
    reads = [s.recv(65536) for _ in range(20)]
    assert len(b"".join(reads)) < 200 and b"".join(reads).startswith(b"HTTP/1.1 200 OK\r\n"[:20])
    s.close()
    a = Answer(mock.send(mock.connect(), "dribble-body=40B/1ms,tokens=1"), head_only=True)
    a.read_body()
    assert a.text()[0] == words(1)


def test_missing_terminals(mock):
    a = mock.ask("tokens=2,fault=no-terminal")
    assert a.text() == (words(2), None) and b"[DONE]" not in a.body and a.chunked_end
    a = mock.ask("tokens=2,done=0")
    assert a.text() == (words(2), "stop") and b"[DONE]" not in a.body
    a = mock.ask("fault=no-terminal", path="/v1/messages")
    assert b"message_stop" not in a.body and b"message_delta" in a.body
    a = mock.ask("fault=no-terminal", path="/v1/responses")
    assert b"response.completed" not in a.body and b"output_item.done" in a.body


def test_error_events(mock):
    a = mock.ask("fault=error-event")
    assert a.status == 200 and len(a.events) == 1 and a.chunked_end
    assert json.loads(a.data()[0])["error"]["type"] == "server_error"
    a = mock.ask("fault=error-event,at=5,kind=rate_limit_error", path="/v1/messages")
    assert len(a.events) == 6 and a.events[-1].startswith(b"event: error\ndata: {")
    assert json.loads(a.data()[-1])["error"]["type"] == "rate_limit_error"
    a = mock.ask("fault=error-event", path="/v1/responses")
    assert json.loads(a.data()[0])["code"] == "server_error"
    a = mock.ask("fault=error-event", path="/v1beta/models/g:streamGenerateContent")
    assert json.loads(a.data()[0])["error"]["status"] == "UNAVAILABLE"


@pytest.mark.parametrize("bad, check", [
    ("json", lambda e: not e.endswith(b"}")),
    ("utf8", lambda e: b"\xff" in e),
    ("nul", lambda e: b"\0" in e),
    ("field", lambda e: e.startswith(b"dat: {")),
    ("empty", lambda e: e == b"data: "),
])
def test_malformed_event(mock, bad, check):
    good = mock.ask("id=x,tokens=3")
    a = mock.ask(f"id=x,tokens=3,fault=malformed,at=2,bad={bad}")
    assert a.events[:2] + a.events[3:] == good.events[:2] + good.events[3:]
    assert check(a.events[2]) and a.chunked_end


def test_events_out_of_order(mock):
    good = mock.ask("id=x,tokens=3").events

    def events(how):
        return mock.ask(f"id=x,tokens=3,{how}").events

    assert events("fault=duplicate,at=2") == good[:3] + good[2:]
    assert events("fault=duplicate,at=1,count=3") == good[:2] + [good[1]] * 3 + good[2:]
    assert events("fault=skip,at=2") == good[:2] + good[3:]
    assert events("fault=reorder,at=1") == [good[0], good[2], good[1]] + good[3:]
    assert events("fault=restart,at=2") == good[:2] + [good[0]] + good[2:]
    assert events("fault=after-terminal") == good + [good[1]]
    unknown = events("fault=unknown-event,at=2")
    assert unknown[:2] + unknown[3:] == good and b"mock.unknown" in unknown[2]


def test_comments_crlf_ping_usage(mock):
    a = mock.ask("comments=2,tokens=1")
    assert a.events[1:3] == [b": MOCK PROCESSING"] * 2
    assert b"\n\n" not in mock.ask("crlf=1").body
    assert b"ping" not in mock.ask("ping=0", path="/v1/messages").body
    assert b'"usage":{' in mock.ask("usage=1").body


def test_chunk_garbage(mock):
    a = mock.ask("fault=chunk-garbage,at=2")
    assert len(a.chunks) == 2 and a.left.startswith(b"zz\r\n") and a.reads_end("fin")


def test_huge_event_is_one_line_in_flat_memory(mock):
    s = mock.send(mock.connect(), "fault=huge-event,size=256M,tokens=1,id=x")
    total, last = 0, b""
    while not last.endswith(b"0\r\n\r\n"):
        data = s.recv(1 << 20)
        assert data
        total += len(data)
        last = (last + data)[-5:]
    assert total > 256 << 20
    assert mock.rss_kib() < (400 << 10)  # a sanitizer's share included; see the slow reader below


def test_slow_reader_holds_the_mock_back(own):
    m = own()
    s = m.connect()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    before = m.rss_kib()
    m.send(s, "size=1G,event-size=64K")
    time.sleep(0.2)
    assert m.rss_kib() - before < 8 << 10
    s.close()
    assert m.wait_log("end", 1)["how"] == "client_gone"


def test_size_spreads_over_events(mock):
    a = mock.ask("size=1M,event-size=16K")
    assert len(a.events) == 1 + 64 + 2 and a.text()[0] == words((1 << 20) // 8)


# ---- replay ----

@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    sse = b"".join(b'data: {"n":%d,"t":"\xc3\xbc"}\n\n' % i for i in range(5)) + b"data: [DONE]\n\n"
    aws = b"".join(struct.pack(">I", 16 + i) + bytes(range(12 + i)) for i in range(1, 4))
    rows = [
        {"id": "sse", "status": 200, "resp": sse.decode(),
         "resp_headers": {"content-type": "text/event-stream", "x-kept": "1",
                          "transfer-encoding": "chunked", "content-length": "1"}},
        {"id": "json", "status": 404, "resp": '{"error": "\\u00e4"}\n',
         "resp_headers": {"content-type": "application/json"}},
        {"id": "aws", "status": 200, "resp": "", "resp_headers": {
            "content-type": "application/vnd.amazon.eventstream"},
         "resp_b64": base64.b64encode(aws).decode()},
        {"id": "crlf", "status": 200, "resp": sse.decode().replace("\n", "\r\n"),
         "resp_headers": {"content-type": "text/event-stream"}},
    ]
    d = tmp_path_factory.mktemp("replay")
    lines = [json.dumps(r) for r in rows]
    with gzip.open(d / "a.jsonl.gz", "wt") as f:
        f.write("\n".join(lines[:2]) + "\n")
    (d / "b.jsonl").write_text("\n".join(lines[2:]))
    return d, sse, aws


@pytest.fixture(scope="module")
def player(binary, tmp_path_factory, recordings):
    m = Mock(binary, tmp_path_factory.mktemp("player"), "--replay", recordings[0])
    yield m
    m.stop()


def test_replay_is_byte_for_byte(player, recordings):
    _, sse, aws = recordings
    a = player.ask(headers=["x-mock-replay: sse"])
    assert a.body == sse and len(a.chunks) == 6 and a.headers["x-kept"] == "1"
    assert "content-length" not in a.headers
    a = player.ask(model="x;replay=json", path="/anything")
    assert (a.status, a.body) == (404, b'{"error": "\\u00e4"}\n')
    a = player.ask("replay=aws")
    assert a.body == aws and [len(c) for c in a.chunks] == [17, 18, 19]
    assert player.ask("replay=crlf").body == sse.replace(b"\n", b"\r\n")


def test_replay_with_faults(player, recordings):
    _, sse, _ = recordings
    for n in range(0, len(sse), 5):
        a = player.ask(f"replay=sse,fault=cut,at-byte={n}")
        assert (a.body, a.end) == (sse[:n], "fin")
    for n in range(6):
        assert len(player.ask(f"replay=sse,fault=cut,at={n},how=rst").events) == n
        assert len(player.ask(f"replay=crlf,fault=cut,at={n},how=chunk-end").events) == n
    assert player.ask("replay=sse,fault=no-terminal").body == sse[:-len(b"data: [DONE]\n\n")]
    assert player.ask("replay=sse,fault=duplicate,at=1").data()[1:3] == [b'{"n":1,"t":"\xc3\xbc"}'] * 2
    a = player.ask("replay=json,fault=cut-json,at-byte=4")
    assert a.body == b'{"er' and a.headers["content-length"] == "4"


# ---- the log ----

def test_log_tells_what_came_and_how_it_ended(own):
    m = own("--log-bodies")
    raw = request("tokens=1", headers=["authorization: Bearer k", "user-agent: u\"a"])
    s = m.connect()
    s.sendall(raw)
    Answer(s)
    line = m.wait_log("request", 1)
    body = raw.split(b"\r\n\r\n", 1)[1]
    assert (line["n"], line["conn"], line["method"], line["path"], line["model"]) == (
        1, 1, "POST", CHAT, "m")
    assert line["headers"]["authorization"] == "Bearer k"
    assert line["headers"]["user-agent"] == 'u"a'
    assert line["body"] == body.decode()
    assert line["body_sha256"] == hashlib.sha256(body).hexdigest()
    end = m.wait_log("end", 1)
    assert (end["n"], end["how"], end["status"]) == (1, "full", 200)
    for i, (how, word) in enumerate([("fault=cut,how=rst", "reset"), ("fault=cut", "cut"),
                                     ("fault=reset", "reset"), ("fault=close", "closed")], 2):
        m.ask(how)
        assert m.wait_log("end", i)["how"] == word


@pytest.mark.parametrize("how", ["fault=silent", "fault=stall,at=2", "gap=5ms,tokens=100000"])
@pytest.mark.parametrize("rst", [False, True])
def test_log_sees_the_client_go(own, how, rst):
    m = own()
    s = m.send(m.connect(), how)
    m.wait_log("request", 1)
    time.sleep(0.05)
    if rst:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    start = time.monotonic()
    end = m.wait_log("end", 1)
    assert end["how"] == "client_gone" and time.monotonic() - start < 0.5
    assert end["ms_since_last_byte"] >= (40 if "gap" not in how else 0)


def test_log_sees_bad_and_given_up_requests(own):
    m = own()
    s = m.connect()
    s.sendall(b"GET / HTTP/1.1\nhost: a\n\n")
    assert Answer(s).status == 400
    assert "CRLF" in m.wait_log("bad", 1)["why"]
    s = m.connect()
    s.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc")
    s.close()
    assert m.wait_log("given-up", 1)
    assert m.log("request") == []


# ---- the process ----

@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stops_on_signals_with_work_under_way(own, how):
    m = own()
    s = m.send(m.connect(), "fault=silent")
    m.wait_log("request", 1)
    m.stop(how)
    assert m.log("end")[0]["how"] == "stopped"
    s.close()


def test_for_bounds_the_run(binary):
    start = time.monotonic()
    r = subprocess.run([binary, "mock", "--for", "1"], capture_output=True, timeout=5)
    assert r.returncode == 0 and r.stdout.startswith(b"mock listening on http://127.0.0.1:")
    assert 0.9 < time.monotonic() - start < 3


def test_manual_is_the_page_in_docs(binary, request):
    page = request.config.rootpath.parent / "docs" / "mock.md"
    out = subprocess.run([binary, "mock", "--manual"], capture_output=True, text=True, timeout=5)
    assert out.stdout == page.read_text()
