"""Thinking that the gateway has handed out under its mark does not go to a provider of the client's
dialect; all else of the body does, byte for byte."""
import hashlib

import pytest

import bed

MESSAGES = "/v1/messages"
CUTS_MAX = 65536
OURS = '{"type":"thinking","thinking":"t","signature":"lamplighter.openai.e"}'
TEXT = '{"type":"text","text":"\\u00e9"}'


def body(model, *blocks):
    return (f'{{ "model":"{model}" ,"max_tokens":50,"new":1e-400,"messages":[{{"role":"user",'
            f'"content":"u"}},{{"role":"assistant","content":[{",".join(blocks)}]}},'
            '{"role":"user","content":"v"}]}').encode()


def arrived(mock, name):
    return mock.requests(name)[-1]["body_sha256"]


@pytest.mark.parametrize("name, blocks", [
    ("in-front", [OURS, TEXT]), ("behind", [TEXT, OURS]), ("many", [TEXT, OURS, TEXT] + [OURS] * 5)])
def test_only_foreign_thinking_is_cut(gateway, mock, name, blocks):
    answer = gateway.ask(MESSAGES, body(f"ant/{name}", *blocks))
    assert answer.status == 200 and answer["x-lamplighter-dropped"] == "signature"
    assert gateway.record(answer)["dropped"] == "signature"
    want = body(name, *[b for b in blocks if b != OURS])
    assert arrived(mock, name) == hashlib.sha256(want).hexdigest()


def test_the_providers_own_thinking_stays(gateway, mock):
    own = OURS.replace("lamplighter.openai.e", "EqQB")
    answer = gateway.ask(MESSAGES, body("ant/own", own, TEXT))
    assert answer.status == 200 and "x-lamplighter-dropped" not in dict(answer.fields)
    assert arrived(mock, "own") == hashlib.sha256(body("own", own, TEXT)).hexdigest()


@pytest.mark.parametrize("provider, cut", [("ant", True), ("own", False)])
def test_unsigned_thinking_is_cut_where_signatures_are_checked(start, mock, provider, cut):
    """An engine that signs nothing gets back what it has said."""
    conf = bed.basic(mock.addr)
    conf["providers"]["own"] = bed.provider("vllm", mock.addr)
    unsigned = OURS.replace("lamplighter.openai.e", "")
    answer = start(bed.Gateway, conf, env=bed.KEYS).ask(
        MESSAGES, body(f"{provider}/unsigned-{provider}", unsigned, TEXT))
    assert answer.status == 200
    assert ("x-lamplighter-dropped" in dict(answer.fields)) == cut
    want = body(f"unsigned-{provider}", *[TEXT] if cut else [unsigned, TEXT])
    assert arrived(mock, f"unsigned-{provider}") == hashlib.sha256(want).hexdigest()


@pytest.mark.parametrize("more, status", [(0, 200), (1, 400)])
def test_cuts_have_a_bound(gateway, mock, more, status):
    """One patch is the model's name."""
    blocks = [TEXT] + [OURS] * (CUTS_MAX - 1 + more)
    answer = gateway.ask(MESSAGES, body("ant/bound", *blocks))
    assert answer.status == status
    if status == 200:
        assert arrived(mock, "bound") == hashlib.sha256(body("bound", TEXT)).hexdigest()
    else:
        assert "65536 parts of thinking" in answer.json()["error"]["message"]
