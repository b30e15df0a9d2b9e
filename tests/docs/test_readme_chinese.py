"""README.md and README.zh-CN.md say the same: only prose and comments in code are translated.

Numbers are compared as digits: "three seeds" has a number word in both pages, "5 seeds" has a 5 in
both. Whoever changes one page copies commands, keys and numbers to the other one.
"""

import re

import pytest

from core.files import PROJECT
from tests.docs.page import code_blocks, without_code

ENGLISH = (PROJECT / "README.md").read_text(encoding="utf-8")
CHINESE = (PROJECT / "README.zh-CN.md").read_text(encoding="utf-8")

HEADING = re.compile(r"^(#+) .*$", re.MULTILINE)
PICTURE = re.compile(r"!\[[^\]]+\]\(([^)\s]+)\)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
INLINE_CODE = re.compile(r"`([^`]+)`")
NUMBER = re.compile(r"(?<![\w.-])\d+(?:[.,]\d+)*(?:\s?%)?", re.ASCII)  # not the 1 of F1
ROW = re.compile(r"^\|.*$", re.MULTILINE)
COMMENT = re.compile(r"(^|\s+)#.*$", re.MULTILINE)


def commands(text: str) -> list[tuple[str, str]]:
    """Return language and content of all code blocks, without comments."""
    return [(language, COMMENT.sub("", content)) for language, content in code_blocks(text)]


def numbers(text: str) -> list[str]:
    """Return the numbers of a text in order; ``40 %`` and ``40%`` are the same."""
    return ["".join(number.split()) for number in NUMBER.findall(text)]


def sections(text: str) -> list[dict[str, object]]:
    """Return what a translation must not change, for each heading in order."""
    text = without_code(text)
    starts = [heading.start() for heading in HEADING.finditer(text)]
    parts = [text[i:j] for i, j in zip(starts, [*starts[1:], None], strict=True)]
    return [_section(part) for part in parts]


def _section(text: str) -> dict[str, object]:
    prose = ROW.sub("", text)
    links = [link for link in LINK.findall(text) if link not in ("README.md", "README.zh-CN.md")]
    return {
        "level": len(HEADING.match(text)[1]),
        "paragraphs": len(re.split(r"\n\s*\n", text.strip())),
        "pictures": PICTURE.findall(text),
        "tables": [(numbers(row), INLINE_CODE.findall(row)) for row in ROW.findall(text)],
        # the order of words differs between the languages
        "links": sorted(links),
        "code": sorted(INLINE_CODE.findall(prose)),
        "numbers": sorted(numbers(prose)),
    }


def test_the_code_is_the_same_apart_from_comments():
    assert commands(CHINESE) == commands(ENGLISH)


def test_headings_pictures_links_names_and_numbers_are_the_same():
    assert sections(CHINESE) == sections(ENGLISH)


def test_each_page_links_to_the_other_one_at_the_top():
    assert "(README.zh-CN.md)" in ENGLISH.splitlines()[2]
    assert "(README.md)" in CHINESE.splitlines()[2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("--eval-only --model-dir OUT", "--eval-only"),
        ("`TEST.RULE shrunk`", "`TEST.RULE global`"),
        ("38.38", "38.83"),
        ("1,000", "1000"),
        ("95%", "90%"),
        ("](docs/predict.md)", "](docs/export.md)"),
        ("docs/contact_sheet.png", "docs/explain.png"),
        ("## 评测", "### 评测"),
        ("\n## 文档\n", "\n"),
        ("\n**断点续训**", "**断点续训**"),
        ("--trainer IntCLIP \\\n", "--trainer DualCoOp \\\n"),
        ("KIND: multi_label", "KIND: single_label"),
        ("```bash\nbash scripts/demo.sh", "```text\nbash scripts/demo.sh"),
    ],
)
def test_a_change_of_one_page_is_found(old, new):
    assert old in CHINESE
    changed = CHINESE.replace(old, new, 1)
    assert (sections(changed), commands(changed)) != (sections(CHINESE), commands(CHINESE))


def test_comments_may_differ():
    text = "```bash\n# why\na --b 1   # what\n```\n"
    assert commands(text) == commands(text.replace("why", "为何").replace("# what", " # 做什么"))
    assert commands(text) != commands(text.replace("1", "2"))
