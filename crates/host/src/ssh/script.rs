//! The scripts that run on the other side, for a POSIX shell.
//!
//! Each is read whole before any of it is run: it stands in braces, so that one that was cut off by
//! a lost connection does nothing. Everything that is not fixed passes [`word`].

mod holding;

use std::fmt::Write as _;

use camino::Utf8Path;
use shlex::QuoteError;

use crate::PermissionChange;
use crate::command::{Command, Program};
use crate::local::file::{NEW_DIRECTORY, NEW_FILE, UNFINISHED};

pub(super) use holding::{
    BUSY, HELD, LOCK_SILENCE_SECONDS, NOTHING, hold_disks, run_lock, shared_lock, sharing_lock,
};

/// The tools that scripts use, all of Debian's essential packages coreutils and util-linux.
const TOOLS: [&str; 15] = [
    "cat", "chmod", "chown", "dirname", "env", "flock", "head", "mkdir", "mktemp", "mv", "rm",
    "stat", "sync", "timeout", "tr",
];

/// What every script begins with: nothing of the user's own environment may change its meaning.
const PROLOGUE: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8\n\
                        export PATH LC_ALL\n\
                        unset CDPATH IFS POSIXLY_CORRECT\n\
                        cd /\n";

/// Any text as one word of a shell.
pub(super) fn word(text: &str) -> Result<String, QuoteError> {
    shlex::try_quote(text).map(std::borrow::Cow::into_owned)
}

/// A script whose answer can be told from everything around it.
pub(super) fn framed(script: &str, mark: &str) -> String {
    format!(
        "{{\n{PROLOGUE}\
         printf '%s<' {mark}; printf '%s<' {mark} >&2\n\
         (\n{script}\n) </dev/null\n\
         code=$?\n\
         printf '%s>%s\\n' {mark} $code; printf '%s>%s\\n' {mark} $code >&2\n\
         }}\n"
    )
}

/// Whether the end of a framed answer has come.
pub(super) fn end_mark(bytes: &[u8], mark: &str) -> bool {
    bytes.last() == Some(&b'\n') && unframed(tail(bytes), mark).is_some()
}

/// The part of an answer that can hold its end; looking through all of it for every piece that
/// comes would take the square of its size.
fn tail(bytes: &[u8]) -> &[u8] {
    const LONGEST_FRAME: usize = 128;
    bytes
        .last_chunk::<LONGEST_FRAME>()
        .map_or(bytes, <[u8; LONGEST_FRAME]>::as_slice)
}

/// What is within the frame, and the exit code.
pub(super) fn unframed<'a>(bytes: &'a [u8], mark: &str) -> Option<(&'a [u8], i32)> {
    let (begin, end) = (format!("{mark}<"), format!("{mark}>"));
    let from = find(bytes, begin.as_bytes()).map_or(0, |at| at + begin.len());
    let at = rfind(bytes, end.as_bytes())?;
    let code = bytes.get(at + end.len()..)?;
    let code = std::str::from_utf8(code).ok()?.trim_end().parse().ok()?;
    Some((bytes.get(from..at)?, code))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn rfind(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|window| window == what)
}

/// Prints the path of every program that is there; fails, with the reason, on a machine that
/// cannot be managed.
pub(super) fn probe(directories: &[&str]) -> Result<String, QuoteError> {
    let mut script =
        "[ \"$(uname -s)\" = Linux ] || { echo 'it does not run Linux' >&2; exit 1; }\n".to_owned();
    for tool in TOOLS {
        let _ = writeln!(
            script,
            "command -v {tool} >/dev/null || {{ echo 'it has no {tool}' >&2; exit 1; }}"
        );
    }
    let names = Program::ALL.map(Program::name).join(" ");
    let mut places = String::new();
    for directory in directories {
        places.push(' ');
        places.push_str(&word(directory)?);
    }
    let _ = write!(
        script,
        "for name in {names}; do for place in{places}; do\n\
         if [ -f \"$place/$name\" ] && [ -x \"$place/$name\" ]; then\n\
         printf '%s\\n' \"$place/$name\"; break; fi\n\
         done; done"
    );
    Ok(script)
}

/// Runs a program as the local host does. `timeout` kills it with all its children.
pub(super) fn run(program: &Utf8Path, command: &Command, path: &str) -> Result<String, QuoteError> {
    let words = std::iter::once(program.as_str()).chain(command.args.iter().map(String::as_str));
    let words = words.map(word).collect::<Result<Vec<_>, _>>()?.join(" ");
    // 0 would be no limit.
    let seconds = command.timeout_seconds.max(1);
    Ok(format!(
        "timeout -s KILL {seconds} env -i PATH={} LC_ALL=C.UTF-8 {words}",
        word(path)?
    ))
}

/// Prints a file.
pub(super) fn read(path: &Utf8Path) -> Result<String, QuoteError> {
    Ok(format!("cat -- {}", word(path.as_str())?))
}

/// Replaces a file: whoever reads it, and whatever happens to the machine or the connection, sees
/// the old contents or the new ones. Its directory is made if only that is missing, and what killed
/// runs have left behind in it is taken away.
pub(super) fn replace(
    path: &Utf8Path,
    directory: &Utf8Path,
    contents: &str,
) -> Result<String, QuoteError> {
    let (path, directory) = (word(path.as_str())?, word(directory.as_str())?);
    let (size, contents) = (contents.len(), word(contents)?);
    let (prefix, suffix) = UNFINISHED;
    Ok(format!(
        "umask 077
path={path} directory={directory}
if [ -L \"$path\" ] || {{ [ -e \"$path\" ] && [ ! -f \"$path\" ]; }}; then
    echo 'it is not a regular file' >&2
    exit 1
fi
if [ ! -e \"$path\" ] && [ ! -d \"$directory\" ]; then
    mkdir -m {NEW_DIRECTORY:04o} -- \"$directory\" || exit 1
fi
for left in \"$directory\"/{prefix}*{suffix}; do
    if [ -f \"$left\" ] && [ ! -L \"$left\" ]; then flock -n \"$left\" rm -f -- \"$left\" || :; fi
done
new=$(mktemp -- \"$directory/{prefix}XXXXXX{suffix}\") || exit 1
exec 8<\"$new\" && flock -n 8 || exit 1
trap 'rm -f -- \"$new\"' EXIT
printf %s {contents} > \"$new\" || exit 1
if [ \"$(stat -c %s -- \"$new\")\" != {size} ]; then
    echo 'not all of it could be written' >&2
    exit 1
fi
if [ -e \"$path\" ]; then
    chown --reference=\"$path\" -- \"$new\" && chmod --reference=\"$path\" -- \"$new\" || exit 1
else
    chmod {NEW_FILE:04o} -- \"$new\" || exit 1
fi
sync -- \"$new\" && mv -T -- \"$new\" \"$path\" && sync -- \"$directory\""
    ))
}

/// Writes a kernel parameter in place.
pub(super) fn write_parameter(path: &Utf8Path, value: &str) -> Result<String, QuoteError> {
    let (path, value) = (word(path.as_str())?, word(value)?);
    Ok(format!(
        "path={path}
[ -f \"$path\" ] || {{ echo 'No such file or directory' >&2; exit 1; }}
printf %s {value} > \"$path\""
    ))
}

/// Changes owner and mode of a mounted dataset's root directory, and prints what it has then;
/// prints nothing if it is not one. The shell's working directory is the directory that was
/// opened: if the dataset goes away meanwhile, the change goes to it or nowhere, never to the empty
/// directory below.
pub(super) fn set_permissions(
    change: &PermissionChange,
    setfacl: Option<&Utf8Path>,
    mountinfo: &Utf8Path,
) -> Result<String, QuoteError> {
    let path = word(change.path.as_str())?;
    let (target, source) = (
        word(&escape_octal(change.path.as_str()))?,
        word(&escape_octal(&change.dataset))?,
    );
    let number = |id: Option<u32>| id.map_or(String::new(), |id| id.to_string());
    let mut steps = String::new();
    if change.uid.is_some() || change.gid.is_some() {
        let (uid, gid) = (number(change.uid), number(change.gid));
        let owner = match change.gid {
            Some(_) => format!("{uid}:{gid}"),
            None => uid,
        };
        let _ = writeln!(steps, "chown -- {owner} . || exit 1");
    }
    // After the owner: changing an owner may clear the set-id bits. Of fewer than five digits chmod
    // would keep the set-id bits of a directory.
    if let Some(mode) = change.mode {
        let _ = writeln!(steps, "chmod -- {:05o} . || exit 1", mode & 0o7777);
    }
    if let Some(program) = setfacl.filter(|_| !change.acl.is_empty()) {
        let command = change.setfacl(".");
        let words =
            std::iter::once(program.as_str()).chain(command.args.iter().map(String::as_str));
        let words = words.map(word).collect::<Result<Vec<_>, _>>()?.join(" ");
        let _ = writeln!(steps, "{words} || exit 1");
    }
    Ok(format!(
        "path={path}
[ -d \"$path\" ] && [ ! -L \"$path\" ] || exit 0
cd -- \"$path\" || exit 1
device=$(stat -c %d .) || exit 1
major=$((((device >> 8) & 0xfff) | ((device >> 32) & 0xfffff000)))
minor=$(((device & 0xff) | ((device >> 12) & 0xffffff00)))
is_root=
while read -r id parent number root target rest; do
    [ \"$number $root\" = \"$major:$minor /\" ] && [ \"$target\" = {target} ] || continue
    case $rest in *' - zfs '{source}' '*) is_root=1 ;; esac
done < {}
[ -n \"$is_root\" ] || exit 0
{steps}stat -c '%u %g %a' .",
        word(mountinfo.as_str())?
    ))
}

/// Reads what the script of [`set_permissions`] prints: owner, group, mode.
pub(super) fn parse_owner_and_mode(text: &str) -> Option<(u32, u32, u32)> {
    let mut fields = text.split_whitespace();
    Some((
        fields.next()?.parse().ok()?,
        fields.next()?.parse().ok()?,
        u32::from_str_radix(fields.next()?, 8).ok()?,
    ))
}

/// A path as the kernel writes it into its table of mounts (`seq_path_root`).
fn escape_octal(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            ' ' | '\t' | '\n' | '\\' => {
                let _ = write!(escaped, "\\{:03o}", u32::from(c));
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// What [`first_links`] says of a path without one.
pub(super) const NO_LINK: &str = "-";

/// Prints the first symbolic link on the way to each path.
pub(super) fn first_links(paths: &[&str]) -> Result<String, QuoteError> {
    let paths = paths.iter().map(|path| word(path));
    let paths = paths.collect::<Result<Vec<_>, _>>()?.join(" ");
    Ok(format!(
        "for path in {paths}; do
    link={NO_LINK}
    while [ -n \"$path\" ]; do
        [ ! -L \"$path\" ] || link=$path
        path=${{path%/*}}
    done
    printf '%s\\0' \"$link\"
done"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use camino::Utf8PathBuf;

    use super::*;
    use crate::local::process::{self, Limits, NEVER, Start, into_text};

    /// Runs a script as the other side would, cut off after `bytes`; what came back within the frame.
    fn run_cut(script: &str, bytes: usize) -> Option<(String, i32)> {
        let framed = framed(script, "MARK");
        let start = Start {
            program: Utf8Path::new("/bin/sh"),
            args: &[],
            environment: &[],
            input: &framed.as_bytes()[..bytes.min(framed.len())],
            stdin: None,
            inherited: None,
        };
        let ended = process::run(&start, &Limits::default(), NEVER).unwrap();
        let (stdout, code) = unframed(&ended.stdout, "MARK")?;
        Some((into_text(stdout.to_owned()), code))
    }

    fn run_whole(script: &str) -> (String, i32) {
        run_cut(script, usize::MAX).unwrap()
    }

    #[test]
    fn a_script_that_was_cut_off_does_nothing() {
        let keep = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(keep.path()).unwrap();
        let script = replace(&directory.join("file"), directory, "it's\nnew").unwrap();
        let whole = framed(&script, "MARK").len();
        for bytes in (1..whole - 2).step_by(29).chain([whole - 3]) {
            assert_eq!(run_cut(&script, bytes), None, "{bytes}");
        }
        assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
        assert_eq!(run_whole(&script).1, 0);
        let text = fs::read_to_string(directory.join("file")).unwrap();
        assert_eq!(text, "it's\nnew");
    }

    #[test]
    fn answers_are_told_from_what_surrounds_them() {
        for (bytes, wanted) in [
            ("MARK<outMARK>0\n", Some(("out", 0))),
            ("hello\nMARK<MARK>255\n", Some(("", 255))),
            ("MARK<a MARK> bMARK>1\n", Some(("a MARK> b", 1))),
            ("MARK<out", None),
            ("MARK<outMARK>", None),
            ("", None),
        ] {
            let wanted = wanted.map(|(text, code)| (text.as_bytes(), code));
            assert_eq!(unframed(bytes.as_bytes(), "MARK"), wanted, "{bytes}");
            assert_eq!(
                end_mark(bytes.as_bytes(), "MARK"),
                wanted.is_some(),
                "{bytes}"
            );
        }
        // A code that has not come whole is no code.
        assert!(!end_mark(b"MARK<outMARK>1", "MARK"));
    }

    /// A directory that a made-up table of mounts says is a dataset.
    struct Mounted {
        keep: tempfile::TempDir,
        path: Utf8PathBuf,
        line: String,
    }

    fn mounted() -> Mounted {
        let keep = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(keep.path()).unwrap().join("it's a");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o2755)).unwrap();
        let device = fs::metadata(&path).unwrap().dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let target = path.as_str().replace(' ', "\\040");
        let line = format!(
            "91 62 {major}:{minor} / {target} rw,relatime shared:129 - zfs tank/a\\040b rw,xattr\n"
        );
        Mounted { keep, path, line }
    }

    /// What the script says about a change, with this table of mounts.
    fn change(mounted: &Mounted, table: &str, path: &Utf8Path) -> (String, i32) {
        let file = Utf8Path::from_path(mounted.keep.path())
            .unwrap()
            .join("table");
        fs::write(&file, table).unwrap();
        let owner = fs::metadata(&mounted.path).unwrap();
        let change = PermissionChange {
            dataset: "tank/a b".to_owned(),
            path: path.to_owned(),
            uid: Some(owner.uid()),
            gid: Some(owner.gid()),
            mode: Some(0o0750),
            recursive: false,
            acl: std::collections::BTreeMap::new(),
        };
        run_whole(&set_permissions(&change, None, &file).unwrap())
    }

    /// chmod(1) keeps the set-group-id bit of a directory unless it is told not to.
    #[test]
    fn the_mode_of_a_mounted_directory_is_set_whole() {
        let mounted = mounted();
        let (text, code) = change(&mounted, &mounted.line, &mounted.path);
        let owner = fs::metadata(&mounted.path).unwrap();
        assert_eq!(code, 0, "{text}");
        assert_eq!(
            parse_owner_and_mode(&text),
            Some((owner.uid(), owner.gid(), 0o750))
        );
        assert_eq!(owner.mode() & 0o7777, 0o750);
    }

    /// The directory that was opened gets it, whatever is at its path by then.
    #[test]
    fn an_acl_is_set_on_what_was_opened() {
        let mounted = mounted();
        let file = mounted.path.with_file_name("table");
        fs::write(&file, &mounted.line).unwrap();
        let change = PermissionChange {
            dataset: "tank/a b".to_owned(),
            path: mounted.path.clone(),
            uid: None,
            gid: None,
            mode: None,
            recursive: false,
            acl: [("group:1001:".to_owned(), "r-x".to_owned())].into(),
        };
        // Says what it was given in place of doing it, and takes the -n for itself.
        let echo = Utf8Path::new("/bin/echo");
        let (text, code) = run_whole(&set_permissions(&change, Some(echo), &file).unwrap());
        assert_eq!(code, 0);
        assert!(text.starts_with("-m group:1001:r-x ."), "{text}");
        let script = set_permissions(&change, Some(echo), &file.with_file_name("none")).unwrap();
        assert!(!run_whole(&script).0.contains("group:1001"));
    }

    #[test]
    fn no_other_directory_is_changed() {
        let mounted = mounted();
        let link = mounted.path.with_file_name("link");
        std::os::unix::fs::symlink(&mounted.path, &link).unwrap();
        let real = &mounted.line;
        let escaped = mounted.path.as_str().replace(' ', "\\040");
        for (what, table, path) in [
            ("no mount", String::new(), &mounted.path),
            (
                "another dataset",
                real.replace("a\\040b", "a"),
                &mounted.path,
            ),
            (
                "a longer name",
                real.replace("a\\040b", "a\\040bc"),
                &mounted.path,
            ),
            (
                "another file system",
                real.replace("- zfs", "- ext4"),
                &mounted.path,
            ),
            (
                "another place",
                real.replace(&escaped, "/else"),
                &mounted.path,
            ),
            (
                "a part of the dataset",
                real.replace(" / ", " /sub "),
                &mounted.path,
            ),
            (
                "another device",
                real.replacen("91 62 ", "91 62 9", 1),
                &mounted.path,
            ),
            ("a link", real.replace(&escaped, link.as_str()), &link),
            (
                "nothing",
                real.replace(&escaped, "/no/such"),
                &"/no/such".into(),
            ),
        ] {
            assert_ne!(table, *real, "{what}");
            assert_eq!(change(&mounted, &table, path), (String::new(), 0), "{what}");
        }
        let mode = fs::metadata(&mounted.path).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o2755);
    }

    #[test]
    fn a_machine_without_storage_programs_can_be_managed() {
        assert_eq!(
            run_whole(&probe(&["/nonexistent"]).unwrap()),
            (String::new(), 0)
        );
    }
}
