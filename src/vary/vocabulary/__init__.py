"""Vision vocabularies: networks that turn an image into tokens for a language model."""

from vary.vocabulary.configuration import ViTDetConfig
from vary.vocabulary.vitdet import ViTDetOutput, ViTDetVocabulary

__all__ = ["ViTDetConfig", "ViTDetOutput", "ViTDetVocabulary"]
