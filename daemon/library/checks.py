"""Reads a file of the library as a run would: what is wrong with it, what is passed over, and where."""

from daemon.library.kinds import Kind
from daemon.prompting.overlays import read_overlay
from daemon.prompting.packs import read_list, read_pack
from daemon.prompting.pipelines import read_pipeline
from daemon.prompting.presets import read_preset
from daemon.prompting.profiles import read_profile
from daemon.prompting.styles import read_styles
from daemon.prompting.templates import read_template
from daemon.prompting.texts import told
from daemon.prompting.wildcards import read_wildcards
from daemon.prompting.workflows import check_workflow
from schema.errors import Refused


def check_text(kind: Kind, file: str, text: str) -> tuple[str, ...]:
    """Warnings. Raises Refused for a file that cannot be used."""
    warnings: list[str] = []
    match kind:
        case "pack":
            if read_list(file, text) is None:
                return read_pack(file, text).warnings
        case "pipeline":
            read_pipeline(file, text)
        case "preset":
            read_preset(file, text)
        case "workflow":
            check_workflow(file, text)
        case "wildcard":
            read_wildcards(file, text, warnings)
        case "style":
            if not read_styles(file, text, warnings):
                raise Refused(
                    "holds no style.", where=told(file), remedy="Write name,prompt,negative_prompt and a row."
                )
        case "profile":
            return read_profile(file, text).warnings
        case "template":
            return read_template(file, text).warnings
        case "overlay":
            return read_overlay(file, text).warnings
    return tuple(warnings)
