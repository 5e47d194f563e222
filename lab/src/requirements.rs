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
    let lacking: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !installed(program))
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = lacking.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    Err(LabError::Missing {
        missing: lacking.iter().map(|(program, _)| *program).collect(),
        install: format!(
            "apt-get install -y --no-install-recommends {}",
            packages.join(" ")
        ),
    })
}

fn installed(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).is_file())
}
