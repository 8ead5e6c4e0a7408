#!/usr/bin/env python3
"""A pharmacy's program: looks a prescription up by its code, and hands out of it.

    MACH_KEY=mach_… pharmacy.py https://mach.example.vn 46001abcdefg-c
    MACH_KEY=mach_… pharmacy.py https://mach.example.vn 46001abcdefg-c HD0001 1=10 2=5

The key is the facility's own (`mach key new`). The invoice is the pharmacy's own number of the sale: where the answer is lost,
the same call again is the same sale. Python alone, nothing to install.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


def ask(base, path, body=None):
    """One request; the answer as JSON. What is refused is said in the words of the server."""
    request = urllib.request.Request(base.rstrip("/") + path)
    request.add_header("Authorization", f"Bearer {os.environ['MACH_KEY']}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        issues = json.load(refused).get("issue", [])
        sys.exit("; ".join(f"{refused.code} {i['details']['text']}: {i.get('diagnostics', '')}" for i in issues))


def main(base, code, invoice=None, *sold):
    path = f"/api/prescriptions/{urllib.parse.quote(code)}"
    if invoice is None:
        found = ask(base, path)
    else:
        lines = [{"line": int(n), "quantity": quantity} for n, quantity in (s.split("=") for s in sold)]
        found = ask(base, f"{path}/dispense", {"invoice": invoice, "lines": lines})
    print(found["code"], found["name"], found["state"], "open" if found["open"] else "closed")
    for line in found["lines"]:
        print(f"{line['line']}. {line['name']}: {line['left']} of {line['prescribed']} {line['unit']} left. {line['usage']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
