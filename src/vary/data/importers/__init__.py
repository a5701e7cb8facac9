"""Importers: other people's data sets as samples. Each is an engine over a list that has an end."""

# Kind -> module, configuration and builder in it, as in `vary.data.recipe.ENGINES`.
IMPORTERS: dict[str, tuple[str, str, str]] = {
    "chartqa": ("vary.data.importers.chartqa", "ChartQaConfig", "build_chartqa_engine"),
    "conversations": (
        "vary.data.importers.conversations",
        "ConversationsConfig",
        "build_conversations_engine",
    ),
    "docvqa": ("vary.data.importers.docvqa", "DocVqaConfig", "build_docvqa_engine"),
    "llava": ("vary.data.importers.llava", "LlavaConfig", "build_llava_engine"),
    "pairs": ("vary.data.importers.pairs", "PairsConfig", "build_pairs_engine"),
}
