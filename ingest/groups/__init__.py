"""The processes that read cameras, a group each, and the one that watches over them."""
