"""What the tests of the fault matrix share: clients and targets of each dialect, who meets whom, and what
must hold behind every fault."""
import itertools
import json
import os
import pathlib
import random
import re

import asks
import bed
import wire
from asks import CHAT, GEMINI, MESSAGES, RESPONSES, WORDS

DEEP = bool(os.environ.get("LAMPLIGHTER_DEEP"))
SEED = int(os.environ.get("LAMPLIGHTER_SEED", "1"))
CLIENTS = {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES, "gemini": GEMINI}
# A target of each dialect, by a type that speaks no other of these (but Google's, which clients of OpenAI's
# chat are served by in theirs): provider type, path behind its address, key.
TARGETS = {
    "chat": ("together", "/v1", "env:OAI_KEY"),
    "responses": ("openai-responses", "/v1", "env:OAI_KEY"),
    "messages": ("anthropic", "", "env:ANT_KEY"),
    "gemini": ("gemini", "", "env:OAI_KEY"),
}
FORMS = {"sse": True, "json": False}
FAMILY = "claude-sonnet-4-5"  # weights whose answers can be gone on with, whoever has them
IMPATIENT = {"connect": "600ms", "first_token": "600ms", "idle": "600ms", "adaptive": False}
# What says that a stream is complete, to a client of the dialect.
TERMINALS = {"chat": rb'"finish_reason": ?"stop"', "responses": rb'"type": ?"response.completed"',
             "messages": rb'"type": ?"message_stop"', "gemini": rb'"finishReason": ?"STOP"'}


class Way:
    """Who asks, whom, and how."""

    def __init__(self, client, target, form):
        self.client, self.target, self.form = client, target, form
        self.path, self.stream = CLIENTS[client], FORMS[form]

    def __str__(self):
        return f"{self.client}-{self.target}-{self.form}"

    def question(self, model, **more):
        path, body = asks.question(self.path, model, self.stream)
        return path, {**body, **more}

    def text_of(self, answer):
        """What a client reads of it: an error event behind it has no text."""
        if self.stream:
            return asks.text_of(self.path, True, told(answer.text))
        return asks.text_of(self.path, False, answer.text)


def told(text):
    """A stream without the events that are errors."""
    return b"".join(event + b"\n\n" for event in text.replace(b"\r\n", b"\n").split(b"\n\n")
                    if not is_error(event))


def is_error(event):
    data = event.partition(b"data: ")[2].split(b"\n")[0]
    if not data or data == b"[DONE]":
        return False
    value = json.loads(data)
    return "error" in value and not value.get("candidates") and not value.get("choices")


def errors(text):
    """The error events of a stream."""
    return [json.loads(event.partition(b"data: ")[2].split(b"\n")[0])
            for event in text.replace(b"\r\n", b"\n").split(b"\n\n") if is_error(event)]


def draw(name, forms=tuple(FORMS)):
    """Ways for one fault: all of them where LAMPLIGHTER_DEEP says so; else so many that each client, each
    target and each form is met, by the seed; over all faults every two of them meet."""
    if DEEP:
        return [Way(*way) for way in itertools.product(CLIENTS, TARGETS, forms)]
    rng = random.Random(f"{SEED} {name}")
    targets, turns = list(TARGETS), list(itertools.islice(itertools.cycle(forms), len(CLIENTS)))
    rng.shuffle(targets)
    rng.shuffle(turns)
    return [Way(*way) for way in zip(CLIENTS, targets, turns)]


def providers(addr, prefix="", **more):
    """One of each dialect at that address: {prefix + dialect: row}."""
    return {prefix + name: bed.provider(kind, addr, path=path, key=key, **more)
            for name, (kind, path, key) in TARGETS.items()}


def opened(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def ask(gateway, way, model, timeout=20, headers=None, until=None, size=2):
    """size: bytes of the question."""
    where, body = way.question(model)
    if size > 2:
        body = json.dumps(body).replace('"hi"', f'"{size * "x"}"').encode()
    with wire.Conn(gateway.addr, timeout=timeout) as conn:
        conn.send(wire.request("POST", where, body, headers))
        return conn.read(until=until)


def ended(way, answer):
    """Was the client told that the stream is complete?"""
    return re.search(TERMINALS[way.client], answer.text)


def honest(way, answer, whole=WORDS):
    """No answer is marked complete that is not, nothing stands in it twice, and no secret does."""
    assert not any(key.encode() in answer.text for key in bed.KEYS.values())
    if answer.status != 200:
        assert answer.end == "whole" and answer.json()["error"], answer
        return
    text = way.text_of(answer)
    assert whole.startswith(text), answer
    if answer.end == "whole":
        assert text == whole and not errors(answer.text) if way.stream else text == whole, answer
        assert not way.stream or ended(way, answer), answer
    else:
        assert way.stream and answer.end in ("cut", "reset"), answer
        assert text == whole or not ended(way, answer), answer
        assert errors(answer.text), answer


def recorded(gateway, answer):
    """The one record, without a secret."""
    record = gateway.record(answer)
    assert not any(key in json.dumps(record) for key in bed.KEYS.values())
    return record


def said_nothing(gateway):
    """No secret stands in what the gateway has written."""
    for file in (gateway.out, gateway.err):
        data = file.read_bytes()
        assert not any(key.encode() in data for key in bed.KEYS.values())
