"""The fleet on one page: what was seen on many hosts as one report, its table and its page."""
