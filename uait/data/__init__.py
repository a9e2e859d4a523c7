"""Files -> records: JSON, JSONL, question files; no model, no run."""
