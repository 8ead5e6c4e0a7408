#!/usr/bin/env python3
"""A hospital's program: sends a finished examination of a driver, asks how a certificate stands; an agency looks one up.

    MACH_KEY=mach_… certificates.py https://mach.example.vn send exam.json
    MACH_KEY=mach_… certificates.py https://mach.example.vn show ABCD2345EFGH
    MACH_KEY=mach_… certificates.py https://mach.example.vn look-up 046085777001 "đổi giấy phép lái xe"

The key is the facility's own (`mach key new`); an agency has a token of its own (`mach token new`). `exam.json` beside this file is an example. Where the answer is lost,
the same call again answers 409 with the code that is there. Python alone, nothing to install.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


def ask(base, path, body=None):
    """One request; the answer as JSON. What is refused is said place by place, in the words of the server."""
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
        said = [f"{' '.join(i.get('expression', []))}: {i.get('diagnostics') or i.get('details', {}).get('text', '')}" for i in issues]
        sys.exit("\n".join([f"{refused.code}", *said]))


def main(base, act, *rest):
    if act == "send":
        with open(rest[0], encoding="utf-8") as file:
            found = [ask(base, "/api/certificates", json.load(file))]
    elif act == "show":
        found = [ask(base, f"/api/certificates/{urllib.parse.quote(rest[0])}")]
    else:
        query = urllib.parse.urlencode({"national": rest[0], "purpose": rest[1]})
        found = ask(base, f"/api/certificates/look-up?{query}")["certificates"]
    for one in found:
        sending = one.get("sending", {}).get("state", "")
        print(" ".join(part for part in (one["code"], one["number"], one["state"], one["class"], one["result"], one["name"], sending) if part))


if __name__ == "__main__":
    main(*sys.argv[1:])
