"""A webhook's other end, on this machine."""

from __future__ import annotations

import http.server
import json
import threading
from typing import Any


class Hook:
    """A server that answers with the codes it is given, then 200, and keeps what it was sent."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.location = ""
        """Where a redirect leads."""
        self.bodies: list[dict[str, Any]] = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.bodies.append(json.loads(body))
                self.answer()

            def do_GET(self) -> None:
                hook.bodies.append({"method": "GET"})
                self.answer()

            def answer(self) -> None:
                self.send_response(hook.codes.pop(0) if hook.codes else 200)
                if hook.location:
                    self.send_header("Location", hook.location)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Listen no longer."""
        self.server.shutdown()
        self.server.server_close()
