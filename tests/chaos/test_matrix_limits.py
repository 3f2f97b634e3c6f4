"""The fault matrix, rows 19 to 21, what row 8 says of breakers, and how soon whoever was sick is asked again:
limits, dead accounts, storms, slow streams and breakers, for clients of every dialect. What is remembered of a target is remembered here."""
import concurrent.futures
import itertools
import time

import pytest

import bed
import matrix
from asks import WORDS
from matrix import draw

FAULTY, WELL = {"user-agent": "faulty"}, {"user-agent": "well"}
# Ways in which a target is sick for a while: the behaviour, and whether only streams have it.
SICK = {"reset": "fault=reset", "silent": "fault=silent", "a page": "fault=html", "503": "status=503,retry-after=none",
        "cut": "fault=cut,at=5", "stall": "fault=stall,at=5", "half of the JSON": "fault=cut-json"}
ONE_FORM = {"cut": ("sse",), "stall": ("sse",), "half of the JSON": ("json",)}
# What each dialect's vendor says of an account that has nothing left (provider-errors).
DEAD = {
    "chat": ("insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
             "project_spend_limit_exceeded", "organization_usage_limit_exceeded"),
    "responses": ("insufficient_quota",),
    "messages": ("enforced_spend_limit_reached", "credit_balance", "spend_limit", "billing_error"),
    "gemini": ("quota_per_day", "PREPAID_EMPTY", "quota_spend"),
}
KINDS = [(dialect, kind) for dialect, kinds in DEAD.items() for kind in kinds]
# The other targets of a plan are of another provider, whose answers can be gone on with.
NAME = matrix.FAMILY


def sick_cases():
    return {name: draw(f"sick {name}", ONE_FORM.get(name, ("sse", "json")))[:None if matrix.DEEP else 2]
            for name in SICK}


SICK_CASES = sick_cases()
LIMITED_WAYS = draw("limited")
STORM_WAYS = draw("storm")
SLOW_WAYS = draw("slow", ("sse",))


def letters(n):
    return chr(97 + n // 26) + chr(97 + n % 26)


@pytest.fixture(scope="module")
def mock(binary, place):
    script = place / "script"
    script.write_text(
        "".join(f"model=*.sick{letters(n)}.* user-agent=faulty* => {how}\n" for n, how in enumerate(SICK.values()))
        + "".join(f"model=*.dead{letters(n)}.* => kind={kind}\n" for n, (_, kind) in enumerate(KINDS))
        + "model=*.limited.* => status=429,retry-after=30,retry-after-ms=none\nmodel=*.storm.* user-agent=faulty* => "
        "status=503,retry-after=none\nmodel=*.slow.* user-agent=faulty* => gap=1100ms\n")
    m = bed.Mock(binary, place, "--script", script)
    yield m
    m.stop()


def provider(mock, dialect, **more):
    """A provider of its own: what is known of one says nothing of the others."""
    kind, path, key = matrix.TARGETS[dialect]
    return bed.provider(kind, mock.addr, path=path, **{"key": key, **more})


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    conf = bed.basic(mock.addr)
    conf["defaults"] |= {"breaker": True, "rate_limits": True, "slow_start": "0s"}
    rows, models = conf["providers"], {}
    for n, (name, ways) in enumerate(SICK_CASES.items()):
        for m, way in enumerate(ways):
            row = f"sick{letters(n)}{letters(m)}"
            rows[row] = provider(mock, way.target, timeout=matrix.IMPATIENT)
            models[row] = {"targets": [f"{row}/{row}.sick{letters(n)}.{NAME}", f"vllm/well.{NAME}"]}
    for n, way in enumerate(LIMITED_WAYS):
        row = f"limited{letters(n)}"
        rows[row] = provider(mock, way.target)
        models[row] = {"targets": [f"{row}/{row}.limited.{NAME}", f"vllm/well.{NAME}"]}
        models[f"{row}-alone"] = {"targets": f"{row}/{row}.limited.{NAME}"}
    for n, (dialect, _) in enumerate(KINDS):
        row = f"dead{letters(n)}"
        rows[row] = provider(mock, dialect, key=["env:OAI_KEY", "env:ANT_KEY"])
        models[row] = {"targets": f"{row}/{row}.dead{letters(n)}.{NAME}"}
    for n, way in enumerate(STORM_WAYS):
        row = f"storm{letters(n)}"
        rows[row], rows[f"{row}b"] = provider(mock, way.target), provider(mock, "chat")
        models[row] = {"targets": [f"{row}/{row}.storm.{NAME}", f"{row}b/{row}.storm.{NAME}"]}
    for n, way in enumerate(SLOW_WAYS):
        row = f"slow{letters(n)}"
        rows[row] = provider(mock, way.target)
        models[row] = {"targets": [f"{row}/{row}.slow.{NAME}", f"vllm/well.{NAME}"]}
    conf["models"] = models
    for row in rows.values():
        row["fate"] = "none"  # they share a host only here
    g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    yield g
    g.stop()
    matrix.said_nothing(g)


def model_of(mock, row, slug):
    return mock.requests(f"{row}.{slug}.{NAME}")


def eight_times(gateway, row, way):
    for _ in range(8):
        answer = matrix.ask(gateway, way, row, headers=FAULTY)
        assert (answer.status, answer.end) == (200, "whole"), (row, str(way), answer)
        assert way.text_of(answer) == WORDS, (row, str(way), answer)


def until_well(gateway, row, way):
    over = time.monotonic()
    while True:
        answer = matrix.ask(gateway, way, row, headers=WELL)
        matrix.honest(way, answer)
        assert answer.status == 200
        if answer["x-lamplighter-target"].startswith(row):
            return time.monotonic() - over
        assert time.monotonic() - over < 10, (row, str(way), answer)
        time.sleep(0.1)


def test_whoever_was_sick_is_asked_again(gateway, mock):
    """Its breaker opens, others answer meanwhile; ten seconds behind the fault's end it answers again."""
    cases = [(f"sick{letters(n)}{letters(m)}", way, letters(n))
             for n, ways in enumerate(SICK_CASES.values()) for m, way in enumerate(ways)]

    def all_at_once(what):
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            return list(pool.map(lambda case: what(gateway, *case[:2]), cases))

    all_at_once(eight_times)
    for row, way, slug in cases:
        asked = len(model_of(mock, row, f"sick{slug}"))
        assert 5 <= asked <= 8, (row, str(way), asked)  # of these some may have been sent twice, or a probe
    print("well again behind", ", ".join(f"{seconds:.1f} s" for seconds in all_at_once(until_well)))


def test_a_limit_is_kept(gateway, mock):
    """Row 19: asked once, and by nobody for 30 s; who has no other target hears when."""
    for n, way in enumerate(LIMITED_WAYS):
        row = f"limited{letters(n)}"
        for again in range(6):
            answer = matrix.ask(gateway, way, row)
            assert answer.status == 200 and answer["x-lamplighter-target"] == f"vllm/well.{NAME}"
            assert answer["x-lamplighter-attempts"] == ("1" if again else "2")
            matrix.honest(way, answer)
        answer = matrix.ask(gateway, way, f"{row}-alone")
        assert (answer.status, answer["x-should-retry"]) == (429, "true"), (str(way), answer)
        assert 20 <= int(answer["retry-after"]) <= 33 and answer.seconds < 1
        matrix.honest(way, answer)
        assert len(model_of(mock, row, "limited")) == 1


@pytest.mark.parametrize("n", range(len(KINDS)), ids=["-".join(kind) for kind in KINDS])
def test_a_dead_account_is_asked_once(gateway, mock, n):
    """Row 20: each of its keys once, and then none."""
    row = f"dead{letters(n)}"
    for way in draw(f"dead {n}"):
        for _ in range(2):
            answer = matrix.ask(gateway, way, row)
            assert (answer.status, answer["x-should-retry"]) == (429, "false"), (str(way), answer)
            matrix.honest(way, answer)
    assert len(model_of(mock, row, f"dead{letters(n)}")) == 2
    matrix.recorded(gateway, answer)


def test_a_storm_in_every_dialect(gateway, mock):
    """Row 21 in short: what reaches the targets stays near what is asked for, refusals are quick, and it is
    over when its cause is."""
    rows = [f"storm{letters(n)}" for n in range(len(STORM_WAYS))]
    asked = 0
    for turn, (row, way) in itertools.product(range(15), zip(rows, STORM_WAYS)):
        answer = matrix.ask(gateway, way, row, headers=FAULTY)
        assert answer.status == 503 and answer.seconds < 1, (turn, str(way), answer)
        matrix.honest(way, answer)
        asked += 1
    attempts = sum(len(model_of(mock, row, "storm")) for row in rows)
    print(f"{asked} requests, {attempts} attempts")
    assert attempts <= 1.2 * asked
    over = time.monotonic()
    for row, way in zip(rows, STORM_WAYS):
        while matrix.ask(gateway, way, row, headers=WELL).status != 200:
            assert time.monotonic() - over < 10
            time.sleep(0.05)


def asked_of(gateway, way, row, headers, n, at_once):
    """Whom so many whole streams have come from."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(lambda _: matrix.ask(gateway, way, row, headers=headers), range(n)))
    assert all((a.status, a.end, way.text_of(a)) == (200, "whole", WORDS) for a in answers), (row, str(way))
    return {a["x-lamplighter-target"].split("/")[0] for a in answers}


def test_whoever_has_become_slow_is_asked_last(gateway):
    """Row 8: five streams that come at a twentieth of the usual rate are whole, and then others are asked."""
    cases = [(f"slow{letters(n)}", way) for n, way in enumerate(SLOW_WAYS)]

    def state(row):
        return next(t["state"] for t in gateway.status()["targets"] if t["target"].startswith(f"{row}/"))

    def becomes_slow(case):
        row, way = case
        assert asked_of(gateway, way, row, WELL, 50, 2) == {row}
        assert asked_of(gateway, way, row, FAULTY, 5, 5) == {row}
        assert state(row) == "slow"
        assert asked_of(gateway, way, row, WELL, 2, 1) == {"vllm"}

    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        list(pool.map(becomes_slow, cases))
