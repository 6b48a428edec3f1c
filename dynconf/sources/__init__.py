"""The sources that come with dynconf."""
