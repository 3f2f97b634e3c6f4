"""A first target that is slower than it usually is: a second one is asked beside it, the first to
answer is heard, the other one is cancelled; and never more often than the model's share allows."""
import itertools
import json
import subprocess
import time

import pytest

import asks
import bed
import wire
from asks import CHAT, MESSAGES, WORDS

USUAL = 52          # answers until it is known how long they take; 2% of them is one hedge
SLOW = {True: "ttft=6s", False: "head=6s"}
TARGETS = {CHAT: ("oai", "gen"), MESSAGES: ("ant", "ant2")}
CASES = [pytest.param(path, stream, number,
                      id=f"{path.split('/')[2]}-{'sse' if stream else 'json'}")
         for number, (path, stream) in enumerate(itertools.product(TARGETS, (True, False)))]


@pytest.fixture(scope="module")
def mock(binary, place):
    m = bed.Mock(binary, place)
    yield m
    m.stop()


def targets(name, slow, second="", path=CHAT):
    first, other = TARGETS[path]
    return [f"{first}/{name}a;{slow};after={USUAL}", f"{other}/{name}b{second}"]


def configuration(mock, models, **more):
    conf = bed.basic(mock.addr) | more
    conf["providers"]["ant2"] = bed.provider("anthropic", mock.addr, path="", key="env:ANT_KEY")
    conf["models"] = {name: {"prefer": "nobody", "hedge": {"extra": "2%"}, **model}
                      for name, model in models.items()}
    return conf


@pytest.fixture
def gateway(start, mock):
    def run(models, **more):
        g = start(bed.Gateway, configuration(mock, models, **more), env=bed.KEYS)
        g.configured = {name: model["targets"] for name, model in models.items()}
        return g
    return run


def ask(g, path, model, stream, **headers):
    return g.ask(*asks.question(path, model, stream), headers=headers)


def usual(g, path, model, stream, count=USUAL):
    """It is known how long the first target takes."""
    for _ in range(count):
        assert ask(g, path, model, stream)["x-lamplighter-attempts"] == "1"


@pytest.mark.parametrize("path, stream, number", CASES)
def test_the_second_answers(gateway, mock, path, stream, number):
    model = f"won{number}"
    g = gateway({model: {"targets": targets(model, SLOW[stream], path=path)}})
    usual(g, path, model, stream)
    began = time.monotonic()
    answer = ask(g, path, model, stream)
    took = time.monotonic() - began
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert asks.text_of(path, stream, answer.text) == WORDS
    assert 0.25 < took < 5, took
    first, second = g.configured[model]
    assert answer["x-lamplighter-target"] == second
    assert answer["x-lamplighter-attempts"] == "2"
    record = g.record(answer)
    assert record["hedge"] == "won" and record["outcome"] == "equivalent"
    assert record["tried"] == f"{first}=outrun" and record["attempts"] == 2
    # Its target sees that nobody waits for it any more, and at once.
    ends = mock.ends(f"{model}a", USUAL + 1)
    assert [end["how"] for end in ends].count("client_gone") == 1
    key = f'lamplighter_hedges_total{{model="{model}",result="won"}}'
    bed.wait_for(lambda: g.metrics().get(key) == 1)
    row = next(m for m in g.status()["models"] if m["model"] == model)
    assert (row["hedged"], row["hedges_won"]) == (1, 1)
    assert not any(f'model="{model}"' in name for name in g.metrics()
                   if name.startswith("lamplighter_failovers_total"))


@pytest.mark.parametrize("path, stream, number", CASES)
def test_the_first_answers_after_all(gateway, mock, path, stream, number):
    model = f"lost{number}"
    slow = SLOW[stream].replace("6s", "900ms")
    g = gateway({model: {"targets": targets(model, slow, f";{SLOW[stream]}", path)}})
    usual(g, path, model, stream)
    answer = ask(g, path, model, stream)
    first, second = g.configured[model]
    assert answer["x-lamplighter-target"] == first and answer["x-lamplighter-attempts"] == "2"
    assert asks.text_of(path, stream, answer.text) == WORDS
    record = g.record(answer)
    assert record["hedge"] == "lost" and record["outcome"] == "full"
    assert record["tried"] == f"{second}=outrun"
    assert mock.ends(f"{model}b")[0]["how"] == "client_gone"


# A million tokens of the second target cost as many dollars more than of the first, which takes 10; max_tokens is 100.
CAPS = {"room for both": ({"cost_max": 0.0021}, 0, "won"), "room for one": ({"cost_max": 0.0019}, 0, None),
        "room for a dearer one": ({"cost_max": 0.0031}, 10, "won"), "less than that": ({"cost_max": 0.0029}, 10, None),
        "no dearer": ({"extra_cost_max": 0}, 0, "won"), "dearer": ({"extra_cost_max": 0.0009}, 10, None),
        "not too dear": ({"extra_cost_max": 0.0011}, 10, "won")}


@pytest.mark.parametrize("name", CAPS)
def test_a_hedge_costs_no_more_than_it_may(gateway, tmp_path, name):
    """Both together are held by the request's cap, and what the second costs more by the model's."""
    cap, dearer, hedge = CAPS[name]
    prices = {row: {"input": 0, "output": output, "source": "a test", "date": "2026-11-28"}
              for row, output in (("oai/*", 10), ("gen/*", 10 + dearer))}
    (tmp_path / "prices.yaml").write_text(json.dumps({"version": 1, "prices": prices}))
    model = name.replace(" ", "-")
    g = gateway({model: {"targets": targets(model, "head=700ms"), **cap}},
                prices={"file": str(tmp_path / "prices.yaml")})
    body = asks.question(CHAT, model, False)[1] | {"max_tokens": 100}
    for _ in range(USUAL):
        assert g.ask(CHAT, body)["x-lamplighter-attempts"] == "1"
    answer = g.ask(CHAT, body)
    record = g.record(answer)
    assert (answer.status, record.get("hedge")) == (200, hedge), record
    assert record["attempts"] == (2 if hedge else 1)


def test_what_a_hedge_may_have_cost_counts(gateway, tmp_path):
    """It was cancelled: whether it has worked, and for how much, nobody knows."""
    prices = {row: {"input": 0, "output": output, "source": "a test", "date": "2026-11-28"}
              for row, output in (("oai/*", 10), ("gen/*", 20))}
    (tmp_path / "prices.yaml").write_text(json.dumps({"version": 1, "prices": prices}))
    g = gateway({"counts": {"targets": targets("counts", "head=900ms", ";head=6s"), "extra_cost_max": 1}},
                prices={"file": str(tmp_path / "prices.yaml")})
    body = asks.question(CHAT, "counts", False)[1] | {"max_tokens": 100}
    for _ in range(USUAL + 1):
        answer = g.ask(CHAT, body)
    assert g.record(answer)["hedge"] == "lost"
    assert g.metrics()['lamplighter_extra_cost_usd{model="counts"}'] == 0.001


def test_no_more_than_its_share(gateway, mock):
    g = gateway({"share": {"targets": targets("share", "ttft=700ms")}})
    usual(g, CHAT, "share", True)
    hedges = [g.record(ask(g, CHAT, "share", True)).get("hedge") for _ in range(4)]
    assert hedges == ["won", None, None, None]
    assert len(mock.requests("shareb")) == 1
    assert g.metrics()['lamplighter_hedges_left{model="share"}'] < 1


def test_who_is_not_hedged(gateway, mock):
    slow = "ttft=700ms"
    g = gateway({
        "off": {"targets": targets("off", slow), "hedge": {"extra": "0%"}},
        "long": {"targets": targets("long", slow), "hedge": {"extra": "2%", "tokens": 10}},
        "kin": {"targets": targets("kin", slow), "prefer": "family"},
        "keyed": {"targets": targets("keyed", slow)},
    })
    for model in ("off", "long", "kin", "keyed"):
        usual(g, CHAT, model, True)
        more = {"idempotency-key": "once"} if model == "keyed" else {}
        answer = ask(g, CHAT, model, True, **more)
        assert answer["x-lamplighter-attempts"] == "1", model
        assert "hedge" not in g.record(answer)
        assert not mock.requests(f"{model}b")


def timeline(g, answer):
    def look():
        told = wire.ask(g.admin, "GET",
                        f"/api/v1/requests/{answer['x-lamplighter-request-id']}")
        return told.status == 200 and told.json()["ended"] and told.json()["timeline"]
    return [(event["event"], event.get("number"), event.get("beside"))
            for event in bed.wait_for(look)]


def test_what_a_hedge_fails_of_is_not_heard(gateway):
    g = gateway({"fails": {"targets": targets("fails", "ttft=900ms", ";status=503")}})
    usual(g, CHAT, "fails", True)
    answer = ask(g, CHAT, "fails", True)
    assert asks.text_of(CHAT, True, answer.text) == WORDS
    record = g.record(answer)
    assert record["hedge"] == "failed" and record["outcome"] == "full"
    assert record["tried"] == f"{g.configured['fails'][1]}=overload"
    assert answer["x-lamplighter-fallback-reason"] is None
    # It is told in the order in which the attempts ended.
    assert timeline(g, answer) == [("attempt", 2, True), ("attempt", 1, None), ("end", None, None)]


def test_both_prompts_count(gateway):
    """The loser's cost is not known: what it may have cost counts as not priced."""
    g = gateway({"cost": {"targets": targets("cost", "ttft=6s")}})
    usual(g, CHAT, "cost", True)
    before = g.metrics()
    ask(g, CHAT, "cost", True)
    key = f'lamplighter_attempts_total{{target="{g.configured["cost"][0]}",outcome="canceled",' \
          'reason="outrun"}'
    bed.wait_for(lambda: g.metrics().get(key) == 1)
    unpriced = f'lamplighter_unpriced_requests_total{{target="{g.configured["cost"][0]}"}}'
    assert g.metrics()[unpriced] > before.get(unpriced, 0)


def test_it_is_told(binary, gateway):
    g = gateway({"told": {"targets": targets("told", "head=6s")}})

    def command(*args):
        run = subprocess.run([binary, *args, "--admin", f"http://{g.admin}"], capture_output=True,
                             text=True, timeout=20, check=False)
        assert run.returncode == 0, run.stderr
        return run.stdout

    assert "not hedged now, for unknown" in command("route", "told")
    usual(g, CHAT, "told", False)
    first, second = g.configured["told"]
    assert json.loads(command("route", "told", "--json"))["hedge"] == {"onto": second,
                                                                       "after_s": 0.25}
    assert f"hedged after 0.25 s onto {second}" in command("route", "told")
    answer = ask(g, CHAT, "told", False)
    g.record(answer)
    story = bed.wait_for(lambda: "end  " in (text := command(
        "request", answer["x-lamplighter-request-id"])) and text)
    tries = [line for line in story.split("\n") if " try " in line]
    assert len(tries) == 2, story
    assert first in tries[0] and "outrun" in tries[0]
    assert second in tries[1] and "as a hedge" in tries[1] and "answered" in tries[1]
    assert "not hedged now, for budget" in command("route", "told")
    assert "1 hedged, of which the hedge won 1" in command("status")
