"""An explanation as HTML: a row per intent with the picture and a map per branch.

The pictures are part of the HTML, so that no file of them is served.
"""

import base64
import io

import numpy as np
from matplotlib.colors import Colormap, to_hex
from PIL import Image, ImageDraw

from datasets.images import Part
from inference.app.bars import TEMPLATES
from inference.draw_maps import SCORES, WEIGHTS, footer, row_title, score_range
from inference.explanation import Explanation, IntentMaps
from inference.overlay import blend, location_box, peak, place, scaled

LONGEST = 420  # side of a map in pixels
QUALITY = 85  # of JPEG
NUM_STOPS = 9  # of the colours of a bar

PAGE = TEMPLATES.from_string(
    """\
<div class="ic-maps">
{% for title, figures in rows %}
<section><h3>{{ title }}</h3>
<div class="ic-figures">
{% for figure in figures %}
<figure><img src="{{ figure.source }}" alt="{{ figure.label }}" width="{{ figure.width }}" \
height="{{ figure.height }}"><figcaption>{{ figure.label }}
{% if figure.colours %}
<span class="ic-ramp" style="background:linear-gradient(90deg,{{ figure.colours }})"></span>
<span class="ic-ends"><span>{{ figure.low }}</span><span>{{ figure.high }}</span></span>
{% endif %}
</figcaption></figure>
{% endfor %}
</div></section>
{% endfor %}
<p class="ic-foot">{{ foot }}</p>
</div>
"""
)


def maps_html(explanation: Explanation) -> str:
    """Return all maps of an explanation as HTML."""
    picture = explanation.picture.copy()
    picture.thumbnail((LONGEST, LONGEST))
    part = scaled(
        explanation.part,
        picture.height / explanation.picture.height,
        picture.width / explanation.picture.width,
    )
    rows = []
    for number, maps in enumerate(explanation.intents, start=1):
        rows.append((row_title(number, maps), _figures(maps, picture, part)))
    return PAGE.render(rows=rows, foot=". ".join(footer(explanation)) + ".")


def _figures(maps: IntentMaps, picture: Image.Image, part: Part) -> list[dict]:
    figures = [_figure("picture", picture)]
    span = score_range(maps.positive)
    for name, values in maps.positive.items():
        drawn = overlay(picture, part, values, SCORES, span)
        figures.append(_figure(name, drawn, SCORES, [f"{v:.2f}" for v in span]))
    shares = 100 * maps.weights
    span = (0.0, max(float(shares.max()), 1e-9))
    drawn = overlay(picture, part, shares, WEIGHTS, span)
    figures.append(_figure("weight", drawn, WEIGHTS, [f"{v:.1f} %" for v in span]))
    return figures


def overlay(
    picture: Image.Image,
    part: Part,
    values: np.ndarray,
    colours: Colormap,
    span: tuple[float, float],
) -> Image.Image:
    """Return values ``(h, w)`` over the picture; a frame marks the highest location."""
    low, high = span
    placed = place(values, part, (picture.height, picture.width))
    pixels = blend(np.asarray(picture), placed, lambda v: colours((v - low) / (high - low)))
    drawn = Image.fromarray(pixels)
    box = location_box(part, values.shape, *peak(values))
    edges = [box.left, box.top, box.left + box.width - 1, box.top + box.height - 1]
    pen = ImageDraw.Draw(drawn)
    pen.rectangle(edges, outline="black", width=4)
    pen.rectangle(
        [edges[0] + 1, edges[1] + 1, edges[2] - 1, edges[3] - 1], outline="white", width=2
    )
    return drawn


def _figure(
    label: str, image: Image.Image, colours: Colormap | None = None, ends: list[str] | None = None
) -> dict:
    figure = {"label": label, "source": data_uri(image)}
    figure |= {"width": image.width, "height": image.height}
    if colours is not None:
        stops = [to_hex(colours(value)) for value in np.linspace(0, 1, NUM_STOPS)]
        figure |= {"colours": ",".join(stops), "low": ends[0], "high": ends[1]}
    return figure


def data_uri(image: Image.Image) -> str:
    """Return a picture as an address that holds it."""
    stream = io.BytesIO()
    image.save(stream, format="jpeg", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
