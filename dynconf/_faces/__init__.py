"""What a program holds in its hands, and what people ask for: bindings, overrides, reports."""
