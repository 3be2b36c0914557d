#!/usr/bin/env python3
"""Asks a Millrace server for a run over plain HTTP, waits until it has ended, and prints what it gave.

    MILLRACE_API_KEY=... ./ask.py greet '{"name": "Ada"}'

Needs Python 3.8 or later, and nothing else. MILLRACE_URL says where the server is.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("MILLRACE_URL", "http://127.0.0.1:4700").rstrip("/")
TRIES = 5


class Problem(Exception):
    """An answer that is an error: problem details (RFC 9457). Decide by code, show detail."""

    def __init__(self, status, details):
        super().__init__(details.get("detail", f"answered with {status}"))
        self.status = status
        self.code = details.get("code", "")
        self.pointer = details.get("pointer")
        self.request_id = details.get("requestId")


def call(method, path, body=None, idempotency_key=None):
    """Sends one request, and sends it again while the server is away or busy.

    That is safe for what only reads, and for what has an idempotency key.
    """
    headers = {"Authorization": f"Bearer {os.environ['MILLRACE_API_KEY']}"}
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode()
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    for left in reversed(range(TRIES)):
        request = urllib.request.Request(URL + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            problem = problem_of(error)
            again = error.code in (429, 503) or problem.code == "request_in_progress"
            if not again or left == 0:
                raise problem from None
            time.sleep(float(error.headers.get("Retry-After", 1)))
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            if left == 0:
                raise
            time.sleep(1)


def problem_of(error):
    try:
        details = json.load(error)
    except ValueError:
        details = {}
    return Problem(error.code, details)


def result_of(run_id, patience=60):
    """Looks at a run until it has ended, and returns its output."""
    give_up = time.monotonic() + patience
    pause = 0.05
    while True:
        run = call("GET", f"/api/v1/runs/{run_id}")
        if run["state"] == "completed":
            return run["output"]
        if run["state"] in ("failed", "cancelled"):
            raise RuntimeError(f"run {run_id} is {run['state']}: {run['reason']}")
        if time.monotonic() > give_up:
            raise TimeoutError(f"run {run_id} is {run['state']} after {patience} s: {run['reason']}")
        time.sleep(pause)
        pause = min(pause * 2, 1)


def main():
    job, given = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "{}"
    # Made once, outside of all tries; better still of what the run is about, such as an order's number.
    key = os.environ.get("ASK_KEY", str(uuid.uuid4()))
    try:
        run = call("POST", "/api/v1/runs", {"job": job, "input": json.loads(given)}, key)
        print(json.dumps(result_of(run["id"])))
    except Problem as problem:
        where = f" at {problem.pointer}" if problem.pointer else ""
        print(f"{problem.code}{where}: {problem} (request {problem.request_id})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
