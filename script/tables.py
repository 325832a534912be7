"""The parse tables of `grammar.lark`: made by lark, kept in `grammar.json`, loaded without lark.

`python -m tensorir.script.tables` writes the file anew; a test fails when it is not what the grammar says. A file
that does not belong to the grammar beside it is ignored and the tables are made in memory.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

GRAMMAR = Path(__file__).with_name("grammar.lark")
FILE = Path(__file__).with_name("grammar.json")
STARTS = ("program", "only_expression")
LAYOUT = ("_NEWLINE", "_INDENT", "_DEDENT", "$END")
"""Terminals that the lexer makes from the layout of lines rather than from characters."""


class Rule:
    """A production `origin -> symbols` and how the node of its left side is made from those of the right.

    Attributes
    ----------
    kind: the kind of the tree node; None where the parts are handed on as a list (a rule whose name starts with `_`).
    size: number of symbols on the right.
    passes: index of the one part that stands for the whole, or -1.
    picks: indices of the parts kept as children, where none is a list and no optional part is left out; else None.
    plan: a character for each symbol: "c" keep, "*" splice the list, "." drop, "n" None for an optional part left out.
    """

    __slots__ = ("kind", "origin", "passes", "picks", "plan", "size")

    def __init__(self, origin: str, kind: str | None, plan: str, collapse: bool) -> None:
        symbols = plan.replace("n", "")
        self.origin, self.kind, self.plan, self.size = origin, kind, plan, len(symbols)
        simple = "*" not in plan and "n" not in plan
        self.picks = tuple(i for i, c in enumerate(plan) if c == "c") if simple else None
        self.passes = self.picks[0] if collapse and self.picks and len(self.picks) == 1 else -1


class Tables:
    """LALR tables with symbols numbered: terminals first, then rule names.

    Attributes
    ----------
    symbols: the names by number.
    terminals: how many of them are terminals.
    actions: for each state, terminal -> `state` to shift to (>= 0), or `~rule` to reduce by (< 0).
    gotos: for each state, rule name's number -> state.
    starts: for each start rule, its initial state and the state in which it is complete.
    scanner: matches the next token after any blanks; the group that matched has the number of the terminal it is.
    keywords: terminals by the text of a NAME that is not a name.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.symbols: list[str] = data["symbols"]
        self.numbers = {name: i for i, name in enumerate(self.symbols)}
        self.terminals: int = data["terminals"]
        self.starts: dict[str, tuple[int, int]] = {k: tuple(v) for k, v in data["starts"].items()}
        self.rules = [Rule(*row) for row in data["rules"]]
        self.origins = [self.numbers[rule.origin] for rule in self.rules]
        self.actions = [dict(zip(row[::2], row[1::2])) for row in data["actions"]]
        self.gotos = [dict(zip(row[::2], row[1::2])) for row in data["gotos"]]
        self.blanks: str = data["blanks"]
        self.texts: dict[str, str] = data["texts"]
        patterns = data["patterns"]
        self.keywords = {text: self.numbers[name] for name, text in self.texts.items() if text.isidentifier()}
        tokens = "|".join(f"({pattern})" for _, pattern in patterns)
        self.scanner = re.compile(f"(?:{self.blanks})*(?:{tokens})?")
        self._collapsed: dict[tuple[int, int, int], int] = {}
        self.groups = [-1, *(self.numbers[name] for name, _ in patterns)]

    def collapse(self, below: int, rule: int, lookahead: int) -> int:
        """The state reached from `below` by reducing by `rule` and on through rules that only pass one part along.

        An operand climbs a dozen levels of binding strength that way; the climb is remembered.
        """
        key = (below, rule, lookahead)
        state = self._collapsed.get(key)
        if state is None:
            while True:
                state = self.gotos[below][self.origins[rule]]
                action = self.actions[state].get(lookahead, 0)
                if action >= 0 or self.rules[~action].passes < 0 or self.rules[~action].size != 1:
                    break
                rule = ~action
            self._collapsed[key] = state
        return state

    def default(self, state: int) -> int | None:
        """The reduction that is all a state can do, whatever comes next; None where there are choices.

        Done before an error is reported, it keeps the statement that ended just before the error.
        """
        choices = set(self.actions[state].values())
        action = choices.pop() if len(choices) == 1 else 0
        return action if action < 0 else None

    def spelling(self, terminal: int) -> str:
        """How a terminal is named in a message: `:` in quotes, a name, an indented block, ..."""
        name = self.symbols[terminal]
        return f"`{self.texts[name]}`" if name in self.texts else _SPELLED.get(name, name.lower())


_SPELLED = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a string",
    "_NEWLINE": "the end of the line",
    "_INDENT": "an indented block",
    "_DEDENT": "the end of the block",
    "$END": "the end of the program",
    "AUGMENTED": "an assignment such as `+=`",
    "COMPARE": "a comparison",
}


def digest(grammar: str) -> str:
    """The fingerprint of a grammar's text."""
    return hashlib.sha256(grammar.encode()).hexdigest()


def generate(grammar: str) -> dict[str, Any]:
    """The tables of a grammar, as JSON data."""
    import lark
    from lark.parsers.lalr_analysis import Shift

    made = lark.Lark(grammar, parser="lalr", start=list(STARTS), maybe_placeholders=True)
    table = made.parser.parser._parse_table
    terminals = sorted({t.name for t in made.terminals} | set(LAYOUT))
    origins = sorted({rule.origin.name for rule in made.rules})
    # lark adds a start rule `$root_program -> program $END` for each start symbol.
    symbols = terminals + origins
    number = {name: i for i, name in enumerate(symbols)}
    rule_number = {rule: i for i, rule in enumerate(made.rules)}
    order = _order(table)
    state_number = {state: i for i, state in enumerate(order)}
    actions, gotos = [], []
    for state in order:
        row: list[int] = []
        goto: list[int] = []
        for name, (action, target) in sorted(table.states[state].items()):
            if action is Shift:
                (row if name in number and number[name] < len(terminals) else goto).extend(
                    (number[name], state_number[target])
                )
            else:
                row.extend((number[name], ~rule_number[target]))
        actions.append(row)
        gotos.append(goto)
    strings = {t.name: t.pattern.value for t in made.terminals if t.pattern.type == "str"}
    regexes = {t.name: t.pattern.value for t in made.terminals if t.pattern.type == "re"}
    blanks = [regexes.pop(name) for name in made.ignore_tokens]
    operators = sorted((s for s in strings if not strings[s].isidentifier()), key=lambda s: (-len(strings[s]), s))
    # Patterns with open ends come first (a number before ".", a string before a name), then by length.
    first = [name for name in ("STRING", "NAME", "NUMBER", "AUGMENTED") if name in regexes]
    rest = [name for name in regexes if name not in first]
    patterns: list[tuple[str, str]] = [(n, regexes[n]) for n in first]
    patterns += [(n, re.escape(strings[n])) for n in operators if len(strings[n]) > 1]
    patterns += [(n, regexes[n]) for n in rest] + [
        (n, re.escape(strings[n])) for n in operators if len(strings[n]) == 1
    ]
    return {
        "digest": digest(grammar),
        "symbols": symbols,
        "terminals": len(terminals),
        "texts": dict(sorted(strings.items())),
        "patterns": patterns,
        "blanks": "|".join(blanks),
        "starts": {
            name: (state_number[table.start_states[name]], state_number[table.end_states[name]]) for name in STARTS
        },
        "rules": [_rule(rule) for rule in made.rules],
        "actions": actions,
        "gotos": gotos,
    }


def _rule(rule: Any) -> tuple[str, str | None, str, bool]:
    """A lark rule in the form of `Rule`'s arguments."""
    origin = rule.origin.name
    plan = ""
    absent = rule.options.empty_indices or (False,) * len(rule.expansion)
    symbols = iter(rule.expansion)
    for is_absent in absent:
        if is_absent:
            plan += "n"
            continue
        symbol = next(symbols)
        plan += (
            "."
            if symbol.is_term and symbol.filter_out
            else "*"
            if symbol.name.startswith("_") and not symbol.is_term
            else "c"
        )
    kind = None if origin.startswith("_") else rule.alias or origin
    return origin, kind, plan, bool(rule.options.expand1 and not rule.alias)


def _order(table: Any) -> list[Any]:
    """The states, breadth first from the start states: lark's own numbers differ from run to run."""
    from lark.parsers.lalr_analysis import Shift

    order = [table.start_states[name] for name in STARTS]
    seen = set(order)
    for state in order:
        for _, (action, target) in sorted(table.states[state].items()):
            if action is Shift and target not in seen:
                seen.add(target)
                order.append(target)
    return order


def encode(data: dict[str, Any]) -> str:
    """The tables as text, a rule or state a line."""
    parts = []
    for key, value in data.items():
        if key in ("rules", "actions", "gotos", "patterns"):
            rows: Iterable[str] = (json.dumps(row, separators=(",", ":")) for row in value)
            parts.append(f'"{key}": [\n' + ",\n".join(rows) + "\n]")
        else:
            parts.append(f'"{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


@cache
def load() -> Tables:
    """The tables of the grammar in this folder."""
    grammar = GRAMMAR.read_text(encoding="utf-8")
    if FILE.exists():
        data = json.loads(FILE.read_text(encoding="utf-8"))
        if data["digest"] == digest(grammar):
            return Tables(data)
    return Tables(generate(grammar))


if __name__ == "__main__":
    FILE.write_text(encode(generate(GRAMMAR.read_text(encoding="utf-8"))), encoding="utf-8")
