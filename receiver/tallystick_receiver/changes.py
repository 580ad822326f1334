"""That something was committed, and whose it is: a reason to look again, told by receivers to all of their database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ORGS_MAX: Final = 350
"""Of more organisations at once it is not said which: PostgreSQL tells less than 8,000 bytes, an id has 20."""
_ALL: Final = "*"


class Topic(StrEnum):
    """What may change by itself."""

    USAGE = "usage"
    COST = "cost"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Change:
    """Something was committed.

    Attributes:
        topic: what.
        orgs: ids of the organisations whose it is; None where it may be anybody's.
    """

    topic: Topic
    orgs: frozenset[int] | None

    def concerns(self, org: int | None) -> bool:
        """Whether who looks at one organisation, or at all of them (None), ought to look again."""
        return self.orgs is None or org is None or org in self.orgs

    @property
    def text(self) -> str:
        """As it is told."""
        return f"{self.topic.value} {_ALL if self.orgs is None else ','.join(map(str, sorted(self.orgs)))}"


def change_in(topic: Topic, orgs: Iterable[int | None]) -> Change:
    """A change of some organisations, or of anybody's where one of them is None."""
    ids = frozenset(orgs)
    named = frozenset(org for org in ids if org is not None)
    return Change(topic, None if len(named) < len(ids) or len(ids) > ORGS_MAX else named)


def change_of(text: str) -> Change | None:
    """What a text tells; None where it is not one of ours, since whoever uses the database may tell anything."""
    topic, _, orgs = text.partition(" ")
    try:
        return Change(Topic(topic), None if orgs == _ALL else frozenset(map(int, orgs.split(","))))
    except ValueError:
        return None
