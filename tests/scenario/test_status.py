"""`lamplighter status` and `reload` against an admin port that is scripted here: what they print,
and their exit status, which is a contract."""
import contextlib
import http.server
import json
import socket
import subprocess
import threading

import pytest

DOCUMENT = {
    "version": "9.8.7",
    "uptime_s": 1051200.5,
    "config": {"id": "7f3a91c4c3706c47", "source": "/etc/l.yaml", "generation": 2,
               "reload_ok": True, "reloaded": "2026-01-02T09:12:13.000Z"},
    "live": True, "ready": True, "draining": False,
    "requests_per_s": 412.25, "requests_live": 1204, "connections": 1300, "window_s": 1500,
    "overhead_p50_s": 0.00008, "overhead_p99_s": 0.000612,
    "workers": [{"slot": 0, "pid": 41, "state": "ok", "silent_s": 0.1, "requests": 100,
                 "requests_live": 7, "connections": 9, "crashes": 0},
                {"slot": 1, "pid": 42, "state": "silent", "silent_s": 6.7, "requests": 90,
                 "requests_live": 8, "connections": 9, "crashes": 3}],
    "engines": [{"provider": "local", "state": "ready", "pid": 50, "restarts": 1}],
    "credentials": [
        {"provider": "v", "source": "service account", "state": "stale",
         "until": "2026-01-02T10:12:13.000Z", "fetched": 9, "failed": 2,
         "why": "Google's token service: it answered with status 503"},
        {"provider": "aws", "source": "container", "state": "failed", "until": None,
         "fetched": 0, "failed": 7, "why": "no route"},
        {"provider": "az", "source": "instance", "state": "good",
         "until": "2026-01-02T11:12:13.000Z", "fetched": 4, "failed": 0, "why": None}],
    "models": [
        {"model": "smart", "requests": 210, "ok_ratio": 0.9997, "first_p50_s": 0.41,
         "outcomes": {"full": 200, "equivalent": 7, "joined": 2, "client_gone": 1},
         "first_p95_s": 1.22,
         "served_by": [{"target": "anthropic/claude", "requests": 71},
                       {"target": "openai/gpt", "requests": 29}]},
        {"model": "quiet", "requests": 0, "ok_ratio": None, "first_p50_s": 0, "first_p95_s": 0,
         "served_by": []}],
    "targets": [{"target": "anthropic/claude", "state": "degraded", "requests_live": 12,
                 "tokens_left": 120, "tokens_limit": 30000, "retries_left": 3.26, "last_resort_probes": 4},
                {"target": "openai/gpt", "state": "unknown", "requests_live": 0, "retries_left": None,
                 "last_resort_probes": 0}],
    "dropped": {"log_lines": 0, "records": 0, "series": 0},
}


class Admin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        status, body = self.server.script
        if isinstance(body, bytes):  # not HTTP at all
            self.wfile.write(body)
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def admin(status, body):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Admin)
    server.script, server.seen = (status, body), []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def call(binary, *args):
    return subprocess.run([binary, *args], capture_output=True, text=True, timeout=20)


def test_status_is_a_table(binary):
    with admin(200, json.dumps(DOCUMENT)) as server:
        run = call(binary, "status", "--admin", server.url)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] == ("lamplighter 9.8.7  up 12d 4h  config 7f3a91c4 (/etc/l.yaml, 2026-01-02 "
                        "09:12Z)  412.2 req/s  1204 live  1300 connections  overhead p99 0.61 ms")
    assert lines[1:4] == [
        "! worker 1 has not turned for 7 s",
        "! credentials of v cannot be renewed: Google's token service: it answered with status 503",
        "! credentials of aws: there are none: no route"]
    words = [line.split() for line in lines]
    assert ["0", "41", "ok", "100", "7", "9", "0"] in words
    assert ["1", "42", "silent", "90", "8", "9", "3"] in words
    assert ["local", "50", "ready", "1"] in words
    assert ["v", "stale", "2026-01-02", "10:12:13Z", "9", "2", "service", "account"] in words
    assert ["aws", "failed", "-", "0", "7", "container"] in words
    assert ["az", "good", "2026-01-02", "11:12:13Z", "4", "0", "instance"] in words
    assert ["smart", "210", "99.97", "410ms", "/", "1.22s", "anthropic/claude", "71%",
            "openai/gpt", "29%", "(7", "equivalent,", "2", "joined,", "1", "client_gone)"] in words
    assert ["quiet", "0", "-", "-"] in words
    assert ["anthropic/claude", "degraded", "12", "-", "120/30000", "3.3", "4"] in words
    assert ["openai/gpt", "unknown", "0", "-", "-", "-", "0"] in words
    assert server.seen[0][:2] == ("GET", "/api/v1/status")


def test_status_tells_what_is_wrong(binary):
    document = DOCUMENT | {"live": False, "ready": False, "workers": [], "credentials": [],
                           "dropped": {"log_lines": 3, "records": 4, "series": 5}}
    document["config"] = DOCUMENT["config"] | {"reload_ok": False}
    with admin(200, json.dumps(document)) as server:
        run = call(binary, "status", "--admin", server.url)
    warnings = [line for line in run.stdout.splitlines() if line.startswith("!")]
    assert run.returncode == 0
    assert warnings == [
        "! no worker has turned in the last 15 s",
        "! not ready: no worker serves the current configuration",
        "! the last reload failed; the configuration before it stays in use",
        "! dropped: 3 log lines, 4 records",
        "! too many series: 5 values are counted as 'other'"]


def test_json_is_passed_on_as_it_came(binary):
    text = json.dumps(DOCUMENT)
    with admin(200, text) as server:
        run = call(binary, "status", "--admin", server.url + "/", "--json")
    assert run.returncode == 0
    assert run.stdout == text


def test_names_cannot_command_the_terminal(binary):
    evil = "\x1b]0;owned\x07\u009b31m\n\x7f!"
    document = DOCUMENT | {"models": [{"model": evil, "requests": 1, "ok_ratio": 1,
                                       "served_by": [{"target": evil, "requests": 1}]}]}
    with admin(200, json.dumps(document)) as server:
        run = call(binary, "status", "--admin", server.url)
    assert run.returncode == 0
    assert "?]0;owned?" in run.stdout
    assert not any(c < " " and c != "\n" or "\x7f" <= c <= "\x9f" for c in run.stdout)


@pytest.mark.parametrize("body, wanted", [
    ("{}", 0),
    ('{"models":[{}],"workers":[{}]}', 0),
    ('{"uptime_s":"x","models":7,"version":{}}', 0),
    ("[1]", 0),
    ("not json", 1),
    ("", 1),
    ('{"a":', 1),
    ('{"models":[' + ",".join(['{"model":"m"}'] * 3000) + "]}", 0),
])
def test_odd_documents_do_no_harm(binary, body, wanted):
    with admin(200, body) as server:
        run = call(binary, "status", "--admin", server.url)
    assert run.returncode == wanted, run.stderr


def test_nobody_there_is_4(binary):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for command in ("status", "reload"):
            run = call(binary, command, "--admin", url)
            assert run.returncode == 4
            assert url in run.stderr
            assert "--admin" in run.stderr
            assert run.stdout == ""


def test_silence_is_4_after_five_seconds(binary, monkeypatch):
    """They are shorter here."""
    monkeypatch.setenv("LAMPLIGHTER_HURRY", "10")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        run = call(binary, "status", "--admin", f"http://127.0.0.1:{mute.getsockname()[1]}")
    assert run.returncode == 4
    assert "no answer in time" in run.stderr


@pytest.mark.parametrize("raw", [
    b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n\r\nno length",
    b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}", b"HTTP/1.1 x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n" + b" " * 2000000,
])
def test_what_is_no_admin_port_is_an_error(binary, raw):
    with admin(0, raw) as server:
        run = call(binary, "status", "--admin", server.url)
    assert run.returncode in (1, 4)
    assert run.stderr


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "127.0.0.1:1", "http://", "http://a:b",
                                 "http://a:99999", "http://[::1", "http://a/b:1", "http://[::1]x"])
def test_wrong_urls_are_2(binary, url):
    run = call(binary, "status", "--admin", url)
    assert run.returncode == 2, run.stderr


@pytest.mark.parametrize("args", [["--no-such"], ["--admin"], ["x"]])
def test_wrong_options_are_2(binary, args):
    run = call(binary, "reload", *args)
    assert run.returncode == 2
    assert "usage: lamplighter reload" in run.stderr


def test_reload_says_that_it_means_it(binary):
    with admin(200, '{"ok":true,"text":"2 warnings\\n"}') as server:
        run = call(binary, "reload", "--admin", server.url.replace("127.0.0.1", "localhost"))
    assert run.returncode == 0
    assert run.stdout == "2 warnings\nthe configuration is taken into use\n"
    method, path, headers = server.seen[0]
    assert (method, path) == ("POST", "/api/v1/reload")
    assert headers["x-lamplighter-admin"] == "1"
    assert headers["host"].startswith("127.0.0.1:")  # an address, whatever it was called


def test_refused_reload_shows_the_report_and_is_1(binary):
    report = "error[E012]: unknown key\n --> l.yaml:1:1\n"
    with admin(422, json.dumps({"ok": False, "text": report})) as server:
        run = call(binary, "reload", "--admin", server.url)
    assert (run.returncode, run.stdout, run.stderr) == (1, "", report)
    with admin(409, '{"error":{"message":"A reload is under way already."}}') as server:
        run = call(binary, "reload", "--admin", server.url)
    assert (run.returncode, run.stderr) == (1, "A reload is under way already.\n")
