"""Layer 3: the base of all trainers (installed Dassl or our own), optimisers, checkpoints."""
