"""Telling subscribers: who is concerned, and one slot for each."""
