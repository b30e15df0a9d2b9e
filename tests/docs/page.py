"""Files and commands of a documentation page, taken from it as they stand."""

import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)\n(?P<content>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
SAVE = re.compile(r"Save\s+as\s+`([^`]+)`:\s*\Z")


@dataclass
class Section:
    """A part of a page under one heading.

    Attributes:
        files: name -> content of the blocks that follow "Save as `name`:".
        commands: bash blocks in order, each with the error of the text block that follows it, or
            None.
    """

    files: dict[str, str] = field(default_factory=dict)
    commands: list[tuple[str, str | None]] = field(default_factory=list)


def read_page(path: Path) -> dict[str, Section]:
    """Return the sections of a Markdown page by heading; the text before the first has the heading
    ''.

    Raises:
        ValueError: a block is neither a file, nor a command, nor the error of the command before
            it.
    """
    parts = re.split(r"^## (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    headings = ["", *parts[1::2]]
    return {
        heading: _read_section(text) for heading, text in zip(headings, parts[::2], strict=True)
    }


def code_blocks(text: str) -> list[tuple[str, str]]:
    """Return language and content of the fenced code in order; the indent of a list is removed."""
    return [
        (block["language"], textwrap.dedent(block["content"])) for block in FENCE.finditer(text)
    ]


def without_code(text: str) -> str:
    """Return the text without its fenced code."""
    return FENCE.sub("", text)


def _read_section(text: str) -> Section:
    section = Section()
    end = 0
    for block in FENCE.finditer(text):
        language, content = block["language"], block["content"]
        before, end = text[end : block.start()], block.end()
        name = SAVE.search(before)
        if name:
            section.files[name.group(1)] = content
        elif language == "bash":
            section.commands.append((content, None))
        elif language == "text" and not before.strip() and section.commands:
            section.commands[-1] = (section.commands[-1][0], content.strip())
        else:
            raise ValueError(f"a block is neither file nor command nor error: {content[:80]}")
    return section
