"""What is asked and answered, in the words of no dialect: clients translate it into the calls of their SDK and back."""

import dataclasses
import typing

import pydantic


@dataclasses.dataclass(frozen=True)
class Tool:
    name: str
    description: str
    parameters: dict


@dataclasses.dataclass(frozen=True)
class Call:
    """A tool call. Dialects without ids for them leave it empty."""

    id: str
    name: str
    arguments: dict


@dataclasses.dataclass(frozen=True)
class Usage:
    """Tokens as the SDK reports them; what it has no field for is None."""

    input: int
    output: int
    total: int | None = None


@dataclasses.dataclass(frozen=True)
class Answer:
    text: str
    # Why it ended: "stop", "length" or "calls".
    end: str
    usage: Usage | None
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    parsed: pydantic.BaseModel | None = None
    # What the SDK wants to have back as the model's turn.
    turn: typing.Any = None


@dataclasses.dataclass(frozen=True)
class User:
    text: str
    # A PNG.
    image: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Model:
    """The model's turn, as the SDK gave it, or a text that the application made up."""

    said: Answer | str


@dataclasses.dataclass(frozen=True)
class Results:
    """What the tools answered, in the order of the calls."""

    results: tuple[tuple[Call, str], ...]


@dataclasses.dataclass(frozen=True)
class Ask:
    turns: tuple[User | Model | Results, ...]
    system: str | None = None
    tools: tuple[Tool, ...] = ()
    # The tool that must be called.
    force: str | None = None
    # The type of the answer.
    schema: type[pydantic.BaseModel] | None = None
    think: bool = False
    # Most tokens of the answer.
    limit: int | None = None


class StreamFailed(Exception):
    """A failure that the SDK reports as an event of the stream, not as an exception."""


def is_cut(error):
    """Whether it is what an HTTP library raises while a body is read, which most SDKs let through as it is."""
    return type(error).__module__.split(".")[0] in ("httpcore", "httpcore2", "httpx", "httpx2", "urllib3")


class Client:
    """An SDK. `name` stands in the table, `speaks` is the upstream whose language it is."""

    name: str
    speaks: str

    def __init__(self, host, key):
        """With `host` as in `http://127.0.0.1:1234`; the client must not retry."""
        raise NotImplementedError

    def ask(self, model, ask):
        """The answer, whole."""
        raise NotImplementedError

    def stream(self, model, ask):
        """A generator of the pieces of the answer's text, which returns the answer."""
        raise NotImplementedError

    def count(self, model, ask):
        """How many tokens the request has, for SDKs that can ask that."""
        raise NotImplementedError

    def models(self):
        """The names of the models, for SDKs that can ask that."""
        raise NotImplementedError

    def kind(self, error):
        """What kind of failure the SDK takes an exception for: "not found", "unauthorised", "limited", "refused",
        "unavailable" or "broken stream"; None if it is no exception for a failed call."""
        raise NotImplementedError

    def told(self, error):
        """The message in the body of a refusal, if the body is of the form that the SDK knows; fails if it is not."""
        raise NotImplementedError
