"""How self-hosted engines are, by their own word: what the keeper hears of them stands in status and in the
metrics, whatever becomes of an engine, of the configuration, or of the keeper."""
import os
import signal

import pytest

import bed
import peers
from pages import VLLM, Engine, command, healthy

def configured(*engines, poll="250ms"):
    conf = bed.basic("127.0.0.1:9")
    conf["providers"] = {f"e{n}": {"type": "vllm", "endpoints": e.url("/v1"), "poll": poll}
                         for n, e in enumerate(engines)}
    conf["models"] = {"m": {"targets": [f"e{n}/m" for n in range(len(engines))]}}
    return conf


def pool(engines):
    conf = configured(engines[0])
    conf["providers"]["e0"]["endpoints"] = [e.url("/v1") for e in engines]
    return conf


def rows(g):
    return {row["provider"]: row for row in g.status()["endpoints"]}


def states(g):
    return [row["state"] for row in rows(g).values()]


@pytest.fixture
def engine():
    with Engine(healthy()) as e:
        yield e


def test_what_an_engine_says_is_shown(binary, tmp_path, engine):
    g = bed.Gateway(binary, tmp_path, configured(engine))
    try:
        bed.wait_for(lambda: states(g) == ["ready"])
        bed.wait_for(lambda: rows(g)["e0"]["kv_foreign_tokens"] > 9900)  # nobody here has sent anything
        row = rows(g)["e0"]
        assert 0 <= row.pop("age_s") < 1 and row.pop("kv_foreign_tokens") <= 10000
        assert row == {"provider": "e0", "endpoint": engine.url("/v1"), "state": "ready", "running": 42, "waiting": 7,
                       "kv_share": 0.625, "kv_used_tokens": 10000, "kv_tokens": 16000, "preemptions": 2,
                       "sessions": 0, "kv_reserved_tokens": 0}
        of = f'{{provider="e0",endpoint="{engine.url("/v1")}"'
        metrics = g.metrics()
        assert metrics[f'lamplighter_endpoint_state{of},state="ready"}}'] == 1
        assert metrics[f'lamplighter_endpoint_state{of},state="down"}}'] == 0
        assert [metrics[f"lamplighter_endpoint_{what}{of}}}"] for what in (
            "running", "waiting", "kv_share", "kv_used_tokens", "kv_tokens", "preemptions_total")] == [
                42, 7, 0.625, 10000, 16000, 2]
        assert f"{engine.url('/v1')}  ready          42       7    62%      16000  e0" in command(binary, g, "status")
        engine.pages = healthy("vllm:num_requests_running 1\n")
        bed.wait_for(lambda: rows(g)["e0"]["running"] == 1)
        assert rows(g)["e0"]["waiting"] is None
        assert f"lamplighter_endpoint_waiting{of}}}" not in g.metrics()
        engine.pages = {"/health": peers.answer(503, b'{"error":{"message":"Loading model"}}')}
        bed.wait_for(lambda: states(g) == ["loading"])
    finally:
        g.stop()


def test_an_engine_that_goes_is_said_to_be_down(binary, tmp_path, engine):
    g = bed.Gateway(binary, tmp_path, configured(engine))
    try:
        bed.wait_for(lambda: states(g) == ["ready"])
        engine.close()
        bed.wait_for(lambda: states(g) == ["down"])
        assert rows(g)["e0"]["running"] is None
        assert f"endpoint {engine.url('/v1')} of e0: down" in g.said()
    finally:
        g.stop()


def test_the_keeper_may_die(binary, tmp_path, engine):
    """Nobody asks then: it is not shown as it was."""
    g = bed.Gateway(binary, tmp_path, configured(engine))
    try:
        bed.wait_for(lambda: states(g) == ["ready"])
        os.kill(g.children()["keeper"], signal.SIGSTOP)
        bed.wait_for(lambda: states(g) == ["unknown"])
        os.kill(g.children()["keeper"], signal.SIGKILL)
        bed.wait_for(lambda: states(g) == ["ready"])
    finally:
        g.stop(blame=None)


def test_the_configuration_in_use_says_who_is_asked(binary, tmp_path, engine):
    """Behind a reload, and behind the death of the keeper that has heard of it."""
    with Engine(healthy("vllm:num_requests_running 3\n")) as other:
        g = bed.Gateway(binary, tmp_path, configured(engine))
        try:
            bed.wait_for(lambda: states(g) == ["ready"])
            g.configure(configured(engine, other))
            command(binary, g, "reload", "--now")
            bed.wait_for(lambda: states(g) == ["ready", "ready"])
            assert rows(g)["e1"]["running"] == 3
            keeper = g.children()["keeper"]
            os.kill(keeper, signal.SIGKILL)
            bed.wait_for(lambda: g.status()["keeper"]["pid"] not in (0, keeper))
            asked = other.asked("/health")
            bed.wait_for(lambda: other.asked("/health") > asked + 1)
            g.configure(configured(engine))
            command(binary, g, "reload", "--now")
            bed.wait_for(lambda: list(rows(g)) == ["e0"])
            asked, rounds = other.asked("/health"), engine.asked("/health")
            bed.wait_for(lambda: engine.asked("/health") >= rounds + 6)
            assert other.asked("/health") <= asked + 2  # the keeper may hear of it a moment later
            g.configure(configured(engine, poll="0s"))
            command(binary, g, "reload", "--now")
            bed.wait_for(lambda: rows(g) == {})
        finally:
            g.stop(blame=None)


def test_a_page_of_100_mb_is_no_matter(binary, tmp_path, engine):
    """It is read no further than its bound, in no more memory than before; and then left out."""
    def endless():
        yield b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100000000\r\n\r\n"
        yield VLLM.encode()
        for _ in range(100):
            yield b'something_else{of="no matter"} 1234567890.5\n' * 22222

    g = bed.Gateway(binary, tmp_path, configured(engine))
    try:
        bed.wait_for(lambda: states(g) == ["ready"])
        keeper = g.children()["keeper"]
        before, asked = bed.rss_bytes(keeper), engine.asked("/metrics")
        engine.pages["/metrics"] = endless
        bed.wait_for(lambda: rows(g)["e0"]["running"] is None and states(g) == ["ready"], 20)
        assert engine.asked("/metrics") <= asked + 3
        health = engine.asked("/health")
        bed.wait_for(lambda: engine.asked("/health") >= health + 3)
        if not bed.sanitized(binary):
            assert bed.rss_bytes(keeper) < before + 4_000_000
        assert g.children()["keeper"] == keeper
    finally:
        g.stop()


def test_a_conversation_stays_with_who_has_read_it(binary, tmp_path):
    """Without a word of the configuration, and in each worker: until that one is busy or gone."""
    def load(waiting):
        return healthy(f"vllm:num_requests_running 1\nvllm:num_requests_waiting {waiting}\n")

    def asked():
        return [e.asked("/v1/chat/completions") for e in engines]

    def talk(turns, text):
        messages = [{"role": "user", "content": text}]
        before = asked()
        for _ in range(turns):
            assert g.chat("m", messages=messages).status == 200
            messages += [{"role": "assistant", "content": peers.HELLO}, {"role": "user", "content": "go on"}]
        return [now - then for now, then in zip(asked(), before)]

    def settled(*waiting):
        return sorted(row["waiting"] for row in g.status()["endpoints"] if row["waiting"] is not None) == sorted(waiting)

    engines = [Engine(load(0)) for _ in range(3)]
    g = bed.Gateway(binary, tmp_path, pool(engines))
    try:
        bed.wait_for(lambda: [row["state"] for row in g.status()["endpoints"]] == ["ready"] * 3 and settled(0, 0, 0))
        told = [talk(4, f"text {n}") for n in range(12)]
        assert all(sorted(t) == [0, 0, 4] for t in told)
        assert all(sum(column) for column in zip(*told))  # and all have some
        at = told[0].index(4)
        engines[at].pages = load(50)
        bed.wait_for(lambda: settled(0, 0, 50))
        moved = talk(4, "text 0")
        assert sorted(moved) == [0, 0, 4] and moved[at] == 0
        engines[at].pages = load(0)
        bed.wait_for(lambda: settled(0, 0, 0))
        assert talk(2, "text 0")[at] == 2
        for _ in range(40):  # what begins in no known way goes anywhere
            assert g.ask("/v1/completions", {"model": "m", "prompt": "once upon a time"}).status == 200
        assert all(e.asked("/v1/completions") for e in engines)
        engines[at].close()
        bed.wait_for(lambda: settled(0, 0))
        assert talk(4, "text 0") == moved
        assert "the engine is down" in command(binary, g, "route", "m")
        assert all(r["attempts"] == 1 for r in g.records())  # nobody was asked in vain
    finally:
        g.stop()
        for e in engines:
            e.close()
