"""The forms of a plan: who of a model's targets is asked for which request, and in which order."""
import collections
import hashlib
import json
import subprocess

import pytest

import bed

KEYS = {"open": "key-of-open", "team": "key-of-team"}
LONG = ";status=400;kind=context_length_exceeded"
CONTENT = ";status=400;kind=content_policy_violation"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def mock(binary, place):
    m = bed.Mock(binary, place, "--log-bodies")
    yield m
    m.stop()


def configuration(mock):
    conf = bed.basic(mock.addr, region="here")
    conf["providers"]["vllm"]["region"] = "here"
    conf["providers"]["dead"] = bed.provider("openai-compatible", "127.0.0.1:9")
    conf["models"] = {
        "tiers": {"targets": [{"target": "gen/second", "tier": 2}, "gen/first;status=500"]},
        "family": {"targets": ["dead/org/qwen3-4b", "oai/other", "vllm/qwen3-4b"]},
        "as-written": {"targets": ["dead/qwen3-4b", "oai/other", "vllm/qwen3-4b"],
                       "prefer": "nobody"},
        "near": {"targets": ["gen/far", "vllm/near"], "prefer": "same-region"},
        "when": {"targets": [{"target": "gen/tools", "when": {"tools": True}},
                             {"target": "gen/long", "when": {"tokens_over": 1000}},
                             {"target": "gen/team", "when": {"keys": "team"}},
                             {"target": "gen/stream", "when": {"stream": True}}]},
        "tags": {"targets": ["gen/any", {"target": "gen/eu", "tags": "eu"},
                             {"target": "gen/fast", "tags": ["fast", "eu"]}]},
        "weighted": {"strategy": "weighted", "targets": [
            {"target": "gen/three", "weight": 3}, {"target": "gen/one", "weight": 1},
            {"target": "gen/none", "weight": 0}]},
        "long": {"targets": [
            {"target": f"oai/small{LONG}", "context": 8000}, {"target": "vllm/as-small", "context": 8000},
            "gen/unknown", {"target": "gen/large", "context": "200k"}]},
        "lost": {"targets": [{"target": f"oai/small{LONG}", "context": 8000},
                             {"target": "vllm/as-small", "context": 8000}]},
        "strict": {"targets": [f"oai/a{CONTENT}", "gen/b"]},
        "lenient": {"targets": [f"oai/a{CONTENT}", "gen/b"], "content_policy": "next"},
        "sticky": {"targets": ["gen/a", "vllm/b", "oai/c"], "strategy": "spread", "sticky": True},
        "healed": {"targets": ["gen/faulty;status=500;first=1", "vllm/second"], "sticky": True},
        "said": {"targets": ["oai/a", "ant/b", "gen/said"], "routing": {"from_body": True}},
        "unsaid": {"targets": ["oai/unsaid", "gen/unsaid"]},
        "requires": {"targets": ["oai/able"], "require": ["tools", "images"]}}
    conf["keys"] = {name: {"hash": f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"}
                    for name, key in KEYS.items()}
    return conf


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    g = bed.Gateway(binary, place, configuration(mock), name="plans", env=bed.KEYS)
    yield g
    g.stop()


def ask(g, model, key="open", tags=None, text="hi", **more):
    headers = {"authorization": f"Bearer {KEYS[key]}"}
    if tags is not None:
        headers["x-lamplighter-tags"] = tags
    return g.ask("/v1/chat/completions",
                 {"model": model, "messages": [{"role": "user", "content": text}], **more}, headers)


def target(answer):
    assert answer.status == 200, answer.text
    return answer["x-lamplighter-target"]


@pytest.mark.parametrize("model, more, asked", [
    ("tiers", {}, "gen/second"), ("family", {}, "vllm/qwen3-4b"), ("as-written", {}, "oai/other"),
    ("near", {}, "vllm/near"), ("requires", {}, "oai/able"),
    ("when", {"tools": [TOOL]}, "gen/tools"), ("when", {"text": "x" * 4000}, "gen/long"),
    ("when", {"key": "team"}, "gen/team"), ("when", {"stream": True, "tools": []}, "gen/stream"),
    ("tags", {}, "gen/any"), ("tags", {"tags": "eu"}, "gen/eu"),
    ("tags", {"tags": "eu,fast"}, "gen/fast")])
def test_the_plan_says_who_is_asked(gateway, model, more, asked):
    assert target(ask(gateway, model, **more)) == asked


def test_who_is_meant_for_nothing_of_it_is_a_400_that_says_why(gateway, mock):
    before = len(mock.requests())
    answer = ask(gateway, "when")
    assert answer.status == 400 and answer["x-lamplighter-reason"] == "not-meant"
    message = answer.json()["error"]["message"]
    assert "gen/tools (not-meant tools), gen/long (not-meant tokens_over)" in message
    answer = ask(gateway, "tags", tags="nowhere")
    assert answer.status == 400 and "gen/any (not-meant tags)" in answer.json()["error"]["message"]
    assert gateway.record(answer)["outcome"] == "client_error"
    assert len(mock.requests()) == before


def test_what_is_too_long_goes_to_the_larger(gateway, mock):
    answer = ask(gateway, "long")
    assert target(answer) == "gen/large" and answer["x-lamplighter-fallback-reason"] == "too-long"
    assert gateway.record(answer)["skipped"] == "vllm/as-small=too-small"
    answer = ask(gateway, "lost")
    assert answer.status == 400 and answer.json()["error"]["code"] == "context_length_exceeded"
    assert answer["x-lamplighter-attempts"] == "1" and not mock.requests("as-small")


def test_a_content_policy_is_final_or_not(gateway, mock):
    answer = ask(gateway, "strict")
    assert answer.status == 400 and answer.json()["error"]["code"] == "content_policy_violation"
    assert target(ask(gateway, "lenient")) == "gen/b"


def test_weights_are_shares_of_the_requests(gateway):
    asked = collections.Counter(target(ask(gateway, "weighted")) for _ in range(80))
    assert asked["gen/none"] == 0 and asked["gen/one"] >= 4
    assert 40 <= asked["gen/three"] <= 76 # 60, and four deviations


def test_route_shows_the_plan(gateway, binary):
    def turns(*args):
        run = subprocess.run([binary, "route", *args, "--admin", f"http://{gateway.admin}"],
                             text=True, capture_output=True, timeout=20, check=False)
        return [line.split(maxsplit=2) for line in run.stdout.splitlines()[1:]]
    assert [row[:2] for row in turns("family")[:3]] == [
        ["1", "dead/org/qwen3-4b"], ["2", "vllm/qwen3-4b"], ["3", "oai/other"]]
    shown = turns("tags", "--tags", "fast")
    assert shown[0] == ["1", "gen/fast"]
    assert shown[1][:2] == ["-", "gen/any"] and shown[1][2].startswith("not-meant (tags): The plan has")


def turn(g, model, said, header=None, **more):
    """One more turn of a conversation that has said so far."""
    messages = [{"role": "user" if i % 2 == 0 else "assistant", "content": text}
                for i, text in enumerate(said)]
    headers = {"authorization": f"Bearer {KEYS['open']}"}
    if header:
        headers["x-lamplighter-conversation"] = header
    return target(g.ask("/v1/chat/completions", {"model": model, "messages": messages, **more}, headers))


def test_a_conversation_stays_where_it_was_answered(gateway, binary):
    """By any worker; those of others go where they like."""
    asked = collections.Counter()
    for n in range(12):
        said = [f"conversation {n}"]
        first = turn(gateway, "sticky", said)
        for _ in range(5):
            said += ["answer", "question"]
            assert turn(gateway, "sticky", said) == first
        asked[first] += 1
    assert len(asked) > 1, asked
    first = turn(gateway, "sticky", ["whatever"], header="mine")
    assert {turn(gateway, "sticky", [f"other {n}"], header="mine") for n in range(8)} == {first}
    run = subprocess.run([binary, "route", "sticky", "--key", "open", "--conversation", "mine",
                          "--admin", f"http://{gateway.admin}"],
                         text=True, capture_output=True, timeout=20, check=True)
    assert run.stdout.splitlines()[1].split() == ["1", first, *"where the conversation is".split()]


def test_a_conversation_goes_on_with_who_made_up_for_a_failure(gateway, mock):
    """The one before is not gone back to, while the other one has all of it read."""
    assert turn(gateway, "healed", ["once"]) == "vllm/second"
    assert turn(gateway, "healed", ["once", "answer", "again"]) == "vllm/second"
    assert turn(gateway, "healed", ["another"]) == "gen/faulty;status=500;first=1"
    assert len(mock.requests("faulty")) == 2


@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", {"model": "said", "messages": [{"role": "user", "content": "hi"}]}),
    ("/v1/messages", {"model": "said", "max_tokens": 9,
                      "messages": [{"role": "user", "content": "hi"}]}),
    ("/v1/responses", {"model": "said", "input": "hi"}),
    ("/v1beta/models/said:generateContent", {"contents": [{"parts": [{"text": "hi"}]}]})])
def test_a_request_may_say_who_is_asked(gateway, mock, path, body):
    """The target hears nothing of that, in whichever API."""
    headers = {"authorization": f"Bearer {KEYS['open']}"}
    answer = gateway.ask(path, body | {"lamplighter": {"order": ["gen"]}}, headers)
    assert target(answer) == "gen/said"
    answer = gateway.ask(path, body | {"lamplighter": {"only": ["ant"], "allow_fallbacks": False}}, headers)
    assert target(answer) == "ant/b"
    assert all("lamplighter" not in json.dumps(r) for r in mock.requests("said") + mock.requests("b"))
    answer = gateway.ask(path, body | {"lamplighter": {"nobody": ["ant"]}}, headers)
    assert answer.status == 400 and "lamplighter.nobody" in answer.json()["error"]["message"]


def test_a_model_that_does_not_say_so_takes_no_routing(gateway, mock):
    assert target(ask(gateway, "unsaid", lamplighter={"only": ["gen"]})) == "oai/unsaid"
    assert "lamplighter" in json.dumps(mock.requests("unsaid"))
