"""Labels -> adapter: examples, losses, what is heard, the trainer."""
