"""Inputs that nobody would write, by the thousand: nothing crashes, hangs, or leaves by an exception of another kind.

``python -m tests.fuzz KIND COUNT [SEED]`` runs a campaign of one kind and prints its counts; `campaign.py` has the
kinds. Each runs in processes of its own, so that one that dies or never ends is counted too. A small part with a fixed
seed is among the tests.
"""
