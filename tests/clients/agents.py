"""Coding agents as people run them: how each is told where its models are, and one run of it."""
import json
import os
import pathlib
import re
import signal
import subprocess

import serving

SECONDS_MAX = 58
DOCS = pathlib.Path(__file__).parents[2] / "docs/agents.md"
TITLES = {"claude": "Claude Code", "codex": "Codex", "gemini": "Gemini CLI", "opencode": "opencode"}


# --- Each: its words and its environment, for a question to a model at a URL -----------------

def claude(home, url, model, question):
    off = ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_TELEMETRY", "DISABLE_AUTOUPDATER",
           "DISABLE_ERROR_REPORTING")
    return (["-p", question, "--model", model, "--allowedTools", "Bash"],
            {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": serving.KEY, **dict.fromkeys(off, "1")})


def codex(home, url, model, question):
    row = f'{{name="gw",base_url="{url}/v1",env_key="OPENAI_API_KEY",wire_api="responses"}}'
    settings = ['model_provider="gw"', f"model_providers.gw={row}", "analytics.enabled=false",
                'web_search="disabled"']  # a tool that OpenAI runs itself
    flags = [word for setting in settings for word in ("-c", setting)]
    return (["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", *flags,
             "-m", model, question], {"OPENAI_API_KEY": serving.KEY})


def gemini(home, url, model, question):
    (home / ".gemini").mkdir()
    (home / ".gemini/settings.json").write_text(json.dumps({
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False}, "telemetry": {"enabled": False}}))
    return (["-p", question, "-m", model, "--yolo"],
            {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": serving.KEY,
             "GEMINI_CLI_TRUST_WORKSPACE": "true"})


def opencode(home, url, model, question):
    options = {"baseURL": url + "/v1", "apiKey": serving.KEY}
    (home / "opencode.json").write_text(json.dumps({
        "autoupdate": False, "share": "disabled",
        "provider": {"gw": {"npm": "@ai-sdk/openai-compatible", "options": options,
                            "models": {model: {}}}}}))
    return (["run", "-m", f"gw/{model}", question],
            {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"})


TELL = {"claude": claude, "codex": codex, "gemini": gemini, "opencode": opencode}


class Agent:
    """One run of an agent, in a home of its own. Nothing of our environment is seen."""

    def __init__(self, node, port, home, program, model, question):
        self.tap = serving.Tap(port)
        self.home = home
        self.program = program
        words, env = TELL[program](home, self.tap.url, model, question)
        path = f"{node / 'bin'}:/usr/bin:/bin"
        self.process = subprocess.Popen(
            [node / "bin" / program, *words], cwd=home, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env={"PATH": path, "HOME": str(home), **env})
        self.result = None

    def finish(self, seconds=SECONDS_MAX):
        """Its standard output, once it has ended with status 0."""
        if self.result is None:
            try:
                self.result = self.process.communicate(timeout=seconds)
            finally:
                if self.process.poll() is None:
                    os.killpg(self.process.pid, signal.SIGKILL)
                    self.process.wait()
                self.tap.close()
        out, err = self.result
        assert self.process.returncode == 0, f"{out}\n{err}"
        return out


def documented(program):
    """The requests in the program's section of the page."""
    section = DOCS.read_text().split(f"\n## {TITLES[program]}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.M))
