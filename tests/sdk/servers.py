"""Starts the real binary as mock provider and as gateway, on free loopback ports, and stops it."""

import base64
import contextlib
import json
import os
import secrets
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("LOCKGATE_BINARY", ROOT / "target/debug/lockgate"))
# Logs and answers end here; the suite "leaks" of `cargo xtask test` looks for the secrets of the run in `scan/`.
RUN = Path(os.environ.get("LOCKGATE_SDK_RUN", ROOT / "target/sdk-run"))
SCAN = RUN / "scan"

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


class NotReady(Exception):
    """A server that did not start."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def secret():
    """A key made for this run alone, so that finding it in a log is finding a leak."""
    return "sk-" + base64.b32encode(secrets.token_bytes(25)).decode().lower()


@contextlib.contextmanager
def running(arguments, ready, log, environment=None):
    """The binary with these arguments, from its first 200 on `ready` to the end of the block."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [BINARY, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=RUN,
        )
        try:
            wait_ready(process, ready, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_ready(process, url, log, limit=20):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=limit) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.02)
    raise NotReady(f"{process.args} did not answer {url}; it printed:\n{Path(log).read_text()}")


def mock(name, *flags):
    """A mock provider; yields its base URL."""
    port = free_port()
    address = f"127.0.0.1:{port}"

    @contextlib.contextmanager
    def started():
        # Not under `scan/`: the mock is the provider, and may know the provider's key.
        log = RUN / f"{name}.log"
        with running(["mock", "--listen", address, *flags], f"http://{address}/_mock/counts", log):
            yield f"http://{address}/v1"

    return started()


@contextlib.contextmanager
def gateway(providers):
    """The gateway in front of these providers (name to base URL); yields base URL and client key."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    keys = {"SDK_CLIENT_KEY": secret(), "SDK_UPSTREAM_KEY": secret()}
    (RUN / "secrets.json").write_text(json.dumps({name: key.removeprefix("sk-") for name, key in keys.items()}))
    config = {
        "server": {"listen": address},
        "access": {"keys": [{"name": "sdk", "key": "${SDK_CLIENT_KEY}"}]},
        "providers": {
            name: {"kind": "openai-compatible", "base_url": url, "api_key": "${SDK_UPSTREAM_KEY}"}
            for name, url in providers.items()
        },
        "models": {
            name: {"targets": [("limited/" if operation == "limited" else "up/") + upstream]}
            for operation, (name, upstream) in MODELS.items()
        },
        "log": {"level": "trace"},
    }
    file = RUN / "lockgate.yaml"
    file.write_text(json.dumps(config, indent=2))  # JSON is YAML
    with running(["run", str(file)], f"http://{address}/health/ready", SCAN / "gateway.log", keys):
        yield f"http://{address}/v1", keys["SDK_CLIENT_KEY"]
