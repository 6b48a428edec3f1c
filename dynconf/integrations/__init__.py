"""Where dynconf meets other libraries; each is imported by the module of its name only."""
