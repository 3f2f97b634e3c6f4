"""Recorded traffic of real providers, read by the dialects: replay.c does the work."""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("LAMPLIGHTER_DATA") or ROOT.parent / "shared/data")
DEEP = bool(os.environ.get("LAMPLIGHTER_DEEP"))
EVERY = ["every"] if DEEP else []
LONG = 3600 if DEEP else 300  # what takes every event of all recordings


def counts(binary, program, last_line, *args, limit=280):
    """Run a program over the recordings; the numbers of its last line."""
    if not (DATA / "recorded").is_dir():
        pytest.skip("unsupported: no recorded traffic on this machine (LAMPLIGHTER_DATA)")
    done = subprocess.run([binary.parents[1] / "tests/conformance" / program, DATA, *args],
                          capture_output=True, text=True, timeout=limit, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    found = re.search(f"^# {last_line}$", done.stdout, re.M)
    assert found, done.stdout[-400:]
    return [int(n) for n in found.groups()]


@pytest.mark.timeout(300)
def test_recorded(binary):
    """No answer is complete before its provider said so, and every complete one is."""
    recordings, streams, false = counts(
        binary, "replay", r"(\d+) recordings, (\d+) streams, (\d+) false completions")
    assert recordings > 1000 and streams > 300 and false == 0


@pytest.mark.timeout(300)
def test_translated(binary):
    """Every recorded answer reaches a client of every dialect, every request a target."""
    answers, requests, faults = counts(
        binary, "translate", r"(\d+) answers, (\d+) requests, (\d+) faults")
    assert answers > 5000 and requests > 5000 and faults == 0


@pytest.mark.timeout(300)
def test_gemini_there_and_back(binary):
    """Every recorded request and answer of Gemini is read as a conversation, and written again."""
    requests, answers, streams = counts(
        binary, "convert_gemini", r"(\d+) requests .*, (\d+) answers, (\d+) streams, 0 failures")
    assert requests > 400 and answers > 300 and streams > 50


@pytest.mark.timeout(300)
def test_translated_cuts(binary, seed):
    """A recorded stream that breaks off is never whole to a client of any dialect."""
    streams, cuts, false, failures = counts(
        binary, "cuts", r"(\d+) streams, (\d+) cuts, (\d+) false completions, (\d+) failures, seed " +
        str(seed), str(seed))
    assert streams > 2000 and cuts > 20000 and false == 0 and failures == 0


@pytest.mark.timeout(300)
def test_healthy_waits(binary, seed):
    """A target whose first tokens come as real providers' do is hardly ever taken for silent."""
    files, waits, given_up, shuffled, of = counts(
        binary, "waits", r"(\d+) files, (\d+) waits, (\d+) given up, (\d+) of (\d+) in other orders, "
        "seed " + str(seed), str(seed))
    assert files >= 8 and waits > 1000 and given_up == 0 and shuffled * 10_000 < of


@pytest.mark.timeout(LONG)
def test_joins(binary, seed):
    """A recorded stream that breaks off and is gone on with says what it says whole, once: at drawn events
    of each stream, in deep runs at all of them."""
    streams, cuts, joins, failures = counts(
        binary, "joins", r"(\d+) streams, (\d+) cuts, (\d+) joins, (\d+) failures, seed " +
        str(seed), str(seed), *EVERY, limit=LONG - 20)
    assert streams > 2400 and cuts > (50_000 if DEEP else 10_000) and failures == 0
    assert joins > (40_000 if DEEP else 20_000)


@pytest.mark.timeout(LONG)
def test_relayed(binary, seed):
    """The same through the whole relay: some streams of each host, broken in each way behind every event,
    are one whole text to their client, or end with an error."""
    hosts, streams, cuts, joined, whole, failures = counts(
        binary, "relayed", r"(\d+) hosts, (\d+) streams, (\d+) cuts, (\d+) joined, (\d+) had to be whole, "
        r"\d+ broken, (\d+) failures, seed " + str(seed), str(seed), *EVERY, limit=LONG - 20)
    assert hosts > 30 and streams > 60 and failures == 0
    assert cuts > (24_000 if DEEP else 6000) and joined * 3 > cuts and whole * 3 > cuts


@pytest.mark.timeout(300)
def test_sessions(binary):
    """A pool that does not know how long answers will be holds nearly what it could, and survives."""
    pools, held, lost, of = counts(
        binary, "sessions", r"(\d+) pools, (\d+) of 1000 held at the least, (\d+) of (\d+) lost")
    assert pools == 8 and held >= 970 and of > 100_000 and lost * 1000 <= of
