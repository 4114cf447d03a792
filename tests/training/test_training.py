"""Training files of recorded conversations, as those read them who train: Hugging Face `datasets`, and the rules of each form."""

import json
import re

import pytest
from datasets import load_dataset

FORMS = ["messages", "messages-field", "sharegpt", "openai"]
WITH_CARD = ["messages", "messages-field", "sharegpt"]
# What tells that the lines are of recorded traffic and not only of the few that the repository has.
MANY = 100


def lines(files, form, hour="*"):
    found = [path.read_text().splitlines() for path in sorted((files / form).glob(f"{hour}.jsonl"))]
    return [json.loads(line) for hour in found for line in hour]


@pytest.fixture
def load(tmp_path):
    def load(*arguments, **options):
        return load_dataset(*arguments, split="train", cache_dir=str(tmp_path / "cache"), **options)

    return load


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_all_conversations_loads(files, load, tmp_path, form):
    expect = lines(files, form)
    whole = tmp_path / "all.jsonl"
    # As the hours of a day in one export.
    whole.write_text("".join(path.read_text() for path in sorted((files / form).glob("*.jsonl"))))
    data = load("json", data_files=str(whole))
    assert data.num_rows == len(expect) > 0
    column = "conversations" if form == "sharegpt" else "messages"
    for row, line in zip(data, expect, strict=True):
        assert len(row[column]) == len(line[column])
        if form in WITH_CARD:
            assert row == line


@pytest.mark.parametrize("form", WITH_CARD)
def test_hours_load_with_the_types_of_their_card(files, load, form):
    """The first hour has no tools, pictures or parameters: its lines alone would give most columns no type."""
    data = load(str(files / form))
    assert list(data) == lines(files, form)
    assert lines(files, form, "*_08") and lines(files, form, "*_09")


def test_conversations_of_all_kinds_are_there(files):
    if len(lines(files, "messages")) < MANY:
        pytest.skip("no recorded traffic: only the repository's own conversations")
    found = lines(files, "messages")
    messages = [message for line in found for message in line["messages"]]
    assert sum(bool(line["images"]) for line in found) > 5
    assert sum(bool(message["tool_calls"]) for message in messages) > 20
    assert sum(message["role"] == "tool" for message in messages) > 10
    assert sum(message["content"].startswith("<think>") for message in messages) > 10
    apart = [message for line in lines(files, "messages-field") for message in line["messages"]]
    assert sum(bool(message["reasoning_content"]) for message in apart) > 10
    assert not any(message["content"].startswith("<think>") for message in apart)


def test_ids_are_unique_and_the_answer_is_last(files):
    found = lines(files, "messages")
    assert len({line["_id"] for line in found}) == len(found)
    assert all(line["messages"][-1]["role"] == "assistant" for line in found)


def test_sharegpt_is_what_llama_factory_takes(files):
    """The rules of its converter and of its formatter of calls and tools."""
    odd, even = ("human", "observation"), ("gpt", "function_call")
    for line in lines(files, "sharegpt"):
        said = line["conversations"]
        if said[0]["from"] == "system":
            said = said[1:]
        assert len(said) % 2 == 0
        for place, turn in enumerate(said):
            assert turn["from"] in (even if place % 2 else odd)
            assert isinstance(turn["value"], str)
            if turn["from"] == "function_call":
                calls = json.loads(re.sub("<think>.*</think>", "", turn["value"], flags=re.DOTALL))
                for call in calls if isinstance(calls, list) else [calls]:
                    assert isinstance(call["name"], str) and isinstance(call["arguments"], dict)
        for tool in json.loads(line["tools"] or "[]"):
            assert isinstance(tool["description"], str) and isinstance(tool["parameters"], dict)
        places = sum(turn["value"].count("<image>") for turn in line["conversations"])
        assert places == len(line["images"])


def test_openai_lines_have_only_what_fine_tuning_takes(files):
    for line in lines(files, "openai"):
        assert line.keys() <= {"messages", "tools", "parallel_tool_calls"}
        called = set()
        for message in line["messages"]:
            assert message["role"] in ("system", "user", "assistant", "tool")
            assert message.keys() <= {"role", "content", "name", "tool_calls", "tool_call_id"}
            parts = message["content"] if isinstance(message["content"], list) else []
            assert all(part["type"] in ("text", "image_url") for part in parts)
            assert not parts or message["role"] == "user"
            called |= {call["id"] for call in message.get("tool_calls", [])}
            assert ("tool_call_id" in message) == (message["role"] == "tool")
            assert message.get("tool_call_id") is None or message["tool_call_id"] in called
        assert line["messages"][-1]["role"] == "assistant"
