"""A new configuration is tried on a slice of the requests: it is kept, taken back, or held until
somebody decides; who meets a fault of it is served by the old one."""
import concurrent.futures
import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

import bed
import wire

TRIAL = {"slice": "50%", "at_least": "0s", "at_most": "1h"}


def configured(mock, trial=None, **models):
    conf = bed.basic(mock.addr)
    conf["reload"] = TRIAL | (trial or {})
    conf["models"] = {"smart": {"targets": "gen/good"}} | models
    return conf


@pytest.fixture
def gateway(start):
    """(mock, gateway): chats with `smart` are good."""
    m = start(bed.Mock)
    return m, start(bed.Gateway, configured(m), env=bed.KEYS)


def admin(g, method, what):
    return wire.ask(g.admin, method, f"/api/v1/{what}", b"", {"x-lamplighter-admin": "1"})


def trial(g):
    return admin(g, "GET", "trial").json()


def reload(g, conf):
    """The answer to a reload of what works."""
    g.configure(conf)
    answer = admin(g, "POST", "reload")
    assert answer.status == 200, answer.json()
    return answer.json()


def begin(g, conf):
    assert reload(g, conf)["trial"] is True
    return trial(g)


def load(g, until, model="smart", seconds=20, **more):
    """Ask until it is so; all answers."""
    answers, end = [], time.monotonic() + seconds
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        while not until():
            assert time.monotonic() < end, trial(g)
            answers += pool.map(lambda _: g.chat(model, **more), range(8))
    return answers


def over(g):
    return lambda: trial(g)["state"] != "running"


def good(answers):
    return all(a.status == 200 and a.end == "whole" for a in answers)


def test_a_good_one_is_kept(gateway):
    """... after fifty of its requests, and not before; from then on all go by it."""
    m, g = gateway
    first = g.status()["config"]
    said = begin(g, configured(m, smart={"targets": "gen/better"}))
    assert said["state"] == "running" and said["slice"] == 0.5 and said["needed"] == 50
    assert g.status()["config"] == first and g.status()["trial"]["state"] == "running"
    assert g.metrics()['lamplighter_config_trial{state="running"}'] == 1
    answers = load(g, over(g))
    assert good(answers)
    said = trial(g)
    assert (said["state"], said["end"], said["taken"]) == ("none", "kept", True)
    assert said["new"]["requests"] >= 50 and said["new"]["failed"] == said["old"]["failed"] == 0
    assert 0 < said["seen_from"] < 0.27 and "would have been seen with 90%" in said["text"]
    bed.wait_for(lambda: all(w["generation"] == 2 for w in g.status()["workers"]))
    assert g.chat("smart")["x-lamplighter-target"] == "gen/better"
    assert g.status()["config"]["id"] == said["config"] != first["id"]
    assert g.metrics()["lamplighter_config_last_reload_successful"] == 1
    by = {r.get("trial"): r["target"] for r in (g.record(a) for a in answers[:40])}
    assert by == {None: "gen/good", "new": "gen/better"}


def test_a_bad_one_is_taken_back(gateway):
    """No client sees a fault of it: its requests are asked again with the old one, at once."""
    m, g = gateway
    begin(g, configured(m, smart={"targets": "gen/bad;status=404"}))
    answers = load(g, over(g))
    assert good(answers)
    said = trial(g)
    assert (said["state"], said["end"], said["taken"]) == ("none", "fails", False)
    assert said["new"]["failed"] >= 5 and said["new"]["repeated"] >= 5
    assert {a["x-lamplighter-target"] for a in answers} == {"gen/good"}
    record = next(r for r in (g.record(a) for a in answers) if r.get("trial") == "repeated")
    assert record["outcome"] == "full" and record["target"] == "gen/good"
    assert record["tried"].startswith("gen/bad;status=404=") and record["attempts"] == 2
    assert g.metrics()["lamplighter_config_last_reload_successful"] == 0
    assert "reload: taken back: more requests failed" in g.said()
    assert all("trial" not in g.record(g.chat("smart")) for _ in range(10))


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_old_one_would_have_taken_counts(gateway, stream):
    """A model that is gone, a key that is gone: the client is at fault by the new one alone."""
    m, g = gateway
    conf = configured(m)
    conf["models"] = {"other": {"targets": "gen/good"}}
    answer = reload(g, conf)
    assert "W013" in answer["text"] and "models.smart is gone" in answer["text"]
    assert good(load(g, over(g), stream=stream))
    assert trial(g)["end"] == "fails"


def test_what_clients_do_wrong_is_no_ones_failure(gateway):
    """Neither side's: the old one was asked."""
    m, g = gateway
    begin(g, configured(m, smart={"targets": "gen/better"}))
    for _ in range(20):
        assert g.chat("nobody-knows-this").status == 404
    assert load(g, over(g)) and trial(g)["end"] == "kept"
    assert trial(g)["new"]["failed"] == 0


def test_a_failing_trial_opens_no_breaker_of_the_old_one(start):
    """Its targets have the same names, and fail by the new configuration alone."""
    m = start(bed.Mock)
    conf = configured(m)
    conf["defaults"]["breaker"] = True
    g = start(bed.Gateway, conf, env=bed.KEYS)
    bad = json.loads(json.dumps(conf))
    bad["providers"]["gen"]["endpoints"] = "http://127.0.0.1:1/v1"
    begin(g, bad)
    answers = load(g, over(g))
    assert good(answers) and trial(g)["end"] == "fails"
    assert not any(r.get("skipped") for r in map(g.record, answers) if "trial" not in r)
    assert [t["state"] for t in g.status()["targets"] if t["target"] == "gen/good"] != ["open"]


def test_late_answers_take_it_back(gateway):
    m, g = gateway
    begin(g, configured(m, smart={"targets": "gen/late;ttft=120ms"}))
    assert good(load(g, over(g), stream=True))
    assert trial(g)["end"] == "slow"


def test_without_requests_it_is_unproven_until_somebody_says(start, binary):
    m = start(bed.Mock)
    conf = configured(m, {"at_most": "1s"})
    g = start(bed.Gateway, conf, env=bed.KEYS)
    better = configured(m, {"at_most": "1s"}, smart={"targets": "gen/better"})
    command = [binary, "reload", "--admin", f"http://{g.admin}"]
    g.configure(better)
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 3 and "unproven, held on 50%" in run.stdout, run
    assert "too few to have seen any fault" in run.stdout
    status = subprocess.run([binary, "status", "--admin", f"http://{g.admin}"],
                            capture_output=True, text=True, timeout=30, check=True)
    assert "! a new configuration is unproven" in status.stdout
    seen = {g.chat("smart")["x-lamplighter-target"] for _ in range(40)}
    assert seen == {"gen/good", "gen/better"}  # it is held on its slice
    run = subprocess.run([binary, "confirm", "--admin", f"http://{g.admin}"],
                         capture_output=True, text=True, timeout=30, check=True)
    assert run.stdout == "The configuration on trial is taken into use.\n"
    bed.wait_for(lambda: g.status()["config"]["generation"] == 2)
    bed.wait_for(lambda: all(w["generation"] == 2 for w in g.status()["workers"]))
    assert g.chat("smart")["x-lamplighter-target"] == "gen/better"
    assert trial(g)["end"] == "confirmed"
    run = subprocess.run([binary, "confirm", "--admin", f"http://{g.admin}"],
                         capture_output=True, text=True, timeout=30, check=False)
    assert (run.returncode, run.stderr) == (1, "No configuration is on trial.\n")


@pytest.mark.parametrize("what, end, target", [("back", "unproven", "gen/good"),
                                               ("keep", "kept", "gen/better")])
def test_what_becomes_of_an_unproven_one_is_configured(start, what, end, target):
    m = start(bed.Mock)
    g = start(bed.Gateway, configured(m, {"at_most": "1s", "unproven": what}), env=bed.KEYS)
    begin(g, configured(m, smart={"targets": "gen/better"}))
    bed.wait_for(lambda: trial(g)["end"] == end)
    bed.wait_for(lambda: {g.chat("smart")["x-lamplighter-target"] for _ in range(20)} == {target})


def test_rollback(gateway, binary):
    """Of what is on trial; and, without a trial, of what was taken."""
    m, g = gateway
    first = g.status()["config"]["id"]
    other = configured(m, smart={"targets": "gen/better"})

    def roll_back():
        return subprocess.run([binary, "rollback", "--admin", f"http://{g.admin}"],
                              capture_output=True, text=True, timeout=30, check=False)

    run = roll_back()
    assert (run.returncode, run.stderr) == (1, "There is no configuration to go back to.\n")
    begin(g, other)
    run = roll_back()
    assert run.returncode == 0 and "on trial is taken back" in run.stdout
    bed.wait_for(lambda: trial(g)["end"] == "rolled-back")
    assert g.status()["config"]["id"] == first
    run = subprocess.run([binary, "reload", "--now", "--admin", f"http://{g.admin}"],
                         capture_output=True, text=True, timeout=30, check=True)
    assert run.stdout.endswith("the configuration is taken into use\n")
    bed.wait_for(lambda: g.status()["config"]["id"] != first)
    assert trial(g)["state"] == "none"
    run = roll_back()
    assert run.returncode == 0 and "configuration before is taken into use again" in run.stdout
    bed.wait_for(lambda: g.status()["config"]["id"] == first)
    bed.wait_for(lambda: g.chat("smart")["x-lamplighter-target"] == "gen/good")


def test_the_command_waits_for_the_verdict(gateway, binary):
    m, g = gateway
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            assert g.chat("smart").status == 200

    with concurrent.futures.ThreadPoolExecutor(2) as pool, contextlib.ExitStack() as stack:
        stack.callback(stop.set)
        jobs = [pool.submit(ask) for _ in range(2)]
        for name, status, said in (("bad;status=401", 1, "taken back: more requests failed"),
                                   ("better", 0, "the new configuration is in use")):
            g.configure(configured(m, smart={"targets": f"gen/{name}"}))
            run = subprocess.run([binary, "reload", "--admin", f"http://{g.admin}"],
                                 capture_output=True, text=True, timeout=60, check=False)
            assert run.returncode == status and said in run.stdout + run.stderr, run
            assert "on trial on 50% of new requests" in run.stdout
        stop.set()
        for job in jobs:
            job.result()


def test_a_worker_that_dies_on_it_ends_it(gateway):
    """... and its own requests are the only ones that are cut."""
    m, g = gateway
    begin(g, configured(m, smart={"targets": "gen/long;gap=20ms;tokens=500"}))
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        jobs = [pool.submit(g.chat, "smart", True, 20) for _ in range(12)]
        bed.wait_for(lambda: trial(g)["new"]["begun"] >= 2)
        bed.wait_for(lambda: len(m.requests("long")) >= 2)
        for pid in g.workers():
            os.kill(pid, signal.SIGKILL)
        for job in jobs:
            job.exception()
    bed.wait_for(lambda: trial(g)["end"] == "worker-died")
    bed.wait_for(g.ready)
    assert {g.chat("smart")["x-lamplighter-target"] for _ in range(10)} == {"gen/good"}
    g.stop(blame=None)


def test_a_second_reload_replaces_the_trial(gateway):
    m, g = gateway
    one = begin(g, configured(m, smart={"targets": "gen/better"}))
    two = begin(g, configured(m, smart={"targets": "gen/best"}))
    assert two["trial"] == one["trial"] + 1 and two["config"] != one["config"]
    assert "given up for a newer configuration" in g.said()
    g.configure("}{")  # a bad one replaces nothing
    assert admin(g, "POST", "reload").status == 422
    assert trial(g)["trial"] == two["trial"] and trial(g)["state"] == "running"


def test_what_no_trial_shows_is_taken_at_once(gateway):
    """The same file (its certificates may be other ones), other limits of the server: no request
    goes another way."""
    m, g = gateway
    conf = configured(m)
    assert reload(g, conf)["trial"] is False
    conf["server"]["limits"] = {"body": "2KiB"}
    assert reload(g, conf)["trial"] is False
    bed.wait_for(lambda: g.chat("smart", user="x" * 4096).status == 413)
    conf["server"]["limits"] = {"body": "8KiB"}
    conf["models"]["smart"]["targets"] = "gen/better"
    answer = reload(g, conf)
    assert answer["trial"] is True and "W012" in answer["text"]
    assert re.search(r"server \(limits, timeouts, files of TLS\) has changed", answer["text"])


def test_sighup_tries_as_well(gateway):
    m, g = gateway
    g.configure(configured(m, smart={"targets": "gen/bad;status=500"}))
    g.signal(signal.SIGHUP)
    bed.wait_for(lambda: "reload: tried on a slice of the requests" in g.said())
    assert good(load(g, over(g)))
    assert "reload: taken back" in g.said()


def test_a_new_clerk_goes_on_with_the_trial(gateway):
    m, g = gateway
    begin(g, configured(m, smart={"targets": "gen/bad;status=500"}))
    os.kill(g.children()["clerk"], signal.SIGKILL)
    for _ in range(40):
        assert g.chat("smart").status == 200
    bed.wait_for(g.ready)
    bed.wait_for(lambda: "taken back: more requests failed" in g.said())
    assert trial(g)["end"] == "fails"
    g.stop(blame=None)
