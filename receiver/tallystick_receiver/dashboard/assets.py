"""The files of the dashboard: read once, named by their content, compressed once."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml",
}  # fmt: skip
_PAGE: Final = "index.html"
_FRAME: Final = "embed/frame.html"
_MODULE: Final = "tallystick-usage.js"
_NAME_LENGTH: Final = 16
_STYLE_ID: Final = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file as it is sent."""

    content_type: str
    body: bytes
    compressed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What has one address for ever, and a tag that changes with it."""

    asset: Asset
    tag: str


class Assets:
    """The static files beside this module; `version` is a hash of all of them, since they import each other."""

    def __init__(self) -> None:
        found = {
            path.relative_to(_FOLDER).as_posix(): path.read_bytes()
            for path in sorted(_FOLDER.rglob("*"))
            if path.suffix in _TYPES
        }
        content = hashlib.sha256()
        for name, body in found.items():
            content.update(f"{name}\n{len(body)}\n".encode() + body)
        self.version: Final = content.hexdigest()[:_NAME_LENGTH]
        charts = chart_library()
        words = {
            "{{assets}}": f"/assets/{self.version}",
            "{{charts}}": "" if charts is None else charts.url,
            "{{chart-styles}}": "" if charts is None else " ".join(charts.style_ids),
        }
        self.page: Final = _page(_PAGE, found.pop(_PAGE).decode(), words)
        self.frame: Final = _page(_FRAME, found.pop(_FRAME).decode(), words)
        module = f'export {{ TallystickUsage }} from "../assets/{self.version}/embed/element.js";\n'
        self.module: Final = _page(_MODULE, module, {})
        self._files = {name: _asset(name, body) for name, body in found.items()}

    def find(self, name: str) -> Asset | None:
        """A file by its path below static/."""
        return self._files.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLibrary:
    """plotly.js as the wheel `plotly` brings it.

    Attributes:
        path: where it lies.
        folder: what names its version in the URL.
        style_ids: elements that keep it from inserting style sheets (of maps), which the security policy forbids.
    """

    path: Path
    folder: str
    style_ids: tuple[str, ...]

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"/assets/{self.folder}/{self.path.name}"

    async def asset(self) -> Asset:
        """The library, compressed (5 MB become 1.5), which takes half a second of another thread."""
        body = await asyncio.to_thread(self.path.read_bytes)
        return await asyncio.to_thread(_asset, self.path.name, body)


def chart_library() -> ChartLibrary | None:
    """The installed library, without importing the package; None where the extra `dashboard` is missing."""
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
    try:
        body, name = path.read_bytes(), version("plotly")
    except (OSError, PackageNotFoundError):
        return None
    ids = tuple(dict.fromkeys(found.decode() for found in _STYLE_ID.findall(body)))
    return ChartLibrary(path=path, folder=f"plotly-{name}", style_ids=ids)


def _page(name: str, text: str, words: Mapping[str, str]) -> Page:
    for word, meant in words.items():
        text = text.replace(word, meant)
    asset = _asset(name, text.encode())
    return Page(asset=asset, tag=f'"{hashlib.sha256(asset.body).hexdigest()[:_NAME_LENGTH]}"')


def _asset(name: str, body: bytes) -> Asset:
    kind = _TYPES[Path(name).suffix]
    return Asset(
        content_type=kind if kind.startswith("image/") else f"{kind}; charset=utf-8",
        body=body,
        compressed=gzip.compress(body, 6, mtime=0),
    )
