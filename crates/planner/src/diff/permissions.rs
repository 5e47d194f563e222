//! Owner, group and mode of a dataset's root directory, in the host's numbers.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::model::{Dataset, IdSpace, Permissions, Principal};

use super::facts::{Facts, value};
use super::verdict::{Stop, Verdict, changed_field, refused, to_do};
use crate::observed::{ObservedContainer, ObservedDirectory};
use crate::plan::{Action, Change, Operation, SetPermissions};

/// What ZFS gives the root directory of a new dataset: root, root, `rwxr-xr-x`.
const FRESH: ObservedDirectory = ObservedDirectory {
    uid: 0,
    gid: 0,
    mode: 0o755,
    empty: true,
    not_a_directory: false,
};
const MODE_BITS: u32 = 0o7777;

pub(super) fn diff(facts: &Facts<'_>, dataset: &Dataset, permissions: &Permissions) -> Verdict {
    let path = facts.mounted_at(&dataset.name)?;
    let users = Names {
        kind: "user",
        database: "passwd",
        known: &facts.observed.users,
    };
    let groups = Names {
        kind: "group",
        database: "group",
        known: &facts.observed.groups,
    };
    let ids = Ids {
        facts,
        dataset: &dataset.name,
        space: permissions.ids,
    };
    let uid = ids.resolve(permissions.owner.as_ref(), users, |container| {
        container.uid_offset
    })?;
    let gid = ids.resolve(permissions.group.as_ref(), groups, |container| {
        container.gid_offset
    })?;
    let mode = permissions.mode.map(|mode| mode & MODE_BITS);

    let is_new = !facts.observed.datasets.contains_key(&dataset.name);
    let live = if is_new {
        Some(&FRESH)
    } else {
        directory(facts, &dataset.name, &path)
    };
    let differs = |wanted: Option<u32>, has: fn(&ObservedDirectory) -> u32| {
        wanted.filter(|wanted| live.is_none_or(|live| has(live) != *wanted))
    };
    let set = SetPermissions {
        dataset: dataset.name.clone(),
        uid: differs(uid, |live| live.uid),
        gid: differs(gid, |live| live.gid),
        mode: differs(mode, |live| live.mode & MODE_BITS),
        path,
    };
    let changes = changes(&set, live.filter(|_| !is_new));
    if changes.is_empty() {
        return Ok(None);
    }
    let action = if is_new {
        Action::Create
    } else {
        Action::Update
    };
    to_do(action, changes, Operation::SetPermissions(set))
}

/// The dataset's root directory, if it can be seen: while the dataset is not mounted there, the
/// path shows the directory below.
fn directory<'a>(facts: &Facts<'a>, dataset: &str, path: &str) -> Option<&'a ObservedDirectory> {
    let live = facts.observed.datasets.get(dataset)?;
    let visible = live.mounted && value(live, "mountpoint") == Some(path);
    facts.observed.directories.get(path).filter(|_| visible)
}

fn changes(set: &SetPermissions, live: Option<&ObservedDirectory>) -> Vec<Change> {
    let number = |id: u32| id.to_string();
    let octal = |mode: u32| format!("{mode:04o}");
    let field = |name: &str, after: Option<String>, before: Option<String>| {
        after.map(|after| changed_field(name, before, after))
    };
    let owner = field(
        "owner",
        set.uid.map(number),
        live.map(|live| number(live.uid)),
    );
    let group = field(
        "group",
        set.gid.map(number),
        live.map(|live| number(live.gid)),
    );
    let mode = field(
        "mode",
        set.mode.map(octal),
        live.map(|live| octal(live.mode & MODE_BITS)),
    );
    [owner, group, mode].into_iter().flatten().collect()
}

/// A table of names that the host knows.
struct Names<'a> {
    kind: &'static str,
    database: &'static str,
    known: &'a BTreeMap<String, u32>,
}

/// How owner and group of one dataset become numbers of the host.
struct Ids<'a> {
    facts: &'a Facts<'a>,
    dataset: &'a str,
    space: IdSpace,
}

impl Ids<'_> {
    fn resolve(
        &self,
        principal: Option<&Principal>,
        names: Names<'_>,
        offset: fn(&ObservedContainer) -> u32,
    ) -> Result<Option<u32>, Stop> {
        let id = match (principal, self.space) {
            (None, _) => return Ok(None),
            (Some(Principal::Id(id)), IdSpace::Host) => *id,
            (Some(Principal::Id(id)), IdSpace::Container) => self.shifted(*id, offset)?,
            (Some(Principal::Name(name)), IdSpace::Host) => names.number(name)?,
            (Some(Principal::Name(name)), IdSpace::Container) => {
                return Err(refused(
                    format!(
                        "{} {name} is a name, and only the container knows its number",
                        names.kind
                    ),
                    "give the number that the container shows (id inside the container)",
                ));
            }
        };
        Ok(Some(id))
    }

    /// The host's number for a container's number.
    fn shifted(&self, id: u32, offset: fn(&ObservedContainer) -> u32) -> Result<u32, Stop> {
        let containers: Vec<_> = self.facts.containers(self.dataset).collect();
        let known = containers
            .iter()
            .filter_map(|id| self.facts.observed.containers.get(id));
        let offsets: BTreeSet<_> = known.map(offset).collect();
        let dataset = self.dataset;
        let mut offsets = offsets.into_iter();
        match (offsets.next(), offsets.next()) {
            (Some(offset), None) => id.checked_add(offset).ok_or_else(|| {
                refused(
                    format!(
                        "id {id} of a container that is shifted by {offset} is larger than any id"
                    ),
                    "give the number that the container shows (id inside the container)",
                )
            }),
            (Some(one), Some(other)) => Err(refused(
                format!(
                    "the containers that mount {dataset} shift their ids differently (by {one} and by {other}), so one owner cannot suit all"
                ),
                "say \"ids\": \"host\" and give the host's number",
            )),
            (None, _) if containers.is_empty() => Err(refused(
                format!(
                    "no bind mount hands {dataset} to a container, so \"ids\": \"container\" means nothing"
                ),
                "declare a bind mount of the dataset, or say \"ids\": \"host\"",
            )),
            (None, _) => Err(refused(
                format!(
                    "none of the containers that mount {dataset} is on this node, so the shift of their ids is unknown"
                ),
                "make the container first, or say \"ids\": \"host\" and give the host's number",
            )),
        }
    }
}

impl Names<'_> {
    fn number(&self, name: &str) -> Result<u32, Stop> {
        self.known.get(name).copied().ok_or_else(|| {
            refused(
                format!("the host has no {} {name}", self.kind),
                format!(
                    "make it first, or give its number (getent {} shows them)",
                    self.database
                ),
            )
        })
    }
}
