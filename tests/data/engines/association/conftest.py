import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

GOOD: dict[str, Any] = {
    "kind": "bar",
    "title": "Lanterns sold at the harbour market",
    "category_title": "Season",
    "value_title": "Lanterns",
    "prefix": "",
    "suffix": "",
    "categories": ["Spring", "Summer", "Autumn", "Winter"],
    "series": [{"name": "", "values": [120, 85, 240, 310]}],
}


def story_fields(**changes: Any) -> dict[str, Any]:
    return json.loads(json.dumps(GOOD)) | changes


def story_of_kind(kind: str) -> dict[str, Any]:
    """A story of the kind that a question asks for."""
    names = ["North", "South"] if kind in {"grouped", "stacked", "lines"} else [""]
    rows = [[30.5, 25, 24.5, 20], [12, 18, 9, 14.25]]
    series = [{"name": name, "values": rows[at]} for at, name in enumerate(names)]
    return story_fields(kind=kind, series=series)


class Server:
    """An OpenAI-compatible endpoint whose answers a test scripts, one behaviour per request."""

    def __init__(self) -> None:
        self.script: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.over = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                request = json.loads(self.rfile.read(length))
                server.asked.append(request)
                server.times.append(time.monotonic())
                behaviour = server.script.pop(0) if server.script else "good"
                server.answer(self, behaviour, request)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, handler: Any, behaviour: str, request: dict[str, Any]) -> None:
        if behaviour.startswith("status"):
            _, status, *wait = behaviour.split()
            headers = {"Retry-After": wait[0]} if wait else {}
            send(handler, int(status), {"error": {"message": "not now"}}, headers)
        elif behaviour == "cut":
            handler.send_response(200)
            handler.send_header("Content-Length", "5000")
            handler.end_headers()
            handler.wfile.write(b'{"choices": [')
            handler.close_connection = True
        elif behaviour == "html":
            send_text(handler, 200, "<html>Bad gateway</html>", "text/html")
        elif behaviour == "no choices":
            send(handler, 200, {"id": "1", "object": "chat.completion", "choices": []})
        elif behaviour == "never":
            self.over.wait()
        else:
            texts = {
                "good": good_text(request),
                "fenced": f"Here it is:\n```json\n{good_text(request)}\n```\nEnjoy!",
                "separated": f"Sure.\u2028Here you are:\u0085\u2029{good_text(request)}",
                "prose": "I would rather write about lanterns.",
                "torn": good_text(request)[:-30],
                "wrong": json.dumps(story_fields(color="red")),
            }
            send(handler, 200, completion(texts[behaviour]))


def good_text(request: dict[str, Any]) -> str:
    kind = request["messages"][1]["content"].split("Write a ")[1].split()[0]
    return json.dumps(story_of_kind(kind))


def completion(text: str) -> dict[str, Any]:
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "served-1",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 140},
    }


def send(handler: Any, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
    send_text(handler, status, json.dumps(body), "application/json", headers)


def send_text(
    handler: Any, status: int, text: str, kind: str, headers: dict[str, str] | None = None
) -> None:
    content = text.encode()
    try:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)
    except OSError:
        pass  # the client did not wait


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.over.set()
    made.http.shutdown()
    made.http.server_close()
