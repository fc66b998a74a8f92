"""What every Python client is put through, and how it reports: one JSON line at the end.

A check that fails raises, so the script ends with a traceback and a status that is not 0.
"""

import json
import sys

BINARY = bytes(range(256))


class Checks:
    def __init__(self, prefix):
        self.prefix = prefix
        self.count = 0

    def key(self, name):
        return f"{self.prefix}-{name}"

    def equal(self, got, expected, what):
        self.count += 1
        if got != expected:
            raise AssertionError(f"Cannot pass {what}: expected {expected!r}, got {got!r}")

    def done(self):
        json.dump({"checks": self.count}, sys.stdout)
