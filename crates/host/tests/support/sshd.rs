//! A real sshd on a loopback port, with keys of its own, for tests of remote hosts. Also used by
//! the tests of the command line.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

/// Debian's place; sshd has to be started by its absolute path.
const SSHD: &str = "/usr/sbin/sshd";

/// A running sshd. It and all its connections end with this value.
pub(crate) struct Sshd {
    child: Child,
    keep: tempfile::TempDir,
    port: u16,
}

impl Sshd {
    /// Starts one. Without sshd there is nothing to test against: tests that come here are ignored
    /// unless somebody asks for them.
    pub(crate) fn start() -> Self {
        Self::with_config("")
    }

    /// One with more lines in its configuration.
    pub(crate) fn with_config(more: &str) -> Self {
        assert!(
            Utf8Path::new(SSHD).exists(),
            "{SSHD} is missing: install the package openssh-server"
        );
        // Where sshd locks its unprivileged half in; systemd makes it for the service only.
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let keep = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(keep.path()).unwrap();
        for key in ["host", "id", "other"] {
            let path = directory.join(key);
            run(
                "/usr/bin/ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", path.as_str()],
            );
        }
        // Another process may take the port before sshd does; then the next one is tried.
        for _ in 0..10 {
            let port = free_port();
            let config = format!(
                "ListenAddress 127.0.0.1\nPort {port}\nHostKey {directory}/host\n\
                 AuthorizedKeysFile {directory}/id.pub\nStrictModes no\nUsePAM no\nPidFile none\n\
                 PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 PermitRootLogin yes\nLogLevel ERROR\n{more}\n"
            );
            fs::write(directory.join("sshd_config"), config).unwrap();
            let mut child = spawn(
                SSHD,
                &["-D", "-e", "-f", directory.join("sshd_config").as_str()],
            );
            if listens(port, &mut child) {
                let sshd = Self { child, keep, port };
                sshd.write_client_config("ssh_config", "host", "id");
                return sshd;
            }
        }
        panic!("sshd does not start");
    }

    fn directory(&self) -> &Utf8Path {
        Utf8Path::from_path(self.keep.path()).unwrap()
    }

    /// The address of this sshd.
    pub(crate) fn target(&self) -> String {
        format!("ssh://127.0.0.1:{}", self.port)
    }

    /// A client configuration that knows the host's key and has the user's.
    pub(crate) fn client_config(&self) -> Utf8PathBuf {
        self.directory().join("ssh_config")
    }

    /// Writes a client configuration that trusts the host key `known` (`none`: knows no key) and
    /// shows the user key `id`. It would take any host for the one that is meant.
    pub(crate) fn write_client_config(&self, name: &str, known: &str, id: &str) -> Utf8PathBuf {
        let directory = self.directory();
        let known_hosts = directory.join(format!("{name}.known_hosts"));
        let key = fs::read_to_string(directory.join(format!("{known}.pub"))).unwrap_or_default();
        let line = if key.is_empty() {
            String::new()
        } else {
            format!("[127.0.0.1]:{} {key}", self.port)
        };
        fs::write(&known_hosts, line).unwrap();
        let id = directory.join(id);
        fs::set_permissions(&id, fs::Permissions::from_mode(0o600)).unwrap();
        let path = directory.join(name);
        let text = format!(
            "IdentityFile {id}\nIdentitiesOnly yes\nUserKnownHostsFile {known_hosts}\n\
             GlobalKnownHostsFile none\nStrictHostKeyChecking no\n"
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// Ends every connection at once, as a dying network does, and listens no more.
    pub(crate) fn cut(&mut self) {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        for pid in fs::read_to_string(children)
            .unwrap_or_default()
            .split_whitespace()
        {
            let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.cut();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until sshd takes connections; whether it does.
fn listens(port: u16, child: &mut Child) -> bool {
    let limit = Instant::now() + Duration::from_secs(20);
    while Instant::now() < limit && child.try_wait().unwrap().is_none() {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

fn run(program: &str, args: &[&str]) {
    assert!(spawn(program, args).wait().unwrap().success(), "{program}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test stands in for the machine that runs sshd"
)]
fn spawn(program: &str, args: &[&str]) -> Child {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
