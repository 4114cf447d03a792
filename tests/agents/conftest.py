"""Fixtures: a mock provider that speaks every dialect, and a gateway for each of them."""

import contextlib
import json
import shutil
import urllib.request

import pytest

import agents
import processes


# Each dialect a provider can speak: how the config says so, a new model of it and an old one, which takes other settings.
UPSTREAMS = {
    "openai-chat": ({"kind": "openai", "speaks": ["openai-chat"]}, "gpt-5.5", "gpt-4o"),
    "openai-responses": ({"kind": "openai", "speaks": ["openai-responses"]}, "gpt-5.5", "gpt-4.1"),
    "anthropic": ({"kind": "anthropic"}, "claude-sonnet-5-5", "claude-sonnet-4-5"),
    "gemini": ({"kind": "gemini"}, "gemini-3-pro-preview", "gemini-2.5-flash"),
    "ollama": ({"kind": "ollama"}, "qwen3", "gpt-oss"),
    "bedrock": ({"kind": "bedrock"}, "us.anthropic.claude-sonnet-5-5", "amazon.nova-lite-v1:0"),
}
# The new model under a name that no agent knows; the old one has the names that they do know.
STRANGE = "coder"


class Mock:
    """The mock provider's control surface."""

    def __init__(self, host):
        self.host = host

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.host}/_mock/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def play(self, calls):
        """Forgets what was, and makes these calls from now on."""
        self._ask("POST", "reset")
        self._ask("PUT", "behaviour", {"calls": calls})

    def ledger(self):
        return self._ask("GET", "ledger")


@pytest.fixture(scope="session")
def run():
    """The folder of this run; logs stay in it."""
    if not processes.BINARY.exists():
        pytest.exit(f"{processes.BINARY} is missing; build it with: cargo build -p lockgate-cli", returncode=2)
    if not shutil.which("npm"):
        pytest.exit("npm is missing; the agents are installed with it", returncode=2)
    processes.begin()
    return processes.RUN


@pytest.fixture(scope="session")
def mock(run):
    with processes.mock(run / "mock.log", "--keep-bodies") as address:
        yield Mock(f"http://{address}")


@pytest.fixture(scope="session")
def gateways(run, mock):
    """Host and key of the gateway for each dialect."""
    with contextlib.ExitStack() as stack:
        try:
            yield {dialect: stack.enter_context(gateway(dialect, mock)) for dialect in UPSTREAMS}
        except processes.NotReady as failure:
            pytest.exit(str(failure), returncode=1)


@contextlib.contextmanager
def gateway(dialect, mock):
    provider, new, old = UPSTREAMS[dialect]
    keys = {name: processes.secret(name) for name in ("AGENTS_CLIENT_KEY", "AGENTS_UPSTREAM_KEY")}
    config = {
        "access": {"keys": [{"name": "agents", "key": "${AGENTS_CLIENT_KEY}"}]},
        "providers": {"up": {**provider, "base_url": mock.host, "api_key": "${AGENTS_UPSTREAM_KEY}"}},
        "models": {
            STRANGE: {"targets": [f"up/{new}"]},
            "known": {"targets": [f"up/{old}"], "aliases": [agent.known for agent in agents.AGENTS]},
        },
        "retry": {"attempts": 1},
    }
    with processes.gateway(config, dialect, keys) as address:
        yield f"http://{address}", keys["AGENTS_CLIENT_KEY"]
