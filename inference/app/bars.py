"""A prediction as HTML: a card per group of the hierarchy, a bar per intent.

The templates escape every value.
"""

from jinja2 import Environment

from core.errors import printable
from inference.results import Intent, Prediction

ALWAYS_OPEN = 2  # cards, the most probable first
TEMPLATES = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)

MESSAGE = TEMPLATES.from_string(
    '<p class="ic-message ic-{{ kind }}" role="{{ "alert" if kind == "error" else "status" }}">'
    "{{ text }}</p>"
)

PAGE = TEMPLATES.from_string(
    """\
<div class="ic-result">
<p class="ic-summary" aria-live="polite">{{ summary }} <span class="ic-rule">{{ rule }}</span></p>
<div class="ic-cards">
{% for name, intents, is_open in cards %}
<details class="ic-card"{% if is_open %} open{% endif %}>
<summary>{{ name }}
<span class="ic-count">{{ intents|selectattr("passes")|list|length or "" }}</span>
<span class="ic-best">{{ "%.1f"|format(100 * intents|map(attribute="probability")|max) }} %</span>
</summary>
<ul>
{% for intent in intents %}
<li class="ic-row{% if intent.passes %} ic-pass{% endif %}" data-key="{{ intent.key }}">
<span class="ic-name">{{ intent.name }}{% if intent.passes %} <b title="passes the rule">✓</b>\
{% endif %}</span>
<span class="ic-number">{{ "%.1f"|format(100 * intent.probability) }} %</span>
<span class="ic-track">
<span class="ic-fill" style="width:{{ "%.2f"|format(100 * intent.probability) }}%"></span>
{% if threshold is not none %}
<span class="ic-line" style="left:{{ "%.2f"|format(100 * threshold) }}%"></span>
{% endif %}
</span></li>
{% endfor %}
</ul></details>
{% endfor %}
</div></div>
"""
)


def message(text: str, kind: str = "note") -> str:
    """Return one sentence as HTML; ``kind`` is ``note`` or ``error``."""
    return MESSAGE.render(text=printable(text), kind=kind)


def cards(prediction: Prediction, level: str) -> list[tuple[str, list[Intent], bool]]:
    """Return name, intents and whether it is open for each group, the best group first."""
    if not level:
        return [("All intents", prediction.top(len(prediction.probabilities)), True)]
    found = []
    for place, (name, intents) in enumerate(prediction.groups(level).items()):
        is_open = place < ALWAYS_OPEN or any(intent.passes for intent in intents)
        found.append((name, intents, is_open))
    return found


def summary(prediction: Prediction) -> str:
    """Return how many intents pass, in words."""
    if prediction.passes is None:
        return "No rule marks intents; move the threshold to mark them."
    number = int(prediction.passes.sum())
    if number == 0:
        return "No intent passes."
    verb = "intent passes" if number == 1 else "intents pass"
    return f"{number} {verb}, of {len(prediction.passes)}."


def result_html(prediction: Prediction, *, level: str, rule: str, threshold: float | None) -> str:
    """Return a prediction as HTML.

    Args:
        prediction: with its marks.
        level: of the hierarchy; empty: one card with all intents.
        rule: in words.
        threshold: drawn as a line in all bars; None: there is not one for all.
    """
    return PAGE.render(
        summary=summary(prediction),
        rule=rule,
        cards=cards(prediction, level),
        threshold=threshold,
    )
