"""Google's accounts: what Google's own library proves is believed by the mock, and the gateway proves the same in the same way.

The gateway finds its account as Google's library does: by a variable, in gcloud's folder, on the machine.
"""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account

import processes

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AUDIENCE = "https://oauth2.googleapis.com/token"
ASK = {"model": "fast", "messages": [{"role": "user", "content": "Say ahoi."}]}
USER = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "1//mock"}


def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def google_mock(endpoints):
    with processes.mock(processes.RUN / "google.log", "--keep-bodies") as address:
        yield f"http://{address}"


@pytest.fixture
def account(google_mock):
    """The key file of the mock's service account."""
    return get(google_mock + "/_mock/service-account")


def calls(host, path):
    """The calls the mock got at this path since it was last reset."""
    return [entry for entry in get(host + "/_mock/ledger") if entry["path"].startswith(path)]


@pytest.fixture(autouse=True)
def clean(google_mock):
    urllib.request.urlopen(urllib.request.Request(google_mock + "/_mock/reset", method="POST")).close()


def test_a_service_account_of_googles_library_is_believed(google_mock, account):
    info = {**account, "token_uri": google_mock + "/token"}
    found = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])
    found.refresh(Request())
    assert found.token.startswith("ya29.mock-")


def test_a_user_of_googles_library_is_believed_until_revoked(google_mock):
    def user(token):
        return credentials.Credentials(
            None, refresh_token=token, token_uri=google_mock + "/token", client_id="c", client_secret="s"
        )

    found = user("1//mock")
    found.refresh(Request())
    assert found.token.startswith("ya29.mock-")
    with pytest.raises(RefreshError, match="invalid_grant"):
        user("1//revoked").refresh(Request())


def test_a_machine_of_googles_library_is_believed(google_mock, tmp_path):
    # The library reads the variable when it is loaded.
    code = (
        "import google.auth, google.auth.transport.requests as t\n"
        "found, project = google.auth.default()\n"
        "found.refresh(t.Request())\n"
        "print(found.token, project)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path, machine=google_mock), capture_output=True, text=True, timeout=60
    )
    assert re.fullmatch(r"ya29\.mock-\d+ mock-project\n", result.stdout), result


def environment(home, machine=None, **more):
    """No account but the one that is named."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "GCE_", "CLOUDSDK_"))}
    if machine:
        host = machine.removeprefix("http://")
        more |= {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host}
    return {**kept, "HOME": str(home), "NO_GCE_CHECK": "" if machine else "true", **more}


@contextlib.contextmanager
def gateway(host, tmp_path, monkeypatch, provider, **variables):
    """The gateway with a model at this provider, in an environment of its own; yields what asks it."""
    for name in set(os.environ) - set(environment(tmp_path)):
        monkeypatch.delenv(name)
    key = processes.secret("GOOGLE_CLIENT_KEY")
    config = {
        "access": {"keys": [{"name": "sdk", "key": "${SDK_CLIENT_KEY}"}]},
        "providers": {"google": {"base_url": host, **provider}},
        "models": {"fast": {"targets": ["google/gemini-2.5-flash"]}},
    }
    variables = {"HOME": str(tmp_path), "SDK_CLIENT_KEY": key, **variables}
    with processes.gateway(config, "google", variables) as address:

        def ask():
            headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
            body = json.dumps(ASK).encode()
            url = f"http://{address}/v1/chat/completions"
            return get(urllib.request.Request(url, data=body, headers=headers))

        yield ask
        text = (processes.SCAN / "google.log").read_text()
        assert "ya29." not in text and "1//mock" not in text and "PRIVATE KEY" not in text


@pytest.mark.gateway
def test_the_gateways_assertion_is_one_that_others_believe(google_mock, account, tmp_path, monkeypatch):
    (tmp_path / "key.json").write_text(json.dumps(account))
    auth = {"file": "~/key.json", "endpoints": {"token": google_mock + "/token"}}
    with gateway(google_mock, tmp_path, monkeypatch, {"kind": "vertex", "auth": auth}) as ask:
        assert ask()["choices"]
    [call] = calls(google_mock, "/token")
    [assertion] = urllib.parse.parse_qs(call["body"])["assertion"]
    signed, signature = assertion.rsplit(".", 1)
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in signed.split("."))
    key = serialization.load_pem_private_key(account["private_key"].encode(), None).public_key()
    key.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert header == {"alg": "RS256", "typ": "JWT", "kid": account["private_key_id"]}
    assert (claims["iss"], claims["aud"], claims["scope"]) == (account["client_email"], AUDIENCE, SCOPE)
    assert claims["exp"] - claims["iat"] == 3600 and abs(claims["iat"] - time.time()) < 60


def by_variable(host, account, home):
    (home / "named.json").write_text(json.dumps(account))
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(home / "named.json")}, "mock-project"


def by_gcloud(host, account, home):
    (home / ".config/gcloud").mkdir(parents=True)
    user = {**USER, "quota_project_id": "quota-1"}
    (home / ".config/gcloud/application_default_credentials.json").write_text(json.dumps(user))
    return {}, "quota-1"


def by_machine(host, account, home):
    return {"GCE_METADATA_HOST": host.removeprefix("http://")}, "mock-project"


@pytest.mark.gateway
@pytest.mark.parametrize("place", [by_variable, by_gcloud, by_machine])
def test_the_gateway_finds_its_account_as_googles_library_does(google_mock, account, place, tmp_path, monkeypatch):
    variables, project = place(google_mock, account, tmp_path)
    provider = {"kind": "vertex"}
    if place is not by_machine:
        provider["auth"] = {"endpoints": {"token": google_mock + "/token"}}
    with gateway(google_mock, tmp_path, monkeypatch, provider, **variables) as ask:
        assert ask()["choices"] and ask()["choices"]
    asked = calls(google_mock, f"/v1/projects/{project}/locations/global/publishers/google/models/gemini-2.5-flash:")
    assert len(asked) == 2 and asked[0]["headers"]["authorization"].startswith("Bearer ya29.mock-")
    assert asked[0]["headers"].get("x-goog-user-project") == ("quota-1" if place is by_gcloud else None)


@pytest.mark.gateway
def test_a_project_in_a_variable_counts_before_the_accounts_own(google_mock, account, tmp_path, monkeypatch):
    variables, _ = by_variable(google_mock, account, tmp_path)
    provider = {"kind": "vertex", "auth": {"endpoints": {"token": google_mock + "/token"}}}
    variables["GOOGLE_CLOUD_PROJECT"] = "other-1"
    with gateway(google_mock, tmp_path, monkeypatch, provider, **variables) as ask:
        assert ask()["choices"]
    assert calls(google_mock, "/v1/projects/other-1/")


@pytest.mark.gateway
def test_a_sign_in_of_the_gemini_cli_is_found_refreshed_and_kept(google_mock, tmp_path, monkeypatch):
    (tmp_path / ".gemini").mkdir()
    file = tmp_path / ".gemini/oauth_creds.json"
    kept = {"access_token": "ya29.old", "refresh_token": "1//mock", "expiry_date": 1, "scope": SCOPE, "other": [1.50]}
    file.write_text(json.dumps(kept))
    provider = {"kind": "gemini", "auth": {"endpoints": {"token": google_mock + "/token"}}}
    with gateway(google_mock, tmp_path, monkeypatch, provider) as ask:
        assert ask()["choices"]
    after = json.loads(file.read_text())
    assert list(after)[:5] == list(kept) and after["other"] == kept["other"] and after["expiry_date"] > time.time() * 1000
    assert calls(google_mock, "/v1internal:generateContent")[0]["headers"]["authorization"] == f"Bearer {after['access_token']}"
    # The CLI's files name no client: the one they are made with is known.
    [call] = calls(google_mock, "/token")
    assert urllib.parse.parse_qs(call["body"])["client_id"][0].startswith("681255809395-")


@pytest.mark.gateway
def test_a_person_signs_in_and_googles_library_reads_the_file(google_mock, tmp_path):
    file = tmp_path / "deep/google.json"
    arguments = ["login", "google", "--file", str(file), "--client-id", "desktop"]
    arguments += ["--endpoint", f"authorize={google_mock}/o/oauth2/v2/auth", "--endpoint", f"token={google_mock}/token"]
    variables = environment(tmp_path, GOOGLE_OAUTH_CLIENT_SECRET="s")
    process = subprocess.Popen(
        [processes.BINARY, *arguments], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        lines = iter(process.stdout.readline, "")
        url = next(line.strip() for line in lines if line.startswith("http"))
        with urllib.request.urlopen(url, timeout=20) as page:
            assert page.read() == b"Signed in. This page can be closed."
        assert process.wait(timeout=20) == 0, process.stdout.read()
    finally:
        process.kill()
        process.wait()
    assert file.stat().st_mode & 0o777 == 0o600
    found = credentials.Credentials.from_authorized_user_file(str(file))
    found._token_uri = google_mock + "/token"
    found.refresh(Request())
    assert found.token.startswith("ya29.mock-")
