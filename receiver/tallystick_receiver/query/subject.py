"""Whose usage: subjectType and subjectId, in the words of the metering products whose clients ask.

`org` and `project` are what points are attributed to; `user` is the dimension `user.id`; every other type is the
dimension of that key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tallystick_receiver.errors import InvalidQuestion

ALIASES: Final = {"user": "user.id"}
"""Subject types that are shorter than the dimensions they mean (OpenTelemetry's semantic conventions)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoped:
    """What a question is limited to."""

    org: str | None
    project: str | None
    filters: dict[str, list[str]]


def limited_to(scoped: Scoped, kind: str | None, name: str | None) -> Scoped:
    """The same, of one subject only.

    Args:
        scoped: what is asked besides.
        kind: `org`, `project`, `user` or a dimension's key; None with `name`: everything.
        name: which one.

    Raises:
        InvalidQuestion: one of the two is missing, or another organisation or project is asked for besides.
    """
    if not kind and not name:
        return scoped
    if not kind or not name:
        raise InvalidQuestion("subjectType and subjectId go together")
    if kind == "org":
        if scoped.org not in (None, name):
            raise InvalidQuestion("orgId and subjectId name different organisations")
        return Scoped(org=name, project=scoped.project, filters=scoped.filters)
    if kind == "project":
        if scoped.project not in (None, name):
            raise InvalidQuestion("projectId and subjectId name different projects")
        return Scoped(org=scoped.org, project=name, filters=scoped.filters)
    key = ALIASES.get(kind, kind)
    if key in scoped.filters:
        raise InvalidQuestion(f"attr.{key[:60]} and subjectType ask for the same")
    return Scoped(org=scoped.org, project=scoped.project, filters={**scoped.filters, key: [name]})
