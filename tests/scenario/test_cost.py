"""What an answer costs: in the log, in the metrics; what has no price is loud, or not asked at all."""
import json
import os
import signal
import subprocess
from decimal import Decimal

import bed
import peers

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
HELLO = [{"role": "user", "content": "hi"}]


def row(**rates):
    return {**rates, "source": "a test", "date": "2026-11-26"}


PRICES = {"version": 1, "prices": {
    "oai/priced*": row(input=2, cached="0.5", output="7.5"),
    "ant/priced*": row(input=3, output=15),
    "openai/by-type": row(input="0.000001", output=0),
    "openai/large": row(input=1, output=1, above={"1": {"input": 10, "output": 20}}),
    "gen/real-name": row(input=1, output=2),
    "vllm/*": row(input=0, output=0),
}}


def conf(mock, place, prices=None, **keys):
    """A gateway with a price file; `prices` is its text."""
    file = place / "prices.yaml"
    file.write_text(prices if prices is not None else json.dumps(PRICES))
    return {**bed.basic(mock.addr), "prices": {"file": str(file), **keys}}


def exact(gateway, answer):
    """The record, with numbers as they are spelt."""
    gateway.record(answer)
    lines = [json.loads(line, parse_float=Decimal) for line in
             gateway.out.read_text().splitlines() if line.startswith("{")]
    return next(r for r in lines if r["id"] == answer["x-lamplighter-request-id"])


def due(record, rate_in, rate_out):
    return (record["tokens_in"] * Decimal(rate_in) + record["tokens_out"] * Decimal(rate_out)) / 10**6


def test_a_cost_is_exact(start, mock, tmp_path):
    """By provider's name and by type, whole and streamed, of both dialects; and the tier of long inputs."""
    g = start(bed.Gateway, conf(mock, tmp_path), env=bed.KEYS)
    cases = [(g.chat("oai/priced"), 2, "7.5"), (g.chat("oai/priced-too", stream=True), 2, "7.5"),
             (g.ask(MESSAGES, {"model": "ant/priced", "max_tokens": 9, "messages": HELLO}), 3, 15),
             (g.chat("oai/by-type"), "0.000001", 0), (g.chat("oai/large"), 10, 20),
             (g.chat("ant/priced"), 3, 15)]  # translated: the target's tokens, the target's price
    total = Decimal(0)
    for answer, rate_in, rate_out in cases:
        assert answer.status == 200, answer
        record = exact(g, answer)
        assert record["tokens_in"] > 1 and record["tokens_out"] > 0
        assert record["cost"] == due(record, rate_in, rate_out) > 0
        assert "unpriced" not in record
        total += record["cost"]
    counted = sum(v for k, v in g.metrics().items() if k.startswith("lamplighter_cost_usd_total{"))
    assert abs(counted - float(total)) < 1e-12
    assert not [k for k in g.metrics() if "unpriced" in k]


def test_a_cost_is_counted_by_key(start, mock, tmp_path):
    c = conf(mock, tmp_path)
    c["keys"] = {"ci": {"hash": "sha256:" + "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}
    g = start(bed.Gateway, c, env=bed.KEYS)
    answer = g.ask(CHAT, {"model": "oai/priced", "messages": HELLO},
                   headers={"authorization": "Bearer test"})
    cost = g.record(answer)["cost"]
    assert g.metrics()['lamplighter_key_cost_usd_total{key="ci"}'] == cost > 0


def test_what_has_no_price_is_loud_and_never_free(start, mock, tmp_path):
    """Null in the log, a count of each, one line for people; an engine of one's own costs 0, said so."""
    g = start(bed.Gateway, conf(mock, tmp_path), env=bed.KEYS)
    answers = [g.chat("oai/unheard-of"), g.chat("oai/unheard-of", stream=True), g.chat("oai/unheard-of")]
    for answer in answers:
        assert answer.status == 200
        record = g.record(answer)
        assert record["cost"] is None and record["unpriced"] == "no-price"
    silent = g.chat("oai/priced;usage=0", stream=True)
    assert silent.end == "whole"
    record = g.record(silent)
    assert (record["cost"], record["unpriced"]) == (None, "no-usage")
    own = g.record(g.chat("vllm/anything/at-all"))
    assert own["cost"] == 0 and "unpriced" not in own
    metrics = g.metrics()
    assert metrics['lamplighter_unpriced_requests_total{target="oai/unheard-of"}'] == 3
    assert metrics['lamplighter_unpriced_requests_total{target="oai/priced;usage=0"}'] == 1
    assert metrics['lamplighter_cost_usd_total{target="vllm/anything/at-all"}'] == 0
    assert 'lamplighter_cost_usd_total{target="oai/unheard-of"}' not in metrics
    bed.wait_for(lambda: "oai/priced;usage=0" in g.said())
    assert g.said().count("unpriced: what oai/unheard-of costs is not known") == 1


def test_a_broken_answer_costs_what_was_reported(start, mock, tmp_path):
    """At least: Anthropic says its input at the beginning. A refusal costs nothing."""
    g = start(bed.Gateway, conf(mock, tmp_path), env=bed.KEYS)
    cut = g.ask(MESSAGES, {"model": "ant/priced;fault=cut;at=5", "max_tokens": 9, "stream": True,
                           "messages": HELLO})
    assert cut.end == "cut"
    record = exact(g, cut)
    assert record["unpriced"] == "incomplete"
    assert record["cost"] == due(record, 3, 15) > 0
    refused = g.chat("oai/priced;status=401")
    record = g.record(refused)
    assert "cost" not in record and "unpriced" not in record
    assert g.metrics()['lamplighter_unpriced_requests_total{target="ant/priced;fault=cut;at=5"}'] == 1


def test_what_the_price_file_cannot_know_is_told(start, mock, tmp_path):
    """Another tier is no list price; of an answer that searched the tokens are known."""
    def say(request):
        tier = json.loads(request.body).get("service_tier", "default")
        usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12,
                 "num_sources_used": int(tier == "default")}
        return peers.answer(200, {**peers.completion(), "service_tier": tier, "usage": usage})

    with peers.Provider(say) as provider:
        c = conf(mock, tmp_path)
        c["providers"]["oai"] = bed.provider("openai", f"127.0.0.1:{provider.port}",
                                             key="env:OAI_KEY")
        g = start(bed.Gateway, c, env=bed.KEYS)
        prior = exact(g, g.chat("oai/priced", service_tier="priority"))
        assert (prior["cost"], prior["unpriced"]) == (None, "tier")
        searched = exact(g, g.chat("oai/priced"))
        assert searched["unpriced"] == "extras"
        assert searched["cost"] == due(searched, 2, "7.5") > 0
        metrics = g.metrics()
        assert metrics['lamplighter_unpriced_requests_total{target="oai/priced"}'] == 2
        assert metrics['lamplighter_cost_usd_total{target="oai/priced"}'] > 0
        bed.wait_for(lambda: "another tier" in g.said())


def test_counting_tokens_is_free_and_unread_posts_are_not(start, mock, tmp_path):
    c = conf(mock, tmp_path)
    c["pass"] = "oai"
    g = start(bed.Gateway, c, env=bed.KEYS)
    count = g.ask("/v1/messages/count_tokens", {"model": "ant/unheard-of", "messages": HELLO})
    assert count.status == 200 and "cost" not in g.record(count)
    unread = g.ask("/v1/vector_stores/v/embeddings", {"model": "m", "input": "hi"})
    assert unread.status == 200
    record = g.record(unread)
    assert (record["cost"], record["unpriced"]) == (None, "not-read")
    listed = g.ask("/v1/vector_stores/v/models", method="GET")
    assert listed.status == 200 and "cost" not in g.record(listed)
    assert g.metrics()['lamplighter_unpriced_requests_total{target="oai"}'] == 1


def test_the_answering_model_has_the_price(start, mock, tmp_path):
    """Where the name that was asked for is nobody's but the owner's, as of Azure's deployments."""
    g = start(bed.Gateway, conf(mock, tmp_path), env=bed.KEYS)
    answer = g.chat("gen/my-deployment;as-model=real-name")
    record = exact(g, answer)
    assert record["upstream_model"] == "real-name"
    assert record["cost"] == due(record, 1, 2)


def test_block_asks_nobody_without_a_price(start, mock, tmp_path):
    """The next target with a price is asked; without one the request is refused, and says the cure."""
    c = conf(mock, tmp_path, unknown="block")
    c["models"] = {"mixed": {"targets": ["oai/blocked", "ant/priced"]}}
    g = start(bed.Gateway, c, env=bed.KEYS)
    answer = g.chat("oai/blocked")
    assert answer.status == 400
    assert b"'oai/blocked' has no price" in answer.text and b"prices.file" in answer.text
    record = g.record(answer)
    assert (record["reason"], record["attempts"]) == ("unpriced", 0)
    assert g.chat("mixed").status == 200
    assert g.ask("/v1/messages/count_tokens",
                 {"model": "ant/blocked", "messages": HELLO}).status == 200
    assert all(r["path"].endswith("count_tokens") for r in mock.requests("blocked"))


def test_a_reload_takes_new_prices_and_keeps_the_old_from_bad_ones(start, mock, tmp_path):
    """A SIGHUP reads the file again. A bad one changes nothing, also for a worker that is replaced."""
    g = start(bed.Gateway, conf(mock, tmp_path), env=bed.KEYS)
    file = tmp_path / "prices.yaml"

    def cost_is(rate_in, rate_out):
        record = exact(g, g.chat("oai/priced"))
        return record["cost"] == due(record, rate_in, rate_out)

    assert cost_is(2, "7.5")
    file.write_text('version: 1\nprices:\n  oai/priced: {inputs: 4, source: s, date: 2026-11-26}\n')
    g.signal(signal.SIGHUP)
    bed.wait_for(lambda: "did you mean 'input'?" in g.said())
    assert f"{file}:3:16" in g.said()
    assert cost_is(2, "7.5")
    for pid in g.workers():
        os.kill(pid, signal.SIGKILL)
    bed.wait_for(lambda: len({w["pid"] for w in g.status()["workers"]}) == 2 and g.ready())
    assert bed.wait_for(lambda: g.chat("oai/priced").status == 200) and cost_is(2, "7.5")
    file.write_text(json.dumps({"version": 1, "prices": {"oai/priced": row(input=4, output=5)}}))
    g.signal(signal.SIGHUP)
    bed.wait_for(lambda: cost_is(4, 5))
    g.stop(blame=None)


def test_check_names_models_without_a_price(binary, tmp_path):
    file = tmp_path / "lamplighter.yaml"
    file.write_text("version: 1\nproviders: {o: {type: openai, key: env:K}}\n"
                    "models: {m: {targets: [o/gpt-5.4, o/gpt-99]}}\n")

    def check(*options):
        return subprocess.run([binary, "check", "-c", file, *options], capture_output=True,
                              text=True, timeout=20, env={"K": "k"})

    run = check()
    assert run.returncode == 0 and check("--strict").returncode == 3
    assert "W009" in run.stderr and "o/gpt-99" in run.stderr and "o/gpt-5.4" not in run.stderr.split("\n")[0]


def test_the_built_in_prices_can_be_begun_with(binary, tmp_path):
    """`config prices` prints a file that is right as it stands."""
    text = subprocess.run([binary, "config", "prices"], capture_output=True, text=True, timeout=20,
                          check=True).stdout
    (tmp_path / "prices.yaml").write_text(text)
    file = tmp_path / "lamplighter.yaml"
    file.write_text("version: 1\nproviders: {o: {type: openai, key: env:K}}\n"
                    "models: {m: {targets: [o/gpt-5.4]}}\n"
                    f"prices: {{file: {tmp_path}/prices.yaml}}\n")
    run = subprocess.run([binary, "check", "--strict", "-c", file], capture_output=True, text=True,
                         timeout=20, env={"K": "k"})
    assert run.returncode == 0, run.stderr
