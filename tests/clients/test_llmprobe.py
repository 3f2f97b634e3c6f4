"""llmprobe, a conformance suite of others, against the gateway before a provider of each API.

Its model is `obedient` (models.py). What may fail stands in DUE with the reason, and in OPEN what cannot
be judged; anything else is a fault of the gateway's.
"""
import concurrent.futures
import json
import os
import subprocess

import pytest

import bed
import upstreams

SECONDS_MAX = 100
PASSED_MIN = 190  # of some 210 checks

# What a check wants and nobody has: {check: why}, for all providers and for each.
DUE = {"responses-background": "in translation an answer comes at once"}
KEEPS = {"responses-previous-response-id": "the providers of these tests keep nothing",
         "responses-streaming": "OpenAI's own stream ends without [DONE]"}
NO_PREFILL = {"messages-assistant-prefill": "an answer's beginning can be given to Claude alone"}
NO_TEXTS = {"completions-basic": "only OpenAI has completions of text"}
DUE_OF = {
    "openai": {**KEEPS, **NO_PREFILL},
    "responses": {
        **KEEPS, **NO_TEXTS, **NO_PREFILL,
        **dict.fromkeys(("chat-finish-length", "messages-finish-length", "chat-max-tokens-alias"),
                        "Responses has no limit below 16 tokens"),
        **dict.fromkeys(("chat-limits-stop", "messages-limits-stop", "chat-stop-string",
                         "messages-stop-sequence-echo"), "Responses has no stop texts"),
    },
    "anthropic": {**NO_TEXTS, "chat-logprobs": "Claude tells none"},
    "google": {**NO_TEXTS, **NO_PREFILL, **dict.fromkeys(
        ("responses-parallel-tools-off", "messages-parallel-tools-off"),
        "Gemini has no word for one call at a time")},
}

# What a check cannot judge.
WHICH_STOP = {"messages-stop-sequence-echo": "Claude alone says which of the texts it was"}
NO_VECTORS = {"embeddings-basic": "the provider has none"}
OPEN = {
    "openai": {**WHICH_STOP,
               "messages-thinking-budget": "Chat Completions has no words for what was thought"},
    "responses": NO_VECTORS,
    "anthropic": {**NO_VECTORS, **dict.fromkeys(
        ("chat-reasoning-cap", "responses-reasoning-cap"),
        "the least that Claude thinks is more than the check's limit")},
    "google": WHICH_STOP,
}


@pytest.fixture(scope="module")
def gateway(binary, place, providers):
    conf = upstreams.configuration(providers.url, models={
        f"by-{name}": {"targets": [f"{name}/obedient"]} for name in DUE_OF})
    server = bed.Gateway(binary, place, conf, env={"UPSTREAM_KEY": upstreams.KEY})
    yield server
    server.stop()


@pytest.fixture(scope="module")
def reports(node, place, gateway):
    """{provider: its report}; all at once, for most of it is waiting."""
    def probe(name):
        path = place / f"{name}.json"  # into a pipe it does not write all before it ends
        with path.open("w") as file:
            run = subprocess.run(
                [node / "bin/node", node / "bin/llmprobe", f"http://{gateway.addr}", "-k", "any",
                 "-m", f"by-{name}", "--no-bench", "--no-save", "--no-color", "--timeout", "10",
                 "--json"],
                env={"HOME": str(place), "PATH": os.environ["PATH"]}, stdout=file,
                stderr=subprocess.PIPE, text=True, timeout=SECONDS_MAX, check=False)
        assert run.returncode in (0, 1), run.stderr
        return json.loads(path.read_text())

    with concurrent.futures.ThreadPoolExecutor(len(DUE_OF)) as pool:
        return dict(zip(DUE_OF, pool.map(probe, DUE_OF)))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("provider", DUE_OF)
def test_nothing_fails_that_could_be_done(reports, provider):
    found = reports[provider]["conformance"]
    unseen = {r["id"] for r in found["results"] if r["outcome"] == "inconclusive"}
    failed = {r["id"]: r["failures"] for r in found["results"] if r["outcome"] == "fail"}
    assert {k: v for k, v in failed.items() if k not in {**DUE, **DUE_OF[provider]}} == {}
    assert unseen == set(OPEN[provider])
    assert found["passed"] >= PASSED_MIN


def test_every_exception_is_needed(reports):
    """What has come to pass everywhere is struck from the list."""
    failed = {name: {r["id"] for r in report["conformance"]["results"] if r["outcome"] == "fail"}
              for name, report in reports.items()}
    unneeded = {(name, check) for name, due in DUE_OF.items() for check in due
                if check not in failed[name]}
    unneeded |= {check for check in DUE if not any(check in ids for ids in failed.values())}
    assert unneeded == set()
