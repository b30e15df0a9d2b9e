"""Pre-training of the CLIPs of the drawn worlds (:mod:`tools.scenes.pretrain` is the command)."""
