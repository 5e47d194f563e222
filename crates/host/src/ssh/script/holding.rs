//! The scripts that hold something on the other side for as long as their input lasts: the lock of a
//! run, locks of other programs, disks.

use std::time::Duration;

use camino::Utf8Path;
use shlex::QuoteError;

use super::{PROLOGUE, word};

/// What a script says that holds its lock.
pub(in crate::ssh) const HELD: &str = "held";
/// What it says when there is nothing to lock.
pub(in crate::ssh) const NOTHING: &str = "nothing";
/// What it says, with the name of whoever has the lock, when it cannot be had.
pub(in crate::ssh) const BUSY: &str = "busy";

/// Holds the lock of the run together with whoever else does, until the script that follows has come
/// to its end, whatever becomes of the connection.
pub(in crate::ssh) fn sharing_lock(path: &Utf8Path, script: &str) -> Result<String, QuoteError> {
    let path = word(path.as_str())?;
    Ok(format!(
        "exec 9<{path} && flock -s -n 9 || {{ echo 'the lock of this run is lost' >&2; exit 1; }}\n\
         {script}"
    ))
}

/// Takes the lock of a run and signs it. Once nobody else has it, it is held together with the
/// commands of the run, see [`sharing_lock`].
pub(in crate::ssh) fn run_lock(
    path: &Utf8Path,
    command: &str,
    wait: Duration,
    mark: &str,
) -> Result<String, QuoteError> {
    let (open, command) = ("umask 077\nexec 9>>\"$path\"", word(command)?);
    let sign = format!(
        "printf 'process %s (%s, over ssh from %s)\\n' $$ {command} \"${{SSH_CLIENT%% *}}\" > \"$path\"\n\
         flock -s -n 9 || busy"
    );
    lock(path, open, &sign, wait, mark)
}

/// Takes a lock of other programs, as the local host does: where the directory is missing, so are
/// the programs.
pub(in crate::ssh) fn shared_lock(
    path: &Utf8Path,
    wait: Duration,
    mark: &str,
) -> Result<String, QuoteError> {
    let open = "[ -d \"$(dirname -- \"$path\")\" ] || { say nothing; exit 0; }\n\
                umask 022\n\
                if [ -e \"$path\" ]; then exec 9<\"$path\"; else exec 9>>\"$path\"; fi";
    lock(path, open, ":", wait, mark)
}

/// Takes a lock and keeps it while something is read now and then, so that a connection that died
/// without a word does not hold it for ever. Says what became of it.
fn lock(
    path: &Utf8Path,
    open: &str,
    sign: &str,
    wait: Duration,
    mark: &str,
) -> Result<String, QuoteError> {
    let path = word(path.as_str())?;
    let wait = if wait.is_zero() {
        "-n".to_owned()
    } else {
        format!("-w {:.3}", wait.as_secs_f64())
    };
    Ok(format!(
        "{{
{PROLOGUE}say() {{ printf '%s<%s\\n%s>0\\n' {mark} \"$1\" {mark}; }}
path={path}
if [ -L \"$path\" ] || {{ [ -e \"$path\" ] && [ ! -f \"$path\" ]; }}; then
    echo 'it is not a regular file' >&2
    exit 1
fi
{open}
{WHO_IS_BUSY}
busy() {{ say \"{BUSY} $(who_is_busy)\"; exit 0; }}
flock {wait} 9 || busy
{sign}
say {HELD}
while [ -n \"$(timeout {LOCK_SILENCE_SECONDS} head -c 1)\" ]; do :; done
}}
"
    ))
}

/// Prints who has the lock: the process that has signed for it, or what that has started if it is
/// gone itself. Those that wait for a lock have its file open too; the kernel tells them apart.
const WHO_IS_BUSY: &str = r#"who_is_busy() {
    signed=$(head -c 4096 -- "$path")
    signer=${signed#process }
    signer=${signer%% *}
    found= oldest=
    for file in /proc/[0-9]*/fd/*; do
        [ "$file" -ef "$path" ] || continue
        process=${file%/fd/*}
        case $(cat "$process/fdinfo/${file##*/}" 2>/dev/null) in *FLOCK*) ;; *) continue ;; esac
        if [ "$process" = "/proc/$signer" ]; then found=; break; fi
        line=$(tr '\0' ' ' 2>/dev/null < "$process/cmdline")
        case $line in timeout\ * | /bin/sh\ ) continue ;; esac
        process=${process#/proc/}
        [ -z "$oldest" ] || [ "$process" -lt "$oldest" ] || continue
        oldest=$process
        found="process $process (${line% }), started by $signed, which is gone,"
    done
    printf '%s' "${found:-$signed}"
}"#;

/// What opens devices for nobody else and says so, and then waits until it has read all.
const HOLD_DISKS: &str = r#"
use strict;
use Errno;
use Fcntl;
my ($mark, @devices) = @ARGV;
sub answer { local $| = 1; printf "%s<%s\n%s>0\n", $mark, join("\n", @_), $mark; }
my @held;
for my $device (@devices) {
    my ($file, $opened);
    for (1 .. 10) {
        $opened = sysopen($file, $device, O_RDONLY | O_EXCL | O_NONBLOCK);
        last if $opened || !$!{EBUSY};
        select(undef, undef, undef, 0.1);
    }
    if (!$opened) {
        answer($!{EBUSY} ? "busy" : "failed", $device, "$!");
        exit 0;
    }
    push @held, $file;
}
answer("held");
alarm 600;
1 while <STDIN>;
"#;

/// Holds disks until its input ends.
pub(in crate::ssh) fn hold_disks(disks: &[&str], mark: &str) -> Result<String, QuoteError> {
    let disks = disks.iter().map(|disk| word(disk));
    let disks = disks.collect::<Result<Vec<_>, _>>()?.join(" ");
    let program = word(HOLD_DISKS)?;
    Ok(format!(
        "{{
{PROLOGUE}command -v perl >/dev/null || {{ echo 'it has no perl' >&2; exit 1; }}
exec perl -e {program} -- {mark} {disks}
}}
"
    ))
}

/// After how much silence the other side gives the run lock back.
pub(in crate::ssh) const LOCK_SILENCE_SECONDS: u64 = 60;
