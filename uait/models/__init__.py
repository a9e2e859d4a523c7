"""What holds weights: loading, decoding, stated confidence, similarity."""
