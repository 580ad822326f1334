"""Identities and their 64-bit hashes: any receiver computes the same id without asking (design section 3)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from tallystick_receiver.attributes import Attributes

NO_PROJECT: Final = 0
RECORDS_SCOPE: Final = "tallystick.records"
"""The scope of streams of records: no point of OTLP is in one of them."""


def identity_text(*parts: Any) -> str:  # noqa: ANN401 - any JSON values
    """The canonical text of an identity: compact JSON, unambiguous whatever the parts hold."""
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def id_of(text: str) -> int:
    """A signed 64-bit id; 0 is kept free for "none"."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True) or 1


def org_id_of(org: str) -> int:
    """The id of an organisation."""
    return id_of(identity_text("org", org))


def project_id_of(org: str, project: str | None) -> int:
    """The id of a project within its organisation; NO_PROJECT for none."""
    return NO_PROJECT if project is None else id_of(identity_text("project", org, project))


def metric_id_of(key: str, unit: str, kind: str) -> int:
    """The id of a metric: one key in two units is two metrics, so that By and KiBy never add up."""
    return id_of(identity_text("metric", key, unit, kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """One source of streams: the credential's org scope and the service's three names.

    A writer without an instance id is anonymous: two processes may hide behind it, so the start time joins the
    identity of its points (design section 2).
    """

    credential_org: str | None
    namespace: str
    name: str
    instance: str

    @property
    def identity(self) -> str:
        """The text whose hash is the id."""
        return identity_text("writer", self.credential_org, self.namespace, self.name, self.instance)

    @property
    def is_anonymous(self) -> bool:
        """Whether two processes may share this identity."""
        return not self.instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream without its writer: who used what, with which dimensions, under which scope.

    A cumulative stream is another one than that of deltas (OTel data model); both add up, having the same dimensions.
    """

    org: str
    project: str | None
    metric: str
    unit: str
    kind: str
    dimensions: Attributes
    scope: str
    is_cumulative: bool = False

    @property
    def dims_identity(self) -> str:
        """The text whose hash is the dims_id: everything that usage is grouped by."""
        pairs = [[key, value] for key, value in self.dimensions]
        return identity_text("dims", self.org, self.project, self.metric, self.unit, self.kind, pairs)

    @property
    def series_identity(self) -> str:
        """The text whose hash is the series_id."""
        temporality = ("cumulative",) if self.is_cumulative else ()
        return identity_text("series", self.dims_identity, self.scope, *temporality)
