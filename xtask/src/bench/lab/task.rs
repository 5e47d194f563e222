//! What everybody has to make: pools and datasets, in the language of each contestant.
//!
//! Pure: a task in, configuration, script or variables out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use phoenix_lab::guest::drive_path;
use phoenix_lab::qemu::DRIVES;
use phoenix_lab::setup;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What each of many equal datasets has: the four properties that the user's plan sets.
const PROPERTIES: [(&str, &str); 4] = [
    ("recordsize", "128K"),
    ("compression", "lz4"),
    ("sync", "standard"),
    ("quota", "10G"),
];

/// Pools and datasets to be made on empty drives.
#[derive(Debug)]
pub(super) struct Task {
    pools: Vec<Pool>,
    datasets: Vec<Dataset>,
    /// Whether the pools are there before the clock starts.
    pub(super) pools_exist: bool,
}

/// A pool as the file declares it.
#[derive(Debug, Serialize, Deserialize)]
struct Pool {
    name: String,
    raid_level: String,
    disks: Vec<String>,
}

/// A dataset as the file declares it; what the alternatives do not do is left out.
#[derive(Debug, Serialize, Deserialize)]
struct Dataset {
    pool: String,
    name: String,
    properties: BTreeMap<String, String>,
}

/// The part of a file that everybody can make.
#[derive(Debug, Deserialize)]
struct File {
    zfs: Zfs,
}

#[derive(Debug, Deserialize)]
struct Zfs {
    pools: Vec<Pool>,
    datasets: Vec<Dataset>,
}

impl Task {
    /// The pools and datasets of the user's plan, without what a shell loop does not do: storages,
    /// permissions, exports, mounts, the limit of the read cache.
    ///
    /// # Errors
    /// When the example is not what it was.
    pub(super) fn users_plan() -> serde_json::Result<Self> {
        let File { zfs } = serde_json::from_str(&setup::users_plan())?;
        Ok(Self {
            pools: zfs.pools,
            datasets: zfs.datasets,
            pools_exist: false,
        })
    }

    /// So many equal datasets in one mirrored pool that is there before.
    pub(super) fn many(count: usize) -> Self {
        let disks = DRIVES.iter().take(2).map(|(serial, _)| drive_path(serial));
        let pool = Pool {
            name: "bench".to_owned(),
            raid_level: "mirror".to_owned(),
            disks: disks.collect(),
        };
        let properties = PROPERTIES.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let dataset = |number| Dataset {
            pool: pool.name.clone(),
            name: format!("data-{number:04}"),
            properties: BTreeMap::from(properties.clone()),
        };
        Self {
            datasets: (1..=count).map(dataset).collect(),
            pools: vec![pool],
            pools_exist: true,
        }
    }

    /// The file for phoenix.
    pub(super) fn config(&self) -> String {
        json!({ "zfs": { "pools": self.pools, "datasets": self.datasets } }).to_string()
    }

    /// How many datasets the pools hold at the end, the pools' own included.
    pub(super) fn expected(&self) -> usize {
        self.pools.len() + self.datasets.len()
    }

    /// Shell commands that make the pools; `guarded`, only those that are not there.
    pub(super) fn make_pools(&self, guarded: bool) -> String {
        let mut script = String::new();
        for pool in &self.pools {
            let create = pool.argv().join(" ");
            // Partition nodes of drives that were just emptied may lag behind; phoenix tries once
            // more as well.
            let create = format!("{create} || {{ udevadm settle; {create}; }}");
            let name = &pool.name;
            let _ = match guarded {
                true => writeln!(script, "zpool list -H {name} > /dev/null 2>&1 || {create}"),
                false => writeln!(script, "{create}"),
            };
        }
        script
    }

    /// One line for each dataset: the arguments of `zfs create`, the name last.
    pub(super) fn lines(&self) -> String {
        let mut lines = String::new();
        for dataset in &self.datasets {
            for (property, value) in &dataset.properties {
                let _ = write!(lines, "-o {property}={value} ");
            }
            let _ = writeln!(lines, "{}/{}", dataset.pool, dataset.name);
        }
        lines
    }

    /// Variables of `lab/bench/datasets.yml`, with sizes in bytes.
    ///
    /// # Errors
    /// When a size is none.
    pub(super) fn ansible_variables(&self) -> Result<String, Box<dyn std::error::Error>> {
        let mut datasets = Vec::new();
        for dataset in &self.datasets {
            let mut properties = serde_json::Map::new();
            for (property, value) in &dataset.properties {
                let value = match property.as_str() {
                    "recordsize" | "quota" => phoenix_zfs::size::parse(value)?.to_string(),
                    _ => value.clone(),
                };
                properties.insert(property.clone(), value.into());
            }
            let name = format!("{}/{}", dataset.pool, dataset.name);
            datasets.push(json!({ "name": name, "properties": properties }));
        }
        let pools: Vec<Value> = match self.pools_exist {
            true => Vec::new(),
            false => self
                .pools
                .iter()
                .map(|pool| json!({ "name": pool.name, "argv": pool.argv() }))
                .collect(),
        };
        Ok(json!({ "pools": pools, "datasets": datasets }).to_string())
    }
}

impl Pool {
    /// What phoenix would run, so that everybody makes the same pool.
    fn argv(&self) -> Vec<String> {
        let options = "zpool create -o ashift=12 -o autotrim=on -O compression=lz4 -O atime=off";
        let mut argv: Vec<String> = options.split(' ').map(str::to_owned).collect();
        argv.push(self.name.clone());
        if self.raid_level == "mirror" {
            argv.push("mirror".to_owned());
        }
        argv.extend(self.disks.iter().cloned());
        argv
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_plan_is_the_same_for_everybody() {
        let task = Task::users_plan().unwrap();
        assert_eq!(task.expected(), 10);
        let loaded = phoenix::load("bench.json", task.config().as_bytes());
        let config = loaded.config().expect("phoenix takes the file");
        assert_eq!(config.datasets.len(), 8);
        let last = task.lines().lines().last().unwrap().to_owned();
        assert_eq!(
            last,
            "-o compression=lz4 -o quota=1.4T -o recordsize=1M -o sync=standard fastData/shared-bulk-data"
        );
        let variables = task.ansible_variables().unwrap();
        assert!(
            variables.contains(r#""quota":"1539316278886""#),
            "{variables}"
        );
        let pools = task.make_pools(true);
        let wanted = "zpool list -H quickOS > /dev/null 2>&1 || zpool create -o ashift=12 \
            -o autotrim=on -O compression=lz4 -O atime=off quickOS mirror /dev/disk/by-id/";
        assert!(pools.starts_with(wanted), "{pools}");
    }

    #[test]
    fn many_datasets_are_as_many_for_everybody() {
        let task = Task::many(200);
        assert_eq!(task.expected(), 201);
        assert_eq!(task.lines().lines().count(), 200);
        let loaded = phoenix::load("bench.json", task.config().as_bytes());
        assert_eq!(loaded.config().expect("a valid file").datasets.len(), 200);
        let variables: Value = serde_json::from_str(&task.ansible_variables().unwrap()).unwrap();
        assert_eq!(variables["datasets"].as_array().unwrap().len(), 200);
        assert_eq!(variables["pools"], json!([]), "they exist before");
    }
}
