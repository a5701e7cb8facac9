"""The model: vision vocabularies before a causal language model, and its processor."""

from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageTextToText,
    AutoProcessor,
)

from vary.model.configuration import VaryConfig
from vary.model.images import ImageRule, VaryImageProcessor
from vary.model.modeling import VaryForConditionalGeneration, VaryOutput
from vary.model.processing import VaryProcessor
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

AutoConfig.register(ViTDetConfig.model_type, ViTDetConfig, exist_ok=True)
AutoModel.register(ViTDetConfig, ViTDetVocabulary, exist_ok=True)
AutoConfig.register(VaryConfig.model_type, VaryConfig, exist_ok=True)
AutoModel.register(VaryConfig, VaryForConditionalGeneration, exist_ok=True)
AutoModelForImageTextToText.register(VaryConfig, VaryForConditionalGeneration, exist_ok=True)
AutoImageProcessor.register(
    VaryConfig, slow_image_processor_class=VaryImageProcessor, exist_ok=True
)
AutoProcessor.register(VaryConfig, VaryProcessor, exist_ok=True)

__all__ = [
    "ImageRule",
    "VaryConfig",
    "VaryForConditionalGeneration",
    "VaryImageProcessor",
    "VaryOutput",
    "VaryProcessor",
]
