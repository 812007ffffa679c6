"""Models of other programs: read as Weft's configuration, weights and tokenizer; and written."""

from weft.formats.model_files import ModelFiles, Weights
from weft.formats.reading import looks_foreign, read_model

__all__ = ["ModelFiles", "Weights", "looks_foreign", "read_model"]
