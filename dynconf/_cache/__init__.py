"""The last known good content of remote documents, on disk."""
