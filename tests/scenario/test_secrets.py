"""Canaries: secrets with values that nothing else has. After good requests, failing ones, providers
that quote our keys, reloads and looks from everywhere, a canary is found in exactly one place: the
requests to the origin that it belongs to."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import socket
import stat
import subprocess
import tempfile
import threading

import pytest

import bed
import peers
import wire

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
HELLO = [{"role": "user", "content": "hi"}]
BODIES = {CHAT: {"messages": HELLO}, MESSAGES: {"messages": HELLO, "max_tokens": 5}}


class Canaries:
    """Secrets by name. hits(text): the names of those that are in it, in any spelling."""

    def __init__(self, seed):
        rng = random.Random(seed)

        def word(n):
            return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(n))

        self.values = {
            "env": "sk-env-" + word(40),
            "odd": 'sk/odd"' + word(20) + "/" + word(10),  # characters that JSON may escape
            "file": "sk-file-" + word(40),
            "second": "sk-second-" + word(40),
            "later": "sk-later-" + word(40),
            "proxy": "user:pass-" + word(24),
            "env-proxy": "user:pass-" + word(24),
            "client": "sk-client-" + word(32),
            "other-client": "sk-unknown-" + word(32),
        }

    def __getitem__(self, name):
        return self.values[name]

    def spellings(self, name):
        value = self.values[name]
        yield value
        yield json.dumps(value)[1:-1]
        yield value.replace("/", "\\/")
        yield "".join(f"\\u{ord(c):04x}" for c in value)
        yield base64.b64encode(value.encode()).decode()
        yield value[:14]  # half of it is too much as well
        yield value[-14:]
        if ":" in value:
            yield value.partition(":")[2]

    def hits(self, text):
        if isinstance(text, (bytes, bytearray)):
            text = bytes(text).decode("latin-1")
        return {name for name in self.values for s in self.spellings(name) if s in text}


def quoting(request):
    """A provider that says whatever key it got, in the shape that the path's tail asks for."""
    key = request.headers.get("authorization", request.headers.get("x-api-key", ""))
    key = key.removeprefix("Bearer ")
    how = json.loads(request.body)["model"] if request.body else "raw-401"
    said = f"Incorrect API key provided: {key}. Again: {key}"
    if how == "good":
        return peers.chat()
    if how == "stream":
        return said_in_stream(said)
    if how == "cut-stream":  # the message is longer than what is kept of it
        return said_in_stream("x" * 185 + key)
    if how == "html":
        return peers.answer(200, f"<html>{key}</html>".encode(), kind="text/html")
    if how == "junk":
        return peers.answer(200, f"{key} is no JSON".encode())
    shape, _, status = how.rpartition("-")
    bodies = {
        "openai": {"error": {"message": said, "type": "invalid_request_error", "code": key}},
        "anthropic": {"type": "error", "error": {"type": "authentication_error", "message": said}},
        "type": {"error": {"message": "no", "type": key, "code": None}},
        "deep": {"detail": [{"msg": said, "input": {"headers": {"authorization": [key]}}}]},
        "long": {"error": {"message": "y" * 240 + key, "type": "e"}},
    }
    if shape in bodies:
        body = json.dumps(bodies[shape]).encode()
    elif shape == "slashes":  # as PHP writes it
        body = json.dumps(bodies["openai"]).replace("/", "\\/").encode()
    elif shape == "unicode":
        quoted = "".join(f"\\u{ord(c):04x}" for c in key)
        body = b'{"error":{"message":"key %s","type":"e"}}' % quoted.encode()
    else:
        body = f"key={key}".encode()
    answer = peers.answer(int(status), body, [f"x-ratelimit-limit-requests: {key}",
                                              f"retry-after: {key}"], f"text/plain; k={key}")
    return [answer[at:at + 11] for at in range(0, len(answer), 11)]


def said_in_stream(said):
    first = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
             "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
    error = {"error": {"message": said, "type": "invalid_api_key"}}
    text = "".join(f"data: {json.dumps(x)}\n\n" for x in (first, error))
    return peers.answer(200, text.encode(), kind="text/event-stream")


ORDERS = ["good", "stream", "cut-stream", "html", "junk",
          *(f"{shape}-{status}" for shape in ("openai", "anthropic", "type", "deep", "long",
                                              "slashes", "unicode", "raw")
            for status in (400, 401, 403, 404, 413, 422, 429, 500, 503, 302))]


NOT_READ = {"mem", "pagemap",  # the memory itself
            "exe", "map_files"}  # the program and its libraries


def proc_files(pid):
    """(path, text) of all that /proc has of a process: files, where links lead to, and what it
    holds open, also when it has no name any more."""
    for place, directories, names in os.walk(f"/proc/{pid}"):
        directories[:] = set(directories) - NOT_READ
        for path in (pathlib.Path(place, name) for name in names if name not in NOT_READ):
            with contextlib.suppress(OSError):  # closed meanwhile, or only to be written
                if path.is_symlink():
                    yield path, os.readlink(path)
                if stat.S_ISREG(path.stat().st_mode):
                    yield path, path.read_bytes()


class Scene:
    """A gateway with every kind of secret, and providers that quote them."""

    def __init__(self, binary, place, seed):
        self.canaries = c = Canaries(seed)
        self.place = place
        self.seen = []  # (what, text) of everything that anybody could see
        self.origins = {name: peers.Provider(quoting)
                        for name in ("env", "odd", "file", "second", "later")}
        self.proxy = peers.Proxy(auth=c["proxy"])
        self.file, self.second = self.write_key("file"), self.write_key("second")
        conf = bed.basic("127.0.0.1:9")
        conf["providers"] = {
            "env": self.row("env", "env:CANARY_ENV"),
            "odd": self.row("odd", "env:CANARY_ODD"),
            "file": self.row("file", f"file:{self.file}", proxy=self.proxy.url(),
                             proxy_auth="env:CANARY_PROXY"),
            "wrong": self.row("file", f"file:{self.file}", proxy=self.proxy.url(),
                              proxy_auth="env:CANARY_ENV_PROXY"),
            "files": {**self.row("odd", "env:CANARY_ODD"), "type": "openai", "private": True},
            "dead": {**self.row("env", "env:CANARY_ENV"), "endpoints": "http://127.0.0.1:9/v1"},
        }
        conf["pass"] = "files"
        conf["keys"] = {"someone": {"hash": "sha256:" + hashlib.sha256(
            c["client"].encode()).hexdigest()}}
        self.conf = conf
        self.env = {"CANARY_ENV": c["env"], "CANARY_ODD": c["odd"],
                    "CANARY_PROXY": c["proxy"], "CANARY_ENV_PROXY": c["env-proxy"],
                    "CANARY_LATER": c["later"],  # which no configuration names at the start
                    **{f"SERVICE_{n}_HOST": f"10.0.0.{n}" for n in range(5000)}}  # over 100 KB
        self.gateway = bed.Gateway(binary, place, conf, name="scene", env=self.env)

    def write_key(self, name):
        path = self.place / f"{name}-key"
        path.write_text(self.canaries[name] + "\n")
        path.chmod(0o600)
        return path

    def row(self, origin, key, **more):
        return {"type": "vllm", "key": key, "endpoints": self.origins[origin].url("/v1"), **more}

    def ask(self, provider, order, path=CHAT, key="client"):
        headers = {"authorization": f"Bearer {self.canaries[key]}"} if key else {}
        stream = "stream" in order
        answer = self.gateway.ask(path, {"model": f"{provider}/{order}", "stream": stream,
                                         **BODIES[path]}, headers)
        self.seen.append((f"{provider}/{order} {path}", str(answer.fields) + answer.text.decode()))
        return answer

    def look(self):
        """Everything else that can be seen from outside."""
        g = self.gateway
        for path in ("/", "/metrics", "/api/v1/status", "/livez", "/readyz", "/startupz",
                     "/api/v1/config", "/nothing"):
            self.seen.append((f"admin {path}", wire.ask(g.admin, "GET", path).text))
        self.seen.append(("access log", g.access.read_bytes()))
        self.seen.append(("stderr", g.err.read_bytes()))
        for name, pid in {"master": g.pid, **g.children()}.items():
            self.seen += [(f"{name} {path}", text) for path, text in proc_files(pid)]

    def close(self):
        self.gateway.stop()
        for server in (*self.origins.values(), self.proxy):
            server.close()


@pytest.fixture(scope="module")
def scene(binary, place, seed):
    s = Scene(binary, place, seed)
    yield s
    s.close()


def clean(scene):
    """What was seen so far has no canary; and forget it."""
    found = {what: hits for what, text in scene.seen if (hits := scene.canaries.hits(text))}
    scene.seen.clear()
    assert not found


def test_the_canaries_are_recognised(seed):
    """Or all that follows would be true of anything."""
    c = Canaries(seed)
    for name in c.values:
        for spelling in c.spellings(name):
            assert name in c.hits(f"x{spelling}y".encode())
    assert c.hits("x" * 100 + str(bed.KEYS)) == set()


def test_what_a_process_shows_is_found(seed, tmp_path):
    """In its environment, its arguments, and a file that has no name any more."""
    c = Canaries(seed)
    with tempfile.TemporaryFile(dir=tmp_path) as f:
        f.write(c["file"].encode())
        f.flush()
        child = subprocess.Popen(["tail", "-f", "/dev/null", "--", tmp_path / c["odd"][:14]],
                                 stdin=f, stderr=subprocess.DEVNULL, env={"KEY": c["env"]})
        try:
            seen = {name for _, text in proc_files(child.pid) for name in c.hits(text)}
        finally:
            child.kill()
            child.wait()
    assert seen == {"env", "odd", "file"}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("provider", ["env", "odd", "file"])
def test_a_key_that_a_provider_quotes_is_not_told(scene, provider, path):
    """In bodies that are passed on, in our own errors, in streams: stars of the same length."""
    for order in ORDERS:
        answer = scene.ask(provider, order, path)
        assert answer.end in ("whole", "cut", "reset"), order
        if order == "openai-400":
            assert answer.status == 400
            assert b"API key provided: ****" in answer.text, "the rest is told"
        elif order == "openai-401":
            assert answer.status == 502
            assert b"API key provided: ****" in answer.text
    scene.look()
    clean(scene)
    origin = scene.origins[provider]
    for request in origin.requests:
        assert scene.canaries.hits(request.head) == {provider}
        assert scene.canaries.hits(request.body) == set()


@pytest.mark.parametrize("order", ["openai-401", "slashes-403", "unicode-400", "raw-500"])
def test_what_is_passed_through_is_scrubbed_on_the_way(scene, order):
    """No dialect reads it, and its length is announced before its end is known."""
    scene.origins["odd"].say = lambda request: quoting(peers.Request(
        request.head, json.dumps({"model": order}).encode()))
    try:
        answer = scene.gateway.ask("/v1/files", method="GET", headers={
            "authorization": f"Bearer {scene.canaries['client']}"})
    finally:
        scene.origins["odd"].say = quoting
    assert answer.status == int(order[-3:])
    assert answer.end == "whole"
    assert b"*******" in answer.text
    scene.seen.append((order, str(answer.fields) + answer.text.decode()))
    scene.look()
    clean(scene)


def test_other_failures_tell_no_secret(scene):
    """No connection, a proxy that refuses, clients without a key or with a wrong one."""
    for path in BODIES:
        assert scene.ask("dead", "m", path)["x-lamplighter-reason"] == "connect"
        assert scene.ask("wrong", "m", path)["x-lamplighter-reason"] == "connect"
        assert scene.ask("env", "good", path, key=None).status == 401
        assert scene.ask("env", "good", path, key="other-client").status == 401
    answer = scene.gateway.ask(CHAT, b"{", {"authorization": f"Bearer {scene.canaries['client']}"})
    scene.seen.append(("bad body", answer.text))
    scene.look()
    clean(scene)


def test_keys_and_proxy_passwords_stay_with_their_own(scene):
    """The proxy never saw a key in a head, the provider never saw the proxy's password."""
    scene.ask("file", "good")
    assert scene.proxy.heads
    for head in scene.proxy.heads:
        assert scene.canaries.hits(head) <= {"proxy", "env-proxy"}
    for name, origin in scene.origins.items():
        for request in origin.requests:
            assert scene.canaries.hits(request.head + request.body) == {name}


def test_a_reload_changes_keys_and_tells_none(binary, scene):
    """Another provider with another key, a refused configuration, and one with a key in it."""
    c, g = scene.canaries, scene.gateway

    def reload(status):
        run = subprocess.run([binary, "reload", "--admin", f"http://{g.admin}"],
                             capture_output=True, text=True, timeout=30, check=False)
        scene.seen.append(("reload", run.stdout + run.stderr))
        assert run.returncode == status, run.stderr

    conf = json.loads(json.dumps(scene.conf))
    conf["providers"]["second"] = scene.row("second", f"file:{scene.second}")
    g.configure(conf)
    reload(0)
    scene.ask("second", "good")
    scene.ask("second", "openai-401")
    assert {h for r in scene.origins["second"].requests for h in c.hits(r.head)} == {"second"}
    conf["providers"]["second"]["key"] = "env:NO_SUCH_VARIABLE"
    g.configure(conf)
    reload(1)
    for name in ("env", "odd", "file", "client"):
        conf["providers"]["second"]["key"] = c[name]
        g.configure(conf)
        reload(1)
    for command in (["check", "-c", g.file], ["check", "--json", "-c", g.file],
                    ["status", "--admin", f"http://{g.admin}"],
                    ["status", "--json", "--admin", f"http://{g.admin}"]):
        run = subprocess.run([binary, *command], capture_output=True, text=True, timeout=30,
                             check=False, env={**os.environ, **scene.env})
        scene.seen.append((" ".join(map(str, command)), run.stdout + run.stderr))
    g.configure(scene.conf)
    reload(0)
    scene.look()
    clean(scene)


def test_a_variable_that_only_a_reload_names(binary, scene):
    """It was in the environment from the start, and was never to be seen: not before, not after."""
    g, origin = scene.gateway, scene.origins["later"]

    def environs():
        return {name: pathlib.Path(f"/proc/{pid}/environ").read_bytes().strip(b"\0")
                for name, pid in {"master": g.pid, **g.children()}.items()}

    assert set(environs().values()) == {b""}
    conf = json.loads(json.dumps(scene.conf))
    conf["providers"]["later"] = scene.row("later", "env:CANARY_LATER")
    g.configure(conf)
    subprocess.run([binary, "reload", "--admin", f"http://{g.admin}"], timeout=30, check=True)
    assert scene.ask("later", "good").status == 200
    assert scene.canaries.hits(origin.requests[-1].head) == {"later"}
    assert set(environs().values()) == {b""}
    g.configure(scene.conf)
    subprocess.run([binary, "reload", "--admin", f"http://{g.admin}"], timeout=30, check=True)
    scene.look()
    clean(scene)


def test_a_file_that_changes_is_read_anew(binary, scene):
    new = "sk-renewed-" + scene.canaries["file"][8:]
    scene.file.write_text(new)
    run = subprocess.run([binary, "reload", "--admin", f"http://{scene.gateway.admin}"],
                         capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr
    scene.ask("file", "good")
    assert scene.origins["file"].requests[-1].headers["authorization"] == f"Bearer {new}"
    answer = scene.ask("file", "openai-400")
    assert new not in answer.text.decode()


def test_no_process_can_be_dumped(scene):
    """A test build is debugged; what is shipped is closed to dumps and debuggers."""
    g = scene.gateway
    for pid in (g.pid, *g.children().values()):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"^NoNewPrivs:\t1$", status, re.M)


def shipped():
    """The release build, whichever build is under test."""
    path = pathlib.Path(__file__).parents[2] / "build/release/src/lamplighter"
    return path if path.exists() else None


def test_the_release_build_writes_no_core(tmp_path, seed):
    """RLIMIT_CORE 0, dumpable 0: /proc shows it by giving the files of the process to root."""
    binary = shipped()
    if not binary:
        pytest.skip("unsupported: no release build here")
    c = Canaries(seed)
    with peers.Provider(quoting) as server:
        conf = bed.basic("127.0.0.1:9")
        conf["providers"] = {"p": {"type": "vllm", "key": "env:CANARY_ENV",
                                   "endpoints": server.url("/v1")}}
        g = bed.Gateway(binary, tmp_path, conf, env={"CANARY_ENV": c["env"]})
        try:
            answer = g.chat("p/openai-401")
            assert answer.status == 502 and c.hits(answer.text) == set()
            assert c.hits(server.requests[0].head) == {"env"}
            for pid in (g.pid, *g.children().values()):
                limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
                assert re.search(r"^Max core file size +0 +0 ", limits, re.M), limits
                assert os.stat(f"/proc/{pid}/environ").st_uid == 0
                if os.getuid() == 0:
                    assert c.hits(pathlib.Path(f"/proc/{pid}/environ").read_bytes()) == set()
                else:
                    with pytest.raises(PermissionError):
                        pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        finally:
            g.stop()


def memory(pid):
    """All that a process has written, piece by piece; what the kernel hides from everybody is left out."""
    regions = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", pathlib.Path(f"/proc/{pid}/maps").read_text(), re.M)
    with open(f"/proc/{pid}/mem", "rb") as f:
        for begin, end in ((int(a, 16), int(b, 16)) for a, b in regions):
            with contextlib.suppress(OSError):
                f.seek(begin)
                yield f.read(end - begin)


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize("http", [None, "h2"], ids=["h1", "h2"])
def test_a_key_that_was_replaced_is_in_no_memory(tmp_path, seed, authority, http, tls):
    """Whatever carried it to a provider has been overwritten, in the processes that live on."""
    binary = shipped()
    if not binary or os.getuid() != 0:
        pytest.skip("unsupported: no release build here, or nobody who may read its memory")
    c, file = Canaries(seed), tmp_path / "key"
    file.write_text(c["file"])
    context = peers.server_context(authority.issue(f"memory-{http}", ["IP:127.0.0.1"])) if tls else None
    if context and http:
        context.set_alpn_protocols(["h2"])
    over = threading.Event()

    def say(request):
        """Nothing, to those who leave: no answer writes over what their requests were."""
        while b"leaves" in request.body and not over.wait(0.01):
            yield None if http else b""
        yield from peers.h2_answer(200, peers.completion()) if http else [peers.chat()]

    with (peers.H2Provider if http else peers.Provider)(say, context=context) as server:
        conf = bed.basic("127.0.0.1:9", workers=1)
        more = {"tls": {"ca": str(authority.cert)}} if tls else {"http": http} if http else {}
        conf["providers"] = {kind: {"type": kind, "endpoints": server.url(path), "private": True,
                                    "key": f"file:{file}", **more}
                             for kind, path in (("openai", "/v1"), ("anthropic", ""))}
        g = bed.Gateway(binary, tmp_path, conf)
        try:
            def ask():
                before = len(server.requests)
                for _ in range(5):
                    g.chat("openai/m")
                    g.chat("anthropic/m")  # is answered in the wrong dialect: it was sent the key
                return server.requests[before:]

            def leave():
                """Some at once, so that they dial."""
                before = len(server.requests)
                with contextlib.ExitStack() as stack:
                    for _ in range(4):
                        conn = stack.enter_context(wire.Conn(g.addr))
                        conn.send(wire.request("POST", CHAT, {"model": "openai/m", "messages": [
                            {"role": "user", "content": "leaves"}]}))
                    bed.wait_for(lambda: len(server.requests) == before + 4)
                bed.wait_for(lambda: len(g.records()) == 14)

            assert all(c["file"] in str(r.headers) for r in ask())
            leave()
            file.write_text(c["later"])
            subprocess.run([binary, "reload", "--admin", f"http://{g.admin}"], capture_output=True, timeout=30,
                           check=True)

            def has_it():
                """Who; before the next requests might write over what the last ones have left."""
                found = set()
                for who, pid in {"master": g.pid, **g.children()}.items():
                    pieces = list(memory(pid))
                    assert any(str(server.port).encode() in piece for piece in pieces), who
                    found |= {who for piece in pieces if c["file"].encode() in piece}
                return found

            bed.wait_for(lambda: not has_it())
            asked = ask()
            assert asked and all(c["later"] in str(r.headers) for r in asked)
            assert not has_it()
        finally:
            over.set()
            g.stop()


def test_keys_that_may_be_swapped_are_told(tmp_path):
    """Where memory may not be locked, the start says so. (It ends at once: its port is taken.) A
    sanitizer makes mlock() succeed."""
    binary = shipped()
    if not binary:
        pytest.skip("unsupported: no release build here")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        conf = tmp_path / "lamplighter.yaml"
        conf.write_text(f"version: 1\nserver: {{listen: ['127.0.0.1:{port}']}}\n")
        run = subprocess.run(
            ["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", binary, "run", "-c",
             conf] if os.geteuid() == 0 else [binary, "run", "-c", conf],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0)),
            capture_output=True, text=True, timeout=10)
    assert run.returncode == 1 and str(port) in run.stderr
    assert "warning[W007]: keys are not kept out of swap" in run.stderr
