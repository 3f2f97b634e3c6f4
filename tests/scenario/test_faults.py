"""Every way in which a provider fails, and what its client is told.

One row a fault. After each: one line in the access log, one request at the provider, a gateway
that still answers, and the rule that stands above all others: an answer ends in order if and
only if the provider said that it was complete.
"""
import collections
import itertools
import json
import re
import socket
import struct

import pytest

import bed
import peers
import wire

PATHS = {"ant": "/v1/messages", "resp": "/v1/responses"}
CHAT = "/v1/chat/completions"
IMPATIENT = {"connect": "400ms", "first_token": "400ms", "idle": "400ms"}
OVER = {"/v1/messages": b'{"type":"message_stop"}', CHAT: b"[DONE]",
        "/v1/responses": b'{"type":"response.completed"'}
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def mock(binary, place):
    script = place / "script"
    script.write_text("user-agent=early* => fault=early\n"
                      "user-agent=busy* => fault=early,status=503\n")
    m = bed.Mock(binary, place, "--reset", "127.0.0.1:0", "--refuse", "127.0.0.1:0",
                 "--script", script)
    m.resets = m.find(m.out, r"mock resetting on (\S+)")
    m.refuses = m.find(m.out, r"mock refusing on (\S+)")
    yield m
    m.stop()


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    conf = bed.basic(mock.addr)
    at = mock.addr
    conf["providers"].update({
        "resp": bed.provider("openai", at, key="env:OAI_KEY"),
        "dead": bed.provider("openai-compatible", mock.refuses),
        "rst": bed.provider("openai-compatible", mock.resets),
        "quick-oai": bed.provider("openai", at, key="env:OAI_KEY", timeout=IMPATIENT),
        "quick-ant": bed.provider("anthropic", at, path="", key="env:ANT_KEY", timeout=IMPATIENT),
        "thinks": bed.provider("openai", at, key="env:OAI_KEY", timeout={"idle": "200ms"}),
        "hasty": bed.provider("openai", at, key="env:OAI_KEY", timeout={"total": "400ms"}),
        "azure": bed.provider("azure", at, path="", key="env:OAI_KEY"),
        "gemini": bed.provider("gemini", at, key="env:OAI_KEY"),
        "sglang": bed.provider("sglang", at),
        "tgi": bed.provider("tgi", at),
        "llamacpp": bed.provider("llama.cpp", at),
        "ollama": bed.provider("ollama", at),
        "openrouter": bed.provider("openrouter", at, key="env:OAI_KEY"),
    })
    g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    yield g
    g.stop()


def path_of(provider):
    return PATHS.get(provider.removeprefix("quick-"), CHAT)


def streaming(path):
    """Members of a request for a stream; with usage, so that nothing is taken out of the answer."""
    options = {"stream_options": {"include_usage": True}} if path == CHAT else {}
    return {"stream": True, **options}


class Seen:
    """One request through the gateway, and everything that is known about it."""

    def __init__(self, gateway, mock, provider, behaviour, stream, upstream=1, headers=None):
        self.model = f"f{next(numbers)}"
        name = f"{provider}/{self.model}" + (f";{behaviour}" if behaviour else "")
        body = {"model": name, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 99}
        self.path = path_of(provider)
        if stream:
            body.update(streaming(self.path))
        self.answer = gateway.ask(self.path, body, headers)
        self.record = gateway.record(self.answer)
        self.said = [e for e in self.answer.events() if e] if stream else []
        # What must hold behind every fault.
        # One copy; a second one only where a kept connection had ended under the first.
        assert len(mock.requests(self.model)) == upstream + self.record.get("resent", False)
        assert self.record["attempts"] == 1
        if self.answer.status == 200 and stream:
            over = OVER[self.path] in self.answer.text
            assert not (over and self.answer.end != "whole" and "terminal" not in behaviour)
        after = gateway.chat(f"gen/after-{self.model}")
        assert after.status == 200 and after.end == "whole"

    def error(self):
        """The error that the client was told, as a whole answer or as the last event."""
        if self.answer.status != 200:
            assert self.answer.end == "whole"
            return self.answer.json()
        assert self.answer.end == "cut", self.answer
        assert self.answer.text.endswith(b"\n\n")
        last = json.loads(self.said[-1])
        assert "error" in last, self.answer
        return last

    def why(self):
        return self.record["outcome"], self.record.get("reason"), self.record.get("class")


# ---- faults before, and inside of, an answer ----

Fault = collections.namedtuple("Fault", "provider behaviour status reason cls", defaults=(None,))

TRUNCATED = (502, "truncated", "truncated")
JUNK = (502, "junk", "junk")
RESET = (502, "reset", "maybe-executed")
SILENT = (504, "timeout-first-token", "maybe-executed")

# Nothing of an answer has been sent: the failure is a status, for both kinds of clients.
EARLY = [
    Fault("dead", "", 502, "connect", "never-executed"),
    Fault("oai", "fault=reset", *RESET),
    Fault("oai", "fault=close", *RESET),
    Fault("oai", "fault=cut-head", *RESET),
    Fault("oai", "fault=cut-head;how=rst", *RESET),
    Fault("quick-oai", "fault=silent", *SILENT),
    Fault("quick-ant", "fault=silent", *SILENT),
    Fault("quick-oai", "fault=stall-head", *SILENT),
    Fault("quick-oai", "head=3s", *SILENT),
    Fault("quick-oai", "dribble=1B/20ms", *SILENT),
    Fault("hasty", "head=3s", 504, "timeout-total", "maybe-executed"),
    Fault("oai", "fault=bad-status", *JUNK),
    Fault("oai", "fault=not-http", *JUNK),
    Fault("oai", "fault=huge-header", *JUNK),
    Fault("oai", "fault=huge-header;size=64M", *JUNK),
    Fault("oai", "fault=many-headers", *JUNK),
    Fault("oai", "fault=endless-headers", *JUNK),
    Fault("oai", "fault=two-lengths", *JUNK),
    Fault("oai", "fault=length-and-chunked", *JUNK),
    Fault("oai", "fault=1xx;count=11", *JUNK),
    Fault("oai", "fault=gzip", *JUNK),
    Fault("ant", "fault=gzip", *JUNK),
    Fault("oai", "fault=html", *JUNK),
    Fault("ant", "fault=html", *JUNK),
    Fault("oai", "fault=html;status=404", 502, "upstream-status", "junk"),
    Fault("oai", "fault=html;status=502", 502, "upstream-status", "server"),
    Fault("oai", "fault=empty", *TRUNCATED),
    Fault("ant", "fault=empty", *TRUNCATED),
    Fault("oai", "fault=chunk-garbage;at=0", *TRUNCATED),
    Fault("oai", "fault=cut;at=0", *TRUNCATED),
    Fault("ant", "fault=cut;at=0;how=rst", *TRUNCATED),
    Fault("oai", "fault=cut;at-byte=10", *TRUNCATED),
]

WHOLE = [
    Fault("oai", "fault=cut-json", *TRUNCATED),
    Fault("ant", "fault=cut-json", *TRUNCATED),
    Fault("resp", "fault=cut-json", *TRUNCATED),
    Fault("oai", "fault=cut-json;frame=chunked", *TRUNCATED),
    Fault("oai", "fault=cut-json;frame=close", *TRUNCATED),
    Fault("oai", "fault=cut-json;at-byte=1", *TRUNCATED),
    Fault("oai", "fault=length-short", *TRUNCATED),
    Fault("oai", "fault=length-long", *TRUNCATED),
    Fault("oai", "fault=cut;at-byte=300", *TRUNCATED),
    Fault("oai", "fault=cut;at-byte=300;how=rst", *TRUNCATED),
    Fault("oai", "fault=cut;at-byte=300;how=chunk-end;frame=chunked", *TRUNCATED),
    Fault("oai", "fault=cut;at-byte=300;frame=close", *TRUNCATED),
    Fault("quick-oai", "fault=stall;at-byte=300", 504, "timeout-idle", "maybe-executed"),
    Fault("oai", "stream=1", *JUNK),
    Fault("oai", "fault=malformed;at=0", *JUNK),
]

# The head of a stream has come and no content yet: still a status.
HELD = [
    Fault("oai", "fault=cut;at=1", *TRUNCATED),
    Fault("ant", "fault=cut;at=2", *TRUNCATED),
    Fault("resp", "fault=cut;at=3", *TRUNCATED),
    Fault("oai", "fault=cut;at=1;how=chunk-end", *TRUNCATED),
    Fault("oai", "fault=cut;at=1;frame=close", *TRUNCATED),
    Fault("oai", "fault=malformed;at=0", *JUNK),
    Fault("ant", "fault=malformed;at=0", *JUNK),
    Fault("ant", "fault=skip;at=0", *JUNK),
    Fault("ant", "fault=duplicate;at=0", *JUNK),
    Fault("oai", "type=text/plain", *JUNK),
    Fault("quick-oai", "fault=stall;at=0", *SILENT),
    Fault("quick-oai", "fault=stall;at=1", *SILENT),
    Fault("quick-ant", "fault=stall;at=2", *SILENT),
    Fault("quick-oai", "ttft=3s", *SILENT),
    Fault("quick-ant", "ttft=3s", *SILENT),
    Fault("quick-ant", "ttft=3s;comments=5", *SILENT),
    Fault("oai", "fault=error-event", 502, "upstream-error", "server"),
    Fault("oai", "fault=error-event;kind=server_is_overloaded", 503, "upstream-error", "overload"),
    Fault("oai", "fault=error-event;kind=insufficient_quota", 429, "upstream-error", "quota"),
    Fault("ant", "fault=error-event", 503, "upstream-error", "overload"),
    Fault("resp", "fault=error-event", 502, "upstream-error", "server"),
    Fault("resp", "fault=error-event;kind=responses_rate_limit_exceeded", 429, "upstream-error",
          "rate"),
    Fault("ant", "fault=error-event;at=1;kind=api_error", 502, "upstream-error", "server"),
    Fault("ant", "fault=error-event;kind=rate_limit_error", 429, "upstream-error", "rate"),
]

# Content has been sent: the failure is an error event, and then an end that is none.
BROKEN = [
    Fault("oai", "fault=cut;at=5", 200, "truncated", "truncated"),
    Fault("ant", "fault=cut;at=5", 200, "truncated", "truncated"),
    Fault("resp", "fault=cut;at=7", 200, "truncated", "truncated"),
    Fault("oai", "fault=cut;at=5;how=rst", 200, "truncated", "truncated"),
    Fault("ant", "fault=cut;at=5;how=rst", 200, "truncated", "truncated"),
    Fault("oai", "fault=cut;at=5;how=chunk-end", 200, "truncated", "truncated"),
    Fault("ant", "fault=cut;at=5;how=chunk-end", 200, "truncated", "truncated"),
    Fault("oai", "fault=cut;at=5;frame=close", 200, "truncated", "truncated"),
    Fault("ant", "fault=cut;at=5;frame=http10", 200, "truncated", "truncated"),
    Fault("oai", "fault=cut;at-byte=1500", 200, "truncated", "truncated"),
    Fault("oai", "fault=cut;at-byte=1500;mid-chunk=1", 200, "truncated", "truncated"),
    Fault("ant", "fault=cut;at-byte=1200;how=chunk-end", 200, "truncated", "truncated"),
    Fault("oai", "fault=no-terminal", 200, "truncated", "truncated"),
    Fault("ant", "fault=no-terminal", 200, "truncated", "truncated"),
    Fault("resp", "fault=no-terminal", 200, "truncated", "truncated"),
    Fault("fin", "fault=no-terminal", 200, "truncated", "truncated"),
    Fault("oai", "fault=no-terminal;frame=close", 200, "truncated", "truncated"),
    Fault("oai", "fault=chunk-garbage;at=5", 200, "truncated", "truncated"),
    Fault("oai", "fault=malformed;at=5", 200, "junk", "junk"),
    Fault("ant", "fault=malformed;at=5", 200, "junk", "junk"),
    Fault("resp", "fault=malformed;at=7", 200, "junk", "junk"),
    Fault("oai", "fault=malformed;at=5;bad=utf8", 200, "junk", "junk"),
    Fault("ant", "fault=malformed;at=5;bad=utf8", 200, "junk", "junk"),
    Fault("oai", "fault=malformed;at=5;bad=nul", 200, "junk", "junk"),
    Fault("ant", "fault=restart;at=5", 200, "junk", "junk"),
    Fault("quick-oai", "fault=stall;at=5", 200, "timeout-idle", "maybe-executed"),
    Fault("quick-ant", "fault=stall;at=5", 200, "timeout-idle", "maybe-executed"),
    Fault("quick-ant", "fault=stall;at-byte=1200", 200, "timeout-idle", "maybe-executed"),
    Fault("quick-oai", "gap=3s", 200, "timeout-idle", "maybe-executed"),
    Fault("hasty", "gap=60ms", 200, "timeout-total", "maybe-executed"),
    Fault("oai", "fault=error-event;at=5", 200, "upstream-error", "server"),
    Fault("oai", "fault=error-event;at=5;kind=server_is_overloaded", 200, "upstream-error",
          "overload"),
    Fault("resp", "fault=error-event;at=7", 200, "upstream-error", "server"),
    Fault("ant", "fault=error-event;at=5", 200, "upstream-error", "overload"),
    Fault("ant", "fault=error-event;at=5;kind=api_error", 200, "upstream-error", "server"),
]

# Odd, and complete all the same.
FINE = [
    ("oai", "fault=1xx;count=10"), ("ant", "fault=1xx;count=3"),
    ("oai", "head=200ms"), ("oai", "ttft=200ms"), ("ant", "gap=10ms"),
    ("oai", "dribble=40B/1ms"), ("ant", "dribble=64B/1ms"), ("oai", "dribble-body=64B/1ms"),
    ("oai", "crlf=1"), ("ant", "crlf=1"), ("oai", "comments=20"), ("ant", "comments=20"),
    ("ant", "ping=0"), ("oai", "usage=1"), ("oai", "tokens=0"), ("ant", "tokens=0"),
    ("oai", "choices=3"), ("oai", "frame=close"), ("oai", "frame=http10"), ("ant", "frame=close"),
    ("oai", "frame=length"), ("ant", "frame=chunked"),
    ("oai", "fault=duplicate;at=5"), ("ant", "fault=duplicate;at=5"), ("oai", "fault=skip;at=5"),
    ("oai", "fault=reorder;at=5"), ("oai", "fault=unknown-event;at=5"),
    ("ant", "fault=unknown-event;at=5"),
    ("oai", "fault=extra"), ("oai", "fault=close-idle"), ("ant", "fault=extra"),
    ("oai", "fault=huge-event;at=5;size=3M"), ("ant", "fault=huge-event;at=5;size=3M"),
    ("oai", "event-size=20000"), ("oai", "stream=0"), ("ant", "stream=0"),
    ("fin", "done=0"), ("oai", "done=0"), ("gen", "done=0;frame=close"),
    ("oai", "done=0;fault=cut;at=14"), ("oai", "fault=cut;at=14;how=rst"),
    ("vllm", "crlf=1"),
    ("resp", ""), ("resp", "crlf=1"), ("resp", "tokens=0"), ("resp", "fault=unknown-event;at=5"),
    ("resp", "fault=extra"), ("resp", "event-size=20000"), ("resp", "tokens=200"),
]


def rows(table):
    return [pytest.param(f, id=f"{f.provider}-{f.behaviour or 'gone'}") for f in table]


def told(seen, fault):
    """The client was told this, in its dialect; the log says the same."""
    error = seen.error()
    assert seen.answer.status == fault.status
    assert seen.why() == ("failed", fault.reason, fault.cls)
    own = seen.answer["x-lamplighter-request-id"]
    assert error["lamplighter"]["request_id"] == own
    assert error["lamplighter"]["reason"] == fault.reason
    assert error["lamplighter"]["hint"]
    assert error["error"]["message"]
    if seen.path == "/v1/messages":
        assert error["type"] == "error" and error["request_id"] == own
    if seen.path == "/v1/responses" and fault.status == 200:
        assert error["type"] == "error" and error["sequence_number"] == len(seen.said) - 1
    if fault.status != 200:
        assert seen.answer["x-should-retry"] == ("false" if fault.cls == "quota" else "true")
        assert seen.answer["x-lamplighter-reason"] == fault.reason
    return error


@pytest.mark.parametrize("stream", [False, True], ids=["json", "sse"])
@pytest.mark.parametrize("fault", rows(EARLY))
def test_before_an_answer(gateway, mock, fault, stream):
    """A status and a reason, whatever kind of answer was asked for."""
    seen = Seen(gateway, mock, fault.provider, fault.behaviour, stream,
                upstream=0 if fault.provider == "dead" else 1)
    told(seen, fault)


@pytest.mark.parametrize("fault", rows(WHOLE))
def test_in_a_whole_answer(gateway, mock, fault):
    """It is checked before the first byte is sent."""
    told(Seen(gateway, mock, fault.provider, fault.behaviour, False), fault)


@pytest.mark.parametrize("fault", rows(HELD))
def test_before_the_first_content(gateway, mock, fault):
    """A stream without content has promised nothing."""
    told(Seen(gateway, mock, fault.provider, fault.behaviour, True), fault)


@pytest.mark.parametrize("fault", rows(BROKEN))
def test_behind_content(gateway, mock, fault):
    """An error event of the client's dialect, then an end that no client takes for one. What
    came before it is what the provider sent, byte for byte."""
    seen = Seen(gateway, mock, fault.provider, fault.behaviour, True)
    told(seen, fault)
    good = Seen(gateway, mock, fault.provider.replace("quick-", "").replace("hasty", "oai"), "",
                True)
    mine, theirs = plain(seen.answer.text), plain(good.answer.text)
    mine = mine[:mine.rindex(b'event: error' if seen.path != CHAT else b'data: {"error"')]
    mine = mine.rstrip(b"\n")
    assert theirs.startswith(mine)
    assert b"w000000" in mine


def plain(text):
    """The bytes without what differs between two answers of the mock."""
    text = re.sub(rb"mock[-_]\d+", b"mock-N", text)
    text = re.sub(rb'"((?:input|prompt|total)_tokens)":\d+', rb'"\1":0', text)
    return re.sub(rb'"model":"[^"]*"', b'"model":""', text)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "sse"])
@pytest.mark.parametrize("provider,behaviour", FINE)
def test_odd_and_complete(gateway, mock, provider, behaviour, stream):
    """What is only odd comes through, and ends in order."""
    if not stream and "at=14" in behaviour:
        behaviour = ""  # events of a stream
    seen = Seen(gateway, mock, provider, behaviour, stream)
    assert (seen.answer.status, seen.answer.end) == (200, "whole"), seen.answer
    assert seen.why() == ("full", None, None)
    if stream and "stream=0" not in behaviour:
        direct = wire.ask(mock.addr, "POST", seen.path, {
            "model": f"x;{behaviour}", "messages": [{"role": "user", "content": "hi"}],
            "max_tokens": 99, **streaming(seen.path)})
        assert plain(seen.answer.text) == plain(direct.text)


@pytest.mark.parametrize("size", [5000, 17000, 40000])
def test_every_long_event_is_renamed(gateway, size):
    """However reads cut it: so many that some are cut right before the model's name."""
    count = 2000
    name = f"gen/long;tokens={count};event-size={size}"
    answer = gateway.chat(name, stream=True, timeout=30)
    assert answer.end == "whole"
    names = collections.Counter(re.findall(rb'"model":"([^"]*)"', answer.text))
    assert names == {name.encode(): count + 2}


@pytest.mark.parametrize("provider", ["oai", "ant"])
def test_nothing_behind_the_terminal(gateway, mock, provider):
    """Content behind the end is not the answer's, and its connection is not used again."""
    seen = Seen(gateway, mock, provider, "fault=after-terminal", True)
    assert seen.answer.end == "whole" and seen.why()[0] == "full"
    assert OVER[seen.path] in seen.said[-1]


@pytest.mark.parametrize("provider", ["oai", "ant"])
@pytest.mark.parametrize("bad", ["field", "empty"])
def test_an_event_without_data_is_relayed(gateway, mock, provider, bad):
    """SSE itself says that it is none: the client's reader skips it as ours does."""
    seen = Seen(gateway, mock, provider, f"fault=malformed;at=5;bad={bad}", True)
    assert seen.answer.end == "whole"


def test_a_refused_and_a_reset_connection(gateway, mock):
    """Whether the reset is seen before or behind the request is a race; a status it is."""
    for stream in (False, True):
        seen = Seen(gateway, mock, "rst", "", stream, upstream=0)
        assert seen.answer.status == 502
        assert seen.why() in (("failed", "reset", "maybe-executed"),
                              ("failed", "connect", "never-executed"))
    seen = Seen(gateway, mock, "oai", "fault=cut;at=5;how=rst-now", True)
    assert seen.error() and seen.why()[0] == "failed"


def test_an_answer_before_the_request_is_read(gateway, mock):
    """A small request, and one that is still being sent when its answer comes."""
    for agent, status in (("early", 200), ("busy", 503)):
        for size in (10, 8 << 20):
            name = f"e{next(numbers)}"
            body = {"model": f"oai/{name}", "messages": [{"role": "user", "content": "x" * size}]}
            answer = gateway.ask(CHAT, body, {"user-agent": agent})
            assert answer.end == "whole" and answer.status in (status, 502), answer
            gateway.record(answer)
    assert gateway.chat("oai/after-early").status == 200


def test_unasked_answers_are_given_to_nobody(start):
    """A second answer on an idle connection closes it; the next request gets its own."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr), env=bed.KEYS)
    for n in range(10):
        assert g.chat("gen/extra;fault=extra").status == 200
        m.ends("extra", n + 1)
        bed.settle(m.addr)
        answer = g.chat("gen/victim")
        assert answer.status == 200, answer
        assert b"unasked" not in answer.text and answer.json()["model"] == "gen/victim"


def test_connections_that_closed_while_idle(start):
    """The provider closed, unannounced, what was kept: the next request is not lost."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr), env=bed.KEYS)
    for n in range(10):
        assert g.chat("gen/close;fault=close-idle").status == 200
        m.ends("close", n + 1)
        bed.settle(m.addr)


class Tired(peers.Provider):
    """Reads the second request of each connection, and hangs up in place of an answer."""

    def __init__(self, rst, **more):
        self.rst = rst
        super().__init__(**more)

    def serve(self, sock):
        stream = peers.Bytes(sock)
        for turn in range(2):
            head = stream.until(b"\r\n\r\n")
            if head is None:
                return
            request = peers.Request(head, b"")
            request.body = stream.exactly(int(request.headers["content-length"]))
            self.requests.append(request)
            if turn == 0:
                sock.sendall(peers.chat())
        if self.rst:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("rst", [False, True], ids=["fin", "rst"])
def test_a_kept_connection_that_ends_costs_nothing(start, rst):
    """The request is sent once more, on a new connection: no client sees it, the log and a metric
    do. It is answered once, and its bytes are the same."""
    with Tired(rst) as provider:
        g = start(bed.Gateway, bed.basic(provider.addr), env=bed.KEYS)
        resent = 0
        for n in range(30):
            text = f"{n:04}" + "x" * 100_000
            answer = g.chat("gen/tired", messages=[{"role": "user", "content": text}])
            assert (answer.status, answer.end) == (200, "whole"), answer
            record = g.record(answer)
            assert (record["outcome"], record["attempts"]) == ("full", 1)
            copies = [r for r in provider.requests if text.encode() in r.body]
            assert len(copies) == 1 + record.get("resent", False)
            assert len({r.body for r in copies}) == 1
            resent += len(copies) - 1
        assert resent >= 10
        bed.wait_for(lambda: sum(value for name, value in g.metrics().items() if name.startswith(
            "lamplighter_worker_resent_total")) == resent)


def test_a_model_that_thinks_is_not_stalled(gateway, mock):
    """The idle clock begins with the first content: a role and pings are none."""
    seen = Seen(gateway, mock, "thinks", "ttft=700ms;comments=3", True)
    assert seen.answer.end == "whole" and seen.why()[0] == "full"


# ---- error answers ----

# retry: its retry-after; told: what says so where that header is not, in seconds.
Row = collections.namedtuple("Row", "provider of kind cls status retry told", defaults=(None, None))

PASSED_ON = ("caller", "too-long", "policy")
RETRIED = ("rate", "overload", "server", "truncated", "junk")

ERRORS = [
    # provider, whose row, its kind, class, status to the client (None: as it came)
    Row("ant", "anthropic", "invalid_request_error", "caller", 400),
    Row("ant", "anthropic", "prompt_too_long", "too-long", 400),
    Row("ant", "anthropic", "spend_limit", "quota", 429),
    Row("ant", "anthropic", "credit_balance", "quota", 429),
    Row("ant", "anthropic", "authentication_error", "credential", 502),
    Row("ant", "anthropic", "billing_error", "quota", 429),
    Row("ant", "anthropic", "permission_error", "credential", 502),
    Row("ant", "anthropic", "not_found_error", "credential", 502),
    Row("ant", "anthropic", "request_too_large", "caller", 413),
    Row("ant", "anthropic", "rate_limit_error", "rate", 429, "37"),
    Row("ant", "anthropic", "acceleration_limit", "rate", 429, "11"),
    Row("ant", "anthropic", "enforced_spend_limit_reached", "quota", 429),
    Row("ant", "anthropic", "api_error", "server", 502),
    Row("ant", "anthropic", "timeout_error", "server", 502),
    Row("ant", "anthropic", "overloaded_error", "overload", 529),
    Row("oai", "openai", "invalid_request_error", "caller", 400),
    Row("oai", "openai", "context_length_exceeded", "too-long", 400),
    Row("oai", "openai", "content_policy_violation", "policy", 400),
    Row("oai", "openai", "invalid_prompt", "policy", 400),
    Row("oai", "openai", "invalid_api_key", "credential", 502),
    Row("oai", "openai", "ip_not_authorized", "credential", 502),
    Row("oai", "openai", "unsupported_country_region_territory", "credential", 502),
    Row("oai", "openai", "model_not_found", "credential", 502),
    Row("oai", "openai", "rate_limit_exceeded", "rate", 429, "1"),
    Row("oai", "openai", "rate_limit_requests", "rate", 429, "8"),
    Row("oai", "openai", "slow_down", "rate", 429, "5"),
    Row("oai", "openai", "insufficient_quota", "quota", 429),
    Row("oai", "openai", "credit_balance_exhausted", "quota", 429),
    Row("oai", "openai", "organization_spend_limit_exceeded", "quota", 429),
    Row("oai", "openai", "project_spend_limit_exceeded", "quota", 429),
    Row("oai", "openai", "organization_usage_limit_exceeded", "quota", 429),
    Row("oai", "openai", "server_error", "server", 502),
    Row("oai", "openai", "server_is_overloaded", "overload", 503, "30"),
    Row("azure", "azure", "rate_limit", "rate", 429, "7"),
    Row("azure", "azure", "ptu_exceeded", "rate", 429, "1"),
    Row("azure", "azure", "temporary_limit", "rate", 429, "3"),
    Row("azure", "azure", "content_filter", "policy", 400),
    Row("azure", "azure", "access_denied", "credential", 502),
    Row("azure", "azure", "deployment_not_found", "credential", 502),
    Row("gemini", "gemini", "INVALID_ARGUMENT", "too-long", 400),
    Row("gemini", "gemini", "API_KEY_INVALID", "credential", 502),
    Row("gemini", "gemini", "PREPAID_EMPTY", "quota", 429),
    Row("gemini", "gemini", "PERMISSION_DENIED", "credential", 502),
    Row("gemini", "gemini", "RESOURCE_EXHAUSTED", "rate", 429),
    Row("gemini", "gemini", "quota_per_minute", "rate", 429, told="22"),
    Row("gemini", "gemini", "quota_per_day", "quota", 429, told="3600"),
    Row("gemini", "gemini", "INTERNAL", "server", 502),
    Row("gemini", "gemini", "UNAVAILABLE", "overload", 503),
    Row("gemini", "gemini", "DEADLINE_EXCEEDED", "server", 502),
    Row("vllm", "vllm", "context_length", "too-long", 400),
    Row("vllm", "vllm", "not_found", "credential", 502),
    Row("vllm", "vllm", "engine_dead", "server", 502),
    Row("vllm", "vllm", "queue_full", "overload", 503),
    Row("vllm", "vllm", "queue_full_429", "overload", 429, "1"),
    Row("sglang", "sglang", "queue_full", "overload", 503),
    Row("sglang", "sglang", "priority_abort", "overload", 503),
    Row("sglang", "sglang", "waiting_timeout", "overload", 503),
    Row("tgi", "tgi", "overloaded", "overload", 429),
    Row("tgi", "tgi", "validation", "too-long", 422),
    Row("tgi", "tgi", "generation", "server", 502),
    Row("tgi", "tgi", "incomplete_generation", "truncated", 502),
    Row("llamacpp", "llamacpp", "loading", "overload", 503),
    Row("llamacpp", "llamacpp", "exceed_context_size_error", "too-long", 400),
    Row("ollama", "ollama", "busy", "overload", 503),
    Row("ollama", "ollama", "model_not_found", "credential", 502),
    Row("ollama", "ollama", "load_oom", "server", 502),
    Row("openrouter", "openrouter", "no_credits", "quota", 429),
    Row("openrouter", "openrouter", "upstream_rate", "rate", 429),
    Row("openrouter", "openrouter", "upstream_error", "server", 502),
    Row("gen", "proxy", "nginx_502", "server", 502),
    Row("gen", "proxy", "nginx_503", "overload", 503),
    Row("gen", "proxy", "nginx_504", "server", 502),
    Row("gen", "proxy", "cloudflare_520", "junk", 502),
    Row("gen", "proxy", "cloudflare_522", "junk", 502),
    Row("gen", "proxy", "cloudflare_524", "junk", 502),
]


@pytest.mark.parametrize("stream", [False, True], ids=["json", "sse"])
@pytest.mark.parametrize("row", [pytest.param(r, id=f"{r.of}-{r.kind}") for r in ERRORS])
def test_error_answers(gateway, mock, row, stream):
    """The class, the status, whether to try again and when. What the caller did wrong is said in
    the provider's own words, everything else in ours."""
    behaviour = f"provider={row.of};kind={row.kind}"
    seen = Seen(gateway, mock, row.provider, behaviour, stream)
    direct = wire.ask(mock.addr, "POST", seen.path,
                      {"model": f"x;{behaviour}", "messages": [], "stream": stream})
    answer = seen.answer
    assert answer.end == "whole"
    outcome = "client_error" if row.cls in PASSED_ON else "failed"
    assert seen.why() == (outcome, "upstream-status", row.cls), seen.record
    assert answer.status == row.status == seen.record["status"]
    assert seen.record["upstream_status"] == direct.status
    assert answer["x-should-retry"] == ("true" if row.cls in RETRIED else "false")
    assert answer["retry-after"] == (row.told or row.retry) and direct["retry-after"] == row.retry
    assert answer["x-lamplighter-reason"] == "upstream-status"
    if row.cls in PASSED_ON:
        assert answer.text == direct.text and answer.status == direct.status
        assert answer["content-type"] == direct["content-type"]
    else:
        error = answer.json()
        assert error["lamplighter"]["upstream"]["status"] == direct.status
        assert error["lamplighter"]["hint"]


def test_retry_after_is_the_providers(gateway, mock):
    """Whatever it says, in seconds or as a date; without it, when the limit is over (in 494 ms)."""
    for value in ("120", "Wed, 21 Oct 2026 07:28:00 GMT", "none"):
        behaviour = f"status=429;retry-after={value.replace(' ', '%20').replace(',', '%2C')}"
        seen = Seen(gateway, mock, "oai", behaviour, False)
        assert seen.answer["retry-after"] == ("1" if value == "none" else value)


@pytest.mark.memory
def test_an_error_page_is_never_held_whole(gateway, mock):
    """An error answer of 64 MiB costs no more than what is kept of it."""
    workers = gateway.workers()
    before = [bed.rss_bytes(pid) for pid in workers]
    seen = Seen(gateway, mock, "oai", "fault=html;status=500;size=64M", False)
    assert seen.why()[2] == "server"
    grown = max(bed.rss_bytes(pid) - b for pid, b in zip(workers, before))
    assert grown < 8 << 20, grown
