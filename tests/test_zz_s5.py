from tests.sample_portfolio import *  # noqa
from datetime import date
from data_access.verdict_queries import verdicts


def test_x(sample_registry):
    for line in verdicts(sample_registry, first=date(2020, 1, 1), last=date(2021, 12, 28)):
        if line.model == "lga-delay-band" and line.verdict != "keep":
            print(line)
    assert 0
