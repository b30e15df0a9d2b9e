"""Files of visitors: what is refused before anything decodes it, and in which words."""

import pytest
from PIL import Image

from core.errors import UserError
from inference.app.examples import MOST, copy_examples
from inference.app.inbox import Inbox
from inference.app.settings import Limits
from inference.app.uploads import Upload, check_batch, check_upload, make_upload
from tests.app.conftest import LIMITS


def refusal(path, limits=LIMITS):
    """Return the message for a file, or nothing if it is accepted."""
    try:
        check_upload(Upload(str(path), path.name), limits)
    except UserError as error:
        assert str(path.parent) not in str(error) and len(str(error).splitlines()) == 1
        return str(error)
    return ""


@pytest.mark.parametrize("form", ["jpeg", "mpo", "png", "webp", "bmp", "gif", "tiff", "ppm"])
def test_pictures_of_the_common_formats_are_accepted(tmp_path, form):
    path = tmp_path / f"picture.{form}"
    Image.new("RGB", (9, 7), "red").save(path, form)
    assert refusal(path) == ""


ACCEPTED = ["animated.gif", "animated.webp", "pages.tif", "cmyk.jpg", "deep.png", "deep.tif"]
ACCEPTED += ["palette.png", "two.mpo.jpg", "png.jpg", "exif_broken.jpg", "icc_garbage.png"]
DAMAGED = "it is damaged, or no JPEG, PNG, WebP, BMP, GIF or TIFF file"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("name", ACCEPTED)
def test_unusual_pictures_are_accepted(odd, name):
    assert refusal(odd / name) == ""


@pytest.mark.parametrize(
    "name", ["empty.jpg", "text.jpg", "svg.png", "pdf.jpg", "postscript.jpg", "icon.ico.png"]
)
def test_what_is_no_picture_is_refused(odd, name):
    assert refusal(odd / name) == f"cannot read {name}: {DAMAGED}"


def test_the_words_of_a_refusal(odd, tmp_path):
    assert refusal(odd / "bomb.png") == "cannot read bomb.png: it has too many pixels"
    Image.new("L", (2000, 1001)).save(tmp_path / "wide.png")
    expected = "wide.png has 2000 x 1001 pixels; at most 2 million are accepted"
    assert refusal(tmp_path / "wide.png") == expected
    (tmp_path / "big.jpg").write_bytes(bytes(2**20 + 1))
    expected = "big.jpg has 1.0 MB; at most 0.5 MB are accepted"
    assert refusal(tmp_path / "big.jpg", Limits(bytes=2**19)) == expected
    (tmp_path / "two\nlines.jpg").touch()
    assert "two\\nlines.jpg" in refusal(tmp_path / "two\nlines.jpg")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\a.jpg", "a.jpg"),
        ("folder/", "image"),
        (None, "f.jpg"),
    ],
)
def test_a_name_has_no_folders(given, name):
    assert make_upload("/tmp/x/f.jpg", given) == Upload("/tmp/x/f.jpg", name)


def test_a_batch_has_limits(tmp_path):
    (tmp_path / "a.jpg").write_bytes(bytes(600_000))
    upload = Upload(str(tmp_path / "a.jpg"), "a.jpg")
    check_batch([upload], LIMITS)
    with pytest.raises(UserError, match="9 files were sent; at most 8 are accepted at a time"):
        check_batch([upload] * 9, LIMITS)
    with pytest.raises(UserError, match="the files have 1 MB together"):
        check_batch([upload] * 2, LIMITS)


# Inbox --------------------------------------------------------------------------------------------


@pytest.fixture
def inbox(tmp_path):
    """Return an inbox with one file, a secret beside it, and links to the secret."""
    folder = tmp_path / "uploads"
    (folder / "hash").mkdir(parents=True)
    (folder / "hash" / "a.jpg").touch()
    (tmp_path / "secret").write_text("secret")
    (folder / "link.jpg").symlink_to(tmp_path / "secret")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    return Inbox(folder)


def test_an_upload_has_the_name_that_the_visitor_gave(inbox):
    path = str(inbox.folder / "hash" / "a.jpg")
    assert inbox.one({"path": path, "orig_name": "x/ü.jpg"}) == Upload(path, "ü.jpg")
    assert inbox.one({"path": path}).name == "a.jpg"
    assert inbox.one(None) is None
    assert [one.path for one in inbox.many([{"path": path}, {"path": path}])] == [path, path]
    assert inbox.many(None) == []


OUTSIDE = ["/etc/passwd", "{}/../secret", "{}/hash/../../secret", "{}/link.jpg", "{}/folder/secret",
           "{}/loop", "{}", "{}/hash", "{}/missing.jpg", "hash/a.jpg", "", "\0", 7, None,
           "http://localhost/a.jpg", "file:///etc/passwd", ["{}/hash/a.jpg"]]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE, ids=repr)
def test_no_other_file_is_taken(inbox, path):
    given = path.format(inbox.folder) if isinstance(path, str) else path
    assert not inbox.has(given)
    with pytest.raises(UserError, match="this file was not uploaded"):
        inbox.one({"path": given})


# Examples -----------------------------------------------------------------------------------------


def test_examples_are_copies_of_pictures_and_no_links(odd, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for number in range(MOST + 2):
        Image.new("RGB", (8, 8)).save(source / f"p{number:02}.png")
    (source / "a_text.png").write_text("text")
    (source / "b_link.png").symlink_to(source / "p00.png")
    (source / "c.txt").touch()
    copies = copy_examples(str(source), tmp_path / "target", LIMITS)
    assert [copy.name for copy in copies] == [f"p{number:02}.png" for number in range(MOST)]
    for copy in copies:
        assert copy.is_relative_to(tmp_path / "target") and not copy.is_symlink()
        assert copy.read_bytes() == (source / copy.name).read_bytes()


def test_a_folder_without_pictures_is_named(tmp_path):
    for folder, expected in ((tmp_path / "no", "is no folder"), (tmp_path, "has no picture")):
        with pytest.raises(UserError, match=f"--examples '{folder}' {expected}"):
            copy_examples(str(folder), tmp_path / "target", LIMITS)
