//! The guest as the tests see it: a Proxmox-like host with phoenix installed and the user's plan.

use std::sync::{Mutex, MutexGuard, PoisonError};

use camino::Utf8Path;
use phoenix_lab::guest::Guest;
use phoenix_lab::remote::{Ended, SSH_FAILED};
use phoenix_lab::setup;
pub(crate) use phoenix_lab::setup::{ARC_MAX, CONFIG};

/// There is one guest: tests that want it wait for each other, however many threads run them.
static GUEST: Mutex<()> = Mutex::new(());

/// Waits until no other test uses the guest. A test that failed leaves it to the next one.
pub(crate) fn only_one() -> MutexGuard<'static, ()> {
    GUEST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A booted guest with phoenix, the stand-ins, two containers and the user's completed plan.
pub(crate) struct Host {
    pub(crate) guest: Guest,
    pub(crate) config: String,
    _turn: MutexGuard<'static, ()>,
}

impl Drop for Host {
    /// The next test boots its own. A guest that will not stop is stopped by whoever boots next.
    fn drop(&mut self) {
        drop(self.guest.stop());
    }
}

impl Host {
    pub(crate) fn pristine() -> Self {
        let turn = only_one();
        let guest = Guest::pristine("e2e").unwrap();
        let binary = std::env::var("PHOENIX_BINARY")
            .expect("PHOENIX_BINARY names the program under test: run `cargo xtask lab test`");
        setup::install(&guest.remote, Utf8Path::new(&binary)).unwrap();
        let config = setup::users_plan();
        let host = Self {
            guest,
            config,
            _turn: turn,
        };
        host.write_config(&host.config);
        // What a test installs must outlive a power cut that the test makes.
        host.shell("sync");
        host
    }

    /// Replaces the configuration in the guest.
    pub(crate) fn write_config(&self, text: &str) {
        self.guest
            .remote
            .write(CONFIG, text.as_bytes(), 0o600)
            .unwrap();
    }

    /// Runs a line of shell in the guest that has to succeed.
    pub(crate) fn shell(&self, script: &str) -> String {
        let ended = self.reach(script);
        assert_eq!(
            ended.code, 0,
            "`{script}`: {}{}",
            ended.stdout, ended.stderr
        );
        ended.stdout
    }

    /// Runs a line of shell in the guest, whatever its exit code.
    fn reach(&self, script: &str) -> Ended {
        let ended = self.guest.remote.shell(script).unwrap();
        assert_ne!(
            ended.code,
            SSH_FAILED,
            "`{script}` was lost: {}; {}",
            ended.stderr.trim(),
            self.guest.condition()
        );
        ended
    }

    /// Runs phoenix in the guest, whatever its exit code.
    pub(crate) fn phoenix(&self, arguments: &str) -> Ended {
        self.reach(&format!("phoenix {arguments}"))
    }

    /// Applies the configuration.
    pub(crate) fn apply(&self) -> Ended {
        self.phoenix(&format!("apply {CONFIG} --yes"))
    }

    /// Applies the configuration and insists on success.
    pub(crate) fn apply_whole(&self) -> Ended {
        let ended = self.apply();
        assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
        ended
    }

    /// Insists that nothing is left to do, and that asking changed nothing.
    pub(crate) fn assert_converged(&self) {
        let before = self.footprint();
        let ended = self.apply_whole();
        assert!(
            ended.stdout.contains("No changes."),
            "{}{}",
            ended.stdout,
            ended.stderr
        );
        assert_eq!(
            self.footprint(),
            before,
            "a run with nothing to do must leave no trace"
        );
    }

    /// What every write to a pool, an export or a container would change.
    fn footprint(&self) -> String {
        self.shell(
            "for p in $(zpool list -H -o name); do zpool history -i $p | tail -n 3; done; \
             stat -c '%n %Y %i' /etc/exports.d/* /etc/pve/storage.cfg /etc/pve/lxc/*.conf /etc/modprobe.d/* 2>&1; exportfs -s",
        )
    }
}
