"""A mock provider, and gateways with what one test wants of them."""

import contextlib
import json
import urllib.request

import pytest

import processes


@pytest.fixture(scope="session", autouse=True)
def run():
    """The folder of this run; logs stay in it."""
    if not processes.BINARY.exists():
        pytest.exit(f"{processes.BINARY} is missing; build it with: cargo build -p lockgate-cli", returncode=2)
    processes.begin()
    return processes.RUN


@pytest.fixture(scope="session")
def mock(run):
    with processes.mock(run / "mock.log") as address:
        yield address


class Gateway:
    def __init__(self, address, client_key, admin_key):
        self.address, self.client_key, self.admin_key = address, client_key, admin_key

    def ask(self, model="fast", stream=False, headers=None):
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "a word of the prompt"}]}
        request = urllib.request.Request(
            f"http://{self.address}/v1/chat/completions",
            json.dumps(body).encode(),
            {"content-type": "application/json", "authorization": f"Bearer {self.client_key}", **(headers or {})},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
            return answer.headers

    def page(self, accept):
        headers = {"authorization": f"Bearer {self.admin_key}", "accept": accept}
        request = urllib.request.Request(f"http://{self.address}/metrics", headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers["content-type"], answer.read().decode()


@pytest.fixture
def gateway(mock, request):
    """`(more of the config, environment) -> Gateway`."""
    with contextlib.ExitStack() as stack:

        def start(rest=None, environment=None):
            client_key, admin_key = processes.secret("client key"), processes.secret("admin key")
            upstream_key = processes.secret("upstream key")
            config = {
                "access": {"admin_key": "${ADMIN_KEY}", "keys": [{"name": 'a "quoted\\key', "key": "${CLIENT_KEY}"}]},
                "providers": {"up": {"kind": "openai", "base_url": f"http://{mock}/v1", "api_key": "${UPSTREAM_KEY}"}},
                "models": {"fast": {"targets": ["up/gpt-4o-mini"]}},
                **(rest or {}),
            }
            keys = {"CLIENT_KEY": client_key, "ADMIN_KEY": admin_key, "UPSTREAM_KEY": upstream_key}
            address = stack.enter_context(processes.gateway(config, request.node.name, {**keys, **(environment or {})}))
            return Gateway(address, client_key, admin_key)

        yield start
