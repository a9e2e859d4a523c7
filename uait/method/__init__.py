"""The paper as pure functions of records: numpy and scikit-learn, no torch, no disk."""
