"""Coding agents with a provider of another API than their own: each has a file written by a tool, and
ends its turn with what the model says then. The provider (upstreams.py) takes nothing that does not
fit its vendor's schema, so the agents' own tools and prompts are translated well, too."""
import hashlib
import json

import pytest

import models
import serving
import upstreams
from agents import Agent, documented

PROMPT = "write the file"


@pytest.fixture(scope="module")
def gateway(binary, providers, tmp_path_factory):
    digest = hashlib.sha256(serving.KEY.encode()).hexdigest()
    conf = upstreams.configuration(providers.url, keys={"tests": {"hash": f"sha256:{digest}"}})
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
    assert (started[program].home / models.MADE).read_text() == models.WORD + "\n", said
    assert models.DONE in said
    assert providers.wrong == []
    asked = {line.replace(f"{PAIRS[program]}/agent", "MODEL") for line in started[program].tap.lines}
    assert asked <= documented(program)
