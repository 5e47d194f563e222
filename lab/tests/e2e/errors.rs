//! What ZFS itself refuses is explained at the line of the file that asked for it.

use crate::host::{CONFIG, Host};

#[test]
fn a_quota_below_what_is_used_is_explained_at_its_line() {
    let host = Host::pristine();
    host.apply_whole();
    host.shell("dd if=/dev/urandom of=/quickOS/shared-prod-data/blob bs=1M count=8 status=none && sync && zpool sync quickOS");
    let edited = host.config.replacen("\"400G\"", "\"1M\"", 1);
    host.write_config(&edited);
    let line = 1 + edited.split("\"1M\"").next().unwrap().matches('\n').count();
    let ended = host.apply();
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, 1, "{said}");
    assert!(said.contains("dataset:quickOS/shared-prod-data"), "{said}");
    assert!(
        said.contains("size is less than current used or reserved space"),
        "{said}"
    );
    assert!(
        said.contains(&format!("{CONFIG}:{line}")),
        "line {line} must be named: {said}"
    );
    host.write_config(&host.config);
    host.assert_converged();
}
