"""What targets share is known: a provider whose models die together is left alone as a whole and
looked after by one request, models of one rate limit are counted together, and how large a request
is for a target is known before it is asked."""
import base64
import json
import os
import subprocess

import pytest

import bed
import peers

ILL = peers.answer(500, {"error": {"type": "server_error", "message": "it broke"}})


class Provider:
    """Answers each model in its own way, and counts whom it was asked for."""

    def __init__(self):
        self.ill, self.asked, self.head, self.usage = set(), [], {}, None

    def say(self, request):
        model = json.loads(request.body)["model"]
        self.asked.append(model)
        if model in self.ill:
            return ILL
        body = peers.completion()
        if self.usage:
            body["usage"] = self.usage(request)
        return peers.answer(200, body, self.head.get(model, []))


@pytest.fixture
def ill():
    return Provider()


@pytest.fixture
def gateway(binary, place, ill):
    made = []

    def make(models, peer_type="openai-compatible", **more):
        conf = bed.basic(well.addr)
        conf["defaults"] = {**conf["defaults"], "breaker": True, "rate_limits": True,
                            "slow_start": "0s"}
        conf["providers"]["p"] = bed.provider(peer_type, peer.addr, key="env:OAI_KEY", **more)
        conf["models"] = models
        made.append(bed.Gateway(binary, place, conf, env=bed.KEYS))
        return made[-1]

    with peers.Provider(ill.say) as peer, peers.Provider() as well:
        yield make
        for g in made:
            g.stop()


def before(model):
    return {"targets": [f"p/{model}", "gen/m"]}


def target(answer):
    assert answer.status == 200, answer.text
    return answer["x-lamplighter-target"]


def shared(gateway):
    return [(f["shares"], f["name"], f["open"], f["incidents"]) for f in gateway.status()["fates"]]


def test_models_that_die_together(gateway, ill, binary):
    g = gateway({**{m: before(m) for m in "abc"}, "alone": {"targets": "p/d"}})
    ill.ill = set("abcd")
    for model in "ab":
        for _ in range(5):
            assert target(g.chat(model)) == "gen/m"
    assert ill.asked == list("aaaaabbbbb")
    answer = g.chat("c") # which has not failed
    assert target(answer) == "gen/m" and answer["x-lamplighter-attempts"] == "1"
    assert g.record(answer)["skipped"].startswith("p/c=fate(")
    assert "provider" in g.record(answer)["skipped"]
    assert shared(g) == [("provider", "p", True, 1)]
    assert {t["target"]: t["state"] for t in g.status()["targets"]}["p/c"] == "fate"
    said = subprocess.run([binary, "status", "--admin", f"http://{g.admin}"], capture_output=True,
                          text=True, check=True, timeout=20).stdout
    assert "! what shares the provider p has failed together" in said
    name = '{shares="provider",name="p"}'
    assert g.metrics()[f"lamplighter_fate_open{name}"] == 1
    assert g.metrics()[f"lamplighter_fate_incidents_total{name}"] == 1

    assert g.chat("alone").status == 502 # nobody else is left: one a second, and no other
    assert g.chat("alone")["x-lamplighter-reason"] == "fate"
    assert ill.asked == list("aaaaabbbbbd")
    ill.ill.clear()
    bed.wait_for(lambda: g.chat("alone").status == 200)
    assert shared(g) == [("provider", "p", False, 1)]
    assert [target(g.chat(m)) for m in "cab"] == ["p/c", "p/a", "p/b"]


def test_one_sick_model_takes_nobody_along(gateway, ill):
    g = gateway({m: before(m) for m in "abc"})
    ill.ill = {"a"}
    for _ in range(8):
        assert target(g.chat("a")) == "gen/m"
    assert target(g.chat("b")) == "p/b"
    ill.ill = {"a", "c"} # another one, later: b has answered in between
    for _ in range(8):
        assert target(g.chat("c")) == "gen/m"
    assert target(g.chat("b")) == "p/b"
    assert shared(g) == [] and ill.asked.count("a") == ill.asked.count("c") == 5


def test_who_says_that_nothing_is_shared(gateway, ill):
    g = gateway({m: before(m) for m in "abc"}, fate="none")
    ill.ill = {"a", "b"}
    for model in "ab":
        for _ in range(6):
            assert target(g.chat(model)) == "gen/m"
    assert target(g.chat("c")) == "p/c"
    assert shared(g) == []


def test_check_warns_of_one_fate(binary, place, gateway):
    g = gateway({"m": {"targets": ["p/a", "p/b"]}, "host": {"targets": ["gen/a", "oai/a"]},
                 "word": {"targets": [{"target": "p/a", "fate": "rack"},
                                      {"target": "gen/a", "fate": "rack"}]},
                 "none": {"targets": ["p/a", "gen/a"]}})
    said = subprocess.run([binary, "check", "-c", g.file], capture_output=True, text=True,
                          env={**os.environ, **bed.KEYS}, check=False, timeout=20)
    warned = [line for line in (said.stdout + said.stderr).split("\n") if "W011" in line]
    assert len(warned) == 3, said
    for words in ("of the provider 'p'", "at the host '127.0.0.1'", "have the fate 'rack'"):
        assert any(words in line for line in warned), warned


@pytest.mark.parametrize("models, more", [
    (["gpt-5", "gpt-5-2025-08-07"], {}),                # known of the provider
    (["gpt-5", "gpt-5-pro"], {"shares_limits": "big"}), # said
])
def test_models_that_share_a_limit(gateway, ill, models, more):
    g = gateway({"first": {"targets": [{"target": f"p/{models[0]}", **more}, "gen/m"]},
                 "second": {"targets": [{"target": f"p/{models[1]}", **more}, "gen/m"]},
                 "other": {"targets": ["p/gpt-4.1", "gen/m"]}}, "openai")
    ill.head[models[0]] = ["x-ratelimit-limit-tokens: 30000", "x-ratelimit-remaining-tokens: 50",
                           "x-ratelimit-reset-tokens: 1m0s"]
    assert target(g.chat("first", max_tokens=10)) == f"p/{models[0]}"
    answer = g.chat("second", max_tokens=100)
    assert target(answer) == "gen/m"
    assert g.record(answer)["skipped"].startswith(f"p/{models[1]}=rate-spent(")
    assert target(g.chat("other", max_tokens=100)) == "p/gpt-4.1"
    assert ill.asked == [models[0], "gpt-4.1"]


def picture(n):
    return {"messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {
            "url": "data:image/png;base64," + base64.b64encode(os.urandom(n)).decode()}}]}]}


def test_a_picture_is_no_text(gateway):
    g = gateway({"m": {"targets": [{"target": "p/m", "when": {"tokens_under": 10000}}, "gen/m"]}})
    assert target(g.chat("m", **picture(300_000))) == "p/m"
    assert target(g.chat("m", messages=[{"role": "user", "content": "word " * 20_000}])) == "gen/m"


def test_tokens_are_as_the_target_counts_them(gateway, ill):
    """A language of many tokens: what was under the bound by the bytes is over it."""
    g = gateway({"m": {"targets": [{"target": "p/m", "when": {"tokens_under": 2000}}, "gen/m"]}})
    text = [{"role": "user", "content": "word " * 1000}]
    ill.usage = lambda request: {"prompt_tokens": len(request.body) // 2, "completion_tokens": 1,
                                 "total_tokens": len(request.body) // 2 + 1}
    assert target(g.chat("m", messages=text)) == "p/m"
    assert target(g.chat("m", messages=text)) == "gen/m"
    assert target(g.chat("m", messages=[{"role": "user", "content": "word " * 500}])) == "p/m"


def test_who_is_too_small_is_not_asked(gateway, ill):
    g = gateway({"m": {"targets": [{"target": "p/small", "context": 2000},
                                   {"target": "p/large", "context": 200_000}]},
                 "small": {"targets": [{"target": "p/small", "context": 2000}]}})
    large = [{"role": "user", "content": "word " * 10_000}]
    answer = g.chat("m", messages=large)
    assert target(answer) == "p/large" and answer["x-lamplighter-attempts"] == "1"
    assert g.record(answer)["skipped"] == "p/small=too-small"
    assert target(g.chat("m")) == "p/small"
    assert target(g.chat("m", messages=[{"role": "user", "content": "word " * 4000}])) == "p/small"
    assert target(g.chat("small", messages=large)) == "p/small" # nobody fits: it is its to say
    assert ill.asked == ["large", "small", "small", "small"]
