"""Generated guests held against recorded ones. Read `fidelity.py` first.

`fidelity.py`  how close a generated guest is to a recorded one, statistic by statistic
`fit.py`       the search for parameters that bring it closest
"""
