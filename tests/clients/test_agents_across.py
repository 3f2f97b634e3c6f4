"""Coding agents with a provider of another API than their own: each has a file written by a tool, and
ends its turn with what the model says then. The provider (upstreams.py) takes nothing that does not
fit its vendor's schema, so the agents' own tools and prompts are translated well, too."""
import hashlib
import json

import pytest

import serving
import upstreams
from agents import Agent, documented

PROMPT = "write the file"
ROWS = {"openai": ("openai", "/v1"), "responses": ("openai-responses", "/v1"),
        "anthropic": ("anthropic", ""), "google": ("gemini", "")}


@pytest.fixture(scope="module")
def providers():
    if not (upstreams.DATA / "schemas").is_dir():
        pytest.skip("unsupported: no schemas on this machine (LAMPLIGHTER_DATA)")
    server = upstreams.Upstreams()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(binary, providers, tmp_path_factory):
    digest = hashlib.sha256(serving.KEY.encode()).hexdigest()
    rows = {name: {"type": kind, "endpoints": providers.url + path, "private": True,
                   "key": "env:UPSTREAM_KEY"} for name, (kind, path) in ROWS.items()}
    conf = {"version": 1, "providers": rows, "keys": {"tests": {"hash": f"sha256:{digest}"}},
            "server": {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "drain": "1s"}}
    server = serving.Gateway(binary, tmp_path_factory.mktemp("across"), json.dumps(conf),
                             env={"UPSTREAM_KEY": upstreams.KEY})
    yield server
    assert server.stop() == 0, server.output()


PAIRS = {"claude": "openai", "codex": "google", "gemini": "responses", "opencode": "anthropic"}


@pytest.fixture(scope="module")
def started(node, gateway, tmp_path_factory):
    """All at once, for each takes seconds of its own."""
    running = {program: Agent(node, gateway.port, tmp_path_factory.mktemp(program), program,
                              f"{provider}/agent", PROMPT)
               for program, provider in PAIRS.items() if (node / "bin" / program).exists()}
    yield running
    for agent in running.values():
        agent.finish()


@pytest.mark.parametrize("program", PAIRS)
def test_a_tool_is_run(started, providers, gateway, program):
    if program not in started:
        pytest.skip(f"unsupported: no {program} for this machine")
    said = started[program].finish()
    assert (started[program].home / upstreams.MADE).read_text() == upstreams.WORD + "\n", said
    assert upstreams.DONE in said
    assert providers.wrong == []
    asked = {line.replace(f"{PAIRS[program]}/agent", "MODEL") for line in started[program].tap.lines}
    assert asked <= documented(program)
