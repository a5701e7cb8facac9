r"""Templates: classes, fonts, margins and the like that pages are set in.

A template is what many pages share. What is drawn anew for each page (margins, leading, colours,
numbers, heads and feet) is in `Look`.
"""

from dataclasses import dataclass

import numpy as np

from vary.errors import VaryError

TABLE_STYLES = ("own", "booktabs", "rows", "grid", "open", "none")


@dataclass(frozen=True)
class Template:
    """A kind of document.

    Attributes:
        name: to choose it by.
        class_name, class_options: of LaTeX.
        fonts: a key of `FONTS`.
        paper: width and height in mm.
        margins_mm: least and greatest side margin.
        columns: 1 or 2.
        leading: least and greatest stretch of the lines' distance.
        heading: a key of `HEADING_STYLES`.
        tables: of `TABLE_STYLES`, the usual ones.
        parskip: paragraphs are told apart by space instead of an indent.
        heads: whether pages have running heads and numbers.
        chars: about how many characters of text a page holds.
    """

    name: str
    class_name: str
    class_options: str
    fonts: str
    paper: tuple[int, int] = (210, 297)
    margins_mm: tuple[int, int] = (25, 40)
    columns: int = 1
    leading: tuple[float, float] = (1.0, 1.1)
    heading: str = "bold"
    tables: tuple[str, ...] = ("own", "booktabs")
    parskip: bool = False
    heads: bool = True
    chars: int = 2400


TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        Template("article", "article", "10pt", "modern", margins_mm=(28, 42), chars=2900),
        Template("preprint", "article", "11pt", "modern", paper=(216, 279), margins_mm=(24, 32),
                 chars=2900),
        Template("times", "article", "12pt", "times", margins_mm=(22, 30), tables=("booktabs",),
                 heading="bold", chars=2900),
        Template("ams", "amsart", "11pt", "modern", margins_mm=(28, 38), heading="ams",
                 tables=("own", "rows"), chars=2600),
        Template("ieee", "article", "10pt,twocolumn", "times", paper=(216, 279),
                 margins_mm=(14, 19), columns=2, heading="capitals", leading=(0.96, 1.0),
                 tables=("own", "grid", "booktabs"), chars=4600),
        Template("proceedings", "article", "10pt,twocolumn", "modern", margins_mm=(17, 22),
                 columns=2, tables=("booktabs", "own"), chars=4000),
        Template("report", "report", "11pt", "palatino", margins_mm=(26, 38), heading="colour",
                 tables=("rows", "booktabs"), chars=2500),
        Template("book", "book", "11pt", "schoolbook", paper=(156, 234), margins_mm=(16, 24),
                 heading="small", leading=(1.0, 1.15), chars=1900),
        Template("booklet", "book", "10pt", "modern", paper=(148, 210), margins_mm=(14, 20),
                 heading="italic", chars=1800),
        Template("letter", "letter", "11pt", "charter", paper=(216, 279), margins_mm=(26, 38),
                 heading="plain", parskip=True, heads=False, tables=("grid", "own", "none"),
                 chars=2200),
        Template("memo", "scrartcl", "11pt", "helvetica", margins_mm=(20, 32), heading="bold",
                 parskip=True, tables=("grid", "rows"), leading=(1.05, 1.2), chars=2400),
        Template("slides", "extarticle", "17pt", "sans", paper=(254, 143), margins_mm=(12, 20),
                 heading="slide", parskip=True, tables=("booktabs", "grid", "none"), chars=560),
        Template("manuscript", "article", "12pt", "modern", margins_mm=(25, 35),
                 leading=(1.5, 1.9), heading="plain", chars=1500),
        Template("narrow", "article", "9pt", "palatino", paper=(210, 297), margins_mm=(10, 16),
                 tables=("own", "open"), chars=5200),
        Template("bookman", "article", "10pt", "bookman", margins_mm=(24, 36), heading="capitals",
                 tables=("booktabs", "grid"), chars=2300),
        Template("handout", "extarticle", "14pt", "avant", margins_mm=(18, 28), heading="colour",
                 parskip=True, tables=("grid", "own"), chars=1400),
    )
}  # fmt: skip

FONTS = {
    "modern": r"\usepackage{lmodern}",
    "times": r"\usepackage{lmodern}\usepackage{mathptmx}"
    # The three signs that its fonts lack: a product upside down, two of Latin Modern.
    r"\def\Vturn#1#2{\vcenter{\hbox{\rotatebox[origin=c]{180}{$#1#2$}}}}"
    r"\renewcommand\coprod{\mathop{\mathpalette\Vturn\prod}}"
    r"\renewcommand\amalg{\mathbin{\text{\usefont{OMS}{lmsy}{m}{n}\char113}}}"
    r"\renewcommand\jmath{\mathord{\text{\usefont{OML}{lmm}{m}{it}\char124}}}",
    "palatino": r"\usepackage{lmodern}\usepackage{mathpazo}",
    "schoolbook": r"\usepackage{lmodern}\usepackage{newcent}",
    "charter": r"\usepackage{lmodern}\usepackage{charter}",
    "bookman": r"\usepackage{lmodern}\usepackage{bookman}",
    "helvetica": r"\usepackage{lmodern}\usepackage[scaled=.92]{helvet}"
    r"\renewcommand\familydefault{\sfdefault}",
    "avant": r"\usepackage{lmodern}\usepackage{avant}\renewcommand\familydefault{\sfdefault}",
    "sans": r"\usepackage{lmodern}\renewcommand\familydefault{\sfdefault}",
}
# Before each heading, its font, whether it is centred, and space before and after.
HEADING_STYLES = {
    "bold": (r"\bfseries", False), "ams": (r"\scshape", True), "capitals": (r"\scshape", True),
    "colour": (r"\sffamily\bfseries\color{Vcolour}", False), "small": (r"\bfseries", True),
    "italic": (r"\itshape", False), "plain": (r"\bfseries", False),
    "slide": (r"\bfseries\color{Vcolour}", False),
}  # fmt: skip
_SIZES = {
    "bold": ("LARGE", "Large", "large", "normalsize"),
    "ams": ("large", "normalsize", "normalsize", "normalsize"),
    "capitals": ("Large", "large", "normalsize", "normalsize"),
    "colour": ("Huge", "Large", "large", "normalsize"),
    "small": ("LARGE", "large", "normalsize", "normalsize"),
    "italic": ("LARGE", "Large", "large", "normalsize"),
    "plain": ("large", "normalsize", "normalsize", "normalsize"),
    "slide": ("LARGE", "Large", "large", "normalsize"),
}
# Files that decide how pages look, besides the classes: their hashes are part of a set's origin.
TEX_FILES = (
    "article.cls", "report.cls", "book.cls", "letter.cls", "amsart.cls", "scrartcl.cls",
    "extarticle.cls", "amsmath.sty", "amssymb.sty", "booktabs.sty", "multirow.sty", "array.sty",
    "geometry.sty", "fancyhdr.sty", "xcolor.sty", "lmodern.sty", "mathptmx.sty", "mathpazo.sty",
    "newcent.sty", "charter.sty", "bookman.sty", "helvet.sty", "avant.sty", "bm.sty",
    "mathrsfs.sty", "lmr10.pfb", "lmbx10.pfb", "lmri10.pfb", "lmss10.pfb", "lmmi10.pfb",
    "lmsy10.pfb", "lmex10.pfb", "utmr8a.pfb", "uplr8a.pfb", "uncr8a.pfb", "bchr8a.pfb",
    "ubkl8a.pfb", "uhvr8a.pfb", "uagk8a.pfb", "msam10.pfb", "msbm10.pfb", "fplmr.pfb",
    "eufm10.pfb", "rsfs10.pfb",
)  # fmt: skip
TEX_FILES_ZH = ("ctex.sty", "xeCJK.sty", "fontspec.sty", "lmroman10-regular.otf")
_COLOURS = ("1F3864", "7B1E1E", "14532D", "333333", "4B0082", "0B5394", "000000")

_MACROS = r"""
\newwrite\Vout
\newcommand\V[1]{\pdfsavepos
  \write\Vout{#1 \the\pdflastxpos\space\the\pdflastypos\space\the\value{page}}}
\newsavebox\Vbox
\newdimen\Vroom
\newcommand\VD[4]{\sbox\Vbox{$\displaystyle#2$}\Vroom=\linewidth\advance\Vroom-#4\relax
  \ifdim\wd\Vbox>\Vroom\else\[\V{#1}#2#3\]\fi}
\newcommand\VI[3]{\(\V{#1}#3\V{#2}\)}
\newcommand\VT[4]{\par\sbox\Vbox{#3}%
  \ifdim\wd\Vbox>\linewidth\sbox\Vbox{\footnotesize\setlength\tabcolsep{3pt}#3}\fi
  \ifdim\wd\Vbox>\linewidth\ifdim.66\wd\Vbox>\linewidth\else
    \sbox\Vbox{\resizebox{\linewidth}{!}{\usebox\Vbox}}\fi\fi
  \ifdim\wd\Vbox>\dimexpr\linewidth+.1pt\relax\else\ifdim\dimexpr\ht\Vbox+\dp\Vbox\relax>.8\textheight\else
  \par\addvspace{\medskipamount}\noindent
  \begin{minipage}{\linewidth}\parindent=0pt\centering#2\noindent\hbox{\V{#1}\usebox\Vbox}\par#4\end{minipage}%
  \par\addvspace{\medskipamount}\fi\fi}
\newcommand\VL[3]{\par{\leftskip=#1\relax\noindent\llap{#2\hskip.5em}\ignorespaces#3\par}}
"""
_LETTER_FIX = r"\makeatletter\providecommand\chapter{}\makeatother"


@dataclass(frozen=True)
class Look:
    """What a page is drawn with besides its template.

    Attributes:
        margin_mm, foot_mm: at the sides, above and below.
        leading: stretch of the lines' distance.
        colour: of headings, where the template has coloured ones.
        heading_numbers: ``none``, ``arabic``, ``section`` or ``chapter``.
        equation_numbers: ``none``, ``plain`` or ``chapter``.
        equations_left: displayed formulas stand at the left.
        table_style: of `TABLE_STYLES`.
        caption_above: captions stand above tables.
        theorem_italic: the text of theorems is slanted.
        bullet: the sign of unnumbered items.
        item_style: ``1.``, ``(1)``, ``(a)`` or ``i.``.
        folio: printed number of the first page; None: pages have no numbers.
        first_number: of sections, equations and tables.
    """

    margin_mm: int
    foot_mm: int
    leading: float
    colour: str
    heading_numbers: str
    equation_numbers: str
    equations_left: bool
    table_style: str
    caption_above: bool
    theorem_italic: bool
    bullet: str
    item_style: str
    folio: int | None
    first_number: int


def draw_look(template: Template, rng: np.random.Generator) -> Look:
    """Return a look that fits a template."""

    def pick(*choices: str) -> str:
        return choices[int(rng.integers(len(choices)))]

    low, high = template.margins_mm
    usual = rng.random() < 0.75
    return Look(
        margin_mm=int(rng.integers(low, high + 1)),
        foot_mm=int(rng.integers(16, 28)) if template.paper[1] > 200 else 14,
        leading=round(float(rng.uniform(*template.leading)), 3),
        colour=pick(*_COLOURS),
        heading_numbers=pick("none", "arabic", "section", "chapter"),
        equation_numbers=pick("none", "plain", "plain", "chapter"),
        equations_left=rng.random() < 0.12,
        table_style=pick(*(template.tables if usual else TABLE_STYLES)),
        caption_above=rng.random() < 0.6,
        theorem_italic=rng.random() < 0.5,
        bullet=pick(r"$\bullet$", "--", r"$\circ$", r"$\ast$"),
        item_style=pick("1.", "(1)", "(a)", "i."),
        folio=int(rng.integers(1, 400)) if template.heads and rng.random() < 0.8 else None,
        first_number=int(rng.integers(1, 9)),
    )


def find_templates(names: tuple[str, ...], exclude: tuple[str, ...]) -> tuple[Template, ...]:
    """Return templates by their names; none named: all.

    Raises:
        VaryError: there is no such template, or none is left.
    """
    wrong = [name for name in (*names, *exclude) if name not in TEMPLATES]
    if wrong:
        raise VaryError(f"no template {', '.join(wrong)}; there are {', '.join(TEMPLATES)}")
    chosen = tuple(
        template
        for name, template in TEMPLATES.items()
        if (not names or name in names) and name not in exclude
    )
    if not chosen:
        raise VaryError(f"no template is left of {', '.join(TEMPLATES)}")
    return chosen


def shared_preamble(template: Template, language: str) -> str:
    """Return what all documents of a template begin with."""
    options = template.class_options
    class_name = template.class_name
    if options.startswith("9pt"):
        class_name = "extarticle"
    lines = [f"\\documentclass[{options}]{{{class_name}}}", _LETTER_FIX]
    if language == "en":
        lines += [r"\usepackage[T1]{fontenc}", r"\usepackage[utf8]{inputenc}",
                  r"\usepackage{textcomp}",
                  # Where a face has no sign of its own, TeX takes one of these.
                  r"\def\rmsubstdefault{lmr}\def\sfsubstdefault{lmss}",
                  r"\def\ttsubstdefault{lmtt}"]  # fmt: skip
    lines += [
        r"\usepackage{amsmath}",
        FONTS[template.fonts],
        r"\usepackage{amssymb,mathrsfs,bm,array,booktabs,multirow,xcolor,fancyhdr,geometry,graphicx}",
    ]
    if language == "en":
        lines.append(r"\input glyphtounicode \pdfgentounicode=1 ")
    else:
        # The Latin fonts of XeTeX are OpenType; those of the packages have no such form.
        lines.append(r"\usepackage[scheme=plain,fontset=none]{ctex}")
    lines += [_MACROS, _heading_macros(template)]
    return "\n".join(lines)


def page_preamble(template: Template, look: Look, head: str, language: str) -> str:
    r"""Return what a page's own document begins with, up to `\begin{document}`.

    Args:
        template: of the page.
        look: of the page.
        head: TeX of the running head; empty for none.
        language: ``en`` or ``zh``.
    """
    width, height = template.paper
    lines = [
        f"\\geometry{{paperwidth={width}mm,paperheight={height}mm,hmargin={look.margin_mm}mm,"
        f"vmargin={look.foot_mm}mm,includehead={'true' if template.heads else 'false'},"
        f"columnsep=6mm}}",
        f"\\definecolor{{Vcolour}}{{HTML}}{{{look.colour}}}",
        f"\\linespread{{{look.leading}}}\\selectfont",
        r"\pagestyle{fancy}\fancyhf{}\renewcommand\headrulewidth{%s}"
        % ("0.4pt" if head and template.heads else "0pt"),
    ]
    if template.heads and head:
        lines.append(f"\\fancyhead[L]{{\\small {head}}}")
    if look.folio is not None:
        number = f"\\number\\numexpr\\value{{page}}+{look.folio - 1}\\relax"
        lines.append(f"\\fancyhead[R]{{{number}}}" if head else f"\\fancyfoot[C]{{{number}}}")
    lines += [
        r"\brokenpenalty=10000 \tolerance=3000",
        r"\emergencystretch=4em \hbadness=10000 \vbadness=10000 \hfuzz=1pt \raggedbottom",
        r"\clubpenalty=150 \widowpenalty=150 ",
    ]
    if template.parskip:
        lines.append(r"\setlength\parindent{0pt}\setlength\parskip{.55\baselineskip}")
    elif language == "zh":  # ctex reckoned it from a font that a kept format has not loaded
        lines.append(r"\AtBeginDocument{\setlength\parindent{2\ccwd}}")
    if look.equations_left and template.class_name != "amsart":
        lines.append(
            r"\makeatletter\@fleqntrue\@ifundefined{mathindent}{\newdimen\mathindent}{}"
            r"\mathindent=2em\makeatother"
        )
    return "\n".join(lines)


def _heading_macros(template: Template) -> str:
    font, is_centred = HEADING_STYLES[template.heading]
    centring = r"\centering" if is_centred else r"\raggedright"
    lines = [r"\makeatletter"]
    for level, size in enumerate(_SIZES[template.heading], 1):
        before = ("2.2ex", "2.6ex", "2.2ex", "1.8ex")[level - 1]
        lines.append(
            f"\\@namedef{{Vhead{level}}}#1{{\\par\\addpenalty{{-300}}\\addvspace{{{before}}}"
            f"{{\\{size}{font}{centring}\\noindent\\interlinepenalty=10000 #1\\par}}"
            r"\nobreak\vskip .8ex\relax\@afterheading}"
        )
    lines.append(r"\newcommand\VH[2]{\@nameuse{Vhead#1}{#2}}\makeatother")
    return "\n".join(lines)
