"""What takes too long is told, or fails: see pace.py. What only begins or ends with a module is not counted."""
import functools

import pytest

import bed
import pace

TOOK = pytest.StashKey[float]()


@functools.cache
def sanitized():
    return bed.program().exists() and bed.sanitized(bed.program())


def judge(item, watch):
    item.stash[TOOK] = item.stash.get(TOOK, 0.0) + watch.seconds()
    fault = pace.fault(f"scenario/{item.module.__name__}::{item.originalname}", item.stash[TOOK],
                       sanitized())
    if not fault:
        return
    item.stash[TOOK] = 0.0  # it is told once
    if pace.fails(fault):
        pytest.fail(fault, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    watch = pace.Watch()
    result = yield
    judge(pyfuncitem, watch)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    watch = pace.Watch()
    result = yield
    if nextitem and nextitem.module is item.module:
        judge(item, watch)
    return result
