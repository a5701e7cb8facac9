"""The commands and environments of LaTeX that the engine knows; no other reaches TeX."""


def name_set(text: str) -> frozenset[str]:
    """Return the names that stand in a text, with white space between."""
    return frozenset(text.split())


# Mathematics of LaTeX, amsmath and amssymb: names without meaning for files, counters or catcodes.
MATH_COMMANDS = name_set(
    """
    Arrowvert Bbbk Big Bigg Bumpeq Cap Cup Delta Diamond Doteq Downarrow Finv Game Gamma Im
    Lambda Leftarrow Leftrightarrow Lleftarrow Longleftarrow Longleftrightarrow Longrightarrow
    Lsh Omega Phi Pi Pr Psi Re Rightarrow Rrightarrow Rsh Sigma Subset Supset Theta Uparrow
    Updownarrow Upsilon Vdash Vert Vvdash Xi acute aleph alpha amalg angle approx approxeq
    arccos arcsin arctan arg arrowvert ast asymp backepsilon backprime backsim backsimeq
    backslash bar barwedge because beta beth between big bigcap bigcirc bigcup bigg bigodot
    bigoplus bigotimes bigsqcup bigstar bigtriangledown bigtriangleup biguplus bigvee bigwedge
    blacklozenge blacksquare blacktriangle blacktriangledown blacktriangleleft
    blacktriangleright bot bowtie boxdot boxminus boxplus boxtimes breve bullet bumpeq cap
    cdot cdotp cdots centerdot check chi circ circeq circlearrowleft circlearrowright circledS
    circledast circledcirc circleddash clubsuit colon complement cong coprod cos cosh cot coth
    csc cup curlyeqprec curlyeqsucc curlyvee curlywedge curvearrowleft curvearrowright dagger
    daleth dasharrow dashv ddagger ddot ddots deg delta det diagdown diagup diamond
    diamondsuit digamma dim div divideontimes dot doteq doteqdot dotplus doublebarwedge
    downarrow downdownarrows downharpoonleft downharpoonright ell emptyset epsilon eqcirc
    eqsim eqslantgtr eqslantless equiv eta eth exists exp fallingdotseq flat forall frown
    gamma gcd ge geq geqq geqslant gets gg ggg gimel gnapprox gneq gneqq gnsim grave gtrapprox
    gtrdot gtreqless gtreqqless gtrless gtrsim gvertneqq hat hbar heartsuit hom hookleftarrow
    hookrightarrow hslash iff imath in inf infty injlim int intercal iota jmath kappa ker
    lambda land langle lbrace lbrack lceil ldotp le leadsto leftarrow leftarrowtail
    leftharpoondown leftharpoonup leftleftarrows leftrightarrow leftrightarrows
    leftrightharpoons leftrightsquigarrow leftthreetimes leq leqq leqslant lessapprox lessdot
    lesseqgtr lesseqqgtr lessgtr lesssim lfloor lg lgroup lhd lim liminf limsup ll lll
    lmoustache ln lnapprox lneq lneqq lnot lnsim log longleftarrow longleftrightarrow
    longmapsto longrightarrow looparrowleft looparrowright lor lozenge ltimes lvertneqq mapsto
    mathring max measuredangle mho mid min models mp mu multimap nLeftarrow nLeftrightarrow
    nRightarrow nVDash nVdash nabla natural ncong ne nearrow neg neq nexists ngeq ngeqq
    ngeqslant ngtr ni nleftarrow nleftrightarrow nleq nleqq nleqslant nless nmid not notin
    nparallel nprec npreceq nrightarrow nshortmid nshortparallel nsim nsubseteq nsubseteqq
    nsucc nsucceq nsupseteq nsupseteqq ntriangleleft ntrianglelefteq ntriangleright
    ntrianglerighteq nu nvDash nvdash nwarrow odot oint omega ominus oplus oslash otimes owns
    parallel partial perp phi pi pitchfork pm prec precapprox preccurlyeq preceq precnapprox
    precneqq precnsim precsim prime prod projlim propto psi rangle rbrace rbrack rceil
    restriction rfloor rgroup rhd rho rightarrow rightarrowtail rightharpoondown
    rightharpoonup rightleftarrows rightleftharpoons rightrightarrows rightsquigarrow
    rightthreetimes risingdotseq rmoustache rtimes searrow sec setminus sharp shortmid
    shortparallel sigma sim simeq sin sinh smallfrown smallint smallsetminus smallsmile smile
    spadesuit sphericalangle sqcap sqcup sqsubset sqsubseteq sqsupset sqsupseteq square Box
    star subset subseteq subseteqq subsetneq subsetneqq succ succapprox succcurlyeq succeq
    succnapprox succneqq succnsim succsim sum sup supset supseteq supseteqq supsetneq
    supsetneqq surd swarrow tan tanh tau therefore theta thickapprox thicksim tilde times to
    top triangle triangledown triangleleft trianglelefteq triangleq triangleright
    trianglerighteq twoheadleftarrow twoheadrightarrow unlhd unrhd uparrow updownarrow
    upharpoonleft upharpoonright uplus upsilon upuparrows vDash varepsilon varinjlim varkappa
    varliminf varlimsup varnothing varphi varpi varprojlim varpropto varrho varsigma
    varsubsetneq varsubsetneqq varsupsetneq varsupsetneqq vartheta vartriangle vartriangleleft
    vartriangleright vdash vdots vec vee veebar vert wedge widehat widetilde wp wr xi zeta
    iint iiint iiiint idotsint lvert rvert lVert rVert impliedby implies dddot ddddot varGamma
    varDelta varTheta varLambda varXi varPi varSigma varUpsilon varPhi varPsi varOmega bigl
    bigr bigm Bigl Bigr Bigm biggl biggr biggm Biggl Biggr Biggm left right middle frac dfrac
    tfrac cfrac binom dbinom tbinom sqrt overline underline overbrace underbrace overleftarrow
    overrightarrow overleftrightarrow underleftarrow underrightarrow overset underset stackrel
    substack xrightarrow xleftarrow boxed limits nolimits displaystyle textstyle scriptstyle
    scriptscriptstyle mathbb mathbf mathcal mathfrak mathit mathnormal mathrm mathsf mathtt
    mathscr boldsymbol bm pmb operatorname mathop mathrel mathbin mathord mathopen mathclose
    mathpunct mathinner dots ldots dotsb dotsc dotsi dotsm dotso bmod pmod mod pod over atop
    choose quad qquad thinspace medspace thickspace negthinspace mathstrut phantom hphantom
    vphantom smash colon upharpoonright hline
    """
)
MATH_SYMBOLS = name_set("{ } | , ; : ! > % & $ # _") | {" "}
# What is another name of the same thing, written as most people do.
MATH_ALIASES = {
    "mbox": "text", "hbox": "text", "textnormal": "text", "textup": "text", "textrm": "text",
    "textit": "text", "textbf": "text", "textsf": "text", "texttt": "text", "emph": "text",
    "rm": "mathrm", "bf": "mathbf", "it": "mathit", "sf": "mathsf", "tt": "mathtt",
    "cal": "mathcal", "Bbb": "mathbb", "frak": "mathfrak", "bold": "mathbf", "symup": "mathrm",
    "symbf": "mathbf", "symbfit": "bm", "mathbfit": "bm", "textless": "lt", "hdots": "dots",
    "textperiodcentered": "cdot", "uppi": "pi", "nicefrac": "tfrac", "sfrac": "tfrac", "upmu": "mu",
}  # fmt: skip
# Of the aliases, those that hold until the end of their group, without an argument.
MATH_SWITCHES = frozenset(("rm", "bf", "it", "sf", "tt", "cal"))
# Left out with their arguments: m is one in braces, o one in square brackets, * a star.
MATH_DROPPED = {
    "label": "m", "nonumber": "", "notag": "", "hspace": "*m", "vspace": "*m", "color": "om",
    "allowbreak": "", "displaybreak": "o", "relax": "", "nobreak": "", "index": "m", "tag": "*m",
    "penalty": "", "noindent": "", "protect": "", "bgroup": "", "egroup": "", "qedhere": "",
    "allowdisplaybreaks": "o", "centering": "", "null": "", "par": "", "strut": "", "eqno": "",
    "xspace": "", "/": "", "@": "", "-": "", "narrowbreak": "",
}  # fmt: skip
MATH_ENVIRONMENTS = name_set(
    """
    array matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix cases aligned alignedat
    gathered split subarray
    """
)
# Formulas on lines of their own -> how their rows are set.
DISPLAYS = {
    "equation": "", "equation*": "", "displaymath": "", "math": "",
    "align": "aligned", "align*": "aligned", "flalign": "aligned", "flalign*": "aligned",
    "alignat": "alignedat", "alignat*": "alignedat", "eqnarray": "eqnarray",
    "eqnarray*": "eqnarray", "gather": "gathered", "gather*": "gathered",
    "multline": "gathered", "multline*": "gathered", "dmath": "", "dmath*": "",
    "subequations": "", "narrowmultline": "gathered", "narrowmultline*": "gathered",
}  # fmt: skip

TABULARS = {"tabular": "om", "tabular*": "mom", "tabularx": "mom", "tabulary": "mom",
            "longtable": "om", "tabu": "m", "supertabular": "m", "xltabular": "mm"}  # fmt: skip
VERBATIMS = name_set(
    """
    verbatim verbatim* Verbatim lstlisting minted comment filecontents filecontents* alltt
    code python shell sourcecode latex bash lstcode codeblock luacode
    """
)
# Left out whole: what is no running text, or what its words say nothing without.
SKIPPED_ENVIRONMENTS = name_set(
    """
    figure figure* wrapfigure tikzpicture picture algorithm algorithm* algorithmic
    thebibliography prooftree pspicture axis tikzcd CD diagram mathpar mathparpagebreakable
    oltableau tagblock titlepage subfigure asy forest circuitikz pgfpicture tabbing landscape
    sidewaystable sidewaysfigure marginfigure algorithm2e bibliography filecontents overpic
    reference
    """
)
# Environments that only change how their text stands -> arguments.
KNOWN_ENVIRONMENTS = {
    "document": "", "abstract": "", "center": "", "quote": "", "quotation": "", "flushleft": "",
    "flushright": "", "minipage": "ooom", "multicols": "m", "spacing": "m", "adjustwidth": "mm",
    "small": "", "footnotesize": "", "table": "o", "table*": "o", "mdframed": "o", "frame": "",
    "tcolorbox": "o", "threeparttable": "o", "verse": "", "sloppypar": "", "parts": "",
    "block": "m",
    "wraptable": "omom", "tablenotes": "o", "subtable": "om", "framed": "", "tablehere": "",
    "ThreePartTable": "", "TableNotes": "o", "appendices": "", "savenotes": "", "frontmatter": "",
    "examplewrap": "", "nexample": "", "exercisewrap": "", "nexercise": "", "small*": "",
}  # fmt: skip
LISTS = {"itemize": "bullet", "enumerate": "number", "description": "word", "compactitem": "bullet",
         "compactenum": "number", "inparaenum": "number", "dingautolist": "number",
         "tasks": "number", "subparts": "number", "prob": "", "trivlist": "bullet"}  # fmt: skip
THEOREMS = {
    "theorem": "Theorem", "thm": "Theorem", "lemma": "Lemma", "lem": "Lemma",
    "proposition": "Proposition", "prop": "Proposition", "corollary": "Corollary",
    "cor": "Corollary", "definition": "Definition", "defn": "Definition", "defi": "Definition",
    "remark": "Remark", "rem": "Remark", "rmk": "Remark", "example": "Example", "ex": "Example",
    "exercise": "Exercise", "claim": "Claim", "fact": "Fact", "conjecture": "Conjecture",
    "conj": "Conjecture", "axiom": "Axiom", "notation": "Notation", "problem": "Problem",
    "assumption": "Assumption", "observation": "Observation", "proof": "Proof",
    "solution": "Solution", "eg": "Example", "question": "Question", "note": "Note",
    "property": "Property", "law": "Law", "situation": "Situation", "principle": "Principle",
}  # fmt: skip
THEOREMS_ZH = {
    "Theorem": "定理", "Lemma": "引理", "Proposition": "命题", "Corollary": "推论",
    "Definition": "定义", "Remark": "注", "Example": "例", "Exercise": "练习", "Claim": "断言",
    "Fact": "事实", "Conjecture": "猜想", "Axiom": "公理", "Notation": "记号", "Problem": "问题",
    "Assumption": "假设", "Observation": "观察", "Proof": "证明", "Solution": "解",
    "Question": "问题", "Note": "注", "Property": "性质", "Law": "定律", "Situation": "情形",
    "Principle": "原理",
}  # fmt: skip
HEADINGS = {"part": 1, "chapter": 1, "title": 1, "section": 2, "subsection": 3, "subsubsection": 4,
            "olchapter": 1, "olsection": 2, "frametitle": 2}  # fmt: skip

# Text commands whose argument is set in a style; declarations that change it to the group's end.
STYLE_COMMANDS = {
    "textbf": "bold", "textit": "italic", "emph": "italic", "textsl": "italic", "texttt": "code",
    "textrm": "", "textsf": "", "textnormal": "", "textup": "", "textmd": "", "mbox": "",
    "text": "",
    "hbox": "", "underline": "", "uline": "", "fbox": "", "framebox": "", "textsc": "",
    "term": "bold",
    "makebox": "", "centerline": "", "leftline": "", "uppercase": "upper", "MakeUppercase": "upper",
    "lowercase": "lower", "MakeLowercase": "lower", "hologo": "", "enquote": "quote", "qt": "quote",
    "code": "code", "pkg": "code", "env": "code", "cls": "code", "lstinline": "code",
    "path": "code",
    "url": "code", "nolinkurl": "code", "defn": "italic", "define": "italic",
    "index": "drop", "resp": "code", "file": "code", "cmd": "command", "cs": "command",
    "myindex": "",
    "paragraph": "bold", "subparagraph": "bold", "num": "", "textquote": "quote",
}  # fmt: skip
STYLE_DECLARATIONS = {
    "bf": "bold", "bfseries": "bold", "it": "italic", "itshape": "italic", "em": "italic",
    "sl": "italic", "slshape": "italic", "tt": "code", "ttfamily": "code", "rm": "", "rmfamily": "",
    "sf": "", "sffamily": "", "normalfont": "", "upshape": "", "mdseries": "", "sc": "",
    "scshape": "",
    "tiny": "same", "scriptsize": "same", "footnotesize": "same", "small": "same",
    "normalsize": "same", "large": "same", "Large": "same", "LARGE": "same", "huge": "same",
    "Huge": "same", "centering": "same", "raggedright": "same", "raggedleft": "same",
    "boldmath": "same", "kaishu": "same", "heiti": "same", "songti": "same", "fangsong": "same",
}  # fmt: skip
TEXT_SYMBOLS = {
    "ldots": "…", "dots": "…", "textellipsis": "…", "S": "§", "P": "¶", "copyright": "©",
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "aa": "å",
    "AA": "Å", "l": "ł", "L": "Ł", "i": "i", "textendash": "–", "textemdash": "—",
    "textquoteleft": "‘", "textquoteright": "’", "textquotedblleft": "“", "textquotedblright": "”",
    "lq": "‘", "rq": "’", "LaTeX": "LaTeX", "TeX": "TeX", "LaTeXe": "LaTeX2e", "XeTeX": "XeTeX",
    "XeLaTeX": "XeLaTeX", "BibTeX": "BibTeX", "pdfTeX": "pdfTeX", "pdfLaTeX": "pdfLaTeX",
    "LuaTeX": "LuaTeX", "LuaLaTeX": "LuaLaTeX", "textbackslash": "\\", "textasciitilde": "~",
    "textasciicircum": "^", "textless": "<", "textgreater": ">", "textbar": "|", "textdollar": "$",
    "textpercent": "%", "textbraceleft": "{", "textbraceright": "}", "textunderscore": "_",
    "%": "%", "&": "&", "$": "$", "#": "#", "_": "_", "{": "{", "}": "}", " ": " ", ",": " ",
    "/": "", "-": "", "@": "", "\n": " ", "textdegree": "°", "degree": "°", "pounds": "£",
    "textregistered": "®", "texttrademark": "™", "textmu": "µ", "thinspace": " ", "quad": " ",
    "qquad": " ", "enspace": " ", "nobreakspace": " ", "space": " ", ";": " ", ":": " ", "!": "",
    "slash": "/", "textbullet": "•", "textperiodcentered": "·", "guillemotleft": "«",
    "guillemotright": "»", "ie": "i.e.", "eg": "e.g.", "etc": "etc.", "dag": "†", "ddag": "‡",
}  # fmt: skip
ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304",
    ".": "\u0307", "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "r": "\u030a",
    "k": "\u0328", "d": "\u0323", "b": "\u0331",
}  # fmt: skip
# Text commands that leave nothing on the page where they stand -> their arguments.
TEXT_DROPPED = {
    "label": "m", "noindent": "", "indent": "", "vspace": "*m", "hspace": "*m", "index": "m",
    "footnote": "om", "footnotetext": "om", "footnotemark": "o", "marginpar": "om", "newpage": "",
    "clearpage": "", "cleardoublepage": "", "pagebreak": "o", "nopagebreak": "o", "linebreak": "o",
    "nolinebreak": "o", "smallskip": "", "medskip": "", "bigskip": "", "hfill": "", "vfill": "",
    "hfil": "", "protect": "", "relax": "", "leavevmode": "", "phantomsection": "", "maketitle": "",
    "tableofcontents": "", "listoffigures": "", "listoftables": "", "color": "om", "strut": "",
    "setlength": "mm", "addtolength": "mm", "setcounter": "mm", "addtocounter": "mm", "null": "",
    "refstepcounter": "m", "thispagestyle": "m", "pagestyle": "m", "addcontentsline": "mmm",
    "phantom": "m", "hphantom": "m", "vphantom": "m", "ignorespaces": "", "unskip": "",
    "allowbreak": "", "break": "", "goodbreak": "", "nobreak": "", "filbreak": "", "par": "",
    "selectfont": "", "qed": "", "qedhere": "", "thanks": "m", "footfullcite": "om",
    "fontsize": "mm",
    "ollabel": "m", "olfileid": "mmm", "nocite": "m", "bibliography": "m", "pkgindex": "m",
    "bibliographystyle": "m", "mainmatter": "", "frontmatter": "", "backmatter": "", "appendix": "",
    "indexsee": "mm", "indexdef": "m", "indexfoot": "m", "symlabel": "m", "cmdindex": "om",
    "envindex": "om", "pinyinindex": "mm", "clsindex": "m", "raggedbottom": "", "flushbottom": "",
    "onehalfspacing": "", "doublespacing": "", "singlespacing": "", "hyphenation": "m",
    "sloppy": "",
    "mentalpause": "", "narrowbreak": "", "date": "m", "author": "om", "markboth": "mm",
    "markright": "m", "addtocontents": "mm", "captionsetup": "om", "phantomcaption": "", "D": "m",
    "columnbreak": "", "endinput": "", "titlebreak": "", "CalculatorVideos": "m", "rule": "omm",
    "includegraphics": "*oom", "hypersetup": "m", "eoce": "m", "makeindex": "", "printindex": "",
    "printbibliography": "o", "hfuzz": "", "displaybreak": "o", "setstretch": "m",
    "balance": "", "capstart": "",
    "listfiles": "", "itemsep": "", "hline": "", "xspace": "",
}  # fmt: skip
# References -> what stands before their number.
REFERENCES = {
    "ref": "", "eqref": "(", "pageref": "", "vref": "", "cref": "Section", "Cref": "Section",
    "autoref": "Section", "nameref": "Section", "olref": "Section", "subref": "(", "hyperref": "",
    "figurevref": "Figure", "tablevref": "Table", "exampleref": "Example",
    "sectionref": "Section",
    "subsectionref": "Section", "chapterref": "Chapter", "thmref": "Theorem",
    "cite": "[", "citep": "[", "citet": "[", "citealp": "[", "citeauthor": "[", "parencite": "[",
    "textcite": "[", "autocite": "[", "upcite": "[", "supercite": "[", "citeyear": "[",
}  # fmt: skip
# Always what LaTeX says, whatever a source defines them to be.
PROTECTED = (
    frozenset(STYLE_COMMANDS)
    - {"term", "code", "pkg", "env", "cls", "qt", "resp", "file", "defn", "define", "path"}
    | frozenset(("begin", "end", "item", "par", "(", ")", "[", "]", "\\", "label", "left", "right"))
    | frozenset(REFERENCES)
    | frozenset(HEADINGS) - {"olchapter", "olsection"}
    | frozenset(
        ("caption", "multicolumn", "multirow", "cline", "hline", "frac", "sqrt", "footnote")
    )
)
# Rules of tables, and what may stand between rows without a trace on the page.
FULL_RULES = name_set(
    """
    hline toprule midrule bottomrule Xhline thickhline firsthline lasthline
    """
)
ROW_DROPPED = {
    "rowcolor": "om", "addlinespace": "o", "noalign": "m", "rowcolors": "mmm", "morecmidrules": "",
    "centering": "", "rule": "omm", "specialrule": "mmm", "arrayrulecolor": "om", "nobreak": "",
    "small": "", "footnotesize": "", "relax": "",
}  # fmt: skip
