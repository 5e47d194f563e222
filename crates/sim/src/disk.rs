//! The simulated `lsblk`, `wipefs` and the list of links below `/dev/disk` (util-linux 2.41).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use phoenix_host::command::Output;

use super::device::{Device, partition_name, partition_path};
use super::state::{Disk, Holder, Partition, Signature, State};

const COLUMNS: &str = "NAME,KNAME,PKNAME,PATH,TYPE,SIZE,SERIAL,MODEL,WWN,TRAN,ROTA,FSTYPE,LABEL,\
                       PTTYPE,PARTTYPE,MOUNTPOINTS";

/// `lsblk -J -b [-e 1,230] -o COLUMNS`; 230 is the major number of volumes.
pub(super) fn lsblk(state: &State, args: &[String]) -> Output {
    let mut devices: Vec<Node> = match super::words(args).as_slice() {
        ["-J", "-b", "-e", "1,230", "-o", COLUMNS] => Vec::new(),
        ["-J", "-b", "-o", COLUMNS] => volumes(state),
        _ => {
            let text =
                format!("lsblk: the simulated lsblk takes -J -b [-e 1,230] -o {COLUMNS} only\n");
            return Output::failure(1, text);
        }
    };
    devices.extend(
        state
            .disks
            .iter()
            .map(|(name, disk)| disk_node(state, name, disk)),
    );
    let mut text = "{\n   \"blockdevices\": [".to_owned();
    print_nodes(&devices, 6, &mut text);
    text += "\n   ]\n}\n";
    Output::success(text)
}

/// One object of lsblk's output: its columns in order, and what is built on it.
struct Node {
    columns: Vec<(&'static str, Value)>,
    children: Vec<Self>,
}

fn disk_node(state: &State, name: &str, disk: &Disk) -> Node {
    let mut children: Vec<Node> = disk
        .partitions
        .iter()
        .map(|(number, partition)| partition_node(state, name, disk, *number, partition))
        .collect();
    children.extend(
        disk.holders
            .iter()
            .map(|holder| holder_node(state, name, holder)),
    );
    // With a partition table a disk's own signatures are not shown.
    let signature = disk.signatures.first().filter(|_| disk.table.is_none());
    let columns = vec![
        ("name", json!(name)),
        ("kname", json!(name)),
        ("pkname", Value::Null),
        ("path", json!(format!("/dev/{name}"))),
        ("type", json!("disk")),
        ("size", json!(disk.size)),
        ("serial", json!(disk.serial)),
        ("model", json!(disk.model)),
        ("wwn", json!(disk.wwn)),
        ("tran", json!(disk.tran)),
        ("rota", json!(false)),
        ("fstype", json!(signature.map(|found| &found.kind))),
        (
            "label",
            json!(signature.and_then(|found| found.label.as_ref())),
        ),
        ("pttype", json!(disk.table)),
        ("parttype", Value::Null),
        ("mountpoints", mountpoints(state, name)),
    ];
    Node { columns, children }
}

fn partition_node(
    state: &State,
    name: &str,
    disk: &Disk,
    number: u32,
    partition: &Partition,
) -> Node {
    let own = partition_name(name, number);
    let signature = partition.signatures.first();
    let tran = disk.tran.as_deref().filter(|tran| *tran == "nvme");
    let holders = partition.holders.iter();
    let children = holders
        .map(|holder| holder_node(state, &own, holder))
        .collect();
    let columns = vec![
        ("name", json!(own)),
        ("kname", json!(own)),
        ("pkname", json!(name)),
        ("path", json!(format!("/dev/{own}"))),
        ("type", json!("part")),
        ("size", json!(partition.size)),
        ("serial", Value::Null),
        ("model", Value::Null),
        ("wwn", json!(disk.wwn)),
        ("tran", json!(tran)),
        ("rota", json!(false)),
        ("fstype", json!(signature.map(|found| &found.kind))),
        (
            "label",
            json!(signature.and_then(|found| found.label.as_ref())),
        ),
        ("pttype", json!(disk.table)),
        ("parttype", json!(partition.kind)),
        ("mountpoints", mountpoints(state, &own)),
    ];
    Node { columns, children }
}

fn holder_node(state: &State, parent: &str, holder: &Holder) -> Node {
    let path = if holder.kernel_name.starts_with("dm-") {
        format!("/dev/mapper/{}", holder.name)
    } else {
        format!("/dev/{}", holder.kernel_name)
    };
    let mut node = bare_node(
        &holder.name,
        &holder.kernel_name,
        &path,
        &holder.kind,
        holder.size,
    );
    node.set("pkname", json!(parent));
    node.set(
        "mountpoints",
        mountpoints(state, path.trim_start_matches("/dev/")),
    );
    node
}

/// Volumes of imported pools, as the kernel's zvol devices.
fn volumes(state: &State) -> Vec<Node> {
    let mut volumes: Vec<(u32, u64)> = state
        .datasets
        .values()
        .filter_map(|dataset| {
            let size = dataset.properties.get("volsize")?.value.parse().ok()?;
            Some((dataset.volume.as_ref()?.minor, size))
        })
        .collect();
    volumes.sort_unstable();
    volumes
        .into_iter()
        .map(|(minor, size)| {
            let name = format!("zd{minor}");
            bare_node(&name, &name, &format!("/dev/{name}"), "disk", size)
        })
        .collect()
}

fn bare_node(name: &str, kernel_name: &str, path: &str, kind: &str, size: u64) -> Node {
    let columns = vec![
        ("name", json!(name)),
        ("kname", json!(kernel_name)),
        ("pkname", Value::Null),
        ("path", json!(path)),
        ("type", json!(kind)),
        ("size", json!(size)),
        ("serial", Value::Null),
        ("model", Value::Null),
        ("wwn", Value::Null),
        ("tran", Value::Null),
        ("rota", json!(false)),
        ("fstype", Value::Null),
        ("label", Value::Null),
        ("pttype", Value::Null),
        ("parttype", Value::Null),
        ("mountpoints", json!([])),
    ];
    Node {
        columns,
        children: Vec::new(),
    }
}

impl Node {
    fn set(&mut self, column: &str, value: Value) {
        if let Some(slot) = self.columns.iter_mut().find(|(name, _)| *name == column) {
            slot.1 = value;
        }
    }
}

/// Swap counts as a mount point.
fn mountpoints(state: &State, name: &str) -> Value {
    let path = format!("/dev/{name}");
    let mounted = state.mounts.of(&path);
    let mut targets: Vec<&str> = mounted.map(|mount| mount.target.as_str()).collect();
    if state.swaps.contains(&path) {
        targets.push("[SWAP]");
    }
    json!(targets)
}

/// util-linux's own layout of JSON.
fn print_nodes(nodes: &[Node], indent: usize, text: &mut String) {
    let pad = " ".repeat(indent);
    for (index, node) in nodes.iter().enumerate() {
        let open = if index == 0 {
            format!("\n{pad}")
        } else {
            ",".to_owned()
        };
        *text += &format!("{open}{{");
        let mut separator = "";
        for (name, value) in &node.columns {
            *text += &format!("{separator}\n{pad}   \"{name}\": ");
            match value.as_array() {
                Some(items) if !items.is_empty() => {
                    let lines: Vec<String> = items
                        .iter()
                        .map(|item| format!("{pad}       {item}"))
                        .collect();
                    *text += &format!("[\n{}\n{pad}   ]", lines.join(",\n"));
                }
                _ => *text += &value.to_string(),
            }
            separator = ",";
        }
        if !node.children.is_empty() {
            *text += &format!(",\n{pad}   \"children\": [");
            print_nodes(&node.children, indent + 6, text);
            *text += &format!("\n{pad}   ]");
        }
        *text += &format!("\n{pad}}}");
    }
}

/// `find /dev/disk -type l -printf '%p\t%l\n'`, in order of the links. When several devices claim
/// the same label or UUID, as the members of a pool do, one of them has the link.
pub(super) fn links(state: &State) -> String {
    let mut links = BTreeMap::new();
    for (name, disk) in &state.disks {
        let mut devices = vec![(None, name.clone(), disk.signatures.first())];
        devices.extend(disk.partitions.iter().map(|(number, partition)| {
            let own = partition_name(name, *number);
            (Some(*number), own, partition.signatures.first())
        }));
        for (number, target, signature) in devices {
            for link in &disk.links {
                let path = format!("/dev/disk/by-id/{link}");
                let path = number.map_or(path.clone(), |number| partition_path(&path, number));
                links.entry(path).or_insert_with(|| target.clone());
            }
            let uuid = signature.and_then(|found| found.uuid.as_ref());
            let label = signature.and_then(|found| found.label.as_ref());
            let by_uuid = uuid.map(|uuid| format!("/dev/disk/by-uuid/{uuid}"));
            let by_label = label.map(|label| format!("/dev/disk/by-label/{label}"));
            for path in by_uuid.into_iter().chain(by_label) {
                links.entry(path).or_insert_with(|| target.clone());
            }
        }
    }
    links
        .iter()
        .map(|(path, target)| format!("{path}\t../../{target}\n"))
        .collect()
}

/// `wipefs -J PATH..`
pub(super) fn find_signatures(state: &State, paths: &[String]) -> Output {
    let mut objects = Vec::new();
    for path in paths {
        let Some(device) = state.device(path) else {
            return no_device(path);
        };
        let name = path.rsplit('/').next().unwrap_or(path);
        for found in signatures(state, &device) {
            objects.push(format!(
                "      {{\n         \"device\": {},\n         \"offset\": \"0x{:x}\",\n         \
                 \"type\": {},\n         \"uuid\": {},\n         \"label\": {}\n      }}",
                json!(name),
                found.offset,
                json!(found.kind),
                json!(found.uuid),
                json!(found.label)
            ));
        }
    }
    let list = objects.join(",").replace("},      {", "},{");
    Output::success(format!("{{\n   \"signatures\": [\n{list}\n   ]\n}}\n"))
}

/// `wipefs -a PATH..`
pub(super) fn erase(state: &mut State, paths: &[String]) -> Output {
    let mut stdout = String::new();
    for path in paths {
        let Some(device) = state.device(path) else {
            return Output {
                stdout,
                ..no_device(path)
            };
        };
        if state.is_busy(&device) {
            let text = format!(
                "wipefs: error: {path}: probing initialization failed: Device or resource busy\n"
            );
            return Output {
                stdout,
                ..Output::failure(1, text)
            };
        }
        for found in signatures(state, &device) {
            let magic = magic(&found.kind);
            stdout += &format!(
                "{path}: {} bytes were erased at offset 0x{:08x} ({}): {magic}\n",
                magic.split(' ').count(),
                found.offset,
                found.kind
            );
        }
        let Some(disk) = state.disks.get_mut(&device.disk) else {
            continue;
        };
        match device.partition {
            Some(number) => {
                if let Some(partition) = disk.partitions.get_mut(&number) {
                    partition.signatures.clear();
                }
            }
            None => {
                disk.signatures.clear();
                disk.partitions.clear();
                disk.half_table = None;
                if disk.table.take().is_some() {
                    stdout +=
                        &format!("{path}: calling ioctl to re-read partition table: Success\n");
                }
            }
        }
    }
    Output::success(stdout)
}

fn no_device(path: &str) -> Output {
    Output::failure(
        1,
        format!(
            "wipefs: error: {path}: probing initialization failed: No such file or directory\n"
        ),
    )
}

/// Signatures of the device itself, its partition table included, its partitions' not.
fn signatures(state: &State, device: &Device) -> Vec<Signature> {
    let Some(disk) = state.disks.get(&device.disk) else {
        return Vec::new();
    };
    if let Some(number) = device.partition {
        let partition = disk.partitions.get(&number);
        return partition
            .map(|partition| partition.signatures.clone())
            .unwrap_or_default();
    }
    let table = |kind: &str, offset: u64| Signature {
        kind: kind.to_owned(),
        offset,
        uuid: None,
        label: None,
    };
    let mut found = match disk.table.as_deref() {
        Some("gpt") => vec![
            table("gpt", 0x200),
            table("gpt", disk.size.saturating_sub(0x200)),
            table("PMBR", 0x1fe),
        ],
        Some(other) => vec![table(other, 0x1fe)],
        None if disk.half_table.is_some() => vec![
            table("gpt", 0x200),
            table("gpt", disk.size.saturating_sub(0x200)),
        ],
        None => Vec::new(),
    };
    found.extend(disk.signatures.clone());
    found
}

/// The bytes by which libblkid knows a signature.
fn magic(kind: &str) -> &'static str {
    match kind {
        "ext2" | "ext3" | "ext4" => "53 ef",
        "gpt" => "45 46 49 20 50 41 52 54",
        "PMBR" | "dos" => "55 aa",
        "LVM2_member" => "4c 56 4d 32 20 30 30 31",
        "xfs" => "58 46 53 42",
        "btrfs" => "5f 42 48 52 66 53 5f 4d",
        "swap" => "53 57 41 50 53 50 41 43 45 32",
        _ => "01 01 00 00 00 00 00 00 00 00 00 01 00 00 00 24",
    }
}
