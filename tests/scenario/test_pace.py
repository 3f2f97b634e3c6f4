"""What takes too long is told, or fails where that is asked for; also when it takes it for its end."""
import pathlib
import subprocess
import sys
import types

import pytest

import pace

HERE = pathlib.Path(__file__).parent
CLOCK = """
import pace

class Clock:
    now = 0.0
    monotonic = staticmethod(lambda: Clock.now)

pace.time, pace.lost = Clock, lambda: 0.0
pace.EXCEPTIONS["scenario/test_x::test_excused"] = (60, "why")
"""
TESTS = """
import pace, pytest

def spend(seconds):
    pace.time.now += seconds

@pytest.fixture
def slow_end():
    yield
    spend(4)

@pytest.fixture(scope="module")
def slow_module():
    spend(4)
    yield
    spend(4)

def test_quick(slow_module): spend(2.9)
def test_slow(): spend(3.1)
def test_slow_end(slow_end): pass
def test_excused(): spend(59)
def test_last(slow_module): pass
"""


@pytest.mark.parametrize("strict", [True, False])
def test_who_takes_too_long_is_told(tmp_path, strict):
    (tmp_path / "conftest.py").write_text(CLOCK + (HERE / "conftest.py").read_text())
    (tmp_path / "test_x.py").write_text(TESTS)
    run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
                         env={"PYTHONPATH": str(HERE.parent),
                              "LAMPLIGHTER_SLOW": str(tmp_path / "slow"),
                              **({"LAMPLIGHTER_PACE": "strict"} if strict else {})},
                         capture_output=True, text=True, timeout=50)
    assert ("1 failed, 4 passed, 1 error" if strict else "5 passed") in run.stdout, run.stdout
    told = run.stdout if strict else (tmp_path / "slow").read_text()
    assert "test_x::test_slow took 3.1 s of its own" in told
    assert "test_x::test_slow_end took 4.0 s of its own" in told


@pytest.mark.parametrize("lost, own", [((5.0, 5.0), 9.0), ((5.0, 7.0), 7.0), ((5.0, 99.0), 0.0),
                                       ((None, None), 0.0)])
def test_what_others_take_is_not_counted(monkeypatch, lost, own):
    times, losses = iter((100.0, 109.0)), iter(lost)
    monkeypatch.setattr(pace, "time", types.SimpleNamespace(monotonic=lambda: next(times)))
    monkeypatch.setattr(pace, "lost", lambda: next(losses))
    seconds = pace.Watch().seconds()
    monkeypatch.undo()
    assert seconds == own
