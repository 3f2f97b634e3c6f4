"""What does a person see when an answer breaks?

The table: client x proxy in between x kind of break. Several SDKs return half an answer without
an exception when the connection ends in order; the gateway's promise is that a broken answer
never looks like a whole one. docs/clients.md is the table as last committed: a cell that got
worse fails the test, a cell that got better rewrites the page.

All cells are measured at the same time, each as often as RUNS says, and the worst counts. Coding
agents come after that, once each and without proxies: they take seconds, and ask again by themselves.
"""
import concurrent.futures
import itertools
import json
import pathlib
import subprocess

import anthropic
import httpx
import openai
import pytest

import agents
import node_client
import proxies
import serving

RUNS = 2
AT_A_TIME = 12
IDLE_MS = 700
PATIENCE_S = 3  # of a client that nobody tells that its stream stalls
PAGE = pathlib.Path(__file__).parents[2] / "docs/clients.md"

AGENTS_AT_A_TIME = 4
AGENTS_PATIENCE_S = 20  # longer than any run without a stall takes where it is quiet

VERDICTS = ["silent", "hangs", "flag", "broken", "error", "again"]  # the worst first
CLIENTS = ["openai (Python)", "anthropic (Python)", "openai (Node)", "anthropic (Node)",
           "anthropic (Node, old)", "curl"]
AGENTS = {  # title: its program, provider, and how many answers break: opencode also asks for a title
    "Claude Code": ("claude", "ant", 1), "opencode": ("opencode", "oai", 2)}
BREAKS = {  # title: what the provider does
    "cut": "fault=cut;at-byte=1500",  # in the middle of an event, after some with text
    "reset": "fault=cut;at=6;how=rst",
    "clean end": "fault=cut;at=6;how=chunk-end",
    "error event": "fault=error-event;at=6",
    "stall": "fault=stall;at=6",
}
ALONE = "no gateway"  # the way that goes straight to the provider
QUESTION = [{"role": "user", "content": "hi"}]
WHOLE = "".join(f"w{i:06} " for i in range(12)).strip()  # what the mock says when nothing breaks


# --- Clients: each says how a stream ended --------------------------------------------------

def heard(data):
    """Half an answer must have come: else it was not the stream that broke."""
    assert "w000000" in data, f"no text came: {data}"


def ended(data):
    """The verdict on a stream that ended well; data: all that came."""
    heard(data)
    return "flag" if '"error"' in data else "silent"


def raised(library, e, data):
    heard(data or repr(e))
    if isinstance(e, library.APITimeoutError) or "Timeout" in type(e).__name__:
        return "hangs"
    return "error" if getattr(e, "body", None) else "broken"


def python_openai(base, model, key):
    data = ""
    with openai.OpenAI(api_key=key, base_url=base + "/v1", max_retries=0,
                       timeout=PATIENCE_S) as client:
        try:
            for chunk in client.chat.completions.create(model=model, messages=QUESTION,
                                                        stream=True):
                data += chunk.model_dump_json()
        except Exception as e:  # whatever an SDK lets through
            return raised(openai, e, data)
    return ended(data)


def python_anthropic(base, model, key):
    data = ""
    with anthropic.Anthropic(api_key=key, base_url=base, max_retries=0,
                             timeout=PATIENCE_S) as client:
        try:
            with client.messages.stream(model=model, max_tokens=99, messages=QUESTION) as stream:
                for event in stream:
                    data += event.model_dump_json()
                stream.get_final_message()
        except Exception as e:
            return raised(anthropic, e, data)
    return ended(data)


def node_sdk(process, sdk, method, path, request):
    def run(base, model, key):
        try:
            out = process.call(sdk, base + path, key, method, {**request, "model": model},
                               seconds=PATIENCE_S)
        except TimeoutError:
            return "hangs"
        if "error" in out:
            heard(json.dumps(out.get("items", out["error"])))
            return "error" if out["error"].get("body") else "broken"
        return ended(json.dumps(out["items"]))

    return run


def curl(base, model, key):
    body = json.dumps({"model": model, "stream": True, "messages": QUESTION})
    run = subprocess.run(["curl", "-sSN", "--noproxy", "*", "-m", str(PATIENCE_S), "-d", body,
                          "-H", f"authorization: Bearer {key}", base + "/v1/chat/completions"],
                         capture_output=True, text=True, timeout=30)
    if run.returncode == 28:
        return "hangs"
    if run.returncode != 0:
        heard(run.stdout)
        return "error" if '"error"' in run.stdout else "broken"
    return ended(run.stdout)


class Agents:
    """Runs of agents, each with a provider whose first answers break."""

    def __init__(self, node, mock, gateway, homes):
        self.node, self.mock, self.homes = node, mock, homes
        self.numbers = itertools.count()
        self.ports = {ALONE: mock.port, "no proxy": gateway.port}

    def cells(self):
        return [(title, way, kind) for kind in BREAKS for title, (program, *_) in AGENTS.items()
                for way in self.ports if (self.node / "bin" / program).exists()]

    def run(self, cell, seconds):
        title, way, kind = cell
        program, provider, count = AGENTS[title]
        name = f"mock{next(self.numbers)};{BREAKS[kind]};first={count}"
        agent = agents.Agent(self.node, self.ports[way], self.homes.mktemp(program), program,
                             name if way == ALONE else f"{provider}/{name}", "say hi")
        try:
            said = agent.finish(seconds)
        except subprocess.TimeoutExpired:
            return "hangs"
        except AssertionError:  # it ended with another status than 0
            return "error"
        assert [r for r in self.mock.requests(model=name) if r["fault"] != "none"]
        return "again" if WHOLE in said else "flag" if "rror" in said else "silent"

    def measure(self):
        """{(title, way, break): verdict}. What hangs for the first time is asked alone: perhaps the
        machine is busy."""
        cells, before = self.cells(), committed()
        with concurrent.futures.ThreadPoolExecutor(AGENTS_AT_A_TIME) as pool:
            verdicts = dict(zip(cells, pool.map(lambda c: self.run(c, AGENTS_PATIENCE_S), cells)))
        for cell, word in verdicts.items():
            if word == "hangs" and before.get(cell) != "hangs":
                verdicts[cell] = self.run(cell, agents.SECONDS_MAX)
        return verdicts


@pytest.fixture(scope="module")
def clients(node):
    process = node_client.NodeClient(node)
    chat = {"messages": QUESTION, "stream": True}
    message = {"messages": QUESTION, "max_tokens": 99}
    yield {
        "openai (Python)": python_openai,
        "anthropic (Python)": python_anthropic,
        "openai (Node)": node_sdk(process, "openai", "chat.completions.create", "/v1", chat),
        "anthropic (Node)": node_sdk(process, "anthropic", "messages.stream", "", message),
        "anthropic (Node, old)": node_sdk(process, "anthropic-old", "messages.stream", "",
                                          message),
        "curl": curl,
    }
    process.stop()


# --- Ways from the client to the provider ---------------------------------------------------

@pytest.fixture(scope="module")
def gateway(binary, mock, tmp_path_factory):
    text = serving.config_text(mock.url, extra=f"    timeout: {{idle: {IDLE_MS}ms}}\n")
    server = serving.Gateway(binary, tmp_path_factory.mktemp("gateway"), text)
    yield server
    assert server.stop() == 0, server.output()


@pytest.fixture(scope="module")
def ways(mock, gateway, tmp_path_factory):
    """{title: base URL}"""
    started = {}
    for kind in proxies.PROXIES:
        if not proxies.available(kind):
            pytest.skip(f"unsupported: no {kind} on this machine")
        directory = tmp_path_factory.mktemp("proxy")
        started[kind] = proxies.Proxy(kind, directory, gateway.port)
    yield {ALONE: mock.url, "no proxy": gateway.base,
           **{kind: f"http://127.0.0.1:{proxy.port}" for kind, proxy in started.items()}}
    for proxy in started.values():
        proxy.stop()


# --- The table ------------------------------------------------------------------------------

def measure(clients, ways):
    """{(client, way, break): verdict}"""
    def one(cell):
        client, way, kind = cell
        prefix = "" if way == ALONE else "ant/" if client.startswith("anthropic") else "oai/"
        return clients[client](ways[way], f"{prefix}mock;{BREAKS[kind]}", serving.KEY)

    cells = [(c, w, b) for b in BREAKS for c in CLIENTS for w in ways] * RUNS
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        verdicts = list(pool.map(one, cells))
    worst = {}
    for cell, word in zip(cells, verdicts):
        worst[cell] = min(word, worst.get(cell, word), key=VERDICTS.index)
    for cell, word in worst.items():  # on a busy machine everything seems to hang: ask alone
        if word == "hangs" and cell[1] != ALONE:
            worst[cell] = one(cell)
    return worst


HEAD = """\
# What clients show when an answer breaks

Written by `tests/clients/test_truth_table.py` from what it saw; a cell that gets worse fails that
test. The provider (the mock) breaks a stream in five ways after some text has been delivered:
*cut* (FIN in the middle of an event), *reset* (RST), *clean end* (the body ends in order, but the
terminal marker is missing), *error event* (the provider reports an error inside the stream) and
*stall* (silence). The client talks to the provider itself (*no gateway*), or to the gateway
directly (*no proxy*), or through one of Debian 12's proxies; *nginx tuned* is the configuration
in [proxies.md](proxies.md). Coding agents are given one broken answer and then whole ones, and are not
tried behind proxies.

| word | what the program that uses the client sees |
|---|---|
| error | an exception that says what broke |
| broken | an exception about the connection |
| flag | no exception, but an error stands in the data that came |
| hangs | nothing, for longer than the stall lasts that the gateway declares |
| silent | nothing: half an answer that looks like a whole one |
| again | the program asked again by itself, and the answer is whole: the break was of its first answer |
"""


def render(table, ways):
    lines = [HEAD]
    for kind in BREAKS:
        lines += [f"\n## {kind}\n", "| client | " + " | ".join(ways) + " |",
                  "|---" * (len(ways) + 1) + "|"]
        lines += [f"| {client} | " + " | ".join(table.get((client, way, kind), "-")
                                                for way in ways) + " |"
                  for client in [*CLIENTS, *AGENTS]]
    return "\n".join(lines) + "\n"


def committed():
    """The table as the page has it."""
    table = {}
    if not PAGE.exists():
        return table
    for section in PAGE.read_text().split("\n## ")[1:]:
        kind, *lines = section.splitlines()
        rows = [[word.strip() for word in line.strip("|").split("|")]
                for line in lines if line.startswith("|")]
        if rows:
            ways = rows[0][1:]
            for row in rows[2:]:
                table.update({(row[0], way, kind): word for way, word in zip(ways, row[1:])
                              if word != "-"})
    return table


@pytest.fixture(scope="module")
def table(clients, ways, node, mock, gateway, tmp_path_factory):
    return {**measure(clients, ways), **Agents(node, mock, gateway, tmp_path_factory).measure()}


@pytest.mark.timeout(1200)
def test_no_break_is_silent(table):
    """Nor does a proxy hide what the client shows without one."""
    hidden = [cell for cell, word in table.items()
              if cell[1] != ALONE and word in ("silent", "hangs")]
    assert hidden == []


def test_no_cell_got_worse(table, ways):
    before = committed()
    rank = VERDICTS.index
    worse = {cell: f"{before[cell]} -> {word}" for cell, word in table.items()
             if cell in before and cell[1] != ALONE and rank(word) < rank(before[cell])}
    assert worse == {}
    if any(before.get(cell) != word for cell, word in table.items()):
        PAGE.write_text(render(table, ways))


@pytest.mark.parametrize("kind", BREAKS)
def test_break_over_http2(gateway, kind):
    """Neither proxies nor SDKs speak HTTP/2 without TLS by themselves, so here are those who do:
    the error event comes, then the stream is reset, and the connection lives on."""
    url = gateway.base + "/v1/chat/completions"
    headers = {"authorization": f"Bearer {serving.KEY}"}
    body = {"model": f"oai/mock;{BREAKS[kind]}", "stream": True, "messages": QUESTION}
    run = subprocess.run(["curl", "-sSN", "--noproxy", "*", "-m", "20", "--http2-prior-knowledge",
                          "-H", f"authorization: {headers['authorization']}",
                          "-d", json.dumps(body), url], capture_output=True, text=True, timeout=30)
    assert run.returncode == 92, run.stderr  # "stream error in the HTTP/2 framing layer"
    assert "w000000" in run.stdout and '"error"' in run.stdout
    with httpx.Client(http1=False, http2=True, timeout=20) as client:
        data = ""
        with pytest.raises(httpx.RemoteProtocolError), client.stream(
                "POST", url, headers=headers, json=body) as answer:
            for text in answer.iter_text():
                data += text
        assert "w000000" in data and '"error"' in data and "[DONE]" not in data
        good = client.post(url, headers=headers, json={**body, "model": "oai/mock"})
        assert good.text.endswith("data: [DONE]\n\n")


def test_the_tuned_configurations_are_documented():
    text = (PAGE.parent / "proxies.md").read_text()
    assert proxies.NGINX_TUNED in text
    assert proxies.HAPROXY_TUNED in text
