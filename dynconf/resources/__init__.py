"""What is built from settings and swapped when they change: built, checked, leased, drained and closed."""
