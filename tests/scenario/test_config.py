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


LISTS = """version: 1
providers:
  a: {type: openai, key: [env:OPENAI_API_KEY, env:OTHER_KEY]}
  b:
    type: vllm
    endpoints: ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"]
models:
  m:
    targets:
      - a/gpt-5
      - b/x
"""
# Where the second entry stands, and what is said there: what is used, and the cure.
NOT_IN_FORCE = [("3:47", "a.key has 2 entries: only the first key is used", "leave one"),
                ("6:39", "b.endpoints has 3 entries: only the first endpoint is asked",
                 "leave one")]


def test_check_warns_of_what_is_not_in_force(call, tmp_path):
    (tmp_path / "lamplighter.yaml").write_text(LISTS)
    run = call("check", OTHER_KEY="k")
    assert run.returncode == 0
    for place, says, cure in NOT_IN_FORCE:
        assert f"lamplighter.yaml:{place}\n" in run.stderr and says in run.stderr
        assert cure in run.stderr
    assert run.stderr.count("warning[W010]") == 2
    assert call("check", "--strict", OTHER_KEY="k").returncode == 3
    one = LISTS.replace(", env:OTHER_KEY", "").replace(", \"http://127.0.0.1:2\"", "")
    one = one.replace(", \"http://127.0.0.1:3\"", "")
    (tmp_path / "lamplighter.yaml").write_text(one)
    assert call("check", "--strict").returncode == 0


def test_run_and_reload_warn_of_it_too(start):
    ports = "server: {listen: '127.0.0.1:0', admin: '127.0.0.1:0', workers: 1}\n"
    g = start(bed.Gateway, LISTS + ports, env={"OPENAI_API_KEY": "a", "OTHER_KEY": "b"})
    assert g.said().count("warning[W010]") == 2
    answer = wire.ask(g.admin, "POST", "/api/v1/reload", b"", {"x-lamplighter-admin": "1"})
    assert answer.status == 200 and answer.json()["text"].count("warning[W010]") == 2
    for place, says, _ in NOT_IN_FORCE:
        assert f"{g.file.name}:{place}" in answer.json()["text"] and says in answer.json()["text"]


def test_only_the_first_is_used(start):
    """What the warning says, seen from the other side: this test falls when the next key and the next
    endpoint are tried too. The next target is."""
    refuse = peers.answer(401, {"error": {"message": "no", "type": "invalid_api_key"}})
    with peers.Provider(lambda _: refuse) as first, peers.Provider() as second:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"a": {"type": "openai-compatible", "private": True,
                                   "key": ["env:OAI_KEY", "env:ANT_KEY"],
                                   "endpoints": [first.url("/v1"), second.url("/v1")]},
                             "b": {"type": "openai-compatible", "private": True,
                                   "endpoints": second.url("/v1")}}
        conf["models"] = {"m": {"targets": ["a/x", "b/x"]}}
        g = start(bed.Gateway, conf, env=bed.KEYS)
        answer = g.chat("m")
        assert answer.status == 200 and answer["x-lamplighter-target"] == "b/x"
        assert answer["x-lamplighter-attempts"] == "2"
        (request,) = first.requests
        assert request.headers["authorization"] == f"Bearer {bed.KEYS['OAI_KEY']}"
        assert second.accepted == 1


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
