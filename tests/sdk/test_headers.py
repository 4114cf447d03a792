"""What the gateway says beside the answer."""

import pytest

HELLO = [{"role": "user", "content": "Say ahoi."}]
pytestmark = pytest.mark.gateway


def test_an_answer_says_who_gave_it(client, model):
    raw = client.chat.completions.with_raw_response.create(model=model["chat"], messages=HELLO)
    assert raw.headers["x-lockgate-deployment"].startswith("up/gpt-4o-mini")
    assert raw.headers["x-lockgate-attempts"] == "1"
    assert raw.headers["x-request-id"]
    assert "ahoi" in raw.parse().choices[0].message.content


def test_a_stream_says_who_gives_it(client, model):
    with client.chat.completions.with_streaming_response.create(
        model=model["chat"], messages=HELLO, stream=True
    ) as raw:
        assert raw.headers["x-lockgate-deployment"].startswith("up/gpt-4o-mini")
        assert raw.headers["x-lockgate-attempts"] == "1"
        lines = [line for line in raw.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"


def test_every_request_has_an_id_of_its_own(client, model):
    ids = {client.chat.completions.create(model=model["chat"], messages=HELLO)._request_id for _ in range(3)}
    assert len(ids) == 3 and None not in ids
