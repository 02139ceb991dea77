"""ComfyUI: what a graph would draw, found by walking back from its samplers. What cannot be told is left out."""

from collections.abc import Iterator, Mapping

from daemon.artifacts.foreign import graphs
from daemon.artifacts.foreign.document import Document, document, mapping, number, whole, words
from daemon.artifacts.foreign.draft import Draft, stem
from daemon.artifacts.foreign.graphs import Graph, Link, Node

Texts = Mapping[str, str]

DEEPEST = 200
"""Nodes that are walked back through."""

MOST_SAMPLERS = 64

TEXTS = ("text", "string", "value", "prompt", "populated_text", "wildcard_text", "text_g", "t5xxl", "clip_l", "text_0",
         "String", "result")  # fmt: skip
"""Inputs that hold a node's text."""

NO_TEXTS = frozenset(
    {"clip", "model", "vae", "image", "pixels", "control_net", "mask", "latent", "samples", "optional_vae"}
)
OTHER = {"positive": "negative", "negative": "positive"}

JOINED = (
    ("string_a", "string_b"),
    ("text_a", "text_b"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("prefix", "suffix"),
)

LATENTS = ("latent_image", "latent", "samples", "image", "images", "pixels", "upscaled_image")
SEEDS = ("seed", "noise_seed")


def read(texts: Texts) -> Draft | None:
    prompt = mapping(texts.get("prompt"))
    if prompt is not None and graphs.is_api(prompt):
        return of_graph(graphs.from_api(prompt))
    workflow = mapping(texts.get("workflow"))
    if workflow is not None:
        return of_record(workflow)
    for key in ("parameters", "Comment"):
        both = mapping(texts.get(key))
        if both is not None and both.any("prompt", "workflow"):
            found = of_record(both)
            if found is not None:
                return found
    return None


def of_record(record: Document) -> Draft | None:
    """Either format, or an object that holds one as `prompt` or `workflow`; those may be texts again."""
    if graphs.is_api(record):
        return _with_extra(of_graph(graphs.from_api(record)), record)
    if graphs.is_editor(record):
        draft = of_graph(graphs.from_editor(record))
        draft.warn("Read from the editor's workflow, which names widgets by their place only; check what matters.")
        return draft
    for key in ("prompt", "output", "workflow"):
        inner = record.doc(key) or mapping(record.text(key))
        if inner is not None and (graphs.is_api(inner) or graphs.is_editor(inner)):
            return of_record(inner)
    return None


def _with_extra(draft: Draft, record: Document) -> Draft:
    """Civitai's own generator writes what was asked for beside the nodes."""
    extra = mapping(record.text("extraMetadata"))
    if extra is not None:
        draft.prompt = draft.prompt or extra.text("prompt") or ""
        draft.negative = draft.negative or extra.text("negativePrompt") or ""
        draft.seed = extra.whole("seed") if draft.seed is None else draft.seed
        draft.put("txt2img.steps", extra.whole("steps"))
        draft.put("txt2img.cfg", extra.number("cfgScale"))
        draft.sample(extra.text("sampler"), None)
        draft.keep_rest(extra)
    return draft


def of_graph(graph: Graph) -> Draft:
    return _Reading(graph).draft()


class _Reading:
    """One graph. Walks are cut after `DEEPEST` nodes and never visit one twice, so that a cycle ends."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._draft = Draft("comfyui")

    def draft(self) -> Draft:
        draft = self._draft
        samplers = [node for node in self._graph.values() if self._samples(node)][:MOST_SAMPLERS]
        first = self._first(samplers)
        if first is None:
            self._without_sampler()
            return draft
        draft.prompt = self._prompt(first, "positive") or ""
        draft.negative = self._prompt(first, "negative") or ""
        self._sampling(first)
        self._model(first)
        self._latent(first)
        self._later([node for node in samplers if node.id != first.id and self._reaches(node, first)])
        self._upscalers()
        self._details()
        self._kinds()
        if not draft.prompt:
            draft.warn("The prompt comes from nodes that are not known here; it is left empty.")
        return draft

    # Samplers ---------------------------------------------------------------------------------

    def _samples(self, node: Node) -> bool:
        inputs = node.inputs
        if node.kind in ("FaceDetailer", "DetailerForEach", "UltimateSDUpscale"):
            return False
        if node.kind in ("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"):
            return True
        pair = isinstance(inputs.get("positive"), Link) and isinstance(inputs.get("negative"), Link)
        return pair and any(seed in inputs for seed in SEEDS) and "steps" in inputs

    def _first(self, samplers: list[Node]) -> Node | None:
        """The one that no other sampler stands behind; of several, the one that most of the others lead back to."""
        roots = [node for node in samplers if not any(self._reaches(node, other) for other in samplers)]
        if not roots:
            return samplers[0] if samplers else None
        return max(roots, key=lambda root: sum(self._reaches(node, root) for node in samplers))

    def _reaches(self, node: Node, other: Node) -> bool:
        return node.id != other.id and any(one.id == other.id for one in self._back(node, LATENTS))

    def _back(self, node: Node, names: tuple[str, ...]) -> Iterator[Node]:
        """Nodes before this one, along the first of these inputs that is a link."""
        seen = {node.id}
        for _ in range(DEEPEST):
            link = next((value for name in names if isinstance(value := node.inputs.get(name), Link)), None)
            if link is None and names is not LATENTS:
                link = next((value for value in node.inputs.values() if isinstance(value, Link)), None)
            if link is None or link.node in seen or link.node not in self._graph:
                return
            seen.add(link.node)
            node = self._graph[link.node]
            yield node

    def _node(self, node: Node, name: str) -> Node | None:
        link = node.inputs.get(name)
        return self._graph.get(link.node) if isinstance(link, Link) else None

    def _value(self, node: Node, *names: str) -> object:
        """Of the first of these inputs; through nodes that only hold a value."""
        for name in names:
            value, seen = node.inputs.get(name), set[str]()
            while isinstance(value, Link) and value.node in self._graph and value.node not in seen:
                seen.add(value.node)
                holder = self._graph[value.node].inputs
                kept = (holder.get(key) for key in ("value", "Value", "int", "float", "seed", "noise_seed", "number"))
                value = next((one for one in kept if one is not None), None)
            if value is not None and not isinstance(value, Link | list | dict):
                return value
        return None

    def _sampling(self, node: Node) -> None:
        draft = self._draft
        noise, guider = self._node(node, "noise"), self._node(node, "guider")
        sampler, sigmas = self._node(node, "sampler"), self._node(node, "sigmas")
        draft.seed = whole(self._value(node, *SEEDS) if noise is None else self._value(noise, *SEEDS))
        steps = self._value(node, "steps") or (self._value(sigmas, "steps") if sigmas else None)
        draft.put("txt2img.steps", whole(steps))
        cfg = self._value(node, "cfg") or (self._value(guider, "cfg") if guider else None)
        draft.put("txt2img.cfg", number(cfg))
        name = words(self._value(node, "sampler_name") or (self._value(sampler, "sampler_name") if sampler else None))
        schedule = self._value(node, "scheduler") or (self._value(sigmas, "scheduler") if sigmas else None)
        draft.sample(name, words(schedule))

    def _prompt(self, sampler: Node, side: str) -> str | None:
        """From the sampler's conditioning, or its guider's."""
        guider = self._node(sampler, "guider")
        start = sampler if guider is None else guider
        link = start.inputs.get(side)
        if link is None and side == "positive":
            link = start.inputs.get("conditioning")
        return self._said(link, side, set()) if isinstance(link, Link) else None

    def _said(self, link: Link, side: str, seen: set[str]) -> str | None:
        """The text behind a link: of the first node that holds one."""
        node = self._graph.get(link.node)
        if node is None or node.id in seen or len(seen) > DEEPEST:
            return None
        seen.add(node.id)
        if node.kind == "ConditioningZeroOut":
            return ""
        if node.kind == "FluxGuidance" or "guidance" in node.inputs:
            self._draft.put("txt2img.guidance", number(self._value(node, "guidance")))
        if node.kind.startswith("ControlNetApply"):
            self._draft.warn("ControlNet steered it; the picture that steered it is not in the file.")
        joined = self._joined(node, side, seen)
        if joined is not None:
            return joined
        for name in (f"text_{side}", side, *TEXTS):
            value = node.inputs.get(name)
            if isinstance(value, str):
                return value
            if isinstance(value, Link) and (text := self._said(value, side, seen)) is not None:
                return text
        return self._passed_on(node, side, seen)

    def _passed_on(self, node: Node, side: str, seen: set[str]) -> str | None:
        """Through nodes that hold no text: by the inputs that are known to, then by any that may."""
        first = [name for name in (side, "conditioning", "conditioning_to", "conditioning_1") if name in node.inputs]
        for name in dict.fromkeys((*first, *node.inputs)):
            value = node.inputs.get(name)
            if isinstance(value, Link) and name not in NO_TEXTS and name != OTHER[side]:
                text = self._said(value, side, seen)
                if text is not None:
                    return text
        return None

    def _joined(self, node: Node, side: str, seen: set[str]) -> str | None:
        for names in JOINED:
            if not any(name in node.inputs for name in names):
                continue
            parts = []
            for name in names:
                value = node.inputs.get(name)
                text = self._said(value, side, seen) if isinstance(value, Link) else words(value)
                if text:
                    parts.append(text)
            between = node.inputs.get("delimiter", node.inputs.get("separator", ""))
            return (between if isinstance(between, str) else "").join(parts)
        return None

    # Models, sizes, later passes --------------------------------------------------------------

    def _model(self, sampler: Node) -> None:
        guider = self._node(sampler, "guider")
        start = guider if guider is not None and "model" in guider.inputs else sampler
        for node in (start, *self._back(start, ("model", "unet", "MODEL"))):
            self._loras(node)
            name = self._value(node, "ckpt_name", "unet_name", "model_name", "base_ckpt_name")
            if isinstance(name, str) and node.kind != "UpscaleModelLoader":
                self._draft.model(name)
                break
        for node in self._graph.values():
            if node.kind == "CLIPSetLastLayer":
                skipped = whole(self._value(node, "stop_at_clip_layer"))
                self._draft.put("txt2img.clip_skip", -skipped if skipped and skipped < 0 else None)
            elif node.kind == "VAELoader":
                self._draft.put("txt2img.vae", stem(words(self._value(node, "vae_name"))))

    def _loras(self, node: Node) -> None:
        name = words(self._value(node, "lora_name"))
        if name and name != "None":
            self._draft.lora(name, number(self._value(node, "strength_model", "lora_wt", "strength")))
        for value in node.inputs.values():
            stacked = document(value)
            if stacked is not None and "lora" in stacked and stacked.raw("on") is not False:
                self._draft.lora(stacked.text("lora"), stacked.number("strength"))

    def _latent(self, sampler: Node) -> None:
        for node in self._back(sampler, LATENTS):
            width, height = (whole(self._value(node, side, f"empty_latent_{side}")) for side in ("width", "height"))
            if width and height and node.kind != "LatentUpscale":
                self._draft.size(width, height)
                self._draft.put("txt2img.batch", whole(self._value(node, "batch_size")))
                break
            if "LoadImage" in node.kind:
                self._draft.put("img2img.denoise", number(self._value(sampler, "denoise")))
                self._draft.warn("It was painted over another picture, which is not in the file; here it begins anew.")
                break

    def _later(self, passes: list[Node]) -> None:
        """A second sampler behind a larger latent is the second pass; without one, a refiner or a repaint."""
        for node in passes[:1]:
            between = list(self._back(node, LATENTS))
            scaled = next((one for one in between if "scale" in one.kind.lower()), None)
            if scaled is not None:
                self._draft.put("txt2img.hires.scale", self._scale(scaled))
                self._draft.put("txt2img.hires.denoise", number(self._value(node, "denoise")))
                self._draft.put("txt2img.hires.steps", whole(self._value(node, "steps")))
            elif node.kind == "KSamplerAdvanced":
                self._refined(node)
        if len(passes) > 1:
            self._draft.warn(f"{len(passes)} samplers stand behind the first; the second of them on are left out.")

    def _scale(self, node: Node) -> float | None:
        factor = number(self._value(node, "scale_by", "upscale_by"))
        if factor is None:
            before, width = self._draft.fields.get("txt2img.width"), whole(self._value(node, "width"))
            factor = round(width / before, 3) if width and isinstance(before, int) else None
        return factor if factor and factor > 1 else None

    def _refined(self, node: Node) -> None:
        for one in (node, *self._back(node, ("model",))):
            name = words(self._value(one, "ckpt_name", "unet_name"))
            if name and stem(name) != self._draft.fields.get("txt2img.model"):
                start, steps = whole(self._value(node, "start_at_step")), whole(self._value(node, "steps"))
                self._draft.put("txt2img.refiner.model", stem(name))
                if start and steps:
                    self._draft.put("txt2img.refiner.switch_at", round(min(1.0, start / steps), 3))
                return

    def _upscalers(self) -> None:
        for node in self._graph.values():
            if node.kind in ("ImageUpscaleWithModel", "UltimateSDUpscale"):
                loader = self._node(node, "upscale_model")
                name = words(self._value(loader, "model_name")) if loader else None
                self._draft.put("upscale.upscaler", stem(name))
                self._draft.put("upscale.factor", number(self._value(node, "upscale_by")))
                if node.kind == "UltimateSDUpscale":
                    self._draft.put("upscale.denoise", number(self._value(node, "denoise")))
                return

    def _details(self) -> None:
        found = [node for node in self._graph.values() if node.kind == "FaceDetailer"]
        for at, node in enumerate(found[:3]):
            stage = "detail" if at == 0 else f"detail{at + 1}"
            detector = self._node(node, "bbox_detector")
            name = words(self._value(detector, "model_name")) if detector else None
            self._draft.put(f"{stage}.detector", (name or "face").rpartition("/")[2])
            self._draft.put(f"{stage}.denoise", number(self._value(node, "denoise")))
            self._draft.put(f"{stage}.confidence", number(self._value(node, "bbox_threshold")))
            self._draft.put(f"{stage}.steps", whole(self._value(node, "steps")))

    # The rest -----------------------------------------------------------------------------------

    def _without_sampler(self) -> None:
        """Gives up gracefully: texts that look like prompts, and a model if one is loaded."""
        for node in self._graph.values():
            if node.kind.startswith("CLIPTextEncode"):
                text = self._said(Link(node.id, 0), "positive", set()) or ""
                if "negative" in node.title.lower():
                    self._draft.negative = self._draft.negative or text
                else:
                    self._draft.prompt = self._draft.prompt or text
            self._loras(node)
            name = words(self._value(node, "ckpt_name", "unet_name"))
            self._draft.model(name)
        self._draft.warn("No sampler was found in the graph; only what text and model nodes say is told.")
        self._kinds()

    def _kinds(self) -> None:
        kinds = dict.fromkeys(node.kind for node in self._graph.values())
        self._draft.keep("nodes", ", ".join(kinds)[:4000])
