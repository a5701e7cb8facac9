"""Sources cut into blocks: what can be set by itself is kept, the rest is counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vary.data.engines.latex.names import (
    DISPLAYS,
    HEADINGS,
    KNOWN_ENVIRONMENTS,
    LISTS,
    SKIPPED_ENVIRONMENTS,
    TABULARS,
    THEOREMS,
)
from vary.data.engines.latex.pieces import Block, Run, Table
from vary.data.engines.latex.running_text import Script, read_runs, tidy
from vary.data.engines.latex.tables import read_table
from vary.data.engines.latex.tokens import (
    PAR,
    Macro,
    TokenReader,
    UnusableError,
    body_of,
    expand,
    is_word,
)

# A paragraph of fewer characters says too little, a longer one is no paragraph.
MIN_PARAGRAPH, MAX_PARAGRAPH, MAX_HEADING = 12, 4000, 120
_TOO_DEEP = "nested too deep"
_DEFINING = frozenset(("newcommand", "renewcommand", "providecommand", "DeclareRobustCommand"))
_TEX_DEFINING = frozenset(("def", "gdef", "edef", "xdef"))
_OTHER_DEFINING = {
    "newenvironment": "*moomm", "renewenvironment": "*mooomm", "newcounter": "mo",
    "newlength": "m", "newsavebox": "m", "definecolor": "mmm", "usepackage": "om",
    "RequirePackage": "om", "documentclass": "om", "PassOptionsToPackage": "mm", "newtoks": "m",
    "theoremstyle": "m", "numberwithin": "mm", "DeclareMathAlphabet": "mmmmm", "input": "m",
    "include": "m", "bibliography": "m", "lstset": "m", "geometry": "m", "titleformat": "mommmmo",
    "newcolumntype": "mom", "hypersetup": "m", "graphicspath": "m", "tikzset": "m",
    "AtBeginDocument": "m", "AtEndDocument": "m", "includeonly": "m", "newif": "m",
}  # fmt: skip


@dataclass
class Cut:
    """What a source gave.

    Attributes:
        blocks: in order.
        dropped: why pieces were left out -> how many.
    """

    blocks: list[Block] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass
class Definitions:
    """What a source defines.

    Attributes:
        macros: control sequence -> what it stands for.
        theorems: environment -> its printed name.
    """

    macros: dict[str, Macro] = field(default_factory=dict)
    theorems: dict[str, str] = field(default_factory=dict)


def read_definitions(tokens: Sequence[str]) -> Definitions:
    r"""Return the macros and theorems that a source defines.

    `\newcommand` and its kin, `\def` with plain parameters, `\let` and `\DeclareMathOperator`
    count; those that TeX alone could carry out (delimited parameters, conditionals, assignments)
    are left alone, and what uses them is dropped.
    """
    found = Definitions()
    reader = TokenReader(tokens)
    while reader:
        token = reader.next()
        if token[0] == "\\":
            try:
                take_definition(token[1:], reader, found)
            except UnusableError:
                continue
    return found


def take_definition(name: str, reader: TokenReader, found: Definitions) -> bool:
    """Take a definition whose command was read, and return whether it was one.

    Raises:
        UnusableError: its arguments are not there.
    """
    if name in _DEFINING:
        _take_newcommand(reader, found)
    elif name in _TEX_DEFINING:
        _take_def(reader, found)
    elif name == "let":
        _take_let(reader, found)
    elif name == "DeclareMathOperator":
        star = ["*"] if reader.take("*") else []
        command, body = reader.argument(), reader.argument()
        written = ("\\operatorname", *star, "{", *body, "}")
        found.macros[_one_name(command)] = Macro(0, None, written)
    elif name in {"newtheorem", "declaretheorem", "spnewtheorem"}:
        reader.take("*")
        environment = "".join(reader.argument())
        reader.optional()
        title = "".join(reader.argument())
        reader.optional()
        if title.isprintable() and "\\" not in title and 0 < len(title) < 30:
            found.theorems[environment] = title
    elif name in _OTHER_DEFINING:
        reader.skip(_OTHER_DEFINING[name])
    else:
        return False
    return True


def _one_name(tokens: Sequence[str]) -> str:
    names = [token for token in tokens if token != " "]
    if len(names) != 1 or names[0][0] != "\\":
        raise UnusableError("a definition of no name")
    return names[0]


def _take_newcommand(reader: TokenReader, found: Definitions) -> None:
    reader.take("*")
    name = _one_name(reader.argument())
    count = reader.optional()
    default = reader.optional() if count is not None else None
    body = reader.argument()
    number = "".join(count or ["0"]).strip()
    if not (number.isdecimal() and int(number) <= 9):
        raise UnusableError("a definition of no name")
    found.macros[name] = Macro(
        int(number), None if default is None else tuple(default), body_of(body)
    )


def _take_def(reader: TokenReader, found: Definitions) -> None:
    reader.skip_spaces()
    name = reader.next()
    parameters = []
    while reader and reader.peek() != "{":
        parameters.append(reader.next())
    body = reader.argument()
    pattern = "".join(parameters)
    plain = "".join(f"#{number + 1}" for number in range(len(pattern) // 2))
    if name[:1] == "\\" and pattern == plain:
        found.macros[name] = Macro(len(pattern) // 2, None, body_of(body))
    else:
        found.macros.pop(name, None)


def _take_let(reader: TokenReader, found: Definitions) -> None:
    reader.skip_spaces()
    name = reader.next()
    reader.take("=")
    reader.skip_spaces()
    meaning = reader.next()
    if name[:1] == "\\" and meaning:
        found.macros[name] = found.macros.get(meaning, Macro(0, None, (meaning,)))


def cut_source(
    tokens: Sequence[str],
    macros: Mapping[str, Macro],
    theorems: Mapping[str, str],
    script: Script,
) -> Cut:
    """Return the blocks of a source.

    Args:
        tokens: of the source.
        macros: its own, and those of the files around it.
        theorems: environments of theorems -> printed name, besides the usual ones.
        script: what may stand on pages of this language.
    """
    cutter = _Cutter(macros, theorems, script)
    cutter.cut(tokens)
    return cutter.result


@dataclass
class _List:
    label: str
    depth: int


class _Cutter:
    """Walks over a source, and collects the tokens of a block until its end is seen."""

    def __init__(
        self, macros: Mapping[str, Macro], theorems: Mapping[str, str], script: Script
    ) -> None:
        self.result = Cut()
        self._macros, self._theorems, self._script = macros, theorems, script
        self._pending: list[str] = []
        self._depth = 0
        self._lists: list[_List] = []
        self._open_item: str | None = None
        self._theorem = ""
        self._caption: tuple[Run, ...] = ()

    def cut(self, tokens: Sequence[str]) -> None:
        reader = TokenReader(tokens)
        while reader:
            token = reader.next()
            if token[0] != "\\":
                self._depth += (token == "{") - (token == "}")
                self._pending.append(token)
                continue
            try:
                self._command(token, reader)
            except UnusableError as error:
                self._drop(str(error))
            except RecursionError:
                self._drop(_TOO_DEEP)
        self._flush()

    def _drop(self, why: str) -> None:
        self.result.dropped[why] += 1
        self._pending, self._depth = [], 0
        self._open_item, self._theorem = None, ""

    def _command(self, token: str, reader: TokenReader) -> None:
        name = token[1:]
        if token == PAR:
            if (
                self._depth <= 0
            ):  # within a group that began here, as of a footnote, it ends nothing
                self._flush()
            else:
                self._pending.append(" ")
        elif name in {"begin", "end"}:
            environment = "".join(reader.argument())
            if name == "end":
                self._end(environment)
            else:
                self._begin(environment, reader)
        elif name == "item":
            self._item(reader)
        elif name in HEADINGS:
            self._heading(name, reader)
        elif name == "caption":
            reader.take("*")
            reader.optional()
            self._caption = self._runs(reader.argument())
        elif name in {"[", "("}:
            closing = "\\]" if name == "[" else "\\)"
            self._pending += [token, *reader.until("", closing), closing]
        elif not take_definition(name, reader, Definitions()):
            self._pending.append(token)

    def _runs(self, tokens: Sequence[str]) -> tuple[Run, ...]:
        return read_runs(expand(tokens, self._macros), self._script)

    def _begin(self, name: str, reader: TokenReader) -> None:
        if name in DISPLAYS:
            body = reader.environment(name)
            self._pending += ["\\begin", "{", *name, "}", *body, "\\end", "{", *name, "}"]
        elif name in TABULARS:
            self._flush()
            self._table(name, reader.environment(name))
        elif name in SKIPPED_ENVIRONMENTS:
            reader.environment(name)
            self._flush()
            self.result.dropped[f"left out: {name}"] += 1
        else:
            self._flush()
            self._begin_container(name, reader)

    def _begin_container(self, name: str, reader: TokenReader) -> None:
        if LISTS.get(name):
            reader.optional()
            self._lists.append(_List(LISTS[name], len(self._lists) + 1))
        elif name in self._theorems or name in THEOREMS:
            note = reader.optional()
            self._theorem = self._theorems.get(name) or THEOREMS[name]
            if note:
                self._pending += ["(", *note, ")", " "]
        elif name in KNOWN_ENVIRONMENTS:
            reader.skip(KNOWN_ENVIRONMENTS[name])
            if name.startswith("table"):
                self._caption = ()
        else:
            reader.optional()

    def _end(self, name: str) -> None:
        self._flush()
        if LISTS.get(name) and self._lists:
            self._lists.pop()
            self._open_item = None
        self._theorem = ""
        if name in {"table", "table*", "wraptable"}:
            self._place_caption()

    def _item(self, reader: TokenReader) -> None:
        self._flush()
        label = reader.optional()
        self._open_item = self._lists[-1].label if self._lists else "bullet"
        if self._open_item == "word":
            self._open_item = "bullet"
        if label is not None:
            runs = self._runs(label)
            words = "".join(run.content for run in runs)
            plain = all(run.kind == "text" for run in runs) and len(words) <= 40
            self._open_item = words if plain and words else "bullet"

    def _heading(self, name: str, reader: TokenReader) -> None:
        self._flush()
        reader.take("*")
        reader.optional()
        runs = self._runs(reader.argument())
        if any(run.kind == "display" for run in runs):
            raise UnusableError("a heading with a formula on a line of its own")
        length = sum(len(run.content) for run in runs)
        if 0 < length <= MAX_HEADING:
            plain = tuple(Run(run.kind, run.content) for run in runs)
            self.result.blocks.append(Block("heading", tidy(plain), HEADINGS[name]))

    def _table(self, name: str, tokens: Sequence[str]) -> None:
        table = read_table(name, expand(tokens, self._macros), self._script)
        caption, self._caption = self._caption, ()
        self.result.blocks.append(Block("table", table=replace(table, caption=caption)))

    def _place_caption(self) -> None:
        """Give a caption that came below its table to it."""
        caption, self._caption = self._caption, ()
        last = self.result.blocks[-1] if self.result.blocks else None
        table = last.table if last is not None else None
        if caption and last is not None and isinstance(table, Table) and not table.caption:
            captioned = replace(table, caption=caption)
            self.result.blocks[-1] = replace(last, table=captioned)

    def _flush(self) -> None:
        """Make a block of what was collected."""
        tokens, self._pending, self._depth = _balanced(self._pending), [], 0
        label, self._open_item = self._open_item, None
        theorem, self._theorem = self._theorem, ""
        if not any(token.strip() for token in tokens):
            self._theorem, self._open_item = theorem, label
            return
        try:
            runs = self._runs(tokens)
        except (UnusableError, RecursionError) as error:
            why = str(error) if isinstance(error, UnusableError) else _TOO_DEEP
            self.result.dropped[why] += 1
            return
        length = sum(len(run.content) for run in runs)
        if not length:  # a mere \label: what it stands before begins the theorem or the item
            self._theorem, self._open_item = theorem, label
        elif length > MAX_PARAGRAPH:
            self.result.dropped["a paragraph too long"] += 1
        elif label is not None:
            depth = min(self._lists[-1].depth, 3) if self._lists else 1
            self.result.blocks.append(Block("item", runs, depth, label))
        elif length >= MIN_PARAGRAPH or any(run.kind == "display" for run in runs):
            self.result.blocks.append(Block("paragraph", runs, label=theorem))
        else:
            self.result.dropped["a paragraph too short"] += 1


def _balanced(tokens: Sequence[str]) -> list[str]:
    """Return tokens without braces that have no partner, nor the command before such a brace.

    Groups reach over paragraphs where they are arguments of environments' kin; their text counts.
    """
    open_places: list[int] = []
    without: set[int] = set()
    for place, token in enumerate(tokens):
        if token == "{":
            open_places.append(place)
        elif token == "}" and open_places:
            open_places.pop()
        elif token == "}":
            without.add(place)
    for place in open_places:
        without.add(place)
        if place and is_word(tokens[place - 1]):
            without.add(place - 1)
    return [token for place, token in enumerate(tokens) if place not in without]
