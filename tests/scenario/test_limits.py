"""Everything has a bound: what clients and providers may send, how long they may take, and what
that may cost the gateway. On real sockets, against the whole program."""
import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import resource
import select
import socket
import threading
import time

import pytest

import bed
import peers
import proxies
import wire

CHAT = "/v1/chat/completions"
KIB, MIB = 1 << 10, 1 << 20
POST = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\n".encode()
TIMES = {"header": "500ms", "body_stall": "500ms", "idle": "700ms", "write_stall": "1s"}


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    """Default limits; a client's time is short."""
    g = bed.Gateway(binary, place, bed.basic(mock.addr, timeout=TIMES), env=bed.sparing())
    for n in range(20):
        g.chat(f"gen/warm{n}")
    yield g
    g.stop()


def flood(addr, first, piece, most):
    """Send `first` and then `piece` over and over until the other side has enough; the answer and
    how many bytes went out."""
    with wire.Conn(addr) as conn:
        sent = len(first)
        conn.send(first)
        while sent < most and conn.send(piece):
            sent += len(piece)
            if readable(conn.sock):
                break
        return conn.read(), sent


def readable(sock):
    return select.select([sock], [], [], 0)[0]


# ---- heads ----

HEADS = {
    "a huge field": (POST + b"x-huge: ", b"x" * 65536, 431),
    "many fields": (POST, b"".join(b"x-%d: y\r\n" % n for n in range(1000)), 431),
    "a long target": (b"GET /", b"a" * 16384, 414),
    "a long method": (b"", b"A" * 16384, 400),
    "a huge name": (POST, b"x" * 65536, 431),
}


@pytest.mark.memory
@pytest.mark.parametrize("name", HEADS)
def test_endless_heads(gateway, mock, name, slack):
    """Refused at the limit, with its status; a hundred at a time cost next to nothing."""
    first, piece, status = HEADS[name]
    before = len(mock.requests())
    cost = bed.Cost(gateway)
    answer, sent = flood(gateway.addr, first, piece, 64 * MIB)
    assert answer.status == status, answer
    assert answer["connection"] == "close"
    assert sent < 8 * MIB

    with contextlib.ExitStack() as stack:
        conns = [stack.enter_context(wire.Conn(gateway.addr)) for _ in range(100)]
        for conn in conns:
            conn.send(first + piece[:8000])
        assert cost.peak() < 100 * 64 * KIB * slack
    assert cost.cpu_used() < 2
    bed.healthy(gateway)
    assert len(mock.requests()) == before + 1


# ---- bodies ----

def test_a_declared_10_gb_is_refused_unread(gateway):
    """No byte of it is waited for."""
    for path in (CHAT, "/v1/messages"):
        with wire.Conn(gateway.addr) as conn:
            conn.send(wire.request("POST", path, b"{", {"content-length": "10000000000"}))
            answer = conn.read()
        assert answer.status == 413, answer
        assert answer["connection"] == "close"


@pytest.mark.memory
def test_endless_chunks_end_at_the_limit(start, mock, slack):
    """413 as soon as it is too long; the memory is that of the limit."""
    conf = bed.basic(mock.addr, limits={"body": "4MiB"})
    g = start(bed.Gateway, conf, env=bed.KEYS)
    cost = bed.Cost(g)
    head = POST + b"transfer-encoding: chunked\r\n\r\n"
    text = b'{"model":"gen/endless","messages":[{"content":"'
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    answer, sent = flood(g.addr, head + b"%x\r\n%s\r\n" % (len(text), text), chunk, 256 * MIB)
    assert answer.status == 413, answer
    assert sent < 32 * MIB
    assert cost.peak() < 16 * MIB * slack
    assert not mock.requests("endless")
    bed.healthy(g)


def test_tiny_chunks_are_no_weapon(gateway, mock):
    """A body in chunks of one byte, each with its frame."""
    body = json.dumps({"model": "gen/tiny", "messages": [], "x": "y" * 20000}).encode()
    cost = bed.Cost(gateway)
    with wire.Conn(gateway.addr) as conn:
        conn.send(POST + b"transfer-encoding: chunked\r\n\r\n"
                  + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        assert conn.read().status == 200
    assert cost.cpu_used() < 1
    (request,) = mock.requests("tiny")
    assert request["body_sha256"] == hashlib.sha256(body.replace(b"gen/", b"")).hexdigest()


@pytest.mark.memory
def test_a_legal_body_of_64_mib_passes(start, slack):
    """Whole and unchanged; most of it waits in a file, not in memory."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr), env=bed.KEYS)
    head = b'{"model":"gen/legal","messages":[{"role":"user","content":"'
    body = head + b"z" * (64 * MIB - len(head) - 4) + b'"}]}'
    assert len(body) == 64 * MIB
    cost = bed.Cost(g)
    with wire.Conn(g.addr, timeout=30) as conn:
        conn.send(wire.request("POST", CHAT, body))
        peak = cost.peak()
        answer = conn.read()
    assert answer.status == 200, answer
    (request,) = m.requests("legal")
    assert request["body_sha256"] == hashlib.sha256(body.replace(b"gen/", b"", 1)).hexdigest()
    print(f"workers grew by {peak / MIB:.1f} MiB for a body of 64 MiB")
    assert peak < 16 * MIB * slack
    assert g.ask(CHAT, body + b" ").status == 413


ODD_JSON = {
    "deep arrays": (b'{"model":"gen/odd","messages":' + b"[" * 100_000, 400),
    "deep and closed": (b'{"model":"gen/odd","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "deep objects": (b'{"model":"gen/odd","x":' + b'{"a":' * 100_000, 400),
    "a number without end": (b'{"model":"gen/odd","x":' + b"9" * MIB + b"}", 200),
    "a large exponent": (b'{"model":"gen/odd","messages":[],"x":1e308}', 200),
    "a million keys": (b'{"model":"gen/odd","x":{'
                       + b",".join(b'"%d":0' % n for n in range(200_000)) + b"}}", 200),
    "a long key": (b'{"model":"gen/odd","' + b"k" * MIB + b'":1}', 200),
    "many escapes": (b'{"model":"gen/odd","x":"' + rb"\u0041" * 300_000 + b'"}', 200),
    "lone surrogates": (rb'{"model":"gen/odd","x":"\ud800 \udfff"}', 200),
    "line separators": ('{"model":"gen/odd","x":"\u2028\u2029\U0001f600"}'.encode(), 200),
    "an escaped NUL": (rb'{"model":"gen/odd","x":"\u0000"}', 200),
    "a bare NUL": (b'{"model":"gen/odd","x":"\0"}', 400),
    "a byte order mark": (b'\xef\xbb\xbf{"model":"gen/odd"}', None),
}


@pytest.mark.parametrize("name", ODD_JSON)
def test_odd_json(gateway, mock, name):
    """Refused or passed on unchanged; never slow, and never a crash."""
    body, status = ODD_JSON[name]
    cost, before = bed.Cost(gateway), len(mock.requests())
    answer = gateway.ask(CHAT, body)
    if status:
        assert answer.status == status, answer
    assert cost.cpu_used() < 1.5
    passed = mock.requests()[before:]
    assert len(passed) == (1 if answer.status == 200 else 0)
    for request in passed:
        assert request["body_sha256"] == hashlib.sha256(body.replace(b"gen/", b"")).hexdigest()
    bed.healthy(gateway)


def test_odd_names_leave_the_log_a_log(gateway):
    """One line a request, each of them JSON, whatever the model is called."""
    names = ['gen/"quoted"', "gen/back\\slash", "gen/\u2028", "gen/<script>", "gen/%0a%00",
             "gen/\U0001f600" * 5, "x" * 127]
    for name in names:
        answer = gateway.ask(CHAT, {"model": name, "messages": []})
        assert answer.status in (200, 404), answer
        assert gateway.record(answer)["model"].startswith(name[:20])
    assert gateway.ask(CHAT, {"model": "x" * 128}).status == 400
    assert b"script>" not in gateway.ask(CHAT, b"", method="DELETE").text
    gateway.metrics()
    gateway.status()


# ---- slow clients ----

def test_slow_heads_are_ended(gateway):
    """A byte now and then does not buy more time; others do not notice."""
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(wire.Conn(gateway.addr)) for _ in range(200)]
        begin = time.monotonic()
        for conn in slow:
            conn.send(b"POST / HTTP/1.1\r\nx: ")
        while time.monotonic() < begin + 0.4:
            for conn in slow[:20]:
                conn.send(b"y")
            bed.healthy(gateway)
        answers = [conn.read() for conn in slow]
        took = time.monotonic() - begin
    assert all(a.status == 408 for a in answers), answers[:3]
    assert took < 5


SLOW_MOST, SLOW_LEAST = 9000, 5000  # below the 10,000 that server.limits.connections allows


@pytest.fixture
def many():
    """As many connections as this process may have, up to SLOW_MOST, and a function to make one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(SLOW_MOST, hard - 500)
    if count < SLOW_LEAST:
        pytest.skip(f"unsupported: a process may open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 500), hard))
    with contextlib.ExitStack() as stack:
        def connect(addr, data):
            sock = stack.enter_context(socket.create_connection(addr))
            sock.sendall(data)

        yield count, connect
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.memory
def test_thousands_of_slow_connections(start, mock, many, slack):
    """Silent ones, half heads and half bodies, a third each: good clients are served beside them,
    and each of them costs little."""
    count, connect = many
    g = start(bed.Gateway, bed.basic(mock.addr, timeout={"header": "60s", "body_stall": "60s"}),
              env=bed.sparing())
    bed.healthy(g)
    addr, cost = wire.address(g.addr), bed.Cost(g)
    began = [b"", POST + b"x-slow: ",
             POST + b"content-length: 1000\r\n\r\n" + b'{"model":"gen/never"']
    for n in range(count):
        connect(addr, began[n % len(began)])
    bed.wait_for(lambda: g.status()["connections"] >= count, 20, every=0.05)
    for _ in range(10):
        bed.healthy(g)
    each, used = cost.peak() / count, cost.cpu_used()
    print(f"{count} slow connections: {each / KIB:.1f} KiB and {used / count * 1e6:.0f} us of CPU "
          "each")
    assert each < 8 * KIB * slack
    assert used < 2 * slack
    assert not mock.requests("never")


def test_silent_and_idle_connections_are_ended(gateway):
    """One that never said a word, and one that was kept and says none any more."""
    with wire.Conn(gateway.addr) as silent, wire.Conn(gateway.addr) as kept:
        kept.send(wire.request("GET", "/"))
        assert kept.read("GET").status == 200
        begin = time.monotonic()
        data, how = kept.read_end()
        assert (data, how) == (b"", "fin")
        assert 0.4 < time.monotonic() - begin < 5
        assert silent.read_end()[1] in ("fin", "reset")


def test_slow_bodies_are_ended(gateway, mock):
    """Between two bytes of a body no more than server.timeout.body_stall."""
    with wire.Conn(gateway.addr) as conn:
        conn.send(wire.request("POST", CHAT, b'{"model":"gen/slowbody"', {"content-length": "999"}))
        begin = time.monotonic()
        answer = conn.read()
        assert time.monotonic() - begin < 5
    assert answer.end in ("reset", "cut") or answer.status == 408
    assert not mock.requests("slowbody")
    bed.healthy(gateway)


def test_a_client_that_takes_nothing_is_gone(gateway, mock):
    """After server.timeout.write_stall; its request at the provider ends with it."""
    with wire.Conn(gateway.addr, rcvbuf=4096) as conn:
        conn.send(wire.request("POST", CHAT, {"model": "gen/deaf;size=256M;event-size=4096",
                                              "stream": True, "messages": []}))
        (end,) = mock.ends("deaf")
    assert end["how"] == "client_gone"
    record = gateway.record_of("gen/deaf")
    assert record["outcome"] == "client_gone"


SLOW = 100
ANSWERS = {
    "events": "size=64M;event-size=4096",
    "one line": "fault=huge-event;at=3;size=64M",
}


async def sip(addr, model, stop):
    """Read 1 KiB a second."""
    host, port = wire.address(addr)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (host, port))
    await loop.sock_sendall(sock, wire.request("POST", CHAT, {"model": model, "stream": True,
                                                              "messages": []}))
    got = 0
    while not stop.is_set():
        got += len(await loop.sock_recv(sock, 256))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.25)
    sock.close()
    return got


async def sippers(gateway, model, answer, count, cost, tenths):
    """(bytes that each got, the workers' growth at most, requests under way at the end)"""
    stop, peak = asyncio.Event(), 0
    jobs = [asyncio.create_task(sip(gateway.addr, f"gen/{model};{answer}", stop))
            for _ in range(count)]
    for _ in range(tenths):
        await asyncio.sleep(0.1)
        peak = max(peak, cost.peak())
    running = gateway.status()["requests_live"]
    stop.set()
    return await asyncio.gather(*jobs), peak, running


@pytest.mark.memory
@pytest.mark.parametrize("kind", ANSWERS)
def test_slow_readers_hold_little(start, kind, slack):
    """100 clients that sip at streams of 64 MiB: what is held is a window each, and the provider
    is held back."""
    mock = start(bed.Mock)
    gateway = start(bed.Gateway, bed.basic(mock.addr), env=bed.sparing())
    # Pools and spare buffers have their size before the first look.
    answer = ANSWERS[kind]
    asyncio.run(sippers(gateway, "warm", answer, SLOW // 4, bed.Cost(gateway), 2))
    mock.ends("warm", SLOW // 4)
    got, peak, running = asyncio.run(sippers(gateway, "sip", answer, SLOW, bed.Cost(gateway), 15))
    sent = max(e["body_bytes"] for e in mock.ends("sip", SLOW))
    print(f"workers grew by {peak / KIB / SLOW:.1f} KiB a stream; the provider had sent at most "
          f"{sent / MIB:.1f} MiB of 64")
    assert running == SLOW
    assert all(0 < n < 64 * KIB for n in got)
    assert peak < SLOW * 96 * KIB * slack
    assert sent < 8 * MIB
    bed.healthy(gateway)


# ---- providers without measure ----

@pytest.mark.memory
def test_an_endless_event_is_relayed_in_pieces(gateway, slack):
    """One line of 1 GiB (256 MiB where a sanitizer slows it) inside of a stream; memory stays
    flat."""
    size, cost, peak = 1024 if slack == 1 else 256, bed.Cost(gateway), 0
    with wire.Conn(gateway.addr, timeout=50) as conn:
        conn.send(wire.request("POST", CHAT, {
            "model": f"gen/line;fault=huge-event;at=3;size={size}M", "stream": True,
            "messages": []}))
        got, tail = 0, b""
        while not tail.endswith(b"0\r\n\r\n"):
            data = conn.sock.recv(1 << 20)
            assert data, tail
            got, tail = got + len(data), (tail + data)[-64:]
            if got % (32 * MIB) < len(data):
                peak = max(peak, cost.peak())
    assert got > size * MIB and b"[DONE]" in tail
    print(f"workers grew by {peak / MIB:.1f} MiB for an event of {size} MiB")
    assert peak < (2 if slack == 1 else 8) * MIB


@pytest.mark.memory
def test_a_whole_answer_past_the_limit(start, mock, slack):
    """It is not held, and not sent: the limit is said."""
    conf = bed.basic(mock.addr, limits={"answer": "1MiB"})
    g = start(bed.Gateway, conf, env=bed.sparing())
    for _ in range(8):  # both workers have what they need for an answer before the first look
        assert g.chat("gen/small;size=500K").status == 200
    cost = bed.Cost(g)
    answer = g.chat("gen/big;size=64M")
    assert answer.status == 502, answer
    print(f"the gateway grew by {cost.peak() / MIB:.1f} MiB")
    assert cost.peak() < 8 * MIB * slack
    assert g.record(answer)["outcome"] == "failed"
    assert g.chat("gen/small;size=500K").status == 200


@pytest.mark.memory
def test_endless_heads_of_providers(gateway, slack):
    """Fifty at a time."""
    cost = bed.Cost(gateway)

    async def drive():
        return await asyncio.gather(*(
            wire.fetch(gateway.addr, wire.request("POST", CHAT, {
                "model": f"gen/heads;fault={fault}", "messages": []}), timeout=20)
            for fault in ("endless-headers", "huge-header") * 25))

    answers = asyncio.run(drive())
    assert all(a.status == 502 and a.end == "whole" for a in answers)
    assert cost.peak() < 16 * MIB * slack


# ---- room ----

def test_what_the_gateway_has_no_room_for_is_shed(start, mock):
    """Bodies that are coming in fill server.limits.memory: the next one is refused, and an answer that
    cannot be held too; that is an outcome of its own, of no target's fault."""
    asked, full = threading.Event(), threading.Event()

    def say(_):
        asked.set()
        full.wait(10)
        return peers.answer(200, peers.completion())

    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(peers.Provider(say))
        conf = bed.basic(mock.addr, workers=1, limits={"memory": "16MiB"})
        conf["providers"]["p"] = bed.provider("openai-compatible", peer.addr)
        conf["models"] = {"m": {"targets": ["p/held", "gen/other"]}}
        g = start(bed.Gateway, conf, env=bed.KEYS)
        waits = stack.enter_context(wire.Conn(g.addr))
        waits.send(wire.request("POST", CHAT, {"model": "m", "messages": []}))
        assert asked.wait(5)
        for size in [30 * KIB] * 511 + [KIB] * 15:  # they take 32 and 2 KiB
            stack.enter_context(wire.Conn(g.addr)).send(
                POST + b"content-length: 32768\r\n\r\n" + b" " * size)
        refused = bed.wait_for(lambda: (a := g.chat("gen/more")).status != 200 and a)
        full.set()
        unheld = waits.read()
    for answer in (refused, unheld):
        assert (answer.status, answer["x-lamplighter-reason"], answer["retry-after"]) == \
            (503, "no-memory", "1"), answer
        assert g.record(answer)["outcome"] == "shed"
    assert not mock.requests("other")
    row = bed.wait_for(lambda: next((m for m in g.status()["models"] if m["outcomes"].get("shed")), None))
    assert (row["model"], row["outcomes"]["shed"], row["ok_ratio"]) == ("m", 1, 0)
    key = 'lamplighter_requests_total{{model="{}",api="chat",stream="false",outcome="shed"}}'
    metrics = g.metrics()
    assert metrics[key.format("m")] == 1 and metrics[key.format("unknown")] >= 1
    assert bed.wait_for(lambda: g.chat("gen/again").status == 200)


# ---- smuggling ----

JSON = b'{"model":"gen/smuggle"}'
numbers = itertools.count(1)


def hidden():
    """The request behind it, and the name of its model."""
    name = f"hidden{next(numbers):04}"
    return wire.request("POST", CHAT, {"model": f"gen/{name}"}), name


CL = b"content-length: %d\r\n" % len(JSON)
CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(JSON), JSON)

# Head fields and body of a request that two readers may read in two ways. Each is followed by
# another request, in the same packet.
AMBIGUOUS = {
    **{f"TE {te!r}": (te + b"\r\n", CHUNK) for te in (
        b"transfer-encoding: ,chunked", b"transfer-encoding: chunked,", b"transfer-encoding: x",
        b"transfer-encoding: chunked, chunked", b"transfer-encoding: chunked, identity",
        b"transfer-encoding: identity, chunked", b"transfer-encoding: identity",
        b"transfer-encoding: gzip, chunked", b"transfer-encoding: chunked;q=1",
        b"transfer-encoding: \"chunked\"", b"transfer-encoding: \x0bchunked",
        b"transfer-encoding: chunked\x0b", b"transfer-encoding: chu nked",
        b"transfer-encoding: chunked\x00", b"transfer-encoding:", b"transfer-encoding: xchunked",
        b"transfer-encoding: chunked\r\ntransfer-encoding: x",
        b"transfer-encoding: x\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        b"transfer-encoding : chunked", b"transfer-encoding\t: chunked",
        b" transfer-encoding: chunked", b"transfer-encoding: chunked\r\n " + CL.strip(),
        b"transfer-encoding:\r\n chunked", b"transfer_encoding: chunked\r\nx y: z",
        b"transfer-encoding: chunked\r\ncontent-length: 5",
        b"content-length: 5\r\ntransfer-encoding: chunked",
        b"content-length: 0\r\ntransfer-encoding: chunked",
        b"transfer-encoding: CHUNKED\r\ncontent-length: 23",
    )},
    **{f"CL {cl!r}": (cl + b"\r\n", JSON) for cl in (
        b"content-length: +23", b"content-length: -23", b"content-length: 0x17",
        b"content-length: 2_3", b"content-length: 23,23", b"content-length: 23, 23",
        b"content-length: 23 23", b"content-length: 23;", b"content-length: 23.0",
        b"content-length: 2 3", b"content-length: \"23\"", b"content-length:",
        b"content-length: ", b"content-length: x", b"content-length: 23\x00",
        b"content-length: 23\x0b", b"content-length: 1e1", b"content-length: 2e1",
        b"content-length: 23\r\ncontent-length: 22", b"content-length: 22\r\ncontent-length: 23",
        b"content-length: 23\r\ncontent-length: 23", b"content-length : 23",
        b"content-length\t: 23", b" content-length: 23", b"content-length: 23\r\n ,0",
        b"content-length:\r\n 23", b"content-length: 99999999999999999999",
        b"content-length: 18446744073709551639", b"content-length: 23\r\nx\x00y: 1",
        b"content-length: 23\r\nx: a\x00b", b"content-length: 23\r\nx: a\rb",
        b"content-length: 23\r\n: empty", b"content-length: 23\r\nno-colon",
        b"content-length: 23\r\nx\r: y", b"content-length: 23\r\nx: y\r\r",
        b"content-length: 23\r\nhost: b", b"content-length: 23\r\n\tx: y",
    )},
    **{f"chunk {body!r}": (b"transfer-encoding: chunked\r\n", body) for body in (
        b"+17\r\n" + JSON + b"\r\n0\r\n\r\n", b"-17\r\n" + JSON + b"\r\n0\r\n\r\n",
        b"0x17\r\n" + JSON + b"\r\n0\r\n\r\n", b"1_7\r\n" + JSON + b"\r\n0\r\n\r\n",
        b" 17\r\n" + JSON + b"\r\n0\r\n\r\n", b"17 \r\n" + JSON + b"\r\n0\r\n\r\n",
        b"17\n" + JSON + b"\n0\n\n", b"17\r\n" + JSON + b"0\r\n\r\n",
        b"17\r\n" + JSON + b"\n0\r\n\r\n", b"17\r\n" + JSON + b"xx0\r\n\r\n",
        b"\r\n17\r\n" + JSON + b"\r\n0\r\n\r\n", b"17\r" + JSON + b"\r\n0\r\n\r\n",
        b"ffffffffffffffff17\r\n" + JSON + b"\r\n0\r\n\r\n",
        b"17;a\nb\r\n" + JSON + b"\r\n0\r\n\r\n", b"17;\x00\r\n" + JSON + b"\r\n0\r\n\r\n",
        b"17\r\n" + JSON + b"\r\n0\r\nx\x00: y\r\n\r\n",
        b"17\r\n" + JSON + b"\r\n0\n\r\n", b"17\r\n" + JSON + b"\r\n\r\n",
    )},
}

LINES = {
    # whole heads that are none
    "a bare LF": b"POST %s HTTP/1.1\nhost: localhost\n" % CHAT.encode() + CL[:-2] + b"\n\n" + JSON,
    "a bare LF in fields": POST[:-2] + b"\n" + CL + b"\r\n" + JSON,
    "HTTP/1.2": b"POST %s HTTP/1.2\r\nhost: localhost\r\n" % CHAT.encode() + CL + b"\r\n" + JSON,
    "HTTP/0.9": b"POST %s\r\n" % CHAT.encode() + CL + b"\r\n" + JSON,
    "HTTP/2.0": b"POST %s HTTP/2.0\r\nhost: localhost\r\n" % CHAT.encode() + CL + b"\r\n" + JSON,
    "a tab": b"POST\t%s HTTP/1.1\r\nhost: localhost\r\n" % CHAT.encode() + CL + b"\r\n" + JSON,
    "no host": b"POST %s HTTP/1.1\r\n" % CHAT.encode() + CL + b"\r\n" + JSON,
    "two hosts": POST + b"host: b\r\n" + CL + b"\r\n" + JSON,
    "a NUL in the target": b"POST %s\x00 HTTP/1.1\r\nhost: localhost\r\n" % CHAT.encode() + CL + b"\r\n"
                           + JSON,
    "a CR in the target": b"POST %s\r HTTP/1.1\r\nhost: localhost\r\n" % CHAT.encode() + CL + b"\r\n"
                          + JSON,
    "chunked in 1.0": b"POST %s HTTP/1.0\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
                      % CHAT.encode() + CHUNK,
}


def raw(addr, data):
    """Everything that comes back until the other side closes, or nothing comes any more."""
    with wire.Conn(addr, timeout=3) as conn:
        conn.send(data)
        return conn.read_end()


@pytest.mark.parametrize("name", [*AMBIGUOUS, *LINES], ids=lambda n: n.encode(
    "unicode_escape").decode()[:60])
def test_smuggling(gateway, mock, name):
    """One answer of status 4xx or 5xx, then the end of the connection; the provider sees neither
    this request nor the one behind it."""
    data = LINES.get(name)
    if data is None:
        head, body = AMBIGUOUS[name]
        data = POST + head + b"\r\n" + body
    behind, its_name = hidden()
    before = len(mock.requests())
    answered, how = raw(gateway.addr, data + behind)
    assert how in ("fin", "reset"), (how, answered)
    assert answered.count(b"HTTP/1.1 ") <= 1, answered
    assert answered[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 501", b"HTTP/1.1 505",
                             b"HTTP/1.1 413"), answered
    assert len(mock.requests()) == before
    assert not mock.requests(its_name)


PLAIN = {
    # odd, but of one meaning: exactly one request upstream, and then the one behind it
    "length": (CL, JSON), "chunks": (b"transfer-encoding: chunked\r\n", CHUNK),
    "upper case": (b"TRANSFER-ENCODING: CHUNKED\r\n", CHUNK),
    "blanks around": (b"content-length:   23  \r\n", JSON),
    "a tab before": (b"content-length:\t23\r\n", JSON),
    "leading zeros": (b"content-length: 0023\r\n", JSON),
    "a chunk extension": (b"transfer-encoding: chunked\r\n",
                          b"17;name=value\r\n" + JSON + b"\r\n0\r\n\r\n"),
    "zeros before a size": (b"transfer-encoding: chunked\r\n",
                            b"0017\r\n" + JSON + b"\r\n0\r\n\r\n"),
    "trailers": (b"transfer-encoding: chunked\r\n",
                 b"17\r\n" + JSON + b"\r\n0\r\nx-trailer: y\r\n\r\n"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_one_meaning_is_served(gateway, mock, name):
    """Serialised anew: the provider gets one spelling, whatever came."""
    head, body = PLAIN[name]
    model = b"p" + hashlib.sha256(name.encode()).hexdigest()[:6].encode()
    body = body.replace(b"smuggle", model)
    first, (behind, its_name) = POST + head + b"\r\n" + body, hidden()
    with wire.Conn(gateway.addr, timeout=5) as conn:
        conn.send(first + behind)
        answers = [conn.read(), conn.read()]
    assert [a.status for a in answers] == [200, 200], answers
    (request,) = mock.requests(model.decode())
    assert request["headers"]["content-length"] == "19"
    assert "transfer-encoding" not in request["headers"]
    assert "x-trailer" not in request["headers"]
    assert answers[1].json()["model"] == f"gen/{its_name}"


def readings(addr, mock, data):
    """The bodies of the requests that a server takes `data` for, as the provider behind it gets
    them: their SHA-256."""
    before = len(mock.requests())
    with wire.Conn(addr, timeout=5) as conn:
        conn.send(data)
        conn.read_end()
    return [r["body_sha256"] for r in mock.requests()[before:]]


def sums(*bodies):
    return [hashlib.sha256(body).hexdigest() for body in bodies]


@pytest.mark.parametrize("kind", proxies.READERS)
def test_an_independent_reader_agrees(start, tmp_path, mock, kind):
    """Another server reads what the gateway sends as exactly the requests that the gateway took:
    one each of PLAIN and none of AMBIGUOUS. Asked directly it may refuse what is odd, but what it
    does take of PLAIN it takes for the same. (Varnish refuses chunk extensions after it sent the
    head on, and ends that request with an empty body.)"""
    if not proxies.available(kind):
        pytest.skip(f"unsupported: {kind} is not installed")
    peer = proxies.Proxy(kind, tmp_path, wire.address(mock.addr)[1])
    try:
        direct = f"127.0.0.1:{peer.port}"
        g = start(bed.Gateway, bed.basic(direct, timeout=TIMES), env=bed.KEYS)
        last = wire.request("POST", CHAT, b'{"model":"gen/last"}', {"connection": "close"})
        for head, body in PLAIN.values():
            data = POST + head + b"\r\n" + body + last
            assert readings(g.addr, mock, data) == sums(b'{"model":"smuggle"}',
                                                        b'{"model":"last"}'), data
            both = sums(JSON, b'{"model":"gen/last"}')
            assert readings(direct, mock, data) in ([], sums(b""), both[:1], both), data
        for head, body in AMBIGUOUS.values():
            assert readings(g.addr, mock, POST + head + b"\r\n" + body + last) == []
        for data in LINES.values():
            assert readings(g.addr, mock, data + last) == []
    finally:
        peer.stop()
