"""How a real engine paces its streams, alone and beside others, through what decides when one has
stalled: healthy ones are not given up, and one that has stopped is, soon."""
import concurrent.futures
import re
import subprocess
import time

import pytest

import llama
import serving

pytestmark = pytest.mark.timeout(240)
TOKENS = 40


def silences(base):
    """Of one stream, in microseconds, from its first content to its end."""
    times = []
    told = llama.Told(base, {"model": llama.MODEL, "max_tokens": TOKENS, "temperature": 1,
                             "messages": [{"role": "user", "content": "Tell me of a lamp."}]},
                      lambda t: times.append(time.monotonic()) if t.pieces else None)
    assert told.done and told.error is None
    return [int((b - a) * 1e6) for a, b in zip(times, times[1:])]


def record(base):
    """One after the other; then four at a time, as a small engine's users are."""
    streams = [silences(base) for _ in range(12)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        streams += pool.map(lambda _: silences(base), range(24))
    return streams


def judge(binary, streams, seed):
    lines = "".join(" ".join(map(str, s)) + "\n" for s in streams)
    done = subprocess.run([binary.parents[1] / "tests/conformance/gaps", str(seed)], input=lines,
                          capture_output=True, text=True, timeout=60, check=True)
    print(done.stdout)
    return [int(n) for n in re.search(
        r"# (\d+) streams, (\d+) us, (\d+) of (\d+) given up, (\d+) slow, limits (\d+) (\d+) (\d+) us, (\d+) stalls",
        done.stdout).groups()]


def test_healthy_streams_of_an_engine_go_on(binary, engine, tmp_path, seed):
    """At most one of 10,000 is given up, the first 20 requests to a new target included, and at most one is
    slow; and one that has stopped is given up in seconds, once the target is known."""
    first = llama.Llama(engine, tmp_path, "first")
    gateway = None
    try:
        gateway = serving.Gateway(binary, tmp_path, llama.configuration(
            [first.wait_ready().endpoint]))
        streams = [s for s in record(gateway.base) if s]
    finally:
        if gateway:
            gateway.stop()
        first.kill()
    n, longest, given_up, of, slow, unknown, few, known, declared = judge(binary, streams, seed)
    assert n == len(streams) > 30
    assert given_up * 10_000 <= of and slow * 10_000 <= of
    assert declared == n
    # never sooner than 2 s, nor than three times what was seen; and in less than for whom nobody knows
    assert max(2_000_000, 3 * longest) <= known <= few <= unknown
