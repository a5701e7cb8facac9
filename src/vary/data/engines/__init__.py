"""The engines: one module or package per way of making samples."""
