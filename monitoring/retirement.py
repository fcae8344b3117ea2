"""What a retirement must settle: what takes over, from when, who has to know, and where what is left is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from monitoring.audit import canonical_json, instant
from monitoring.errors import InvalidProposalError
from monitoring.wording import day_text, joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitoring.portfolio import Consumer

LONGEST_NOTICE_DAYS = 3 * 365
LONGEST_NAME, LONGEST_PLACE, LONGEST_WHY = 100, 500, 2_000
LEAST_WHY = 10
MOST_CONSUMERS = 50
ARCHIVED = {"artefact": "artefact", "code": "code", "training_data": "training data"}
"""What is archived, and how it is called in a sentence."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody at a consumer has said that they know: who, on which day, and who of ours wrote it down."""

    by: str
    on: date
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Notified:
    """A consumer of the model as the plan names it; a contact or an acknowledgement that is missing is shown as missing."""

    name: str
    contact: str | None = None
    acknowledgement: Acknowledgement | None = None


@dataclass(frozen=True, slots=True)
class RetirementPlan:
    """What takes over (the id of a registered model) or why nothing does, the last day, the consumers, and where the rest is kept.

    Places are texts, never opened. ``nobody_uses_it`` says that there is no consumer; without it an empty list is a missing one.
    """

    replacement: str | None = None
    why_no_replacement: str | None = None
    sunset_on: date | None = None
    consumers: tuple[Notified, ...] = ()
    nobody_uses_it: bool = False
    artefact: str | None = None
    code: str | None = None
    training_data: str | None = None

    @property
    def hash(self) -> str:
        """The fingerprint that whoever changes the plan confirms to have seen."""
        return sha256(canonical_json(self.plain()).encode()).hexdigest()

    def missing(self) -> tuple[str, ...]:
        """Return what is not settled, each as it stands after "it lacks"; empty when everything is.

        >>> RetirementPlan(replacement="b", nobody_uses_it=True, artefact="s3", code="git", training_data="tape").missing()
        ('the last day of service',)
        """
        lacks = []
        if not self.replacement and not self.why_no_replacement:
            lacks.append("a replacement or the reason why there is none")
        if self.sunset_on is None:
            lacks.append("the last day of service")
        if not self.consumers and not self.nobody_uses_it:
            lacks.append("its consumers or the word that nobody uses it")
        if unreachable := [each.name for each in self.consumers if not each.contact]:
            lacks.append(f"a contact of {joined(unreachable)}")
        if silent := [each.name for each in self.consumers if each.acknowledgement is None]:
            lacks.append(f"the acknowledgement of {joined(silent)}")
        if unkept := [words for name, words in ARCHIVED.items() if not getattr(self, name)]:
            lacks.append(
                f"where the {joined(unkept)} {'are' if unkept[1:] or ARCHIVED['training_data'] in unkept else 'is'} archived"
            )
        return tuple(lacks)

    def consumer(self, name: str) -> Notified:
        """Return the consumer of this name.

        Raises:
            InvalidProposalError: the plan names no such consumer.
        """
        for each in self.consumers:
            if each.name == name:
                return each
        raise InvalidProposalError(f"The plan names no consumer {name[:LONGEST_NAME]!r}.")

    def acknowledged(self, name: str, said: Acknowledgement) -> Self:
        """Return the plan in which this consumer has said that they know."""
        known = self.consumer(name)
        told = replace(known, acknowledgement=said)
        return replace(self, consumers=tuple(told if each is known else each for each in self.consumers))

    def with_consumers_of(self, known: Iterable[Consumer]) -> Self:
        """Return the plan with the consumers of the model's card, unless it names its own or says that there are none."""
        if self.consumers or self.nobody_uses_it:
            return self
        return replace(self, consumers=tuple(Notified(each.name, each.contact) for each in known))

    def keeping_acknowledgements(self, before: RetirementPlan) -> Self:
        """Return the plan with what consumers acknowledged before; with another last day or replacement they have to be asked anew."""
        is_other = before.sunset_on not in {None, self.sunset_on} or before.replacement not in {None, self.replacement}
        said = {} if is_other else {each.name: each.acknowledgement for each in before.consumers}
        return replace(
            self, consumers=tuple(replace(each, acknowledgement=said.get(each.name)) for each in self.consumers)
        )

    def only_adds_to(self, before: RetirementPlan) -> bool:
        """Whether everything that was settled before stands unchanged."""
        names = ("replacement", "why_no_replacement", "sunset_on", *ARCHIVED)
        kept = all(getattr(before, name) in {None, getattr(self, name)} for name in names)
        contacts = {each.name: each.contact for each in self.consumers}
        told = all(each.name in contacts and each.contact in {None, contacts[each.name]} for each in before.consumers)
        return kept and told and (self.nobody_uses_it or not before.nobody_uses_it)

    def checked(self, *, model_id: str, on: date) -> Self:
        """Return the plan without spaces around its texts; empty ones are missing.

        Raises:
            InvalidProposalError: it says something impossible; the text names what.
        """
        plan = self._stripped()
        if plan.replacement and plan.why_no_replacement:
            raise InvalidProposalError("A retirement names a replacement or says why there is none, not both.")
        if plan.replacement == model_id:
            raise InvalidProposalError("A model cannot replace itself.")
        if plan.why_no_replacement and len(plan.why_no_replacement) < LEAST_WHY:
            raise InvalidProposalError(f"The reason why nothing replaces it has at least {LEAST_WHY} characters.")
        if plan.sunset_on is not None:
            check_sunset(plan.sunset_on, on=on)
        plan._check_consumers()  # noqa: SLF001 - its own
        return plan

    def _stripped(self) -> Self:
        places: dict[str, Any] = {
            name: _text(getattr(self, name), f"place of the {words}", LONGEST_PLACE) for name, words in ARCHIVED.items()
        }
        consumers = tuple(
            replace(
                each,
                name=_text(each.name, "name of a consumer", LONGEST_NAME) or "",
                contact=_text(each.contact, "contact of a consumer", LONGEST_NAME),
            )
            for each in self.consumers
        )
        why = _text(self.why_no_replacement, "reason why nothing replaces it", LONGEST_WHY)
        other = _text(self.replacement, "replacement", LONGEST_WHY)
        return replace(self, replacement=other, why_no_replacement=why, consumers=consumers, **places)

    def _check_consumers(self) -> None:
        if self.consumers and self.nobody_uses_it:
            raise InvalidProposalError("Either nobody uses the model or it has consumers, not both.")
        if len(self.consumers) > MOST_CONSUMERS:
            raise InvalidProposalError(
                f"A plan names at most {MOST_CONSUMERS} consumers; this has {len(self.consumers)}."
            )
        names = [each.name for each in self.consumers]
        if "" in names:
            raise InvalidProposalError("Every consumer has a name.")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidProposalError(f"The consumer {twice[0]!r} is named twice.")

    def plain(self) -> dict[str, Any]:
        """Return the plan as plain JSON."""
        return {
            "replacement": self.replacement,
            "why_no_replacement": self.why_no_replacement,
            "sunset_on": self.sunset_on.isoformat() if self.sunset_on else None,
            "nobody_uses_it": self.nobody_uses_it,
            "consumers": [_plain_consumer(each) for each in self.consumers],
        } | {name: getattr(self, name) for name in ARCHIVED}

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Self:
        """Return the plan of its plain JSON."""
        texts = {name: plain[name] for name in ("replacement", "why_no_replacement", "nobody_uses_it", *ARCHIVED)}
        sunset_on = date.fromisoformat(plain["sunset_on"]) if plain["sunset_on"] else None
        return cls(sunset_on=sunset_on, consumers=tuple(_consumer(each) for each in plain["consumers"]), **texts)


def check_sunset(sunset_on: date, *, on: date, approved: date | None = None) -> None:
    """Refuse a last day of service that is past, too far ahead, or earlier than the one that was approved.

    Raises:
        InvalidProposalError: the text says which.
    """
    if not on <= sunset_on <= on + timedelta(days=LONGEST_NOTICE_DAYS):
        raise InvalidProposalError("The sunset date is today or later, and at most three years ahead.")
    if approved is not None and sunset_on < approved:
        raise InvalidProposalError(f"The sunset date is not before the approved one, {day_text(approved)}.")


def plan_changes(old: dict[str, Any] | None, new: dict[str, Any] | None) -> tuple[str, ...]:
    """Return in words what is different in the newer of two plans, both as plain JSON or missing."""
    if new is None or old == new:
        return ()
    before, after = RetirementPlan.of(old) if old else RetirementPlan(), RetirementPlan.of(new)
    texts = {
        "replacement": "The replacement",
        "why_no_replacement": "The reason for no replacement",
        "sunset_on": "The last day of service",
    } | {name: f"The archive of the {words}" for name, words in ARCHIVED.items()}
    changes = [
        f"{words} was {getattr(before, name) or 'missing'}, is now {getattr(after, name) or 'missing'}."
        for name, words in texts.items()
        if getattr(before, name) != getattr(after, name)
    ]
    known = {each.name: each for each in before.consumers}
    for each in after.consumers:
        was = known.pop(each.name, None)
        if was is None:
            changes.append(f"New consumer: {each.name}.")
        elif was.contact != each.contact:
            changes.append(
                f"The contact of {each.name} was {was.contact or 'missing'}, is now {each.contact or 'missing'}."
            )
        if each.acknowledgement and (was is None or was.acknowledgement != each.acknowledgement):
            changes.append(f"{each.acknowledgement.by} acknowledged it for {each.name}.")
        elif was is not None and was.acknowledgement and not each.acknowledgement:
            changes.append(f"{each.name} has to acknowledge it anew.")
    changes += [f"No longer a consumer: {name}." for name in known]
    if after.nobody_uses_it and not before.nobody_uses_it:
        changes.append("Nobody uses it, the proposer says.")
    return tuple(changes)


def _text(written: str | None, what: str, longest: int) -> str | None:
    written = (written or "").strip()
    if len(written) > longest:
        raise InvalidProposalError(f"The {what} has at most {longest:,} characters; this has {len(written):,}.")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in written):
        raise InvalidProposalError(f"The {what} holds characters that cannot be stored; type it again.")
    return written or None


def _plain_consumer(consumer: Notified) -> dict[str, Any]:
    said = consumer.acknowledgement
    told = {"by": said.by, "on": said.on.isoformat(), "recorded_by": said.recorded_by} if said else None
    if said and told:
        told["recorded_at"] = instant(said.recorded_at)
    return {"name": consumer.name, "contact": consumer.contact, "acknowledgement": told}


def _consumer(plain: dict[str, Any]) -> Notified:
    said = plain["acknowledgement"]
    if said:
        said = Acknowledgement(
            said["by"],
            date.fromisoformat(said["on"]),
            said["recorded_by"],
            datetime.fromisoformat(said["recorded_at"]),
        )
    return Notified(plain["name"], plain["contact"], said)
