"""Chat completions: plain, streamed, with images, several choices, structured."""

import json

import pydantic

HELLO = [{"role": "user", "content": "Say ahoi."}]
# A PNG of one pixel.
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_answer_with_usage(client, model):
    answer = client.chat.completions.create(model=model["chat"], messages=HELLO)
    assert "ahoi" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_all_roles_and_settings_are_accepted(client, model):
    answer = client.chat.completions.create(
        model=model["chat"],
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Say ahoi."},
        ],
        temperature=0.2,
        top_p=0.9,
        max_completion_tokens=200,
        stop=["\n\n\n"],
        seed=7,
        user="someone",
        metadata={"run": "sdk"},
    )
    assert "ahoi" in answer.choices[0].message.content


def test_a_limit_is_kept(client, model):
    answer = client.chat.completions.create(model=model["chat"], messages=HELLO, max_completion_tokens=2)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 2


def test_stream_with_usage(client, model):
    whole = client.chat.completions.create(model=model["chat"], messages=HELLO)
    chunks = list(
        client.chat.completions.create(
            model=model["chat"], messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert text_of(chunks) == whole.choices[0].message.content
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_stream_without_asking_for_usage_has_no_chunk_of_it(client, model):
    chunks = list(client.chat.completions.create(model=model["chat"], messages=HELLO, stream=True))
    assert "ahoi" in text_of(chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.choices for chunk in chunks), "a chunk without choices was not asked for"
    assert all(chunk.usage is None for chunk in chunks)


def test_the_stream_helper_assembles_the_same_answer(client, model):
    with client.chat.completions.stream(model=model["chat"], messages=HELLO) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_completion()
    assert "content.delta" in kinds and kinds[-1] in ("content.done", "chunk")
    assert "ahoi" in answer.choices[0].message.content


def test_a_stream_left_early_does_not_hurt_the_next_call(client, model):
    stream = client.chat.completions.create(model=model["chat"], messages=HELLO, stream=True)
    next(iter(stream))
    stream.close()
    assert client.chat.completions.create(model=model["chat"], messages=HELLO).choices


def test_two_choices(client, model):
    answer = client.chat.completions.create(model=model["chat"], messages=HELLO, n=2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.message.content for choice in answer.choices)


def test_image_input(client, model):
    content = [{"type": "text", "text": "Say ahoi."}, {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}]
    answer = client.chat.completions.create(model=model["chat"], messages=[{"role": "user", "content": content}])
    assert "ahoi" in answer.choices[0].message.content


class Harbour(pydantic.BaseModel):
    name: str
    berths: int
    open: bool


def test_structured_output(client, model):
    answer = client.chat.completions.parse(model=model["chat"], messages=HELLO, response_format=Harbour)
    assert isinstance(answer.choices[0].message.parsed, Harbour)


def test_json_object(client, model):
    messages = [{"role": "user", "content": "Answer in JSON."}]
    answer = client.chat.completions.create(
        model=model["chat"], messages=messages, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def text_of(chunks):
    deltas = [choice.delta.content for chunk in chunks for choice in chunk.choices]
    return "".join(delta for delta in deltas if delta)
