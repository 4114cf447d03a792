"""Starts the real binary, on free loopback ports, and stops it. Shared by all suites that need it."""

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

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("LOCKGATE_BINARY", ROOT / "target/debug/lockgate"))


class NotReady(Exception):
    """A server that did not start."""


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


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
            cwd=Path(log).parent,
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


@contextlib.contextmanager
def mock(log, *flags):
    """A mock provider; yields its address."""
    address = free_address()
    with running(["mock", "--listen", address, *flags], f"http://{address}/_mock/counts", log):
        yield address


@contextlib.contextmanager
def gateway(config, file, log, environment):
    """The gateway with this config, which is given an address to listen on and written to `file`; yields the address."""
    address = free_address()
    config = {**config, "server": {"listen": address}}
    file.write_text(json.dumps(config, indent=2))  # JSON is YAML
    with running(["run", str(file)], f"http://{address}/health/ready", log, environment):
        yield address


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
