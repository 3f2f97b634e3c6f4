"""Coding agents through the gateway to the mock. They start together, for each takes seconds of its
own. What they ask for is compared with docs/agents.md."""
import pytest

from agents import Agent, documented

TEXT = "".join(f"w{i:06} " for i in range(12)).strip()
BROKEN = "mock;fault=cut;at=5;first="  # so many broken streams, then good ones


@pytest.fixture(scope="module")
def agents(node, gateway, tmp_path_factory):
    """{(program, model): a started Agent}"""
    started = {}
    for program, provider, cuts in (("claude", "ant", 1), ("opencode", "oai", 2)):
        for model in ("mock", f"{BROKEN}{cuts}"):
            if (node / "bin" / program).exists():
                home = tmp_path_factory.mktemp(program)
                kind = "broken" if BROKEN in model else "good"
                started[program, kind] = Agent(node, gateway.port, home, program,
                                               f"{provider}/{model}", "say hi")
    yield started
    for agent in started.values():
        agent.finish()


@pytest.fixture(params=["claude", "opencode"])
def pair(request, agents):
    if (request.param, "good") not in agents:
        pytest.skip(f"unsupported: no {request.param} for this machine")
    return agents[request.param, "good"], agents[request.param, "broken"]


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
