"""Recorded answers of real providers, sent through the whole program.

The mock replays a recording byte for byte; the client must get the same bytes. Cut anywhere, the
answer may end in order only if the provider had said that it was complete. What is complete is
judged here, by code that shares nothing with the gateway's.
"""
import asyncio
import gzip
import json
import os
import pathlib
import random
import re

import pytest

import bed
import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("LAMPLIGHTER_DATA") or ROOT.parent / "shared/data")
DEEP = bool(os.environ.get("LAMPLIGHTER_DEEP"))
AT_ONCE = 32
CUTS_EACH = 48 if DEEP else 8  # of a recording, at most
ENDS = ("fin", "rst", "chunk-end")

KINDS = {
    # recordings: (path of the gateway, begin of a name that the provider's row knows)
    "openai-chat": ("/v1/chat/completions", "gpt-r"),
    "openai-completions": ("/v1/completions", "gpt-r"),
    "embeddings": ("/v1/embeddings", "text-embedding-r"),
    "anthropic-messages": ("/v1/messages", "claude-r"),
    "anthropic-count": ("/v1/messages/count_tokens", "claude-r"),
}


class Recording:
    """One answer, and what it takes to ask for it again."""

    def __init__(self, kind, row):
        self.id, self.kind, self.status = row["id"], kind, row["status"]
        self.path, self.name = KINDS[kind]
        self.body = row["resp"].encode()
        self.type = row["resp_headers"].get("content-type", "")
        self.stream = self.type.startswith("text/event-stream")
        request = row.get("req") or {}
        prompts = request.get("prompt")
        self.choices = (request.get("n") or 1) * (
            len(prompts) if isinstance(prompts, list) and isinstance(prompts[0], (str, list))
            else 1)
        # A lone CR ends a line as well: with CRLF the blank line is there before its LF.
        borders = re.finditer(rb"\n\n|\r\n\r", self.body) if self.stream else ()
        self.ends = [m.end() for m in borders]

    def ask(self, behaviour="", asks=True):
        """The bytes of a request that the mock answers with this recording."""
        body = {"model": f"{self.name};replay={self.id}{behaviour}"}
        if self.stream:
            body["stream"] = True
            if self.kind.startswith("openai"):
                body["stream_options"] = {"include_usage": asks}
        if self.kind in ("openai-chat", "openai-completions") and self.choices > 1:
            body["n"] = self.choices
        return wire.request("POST", self.path, body)

    def without_usage(self):
        """What is due to a client that did not ask for usage, of a provider that was asked."""
        events = re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", self.body)
        return b"".join(re.sub(rb', ?"usage": ?null(?=[,}])|"usage": ?null, ?', b"", e)
                        for e in events if not only_usage(e))

    def refuses(self):
        """A whole answer of status 200 that says no."""
        try:
            return "error" in json.loads(self.body)
        except ValueError:
            return True

    def complete_at(self):
        """Bytes after which the provider has said that all is there; None: it never does.

        [DONE] counts when every choice that began has finished, or when the host never says how
        a choice finished and has reported usage: some do so."""
        begin, seen, finished, usage = 0, set(), set(), False
        if not self.stream:
            return None if self.refuses() else len(self.body.rstrip())
        for end in self.ends or [len(self.body)]:
            lines = self.body[begin:end].splitlines()
            data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
            begin = end
            if data == b"[DONE]":
                said = seen <= finished or (usage and not finished)
                return end if seen and said else None
            if not data:
                continue
            event = json.loads(data)
            if event.get("type") == "message_stop":
                return end
            usage = usage or bool(event.get("usage"))
            if event.get("error") or event.get("type") == "error":
                return None
            for place, choice in enumerate(event.get("choices") or []):
                index = choice.get("index", place)
                seen.add(index)
                if choice.get("finish_reason"):
                    finished.add(index)
            if finished >= set(range(self.choices)):
                return end
        return None


def only_usage(event):
    if not event.startswith(b"data: {"):
        return False
    said = json.loads(event[len(b"data: "):])
    return bool(said.get("usage")) and not said.get("choices") and not said.get("error")


@pytest.fixture(scope="module")
def recordings(place):
    """All answers of the dialects that the gateway relays, and a file for the mock."""
    if not (DATA / "recorded").is_dir():
        pytest.skip("unsupported: no recorded traffic on this machine (LAMPLIGHTER_DATA)")
    found, lines = [], []
    for kind in KINDS:
        with gzip.open(DATA / f"recorded/cassettes/{kind}.jsonl.gz", "rt", encoding="utf-8") as f:
            for row in map(json.loads, f):
                if not row.get("resp") or not row.get("raw", True):
                    continue
                if row["host"] == "api.cohere.com":  # of a dialect of its own
                    continue
                recording = Recording(kind, row)
                found.append(recording)
                lines.append(json.dumps({
                    "id": recording.id, "status": recording.status, "resp": row["resp"],
                    "resp_headers": {"content-type": recording.type}}))
    (place / "replay.jsonl").write_text("\n".join(lines) + "\n")
    return found


@pytest.fixture(scope="module")
def mock(binary, place, recordings):
    m = bed.Mock(binary, place, "--replay", place / "replay.jsonl")
    yield m
    m.stop()


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    """Whose patience does not end while the machine is busy."""
    conf = bed.basic(mock.addr)
    conf["defaults"]["timeout"] = dict.fromkeys(("connect", "first_token", "idle", "total"), "5m")
    g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    yield g
    g.stop()


async def all_of(jobs):
    """Run them, some at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(job):
        async with gate:
            await job
    await asyncio.gather(*(one(job) for job in jobs))


@pytest.mark.timeout(180)
def test_recordings_arrive_byte_for_byte(gateway, recordings):
    """Whole streams and whole answers, in the order of their event, to the last byte."""
    wrong, counts = [], {"streams": 0, "whole": 0, "errors": 0, "incomplete": 0}

    async def check(r):
        answer = await wire.fetch(gateway.addr, r.ask(), timeout=60)
        complete = r.complete_at() is not None
        if r.status >= 400:
            counts["errors"] += 1
            good = answer.end == "whole" and answer.status >= 400
        elif complete:
            counts["streams" if r.stream else "whole"] += 1
            good = (answer.end == "whole" and answer.status == r.status
                    and answer.text == r.body and answer["content-type"] == r.type)
        else:
            counts["incomplete"] += 1
            good = answer.end == "cut" or answer.status >= 400
        if not good:
            wrong.append((r.kind, r.id, r.status, complete, answer))

    asyncio.run(all_of([check(r) for r in recordings]))
    print(counts)
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"
    assert counts["streams"] > 300 and counts["whole"] > 500


@pytest.mark.timeout(180)
def test_usage_that_the_client_did_not_ask_for_is_taken_out(gateway, recordings):
    """Else the stream arrives as it is, to the last byte."""
    wrong, changed = [], 0
    chosen = [r for r in recordings if r.stream and r.kind.startswith("openai")
              and r.status == 200 and r.complete_at()]

    async def check(r):
        nonlocal changed
        answer = await wire.fetch(gateway.addr, r.ask(asks=False), timeout=60)
        due = r.without_usage()
        changed += due != r.body
        if answer.end != "whole" or answer.text != due:
            wrong.append((r.kind, r.id, due, answer))

    asyncio.run(all_of([check(r) for r in chosen]))
    print(f"{len(chosen)} streams, {changed} with usage to take out")
    assert not wrong, f"{len(wrong)}: {wrong[:2]}"
    assert changed > 50


def places(r, chance):
    """Where to cut: around the borders of events, and everywhere in the last two."""
    borders = {at + step for at in [0, *r.ends] for step in (-1, 0, 1)}
    tail = r.ends[-3] if len(r.ends) > 2 else max(len(r.body) - 200, 0)
    late = set(range(tail, len(r.body) + 1))
    late = set(chance.sample(sorted(late), min(len(late), CUTS_EACH // 2)))
    good = sorted(at for at in borders if 0 <= at <= len(r.body) and at not in late)
    good = chance.sample(good, min(len(good), CUTS_EACH - len(late)))
    return [*good, *late]


@pytest.mark.timeout(2000 if DEEP else 600)
def test_no_cut_is_a_completion(gateway, recordings, seed):
    """In order if, and only if, the provider's own end was among what it delivered. One seed draws
    the same cuts in every run."""
    chance = random.Random(seed)
    jobs = [(r, at, chance.choice(ENDS)) for r in recordings if r.status == 200
            for at in places(r, chance)]
    chance.shuffle(jobs)
    wrong, clean, stale = [], 0, 0

    async def check(r, at, how):
        nonlocal clean, stale
        answer = await wire.fetch(gateway.addr, r.ask(f";fault=cut;at-byte={at};how={how}"),
                                  timeout=300)
        complete_at = r.complete_at()
        if complete_at and not r.stream and how != "chunk-end":
            complete_at = len(r.body)  # its length was announced: a blank is missed as well
        complete = complete_at is not None and at >= complete_at
        if answer["x-lamplighter-reason"] == "reset":
            stale += 1  # its connection was kept from another cut, and closed just now
            good = answer.status == 502
        elif complete:
            clean += 1
            good = (answer.end == "whole" and answer.status == 200
                    and r.body.startswith(answer.text) and len(answer.text) >= complete_at)
        elif answer.status == 200:
            events = answer.events()
            least = 0 if how == "rst" else 1  # a reset throws away what was not read yet
            good = answer.end == "cut" and is_error(events[-1]) and common(r, answer) >= least
        else:
            good = answer.end == "whole" and answer.status >= 400
        if not good:
            wrong.append((r.kind, r.id, len(r.body), at, how, complete, answer))

    asyncio.run(all_of([check(*job) for job in jobs]))
    print(f"LAMPLIGHTER_SEED={seed}: {len(jobs)} cuts, {clean} behind the end, "
          f"{stale} on a connection that had just closed, {len(wrong)} told wrong")
    assert not wrong, f"seed {seed}: {len(wrong)} of {len(jobs)}: {wrong[:5]}"
    assert len(jobs) > 6 * len(recordings) and stale * 500 <= len(jobs)


def is_error(data):
    try:
        return "error" in json.loads(data)
    except ValueError:
        return False


def common(r, answer):
    """How many bytes of the recording were delivered; -1 if something else was."""
    text = re.split(rb'(?:\n\n)?(?:event: error\n)?data: \{(?:"error"|"type":"error")', answer.text)
    return len(text[0]) if r.body.startswith(text[0].rstrip(b"\n")) else -1
