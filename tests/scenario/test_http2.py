"""HTTP/2 on both sides of the whole program, over TLS by ALPN and in clear text by prior knowledge:
the same bytes, honest ends, cancellations that arrive, and one connection for many streams."""
import asyncio
import collections
import json
import re
import ssl
import threading

import h2.connection
import h2.events
import httpx
import pytest

import bed
import peers
import pki
import wire

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hi"}]
KEY = "sk-http2-canary-41f0aa"
NAMES = ["DNS:localhost", "IP:127.0.0.1"]
INTERNAL_ERROR, REFUSED_STREAM, CANCEL = 2, 7, 8
BOTH = ["h2", "http/1.1"]
STREAMS = 40

@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("server", NAMES)


def offering(pair, protocols):
    context = peers.server_context(pair)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


# ---- toward clients ----

@pytest.fixture(scope="module")
def secure(binary, place, mock, pair):
    """A gateway whose listener speaks TLS."""
    g = bed.Gateway(binary, place, bed.basic(mock.addr, tls=pair.tls), name="secure", env=bed.KEYS)
    yield g
    g.stop()


@pytest.fixture
def client(secure, authority):
    """Who offers both versions, as browsers and SDKs do; one connection."""
    with httpx.Client(http2=True, verify=ssl.create_default_context(cafile=authority.cert),
                      base_url=f"https://{secure.addr}", timeout=10,
                      limits=httpx.Limits(max_connections=1)) as c:
        yield c


def request_of(model, **more):
    return {"model": f"gen/{model}", "messages": HELLO, **more}


def connection(answer):
    """Which one an answer came over: the client's port."""
    return answer.extensions["network_stream"].get_extra_info("client_addr")


def plain(body):
    """The mock counts its answers."""
    return re.sub(rb"mock-\d+", b"mock-N", body)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_offers_http2_gets_it(client, mock, stream):
    """And the provider's bytes, as over HTTP/1.1."""
    direct = wire.ask(mock.addr, "POST", CHAT, {"model": "same", "messages": HELLO,
                                                "stream": stream})
    body = json.dumps(request_of("same", stream=stream))  # its length counts as tokens
    answers = [client.post(CHAT, content=body) for _ in range(2)]
    for answer in answers:
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        assert plain(answer.content) == plain(direct.text).replace(b'"same"', b'"gen/same"')
        for name in ("connection", "transfer-encoding", "keep-alive"):
            assert name not in answer.headers
    assert connection(answers[0]) == connection(answers[1])
    assert [a.extensions["stream_id"] for a in answers] == [1, 3]


def test_refusals_over_http2(client):
    for model, status in (("refused;status=429", 429), ("refused;status=400", 400)):
        answer = client.post(CHAT, json=request_of(model))
        assert (answer.status_code, answer.http_version) == (status, "HTTP/2")
        assert answer.json()["error"]["message"]
    assert client.post("/v1/nothing", json={}).status_code == 404
    assert client.get("/v1/models").status_code == 200


BREAKS = {"cut": "fault=cut;at-byte=1500", "reset": "fault=cut;at=6;how=rst",
          "clean end": "fault=cut;at=6;how=chunk-end", "error event": "fault=error-event;at=6"}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_stream_is_reset_behind_its_error(client, name):
    """What the client has then is no whole answer; the connection serves the next request."""
    before = client.post(CHAT, json=request_of("good"))
    data = b""
    with pytest.raises(httpx.RemoteProtocolError), client.stream(
            "POST", CHAT, json=request_of(f"broken;{BREAKS[name]}", stream=True)) as answer:
        for piece in answer.iter_bytes():
            data += piece
    assert b"w000000" in data and b'"error"' in data and b"[DONE]" not in data
    after = client.post(CHAT, json=request_of("good", stream=True))
    assert after.content.endswith(b"data: [DONE]\n\n")
    assert connection(before) == connection(after)


class Frames(wire.Conn):
    """A client that says what it means by frames: httpx, for one, leaves a stream without a word."""

    def __init__(self, addr, ca):
        super().__init__(addr)
        context = ssl.create_default_context(cafile=ca)
        context.set_alpn_protocols(BOTH)
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        assert self.sock.selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection()
        self.h2.initiate_connection()
        self.bodies, self.ended = collections.defaultdict(bytes), set()

    def ask(self, body):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", "POST"), (":scheme", "https"), (":path", CHAT),
                                      (":authority", "localhost")])
        self.h2.send_data(stream, json.dumps(body).encode(), end_stream=True)
        self.send(self.h2.data_to_send())
        return stream

    def cancel(self, stream):
        self.h2.reset_stream(stream, CANCEL)
        self.send(self.h2.data_to_send())

    def until(self, condition):
        while not condition():
            data = self.sock.recv(65536)
            assert data, "the connection has ended"
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    self.bodies[event.stream_id] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length,
                                                      event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended.add(event.stream_id)
            self.send(self.h2.data_to_send())


def test_a_stream_that_is_left_cancels_the_provider(secure, authority, mock):
    """And only that: what else is under way on its connection ends whole."""
    with Frames(secure.addr, authority.cert) as conn:
        stays = conn.ask(request_of("stays;gap=20ms;tokens=30", stream=True))
        leaves = conn.ask(request_of("left;gap=20ms;tokens=100000", stream=True))
        conn.until(lambda: conn.bodies[stays] and conn.bodies[leaves])
        conn.cancel(leaves)
        assert mock.ends("left")[0]["how"] == "client_gone"
        conn.until(lambda: stays in conn.ended)
        assert conn.bodies[stays].endswith(b"data: [DONE]\n\n")


def test_many_streams_of_a_client_share_its_connection(secure, authority):
    """They are all under way at once: one that goes on for ever holds none of the others up."""
    with Frames(secure.addr, authority.cert) as conn:
        conn.ask(request_of("endless;gap=20ms;tokens=100000", stream=True))
        streams = {conn.ask(request_of(f"shared{i}", stream=True)): i for i in range(STREAMS)}
        conn.until(lambda: conn.ended == set(streams))
        for stream, i in streams.items():
            assert f'"gen/shared{i}"'.encode() in conn.bodies[stream]
            assert conn.bodies[stream].endswith(b"data: [DONE]\n\n")


# ---- toward providers ----

WAYS = {  # how a provider comes to be asked by HTTP/2: (over TLS, its key `http`)
    "alpn": (True, None),
    "h2": (True, "h2"),
    "prior knowledge": (False, "h2"),
}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def row(server, authority, http=None, **more):
    """A provider as the configuration has it."""
    return {"type": "vllm", "key": "env:H2_KEY", "endpoints": server.url("/v1"),
            "tls": {"ca": str(authority.cert)}, **({"http": http} if http else {}), **more}


def before(start, rows):
    conf = bed.basic("127.0.0.1:9", workers=1)
    conf["providers"] = rows
    return start(bed.Gateway, conf, env={"H2_KEY": KEY})


@pytest.fixture
def ask_by(start, authority, pair, way):
    """ask_by(say): (a gateway before an HTTP/2 provider, the provider)."""
    running = []

    def begin(*say, **more):
        tls, http = way
        context = offering(pair, BOTH if http is None else ["h2"]) if tls else None
        running.append(peers.H2Provider(*say, context=context, **more))
        return before(start, {"p": row(running[-1], authority, http)}), running[-1]

    yield begin
    for server in running:
        server.close()
        assert set(server.spoken) == {"h2" if way[0] else None}
        assert not server.troubles, server.troubles


def event(text, finish="null"):
    return (b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
            b'[{"index":0,"delta":{"content":"%s"},"finish_reason":%s}]}\n\n'
            % (text, finish.encode()))


HEAD = [(":status", "200"), ("content-type", "text/event-stream")]
LAST = event(b"", '"stop"') + b"data: [DONE]\n\n"
EVENTS = [event(b"%d %s" % (i, b"x" * (i * 37 % 5000))) for i in range(300)]


def renamed(events):
    return events.replace(b'"model":"m"', b'"model":"p/m"')


def until(condition):
    """Steps of an answer that waits for it."""
    while not condition():
        yield None


def test_answers_of_an_http2_provider(ask_by, way):
    """Whole and streamed, byte for byte; the request is one of HTTP/2 from head to toe."""
    def say(request):
        if not json.loads(request.body).get("stream"):
            return peers.h2_answer(200, peers.completion())
        return [HEAD, *EVENTS, LAST]

    g, server = ask_by(say)
    for _ in range(2):
        assert g.chat("p/m").json()["choices"][0]["message"]["content"] == peers.HELLO
        answer = g.chat("p/m", stream=True)
        assert (answer.status, answer.end) == (200, "whole")
        assert answer.text == renamed(b"".join(EVENTS) + LAST)
    assert server.accepted == 1
    assert [r.stream for r in server.requests] == [1, 3, 5, 7]
    for request in server.requests:
        names = [name for name, _ in request.fields]
        assert len(names) == len(set(names))
        assert not {"host", "connection", "transfer-encoding", "keep-alive"} & set(names)
        assert (request.method, request.path) == ("POST", CHAT)
        assert request.headers[":scheme"] == ("https" if way[0] else "http")
        assert request.headers[":authority"] == server.addr
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["content-length"] == str(len(request.body))


def test_padding_takes_no_credit_for_good(ask_by):
    """Over any number of windows of it, in an answer whole or streamed."""
    text = "x" * 300_000

    def say(request):
        if not json.loads(request.body).get("stream"):
            return peers.h2_answer(200, peers.completion(text))
        return [HEAD, *EVENTS, LAST]

    g, _ = ask_by(say, padding=255)
    assert g.chat("p/m").json()["choices"][0]["message"]["content"] == text
    answer = g.chat("p/m", stream=True)
    assert (answer.status, answer.end) == (200, "whole")
    assert answer.text == renamed(b"".join(EVENTS) + LAST)


def test_a_body_past_every_window_arrives(ask_by):
    """300 KiB, and an HTTP/2 window begins with 64."""
    g, server = ask_by()
    content = "0123456789abcdef" * 20_000
    assert g.chat("p/m", messages=[{"role": "user", "content": content}]).status == 200
    assert json.loads(server.requests[0].body)["messages"][0]["content"] == content


ENDS = {  # behind two events: (the last step, status of a request that it meets before any byte)
    "RST_STREAM": INTERNAL_ERROR,
    "FIN": peers.H2Provider.HANG_UP,
    "reset": peers.H2Provider.CRASH,
    "END_STREAM": None,
}


@pytest.mark.parametrize("name", ENDS)
def test_a_stream_that_breaks_over_http2(ask_by, name):
    """An error event and an unclean end; whole answers and streams without content are a 502."""
    end = [] if ENDS[name] is None else [ENDS[name]]

    def say(request):
        order = json.loads(request.body)["user"]
        return {"events": [HEAD, EVENTS[0], EVENTS[1], *end], "head": [HEAD, *end],
                "whole": [HEAD[:1] + [("content-type", "application/json")], b'{"id":"c","ch', *end]
                }[order]

    g, server = ask_by(say)
    answer = g.chat("p/m", stream=True, user="events")
    assert (answer.status, answer.end) == (200, "cut")
    assert answer.text.startswith(renamed(EVENTS[0] + EVENTS[1]))
    error = json.loads(answer.events()[2])
    assert error["error"]["message"] and b"[DONE]" not in answer.text
    record = g.record(answer)
    assert record["outcome"] == "failed"
    for order, stream in (("head", True), ("whole", False)):
        answer = g.chat("p/m", stream=stream, user=order)
        assert (answer.status, answer.end) == (502, "whole"), answer
        assert answer.json()["error"]["message"]
    assert len(server.requests) == 3, "what may have been billed is not sent again"
    # Only the stream breaks where it can: the connection is still good.
    assert server.accepted == (3 if name in ("FIN", "reset") else 1)


def test_a_refused_stream_is_sent_again(ask_by):
    """REFUSED_STREAM says that nothing was done."""
    g, server = ask_by(lambda request: [REFUSED_STREAM] if len(server.requests) == 2
                       else peers.h2_answer(200, peers.completion()))
    for _ in range(2):
        assert g.chat("p/m").status == 200
    assert len(server.requests) == 3


@pytest.mark.parametrize("kind, field", [("openai", "authorization"), ("anthropic", "x-api-key"), ("azure", "api-key")])
def test_a_key_is_in_no_table(start, kind, field):
    """RFC 7541, 7.1.3: what stands in a table can be guessed at by who sends other fields."""
    with peers.H2Provider() as server:
        g = before(start, {"p": bed.provider(kind, server.addr, key="env:H2_KEY", http="h2")})
        for _ in range(2):
            g.chat("p/m")  # answered in the wrong dialect by some: it was sent the key
        assert server.requests
        for request in server.requests:
            assert KEY in request.headers[field] and field not in request.tables
            assert "accept-encoding" in request.tables


def test_a_goaway_cuts_nothing(ask_by):
    """The stream under way ends whole; the next request has another connection."""
    g, server = ask_by(lambda _: [HEAD, EVENTS[0], peers.H2Provider.SHUT, EVENTS[1], LAST])
    for _ in range(2):
        answer = g.chat("p/m", stream=True)
        assert (answer.status, answer.end) == (200, "whole")
        assert answer.text == renamed(EVENTS[0] + EVENTS[1] + LAST)
    assert [r.connection for r in server.requests] == [1, 2]


def test_a_client_that_leaves_resets_the_stream(ask_by):
    """By CANCEL, and nothing but it: its siblings and the connection live on."""
    left = threading.Event()

    def say(request):
        yield HEAD
        yield EVENTS[0]
        if json.loads(request.body)["user"] == "stays":
            yield from until(left.is_set)
            yield LAST
        else:
            yield from until(lambda: False)

    g, server = ask_by(say)
    with wire.Conn(g.addr) as stays:
        stays.send(wire.request("POST", CHAT, {"model": "p/m", "messages": HELLO, "stream": True,
                                               "user": "stays"}))
        assert stays.read(until=lambda r: r.events()).status == 200
        with wire.Conn(g.addr) as leaves:
            leaves.send(wire.request("POST", CHAT, {"model": "p/m", "messages": HELLO,
                                                    "stream": True, "user": "leaves"}))
            assert leaves.read(until=lambda r: r.events()).status == 200
        bed.wait_for(lambda: server.requests[1].reset is not None)
        assert server.requests[1].reset == CANCEL
        left.set()
        bed.wait_for(lambda: stays.sock.recv(65536).endswith(b"0\r\n\r\n"))
    assert server.requests[0].reset is None
    assert server.accepted == 1


def test_many_streams_share_a_providers_connection(ask_by):
    """None is answered before all are there."""
    def say(request):
        if request.stream > 1:
            yield from until(lambda: len(server.requests) == STREAMS + 1)
        yield from peers.h2_answer(200, peers.completion(json.loads(request.body).get("user")))

    g, server = ask_by(say)
    assert g.chat("p/m").status == 200

    async def all_of_them():
        return await asyncio.gather(*(wire.fetch(g.addr, wire.request(
            "POST", CHAT, {"model": "p/m", "messages": HELLO, "user": f"number-{i}"}))
            for i in range(STREAMS)))

    answers = asyncio.run(all_of_them())
    for i, answer in enumerate(answers):
        assert (answer.status, answer.end) == (200, "whole")
        assert answer.json()["choices"][0]["message"]["content"] == f"number-{i}"
    assert server.accepted == 1
    assert len({r.stream for r in server.requests}) == STREAMS + 1


def test_no_connection_has_more_streams_than_it_may(ask_by):
    """Past MAX_CONCURRENT_STREAMS others are opened."""
    most, asked = 4, 11

    def say(request):
        if json.loads(request.body).get("user"):
            yield from until(lambda: len(server.requests) == asked + 1)
        yield from peers.h2_answer(200, peers.completion())

    g, server = ask_by(say, streams_most=most)
    assert g.chat("p/m").status == 200

    async def all_of_them():
        return await asyncio.gather(*(wire.fetch(g.addr, wire.request(
            "POST", CHAT, {"model": "p/m", "messages": HELLO, "user": "u"}))
            for _ in range(asked)))

    assert {a.status for a in asyncio.run(all_of_them())} == {200}
    held = [r.connection for r in server.requests[1:]]
    assert max(held.count(c) for c in set(held)) <= most
    assert server.accepted <= asked


# ---- versions that one side does not want ----

VERSIONS = {
    # name: (ALPN of a provider that speaks HTTP/1.1; None: it does no TLS, []: none, http: words)
    "TLS, http/1.1 alone": (["http/1.1"], None, None),
    "TLS without ALPN": ([], None, None),
    "h1 although h2 is there": (BOTH, "h1", None),
    "clear": (None, None, None),
    "clear h1": (None, "h1", None),
    "h2 wanted, http/1.1 alone": (["http/1.1"], "h2", "does not offer HTTP/2"),
    "h2 wanted, no ALPN": ([], "h2", "does not offer HTTP/2"),
}


@pytest.mark.parametrize("name", VERSIONS)
def test_versions(start, authority, pair, name):
    """Who speaks only HTTP/1.1 is asked by it, unless that is not wanted: then not at all."""
    offers, http, words = VERSIONS[name]
    context = None if offers is None else offering(pair, offers)
    with peers.Provider(context=context) as server:
        g = before(start, {"p": row(server, authority, http)})
        for _ in range(2):
            answer = g.chat("p/m")
            if words:
                assert (answer.status, answer["x-lamplighter-reason"]) == (502, "upstream-tls")
                assert words in answer.json()["error"]["message"]
            else:
                assert answer.status == 200, answer
        assert len(server.requests) == (0 if words else 2)
        assert words or server.accepted == 1


def test_http2_alone_toward_one_who_speaks_another(start, authority):
    """In clear text it shows by the first bytes of the answer; an alert of ALPN has words too."""
    alert = b"\x15\x03\x03\x00\x02\x02\x78"
    no = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
    with peers.Mute(no) as old, peers.Mute(alert) as strict:
        g = before(start, {
            "old": row(old, authority, "h2"),
            "strict": {**row(strict, authority, "h2"), "endpoints": f"https://{strict.addr}/v1"}})
        answer = g.chat("old/m")
        assert answer.status == 502, answer
        assert answer["x-lamplighter-reason"] == "junk"
        answer = g.chat("strict/m")
        assert (answer.status, answer["x-lamplighter-reason"]) == (502, "upstream-tls")
        assert "no common application protocol" in answer.json()["error"]["message"]


@pytest.mark.parametrize("http", [None, "h2"])
def test_a_proxy_behind_tls_is_never_asked_by_http2(start, authority, pair, http):
    """The CONNECT is one of HTTP/1.1, so no other version is offered to a proxy that has both."""
    with peers.H2Provider(context=offering(pair, BOTH)) as server, \
            peers.Proxy(context=offering(pair, BOTH)) as proxy:
        g = before(start, {"p": row(server, authority, http, proxy=proxy.url(), private=True)})
        assert g.chat("p/m").status == 200
        assert proxy.targets == [server.addr]
        assert proxy.spoken == ["http/1.1"]
        assert server.spoken == ["h2"]
