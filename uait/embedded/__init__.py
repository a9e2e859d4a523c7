"""How the shipped models were made; nothing else imports it."""
