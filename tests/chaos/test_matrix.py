"""The fault matrix: what a provider's answers have wrong, for clients of every dialect, streaming and not,
before targets of every dialect. One row a fault. Beside each faulty target stands one that is well, and the
same fault is met by a client whose model has no other target. Clients of all ways ask at the same time, and
others ask for what is well.

`make test` draws the ways by its seed, so that every fault meets each client, each target and both forms;
LAMPLIGHTER_DEEP takes all."""
import concurrent.futures
import itertools
import json
import time
import urllib.parse

import pytest

import bed
import matrix
import wire
from asks import WORDS
from matrix import FAMILY, draw

FAULTY, WELL = {"user-agent": "faulty"}, {"user-agent": "well"}
ODD = "h\u00e9, \u2028\u20ac \U0001f600 \u0301, and so on"  # characters of two, three and four bytes
SSE, JSON = ("sse",), ("json",)
THINK_SECONDS = 13 if matrix.DEEP else 3
BIG = 1 << 20  # of a request that is still under way when its answer comes


class Row:
    """number: of the matrix. fault: the behaviour (docs/mock.md), or one for each dialect of a target.
    ends: what becomes of it, see below. why: the reason and the class that the record and the client get
    where nobody else can be asked; None where they are as the target's dialect has them. apart: one request after
    the other, each when what came behind the last one has come."""

    def __init__(self, number, name, fault, ends, why=None, forms=("sse", "json"), quick=False, said=WORDS,
                 size=2, apart=False):
        self.number, self.name, self.fault, self.ends, self.why = number, name, fault, ends, why
        self.quick, self.said, self.size, self.apart = quick, said, size, apart
        self.ways = draw(name, forms)



# ELSEWHERE: nothing of an answer was sent; the next target answers. JOINED: it goes on with the text.
# FULL: odd, and complete. ASIS: what the provider said is complete, and told as it was said. EITHER: FULL or
# ELSEWHERE, by who was faster. ENDLESS: nobody says that it is complete before somebody has said so.
ELSEWHERE, JOINED, FULL, ASIS, EITHER, ENDLESS = range(6)
TRUNCATED, JUNK, RESET = ("truncated",) * 2, ("junk",) * 2, ("reset", "maybe-executed")
SILENT, STALLED = ("timeout-first-token", "maybe-executed"), ("timeout-idle", "maybe-executed")
LATE_FIRST = {**dict.fromkeys(matrix.TARGETS, "ttft=120s"), "gemini": "fault=stall,at=0"}

ROWS = [
    Row(5, "reset in the text", "fault=cut,at=5,how=rst", JOINED, TRUNCATED, SSE),
    Row(5, "reset in the text at once", "fault=cut,at=5,how=rst-now", ELSEWHERE, RESET, SSE),
    Row(5, "reset in the JSON", "fault=cut,at-byte=100,how=rst", ELSEWHERE, TRUNCATED, JSON),
    Row(6, "FIN in a chunked text", "fault=cut,at=5", JOINED, TRUNCATED, SSE),
    Row(6, "FIN in a chunk", "fault=cut,at-byte=1500,mid-chunk=1", JOINED, TRUNCATED, SSE),
    Row(6, "FIN in a text without a length", "fault=cut,at=5,frame=close", JOINED, TRUNCATED, SSE),
    Row(6, "FIN in a text of HTTP 1.0", "fault=cut,at=5,frame=http10", JOINED, TRUNCATED, SSE),
    Row(6, "FIN in the JSON", "fault=cut,at-byte=100,frame=close", ELSEWHERE, TRUNCATED, JSON),
    Row(7, "a clean end in the text", "fault=cut,at=5,how=chunk-end", JOINED, TRUNCATED, SSE),
    Row(7, "a clean end of HTTP 1.0 in the text", "fault=cut,at=5,how=chunk-end,frame=http10", JOINED,
        TRUNCATED, SSE),
    Row(7, "the whole text and no terminal", "fault=no-terminal", ENDLESS, TRUNCATED, SSE),
    Row(7, "no DONE behind the terminal", "done=0", FULL, forms=SSE),
    Row(8, "a head byte by byte", "dribble=1B/20ms", ELSEWHERE, SILENT, quick=True),
    Row(8, "events in small pieces", f"dribble-body=47B/1ms,crlf=1,text={urllib.parse.quote(ODD)}", FULL, forms=SSE, said=ODD),
    Row(8, "JSON in small pieces", f"dribble-body=47B/1ms,text={urllib.parse.quote(ODD)}", FULL, forms=JSON, said=ODD),
    Row(15, "a page", "fault=html", ELSEWHERE, JUNK),
    Row(15, "nothing", "fault=empty", ELSEWHERE, TRUNCATED),
    Row(16, "half of the JSON", "fault=cut-json", ELSEWHERE, TRUNCATED, JSON),
    Row(16, "a length that is too short", "fault=length-short", ELSEWHERE, TRUNCATED, JSON),
    Row(16, "a length that is too long", "fault=length-long", ELSEWHERE, TRUNCATED, JSON),
    Row(16, "no gzip", "fault=gzip", ELSEWHERE, JUNK),
    Row(16, "two lengths", "fault=two-lengths", ELSEWHERE, JUNK),
    Row(16, "a wrong chunk", "fault=chunk-garbage,at=5", JOINED, TRUNCATED, SSE),
    Row(17, "an error first", "fault=error-event", ELSEWHERE, forms=SSE),
    Row(18, "an error behind text", "fault=error-event,at=5", JOINED, forms=SSE),
    Row(22, "a slow first token", LATE_FIRST, ELSEWHERE, SILENT, SSE, quick=True),
    Row(22, "a slow answer", "head=120s", ELSEWHERE, SILENT, JSON, quick=True),
    Row(22, "silence", "fault=silent", ELSEWHERE, SILENT, quick=True),
    Row(23, "a stall in the text", "fault=stall,at=5", JOINED, STALLED, SSE, quick=True),
    Row(23, "a stall in an event", "fault=stall,at-byte=1500", JOINED, STALLED, SSE, quick=True),
    Row(23, "a stall in the JSON", "fault=stall,at-byte=100", ELSEWHERE, STALLED, JSON, quick=True),
    Row(24, "an event twice", {**dict.fromkeys(matrix.TARGETS, "fault=duplicate,at=5"),
                               "responses": "fault=none"}, ASIS, forms=SSE),
    Row(24, "a numbered event twice", {**dict.fromkeys(matrix.TARGETS, "fault=none"),
                                       "responses": "fault=duplicate,at=5"}, FULL, forms=SSE),
    Row(24, "events in another order", {**dict.fromkeys(matrix.TARGETS, "fault=reorder,at=5"),
                                        "responses": "fault=none"}, ASIS, forms=SSE),
    Row(24, "numbered events in another order", {**dict.fromkeys(matrix.TARGETS, "fault=malformed,at=5"),
                                                 "responses": "fault=reorder,at=5"}, JOINED, JUNK, SSE),
    Row(24, "a second beginning", {**dict.fromkeys(matrix.TARGETS, "fault=restart,at=5"),
                                   "messages": "fault=none", "responses": "fault=none"}, ASIS, forms=SSE),
    Row(24, "a second beginning where there is one", {**dict.fromkeys(matrix.TARGETS, "fault=malformed,at=5"),
                                                      "messages": "fault=restart,at=5",
                                                      "responses": "fault=restart,at=5"}, JOINED, JUNK, SSE),
    Row(24, "text behind the terminal", {**dict.fromkeys(matrix.TARGETS, "fault=after-terminal"),
                                         "gemini": "fault=none"}, FULL, forms=SSE),
    Row(25, "a second answer that nobody asked for", "fault=extra", FULL, apart=True),
    Row(26, "an early refusal", "fault=early,status=503", ELSEWHERE, size=BIG),
    Row(26, "an early answer", "fault=early", EITHER, size=BIG),
    Row(26, "ten 103s", "fault=1xx,count=10", FULL),
    Row(26, "eleven 103s", "fault=1xx,count=11", ELSEWHERE, JUNK),
    Row(27, "a huge header", "fault=huge-header", ELSEWHERE, JUNK),
    Row(30, "no UTF-8 in the text", "fault=malformed,at=5,bad=utf8", JOINED, JUNK, SSE),
    Row(30, "NUL in the text", "fault=malformed,at=5,bad=nul", JOINED, JUNK, SSE),
    Row(30, "half an event", "fault=malformed,at=5", JOINED, JUNK, SSE),
    Row(30, "JSON that is none", "fault=malformed,at=0", ELSEWHERE, JUNK, JSON),
]


def letters(n):
    return "".join(chr(97 + n // 26**i % 26) for i in (2, 1, 0))


class Case:
    """A fault and a way: two models, the one with another target and the one without."""

    def __init__(self, n, row, way, slug):
        self.row, self.way, self.name = row, way, letters(n)
        kind = ("quick-" if row.quick else "") + way.target
        self.first = [f"{kind}/{self.name}.{which}.{slug}.{FAMILY}" for which in ("pair", "alone")]
        self.second = f"vllm/{self.name}.well.{FAMILY}" if n % 2 else f"ant/{self.name}.well.{FAMILY}"
        self.models = {f"{self.name}-pair": {"targets": [self.first[0], self.second]},
                       f"{self.name}-alone": {"targets": self.first[1]}}


def all_cases():
    numbers, found, script = itertools.count(), {}, []
    for n, row in enumerate(ROWS):
        slug = "x" + letters(n)
        found[row.name] = [Case(next(numbers), row, way, slug + way.target[0]) for way in row.ways]
        by = {"*": row.fault} if isinstance(row.fault, str) else row.fault
        script += [f"model=*.{slug}{target[0]}.* user-agent=faulty* => {how}" for target, how in by.items()]
    return found, script


CASES, SCRIPT = all_cases()


@pytest.fixture(scope="module")
def mock(binary, place):
    script = place / "script"
    script.write_text("".join(line + "\n" for line in SCRIPT))
    m = bed.Mock(binary, place, "--script", script)
    yield m
    m.stop()


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    conf = bed.basic(mock.addr)
    conf["providers"] = {
        **matrix.providers(mock.addr), **matrix.providers(mock.addr, "quick-", timeout=matrix.IMPATIENT),
        "vllm": bed.provider("vllm", mock.addr),
        "ant": bed.provider("anthropic", mock.addr, path="", key="env:ANT_KEY")}
    conf["models"] = {name: model for cases in CASES.values() for case in cases
                      for name, model in case.models.items()} | {
                          "well": {"targets": "vllm/well"},
                          "thinks": {"targets": f"chat/thinks;ttft={THINK_SECONDS}s"}}
    g = bed.Gateway(binary, place, conf, env=bed.sparing())
    yield g
    g.stop()
    matrix.said_nothing(g)


def ask_all(gateway, what):
    """Answers to all of it, [(way, model, headers, size)], asked at the same time."""
    def one(each):
        way, model, headers, size = each
        return matrix.ask(gateway, way, model, headers=headers, size=size)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(one, what))


def apart(gateway, mock, what):
    found = []
    for way, model, headers, size in what:
        found.append(matrix.ask(gateway, way, model, headers=headers, size=size))
        bed.wait_for(lambda: len(mock.log(ev="end")) == len(mock.log(ev="request")))
        bed.settle(mock.addr)
    return found


class Judge:
    """What became of one case."""

    def __init__(self, gateway, mock, case, pair, alone):
        self.case, self.row, self.way = case, case.row, case.way
        self.pair, self.alone, self.mock = pair, alone, mock
        for which, answer in (("pair", pair), ("alone", alone)):
            assert answer.status, f"{case.way} {which}: no answer"
        self.records = [matrix.recorded(gateway, answer) for answer in (pair, alone)]
        getattr(self, ("elsewhere", "joined", "full", "as_is", "either", "endless")[self.row.ends])()
        self.within_budget()

    def honest(self):
        for answer in (self.pair, self.alone):
            matrix.honest(self.way, answer, self.row.said)

    def within_budget(self):
        """One copy for each attempt, and one more where a kept connection ended under the first."""
        for model, record in zip(self.case.first, self.records):
            asked = len(self.mock.requests(model.partition("/")[2]))
            again = record.get("resent") or record["attempts"] > 1
            assert asked <= 1 + bool(again and self.row.why in (RESET, TRUNCATED)), (asked, record)
        assert len(self.mock.requests(self.case.second.partition("/")[2])) <= 1
        assert self.records[0]["attempts"] <= 2 and self.records[1]["attempts"] <= 1

    def told(self, record):
        assert record["outcome"] == "failed", record
        assert self.row.why in (None, (record["reason"], record["class"])), record

    def taken_over(self, outcome):
        pair, record = self.pair, self.records[0]
        assert (pair.status, pair.end, record["outcome"]) == (200, "whole", outcome), pair
        assert record["attempts"] == 2 and record["target"] == self.case.second
        assert record["tried"].startswith(self.case.first[0] + "=")

    def elsewhere(self):
        self.honest()
        self.taken_over("equivalent")
        assert self.alone.status >= 429 and self.alone.end == "whole"
        self.told(self.records[1])
        assert self.alone.json()["lamplighter"]["reason"] == self.records[1]["reason"]

    def joined(self):
        self.honest()
        self.taken_over("joined")
        self.broken()

    def broken(self):
        assert (self.alone.status, self.alone.end) == (200, "cut"), self.alone
        self.told(self.records[1])
        said = matrix.errors(self.alone.text)[-1]
        assert said["lamplighter"]["reason"] == self.records[1]["reason"], said
        assert self.way.text_of(self.alone)

    def full(self):
        self.honest()
        self.as_is()

    def as_is(self):
        for answer, record, model in zip((self.pair, self.alone), self.records, self.case.first):
            assert (answer.status, answer.end, record["outcome"]) == (200, "whole", "full"), answer
            assert (record["attempts"], record["target"]) == (1, model)
            assert self.way.text_of(answer) == self.row.said or self.row.ends == ASIS

    def either(self):
        if self.records[0]["outcome"] == "full":
            self.honest()
        else:
            self.taken_over("equivalent")

    def endless(self):
        """Whoever has closed its text cannot go on with it."""
        self.honest()
        if self.records[0]["outcome"] == "joined":
            self.taken_over("joined")
        else:
            self.told(self.records[0])
        self.broken()


@pytest.mark.parametrize("name", CASES, ids=lambda name: f"{next(r.number for r in ROWS if r.name == name)}-"
                         f"{name}".replace(" ", "_"))
def test_the_answers_of_providers(gateway, mock, name):
    cases = CASES[name]
    size = cases[0].row.size
    what = [(case.way, f"{case.name}-{which}", FAULTY, size)
            for case in cases for which in ("pair", "alone")]
    beside = [(case.way, "well", WELL, 2) for case in cases]
    what = [each for both in zip(what[::2], what[1::2], beside) for each in both]
    answers = apart(gateway, mock, what) if cases[0].row.apart else ask_all(gateway, what)
    for case, pair, alone, well in zip(cases, answers[::3], answers[1::3], answers[2::3]):
        try:
            Judge(gateway, mock, case, pair, alone)
            assert (well.status, well.end, case.way.text_of(well)) == (200, "whole", WORDS)
        except AssertionError as e:
            raise AssertionError(f"{name}, {case.way} (LAMPLIGHTER_SEED={matrix.SEED}): {e}") from e
    again(gateway, cases)
    bed.wait_for(lambda: gateway.status()["requests_live"] == 0)


def again(gateway, cases):
    """The fault is over: the same targets answer, at once or within ten seconds."""
    end, left = time.monotonic() + 10, list(cases)
    while left:
        answers = ask_all(gateway, [(case.way, f"{case.name}-pair", WELL, 2) for case in left])
        for case, answer in zip(left, answers):
            matrix.honest(case.way, answer)
        left = [case for case, answer in zip(left, answers)
                if answer.status != 200 or answer["x-lamplighter-target"] != case.first[0]]
        assert not left or time.monotonic() < end, left


def test_nothing_is_left_of_it(gateway):
    """Descriptors and memory are what they were, however often all of it comes."""
    some = [cases[0] for cases in CASES.values() if not cases[0].row.quick and cases[0].row.size < BIG]
    what = [(case.way, f"{case.name}-pair", FAULTY, 2) for case in some]
    ask_all(gateway, what)
    pids = gateway.workers()
    before = {pid: matrix.opened(pid) for pid in pids}
    cost = bed.Cost(gateway)
    for _ in range(2):
        ask_all(gateway, what)
    assert gateway.workers() == pids
    bed.wait_for(lambda: gateway.status()["requests_live"] == 0)
    bed.wait_for(lambda: all(matrix.opened(pid) <= before[pid] + 20 for pid in pids), 10)
    assert cost.grown() < (40 << 20 if bed.sanitized(bed.program()) else 8 << 20), cost.grown()


# ---- what clients send ----

SENT = {
    "no UTF-8": (b"h\xff\xfei", (400,)),
    "an overlong slash": (b"h\xc0\xafi", (400,)),
    "a lone surrogate": (b"h\\ud800i", (200, 400)),
    "an escaped NUL": (b"h\\u0000i", (200, 400)),
    "a NUL": (b"h\0i", (400,)),
    "a line separator": ("h\u2028i".encode(), (200,)),
    "an escaped line separator": (b"h\\u2028i", (200,)),
}


@pytest.mark.parametrize("what", SENT)
def test_odd_characters_of_clients(gateway, mock, what):
    """Refused in the client's dialect, or passed on; and the log stays JSON."""
    data, good = SENT[what]
    for way in draw(what):
        path, body = way.question("well")
        text = json.dumps(body).encode()
        assert text.count(b'"hi"') == 1
        answer = gateway.ask(path, text.replace(b'"hi"', b'"' + data + b'"'))
        assert answer.status in good and answer.end == "whole", (str(way), answer)
        if good != (200, 400):  # the mock does not read these, and answers what it likes
            matrix.honest(way, answer)
        record = matrix.recorded(gateway, answer)
        assert record["outcome"] == ("full" if answer.status == 200 else "client_error"), record


def test_a_body_is_asked_for(gateway):
    """Expect: 100-continue, in each dialect."""
    for way in draw("continue"):
        path, body = way.question("well")
        head, _, rest = wire.request("POST", path, body, {"expect": "100-continue"}).partition(b"\r\n\r\n")
        with wire.Conn(gateway.addr) as conn:
            conn.send(head + b"\r\n\r\n")
            asked = conn.read(until=lambda reader: reader.informational)
            assert asked.informational == [100], str(way)
            conn.rest = b""
            conn.send(rest)
            answer = conn.read()
        assert (answer.status, answer.end) == (200, "whole")
        matrix.honest(way, answer)


def test_a_client_that_waits_hears_so(gateway):
    """A model that thinks: the head comes soon; behind it, in deep runs, the dialect's keep-alive, and
    then the one whole answer."""
    ways = [matrix.Way(client, "chat", "sse") for client in matrix.CLIENTS]

    def one(way):
        began, heard = time.monotonic(), []

        def watch(reader):
            if reader.status and not heard:
                heard.append(time.monotonic() - began)
            return False

        answer = matrix.ask(gateway, way, "thinks", until=watch)
        assert heard, (str(way), answer)
        return heard[0], answer

    with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
        for way, (head_s, answer) in zip(ways, pool.map(one, ways)):
            matrix.honest(way, answer)
            assert answer.end == "whole" and head_s < THINK_SECONDS - 0.5, (str(way), head_s)
            before = answer.text.partition(b"w000000")[0]
            if matrix.DEEP and way.client != "gemini":  # which has none
                assert b": " in before or b"ping" in before, before
