"""A target fails before its answer has begun: another one takes over, and the client sees one whole
answer. What is known of a target is known to all workers, and outlives a reload."""
import itertools
import json
import subprocess

import pytest

import asks
import bed
import peers
from asks import CHAT, GEMINI, HELLO, MESSAGES, RESPONSES, WORDS

# Of each client's own dialect, one that fails and one that does not; and one of another dialect.
OWN = {CHAT: ("oai", "gen"), MESSAGES: ("ant", "ant2"), RESPONSES: ("resp", "resp2"),
       GEMINI: ("goo", "goo2")}
OTHER = {CHAT: "ant2", MESSAGES: "gen", RESPONSES: "goo2", GEMINI: "ant2"}

# What the first target does, and why it is left.
FAULTS = {
    "refused": (None, "never-executed"),
    "reset": ("fault=reset", "maybe-executed"),
    "close": ("fault=close", "maybe-executed"),
    "half a head": ("fault=cut-head", "maybe-executed"),
    "silent": ("fault=silent", "maybe-executed"),
    "slow head": ("head=3s", "maybe-executed"),
    "dribble": ("dribble=1B/20ms", "maybe-executed"),
    "no HTTP": ("fault=not-http", "junk"),
    "huge header": ("fault=huge-header", "junk"),
    "a page": ("fault=html", "junk"),
    "500": ("status=500", "server"),
    "503": ("status=503", "overload"),
    "429": ("status=429", "rate"),
    "401": ("status=401", "credential"),
    "404": ("status=404", "credential"),
}
STREAMED = {
    "slow first token": ("ttft=3s", "maybe-executed"),
    "an error first": ("fault=error-first", None),
    "a cut first": ("fault=cut;at=1", "truncated"),
}
WHOLE = {
    "half an answer": ("fault=cut;at-byte=40", None),
    "cut JSON": ("fault=truncated-json", None),
}
numbers = itertools.count()


def cases():
    for path, (stream, faults) in itertools.product(
            OWN, ((True, {**FAULTS, **STREAMED}), (False, {**FAULTS, **WHOLE}))):
        for name, (fault, why) in faults.items():
            if path == GEMINI and name in ("a cut first", "slow first token"):
                continue # its first event has text, and nothing is before it
            other = next(numbers) % 3 == 0 # each fault meets both kinds, in some dialect
            yield pytest.param(path, stream, fault, why, other,
                               id=f"{path.split('/')[2]}-{'sse' if stream else 'json'}-{name}"
                                  f"{'-translated' if other else ''}".replace(" ", "_"))


CASES = list(cases())


def model_of(case):
    return f"m{CASES.index(case)}"


def targets(case):
    path, _, fault, _, other = case.values
    first, second = OWN[path]
    name = model_of(case)
    return ["dead/x" if fault is None else f"{first}/{name}a;{fault}",
            f"{OTHER[path] if other else second}/{name}b"]


@pytest.fixture(scope="module")
def mock(binary, place):
    m = bed.Mock(binary, place, "--refuse", "127.0.0.1:0")
    m.refuses = m.find(m.out, r"mock refusing on (\S+)")
    yield m
    m.stop()


def configuration(mock):
    conf, at = bed.basic(mock.addr), mock.addr
    impatient = {"connect": "1s", "first_token": "400ms", "idle": "1s"}
    conf["providers"] = {
        "oai": bed.provider("openai", at, key="env:OAI_KEY", timeout=impatient),
        "ant": bed.provider("anthropic", at, path="", key="env:ANT_KEY", timeout=impatient),
        "resp": bed.provider("openai", at, key="env:OAI_KEY", timeout=impatient),
        "goo": bed.provider("gemini", at, path="", key="env:OAI_KEY", timeout=impatient),
        "gen": bed.provider("openai-compatible", at),
        "ant2": bed.provider("anthropic", at, path="", key="env:ANT_KEY"),
        "resp2": bed.provider("openai", at, key="env:OAI_KEY"),
        "goo2": bed.provider("gemini", at, path="", key="env:OAI_KEY"),
        "dead": bed.provider("openai-compatible", mock.refuses),
    }
    return conf


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    conf = configuration(mock)
    conf["models"] = {model_of(case): {"targets": targets(case)} for case in CASES}
    g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    yield g
    g.stop()


def ask(gateway, path, model, stream):
    return gateway.ask(*asks.question(path, model, stream))


def text_of(path, stream, answer):
    return asks.text_of(path, stream, answer.text)


@pytest.mark.parametrize("path, stream, fault, why, other", CASES)
def test_another_takes_over(gateway, mock, path, stream, fault, why, other):
    case = next(c for c in CASES if c.values == (path, stream, fault, why, other))
    model, (first, second) = model_of(case), targets(case)
    answer = ask(gateway, path, model, stream)
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert text_of(path, stream, answer) == WORDS
    assert answer["x-lamplighter-target"] == second
    assert answer["x-lamplighter-attempts"] == "2"
    assert why in (None, answer["x-lamplighter-fallback-reason"])
    record = gateway.record(answer)
    assert (record["outcome"], record["attempts"], record["status"]) == ("equivalent", 2, 200)
    assert record["tried"].startswith(f"{first}=") and record["target"] == second
    assert "reason" not in record
    assert len(mock.requests(f"{model}b")) == 1
    if fault:
        assert len(mock.requests(f"{model}a")) in (1, 2) # twice on a connection that had served
    key = (f'lamplighter_failovers_total{{model="{model}",from="{first}",to="{second}",'
           f'reason="{answer["x-lamplighter-fallback-reason"]}"}}')
    bed.wait_for(lambda: gateway.metrics().get(key) == 1)


# ---- what all workers know ----

@pytest.fixture
def strict(start, mock):
    """Two workers that go by what they have seen; each test has targets of its own."""
    def run(models, **more):
        conf = configuration(mock)
        conf["defaults"] |= {"breaker": True, **more}
        conf["models"] = models
        for provider in conf["providers"].values():
            provider["fate"] = "none"  # they share a host only here
        return start(bed.Gateway, conf, env=bed.KEYS)
    return run


def all_take_part(g):
    counts = [g.metrics()[f'lamplighter_worker_requests_total{{worker="{i}"}}'] for i in range(2)]
    return all(counts)


def test_a_target_that_asks_for_it_is_left_alone_by_all(strict, mock):
    g = strict({"m": {"targets": ["oai/alone;status=429;retry-after=30", "gen/helps"]}})
    assert g.chat("m")["x-lamplighter-attempts"] == "2"
    for _ in range(40):
        answer = g.chat("m")
        assert (answer.status, answer["x-lamplighter-attempts"]) == (200, "1")
    assert len(mock.requests("alone")) == 1 and len(mock.requests("helps")) == 41
    bed.wait_for(lambda: all_take_part(g))


def test_an_account_without_money_is_asked_once(strict, mock):
    """Whatever model of it is asked for."""
    g = strict({"m": {"targets": ["oai/broke;status=429;kind=insufficient_quota", "gen/pays"]},
                "n": {"targets": ["oai/broke-too", "gen/pays"]}})
    assert g.chat("m")["x-lamplighter-fallback-reason"] == "quota"
    for model in ("m", "n") * 10:
        answer = g.chat(model)
        assert (answer.status, answer["x-lamplighter-target"]) == (200, "gen/pays")
    assert len(mock.requests("broke")) == 1 and not mock.requests("broke-too")
    bed.wait_for(lambda: all_take_part(g))


def test_a_sick_target_is_left_to_a_probe(binary, strict, mock):
    """Five failures, whichever worker saw them, and no more; a reload does not forget it."""
    g = strict({"m": {"targets": ["oai/sick;status=503;retry-after=none", "gen/well"]}})
    for _ in range(5):
        assert g.chat("m")["x-lamplighter-attempts"] == "2"
    run = subprocess.run([binary, "reload", "--admin", f"http://{g.admin}"], capture_output=True,
                         text=True, timeout=30, check=False)
    assert run.returncode == 0
    for _ in range(20):
        assert g.chat("m").status == 200
    assert len(mock.requests("sick")) <= 6 # one may have been a probe


def test_when_all_are_sick_the_client_hears_when_to_come_again(strict, mock):
    g = strict({"m": {"targets": ["oai/ill;status=503;retry-after=none",
                              "gen/iller;status=503;retry-after=none"]}})
    answers = [g.chat("m") for _ in range(30)]
    assert all(answer.status == 503 for answer in answers)
    assert answers[-1]["x-lamplighter-reason"] == "breaker-open"
    assert answers[-1]["x-should-retry"] == "true" and int(answers[-1]["retry-after"]) <= 5
    # Each until its breaker opened, and one probe a second of the least bad.
    assert len(mock.requests("ill")) + len(mock.requests("iller")) <= 14


# ---- when nobody is left ----

SORRY = "The assistant cannot be reached now. Please call 555-0100."


@pytest.fixture(scope="module")
def prepared(binary, place, mock):
    """Models whose targets all fail, with a text for that case, and with a lesser target."""
    conf = configuration(mock)
    conf["models"] = {}
    for name, (first, second) in {path.split("/")[2]: own for path, own in OWN.items()}.items():
        broken = [f"{first}/x;status=503", f"{second}/x;status=500"]
        conf["models"] |= {f"{name}-sorry": {"targets": broken, "on_exhausted": SORRY},
                           f"{name}-less": {"targets": broken, "on_exhausted": SORRY,
                                            "degraded": ["gen/lesser;status=503", "gen/less"],
                                            "retry": {"attempts": 4}}}
    conf["models"] |= {"silent-sorry": {"targets": "oai/x;ttft=3s", "on_exhausted": SORRY},
                       "wrong-sorry": {"targets": "oai/x;status=400", "on_exhausted": SORRY},
                       "long-sorry": {"targets": "oai/x;status=400;kind=context_length_exceeded",
                                      "on_exhausted": SORRY},
                       "cut-sorry": {"targets": "oai/x;fault=cut;at=4", "on_exhausted": SORRY},
                       "vectors-sorry": {"targets": "oai/x;status=500", "on_exhausted": SORRY}}
    g = bed.Gateway(binary, place, conf, env=bed.KEYS, name="prepared")
    yield g
    g.stop()


@pytest.mark.parametrize("stream", (False, True), ids=("json", "sse"))
@pytest.mark.parametrize("path", OWN, ids=lambda p: p.split("/")[2])
def test_an_approved_text_takes_the_place_of_the_error(prepared, path, stream):
    answer = ask(prepared, path, f"{path.split('/')[2]}-sorry", stream)
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert text_of(path, stream, answer) == SORRY
    assert answer["x-lamplighter-degraded"] == "static"
    assert b"lamplighter/static" in answer.text
    record = prepared.record(answer)
    assert (record["outcome"], record["status"]) == ("failed", 200)
    assert record["reason"] and record["attempts"] >= 2


@pytest.mark.parametrize("stream", (False, True), ids=("json", "sse"))
@pytest.mark.parametrize("path", OWN, ids=lambda p: p.split("/")[2])
def test_a_lesser_target_answers_last_and_says_so(prepared, path, stream):
    answer = ask(prepared, path, f"{path.split('/')[2]}-less", stream)
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert text_of(path, stream, answer) == WORDS
    assert (answer["x-lamplighter-degraded"], answer["x-lamplighter-target"]) == ("target",
                                                                                  "gen/less")
    assert prepared.record(answer)["outcome"] == "degraded"


def test_a_text_comes_behind_a_head_that_went_early(prepared):
    answer = prepared.chat("silent-sorry", stream=True)
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert text_of(CHAT, True, answer) == SORRY


@pytest.mark.parametrize("model, stream, status", (
    ("wrong-sorry", False, 400), ("long-sorry", False, 400), ("cut-sorry", True, 200)))
def test_what_is_nobodys_want_gets_no_text(prepared, model, stream, status):
    """The caller's own fault, and what has begun to be answered."""
    answer = prepared.chat(model, stream=stream)
    assert answer.status == status
    assert SORRY.encode() not in answer.text
    assert answer.end == ("cut" if stream else "whole")


def test_vectors_are_no_text(prepared):
    answer = prepared.ask("/v1/embeddings", {"model": "vectors-sorry", "input": "x"})
    assert answer.status == 502


# ---- who is asked first ----

def served(g, model, n):
    answers = [g.chat(model) for _ in range(n)]
    assert all(answer.status == 200 for answer in answers)
    return [answer["x-lamplighter-target"] for answer in answers]


@pytest.fixture(scope="module")
def ordered(binary, place, mock):
    conf = configuration(mock)
    conf["defaults"] |= {"breaker": True}
    rates = {"dear": (9, 9), "cheap": (1, 1), "cheap-in": ("0.1", 90)}
    prices = place / "ordered-prices.yaml"
    prices.write_text(json.dumps({"version": 1, "prices": {
        f"gen/{name}": {"input": each[0], "output": each[1], "source": "a test",
                        "date": "2026-11-27"} for name, each in rates.items()}}))
    conf["prices"] = {"file": str(prices)}
    conf["models"] = {
        "written": {"targets": ["gen/w1", "gen/w2"]},
        "spread": {"targets": ["gen/s1", "gen/s2", "gen/s3"], "degraded": "gen/s4",
                   "strategy": "spread"},
        "cheapest": {"targets": ["gen/unpriced", "gen/dear", "gen/cheap", "gen/cheap-in"],
                     "strategy": "cheapest"},
        "fastest": {"targets": ["gen/slow;head=150ms", "gen/fast"], "strategy": "fastest"},
        "failing": {"targets": ["gen/f1;status=503", "gen/f2"], "strategy": "spread"}}
    g = bed.Gateway(binary, place, conf, env=bed.KEYS, name="ordered")
    yield g
    g.stop()


def test_targets_are_asked_as_they_are_written(ordered):
    assert set(served(ordered, "written", 20)) == {"gen/w1"}


def test_targets_share_the_load(ordered):
    got = served(ordered, "spread", 90)
    assert set(got) == {"gen/s1", "gen/s2", "gen/s3"} # and not the lesser one
    assert all(10 <= got.count(target) <= 50 for target in set(got))


def test_keys_and_endpoints_share_the_load(start):
    with peers.Provider() as first, peers.Provider() as second:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"a": {"type": "openai-compatible", "private": True,
                                   "key": ["env:OAI_KEY", "env:ANT_KEY"],
                                   "endpoints": [first.url("/v1"), second.url("/v1")]}}
        conf["models"] = {"m": {"targets": "a/x", "strategy": "spread"}}
        served(start(bed.Gateway, conf, env=bed.KEYS), "m", 60)
        seen = [(peer, r.headers["authorization"]) for peer in (first, second)
                for r in peer.requests]
    assert len(set(seen)) == 4 and min(map(seen.count, set(seen))) >= 3


def test_the_cheapest_is_asked_first(ordered):
    assert set(served(ordered, "cheapest", 10)) == {"gen/cheap"}


def test_the_fastest_is_asked_first(ordered):
    """Once both are known."""
    assert served(ordered, "fastest", 12)[4:] == ["gen/fast"] * 8


def test_whoever_is_first_another_takes_over(ordered):
    assert set(served(ordered, "failing", 20)) == {"gen/f2"}


# ---- what clients do themselves ----

@pytest.mark.parametrize("retry, counted", (("0", False), ("1", True), ("99999", True),
                                            ("-1", False), ("x", False), ("", False)))
def test_the_retries_of_sdks_are_seen(start, mock, retry, counted):
    g = start(bed.Gateway, configuration(mock) | {"models": {"m": {"targets": "gen/r"}}},
              env=bed.KEYS)
    answer = g.ask(CHAT, {"model": "m", "messages": HELLO}, {"x-stainless-retry-count": retry})
    assert answer.status == 200
    record = g.record(answer)
    assert ("client_retry" in record) == counted
    bed.wait_for(lambda: g.metrics().get("lamplighter_requests_total" + '{model="m",api="chat",'
                                         'stream="false",outcome="full"}') == 1)
    assert g.metrics().get('lamplighter_client_retries_total{model="m"}') == (1 if counted else None)
