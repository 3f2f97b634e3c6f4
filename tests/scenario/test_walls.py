"""Classes of data: who may have a request at all, by its key, its model and its header."""
import hashlib
import json
import subprocess

import pytest

import bed
import wire

KEYS = {"open": "key-of-open", "staff": "key-of-staff"}


@pytest.fixture(scope="module")
def mock(binary, place):
    m = bed.Mock(binary, place)
    yield m
    m.stop()


def configuration(mock, **more):
    """oai: nothing is known of it; ant: no training; gen: that, and nothing is kept."""
    conf = bed.basic(mock.addr)
    conf["providers"]["ant"] |= {"training": "no", "retention": "30d"}
    conf["providers"]["gen"] |= {"training": "no", "retention": "none", "safety": "provider"}
    conf["data_classes"] = {"own": {"training": "no"}, "secret": {"retention": "none"}}
    conf["models"] = {
        "all": {"targets": ["oai/one", "ant/two", "gen/three"]},
        "own": {"targets": ["oai/one", "ant/two", "gen/three"], "data_class": "own"},
        "safe": {"targets": ["oai/one", {"target": "ant/two", "safety": "none"}],
                 "degraded": "gen/three", "safety": "required"},
        "lost": {"targets": ["gen/three;status=500", "oai/one"], "data_class": "secret"},
        "nowhere": {"targets": ["oai/one", "ant/two"]}}
    conf["keys"] = {name: {"hash": f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"}
                    for name, key in KEYS.items()}
    conf["keys"]["staff"]["data_class"] = "own"
    return conf | more


@pytest.fixture
def gateway(start, mock):
    return start(bed.Gateway, configuration(mock), env=bed.KEYS)


def ask(g, model, key="open", header=None, path="/v1/chat/completions"):
    headers = {"authorization": f"Bearer {KEYS[key]}"}
    if header is not None:
        headers["x-lamplighter-data-class"] = header
    return g.ask(path, {"model": model, "messages": [{"role": "user", "content": "hi"}]}, headers)


@pytest.mark.parametrize("model, key, header, target", [
    ("all", "open", None, "oai/one"), ("all", "staff", None, "ant/two"),
    ("own", "open", None, "ant/two"), ("all", "open", "own", "ant/two"),
    ("all", "open", "secret", "gen/three"), ("own", "staff", "secret, own", "gen/three"),
    ("safe", "open", None, "gen/three"), ("gen/x", "staff", "secret", "gen/x")])
def test_the_first_that_may_have_it_is_asked(gateway, model, key, header, target):
    answer = ask(gateway, model, key, header)
    assert answer.status == 200 and answer["x-lamplighter-target"] == target
    assert answer["x-lamplighter-attempts"] == "1"


def test_a_header_adds_and_takes_nothing_away(gateway, mock):
    before = len(mock.requests("two"))
    answer = ask(gateway, "all", "staff", "secret")
    assert answer["x-lamplighter-target"] == "gen/three" # both of them hold
    for header in ("", "none", "own,", "OWN"):
        answer = ask(gateway, "all", "staff", header)
        message = answer.json()["error"]["message"]
        assert answer.status == 400 and "The classes are: own, secret." in message
    assert len(mock.requests("two")) == before


def test_nobody_behind_a_wall_makes_up_for_who_failed(gateway, mock):
    before = len(mock.requests("one"))
    answer = ask(gateway, "lost")
    assert answer.status == 502 and answer["x-lamplighter-reason"] == "upstream-status"
    record = gateway.record(answer)
    assert record["skipped"] == "oai/one=walled(secret:retention)"
    assert len(mock.requests("one")) == before


def test_nobody_left_is_403_with_every_wall(gateway, mock):
    before = len(mock.requests())
    answer = ask(gateway, "nowhere", "staff", "secret")
    message = answer.json()["error"]["message"]
    assert answer.status == 403 and answer["x-lamplighter-reason"] == "walled"
    assert "oai/one (walled own:training), ant/two (walled secret:retention)" in message
    assert gateway.record(answer)["outcome"] == "client_error"
    assert ask(gateway, "oai/one", "staff").status == 403
    assert len(mock.requests()) == before


def test_what_passes_through_goes_to_who_may_have_it(start, mock):
    g = start(bed.Gateway, configuration(mock, **{"pass": ["oai", "vllm"]}), env=bed.KEYS)
    assert ask(g, "x", path="/v1/files").status != 403
    answer = ask(g, "x", "staff", path="/v1/files")
    assert answer.status == 403 and answer["x-lamplighter-reason"] == "walled"


def test_route_and_request_name_the_wall(gateway, binary):
    answer = ask(gateway, "all", "staff", "secret")
    bed.wait_for(lambda: wire.ask(gateway.admin, "GET",
                                  f"/api/v1/requests/{answer['x-lamplighter-request-id']}").status == 200)

    def tell(*args, status=0):
        run = subprocess.run([binary, *args, "--admin", f"http://{gateway.admin}"], text=True,
                             capture_output=True, timeout=20, check=False)
        assert run.returncode == status, run.stderr
        return run.stdout
    told = tell("request", answer["x-lamplighter-request-id"])
    assert "oai/one" in told and "walled (own:training)" in told
    route = tell("route", "all", "--key", "staff", "--data-class", "secret")
    assert "Data class own demands training: no; here it is: not known." in route
    assert "Data class secret demands retention: none at most; here it is: 30d." in route
    assert route.index("gen/three") < route.index("oai/one") # who is asked goes before
    nobody = tell("route", "nowhere", "--data-class", "secret", status=1)
    assert "refused with 403 (walled)" in nobody and "ant/two" in nobody
    document = json.loads(tell("route", "all", "--key", "staff", "--json"))
    assert [t.get("detail") for t in document["targets"]] == [None, None, "own:training"]


def test_check_tells_who_can_serve_nobody(binary, mock, tmp_path):
    conf = configuration(mock)
    conf["models"]["nobody"] = {"targets": ["oai/one"], "data_class": "own"}
    (tmp_path / "c.yaml").write_text(json.dumps(conf))
    run = subprocess.run([binary, "check", "-c", tmp_path / "c.yaml"], text=True, timeout=20,
                         capture_output=True, check=False, env=bed.KEYS)
    assert run.returncode == 0
    assert "models.nobody: no target is known to meet what the model demands" in run.stderr
    assert "W014" in run.stderr and "keys.staff" not in run.stderr


def test_who_goes_back_from_a_trial_takes_its_classes_along(start, binary, place):
    """The configuration on trial has its classes in another order, and fails: the old one is asked,
    behind its own walls."""
    mock = start(bed.Mock)
    conf = configuration(mock, reload={"slice": "50%", "at_least": "0s", "at_most": "1h"})
    g = start(bed.Gateway, conf, env=bed.KEYS)
    other = dict(reversed(conf["data_classes"].items()))
    g.configure(conf | {"data_classes": other, "models": conf["models"] | {
        "all": {"targets": ["gen/three;status=500"]}}})
    answer = wire.ask(g.admin, "POST", "/api/v1/reload", b"", {"x-lamplighter-admin": "1"})
    assert answer.status == 200 and answer.json()["trial"] is True
    answers = [ask(g, "all", header="secret") for _ in range(24)]
    assert all(a.status == 200 and a["x-lamplighter-target"] == "gen/three" for a in answers)
    bed.wait_for(lambda: [r for r in g.records() if r.get("trial") == "repeated"])
    assert {line["model"].split(";")[0] for line in mock.requests()} == {"three"}
