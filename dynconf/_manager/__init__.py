"""The running core: sources are supervised, changes gathered, planned, prepared, committed and told."""
