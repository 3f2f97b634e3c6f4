"""`lamplighter request` and `requests`: what became of a past request, attempt by attempt, and who
was not asked, and why. `lamplighter route`: the same of a request to come, of which nobody hears."""
import contextlib
import json
import os
import signal
import subprocess
import threading

import pytest

import bed
import wire


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
    def run(models, *args, **more):
        return start(bed.Gateway, configuration(mock, models) | more, *args, env=bed.KEYS)
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


def test_what_a_worker_died_at_has_its_attempts(gateway, tell):
    g = gateway({"m": ["oai/bad;status=500", "gen/held;head=20s"]})

    def ask():
        with contextlib.suppress(OSError):
            g.chat("m")
    client = threading.Thread(target=ask)
    client.start()
    bed.wait_for(lambda: any(name.startswith("lamplighter_failovers_total") and value
                             for name, value in g.metrics().items()))
    for pid in g.workers():
        os.kill(pid, signal.SIGKILL)
    client.join()
    row, = bed.wait_for(lambda: json.loads(tell(g, "requests", "--json", "--failed"))["requests"])
    document = history(g, row["id"])
    assert happened(document) == [("attempt", "oai/bad;status=500", "server"),
                                  ("attempt", "gen/held;head=20s", "maybe-executed"),
                                  ("end", None, "crashed")]
    first, second, _ = document["timeline"]
    assert second["at_ms"] >= round(first["at_ms"] + first["duration_ms"], 3) > 0
    g.stop(blame=None)


def test_colours_are_for_terminals(gateway, binary):
    g = gateway({"m": ["gen/good"]})
    history(g, id_of(g.chat("m")))

    def shown(*args, **env):
        master, slave = os.openpty()
        subprocess.run([binary, *args, "--admin", f"http://{g.admin}"], stdout=slave, timeout=20,
                       check=True, env={**os.environ, "NO_COLOR": "", **env})
        os.close(slave)
        text = b""
        while (piece := read(master)):
            text += piece
        os.close(master)
        return text

    def read(master):
        try:
            return os.read(master, 65536)
        except OSError: # the other end is closed
            return b""
    for args in (["requests"], ["route", "m"]):
        assert b"\x1b[32m" in shown(*args)
        assert b"\x1b" not in shown(*args, "--no-color") and b"\x1b" not in shown(*args, NO_COLOR="1")


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


# ---- route ----

HELLO = [{"role": "user", "content": "hi"}]


@pytest.fixture
def route(binary, tmp_path):
    """route(gateway, model, body, *args): the document; args are the command's. status None: any."""
    def run(g, model, body=None, *args, status=0):
        words = [binary, "route", model, "--json", "--admin", f"http://{g.admin}", *args]
        if body is not None:
            file = tmp_path / "request.json"
            file.write_text(body if isinstance(body, str) else json.dumps(body))
            words += ["-f", file]
        command = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
        assert status in (None, command.returncode), command.stderr
        return json.loads(command.stdout)
    return run


def plan(document):
    """[(turn or None, target, reason)]"""
    return [(t.get("turn"), t["target"], t.get("reason")) for t in document["targets"]]


def test_a_route_is_told_in_order_with_every_reason(gateway, mock, route, binary):
    g = gateway({"m": ["oai/far;status=429;retry-after-ms=30000", "ant/no-n", "gen/one",
                       "fin/two"]})
    g.chat("m")
    heard = len(mock.requests())
    document = route(g, "m", {"messages": HELLO, "n": 2})
    assert plan(document) == [
        (1, "gen/one", None), (2, "fin/two", None),
        (None, "oai/far;status=429;retry-after-ms=30000", "left-alone"),
        (None, "ant/no-n", "cannot-say")]
    far, no_n = document["targets"][2:]
    assert 20 < far["for_s"] <= 33 and no_n["detail"] == "choices"
    assert "ant/no-n cannot be asked for this" in no_n["text"]
    assert document["running"] and document["attempts_most"] == 3 and "refused" not in document
    assert plan(route(g, "m"))[0] == (1, "ant/no-n", None) # without n
    assert len(mock.requests()) == heard # and nobody was called
    run = subprocess.run([binary, "route", "m", "--admin", f"http://{g.admin}"],
                         capture_output=True, text=True, timeout=20, check=False)
    lines = run.stdout.splitlines()
    assert lines[0].startswith("m  chat  as the running gateway has it (")
    assert lines[1].split() == ["1", "ant/no-n"]
    assert lines[4].split()[:4] == ["-", "oai/far;status=429;retry-after-ms=30000", "left-alone",
                                    "for"]
    assert len(lines) == 6 and "the host of the first" in lines[5] and "\x1b" not in run.stdout


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
ASKED = {
    "plain": ("/v1/chat/completions", {"messages": HELLO}),
    "stream": ("/v1/chat/completions", {"messages": HELLO, "stream": True}),
    "choices": ("/v1/chat/completions", {"messages": HELLO, "n": 3}),
    "tools": ("/v1/chat/completions", {"messages": HELLO, "tools": [TOOL]}),
    "logprobs": ("/v1/chat/completions", {"messages": HELLO, "logprobs": True}),
    "seed": ("/v1/chat/completions", {"messages": HELLO, "seed": 5, "top_logprobs": 2,
                                      "logprobs": True}),
    "messages": ("/v1/messages", {"messages": HELLO, "max_tokens": 9}),
    "thinking": ("/v1/messages", {"messages": HELLO, "max_tokens": 2000,
                                  "thinking": {"type": "enabled", "budget_tokens": 1024}}),
    "responses": ("/v1/responses", {"input": "hi"}),
    "embeddings": ("/v1/embeddings", {"input": "hi"}),
    "count": ("/v1/messages/count_tokens", {"messages": HELLO}),
    "gemini": ("/v1beta/models/MODEL:generateContent", {"contents": [{"parts": [{"text": "hi"}]}]}),
    "nonsense": ("/v1/chat/completions", {"messages": 7}),
    "no dialect": ("/v1/completions", {"prompt": "hi"}),
}


@pytest.mark.parametrize("name", ASKED)
def test_the_first_turn_is_whom_the_gateway_asks(gateway, mock, route, name):
    """Of real requests: the same code decides."""
    path, body = ASKED[name]
    model = f"x-{name.replace(' ', '-')}"
    g = gateway({model: [f"ant/{model}", f"oai/{model}", f"gen/{model}"]})
    answer = g.ask(path.replace("MODEL", model), body if "MODEL" in path else
                   {"model": model, **body})
    refused = answer["x-lamplighter-target"] is None
    document = route(g, model, body, "--path", path, status=int(refused))
    if refused:
        assert not any(t["asked"] for t in document["targets"])
        assert document["refused"]["status"] == answer.status
        assert document["refused"]["reason"] == answer["x-lamplighter-reason"]
        assert json.dumps(document["refused"]["text"])[1:-1].encode() in answer.text
    else:
        assert plan(document)[0][:2] == (1, answer["x-lamplighter-target"])
    assert len(mock.requests(model)) == (0 if refused else 1)


def test_a_question_takes_nobodys_turn(gateway, route):
    """The one probe that there is of a sick target is left to a request."""
    g = gateway({"m": ["gen/ill;status=503;retry-after=none"]})
    def is_last_resort():
        target, = route(g, "m", status=None)["targets"]
        return target.get("last_resort")
    bed.wait_for(lambda: g.chat("m")["x-lamplighter-reason"] == "breaker-open")
    target, = bed.wait_for(lambda: is_last_resort() and route(g, "m")["targets"])
    assert (target["turn"], target["probe"], target["reason"]) == (1, True, "breaker-open")
    for _ in range(5):
        assert is_last_resort()
    assert g.chat("m")["x-lamplighter-attempts"] == "1"


def test_attempts_keys_and_fates(gateway, route):
    g = gateway({"many": ["gen/a", "gen/b", "two/c", "gen/d"], "own": ["gen/a", "gen/b"]})
    document = route(g, "many")
    assert plan(document) == [(1, "gen/a", None), (2, "gen/b", None), (3, "two/c", None),
                              (None, "two/c", "no-attempt"), (None, "gen/d", "no-attempt")]
    assert [t.get("key") for t in document["targets"]] == [None, None, 1, 2, None]
    assert [(t.get("shares"), t.get("shares_with")) for t in document["targets"][:3]] == [
        (None, None), ("provider", 1), ("host", 1)]


def test_what_a_key_may_and_what_is_not_there(gateway, route):
    g = gateway({"m": ["gen/a"], "secret": ["gen/b"]},
                keys={"team": {"hash": f"sha256:{'7f' * 32}", "models": ["m"]}})
    assert plan(route(g, "m", None, "--key", "team")) == [(1, "gen/a", None)]
    for args, status, reason in ((("secret", "--key", "team"), 403, "bad-key"),
                                 (("m", "--key", "nobody"), 401, "bad-key"),
                                 (("what",), 404, "unknown-model"),
                                 (("m", "--path", "/v1/what", "-f", "/dev/null"), 404,
                                  "unknown-path")):
        document = route(g, args[0], None, *args[1:], status=1)
        assert (document["refused"]["status"], document["refused"]["reason"]) == (status, reason)
        assert document["targets"] == []
    document = route(g, "m", '{"messages": [', status=1)
    assert document["refused"]["reason"] == "bad-request"


def test_what_has_no_price_where_that_blocks(gateway, route):
    g = gateway({"m": ["gen/a", "oai/gpt-4o-mini"]}, prices={"unknown": "block"})
    assert plan(route(g, "m")) == [(1, "oai/gpt-4o-mini", None), (None, "gen/a", "unpriced")]


def test_one_process_answers_too(gateway, route):
    single = gateway({"m": ["gen/a"]}, "--single")
    assert plan(route(single, "m")) == [(1, "gen/a", None)]


def test_a_reload_changes_the_route(gateway, mock, route, tell):
    g = gateway({"m": ["gen/a"]})
    g.configure(configuration(mock, {"m": ["fin/b", "gen/a"]}))
    tell(g, "reload")
    bed.wait_for(lambda: plan(route(g, "m")) == [(1, "fin/b", None), (2, "gen/a", None)])


def test_without_a_gateway_it_is_the_configuration(binary, mock, tmp_path):
    file = tmp_path / "lamplighter.yaml"
    file.write_text(json.dumps(configuration(mock, {"m": ["ant/a", "gen/b"]})))
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"messages": HELLO, "n": 2}))

    def run(*args):
        return subprocess.run([binary, "route", "m", "--admin", "http://127.0.0.1:1", *args],
                              capture_output=True, text=True, timeout=20, check=False,
                              env={"PATH": "/usr/bin:/bin", **bed.KEYS})
    found = run("-c", file, "-f", body)
    assert found.returncode == 0 and "no gateway answers at http://127.0.0.1:1" in found.stderr
    lines = found.stdout.splitlines()
    assert lines[0] == f"m  chat  by the configuration alone ({file})"
    assert lines[1].split() == ["1", "gen/b"]
    assert lines[2].split()[:4] == ["-", "ant/a", "cannot-say", "(choices):"]
    document = json.loads(run("-c", file, "--json").stdout)
    assert not document["running"]
    assert plan(document) == [(1, "ant/a", None), (2, "gen/b", None)]
    file.write_text("version: 1\nmodels: {m: {targets: [nobody/x]}}\n")
    wrong = run("-c", file)
    assert wrong.returncode == 3 and "nobody" in wrong.stderr and wrong.stdout == ""


@pytest.mark.parametrize("args, words", [
    ([], "which model"), (["m", "x"], "'x'"), (["m", "-f"], "'-f'"),
    (["m", "-f", "/nowhere"], "/nowhere"), (["m", "--path", "/v1/rerank"], "-f FILE")])
def test_a_route_asked_wrongly_is_2(binary, args, words):
    run = subprocess.run([binary, "route", *args], capture_output=True, text=True, timeout=20,
                         check=False)
    assert run.returncode == 2 and words in run.stderr and run.stdout == ""


@pytest.mark.parametrize("query, words", [
    ("", "has to name a model"), ("?path=/v1/messages", "has to name a model"),
    ("?model=m&what=1", "not 'what'")])
def test_a_wrong_question_is_refused(gateway, query, words):
    g = gateway({"m": ["gen/good"]})
    answer = wire.ask(g.admin, "POST", f"/api/v1/route{query}", b"{}", {"x-lamplighter-admin": "1"})
    assert answer.status == 400 and words in answer.json()["error"]["message"]
    assert wire.ask(g.admin, "POST", "/api/v1/route?model=m", b"{}",
                    {"content-type": "text/plain"}).status == 403 # nobody meant it


def test_a_large_body_is_read_and_a_too_large_one_refused(gateway, route):
    g = gateway({"m": ["gen/a"]})
    large = {"messages": [{"role": "user", "content": "x" * 7_000_000}]}
    assert plan(route(g, "m", large)) == [(1, "gen/a", None)]
    answer = wire.ask(g.admin, "POST", "/api/v1/route?model=m", b"x" * 9_000_000,
                      {"x-lamplighter-admin": "1"})
    assert answer.status in (400, 413)
