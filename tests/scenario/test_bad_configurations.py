"""Fifty configurations that neither the parser nor the check can know to be bad, each reloaded under
a light load: nearly all are taken back, and hardly a request of a client is hurt by any of them.

A request is hurt when its client gets no whole answer of status 200, or gets it later than LATE. All
fifty with LAMPLIGHTER_DEEP, else every fifth, beginning with another one for each seed. The load is
one request each 1/RATE s, whether the ones before have been answered or not: an answer that hangs
holds nobody else up, as with real clients."""
import asyncio
import collections
import copy
import hashlib
import json
import os
import time

import pytest

import bed
import wire

RATE = 60  # requests a second
SLICE = "20%"
MOST = 1500  # requests, in which the verdict is to come
LATE = 4.0  # seconds; a good answer takes 0.1
HURT_MOST = 0.01  # of all requests
BACK_LEAST = 0.9  # of all configurations: 45 of 50

SECRETS = {"OAI": "sk-good", "ANT": "sk-good-ant", "OTHER": "sk-other", "REVOKED": "sk-revoked",
           "POOR": "sk-poor", "BARRED": "sk-barred", "LIMITED": "sk-limited"}

# What the provider does is told by the path, the key and the model that it is called with.
SCRIPT = """
* => ttft=25ms,gap=12ms,tokens=5
key=*revoked* => status=401
key=*poor* => status=429,kind=insufficient_quota
key=*barred* => status=403
key=*limited* => status=429
model=gpt-5o => status=404,kind=model_not_found
model=claude-sonet => status=404
model=embed-4 => status=404
model=gpt-tiny => status=400,kind=context_length_exceeded
model=gpt-prim => status=400,kind=content_policy_violation
path=/us-west/* => status=404
path=/eu-central/* => status=403
path=/other-project/* => status=400
path=/silent/* => fault=silent
path=/slow/* => ttft=500ms
path=/late/* => head=500ms
path=/broken/* => status=500
path=/full/* => status=503
path=/flaky/* => status=500,percent=40
path=/html/* => fault=html
path=/empty/* => fault=empty
path=/half/* => fault=cut-json
path=/junk/* => fault=not-http
path=/cut/* => fault=cut,at=4
path=/endless/* => fault=no-terminal
path=/apology/* => fault=error-event
path=/gzip/* => fault=gzip
path=/short/* => fault=length-long,frame=length
path=/lengths/* => fault=two-lengths
path=/status/* => fault=bad-status
path=/header/* => fault=huge-header,size=2M
path=/head/* => fault=cut-head
path=/reset/* => fault=reset
path=/moved/* => status=302
"""


def key(text):
    return {"hash": "sha256:" + hashlib.sha256(text.encode()).hexdigest(), "models": "*"}


def good(m):
    conf = bed.basic(m.addr)
    conf["reload"] = {"slice": SLICE, "at_least": "0s", "at_most": "1h"}
    conf["providers"] = {
        "oai": bed.provider("openai", m.addr, key="env:OAI"),
        "ant": bed.provider("anthropic", m.addr, path="", key="env:ANT"),
        "vec": bed.provider("openai", m.addr, key="env:OAI"),
    }
    conf["models"] = {"smart": {"targets": "oai/gpt-5"}, "claude": {"targets": "ant/claude-sonnet"},
                      "vectors": {"targets": "vec/embed-3"}}
    conf["keys"] = {"team": key("team-key"), "guests": key("guest-key")}
    return conf


# --- What is done to it -------------------------------------------------------------------

def put(value, *path):
    """conf[path[0]][path[1]]... = value"""
    def change(conf, m):
        for step in path[:-1]:
            conf = conf[step]
        conf[path[-1]] = value(m) if callable(value) else value
    return change


def drop(*path):
    def change(conf, m):
        for step in path[:-1]:
            conf = conf[step]
        del conf[path[-1]]
    return change


def at(place, provider="oai", end="/v1"):
    """The provider is asked at another place."""
    return put(lambda m: f"http://{m.addr}/{place}{end}", "providers", provider, "endpoints")


def target(model, name):
    return put(name, "models", model, "targets")


def secret(provider, name):
    return put(f"env:{name}", "providers", provider, "key")


def timeout(**times):
    return put(times, "defaults", "timeout")


def rename(conf, m):
    conf["models"]["smrat"] = conf["models"].pop("smart")


def unpriced(conf, m):
    conf["prices"] = {"file": str(m.prices), "unknown": "block"}


BAD = {
    "misspelt-model": target("smart", "oai/gpt-5o"),
    "misspelt-claude": target("claude", "ant/claude-sonet"),
    "no-such-embedding": target("vectors", "vec/embed-4"),
    "too-small-a-model": target("smart", "oai/gpt-tiny"),
    "too-prim-a-model": target("smart", "oai/gpt-prim"),
    "chat-where-vectors-are": target("vectors", "ant/claude-sonnet"),
    "revoked-key": secret("oai", "REVOKED"),
    "revoked-key-of-claude": secret("ant", "REVOKED"),
    "revoked-key-of-vectors": secret("vec", "REVOKED"),
    "key-without-money": secret("oai", "POOR"),
    "key-without-access": secret("oai", "BARRED"),
    "key-with-no-quota": secret("oai", "LIMITED"),
    "wrong-region": at("us-west"),
    "wrong-region-of-claude": at("us-west", "ant", ""),
    "forbidden-region": at("eu-central"),
    "wrong-project": at("other-project"),
    "nobody-listens": put("http://127.0.0.1:1/v1", "providers", "oai", "endpoints"),
    "resets": at("reset"),
    "silent": at("silent"),
    "silent-claude": at("silent", "ant", ""),
    "slow": at("slow"),
    "late": at("late"),
    "broken": at("broken"),
    "broken-claude": at("broken", "ant", ""),
    "full": at("full"),
    "flaky": at("flaky"),
    "a-web-page": at("html"),
    "empty": at("empty"),
    "half-json": at("half"),
    "no-http": at("junk"),
    "cut": at("cut"),
    "endless": at("endless"),
    "apology": at("apology"),
    "gzip": at("gzip"),
    "too-long-a-length": at("short"),
    "two-lengths": at("lengths"),
    "bad-status": at("status"),
    "cut-head": at("head"),
    "moved": at("moved"),
    "tls-to-clear-text": put(lambda m: f"https://{m.addr}/v1", "providers", "oai", "endpoints"),
    "http2-to-http1": put("h2", "providers", "oai", "http"),
    "dead-proxy": put("http://127.0.0.1:1", "providers", "oai", "proxy"),
    "first-token-of-10ms": timeout(first_token="10ms"),
    "total-of-10ms": timeout(total="10ms"),
    "model-gone": drop("models", "claude"),
    "model-renamed": rename,
    "key-held-to-others": put(["claude"], "keys", "team", "models"),
    "key-expired": put("2020-01-01", "keys", "team", "expires"),
    "key-hash-of-another": put(key("another")["hash"], "keys", "team", "hash"),
    "no-price": unpriced,
}
NAMES = list(BAD)


# --- The load -----------------------------------------------------------------------------

def request(path, body):
    return wire.request("POST", path, body, {"authorization": "Bearer team-key"})


CHAT = {"model": "smart", "messages": [{"role": "user", "content": "hi"}]}
MIX = [  # (times in ten, request, how a whole answer ends)
    (4, request("/v1/chat/completions", CHAT | {"stream": True}), b"[DONE]"),
    (3, request("/v1/chat/completions", CHAT), b"}"),
    (2, request("/v1/messages", CHAT | {"model": "claude", "max_tokens": 99, "stream": True}),
     b'{"type":"message_stop"}'),
    (1, request("/v1/embeddings", {"model": "vectors", "input": "hi"}), b"}"),
]
ROUND = [(data, end) for times, data, end in MIX for _ in range(times)]


async def one(g, n):
    """None, or how the request was hurt."""
    data, end = ROUND[n * 7 % len(ROUND)]
    answer = await wire.fetch(g.addr, data, timeout=25)
    body = answer.text.rstrip()
    if answer.status == 200 and answer.end == "whole" and body.endswith(end):
        return f"late: {answer.seconds:.1f} s" if answer.seconds > LATE else None
    return f"{answer.status} {answer.end} {body[-200:]!r}"


async def load(g, over):
    """How each of the requests was hurt, until it is over."""
    jobs, begin = [], time.monotonic()
    while len(jobs) < MOST and not (len(jobs) % 6 == 0 and await asyncio.to_thread(over)):
        jobs.append(asyncio.create_task(one(g, len(jobs))))
        await asyncio.sleep(max(0.0, begin + len(jobs) / RATE - time.monotonic()))
    return await asyncio.gather(*jobs)


def admin(g, method, what):
    answer = wire.ask(g.admin, method, f"/api/v1/{what}", b"", {"x-lamplighter-admin": "1"})
    return answer.status, answer.json()


def try_one(g, m, name):
    """How it ended, and how its requests were hurt."""
    conf = good(m)
    BAD[name](conf, m)
    g.configure(conf)
    status, said = admin(g, "POST", "reload")
    assert status == 200 and said["trial"], (name, said)
    hurt = asyncio.run(load(g, lambda: admin(g, "GET", "trial")[1]["state"] != "running"))
    end = admin(g, "GET", "trial")[1]
    if end["state"] != "none" or end["taken"]:
        assert admin(g, "POST", "rollback")[0] == 200
        bed.wait_for(lambda: admin(g, "GET", "trial")[1]["state"] == "none")
    return end, hurt


@pytest.mark.timeout(900)
def test_bad_configurations_are_taken_back(start, tmp_path, seed):
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    m = start(bed.Mock, "--script", script)
    m.prices = tmp_path / "prices.yaml"
    m.prices.write_text(json.dumps({"version": 1, "prices": {"anthropic/*": {
        "input": 1, "output": 2, "source": "s", "date": "2026-01-31"}}}))
    g = start(bed.Gateway, good(m), env=SECRETS)
    names = NAMES if os.environ.get("LAMPLIGHTER_DEEP") else NAMES[seed % 5::5]
    told, hurt, ends = [], [], collections.Counter()
    for name in names:
        end, of = try_one(g, m, name)
        bad = [why for why in of if why]
        hurt += of
        ends[end["end"]] += 1
        told.append(f"{name}: {end['end']} after {end['new']['requests']} of {len(of)} requests, "
                    f"{len(bad)} hurt {bad[:2]}")
        print(told[-1], flush=True)
    back = ends["fails"] + ends["slow"]
    share = sum(why is not None for why in hurt) / len(hurt)
    print(f"{back} of {len(names)} taken back, {len(hurt)} requests, {100 * share:.2f}% hurt")
    assert len(NAMES) == 50
    assert back >= BACK_LEAST * len(names), told
    assert share <= HURT_MOST, told
