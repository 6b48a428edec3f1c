"""The one place that opens connections to configuration and registry servers."""
