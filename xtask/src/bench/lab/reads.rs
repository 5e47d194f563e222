//! What a run with nothing to do consists of: the commands that phoenix runs, found by watching it,
//! and their time as plain commands.
//!
//! Timed inside the guest, because the start of an ssh connection would hide the difference.

use std::error::Error;
use std::fmt::Write as _;

use phoenix_host::command::Program;
use phoenix_lab::remote::Remote;

use super::table::Reads;

/// Fills one of the plan's pools with what no file names.
pub(super) const NEIGHBOURS: &str = "zfs create -o canmount=off quickOS/foreign && \
    seq 1 1000 | xargs -P 32 -I{} zfs create -o canmount=noauto -o mountpoint=none quickOS/foreign/data-{} && \
    seq 1 20 | xargs -P 8 -I{} zfs create -s -V 1G quickOS/foreign/volume-{} && udevadm settle";

/// Stands in front of every program while phoenix is watched: one file a call, which holds the
/// program's name and its arguments.
const WATCHER: &str = "#!/bin/sh\n\
    name=${0##*/}\n\
    for word in \"$name\" \"$@\"; do printf '%s\\0' \"$word\"; done > /root/bench/calls/$$\n\
    exec /root/bench/real/$name \"$@\"\n";

/// Measures a run of `phoenix apply` that has nothing to do, and the commands that it runs.
pub(super) fn measure(
    remote: &Remote,
    title: &str,
    config: &str,
    rounds: u32,
) -> Result<Reads, Box<dyn Error>> {
    let commands = watch(remote, config)?;
    let quiet = |command: &String| format!("{command} > /dev/null 2>&1");
    let in_turn: String = commands
        .iter()
        .map(|command| quiet(command) + "\n")
        .collect();
    let at_once: String = commands
        .iter()
        .map(|command| quiet(command) + " &\n")
        .collect();
    remote.write("/root/bench/in-turn", in_turn.as_bytes(), 0o700)?;
    remote.write(
        "/root/bench/at-once",
        (at_once + "wait\n").as_bytes(),
        0o700,
    )?;
    let mut reads = Reads {
        title: title.to_owned(),
        commands: commands.len(),
        phoenix: Vec::new(),
        at_once: Vec::new(),
        in_turn: Vec::new(),
    };
    // The first round only warms caches up.
    for round in 0..=rounds {
        let phoenix = seconds(remote, &format!("phoenix apply {config} --yes"))?;
        let at_once = seconds(remote, "LC_ALL=C.UTF-8 sh /root/bench/at-once")?;
        let in_turn = seconds(remote, "LC_ALL=C.UTF-8 sh /root/bench/in-turn")?;
        if round > 0 {
            reads.phoenix.push(phoenix);
            reads.at_once.push(at_once);
            reads.in_turn.push(in_turn);
        }
    }
    Ok(reads)
}

/// The commands of one run, as lines of shell.
fn watch(remote: &Remote, config: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let names: Vec<&str> = Program::ALL.iter().map(|program| program.name()).collect();
    let names = names.join(" ");
    remote.write("/root/bench/watcher", WATCHER.as_bytes(), 0o755)?;
    let mut script = String::from(
        "set -e; rm -rf /root/bench/calls; mkdir -p /root/bench/calls /root/bench/real; ",
    );
    // Three of the names are links to one file: it is hidden only after all have been copied.
    let _ = write!(
        script,
        "for name in {names}; do path=$(command -v $name) || continue; cp -L $path /root/bench/real/$name; done; \
         trap 'for name in {names}; do path=$(command -v $name) || continue; umount $path 2> /dev/null || true; done' EXIT; \
         for name in {names}; do path=$(command -v $name) || continue; \
         case $name in pvesm|pct) ;; *) mount --bind /root/bench/watcher $path ;; esac; done; \
         phoenix apply {config} --yes | grep -q 'No changes'; "
    );
    remote.check(&script)?;
    let calls =
        remote.check("for call in /root/bench/calls/*; do cat $call; printf '\\n'; done")?;
    // An argument may hold a line break in principle; none of those that phoenix reads with does.
    let commands: Result<Vec<String>, _> = calls
        .lines()
        .map(|call| shlex::try_join(call.trim_end_matches('\0').split('\0')))
        .collect();
    let commands = commands?;
    if commands.is_empty() {
        return Err("phoenix ran no commands that could be seen".into());
    }
    Ok(commands)
}

/// Wall time of one command in the guest.
fn seconds(remote: &Remote, command: &str) -> Result<f64, Box<dyn Error>> {
    let printed = remote.check(&format!(
        "start=$(date +%s%N); {command} > /dev/null || exit 1; end=$(date +%s%N); echo $((end - start))"
    ))?;
    let nanoseconds: u64 = printed.trim().parse()?;
    Ok(std::time::Duration::from_nanos(nanoseconds).as_secs_f64())
}
