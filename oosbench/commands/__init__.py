"""The commands, by what they are about. Each file adds its own to the parser."""
