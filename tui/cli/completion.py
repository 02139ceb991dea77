"""`completion`: a script that lets the shell complete commands, verbs and options, made of the commands themselves."""

from tui.cli import output
from tui.cli.tree import Verb, argument

BASH = """\
_stablenew() {
  local word="${COMP_WORDS[COMP_CWORD]}" words=""
  case "${COMP_WORDS[1]} ${COMP_WORDS[2]}" in
%s
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="%s"; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [ ${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -F _stablenew stablenew"""

ZSH = "autoload -Uz bashcompinit && bashcompinit\n"


def completion(shell: str) -> int:
    from schema.errors import Refused

    if shell not in ("bash", "zsh", "fish"):
        raise Refused(f"there is no script for '{output.clean(shell)}'.", remedy="There are: bash, zsh, fish.")
    output.put({"bash": bash, "zsh": lambda: ZSH + bash(), "fish": fish}[shell]())
    return 0


def bash() -> str:
    from tui.cli import ROOT
    from tui.cli.reference import verbs

    cases, groups = [], dict[str, list[str]]()
    for path, verb in verbs():
        pattern = f'"{path[0]} {path[1]}"' if len(path) == 2 else f'"{path[0]} "*'
        cases.append(f'    {pattern}) words="{" ".join(_flags(verb))}" ;;')
        if len(path) == 2:
            groups.setdefault(path[0], []).append(path[1])
    cases += [f'    "{noun} "*) words="{" ".join(names)}" ;;' for noun, names in groups.items()]
    return BASH % ("\n".join(cases), " ".join(ROOT))


def fish() -> str:
    from tui.cli import ROOT
    from tui.cli.reference import verbs

    lines = [f"complete -c stablenew -n __fish_use_subcommand -f -a {name}" for name in ROOT]
    for path, verb in verbs():
        here = f"__fish_seen_subcommand_from {path[-1]}"
        if len(path) == 2:
            lines.append(f"complete -c stablenew -n '__fish_seen_subcommand_from {path[0]}' -f -a {path[1]}")
            here = f"__fish_seen_subcommand_from {path[0]}; and {here}"
        lines += [f"complete -c stablenew -n '{here}' -l {flag[2:]}" for flag in _flags(verb)]
    return "\n".join(lines)


def _flags(verb: Verb) -> list[str]:
    flags = [flag for take in verb.takes for flag in take.flags if flag.startswith("--")]
    return [*flags, *(f"--no-{take.flags[0][2:]}" for take in verb.takes if take.action == "switch"), "--help"]


COMPLETION = Verb(
    completion,
    "Print a script that completes words in your shell.\n"
    'bash and zsh: eval "$(stablenew completion bash)" in your profile; fish: stablenew completion fish | source',
    (argument("SHELL", "bash, zsh or fish."),),
)
