"""From trees to settings classes: what a class reads, its own sources, validation without a value told."""
