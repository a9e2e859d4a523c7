"""Question -> passages, from the bundled encyclopaedia or the web."""
