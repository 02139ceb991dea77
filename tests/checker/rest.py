"""What must hold of nodes, pictures, verdicts, taking back, and of what is kept, in any log that a daemon wrote."""

from dataclasses import dataclass

from .reading import Finding, Row

Fields = dict[str, object]

VERDICTS = {"ImageRated", "ImageTagged", "ImageTrashed", "ImageRestored", "ImagePosted", "FavouriteSynced"}


@dataclass
class Node:
    link: str = ""
    there: bool = False
    paired: bool = False
    proved: bool = False
    drained: bool = False
    probe: int | None = None


class Nodes:
    """Who is there, who is trusted, and who is given work."""

    def __init__(self, found: list[Finding]) -> None:
        self.found = found
        self.nodes: dict[str, Node] = {}
        self._open: dict[int, str] = {}

    def read(self, row: Row, event: Fields) -> None:
        name = event.get("node")
        match row.type:
            case "StageAssigned":
                self._assigned(row, str(name))
            case "StageFinished" | "StageFailed" | "StageLost" | "StageCancelled":
                self._open.pop(int(str(event["token"])), None)
            case _ if name is not None:
                self._of_node(row, str(name), event)

    def _assigned(self, row: Row, name: str) -> None:
        node = self.nodes.get(name, Node())
        lan = node.link == "lan"
        for wrong, so in (
            ("is not there", not node.there), ("is drained", node.drained),
            ("is not paired", lan and not node.paired), ("is not proved", lan and not node.proved),
        ):  # fmt: skip
            if so:
                self.found.append(Finding("node", row.seq, f"work was given to {name}, which {wrong}"))
        self._open[row.seq] = name

    def _of_node(self, row: Row, name: str, event: Fields) -> None:
        node = self.nodes.setdefault(name, Node())
        match row.type:
            case "NodeJoined":
                node.there, node.link = True, str(event["link"])
                self._must(
                    row, node.link != "lan" or node.paired, f"{name} joined over the network without being paired"
                )
            case "NodeLost":
                node.there, node.probe = False, None
            case "NodeRefused":
                self._must(row, name not in self._open.values(), f"{name} was refused while it was at work")
                node.there, node.probe = False, None
            case "NodePaired":
                self.nodes[name] = Node(
                    paired=True, drained=node.drained, link=node.link, there=node.there and node.link != "lan"
                )
            case "NodeUnpaired" | "NodeForgotten":
                self._must(row, name not in self._open.values(), f"{name} went while it was at work")
                self.nodes[name] = Node(drained=node.drained and row.type == "NodeUnpaired")
            case "NodeDrained":
                node.drained = True
            case "NodeResumed":
                self._must(row, bool(event.get("drained", True)) == node.drained, f"{name} was drained: {node.drained}")
                node.drained = False
            case "NodeProbeStarted":
                node.probe = row.seq
            case "NodeProbed":
                self._must(
                    row, node.probe == event["token"], f"{name} was probed by {event['token']}, asked was {node.probe}"
                )
                node.probe, node.proved = None, node.proved or bool(event["ok"])

    def _must(self, row: Row, so: bool, otherwise: str) -> None:
        if not so:
            self.found.append(Finding("node", row.seq, otherwise))


class Pictures:
    """Each is stored once, by the attempt that finished with it; verdicts are about pictures that are there."""

    def __init__(self, found: list[Finding]) -> None:
        self.found = found
        self.images: dict[str, str] = {}
        """Picture to its file."""
        self.files: dict[str, int | None] = {}
        """Every file that must be there, with its size where the log says one."""
        self.deleted: set[str] = set()
        self.damaged: set[str] = set()
        self._stored: dict[int, list[tuple[str, str]]] = {}
        self._stars: dict[str, int] = {}
        self._trashed: set[str] = set()

    def read(self, row: Row, event: Fields) -> None:
        match row.type:
            case "RunSubmitted":
                spec = event["spec"]
                assert isinstance(spec, dict)
                self.files.setdefault(str(spec["base"]), None)
            case "ArtifactStored" | "PictureImported" | "FilmFinished":
                self._is_stored(row, event)
            case "StageFinished":
                self._finished(row, event)
            case kind if kind in VERDICTS:
                self._judged(row, str(event["image"]), event)
            case "ImagesCompared":
                for image in (str(event["better"]), str(event["worse"])):
                    self._must(row, "picture", image in self.images, f"picture {image} is not known")
            case "PicturesDeleted":
                self._deleted(row, event)
            case "FileDamaged":
                self._must(row, "file", event["file"] not in self.damaged, "its damage was known")
                self.damaged.add(str(event["file"]))
            case "FileMended":
                self._must(row, "file", event["file"] in self.damaged, "it was not damaged")
                self.damaged.discard(str(event["file"]))

    def _is_stored(self, row: Row, event: Fields) -> None:
        image, file = str(event["image"]), event.get("file", event.get("film"))
        assert isinstance(file, dict)
        self._must(row, "picture", image not in self.images, f"picture {image} was stored twice")
        self.images[image] = str(file["sha256"])
        self.files[str(file["sha256"])] = int(file["bytes"])
        if row.type == "ArtifactStored":
            of_attempt = self._stored.setdefault(int(str(event["token"])), [])
            self._must(row, "picture", event["index"] == len(of_attempt), f"picture {image} is out of turn")
            of_attempt.append((image, str(file["sha256"])))

    def _finished(self, row: Row, event: Fields) -> None:
        """With exactly the pictures that were stored just before it."""
        named = list(zip(_texts(event.get("images")), _texts(event.get("files")), strict=False))
        whole = len(_texts(event.get("images"))) == len(_texts(event.get("files")))
        stored = self._stored.get(int(str(event["token"])), [])
        self._must(row, "picture", whole and named == stored, f"names {len(named)} pictures, stored were {len(stored)}")

    def _judged(self, row: Row, image: str, event: Fields) -> None:
        self._must(row, "picture", image in self.images, f"picture {image} is not known")
        if row.type == "ImageRated":
            was = self._stars.get(image, 0)
            self._must(row, "stars", event.get("was", 0) == was, f"picture {image} had {was} stars")
            self._must(row, "stars", 0 <= int(str(event["stars"])) <= 5, f"picture {image} has {event['stars']} stars")
            self._stars[image] = int(str(event["stars"]))

    def _deleted(self, row: Row, event: Fields) -> None:
        for image in _texts(event.get("images")):
            self._must(row, "picture", image in self.images, f"picture {image} is not known and was deleted")
            self._must(row, "picture", image not in self.deleted, f"picture {image} was deleted twice")
            self.deleted.add(image)
        for file in _texts(event.get("files")):
            others = {image for image, sha in self.images.items() if sha == file} - self.deleted
            self._must(row, "file", not others, f"file {file[:12]} goes, and {sorted(others)[:3]} have it")
            self.files.pop(file, None)

    def _must(self, row: Row, rule: str, so: bool, otherwise: str) -> None:
        if not so:
            self.found.append(Finding(rule, row.seq, otherwise))


class Takings:
    """A command is taken back once, and its undoing done again once; access is granted once by each name."""

    def __init__(self, found: list[Finding]) -> None:
        self.found = found
        self._commands: set[str] = set()
        self._taken: set[str] = set()
        self._access: set[str] = set()

    def read(self, row: Row, event: Fields) -> None:
        match row.type:
            case "CommandUndone" | "CommandRedone":
                what = str(event.get("undone", event.get("redone")))
                if what not in self._commands or what == row.command:
                    self.found.append(Finding("undo", row.seq, f"{what} was taken back and was never done"))
                if what in self._taken:
                    self.found.append(Finding("undo", row.seq, f"{what} was taken back twice"))
                self._taken.add(what)
            case "AccessGranted":
                name = str(_name(event["access"]))
                if name in self._access:
                    self.found.append(Finding("access", row.seq, f"{name} was granted twice"))
                self._access.add(name)
            case "AccessRevoked":
                if event["name"] not in self._access:
                    self.found.append(Finding("access", row.seq, f"{event['name']} was revoked and never granted"))
                self._access.discard(str(event["name"]))
        if row.command is not None:
            self._commands.add(row.command)


def _texts(value: object) -> list[str]:
    return value if isinstance(value, list) else []


def _name(access: object) -> object:
    return access.get("name") if isinstance(access, dict) else None
