import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from vary.errors import VaryError
from vary.eval.endpoint import EndpointSystem
from vary.eval.records import Prompt
from vary.eval.systems import SystemOptions, open_systems


class Server(ThreadingHTTPServer):
    """A served model that does, one request after the other, what it is told to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.acts, self.seen = [], []
        self.over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address):
        """Say nothing of connections that are cut on purpose."""


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append(body)
        act = self.server.acts.pop(0) if self.server.acts else "an answer"
        if act == "cut":
            self.connection.close()
            return
        if act == "sleep":
            self.server.over.wait()
            return
        status, reply = 200, act
        if isinstance(act, int):
            status, reply = act, {"error": {"message": f"told {act}"}}
        elif isinstance(act, str):
            message = {"role": "assistant", "content": act}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            reply = {"id": "1", "object": "chat.completion", "choices": [choice]}
        content = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def server():
    made = Server()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.over.set()
    made.shutdown()
    made.server_close()


@pytest.fixture
def prompts(tmp_path):
    Image.new("RGB", (9, 7), (255, 0, 0)).save(tmp_path / "a.png")
    Image.new("RGB", (9, 7), (255, 0, 0)).save(tmp_path / "b.bmp")
    return [Prompt(name, (file,), "Read.", "") for name, file in (("a", "a.png"), ("b", "b.bmp"))]


def ask(server, prompts, folder, **settings):
    system = EndpointSystem("x", server.url, "big/model", **{"max_retries": 0, **settings})
    return {response.id: response for response in system.answer(prompts, folder)}


def test_what_is_sent_and_what_comes_back(server, prompts, tmp_path):
    server.acts = ["first\ud800", "second"]
    found = ask(server, prompts, tmp_path)
    assert [found["a"].answer, found["b"].answer] == ["first\ufffd", "second"]
    assert found["a"].seconds > 0
    body = server.seen[0]
    assert (body["model"], body["temperature"]) == ("big/model", 0)
    picture, question = body["messages"][0]["content"]
    assert question == {"type": "text", "text": "Read."}
    header, encoded = picture["image_url"]["url"].split(",")
    assert header == "data:image/png;base64"
    assert base64.b64decode(encoded) == (tmp_path / "a.png").read_bytes()
    # What endpoints do not take is sent as PNG.
    encoded = server.seen[1]["messages"][0]["content"][0]["image_url"]["url"].split(",")[1]
    assert Image.open(io.BytesIO(base64.b64decode(encoded))).format == "PNG"


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (500, "told 500"),
        (429, "told 429"),
        ("sleep", "no answer within 2 s"),
        ("cut", "APIConnectionError"),
        ({"choices": []}, "its reply is no chat completion"),
        ({"unlike": 1}, "its reply is no chat completion"),
        ({"choices": [{"index": 0, "message": {"role": "assistant"}}]}, "holds no text"),
    ],
)
def test_failures_are_told_and_the_rest_is_asked(act, reason, server, prompts, tmp_path):
    server.acts = [act, "fine"]
    # Only one answer never comes; a busy machine has time enough for the others.
    found = ask(server, prompts, tmp_path, timeout_s=2 if act == "sleep" else 60)
    assert found["a"].answer is None
    assert reason in found["a"].reason
    assert found["b"].answer == "fine"


def test_a_busy_server_is_asked_again(server, prompts, tmp_path):
    server.acts = [503, "now"]
    assert ask(server, prompts[:1], tmp_path, max_retries=1)["a"].answer == "now"


@pytest.mark.parametrize("status", [401, 404])
def test_wrong_settings_stop_at_once(status, server, prompts, tmp_path):
    server.acts = [status]
    with pytest.raises(VaryError, match=r"refuses model 'big/model'.*OPENAI_API_KEY"):
        ask(server, prompts, tmp_path)


def test_a_server_that_is_gone_stops_the_run(server, prompts, tmp_path):
    server.acts = ["cut"] * 9
    many = [Prompt(str(number), ("a.png",), "", "") for number in range(9)]
    with pytest.raises(VaryError, match=r"does not answer.*--retry"):
        ask(server, many, tmp_path)
    assert len(server.seen) < 9


def test_a_missing_picture_is_a_failure(server, tmp_path):
    found = ask(server, [Prompt("a", ("gone.png",), "", "")], tmp_path)
    assert "gone.png" in found["a"].reason


def test_the_spec_of_an_endpoint():
    (system,) = open_systems(["http://localhost:8000/v1#Qwen/Qwen2-VL"], SystemOptions(workers=4))
    assert isinstance(system, EndpointSystem)
    assert (system.name, system.model, system.workers) == ("Qwen2-VL", "Qwen/Qwen2-VL", 4)
    (named,) = open_systems(["mine=https://host/v1#m"], SystemOptions())
    assert (named.name, named.url) == ("mine", "https://host/v1")
