"""Glue to other libraries and frameworks, each in a file of its own."""
