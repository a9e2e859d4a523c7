"""Labels -> adapter: examples, losses, the trainer, rounds."""
