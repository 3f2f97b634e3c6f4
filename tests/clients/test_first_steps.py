"""A new user's first minutes: what is printed can be pasted, and mistakes are named."""
import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import openai
import pytest

import peers
import serving

TEXT = "".join(f"w{i:06} " for i in range(12)).strip()


def call(binary, *args, cwd, env=None):
    return subprocess.run([binary, *args], capture_output=True, text=True, timeout=20, cwd=cwd,
                          env={"PATH": os.environ["PATH"], "HOME": str(cwd), **(env or {})})


def banner(gateway):
    """What stands below the addresses."""
    return gateway.find(r"(?s)^  admin +\S+/metrics\n\n(.*\n)(?=\n)") + "\n"


@pytest.fixture
def start(binary, tmp_path):
    started = []

    def do(text, **options):
        started.append(serving.Gateway(binary, tmp_path, text, **options))
        return started[-1]

    yield do
    for gateway in started:
        if gateway.process.poll() is None:
            gateway.stop()


def paste(text, key, tmp_path):
    """Run the curl line (of a shell) and the snippet (of Python). Both outputs."""
    shell, python = text.replace("YOUR-KEY", key).split("\nfrom ")
    out = subprocess.run(["sh", "-c", shell.replace("curl ", "curl -sS --noproxy '*' ")],
                         capture_output=True, text=True, timeout=20, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    snippet = subprocess.run([sys.executable, "-c", "from " + python], capture_output=True,
                             text=True, timeout=30, cwd=tmp_path)
    assert snippet.returncode == 0, snippet.stderr
    return out.stdout, snippet.stdout


def test_printed_lines_can_be_pasted(start, mock, tmp_path):
    text = serving.config_text(mock.url)
    gateway = start(text[:text.index("keys:")])
    answer, printed = paste(banner(gateway), "any", tmp_path)
    assert TEXT in answer
    assert printed.strip() == TEXT


def test_printed_lines_say_where_the_key_goes(start, mock, tmp_path):
    gateway = start(serving.config_text(mock.url))
    assert "YOUR-KEY" in banner(gateway)
    answer, printed = paste(banner(gateway), serving.KEY, tmp_path)
    assert TEXT in answer
    assert printed.strip() == TEXT


SOUND = bytes(range(256)) * 400
FILE = {"id": "file-1", "object": "file", "bytes": 3, "created_at": 1, "filename": "a.jsonl",
        "purpose": "batch", "status": "processed"}
BATCH = {"id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "created_at": 1,
         "input_file_id": "file-1", "completion_window": "24h", "status": "validating"}
SAID = {
    "POST /v1/files": FILE, "GET /v1/files": {"object": "list", "data": [FILE], "has_more": False},
    "POST /v1/batches": BATCH,
    "POST /v1/audio/transcriptions": {"text": "hello"},
    "POST /v1/images/generations": {"created": 1, "data": [{"b64_json": "aGk="}]},
    "POST /v1/images/edits": {"created": 1, "data": [{"b64_json": "aGk="}]},
    "POST /v1/moderations": {"id": "modr-1", "model": "omni-moderation-latest", "results": []},
}


def openais(request):
    asked = f"{request.method} {request.path}"
    if asked in ("POST /v1/audio/speech", "GET /v1/files/file-1/content"):
        return peers.answer(200, SOUND, kind="audio/mpeg")
    return peers.answer(200, SAID[asked]) if asked in SAID else peers.answer(404, {"asked": asked})


def test_what_else_the_sdk_has_works_with_a_key_alone(start, binary, tmp_path):
    """Nothing is configured but a provider's variables: files, batches, sound and images pass."""
    with peers.Provider(openais) as server:
        env = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": server.url("/v1")}
        found = tmp_path / "found.yaml"
        assert call(binary, "config", "init", "-c", found, cwd=tmp_path, env=env).returncode == 0
        ports = "\nserver:\n  listen: 127.0.0.1:0\n  admin: 127.0.0.1:0\n"
        gateway = start(found.read_text().replace("\nserver:\n", ports), env=env)
        assert gateway.find(r"^  passes +(\S+) \(files, ") == "openai"
        client = openai.OpenAI(base_url=gateway.base + "/v1", api_key="any", max_retries=0)
        lines = b'{"custom_id": "1"}\n' * 5000
        assert client.files.create(file=("a.jsonl", lines), purpose="batch").id == "file-1"
        assert lines in server.requests[-1].body
        assert [f.id for f in client.files.list()] == ["file-1"]
        assert client.files.content("file-1").read() == SOUND
        batch = client.batches.create(input_file_id="file-1", endpoint="/v1/chat/completions",
                                      completion_window="24h")
        assert batch.status == "validating"
        assert client.audio.speech.create(model="tts-1", voice="alloy", input="x").read() == SOUND
        heard = client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", SOUND))
        assert heard.text == "hello" and SOUND in server.requests[-1].body
        assert client.images.generate(model="gpt-image-1", prompt="x").data[0].b64_json == "aGk="
        edited = client.images.edit(model="gpt-image-1", prompt="x", image=("a.png", SOUND))
        assert edited.data[0].b64_json == "aGk=" and SOUND in server.requests[-1].body
        assert client.moderations.create(input="x").id == "modr-1"
        assert {r.headers["authorization"] for r in server.requests} == {"Bearer sk-1"}
        with pytest.raises(openai.NotFoundError):
            client.fine_tuning.jobs.retrieve("none")


def test_run_explains_its_options(binary, tmp_path):
    for word in ("-h", "--help"):
        run = call(binary, "run", word, cwd=tmp_path)
        assert (run.returncode, run.stderr) == (0, "")
        assert "--engine PROGRAM" in run.stdout
    for args, words in ((["--foo"], "--foo is not an option"), (["-c"], "-c needs a value"),
                        (["--engine", "x"], "--engine and --model go together")):
        run = call(binary, "run", *args, cwd=tmp_path)
        assert (run.returncode, run.stdout) == (2, "")
        assert words in run.stderr and "usage:" in run.stderr


def test_habits_of_the_command_line(binary, tmp_path):
    assert "usage:" in call(binary, "--help", cwd=tmp_path).stdout
    assert re.fullmatch(r"lamplighter \d+\.\d+\.\d+\n",
                        call(binary, "--version", cwd=tmp_path).stdout)


def test_taken_port_is_named_with_the_key_that_moves_it(binary, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = tmp_path / "lamplighter.yaml"
        path.write_text(f"version: 1\nserver: {{listen: 127.0.0.1:{port}}}\n")
        run = call(binary, "run", cwd=tmp_path)
    assert run.returncode == 1
    assert f"127.0.0.1:{port}" in run.stderr and "server.listen" in run.stderr


def test_engine_that_is_not_there(binary, tmp_path):
    run = call(binary, "run", "--engine", "no-such-server", "--model", "x", cwd=tmp_path)
    assert run.returncode == 1
    assert "--engine no-such-server: No such file" in run.stderr


def test_signal_to_the_whole_group_lets_answers_finish(start, mock):
    """Service managers and terminals signal every process, not only the first."""
    for number in (signal.SIGTERM, signal.SIGINT):
        gateway = start(serving.config_text(mock.url).replace("drain: 1s", "drain: 10s"),
                        start_new_session=True, name=f"gateway-{number}")
        with httpx.stream("POST", gateway.base + "/v1/chat/completions", timeout=20,
                          headers={"authorization": f"Bearer {serving.KEY}"},
                          json={"model": "oai/mock;gap=50ms", "stream": True,
                                "messages": []}) as answer:
            lines = answer.iter_lines()
            next(lines)
            os.killpg(gateway.pid, number)
            *_, last = [line for line in lines if line]
        assert last == "data: [DONE]"
        assert gateway.wait() == 0
