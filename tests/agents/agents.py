"""The agents: how each is installed, pointed at a gateway, and asked without a terminal."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import processes

# Installed packages stay here, a few hundred MB of them; homes and work folders are made anew for each run.
FOLDER = Path(os.environ.get("LOCKGATE_AGENTS", processes.ROOT / "target/agents"))
LIMIT = 120  # seconds for one task; a healthy one takes a few


@dataclass(frozen=True)
class Agent:
    """An agent, and what is its own way of saying things."""

    name: str
    package: str
    version: str
    # What is run, below `node_modules`: a program, or a script for node.
    entry: str
    # What its provider speaks when there is no gateway.
    dialect: str
    # A model it knows by name, and sends other requests to than to one it does not know.
    known: str
    # `(gateway, key, model, home) -> environment`; may write settings into the home.
    settings: Callable
    # `(model, prompt) -> arguments`
    arguments: Callable
    # Its tools as calls: `(command) -> call` and `(file) -> call`.
    run: Callable
    read: Callable


def install(agent):
    """Installs the pinned version if it is not there; returns the command that starts it."""
    prefix = FOLDER / agent.name
    entry = str(prefix / "node_modules" / agent.entry)
    command = ["node", entry] if entry.endswith("js") else [entry]
    stamp = prefix / "installed"
    if stamp.is_file() and stamp.read_text() == agent.version:
        return command
    prefix.mkdir(parents=True, exist_ok=True)
    # Install scripts build what is not used here, and link what the entry finds without.
    npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(prefix)]
    subprocess.run([*npm, f"{agent.package}@{agent.version}"], check=True, timeout=600)
    stamp.write_text(agent.version)
    return command


def ask(agent, gateway, key, model, prompt, folder):
    """Gives the agent a task in `folder/work`; returns its exit status and what it printed."""
    command = install(agent)
    home = folder / "home"
    home.mkdir()
    environment = {
        # Nothing of the user's own: no keys, no proxies, no settings.
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        **agent.settings(gateway, key, model, home),
    }
    with subprocess.Popen(
        [*command, *agent.arguments(model, prompt)],
        cwd=folder / "work",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            output += f"\n(killed after {LIMIT} s)"
    return process.returncode, output


def call(tool, arguments):
    return {"tool": tool, "arguments": arguments}


# --- Claude Code ---


def claude_settings(gateway, key, model, home):
    return {
        "ANTHROPIC_BASE_URL": gateway,
        "ANTHROPIC_API_KEY": key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        # A refusal is to be seen, not tried again.
        "CLAUDE_CODE_MAX_RETRIES": "0",
    }


def claude_arguments(model, prompt):
    return ["-p", prompt, "--model", model, "--allowedTools", "Bash", "Read"]


CLAUDE = Agent(
    name="claude-code",
    package="@anthropic-ai/claude-code",
    version="2.1.329",
    entry="@anthropic-ai/claude-code/cli-wrapper.cjs",
    dialect="anthropic",
    known="claude-sonnet-4-6",
    settings=claude_settings,
    arguments=claude_arguments,
    run=lambda command: call("Bash", {"command": command, "description": "As asked"}),
    read=lambda file: call("Read", {"file_path": str(file)}),
)


# --- Codex ---


def codex_settings(gateway, key, model, home):
    (home / ".codex").mkdir()
    provider = {"name": "lockgate", "base_url": f"{gateway}/v1", "env_key": "LOCKGATE_KEY", "wire_api": "responses"}
    provider |= {"request_max_retries": 0, "stream_max_retries": 0}
    lines = [
        'model_provider = "lockgate"',
        "check_for_update_on_startup = false",
        "[analytics]",
        "enabled = false",
        "[model_providers.lockgate]",
        # A JSON text or number is one in TOML too.
        *(f"{name} = {json.dumps(value)}" for name, value in provider.items()),
    ]
    (home / ".codex/config.toml").write_text("\n".join(lines) + "\n")
    return {"LOCKGATE_KEY": key}


def codex_arguments(model, prompt):
    # The commands it is told to run are those of the script; its sandbox needs a kernel that allows one.
    return ["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", "--model", model, prompt]


CODEX = Agent(
    name="codex",
    package="@openai/codex",
    version="0.169.0",
    entry=".bin/codex",
    dialect="openai-responses",
    known="gpt-5.5",
    settings=codex_settings,
    arguments=codex_arguments,
    run=lambda command: call("exec_command", {"cmd": command}),
    read=lambda file: call("exec_command", {"cmd": f"cat {file}"}),
)


# --- Gemini CLI ---


def gemini_settings(gateway, key, model, home):
    settings = {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
    }
    (home / ".gemini").mkdir()
    (home / ".gemini/settings.json").write_text(json.dumps(settings))
    return {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": gateway}


def gemini_arguments(model, prompt):
    return ["--skip-trust", "--yolo", "--model", model, "--prompt", prompt]


GEMINI = Agent(
    name="gemini-cli",
    package="@google/gemini-cli",
    version="0.61.0",
    entry=".bin/gemini",
    dialect="gemini",
    known="gemini-3.1-pro-preview",
    settings=gemini_settings,
    arguments=gemini_arguments,
    run=lambda command: call("run_shell_command", {"command": command, "description": "As asked"}),
    read=lambda file: call("read_file", {"file_path": str(file)}),
)

AGENTS = [CLAUDE, CODEX, GEMINI]
