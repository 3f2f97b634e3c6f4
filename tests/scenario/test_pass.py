"""Paths that have no model to route by pass through unread: each to the first provider of `pass` that
has it, to no other when that one fails, and the answer says so."""
import json
import pathlib
import random
import re
import subprocess

import pytest

import bed
import peers
import wire

OPS = pathlib.Path(__file__).parents[2] / "src/provider/ops.def"
JSON, MP3 = "application/json", "audio/mpeg"
FORM = "multipart/form-data; boundary=-----x7MA4YWxk"
SOUND = random.Random(7).randbytes(300_000)
UPLOAD = (b'-------x7MA4YWxk\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
          b'-------x7MA4YWxk\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n'
          b"content-type: application/octet-stream\r\n\r\n" + SOUND[:100_000] +
          b"\r\n-------x7MA4YWxk--\r\n")
ANTHROPIC = {"anthropic-version": "2023-06-01"}

# By operation: method, path, type of the request's body, that body.
ASKED = {
    "message_batches": [("POST", "/v1/messages/batches", JSON, b'{"requests": []}'),
                        ("GET", "/v1/messages/batches/msgbatch_1/results", None, b"")],
    "stored_chat": [("GET", "/v1/chat/completions/chatcmpl-1", None, b""),
                    ("POST", "/v1/chat/completions/chatcmpl-1", JSON, b'{"metadata":{}}')],
    "stored_responses": [("GET", "/v1/responses/resp_1?include[]=a", None, b""),
                         ("POST", "/v1/responses/resp_1/cancel", None, b""),
                         ("DELETE", "/v1/responses/resp_1", None, b"")],
    "conversations": [("POST", "/v1/conversations", JSON, b"{}"),
                      ("GET", "/v1/conversations/conv_1/items", None, b"")],
    "audio": [("POST", "/v1/audio/speech", JSON, b'{"model":"tts-1","input":"hi"}'),
              ("POST", "/v1/audio/transcriptions", FORM, UPLOAD),
              ("POST", "/v1/audio/translations", FORM, UPLOAD)],
    "images": [("POST", "/v1/images/generations", JSON, b'{"model": "gpt-image-1" }'),
               ("POST", "/v1/images/edits", FORM, UPLOAD)],
    "videos": [("POST", "/v1/videos", FORM, UPLOAD), ("GET", "/v1/videos/v_1/content", None, b"")],
    "moderations": [("POST", "/v1/moderations", JSON, b'{"input":"hi"}')],
    "rerank": [("POST", "/v1/rerank", JSON, b'{"query":"q","documents":[]}')],
    "files": [("POST", "/v1/files", FORM, UPLOAD), ("GET", "/v1/files?limit=3", None, b""),
              ("GET", "/v1/files/file-1/content", None, b""),
              ("DELETE", "/v1/files/file-1", None, b"")],
    "uploads": [("POST", "/v1/uploads/up_1/parts", FORM, UPLOAD)],
    "batches": [("POST", "/v1/batches", JSON, b'{"input_file_id":"file-1"}'),
                ("POST", "/v1/batches/batch_1/cancel", None, b"")],
    "fine_tuning": [("POST", "/v1/fine_tuning/jobs", JSON, b"{}")],
    "vector_stores": [("POST", "/v1/vector_stores/vs_1/search", JSON, b'{"query":"q"}')],
    "assistants": [("GET", "/v1/assistants", None, b"")],
    "threads": [("POST", "/v1/threads/t_1/runs", JSON, b"{}")],
    "containers": [("GET", "/v1/containers/c_1/files/f_1/content", None, b"")],
    "evals": [("POST", "/v1/evals", JSON, b"{}")],
}
CASES = [pytest.param(op, *case, id=f"{case[0]} {case[1]}")
         for op, cases in ASKED.items() for case in cases]


def say(request):
    """Sound where sound is asked for, else who was asked for what."""
    if request.path.endswith(("/content", "/speech")):
        return peers.answer(200, SOUND, ["content-disposition: attachment"], MP3)
    return peers.answer(200, {"asked": f"{request.method} {request.path}"})


def provider(kind, server, path="/v1"):
    return bed.provider(kind, server.addr, path, key="env:OAI_KEY")


class Passing:
    """A gateway before OpenAI's and Anthropic's APIs, and a host that copied the first."""

    def __init__(self, binary, place):
        self.openai, self.anthropic, self.other = (peers.Provider(say) for _ in range(3))
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"cloud": provider("openai", self.openai),
                             "claude": provider("anthropic", self.anthropic, ""),
                             "host": provider("openai-compatible", self.other)}
        conf["pass"] = ["cloud", "claude", "host"]
        self.gateway = bed.Gateway(binary, place, conf, name="passing", env=bed.KEYS)

    def close(self):
        self.gateway.stop()
        self.openai.close()
        self.anthropic.close()
        self.other.close()


@pytest.fixture(scope="module")
def passing(binary, place):
    p = Passing(binary, place)
    yield p
    p.close()


def test_every_operation_that_passes_has_a_case():
    rows = re.findall(r'^X\(\w+, "(\w+)", "[^"]*", "[^"]+",[^"]*"[^"]*",\s*false\)', OPS.read_text(),
                      re.M)
    assert len(rows) > 10 and sorted(rows) == sorted(ASKED)


def fields_of(kind, **more):
    return {**({"content-type": kind} if kind else {}), **more}


@pytest.mark.parametrize("op,method,path,kind,body", CASES)
def test_what_passes_through_is_the_same_bytes(passing, op, method, path, kind, body):
    """Forms with files in them go up, sound comes down; the key is the provider's."""
    server, name = {"message_batches": (passing.anthropic, "claude"),
                    "rerank": (passing.other, "host")}.get(op, (passing.openai, "cloud"))
    seen = len(server.requests)
    answer = passing.gateway.ask(path, body, fields_of(kind, authorization="Bearer client"), method)
    assert (answer.status, answer.end) == (200, "whole"), answer
    (request,) = server.requests[seen:]
    assert (request.method, request.path, request.body) == (method, path, body)
    assert request.headers.get("content-type") == kind or not body
    assert "Bearer client" not in str(request.headers)
    assert bed.KEYS["OAI_KEY"] in (request.headers.get("authorization", "").removeprefix("Bearer "),
                                   request.headers.get("x-api-key"))
    if path.endswith(("/content", "/speech")):
        assert (answer.text, answer["content-type"]) == (SOUND, MP3)
        assert answer["content-disposition"] == "attachment"
    else:
        assert answer.json() == {"asked": f"{method} {path}"}
    assert answer["x-lamplighter-passthrough"] == "1"
    assert answer["x-lamplighter-target"] == name
    assert answer["x-lamplighter-attempts"] == "1"
    record = passing.gateway.record(answer)
    assert (record["op"], record["outcome"], record["target"]) == (op, "full", name)


def test_a_form_of_unknown_length_goes_up(passing):
    """As Node's SDK sends it: in chunks. The provider is told its length."""
    head = (f"POST /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-type: {FORM}\r\n"
            "transfer-encoding: chunked\r\n\r\n").encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in
                      (UPLOAD[at:at + 9973] for at in range(0, len(UPLOAD), 9973)))
    with wire.Conn(passing.gateway.addr) as conn:
        assert conn.send(head + chunks + b"0\r\n\r\n")
        answer = conn.read()
    assert answer.status == 200
    request = passing.openai.requests[-1]
    assert request.body == UPLOAD
    assert request.headers["content-length"] == str(len(UPLOAD))


def test_files_are_of_the_vendor_whose_client_asks(passing):
    """One path, two APIs: Anthropic's clients say which version of it they mean."""
    for headers, server in (({}, passing.openai), (ANTHROPIC, passing.anthropic)):
        seen = len(server.requests)
        answer = passing.gateway.ask("/v1/files", headers=headers, method="GET")
        assert (answer.status, len(server.requests)) == (200, seen + 1)


@pytest.mark.parametrize("status,body", [
    (429, {"error": {"message": "slow down", "type": "requests"}}), (404, {"error": "no file"}),
    (500, {"error": {"message": "broken"}})])
def test_what_a_provider_refuses_passes_and_nobody_else_is_asked(start, status, body):
    refuse = peers.answer(status, body, ["retry-after: 7", "x-should-retry: false"])
    with peers.Provider(lambda _: refuse) as first, peers.Provider(say) as second:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"a": provider("openai", first), "b": provider("openai", second)}
        conf["pass"] = ["a", "b"]
        g = start(bed.Gateway, conf, env=bed.KEYS)
        answer = g.ask("/v1/files/file-1", method="GET")
        assert (answer.status, answer.json()) == (status, body)
        assert (answer["retry-after"], answer["x-should-retry"]) == ("7", "false")
        assert answer["x-lamplighter-passthrough"] == "1"
        assert (len(first.requests), second.accepted) == (1, 0)


def test_a_download_that_is_cut_does_not_look_whole(start):
    def cut(_):
        yield peers.answer(200, SOUND, kind=MP3)[:100_000]
        raise OSError("cut")

    with peers.Provider(cut) as server:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"cloud": provider("openai", server)}
        conf["pass"] = "cloud"
        g = start(bed.Gateway, conf, env=bed.KEYS)
        answer = g.ask("/v1/audio/speech", {"model": "tts-1"})
        assert answer.status == 200 and answer.end != "whole"
        assert g.record(answer)["outcome"] == "failed"


@pytest.mark.parametrize("op,method,path,kind,body", CASES)
def test_a_path_without_a_target_is_404_with_a_hint(gateway, op, method, path, kind, body):
    answer = gateway.ask(path, body, fields_of(kind), method)
    assert (answer.status, answer["x-lamplighter-reason"]) == (404, "unknown-path")
    said = json.dumps(answer.json())
    assert "pass: PROVIDER" in said and "OPENAI_API_KEY" in said
    assert gateway.record(answer)["op"] == op


@pytest.mark.parametrize("kind,path,headers", [
    ("vllm", "/v1/files", {}),  # an engine has none
    ("anthropic", "/v1/files", {}),  # OpenAI's are not Anthropic's ...
    ("openai", "/v1/files", ANTHROPIC),  # ... nor the other way round
    ("openai", "/v1/messages/batches", {})])
def test_a_path_that_no_pinned_provider_has_is_404(start, kind, path, headers):
    with peers.Provider() as server:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"only": provider(kind, server)}
        conf["pass"] = "only"
        g = start(bed.Gateway, conf, env=bed.KEYS)
        answer = g.ask(path, headers=headers, method="GET")
        assert (answer.status, answer["x-lamplighter-reason"]) == (404, "unknown-path")
        assert "pass: PROVIDER" in json.dumps(answer.json())
        assert server.accepted == 0


def test_what_the_environment_offers_passes(start, binary, tmp_path):
    """A key in the environment is enough, as it is for the vendor's own SDK."""
    with peers.Provider(say) as openai, peers.Provider(say) as anthropic:
        env = {"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": openai.url("/v1"),
               "ANTHROPIC_API_KEY": "sk-a", "ANTHROPIC_BASE_URL": anthropic.url()}
        found = tmp_path / "found.yaml"
        subprocess.run([binary, "config", "init", "-c", found], check=True, env=env, timeout=20)
        ports = "\nserver:\n  listen: 127.0.0.1:0\n  admin: 127.0.0.1:0\n"
        g = start(bed.Gateway, found.read_text().replace("\nserver:\n", ports), env=env)
        for op, cases in ASKED.items():
            server = anthropic if op == "message_batches" else openai
            for method, path, kind, body in cases:
                seen = len(server.requests)
                had = op != "rerank"  # neither of them has that
                answer = g.ask(path, body, fields_of(kind), method)
                assert answer.status == (200 if had else 404)
                assert len(server.requests) == seen + had
