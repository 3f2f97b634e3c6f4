"""A streamed text breaks off, and another target goes on with it: the client reads one text, once, over
HTTP/1.1 and HTTP/2, in each dialect whose streams can be joined; or it is told that it broke."""
import itertools
import json
import subprocess

import httpx
import pytest

import bed

CHAT, MESSAGES, GEMINI = "/v1/chat/completions", "/v1/messages", "/v1beta/models/"
RESPONSES = "/v1/responses"
HELLO = [{"role": "user", "content": "hi"}]
WORDS = "".join(f"w{n:06} " for n in range(12))
# Who begins for a client of each dialect, and who goes on: the same dialect, or another one.
BEGINS = {CHAT: "one", MESSAGES: "one", GEMINI: "goo", RESPONSES: "one"}
GOES_ON = ["two", "ant"]
WHERE = [5, 8]
FAULTS = {
    "cut": ("fault=cut,at={}", "truncated"),
    "reset": ("fault=cut,at={},how=rst", "truncated"),
    "stall": ("fault=stall,at={}", "maybe-executed"),
    "error": ("fault=error-event,at={}", None),
}
# Events of an answer that is a call: it has begun, and is not whole.
CALL_CUTS = {2: "callp", 3: "callq", 4: "callr"}
NAME = "claude-sonnet-4-5"  # a model that takes a beginning, whoever has it
CASES = [(path, fault, at, GOES_ON[n % 2])
         for n, (path, at, fault) in enumerate(itertools.product(BEGINS, WHERE, FAULTS))]


def model_of(case):
    n = CASES.index(case)
    return f"m{chr(97 + n // 26)}{chr(97 + n % 26)}"  # letters, as a platform's


def targets(case):
    """The weights are the same by their names, which differ by what the mock goes by."""
    path, _, _, second = case
    name = model_of(case)
    return [f"{BEGINS[path]}/{name}.a.{NAME}", f"{second}/{name}.b.{NAME}"]


def script():
    lines = ["*.refuses.* => status=400,kind=invalid_request_error"]
    for case in CASES:
        fault = FAULTS[case[1]][0].format(case[2])
        lines.append(f"*{model_of(case)}.a.* => {fault}")
    for n, fault in enumerate(("fault=cut,at=5", "fault=cut,at=2", "none")):
        lines.append(f"chain.{'abc'[n]}.* => {fault}" if fault != "none" else "")
    lines += [f"{name}.a.* => tool=1;fault=cut;at={n}" for n, name in CALL_CUTS.items()] + ["call.b.* => tool=1"]
    lines += ["broken.a.* => fault=cut,at=5", "alone.* => fault=cut,at=5",
              "other.a* => fault=cut,at=5", "further.a* => fault=cut,at=9", "again.a.* => fault=cut,at=5"]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def mock(binary, place):
    (place / "script").write_text(script())
    m = bed.Mock(binary, place, "--script", place / "script", "--log-bodies")
    yield m
    m.stop()


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    conf, at = bed.basic(mock.addr), mock.addr
    impatient = {"connect": "1s", "first_token": "5s", "idle": "300ms", "adaptive": False}
    conf["providers"] = {
        "one": bed.provider("vllm", at, timeout=impatient),
        "two": bed.provider("vllm", at),
        "goo": bed.provider("gemini", at, path="", key="env:OAI_KEY", timeout=impatient),
        "ant": bed.provider("anthropic", at, path="", key="env:ANT_KEY"),
        "gen": bed.provider("openai-compatible", at),
    }
    conf["models"] = {model_of(case): {"targets": targets(case)} for case in CASES} | {
        "chain": {"targets": [f"one/chain.a.{NAME}", f"two/chain.b.{NAME}", f"ant/chain.c.{NAME}"]},
        "broken": {"targets": [f"one/broken.a.{NAME}", f"two/x.refuses.{NAME}"]},
        "alone": {"targets": [f"one/alone.a.{NAME}", f"gen/alone.b.{NAME}"]},
        **{name: {"targets": [f"one/{name}.a.{NAME}", f"two/call.b.{NAME}"]} for name in CALL_CUTS.values()},
        "other": {"targets": ["one/other.a", "two/other.b"]},
        "words": {"targets": ["one/further.a", "two/further.b"], "continue": "instruct"},
        "afresh": {"targets": ["one/further.a", "two/further.b"], "continue": "replay"},
    }
    g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    yield g
    g.stop()


def request(path, model):
    if path == GEMINI:
        return (f"{path}{model}:streamGenerateContent?alt=sse",
                {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
    if path == RESPONSES:
        return path, {"model": model, "input": "hi", "stream": True, "max_output_tokens": 50}
    body = {"model": model, "messages": HELLO, "stream": True, "max_tokens": 50}
    if path == CHAT:
        body["stream_options"] = {"include_usage": True}
    return path, body


def events(text):
    lines = [line[6:] for line in text.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def text_of(path, text):
    said = events(text)
    if path == CHAT:
        parts = [c["delta"].get("content") for e in said for c in e.get("choices", [])]
    elif path == MESSAGES:
        parts = [e["delta"].get("text") for e in said if e["type"] == "content_block_delta"]
    elif path == RESPONSES:
        parts = [e["delta"] for e in said if e["type"] == "response.output_text.delta"]
    else:
        parts = [p.get("text") for e in said for c in e.get("candidates", [])
                 for p in c.get("content", {}).get("parts", [])]
    return "".join(part or "" for part in parts)


def is_one_answer(path, text):
    """One head, one identity, one stop reason, one end, and nothing behind it."""
    said = events(text)
    if path == CHAT:
        assert len({e["id"] for e in said}) == len({e["created"] for e in said}) == 1
        assert sum("role" in c["delta"] for e in said for c in e["choices"]) == 1
        assert [c["finish_reason"] for e in said for c in e["choices"] if c["finish_reason"]] == ["stop"]
        assert sum("usage" in e and bool(e["usage"]) for e in said) == 1
        assert text.count(b"[DONE]") == 1 and text.endswith(b"data: [DONE]\n\n")
    elif path == MESSAGES:
        kinds = [e["type"] for e in said if e["type"] not in ("content_block_delta", "ping")]
        assert kinds == ["message_start", "content_block_start", "content_block_stop",
                         "message_delta", "message_stop"]
        assert {e["index"] for e in said if "index" in e} == {0}
    elif path == RESPONSES:
        is_one_response(said)
    else:
        assert len({e.get("responseId") for e in said}) == 1
        stops = [c["finishReason"] for e in said for c in e["candidates"] if c.get("finishReason")]
        assert stops == ["STOP"]


def is_one_response(said):
    """Numbered on, about one message, which the last event repeats."""
    assert [e["sequence_number"] for e in said] == list(range(len(said)))
    assert [e["type"] for e in said].count("response.created") == 1
    assert said[-1]["type"] == "response.completed"
    last, first = said[-1]["response"], said[0]["response"]
    assert (last["id"], last["created_at"], last["status"]) == (first["id"], first["created_at"], "completed")
    (message,) = last["output"]
    assert {e["item_id"] for e in said if "item_id" in e} == {message["id"]}
    assert message["content"][0]["text"] == text_of(RESPONSES, b"".join(
        b"data: " + json.dumps(e).encode() + b"\n" for e in said))


def mark(text):
    found = [e["lamplighter"]["joined"] for e in events(text) if "lamplighter" in e]
    assert len(found) == 1
    return found[0]


def is_joined(gateway, mock, case, answer_id, text):
    path, fault, at, _ = case
    first, second = targets(case)
    assert text_of(path, text) == WORDS
    is_one_answer(path, text)
    said = mark(text)
    assert said["target"] == second
    told = WORDS[:said["at"]]
    assert 0 < said["at"] < len(WORDS) and said["at"] % 8 == 0
    asked = mock.requests(second.partition("/")[2])[-1]["body"]
    assert told.rstrip() in asked and told.rstrip() + " " not in asked
    row = next(iter(bed.wait_for(lambda: gateway.records(answer_id))))
    assert (row["outcome"], row["attempts"], row["status"]) == ("joined", 2, 200)
    assert row["target"] == second and row["tried"].startswith(f"{first}=")
    why = FAULTS[fault][1]
    assert why is None or row["tried"].endswith(f"={why}") or fault == "stall"


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0].split('/')[2]}-{c[1]}-{c[2]}-{c[3]}")
def test_another_goes_on(gateway, mock, case):
    answer = gateway.ask(*request(case[0], model_of(case)))
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert answer["x-lamplighter-target"] == targets(case)[0] # who began
    is_joined(gateway, mock, case, answer["x-lamplighter-request-id"], answer.text)


@pytest.mark.parametrize("path", BEGINS)
def test_over_http2(gateway, mock, path):
    case = next(c for c in CASES if c[0] == path and c[1] == "reset")
    at, body = request(path, model_of(case))
    with httpx.Client(http1=False, http2=True, base_url=f"http://{gateway.addr}") as client:
        answer = client.post(at, json=body)
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    is_joined(gateway, mock, case, answer.headers["x-lamplighter-request-id"], answer.content)


def test_one_after_the_other(gateway, mock):
    """Who goes on breaks off in turn."""
    answer = gateway.ask(*request(CHAT, "chain"))
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert text_of(CHAT, answer.text) == WORDS
    marks = [e["lamplighter"]["joined"] for e in events(answer.text) if "lamplighter" in e]
    assert [m["target"].split(".")[1] for m in marks] == ["b", "c"]
    assert marks[0]["at"] < marks[1]["at"]
    for n, which in enumerate("bc"):
        asked = mock.requests(f"chain.{which}.{NAME}")[-1]["body"]
        assert asked.count("w000000") == 1 and WORDS[:marks[n]["at"]].rstrip() in asked
    assert gateway.record(answer)["attempts"] == 3


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
@pytest.mark.parametrize("model, how", [("words", "instruct"), ("afresh", "replay")])
def test_another_model_where_the_operator_lets_it(gateway, mock, model, how, path):
    """It is not asked by a beginning, and says all of it again."""
    answer = gateway.ask(*request(path, model))
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert text_of(path, answer.text) == WORDS
    is_one_answer(path, answer.text)
    said = mark(answer.text)
    assert (said["target"], said["how"]) == ("two/further.b", how) and said["at"] > 16
    asked = mock.requests("further.b")[-1]["body"]
    assert ("cut off" in asked) == (WORDS[:said["at"]].rstrip() in asked) == (how == "instruct")
    assert gateway.record(answer)["outcome"] == "joined"


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
TOOLS = {CHAT: [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
         MESSAGES: [{"name": "f", "input_schema": SCHEMA}],
         RESPONSES: [{"type": "function", "name": "f", "parameters": SCHEMA}]}
BEGIN = {CHAT: b'"name":"f"', MESSAGES: b'"tool_use","id"', RESPONSES: b"response.output_item.added\""}


@pytest.mark.parametrize("path", TOOLS)
@pytest.mark.parametrize("at", CALL_CUTS)
def test_a_call_that_is_cut_was_never_told(gateway, path, at):
    """It is the other target's that the client gets, from its beginning, and none but that."""
    where, body = request(path, CALL_CUTS[at])
    answer = gateway.ask(where, {**body, "tools": TOOLS[path]})
    assert (answer.status, answer.end) == (200, "whole"), answer
    assert answer.text.count(BEGIN[path]) == 1 and b"joined" not in answer.text
    assert answer.text.count(b'xt\\"}') >= 1
    row = gateway.record(answer)
    assert (row["outcome"], row["attempts"], row["target"]) == ("equivalent", 2, f"two/call.b.{NAME}")


@pytest.mark.parametrize("model, asked", [("broken", 1), ("alone", 0), ("other", 0)])
def test_when_nobody_goes_on_the_client_is_told(gateway, mock, model, asked):
    """It refuses, or cannot be asked so, or is another model."""
    answer = gateway.ask(*request(CHAT, model))
    assert (answer.status, answer.end) == (200, "cut"), answer
    assert b"[DONE]" not in answer.text and b"lamplighter\":{\"joined" not in answer.text
    assert WORDS.startswith(text_of(CHAT, answer.text.partition(b'data: {"error"')[0]))
    error = events(answer.text)[-1]["error"]
    assert "invalid_request" not in json.dumps(error)
    row = gateway.record(answer)
    assert (row["outcome"], row["attempts"]) == ("failed", 1 + asked)


def test_it_is_counted(binary, gateway):
    """The break is the first target's, the answer is whole."""
    case = CASES[0]
    model, (first, second) = model_of(case), targets(case)
    before = gateway.metrics()
    answer = gateway.ask(*request(case[0], model))
    assert answer.end == "whole"
    name = f'lamplighter_requests_total{{model="{model}",api="chat",stream="true",outcome="joined"}}'
    bed.wait_for(lambda: gateway.metrics().get(name, 0) == before.get(name, 0) + 1)
    after = gateway.metrics()
    grown = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key)}
    breaks = {key: n for key, n in grown.items() if "stream_breaks" in key}
    assert breaks == {f'lamplighter_stream_breaks_total{{target="{first}",recovered="continued"}}': 1}
    assert grown[f'lamplighter_failovers_total{{model="{model}",from="{first}",to="{second}",'
                 'reason="truncated"}'] == 1
    status = subprocess.run([binary, "status", "--admin", f"http://{gateway.admin}"],
                            capture_output=True, text=True, timeout=20, check=True)
    row = next(line.split() for line in status.stdout.split("\n") if line.split()[:1] == [model])
    assert float(row[2]) == 100, status.stdout # it counts as an answer
