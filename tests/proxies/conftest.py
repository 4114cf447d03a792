"""Fixtures: the mock behind TLS, and the proxies; what cannot be had is said at the end."""

import contextlib
import itertools
import json
import urllib.error
import urllib.request

import pytest

import processes
import world


def pytest_collection_modifyitems(items):
    if world.MISSING:
        why = f"{' and '.join(world.MISSING)} not installed: apt-get install tinyproxy-bin microsocks"
        for item in items:
            item.add_marker(pytest.mark.skip(reason=why))


def pytest_terminal_summary(terminalreporter):
    if world.MISSING:
        terminalreporter.write_line("!! NOTHING WAS TESTED: the proxies are missing", red=True, bold=True)


@pytest.fixture(scope="session", autouse=True)
def run():
    """The folder of this run; logs stay in it."""
    if not processes.BINARY.exists():
        pytest.exit(f"{processes.BINARY} is missing; build it with: cargo build -p lockgate-cli", returncode=2)
    processes.begin()
    return processes.RUN


@pytest.fixture(scope="session")
def authority(run):
    return world.Authority(run, "harbour")


@pytest.fixture(scope="session")
def mock(run):
    with processes.mock(run / "mock.log") as address:
        yield address


@pytest.fixture(scope="session")
def front(mock, authority):
    """The mock behind TLS: host and port."""
    with world.tls_front(mock, authority.identity("localhost")) as port:
        yield f"localhost:{port}"


@pytest.fixture
def proxies(run, request):
    """A tinyproxy and a microsocks of the test's own."""
    with contextlib.ExitStack() as stack:
        name = request.node.name
        yield stack.enter_context(world.tinyproxy(f"{name}-http")), stack.enter_context(world.microsocks(f"{name}-socks"))


@pytest.fixture
def ask(request):
    """`(provider, rest of the config, environment) -> ask`, where each ask answers with status and text."""
    number = itertools.count()
    with contextlib.ExitStack() as stack:

        def start(provider, rest=None, environment=None):
            key = processes.secret("client key")
            config = {
                "access": {"keys": [{"name": "test", "key": "${CLIENT_KEY}"}]},
                "providers": {"up": {"kind": "openai", **provider}},
                "models": {"fast": {"targets": ["up/gpt-4o-mini"]}},
                "retry": {"attempts": 1},
                **(rest or {}),
            }
            environment = {"CLIENT_KEY": key, **(environment or {})}
            name = f"{request.node.name}-{next(number)}"
            address = stack.enter_context(processes.gateway(config, name, environment))
            return lambda: post(address, key)

        yield start


def post(address, key):
    body = json.dumps({"model": "fast", "messages": [{"role": "user", "content": "Say ahoi."}]}).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(f"http://{address}/v1/chat/completions", body, headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
