"""The commands that need no configuration."""
import subprocess


def call(binary, *args):
    return subprocess.run([binary, *args], capture_output=True, text=True, timeout=10)


def test_version_is_one_line(binary):
    run = call(binary, "version")
    assert run.returncode == 0
    name, number = run.stdout.split()
    assert name == "lamplighter"
    assert len(number.split(".")) == 3


def test_help_names_every_command(binary):
    run = call(binary, "help")
    assert run.returncode == 0
    assert "version" in run.stdout


def test_unknown_command_is_refused_by_name(binary):
    run = call(binary, "no-such-command")
    assert run.returncode == 2
    assert "no-such-command" in run.stderr
    assert run.stdout == ""
