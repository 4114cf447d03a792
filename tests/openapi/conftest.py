"""The admin API of the real binary, and what it says of itself."""

import json
import urllib.error
import urllib.request

import pytest

import processes


@pytest.fixture(scope="session")
def api():
    """Asks the admin API for a path; returns status, kind of content and JSON."""
    processes.begin()
    key = processes.secret("ADMIN_KEY")
    with processes.mock(processes.RUN / "mock.log") as mock:
        config = {
            "access": {"admin_key": "${ADMIN_KEY}", "open": True},
            "providers": {"up": {"kind": "openai", "base_url": f"http://{mock}/v1", "api_key": "k"}},
            "models": {"fast": {"targets": ["up/gpt-4o-mini"]}},
        }
        with processes.gateway(config, "gateway", {"ADMIN_KEY": key}) as address:

            def ask(path, headers=None, body=None):
                request = urllib.request.Request(f"http://{address}{path}", data=body)
                for name, value in (headers or {"x-admin-key": key}).items():
                    request.add_header(name, value)
                try:
                    answer = urllib.request.urlopen(request, timeout=30)
                except urllib.error.HTTPError as error:
                    answer = error
                with answer:
                    kind = answer.headers["content-type"].split(";")[0]
                    text = answer.read()
                    return answer.status, kind, json.loads(text) if kind == "application/json" else text

            chat = {"model": "fast", "messages": [{"role": "user", "content": "hello"}]}
            asked = ask("/v1/chat/completions", {"content-type": "application/json"}, json.dumps(chat).encode())
            assert asked[0] == 200, asked
            yield ask


@pytest.fixture(scope="session")
def document(api):
    return api("/admin/v1/openapi.json")[2]
