#!/usr/bin/env python3
"""A stand-in for Proxmox's pvesh, pvesm and pct, for tests on machines without Proxmox.

Covers what phoenix asks for and nothing else, and refuses the rest. The behaviour is written from
Proxmox's own: recordings of the real tools, which the lab's tests replay against this file, say
what is right. Installed under the three names; the name decides which tool it is. The environment
variable PVE_STAND_IN_ROOT moves /etc/pve somewhere else.

    pvesh get /storage --output-format json
    pvesm add TYPE ID --key value ...     pvesm set ID --key value ... [--delete a,b]
    pct list     pct set ID --mpN VALUE [--delete mpA,mpB]
"""

import fcntl
import hashlib
import json
import os
import random
import re
import subprocess
import sys

ROOT = os.environ.get("PVE_STAND_IN_ROOT", "/")
STORAGE_CFG = os.path.join(ROOT, "etc/pve/storage.cfg")
CONTAINERS = os.path.join(ROOT, "etc/pve/lxc")

TYPES = "btrfs, cephfs, cifs, dir, esxi, iscsi, iscsidirect, lvm, lvmthin, nfs, pbs, rbd, zfs, zfspool"
BOOLEANS = {"disable", "shared", "sparse", "mkdir", "create-base-path", "create-subdirs",
            "snapshot-as-volume-chain"}
WORDS = {"1": "1", "0": "0", "yes": "1", "no": "0", "on": "1", "off": "0", "true": "1", "false": "0"}
NUMBERS = BOOLEANS | {"max-protected-backups"}
ANY_CONTENT = {"images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none"}
KINDS = {
    "zfspool": {
        "required": ["pool"],
        "options": {"blocksize", "bwlimit", "content", "disable", "mountpoint", "nodes", "sparse"},
        "content": {"images", "rootdir"},
    },
    "dir": {
        "required": ["path"],
        "options": {
            "bwlimit", "content", "content-dirs", "create-base-path", "create-subdirs", "disable",
            "format", "is_mountpoint", "max-protected-backups", "mkdir", "nodes", "preallocation",
            "prune-backups", "shared", "snapshot-as-volume-chain",
        },
        "content": ANY_CONTENT,
    },
    "nfs": {
        "required": ["export", "path", "server"],
        "options": {"content", "disable", "nodes", "options", "prune-backups"},
        "content": ANY_CONTENT - {"none"},
    },
}
DEFAULT_CONTENT = {"zfspool": "images,rootdir", "dir": "images,rootdir", "nfs": "images"}


class Refusal(Exception):
    """Ends the program with a message and an exit code that is not 0."""

    def __init__(self, message, code=255):
        super().__init__(message)
        self.code = code


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(path, text):
    temporary = f"{path}.tmp.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(temporary, path)


# --- storage.cfg ---------------------------------------------------------------------------------


def load_storages():
    """Sections in file order; `local` is always there, as the real parser makes it up."""
    sections = {}
    current = None
    for line in (read(STORAGE_CFG) or "").split("\n"):
        header = re.match(r"^(\S+):\s*(\S+)\s*$", line)
        if header and current is None:
            current = sections.setdefault(header[2], {"type": header[1].lower()})
        elif not line.strip():
            current = None
        elif current is not None:
            option = re.match(r"^\s+(\S+)(\s+(.*\S))?\s*$", line)
            current.setdefault(option[1], option[3] or "1")
    if "local" not in sections:
        local = {"type": "dir", "path": "/var/lib/vz", "content": "backup,iso,vztmpl", "prune-backups": "keep-all=1"}
        sections = {"local": local, **sections}
    return sections


def store_storages(sections):
    """Writes every section; sets come out in random order, as Perl's hashes do."""
    text = ""
    for name, section in sections.items():
        kind = section["type"]
        required = KINDS.get(kind, {"required": []})["required"]
        text += f"{kind}: {name}\n"
        if section.get("disable") == "1":
            text += "\tdisable\n"
        rest = sorted(key for key in section if key not in required and key not in ("type", "disable"))
        for key in [*sorted(required), *rest]:
            text += f"\t{key} {shuffled(section[key]) if key in ('content', 'nodes') else section[key]}\n"
        text += "\n"
    write(STORAGE_CFG, text)


def shuffled(words):
    parts = words.split(",")
    random.shuffle(parts)
    return ",".join(parts)


def options_of(arguments, usage):
    """`--key value` and `-key value`; a boolean may stand without a value."""
    options = {}
    rest = []
    index = 0
    while index < len(arguments):
        word = arguments[index]
        if not word.startswith("-"):
            rest.append(word)
            index += 1
            continue
        key = word.lstrip("-")
        value = arguments[index + 1] if index + 1 < len(arguments) else None
        if key in BOOLEANS and (value is None or value.startswith("-")):
            options[key] = "1"
            index += 1
            continue
        if value is None:
            raise Refusal(f"Option {key} requires an argument\n400 unable to parse option\n{usage}")
        if key in BOOLEANS:
            if value not in WORDS:
                raise Refusal(f"400 unable to parse boolean option\n{usage}")
            value = WORDS[value]
        options[key] = value
        index += 2
    return rest, options


def invalid(key, reason, usage, blank=True):
    return Refusal(f"400 Parameter verification failed.\n{key}: {reason}\n" + ("\n" if blank else "") + usage)


def check_options(kind, options, usage):
    size = options.get("blocksize")
    if size is not None and not valid_blocksize(size):
        raise invalid(
            "blocksize",
            f"invalid format - value '{size}' is not a valid ZFS blocksize. Must be a power of 2 "
            "between 512B and 16MiB (e.g., 4k, 8k, 16k, 64k, 1m).",
            usage,
        )
    path = options.get("path")
    if path is not None and not re.match(r"^/[-/a-zA-Z0-9_.@]+$", path):
        raise invalid("path", "invalid format - value does not look like a valid absolute path", usage)
    if "content" in options:
        options["content"] = checked_content(kind, options["content"], usage)
    if "nodes" in options:
        options["nodes"] = ",".join(split(options["nodes"]))
    if path is not None:
        options["path"] = re.sub(r"/+", "/", path).rstrip("/") or "/"


def valid_blocksize(text):
    match = re.match(r"^(\d+)([kKmM]?)$", text)
    if not match:
        return False
    size = int(match[1]) * {"": 1, "k": 1024, "m": 1024 * 1024}[match[2].lower()]
    return 512 <= size <= 16 * 1024 * 1024 and size & (size - 1) == 0


def checked_content(kind, text, usage):
    words = split(text)
    for word in words:
        if word not in ANY_CONTENT:
            raise invalid("content", f"invalid format - invalid content type '{word}'", usage)
    kept = [word for word in words if word in KINDS[kind]["content"]]
    dropped = [word for word in words if word not in kept]
    message = "".join(f"storage does not support content type '{word}'\n" for word in dropped)
    if not kept:
        raise Refusal(message + "storage does not support content type 'none'\n")
    sys.stderr.write(message)
    return ",".join(dict.fromkeys(kept))


def split(text):
    return [word for word in re.split(r"[,;\s\0]+", text) if word]


def zfs(*arguments):
    """The real zfs where there is one; in a test root, a dataset exists when it is below `tank`."""
    if ROOT != "/":
        return subprocess.CompletedProcess(arguments, 0, stdout=test_answer(arguments), stderr="")
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def test_answer(arguments):
    if arguments[0] == "zpool":
        return "tank\n" if arguments[-1] == "tank" else ""
    return "/tank/data\n" if arguments[-1] == "tank/data" else "legacy\n"


def is_any_mounted(dataset):
    """Whether the dataset or one below it is: then Proxmox takes the storage for active."""
    mounts = [line.split(" ") for line in (read("/proc/mounts") or "").splitlines()]
    return any(fields[2] == "zfs" and (fields[0] + "/").startswith(dataset + "/") for fields in mounts)


def activate(name, storage):
    if storage["type"] == "zfspool" and not is_any_mounted(storage["pool"]):
        pool = storage["pool"].split("/")[0]
        listed = zfs("zpool", "list", "-o", "name", "-H", pool)
        if pool not in listed.stdout.split():
            error = f"zfs error: cannot open '{pool}': no such pool\n\n"
            sys.stderr.write(error + error)
            raise Refusal(
                f"create storage failed: could not activate storage '{name}', zfs error: cannot import "
                f"'{pool}': no such pool available\n\n",
                1,
            )
        mounted = zfs("zfs", "mount", "-a")
        if mounted.returncode != 0:
            last = mounted.stderr.strip().splitlines()[-1]
            raise Refusal(f"create storage failed: could not activate storage '{name}', zfs error: {last}\n\n", 255)
    if storage["type"] == "dir":
        activate_directory(name, storage)


def activate_directory(name, storage):
    fail = f"create storage failed: unable to activate storage '{name}' - "
    path = storage["path"]
    wanted = storage.get("is_mountpoint", "no")
    mountpoint = path if wanted in WORDS and WORDS[wanted] == "1" else wanted if wanted.startswith("/") else None
    if mountpoint and not is_mounted(mountpoint):
        raise Refusal(f"{fail}directory is expected to be a mount point but is not mounted: '{mountpoint}'\n")
    if "none" in split(storage.get("content", "")):
        raise Refusal("create storage failed: unknown vtype 'none'\n")
    inside = os.path.join(ROOT, path.lstrip("/"))
    if storage.get("create-base-path", "1") == "1":
        os.makedirs(inside, exist_ok=True)
    if not os.path.isdir(inside):
        raise Refusal(f"{fail}directory '{path}' does not exist or is unreachable\n")
    if storage.get("create-subdirs", "1") == "1":
        for word, folder in [("iso", "template/iso"), ("vztmpl", "template/cache"), ("backup", "dump"),
                             ("images", "images"), ("rootdir", "private"), ("snippets", "snippets")]:
            if word in split(storage.get("content", DEFAULT_CONTENT["dir"])):
                os.makedirs(os.path.join(inside, folder), exist_ok=True)


def is_mounted(path):
    real = os.path.realpath(os.path.join(ROOT, path.lstrip("/")))
    mounts = (read("/proc/mounts") or "").split("\n")
    return any(line.split(" ")[1].replace("\\040", " ") == real for line in mounts if " " in line)


def pvesm_add(arguments):
    usage = "pvesm add <type> <storage> [OPTIONS]\n"
    rest, options = options_of(arguments, usage)
    if len(rest) != 2:
        raise Refusal(f"400 not enough arguments\n{usage}")
    kind, name = rest
    check_id(name, usage)
    if kind not in TYPES.split(", "):
        raise invalid("type", f"value '{kind}' does not have a value in the enumeration '{TYPES}'", usage, blank=False)
    if kind not in ("zfspool", "dir"):
        raise Refusal(f"the stand-in for pvesm does not know storages of type {kind}\n")
    check_options(kind, options, usage)
    with locked(STORAGE_CFG):
        storages = load_storages()
        if name in storages:
            raise Refusal(f"create storage failed: storage ID '{name}' already defined\n")
        spec = KINDS[kind]
        for key in spec["required"]:
            if key not in options:
                raise Refusal(f"create storage failed: missing value for required option '{key}'\n")
        for key in options:
            if key not in spec["options"] and key not in spec["required"]:
                raise Refusal(f"create storage failed: unexpected property '{key}'\n")
        storage = {"type": kind, **options}
        if kind == "zfspool":
            mountpoint = zfs("zfs", "get", "-o", "value", "-Hp", "mountpoint", options["pool"]).stdout.strip()
            if mountpoint.startswith("/"):
                storage.setdefault("mountpoint", mountpoint)
        activate(name, storage)
        for other in storages.values():
            other.setdefault("content", DEFAULT_CONTENT.get(other["type"], "images"))
        storages[name] = storage
        store_storages(storages)


def check_id(name, usage):
    if len(name) < 2:
        raise invalid("storage", f"invalid format - storage ID '{name}' cannot be shorter than 2 characters", usage)
    if not re.match(r"^[a-z][a-z0-9\-_.]*[a-z0-9]$", name, re.IGNORECASE):
        raise invalid("storage", f"invalid format - storage ID '{name}' contains illegal characters", usage)


def pvesm_set(arguments):
    usage = "pvesm set <storage> [OPTIONS]\n"
    rest, options = options_of(arguments, usage)
    delete = split(options.pop("delete", ""))
    digest = options.pop("digest", None)
    for key in ("path", "export"):
        if key in options:
            raise Refusal(f"Unknown option: {key}\n400 unable to parse option\n{usage}")
    if len(rest) != 1:
        raise Refusal(f"400 not enough arguments\n{usage}")
    name = rest[0]
    with locked(STORAGE_CFG):
        storages = load_storages()
        if name not in storages:
            raise Refusal(f"update storage failed: storage '{name}' does not exist\n")
        if digest is not None and digest != file_digest():
            raise Refusal("update storage failed: detected modified configuration - file changed by other user? Try again.\n")
        storage = storages[name]
        spec = KINDS[storage["type"]]
        check_options(storage["type"], options, usage)
        for key, value in options.items():
            if key in spec["required"] or key == "snapshot-as-volume-chain":
                if storage.get(key, "0") != value:
                    raise Refusal(f"update storage failed: can't change value of fixed parameter '{key}'\n")
            elif key not in spec["options"]:
                raise Refusal(f"update storage failed: unexpected property '{key}'\n")
        for key in delete:
            storage.pop(key, None)
        storage.update({key: value for key, value in options.items() if value != ""})
        for other in storages.values():
            other.setdefault("content", DEFAULT_CONTENT.get(other["type"], "images"))
        store_storages(storages)


def file_digest():
    return hashlib.sha1((read(STORAGE_CFG) or "").encode()).hexdigest()


def pvesh(arguments):
    if arguments != ["get", "/storage", "--output-format", "json"]:
        path = arguments[1] if len(arguments) > 1 else ""
        raise Refusal(f"No '{arguments[0] if arguments else ''}' handler defined for '{path}'\n", 1)
    items = []
    for name, section in load_storages().items():
        item = {"storage": name, "digest": file_digest(), **section}
        item.setdefault("content", DEFAULT_CONTENT.get(section["type"], "images"))
        item["content"] = shuffled(item["content"])
        items.append({key: typed(key, value) for key, value in item.items()})
    random.shuffle(items)
    print(json.dumps(items, sort_keys=True, separators=(",", ":")))


def typed(key, value):
    """Booleans and counts are numbers in Proxmox's JSON, directories are an object."""
    if key == "content-dirs":
        return dict(pair.split("=", 1) for pair in split(value))
    return int(value) if key in NUMBERS else value


# --- containers ----------------------------------------------------------------------------------


class locked:
    """The lock that serialises writers of one file."""

    def __init__(self, path):
        self.path = f"{path}.lock"

    def __enter__(self):
        self.file = open(self.path, "w", encoding="utf-8")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.file.close()


def canonical_mount(key, text, usage):
    """Source, `mp=`, then the other options sorted, booleans as 0 and 1."""
    parts = text.split(",")
    source = parts[0].removeprefix("volume=")
    options = dict(part.split("=", 1) for part in parts[1:])
    if "mp" not in options:
        raise invalid(f"{key}.mp", "property is missing and it is not optional", usage)
    target = options.pop("mp")
    for name in ("ro", "backup", "shared", "quota", "replicate", "acl", "keepattrs"):
        if name in options:
            if options[name] not in WORDS:
                reason = f"invalid format - format error\n{key}.{name}: type check ('boolean') failed - got '{options[name]}'"
                raise invalid(key, reason, usage)
            options[name] = WORDS[options[name]]
    allowed = {"discard", "lazytime", "noatime", "nodev", "noexec", "nosuid"}
    for word in options.get("mountoptions", "").split(";"):
        if word and word not in allowed:
            reason = f"invalid format - format error\n{key}.mountoptions: value does not match the regex pattern"
            raise invalid(key, reason, usage)
    return ",".join([source, f"mp={target}", *(f"{name}={options[name]}" for name in sorted(options))])


def load_container(path):
    text = read(path)
    if text is None:
        raise Refusal(f"Configuration file 'nodes/{os.uname().nodename}/lxc/{os.path.basename(path)}' does not exist\n", 2)
    sections = {"": {}}
    current = ""
    for line in text.split("\n"):
        header = re.match(r"^\[([a-z][a-z0-9_:\-]+)\]$", line, re.IGNORECASE)
        if header:
            current = header[1]
            sections[current] = {}
        elif ": " in line:
            key, value = line.split(": ", 1)
            sections[current][key] = value
    return sections


def store_container(path, sections):
    text = "".join(f"{key}: {value}\n" for key, value in sorted(sections[""].items()))
    for name, section in sections.items():
        if name and section:
            text += f"\n[{name}]\n" + "".join(f"{key}: {value}\n" for key, value in sorted(section.items()))
    write(path, text)


def is_running(container):
    return os.path.exists(os.path.join(ROOT, f"run/pve-stand-in/{container}.running"))


def pct_set(arguments):
    usage = "pct set <vmid> [OPTIONS]\n"
    container, options = arguments[0], dict(zip(arguments[1::2], arguments[2::2]))
    path = os.path.join(CONTAINERS, f"{container}.conf")
    for option in options:
        number = re.match(r"^--mp(\d+)$", option)
        if option != "--delete" and not (number and int(number[1]) < 256):
            raise Refusal(f"Unknown option: {option.lstrip('-')}\n400 unable to parse option\n{usage}")
    if not options:
        raise Refusal("no options specified\n")
    with locked(os.path.join(ROOT, "run", f"pve-config-{container}")):
        sections = load_container(path)
        for option, value in options.items():
            if option == "--delete":
                delete_mounts(sections, split(value), is_running(container), usage)
            else:
                set_mount(sections, option.lstrip("-"), value, is_running(container), usage)
        store_container(path, sections)


def set_mount(sections, key, value, running, usage):
    new = canonical_mount(key, value, usage)
    if running and key in sections[""]:
        sections.setdefault("pve:pending", {})[key] = value
    else:
        sections[""][key] = new


def delete_mounts(sections, keys, running, usage):
    for key in keys:
        number = re.match(r"^mp(\d+)$", key)
        if not number or int(number[1]) > 255:
            raise Refusal(f"400 Parameter verification failed.\ndelete: unknown option '{key}'\n{usage}")
        if key not in sections[""]:
            sys.stderr.write(f"cannot delete '{key}' - not set in current configuration!\n")
        elif running:
            sections.setdefault("pve:pending", {})["delete"] = key
        else:
            del sections[""][key]


def pct_list():
    print("VMID       Status     Lock         Name                ")
    for name in sorted(os.listdir(CONTAINERS)):
        container = name.removesuffix(".conf")
        status = "running" if is_running(container) else "stopped"
        hostname = load_container(os.path.join(CONTAINERS, name))[""].get("hostname", f"CT{container}")
        print(f"{container:<10} {status:<10} {'':<12} {hostname:<20}")


def main():
    tool, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
    try:
        if tool == "pvesh":
            pvesh(arguments)
        elif tool == "pvesm" and arguments[:1] == ["add"]:
            pvesm_add(arguments[1:])
        elif tool == "pvesm" and arguments[:1] == ["set"]:
            pvesm_set(arguments[1:])
        elif tool == "pct" and arguments == ["list"]:
            pct_list()
        elif tool == "pct" and arguments[:1] == ["set"] and len(arguments) > 1:
            pct_set(arguments[1:])
        else:
            raise Refusal(f"the stand-in for {tool} does not know: {' '.join(arguments)}\n", 2)
    except Refusal as refusal:
        sys.stderr.write(str(refusal))
        sys.exit(refusal.code)


main()
