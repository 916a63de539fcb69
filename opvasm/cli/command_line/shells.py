"""Completion scripts, made from the parsers, so that they never know an option that is not there."""

from __future__ import annotations

from argparse import SUPPRESS, Action

from ...light_typing import NamedTuple
from .parsers import build
from .registry import COMMANDS, load

GLOBAL_OPTIONS = ("--help", "--version", "--color")


class Option(NamedTuple):
    """An option or a positional: its spellings, its fixed values, whether it takes a value."""

    spellings: tuple[str, ...]
    values: tuple[str, ...]
    takes_value: bool
    help: str


class Words(NamedTuple):
    """All that can be completed of one subcommand; files complete where no fixed value does."""

    name: str
    summary: str
    options: tuple[Option, ...]
    values: tuple[str, ...]  # of the positionals


def words() -> tuple[Words, ...]:
    """Every subcommand with its options, from the parsers."""
    return tuple(_words_of(name) for name in COMMANDS)


def _words_of(name: str) -> Words:
    options: list[Option] = []
    values: list[str] = []
    for action in build(name, load(name))._actions:
        if action.help == SUPPRESS:
            continue
        choices = _choices(action)
        if not action.option_strings:
            values += choices
            continue
        text = (action.help or "").partition("(")[0].strip().replace("%%", "%")
        takes_value = action.nargs != 0
        options.append(Option(tuple(action.option_strings), choices, takes_value, text))
    return Words(name, COMMANDS[name].summary, tuple(options), tuple(values))


def _choices(action: Action) -> tuple[str, ...]:
    return tuple(str(each) for each in action.choices or ())


def bash(commands: tuple[Words, ...]) -> str:
    """The script of bash."""
    cases = []
    for command in commands:
        for option in command.options:
            if option.values:
                spellings = "|".join(f"{command.name}:{each}" for each in option.spellings)
                cases.append(
                    f"        {spellings}) COMPREPLY=($(compgen -W '{' '.join(option.values)}'"
                    ' -- "$word")); return ;;'
                )
            elif option.takes_value:
                spellings = "|".join(f"{command.name}:{each}" for each in option.spellings)
                cases.append(f"        {spellings}) compopt -o default; COMPREPLY=(); return ;;")
    lists = "\n".join(
        f"        {command.name}) options='{_spellings(command)}'"
        f" values='{' '.join(command.values)}' ;;"
        for command in commands
    )
    names = " ".join(command.name for command in commands)
    return f"""\
# bash completion of opvasm: eval "$(opvasm completion bash)"
_opvasm() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    local command= options= values= each
    for each in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $each in -*) ;; *) command=$each; break ;; esac
    done
    if [[ -z $command ]]; then
        COMPREPLY=($(compgen -W '{names} {' '.join(GLOBAL_OPTIONS)}' -- "$word"))
        return
    fi
    case $command:$before in
{chr(10).join(cases)}
    esac
    case $command in
{lists}
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    elif [[ -n $values ]]; then
        COMPREPLY=($(compgen -W "$values" -- "$word"))
    else
        compopt -o default
        COMPREPLY=()
    fi
}}
complete -F _opvasm opvasm
"""


def _spellings(command: Words) -> str:
    return " ".join(spelling for option in command.options for spelling in option.spellings)


def zsh(commands: tuple[Words, ...]) -> str:
    """The script of zsh."""
    names = "\n".join(
        f"        {_quoted(f'{command.name}:{command.summary}')}" for command in commands
    )
    cases = "\n".join(_zsh_case(command) for command in commands)
    return f"""\
#compdef opvasm
# zsh completion of opvasm: put it as _opvasm into a folder of $fpath
_opvasm() {{
    local -a commands
    commands=(
{names}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{cases}
    esac
}}
if [[ $funcstack[1] == _opvasm ]]; then
    _opvasm "$@"
else
    compdef _opvasm opvasm
fi
"""


def _zsh_case(command: Words) -> str:
    lines = [f"        {command.name})", "            _arguments \\"]
    for option in command.options:
        text = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
        for spelling in option.spellings:
            value = ""
            if option.values:
                value = f":value:({' '.join(option.values)})"
            elif option.takes_value:
                value = ":value:_files"
            lines.append(f"                {_quoted(f'{spelling}[{text}]{value}')} \\")
    rest = f"({' '.join(command.values)})" if command.values else "_files"
    lines += [f"                {_quoted(f'*:argument:{rest}')}", "            ;;"]
    return "\n".join(lines)


def fish(commands: tuple[Words, ...]) -> str:
    """The script of fish."""
    lines = ["# fish completion of opvasm: put it into ~/.config/fish/completions/opvasm.fish"]
    for command in commands:
        lines.append(
            f"complete -c opvasm -n __fish_use_subcommand -f -a {command.name}"
            f" -d {_quoted(command.summary)}"
        )
    for command in commands:
        inside = f"complete -c opvasm -n '__fish_seen_subcommand_from {command.name}'"
        if command.values:
            lines.append(f"{inside} -f -a '{' '.join(command.values)}'")
        for option in command.options:
            spelt = " ".join(
                f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}"
                for each in option.spellings
            )
            value = ""
            if option.values:
                value = f" -x -a '{' '.join(option.values)}'"
            elif option.takes_value:
                value = " -r"
            lines.append(f"{inside} {spelt}{value} -d {_quoted(option.help)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """In single quotes, as each of the three shells reads them."""
    return "'" + text.replace("'", "’") + "'"
