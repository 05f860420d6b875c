"""Measurements beside a stand-in of the predecessor's design, or against an ideal: in one run, told as ratios."""
