"""Runs the table of scenarios; `conftest.py` multiplies it by clients and upstreams."""

from scenarios import SCENARIOS


def test_cell(cell, scenario):
    SCENARIOS[scenario](cell)
