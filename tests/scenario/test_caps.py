"""What a request may cost, and what failing over may cost, is known before a target is asked."""
import concurrent.futures
import hashlib
import json
import subprocess

import pytest

import bed

CAP, FIELD = 0.001, "x-lamplighter-cost-max"
PRICES = {"version": 1, "prices": {
    name: {**rates, "source": "a test", "date": "2026-11-26"} for name, rates in {
        "ant/dear*": {"input": 3, "output": 15}, "oai/cheap*": {"input": 2, "output": 7.5},
        "vllm/*": {"input": 0, "output": 0}}.items()}}


@pytest.fixture
def gateway(binary, place, mock):
    (place / "prices.yaml").write_text(json.dumps(PRICES))
    conf = bed.basic(mock.addr)
    conf["prices"] = {"file": str(place / "prices.yaml")}
    conf["models"] = {
        "m": {"targets": ["ant/dear", "oai/cheap"], "cost_max": CAP},
        "unpriced": {"targets": ["oai/unheard-of"], "cost_max": CAP},
        "tight": {"targets": ["oai/cheap;status=500", "oai/cheap-too"], "cost_max": 0.03},
        "wide": {"targets": ["oai/cheap;status=500", "oai/cheap-too"], "cost_max": 0.05},
        "spill": {"targets": ["vllm/own;status=503", "ant/dear"], "extra_cost_max": 0.01},
        "lost": {"targets": ["vllm/own;status=503", "ant/dear;fault=reset"], "extra_cost_max": 0.01},
        "well": {"targets": ["vllm/own", "ant/dear"], "extra_cost_max": 0},
        "any": {"targets": ["ant/dear"]}}
    conf["keys"] = {"thrifty": {"hash": f"sha256:{hashlib.sha256(b'sk-t').hexdigest()}",
                                "cost_max": 0.0005},
                    "other": {"hash": f"sha256:{hashlib.sha256(b'sk-o').hexdigest()}"}}
    g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    yield g
    g.stop()


@pytest.fixture
def mock(binary, place):
    m = bed.Mock(binary, place)
    yield m
    m.stop()


def ask(gateway, model, max_tokens=100, key="sk-o", text="hi", **head):
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    if max_tokens:
        body["max_tokens"] = max_tokens
    return gateway.ask("/v1/chat/completions", body, {
        "authorization": f"Bearer {key}", **{n.replace("_", "-"): v for n, v in head.items()}})


def refused(answer, reason="cost-max"):
    assert (answer.status, answer["x-lamplighter-reason"]) == (402, reason)
    assert answer["x-should-retry"] == "false"
    return answer.json()["error"]["message"]


def test_a_target_that_could_cost_more_is_not_asked(gateway):
    answer = ask(gateway, "m")
    assert (answer.status, answer["x-lamplighter-target"]) == (200, "oai/cheap")
    assert gateway.record(answer)["skipped"] == "ant/dear=cost-max"
    assert ask(gateway, "m", max_tokens=20)["x-lamplighter-target"] == "ant/dear"
    assert "it may cost $0.001 at most" in refused(ask(gateway, "m", max_tokens=500))
    refused(ask(gateway, "m", max_tokens=None))  # the most that a model gives
    assert ask(gateway, "any", max_tokens=None).status == 200
    assert ask(gateway, "unpriced", max_tokens=500).status == 200  # prices.unknown says: warn


def test_a_head_and_a_key_may_ask_for_less(gateway):
    refused(ask(gateway, "m", x_lamplighter_cost_max="0.0005"))
    refused(ask(gateway, "m", max_tokens=500, x_lamplighter_cost_max="100"))
    refused(ask(gateway, "any", max_tokens=500, x_lamplighter_cost_max="0"))
    assert ask(gateway, "any", max_tokens=500, x_lamplighter_cost_max="0.1").status == 200
    refused(ask(gateway, "any", key="sk-t"))
    assert ask(gateway, "any", key="sk-t", max_tokens=10).status == 200
    for wrong in "a lot", "-1", "1.", "0.1234567890123", "1e9", "99999999999999":
        answer = ask(gateway, "m", x_lamplighter_cost_max=wrong)
        assert (answer.status, answer["x-lamplighter-reason"]) == (400, "bad-request"), wrong
        assert FIELD in answer.json()["error"]["message"]


def test_what_failed_attempts_may_have_cost_counts(gateway):
    text = "word " * 4000
    answer = ask(gateway, "tight", text=text)
    assert (answer.status, answer["x-lamplighter-attempts"]) == (502, "1")
    assert gateway.record(answer)["skipped"] == "oai/cheap-too=cost-max"
    answer = ask(gateway, "wide", text=text)
    assert (answer.status, answer["x-lamplighter-attempts"]) == (200, "2")


def test_failing_over_costs_no_more_than_it_may(gateway, binary, place):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(gateway, "spill"), range(60)))
    good = [a for a in answers if a.status == 200]
    assert 3 <= len(good) < 60 and {a.status for a in answers} == {200, 503}
    stopped = next(a for a in answers if a.status == 503)
    assert gateway.record(stopped)["skipped"] == "ant/dear=extra-cost-max"
    spent = sum(gateway.record(a)["cost"] for a in good)
    metrics = gateway.metrics()
    shown = metrics['lamplighter_extra_cost_usd{model="spill"}']
    assert spent <= shown <= 0.01 and abs(shown - spent) < 1e-6 * len(good)
    assert metrics['lamplighter_extra_cost_max_usd{model="spill"}'] == 0.01
    assert gateway.status()["extra_costs"] == [{"model": "spill", "usd": shown, "usd_max": 0.01},
                                               {"model": "lost", "usd": 0, "usd_max": 0.01},
                                               {"model": "well", "usd": 0, "usd_max": 0}]
    table = subprocess.run([binary, "status", "--admin", f"http://{gateway.admin}"],
                           capture_output=True, text=True, check=True).stdout
    assert "! failing over of spill has cost $0.0" in table
    (place / "body.json").write_text(json.dumps(
        {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 900}))
    told = subprocess.run([binary, "route", "spill", "--admin", f"http://{gateway.admin}", "-f",
                           place / "body.json"], capture_output=True, text=True, check=False)
    assert "extra-cost-max" in told.stdout, told
    assert ask(gateway, "well").status == 200  # who goes to the first fails over to nobody


def test_what_failing_over_may_have_cost_counts(gateway):
    """The second target breaks off and reports nothing: each time it may have cost $0.006."""
    answers = [ask(gateway, "lost", max_tokens=400) for _ in range(3)]
    assert {a.status for a in answers} <= {502, 503}
    assert [gateway.record(a).get("skipped") for a in answers] == [
        None, "ant/dear;fault=reset=extra-cost-max", "ant/dear;fault=reset=extra-cost-max"]
    assert 0.006 < gateway.metrics()['lamplighter_extra_cost_usd{model="lost"}'] < 0.0065
