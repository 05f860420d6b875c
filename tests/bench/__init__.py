"""Measurements beside a stand-in of the predecessor's design, taken in one run and told as ratios."""
