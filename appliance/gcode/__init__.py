"""G-code files: reading them, and what they say of themselves."""
