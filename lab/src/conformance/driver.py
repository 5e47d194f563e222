"""Runs the commands of one script in the guest: one ssh connection for all of them.

Reads a JSON array of shell lines and of files to write from standard input and prints, in the same
order, what each command answered as a JSON array of [exit code, stdout, stderr].
"""

import json
import os
import subprocess
import sys

answers = []
for job in json.load(sys.stdin):
    if "path" in job:
        # Debian ships no /etc/exports.d.
        os.makedirs(os.path.dirname(job["path"]), exist_ok=True)
        with open(job["path"], "w") as file:
            file.write(job["contents"])
        answers.append([0, "", ""])
        continue
    ended = subprocess.run(
        ["bash", "-c", job["line"]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
    )
    words = [text.decode("utf-8", "replace") for text in (ended.stdout, ended.stderr)]
    answers.append([ended.returncode, *words])
json.dump(answers, sys.stdout)
