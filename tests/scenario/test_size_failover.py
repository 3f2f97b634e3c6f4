"""A request of exactly the limit, with tools, the results of tools and a large image, whose first target fails
behind the body, in its middle or before it: the second target gets the same bytes, and the client one whole
answer, over HTTP/1.1 and HTTP/2 on each side.

A failure meets one combination of versions by the seed, so that every two sides meet in both versions over
all failures; LAMPLIGHTER_DEEP takes all."""
import base64
import functools
import hashlib
import itertools
import json
import os
import random
import socket
import struct

import h2.connection
import h2.events
import hpack
import pytest

import bed
import peers
import wire
from asks import CHAT

DEEP = bool(os.environ.get("LAMPLIGHTER_DEEP"))
SEED = int(os.environ.get("LAMPLIGHTER_SEED", "1"))
MIB = 1 << 20
LIMIT, IMAGE = 64 * MIB, 60 * MIB  # server.limits.body, when nobody sets it
SOME = 4 * MIB  # of a body, before its target is lost
WINDOW = MIB  # of the targets' HTTP/2
DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8
NO_ERROR, INTERNAL_ERROR = 0, 2
KEY = "sk-size-canary-77ab01"

# When a target fails, and what the record says of it.
FAULTS = {"refuses behind it": "overload", "resets behind it": "maybe-executed",
          "resets within it": "maybe-executed", "refuses before it": "overload"}
VERSIONS = ("h1", "h2")
EVENTS = ("".join(f'data: {{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,'
                  f'"delta":{{"content":"word{n} "}},"finish_reason":{end}}}]}}\n\n'
                  for n, end in enumerate(["null"] * 5 + ['"stop"'])) + "data: [DONE]\n\n").encode()
REFUSAL = json.dumps({"error": {"message": "busy", "type": "server_error", "param": None, "code": None}}).encode()


# ---- the question ----

@functools.cache
def picture(size):
    """So much of base64: no piece of it is like another."""
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(SEED).randbytes(size * 3 // 4 - 8)).decode()


def question(model, stream, size, image):
    """A body of that size to the byte; a text takes what the image leaves."""
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"where":"up"}'}}
    tool = {"type": "function", "function": {"name": "look", "description": "Looks somewhere.", "parameters": {
        "type": "object", "properties": {"where": {"type": "string"}}, "required": ["where"]}}}
    parts = [{"type": "text", "text": "@"},
             {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture(image)}"}}]
    body = json.dumps({
        "model": model, "stream": stream, "max_tokens": 99, "tools": [tool],
        **({"stream_options": {"include_usage": True}} if stream else {}),  # or the gateway asks for it
        "messages": [{"role": "user", "content": "Look up."},
                     {"role": "assistant", "content": None, "tool_calls": [call]},
                     {"role": "tool", "tool_call_id": "call_1", "content": "a bird"},
                     {"role": "user", "content": parts}]}).encode()
    body = body.replace(b'"@"', b'"%s"' % (b"y" * (size - len(body) + 1)))
    assert len(body) == size
    return body


# ---- targets ----

def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


class Asked:
    """A request at a target. digest: of its body, once that is whole."""

    def __init__(self, keep):
        self.sum, self.bytes, self.digest, self.kept = hashlib.sha256(), 0, None, bytearray() if keep else None

    def feed(self, data):
        self.sum.update(data)
        self.bytes += len(data)
        if self.kept is not None:
            self.kept += data

    def whole(self):
        self.digest = self.sum.hexdigest()

    def json(self):
        return json.loads(self.kept)


class Target(peers.Server):
    """fault: one of FAULTS, or None; say: the answer's type and body."""

    def __init__(self, say, fault=None, keep=False):
        self.say, self.fault, self.keep, self.requests = say, fault, keep, []
        super().__init__()

    def begin(self):
        self.requests.append(Asked(self.keep))
        return self.requests[-1]

    def breaks(self, asked):
        return self.fault == "resets within it" and asked and asked.bytes > SOME

    @staticmethod
    def crash(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class H1Target(Target):
    http = "h1"

    def serve(self, sock):
        rest = b""
        while b"\r\n\r\n" not in rest:
            data = sock.recv(peers.CHUNK)
            if not data:
                return
            rest += data
        head, _, rest = rest.partition(b"\r\n\r\n")
        left = int(peers.Request(head, b"").headers["content-length"])
        asked = self.begin()
        if self.fault == "refuses before it":
            sock.sendall(peers.answer(503, REFUSAL, ["connection: close"]))
        while rest or left:
            asked.feed(rest)
            left -= len(rest)
            if self.breaks(asked):
                return self.crash(sock)
            rest = sock.recv(MIB) if left else b""
            if left and not rest:
                return None
        asked.whole()
        if self.fault == "resets behind it":
            return self.crash(sock)
        if self.fault == "refuses behind it":
            sock.sendall(peers.answer(503, REFUSAL))
        elif not self.fault:
            kind, body = self.say
            sock.sendall(peers.answer(200, body, kind=kind))
        return sock.recv(1)  # until the other side has enough


class H2Target(Target):
    """Frames by hand: a library takes its time with so many of them."""
    http = "h2"
    HEADERS_END, STREAM_END = 4, 1

    def serve(self, sock):
        file, encoder = sock.makefile("rb", peers.CHUNK), hpack.Encoder()
        sock.sendall(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, WINDOW))
                     + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW)))
        asked, owed = None, 0
        assert file.read(24) == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        while len(head := file.read(9)) == 9:
            kind, flags, stream = struct.unpack(">xxxBBI", head)
            data = file.read(int.from_bytes(head[:3]))
            if kind == SETTINGS and not flags:
                sock.sendall(frame(SETTINGS, 1, 0))
            elif kind == HEADERS:
                asked = self.begin()
                if self.fault == "refuses before it":
                    self.tell(sock, encoder, stream, 503, "application/json", REFUSAL)
                    sock.sendall(frame(RST_STREAM, 0, stream, struct.pack(">I", NO_ERROR)))
            elif kind == DATA:
                asked.feed(data)
                owed += len(data)
                if owed > WINDOW // 2 and not flags & self.STREAM_END:
                    word = struct.pack(">I", owed)
                    sock.sendall(frame(WINDOW_UPDATE, 0, stream, word) + frame(WINDOW_UPDATE, 0, 0, word))
                    owed = 0
            if self.breaks(asked):
                return self.crash(sock)
            if kind == DATA and flags & self.STREAM_END:
                self.judge(sock, encoder, stream, asked)
        return None

    def judge(self, sock, encoder, stream, asked):
        asked.whole()
        if self.fault == "resets behind it":
            sock.sendall(frame(RST_STREAM, 0, stream, struct.pack(">I", INTERNAL_ERROR)))
        elif self.fault == "refuses behind it":
            self.tell(sock, encoder, stream, 503, "application/json", REFUSAL)
        elif not self.fault:
            self.tell(sock, encoder, stream, 200, *self.say)

    def tell(self, sock, encoder, stream, status, kind, body):
        fields = encoder.encode([(":status", str(status)), ("content-type", kind)])
        sock.sendall(frame(HEADERS, self.HEADERS_END, stream, fields) + frame(DATA, self.STREAM_END, stream, body))


TARGETS = {"h1": H1Target, "h2": H2Target}


# ---- clients ----

def by_h1(addr, body):
    """(status, fields, body)"""
    with wire.Conn(addr, timeout=60) as conn:
        conn.send(wire.request("POST", CHAT, body))
        answer = conn.read()
        assert answer.end == "whole" and not conn.rest, answer
        return answer.status, answer.head, answer.text


def by_h2(addr, body):
    conn = h2.connection.H2Connection()
    conn.initiate_connection()
    stream, sent, ended, fields, text = conn.get_next_available_stream_id(), 0, False, [], b""
    conn.send_headers(stream, [(":method", "POST"), (":scheme", "http"), (":path", CHAT), (":authority", addr),
                               ("content-type", "application/json"), ("content-length", str(len(body)))])
    with wire.Conn(addr, timeout=60) as wired:
        while not ended:
            while sent < len(body) and (n := min(conn.local_flow_control_window(stream),
                                                 conn.max_outbound_frame_size, len(body) - sent)):
                sent += n
                conn.send_data(stream, body[sent - n:sent], end_stream=sent == len(body))
            wired.send(conn.data_to_send())
            data = wired.sock.recv(MIB)
            assert data, "the connection has ended"
            for event in conn.receive_data(data):
                assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), event
                if isinstance(event, h2.events.ResponseReceived):
                    fields.append({name.decode(): value.decode() for name, value in event.headers})
                elif isinstance(event, h2.events.DataReceived):
                    text += event.data
                    conn.acknowledge_received_data(event.flow_controlled_length, stream)
                ended = ended or isinstance(event, h2.events.StreamEnded)
        (head,) = fields
        return int(head[":status"]), head, text


CLIENTS = {"h1": by_h1, "h2": by_h2}


# ---- the proof ----

def combinations():
    """(fault, version of the client, of the first target, of the second)"""
    if DEEP:
        yield from itertools.product(FAULTS, VERSIONS, VERSIONS, VERSIONS)
        return
    for n, fault in enumerate(FAULTS):  # rows of an orthogonal array: every two columns meet in all four ways
        n = (n + SEED) % 4
        yield fault, VERSIONS[n // 2], VERSIONS[n % 2], VERSIONS[(n // 2 + n % 2) % 2]


def name_of(case):
    return "-".join(case).replace(" ", "_")


def whole_answer(stream):
    return ("text/event-stream", EVENTS) if stream else (
        "application/json", json.dumps(peers.completion()).encode())


def before(start, first, second, kinds=("vllm", "vllm"), **server):
    conf = bed.basic("127.0.0.1:9", workers=1, **server)
    conf["providers"] = {name: bed.provider(kind, target.addr, path="" if kind == "anthropic" else "/v1",
                                            key="env:SIZE_KEY", http=target.http)
                         for name, kind, target in zip(("one", "two"), kinds, (first, second))}
    conf["models"] = {"both": {"targets": ["one/m", "two/m"]}}
    return start(bed.Gateway, conf, env={**bed.sparing(), "SIZE_KEY": KEY})


def taken_over(gateway, fields, fault):
    record = bed.wait_for(lambda: gateway.records(fields["x-lamplighter-request-id"]))
    assert len(record) == 1
    assert (record[0]["outcome"], record[0]["attempts"]) == ("equivalent", 2), record
    assert record[0]["target"] == "two/m" and record[0]["tried"] == f"one/m={FAULTS[fault]}", record


@pytest.mark.memory
@pytest.mark.parametrize("case", list(combinations()), ids=name_of)
def test_a_body_of_the_limit_is_taken_over(start, slack, case):
    """Unchanged but for the model's name; most of it waits in a file, whoever fails."""
    fault, client, *versions = case
    stream = (SEED + sum(map(ord, "".join(case)))) % 2 == 0
    say = whole_answer(stream)
    body = question("both", stream, LIMIT, IMAGE)
    with TARGETS[versions[0]](say, fault) as first, TARGETS[versions[1]](say) as second:
        gateway = before(start, first, second)
        cost = bed.Cost(gateway)
        status, fields, text = CLIENTS[client](gateway.addr, body)
        peak = cost.peak()
        print(f"a worker grew by {peak / MIB:.1f} MiB for a body of 64 MiB")
        assert (status, text) == (200, say[1].replace(b'"m"', b'"both"')), (status, text)
        taken_over(gateway, fields, fault)
        same = hashlib.sha256(body.replace(b'"both"', b'"m"', 1)).hexdigest()
        (failed,), (answered,) = first.requests, second.requests
        assert answered.digest == same
        assert failed.digest == (same if "behind" in fault else None), failed.bytes
        assert peak < 8 * MIB * slack


# Types of the first target and the second, and how the first one fails: who reads the client's own bytes, and
# who a translation, before and behind the failure.
TRANSLATED = {
    "another again": ("anthropic", "anthropic", "refuses behind it", "h1", "h2"),
    "another next": ("vllm", "anthropic", "resets within it", "h2", "h1"),
    "another first": ("anthropic", "vllm", "refuses before it", "h1", "h1"),
}
LARGE = LIMIT if DEEP else LIMIT // 4  # a worker translates in one go, which takes its time on a busy machine
MESSAGE = json.dumps({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None,
                      "content": [{"type": "text", "text": peers.HELLO}], "stop_reason": "end_turn",
                      "usage": {"input_tokens": 1, "output_tokens": 1}}).encode()


def says_the_same(asked):
    """In Anthropic's words: the tool, its call, what came of it, and the picture of question()."""
    body = asked.json()
    assert [tool["name"] for tool in body["tools"]] == ["look"]
    _, call, last = (message["content"] for message in body["messages"])
    assert [(part["type"], part["input"]) for part in call] == [("tool_use", {"where": "up"})]
    result, text, image = last
    assert (result["tool_use_id"], result["content"]) == ("call_1", [{"type": "text", "text": "a bird"}])
    assert set(text["text"]) == {"y"}
    assert image["source"]["media_type"] == "image/png" and image["source"]["data"] == picture(LARGE - 4 * MIB)


@pytest.mark.memory
@pytest.mark.parametrize("name", TRANSLATED)
def test_a_large_body_in_translation_is_taken_over(start, slack, name):
    """With its picture to the byte, within the default bounds of translation; in deep runs a body of the limit."""
    *kinds, fault, one, two = TRANSLATED[name]
    body = question("both", False, LARGE, LARGE - 4 * MIB)
    say = whole_answer(False) if kinds[1] == "vllm" else ("application/json", MESSAGE)
    with TARGETS[one](say, fault, True) as first, TARGETS[two](say, keep=True) as second:
        gateway = before(start, first, second, kinds)
        cost = bed.Cost(gateway)
        status, fields, text = by_h1(gateway.addr, body)
        peak = cost.peak()
        print(f"a worker grew by {peak / MIB:.1f} MiB for a body of {LARGE // MIB} MiB in translation")
        assert status == 200, text
        assert json.loads(text)["choices"][0]["message"]["content"] == peers.HELLO
        taken_over(gateway, fields, fault)
        (failed,), (answered,) = first.requests, second.requests
        assert (failed.digest is not None) == ("behind" in fault) and answered.digest
        if kinds[1] == "vllm":
            assert answered.digest == hashlib.sha256(body.replace(b'"both"', b'"m"', 1)).hexdigest()
        else:
            says_the_same(answered)
        assert failed.digest in (None, answered.digest)
        assert peak < 6 * LARGE * slack  # as docs/lamplighter.yaml.md says of server.limits.translation
