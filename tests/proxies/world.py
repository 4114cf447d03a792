"""A world behind proxies: an authority of its own, TLS in front of the mock provider, and the proxies of Debian."""

import contextlib
import datetime
import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import processes

MISSING = [name for name in ("tinyproxy", "microsocks") if not shutil.which(name)]
# What every PKCS#8 key on this curve begins with, in characters of base64.
COMMON = 48


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith(("127.", "0.")) else address


class Authority:
    """Signs certificates, and keeps them in files."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        ca = self._builder(self.name, self.key).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(ca.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    def identity(self, *names):
        """A certificate for these names and addresses; the paths of it and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        listed = x509.SubjectAlternativeName([of_san(name) for name in names])
        cert = self._builder(subject, key).add_extension(listed, False).sign(self.key, hashes.SHA256())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        body = "".join(line for line in pem.decode().splitlines() if not line.startswith("-"))
        processes.watch("private key", body[COMMON:])
        stem = self.folder / f"{self.file.stem}-{names[0]}"
        cert_file, key_file = stem.with_suffix(".crt"), stem.with_suffix(".key")
        cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(pem)
        return cert_file, key_file


def of_san(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@contextlib.contextmanager
def tls_front(behind, identity, host="127.0.0.1", newest=ssl.TLSVersion.TLSv1_3):
    """Takes TLS off and passes on what was in it; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(*identity)
    with socket.create_server((host, 0), backlog=128) as listener:
        threading.Thread(target=serve, args=(listener, context, behind), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def serve(listener, context, behind):
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # it was closed
        threading.Thread(target=unwrap, args=(client, context, behind), daemon=True).start()


def unwrap(client, context, behind):
    host, port = behind.rsplit(":", 1)
    # Whoever does not agree on TLS goes away, as does whoever is done.
    with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True) as inside:
        with socket.create_connection((host, int(port))) as server:
            threading.Thread(target=processes.pour, args=(server, inside, None), daemon=True).start()
            processes.pour(inside, server, None)


@dataclass
class Proxy:
    """A running proxy of Debian."""

    name: str
    scheme: str
    log: Path
    port: int = field(default_factory=lambda: int(processes.free_address().rsplit(":", 1)[1]))
    password: str = field(default_factory=lambda: processes.secret("proxy password"))

    @property
    def url(self):
        return self.url_with(self.password)

    def url_with(self, password):
        return f"{self.scheme}://gate:{password}@127.0.0.1:{self.port}"

    def written(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@contextlib.contextmanager
def tinyproxy(name):
    proxy = Proxy(name, "http", processes.RUN / f"{name}.proxy.log")
    config = processes.RUN / f"{name}.conf"
    config.write_text(
        f"Port {proxy.port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nLogLevel Info\nLogFile \"{proxy.log}\"\n"
        f"BasicAuth gate {proxy.password}\n"
    )
    with program(["tinyproxy", "-d", "-c", config], proxy.port, processes.RUN / f"{name}.out"):
        yield proxy


@contextlib.contextmanager
def microsocks(name):
    proxy = Proxy(name, "socks5h", processes.RUN / f"{name}.proxy.log")
    command = ["microsocks", "-i", "127.0.0.1", "-p", str(proxy.port), "-u", "gate", "-P", proxy.password]
    with program(command, proxy.port, proxy.log):
        yield proxy


@contextlib.contextmanager
def program(command, port, log):
    """A program that listens on a port, until the end of the block."""
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 20
            while process.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.02)
            else:
                raise processes.NotReady(f"{command[0]} did not start; it printed:\n{log.read_text()}")
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)
