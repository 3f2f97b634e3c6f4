"""check and config: exit statuses are the contract, data goes to stdout, talk to stderr."""
import json
import subprocess

import pytest

import bed
import peers
import wire

GOOD = "version: 1\nproviders: {o: {type: openai, key: env:OPENAI_API_KEY}}\n"
WARNS = "version: 1\n"
WRONG = "version: 1\nprovidrs: {}\nserver: {drain: 30}\n"


@pytest.fixture
def call(binary, tmp_path):
    def run(*args, stdin="", **env):
        return subprocess.run([binary, *args], input=stdin, capture_output=True, text=True,
                              timeout=20, cwd=tmp_path, env={"OPENAI_API_KEY": "sk-abc", **env})
    return run


@pytest.mark.parametrize("text, options, status", [
    (GOOD, [], 0), (GOOD, ["--strict"], 0), (WARNS, [], 0), (WARNS, ["--strict"], 3),
    (WRONG, [], 3), (WRONG, ["--json"], 3), (GOOD, ["--nonsense"], 2), (GOOD, ["-c"], 2),
])
def test_check_ends_with_the_status_of_the_contract(call, tmp_path, text, options, status):
    (tmp_path / "lamplighter.yaml").write_text(text)
    assert call("check", *options).returncode == status


def test_check_looks_where_it_is_told(call, tmp_path):
    assert call("check").returncode == 1
    (tmp_path / "lamplighter.yaml").write_text(GOOD)
    (tmp_path / "other.yaml").write_text(WRONG)
    assert call("check").returncode == 0
    assert call("check", LAMPLIGHTER_CONFIG="other.yaml").returncode == 3
    assert call("check", "-c", "lamplighter.yaml", LAMPLIGHTER_CONFIG="other.yaml").returncode == 0
    assert call("check", "-c", "-", stdin=GOOD).returncode == 0
    missing = call("check", "-c", "missing.yaml")
    assert missing.returncode == 3
    assert "No such file" in missing.stderr


def test_check_reports_all_errors_without_colour_or_key(call, tmp_path):
    (tmp_path / "lamplighter.yaml").write_text(WRONG)
    run = call("check")
    assert run.stdout == ""
    assert "lamplighter.yaml:2:1" in run.stderr and "did you mean 'providers'?" in run.stderr
    assert "lamplighter.yaml:3:17" in run.stderr and "needs a unit" in run.stderr
    assert "\033" not in run.stderr and "sk-abc" not in run.stderr


def test_check_json_is_one_object_a_line(call, tmp_path):
    (tmp_path / "lamplighter.yaml").write_text(WRONG)
    run = call("check", "--json")
    *diagnostics, counts = map(json.loads, run.stdout.splitlines())
    assert run.stderr == ""
    assert counts == {"errors": 2, "warnings": 1}
    assert {(d["code"], d.get("line")) for d in diagnostics} == {
        ("E012", 2), ("E011", 3), ("W004", None)}


def test_the_next_key_and_the_next_endpoint_are_tried(start):
    """All endpoints by the first key, then by the next one, then the next target; each attempt with
    the key that is its turn."""
    def refuse(request):
        if request.headers["authorization"] == f"Bearer {bed.KEYS['OAI_KEY']}":
            return peers.answer(401, {"error": {"message": "no", "type": "invalid_api_key"}})
        return peers.answer(503, {"error": {"message": "full", "type": "server"}})

    with peers.Provider(refuse) as first, peers.Provider(refuse) as second, \
            peers.Provider() as third:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"a": {"type": "openai-compatible", "private": True,
                                   "key": ["env:OAI_KEY", "env:ANT_KEY"],
                                   "endpoints": [first.url("/v1"), second.url("/v1/deep")]},
                             "b": {"type": "openai-compatible", "private": True,
                                   "endpoints": third.url("/v1")}}
        conf["models"] = {"m": {"targets": ["a/x", "b/x"], "retry": {"attempts": 9}}}
        g = start(bed.Gateway, conf, env=bed.KEYS)
        answer = g.chat("m")
        assert answer.status == 200 and answer["x-lamplighter-target"] == "b/x"
        # A key that is refused at one endpoint is not shown to the other.
        keys = [request.headers["authorization"] for request in first.requests]
        assert keys == [f"Bearer {bed.KEYS['OAI_KEY']}", f"Bearer {bed.KEYS['ANT_KEY']}"]
        (request,) = second.requests
        assert request.headers["authorization"] == f"Bearer {bed.KEYS['ANT_KEY']}"
        assert request.path == "/v1/deep/chat/completions"
        assert answer["x-lamplighter-attempts"] == "4" and third.accepted == 1


def test_init_writes_what_check_accepts_and_never_over_a_file(call, tmp_path):
    assert call("config", "init", "-c", "new.yaml").returncode == 0
    text = (tmp_path / "new.yaml").read_text()
    assert "key: env:OPENAI_API_KEY" in text and "sk-abc" not in text
    assert call("check", "--strict", "-c", "new.yaml").returncode == 0
    assert call("config", "init", "-c", "new.yaml").returncode == 1
    assert (tmp_path / "new.yaml").read_text() == text


def test_show_prints_defaults_and_no_key(call, tmp_path):
    (tmp_path / "lamplighter.yaml").write_text(GOOD)
    run = call("config", "show")
    assert run.returncode == 0
    assert "drain: 30s  # default" in run.stdout
    assert "env:OPENAI_API_KEY" in run.stdout and "sk-abc" not in run.stdout
    (tmp_path / "lamplighter.yaml").write_text(WRONG)
    assert call("config", "show").returncode == 3


def test_wrong_usage_of_config_is_2(call):
    assert call("config").returncode == 2
    assert call("config", "nonsense").returncode == 2
    assert call("config", "schema", "more").returncode == 2
