//! The rest of the machine: the read cache, files, users.

use super::*;

#[test]
fn the_read_cache_ignores_limits_that_do_not_fit() {
    let host = SimHost::fresh();
    let parameter = Utf8Path::new("/sys/module/zfs/parameters/zfs_arc_max");
    let limit = |host: &SimHost| {
        let path = Utf8Path::new("/proc/spl/kstat/zfs/arcstats");
        let text = host.read_file(path).unwrap().unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("c_max "))
            .unwrap()
            .to_owned();
        line.split_whitespace()
            .nth(2)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let default = limit(&host);
    // Too small, below the floor of 2 GiB, above the memory.
    for ignored in ["1", "1073741824", "99999999999999"] {
        host.write_parameter(parameter, ignored).unwrap();
        assert_eq!(limit(&host), default, "{ignored}");
        assert_eq!(
            host.read_file(parameter).unwrap().unwrap(),
            format!("{ignored}\n")
        );
    }
    host.write_parameter(parameter, "32212254720").unwrap();
    assert_eq!(limit(&host), 32_212_254_720);
    assert!(host.write_parameter(parameter, "30G").is_err());
    assert!(
        host.write_parameter(Utf8Path::new("/proc/nope"), "1")
            .is_err()
    );
}

#[test]
fn files_are_written_below_existing_directories_only() {
    let host = SimHost::fresh();
    let find = r"find /etc/exports.d -maxdepth 1 -name '*.exports' -printf '%p\n'";
    assert_eq!(run(&host, find).code, Some(1));
    let path = Utf8Path::new("/etc/exports.d/phoenix.exports");
    host.write_file(path, "# none\n").unwrap();
    assert_eq!(all_ok(&host, &[find]), "/etc/exports.d/phoenix.exports\n");
    assert_eq!(host.read_file(path).unwrap().unwrap(), "# none\n");
    for bad in [
        "/no/such/dir/file",
        "/etc/hostname/file",
        "/etc",
        "/proc/nope",
    ] {
        assert!(host.write_file(Utf8Path::new(bad), "x").is_err(), "{bad}");
    }
}

#[test]
fn getent_leaves_out_whom_it_does_not_know() {
    let host = SimHost::fresh();
    let output = run(&host, "getent passwd root nosuch 33");
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (
            Some(2),
            "root:x:0:0:root:/root:/usr/sbin/nologin\n\
             www-data:x:33:33:www-data:/nonexistent:/usr/sbin/nologin\n"
        )
    );
    assert_eq!(
        all_ok(&host, &["getent group www-data"]),
        "www-data:x:33:\n"
    );
}
