"""The servers of this suite: mock providers, and the gateway in front of them."""

import contextlib

import processes

# What each operation asks for: the name in the gateway's config, and the model behind it at the mock provider.
MODELS = {
    "chat": ("fast", "gpt-4o-mini"),
    "limited": ("limited", "gpt-4o-mini"),
    "completions": ("older", "gpt-3.5-turbo-instruct"),
    "embeddings": ("vectors", "text-embedding-3-small"),
    "transcription": ("ears", "whisper-1"),
    "speech": ("voice", "gpt-4o-mini-tts"),
    "images": ("pictures", "gpt-image-1"),
    "moderations": ("guard", "omni-moderation-latest"),
}

# Providers of other dialects, by kind: vectors for the SDK come from them too. The model is one that every mock knows.
FOREIGN = ["gemini", "ollama"]
FOREIGN_MODEL = "mock-1"


@contextlib.contextmanager
def mock(name, *flags):
    """A mock provider; yields its base URL."""
    # Not under `scan/`: the mock is the provider, and may know the provider's key.
    with processes.mock(processes.RUN / f"{name}.log", *flags) as address:
        yield f"http://{address}/v1"


@contextlib.contextmanager
def gateway(providers):
    """The gateway in front of these providers (name to base URL); yields base URL and client key."""
    keys = {name: processes.secret(name) for name in ("SDK_CLIENT_KEY", "SDK_UPSTREAM_KEY")}
    # The mock speaks all dialects; these take the host without a version.
    host = providers["up"].removesuffix("/v1")
    foreign = {kind: {"kind": kind, "base_url": host, "api_key": "${SDK_UPSTREAM_KEY}"} for kind in FOREIGN}
    config = {
        "access": {"keys": [{"name": "sdk", "key": "${SDK_CLIENT_KEY}"}]},
        "providers": {
            name: {"kind": "openai-compatible", "base_url": url, "api_key": "${SDK_UPSTREAM_KEY}"}
            for name, url in providers.items()
        }
        | foreign,
        "models": {
            name: {"targets": [("limited/" if operation == "limited" else "up/") + upstream]}
            for operation, (name, upstream) in MODELS.items()
        },
    }
    with processes.gateway(config, "gateway", keys) as address:
        yield f"http://{address}/v1", keys["SDK_CLIENT_KEY"]
