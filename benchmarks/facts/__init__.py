"""Facts of real data that the drawn world must reproduce, and whether it does."""
