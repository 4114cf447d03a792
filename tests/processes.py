"""Starts the real binary, on free loopback ports, and stops it. Shared by all suites that need it.

What a run leaves is in one folder: `secrets.jsonl` lists the secrets that were made for it, `scan/` has what its gateways
wrote, at their most talkative level, and all they answered. The suite "leaks" of `cargo xtask test` looks for the ones in
the others.
"""

import base64
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("LOCKGATE_BINARY", ROOT / "target/debug/lockgate"))
RUN = Path(os.environ.get("LOCKGATE_RUN", ROOT / "target/runs/by-hand"))
SCAN = RUN / "scan"


class NotReady(Exception):
    """A server that did not start."""


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def begin():
    """Forgets what an earlier run left."""
    shutil.rmtree(RUN, ignore_errors=True)
    SCAN.mkdir(parents=True)


def secret(name):
    """A key made for this run alone, so that finding it in a log is finding a leak."""
    text = base64.b32encode(secrets.token_bytes(25)).decode().lower()
    watch(name, text)
    return "sk-" + text


def watch(name, text):
    """Lists a secret to look for: 16 characters or more, none of which are also in what is no secret."""
    with open(RUN / "secrets.jsonl", "a") as file:
        print(json.dumps({"name": name, "secret": text}), file=file)


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
def gateway(config, name, environment):
    """The gateway with this config, which is given an address to listen on; yields the address to ask it at, where a copy
    of each answer is kept."""
    address = free_address()
    # What it keeps is hunted through too.
    beside = {"log": {"level": "trace"}, "data_dir": str(SCAN / f"{name}-data")}
    config = {**config, "server": {**config.get("server", {}), "listen": address}, **beside}
    file = RUN / f"{name}.yaml"
    file.write_text(json.dumps(config, indent=2))  # JSON is YAML
    with running(["run", str(file)], f"http://{address}/health/ready", SCAN / f"{name}.log", environment):
        with listened(address, SCAN / f"{name}-answers.log") as ear:
            yield ear


@contextlib.contextmanager
def listened(address, file):
    """Passes all connections on to `address` and writes down what comes back; yields where to connect to."""
    with open(file, "ab", buffering=0) as kept, socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(target=accept, args=(listener, address, kept), daemon=True).start()
        host, port = listener.getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def accept(listener, address, kept):
    host, port = address.rsplit(":", 1)
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the listener was closed
        try:
            server = socket.create_connection((host, int(port)))
        except OSError:
            client.close()  # the gateway is gone: so is this connection
            continue
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=pour, args=(client, server, None), daemon=True).start()
        threading.Thread(target=pour, args=(server, client, kept), daemon=True).start()


def pour(source, sink, kept):
    """Until either end is gone: then both are, so that a client that goes away is seen to."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: the run is over and the file closed
        while piece := source.recv(65536):
            if kept:
                kept.write(piece)
            sink.sendall(piece)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


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
