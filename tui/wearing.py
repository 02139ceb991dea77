"""Themes beside Textual's own: the person's, taken up as the screen begins and whenever one is to be chosen."""

from pathlib import Path

from textual.app import App
from textual.theme import BUILTIN_THEMES

from schema.errors import Refused
from schema.places import beside
from tui.themes import read_all


def take_up(app: App[None], settings: Path | None) -> dict[str, Refused]:
    """The themes as their files are now are there to be chosen, and the one that is worn is seen as it is now."""
    own, faults = read_all(beside(settings)) if settings is not None else ({}, {})
    wanted = {**BUILTIN_THEMES, **own}
    for name, had in app.available_themes.items():
        if name not in wanted and name not in faults and name != app.theme:
            app.unregister_theme(name)
        elif name in faults:
            wanted[name] = had
    for name, theme in wanted.items():
        if app.available_themes.get(name) != theme:
            app.register_theme(theme)
            if name == app.theme:
                app.mutate_reactive(App.theme)
    return faults


def wear(app: App[None], name: str, settings: Path | None) -> str:
    """Takes the theme of that name; what is wrong with it, or with another, for the person."""
    faults = take_up(app, settings)
    if name in app.available_themes:
        app.theme = name
    if fault := faults.get(name):
        return f"{fault.told()} {app.theme} is used."
    if name not in app.available_themes:
        return f"There is no theme {name!r}; `:` and `theme` lists them."
    return next((fault.told() for fault in faults.values()), "")
