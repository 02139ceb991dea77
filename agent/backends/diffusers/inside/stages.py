"""The way from a stage to what runs it, and the two stages that only look."""

from agent.backends import BackendTrouble
from agent.backends.diffusers.inside.brief import Brief, Outcome
from agent.backends.diffusers.inside.enlarge import upscale
from agent.backends.diffusers.inside.faces import face_restore
from agent.backends.diffusers.inside.looking import clip_score
from agent.backends.diffusers.inside.paint import img2img, refiner, txt2img
from agent.backends.diffusers.inside.regions import detail
from agent.backends.diffusers.syntax import parsed
from schema.stages import (
    Detail,
    FaceRestore,
    ImageStage,
    Img2Img,
    Interrogate,
    Refiner,
    Score,
    Txt2Img,
    Upscale,
    WordStage,
)


def run_stage(brief: Brief, config: ImageStage | WordStage) -> Outcome:
    """Raises BackendTrouble, Unwanted, and whatever torch raises when memory ends."""
    match config:
        case Txt2Img():
            return txt2img(brief, config)
        case Img2Img():
            return img2img(brief, config)
        case Refiner():
            return refiner(brief, config)
        case Detail():
            return detail(brief, config)
        case Upscale():
            return upscale(brief, config)
        case FaceRestore():
            return face_restore(brief, config)
        case Interrogate():
            return _interrogate(brief, config)
        case Score():
            return _score(brief, config)
        case _:
            raise BackendTrouble("bad-request", f"the diffusers process does not run {config.type}")


def _interrogate(brief: Brief, config: Interrogate) -> Outcome:
    picture = brief.pictures(config.type)[0]
    entry = brief.folder.entry("interrogators", config.model or _first(brief, "interrogators"), "interrogator")
    eye = brief.models.captioner(entry, brief.teller)
    brief.teller.step(0, 1, "interrogating")
    brief.used["model"], brief.reported["caption"] = entry.name, eye.caption(picture)
    brief.teller.step(1, 1, "interrogating")
    return Outcome()


def _score(brief: Brief, config: Score) -> Outcome:
    picture = brief.pictures(config.type)[0]
    entry = brief.folder.entry("scorers", config.model or _first(brief, "scorers"), "scorer")
    eye = brief.models.scorer(entry, brief.teller)
    words = config.against or _plain(brief.order.prompt)
    brief.teller.step(0, 1, "scoring")
    cosine = eye.cosine(picture, words)
    brief.used |= {"model": entry.name, "against": words}
    brief.reported |= {"score": round(clip_score(cosine), 6), "cosine": round(cosine, 6)}
    brief.teller.step(1, 1, "scoring")
    return Outcome()


def _plain(prompt: str) -> str:
    """As it is, where it was written for another backend."""
    try:
        return parsed(prompt).text
    except BackendTrouble:
        return prompt


def _first(brief: Brief, section: str) -> str:
    names = brief.folder.names(section)
    if not names:
        raise BackendTrouble("bad-request", f"there are no {section} in {brief.folder.root}")
    return names[0]
