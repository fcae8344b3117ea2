"""What belongs on the agenda: one small rule for each kind of item, all of them over the same facts.

A rule takes the facts and returns items; ``RULES`` lists them in the order of the agenda. To add one: a function, its name in
``Rule``, its minutes and its line in ``RULES``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from monitoring.assessment import Verdict
from monitoring.lifecycle import SOON_DAYS, Action, State
from monitoring.meeting import Item
from monitoring.meeting_action import ActionState
from monitoring.retraining import review_due
from monitoring.shift_findings import shift_words
from monitoring.wording import capital, day_text, joined, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitoring.challenge import Challenge
    from monitoring.decision import Decision
    from monitoring.meeting_action import MeetingAction
    from monitoring.policy_version import PolicyVersion
    from monitoring.portfolio_shift import Shift
    from monitoring.standing_approval import StandingApproval
    from monitoring.zombie import Zombie

MOST_OF_A_KIND = 8
"""Items of one rule that get a screen of their own; the others share one."""


class Rule(StrEnum):
    """Why something is on the agenda."""

    ACTION = "action"
    SHIFT = "shift"
    OVERDUE = "overdue"
    APPROVAL = "approval"
    STANDING_PROPOSED = "standing_proposed"
    CHALLENGE = "challenge"
    NEW_VERDICT = "new_verdict"
    STILL_OPEN = "still_open"
    ACCEPTANCE = "acceptance"
    OUTCOME = "outcome"
    RETIREMENT = "retirement"
    ZOMBIE = "zombie"
    STANDING = "standing"
    POLICY = "policy"
    BY_HAND = "by_hand"

    @property
    def words(self) -> str:
        """How the rule is called on the agenda."""
        return RULE_WORDS[self]


RULE_WORDS = {
    Rule.ACTION: "Actions from earlier meetings",
    Rule.SHIFT: "Portfolio shift",
    Rule.OVERDUE: "Answer overdue",
    Rule.APPROVAL: "Approval due",
    Rule.STANDING_PROPOSED: "Standing approval proposed",
    Rule.CHALLENGE: "Open challenge",
    Rule.NEW_VERDICT: "New verdict",
    Rule.STILL_OPEN: "Verdicts without a decision",
    Rule.ACCEPTANCE: "Acceptance ends",
    Rule.OUTCOME: "Outcome to review",
    Rule.RETIREMENT: "Retirement due",
    Rule.ZOMBIE: "Retired and still used",
    Rule.STANDING: "Decided under standing approval",
    Rule.POLICY: "Policy change",
    Rule.BY_HAND: "Added by hand",
}
MINUTES = {
    Rule.ACTION: 2,
    Rule.SHIFT: 10,
    Rule.OVERDUE: 5,
    Rule.APPROVAL: 5,
    Rule.STANDING_PROPOSED: 5,
    Rule.CHALLENGE: 4,
    Rule.NEW_VERDICT: 4,
    Rule.STILL_OPEN: 3,
    Rule.ACCEPTANCE: 3,
    Rule.OUTCOME: 4,
    Rule.RETIREMENT: 2,
    Rule.ZOMBIE: 3,
    Rule.STANDING: 3,
    Rule.POLICY: 5,
    Rule.BY_HAND: 5,
}
"""Minutes an item of a rule is given at first."""
NEEDS_ACTION = {Verdict.RETRAIN: "retrain", Verdict.FIX_DATA: "fix data", Verdict.RETIRE: "retire"}
ACTION_WORDS = {
    Action.RETRAIN: "retrain it",
    Action.RETIRE: "retire it",
    Action.SUSPEND: "suspend it",
    Action.FIX_DATA: "fix its data",
    Action.ACCEPT: "accept it as it is",
    Action.REINSTATE: "put it back into service",
}


@dataclass(frozen=True, slots=True)
class ModelFact:
    """What the rules ask of a model; ``verdict`` is missing for one never assessed."""

    model_id: str
    name: str
    tier: int | None = None
    verdict: Verdict | None = None
    since: date | None = None
    reason: str = ""
    expected_loss: float = 0.0
    is_retired: bool = False

    @property
    def urgency(self) -> tuple[int, float, str]:
        """Tier 1 and unset first, then the largest expected loss."""
        return self.tier or 1, -self.expected_loss, self.name


@dataclass(frozen=True, slots=True)
class AgendaFacts:
    """What stands in the registry on ``on`` about the models of the meeting's scope.

    ``since`` is the day of the last meeting, missing for the first. ``decisions`` are those open and those that moved since;
    ``shifts`` hold only models of the scope; ``challenges`` are the open ones of findings; ``standing`` are the proposed standing
    approvals with a model of the scope inside; ``names`` says how people are called.
    """

    on: date
    since: date | None = None
    models: tuple[ModelFact, ...] = ()
    decisions: tuple[Decision, ...] = ()
    actions: tuple[MeetingAction, ...] = ()
    shifts: tuple[Shift, ...] = ()
    policies: tuple[PolicyVersion, ...] = ()
    zombies: tuple[Zombie, ...] = ()
    challenges: tuple[Challenge, ...] = ()
    standing: tuple[StandingApproval, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def person(self, email: str) -> str:
        """Return how somebody is called."""
        return self.names.get(email, email)

    def is_new(self, day: date | None) -> bool:
        """Whether something happened after the last meeting; before the first one everything did."""
        return day is not None and (self.since is None or day > self.since)

    def in_state(self, *states: State, action: Action | None = None) -> list[Decision]:
        """Return the decisions in one of these states, the first due first."""
        found = [each for each in self.decisions if each.state in states and action in {None, each.action}]
        return sorted(found, key=lambda each: (each.due_on, each.id))

    @property
    def undecided(self) -> list[ModelFact]:
        """Models whose verdict asks for an action while nothing is proposed or under way.

        A verdict that came with a shift is part of the shift's item; one that is older is not hidden by it.
        """
        moving = {model_id: shift.day for shift in self.shifts for model_id in shift.models}
        busy = {each.subject.model_id for each in self.decisions if each.is_open}
        return sorted(
            (
                model
                for model in self.models
                if model.verdict in NEEDS_ACTION
                and not model.is_retired
                and model.model_id not in busy
                and not _came_with(moving.get(model.model_id), model)
            ),
            key=lambda model: model.urgency,
        )


def agenda(facts: AgendaFacts) -> tuple[Item, ...]:
    """Return the items of every rule, in the order of the agenda."""
    return tuple(item for rule, found in RULES.items() for item in _bounded(rule, found(facts)))


def earlier_actions(facts: AgendaFacts) -> list[Item]:
    """Actions that nobody has closed, overdue first: the first thing a meeting looks at."""
    open_ones = [each for each in facts.actions if each.state is not ActionState.CLOSED]
    items = []
    for action in sorted(open_ones, key=lambda each: (each.due_on, each.id)):
        told = (
            f"reported done with this evidence: {_closed(action.evidence)} Somebody else confirms it"
            if action.state is ActionState.REPORTED
            else "not reported done yet"
        )
        why = f"{facts.person(action.assignee)}, {_due(action.due_on, facts)}, {told}."
        items.append(_item(Rule.ACTION, action.what, why, action_id=action.id, model_id=action.model_id))
    return items


def portfolio_shifts(facts: AgendaFacts) -> list[Item]:
    """Shifts that are open: many models moved for one cause, so they are one item and not one each."""
    return [
        _item(Rule.SHIFT, _shift_title(shift), shift_words(shift), shift_day=shift.day, model_ids=shift.models)
        for shift in facts.shifts
    ]


def overdue_approvals(facts: AgendaFacts) -> list[Item]:
    """Proposals whose answer is overdue; no answer never counts as a yes."""
    return [
        _approval(Rule.OVERDUE, each, facts) for each in facts.in_state(State.PROPOSED) if each.is_overdue(facts.on)
    ]


def due_approvals(facts: AgendaFacts) -> list[Item]:
    """Proposals that wait for an answer and are not overdue."""
    waiting = facts.in_state(State.PROPOSED)
    return [_approval(Rule.APPROVAL, each, facts) for each in waiting if not each.is_overdue(facts.on)]


def standing_proposals(facts: AgendaFacts) -> list[Item]:
    """Standing approvals that wait for an answer, the oldest first."""
    items = []
    for each in sorted(facts.standing, key=lambda each: each.id):
        inside = tuple(model.subject.model_id for model in each.covered)
        runs = plural(each.envelope.most_runs, "run")
        why = (
            f"{facts.person(each.proposed_by)} proposed on {day_text(each.proposed_on)} that {plural(len(inside), 'model')} may be retrained "
            f"without a person, at most {runs} a month, until {each.envelope.last_day_words}: {each.reason}"
        )
        title = f"Standing approval {each.id}"
        items.append(_item(Rule.STANDING_PROPOSED, title, why, standing_number=each.id, model_ids=inside))
    return items


def new_verdicts(facts: AgendaFacts) -> list[Item]:
    """Models that came to need an action since the last meeting, with nothing proposed yet."""
    return [
        _item(Rule.NEW_VERDICT, model.name, _verdict_words(model), model_id=model.model_id)
        for model in facts.undecided
        if facts.is_new(model.since)
    ]


def verdicts_without_decision(facts: AgendaFacts) -> list[Item]:
    """Models that needed an action at the last meeting already, and still nobody proposed one: together one item."""
    old = [model for model in facts.undecided if not facts.is_new(model.since)]
    if not old:
        return []
    names = joined([model.name for model in old])
    why = f"{names}: the verdict asks for an action since before the last meeting, and nobody has proposed one."
    count = plural(len(old), "model")
    ids = tuple(model.model_id for model in old)
    return [_item(Rule.STILL_OPEN, f"{count} without a decision", why, model_ids=ids)]


def ending_acceptances(facts: AgendaFacts) -> list[Item]:
    """Acceptances that end soon, and those that ended since the last meeting: the model is back on the agenda."""
    items = []
    for decision in facts.in_state(State.APPROVED, State.EXPIRED, action=Action.ACCEPT):
        until = decision.accept_until
        if until is None:
            continue
        if decision.state is State.APPROVED and until > facts.on + timedelta(days=SOON_DAYS):
            continue
        if decision.state is State.EXPIRED and not facts.is_new(decision.state_on):
            continue
        was = "was" if decision.state is State.EXPIRED else "is"
        why = f"It {was} accepted as it is until {day_text(until)}. The reason given: {decision.reason}"
        items.append(_of_decision(Rule.ACCEPTANCE, decision, why))
    return items


def outcomes_due(facts: AgendaFacts) -> list[Item]:
    """Retrainings whose outcome can be judged now, and those that failed and wait for somebody."""
    items = []
    for decision in facts.in_state(State.SUCCEEDED, State.FAILED, action=Action.RETRAIN):
        if decision.state is State.FAILED:
            why = "The training failed; somebody has it tried again or gives it up."
        elif decision.settles_on is None or decision.settles_on > facts.on:
            continue
        else:
            due = review_due(decision)
            when = f", due {day_text(due)}" if due else ""
            why = f"Version {decision.new_version} has labels enough to be judged{when}: did the retraining help?"
        items.append(_of_decision(Rule.OUTCOME, decision, why))
    return items


def retirements_due(facts: AgendaFacts) -> list[Item]:
    """Retirements whose last day of service comes soon or is past while the log is still to fall silent."""
    items = []
    for decision in facts.in_state(State.ANNOUNCED, State.DUE, action=Action.RETIRE):
        last = decision.sunset_on
        if last is None or last > facts.on + timedelta(days=SOON_DAYS):
            continue
        past = decision.state is State.DUE
        why = f"Its last day of service {'was' if past else 'is'} {day_text(last)}." + (
            " It closes after 28 days without a row in its log." if past else ""
        )
        items.append(_of_decision(Rule.RETIREMENT, decision, why))
    return items


def zombies(facts: AgendaFacts) -> list[Item]:
    """Retired models that are still scored."""
    return [_item(Rule.ZOMBIE, each.name, each.sentence, model_id=each.model_id) for each in facts.zombies]


def open_challenges(facts: AgendaFacts) -> list[Item]:
    """Findings that an independent reviewer doubts, until the reviewer has settled or upheld that; tier 1 and the oldest first."""
    ordered = sorted(facts.challenges, key=lambda each: (each.subject.effective_tier, each.began.said_on, each.id))
    return [
        _item(Rule.CHALLENGE, each.subject.name, _doubt(each, facts), model_id=each.subject.model_id)
        for each in ordered
    ]


def under_standing_approval(facts: AgendaFacts) -> list[Item]:
    """What standing approvals started since the last meeting: one item, for the committee to know."""
    found = [each for each in facts.decisions if each.standing_approval is not None and facts.is_new(each.proposed_on)]
    if not found:
        return []
    names = joined([f"{each.subject.name} ({each.state.words})" for each in found])
    ids = tuple(dict.fromkeys(each.subject.model_id for each in found))
    approvals = sorted({f"standing approval {each.standing_approval}" for each in found})
    title = f"{plural(len(found), 'retraining')} without a person"
    return [_item(Rule.STANDING, title, f"Started under {joined(approvals)}: {names}.", model_ids=ids)]


def policy_changes(facts: AgendaFacts) -> list[Item]:
    """Versions of the policy that wait for an answer, and those approved since the last meeting."""
    items = []
    for version in facts.policies:
        title = f"Version {version.number} of the policy"
        if version.state is State.PROPOSED:
            why = (
                f"{facts.person(version.proposed_by)} proposed it on {day_text(version.proposed_on)}: {version.reason}"
            )
        elif version.state is State.APPROVED and version.in_force_from and facts.is_new(version.decided_on):
            why = f"Approved since the last meeting, in force from {day_text(version.in_force_from)}: {version.reason}"
        else:
            continue
        items.append(_item(Rule.POLICY, title, why, policy_number=version.number))
    return items


RULES: dict[Rule, Callable[[AgendaFacts], list[Item]]] = {
    Rule.ACTION: earlier_actions,
    Rule.SHIFT: portfolio_shifts,
    Rule.OVERDUE: overdue_approvals,
    Rule.APPROVAL: due_approvals,
    Rule.STANDING_PROPOSED: standing_proposals,
    Rule.CHALLENGE: open_challenges,
    Rule.NEW_VERDICT: new_verdicts,
    Rule.STILL_OPEN: verdicts_without_decision,
    Rule.ACCEPTANCE: ending_acceptances,
    Rule.OUTCOME: outcomes_due,
    Rule.RETIREMENT: retirements_due,
    Rule.ZOMBIE: zombies,
    Rule.STANDING: under_standing_approval,
    Rule.POLICY: policy_changes,
}
"""The rules in the order of the agenda."""


def _bounded(rule: Rule, items: Sequence[Item]) -> list[Item]:
    """Return the items, those beyond the first eight as one."""
    if len(items) <= MOST_OF_A_KIND + 1:
        return list(items)
    rest = items[MOST_OF_A_KIND:]
    names = joined([item.title for item in rest], most=5)
    ids = tuple(dict.fromkeys(each for item in rest for each in (item.model_id, *item.model_ids) if each))
    together = _item(rule, f"{len(rest)} more: {rule.words.lower()}", f"{names}.", model_ids=ids)
    return [*items[:MOST_OF_A_KIND], together]


def _item(
    rule: Rule,
    title: str,
    why: str,
    *,
    model_id: str | None = None,
    decision_id: int | None = None,
    action_id: int | None = None,
    shift_day: date | None = None,
    policy_number: int | None = None,
    standing_number: int | None = None,
    model_ids: tuple[str, ...] = (),
) -> Item:
    return Item(
        rule=rule.value,
        title=title,
        why=why,
        minutes=MINUTES[rule],
        model_id=model_id,
        decision_id=decision_id,
        action_id=action_id,
        shift_day=shift_day,
        policy_number=policy_number,
        standing_number=standing_number,
        model_ids=model_ids,
    )


def _of_decision(rule: Rule, decision: Decision, why: str) -> Item:
    return _item(rule, decision.subject.name, why, model_id=decision.subject.model_id, decision_id=decision.id)


def _approval(rule: Rule, decision: Decision, facts: AgendaFacts) -> Item:
    who = facts.person(decision.proposed_by)
    why = f"{who} proposed on {day_text(decision.proposed_on)} to {ACTION_WORDS[decision.action]}, {_due(decision.due_on, facts)}: {decision.reason}"
    return _of_decision(rule, decision, why)


def _closed(text: str) -> str:
    """Return what somebody wrote so that a sentence can follow it."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _due(day: date, facts: AgendaFacts) -> str:
    late = (facts.on - day).days
    return f"overdue {plural(late, 'day')}" if late > 0 else f"due {day_text(day)}"


def _doubt(challenge: Challenge, facts: AgendaFacts) -> str:
    """Return who doubts what and whether it was answered, in a line of the agenda."""
    asked = challenge.began
    answer = challenge.answer
    answered = f"{facts.person(answer.person)} answered: {answer.text}" if answer else "The owner has not answered yet."
    doubted = f" ({challenge.finding.sentence})" if challenge.finding else ""
    return f"{facts.person(asked.person)} challenged a finding on {day_text(asked.said_on)}{doubted}: {_closed(asked.text)} {answered}"


def _came_with(shift_day: date | None, model: ModelFact) -> bool:
    """Whether a model has its verdict since the shift it is part of."""
    return shift_day is not None and model.since is not None and model.since >= shift_day


def _verdict_words(model: ModelFact) -> str:
    """Return which verdict the model came to, since when and why, in a line of the agenda."""
    verdict = NEEDS_ACTION.get(model.verdict or Verdict.UNKNOWN, "")
    since = f" since {day_text(model.since)}" if model.since else ""
    return f"{capital(verdict)}{since}, and nothing is proposed yet. {model.reason}".strip()


def _shift_title(shift: Shift) -> str:
    kind = (
        "A feed is broken"
        if shift.kind.value == "feed"
        else "The world changed"
        if shift.confirmed
        else "The world may have changed"
    )
    return f"{kind}: {plural(len(shift.models), 'model')}"
