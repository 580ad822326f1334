"""A product of another origin, whose pages show widgets and whose backend hands out tokens."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from otlp import send

README = Path(__file__).parents[2] / "README.md"
PLACE = "https://metering.example.com"
PAGE = "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Product</title></head><body><main>"


class Product:
    """Serves pages under a policy as strict as products have, on `localhost` where the receiver is 127.0.0.1."""

    def __init__(self, receiver_url: str, key: str) -> None:
        self.receiver_url = receiver_url
        self.key = key
        self.token_body: dict[str, Any] = {"orgId": "acme"}
        self.token_status = 200
        self.minted: list[str] = []
        self.pages: dict[str, str] = {}
        self.policy = (
            f"default-src 'none'; script-src 'self' {receiver_url}; connect-src 'self' {receiver_url}; "
            f"frame-src {receiver_url}"
        )
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        return f"http://localhost:{self._server.server_port}"

    def page(self, content: str) -> str:
        """The address of a page with these elements."""
        path = f"/page{len(self.pages)}"
        self.pages[path] = PAGE + content + "</main></body></html>"
        return self.origin + path

    def script(self, content: str) -> str:
        """The path of a script."""
        path = f"/script{len(self.pages)}.js"
        self.pages[path] = content
        return path

    def example(self) -> str:
        """The lines that the README shows, for this receiver."""
        (lines,) = re.findall(r"```html\n(.+?)```", README.read_text(encoding="utf-8"), re.DOTALL)
        return lines.replace(PLACE, self.receiver_url)

    def module(self) -> str:
        return f'<script type="module" src="{self.receiver_url}/embed/tallystick-usage.js"></script>'

    def mint(self, **body: Any) -> dict[str, Any]:
        """What the receiver hands out for the product's key."""
        reply = send("POST", self.receiver_url + "/api/v1/tokens", {**self.token_body, **body}, self.key)
        assert reply.status == 201, reply.body
        self.minted.append(reply.json["token"])
        return reply.json

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        product = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Silent."""

            def do_GET(self) -> None:
                if self.path == "/usage-token":
                    found = json.dumps(product.mint()) if product.token_status == 200 else ""
                    self._answer(product.token_status, "application/json", found)
                elif self.path in product.pages:
                    kind = "text/javascript" if self.path.endswith(".js") else "text/html"
                    self._answer(200, kind, product.pages[self.path])
                else:
                    self._answer(204, "text/plain", "")

            def _answer(self, status: int, kind: str, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Security-Policy", product.policy)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

        return Handler
