"""The commands, by what they are about. Read `machines.py` first: each file adds its own commands to the parser."""
