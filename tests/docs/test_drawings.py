"""The drawings of the documentation are readable in light and dark mode, and nothing is cut off."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from core.files import PROJECT

SVG = "{http://www.w3.org/2000/svg}"
DRAWINGS = sorted([*PROJECT.glob("docs/method_*.svg"), PROJECT / "docs" / "architecture.svg"])
PAGES = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")]
WIDTH_OF_LETTER = 0.5  # of the font size, on average; Helvetica


@pytest.fixture(params=DRAWINGS, ids=lambda path: path.name)
def drawing(request):
    return request.param


def root_of(path):
    return ElementTree.parse(path).getroot()


def test_a_white_rectangle_lies_under_everything(drawing):
    root = root_of(drawing)
    first = next(part for part in root if part.tag != f"{SVG}defs")
    width, height = root.get("viewBox").split()[2:]
    assert first.tag == f"{SVG}rect" and first.get("fill") == "#ffffff"
    assert (first.get("width"), first.get("height")) == (width, height)


def test_all_drawings_have_one_font(drawing):
    assert root_of(drawing).get("font-family") == "Helvetica, Arial, sans-serif"
    assert root_of(drawing).get("font-size") == "14"


def test_no_text_leaves_the_drawing(drawing):
    assert outside(root_of(drawing)) == []


def test_a_text_that_is_cut_off_is_found():
    svg = f'<svg xmlns="{SVG[1:-1]}" viewBox="0 0 100 50" font-size="14">'
    root = ElementTree.fromstring(svg + '<text x="90" y="20">a long text</text></svg>')
    assert outside(root) == ["a long text"]


def test_every_drawing_is_shown_with_a_description(drawing):
    shown = [page.read_text(encoding="utf-8") for page in PAGES]
    pattern = re.compile(rf"!\[[^\]]{{20,}}\]\((?:docs/)?{re.escape(drawing.name)}\)")
    assert any(pattern.search(text) for text in shown)


def outside(root):
    """Return the texts that leave the view box, by an estimate of their widths."""
    width, height = map(float, root.get("viewBox").split()[2:])
    found = []
    for text in root.iter(f"{SVG}text"):
        words = "".join(text.itertext())
        classes = (text.get("class") or "").split()
        size = float(text.get("font-size", 12 if "s" in classes else 14))
        length = WIDTH_OF_LETTER * size * len(words)
        start = float(text.get("x")) - (0 if "n" in classes else length / 2)
        if start < 0 or start + length > width or not size / 2 < float(text.get("y")) < height:
            found.append(words)
    return found
