"""What to say about a token that does not fit: the message and hint of a syntax error."""

from __future__ import annotations

from .diagnostics import Diagnostic, Source, either
from .lexer import Tokens
from .tables import Tables

FOREIGN = {
    "try": "exceptions",
    "except": "exceptions",
    "finally": "exceptions",
    "raise": "exceptions; stop a program with T.Assert(condition, message)",
    "del": "deletion of names",
    "yield": "generators",
    "async": "coroutines",
    "await": "coroutines",
    "match": "pattern matching; use `if` and `elif`",
    "case": "pattern matching; use `if` and `elif`",
}
"""Python's statements that no program can contain, with what a program does not have."""

_WORDS = {"&": "and", "|": "or"}

_HEADERS = frozenset({"if", "elif", "else", "for", "while", "with", "def", "class"})


def explain(source: Source, tables: Tables, tokens: Tokens, at: int, expected: set[int]) -> Diagnostic:
    """The diagnostic of the token at `at`, where only those of `expected` could have stood."""
    numbers = tables.numbers
    kind, start, end = tokens.kinds[at], tokens.starts[at], tokens.ends[at]
    newline = numbers["_NEWLINE"]
    first = at
    while first > 0 and tokens.kinds[first - 1] not in (newline, numbers["_INDENT"], numbers["_DEDENT"]):
        first -= 1

    def text(i: int) -> str:
        return source.text[tokens.starts[i] : tokens.ends[i]]

    def diagnostic(message: str, hint: str = "", begin: int = start, stop: int = end) -> Diagnostic:
        return Diagnostic(message, source, begin, stop, hint)

    head = text(first)
    before = text(at - 1) if at else ""
    for word, i in ((before, at - 1), (head, first)):
        if word in FOREIGN and i >= 0:
            return diagnostic(
                f"`{word}` has no meaning in a program",
                f"programs have no {FOREIGN[word]}",
                tokens.starts[i],
                tokens.ends[i],
            )
    if kind == numbers["_INDENT"]:
        line = source.line(source.locate(start)[0])
        return diagnostic(
            "unexpected indent: no block begins here",
            "align this line with the one above, or end that one with `:` if it is to hold a block",
            start - (len(line) - len(line.lstrip())),
            start,
        )
    if numbers["_INDENT"] in expected:
        header = first - 1
        while header > 0 and tokens.kinds[header - 1] not in (newline, numbers["_INDENT"], numbers["_DEDENT"]):
            header -= 1
        word = text(max(header, 0))
        return diagnostic(
            f"expected an indented block after this `{word}`",
            "indent the lines that belong to it; `pass` stands for nothing",
            tokens.starts[max(header, 0)],
            tokens.ends[max(at - 2, 0)],
        )
    ends_line = kind in (newline, numbers["_DEDENT"], numbers["$END"])
    if numbers["COLON"] in expected and head in _HEADERS and (ends_line or numbers["RPAR"] not in expected):
        if ends_line or kind != numbers["EQUAL"]:
            last = tokens.ends[at - 1]
            return diagnostic(f"expected `:` to end this `{head}`", "", last, last + 1)
    if kind == numbers["EQUAL"] and head in _HEADERS | {"assert", "return"}:
        return diagnostic("`=` assigns, and cannot stand in a condition", "write `==` to compare")
    if head in ("else", "elif") and at == first:
        return diagnostic(f"`{head}` belongs to no `if`", "indent it like the `if` that it continues")
    after = text(at + 1) if at + 1 < len(tokens.kinds) else ""
    if kind == numbers["COLON"] and after == "=" and tokens.starts[at + 1] == end:
        return diagnostic("`:=` has no meaning in a program", "assign in a statement of its own", stop=end + 1)
    if before and before == text(at) and before in "&|" and tokens.ends[at - 1] == start:
        return diagnostic(f"`{before * 2}` has no meaning in a program", f"write `{_WORDS[before]}`", start - 1)
    if before in ("+", "-") and at > 1 and text(at - 2) == before and ends_line:
        hint = f"write `{before}= 1`"
        return diagnostic(
            f"`{before * 2}` has no meaning in a program", hint, tokens.starts[at - 2], tokens.ends[at - 1]
        )
    layout = (newline, numbers["_INDENT"], numbers["_DEDENT"])
    if at and not ends_line and tokens.kinds[at - 1] not in layout and "\n" in source.text[tokens.ends[at - 1] : start]:
        last = tokens.ends[at - 1]
        message = (
            f"the line ends after `{_short(before)}` while a bracket is open; expected {_expression(tables, expected)}"
        )
        return diagnostic(message, "close the bracket, or go on with the expression", last, last + 1)
    if ends_line and numbers["NAME"] in expected:
        last = tokens.ends[at - 1] if at else start
        return diagnostic(f"expected {_expression(tables, expected)} after `{before}`", "", last, last + 1)
    if ends_line:
        last = tokens.ends[at - 1] if at else start
        return diagnostic(f"expected {_list(tables, expected)} before the line ends", "", last, last + 1)
    operand = kind in (numbers["NAME"], numbers["NUMBER"], numbers["STRING"])
    if operand and numbers["COMMA"] in expected:
        return diagnostic(
            f"expected an operator or `,` between `{_short(before)}` and `{_short(text(at))}`",
            "",
            tokens.starts[at - 1],
        )
    if operand and newline in expected:
        return diagnostic(
            f"`{_short(text(at))}` does not belong after `{_short(before)}`", "statements stand on lines of their own"
        )
    found = _short(text(at))
    return diagnostic(f"unexpected `{found}`; expected {_expression(tables, expected)}")


def _expression(tables: Tables, expected: set[int]) -> str:
    """The expected terminals, with those that begin an expression named together."""
    beginners = {"NAME", "NUMBER", "STRING", "LPAR", "LSQB", "LBRACE", "MINUS", "PLUS", "TILDE", "NOT", "LAMBDA"}
    begins = {tables.numbers[n] for n in beginners | {"NONE", "TRUE", "FALSE", "__ANON_5"} if n in tables.numbers}
    if tables.numbers["NAME"] in expected and tables.numbers["NUMBER"] in expected:
        rest = expected - begins - {tables.numbers["STAR"]}
        return either(["an expression", *_spellings(tables, rest)]) if len(rest) <= 2 else "an expression"
    return _list(tables, expected)


def _list(tables: Tables, expected: set[int]) -> str:
    spelled = _spellings(tables, expected)
    return either(spelled[:6]) if len(spelled) <= 8 else either([*(s for s in spelled if s in _COMMON), "an operator"])


_COMMON = ("`)`", "`]`", "`}`", "`,`", "`:`", "the end of the line")


def _spellings(tables: Tables, expected: set[int]) -> list[str]:
    return sorted(dict.fromkeys(tables.spelling(kind) for kind in expected))


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:27] + "..."
