"""The ways to a recipient: a folder, a mail, a webhook."""
