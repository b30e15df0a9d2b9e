"""The text side of CLIP: class texts, prompts, the frozen text encoder."""
