"""Runs the commands of one script in the guest: one ssh connection for all of them.

Reads a JSON array of shell lines and of files to write from standard input and prints, in the same
order, what each command answered as a JSON array of [exit code, stdout, stderr].
"""

import json
import os
import subprocess
import sys

# Where the node of a partition that ZFS has just made comes late, the answer says nothing about
# what was asked; phoenix tries again for it as well, as often.
LATE_NODE = "': no such pool or dataset\n"
ATTEMPTS = 3


def answer(line):
    ended = subprocess.run(
        ["bash", "-c", line],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
    )
    words = [text.decode("utf-8", "replace") for text in (ended.stdout, ended.stderr)]
    return [ended.returncode, *words]


answers = []
for job in json.load(sys.stdin):
    if "path" in job:
        # Debian ships no /etc/exports.d.
        os.makedirs(os.path.dirname(job["path"]), exist_ok=True)
        with open(job["path"], "w") as file:
            file.write(job["contents"])
        answers.append([0, "", ""])
        continue
    for attempt in range(ATTEMPTS):
        answered = answer(job["line"])
        if "zpool create" not in job["line"] or not answered[2].endswith(LATE_NODE):
            break
        sys.stderr.write(f"attempt {attempt + 1}: {job['line']}: {answered[2]}")
        subprocess.run(["udevadm", "settle"], check=True)
    answers.append(answered)
json.dump(answers, sys.stdout)
