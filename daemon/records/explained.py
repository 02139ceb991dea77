"""What a bundle says of itself to a language model, and the page about each pack."""

from collections import Counter
from collections.abc import Sequence

from schema.insights import PackInsight
from schema.records import WholeRecord

_README = """# Rated pictures

A person makes pictures with text-to-image models through the program `stablenew`, and rates some of them with one to
five stars. This bundle holds those verdicts and the settings each picture was made with. You are asked to help them
find better settings. {redacted}

{records} verdicts on {pictures} pictures of {packs} packs, as of position {seq} of the program's log.{left_out}

## Files

| file | one line or document is |
|---|---|
| `manifest.json` | what is in here: sizes, SHA-256, counts |
| `schema.json` | JSON Schema (2020-12) of every file; the manifest says which part is for which |
| `ratings.jsonl` | one verdict on one picture: stars, tags, all settings |
| `images.jsonl` | one picture: its hash, seed, run, stages, seconds |
| `params.jsonl` | one set of settings, by `params_id` |
| `runs.jsonl` | one run: what it wanted to find out (`question`, `variables`), its pipeline's hash |
| `insights.json` | what the program's own statistics claim, with evidence and intervals |
{report}| `packs/*.md` | each pack in words |

## Words

- **pack**: a file of prompts. Settings that are good for one are often bad for another: never pool packs.
- **session**: one sitting of the person. Moods drift: compare within a session, or adjust for it.
- **block**: same session, prompt and seed. Those pictures share their luck: differences within a block count most.
- **duel**: a line with `better_than`: the person was shown two pictures and preferred this one. Its `stars` is 0.
- **learning run**: varies one setting and nothing else. **explore run**: varies several at once, each level balanced.
- **backend**: `sketch` draws test pictures. Never compare them with real ones.
- **confidence** in `insights.json`: the probability that the claim is true, the setting mattering at all included.

## Be careful

- **Confounding.** Most pictures were not made as experiments: settings changed together, and with the prompts. The
  mean of all pictures with 30 steps against all with 20 says little. Compare within blocks, or adjust for all else.
- **Small numbers.** With fewer than 30 verdicts on a pack, or 3 on a side, say that it is not known yet.
- **Many comparisons.** Of twenty settings that do nothing, one will look good at 95 %.
- **What was rated** is not a sample: people rate what delights or annoys them.
- Say how sure you are, and what would have to be tried to know.

## Five questions to begin with

1. For each pack with 30 verdicts or more: which one change of settings is best supported, and by which blocks?
2. Which of the claims in `insights.json` would you doubt, and why?
3. Which settings were never varied alone, so that nothing can be said of them?
4. What do pictures tagged alike have in common, compared with others of the same pack?
5. Which learning run (one setting, up to five values, two or three seeds) would teach most for each pack?

## What you can send back

One file, `presets.json`, as `schema.json#/$defs/presets` says:

```json
{{"source": "your name", "presets": [
  {{"pack": "{example}", "settings": {{"txt2img.steps": 30, "txt2img.cfg": 5.5}},
   "why": "Within 14 blocks, 30 steps were rated 0.4 stars above 20; cfg is a guess."}}]}}
```

Only settings that are to change, named as in `ratings.jsonl`. The program checks them and shows the person how they
differ from what is used now. Nothing is applied unless the person does it.
"""

REDACTED = (
    "Words of theirs were taken out: names of packs, prompts, tags, models and the like are salted ids, the same word"
    " always the same id. Use the ids as they are."
)


def readme(records: Sequence[WholeRecord], seq: int, left_out: int, *, redact: bool, report: bool, example: str) -> str:
    pictures = {record.id for record in records}
    return _README.format(
        redacted=REDACTED if redact else "",
        records=len(records),
        pictures=len(pictures),
        packs=len({record.pack for record in records}),
        seq=seq,
        left_out=f" {left_out} older ones were left out for want of room." if left_out else "",
        report="| `report.json` | styles, LoRAs, places to vary over all packs |\n" if report else "",
        example=example,
    )


def pack_page(name: str, insight: PackInsight | None, records: Sequence[WholeRecord]) -> str:
    """`records` of this pack."""
    stars = Counter(record.stars for record in records if record.stars)
    rated = sum(stars.values())
    parts = [f"# {_line(name)}", "", f"{rated} ratings, {sum(bool(record.better_than) for record in records)} duels."]
    if rated:
        mean = sum(star * times for star, times in stars.items()) / rated
        spread = ", ".join(f"{star} stars: {stars[star]}" for star in range(5, 0, -1))
        parts += [f"Mean {mean:.2f} stars ({spread})."]
    tags = Counter(tag for record in records for tag in record.tags)
    if tags:
        parts += ["", "Tags: " + ", ".join(f"{_line(tag)} ({times})" for tag, times in tags.most_common(20)) + "."]
    parts += ["", "## Settings that varied", "", *_varied(records)]
    if insight is not None:
        parts += ["", "## What the program claims", "", _line(insight.text), ""]
        parts += [f"- {_line(claim.text)} (confidence {claim.confidence:.2f})" for claim in insight.claims]
        parts += ["", *_preset(insight)]
    return "\n".join(parts) + "\n"


def _varied(records: Sequence[WholeRecord]) -> list[str]:
    seen: dict[str, Counter[str]] = {}
    for record in records:
        for name, value in record.params.items():
            seen.setdefault(name, Counter())[str(value)] += 1
    lines = []
    for name, values in sorted(seen.items()):
        if len(values) > 1:
            told = ", ".join(f"{_line(value)} ({times})" for value, times in values.most_common(12))
            lines.append(f"- `{_line(name)}`: {told}{', ...' if len(values) > 12 else ''}")
    return lines or ["None."]


def _preset(insight: PackInsight) -> list[str]:
    preset = insight.preset
    if preset is None or not preset.changes:
        return []
    lines = [f"It would change these, better with a chance of {preset.p_better_than_current:.2f}:", ""]
    return [*lines, *(f"- `{_line(one.param)}`: {one.was} -> {one.now}" for one in preset.changes)]


def _line(text: str) -> str:
    """What a person wrote, on one line and without marks of its own."""
    return " ".join(text.replace("`", "'").split())[:400]
