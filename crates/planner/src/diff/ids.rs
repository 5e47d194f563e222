//! The host's number for a user or group that a file names: by number, by name, or by the number
//! that it has inside a container.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::model::{IdSpace, Permissions, Principal};

use super::facts::Facts;
use super::mount_value::{MountValue, normal_path};
use super::verdict::{Stop, refused};
use crate::observed::{IdRange, ObservedContainer};
use crate::refusal::RefusalCode;

const SAY_HOST: &str = "say \"ids\": \"host\" and give the host's number";

/// Users or groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
}

/// How the ids of one dataset's permissions become numbers of the host.
pub(super) struct Ids<'a> {
    facts: &'a Facts<'a>,
    dataset: &'a str,
    /// Where the dataset is mounted.
    path: &'a str,
    space: IdSpace,
    /// The container whose numbers are meant, if the file names one.
    container: Option<u32>,
}

impl<'a> Ids<'a> {
    pub(super) fn new(
        facts: &'a Facts<'a>,
        dataset: &'a str,
        path: &'a str,
        permissions: &Permissions,
    ) -> Self {
        Self {
            facts,
            dataset,
            path,
            space: permissions.ids,
            container: permissions.container,
        }
    }

    /// The host's number.
    ///
    /// # Errors
    ///
    /// A refusal if there is none, or not one for all containers.
    pub(super) fn resolve(&self, kind: Kind, principal: &Principal) -> Result<u32, Stop> {
        match (principal, self.space) {
            (Principal::Id(id), IdSpace::Host) => Ok(*id),
            (Principal::Id(id), IdSpace::Container) => self.mapped(kind, *id),
            (Principal::Name(name), IdSpace::Host) => self.named(kind, name),
            (Principal::Name(name), IdSpace::Container) => Err(refused(
                RefusalCode::PrincipalUnknown,
                format!(
                    "{} {name} is a name, and only the container knows its number",
                    kind.word()
                ),
                "give the number that the container shows (id inside the container)",
            )),
        }
    }

    fn named(&self, kind: Kind, name: &str) -> Result<u32, Stop> {
        let (known, database) = match kind {
            Kind::User => (&self.facts.observed.users, "passwd"),
            Kind::Group => (&self.facts.observed.groups, "group"),
        };
        known.get(name).copied().ok_or_else(|| {
            refused(
                RefusalCode::PrincipalUnknown,
                format!("the host has no {} {name}", kind.word()),
                format!("make it first, or give its number (getent {database} shows them)"),
            )
        })
    }

    /// The host's number for a number inside the containers, which must agree on it.
    fn mapped(&self, kind: Kind, id: u32) -> Result<u32, Stop> {
        let mut found: BTreeMap<u32, u32> = BTreeMap::new();
        for (number, container) in self.containers()? {
            check_id_map(number, container)?;
            self.check_plain_mount(number, container)?;
            let ranges = kind.ranges(container);
            let on_host = ranges.iter().find_map(|range| range.on_host(id));
            let on_host = on_host.ok_or_else(|| unmapped(kind, id, number, ranges))?;
            found.entry(on_host).or_insert(number);
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some((on_host, _)), None) => Ok(on_host),
            (Some((one, first)), Some((other, second))) => Err(refused(
                RefusalCode::IdsNotMapped,
                format!(
                    "{} {id} is {one} on the host for container {first} and {other} for container {second}, and {} can have only one",
                    kind.word(),
                    self.dataset
                ),
                format!(
                    "say whose numbers are meant: \"container\": {first} or {second}; or {SAY_HOST}"
                ),
            )),
            (None, _) => Err(refused(
                RefusalCode::IdsNotMapped,
                format!(
                    "no bind mount hands {} to a container, so \"ids\": \"container\" means nothing",
                    self.dataset
                ),
                "declare a bind mount of the dataset, or say \"ids\": \"host\"",
            )),
        }
    }

    /// The containers whose numbers are meant and that are on this node.
    fn containers(&self) -> Result<Vec<(u32, &'a ObservedContainer)>, Stop> {
        let meant: BTreeSet<u32> = match self.container {
            Some(container) => [container].into(),
            None => self.facts.containers(self.dataset).collect(),
        };
        let on_node = &self.facts.observed.containers;
        let known: Vec<_> = meant
            .iter()
            .filter_map(|id| Some((*id, on_node.get(id)?)))
            .collect();
        if !known.is_empty() || meant.is_empty() {
            return Ok(known);
        }
        let help = format!("make the container first, or {SAY_HOST}");
        Err(match self.container {
            Some(id) => refused(
                RefusalCode::IdsNotMapped,
                format!("container {id} is not on this node, so its id map is unknown"),
                help,
            ),
            None => refused(
                RefusalCode::IdsNotMapped,
                format!(
                    "none of the containers that mount {} is on this node, so their id maps are unknown",
                    self.dataset
                ),
                help,
            ),
        })
    }

    /// Proxmox VE 9 can give one mount point an id map of its own, which stands before the
    /// container's (pve-container 6.1.6, `idmap=`).
    fn check_plain_mount(&self, number: u32, container: &ObservedContainer) -> Result<(), Stop> {
        let path = normal_path(self.path);
        let with_map = container.mounts.iter().find_map(|(key, text)| {
            let value = MountValue::parse(text)?;
            let map = value.id_map()?.to_owned();
            (normal_path(&value.source) == path).then_some((key, map))
        });
        match with_map {
            None => Ok(()),
            Some((key, map)) => Err(refused(
                RefusalCode::IdsNotMapped,
                format!(
                    "{key} of container {number} mounts {path} with an id map of its own (idmap={map}), which phoenix does not work out"
                ),
                SAY_HOST,
            )),
        }
    }
}

/// A container with a line that is no id map does not start, and nobody knows its ids.
fn check_id_map(number: u32, container: &ObservedContainer) -> Result<(), Stop> {
    let Some(broken) = &container.broken_id_map else {
        return Ok(());
    };
    Err(refused(
        RefusalCode::IdsNotMapped,
        format!(
            "the id map of container {number} cannot be read: {}",
            broken.described()
        ),
        format!("mend {} with an editor, or {SAY_HOST}", broken.place()),
    ))
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }

    fn ranges(self, container: &ObservedContainer) -> &[IdRange] {
        match self {
            Self::User => &container.uids,
            Self::Group => &container.gids,
        }
    }
}

fn unmapped(kind: Kind, id: u32, container: u32, ranges: &[IdRange]) -> Stop {
    let letter = match kind {
        Kind::User => 'u',
        Kind::Group => 'g',
    };
    let lines: Vec<String> = ranges
        .iter()
        .map(|range| {
            let IdRange {
                container,
                host,
                count,
            } = range;
            format!("{letter} {container} {host} {count}")
        })
        .collect();
    let word = kind.word();
    let map = match lines.as_slice() {
        [] => format!("its lxc.idmap lines map no {word}s"),
        [line] => format!("its only map is \"{line}\""),
        lines => format!("its maps are \"{}\"", lines.join("\", \"")),
    };
    refused(
        RefusalCode::IdsNotMapped,
        format!("{word} {id} of container {container} has no number on the host: {map}"),
        format!(
            "use a {word} that the container maps, or add an lxc.idmap line to /etc/pve/lxc/{container}.conf"
        ),
    )
}
