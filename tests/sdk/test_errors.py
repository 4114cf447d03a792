"""Failures arrive as the exceptions the SDK has for them, with what a person needs to go on."""

import openai
import pytest

HELLO = [{"role": "user", "content": "Say ahoi."}]


def test_a_refused_request_says_what_is_wrong_with_it(client, model):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=model["chat"], messages=HELLO, temperature=9)
    assert refused.value.param == "temperature"
    assert refused.value.type == "invalid_request_error"
    assert "temperature" in refused.value.message


def test_a_refused_stream_is_refused_before_it_starts(client, model):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=model["chat"], messages=[], stream=True)


@pytest.mark.gateway
@pytest.mark.parametrize("stream", [False, True])
def test_a_mistyped_model_gets_a_hint(client, stream):
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="fats", messages=HELLO, stream=stream)
    assert missing.value.code == "model_not_found"
    assert "`fats`" in missing.value.message and "`fast`" in missing.value.message


@pytest.mark.gateway
def test_an_unknown_model_is_not_found_in_the_list_either(client):
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("fats")


@pytest.mark.gateway
@pytest.mark.parametrize("key", ["wrong", "sk-" + "x" * 40])
def test_a_wrong_key(client, model, key):
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key=key).chat.completions.create(model=model["chat"], messages=HELLO)
    assert refused.value.code == "invalid_api_key"
    assert key not in refused.value.message


def test_a_limit_of_the_provider(clients, model):
    """The provider answers 429 to every attempt: the client must see a rate limit, not a broken gateway."""
    with pytest.raises(openai.RateLimitError) as limited:
        clients["limited"].chat.completions.create(model=model["limited"], messages=HELLO)
    assert limited.value.status_code == 429
    assert limited.value.message


@pytest.mark.gateway
def test_an_error_can_be_traced(client):
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="fats", messages=HELLO)
    assert missing.value.request_id
