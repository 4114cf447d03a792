"""Tool calls: whole and streamed, one and several, and the turn that brings the result back."""

import json

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["place"],
        },
    },
}
TIDE = {
    "type": "function",
    "function": {
        "name": "get_tide",
        "parameters": {"type": "object", "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]},
    },
}
QUESTION = [{"role": "user", "content": "What is the weather in Hamburg?"}]
TWO_QUESTIONS = [{"role": "user", "content": "Use the tools in parallel: weather and tide of Hamburg?"}]


def test_a_call_and_its_result(client, model):
    asked = client.chat.completions.create(model=model["chat"], messages=QUESTION, tools=[WEATHER])
    message = asked.choices[0].message
    assert asked.choices[0].finish_reason == "tool_calls"
    [call] = message.tool_calls
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments)["place"], str)

    result = {"role": "tool", "tool_call_id": call.id, "content": "17 degrees, drizzle"}
    messages = [*QUESTION, message.model_dump(exclude_none=True), result]
    answer = client.chat.completions.create(model=model["chat"], messages=messages, tools=[WEATHER])
    assert "17 degrees" in answer.choices[0].message.content
    assert answer.choices[0].message.tool_calls is None


def test_a_streamed_call_is_the_same(client, model):
    whole = client.chat.completions.create(model=model["chat"], messages=QUESTION, tools=[WEATHER])
    calls, finish = assemble(
        client.chat.completions.create(model=model["chat"], messages=QUESTION, tools=[WEATHER], stream=True)
    )
    assert finish == "tool_calls"
    [call] = whole.choices[0].message.tool_calls
    assert [(name, arguments) for _, name, arguments in calls] == [(call.function.name, call.function.arguments)]


def test_parallel_calls(client, model):
    answer = client.chat.completions.create(model=model["chat"], messages=TWO_QUESTIONS, tools=[WEATHER, TIDE])
    calls = answer.choices[0].message.tool_calls
    assert {call.function.name for call in calls} == {"get_weather", "get_tide"}
    assert len({call.id for call in calls}) == 2


def test_parallel_calls_streamed(client, model):
    calls, _ = assemble(
        client.chat.completions.create(model=model["chat"], messages=TWO_QUESTIONS, tools=[WEATHER, TIDE], stream=True)
    )
    assert {name for _, name, _ in calls} == {"get_weather", "get_tide"}
    assert len({identity for identity, _, _ in calls}) == 2
    assert all(isinstance(json.loads(arguments), dict) for _, _, arguments in calls)


def test_a_forced_call(client, model):
    answer = client.chat.completions.create(
        model=model["chat"],
        messages=[{"role": "user", "content": "Hello"}],
        tools=[WEATHER, TIDE],
        tool_choice={"type": "function", "function": {"name": "get_tide"}},
    )
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["get_tide"]


def assemble(stream):
    """The calls of a stream as (id, name, arguments), put together by index, and the finish reason."""
    calls, finish = {}, None
    for chunk in stream:
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for delta in choice.delta.tool_calls or []:
                call = calls.setdefault(delta.index, ["", "", ""])
                call[0] = delta.id or call[0]
                call[1] += delta.function.name or ""
                call[2] += delta.function.arguments or ""
    return [tuple(calls[index]) for index in sorted(calls)], finish
