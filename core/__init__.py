"""Layer 0: configuration, registries, seeds, logging. Imports nothing from the layers above."""
