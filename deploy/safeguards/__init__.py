"""Consents, erasures, the audit and policy's purge: the bodies of their commands."""
