"""The layer in front of gradio: which requests reach it."""

import asyncio
import json

import pytest

from inference.app.guard import MOST_BYTES, Guard
from inference.app.inbox import Inbox


class Behind:
    """The application behind the guard; it keeps what reaches it."""

    def __init__(self):
        self.bodies = []

    async def __call__(self, scope, receive, send):
        message = await receive()
        self.bodies.append(message["body"])


@pytest.fixture
def ask(tmp_path):
    """Return a function that sends a request and says whether it reached the application."""
    (tmp_path / "a.jpg").touch()
    behind = Behind()
    guard = Guard(behind, Inbox(tmp_path))

    def send(method, path, *parts):
        messages = [
            {"type": "http.request", "body": part, "more_body": place < len(parts)}
            for place, part in enumerate(parts or (b"",), start=1)
        ]
        answers = []

        async def receive():
            return messages.pop(0)

        async def answer(message):
            answers.append(message)

        behind.bodies.clear()
        scope = {"type": "http", "method": method, "path": path}
        asyncio.run(guard(scope, receive, answer))
        assert bool(behind.bodies) != bool(answers)
        if answers:
            assert answers[0]["status"] == 403
        else:
            assert behind.bodies == [b"".join(parts)] or path.endswith("upload")
        return bool(behind.bodies)

    return send


API = "/gradio_api/"
NEEDED = ["/", "/config", "/assets/index.js", "/theme.css", API + "heartbeat/abc",
          API + "queue/data", API + "upload_progress"]  # fmt: skip
OTHER = ["/monitoring", "/docs", "/login", "/file=/etc/passwd", "/file/etc/passwd", "//etc/passwd",
         API + "proxy=http://localhost/", API + "info", API + "openapi.json", API + "deep_link",
         API + "custom_component/a/b/c/d", API + "vibe-code", API + "file/etc/passwd",
         API + "stream/a/b/c/playlist-file", API + "queue/status"]  # fmt: skip


def test_only_routes_of_the_page_are_answered(ask):
    assert all(ask("GET", path) for path in NEEDED)
    assert [path for path in OTHER if ask("GET", path) or ask("POST", path, b"{}")] == []
    assert not ask("DELETE", "/") and not ask("PUT", API + "upload")
    assert not ask("POST", API + "component_server", b"{}")


def test_only_files_of_the_inbox_are_served(ask, tmp_path):
    (tmp_path / "link.jpg").symlink_to("/etc/passwd")
    assert ask("GET", f"{API}file={tmp_path}/a.jpg")
    for path in ("/etc/passwd", f"{tmp_path}/../x", f"{tmp_path}/link.jpg", "http://a/b", "C:/x"):
        assert not ask("GET", f"{API}file={path}")


def request(path):
    return json.dumps({"fn_index": 1, "data": [[{"x": {"path": path}}], None]}).encode()


@pytest.mark.parametrize("route", ["queue/join", "run/predict"])
def test_a_request_may_name_uploads_only(ask, tmp_path, route):
    assert ask("POST", API + route, request(f"{tmp_path}/a.jpg"))
    assert ask("POST", API + route, b'{"data": [0.5, {"path": null}]}')
    for path in ("/etc/passwd", "https://example.com/a.png", f"{tmp_path}/../a.jpg", 7):
        assert not ask("POST", API + route, request(path))


def test_a_body_may_come_in_parts(ask, tmp_path):
    body = request(f"{tmp_path}/a.jpg")
    assert ask("POST", API + "queue/join", body[:9], body[9:])
    body = request("/etc/passwd")
    assert not ask("POST", API + "queue/join", body[:50], body[50:])


LARGE = b'"' + b"a" * MOST_BYTES + b'"'


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, LARGE], ids=lambda body: body[:3])
def test_what_is_no_json_or_too_large_is_refused(ask, body):
    assert not ask("POST", API + "queue/join", body)


def test_uploads_pass_unread(ask):
    assert ask("POST", API + "upload", bytes(MOST_BYTES + 1))
