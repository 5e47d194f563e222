//! Whether everything below a directory has the owner, group and mode of the directory itself.
//!
//! Owns the question to `find`. What "the same mode" means for a file is [`file_mode`]'s, and
//! changing a tree the hosts' business.

use camino::Utf8Path;

use crate::mounts::Mounts;
use crate::parse::ReadError;
use crate::system::only_missing;
use phoenix_host::Host;
use phoenix_host::change::file_mode;
use phoenix_host::command::{Command, Program};

/// What everything in a tree should have; `None` is not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Common {
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// The mode of directories; files have [`file_mode`] of it.
    pub mode: Option<u32>,
}

/// `find`: the first entry below `path`, on the same file system, that has something else. Links
/// are not followed, and have an owner but no mode. `mounted_below` are the directories below
/// `path` where something else is mounted: `-xdev` does not look into them, but at them.
pub fn find_other(path: &str, common: &Common, mounted_below: &[&str]) -> Command {
    let mut args: Vec<String> = vec![
        path.to_owned(),
        "-xdev".into(),
        "-mindepth".into(),
        "1".into(),
    ];
    if !mounted_below.is_empty() {
        args.push("(".into());
        for (number, target) in mounted_below.iter().enumerate() {
            if number > 0 {
                args.push("-o".into());
            }
            args.extend(["-path".to_owned(), literal(target)]);
        }
        args.extend([")", "-prune", "-o"].map(str::to_owned));
    }
    let mut tests: Vec<String> = Vec::new();
    tests.extend(common.uid.map(|uid| format!("! -uid {uid}")));
    tests.extend(common.gid.map(|gid| format!("! -gid {gid}")));
    if let Some(mode) = common.mode {
        let plain = file_mode(mode, 0);
        let executable = file_mode(mode, 0o111);
        tests.push(format!("-type d ! -perm {mode:04o}"));
        tests.push(format!("-type f ! -perm /111 ! -perm {plain:04o}"));
        tests.push(format!("-type f -perm /111 ! -perm {executable:04o}"));
    }
    args.push("(".into());
    args.extend(tests.join(" -o ").split(' ').map(str::to_owned));
    args.extend([")", "-print", "-quit"].map(str::to_owned));
    Command::read(Program::Find, args).timeout(LIMIT)
}

/// How long `find` may look at a tree, in seconds. It stops at the first difference, so that only
/// a tree without one is read whole: about ten million files in this time.
const LIMIT: u64 = 600;

/// A path as a pattern of `find` that matches nothing else.
fn literal(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// The first entry below the mounted directory `path` that has something else than `common`.
///
/// # Errors
/// When `find` does not end in time, or fails for another reason than an entry that was removed
/// while it looked.
pub fn read_other(
    host: &dyn Host,
    path: &str,
    common: &Common,
    mounts: &Mounts,
) -> Result<Option<String>, ReadError> {
    let nothing = Common {
        uid: None,
        gid: None,
        mode: None,
    };
    if *common == nothing {
        return Ok(None);
    }
    let directory = Utf8Path::new(path);
    let is_below = |target: &&Utf8Path| *target != directory && target.starts_with(directory);
    let targets = mounts.targets().filter(is_below);
    let below: Vec<&str> = targets.map(Utf8Path::as_str).collect();
    let command = find_other(path, common, &below);
    let output = host.run(&command)?;
    if output.code != Some(0) && !only_missing(&output.stderr) {
        output.check(&command)?;
    }
    let found = output.stdout.trim_end_matches('\n');
    Ok((!found.is_empty()).then(|| found.to_owned()))
}
