"""server.user: the gateway that root starts is nobody's root once its addresses are bound, in all its
processes and for good; and what that user cannot read is said at the start and not at the first
crash."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import tempfile

import pytest

import bed

USER = pwd.getpwnam("nobody")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="unsupported: only root has root to give up")


@pytest.fixture
def place():
    """A folder that others may enter, unlike pytest's own."""
    with contextlib.ExitStack() as stack:
        path = pathlib.Path(tempfile.mkdtemp(prefix="lamplighter-user-"))
        stack.callback(shutil.rmtree, path)
        path.chmod(0o755)
        yield path


def ids(pid):
    """All four user ids, all four group ids, and the further groups of a process."""
    fields = dict(line.split(":", 1) for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines())
    return [int(n) for name in ("Uid", "Gid", "Groups") for n in fields[name].split()]


def write(path, text, mode, user=0):
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, user, -1)


def test_no_process_keeps_root(binary, place, start):
    """Also those that come later; reloads and keys in files go on working."""
    m = start(bed.Mock)
    conf = bed.basic(m.addr, user=USER.pw_name)
    key = place / "key"
    write(key, "sk-of-a-file", 0o600, USER.pw_uid)
    conf["providers"]["gen"]["key"] = f"file:{key}"
    groups = os.getgroups()
    os.setgroups([0, 4])  # which shall not stay with it
    try:
        g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    finally:
        os.setgroups(groups)
    try:
        first = g.children()
        for pid in [g.pid, *first.values()]:
            assert set(ids(pid)) == {USER.pw_uid, USER.pw_gid}, pid
        bed.wait_for(lambda: g.status()["uptime_s"] > 1.1)  # what dies younger waits for a second
        os.kill(first["worker 0"], signal.SIGKILL)
        bed.wait_for(lambda: g.workers()[0] not in (0, first["worker 0"]))
        assert set(ids(g.workers()[0])) == {USER.pw_uid, USER.pw_gid}
        for n in range(20):
            assert g.chat(f"gen/user{n}").status == 200
        g.signal(signal.SIGHUP)
        bed.wait_for(lambda: "reload: taken into use" in g.said())
        write(key, "sk-of-roots-own", 0o600)
        g.signal(signal.SIGHUP)
        bed.wait_for(lambda: "the old configuration stays" in g.said())
        assert str(key) in g.said()
        assert g.chat("gen/after").status == 200
    finally:
        g.stop(blame=None)


@pytest.mark.parametrize("user, says", [
    ("root", "'root' is root itself"),
    ("no-such-user-here", "no user 'no-such-user-here' on this host"),
])
def test_a_user_that_cannot_be(binary, place, start, user, says):
    m = start(bed.Mock)
    with pytest.raises(AssertionError, match="ended early"):
        bed.Gateway(binary, place, bed.basic(m.addr, user=user), env=bed.KEYS)
    assert f"server.user: {says}" in (place / "gateway.err").read_text()


def test_what_the_user_cannot_read_is_said_at_the_start(binary, place, start):
    m = start(bed.Mock)
    conf = bed.basic(m.addr, user=USER.pw_name)
    key = place / "key"
    write(key, "sk-of-roots-own", 0o600)
    conf["providers"]["gen"]["key"] = f"file:{key}"
    with pytest.raises(AssertionError, match="ended early"):
        bed.Gateway(binary, place, conf, env=bed.KEYS)
    said = (place / "gateway.err").read_text()
    assert "what root could read, 'nobody' (server.user) cannot" in said
    assert str(key) in said and "sk-of-roots-own" not in said
