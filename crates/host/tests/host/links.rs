//! Symbolic links on the way to a path, on this machine and over a connection.

use std::fs;

use camino::Utf8PathBuf;
use phoenix_host::Host;
use phoenix_host::local::LocalHost;
use phoenix_host::ssh::{SshHost, SshOptions};

use crate::local::temporary;
use crate::sshd::Sshd;

/// What leads where is said alike over a connection.
#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn links_on_the_way_are_found_over_there() {
    let sshd = Sshd::start();
    let options = SshOptions {
        config_file: Some(sshd.client_config()),
        ..SshOptions::default()
    };
    let remote = SshHost::connect(&sshd.target().parse().unwrap(), &options).unwrap();
    let (_keep, base) = temporary();
    fs::create_dir_all(base.join("real/it's deep")).unwrap();
    std::os::unix::fs::symlink(base.join("real"), base.join("link")).unwrap();
    let paths = ["real/it's deep", "link/it's deep", "link", "none"];
    let paths: Vec<Utf8PathBuf> = paths.iter().map(|path| base.join(path)).collect();
    let paths: Vec<&str> = paths.iter().map(|path| path.as_str()).collect();
    let link = Some(base.join("link"));
    let wanted = vec![None, link.clone(), link, None];
    assert_eq!(remote.first_links(&paths).unwrap(), wanted);
    assert_eq!(LocalHost::new().first_links(&paths).unwrap(), wanted);
    assert_eq!(remote.first_links(&[]).unwrap(), Vec::new());
}
