"""Draw an explanation: a row per intent with the picture, a map per branch, and the weights."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from PIL import Image

from core.files import write_atomically
from inference.explanation import Explanation, IntentMaps
from inference.output import printable
from inference.overlay import OPACITY, blend, place, scaled

SCORES, WEIGHTS = colormaps["viridis"], colormaps["cividis"]  # even steps for all kinds of sight
INK, MUTED = "#222222", "#6b6b6b"
DPI = 100
WIDTH = 1600  # of the file, in pixels
NARROWEST = 480
FONT = "DejaVu Sans"  # part of matplotlib
BAR, BAR_SPACE = 12, 62  # width of a colour bar, and with its numbers
GAP, MARGIN = 12, 16
TALLEST = 1.25  # height of a panel, in widths
SHORTEST = 90  # height of a row, in pixels, so that the numbers of its bar fit


def draw_explanation(explanation: Explanation, path: str | Path, *, width: int = WIDTH) -> None:
    """Draw an explanation and save it as PNG, atomically.

    Pictures are drawn at their own size where the file is wide enough, else smaller; pictures
    narrower than their place are enlarged.

    Args:
        explanation: of one image.
        path: file to write.
        width: of the file in pixels, from 480.
    """
    assert width >= NARROWEST
    page = _Page(explanation, width)
    page.draw()
    write_atomically(path, lambda temporary: page.figure.savefig(temporary, dpi=DPI, format="png"))


class _Page:
    """A figure in pixels from the top left corner."""

    def __init__(self, explanation: Explanation, width: int) -> None:
        self.explanation = explanation
        self.zoom = max(1.0, width / WIDTH)  # of texts
        self.gap = round(GAP * self.zoom)
        self.margin = round(MARGIN * self.zoom)
        self.bar_space = round(BAR_SPACE * self.zoom)
        num_panels = 2 + len(explanation.intents[0].positive)
        free = width - 2 * self.margin - (num_panels - 1) * self.gap - 2 * self.bar_space
        self.slot = free // num_panels  # width of a panel
        self.size = _fitted(explanation.picture.size, self.slot)
        self.row_height = max(self.size[1], round(SHORTEST * self.zoom))
        self.line = round(22 * self.zoom)
        self.header = 2 * self.line + 6  # of a row: its title and the names of its panels
        rows = len(explanation.intents)
        top = self.line + self.margin
        foot = 2 * self.line
        self.height = top + rows * (self.header + self.row_height + self.gap) + foot
        self.width = width
        self.figure = Figure(figsize=(width / DPI, self.height / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        self.picture = explanation.picture.resize(self.size, Image.Resampling.LANCZOS)
        self.part = scaled(
            explanation.part,
            self.size[1] / explanation.picture.height,
            self.size[0] / explanation.picture.width,
        )

    def draw(self) -> None:
        name = printable(Path(self.explanation.prediction.image).name)
        size = f"{self.explanation.picture.width} × {self.explanation.picture.height} px"
        self.text(self.margin, self.margin, f"{name}   ({size})", size=13, color=MUTED)
        top = self.line + self.margin
        for number, maps in enumerate(self.explanation.intents, start=1):
            self.row(number, maps, top)
            top += self.header + self.row_height + self.gap
        for line, text in enumerate(footer(self.explanation)):
            self.text(self.margin, top + line * self.line * 0.85, text, size=12, color=MUTED)

    def row(self, number: int, maps: IntentMaps, top: int) -> None:
        """Draw the title, the picture, the maps with their bar, and the weights with theirs."""
        self.text(self.margin, top + 4, row_title(number, maps), size=16, weight="bold")
        heads, top = top + self.line + 8, top + self.header
        x = self.margin
        self.text(x, heads, "picture", size=12, color=MUTED)
        self.panel(x, top, np.asarray(self.picture))
        norm = score_range(maps.positive)
        for name, values in maps.positive.items():
            x += self.slot + self.gap
            self.text(x, heads, f"{name}: score, highest {values.max():.2f}", size=12, color=MUTED)
            self.map_panel(x, top, values, SCORES, norm)
        self.bar(x + self.size[0], top, SCORES, norm, "{:.2f}")
        x += self.slot + self.gap + self.bar_space
        share = Normalize(0, max(100 * float(maps.weights.max()), 1e-9))
        text = f"weight, highest {100 * maps.weights.max():.1f} %"
        self.text(x, heads, text, size=12, color=MUTED)
        self.map_panel(x, top, 100 * maps.weights, WEIGHTS, share)
        self.bar(x + self.size[0], top, WEIGHTS, share, "{:.1f} %")

    def map_panel(
        self, x: int, top: int, values: np.ndarray, colours: Colormap, norm: Normalize
    ) -> None:
        """Draw values ``(h, w)`` over the picture; a frame marks the highest one."""
        placed = place(values, self.part, (self.size[1], self.size[0]))
        panel = blend(np.asarray(self.picture), placed, lambda v: colours(norm(v)))
        axes = self.panel(x, top, panel)
        row, column = np.unravel_index(int(values.argmax()), values.shape)
        height, width = self.part.height / values.shape[0], self.part.width / values.shape[1]
        corner = (self.part.left + column * width - 0.5, self.part.top + row * height - 0.5)
        for color, line in (("black", 3.5), ("white", 1.6)):
            frame = Rectangle(corner, width, height, fill=False, edgecolor=color)
            frame.set_linewidth(line * self.zoom * 72 / DPI)
            axes.add_patch(frame)

    def panel(self, x: int, top: int, pixels: np.ndarray):
        """Draw pixels ``(H, W, 3)`` one to one and return their axes."""
        axes = self.axes(x, top, self.size[0], self.size[1])
        axes.imshow(pixels, interpolation="nearest", aspect="auto")
        axes.axis("off")
        return axes

    def bar(self, x: int, top: int, colours: Colormap, norm: Normalize, form: str) -> None:
        """Draw a colour bar as the colours look over middle grey, with three numbers."""
        height = max(self.size[1], round((SHORTEST - 20) * self.zoom))
        axes = self.axes(x + 8, top, round(BAR * self.zoom), height)
        ramp = colours(np.linspace(1, 0, 256))[:, None, :3]
        axes.imshow(OPACITY * ramp + (1 - OPACITY) * 0.5, aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([0, 127.5, 255])
        ends = [norm.vmax, (norm.vmin + norm.vmax) / 2, norm.vmin]
        axes.set_yticklabels([form.format(value) for value in ends], fontsize=self.points(11))
        axes.yaxis.tick_right()
        axes.tick_params(length=2, pad=2, colors=INK)
        labels = axes.get_yticklabels()
        for label, place_of in zip(labels, ("top", "center", "bottom"), strict=True):
            label.set_verticalalignment(place_of)
        for spine in axes.spines.values():
            spine.set_linewidth(0.5)

    def axes(self, x: int, top: int, width: int, height: int):
        """Return axes at a place in pixels."""
        left, bottom = x / self.width, 1 - (top + height) / self.height
        return self.figure.add_axes((left, bottom, width / self.width, height / self.height))

    def text(self, x: float, top: float, text: str, *, size: int, **style: str) -> None:
        """Write one line, shortened where it would leave the page, ``size`` pixels high."""
        style = {"color": INK, "va": "top", **style}
        font = FontProperties(family=FONT, size=size * self.zoom, weight=style.get("weight"))
        text = shortened(text, self.width - self.margin - x, font)
        self.figure.text(
            x / self.width,
            1 - top / self.height,
            text,
            fontsize=self.points(size),
            family=FONT,
            parse_math=False,
            **style,
        )

    def points(self, pixels: float) -> float:
        """Return a font size in points."""
        return pixels * self.zoom * 72 / DPI


def row_title(number: int, maps: IntentMaps) -> str:
    """Return name, probability, whether the rule is passed, and the share of the global vector."""
    intent = maps.intent
    parts = [f"{number}. {printable(intent.name)}", f"{intent.probability:.1%}"]
    if intent.passes is not None:
        parts.append("passes the rule" if intent.passes else "does not pass the rule")
    if maps.whole is not None:
        parts.append(f"the global token has {maps.whole.weight:.1%} of the weight")
    return "   ·   ".join(parts)


def footer(explanation: Explanation) -> list[str]:
    """Return the lines that say what the numbers are."""
    decisive = explanation.intents[0].decisive
    lines = [
        f"score: {explanation.scale:g} × cosine of a location and the positive text of the "
        f"intent   ·   weight: softmax of the {decisive} scores   ·   frame: highest location"
    ]
    box = explanation.part
    size = explanation.picture
    covered = box.top <= 0 and box.left <= 0
    if not (covered and box.width >= size.width - 0.5 and box.height >= size.height - 0.5):
        lines.append("light grey without colour: outside of the locations of the network")
    return lines


def score_range(positive: Mapping[str, np.ndarray]) -> Normalize:
    """Return one range for all maps of a row, so that equal colours are equal scores."""
    low = min(float(values.min()) for values in positive.values())
    high = max(float(values.max()) for values in positive.values())
    return Normalize(low, high if high > low else low + 1e-6)


def shortened(text: str, width: float, font: FontProperties) -> str:
    """Return ``text``, cut and with an ellipsis where it is wider than ``width`` pixels.

    Args:
        text: one line.
        width: pixels.
        font: its size is in pixels.
    """

    def fits(line: str) -> bool:
        plain = line.replace("$", "S")  # a dollar sign starts no formula here
        return not line or TextPath((0, 0), plain, prop=font).get_extents().width <= width

    if fits(text):
        return text
    low, high = 0, len(text)  # longest beginning that fits
    while low < high:
        middle = (low + high + 1) // 2
        if fits(text[:middle] + "…"):
            low = middle
        else:
            high = middle - 1
    return text[:low] + "…"


def _fitted(size: tuple[int, int], slot: int) -> tuple[int, int]:
    """Return width and height of the drawn picture: as wide as its place, but not too tall."""
    scale = min(slot / size[0], TALLEST * slot / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
