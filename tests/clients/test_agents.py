"""Coding agents as people run them, through the gateway to the mock. They start together, for
each takes seconds of its own. What they ask for is compared with docs/agents.md."""
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

import serving

SECONDS_MAX = 58
DOCS = pathlib.Path(__file__).parents[2] / "docs/agents.md"
TEXT = "".join(f"w{i:06} " for i in range(12)).strip()
BROKEN = "mock;fault=cut;at=5;first="  # so many broken streams, then good ones


class Agent:
    """One run of an agent, in a home of its own. Nothing of our environment is seen."""

    def __init__(self, node, gateway, home, program, command, env):
        self.tap = serving.Tap(gateway.port)
        self.home = home
        self.program = program
        path = f"{node / 'bin'}:/usr/bin:/bin"
        self.process = subprocess.Popen(
            [node / "bin" / program, *command], cwd=home, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env={"PATH": path, "HOME": str(home), **env(self.tap.url)})
        self.result = None

    def finish(self):
        """Its standard output, once it has ended with status 0."""
        if self.result is None:
            try:
                self.result = self.process.communicate(timeout=SECONDS_MAX)
            finally:
                if self.process.poll() is None:
                    os.killpg(self.process.pid, signal.SIGKILL)
                    self.process.wait()
                self.tap.close()
        out, err = self.result
        assert self.process.returncode == 0, f"{out}\n{err}"
        return out


def start_claude(node, gateway, home, model):
    off = ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_TELEMETRY", "DISABLE_AUTOUPDATER",
           "DISABLE_ERROR_REPORTING")
    return Agent(node, gateway, home, "claude", ["-p", "say hi", "--model", f"ant/{model}"],
                 lambda url: {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": serving.KEY,
                              **dict.fromkeys(off, "1")})


def start_opencode(node, gateway, home, model):
    def env(url):
        options = {"baseURL": url + "/v1", "apiKey": serving.KEY}
        (home / "opencode.json").write_text(json.dumps({
            "autoupdate": False, "share": "disabled",
            "provider": {"gw": {"npm": "@ai-sdk/openai-compatible", "options": options,
                                "models": {f"oai/{model}": {}}}}}))
        return {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}

    return Agent(node, gateway, home, "opencode", ["run", "-m", f"gw/oai/{model}", "say hi"], env)


@pytest.fixture(scope="module")
def agents(node, gateway, tmp_path_factory):
    """{(program, model): a started Agent}"""
    started = {}
    for program, start, cuts in (("claude", start_claude, 1), ("opencode", start_opencode, 2)):
        for model in ("mock", f"{BROKEN}{cuts}"):
            if (node / "bin" / program).exists():
                home = tmp_path_factory.mktemp(program)
                kind = "broken" if BROKEN in model else "good"
                started[program, kind] = start(node, gateway, home, model)
    yield started
    for agent in started.values():
        agent.finish()


@pytest.fixture(params=["claude", "opencode"])
def pair(request, agents):
    if (request.param, "good") not in agents:
        pytest.skip(f"unsupported: no {request.param} for this machine")
    return agents[request.param, "good"], agents[request.param, "broken"]


def documented(program):
    """The requests in the program's section of the page."""
    title = {"claude": "Claude Code", "opencode": "opencode"}[program]
    section = DOCS.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.M))


def test_the_reply_arrives(pair):
    good, _ = pair
    assert TEXT in good.finish()


def test_a_broken_stream_is_asked_for_again(pair, mock):
    _, broken = pair
    assert TEXT in broken.finish()
    assert [r for r in mock.requests(fault="cut") if broken.program in r["headers"]["user-agent"]]


def test_its_requests_are_documented(pair):
    for agent in pair:
        agent.finish()
        assert agent.tap.lines, "no request came by"
        assert set(agent.tap.lines) <= documented(agent.program)
