"""What is told beside the lists of Settings: what one setting or key is, what it may be, when a change counts. Pure."""

from collections.abc import Mapping, Sequence

from schema.errors import Refused
from tui.keys import TITLES, Key, face, pressed, shown
from tui.link.configfile import Config
from tui.link.settingsheet import Setting, about_section, when
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain, wrap
from tui.widgets.settinglist import MODE, TITLE, Row, value_words

AROUND = 4
"""Lines shown before and behind a faulty one."""


def of_setting(row: Row, config: Config, width: int) -> list[Line]:
    """The most important first: where there is little room the rest is not seen."""
    setting = row.setting
    if setting is None:
        return of_section(row.key.strip("[]"), config, width)
    lines: list[Line] = [*_words(setting.about, width, "text")]
    if may := may_be(setting):
        lines += _pair("may be", may, width)
    default = config.usual.get(setting.key, setting.default)
    lines += _pair("default", value_words(Row("", setting, default)), width)
    if setting is MODE:
        return [
            *lines,
            *_pair("counts", f"at once, for what is rated from then on; {pressed('app.undo')} takes it back", width),
        ]
    if row.origin.startswith("STABLENEW_"):
        lines += _pair("from", f"{row.origin} of the environment, which stands above the file", width, "warn")
    elif row.origin:
        line = row.origin.removeprefix(config.path.name)
        place = fit_middle(f"{config.path}{line}", max(8, width - 11)).rstrip()
        lines.append([Piece(" from     ", "dim"), Piece(place)])
    lines += _pair("counts", when(setting.key), width, "warn" if row.pending else "dim")
    return lines


def of_section(section: str, config: Config, width: int) -> list[Line]:
    lines = [*_words(about_section(section) or f"{TITLE.get(section, section).capitalize()}.", width, "text")]
    changed = sum(key.startswith(f"{section}.") for key in config.origins if key in config.values)
    lines += _pair("set here", f"{changed} of {sum(key.startswith(f'{section}.') for key in config.values)}", width)
    if section in ("hooks", "refine"):
        own = "[hooks.NAME]" if section == "hooks" else "[refine.presets.NAME]"
        lines += _pair("add one", f"{pressed('settings.file')} opens the file; write {own} there", width)
    return lines


def may_be(setting: Setting) -> str:
    if setting.key == "ui.theme":
        return f"a theme: {face('settings.change')} shows each of them as it looks"
    match setting.sort:
        case "flag":
            return "yes or no"
        case "choice":
            return ", ".join(setting.choices) + (", or nothing" if setting.empty else "")
        case "list":
            return "several, with commas between"
        case "secret":
            return "text, never shown"
        case "number":
            kind = "a whole number" if setting.whole else "a number"
            return f"{kind}{', ' if setting.limits else ''}{setting.limits}{', or nothing' if setting.empty else ''}"
        case _:
            return "text, or nothing" if setting.empty else "text"


def of_key(key: Key, keymap: Mapping[str, str], width: int) -> list[Line]:
    lines = [*_words(f"{key.does[:1].upper()}{key.does[1:]}.", width, "text")]
    lines += _pair("where", TITLES[key.where], width)
    lines += _pair("keys", shown(keymap.get(key.id, key.keys)), width, "strong")
    if key.id in keymap:
        lines += _pair("default", shown(key.keys), width)
    lines += _pair("name", key.id, width)
    return [*lines, *_pair("counts", "at once", width, "dim")]


def of_fault(fault: Refused, line: int, text: str, width: int) -> list[Line]:
    """What is wrong with the file, and the lines around it."""
    lines: list[Line] = [
        [Piece(fit(" config.toml is not obeyed: the defaults hold until it is mended.", width), "warn")],
        [],
        *([Piece(" ! " if not n else "   ", "bad"), Piece(one, "bad")] for n, one in enumerate(wrap(
            fault.told(), max(8, width - 4), 6))),
        [],
    ]  # fmt: skip
    if line:
        written = text.split("\n")
        for number in range(max(1, line - AROUND), min(len(written), line + AROUND) + 1):
            here = number == line
            lines.append([
                Piece(f"{'>' if here else ' '}{number:>5}  ", "bad" if here else "faint"),
                Piece(fit(plain(written[number - 1]), max(4, width - 9)), "strong" if here else "dim"),
            ])  # fmt: skip
        lines.append([])
    lines.append([Piece(f" {face('settings.file')}", "key"), Piece(" opens it in your editor at this line   "),
                  Piece(face("settings.again"), "key"), Piece(" starts the daemon with it")])  # fmt: skip
    return lines


def _pair(name: str, words: str, width: int, ink: str = "text") -> list[Line]:
    told = wrap(words, max(8, width - 11), 4) or [""]
    return [[Piece(f" {name if not n else '':<9}", "dim"), Piece(one, ink)] for n, one in enumerate(told)]


def _words(text: str, width: int, ink: str) -> Sequence[Line]:
    return [[Piece(f" {one}", ink)] for one in wrap(text.replace("`", ""), max(8, width - 2), 6)]
