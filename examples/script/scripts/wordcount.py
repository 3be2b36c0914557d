#!/usr/bin/env python3
"""Counts words. Reads {"text": "...", "top": 5} from stdin; its last line is the run's output."""

import collections
import json
import re
import sys

payload = json.load(sys.stdin)
text = payload.get("text", "")
words = re.findall(r"\w+", text.lower())
print(f"counting {len(words)} words")

counts = collections.Counter(words)
top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: payload.get("top", 5)]
print(json.dumps({"words": len(words), "distinct": len(counts), "top": top}))
