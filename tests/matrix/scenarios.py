"""What every client must be able to do on every upstream. A scenario is a function of a `Cell`; the table is at the end."""

import base64
import dataclasses

import pydantic
import pytest

from words import Ask, Model, Results, Tool, User

# A PNG of one pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# What an image costs at the very least. Its tokens show that it came through.
IMAGE_TOKENS = 50

WEATHER = Tool(
    "get_weather",
    "The weather at a place",
    {
        "type": "object",
        "properties": {"place": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["place", "days"],
    },
)
TIDE = Tool(
    "get_tide",
    "The tide of a harbour",
    {"type": "object", "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]},
)
NOW = Tool("get_time", "The time of day", {"type": "object", "properties": {}})

HELLO = Ask((User("Say ahoi."),), system="Be brief.")
ONE_CALL = Ask((User("What is the weather in Hamburg?"),), tools=(WEATHER, TIDE))
TWO_CALLS = Ask((User("Use the tools in parallel: weather and tide of Hamburg?"),), tools=(WEATHER, TIDE))


class Harbour(pydantic.BaseModel):
    name: str
    berths: int
    open: bool


def text(cell):
    answer = cell.ask(HELLO)
    assert "ahoi" in answer.text
    assert answer.end == "stop"
    assert not answer.calls and not answer.thinking


def conversation(cell):
    turns = (User("Hello"), Model("Hello."), User("Say ahoi."), Model("No."), User("Say it, ahoi!"))
    answer = cell.ask(Ask(turns, system="Be brief."))
    assert "Say it, ahoi!" in answer.text


def stream(cell):
    pieces, streamed = cell.stream(HELLO)
    assert len(pieces) > 3, f"{len(pieces)} pieces are no stream"
    assert "".join(pieces) == streamed.text == cell.ask(HELLO).text
    assert streamed.end == "stop"


def stream_left(cell):
    """A stream that the client leaves early does not hurt the next call."""
    streaming = cell.open(HELLO)
    next(streaming)
    streaming.close()
    assert "ahoi" in cell.ask(HELLO).text


def usage(cell):
    short, long = cell.ask(HELLO), cell.ask(Ask((User("Say ahoi. " * 200),)))
    for answer in (short, long):
        assert answer.usage.input > 0
        assert 0 < answer.usage.output < 500
        assert answer.usage.total in (None, answer.usage.input + answer.usage.output)
    assert long.usage.input > short.usage.input + 200


def stream_usage(cell):
    _, streamed = cell.stream(HELLO)
    assert streamed.usage == cell.ask(HELLO).usage


def limit(cell):
    asked = Ask((User("Say ahoi. " * 20),), limit=16)
    answer = cell.ask(asked)
    assert answer.end == "length"
    assert answer.usage.output == 16
    _, streamed = cell.stream(asked)
    assert (streamed.end, streamed.text) == ("length", answer.text)


def tool(cell):
    answer = cell.ask(ONE_CALL)
    assert answer.end == "calls"
    [call] = answer.calls
    assert call.name == "get_weather"
    assert isinstance(call.arguments["place"], str) and isinstance(call.arguments["days"], int)


def tool_streamed(cell):
    _, streamed = cell.stream(ONE_CALL)
    assert streamed.end == "calls"
    assert named(streamed.calls) == named(cell.ask(ONE_CALL).calls)


def tool_forced(cell):
    asked = Ask((User("Hello"),), tools=(WEATHER, TIDE), force="get_tide")
    assert [call.name for call in cell.ask(asked).calls] == ["get_tide"]


def tool_without_arguments(cell):
    asked = Ask((User("Use the tool."),), tools=(NOW,))
    _, streamed = cell.stream(asked)
    assert named(streamed.calls) == named(cell.ask(asked).calls) == [("get_time", {})]


def tools_parallel(cell):
    check_parallel(cell.ask(TWO_CALLS))


def tools_parallel_streamed(cell):
    check_parallel(cell.stream(TWO_CALLS)[1])


def check_parallel(answer):
    assert answer.end == "calls"
    assert [call.name for call in answer.calls] == ["get_weather", "get_tide"]
    ids = [call.id for call in answer.calls if call.id]
    assert len(set(ids)) in (0, 2)


def tool_result(cell):
    check_result(cell, ONE_CALL, cell.ask(ONE_CALL))


def tool_result_streamed(cell):
    """The call came as a stream, and so does the answer."""
    _, asked = cell.stream(ONE_CALL)
    _, answer = cell.stream(with_results(ONE_CALL, asked))
    assert "17 degrees at get_weather" in answer.text


def tools_parallel_results(cell):
    check_result(cell, TWO_CALLS, cell.ask(TWO_CALLS))


def check_result(cell, asked, answer):
    after = cell.ask(with_results(asked, answer))
    assert f"17 degrees at {answer.calls[-1].name}" in after.text
    assert after.end == "stop" and not after.calls


def with_results(asked, answer):
    results = tuple((call, f"17 degrees at {call.name}") for call in answer.calls)
    turns = (*asked.turns, Model(answer), Results(results))
    return Ask(turns, tools=asked.tools, think=asked.think)


def image(cell):
    bare, seen = cell.ask(Ask((User("Say ahoi."),))), cell.ask(Ask((User("Say ahoi.", PIXEL),)))
    assert "ahoi" in seen.text
    assert seen.usage.input >= bare.usage.input + IMAGE_TOKENS, "the image did not come through"


def structured(cell):
    answer = cell.ask(Ask((User("Name a harbour, in JSON."),), schema=Harbour))
    assert isinstance(answer.parsed, Harbour)


def thinking(cell):
    """Asking for it is understood: it costs tokens, and what comes back is an answer."""
    plain, thought = cell.ask(HELLO), cell.ask(Ask(HELLO.turns, HELLO.system, think=True))
    assert "ahoi" in thought.text
    assert thought.usage.output > plain.usage.output, "nothing was thought"


def thinking_shown(cell):
    asked = Ask(HELLO.turns, HELLO.system, think=True)
    answer = cell.ask(asked)
    assert answer.thinking
    _, streamed = cell.stream(asked)
    assert (streamed.thinking, streamed.text) == (answer.thinking, answer.text)


def thinking_kept(cell):
    """Thoughts before a call are proven by signatures that must find their way back to the provider."""
    asked = Ask(ONE_CALL.turns, tools=ONE_CALL.tools, think=True)
    check_result(cell, asked, cell.ask(asked))
    check_result(cell, asked, cell.stream(asked)[1])


def count(cell):
    short, long = cell.count(HELLO), cell.count(Ask((User("Say ahoi. " * 200),)))
    assert 0 < short < long


def listed(cell):
    assert cell.model in cell.client.models()


def fails(kind, **how):
    """The SDK raises what it has for this kind of failure, for a whole answer and for a stream, and says why."""

    def scenario(cell):
        cell = cell.but(**how)
        for call in (cell.ask, cell.stream):
            with pytest.raises(Exception) as raised:
                call(HELLO)
            assert cell.client.kind(raised.value) == kind, shown(raised.value)
            assert cell.client.told(raised.value), shown(raised.value)

    return scenario


def breaks(trouble):
    """What was said before a stream breaks arrives, and then the SDK raises."""

    def scenario(cell):
        cell = cell.but(trouble=trouble)
        pieces = []
        with pytest.raises(Exception) as broken:
            for piece in cell.open(HELLO):
                pieces.append(piece)
        assert cell.client.kind(broken.value) == "broken stream", shown(broken.value)
        assert pieces and "You said".startswith("".join(pieces)[:8]), pieces

    return scenario


def stream_late(cell):
    """Where clients can be told that they are waited for, they are, and read the same answer."""
    late, well = cell.but(trouble="late").stream(HELLO), cell.stream(HELLO)
    assert late[0] == well[0]
    assert dataclasses.replace(late[1], turn=None) == dataclasses.replace(well[1], turn=None)


def stream_silent(cell):
    """Who was told that they are waited for is told inside the stream that it was in vain, all others by the status."""
    with pytest.raises(Exception) as raised:
        cell.but(trouble="silent").stream(HELLO)
    told = cell.client.speaks in ("openai-chat", "openai-responses", "anthropic")
    assert cell.client.kind(raised.value) == ("broken stream" if told else "unavailable"), shown(raised.value)


def shown(error):
    """With the body, where the SDK keeps it."""
    return f"{error!r}: {getattr(error, 'body', None)!r}"[:1000]


def named(calls):
    return [(call.name, call.arguments) for call in calls]


SCENARIOS = {
    "text": text,
    "conversation": conversation,
    "stream": stream,
    "stream-left": stream_left,
    "usage": usage,
    "stream-usage": stream_usage,
    "limit": limit,
    "tool": tool,
    "tool-streamed": tool_streamed,
    "tool-forced": tool_forced,
    "tool-without-arguments": tool_without_arguments,
    "tools-parallel": tools_parallel,
    "tools-parallel-streamed": tools_parallel_streamed,
    "tool-result": tool_result,
    "tool-result-streamed": tool_result_streamed,
    "tools-parallel-results": tools_parallel_results,
    "image": image,
    "structured": structured,
    "thinking": thinking,
    "thinking-shown": thinking_shown,
    "thinking-kept": thinking_kept,
    "count": count,
    "listed": listed,
    "error-unknown-model": fails("not found", model="no-such-model"),
    "error-wrong-key": fails("unauthorised", key="bad-key-of-this-test"),
    "error-limited": fails("limited", trouble="limited"),
    "error-too-long": fails("refused", trouble="full"),
    "error-down": fails("unavailable", trouble="down"),
    "stream-cut": breaks("cut"),
    "stream-error": breaks("failing"),
    "stream-late": stream_late,
    "stream-silent": stream_silent,
}

# What cannot be: scenario, client, upstream (`*` is any), and why.
IMPOSSIBLE = [
    ("tool-forced", "*ollama", "*", "the API has no way to force a call"),
    ("tool-forced", "*", "ollama", "the API has no way to force a call"),
    ("thinking-shown", "*", "openai-chat", "OpenAI shows no thoughts in chat completions"),
    ("thinking-shown", "*", "openai-responses", "the mock's thoughts have no summary in this dialect"),
    ("count", "*openai chat", "*", "the API cannot count"),
    ("count", "*ollama", "*", "the API cannot count"),
    ("listed", "boto3", "*", "models are listed by another service"),
]

# What only the gateway does, as the mock does as its provider does: scenario, client.
GATEWAY_ONLY = [
    ("listed", "*"),
    ("error-unknown-model", "*openai responses"),
    ("stream-silent", "*"),
]
