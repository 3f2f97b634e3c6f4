"""`lamplighter request` and `requests`: what became of a past request, attempt by attempt, and who
was not asked, and why."""
import json
import subprocess

import pytest

import bed
import wire

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="module")
def mock(binary, place):
    m = bed.Mock(binary, place)
    yield m
    m.stop()


def configuration(mock, models):
    conf, at = bed.basic(mock.addr), mock.addr
    conf["providers"] |= {"two": bed.provider("openai-compatible", at,
                                              key=["env:OAI_KEY", "env:ANT_KEY"])}
    conf["defaults"] |= {"breaker": True}
    conf["models"] = {name: {"targets": targets} for name, targets in models.items()}
    return conf


@pytest.fixture
def gateway(start, mock):
    def run(models, **more):
        return start(bed.Gateway, configuration(mock, models) | more, env=bed.KEYS)
    return run


@pytest.fixture
def tell(binary):
    """The command's standard output; what it said goes before status and message."""
    def run(g, *args, status=0):
        command = subprocess.run([binary, *args, "--admin", f"http://{g.admin}"],
                                 capture_output=True, text=True, timeout=20, check=False)
        assert command.returncode == status, command.stderr
        return command.stdout if status == 0 else command.stderr
    return run


def history(g, request_id):
    """The document of a request, once the clerk has its end."""
    def look():
        answer = wire.ask(g.admin, "GET", f"/api/v1/requests/{request_id}")
        return answer.status == 200 and answer.json()["ended"] and answer.json()
    return bed.wait_for(look)


def id_of(answer):
    return answer["x-lamplighter-request-id"]


def happened(document):
    """[(event, target, reason or class)]"""
    return [(e["event"], e.get("target"), e.get("class") or e.get("reason"))
            for e in document["timeline"]]


def test_a_failover_is_told_attempt_by_attempt(gateway, tell):
    g = gateway({"m": ["oai/bad;status=529", "ant/worse;fault=reset", "gen/good"]})
    answer = g.chat("m")
    assert answer.status == 200
    document = history(g, id_of(answer))
    assert happened(document) == [
        ("attempt", "oai/bad;status=529", "overload"),
        ("attempt", "ant/worse;fault=reset", "maybe-executed"),
        ("attempt", "gen/good", None),
        ("end", None, None)]
    tries, end = document["timeline"][:3], document["timeline"][3]
    assert [t["number"] for t in tries] == [1, 2, 3]
    assert [t.get("status") for t in tries] == [529, None, 200]
    assert tries[1]["reason"] == "reset" and "reset" not in json.dumps(tries[0])
    ends = [round(t["at_ms"] + t["duration_ms"], 3) for t in tries]
    assert all(t["at_ms"] >= end_before for t, end_before in zip(tries[1:], ends))
    assert end["at_ms"] >= ends[-1] and end["at_ms"] == document["duration_ms"]
    assert (document["outcome"], document["attempts"], document["cut"]) == ("equivalent", 3, False)
    lines = [line.split() for line in tell(g, "request", id_of(answer)).splitlines()]
    assert lines[0][:3] == [id_of(answer), "m", "outcome=equivalent"]
    assert lines[1][1:7] == ["try", "1", "oai/bad;status=529", "overload", "529",
                             "(upstream-status)"]
    assert lines[2][1:6] == ["try", "2", "ant/worse;fault=reset", "maybe-executed", "(reset)"]
    assert lines[3][1:6] == ["try", "3", "gen/good", "answered", "200"]
    assert lines[4][1:5] == ["end", "equivalent", "status", "200"]


def test_who_was_not_asked_is_told_with_the_reason(gateway, mock, tell):
    g = gateway({"m": ["oai/limited;status=429;retry-after-ms=30000", "gen/fine"]})
    assert g.chat("m")["x-lamplighter-attempts"] == "2"
    answer = g.chat("m")
    document = history(g, id_of(answer))
    assert happened(document) == [("skip", "oai/limited;status=429;retry-after-ms=30000", "left-alone"),
                                  ("attempt", "gen/fine", None), ("end", None, None)]
    skip = document["timeline"][0]
    assert 20 <= int(skip["detail"].rstrip("s")) <= 33
    assert "(and others)" not in tell(g, "request", id_of(answer))
    assert f"left-alone ({skip['detail']})" in tell(g, "request", id_of(answer))
    record = g.record(answer)
    assert record["skipped"] == f"{skip['target']}=left-alone({skip['detail']})"
    assert len(mock.requests("limited")) == 1


def test_what_a_target_cannot_be_told_is_a_skip(gateway):
    """The request needs what Anthropic's API has no word for; nobody is left at the end."""
    g = gateway({"m": ["ant/a", "gen/b"], "only": ["ant/a"]})
    document = history(g, id_of(g.chat("m", n=2)))
    assert happened(document)[:2] == [("skip", "ant/a", "cannot-say"), ("attempt", "gen/b", None)]
    assert document["timeline"][0]["detail"] == "choices"
    answer = g.chat("only", n=2)
    assert answer.status == 400
    assert happened(history(g, id_of(answer))) == [("skip", "ant/a", "cannot-say"),
                                                   ("end", None, "cannot-say")]


def test_what_shares_a_refused_key_is_not_asked(gateway):
    g = gateway({"m": ["oai/a;status=401", "oai/b", "gen/c"]})
    document = history(g, id_of(g.chat("m")))
    assert happened(document) == [("attempt", "oai/a;status=401", "credential"),
                                  ("skip", "oai/b", "shared-fate"),
                                  ("attempt", "gen/c", None), ("end", None, None)]
    assert document["timeline"][1]["at_ms"] >= document["timeline"][0]["duration_ms"]


def test_of_several_keys_it_is_said_which(gateway):
    g = gateway({"m": ["two/a;status=429;retry-after-ms=30000", "gen/c"]})
    g.chat("m")
    details = [e["detail"] for e in history(g, id_of(g.chat("m")))["timeline"]
               if e["event"] == "skip"]
    assert len(details) == 1 and details[0].endswith("s,key-1") # told once a target


def test_who_is_left_behind_the_last_attempt_stands_behind_it(gateway):
    g = gateway({"m": ["oai/x;status=401", "oai/y"]})
    answer = g.chat("m")
    assert answer.status >= 400
    assert happened(history(g, id_of(answer))) == [
        ("attempt", "oai/x;status=401", "credential"), ("skip", "oai/y", "shared-fate"),
        ("end", None, "upstream-status")]


def test_an_unknown_request_says_how_far_back_they_go(gateway, tell):
    g = gateway({"m": ["gen/good"]})
    assert "none has ended since 20" in tell(g, "request", "r_nothing", status=1)
    history(g, id_of(g.chat("m")))
    said = tell(g, "request", "r_nothing", status=1)
    assert "no such request among the 1 that have ended since 20" in said
    assert "access log" in said
    answer = wire.ask(g.admin, "GET", "/api/v1/requests/r_nothing")
    assert answer.status == 404 and answer.json()["error"]["message"] in said


def test_both_workers_and_a_reload(gateway, binary, tell):
    """Whichever worker had it, and also what ended before the reload."""
    g = gateway({"m": ["oai/bad;status=500", "gen/good"]})
    first = [id_of(g.chat("m")) for _ in range(20)]
    bed.wait_for(lambda: all(g.metrics()[f'lamplighter_worker_requests_total{{worker="{i}"}}']
                             for i in range(2)))
    tell(g, "reload")
    last = [id_of(g.chat("gen/other")) for _ in range(10)]
    for request_id in first + last:
        history(g, request_id)
    document = json.loads(tell(g, "requests", "--json", "-n", "100"))
    assert {r["id"] for r in document["requests"]} == {*first, *last}
    assert (document["kept"], document["fallen_out"], document["missed"]) == (30, 0, 0)
    of_other = json.loads(tell(g, "requests", "--json", "--model", "gen/other"))["requests"]
    assert {r["id"] for r in of_other} == set(last)


def test_the_list_has_the_newest_first_and_only_what_was_asked_for(gateway, tell):
    g = gateway({"m": ["gen/good"], "sick": ["gen/bad;status=500"]})
    ids = [id_of(g.chat(model)) for model in ("m", "sick", "m", "unknown")]
    for request_id in ids:
        history(g, request_id)
    lines = tell(g, "requests").splitlines()
    assert lines[0].split()[:3] == ["TIME", "(UTC)", "ID"] and len(lines) == 5
    newest = sorted((line.split()[0:3] for line in lines[1:]), reverse=True)
    assert [line.split()[0:2] for line in lines[1:]] == [n[0:2] for n in newest]
    failed = [line.split() for line in tell(g, "requests", "--failed").splitlines()[1:]]
    assert {line[2] for line in failed} == {ids[1], ids[3]}
    assert {line[4] for line in failed} == {"failed", "client_error"}
    assert len(tell(g, "requests", "-n", "2").splitlines()) == 3
    assert "\x1b" not in "".join(lines) # no terminal


@pytest.mark.parametrize("query, words", [
    ("n=0", "n (1 to 1000)"), ("n=1001", "n (1 to 1000)"), ("n=x", "n (1 to 1000)"),
    ("what=1", "not 'what'")])
def test_a_wrong_query_is_refused(gateway, query, words):
    g = gateway({"m": ["gen/good"]})
    answer = wire.ask(g.admin, "GET", f"/api/v1/requests?{query}")
    assert answer.status == 400 and words in answer.json()["error"]["message"]


@pytest.mark.parametrize("args, words", [
    (["request"], "lists the latest"), (["request", "a", "b"], "'b'"),
    (["requests", "x"], "'x'"), (["requests", "-n", "0"], "'-n'"),
    (["requests", "--model"], "'--model'"), (["request", "--failed"], "'--failed'")])
def test_wrong_usage_is_2(binary, args, words):
    run = subprocess.run([binary, *args], capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == 2 and words in run.stderr and run.stdout == ""
    assert f"usage: lamplighter {args[0]}" in run.stderr


def test_nobody_there_is_4(binary):
    run = subprocess.run([binary, "requests", "--admin", "http://127.0.0.1:1"],
                         capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == 4 and "--admin" in run.stderr
