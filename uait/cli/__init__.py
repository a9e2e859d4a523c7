"""The command line: one verb per stage; reads flags and prints, decides nothing."""
