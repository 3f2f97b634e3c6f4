"""What HTTP/2 lets a client do cheaply, and what it costs the whole program: frames written byte by
byte to the real binary. A row is a payload, its verdict, and what may reach the provider."""
import json
import socket
import time

import pytest

import bed
import wire

CHAT = "/v1/chat/completions"
KIB, MIB = 1 << 10, 1 << 20
DATA, HEADERS, PRIORITY, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = (
    0, 1, 2, 3, 4, 6, 7, 8, 9)
END_STREAM, END_HEADERS = 1, 4
CALM = 11  # ENHANCE_YOUR_CALM
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SECONDS_MAX = 20  # of one that goes on for ever


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    g = bed.Gateway(binary, place, bed.basic(mock.addr, timeout={"header": "500ms"}), env=bed.sparing())
    for n in range(20):
        g.chat(f"gen/warm{n}")
    yield g
    g.stop()


def frame(kind, flags=0, stream=0, payload=b""):
    return (len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
            + payload)


def text(s):
    return bytes((len(s),)) + s.encode()


def head(method=b"\x83"):
    """:method POST, :scheme http, :path, :authority, by HPACK's static table alone."""
    return method + b"\x86\x04" + text(CHAT) + b"\x01" + text("localhost")


def ask(number, model, **more):
    body = json.dumps({"model": model, "messages": [], **more}).encode()
    return (frame(HEADERS, END_HEADERS, number, head())
            + frame(DATA, END_STREAM, number, body))


def ids():
    return range(1, 1 << 20, 2)


def reset(stream):
    return frame(RST, 0, stream, CALM.to_bytes(4, "big"))


def resets():
    for stream in ids():
        yield ask(stream, "gen/flood;fault=silent") + reset(stream)


def induced_resets():
    """The server is made to reset: a window beyond 2^31."""
    for stream in ids():
        yield (frame(HEADERS, END_HEADERS, stream, head())
               + frame(WINDOW, 0, stream, (0x7fffffff).to_bytes(4, "big")))


def endless(piece, first=b""):
    yield first + piece
    while True:
        yield piece * 64


def continuation():
    return endless(frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 100),
                   frame(HEADERS, 0, 1, head()))


def empty_data():
    return endless(frame(DATA, 0, 1), frame(HEADERS, END_HEADERS, 1, head()))


def bomb():
    """One entry of 4,000 bytes in the dynamic table, named ten thousand times a request."""
    entry = b"\x40\x01x\x7f" + b"\xa1\x1e" + b"y" * 4000  # 127 + 0x21 + 0x1e * 128
    yield frame(HEADERS, END_HEADERS | END_STREAM, 1, head() + entry)
    for stream in ids():
        if stream > 1:
            yield frame(HEADERS, END_HEADERS | END_STREAM, stream, head() + b"\xbe" * 10000)


ROWS = {
    # name: (payload, most requests that reach the provider)
    "rapid reset": (resets, 1100),  # a thousand resets are forgiven, see h2.c
    "made you reset": (induced_resets, 0),
    "CONTINUATION": (continuation, 0),
    "SETTINGS": (lambda: endless(frame(SETTINGS)), 0),
    "PING": (lambda: endless(frame(PING, 0, 0, b"12345678")), 0),
    "empty DATA": (empty_data, 0),
    "PRIORITY": (lambda: endless(frame(PRIORITY, 0, 1, b"\0\0\0\0\x10")), 0),
    "WINDOW_UPDATE": (lambda: endless(frame(WINDOW, 0, 0, b"\0\0\0\1")), 0),
    "HPACK bomb": (bomb, 0),
}


def attack(addr, pieces):
    """Send until the server ends it. (Bytes sent, code of its GOAWAY or None.)"""
    sent, got = 0, b""
    stop = time.monotonic() + SECONDS_MAX
    with socket.create_connection(wire.address(addr), timeout=SECONDS_MAX) as sock:
        sock.sendall(PREFACE + frame(SETTINGS))
        try:
            for piece in pieces:
                assert time.monotonic() < stop and sent < 64 * MIB, f"goes on after {sent} bytes"
                sock.sendall(piece)
                sent += len(piece)
                got += drain(sock)
        except OSError:
            pass
        sock.settimeout(0.5)
        try:
            while more := sock.recv(65536):
                got += more
        except OSError:
            pass
    return sent, goaway(got)


def drain(sock):
    sock.setblocking(False)
    try:
        got = sock.recv(65536)
        if not got:
            raise ConnectionResetError
        return got
    except BlockingIOError:
        return b""
    finally:
        sock.settimeout(SECONDS_MAX)


def goaway(got):
    code = None
    while len(got) >= 9:
        n = int.from_bytes(got[:3], "big")
        if got[3] == GOAWAY:
            code = int.from_bytes(got[13:17], "big")
        got = got[9 + n:]
    return code


@pytest.mark.memory
@pytest.mark.parametrize("name", ROWS)
def test_floods(gateway, mock, name, slack):
    """The connection ends within a bound; CPU, memory and the provider hardly notice, and what did
    reach the provider is cancelled there."""
    payload, most = ROWS[name]
    before = len(mock.requests())
    cost = bed.Cost(gateway)
    sent, code = attack(gateway.addr, payload())
    used, grown = cost.cpu_used(), cost.peak()
    asked = len(mock.requests()) - before
    print(f"{name}: {sent} bytes, GOAWAY {code}, {asked} requests, {used:.2f} s, {grown} bytes")
    assert sent < 24 * MIB  # with what lies in the sockets
    assert code in (CALM, None)  # a reset may overtake it; unit/http/h2_odd/floods asks for each
    assert asked <= most
    assert used < 1.5 and grown < 8 * MIB * slack
    flooded = mock.ends("flood", len(mock.requests("flood"))) if name == "rapid reset" else []
    assert all(end["how"] == "client_gone" for end in flooded), flooded
    bed.healthy(gateway)


def test_resets_reach_the_provider(gateway, mock):
    """Requests that the provider is at work on are cancelled there when their streams are reset,
    and nothing else of the connection is."""
    count = 99  # of a hundred that a connection may have
    with socket.create_connection(wire.address(gateway.addr), timeout=SECONDS_MAX) as sock:
        sock.sendall(PREFACE + frame(SETTINGS) + b"".join(
            ask(1 + 2 * i, "gen/reset;fault=silent", stream=True) for i in range(count))
            + ask(1 + 2 * count, "gen/stays;fault=silent", stream=True))
        bed.wait_for(lambda: len(mock.requests("reset")) == count and mock.requests("stays"), 20)
        begin = time.monotonic()
        sock.sendall(b"".join(reset(1 + 2 * i) for i in range(count)))
        ends = mock.ends("reset", count)
        print(f"{count} requests were cancelled within {time.monotonic() - begin:.3f} s")
        assert [end["how"] for end in ends] == ["client_gone"] * count
        assert not mock.log("stays", "end")
    mock.ends("stays")
    bed.healthy(gateway)


SHUT = {
    # the model, what else is asked for, and what one answer may hold beside a stream's bytes
    "streams": ("gen/held;size=64M;event-size=200", {"stream": True}, 0),
    # checked as a whole before the first byte is sent
    "whole answers": ("gen/held;tokens=20000", {}, 20000 * 8 + KIB),
}


@pytest.mark.memory
@pytest.mark.parametrize("kind", SHUT)
def test_windows_that_stay_shut(start, kind, slack):
    """A hundred answers whose client never opens its window hold a bounded amount of memory, and
    what streams is held back."""
    mock = start(bed.Mock)
    gateway = start(bed.Gateway, bed.basic(mock.addr), env=bed.sparing())
    model, more, whole = SHUT[kind]
    count = 100
    shut = frame(SETTINGS, 0, 0, b"\x00\x04\x00\x00\x00\x00")
    bed.healthy(gateway)
    cost = bed.Cost(gateway)
    with socket.create_connection(wire.address(gateway.addr)) as sock:
        sock.sendall(PREFACE + shut + b"".join(
            ask(1 + 2 * i, model, **more) for i in range(count)))
        bed.wait_for(lambda: len(mock.requests("held")) == count, 20)
        time.sleep(0.5)
        each = cost.peak() / count - whole
        assert gateway.status()["requests_live"] == count
    ends = mock.ends("held", count)
    print(f"{kind}: {each / KIB:.1f} KiB each")
    assert each < 96 * KIB * slack
    if not whole:
        assert all(end["how"] == "client_gone" for end in ends)
    bed.healthy(gateway)
