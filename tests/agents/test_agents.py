"""Real agents do a task with their own tools, through the gateway, on providers of every dialect."""

import json

import pytest

import agents
from conftest import STRANGE, UPSTREAMS

TASKS = [
    pytest.param(agent, dialect, model, id=f"{agent.name}-on-{dialect}-as-{model}")
    for agent in agents.AGENTS
    for dialect in UPSTREAMS
    for model in [STRANGE, agent.known]
    # In its own dialect the gateway passes on what the agent means for the model it knows, which is no other one.
    if model == STRANGE or dialect != agent.dialect
]


@pytest.mark.parametrize(("agent", "dialect", "model"), TASKS)
def test_a_task_with_tools(agent, dialect, model, mock, gateways, run):
    """Two calls at once, then one that depends on what they gave, then the text.

    Each next step is taken only when the result of the one before has come back, and none of the results stands in the
    call that asks for it: what the agent says at the end has been through its shell and its files.
    """
    folder = run / f"{agent.name}-on-{dialect}-as-{model}"
    work = folder / "work"
    work.mkdir(parents=True)
    note = work / "note.txt"
    note.write_text("ripe by file\n")
    mock.play([
        agent.run("printf ripe-%s 42"),
        agent.read(note),
        # The results may come back in any order, so each says the word.
        agent.run("printf third-%s 53") | {"after": "ripe"},
    ])

    status, output = agents.ask(agent, *gateways[dialect], model, "Take the three steps.", folder)
    ledger = mock.ledger()
    (folder / "output.txt").write_text(output)
    (folder / "ledger.json").write_text(json.dumps(ledger, indent=1))

    refused = [(entry["path"], entry["status"]) for entry in ledger if entry["status"] != 200]
    assert not refused, f"the provider refused {refused}; see {folder}/ledger.json\n{output}"
    assert status == 0, output
    assert "third-53" in output, output
    last = ledger[-1]["body"]
    for result in ["ripe-42", "ripe by file", "third-53"]:
        assert result in last, f"{result} is not in the last request; see {folder}/ledger.json\n{output}"
