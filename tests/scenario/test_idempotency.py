"""A request that is sent again with its Idempotency-Key is made once, in whichever worker it arrives."""
import contextlib
import json
import os
import pathlib
import signal
import threading

import pytest

import bed
import peers
import wire

CHAT = "/v1/chat/completions"
REPLAYED = "idempotent-replayed"


def body(text="hi", stream=False):
    return {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}


def events(*texts):
    """A stream of that text."""
    def event(delta, finish=None):
        return "data: " + json.dumps({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}) + "\n\n"
    return [event({"content": text}).encode() for text in texts] + [
        event({}, "stop").encode(), b"data: [DONE]\n\n"]


STREAM_HEAD = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
               b"transfer-encoding: chunked\r\n\r\n")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Target:
    """A provider whose streams wait at their second event until told to go on."""

    def __init__(self):
        self.go, self.begun, self.status, self.text = (threading.Event(), threading.Event(), 200,
                                                       peers.HELLO)
        self.last = None  # what the end of the body waits for, behind the terminal

    def say(self, request):
        if self.status != 200:
            return peers.answer(self.status, {"error": {"message": "no", "type": "server_error"}})
        if not json.loads(request.body).get("stream"):
            return peers.chat(self.text)
        return self.pieces()

    def pieces(self):
        first, *rest = events("one ", "two ", "three")
        yield STREAM_HEAD + chunk(first)
        self.begun.set()
        assert self.go.wait(10)
        yield from map(chunk, rest)
        assert not self.last or self.last.wait(10)
        yield chunk(b"")


@pytest.fixture
def target():
    return Target()


@pytest.fixture
def provider(target):
    with peers.Provider(target.say) as provider:
        yield provider
    target.go.set()


@pytest.fixture
def gateway(start, provider):
    conf = bed.basic(provider.addr, workers=3)
    conf["defaults"] = {"retry": {"attempts": 1, "same_target": 0}, "breaker": False}
    conf["models"] = {"m": {"targets": "oai/m"}}
    return start(bed.Gateway, conf, env=bed.KEYS)


def ask(gateway, key, what=None, **more):
    return gateway.ask(CHAT, what or body(), {"idempotency-key": key}, **more)


def test_a_repetition_gets_the_answer_of_the_first(gateway, provider):
    """Each connection may come to another worker: there are three."""
    for n in range(12):
        first = ask(gateway, f"key {n}")
        assert first.status == 200 and REPLAYED not in first.head
        for _ in range(3):
            again = ask(gateway, f"key {n}")
            assert again.status == 200 and again.text == first.text
            assert again[REPLAYED] == "true"
            assert again["x-lamplighter-request-id"] == first["x-lamplighter-request-id"]
    assert len(provider.requests) == 12
    bed.wait_for(lambda: len(gateway.records()) == 48)
    repeated = [r for r in gateway.records() if r.get("repeats")]
    assert len(repeated) == 36
    assert {(r["outcome"], r["attempts"], r["model"]) for r in repeated} == {("full", 0, "m")}
    bed.wait_for(lambda: sum(value for name, value in gateway.metrics().items()
                             if name.startswith("lamplighter_worker_repeated_total")) == 36)


def test_a_key_that_comes_with_another_request(gateway, provider):
    for n in range(4):
        assert ask(gateway, f"key {n}").status == 200
        other = ask(gateway, f"key {n}", body("something else"))
        assert other.status == 422 and b"Idempotency-Key" in other.text
        assert other["x-should-retry"] == "false"
    assert len(provider.requests) == 4


def test_a_failure_is_not_kept(gateway, provider, target):
    target.status = 500
    assert ask(gateway, "key").status == 502
    target.status = 200
    again = ask(gateway, "key")
    assert again.status == 200 and REPLAYED not in again.head
    assert len(provider.requests) == 2


def begun(reader):
    return b"one " in reader.body


@pytest.mark.parametrize("leaves", [False, True])
def test_a_stream_is_read_along(gateway, provider, target, leaves):
    data = wire.request("POST", CHAT, body(stream=True), {"idempotency-key": "key"})

    def goes_on(reader):
        if begun(reader) and not target.go.is_set():
            if leaves:
                first.close()
            target.go.set()

    with wire.Conn(gateway.addr) as first, wire.Conn(gateway.addr) as second:
        first.send(data)
        assert target.begun.wait(5)
        second.send(data)
        answer = second.read(until=goes_on)
        assert answer.end == "whole" and b"".join(events("one ", "two ", "three")) == answer.text
        assert answer[REPLAYED] == "true"
        if not leaves:
            assert first.read().text == answer.text
    assert len(provider.requests) == 1


def test_when_all_have_left_the_provider_is_not_asked_on(gateway, provider, target):
    data = wire.request("POST", CHAT, body(stream=True), {"idempotency-key": "key"})
    clients = [wire.Conn(gateway.addr) for _ in range(2)]
    for client in clients:
        client.send(data)
        client.read(until=begun)
    for client in clients:
        client.close()
    bed.wait_for(lambda: len(gateway.records()) == 2)
    assert {r["outcome"] for r in gateway.records()} == {"client_gone"}
    target.go.set()
    again = ask(gateway, "key", body(stream=True))
    assert again.end == "whole" and REPLAYED not in again.head
    assert len(provider.requests) == 2


@pytest.mark.parametrize("key", [None, "key"])
def test_who_leaves_behind_the_terminal_has_it_all(gateway, provider, target, key):
    """SDKs close a stream at [DONE], often before its own end has come: that is no client that is gone."""
    target.last = threading.Event()
    target.go.set()
    headers = {"idempotency-key": key} if key else {}
    try:
        for n in range(4):
            with wire.Conn(gateway.addr) as conn:
                conn.send(wire.request("POST", CHAT, body(f"hi {n}", stream=True),
                                       {name: f"{value}{n}" for name, value in headers.items()}))
                answer = conn.read(until=lambda reader: b"[DONE]" in reader.body)
                assert answer.status == 200 and not answer.reader.done
            bed.wait_for(lambda n=n: len(gateway.records()) == n + 1)
    finally:
        target.last.set()
    assert [r["outcome"] for r in gateway.records()] == ["full"] * 4
    if key:
        again = ask(gateway, "key0", body("hi 0", stream=True))
        assert again[REPLAYED] == "true" and again.text == b"".join(events("one ", "two ", "three"))
        assert len(provider.requests) == 4


def test_what_is_large_is_not_kept(gateway, provider, target):
    for size, kept in ((1024 * 1024 - 4096, True), (1024 * 1024 + 1, False)):
        target.text = "x" * size
        ask(gateway, f"key {size}")
        assert (REPLAYED in ask(gateway, f"key {size}").head) == kept
    assert len(provider.requests) == 3


def test_a_key_has_bounds(gateway):
    assert ask(gateway, "k" * 255).status == 200
    answer = ask(gateway, "k" * 256)
    assert answer.status == 400 and b"255" in answer.text


def test_it_can_be_switched_off(start, provider):
    conf = bed.basic(provider.addr, workers=2, idempotency="0s")
    conf["models"] = {"m": {"targets": "oai/m"}}
    gateway = start(bed.Gateway, conf, env=bed.KEYS)
    for _ in range(2):
        assert REPLAYED not in ask(gateway, "key").head
    assert [r.headers["idempotency-key"] for r in provider.requests] == ["key", "key"]


def test_a_worker_that_dies_takes_its_keys_along(gateway, provider):
    """... and nothing else: whoever has a connection to it finds its successor."""
    for n in range(12):
        assert ask(gateway, f"key {n}").status == 200
    victim = gateway.workers()[0]
    os.kill(victim, signal.SIGKILL)
    bed.wait_for(lambda: gateway.workers()[0] not in (0, victim) and gateway.ready())
    replayed = 0
    for n in range(12):
        answers = [ask(gateway, f"key {n}") for _ in range(3)]
        assert [a.status for a in answers] == [200] * 3
        assert len({a["x-lamplighter-request-id"] for a in answers}) == 1
        replayed += REPLAYED in answers[0].head
    assert 0 < replayed < 12
    assert len(provider.requests) == 24 - replayed
    gateway.stop(blame=None)


def listening(pids):
    """Ports of loopback that these processes listen on."""
    inodes = set()
    for pid in pids:
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(fd))
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in list(table)[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows
            if row[3] == "0A" and f"socket:[{row[9]}]" in inodes}


def test_what_workers_hand_over_is_theirs_alone(gateway, provider):
    """A stranger who finds the port of a worker gets not a byte, whatever he claims to be."""
    known = {wire.address(gateway.addr)[1], wire.address(gateway.admin)[1]}
    ports = listening(gateway.workers()) - known
    assert len(ports) == 3
    for port in ports:
        for secret in (None, "", "0" * 64):
            headers = {"x-lamplighter-peer": "127.0.0.1:1"}
            if secret is not None:
                headers["x-lamplighter-worker"] = secret
            with wire.Conn(f"127.0.0.1:{port}") as conn:
                conn.send(wire.request("POST", CHAT, body(), headers))
                assert conn.read_end()[0] == b""
    assert not provider.requests
