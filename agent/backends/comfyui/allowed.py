"""Which nodes a person's workflow may use. A workflow may come from anywhere, and it runs on the person's machine.

The rule: ComfyUI's own nodes but those that write or read files by name, train or record; nodes of well-known
extensions; and of neither, none whose text input is a path, an address or code.
"""

import re
from collections.abc import Mapping

from agent.backends import BackendTrouble
from agent.backends.comfyui.lists import Lists, NodeWords

OWN = re.compile(r"^(nodes|comfy_extras(\..*)?)$")
"""Modules of ComfyUI itself. `comfy_api_nodes` is not among them: those send pictures to paid services."""

EXTENSIONS = (
    "comfyui-impact-pack", "comfyui-impact-subpack", "comfyui_controlnet_aux", "comfyui_ultimatesdupscale",
    "comfyui-gguf", "comfyui_ipadapter_plus", "comfyui-advanced-controlnet", "facerestore_cf",
    "comfyui-seamless-tiling", "efficiency-nodes-comfyui", "rgthree-comfy",
)  # fmt: skip
"""By the folder's name below custom_nodes, lower case."""

DENIED = frozenset((
    "CheckpointSave", "CLIPSave", "VAESave", "ModelSave", "LoraSave", "ImageOnlyCheckpointSave", "SaveLatent",
    "LoadLatent", "TrainLoraNode", "SaveLoRANode", "LoraModelLoader", "LossGraphNode", "WebcamCapture", "RecordAudio",
    "LoadImageSetFromFolderNode", "LoadImageTextSetFromFolderNode", "DiffusersLoader", "SaveGLB", "SaveSVGNode",
))  # fmt: skip
"""Of ComfyUI's own: they write models, read whole folders, train, or open camera and microphone."""

SUSPECT = re.compile(r"(^|_)(path|dir|directory|folder|file|filename|url|uri|code|script|command|cmd|python|expression)"
                     r"($|_)", re.IGNORECASE)  # fmt: skip
HARMLESS = frozenset(("filename_prefix",))
ESCAPE = re.compile(r"(^|[\\/])\.\.([\\/]|$)|^[\\/~]|^[A-Za-z]:[\\/]")


def check(graph: Mapping[str, tuple[str, Mapping[str, object]]], lists: Lists) -> None:
    """`graph`: node to class and inputs. Raises BackendTrouble that names the first node that may not run."""
    for number, (kind, inputs) in graph.items():
        words = lists.nodes.get(kind)
        if words is None:
            raise _refused(number, kind, "this ComfyUI does not have it; install the extension that brings it")
        if kind in DENIED:
            raise _refused(number, kind, "it reads or writes files by name; take it out of the workflow")
        _check_origin(number, kind, words)
        for name, value in inputs.items():
            if isinstance(value, str) and ESCAPE.search(value) and name not in ("text", "string", "value", "prompt"):
                raise _refused(number, kind, f"its {name} leads out of ComfyUI's own folders")


def _check_origin(number: str, kind: str, words: NodeWords) -> None:
    module = words.python_module
    if OWN.match(module):
        return
    extension = module.removeprefix("custom_nodes.").split(".")[0].lower()
    if extension not in EXTENSIONS:
        raise _refused(number, kind, f"it is of '{module}', which is not on the list in docs/comfyui.md")
    for name, spec in words.inputs().items():
        if spec and spec[0] == "STRING" and SUSPECT.search(name) and name not in HARMLESS:
            raise _refused(number, kind, f"its input {name} takes a path, an address or code")


def _refused(number: str, kind: str, why: str) -> BackendTrouble:
    return BackendTrouble("bad-request", f"the workflow's node {number} ({kind}) may not run: {why}")
