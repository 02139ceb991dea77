"""How a ComfyUI validates a graph before it takes it: the shapes of its refusals, and partial acceptance."""

from collections.abc import Mapping


class Checks:
    """Over the nodes of `info`; `uploads` are the pictures there are."""

    info: dict[str, dict]
    uploads: dict[str, bytes]

    def validated(self, graph: Mapping[str, dict]) -> tuple[dict | None, dict[str, object], list[str]]:
        """(refusal, faults by node, outputs that can run)."""
        for number, node in graph.items():
            kind = node.get("class_type")
            if kind not in self.info:
                words = f"Cannot execute because node {kind} does not exist."
                return error("invalid_prompt", words, f"Node ID '#{number}'"), {}, []
        outputs = [number for number, node in graph.items() if self.info[node["class_type"]]["output_node"]]
        if not outputs:
            return error("prompt_no_outputs", "Prompt has no outputs"), {}, []
        faults: dict[str, object] = {}
        good = []
        for output in outputs:
            below = self.below(graph, output, set())
            wrong = {number: found for number in below if number in graph and (found := self._faults(graph, number))}
            for number, found in wrong.items():
                faults[number] = {"errors": found, "dependent_outputs": [output],
                                  "class_type": graph[number]["class_type"]}  # fmt: skip
            good += [] if wrong else [output]
        if good:
            return None, faults, good
        told = error("prompt_outputs_failed_validation", "Prompt outputs failed validation")
        return {**told, "node_errors": faults}, faults, []

    def below(self, graph: Mapping[str, dict], number: str, seen: set[str]) -> set[str]:
        if number in seen or number not in graph:
            return seen
        seen.add(number)
        for value in graph[number]["inputs"].values():
            if is_link(value):
                self.below(graph, value[0], seen)
        return seen

    def _faults(self, graph: Mapping[str, dict], number: str) -> list[dict[str, object]]:
        node = graph[number]
        words = self.info[node["class_type"]]["input"]
        found = []
        for name in words["required"]:
            if name not in node["inputs"]:
                found.append(_fault("required_input_missing", "Required input is missing", name, name))
        for name, value in node["inputs"].items():
            spec = words["required"].get(name) or words.get("optional", {}).get(name)
            if spec is not None and (fault := self._fault(graph, name, value, spec)):
                if self.info[node["class_type"]]["output_node"]:
                    fault["type"] = fault["type"].replace("_inner_validation", "_validation")
                found.append(fault)
        return found

    def _fault(self, graph: Mapping[str, dict], name: str, value: object, spec: list) -> dict[str, object] | None:
        kind, more = spec[0], spec[1] if len(spec) > 1 else {}
        if is_link(value):
            if value[0] not in graph:
                return _fault("exception_during_inner_validation", "Exception when validating inner node",
                              f"'{value[0]}'", name)  # fmt: skip
            output = self.info[graph[value[0]]["class_type"]]["output"]
            if value[1] >= len(output) or output[value[1]] != kind:
                return _fault("return_type_mismatch", "Return type mismatch between linked nodes", f"{name}", name)
            return None
        if "image_upload" in more:
            if value not in self.uploads:
                return _fault("custom_validation_failed", "Custom validation failed for node",
                              f"{name} - Invalid image file: {value}", name)  # fmt: skip
            return None
        options = kind if isinstance(kind, list | tuple) else more.get("options")
        if options is not None and value not in options:
            details = (
                f"{name}: '{value}' not in {options if len(options) <= 20 else f'(list of length {len(options)})'}"
            )
            return _fault("value_not_in_list", "Value not in list", details, name, value)
        if kind in ("INT", "FLOAT"):
            return _number_fault(name, value, kind, more)
        if kind in ("MODEL", "IMAGE", "LATENT", "CLIP", "VAE", "CONDITIONING"):
            return _fault("bad_linked_input", "Bad linked input, must be a length-2 list", name, name, value)
        return None


def error(kind: str, message: str, details: str = "") -> dict[str, object]:
    return {"error": {"type": kind, "message": message, "details": details, "extra_info": {}}, "node_errors": {}}


def _fault(kind: str, message: str, details: str, name: str, value: object = None) -> dict[str, object]:
    extra = {"input_name": name, "input_config": None, "received_value": value}
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def _number_fault(name: str, value: object, kind: str, more: Mapping[str, float]) -> dict[str, object] | None:
    try:
        number = float(str(value))
    except ValueError:
        return _fault("invalid_input_type", f"Failed to convert an input value to a {kind} value", name, name, value)
    if number < more.get("min", number):
        return _fault("value_smaller_than_min", f"Value {value} smaller than min of {more['min']}", name, name, value)
    if number > more.get("max", number):
        return _fault("value_bigger_than_max", f"Value {value} bigger than max of {more['max']}", name, name, value)
    return None


def is_link(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
