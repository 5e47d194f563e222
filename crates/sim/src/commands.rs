//! Which command goes where. Nothing outside of this vocabulary succeeds.

use phoenix_host::command::{Command, Effect, Output, Program};

use super::state::State;
use super::{
    access, disk, files, grep, half_table, health, mount, nfs, pct, pve, systemd, words, zfs,
    zfs_create, zpool, zpool_create, zpool_import,
};

/// What the argv would do, whatever it was announced as.
pub(super) fn effect(command: &Command) -> Effect {
    let first = command.args.first().map_or("", String::as_str);
    let looks = match command.program {
        Program::Zfs => matches!(first, "get" | "list"),
        // `zpool import -d FOLDER` lists; with one word more it imports.
        Program::Zpool if first == "import" => command.args.len() <= 3,
        // `zpool create -n` says what it would make.
        Program::Zpool if first == "create" => command.args.get(1).is_some_and(|flag| flag == "-n"),
        Program::Zpool => matches!(first, "list" | "status" | "get"),
        Program::Wipefs => first == "-J",
        Program::Blkid => first == "-p",
        Program::Pvesh => first == "get",
        Program::Pct => first == "list",
        Program::Exportfs => first == "-s",
        Program::Systemctl => first == "show",
        Program::Pvesm | Program::Setfacl | Program::UpdateInitramfs => false,
        Program::Find
        | Program::Fwupdmgr
        | Program::Getent
        | Program::Getfacl
        | Program::Grep
        | Program::Lsblk
        | Program::Nvme
        | Program::Od
        | Program::Smartctl
        | Program::Udevadm => true,
    };
    if looks { Effect::Read } else { Effect::Write }
}

/// A command that only looks.
pub(super) fn look(state: &State, command: &Command) -> Output {
    let args = &command.args;
    let rest = args.get(1..).unwrap_or_default();
    match (command.program, args.first().map_or("", String::as_str)) {
        (Program::Zfs, "get") => zfs::get(state, rest),
        (Program::Zfs, "list") => zfs::list(state, rest),
        (Program::Zpool, "list") => zpool::list(state, rest),
        (Program::Zpool, "status") => zpool::status(state, rest),
        (Program::Zpool, "get") => zpool::get(state, rest),
        (Program::Zpool, "import") => zpool_import::list(state, rest),
        (Program::Zpool, "create") => zpool_create::ask(state, rest),
        (Program::Lsblk, _) => disk::lsblk(state, args),
        (Program::Find, _) => files::find(state, args),
        (Program::Grep, _) => grep::grep(state, args),
        (Program::Getfacl, _) => access::getfacl(state, args),
        (Program::Wipefs, "-J") => disk::find_signatures(state, rest),
        (Program::Od, _) => half_table::first_sectors(state, args),
        (Program::Blkid, "-p") => half_table::contents(state, rest),
        (Program::Getent, _) => files::getent(state, args),
        (Program::Smartctl, _) => health::smartctl(state, args),
        (Program::Nvme, _) => health::nvme(state, args),
        (Program::Udevadm, "settle") if rest.is_empty() => Output::success(""),
        (Program::Exportfs, "-s") if rest.is_empty() => {
            nfs::list(state.exports.as_deref().unwrap_or_default())
        }
        (Program::Systemctl, "show") => systemd::show(state, rest),
        (Program::Pct, "list") if rest.is_empty() => pct::list(state),
        (Program::Pvesh, "get") => match &state.storages {
            Some(storages) => pve::get(storages, rest),
            None => refuse(command),
        },
        _ => refuse(command),
    }
}

/// A command that changes something.
pub(super) fn act(state: &mut State, command: &Command) -> Output {
    let args = &command.args;
    let rest = args.get(1..).unwrap_or_default();
    match (command.program, args.first().map_or("", String::as_str)) {
        (Program::Zfs, "create") => zfs_create::create(state, rest),
        (Program::Zfs, "set") => zfs::set(state, rest),
        (Program::Zfs, "mount") => mount::command(state, rest),
        (Program::Zpool, "create") => zpool_create::create(state, rest),
        (Program::Zpool, "set") => zpool::set(state, rest),
        (Program::Zpool, "export") => zpool_import::export(state, rest),
        (Program::Zpool, "import") => zpool_import::import(state, rest),
        (Program::Wipefs, "-a") if !rest.is_empty() => disk::erase(state, rest),
        (Program::Pvesm, "add") => pve::add(state, rest),
        (Program::Pvesm, "set") => pve::set(state, rest),
        (Program::Pct, "set") => pct::set(state, rest),
        (Program::Exportfs, "-ra") if rest.is_empty() => nfs::reload(state),
        (Program::Systemctl, "daemon-reload") if rest.is_empty() => systemd::reload(state),
        (Program::UpdateInitramfs, "-u") if words(rest) == ["-k", "all"] => {
            Output::success("update-initramfs: Generating /boot/initrd.img-6.14.8-2-pve\n")
        }
        (Program::Setfacl, _) => access::setfacl(state, args),
        _ => refuse(command),
    }
}

/// Nothing outside the vocabulary succeeds.
fn refuse(command: &Command) -> Output {
    let program = command.program.name();
    let reason = match (command.program, command.args.first()) {
        (Program::Zfs | Program::Zpool, Some(word)) => format!("unrecognized command '{word}'"),
        (Program::Zfs | Program::Zpool, None) => "missing command".to_owned(),
        _ => format!("{program}: the simulated host does not know: {command}"),
    };
    Output::failure(2, format!("{reason}\nusage: {program} command args ...\n"))
}
