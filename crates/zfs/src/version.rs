//! Releases of OpenZFS, as far as they differ in what a name or a value means.

use std::fmt;
use std::str::FromStr;

/// A release of OpenZFS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 2 in 2.3.9.
    pub major: u16,
    /// 3 in 2.3.9.
    pub minor: u16,
    /// 9 in 2.3.9.
    pub patch: u16,
}

/// A text that does not begin with a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no release of OpenZFS")]
pub struct NoVersion(pub String);

/// Reads `2.3`, `2.3.9`, and what distributions make of it: `2.3.9-0+deb13u1`, `zfs-kmod-2.3.4-pve1`,
/// `2.4.0-rc3`.
impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let start = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let end = start.find(|c: char| !c.is_ascii_digit() && c != '.');
        let number = start.get(..end.unwrap_or(start.len())).unwrap_or("");
        let mut parts = number.split('.').map(|part| part.parse::<u16>());
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), patch) => Ok(Self {
                major,
                minor,
                patch: patch.and_then(Result::ok).unwrap_or(0),
            }),
            _ => Err(NoVersion(text.to_owned())),
        }
    }
}

/// `2.3.9`
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// What `xattr=on` means: `dir` up to 2.2 and `sa` since (OpenZFS `module/zcommon/zfs_prop.c`). A
/// release that is not known is taken for one of today.
pub fn meaning_of_xattr_on(version: Option<Version>) -> &'static str {
    const FIRST_WITH_SA: Version = Version {
        major: 2,
        minor: 3,
        patch: 0,
    };
    if version.is_some_and(|version| version < FIRST_WITH_SA) {
        "dir"
    } else {
        "sa"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_as_distributions_write_them() {
        for (text, read) in [
            ("2.3.9-0+deb13u1\n", "2.3.9"),
            ("2.1.11-1", "2.1.11"),
            ("zfs-2.2.2-0ubuntu9", "2.2.2"),
            ("zfs-kmod-2.3.4-pve1", "2.3.4"),
            ("2.4.0-rc3", "2.4.0"),
            ("2.4", "2.4.0"),
        ] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), read, "{text}");
        }
        for text in ["", "zfs", "2", "x.y"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn on_means_another_thing_since_2_3() {
        let on = |text: &str| meaning_of_xattr_on(text.parse().ok());
        assert_eq!([on("2.1.11"), on("2.2.9")], ["dir", "dir"]);
        assert_eq!([on("2.3.0"), on("2.4.4"), on("?")], ["sa", "sa", "sa"]);
    }
}
