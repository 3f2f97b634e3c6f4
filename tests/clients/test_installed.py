"""The real clients start: when this fails, the install is broken and not the gateway."""
import os
import subprocess

import pytest


@pytest.mark.parametrize("program", ["node", "claude", "codex", "gemini", "llmprobe",
                                     "opencode"])
def test_program_starts(node, program):
    path = node / "bin" / program
    if not path.exists():
        pytest.skip(f"unsupported: no {program} for this machine")
    env = {**os.environ, "PATH": f"{node / 'bin'}:{os.environ['PATH']}"}  # not the machine's node
    run = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, env=env)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()


@pytest.mark.parametrize("package", ["openai", "@anthropic-ai/sdk", "anthropic-sdk-old"])
def test_package_loads(node, package):
    script = f"import('{package}').then(m => console.log(typeof m.default))"
    run = subprocess.run([node / "bin/node", "-e", script], cwd=node, capture_output=True,
                         text=True, timeout=30)
    assert run.stdout.strip() == "function", run.stderr
