"""No unit or scenario test takes over SECONDS_MAX, so that none sleeps and all are run often.

What counts is the test's own time: without that in which, as the kernel tells, somebody on this machine
could not go on for want of a processor or a disk, or the machine itself stood still. So a test that
sleeps is found wherever it is quiet. A kernel that does not tell judges nobody.

Machines differ all the same, so what is slow is named at the end of a run and fails nothing; with
LAMPLIGHTER_PACE=strict in the environment it fails.
"""
import os
import pathlib
import re
import time

SECONDS_MAX = 3.0
SANITIZED = 1.5  # times as much for the builds with sanitizers
EXCEPTIONS = {  # id: (seconds at most, why)
    "scenario/test_processes::test_a_request_that_crashed_a_worker_is_refused":
        (20, "to meet a worker at work takes some tries"),
    "scenario/test_processes::test_a_killed_worker_takes_only_its_share":
        (6, "500 streams are opened"),
    "scenario/test_credentials::test_the_old_one_is_used_until_it_ends":
        (7, "tokens live for whole seconds, and two are seen to end"),
    "scenario/test_credentials::test_renewed_while_requests_go_on":
        (6, "tokens live for whole seconds, and several are renewed"),
    "scenario/test_bad_configurations::test_bad_configurations_are_taken_back":
        (200, "up to fifty configurations are each tried under a load of its own"),
    "scenario/test_trial::test_without_requests_it_is_unproven_until_somebody_says":
        (6, "a trial lasts a second at least, and is waited for"),
    "scenario/test_sick_targets::test_a_breaker_whose_time_is_over_is_seen_half_open":
        (7, "a breaker is open for up to 5 s"),
    "scenario/test_override::test_it_ends_by_itself_and_outlives_a_reload":
        (5, "it lasts for whole seconds"),
    "memory/test_limits::test_an_endless_event_is_relayed_in_pieces": (8, "1 GiB passes"),
    **dict.fromkeys(
        (f"scenario/test_bad_input::{name}" for name in (
            "test_64_mib_are_translated", "test_64_mib_without_room_to_translate",
            "test_a_fault_at_the_end_of_64_mib")), (6, "64 MiB are read by Python and a sanitizer")),
    "unit/http/h1/seeds": (8, "200 seeds of twenty exchanges, each in small pieces"),
    "unit/http/h2/seeds": (6, "the same over HTTP/2"),
    "unit/http/h1/large_bodies": (5, "256 MiB pass through the virtual network"),
    "unit/dialect/generated/conversations_go_there_and_back": (4, "as many conversations as it takes"),
}


def lost():
    """Seconds since the machine began that were lost in this way; None: nobody tells."""
    try:
        kinds = [pathlib.Path("/proc/pressure", kind).read_text() for kind in ("cpu", "io")]
        stolen = int(pathlib.Path("/proc/stat").read_text().split(None, 9)[8])
    except (OSError, ValueError, IndexError):
        return None
    waits = sum(int(re.search(r"^some .*total=(\d+)", text)[1]) for text in kinds)
    return waits / 1e6 + stolen / os.sysconf("SC_CLK_TCK")


class Watch:
    """Begins with its making."""

    def __init__(self):
        self.begin, self.lost = time.monotonic(), lost()

    def seconds(self):
        """Of one's own, until now."""
        wall, now = time.monotonic() - self.begin, lost()
        return 0.0 if now is None or self.lost is None else max(0.0, wall - (now - self.lost))


def fault(id_, seconds, sanitized):
    """What is wrong with a test that took so long, or None."""
    most = EXCEPTIONS.get(id_, (SECONDS_MAX, ""))[0] * (SANITIZED if sanitized else 1)
    if seconds <= most:
        return None
    return f"{id_} took {seconds:.1f} s of its own, {most:.1f} s are allowed (tests/pace.py)"


def fails(fault_):
    """Does it? Else it is kept for the end of the run, in the file that LAMPLIGHTER_SLOW names."""
    if os.environ.get("LAMPLIGHTER_PACE") == "strict":
        return True
    if os.environ.get("LAMPLIGHTER_SLOW"):
        with open(os.environ["LAMPLIGHTER_SLOW"], "a") as told:
            told.write(fault_ + "\n")
    return False
