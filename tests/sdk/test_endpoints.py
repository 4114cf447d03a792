"""Everything beside chat: embeddings, audio, images, moderations, legacy completions, the list of models."""

import io
import struct
import wave

import pytest

import servers


def silence():
    """A tenth of a second of it, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(struct.pack("<800h", *[0] * 800))
    return file.getvalue()


def test_embeddings_as_the_sdk_asks_by_itself(clients, model):
    """The SDK asks for base64 and decodes it; the numbers must come out as numbers."""
    answer = clients["embeddings"].embeddings.create(model=model["embeddings"], input=["a lock", "a canal"])
    assert [row.index for row in answer.data] == [0, 1]
    assert all(isinstance(number, float) for row in answer.data for number in row.embedding)
    assert answer.data[0].embedding != answer.data[1].embedding
    assert answer.usage.prompt_tokens > 0


def test_embeddings_as_numbers_are_the_same(clients, model):
    def ask(**settings):
        create = clients["embeddings"].embeddings.create
        return create(model=model["embeddings"], input="a lock", dimensions=64, **settings).data[0].embedding

    assert len(ask()) == 64
    assert ask() == pytest.approx(ask(encoding_format="float"), rel=1e-5)


@pytest.mark.gateway
@pytest.mark.parametrize("kind", servers.FOREIGN)
def test_embeddings_of_providers_of_other_dialects(client, kind):
    """Packed by the gateway, because the SDK asks for base64 by itself."""

    def ask(**settings):
        answer = client.embeddings.create(model=f"{kind}/{servers.FOREIGN_MODEL}", input=["a lock", "a canal"], **settings)
        return [row.embedding for row in answer.data]

    packed = ask(dimensions=6)
    assert [len(vector) for vector in packed] == [6, 6]
    assert packed[0] != packed[1]
    for vector, numbers in zip(packed, ask(dimensions=6, encoding_format="float"), strict=True):
        assert vector == pytest.approx(numbers, rel=1e-5)


def test_transcription(clients, model):
    answer = clients["transcription"].audio.transcriptions.create(
        model=model["transcription"], file=("silence.wav", silence(), "audio/wav"), language="en"
    )
    assert answer.text


def test_speech(clients, model):
    with clients["speech"].audio.speech.with_streaming_response.create(
        model=model["speech"], voice="alloy", input="Ahoi", response_format="wav"
    ) as answer:
        assert answer.headers["content-type"].startswith("audio/")
        assert len(answer.read()) > 100


def test_images(clients, model):
    answer = clients["images"].images.generate(model=model["images"], prompt="A lock", n=1, size="1024x1024")
    assert len(answer.data) == 1
    assert answer.data[0].b64_json or answer.data[0].url


def test_moderations(clients, model):
    answer = clients["moderations"].moderations.create(model=model["moderations"], input="Ahoi")
    assert [result.flagged for result in answer.results] == [False]


def test_legacy_completions(clients, model):
    answer = clients["completions"].completions.create(model=model["completions"], prompt="Say ahoi.", max_tokens=20)
    assert answer.choices[0].text


@pytest.mark.gateway
def test_models_are_those_of_the_config(client):
    listed = {entry.id for entry in client.models.list()}
    assert {name for name, _ in servers.MODELS.values()} <= listed


def test_one_model(client, model):
    found = client.models.retrieve(model["chat"])
    assert (found.id, found.object) == (model["chat"], "model")
