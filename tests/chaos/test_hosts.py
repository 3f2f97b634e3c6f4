"""A provider's process dies or stops, or its network does, before a request, while it thinks, and in the
middle of its answer: the client of each dialect gets one whole answer all the same, and the provider is
asked again as soon as it is well. Real processes, and what Linux itself does to packets."""
import concurrent.futures
import itertools
import json
import os
import time

import pytest

import asks
import bed
import far
import wire
from asks import CHAT, GEMINI, MESSAGES, RESPONSES, WORDS

BEFORE, THINKING, SPEAKING = "before", "thinking", "speaking"
STAGES = {BEFORE: "", THINKING: "head=20s", SPEAKING: "gap=100ms"}
# Of those who take their time here and there; who are asked over a bad cable; who are seen to get well.
RESUMED, LOSSY, PROBED = "resumed", "lossy", "probed"
SLOW = {f"{RESUMED}.": "head=400ms,gap=100ms", f"{LOSSY}.far": "head=200ms,gap=20ms"}
SEED, DEEP = int(os.environ.get("LAMPLIGHTER_SEED", "1")), bool(os.environ.get("LAMPLIGHTER_DEEP"))


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
    turn = itertools.count(SEED)
    for name, fault in FAULTS.items():
        for stage in fault.stages:
            fit = [way for way in ways if way[1] or stage != SPEAKING]
            n = next(turn)
            some = [fit[n % len(fit)], fit[(n + len(fit) // 2 + 1) % len(fit)]]
            for path, stream in fit if DEEP else some:
                yield pytest.param(name, stage, path, stream, id="-".join(
                    (name, stage, path.split("/")[2], "sse" if stream else "json")).replace(" ", "_"))


def model(path, stage):
    return f"{stage}.{path.split('/')[2]}"


@pytest.fixture(scope="module")
def script(place):
    path = place / "script"
    path.write_text("".join(f"*{stage}.far* => {how}\n" for stage, how in STAGES.items() if how)
                    + "".join(f"*{name}* => {how}\n" for name, how in SLOW.items()))
    return path


@pytest.fixture(scope="module")
def host(binary, place, script):
    with far.Host() as host:
        host.begin(binary, place, script)
        yield host


@pytest.fixture(scope="module")
def near(binary, place, script):
    mock = bed.Mock(binary, place, "--script", script, name="near")
    yield mock
    mock.stop()


def before_both(near, stages, patience, **defaults):
    """Whoever is there is asked first, with that patience; then who is near."""
    conf, there = bed.basic(near.addr, workers=1 if defaults else 2), f"{far.THERE}:{far.PORT}"
    conf["defaults"] |= defaults
    conf["providers"] = {
        "vllm": bed.provider("vllm", there, timeout=patience),
        "vllm2": bed.provider("vllm", near.addr),
        "oai": bed.provider("openai", there, key="env:OAI_KEY", timeout=patience),
        "goo": bed.provider("gemini", there, path="", key="env:OAI_KEY", timeout=patience),
    }
    for row in conf["providers"].values() if defaults else ():
        row["fate"] = "none"
    conf["models"] = {model(path, stage): {
        "targets": [f"{FIRST[path]}/{stage}.far.{FAMILY}", f"{SECOND[path]}/{stage}.near.{FAMILY}"]}
        for path, stage in itertools.product(FIRST, stages)}
    return conf


IMPATIENT = {"connect": "500ms", "first_token": "1s", "idle": "1s", "adaptive": False}
PATIENT = {"connect": "5s", "first_token": "20s", "idle": "10s", "adaptive": False}


@pytest.fixture(scope="module")
def gateway(binary, place, host, near):
    g = bed.Gateway(binary, place, before_both(near, (*STAGES, RESUMED), IMPATIENT), env=bed.KEYS)
    yield g
    g.stop()


@pytest.fixture
def careful(start, host, near):
    """careful(stage, patience): a gateway whose breakers open."""
    def begin(stage, patience):
        return start(bed.Gateway, before_both(near, (stage,), patience, breaker=True, slow_start="0s"),
                     env=bed.KEYS)
    return begin


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


# ---- row 4: whoever stopped goes on ----

GOING_ON = list(itertools.product(FIRST, FORMS)) if DEEP else [
    (list(FIRST)[(SEED + n) % len(FIRST)], stream) for n, stream in enumerate(FORMS)]


@pytest.mark.parametrize("path, stream", GOING_ON,
                         ids=[f"{path.split('/')[2]}-{'sse' if stream else 'json'}" for path, stream in GOING_ON])
def test_late_words_are_nobodys(gateway, host, near, well, path, stream):
    """It stops in its answer, or before it, and goes on while another one answers: what it says then is not told."""
    asked = [len(host.mock.requests()), len(near.requests())]
    done = []

    def watch(reader):
        for n, (word, do) in enumerate(((WORDS[16:23], host.stop), (WORDS[64:71], resume))):
            if len(done) == n and word.encode() in reader.body:
                done.append(do())
        return False

    def resume():
        host.mock.signal(far.signal.SIGCONT)

    with wire.Conn(gateway.addr, timeout=20) as conn:
        conn.send(wire.request("POST", *asks.question(path, model(path, RESUMED), stream)))
        if not stream:
            bed.wait_for(lambda: len(host.mock.requests()) > asked[0])
            host.stop()
            bed.wait_for(lambda: len(near.requests()) > asked[1])
            resume()
        answer = conn.read(until=watch if stream else None)
    assert len(done) == (2 if stream else 0)
    record = gateway.record(answer)
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert asks.text_of(path, stream, answer.text) == WORDS
    assert (record["outcome"], record["attempts"]) == ("joined" if stream else "equivalent", 2), record
    assert record["target"] == f"vllm2/{RESUMED}.near.{FAMILY}"
    bed.wait_for(lambda: host.mock.log(ev="end")[-1]["n"] == host.mock.requests()[-1]["n"])  # it did go on


def state(gateway, target):
    return next(t["state"] for t in gateway.status()["targets"] if t["target"] == target)


def test_a_probe_fails_and_a_later_one_does_not(careful, host, well):
    """Every request is answered meanwhile: while it is stopped, by whoever is near."""
    gateway, path = careful(PROBED, IMPATIENT), list(FIRST)[SEED % len(FIRST)]
    there, here = f"{FIRST[path]}/{PROBED}.far.{FAMILY}", f"{SECOND[path]}/{PROBED}.near.{FAMILY}"
    turn = itertools.count(SEED)

    def one(_=None):
        stream = FORMS[next(turn) % 2]
        answer = ask(gateway, path, model(path, PROBED), stream, None)
        assert (answer.status, answer.end) == (200, "whole"), answer
        assert asks.text_of(path, stream, answer.text) == WORDS
        return gateway.record(answer)

    def until(what, seconds):
        end = time.monotonic() + seconds
        while not what(record := one()):
            assert time.monotonic() < end, record
            time.sleep(0.05)

    assert one()["target"] == there
    host.stop()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert {record["target"] for record in pool.map(one, range(6))} == {here}
    bed.wait_for(lambda: state(gateway, there) == "open")
    until(lambda record: record["attempts"] == 2 and record["target"] == here, 20)  # the probe
    bed.wait_for(lambda: state(gateway, there) == "open")
    host.mock.signal(far.signal.SIGCONT)
    until(lambda record: record["target"] == there, 20)
    until(lambda _: state(gateway, there) not in ("open", "half_open"), 20)
    assert one()["target"] == there


# ---- row 11 ----

def test_a_third_lost_opens_no_breaker(careful, host, well):
    """A dozen requests of all dialects and forms at once, over a cable that loses a third each way."""
    gateway = careful(LOSSY, PATIENT)
    ways = list(itertools.islice(itertools.cycle(itertools.product(FIRST, FORMS)), 12))

    def all_of_them():
        with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
            answers = list(pool.map(lambda way: ask(gateway, way[0], model(way[0], LOSSY), way[1], None), ways))
        for (path, stream), answer in zip(ways, answers):
            assert (answer.status, answer.end) == (200, "whole"), (path, answer)
            assert asks.text_of(path, stream, answer.text) == WORDS
        return [gateway.record(answer)["outcome"] for answer in answers]

    assert set(all_of_them()) == {"full"}  # and their connections are kept
    for hook in ("input", "output"):
        host.rule(hook, "numgen random mod 10 < 3 counter drop")
    outcomes = all_of_them()
    print(f"{outcomes.count('full')} of {len(ways)} by whoever is asked first, {host.dropped()} packets lost")
    assert host.dropped() > len(ways)
    states = {row: state(gateway, f"{row}/{LOSSY}.far.{FAMILY}") for row in set(FIRST.values())}
    assert not {"open", "half_open"} & set(states.values()), states
