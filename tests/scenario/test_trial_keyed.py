"""Requests with an Idempotency-Key while a configuration is on trial: each is executed once, whichever
side its repetitions are drawn for, in whichever worker they arrive."""
import collections
import concurrent.futures
import hashlib
import json
import os
import signal
import threading
import time

import pytest

import bed
import peers
import wire

CHAT = "/v1/chat/completions"
CLIENTS = 3  # of one key, at once


class Target:
    """A provider that fails for the model 'bad', and counts what it has executed."""

    def __init__(self):
        self.lock, self.done, self.failed = threading.Lock(), collections.Counter(), 0

    def say(self, request):
        asked = json.loads(request.body)
        what = asked["messages"][0]["content"]
        if asked["model"] == "bad":
            self.failed += 1
            return peers.answer(500, {"error": {"message": "no", "type": "server_error"}})
        time.sleep(0.02)
        with self.lock:
            self.done[what] += 1
            return peers.chat(f"{what}, executed {self.done[what]}")


@pytest.fixture
def target():
    return Target()


@pytest.fixture
def provider(target):
    with peers.Provider(target.say) as provider:
        yield provider


def configured(provider, model="good", name="team", **server):
    conf = bed.basic(provider.addr, workers=3, **server)
    conf["reload"] = {"slice": "50%", "at_least": "0s", "at_most": "1h"}
    conf["keys"] = {name: {"hash": f"sha256:{hashlib.sha256(b'sk-team').hexdigest()}"}}
    conf["models"] = {"m": {"targets": f"oai/{model}"}}
    return conf


def admin(g, method, what):
    return wire.ask(g.admin, method, f"/api/v1/{what}", b"", {"x-lamplighter-admin": "1"})


def begin(g, conf):
    g.configure(conf)
    answer = admin(g, "POST", "reload")
    assert answer.status == 200 and answer.json()["trial"], answer.json()


def state(g):
    return admin(g, "GET", "trial").json()


def ask(g, key):
    return g.ask(CHAT, {"model": "m", "messages": [{"role": "user", "content": key}]},
                 {"idempotency-key": key, "authorization": "Bearer sk-team"}, timeout=20)


def ask_all(g, keys):
    """{key: its answers}: some of them at once, so that most come to a worker that is not its own,
    and read along while the first is being answered."""
    with concurrent.futures.ThreadPoolExecutor(4 * CLIENTS) as pool:
        asked = [(key, pool.submit(ask, g, key)) for key in keys for _ in range(CLIENTS)]
        answers = collections.defaultdict(list)
        for key, answer in asked:
            answers[key].append(answer.result())
    return answers


def one_for_all(answers):
    """All got the same answer, and it is complete."""
    for key, of_key in answers.items():
        assert {(a.status, a.end) for a in of_key} == {(200, "whole")}, (key, of_key)
        assert len({a.text for a in of_key}) == 1, key
        assert len({a["x-lamplighter-request-id"] for a in of_key}) == 1, key


def test_what_fails_on_trial_is_executed_once_all_the_same(start, provider, target):
    g = start(bed.Gateway, configured(provider), env=bed.KEYS)
    begin(g, configured(provider, "bad"))
    keys = [f"key {n}" for n in range(40)]
    one_for_all(ask_all(g, keys))
    bed.wait_for(lambda: state(g)["state"] == "none")
    assert state(g)["end"] == "fails" and target.failed >= 5
    one_for_all(ask_all(g, keys))  # they are kept
    assert set(target.done.values()) == {1} and len(target.done) == len(keys)
    counts = state(g)  # a repetition is none of its side's requests
    assert counts["new"]["requests"] + counts["old"]["requests"] <= len(keys)


def test_a_key_by_another_name_is_the_same_client(start, provider, target):
    """... and an answer is kept for as long as the configuration in use says."""
    g = start(bed.Gateway, configured(provider), env=bed.KEYS)
    keys = [f"key {n}" for n in range(12)]
    before = ask_all(g, keys)
    begin(g, configured(provider, name="crew", idempotency="0s"))
    more = [f"more {n}" for n in range(12)]
    for _ in range(2):
        after = ask_all(g, keys + more)
        one_for_all({key: after[key] + before.get(key, []) for key in after})
    assert state(g)["state"] == "running"
    assert set(target.done.values()) == {1} and len(target.done) == len(keys + more)


def test_a_worker_that_dies_on_it(start, provider, target):
    """Its own requests are cut, those that it had handed over are not executed again."""
    g = start(bed.Gateway, configured(provider), env=bed.KEYS)
    begin(g, configured(provider, "fine"))
    keys, stop = [f"key {n}" for n in range(60)], threading.Event()

    def kill():
        bed.wait_for(lambda: sum(target.done.values()) > 10)
        os.kill(g.workers()[1], signal.SIGKILL)
        stop.set()

    killer = threading.Thread(target=kill)
    killer.start()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        asked = [(key, pool.submit(try_once, g, key)) for key in keys for _ in range(CLIENTS)]
        whole = collections.Counter(key for key, answer in asked if answer.result())
    killer.join()
    assert stop.is_set() and len(whole) > len(keys) / 2
    bed.wait_for(lambda: g.ready() and state(g)["state"] == "none")
    assert state(g)["end"] == "worker-died"
    one_for_all(ask_all(g, keys))
    assert max(target.done.values()) <= 2 and len(target.done) == len(keys)
    bed.wait_for(lambda: g.status()["requests_live"] == 0)
    g.stop(blame=None)


def try_once(g, key):
    """Whether a whole answer came; a connection that is cut is none."""
    try:
        answer = ask(g, key)
    except OSError:
        return False
    assert answer.status in (200, 502, 503) or answer.end != "whole", answer
    return answer.status == 200 and answer.end == "whole"
