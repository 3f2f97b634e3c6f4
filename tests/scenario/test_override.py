"""Words by hand, for a while: `lamplighter drain`, `disable`, `weight`, `enable`, `stop-spill`, `allow-spill`."""
import os
import subprocess

import pytest

import bed
import wire


@pytest.fixture
def tell(binary):
    """tell(gateway, word...): status, and all that the command said."""
    def run(g, *words):
        done = subprocess.run([binary, *words, "--admin", f"http://{g.admin}"], text=True,
                              capture_output=True, timeout=30, check=False,
                              env=os.environ | {"SUDO_USER": "alice"})
        return done.returncode, done.stdout + done.stderr
    return run


@pytest.fixture
def gateway(start):
    m = start(bed.Mock)
    conf = bed.basic(m.addr)
    conf["models"] = {"smart": {"targets": ["gen/a", "fin/b"]}, "alone": {"targets": "gen/a"}}
    return start(bed.Gateway, conf, env=bed.KEYS)


def target(g, model="smart"):
    return g.chat(model)["x-lamplighter-target"]


def test_a_disabled_target_is_not_asked(gateway, tell):
    g = gateway
    assert target(g) == "gen/a"
    assert tell(g, "disable", "gen/a", "--for", "30m", "--why", "new weights & more") == (
        0, "gen/a: disable\n")
    assert {target(g) for _ in range(8)} == {"fin/b"}  # by whichever worker
    record = g.record(g.chat("smart"))
    assert record["skipped"] == "gen/a=disabled"
    answer = g.chat("alone")
    assert answer.status == 503 and answer.json()["error"]["code"] == "disabled"
    assert "! gen/a: disable by hand until" in tell(g, "status")[1]
    assert ", alice: new weights & more\n" in tell(g, "status")[1]
    said = g.status()["overrides"]
    assert [(o["target"], o["what"], o["who"], o["why"]) for o in said] == [
        ("gen/a", "disable", "alice", "new weights & more")]
    assert g.metrics()['lamplighter_overrides{what="disable"}'] == 1
    assert "disabled: The target is switched off by hand until" in tell(g, "route", "smart")[1]
    assert tell(g, "enable", "gen/a")[0] == 0
    assert target(g) == "gen/a" and g.status()["overrides"] == []


def test_a_drained_target_is_asked_last(gateway, tell):
    """A provider's name stands for all its targets."""
    g = gateway
    assert tell(g, "drain", "gen")[0] == 0
    assert {target(g) for _ in range(8)} == {"fin/b"}
    assert target(g, "alone") == "gen/a"
    tell(g, "disable", "fin/b")
    assert target(g) == "gen/a"


@pytest.fixture
def weighted(start):
    """One tier by weight, and one by nothing."""
    m = start(bed.Mock)
    conf = bed.basic(m.addr)
    conf["models"] = {
        "shared": {"strategy": "weighted", "targets": [
            {"target": "gen/a", "weight": 1}, {"target": "fin/b", "weight": 0},
            {"target": "gen/c", "tier": 2}]},
        "smart": {"targets": ["gen/a", "fin/b"]}}
    return start(bed.Gateway, conf, env=bed.KEYS)


def test_another_weight_counts_in_every_worker_and_ends(weighted, tell):
    g = weighted
    assert {target(g, "shared") for _ in range(8)} == {"gen/a"}
    assert tell(g, "weight", "fin/b", "1000", "--why", "warm it up", "--who", "bob") == (
        0, "fin/b: weight 1000\n")
    tell(g, "weight", "gen/a", "0", "--for", "2s")
    assert {target(g, "shared") for _ in range(8)} == {"fin/b"}
    assert {target(g, "smart") for _ in range(4)} == {"gen/a"}  # no weights, no matter
    said = {o["target"]: o for o in g.status()["overrides"]}
    assert said["fin/b"] | {"until": 0} == {"target": "fin/b", "what": "weight", "weight": 1000,
                                            "until": 0, "who": "bob", "why": "warm it up"}
    assert said["gen/a"]["weight"] == 0
    assert "! fin/b: weight 1000 by hand until" in tell(g, "status")[1]
    routed = tell(g, "route", "shared")[1]
    assert "fin/b  weight 1000 by hand" in routed and "gen/a  weight 0 by hand" in routed
    assert "by hand" not in tell(g, "route", "smart")[1]
    tell(g, "enable", "fin/b")
    bed.wait_for(lambda: g.status()["overrides"] == [], 10)
    assert {target(g, "shared") for _ in range(8)} == {"gen/a"}


def test_a_drained_target_has_its_weight_still(weighted, tell):
    g = weighted
    tell(g, "weight", "fin/b", "1000")
    tell(g, "drain", "fin/b")
    assert {target(g, "shared") for _ in range(8)} == {"gen/a"}
    assert len(g.status()["overrides"]) == 2
    tell(g, "enable", "fin/b")  # all that was said of it
    assert g.status()["overrides"] == []


@pytest.fixture
def spilling(start):
    m = start(bed.Mock)
    conf = bed.basic(m.addr)
    spills = {name: {"targets": [f"gen/{what}", {"target": "fin/b", "tier": 2}]} for name, what in {
        "well": "a", "sick": "a;status=503;retry-after=none",
        "long": "a;status=400;kind=context_length_exceeded", "calm": "a;status=500"}.items()}
    spills["calm"]["on_exhausted"] = "Later, please."
    conf["models"] = spills | {"flat": {"targets": ["gen/a;status=503", "fin/b"]}}
    return start(bed.Gateway, conf, env=bed.KEYS)


HINT = "The model's requests stay in the first tier of its plan by hand until"


@pytest.mark.parametrize("path, more", [("/v1/chat/completions", {}),
                                        ("/v1/messages", {"max_tokens": 9})])
def test_spill_is_stopped(spilling, tell, path, more):
    def ask(model, **also):
        return g.ask(path, {"model": model, "messages": [{"role": "user", "content": "hi"}],
                            **more, **also})
    g = spilling
    assert ask("sick")["x-lamplighter-target"] == "fin/b"
    assert tell(g, "stop-spill", "sick", "--for", "1h", "--why", "it costs") == (
        0, "sick: stop-spill\n")
    for also in ({}, {"stream": True}):
        answer = ask("sick", **also)
        assert answer.status == 503 and answer["x-lamplighter-target"].startswith("gen/a")
        said = answer.json()
        assert HINT in str(said) and "by the word of alice: it costs." in str(said)
        record = g.record(answer)
        assert record["skipped"].startswith("fin/b=spill-stopped(") and record["attempts"] == 1
    assert ask("long").status == 200  # another model's requests spill still
    assert "! sick: stop-spill by hand until" in tell(g, "status")[1]
    assert g.status()["overrides"][0]["model"] == "sick"
    assert g.metrics()['lamplighter_overrides{what="stop-spill"}'] == 1
    routed = tell(g, "route", "sick")[1]
    assert "fin/b" in routed and f"spill-stopped for 3600 s more: {HINT}" in routed
    assert tell(g, "allow-spill", "sick")[0] == 0
    assert ask("sick")["x-lamplighter-target"] == "fin/b"
    assert g.metrics()['lamplighter_overrides{what="stop-spill"}'] == 0


def test_spill_is_stopped_whatever_asks_for_it(spilling, tell):
    """A request that is too long for the first tier, an approved text, a first tier switched off."""
    g = spilling
    for model in ("well", "long", "calm"):
        assert target(g, model) in ("gen/a", "fin/b")
        assert tell(g, "stop-spill", model)[0] == 0
    answer = g.chat("long")
    assert answer.status == 400 and HINT in str(answer.json())
    answer = g.chat("calm")
    assert answer.status == 200 and "Later, please." in str(answer.json())
    assert target(g, "well") == "gen/a"  # the first tier answers as ever
    tell(g, "drain", "gen")
    assert target(g, "well") == "gen/a"  # nobody else is left
    tell(g, "disable", "gen")
    answer = g.chat("well")
    assert answer.status == 503 and HINT in str(answer.json())
    assert answer.json()["error"]["code"] == "disabled"


def test_a_path_that_passes_through_is_refused_with_the_word(start, tell):
    m = start(bed.Mock)
    conf = bed.basic(m.addr)
    conf["pass"] = ["oai", "gen"]
    g = start(bed.Gateway, conf, env=bed.KEYS)

    def ask():
        return g.ask("/v1/vector_stores/v/models", method="GET")

    assert ask().status == 200
    tell(g, "disable", "oai/a")  # nobody reads which model it is about
    assert ask().status == 200
    tell(g, "disable", "oai", "--why", "moving house")
    answer = ask()
    assert answer.status == 503 and answer.json()["error"]["code"] == "disabled"
    assert "by the word of alice: moving house." in answer.json()["error"]["message"]
    assert len(m.log(ev="request")) == 2  # nor is the other one asked, which has other files
    assert g.record(answer)["reason"] == "disabled"
    tell(g, "drain", "oai")  # nobody else is there
    assert ask().status == 200
    tell(g, "enable", "oai")
    assert ask().status == 200


def test_it_ends_by_itself_and_outlives_a_reload(gateway, tell):
    g = gateway
    tell(g, "disable", "gen/a", "--for", "2s")
    tell(g, "reload", "--now")
    assert target(g) == "fin/b"
    bed.wait_for(lambda: target(g) == "gen/a", 10)
    assert g.status()["overrides"] == []


@pytest.mark.parametrize("words, status, said", [
    (["disable", "gen/a", "--for", "soon"], 2, "soon is no duration"),
    (["disable", "gen/a", "--for", "31d"], 1, "at most thirty days"),
    (["disable"], 2, "TARGET is missing"),
    (["disable", "nobody/a"], 1, "the name of a provider that is configured"),
    (["drain", "gen/a", "gen/b"], 2, "unknown or incomplete"),
    (["enable", "-h"], 0, "usage: lamplighter drain TARGET"),
    (["weight", "gen/a"], 2, "N is missing"),
    (["weight", "gen/a", "5"], 1, "No tier uses a weight of gen/a"),
    (["weight", "gen/a", "many"], 1, "No tier uses a weight of gen/a"),
    (["stop-spill"], 2, "MODEL is missing"),
    (["stop-spill", "gen/a"], 1, "the name of a model that is configured"),
    (["stop-spill", "smart"], 1, "smart has one tier, and spills nowhere"),
    (["stop-spill", "smart", "5"], 2, "unknown or incomplete"),
])
def test_wrong_words_change_nothing(gateway, tell, words, status, said):
    code, text = tell(gateway, *words)
    assert code == status and said in text
    assert gateway.status()["overrides"] == []


@pytest.mark.parametrize("words, said", [
    (["gen/a", "1001"], "weight is a number, at most 1000"),
    (["gen/a", "many"], "weight is a number, at most 1000"),
    (["gen/c", "3"], "No tier uses a weight of gen/c"),  # it is alone in its tier
    (["gen", "3"], "No tier uses a weight of gen:"),
])
def test_a_weight_that_counts_for_nothing_is_refused(weighted, tell, words, said):
    code, text = tell(weighted, "weight", *words)
    assert code == 1 and said in text
    assert weighted.status()["overrides"] == []


def test_only_who_means_it(gateway):
    path = "/api/v1/override?target=gen/a&what=disable"
    assert wire.ask(gateway.admin, "POST", path, b"",
                    {"content-type": "text/plain"}).status == 403
    assert wire.ask(gateway.admin, "POST", path + "&what=explode", b"",
                    {"x-lamplighter-admin": "1"}).status == 400
    assert gateway.status()["overrides"] == []
