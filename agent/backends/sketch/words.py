"""Reads a prompt: its words with their weights, its LoRAs and embeddings, and what of it can be drawn."""

import re
from collections.abc import Mapping
from typing import NamedTuple

_TAG = re.compile(r"<(lora|lyco|hypernet|embedding):([^<>:]{1,200})(?::([^<>]{0,40}))?>|<([^<>:]{1,200})>")
_WEIGHT = re.compile(r"\(([^()]{1,300}):\s*([0-9]*\.?[0-9]+)\)")
_WORD = re.compile(r"[a-z]+")

THINGS: Mapping[str, tuple[str, ...]] = {
    "sun": ("sun", "sunny", "sunlight", "sunbeam"),
    "moon": ("moon", "moonlight", "moonlit", "lunar"),
    "stars": ("star", "stars", "starry", "galaxy", "cosmos", "space", "milky"),
    "clouds": ("cloud", "clouds", "cloudy", "sky", "skies"),
    "hills": ("hill", "hills", "valley", "meadow", "field", "fields", "countryside", "landscape", "moor", "farm"),
    "mountains": ("mountain", "mountains", "peak", "peaks", "alps", "cliff", "cliffs", "canyon", "volcano", "summit"),
    "water": ("sea", "ocean", "lake", "river", "water", "harbour", "harbor", "bay", "coast", "shore", "beach", "island",
              "pond", "fjord", "waves", "lagoon", "reflection"),
    "dunes": ("desert", "dune", "dunes", "sand", "sahara"),
    "pines": ("pine", "pines", "fir", "forest", "woods", "woodland", "taiga", "wood"),
    "trees": ("tree", "trees", "oak", "birch", "orchard", "park", "jungle", "garden", "grove", "maple", "cherry"),
    "town": ("town", "village", "house", "houses", "cottage", "cabin", "street", "home", "hut", "church", "barn"),
    "city": ("city", "skyline", "skyscraper", "skyscrapers", "metropolis", "cyberpunk", "downtown"),
    "castle": ("castle", "fortress", "palace", "citadel", "tower", "towers", "kingdom", "ruins", "temple"),
    "lighthouse": ("lighthouse", "beacon"),
    "boat": ("boat", "boats", "ship", "ships", "sail", "sailing", "sailboat", "yacht", "fisherman"),
    "birds": ("bird", "birds", "gull", "gulls", "seagull", "crow", "crows", "raven", "geese", "swallows", "owl"),
    "figure": ("person", "man", "woman", "girl", "boy", "knight", "wizard", "traveler", "traveller", "wanderer",
               "witch", "portrait", "hero", "heroine", "queen", "king", "monk", "samurai", "warrior", "robot",
               "child", "face"),
    "cat": ("cat", "cats", "kitten"),
    "flowers": ("flower", "flowers", "poppy", "poppies", "tulip", "tulips", "rose", "roses", "lavender", "sunflower"),
    "lanterns": ("lantern", "lanterns", "lamp", "lamps", "fireflies", "firefly", "candles", "candle"),
    "rain": ("rain", "rainy", "storm", "stormy", "thunderstorm", "drizzle"),
    "snow": ("snow", "snowy", "snowfall", "winter", "blizzard", "ice", "icy"),
    "mist": ("mist", "misty", "fog", "foggy", "haze", "hazy", "smoke"),
    "blur": ("blur", "blurry", "blurred", "soft", "bokeh", "lowres"),
    "grain": ("noise", "noisy", "grain", "grainy", "jpeg", "artifacts", "texture"),
    "frame": ("frame", "border", "vignette", "watermark", "text", "signature"),
}  # fmt: skip
"""What can be drawn, and the words that ask for it or, in the negative prompt, forbid it."""

HOURS: Mapping[str, tuple[str, ...]] = {
    "night": ("night", "midnight", "nocturnal", "starry", "moonlit", "moonlight", "moon", "stars", "galaxy", "space",
              "fireflies", "cyberpunk"),
    "dusk": ("sunset", "dusk", "evening", "twilight", "golden"),
    "dawn": ("dawn", "sunrise", "morning", "daybreak"),
    "storm": ("storm", "stormy", "rain", "rainy", "thunderstorm", "grey", "gray", "overcast", "gloomy", "dark"),
    "day": ("day", "noon", "summer", "sunny", "bright", "spring", "blue"),
}  # fmt: skip

_THING_OF = {word: thing for thing, words in THINGS.items() for word in words}
_HOUR_OF = {word: hour for hour, words in reversed(tuple(HOURS.items())) for word in words}


class Reading(NamedTuple):
    words: tuple[str, ...]
    """Lower case, in order, without tags."""
    weights: Mapping[str, float]
    """Of words written as `(word:1.3)`."""
    loras: tuple[tuple[str, float], ...]
    embeddings: tuple[str, ...]

    def things(self) -> dict[str, float]:
        """Thing to its weight, in the order of `THINGS`."""
        found: dict[str, float] = {}
        for word in self.words:
            thing = _THING_OF.get(word)
            if thing is not None:
                found[thing] = max(found.get(thing, 0.0), self.weights.get(word, 1.0))
        return {thing: found[thing] for thing in THINGS if thing in found}

    def hour(self) -> str | None:
        """The time of day that is spoken of first."""
        return next((_HOUR_OF[word] for word in self.words if word in _HOUR_OF), None)


def read(prompt: str) -> Reading:
    """Never fails: what is no tag is words."""
    loras: list[tuple[str, float]] = []
    embeddings: list[str] = []
    for tag, name, weight, bare in _TAG.findall(prompt):
        if tag in ("lora", "lyco"):
            loras.append((name.strip(), _number(weight)))
        else:
            embeddings.append((name or bare).strip())
    text = _TAG.sub(" ", prompt).lower()
    weights = {
        word: min(2.0, float(weight)) for phrase, weight in _WEIGHT.findall(text) for word in _WORD.findall(phrase)
    }
    words = tuple(_WORD.findall(text))
    return Reading(words + tuple(w for name in embeddings for w in _WORD.findall(name.lower())), weights,
                   tuple(loras), tuple(embeddings))  # fmt: skip


def _number(text: str) -> float:
    """The first number of `0.8` or `0.8:0.5`; 1 where none is written."""
    try:
        return max(-4.0, min(4.0, float(text.split(":")[0])))
    except ValueError:
        return 1.0
