"""Sections as one HTML file that needs nothing else: no network, no other file."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .blocks import Section
from .svg import break_points
from .tables import Table, csv_download, format_cell, format_value, is_missing, slug, to_latex

NO_BREAK = "\N{NO-BREAK SPACE}"
# The space in "50 %", "k = 8", "> 0.999" and "± 0.4".
TOGETHER = re.compile(r"(?<=\d) (?=%)|(?<=\bk) (?==)|(?<=\bk[ \u00a0]=) |(?<=[<>±]) (?=\d)")
FOLDER = Path(__file__).parent


def render_page(
    *, title: str, subtitle: str, sections: Sequence[Section], kicker: str = "Evaluation"
) -> str:
    """Return the page as HTML.

    Args:
        title: heading, also the title of the window.
        subtitle: a line below the heading.
        sections: in order; the contents follow from them.
        kicker: a word or two above the heading.
    """
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_keep_together,
    )
    environment.filters["csv_uri"] = _csv_uri
    # The name of the page starts the labels: two reports may go into one document.
    environment.filters["latex_uri"] = lambda table: _latex_uri(table, slug(title))
    environment.filters["soft"] = _soft
    environment.globals["format_cell"] = format_cell
    environment.globals["format_value"] = format_value
    environment.globals["is_missing"] = is_missing
    return environment.get_template("page.html.j2").render(
        title=title,
        subtitle=subtitle,
        kicker=kicker,
        sections=sections,
        style=(FOLDER / "templates" / "style.css").read_text(encoding="utf-8"),
        script=(FOLDER / "templates" / "script.js").read_text(encoding="utf-8"),
    )


def tables_of(sections: Sequence[Section]) -> list[Table]:
    """Return all tables of the sections in order."""
    tables = []
    for section in sections:
        tables += [block for block in section.blocks if isinstance(block, Table)]
    return tables


def data_uri(kind: str, content: bytes) -> str:
    """Return ``content`` as an address that holds the whole file.

    Args:
        kind: media type, such as ``image/jpeg``.
        content: the file.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _keep_together(value: Any) -> Any:
    """Return a text whose numbers stay on the line of their sign or unit; others as they are."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return TOGETHER.sub(NO_BREAK, value)


def _csv_uri(table: Table) -> str:
    return data_uri("text/csv;charset=utf-8", csv_download(table).encode("utf-8"))


def _latex_uri(table: Table, label: str) -> str:
    return data_uri("text/plain;charset=utf-8", to_latex(table, label).encode("utf-8"))


def _soft(text: str) -> Markup:
    """Return ``text`` with places inside of long words at which a line may end."""
    return Markup("<wbr>").join(break_points(_keep_together(str(text))))
