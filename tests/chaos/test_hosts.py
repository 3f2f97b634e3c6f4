"""A provider's process dies or stops, or its network does, before a request, while it thinks, and in the
middle of its answer: the client of each dialect gets one whole answer all the same, and the provider is
asked again as soon as it is well. Real processes, and what Linux itself does to packets."""
import itertools
import json
import os

import pytest

import asks
import bed
import far
import wire
from asks import CHAT, GEMINI, MESSAGES, RESPONSES, WORDS

BEFORE, THINKING, SPEAKING = "before", "thinking", "speaking"
STAGES = {BEFORE: "", THINKING: "head=20s", SPEAKING: "gap=100ms"}


class Fault:
    """What is done to the host, at which stages; and whether it answers all the same."""

    def __init__(self, do, *stages, survives=False):
        self.do, self.stages, self.survives = do, stages or tuple(STAGES), survives


FAULTS = {
    "killed": Fault(lambda host: host.kill()),
    "stopped": Fault(lambda host: host.stop()),
    "reset": Fault(lambda host: host.rule("input", "meta l4proto tcp reject with tcp reset")),
    "unreachable": Fault(lambda host: host.rule("input", "drop")),
    "answers lost": Fault(lambda host: host.rule("output", "drop")),
    "nobody new": Fault(lambda host: host.rule("input", "ct state new drop"), BEFORE),
    "the old go on": Fault(lambda host: host.rule("input", "ct state new drop"), SPEAKING,
                           survives=True),
    "a third lost": Fault(lambda host: [host.rule(hook, "numgen random mod 10 < 3 drop")
                                        for hook in ("input", "output")], BEFORE),
}
# Who is asked first for clients of a dialect, and who goes on.
FIRST = {CHAT: "vllm", MESSAGES: "vllm", RESPONSES: "oai", GEMINI: "goo"}
SECOND = {CHAT: "vllm2", MESSAGES: "vllm2", RESPONSES: "vllm2", GEMINI: "vllm2"}
FORMS = (True, False)  # a stream, or not
FAMILY = "claude-sonnet-4-5"  # weights whose answers can be gone on with, whoever has them


def cases():
    """All of them where LAMPLIGHTER_DEEP says so; else each fault at each stage meets two ways to ask,
    and over the faults all ways."""
    ways = list(itertools.product(FIRST, FORMS))
    turn = itertools.count(int(os.environ.get("LAMPLIGHTER_SEED", "1")))
    for name, fault in FAULTS.items():
        for stage in fault.stages:
            fit = [way for way in ways if way[1] or stage != SPEAKING]
            n = next(turn)
            some = [fit[n % len(fit)], fit[(n + len(fit) // 2 + 1) % len(fit)]]
            for path, stream in fit if os.environ.get("LAMPLIGHTER_DEEP") else some:
                yield pytest.param(name, stage, path, stream, id="-".join(
                    (name, stage, path.split("/")[2], "sse" if stream else "json")).replace(" ", "_"))


def model(path, stage):
    return f"{stage}.{path.split('/')[2]}"


@pytest.fixture(scope="module")
def script(place):
    path = place / "script"
    path.write_text("".join(f"*{stage}.far* => {how}\n" for stage, how in STAGES.items() if how))
    return path


@pytest.fixture(scope="module")
def host(binary, place, script):
    with far.Host() as host:
        host.begin(binary, place, script)
        yield host


@pytest.fixture(scope="module")
def near(binary, place):
    mock = bed.Mock(binary, place, name="near")
    yield mock
    mock.stop()


@pytest.fixture(scope="module")
def gateway(binary, place, host, near):
    conf = bed.basic(near.addr)
    there = f"{far.THERE}:{far.PORT}"
    patience = {"connect": "500ms", "first_token": "1s", "idle": "1s", "adaptive": False}
    conf["providers"] = {
        "vllm": bed.provider("vllm", there, timeout=patience),
        "vllm2": bed.provider("vllm", near.addr),
        "oai": bed.provider("openai", there, key="env:OAI_KEY", timeout=patience),
        "goo": bed.provider("gemini", there, path="", key="env:OAI_KEY", timeout=patience),
    }
    conf["models"] = {model(path, stage): {
        "targets": [f"{FIRST[path]}/{stage}.far.{FAMILY}", f"{SECOND[path]}/{stage}.near.{FAMILY}"]}
        for path, stage in itertools.product(FIRST, STAGES)}
    g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    yield g
    g.stop()


@pytest.fixture
def well(host, binary, place, script):
    """Whatever was done to the host is undone."""
    yield
    host.heal()
    if host.mock.process.poll() is not None:
        host.begin(binary, place, script)
    host.mock.signal(far.signal.SIGCONT)


def ask(gateway, path, name, stream, at_stage):
    """at_stage(reader) is called with all that has come."""
    where, body = asks.question(path, name, stream)
    with wire.Conn(gateway.addr, timeout=20) as conn:
        conn.send(wire.request("POST", where, body))
        return conn.read(until=at_stage)


@pytest.mark.parametrize("name, stage, path, stream", list(cases()))
def test_one_answer_all_the_same(gateway, host, well, name, stage, path, stream):
    fault = FAULTS[name]
    sent_before = len(host.mock.requests())
    done = []

    def strike():
        done.append(1)
        fault.do(host)

    def watch(reader):
        if not done and stage == SPEAKING and WORDS[16:24].strip().encode() in reader.body:
            strike()
        return False

    if stage == BEFORE:
        strike()
    if stage == THINKING:
        with wire.Conn(gateway.addr, timeout=20) as conn:
            conn.send(wire.request("POST", *asks.question(path, model(path, stage), stream)))
            bed.wait_for(lambda: len(host.mock.requests()) > sent_before)
            strike()
            answer = conn.read()
    else:
        answer = ask(gateway, path, model(path, stage), stream, watch)
    assert done
    record = gateway.record(answer)
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert asks.text_of(path, stream, answer.text) == WORDS
    # What is lost is sent again, ever later: that may be a stall, too.
    good = ("full", "equivalent", "joined") if name == "a third lost" else (
        ("full",) if fault.survives else ("joined",) if stage == SPEAKING else ("equivalent",))
    assert record["outcome"] in good and record["attempts"] <= 2
    assert json.dumps(record).count("secret") == 0


def test_whoever_is_well_again_is_asked_again(gateway, host, well, binary, place, script):
    """Behind all of it, without a restart."""
    host.kill()
    name = model(CHAT, BEFORE)
    assert gateway.chat(name)["x-lamplighter-target"] == f"vllm2/{BEFORE}.near.{FAMILY}"
    host.begin(binary, place, script)
    assert gateway.chat(name)["x-lamplighter-target"] == f"vllm/{BEFORE}.far.{FAMILY}"
