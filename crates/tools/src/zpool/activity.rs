//! What a pool does in the background, as `zpool status` tells it above its table: `scan:`, `scrub:`,
//! `remove:` and `expand:`.

/// Something that a pool does in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// What it does.
    pub kind: ActivityKind,
    /// Whether somebody has paused it.
    pub paused: bool,
    /// How much of it is done, as ZFS prints it: `1.36%`.
    pub done: Option<String>,
    /// The time that it will still take, as ZFS prints it: `04:59:16`, `1 days 02:03:04`; `None`
    /// while ZFS does not know.
    pub left: Option<String>,
}

/// What a pool does in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActivityKind {
    /// It copies data to a new, returned or spare disk.
    Resilver,
    /// It reads everything and compares it with its checksums.
    Scrub,
    /// It moves a raidz vdev over to one disk more.
    Expansion,
    /// It moves a vdev's data to the others, to take the vdev out.
    Removal,
}

/// What the line `key: text` with its continuation below says is going on; `None` for what is over
/// and for every other key.
pub(super) fn running(key: &str, text: &str, below: &[&str]) -> Option<Activity> {
    let kind = match key {
        "scan" if text.starts_with("resilver") => ActivityKind::Resilver,
        "scan" if text.starts_with("scrub") => ActivityKind::Scrub,
        // `zpool scrub -e` has a label of its own.
        "scrub" if text.starts_with("error scrub") => ActivityKind::Scrub,
        "expand" => ActivityKind::Expansion,
        "remove" => ActivityKind::Removal,
        _ => return None,
    };
    let paused = text.contains(" paused since ");
    if !paused && !text.contains(" in progress since ") {
        return None;
    }
    let mut parts = below.iter().flat_map(|line| line.split(", "));
    Some(Activity {
        kind,
        paused,
        done: parts
            .clone()
            .find_map(|part| part.trim().strip_suffix(" done"))
            .map(str::to_owned),
        left: parts
            .find_map(|part| part.trim().strip_suffix(" to go"))
            .map(|left| left.trim_start_matches('(').to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenZFS 2.1 to 2.4, `cmd/zpool/zpool_main.c`: `print_scan_scrub_resilver_status`,
    /// `print_removal_status`, `print_raidz_expand_status`.
    #[test]
    fn what_is_going_on_is_told_from_what_is_over() {
        let row = |key: &str, lines: &str| {
            let mut lines = lines.split('|');
            let text = lines.next().unwrap_or("");
            let below: Vec<&str> = lines.collect();
            running(key, text, &below).map(|found| {
                let paused = if found.paused { " paused" } else { "" };
                let word = |word: Option<String>| word.unwrap_or_else(|| "?".to_owned());
                let (done, left) = (word(found.done), word(found.left));
                format!("{:?}{paused} {done} {left}", found.kind)
            })
        };
        for (key, lines, expected) in [
            (
                "scan",
                "resilver in progress since Sun Nov 14 02:26:42 2025|1.25T / 2.43T scanned at \
                 5.17G/s, 33.9G / 2.43T issued at 140M/s|33.9G resilvered, 1.36% done, 04:59:16 to go",
                Some("Resilver 1.36% 04:59:16"),
            ),
            (
                "scan",
                "resilver (mirror-0) in progress since Sat|0B / 40.2M scanned, 0B / 40.2M issued|0B \
                 resilvered, 0.00% done, no estimated completion time",
                Some("Resilver 0.00% ?"),
            ),
            (
                "scan",
                "scrub in progress since Sun|1.25T scanned at 5.17G/s, 33.9G issued at 140M/s, 2.43T \
                 total|0B repaired, 50.00% done, 1 days 04:59:16 to go",
                Some("Scrub 50.00% 1 days 04:59:16"),
            ),
            (
                "scan",
                "scrub paused since Sun|scrub started on Sat|0B repaired, 50.00% done",
                Some("Scrub paused 50.00% ?"),
            ),
            (
                "scrub",
                "error scrub in progress since Sun|25.00% done, issued I/O for 4 error blocks",
                Some("Scrub 25.00% ?"),
            ),
            (
                "scrub",
                "error scrub paused since Sun|error scrub started on Sat|25.00% done, issued I/O for 4 \
                 error blocks",
                Some("Scrub paused 25.00% ?"),
            ),
            ("scrub", "error scrub canceled on Sat", None),
            (
                "expand",
                "expansion of raidz1-0 in progress since Sat|45.0M / 300M copied at 15.0M/s, 14.97% \
                 done, 00:00:17 to go",
                Some("Expansion 14.97% 00:00:17"),
            ),
            (
                "remove",
                "Evacuation of mirror in progress since Sat|1 copied out of 48.8M at 1/s, 0.00% done, \
                 (copy is slow, no estimated time)",
                Some("Removal 0.00% ?"),
            ),
            (
                "scan",
                "scrub repaired 0B in 00:00:07 with 0 errors on Sat",
                None,
            ),
            (
                "scan",
                "resilvered 60.3M in 00:00:04 with 0 errors on Sat",
                None,
            ),
            ("scan", "scrub canceled on Sat", None),
            ("scan", "none requested", None),
            (
                "remove",
                "Removal of vdev 1 copied 36K in 0h0m, completed on Sun",
                None,
            ),
            ("remove", "Removal of mirror canceled on Sat", None),
            (
                "expand",
                "expanded raidz1-0 copied 287M in 00:00:40, on Sat",
                None,
            ),
            ("status", "a resilver is in progress since ever", None),
        ] {
            assert_eq!(row(key, lines).as_deref(), expected, "{key}: {lines}");
        }
    }
}
