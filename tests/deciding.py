"""Somebody who decides one thing after the other in a process of its own, and says what was acknowledged, until it is killed.

python -m tests.deciding ADDRESS FIRST
"""

import sys
from itertools import count

from data_access.registry import Registry
from monitoring import decide
from monitoring.errors import OpenDecisionExistsError, UnknownModelError
from tests.registry_contract import BEN, CLEO, DAY, KEY, NOW, approve, propose

MODEL = "kill-{}"


def decide_from(address: str, first: int) -> None:
    """Propose for each model from this number on until there are no more, then approve two of three and reject the third; tell each answer when it is stored."""
    registry = Registry.open(address, audit_key=KEY)
    for number in count(first):
        try:
            decision = propose(registry, MODEL.format(number))
            tell("propose", number, decision.id)
            if number % 3:
                approve(registry, decision, by=BEN)
                tell("approve", number, decision.id)
            else:
                decide.reject(registry, decision.id, comment="No.", by=CLEO, on=DAY, now=NOW)
                tell("reject", number, decision.id)
        except UnknownModelError:  # there are no more
            return
        except OpenDecisionExistsError:  # an earlier process proposed it, and was killed before it could say so
            tell("skip", number, 0)


def tell(move: str, number: int, decision_id: int) -> None:
    sys.stdout.write(f"{move} {number} {decision_id}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    decide_from(sys.argv[1], int(sys.argv[2]))
