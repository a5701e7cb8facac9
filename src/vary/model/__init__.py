"""The model: vision vocabularies before a causal language model, and its processor."""

from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, AutoProcessor

# Its own module: the name in `transformers` wants torchvision until 5.17, which we have no use for.
from transformers.models.auto.image_processing_auto import AutoImageProcessor

from vary.model.configuration import VaryConfig
from vary.model.images import ImageRule, VaryImageProcessor
from vary.model.modeling import VaryForConditionalGeneration, VaryOutput
from vary.model.processing import VaryProcessor
from vary.model.tower import TowerConfig, TowerVocabulary
from vary.model.vocabulary_folder import load_vocabulary, save_vocabulary
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

AutoConfig.register(ViTDetConfig.model_type, ViTDetConfig, exist_ok=True)
AutoModel.register(ViTDetConfig, ViTDetVocabulary, exist_ok=True)
AutoConfig.register(TowerConfig.model_type, TowerConfig, exist_ok=True)
AutoModel.register(TowerConfig, TowerVocabulary, exist_ok=True)
AutoConfig.register(VaryConfig.model_type, VaryConfig, exist_ok=True)
AutoModel.register(VaryConfig, VaryForConditionalGeneration, exist_ok=True)
AutoModelForImageTextToText.register(VaryConfig, VaryForConditionalGeneration, exist_ok=True)
AutoImageProcessor.register(
    VaryConfig, image_processor_classes={"pil": VaryImageProcessor}, exist_ok=True
)
AutoProcessor.register(VaryConfig, VaryProcessor, exist_ok=True)

__all__ = [
    "ImageRule",
    "TowerConfig",
    "TowerVocabulary",
    "VaryConfig",
    "VaryForConditionalGeneration",
    "VaryImageProcessor",
    "VaryOutput",
    "VaryProcessor",
    "load_vocabulary",
    "save_vocabulary",
]
