"""Tokens to syntax trees: the LALR tables' driver, with recovery so that several errors are found in one go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..tir.errors import ScriptError
from .diagnostics import Diagnostic, Source
from .expectations import explain
from .lexer import Tokens, tokenize
from .tables import Rule, Tables, load


class Tree:
    """A node of the syntax tree.

    Attributes
    ----------
    kind: the rule's alias or name in the grammar.
    parts: its children: trees, the text of names and operators, None for optional parts left out.
    start, end: where it stands in the source, as offsets.
    """

    __slots__ = ("end", "kind", "parts", "start")

    def __init__(self, kind: str, parts: list[Any], start: int, end: int) -> None:
        self.kind, self.parts, self.start, self.end = kind, parts, start, end

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(map(repr, self.parts))})"

    def walk(self) -> Iterator[Tree]:
        """The tree and all below it, parents first."""
        stack = [self]
        while stack:
            top = stack.pop()
            yield top
            stack.extend(part for part in reversed(top.parts) if type(part) is Tree)


def text_of(source: Source, tree: Tree) -> str:
    """What the source says at a tree, for a hint; "..." where it is long."""
    text = source.text[tree.start : tree.end]
    return text if len(text) <= 60 and "\n" not in text else "..."


MAX_ERRORS = 50
"""Errors after which reading stops."""


def read(source: Source, start: str = "program", *, one_definition: bool = False) -> tuple[Tree, list[Diagnostic]]:
    """The syntax tree of a text and the syntax errors in it; statements with errors are left out of the tree.

    Raises
    ------
    ScriptError: the text cannot be divided into tokens.
    """
    tables = load()
    return _Reader(source, tables, tokenize(source, tables, one_definition=one_definition)).run(start)


class _Reader:
    """One reading of a text. The three stacks hold the states, and for all but the first the value and its begin."""

    def __init__(self, source: Source, tables: Tables, tokens: Tokens) -> None:
        self.source, self.tables, self.tokens = source, tables, tokens
        self.errors: list[Diagnostic] = []
        self.states: list[int] = []
        self.values: list[Any] = []
        self.begins: list[int] = []
        self.stuck = -1

    def run(self, start_rule: str) -> tuple[Tree, list[Diagnostic]]:
        tables, text = self.tables, self.source.text
        actions, gotos, rules, origins = tables.actions, tables.gotos, tables.rules, tables.origins
        kinds, starts, ends = self.tokens.kinds, self.tokens.starts, self.tokens.ends
        states, values, begins = self.states, self.values, self.begins
        first, final = tables.starts[start_rule]
        states.append(first)
        at = 0
        while True:
            kind = kinds[at]
            action = actions[states[-1]].get(kind)
            if action is None:
                if states[-1] == final:
                    return values[0], self.errors
                action = tables.default(states[-1])
                if action is None:
                    at = self.recover(at)
                    continue
            if action >= 0:
                states.append(action)
                values.append(text[starts[at] : ends[at]])
                begins.append(starts[at])
                at += 1
                continue
            rule = rules[~action]
            size, passes = rule.size, rule.passes
            if passes >= 0 and size == 1:
                states[-1] = tables.collapse(states[-2], ~action, kind)
                continue
            if size == 0:
                begins.append(starts[at])
                values.append(_build(rule, [], starts[at], starts[at]))
            else:
                parts = values[-size:]
                del values[-size:], states[-size:]
                if size > 1:
                    del begins[1 - size :]
                values.append(parts[passes] if passes >= 0 else _build(rule, parts, begins[-1], ends[at - 1]))
            states.append(gotos[states[-1]][origins[~action]])

    def recover(self, at: int) -> int:
        """Report the token at `at`, put an error in the place of the statement it stands in, and say where to go on.

        Raises
        ------
        ScriptError: there is no statement to go on after.
        """
        numbers, kinds = self.tables.numbers, self.tokens.kinds
        newline, indent, dedent, end = (numbers[n] for n in ("_NEWLINE", "_INDENT", "_DEDENT", "$END"))
        expected = self.expected(kinds)
        repeated = at == self.stuck
        if not repeated:
            self.errors.append(explain(self.source, self.tables, self.tokens, at, expected))
        statement = numbers["_statement"]
        states = self.states
        while states and statement not in self.tables.gotos[states[-1]]:
            states.pop()
        if not states or len(self.errors) >= MAX_ERRORS or (repeated and kinds[at] == end):
            raise ScriptError.of(self.errors)
        depth = len(states) - 1
        begin = self.begins[depth] if depth < len(self.begins) else self.tokens.starts[at]
        del self.values[depth:], self.begins[depth:]
        self.stuck = at
        block_is_missing = expected == {indent}
        if repeated or not (block_is_missing or (kinds[at] == dedent and not repeated)):
            while kinds[at] not in (newline, indent, dedent, end):
                at += 1
            if kinds[at] == newline or (repeated and kinds[at] != end and kinds[at] != indent):
                at += 1
            if kinds[at] == indent:
                at = self.after_block(at)
        self.values.append([Tree("error", [], begin, begin)])
        self.begins.append(begin)
        states.append(self.tables.gotos[states[-1]][statement])
        return at

    def after_block(self, at: int) -> int:
        """The token after the block whose indent is at `at`."""
        kinds, numbers = self.tokens.kinds, self.tables.numbers
        depth = 0
        while True:
            depth += (kinds[at] == numbers["_INDENT"]) - (kinds[at] == numbers["_DEDENT"])
            at += 1
            if depth == 0:
                return at

    def expected(self, kinds: list[int]) -> set[int]:
        """The terminals that could come next: of those with an action, the ones that get as far as being shifted."""
        return {kind for kind in self.tables.actions[self.states[-1]] if self.accepts(kind)}

    def accepts(self, kind: int) -> bool:
        tables, states = self.tables, list(self.states[-200:])
        while True:
            action = tables.actions[states[-1]].get(kind)
            if action is None or action >= 0:
                return action is not None
            rule = tables.rules[~action]
            if rule.size >= len(states):
                return True
            if rule.size:
                del states[-rule.size :]
            states.append(tables.gotos[states[-1]][tables.origins[~action]])


def _build(rule: Rule, parts: list[Any], start: int, end: int) -> Any:
    """The node of a production; the list of its parts where its rule leaves no node."""
    if rule.picks is not None:
        out = [parts[i] for i in rule.picks]
    else:
        out = []
        at = 0
        for part in rule.plan:
            if part == "n":
                out.append(None)
                continue
            value = parts[at]
            at += 1
            if part == "c":
                out.append(value)
            elif part == "*":
                if out:
                    out.extend(value)
                else:
                    out = value
    return out if rule.kind is None else Tree(rule.kind, out, start, end)
