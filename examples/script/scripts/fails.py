#!/usr/bin/env python3
"""Fails, to show what a failure looks like: {"exitCode": 65} chooses how."""

import json
import sys

payload = json.load(sys.stdin)
print("looking at the input")
print("the input is of no use", file=sys.stderr)
sys.exit(payload.get("exitCode", 1))
