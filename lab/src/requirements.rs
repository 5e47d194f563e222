//! What the lab needs from the machine that it runs on.

use std::path::Path;

use crate::LabError;

/// A program, and the Debian package that has it.
const PROGRAMS: [(&str, &str); 6] = [
    ("debootstrap", "debootstrap"),
    ("mkfs.ext4", "e2fsprogs"),
    ("qemu-img", "qemu-utils"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
];

/// Checks that every program is there.
///
/// # Errors
/// Names everything that is missing, and the command that installs it.
pub fn check() -> Result<(), LabError> {
    let missing: Vec<_> = lacking().map(|(program, _)| program).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing_packages().join(" ");
    Err(LabError::Missing {
        missing,
        install: format!("apt-get install -y --no-install-recommends {packages}"),
    })
}

/// The Debian packages that this machine still needs, each once.
pub fn missing_packages() -> Vec<&'static str> {
    let mut packages: Vec<_> = lacking().map(|(_, package)| package).collect();
    packages.dedup();
    packages
}

fn lacking() -> impl Iterator<Item = (&'static str, &'static str)> {
    let programs = PROGRAMS.into_iter();
    programs.filter(|(program, _)| !installed(program))
}

fn installed(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).is_file())
}
