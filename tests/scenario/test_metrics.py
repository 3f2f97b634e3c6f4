"""What /metrics, the access log and `lamplighter status` say of real requests through the whole
program: times of attempts, the gateway's own share, targets and what is under way at them."""
import os
import signal
import subprocess

import pytest

import bed
import wire

ATTEMPT = "gen_ai_client_operation_duration_seconds"
CHUNK = "gen_ai_client_operation_time_to_first_chunk_seconds"
TOKEN = "gen_ai_server_time_to_first_token_seconds"
OVERHEAD = "lamplighter_overhead_seconds"


FLAKY = "gen/flaky;status=500;first=5"


@pytest.fixture
def gateway(binary, tmp_path, mock):
    g = bed.Gateway(binary, tmp_path, bed.basic(mock.addr) | {"models": {
        "smart": {"targets": ["gen/small"]},
        "flaky": {"targets": [FLAKY]},
        "rated": {"targets": ["gen/rated;status=429"]}}}, env=bed.KEYS)
    yield g
    if not g.stopped:
        g.stop()


def labels(target_model, wanted_server=True):
    server = ',server_address="127.0.0.1"' if wanted_server else ""
    return ('{gen_ai_operation_name="chat",gen_ai_provider_name="openai-compatible",'
            f'gen_ai_request_model="{target_model}",gen_ai_response_model="slow"{server}}}')


def chat_stream(gateway, model):
    """A connection on which an answer streams, its head read."""
    conn = wire.Conn(gateway.addr)
    conn.send(wire.request("POST", "/v1/chat/completions", {
        "model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}))
    return conn


def in_flight(gateway, target):
    return gateway.metrics().get(f'lamplighter_target_inflight{{target="{target}"}}')


def test_times_of_an_attempt(gateway):
    """The role comes at once, the content after 300 ms, the end after 300 more: three times that
    are told apart. The gateway's own share is none of them."""
    model = "slow;ttft=300ms;gap=100ms;tokens=4"
    answer = gateway.chat(f"gen/{model}", stream=True)
    record = gateway.record(answer)
    found = gateway.metrics()
    attempt, first = found[ATTEMPT + "_sum" + labels(model)], found[CHUNK + "_sum" + labels(model)]
    token = found[TOKEN + "_sum" + labels(f"gen/{model}", False)]
    assert found[ATTEMPT + "_count" + labels(model)] == 1
    assert first < 0.25 < 0.3 <= token < 0.55 < 0.6 <= attempt
    assert abs(record["attempt_ms"] / 1000 - attempt) < 1e-6
    assert abs(record["attempt_first_ms"] / 1000 - first) < 1e-6
    assert record["server"] == "127.0.0.1"
    assert record["attempt_ms"] <= record["duration_ms"]
    assert found[OVERHEAD + "_count"] == 1
    assert 0 < found[OVERHEAD + "_sum"] < 0.25
    assert abs(record["overhead_ms"] / 1000 - found[OVERHEAD + "_sum"]) < 1e-6


def test_overhead_is_of_answers_only(gateway):
    """What no target answered has no overhead; each request that one did counts once."""
    for model in ("gen/nobody;status=500", "no-such-model"):
        assert "overhead_ms" not in gateway.record(gateway.chat(model))
    for stream in (False, True):
        assert gateway.record(gateway.chat("gen/somebody", stream))["overhead_ms"] > 0
    assert gateway.metrics()[OVERHEAD + "_count"] == 2


def test_what_is_under_way_at_a_target(gateway):
    """Counted while it runs, by target and over all workers; gone when it is over or has died."""
    assert in_flight(gateway, "gen/small") == 0
    streams = [chat_stream(gateway, "gen/long;tokens=10000;gap=20ms") for _ in range(6)]
    bed.wait_for(lambda: sum(
        value for name, value in gateway.metrics().items()
        if name.startswith("lamplighter_target_inflight")) == 6)
    for stream in streams[:2]:
        stream.close()
    bed.wait_for(lambda: sum(t["requests_live"] for t in gateway.status()["targets"]) == 4)
    assert in_flight(gateway, "gen/long;tokens=10000;gap=20ms") == 4  # its name is known by now
    for pid in gateway.workers():
        os.kill(pid, signal.SIGKILL)
    bed.wait_for(lambda: in_flight(gateway, "gen/long;tokens=10000;gap=20ms") == 0)
    gateway.stop(blame=None)


def test_the_state_of_a_target(gateway):
    """Unknown until it is asked, degraded after five failures in a row, healthy again when they
    are a fifth of its attempts. A limited rate says nothing."""
    def state(target):
        found = gateway.metrics()
        return [s for s in ("healthy", "degraded", "unknown")
                if found[f'lamplighter_target_state{{target="{target}",state="{s}"}}'] == 1]

    def ask(model, n):
        for _ in range(n):
            gateway.record(gateway.chat(model))

    assert state(FLAKY) == ["unknown"]
    ask("flaky", 4)
    assert state(FLAKY) == ["healthy"]
    ask("flaky", 1)
    assert state(FLAKY) == ["degraded"]
    ask("flaky", 19)
    assert state(FLAKY) == ["degraded"]
    ask("flaky", 1)
    assert state(FLAKY) == ["healthy"]
    ask("rated", 6)
    assert state("gen/rated;status=429") == ["unknown"]


def test_status_shows_them(gateway, binary):
    gateway.record(gateway.chat("smart"))
    run = subprocess.run([binary, "status", "--admin", f"http://{gateway.admin}"],
                         capture_output=True, text=True, timeout=20)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert "  overhead p99 " in lines[0] and lines[0].endswith(" ms")
    assert ["gen/small", "healthy", "0", "-", "-"] in [line.split()[:5] for line in lines]
    assert gateway.status()["overhead_p99_s"] > 0


def test_process_wide_gauges(gateway):
    gateway.chat("smart")
    found = gateway.metrics()
    assert 0 <= found['lamplighter_loop_lag_seconds{worker="0"}'] < 5
    assert found['lamplighter_memory_bytes{kind="bodies"}'] >= 0
    assert found['lamplighter_memory_bytes{kind="spooled"}'] == 0
