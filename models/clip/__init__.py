"""CLIP itself: loading by name or file, reading weights, its tokenizer."""
