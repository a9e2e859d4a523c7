"""One verb a file: what the command line, a job, an endpoint and a tab call."""
