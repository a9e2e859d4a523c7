"""What outlives a process: run folders, jobs, visitors."""
