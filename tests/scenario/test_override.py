"""Targets that somebody takes out of service for a while: `lamplighter drain`, `disable`, `enable`."""
import subprocess

import pytest

import bed
import wire


@pytest.fixture
def tell(binary):
    """tell(gateway, word...): status, and all that the command said."""
    def run(g, *words):
        done = subprocess.run([binary, *words, "--admin", f"http://{g.admin}"], text=True,
                              capture_output=True, timeout=30, check=False)
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
    assert ": new weights & more\n" in tell(g, "status")[1]
    said = g.status()["overrides"]
    assert [(o["target"], o["what"], o["why"]) for o in said] == [
        ("gen/a", "disable", "new weights & more")]
    assert "disabled" in tell(g, "route", "smart")[1]
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
])
def test_wrong_words_change_nothing(gateway, tell, words, status, said):
    code, text = tell(gateway, *words)
    assert code == status and said in text
    assert gateway.status()["overrides"] == []


def test_only_who_means_it(gateway):
    path = "/api/v1/override?target=gen/a&what=disable"
    assert wire.ask(gateway.admin, "POST", path, b"",
                    {"content-type": "text/plain"}).status == 403
    assert wire.ask(gateway.admin, "POST", path + "&what=explode", b"",
                    {"x-lamplighter-admin": "1"}).status == 400
    assert gateway.status()["overrides"] == []
