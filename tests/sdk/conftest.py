"""Fixtures: an SDK client of the gateway, and the model names to use.

`pytest --direct` sends the same tests straight to the mock provider, to tell a wrong test or mock from a wrong gateway;
tests of what only the gateway does are skipped then.
"""

import contextlib

import openai
import pytest

import processes
import servers


def pytest_addoption(parser):
    parser.addoption("--direct", action="store_true", help="test the mock provider itself, without the gateway")


def pytest_configure(config):
    config.addinivalue_line("markers", "gateway: tests something that only the gateway does")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--direct"):
        for item in items:
            if item.get_closest_marker("gateway"):
                item.add_marker(pytest.mark.skip(reason="only the gateway does this"))


@pytest.fixture(scope="session")
def endpoints(request):
    """Base URL and key for each operation: the gateway's, or with --direct the mock's own."""
    if not processes.BINARY.exists():
        pytest.exit(f"{processes.BINARY} is missing; build it with: cargo build -p lockgate-cli", returncode=2)
    processes.begin()
    with contextlib.ExitStack() as stack:
        try:
            up = stack.enter_context(servers.mock("up"))
            limited = stack.enter_context(servers.mock("limited", "--cycle", "429"))
            if request.config.getoption("--direct"):
                found = {operation: (limited if operation == "limited" else up, "key") for operation in servers.MODELS}
            else:
                gateway = stack.enter_context(servers.gateway({"up": up, "limited": limited}))
                found = dict.fromkeys(servers.MODELS, gateway)
        except processes.NotReady as failure:
            # Said once, instead of once for every test.
            pytest.exit(str(failure), returncode=1)
        yield found


@pytest.fixture(scope="session")
def model(request):
    """The name to ask for, by operation."""
    column = 1 if request.config.getoption("--direct") else 0
    return {operation: names[column] for operation, names in servers.MODELS.items()}


@pytest.fixture(scope="session")
def clients(endpoints):
    """One SDK client per operation. None of them retries: a failure must be seen as it is."""

    def client(url, key):
        return openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=30)

    clients = {operation: client(*endpoint) for operation, endpoint in endpoints.items()}
    yield clients
    for open_client in clients.values():
        open_client.close()


@pytest.fixture(scope="session")
def client(clients):
    return clients["chat"]
