"""Signatures of AWS requests: what boto3 signs is believed by the mock, and so is what the gateway signs; what is changed is not.

The gateway finds its keys as boto3 does: in variables, in profiles, by a role.
"""

import contextlib
import datetime
import json
import os
import urllib.request

import boto3
import botocore.auth
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

import processes

REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/models"
MODELS = [
    "mock-1",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl",
]
HELLO = [{"role": "user", "content": [{"text": "Say ahoi."}]}]


class Aws:
    """A mock that knows one key."""

    def __init__(self, host, secret):
        self.host, self.id, self.secret = host, "AKIAMOCK", secret

    def client(self, service="bedrock-runtime", path="", **keys):
        keys = keys or {"aws_access_key_id": self.id, "aws_secret_access_key": self.secret}
        config = Config(retries={"total_max_attempts": 1}, read_timeout=20, connect_timeout=5)
        return boto3.client(service, region_name=REGION, endpoint_url=self.host + path, config=config, **keys)

    def sessions(self):
        """The tokens that keys for a while were shown with."""
        with urllib.request.urlopen(self.host + "/_mock/ledger") as answer:
            entries = json.load(answer)
        return {entry["headers"].get("x-amz-security-token") for entry in entries} - {None}

    def role(self):
        """Keys of a role, asked for by boto3."""
        given = self.client("sts", "/aws/sts").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }


@pytest.fixture(scope="module")
def aws(endpoints):
    secret = processes.secret("AWS_SECRET_ACCESS_KEY").removeprefix("sk-")
    address = processes.mock(processes.RUN / "aws.log", "--aws-key", f"AKIAMOCK:{secret}", "--aws-region", REGION)
    with address as address:
        yield Aws(f"http://{address}", secret)


def refused(client, kind, words):
    with pytest.raises(ClientError) as error:
        client.converse(modelId="mock-1", messages=HELLO)
    assert error.value.response["Error"]["Code"] == kind
    assert words in error.value.response["Error"]["Message"]


@pytest.mark.parametrize("model", MODELS)
def test_what_boto3_signs_is_believed(aws, model):
    assert aws.client().converse(modelId=model, messages=HELLO)["stopReason"] == "end_turn"
    assert [*aws.client().converse_stream(modelId=model, messages=HELLO)["stream"]]


def test_keys_of_a_role_are_believed_with_their_session(aws):
    keys = aws.role()
    assert aws.client(**keys).converse(modelId="mock-1", messages=HELLO)["stopReason"] == "end_turn"
    keys.pop("aws_session_token")
    refused(aws.client(**keys), "UnrecognizedClientException", "security token")


# Variables that tell boto3 of keys, so that the mock's endpoints are what AWS's own programs take them for.
PLACES = {
    "machine": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "{host}/aws"},
    "container": {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "{host}/aws/container",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token",
    },
    "identity": {
        "AWS_ENDPOINT_URL_STS": "{host}/aws/sts",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "{home}/token",
        "AWS_ROLE_ARN": ROLE,
    },
}


@pytest.mark.parametrize("place", PLACES)
def test_boto3_finds_keys_at_the_mock(aws, place, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("mock-identity-1")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in PLACES[place].items():
        monkeypatch.setenv(name, value.format(host=aws.host, home=tmp_path))
    client = boto3.Session(region_name=REGION).client("bedrock-runtime", endpoint_url=aws.host)
    assert client.converse(modelId="mock-1", messages=HELLO)["stopReason"] == "end_turn"


def test_a_wrong_key_is_not_believed(aws):
    wrong = aws.client(aws_access_key_id=aws.id, aws_secret_access_key="wrong")
    refused(wrong, "InvalidSignatureException", "does not match")


def test_a_changed_body_is_not_believed(aws):
    client = aws.client()

    def change(request, **_):
        request.body = request.body.replace(b"ahoi", b"AHOI")

    client.meta.events.register("before-send.bedrock-runtime", change)
    refused(client, "InvalidSignatureException", "does not match")


def test_an_old_date_is_not_believed(aws, monkeypatch):
    old = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: old)
    refused(aws.client(), "InvalidSignatureException", "Signature expired")


# How the gateway is told of its keys: what the operator writes, and the environment, each made from the mock and a folder.
WAYS = {
    "written": lambda aws, _: ({"auth": {"access_key_id": aws.id, "secret_access_key": "${AWS_TEST_SECRET}"}}, {}),
    "environment": lambda aws, _: ({}, {"AWS_ACCESS_KEY_ID": aws.id, "AWS_SECRET_ACCESS_KEY": aws.secret}),
    "profile": lambda aws, home: ({"auth": {"profile": "keys"}}, files(aws, home)),
    "role of a profile": lambda aws, home: (
        {"auth": {"profile": "role", "endpoints": {"sts": aws.host + "/aws/sts"}}},
        files(aws, home),
    ),
    "machine": lambda aws, _: (
        {"auth": {"endpoints": {"imds": aws.host + "/aws"}}},
        {"AWS_EC2_METADATA_DISABLED": "false"},
    ),
}


def files(aws, home):
    """A home directory with profiles."""
    folder = home / ".aws"
    folder.mkdir()
    (folder / "config").write_text(
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = keys\n[default]\nregion = {REGION}\n"
    )
    (folder / "credentials").write_text(
        f"[keys]\naws_access_key_id = {aws.id}\naws_secret_access_key = {aws.secret}\n"
    )
    return {"HOME": str(home)}


@contextlib.contextmanager
def gateway(aws, name, home):
    """A gateway that is told of its keys in that way; yields a client of it."""
    written, environment = WAYS[name](aws, home)
    provider = {"kind": "bedrock", "base_url": aws.host, **written}
    # Nothing of the machine that runs the test may matter.
    clean = {"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": REGION, "AWS_PROFILE": ""}
    environment = {**clean, "AWS_TEST_SECRET": aws.secret, **environment}
    config = {
        "providers": {"aws": provider},
        "models": {f"m{place}": {"targets": [f"aws/{model}"]} for place, model in enumerate(MODELS)},
    }
    run = f"aws-{name.replace(' ', '-')}"
    with processes.gateway(config, run, environment) as address:
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, read_timeout=20)
        yield boto3.client("bedrock-runtime", region_name=REGION, endpoint_url=f"http://{address}", config=config)
    text = (processes.SCAN / f"{run}.log").read_text()
    assert not [secret for secret in {aws.secret, *aws.sessions()} if secret in text]


@pytest.mark.gateway
@pytest.mark.parametrize("way", WAYS)
def test_what_the_gateway_signs_is_believed(aws, way, tmp_path):
    with gateway(aws, way, tmp_path) as client:
        for place in range(len(MODELS)):
            answer = client.converse(modelId=f"m{place}", messages=HELLO)
            assert answer["stopReason"] == "end_turn"
