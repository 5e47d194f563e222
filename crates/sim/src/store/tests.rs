//! The state file: shared by processes, cut off at any byte, edited by a person.

use camino::Utf8PathBuf;

use super::*;
use crate::{Fault, FaultKind, Host, SimHost, run_argv};

const DISK: &str = "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003";

/// What is done to a host: commands, a file, a fault that is counted, a command that fails half way.
const DEEDS: [&str; 9] = [
    "zpool create tank DISK",
    "zfs create -o quota=1G tank/a",
    "write-file /etc/exports.d/x.exports",
    "zfs create -V 1G tank/v",
    "zfs create tank/broken",
    "zfs create tank/broken",
    "zfs set compression=zstd quota=1 tank/a",
    "pvesm add zfspool z1 --pool tank/a",
    "exportfs -ra",
];

struct Place {
    _directory: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("host.json");
        Self {
            _directory: directory,
            path: Utf8PathBuf::from_path_buf(path).unwrap(),
        }
    }

    fn journal(&self) -> Utf8PathBuf {
        format!("{}.journal", self.path).into()
    }

    /// The host in the file; a snapshot of more than `small` bytes grows by a journal.
    fn open(&self, small: u64) -> SimHost {
        let fresh = || SimHost::fresh().state();
        let (store, state) = Store::open_with(&self.path, small, fresh).unwrap();
        SimHost::new(state, Some(store))
    }
}

fn host_with_fault() -> SimHost {
    let host = SimHost::fresh();
    add_fault(&host);
    host
}

/// The second command for `tank/broken` fails.
fn add_fault(host: &SimHost) {
    let fault = Fault {
        pattern: "tank/broken".to_owned(),
        nth: 2,
        kind: FaultKind::Fail,
    };
    host.add_fault(fault).unwrap();
}

fn perform(host: &SimHost, deed: &str) {
    if let Some(path) = deed.strip_prefix("write-file ") {
        host.write_file(path.into(), "/tank 10.0.0.1(ro)\n")
            .unwrap();
        return;
    }
    let words = shlex::split(&deed.replace("DISK", DISK)).unwrap();
    let _ = run_argv(host, &words);
}

#[test]
fn a_journal_that_is_cut_off_at_any_byte_is_a_host_at_one_of_its_moments() {
    let place = Place::new();
    let host = place.open(0);
    add_fault(&host);
    let reference = host_with_fault();
    let mut moments = vec![reference.state()];
    for deed in DEEDS {
        perform(&host, deed);
        // A fault that waits for the command counts it before the command does anything.
        let mut counted = reference.state();
        crate::fault::take(&mut counted.faults, deed);
        moments.push(counted);
        perform(&reference, deed);
        moments.push(reference.state());
    }
    moments.dedup();
    assert_eq!(host.state(), reference.state());
    let snapshot = std::fs::read(&place.path).unwrap();
    let journal = std::fs::read(place.journal()).unwrap();
    drop(host);
    let mut moment = 0;
    for length in 0..=journal.len() {
        std::fs::write(&place.path, &snapshot).unwrap();
        std::fs::write(place.journal(), &journal[..length]).unwrap();
        let host = place.open(0);
        let found = host.state();
        while moments[moment] != found {
            moment += 1;
        }
        // And the next process goes on from there.
        if length % 97 == 0 {
            perform(&host, "zfs create tank/next");
            let after = host.state();
            drop(host);
            assert_eq!(place.open(0).state(), after, "{length}");
        }
    }
    assert_eq!(
        moment,
        moments.len() - 1,
        "the whole journal is the whole host"
    );
}

#[test]
fn whoever_leaves_leaves_plain_json() {
    let place = Place::new();
    let host = place.open(0);
    for deed in DEEDS {
        perform(&host, deed);
    }
    let state = host.state();
    assert!(place.journal().exists());
    assert_ne!(read_json(&place.path), state, "the journal is ahead");
    drop(host);
    assert!(!place.journal().exists());
    assert_eq!(read_json(&place.path), state);
}

fn read_json(path: &Utf8Path) -> State {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_small_host_is_whole_in_its_file_after_every_command() {
    let place = Place::new();
    let host = place.open(SMALL);
    for deed in DEEDS {
        perform(&host, deed);
        assert_eq!(read_json(&place.path), host.state(), "{deed}");
    }
    assert!(!place.journal().exists());
}

#[test]
fn processes_take_turns_whoever_folds() {
    for small in [0, SMALL] {
        let place = Place::new();
        let reference = SimHost::fresh();
        let mut hosts = [place.open(small), place.open(small), place.open(small)];
        for (turn, deed) in DEEDS.iter().cycle().take(20).enumerate() {
            perform(&hosts[turn % 3], deed);
            perform(&reference, deed);
            if turn % 5 == 4 {
                hosts[turn % 2] = place.open(small);
            }
        }
        for host in &hosts {
            assert_eq!(
                run_argv(host, &["exportfs".into(), "-s".into()]).code,
                Some(0)
            );
            assert_eq!(host.state(), reference.state());
        }
    }
}

#[test]
fn what_a_person_writes_counts_and_no_older_journal() {
    let place = Place::new();
    let host = place.open(0);
    perform(&host, DEEDS[0]);
    let mut edited = read_json(&place.path);
    edited.node = "by-hand".to_owned();
    std::fs::write(&place.path, serde_json::to_string(&edited).unwrap()).unwrap();
    perform(&host, "exportfs -ra");
    assert_eq!(host.state(), edited);
    drop(host);
    assert_eq!(place.open(0).state(), edited);
}

#[test]
fn a_journal_outlives_the_folding_that_was_cut_off() {
    let place = Place::new();
    let host = place.open(0);
    perform(&host, DEEDS[0]);
    let journal = std::fs::read(place.journal()).unwrap();
    let state = host.state();
    drop(host);
    // The snapshot was replaced, and the process died before it removed what the snapshot holds now.
    std::fs::write(place.journal(), journal).unwrap();
    let host = place.open(0);
    assert_eq!(host.state(), state);
    perform(&host, "zfs create tank/a");
    let state = host.state();
    drop(host);
    assert_eq!(place.open(0).state(), state);
}

#[test]
fn a_journal_of_something_else_is_told_with_its_line() {
    let place = Place::new();
    let host = place.open(0);
    perform(&host, DEEDS[0]);
    let snapshot = std::fs::read(&place.path).unwrap();
    let mut journal = std::fs::read_to_string(place.journal()).unwrap();
    drop(host);
    std::fs::write(&place.path, &snapshot).unwrap();
    journal += "{\"destroy\":\"everything\"}\n";
    std::fs::write(place.journal(), journal).unwrap();
    let error = SimHost::open(&place.path).unwrap_err().to_string();
    assert!(
        error.starts_with("line 2 of ") && error.contains("remove the file"),
        "{error}"
    );
}

#[test]
fn a_host_grows_by_what_changes() {
    let place = Place::new();
    let host = place.open(0);
    perform(&host, DEEDS[0]);
    let mut written = 0;
    let mut last = 0;
    for number in 0..300 {
        perform(&host, &format!("zfs create tank/{number}"));
        let size = std::fs::metadata(place.journal()).map_or(0, |data| data.len());
        written += if size >= last {
            size - last
        } else {
            std::fs::metadata(&place.path).unwrap().len()
        };
        last = size;
    }
    let whole = serde_json::to_string_pretty(&host.state()).unwrap().len() as u64;
    assert!(written < 6 * whole, "{written} bytes for a host of {whole}");
}
