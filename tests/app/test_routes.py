"""A running app answers with no file of this machine but examples and uploads."""

import http.client
import json
import uuid
from pathlib import Path

import pytest

from core.files import PROJECT

pytestmark = pytest.mark.slow
API = "/gradio_api/"


@pytest.fixture
def ask(site):
    """Return a function that sends a request as it stands: status, headers, body."""

    def send(method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
        try:
            connection.putrequest(method, path)
            if body is not None:
                headers["Content-Length"] = str(len(body))
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    return send


@pytest.mark.parametrize("path", ["/", "/config", API + "upload"])
def test_the_name_of_another_host_is_refused(site, path):
    """A page of the web may let its own name point to this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.request("GET", path, headers={"Host": "evil.example"})
    assert connection.getresponse().status == 400
    connection.request("GET", "/", headers={"Host": f"localhost:{site.port}"})
    connection.close()


@pytest.fixture
def upload(ask):
    """Return a function that uploads a file: status, and the path of the copy."""

    def send(name, content):
        mark = uuid.uuid4().hex
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        )
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        form = f"multipart/form-data; boundary={mark}"
        status, _, answer = ask("POST", API + "upload", body, Content_Type=form)
        return status, json.loads(answer)[0] if status == 200 else ""

    return send


@pytest.fixture
def secrets(site):
    """Return files that nobody may read."""
    results = Path(site.private) / "csv" / "of_somebody" / "intents.csv"
    results.parent.mkdir(exist_ok=True)
    results.write_text("image,intents\n")
    picture = next(Path(site.examples).iterdir())
    return ["/etc/passwd", "/proc/self/environ", str(PROJECT / "app.py"), str(results),
            str(picture), site.log]  # fmt: skip


def ways_to(secret, uploads):
    """Return addresses that might lead to a file."""
    up = "/.." * 12
    forms = [secret, "/" + secret, "file://" + secret, "C:" + secret]
    forms += [up + secret, uploads + up + secret, uploads + "/shown" + up + secret]
    once = [form.replace("/", "%2F").replace(".", "%2E") for form in forms]
    twice = [form.replace("%", "%25") for form in once]
    files = [API + "file=" + form for form in (*forms, *once, *twice, secret + "%00.jpg")]
    places = (
        "/file=",
        "/file",
        API + "file",
        "/static",
        "/assets",
        "/svelte",
        API + "proxy=file://",
    )
    return files + [place + form for place in places for form in (secret, up + secret, once[2])]


def test_no_file_of_the_machine_is_served(ask, site, secrets):
    for secret in secrets:
        content = Path(secret).read_bytes()
        for path in ways_to(secret, site.private + "/uploads"):
            status, _, body = ask("GET", path)
            assert status in (400, 403, 404) and (not content or content not in body), path


def test_links_are_not_followed(ask, site):
    shown = Path(site.private) / "uploads" / "shown" / "0"
    (shown / "link.jpg").symlink_to("/etc/passwd")
    (shown / "folder").symlink_to("/etc")
    for path in (shown / "link.jpg", shown / "folder" / "passwd"):
        assert ask("GET", f"{API}file={path}")[0] == 403


def test_no_prediction_reads_a_file_that_was_not_uploaded(ask, secrets):
    config = json.loads(ask("GET", "/config")[2])
    events = [event["id"] for event in config["dependencies"]]
    assert len(events) >= 6
    for secret in (*secrets, "http://127.0.0.1:22/", "https://example.com/a.png", "../app.py"):
        file = {"path": secret, "meta": {"_type": "gradio.FileData"}}
        for data in ([file, None], [[file]], [{"value": file | {"is_stream": True}}, None]):
            for event in events:
                body = json.dumps({"fn_index": event, "data": data, "session_hash": "x"}).encode()
                for route in ("queue/join", "run/predict", "api/predict", "component_server"):
                    answer = ask("POST", API + route, body, Content_Type="application/json")
                    assert answer[0] == 403


def test_the_page_does_not_tell_where_the_project_is(ask, site):
    for path in ("/", "/config"):
        status, _, body = ask("GET", path)
        assert status == 200 and str(PROJECT).encode() not in body
        assert site.examples.encode() not in body


def test_examples_and_uploads_are_served_as_data(ask, site, upload, pictures):
    (example,) = (Path(site.private) / "uploads" / "shown" / "1").glob("*.jpg")
    assert ask("GET", f"{API}file={example}")[2] == (pictures / example.name).read_bytes()
    page = b"<script>alert(1)</script>"
    status, path = upload("page.html", page)
    _, headers, body = ask("GET", API + "file=" + path)
    assert (status, body) == (200, page)
    assert headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("name", ["../../a.jpg", "/tmp/a.jpg", "..\\a.jpg", "%2e%2e/a.jpg"])
def test_an_upload_stays_in_its_folder(upload, site, name):
    status, path = upload(name, b"x")
    uploads = (Path(site.private) / "uploads").resolve()
    assert status == 200 and Path(path).resolve().is_relative_to(uploads)
    assert Path(path).parent.parent == uploads


def test_a_large_file_is_refused(upload):
    assert upload("large.jpg", bytes(25 * 2**20 + 1))[0] == 413
