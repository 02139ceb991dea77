"""A person's own ComfyUI workflows: their text is put into the stages that name them when a run is planned."""

from collections.abc import Callable

from daemon.prompting.texts import told
from daemon.prompting.written import read_json
from schema.errors import Refused
from schema.pipeline import PipelineConfig
from schema.requests import TextFile
from schema.stages import Img2Img, Stage, Txt2Img

Find = Callable[[str], TextFile]
"""The workflow of this name. Raises Refused for one that is not there."""


def with_workflows(pipeline: PipelineConfig, find: Find) -> PipelineConfig:
    """Raises Refused for a workflow that is not there, or is none.

    A text that is there already (of the last run) stays where the library has none of that name any more.
    """
    if not any(isinstance(stage, Txt2Img | Img2Img) and stage.workflow for stage in pipeline.stages):
        return pipeline
    return pipeline.model_copy(update={"stages": tuple(_filled(stage, find) for stage in pipeline.stages)})


def no_workflows(name: str) -> TextFile:
    """For those who have no library."""
    raise Refused(f"there is no workflow '{told(name, 80)}'.", where="workflow")


def check_workflow(file: str, text: str) -> None:
    """Raises Refused for what is no workflow: neither an object of nodes, each with its class and inputs (API format),
    nor what ComfyUI's editor saves. Which nodes may run is the backend's to say.
    """
    written = read_json(file, text)
    if isinstance(written, dict) and isinstance(written.get("nodes"), list) and written["nodes"]:
        return
    nodes = list(written.values()) if isinstance(written, dict) else []
    if not nodes or not all(isinstance(node, dict) and isinstance(node.get("class_type"), str) for node in nodes):
        raise Refused(
            "holds no ComfyUI workflow.", where=told(file), remedy="Save it in ComfyUI with Workflow > Export (API)."
        )


def _filled(stage: Stage, find: Find) -> Stage:
    if not isinstance(stage, Txt2Img | Img2Img) or stage.workflow is None or not stage.enabled:
        return stage
    try:
        file = find(stage.workflow.name)
    except Refused as missing:
        if stage.workflow.graph:
            return stage
        raise Refused(missing.sentence, where=f"{stage.id}.workflow", remedy=missing.remedy) from None
    check_workflow(file.name, file.text)
    return stage.model_copy(update={"workflow": stage.workflow.model_copy(update={"graph": file.text})})
