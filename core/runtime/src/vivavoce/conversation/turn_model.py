"""How likely a turn is over, and the wait that follows: a small logistic model. Pure arithmetic, no clock.

The constants come from `benchmarks/turn_policy/fit.py`, which fits them to 148 synthetic utterances in synthetic
rooms and judges them on other sentences and on real clips; its README has the tables. Written down here: the printed
values, nothing else.

Why the wait is a straight line. Let p be the probability that the turn is over, and let pauses in mid-turn last
longer than s with probability exp(-s / m). Each silent millisecond then turns the odds of "over" by 1 / m in log-odds:
log-odds(p, s) = log-odds(p) + s / m. Answering as soon as that reaches a style's bar means to wait
m * (bar - log-odds(p)): smooth, monotone in each signal, without a cliff. Between doubt and certainty lie some 8 units
of log-odds, m is in the order of 100 ms, hence waits from about 100 ms to the cap.
"""

from __future__ import annotations
