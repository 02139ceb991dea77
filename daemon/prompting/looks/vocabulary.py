"""Words that mean the same to one who looks: plurals, synonyms, kinds of things, media of pictures. English."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


def _all(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP = _all(
    "a an the of in on at by with and or to from for into over under above below near beside behind before between "
    "through across against around along upon its his her their this that these those is are be being very some "
    "there it as up down off out one two three while where which who only no not"
)
"""Words that name nothing."""

PRAISE = _all(
    "masterpiece masterwork best quality highres absurdres 4k 8k 16k uhd hd hdr ultra highly extremely incredibly "
    "detailed detail intricate sharp focus award winning trending artstation professional beautiful stunning gorgeous "
    "amazing perfect high resolution super great fine realistic hyperrealistic cinematic epic dramatic quality score "
    "up rating safe newest"
)
"""Words that ask for quality: nobody who looks says whether they were heeded."""

SAME: tuple[str, ...] = (
    "dusk sunset sundown twilight evening", "dawn sunrise daybreak morning", "night nighttime midnight nocturnal",
    "day daytime daylight noon", "sea ocean", "lake pond lagoon", "river stream creek brook", "wave surf",
    "coast shore shoreline seashore beach", "forest wood woodland jungle", "mountain peak summit alp",
    "meadow field grassland pasture", "desert dune sand", "storm stormy thunderstorm tempest",
    "rain rainy drizzle downpour", "snow snowy snowfall", "fog foggy mist misty haze hazy", "cloud cloudy overcast",
    "sun sunny sunlight sunshine", "moon moonlight moonlit", "star starry", "fire flame bonfire campfire",
    "boat ship vessel", "house cottage cabin hut home", "castle fortress citadel palace", "road street lane",
    "path trail footpath", "town village hamlet", "city metropolis cityscape skyline downtown", "harbour harbor port",
    "rock stone boulder", "cliff crag", "man gentleman guy", "woman lady", "child kid", "person people human figure",
    "cat kitten", "dog puppy", "horse pony stallion", "bird fowl", "flower blossom bloom", "lamp lantern",
    "glass window", "car automobile", "train locomotive", "robot android mech", "red crimson scarlet",
    "blue azure cobalt navy", "green emerald", "yellow gold golden", "purple violet", "pink magenta", "grey gray",
    "brown tan", "black dark", "white", "bright light luminous", "ruin ruined", "old ancient", "big large huge giant",
    "small little tiny", "water watery",
)  # fmt: skip
"""Groups of words that count as one; the first is the group's name."""

KINDS: Mapping[str, str] = {
    name: kind
    for kind, names in {
        "bird": "gull seagull crow raven owl sparrow swallow eagle goose swan heron duck",
        "tree": "oak birch pine fir maple willow cedar palm spruce",
        "flower": "rose tulip poppy lavender sunflower daisy lily",
        "building": "lighthouse tower castle church cathedral temple barn house windmill mill skyscraper",
        "boat": "sailboat yacht canoe rowboat schooner",
        "person": "man woman girl boy child knight wizard witch king queen monk samurai warrior fisherman sailor",
        "water": "sea lake river coast",
        "animal": "cat dog horse fox wolf bear deer rabbit lion tiger sheep cow bird",
        "mountain": "volcano hill",
        "car": "truck van bus",
    }.items()
    for name in names.split()
}
"""A thing and the kind it is of: who says `bird` of a gull has half seen it, who says `gull` has seen a bird."""

MEDIA: Mapping[str, str] = {
    word: medium
    for medium, words in {
        "photo": "photo photograph photography photographic photorealistic dslr polaroid daguerreotype",
        "painting": "painting painted oil watercolor watercolour aquarelle acrylic gouache fresco impressionist "
        "impressionism expressionist baroque brushstroke canvas",
        "drawing": "drawing drawn sketch sketched pencil ink charcoal lineart linework engraving etching woodcut "
        "crosshatch chalk pastel",
        "render": "render rendered rendering 3d cgi octane unreal blender raytraced isometric",
        "cartoon": "anime manga cartoon comic toon cel chibi",
        "pixel": "pixel pixelart 8bit 16bit",
        "illustration": "illustration illustrated storybook concept vector flat poster digital",
        "monochrome": "monochrome sepia greyscale grayscale noir",
    }.items()
    for word in words.split()
}
"""Words of a medium or a style, to the family one speaks of when one does not know more."""

LOOKERS: Mapping[str, frozenset[str]] = {
    "colours": _all(
        "red orange yellow green teal blue purple pink black white grey brown bright smooth wide tall square"
    )
}
"""Those that can name but a few things: what else is asked for says nothing about the picture."""

_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "leaves": "leaf", "wolves": "wolf", "feet": "foot",
    "geese": "goose", "mice": "mouse", "knives": "knife", "skies": "sky", "people": "person", "oxen": "ox",
}  # fmt: skip
_NAME_OF = {word: group.split()[0] for group in SAME for word in group.split()}


def words(text: str) -> Iterator[str]:
    """In lower case, each as often as it stands there."""
    return (found.group().removesuffix("'s") for found in _WORD.finditer(text.lower().replace("_", " ")))


def telling(text: str) -> tuple[str, ...]:
    """The names of what a phrase speaks of, in order."""
    return tuple(name_of(word) for word in words(text) if word not in STOP and word not in PRAISE)


def named(text: str) -> frozenset[str]:
    """The names of all that a caption speaks of, with the kinds that those things are of."""
    there = {name_of(word) for word in words(text) if word not in STOP}
    return frozenset(there | {KINDS[name] for name in there if name in KINDS})


@lru_cache(maxsize=50_000)
def name_of(word: str) -> str:
    """What all forms and synonyms of a word have in common."""
    for form in _forms(word):
        if form in _NAME_OF:
            return _NAME_OF[form]
        if form in KINDS or form in MEDIA:
            return form
    return _forms(word)[-1]


def _forms(word: str) -> tuple[str, ...]:
    """The word, and its plainest form."""
    if word in _IRREGULAR:
        return word, _IRREGULAR[word]
    plain = word
    if len(word) > 4 and word.endswith("ies"):
        plain = f"{word[:-3]}y"
    elif len(word) > 4 and word.endswith(("sses", "xes", "zzes", "ches", "shes")):
        plain = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        plain = word[:-1]
    elif len(word) > 5 and word.endswith("ing"):
        plain = _undoubled(word[:-3])
    elif len(word) > 4 and word.endswith("ed"):
        plain = _undoubled(word[:-2])
    return word, plain


def _undoubled(stem: str) -> str:
    return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz" else stem


def media(names: Iterable[str]) -> frozenset[str]:
    """The families of styles that are spoken of."""
    return frozenset(MEDIA[name] for name in names if name in MEDIA)
