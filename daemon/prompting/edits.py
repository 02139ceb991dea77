"""What a person wrote over before a run began: the words of single variants, or of single jobs."""

from collections.abc import Sequence

import msgspec

from daemon.prompting.effective import check_prompt, picks_in
from daemon.prompting.texts import cleaned, nearest, told
from schema.errors import Refused
from schema.plans import JobSpec
from schema.requests import Edit

MAX_EDITS = 10_000


class Edits:
    """By the names of jobs (`harbour-03-v2-s42`) or of variants (`harbour-03-v2`), which are all their seeds."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        if len(edits) > MAX_EDITS:
            raise Refused(f"{len(edits)} edits are too many.", where="--edit", remedy=f"At most {MAX_EDITS}.")
        self._of: dict[str, Edit] = {}
        for edit in edits:
            if edit.name in self._of:
                raise Refused(f"{told(edit.name, 80)} is edited twice.", where="--edit", remedy="Give it once.")
            for text in (edit.prompt, edit.negative):
                check_prompt(text or "", f"--edit {told(edit.name, 80)}")
            self._of[edit.name] = edit
        self._used: set[str] = set()

    def touches(self, name: str) -> bool:
        """Whether this very job has an edit of its own."""
        return name in self._of

    def applied(self, job: JobSpec, variant: str) -> JobSpec:
        """The same job where nobody wrote over it. Its own edit goes before its variant's."""
        name = job.name if job.name in self._of else variant
        edit = self._of.get(name)
        if edit is None:
            return job
        self._used.add(name)
        if job.name in self._of and variant in self._of:
            self._used.add(variant)
        origins = dict(job.origins)
        prompt = job.prompt if edit.prompt is None else cleaned(edit.prompt).strip()
        negative = job.negative if edit.negative is None else cleaned(edit.negative).strip()
        origins |= {"prompt": "edited"} if edit.prompt is not None else {}
        origins |= {"negative": "edited"} if edit.negative is not None else {}
        picks = picks_in(job.picks, prompt, negative)
        return msgspec.structs.replace(job, prompt=prompt, negative=negative, origins=origins, picks=picks)

    def check(self, names: Sequence[str]) -> None:
        """Raises Refused for an edit of what is not in the plan."""
        for name in self._of:
            if name not in self._used:
                raise Refused(
                    f"the plan has no job '{told(name, 80)}'.",
                    where="--edit",
                    remedy=nearest(name, names[:2000]) or "`stablenew plan` shows their names.",
                )
