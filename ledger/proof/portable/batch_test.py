# SPDX-License-Identifier: Apache-2.0
"""What portable_test.go asks of verify.py: a line of JSON in, a line of JSON
out, so that one process answers for many files."""

import base64
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import verify


def decode(s):
    return base64.b64decode(s) if s else None


for line in sys.stdin:
    job = json.loads(line)
    try:
        answer = verify.verify(
            decode(job["Document"]) or b"", decode(job["Trust"]),
            decode(job["Event"]), decode(job["Schema"]), [decode(b) for b in job["Against"] or []],
        )
    except verify.Unread as e:
        answer = {"verdict": "UNREAD", "text": str(e)}
    except verify.Bad as e:
        answer = {"verdict": "CALL", "text": str(e)}
    print(json.dumps(answer))
