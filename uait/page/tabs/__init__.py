"""One tab a file: components, and handlers that build a record, iterate a stage and return a view."""
