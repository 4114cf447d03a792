"""The gateway with one model per upstream dialect and per trouble, and the mock providers behind it."""

import contextlib

import processes

# Each dialect a provider can speak, and how the config says so. The address is that of a mock, which speaks them all.
UPSTREAMS = {
    "openai-chat": {"kind": "openai", "speaks": ["openai-chat"]},
    "openai-responses": {"kind": "openai", "speaks": ["openai-responses"]},
    "anthropic": {"kind": "anthropic"},
    "gemini": {"kind": "gemini"},
    "ollama": {"kind": "ollama"},
    "bedrock": {"kind": "bedrock"},
}

# Providers that are well and providers that are not: what the mock is told. Each is a process of its own, so that no test
# depends on what another one did.
TROUBLES = {
    "well": [],
    "limited": ["--cycle", "429"],
    "full": ["--cycle", "context-length"],
    "down": ["--cycle", "503"],
    "cut": ["--cycle", "cut:3"],
    "failing": ["--cycle", "error:3"],
    "late": ["--cycle", "late:700ms"],
    "silent": ["--cycle", "silent"],
}

# The mock has it in every dialect.
UPSTREAM_MODEL = "mock-1"
# Bedrock's own parameters depend on the maker of the model, which its id names.
MODELS = {"bedrock": "us.anthropic.claude-sonnet-4-6"}


def model(upstream, trouble="well"):
    """The name of a model in the gateway's config."""
    return f"on-{upstream}" if trouble == "well" else f"{trouble}-on-{upstream}"


@contextlib.contextmanager
def mocks():
    """The mock providers; yields the host of each by its trouble."""
    with contextlib.ExitStack() as stack:
        start = lambda trouble, flags: stack.enter_context(processes.mock(processes.RUN / f"mock-{trouble}.log", *flags))
        yield {trouble: f"http://{start(trouble, flags)}" for trouble, flags in TROUBLES.items()}


@contextlib.contextmanager
def gateway(hosts, upstreams):
    """The gateway in front of the mocks, with models for these upstreams; yields its host and the key for it."""
    pairs = [(upstream, trouble) for upstream in upstreams for trouble in hosts]
    keys = {name: processes.secret(name) for name in ("MATRIX_CLIENT_KEY", "MATRIX_UPSTREAM_KEY")}
    config = {
        "access": {"keys": [{"name": "matrix", "key": "${MATRIX_CLIENT_KEY}"}]},
        "providers": {
            f"{trouble}-{upstream}": {
                **UPSTREAMS[upstream],
                "base_url": hosts[trouble],
                "api_key": "${MATRIX_UPSTREAM_KEY}",
            }
            for upstream, trouble in pairs
        },
        # So often that every client that can be told is told before a late answer begins.
        "server": {"keep_alive": "100ms"},
        # How often a call is tried again is not what is looked at here.
        "retry": {"attempts": 1, "first_token": "1500ms"},
        "models": {
            model(upstream, trouble): {"targets": [f"{trouble}-{upstream}/{MODELS.get(upstream, UPSTREAM_MODEL)}"]}
            for upstream, trouble in pairs
        },
    }
    with processes.gateway(config, "gateway", keys) as address:
        yield f"http://{address}", keys["MATRIX_CLIENT_KEY"]
