"""A ComfyUI graph as nodes with inputs, from the API format or from what its editor saves.

The editor's format names widgets only by their place: newer files say which inputs are widgets, for older ones the
common nodes' widgets are known here. Subgraphs are laid out, bypassed nodes are passed by.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from daemon.artifacts.foreign.document import Document, document

MOST_NODES = 20_000
DEEPEST = 20
"""Subgraphs within one another."""

MOST_SCOPES = 500
"""Uses of subgraphs, those within others counted each time."""

MUTED, BYPASSED = 2, 4
INPUT, OUTPUT = "-10", "-20"
"""Ids of a subgraph's own ends."""

AFTER = frozenset({"fixed", "increment", "decrement", "randomize"})
"""What stands behind a seed's widget and is no input of its own."""

WIDGETS: dict[str, tuple[str, ...]] = {
    "KSampler": ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("add_noise", "noise_seed", "steps", "cfg", "sampler_name", "scheduler", "start_at_step",
                         "end_at_step", "return_with_leftover_noise"),
    "SamplerCustom": ("add_noise", "noise_seed", "cfg"),
    "RandomNoise": ("noise_seed",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CLIPTextEncodeSDXL": ("width", "height", "crop_w", "crop_h", "target_width", "target_height", "text_g", "text_l"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "CheckpointLoader": ("config_name", "ckpt_name"),
    "UNETLoader": ("unet_name", "weight_dtype"),
    "UnetLoaderGGUF": ("unet_name",),
    "VAELoader": ("vae_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "LatentUpscale": ("upscale_method", "width", "height", "crop"),
    "LatentUpscaleBy": ("upscale_method", "scale_by"),
    "ImageScaleBy": ("upscale_method", "scale_by"),
    "UpscaleModelLoader": ("model_name",),
    "PrimitiveNode": ("value",),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
    "StringConcatenate": ("string_a", "string_b", "delimiter"),
    "LoadImage": ("image",),
}  # fmt: skip


class Link(NamedTuple):
    node: str
    slot: int


class Node(NamedTuple):
    id: str
    kind: str
    title: str
    inputs: Mapping[str, object]
    """A `Link`, or the value of a widget."""


Graph = dict[str, Node]


def is_api(record: Document) -> bool:
    """Whether its values look like nodes of the API format."""
    record, keys = record.fresh(), record.keys()[:50]
    return bool(keys) and any((node := record.doc(key)) is not None and "class_type" in node for key in keys)


def is_editor(record: Document) -> bool:
    record = record.fresh()
    return isinstance(record.raw("nodes"), list) and any("type" in node for node in record.docs("nodes")[:50])


def from_api(record: Document) -> Graph:
    graph: Graph = {}
    for key in record.keys()[:MOST_NODES]:
        node = record.doc(key)
        kind = node.text("class_type") if node is not None else None
        if node is None or kind is None:
            continue
        inputs = node.doc("inputs") or Document({})
        meta = node.doc("_meta") or Document({})
        graph[key] = Node(
            key, kind, meta.text("title") or "", {name: _linked(inputs.raw(name)) for name in inputs.keys()}  # noqa: SIM118
        )  # fmt: skip
    return graph


def _linked(value: object) -> object:
    """`[node, output]` as a link; ids are texts, and some programs write numbers."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
        slot = value[1]
        if isinstance(slot, int) and not isinstance(slot, bool):
            return Link(str(value[0]), slot)
    return value


# The editor's format ----------------------------------------------------------------------------


def from_editor(record: Document) -> Graph:
    flat = _Flat(record)
    flat.lay("", record, {}, 0)
    return flat.graph()


class _Flat:
    """Lays nested subgraphs out: ids become `12:3`, and links lead through the ends of a subgraph."""

    def __init__(self, record: Document) -> None:
        definitions = (record.doc("definitions") or Document({})).docs("subgraphs")
        self._definitions = {name: one for one in definitions if (name := one.text("id"))}
        self._nodes: dict[str, Document] = {}
        self._feeds: dict[tuple[str, int], Link] = {}
        """Node and number of its input to where that comes from."""
        self._sets: dict[str, str] = {}
        self._scopes = 0
        self._passed: dict[tuple[str, int], Link] = {}
        """Output of a subgraph's node to where it really comes from."""

    def lay(self, prefix: str, scope: Document, ends: Mapping[int, Link], deep: int) -> None:
        """`ends`: what feeds the scope's own inputs."""
        links = dict(self._links(prefix, scope, ends))
        for node in scope.docs("nodes"):
            number, kind = node.raw("id"), node.text("type")
            if number is None or kind is None or len(self._nodes) >= MOST_NODES:
                continue
            name = f"{prefix}{number}"
            for at in range(len(node.docs("inputs"))):
                feed = links.get((name, at))
                if feed is not None:
                    self._feeds[name, at] = feed
            inner = self._definitions.get(kind)
            if inner is not None and deep < DEEPEST and self._scopes < MOST_SCOPES:
                self._scopes += 1
                self.lay(f"{name}:", inner, {at: link for (to, at), link in links.items() if to == name}, deep + 1)
                for at, link in self._outputs(f"{name}:", inner):
                    self._passed[name, at] = link
            else:
                self._nodes[name] = node

    def _links(self, prefix: str, scope: Document, ends: Mapping[int, Link]) -> Iterator[tuple[tuple[str, int], Link]]:
        for origin, slot, target, at in _pairs(scope):
            if target == OUTPUT:
                continue
            if origin == INPUT:
                if slot in ends:
                    yield (f"{prefix}{target}", at), ends[slot]
            else:
                yield (f"{prefix}{target}", at), Link(f"{prefix}{origin}", slot)

    def _outputs(self, prefix: str, scope: Document) -> Iterator[tuple[int, Link]]:
        for origin, slot, target, at in _pairs(scope):
            if target == OUTPUT and origin != INPUT:
                yield at, Link(f"{prefix}{origin}", slot)

    def graph(self) -> Graph:
        for name, node in self._nodes.items():
            called = node.list("widgets_values")[:1] if node.text("type") == "SetNode" else ()
            self._sets.update({str(one): name for one in called})
        graph: Graph = {}
        for name, node in self._nodes.items():
            if node.whole("mode") in (MUTED, BYPASSED):
                continue
            inputs: dict[str, object] = dict(_widgets(node))
            for at, socket in enumerate(node.docs("inputs")):
                feed = self._feeds.get((name, at))
                label = socket.text("name")
                if feed is not None and label is not None:
                    inputs[label] = self._behind(feed)
            graph[name] = Node(name, node.text("type") or "", node.text("title") or "", inputs)
        return graph

    def _behind(self, link: Link) -> Link:
        """Through subgraphs' ends and bypassed nodes, to a node that is there."""
        for _ in range(100):
            if link in self._passed:
                link = self._passed[link]
                continue
            node = self._nodes.get(link.node)
            if node is not None and node.text("type") == "GetNode":
                through = self._set(node)
            elif node is None or node.whole("mode") != BYPASSED:
                break
            else:
                through = self._through(link, node)
            if through is None:
                break
            link = through
        return link

    def _set(self, node: Document) -> Link | None:
        """What the SetNode of the same name is fed with."""
        wanted = node.list("widgets_values")
        name = self._sets.get(str(wanted[0])) if wanted else None
        return self._feeds.get((name, 0)) if name is not None else None

    def _through(self, link: Link, node: Document) -> Link | None:
        """A bypassed node gives out the first input of the output's type."""
        outputs = node.docs("outputs")
        wanted = outputs[link.slot].text("type") if 0 <= link.slot < len(outputs) else None
        for at, socket in enumerate(node.docs("inputs")):
            feed = self._feeds.get((link.node, at))
            if feed is not None and socket.text("type") == wanted:
                return feed
        return None


def _pairs(scope: Document) -> Iterator[tuple[str, int, str, int]]:
    """Origin, its output, target, its input; written as lists, or as objects within subgraphs."""
    for link in scope.list("links"):
        said = document(link)
        if said is not None:
            values: list[object] = [said.raw(name) for name in ("origin_id", "origin_slot", "target_id", "target_slot")]
        elif isinstance(link, list) and len(link) >= 5:
            values = list(link[1:5])
        else:
            continue
        origin, slot, target, at = values
        if isinstance(slot, int) and isinstance(at, int) and origin is not None and target is not None:
            yield str(origin), slot, str(target), at


def _widgets(node: Document) -> Iterator[tuple[str, object]]:
    """Name and value of each widget."""
    written = node.raw("widgets_values")
    if isinstance(written, dict):
        yield from written.items()
        return
    values = list(written) if isinstance(written, list) else []
    kind = node.text("type") or ""
    told = [name for socket in node.docs("inputs") if socket.doc("widget") and (name := socket.text("name"))]
    names = WIDGETS.get(kind) or tuple(told)
    if kind == "Power Lora Loader (rgthree)":
        yield from ((f"lora_{at}", value) for at, value in enumerate(values) if isinstance(value, dict))
        return
    if not names and values:
        names = ("value",)
    at = 0
    for name in names:
        if at >= len(values):
            return
        yield name, values[at]
        at += 1
        if "seed" in name and at < len(values) and values[at] in AFTER:
            at += 1
