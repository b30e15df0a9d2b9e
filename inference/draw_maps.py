"""Draw an explanation: a row per intent with the picture, a map per branch, and the weights."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap
from PIL import Image, ImageDraw, ImageFont

from core.files import write_atomically
from inference.explanation import Explanation, IntentMaps
from inference.output import printable
from inference.overlay import blend, location_box, peak, place, scaled, tinted

SCORES, WEIGHTS = colormaps["viridis"], colormaps["cividis"]  # even steps for all kinds of sight
INK, MUTED = "#222222", "#5f5f5f"
WIDTH = 1600  # of the file, in pixels
NARROWEST = 900
# In pixels of a file of WIDTH; a wider file has larger texts.
MARGIN, GAP, LINE = 16, 12, 22
BAR, BAR_SPACE = 12, 68  # width of a colour bar, and with its numbers
SMALL, LARGE = 13, 17  # texts
FRAME = 4  # room for a frame around a location at the border
LEAST_SLOT = 196  # the name of a panel needs it
TALLEST = 1.25  # height of a panel, in widths of its place
SHORTEST = 70  # height of a colour bar, so that its numbers fit


def draw_explanation(explanation: Explanation, path: str | Path, *, width: int = WIDTH) -> None:
    """Draw an explanation and save it as PNG, atomically.

    The picture fills its place in the row: larger than it is where it is small, smaller where the
    file is too narrow for it.

    Args:
        explanation: of one image.
        path: file to write.
        width: of the file in pixels, from 900; tall pictures need less.
    """
    page = draw_page(explanation, width)
    write_atomically(path, lambda temporary: page.save(temporary, format="png"))


def draw_page(explanation: Explanation, width: int = WIDTH) -> Image.Image:
    """Return the drawing of :func:`draw_explanation` as an RGB image."""
    assert width >= NARROWEST
    return _Page(explanation, width).draw()


class _Page:
    """A page with a row per intent; all numbers are pixels from the top left corner."""

    def __init__(self, explanation: Explanation, width: int) -> None:
        self.explanation = explanation
        self.zoom = max(1.0, width / WIDTH)
        self.margin, self.gap, self.line = map(self.zoomed, (MARGIN, GAP, LINE))
        num_panels = 2 + len(explanation.intents[0].positive)
        fixed = 2 * self.margin + (num_panels - 1) * self.gap + 2 * self.zoomed(BAR_SPACE)
        slot = (width - fixed) // num_panels
        self.size = _fitted(explanation.picture.size, slot)  # width, height
        self.slot = min(slot, max(self.size[0], self.zoomed(LEAST_SLOT)))
        self.bar_height = max(self.size[1], self.zoomed(SHORTEST))
        self.label_height = self.line + self.zoomed(FRAME)
        self.row_height = self.line + self.label_height + self.bar_height + 2 * self.gap
        page_width = fixed + num_panels * self.slot
        self.foot = wrapped(
            footer(explanation), page_width - 2 * self.margin, _font(self.zoomed(SMALL))
        )
        num_lines = 1 + len(self.foot)
        height = 2 * self.margin + self.gap + num_lines * self.line
        height += len(explanation.intents) * self.row_height
        self.page = Image.new("RGB", (page_width, height), "white")
        self.pen = ImageDraw.Draw(self.page)
        self.picture = explanation.picture.resize(self.size, Image.Resampling.LANCZOS)
        self.part = scaled(
            explanation.part,
            self.size[1] / explanation.picture.height,
            self.size[0] / explanation.picture.width,
        )

    def zoomed(self, pixels: float) -> int:
        return round(pixels * self.zoom)

    def draw(self) -> Image.Image:
        name = printable(Path(self.explanation.prediction.image).name)
        size = f"{self.explanation.picture.width} x {self.explanation.picture.height} px"
        font, size = _font(self.zoomed(SMALL)), f"   ({size})"
        room = self.page.width - 2 * self.margin - font.getlength(size)
        self.text(self.margin, self.margin, shortened(name, room, font) + size, color=MUTED)
        top = self.margin + self.line + self.gap // 2
        for number, maps in enumerate(self.explanation.intents, start=1):
            self.row(number, maps, top)
            top += self.row_height
        for line in self.foot:
            self.text(self.margin, top, line, color=MUTED)
            top += self.line
        return self.page

    def row(self, number: int, maps: IntentMaps, top: int) -> None:
        """Draw the title, the picture, the maps with their bar, and the weights with theirs."""
        name, numbers = _title_parts(number, maps)
        font = _font(self.zoomed(LARGE), bold=True)
        room = self.page.width - 2 * self.margin - font.getlength(numbers)
        self.text(self.margin, top, shortened(name, room, font) + numbers, size=LARGE, bold=True)
        top += self.line
        x = self.margin
        self.panel(x, top, "picture", np.asarray(self.picture))
        span = score_range(maps.positive)
        for name, values in maps.positive.items():
            x += self.slot + self.gap
            label = f"{name}, max {_number(values.max(), 2)}"
            self.map_panel(x, top, label, values, SCORES, span)
        self.bar(x + self.size[0], top, SCORES, span, lambda value: _number(value, 2))
        x += self.slot + self.gap + self.zoomed(BAR_SPACE)
        shares = 100 * maps.weights
        span = (0.0, max(float(shares.max()), 1e-9))
        label = f"weight, max {_number(shares.max(), 1)} %"
        self.map_panel(x, top, label, shares, WEIGHTS, span)
        self.bar(x + self.size[0], top, WEIGHTS, span, lambda value: f"{_number(value, 1)} %")

    def map_panel(
        self,
        x: int,
        top: int,
        label: str,
        values: np.ndarray,
        colours: Colormap,
        span: tuple[float, float],
    ) -> None:
        """Draw values ``(h, w)`` over the picture; a frame marks the highest one."""
        placed = place(values, self.part, (self.size[1], self.size[0]))
        low, high = span
        pixels = blend(
            np.asarray(self.picture), placed, lambda v: colours((v - low) / (high - low))
        )
        y = self.panel(x, top, label, pixels)
        box = location_box(self.part, values.shape, *peak(values))
        left, upper = x + round(box.left), y + round(box.top)
        right = min(x + round(box.left + box.width), x + self.size[0]) - 1
        lower = min(y + round(box.top + box.height), y + self.size[1]) - 1
        # around the location, whose colour may be small
        thick = self.zoomed(2)
        for distance, color, line in ((1, "black", 1), (1 + thick, "white", thick)):
            edges = (left - distance, upper - distance, right + distance, lower + distance)
            self.pen.rectangle(edges, outline=color, width=line)
        edges = (left - thick - 2, upper - thick - 2, right + thick + 2, lower + thick + 2)
        self.pen.rectangle(edges, outline="black", width=1)

    def panel(self, x: int, top: int, label: str, pixels: np.ndarray) -> int:
        """Draw pixels ``(H, W, 3)`` below their label; return where they start."""
        label = shortened(label, self.slot, _font(self.zoomed(SMALL)))
        self.text(x, top + self.zoomed(2), label, color=MUTED)
        self.page.paste(Image.fromarray(pixels), (x, top + self.label_height))
        return top + self.label_height

    def bar(
        self,
        x: int,
        top: int,
        colours: Colormap,
        span: tuple[float, float],
        form: Callable[[float], str],
    ) -> None:
        """Draw a colour bar as the colours look over middle grey, with three numbers."""
        x, top = x + self.zoomed(8), top + self.label_height
        width, height = self.zoomed(BAR), self.bar_height
        ramp = tinted(colours(np.linspace(1, 0, height))[:, None, :3], 0.5)  # (height, 1, 3)
        pixels = (np.repeat(ramp, width, axis=1) * 255).round().astype(np.uint8)
        self.page.paste(Image.fromarray(pixels), (x, top))
        x += width + self.zoomed(5)
        low, high = span
        for share, anchor in ((0.0, "la"), (0.5, "lm"), (1.0, "ld")):
            value = high + share * (low - high)
            font = _font(self.zoomed(SMALL - 1))
            place_of = (x, top + share * height)
            self.pen.text(place_of, form(value), fill=INK, font=font, anchor=anchor)

    def text(
        self,
        x: int,
        top: int,
        text: str,
        *,
        size: int = SMALL,
        bold: bool = False,
        color: str = INK,
    ) -> None:
        """Write one line, shortened where it would leave the page."""
        font = _font(self.zoomed(size), bold)
        text = shortened(text, self.page.width - self.margin - x, font)
        self.pen.text((x, top), text, fill=color, font=font)


def row_title(number: int, maps: IntentMaps) -> str:
    """Return name, probability, whether the rule is passed, and the share of the global vector."""
    return "".join(_title_parts(number, maps))


def _title_parts(number: int, maps: IntentMaps) -> tuple[str, str]:
    """Return the name, which a narrow page may shorten, and what follows it."""
    intent = maps.intent
    parts = [f"{100 * intent.probability:.1f} %"]
    if intent.passes is not None:
        parts.append("passes the rule" if intent.passes else "does not pass the rule")
    if maps.whole is not None:
        parts.append(f"the global token has {100 * maps.whole.weight:.1f} % of the weight")
    return f"{number}. {printable(intent.name)}", "".join(f"  ·  {part}" for part in parts)


def footer(explanation: Explanation) -> list[str]:
    """Return the phrases that say what the numbers are."""
    decisive = explanation.intents[0].decisive
    phrases = [
        f"{', '.join(explanation.intents[0].positive)}: score, {explanation.scale:g} x cosine of a "
        "location and the positive text of the intent",
        f"weight: softmax of the {decisive} scores",
        "frame: highest location",
    ]
    if not _covers(explanation):
        phrases.append("light grey without colour: outside of the locations of the network")
    return phrases


def score_range(positive: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """Return one range for all maps of a row, so that equal colours are equal scores."""
    low = min(float(values.min()) for values in positive.values())
    high = max(float(values.max()) for values in positive.values())
    return low, high if high > low else low + 1e-6


def wrapped(phrases: Sequence[str], width: float, font: ImageFont.FreeTypeFont) -> list[str]:
    """Return lines of phrases with dots between them, each as long as ``width`` pixels allow."""
    lines: list[str] = []
    for phrase in phrases:
        joined = f"{lines[-1]}   ·   {phrase}" if lines else phrase
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(phrase)
    return lines


def shortened(text: str, width: float, font: ImageFont.FreeTypeFont) -> str:
    """Return ``text``, cut and with an ellipsis where it is wider than ``width`` pixels."""
    if font.getlength(text) <= width:
        return text
    low, high = 0, len(text) - 1  # longest beginning that fits
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle] + "…") <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…"


@functools.lru_cache(maxsize=16)
def _font(pixels: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans, which matplotlib brings along: Latin, Greek and Cyrillic letters."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", name)
    return ImageFont.truetype(str(path), pixels)


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _fitted(size: tuple[int, int], slot: int) -> tuple[int, int]:
    """Return width and height of the drawn picture: as wide as its place, but not too tall."""
    scale = min(slot / size[0], TALLEST * slot / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _covers(explanation: Explanation) -> bool:
    """Return whether the locations cover the whole picture, but for half a pixel."""
    part, (width, height) = explanation.part, explanation.picture.size
    top_left = part.top < 0.5 and part.left < 0.5
    bottom, right = part.top + part.height, part.left + part.width
    return top_left and bottom > height - 0.5 and right > width - 0.5
