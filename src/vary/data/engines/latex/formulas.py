"""Formulas, read into one canonical form: known commands only, no space that nobody sees."""

from collections.abc import Callable, Sequence

from vary.data.engines.latex.canonical import canonical
from vary.data.engines.latex.names import (
    MATH_ALIASES,
    MATH_COMMANDS,
    MATH_DROPPED,
    MATH_ENVIRONMENTS,
    MATH_SWITCHES,
    MATH_SYMBOLS,
    name_set,
)
from vary.data.engines.latex.tokens import PAR, VERB, TokenReader, UnusableError

# Longer ones fill the page by themselves, or are no formulas.
MAX_FORMULA = 1200
_TEXT_SYMBOLS = {"%": "\\%", "&": "\\&", "$": "\\$", "#": "\\#", "_": "\\_", " ": " ", ",": " ",
                 "{": "\\{", "}": "\\}"}  # fmt: skip


def read_formula(tokens: Sequence[str], is_allowed: Callable[[str], bool] = str.isascii) -> str:
    r"""Return a formula's LaTeX, on one line.

    Numbers (`\tag`, `\label`) and all that stands for white space only are left out, old switches
    (`{\bf x}`) are written as commands (`\mathbf{x}`).

    Args:
        tokens: between its dollars, macros written out.
        is_allowed: tells which characters may stand in its words.

    Raises:
        UnusableError: it is empty, or holds what the engine does not know.
    """
    written = join_tokens(canonical(_FormulaReader(tokens, is_allowed).read()))
    if not written.strip("{} \\,;!."):
        raise UnusableError("an empty formula")
    if len(written) > MAX_FORMULA:
        raise UnusableError("a formula too long")
    return written


def read_rows(tokens: Sequence[str], rows: str, is_allowed: Callable[[str], bool]) -> str:
    r"""Return the LaTeX of a formula that stands on lines of its own.

    Args:
        tokens: as `read_formula` has them.
        rows: ``aligned``, ``gathered``, ``alignedat`` or ``eqnarray``; empty: a single line.
        is_allowed: as `read_formula` has it.

    Raises:
        UnusableError: as `read_formula`.
    """
    reader = TokenReader(tokens)
    if rows == "alignedat":
        reader.argument()
        rows = "aligned"
    lines = split_at(reader.rest(), "\\\\")
    kept = [line for line in lines if set(line) - {" ", PAR}]
    if rows == "eqnarray":
        kept = [_without_second_mark(line) for line in kept]
        rows = "aligned"
    written = [read_formula(line, is_allowed) for line in kept if _says_something(line)]
    if not written:
        raise UnusableError("an empty formula")
    has_marks = any("&" in _outer(line) for line in kept)
    if len(written) == 1 and not has_marks:
        return written[0]
    name = "aligned" if has_marks else rows or "gathered"
    body = join_tokens(["\\\\", line] if number else [line] for number, line in enumerate(written))
    guard = "{}" if body.startswith("[") else ""  # else an option of the environment
    return f"\\begin{{{name}}}{guard}{body}\\end{{{name}}}"


def split_at(tokens: Sequence[str], mark: str) -> list[list[str]]:
    """Return the parts between marks that stand in no group and no environment."""
    parts: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token in {"{", "\\begin"}) - (token in {"}", "\\end"})
        if token == mark and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    if mark == "\\\\":
        return [parts[0], *(_without_space_wish(part) for part in parts[1:])]
    return parts


def join_tokens(pieces: object) -> str:
    """Return tokens as text, a space only where a command's name would else go on."""
    written: list[str] = []
    for token in _flat(pieces):
        if not token:
            continue
        if written and token[0].isalpha() and _ends_in_word(written[-1]):
            written.append(" ")
        if written and token[0] in "[*" and written[-1].endswith("\\\\"):
            written.append("{}")
        written.append(token)
    return "".join(written)


def _flat(pieces: object) -> list[str]:
    if isinstance(pieces, str):
        return [pieces]
    return [token for piece in pieces for token in _flat(piece)]  # type: ignore[attr-defined]


def _ends_in_word(text: str) -> bool:
    place = text.rfind("\\")
    name = text[place + 1 :]
    return place >= 0 and name.isalpha() and not text[:place].endswith("\\")


def _outer(tokens: Sequence[str]) -> list[str]:
    """Return the tokens that stand in no group and no environment."""
    outer, depth = [], 0
    for token in tokens:
        depth += (token in {"{", "\\begin"}) - (token in {"}", "\\end"})
        if depth == 0:
            outer.append(token)
    return outer


def _says_something(tokens: Sequence[str]) -> bool:
    return any(token.strip() and token not in {"&", PAR} for token in tokens)


def _without_second_mark(line: list[str]) -> list[str]:
    cells = split_at(line, "&")
    if len(cells) < 3:
        return line
    return [*cells[0], "&", *(token for cell in cells[1:] for token in cell)]


def _without_space_wish(tokens: list[str]) -> list[str]:
    r"""Return what follows `\\` without its star and its `[2pt]`."""
    reader = TokenReader(tokens)
    if reader.peek() == "*":
        reader.next()
    if reader.peek() == "[":  # right behind it: after a space amsmath takes it for a bracket
        reader.optional()
    return reader.rest()


class _FormulaReader:
    """Writes tokens of a formula in their canonical form."""

    def __init__(self, tokens: Sequence[str], is_allowed: Callable[[str], bool]) -> None:
        self._reader = TokenReader(tokens)
        self._is_allowed = is_allowed
        self._depth = 0
        self._environments: list[str] = []
        self._lefts = 0

    def read(self) -> list[str]:
        out = self._until_end()
        if self._depth or self._environments or self._lefts:
            raise UnusableError("a formula with an open group")
        return out

    def _until_end(self) -> list[str]:
        out: list[str] = []
        while self._reader:
            out += self._one(self._reader.next())
        return out

    def _one(self, token: str) -> list[str]:  # noqa: PLR0911 - one return for each kind of token
        if token in {" ", PAR}:
            return []
        if token[0] == VERB or token == "$":
            raise UnusableError("a formula with other text in it")
        if token == "~":
            return ["\\ "]
        if token in {"{", "}"}:
            return self._brace(token)
        if token == "&" and not self._environments:
            return ["&"]  # of a row; read_rows puts the environment around it
        if token[0] == "\\":
            return self._command(token)
        if not token.isascii():
            return self._unicode(token)
        if token in {"#", "%"}:
            raise UnusableError("a formula with a sign of TeX")
        return [token]

    def _brace(self, token: str) -> list[str]:
        self._depth += 1 if token == "{" else -1
        if self._depth < 0:
            raise UnusableError("a formula with an open group")
        return [token]

    def _unicode(self, token: str) -> list[str]:
        if token in _SIGNS:
            return [_SIGNS[token]]
        if self._is_allowed(token) and not token.isascii():
            return ["\\text{", token, "}"]
        raise UnusableError("a formula with a character beyond ASCII")

    def _command(self, token: str) -> list[str]:  # noqa: PLR0911 - as above
        name = token[1:]
        if name in MATH_DROPPED:
            self._reader.skip(MATH_DROPPED[name])
            return []
        if name in MATH_SWITCHES:
            return self._switch(MATH_ALIASES[name])
        name = MATH_ALIASES.get(name, name)
        if name == "text":
            return ["\\text{", self._words(), "}"]
        if name in {"begin", "end"}:
            return self._environment(name)
        if name in _WITH_ARGUMENT:
            return self._with_argument(name)
        if name == "operatorname":
            star = "*" if self._reader.take("*") else ""
            return [f"\\operatorname{star}"]
        if name == "\\":
            return self._new_row()
        if name in {"left", "right"}:
            self._lefts += 1 if name == "left" else -1
            return [f"\\{name}", self._delimiter()]
        if name in MATH_COMMANDS or name in MATH_SYMBOLS:
            return [f"\\{name}"]
        return self._unknown(name)

    def _with_argument(self, name: str) -> list[str]:
        """Return a command and its argument, in braces even if it is one letter."""
        inner = _FormulaReader(self._reader.argument(), self._is_allowed).read()
        letters = [piece for piece in inner if piece.isalnum()]
        if not all(piece.isalpha() and piece.isupper() for piece in letters):
            name = _CAPITALS.get(name, name)
        return ["{" if name == "ensuremath" else f"\\{name}{{", *inner, "}"]

    def _unknown(self, name: str) -> list[str]:
        """Return the name of an unknown command, upright, as authors set names of their own.

        Most are operators that a file elsewhere defines; picture and target agree in any case.
        """
        if name == "vcentcolon":
            return [":"]
        argues = self._reader.peek() in {"{", "["}
        if argues or name in _PRIMITIVES or not (name.isalpha() and 1 < len(name) <= 12):
            raise UnusableError(f"unknown in formulas: \\{name}")
        return [f"\\mathrm{{{name}}}"]

    def _delimiter(self) -> str:
        self._reader.skip_spaces()
        token = self._reader.next()
        if token in set("()[]|./<>") or (
            token[:1] == "\\" and token[1:] in MATH_COMMANDS | {"{", "}", "|"}
        ):
            return token
        raise UnusableError("a bracket that TeX does not know")

    def _new_row(self) -> list[str]:
        if not self._environments and not self._depth:
            raise UnusableError("rows without an environment")
        self._reader.take("*")
        if self._reader.peek() == "[":
            self._reader.optional()
        return ["\\\\"]

    def _switch(self, command: str) -> list[str]:
        """Return what follows, up to the end of its group, as the argument of a command."""
        rest, depth = [], 0
        while self._reader:
            token = self._reader.peek()
            depth += (token in {"{", "\\begin"}) - (token in {"}", "\\end"})
            if depth < 0 or (depth == 0 and token in {"&", "\\\\"}):
                break
            rest.append(self._reader.next())
        inner = _FormulaReader(rest, self._is_allowed).read()
        return [f"\\{command}{{", *inner, "}"] if inner else []

    def _environment(self, command: str) -> list[str]:
        name = "".join(self._reader.argument())
        name = "aligned" if name == "split" else name  # which stands in an equation only
        if name not in MATH_ENVIRONMENTS:
            raise UnusableError(f"unknown in formulas: {name}")
        if command == "end":
            if not self._environments or self._environments.pop() != name:
                raise UnusableError("a formula with an open group")
            return [f"\\end{{{name}}}"]
        self._environments.append(name)
        self._reader.take("*")
        if name in {"array", "subarray"}:
            self._reader.optional()
            columns = "".join(c for c in "".join(self._reader.argument()) if c in "lcr|")
            return [f"\\begin{{{name}}}{{{columns or 'l'}}}"]
        if name == "alignedat":
            return [f"\\begin{{{name}}}{{{''.join(self._reader.argument())[:2]}}}"]
        self._reader.optional()
        return [f"\\begin{{{name}}}"]

    def _words(self) -> str:
        r"""Return the text of a `\text` with formulas in it."""
        reader, out = TokenReader(self._reader.argument()), []
        while reader:
            token = reader.next()
            if token in {"$", "\\("}:
                closing = "$" if token == "$" else "\\)"
                inner = reader.until("", closing)
                pieces = canonical(_FormulaReader(inner, self._is_allowed).read())
                out += ["$", join_tokens(pieces), "$"]
            elif token in {"{", "}"}:
                continue
            elif token[0] == "\\":
                out.append(self._text_symbol(token, reader))
            elif token == "~":
                out.append(" ")
            elif token in {"#", "%", "&", "_", "^", "$"} or token[0] == VERB:
                raise UnusableError("a formula with a sign of TeX")
            elif token.isascii() or self._is_allowed(token):
                out.append(token)
            else:
                raise UnusableError("a formula with a character beyond ASCII")
        return "".join(out)

    @staticmethod
    def _text_symbol(token: str, reader: TokenReader) -> str:
        name = token[1:]
        if name in _TEXT_SYMBOLS:
            return _TEXT_SYMBOLS[name]
        if name in {"quad", "qquad", ";", ":"}:
            return " "
        if name in MATH_DROPPED:
            reader.skip(MATH_DROPPED[name])
            return ""
        if name in _STYLES_OF_WORDS:
            return ""
        raise UnusableError(f"unknown in formulas: {token}")


_ALPHABETS = name_set(
    """
    mathbb mathbf mathcal mathfrak mathit mathnormal mathrm mathsf mathtt mathscr bm boldsymbol
    """
)
_WITH_ARGUMENT = _ALPHABETS | name_set(
    """
    acute bar breve check dot ddot dddot ddddot grave hat mathring overline overleftarrow
    overrightarrow ensuremath pmb tilde underline vec widehat widetilde
    """
)
# Alphabets of capitals. For small letters and digits their fonts have other signs, which TeX sets
# without a word: \mathbb{1} is a small bar.
_CAPITALS = {"mathbb": "mathbf", "mathcal": "mathit", "mathscr": "mathit"}
# Commands of TeX that take something else than a group.
_PRIMITIVES = name_set(
    """
    kern mkern hskip mskip vskip raise lower moveleft moveright vcenter vbox vtop hbox halign
    valign if else fi or ifx ifmmode ifnum csname endcsname expandafter noexpand string char
    mathchar mathchardef delimiter radical mathaccent def edef gdef xdef let futurelet global
    long outer input include catcode write openout openin read immediate special nonscript
    mathchoice begingroup endgroup bgroup egroup advance multiply divide count dimen skip toks
    font every item section caption footnote ref eqref cite includegraphics vrule hrule cr
    crcr omit span newline linebreak hfill hfil vfill ar xymatrix AxiomC UnaryInfC BinaryInfC
    DisplayProof
    """
)
_STYLES_OF_WORDS = name_set(
    "rm it bf textrm textit textbf mathrm text emph textnormal textsf mbox small footnotesize "
    "textup !"
)
_SIGNS = {
    "−": "-", "×": "\\times", "·": "\\cdot", "≤": "\\leq", "≥": "\\geq", "≠": "\\neq", "±": "\\pm",
    "…": "\\dots", "′": "'", "→": "\\to", "∞": "\\infty", "∈": "\\in", "α": "\\alpha",
    "β": "\\beta", "γ": "\\gamma", "δ": "\\delta", "ε": "\\varepsilon", "θ": "\\theta",
    "λ": "\\lambda", "μ": "\\mu", "µ": "\\mu", "π": "\\pi", "ρ": "\\rho", "σ": "\\sigma",
    "φ": "\\varphi", "ω": "\\omega", "Δ": "\\Delta", "Σ": "\\Sigma", "Ω": "\\Omega", "∑": "\\sum",
    "∫": "\\int", "≈": "\\approx", "∀": "\\forall", "∃": "\\exists", "∂": "\\partial",
}  # fmt: skip
