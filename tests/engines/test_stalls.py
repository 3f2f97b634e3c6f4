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
    stalls = re.findall(r"^# (\w+): (\d+) stalls, (\d+) never declared, (\d+) late, (\d+) by the longest seen, "
                        r"after (\d+) to (\d+) us", done.stdout, re.M)
    drawn = re.search(r"^# (\d+) independent streams, (\d+) us, drawn again: (\d+) of (\d+) given up, (\d+) slow, "
                      r"limits (\d+) (\d+) (\d+) us", done.stdout, re.M).groups()
    return {name: [int(n) for n in numbers] for name, *numbers in stalls}, [int(n) for n in drawn]


def test_healthy_streams_of_an_engine_go_on(binary, engine, tmp_path, seed):
    """At most one of 10,000 is given up, the first 20 requests to a new target included, and at most one is
    slow. One that stops at a drawn place is given up when so long a silence comes once in 10^7, at the
    latest: that is within seconds, once the target is known."""
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
    stalls, (n, longest, given_up, of, slow, unknown, few, known) = judge(binary, streams, seed)
    assert n == len(streams) > 30
    assert given_up * 10_000 <= of and slow * 10_000 <= of
    # never sooner than 2 s, nor than three times what was seen; and in less than for whom nobody knows
    assert max(2_000_000, 3 * longest) <= known <= few and unknown <= few
    # each silence that does not end is declared, when the fitted distribution says so at the latest
    for count, never, late, _, soonest, _ in stalls.values():
        assert count > 1000 and never == late == 0 and soonest >= 2_000_000
    assert stalls["known"][5] < stalls["unknown"][4] < 30_000_000
