"""The Responses API, whole and streamed."""


def test_answer(client, model):
    answer = client.responses.create(model=model["chat"], instructions="Be brief.", input="Say ahoi.", store=False)
    assert answer.status == "completed"
    assert "ahoi" in answer.output_text
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_stream(client, model):
    events = list(client.responses.create(model=model["chat"], input="Say ahoi.", stream=True, store=False))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert "ahoi" in text and events[-1].response.output_text == text
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))


def test_tool_call(client, model):
    tool = {
        "type": "function",
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
            "additionalProperties": False,
        },
        "strict": True,
    }
    question = [{"role": "user", "content": "What is the weather in Hamburg?"}]
    asked = client.responses.create(model=model["chat"], input=question, tools=[tool], store=False)
    [call] = [item for item in asked.output if item.type == "function_call"]
    assert call.name == "get_weather"

    result = {"type": "function_call_output", "call_id": call.call_id, "output": "17 degrees"}
    answer = client.responses.create(
        model=model["chat"], input=[*question, call.model_dump(exclude_none=True), result], tools=[tool], store=False
    )
    assert "17 degrees" in answer.output_text
