"""The lesson of eight steps: its record, its words, its figures."""
