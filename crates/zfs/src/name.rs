//! Names of pools and datasets.
//!
//! Owns the grammar (OpenZFS `module/zcommon/zfs_namecheck.c` and the reserved words of
//! `zpool create`); which names are taken is somebody else's business.

/// Longest name of a dataset in bytes (`ZFS_MAX_DATASET_NAME_LEN` less the final zero).
const MAX_DATASET_BYTES: usize = 255;
/// Longest name of a pool in bytes: room is kept for the hidden dataset `POOL/$ORIGIN@$ORIGIN`.
const MAX_POOL_BYTES: usize = 239;
/// Datasets may be nested less deep than this (`zfs_max_dataset_nesting`).
const MAX_SLASHES: usize = 49;
/// `zpool create` takes a name that begins with one of these for the start of a vdev.
const RESERVED_PREFIXES: [&str; 4] = ["mirror", "raidz", "draid", "spare"];

/// A name that ZFS or phoenix refuses. Each message reads on after the quoted name, as in
/// `"1bad" does not begin with a letter`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty.
    #[error("is empty")]
    Empty,
    /// The name is longer than ZFS can store.
    #[error("is longer than {limit} bytes")]
    TooLong {
        /// The most bytes allowed.
        limit: usize,
    },
    /// A dataset lies deeper than ZFS allows.
    #[error("is nested more than 49 levels deep")]
    TooDeep,
    /// `/` at the start.
    #[error("begins with a slash")]
    LeadingSlash,
    /// `/` at the end.
    #[error("ends with a slash")]
    TrailingSlash,
    /// `//` in the middle.
    #[error("has an empty component between two slashes")]
    EmptyComponent,
    /// A component is `.` or `..`.
    #[error("has a component `{0}`")]
    DotComponent(String),
    /// `@` or `#`, which name snapshots and bookmarks.
    #[error("contains `{0}`, which names snapshots (@) and bookmarks (#)")]
    Delimiter(char),
    /// A blank: legal in ZFS, refused by phoenix.
    #[error("contains a blank")]
    Blank,
    /// A character that ZFS refuses.
    #[error("contains {0:?}")]
    Character(char),
    /// A pool's name must begin with a letter.
    #[error("does not begin with a letter")]
    NoLetter,
    /// A slash in the name of a pool.
    #[error("contains a slash")]
    Slash,
    /// `zpool create` reads the name as the start of a vdev.
    #[error("is reserved, because zpool reads `{0}` as a kind of vdev")]
    Reserved(&'static str),
}

impl NameError {
    /// The way out.
    pub fn help(&self) -> String {
        match self {
            Self::Blank => {
                "use - or _ instead: ZFS allows blanks, but exports, Proxmox storages and fstab \
                 do not cope with them"
            }
            Self::Reserved(_) => "choose a name that does not begin with that word",
            Self::NoLetter => "begin the pool's name with a letter",
            Self::Slash => "name the pool only; datasets are declared in zfs.datasets",
            Self::TooLong { .. } | Self::TooDeep => "choose a shorter name",
            _ => "use letters, digits, -, _, . and :, with single slashes between the components",
        }
        .to_owned()
    }
}

/// Whether a pool can be called `name`.
pub fn check_pool(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.contains('/') {
        return Err(NameError::Slash);
    }
    check_characters(name)?;
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(NameError::NoLetter);
    }
    if name.len() > MAX_POOL_BYTES {
        return Err(NameError::TooLong {
            limit: MAX_POOL_BYTES,
        });
    }
    if name == "log" {
        return Err(NameError::Reserved("log"));
    }
    match RESERVED_PREFIXES
        .into_iter()
        .find(|prefix| name.starts_with(prefix))
    {
        Some(prefix) => Err(NameError::Reserved(prefix)),
        None => Ok(()),
    }
}

/// The pool that a dataset lies in.
pub fn pool_of(dataset: &str) -> &str {
    dataset.split_once('/').map_or(dataset, |(pool, _)| pool)
}

/// Whether a dataset can have the full name `name`, such as `quickOS/vm-disks`. The rules that
/// hold only for pools are [`check_pool`]'s.
pub fn check_dataset(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.starts_with('/') {
        return Err(NameError::LeadingSlash);
    }
    if name.ends_with('/') {
        return Err(NameError::TrailingSlash);
    }
    for component in name.split('/') {
        match component {
            "" => return Err(NameError::EmptyComponent),
            "." | ".." => return Err(NameError::DotComponent(component.to_owned())),
            _ => check_characters(component)?,
        }
    }
    if name.len() > MAX_DATASET_BYTES {
        return Err(NameError::TooLong {
            limit: MAX_DATASET_BYTES,
        });
    }
    if name.matches('/').count() > MAX_SLASHES {
        return Err(NameError::TooDeep);
    }
    Ok(())
}

fn check_characters(component: &str) -> Result<(), NameError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    match component.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(' ') => Err(NameError::Blank),
        Some(c @ ('@' | '#')) => Err(NameError::Delimiter(c)),
        Some(c) => Err(NameError::Character(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_names() {
        for good in [
            "quickOS",
            "fastData",
            "a",
            "tank_1.b:c-d",
            "special",
            "logs",
            "cache",
            "c0t0d0",
        ] {
            assert_eq!(check_pool(good), Ok(()), "{good}");
        }
        let cases = [
            ("", NameError::Empty),
            ("1bad", NameError::NoLetter),
            ("-x", NameError::NoLetter),
            ("mirror", NameError::Reserved("mirror")),
            ("mirrored", NameError::Reserved("mirror")),
            ("raidz2pool", NameError::Reserved("raidz")),
            ("draid", NameError::Reserved("draid")),
            ("sparefast", NameError::Reserved("spare")),
            ("log", NameError::Reserved("log")),
            ("a/b", NameError::Slash),
            ("bad name", NameError::Blank),
            ("bad@name", NameError::Delimiter('@')),
            ("pool%", NameError::Character('%')),
            ("größe", NameError::Character('ö')),
        ];
        for (name, error) in cases {
            assert_eq!(check_pool(name), Err(error), "{name:?}");
        }
        assert_eq!(check_pool(&"a".repeat(239)), Ok(()));
        assert_eq!(
            check_pool(&"a".repeat(240)),
            Err(NameError::TooLong { limit: 239 })
        );
    }

    #[test]
    fn dataset_names() {
        for good in [
            "quickOS/vm-disks",
            "quickOS",
            "p/-x",
            "p/.hidden",
            "p/a/b/c",
            "p/1",
        ] {
            assert_eq!(check_dataset(good), Ok(()), "{good}");
        }
        let cases = [
            ("", NameError::Empty),
            ("/p/x", NameError::LeadingSlash),
            ("p/x/", NameError::TrailingSlash),
            ("p//x", NameError::EmptyComponent),
            ("p/./x", NameError::DotComponent(".".to_owned())),
            ("p/..", NameError::DotComponent("..".to_owned())),
            ("p/x@snap", NameError::Delimiter('@')),
            ("p/x#mark", NameError::Delimiter('#')),
            ("p/bad name", NameError::Blank),
            ("p/a\tb", NameError::Character('\t')),
            ("p/a%recv", NameError::Character('%')),
        ];
        for (name, error) in cases {
            assert!(!error.help().is_empty());
            assert_eq!(check_dataset(name), Err(error), "{name:?}");
        }
        assert_eq!(check_dataset(&format!("p/{}", "n".repeat(253))), Ok(()));
        assert_eq!(
            check_dataset(&format!("p/{}", "n".repeat(254))),
            Err(NameError::TooLong { limit: 255 })
        );
        assert_eq!(check_dataset(&format!("p{}", "/d".repeat(49))), Ok(()));
        assert_eq!(
            check_dataset(&format!("p{}", "/d".repeat(50))),
            Err(NameError::TooDeep)
        );
    }
}
