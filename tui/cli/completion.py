"""`completion`: a script that lets the shell complete words; on tab it asks this program what may come next."""

import re

from schema.errors import NoDaemon, Refused
from tui.cli import output
from tui.cli.tree import Verb, argument, option

BASH = r"""_stablenew() {
  local kind= line
  COMPREPLY=()
  {
    IFS= read -r kind
    while IFS= read -r line; do COMPREPLY+=("$line"); done
  } < <(stablenew completion bash --line="${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  case "$kind" in
    files)
      compopt -o filenames
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") ;;
    part) compopt -o nospace ;;
    words) for line in "${!COMPREPLY[@]}"; do printf -v "COMPREPLY[$line]" %q "${COMPREPLY[line]}"; done ;;
  esac
}
complete -F _stablenew stablenew"""

ZSH = r"""#compdef stablenew
_stablenew() {
  local kind line
  local -a said candidates shown apart
  said=("${(@f)$(stablenew completion zsh --line="${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)}")
  kind=$said[1]
  for line in "${(@)said[2,-1]}"; do
    candidates+=("${line%%$'\t'*}")
    shown+=("${line/$'\t'/  }")
  done
  [[ $kind = part ]] && apart=(-S '')
  (( $#candidates )) && compadd -l -d shown $apart -a candidates
  [[ $kind = files ]] && _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
if [[ $funcstack[1] = _stablenew ]]; then _stablenew "$@"; else compdef _stablenew stablenew; fi"""

FISH = r"""function __stablenew_next
  set -l said (stablenew completion fish --line=(commandline -cp | string collect) 2>/dev/null)
  if test "$said[1]" = files
    __fish_complete_path (commandline -ct)
  end
  set -e said[1]
  string join \n -- $said
end
complete -c stablenew -e
complete -c stablenew -f -a '(__stablenew_next)'"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def completion(shell: str, line: str | None) -> int:
    if shell not in SCRIPTS:
        raise Refused(f"there is no script for '{output.clean(shell)}'.", remedy="There are: bash, zsh, fish.")
    output.put(SCRIPTS[shell] if line is None else said(shell, line))
    return 0


def said(shell: str, line: str) -> str:
    """What the scripts read: in the first line whether files, or no spaces, may follow; then a word a line."""
    from tui.cli import ROOT
    from tui.cli.completing import after

    try:
        found = after(line, ROOT)
    except (Refused, NoDaemon):
        return "words"
    cut = typed_before_break(line) if shell == "bash" else ""
    words = (word.removeprefix(cut) for word, _ in found.words)
    if shell != "bash":
        words = (f"{word}\t{first_sentence(about)}" if about else word for word, about in found.words)
    return "\n".join([found.kind, *words])


def typed_before_break(line: str) -> str:
    """bash takes what stands before `:` and `=` for words of its own, and puts in only what comes behind them."""
    from tui.cli.completing import split

    word = split(line)[-1]
    return word[: max(word.rfind(":"), word.rfind("=")) + 1]


def first_sentence(about: str) -> str:
    return re.split(r"(?<=[.;])\s", about, maxsplit=1)[0].rstrip(".;")


COMPLETION = Verb(
    completion,
    "Print a script that completes words in your shell: commands, options, and names that the daemon knows.\n"
    'bash and zsh: eval "$(stablenew completion bash)" in your profile; fish: stablenew completion fish | source',
    (
        argument("SHELL", "bash, zsh or fish."),
        option("--line", "TEXT", "What was typed so far: print what may come next. The scripts ask this."),
    ),
)
