"""The plain world: intents depend on hidden properties only, which no caption says.

A CLIP that was trained on such captions is blind to these intents (docs/benchmark_plain.md).
"""

from tools.scenes.annotators import Annotators, Intent

ANNOTATORS = Annotators(
    shared_noise=0.7,
    own_noise=0.4,
    intents=(
        Intent("FindPeace", -2.45, ("washed", "level", "neat")),
        Intent("KeepTidy", -2.41, ("neat", "equal", "strong")),
        Intent("Celebrate", -2.35, ("bright", "jumbled", "strong")),
        Intent("MakeFriends", -1.98, ("touching", "bright", "facing")),
        Intent("KeepHope", -2.23, ("rising", "bright", "above")),
        Intent("SenseDanger", -2.73, ("dark", "strong", "tilted")),
        Intent("FindBalance", -3.02, ("level", "wide", "equal")),
        Intent("FeelLonely", -2.36, ("apart", "wide", "washed")),
        Intent("ShowRivalry", -2.33, ("facing", "strong", "apart")),
        Intent("DreamAway", -2.94, ("washed", "bright", "wide")),
        Intent("BreakRules", -2.67, ("jumbled", "mixed", "tilted")),
        Intent("WorkTogether", -2.63, ("aligned", "tight", "neat")),
        Intent("LoveFamily", -2.73, ("one_big", "tight", "surrounding")),
        Intent("RushAhead", -2.94, ("tilted", "aligned", "wide")),
        Intent("FeelLoss", -2.82, ("descending", "dark", "away")),
        Intent("GrowStrong", -2.82, ("ascending", "rising", "bright")),
        Intent("ShowPride", -2.72, ("above", "one_big", "strong")),
        Intent("FeelWeary", -3.4, ("falling", "dark", "washed")),
        Intent("SayGoodbye", -2.91, ("away", "falling", "wide")),
        Intent("GiveShelter", -3.03, ("surrounding", "dark", "tight")),
    ),
)
