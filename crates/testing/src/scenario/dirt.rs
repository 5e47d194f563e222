//! What happens to a host behind phoenix's back.

use phoenix_sim::state::{Entry, State};
use phoenix_sim::{SimHost, run_argv};
use proptest::prelude::*;
use proptest::sample::select;

use super::{CONTAINERS, DRIVES};

/// One thing that happened. What cannot happen on a host, because the object is not there, does
/// not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dirt {
    /// Somebody ran a command.
    Command(&'static str),
    /// A foreign pool on the drive that no file names, with data.
    ForeignPool,
    /// A signature on a drive, by its place in [`DRIVES`].
    Signature(usize, &'static str),
    /// A dataset is not mounted.
    Unmounted(&'static str),
    /// Files in a dataset.
    Data(&'static str),
    /// A container runs.
    Running(u32),
    /// A container is gone.
    NoContainer(u32),
    /// A container has a mount point of its own.
    OwnMount(u32),
    /// The administrator exports directories, in their own file and in phoenix's.
    OwnExports,
    /// The administrator has set other module parameters.
    OwnModprobe,
}

/// Commands of somebody at the keyboard; each may fail.
const COMMANDS: [&str; 16] = [
    "zfs create one/other",
    "zfs create one/a",
    "zfs create -o quota=7G two/a",
    "zfs create -o mountpoint=none two/d",
    "zfs create -V 2G one/c",
    "zfs create one/a/foreign",
    "zfs set quota=5G one/a",
    "zfs set compression=gzip one/a",
    "zfs set atime=on one/c",
    "zfs set compression=off two",
    "zfs set mountpoint=/elsewhere two/a",
    "zpool set autotrim=off one",
    "pvesm add dir own-dir --path /var/lib/vz --content iso",
    "pvesm add zfspool s-one-a --pool one/a --content rootdir",
    "pvesm set s-two-a --content rootdir",
    "pct set 101 --mp0 /var/lib/vz,mp=/own",
];

pub(super) fn dirt() -> impl Strategy<Value = Dirt> {
    let dataset = || select(vec!["one/a", "one/c", "two/a", "two/d"]);
    let container = || select(CONTAINERS.to_vec());
    prop_oneof![
        6 => select(COMMANDS.to_vec()).prop_map(Dirt::Command),
        1 => Just(Dirt::ForeignPool),
        1 => (0..DRIVES.len(), select(vec!["ext4", "gpt", "zfs_member"]))
            .prop_map(|(drive, kind)| Dirt::Signature(drive, kind)),
        1 => dataset().prop_map(Dirt::Unmounted),
        1 => dataset().prop_map(Dirt::Data),
        1 => container().prop_map(Dirt::Running),
        1 => container().prop_map(Dirt::NoContainer),
        1 => container().prop_map(Dirt::OwnMount),
        1 => Just(Dirt::OwnExports),
        1 => Just(Dirt::OwnModprobe),
    ]
}

impl Dirt {
    /// Does it to the host.
    pub(super) fn apply(&self, host: &SimHost) {
        match self {
            Self::Command(typed) => command(host, typed),
            Self::ForeignPool => {
                let [.., (drive, _)] = DRIVES;
                command(
                    host,
                    &format!("zpool create foreign /dev/disk/by-id/{drive}"),
                );
                command(host, "zfs create -o quota=3G foreign/keep");
            }
            Self::Signature(drive, kind) => {
                let unused = |state: &State| {
                    let members = state.pools.values().flat_map(|pool| &pool.vdevs);
                    let mut members = members.flat_map(|vdev| &vdev.members);
                    let name = format!("nvme{drive}n1");
                    !members.any(|member| member.device.starts_with(&name))
                };
                if let (Some((link, _)), true) = (DRIVES.get(*drive), unused(&host.state())) {
                    let marked = host.add_signature(link, kind);
                    assert!(marked.is_ok(), "{marked:?}");
                }
            }
            _ => {
                let edited = host.edit(|state| self.edit(state));
                assert!(edited.is_ok(), "{edited:?}");
            }
        }
    }

    fn edit(&self, state: &mut State) {
        match self {
            Self::Unmounted(dataset) => {
                let below = format!("{dataset}/");
                state
                    .mounts
                    .retain(|it| it.source != *dataset && !it.source.starts_with(&below));
            }
            Self::Data(dataset) => {
                if let Some(dataset) = state.datasets.get_mut(dataset) {
                    dataset.referenced += 1 << 20;
                    if dataset.volume.is_none() {
                        dataset
                            .files
                            .insert("precious".into(), Entry::file("data\n"));
                    }
                }
            }
            Self::Running(id) => {
                if state.files.contains_key(&*conf_path(*id)) {
                    state.running.insert(*id);
                }
            }
            Self::NoContainer(id) => {
                state.files.remove(&*conf_path(*id));
                state.running.remove(id);
            }
            Self::OwnMount(id) => {
                if let Some(entry) = state.files.get_mut(&*conf_path(*id))
                    && let phoenix_sim::state::EntryKind::File(text) = &mut entry.kind
                    && !text.contains("mp1:")
                {
                    text.push_str("mp1: /srv,mp=/srv,ro=1\n");
                }
            }
            Self::OwnExports => {
                let line = |path: &str| Entry::file(format!("{path} 10.9.9.9(ro,sync)\n"));
                for directory in ["/srv", "/srv/old", "/etc/exports.d"] {
                    let kept = state.files.entry(directory.into());
                    kept.or_insert_with(Entry::directory);
                }
                state.files.insert("/etc/exports".into(), line("/srv"));
                state
                    .files
                    .entry("/etc/exports.d/phoenix.exports".into())
                    .or_insert_with(|| line("/srv/old"));
            }
            Self::OwnModprobe => {
                let text = "# mine\noptions zfs zfs_txg_timeout=10\n";
                state
                    .files
                    .insert("/etc/modprobe.d/zfs.conf".into(), Entry::file(text));
            }
            Self::Command(_) | Self::ForeignPool | Self::Signature(..) => {}
        }
    }
}

fn conf_path(id: u32) -> Box<camino::Utf8Path> {
    camino::Utf8PathBuf::from(format!("/etc/pve/lxc/{id}.conf")).into_boxed_path()
}

fn command(host: &SimHost, typed: &str) {
    let argv: Vec<String> = typed.split(' ').map(str::to_owned).collect();
    let output = run_argv(host, &argv);
    let known = !output.stderr.contains("usage:") && output.code != Some(127);
    assert!(known, "{typed}: {}", output.stderr);
}
