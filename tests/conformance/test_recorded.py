"""Recorded traffic of real providers, read by the dialects: replay.c does the work."""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("LAMPLIGHTER_DATA") or ROOT.parent / "shared/data")


@pytest.mark.timeout(300)
def test_recorded(binary):
    """No answer is complete before its provider said so, and every complete one is."""
    if not (DATA / "recorded").is_dir():
        pytest.skip("unsupported: no recorded traffic on this machine (LAMPLIGHTER_DATA)")
    replay = binary.parents[1] / "tests/conformance/replay"
    done = subprocess.run([replay, DATA], capture_output=True, text=True, timeout=280, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    counts = re.search(r"^# (\d+) recordings, (\d+) streams, (\d+) false completions$",
                       done.stdout, re.M)
    assert counts and int(counts[1]) > 1000 and int(counts[2]) > 300 and counts[3] == "0"


@pytest.mark.timeout(300)
def test_translated(binary):
    """Every recorded answer reaches a client of every dialect, every request a target."""
    if not (DATA / "recorded").is_dir():
        pytest.skip("unsupported: no recorded traffic on this machine (LAMPLIGHTER_DATA)")
    translate = binary.parents[1] / "tests/conformance/translate"
    done = subprocess.run([translate, DATA], capture_output=True, text=True, timeout=280, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    counts = re.search(r"^# (\d+) answers, (\d+) requests, (\d+) faults$", done.stdout, re.M)
    assert counts and int(counts[1]) > 2000 and int(counts[2]) > 2000 and counts[3] == "0"


@pytest.mark.timeout(120)
def test_gemini_there_and_back(binary):
    """Every recorded request and answer of Gemini is read as a conversation, and written again."""
    if not (DATA / "recorded").is_dir():
        pytest.skip("unsupported: no recorded traffic on this machine (LAMPLIGHTER_DATA)")
    convert = binary.parents[1] / "tests/conformance/convert_gemini"
    done = subprocess.run([convert, DATA], capture_output=True, text=True, timeout=100, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    counts = re.search(r"^# (\d+) requests .*, (\d+) answers, (\d+) streams, 0 failures$",
                       done.stdout, re.M)
    assert counts and int(counts[1]) > 400 and int(counts[2]) > 300 and int(counts[3]) > 50
