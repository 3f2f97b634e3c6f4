"""A real engine behind the gateway, which starts it, watches it and starts it again.

One gateway serves all tests, in the order of this file: they end with its own end.
"""
import concurrent.futures
import json

import httpx
import pytest

import serving

QUESTION = [{"role": "user", "content": "Count from one to ten."}]
READY_SECONDS_MAX = 45
ANSWER_SECONDS_MAX = 120  # its threads wait for each other by spinning: slow where others work too
LONG = 900  # tokens: longer than any test looks on

pytestmark = pytest.mark.timeout(3 * ANSWER_SECONDS_MAX)


def request(**more):
    return {"model": "local/smollm2-135m-instruct", "messages": QUESTION, "max_tokens": 8,
            "temperature": 0, **more}


@pytest.fixture(scope="module")
def gateway(binary, engine, tmp_path_factory):
    server, model = engine
    started = serving.Gateway(binary, tmp_path_factory.mktemp("gateway"), None,
                              ["--engine", server, "--model", model],
                              env={"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))})
    until_ready(started)
    yield started
    if started.process.poll() is None:
        started.stop()


def engine_of(gateway):
    row, = gateway.status()["engines"]
    return row


def until_ready(gateway):
    return serving.wait_for(
        lambda: (row := engine_of(gateway))["state"] == "ready" and row, READY_SECONDS_MAX, 0.1)


def chat(gateway, **more):
    return httpx.post(gateway.base + "/v1/chat/completions", json=request(**more),
                      timeout=ANSWER_SECONDS_MAX)


def events(lines):
    """The data of a stream of events, up to its end."""
    for line in lines:
        if line.startswith("data: "):
            yield line[6:]


def test_whole_and_streamed_answers_are_equal(gateway):
    whole = chat(gateway).json()
    with httpx.stream("POST", gateway.base + "/v1/chat/completions", timeout=ANSWER_SECONDS_MAX,
                      json=request(stream=True, stream_options={"include_usage": True})) as answer:
        *chunks, last = list(events(answer.iter_lines()))
    assert last == "[DONE]"
    chunks = [json.loads(chunk) for chunk in chunks]
    text = "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"])
    assert text and text == whole["choices"][0]["message"]["content"]
    assert whole["model"] == chunks[-1]["model"] == "local/smollm2-135m-instruct"
    assert 1 <= whole["usage"]["completion_tokens"] <= 8
    usage, = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    assert usage["completion_tokens"] == whole["usage"]["completion_tokens"]


def test_two_at_a_time(gateway):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: chat(gateway, max_tokens=4), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4


def test_engine_killed_within_a_stream(gateway):
    """An error event and an unclean end; the engine comes back by itself."""
    before = engine_of(gateway)
    seen = []
    with pytest.raises(httpx.RemoteProtocolError), httpx.stream(
            "POST", gateway.base + "/v1/chat/completions", timeout=ANSWER_SECONDS_MAX,
            json=request(stream=True, max_tokens=LONG, ignore_eos=True)) as answer:
        assert answer.status_code == 200
        for data in events(answer.iter_lines()):
            if len(seen) == 3:
                serving.kill(before["pid"])
            seen.append(data)
    last = json.loads(seen[-1])
    assert "[DONE]" not in seen
    assert last["error"]["message"]
    assert last["lamplighter"]["target"] == "local/smollm2-135m-instruct"
    after = until_another(gateway, before["pid"])
    assert after["restarts"] == before["restarts"] + 1
    assert chat(gateway, max_tokens=4).status_code == 200


def until_another(gateway, pid):
    """Its end is known to the master before the keeper has heard of it: for a moment nobody is ready."""
    return serving.wait_for(
        lambda: (row := until_ready(gateway))["pid"] not in (0, pid) and row, READY_SECONDS_MAX, 0.1)


def children(pid):
    """{pid: command line} of a process's children."""
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        pids = [int(word) for word in f.read().split()]
    return {child: open(f"/proc/{child}/cmdline").read().split("\0") for child in pids}


def keeper_of(gateway):
    return gateway.status()["keeper"]["pid"]


def test_keeper_killed(gateway):
    """The engine stays, and the next keeper takes it on."""
    before, keeper = engine_of(gateway), keeper_of(gateway)
    serving.kill(keeper)
    serving.wait_for(lambda: keeper_of(gateway) not in (0, keeper))
    assert chat(gateway, max_tokens=4).status_code == 200
    after = until_ready(gateway)
    assert (after["pid"], after["restarts"]) == (before["pid"], before["restarts"])
    assert serving.alive(before["pid"])
    # The new keeper does its work: it starts again what ends.
    serving.kill(before["pid"])
    assert until_another(gateway, before["pid"])["restarts"] == before["restarts"] + 1


def test_gateway_ended(gateway):
    """Nothing stays behind."""
    pids = [gateway.pid, engine_of(gateway)["pid"], *children(gateway.pid)]
    assert gateway.stop() == 0, gateway.output()
    assert [pid for pid in pids if serving.alive(pid)] == []
