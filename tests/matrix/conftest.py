"""Which cells are run, what they share, and the table at the end.

`pytest --client anthropic --upstream gemini` runs a part (both take patterns), as does `-k` with names of scenarios.
`pytest --direct` points each client at the mock of its own dialect, to tell a wrong test or mock from a wrong gateway.
"""

import collections
import contextlib
import dataclasses
import fnmatch

import pytest

import processes
import servers
from clients import CLIENTS
from scenarios import GATEWAY_ONLY, IMPOSSIBLE, SCENARIOS


def pytest_addoption(parser):
    parser.addoption("--direct", action="store_true", help="each client against the mock of its dialect, no gateway")
    parser.addoption("--client", default="*", metavar="PATTERN", help="only these clients")
    parser.addoption("--upstream", default="*", metavar="PATTERN", help="only these upstreams")


def pytest_generate_tests(metafunc):
    """Every scenario x every client x every upstream: what is impossible is skipped by name, nothing is left out."""
    option = metafunc.config.getoption
    chosen = [
        pytest.param(scenario, client, upstream, id=f"{client.name}-on-{upstream}-{scenario}".replace(" ", "-"))
        for client in CLIENTS
        if fnmatch.fnmatch(client.name, option("--client"))
        for upstream in upstreams(metafunc.config)
        if not option("--direct") or upstream == client.speaks
        for scenario in SCENARIOS
    ]
    metafunc.parametrize(("scenario", "client", "upstream"), chosen)


def upstreams(config):
    return fnmatch.filter(servers.UPSTREAMS, config.getoption("--upstream"))


def why_impossible(scenario, client, upstream, direct):
    for row in IMPOSSIBLE:
        if all(fnmatch.fnmatch(*pair) for pair in zip((scenario, client, upstream), row)):
            return row[3]
    if direct and any(fnmatch.fnmatch(scenario, s) and fnmatch.fnmatch(client, c) for s, c in GATEWAY_ONLY):
        return "only the gateway does this"
    return None


@dataclasses.dataclass(frozen=True)
class Site:
    """Where clients are pointed at."""

    direct: bool
    # By trouble. Of a gateway they are all the same, and the model makes the difference.
    hosts: dict
    key: str
    made: dict = dataclasses.field(default_factory=dict)

    def client(self, kind, trouble, key):
        """An SDK for a key, made once."""
        place = (kind, self.hosts[trouble], key)
        if place not in self.made:
            self.made[place] = kind(self.hosts[trouble], key)
        return self.made[place]

    def model(self, upstream, trouble):
        return servers.UPSTREAM_MODEL if self.direct else servers.model(upstream, trouble)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One client on one upstream."""

    site: Site
    kind: type
    upstream: str
    trouble: str = "well"
    key: str | None = None
    named: str | None = None

    def but(self, trouble="well", key=None, model=None):
        """The same with trouble, another key, or another model."""
        return dataclasses.replace(self, trouble=trouble, key=key, named=model)

    @property
    def client(self):
        return self.site.client(self.kind, self.trouble, self.key or self.site.key)

    @property
    def model(self):
        return self.named or self.site.model(self.upstream, self.trouble)

    def ask(self, ask):
        return self.client.ask(self.model, ask)

    def open(self, ask):
        return self.client.stream(self.model, ask)

    def stream(self, ask):
        """The pieces of text, and the answer put together from the stream."""
        streaming, pieces = self.open(ask), []
        while True:
            try:
                pieces.append(next(streaming))
            except StopIteration as end:
                return pieces, end.value

    def count(self, ask):
        return self.client.count(self.model, ask)


@pytest.fixture(scope="session")
def site(request):
    if not processes.BINARY.exists():
        pytest.exit(f"{processes.BINARY} is missing; build it with: cargo build -p lockgate-cli", returncode=2)
    processes.begin()
    direct = request.config.getoption("--direct")
    chosen = upstreams(request.config)
    with contextlib.ExitStack() as stack:
        try:
            mocks = stack.enter_context(servers.mocks())
            host, key = (None, "key") if direct else stack.enter_context(servers.gateway(mocks, chosen))
        except processes.NotReady as failure:
            # Said once, instead of once for every cell.
            pytest.exit(str(failure), returncode=1)
        yield Site(direct, mocks if direct else dict.fromkeys(mocks, host), key)


@pytest.fixture
def cell(request, scenario, client, upstream):
    if why := why_impossible(scenario, client.name, upstream, request.config.getoption("--direct")):
        pytest.skip(why)
    return Cell(request.getfixturevalue("site"), client, upstream)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    params = item.callspec.params
    report.cell = (params["client"].name, params["upstream"], params["scenario"])
    return report


def pytest_terminal_summary(terminalreporter):
    """Client x upstream, passed of those that ran; then what failed of each, and what cannot be."""
    passed, failed, skipped = collections.Counter(), {}, collections.Counter()
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            client, upstream, scenario = report.cell
            if outcome == "passed":
                passed[client, upstream] += 1
            elif outcome == "skipped":
                skipped[scenario, report.longrepr[2].removeprefix("Skipped: ")] += 1
            else:
                failed.setdefault((client, upstream), []).append(scenario)
    cells = {*passed, *failed}
    columns = [name for name in servers.UPSTREAMS if any(upstream == name for _, upstream in cells)]
    write = terminalreporter.write_line
    write("")
    write(f"{'client':<20}" + "".join(f"{'on ' + name:>20}" for name in columns))
    for client in [client.name for client in CLIENTS if any(client.name == name for name, _ in cells)]:
        row = ""
        for upstream in columns:
            bad, good = len(failed.get((client, upstream), [])), passed[client, upstream]
            row += f"{f'{good}/{good + bad}' if good + bad else '-':>20}"
        write(f"{client:<20}{row}")
    for (client, upstream), scenarios in failed.items():
        write(f"failed: {client} on {upstream}: {', '.join(scenarios)}")
    for (scenario, why), cells in skipped.items():
        write(f"not possible: {scenario}, {cells} cells: {why}")
