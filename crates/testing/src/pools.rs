//! New pools of every kind, from a seed: levels, widths, sizes, classes and properties, right and
//! wrong ones, for holding phoenix's judgement against `zpool create`'s.

use std::collections::BTreeMap;

use phoenix_config::model::{Disk, Pool, Properties, Vdev};
use phoenix_host::command::Command;
use phoenix_planner::observed::{Observed, ObservedDisk};
use phoenix_tools::zpool::{self, PoolSpec, VdevSpec};
use phoenix_zfs::property::Value;
use phoenix_zfs::vdev::VdevClass;
use serde_json::{Map, Value as Json, json};

const MIB: u64 = 1 << 20;

/// A pool that a file asks for, and the blank drives of its host.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file.
    pub file: Json,
    /// Names below `/dev/disk/by-id`, and sizes in bytes.
    pub drives: Vec<(String, u64)>,
}

/// The case with this number. The same number gives the same case.
pub fn case(number: u64) -> Case {
    Generator {
        state: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        drives: Vec::new(),
    }
    .case()
}

/// What the host of the case is seen to be, its disks blank.
pub fn observed(case: &Case) -> Observed {
    let disk = |(at, (name, bytes)): (usize, &(String, u64))| {
        let path = format!("/dev/disk/by-id/{name}");
        let disk = ObservedDisk {
            kernel_name: format!("nvme{at}n1"),
            size: *bytes,
            stable_path: path.clone(),
            ..ObservedDisk::default()
        };
        (path, disk)
    };
    Observed {
        disks: case.drives.iter().enumerate().map(disk).collect(),
        ..Observed::default()
    }
}

/// The command that asks ZFS whether it would make the pool, and the one that makes it: of the file
/// alone, whatever phoenix thinks of it.
pub fn creation(pool: &Pool) -> [Command; 2] {
    let spec = spec(pool);
    [zpool::would_create(&spec), zpool::create(&spec)]
}

fn spec(pool: &Pool) -> PoolSpec {
    let paths = |disks: &[Disk]| disks.iter().map(|disk| disk.path.clone()).collect();
    let vdevs = |class, vdevs: &[Vdev]| -> Vec<VdevSpec> {
        let spec = |vdev: &Vdev| VdevSpec {
            class,
            keyword: vdev.level.keyword(),
            disks: paths(&vdev.disks),
        };
        vdevs.iter().map(spec).collect()
    };
    let plain = |class, disks: &[Disk]| VdevSpec {
        class,
        keyword: None,
        disks: paths(disks),
    };
    let mut all = vdevs(VdevClass::Data, &pool.vdevs);
    all.extend(vdevs(VdevClass::Special, &pool.special));
    all.extend(vdevs(VdevClass::Log, &pool.log));
    all.extend([
        plain(VdevClass::Cache, &pool.cache),
        plain(VdevClass::Spare, &pool.spares),
    ]);
    all.retain(|vdev| !vdev.disks.is_empty());
    let stored = |properties: &Properties| {
        let pairs = properties.iter();
        pairs
            .map(|(name, property)| (name.to_string(), property.stored.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let mut properties = stored(&pool.properties);
    properties.insert("ashift".to_owned(), Value::Number(pool.ashift.into()));
    PoolSpec {
        name: pool.name.clone(),
        properties,
        root_properties: stored(&pool.root_properties),
        vdevs: all,
    }
}

struct Generator {
    state: u64,
    drives: Vec<(String, u64)>,
}

impl Generator {
    fn case(mut self) -> Case {
        // Most pools are built of one kind of vdev, or nearly all would be refused at once.
        let level = self.level();
        let width = 1 + self.below(6);
        let size = self.size();
        let mut pool = Map::new();
        pool.insert("name".to_owned(), "tank".into());
        let vdevs: Vec<Json> = (0..1 + self.below(3))
            .map(|_| self.vdev(level, width, size))
            .collect();
        pool.insert("vdevs".to_owned(), vdevs.into());
        if self.one_in(4) {
            let vdevs: Vec<Json> = (0..1 + self.below(2))
                .map(|_| self.vdev(level, width, size))
                .collect();
            pool.insert("special".to_owned(), vdevs.into());
        }
        if self.one_in(4) {
            let word = if self.one_in(2) { "mirror" } else { "single" };
            let vdevs: Vec<Json> = (0..1 + self.below(2))
                .map(|_| self.vdev(word, 2, size))
                .collect();
            pool.insert("log".to_owned(), vdevs.into());
        }
        for class in ["cache", "spares"] {
            if self.one_in(5) {
                pool.insert(class.to_owned(), self.disks(1, size).into());
            }
        }
        if self.one_in(3) {
            pool.insert("root_properties".to_owned(), self.root_properties());
        }
        Case {
            file: json!({"zfs": {"pools": [pool]}}),
            drives: self.drives,
        }
    }

    fn vdev(&mut self, level: &'static str, width: u64, size: u64) -> Json {
        let level = if self.one_in(8) { self.level() } else { level };
        let width = if self.one_in(8) {
            1 + self.below(6)
        } else {
            width
        };
        let fewest = match level {
            "single" => 1,
            "mirror" => 2,
            "raidz1" | "draid1" => 3,
            "raidz2" | "draid2" => 4,
            _ => 5,
        };
        let width = if level == "single" {
            1
        } else {
            width.max(fewest)
        };
        json!({"raid_level": level, "disks": self.disks(width, size)})
    }

    fn disks(&mut self, count: u64, size: u64) -> Vec<Json> {
        let mut names = Vec::new();
        for _ in 0..count {
            let bytes = match self.below(24) {
                0 => self.size(),
                1 => size + 15 * MIB,
                2 => size + 17 * MIB,
                3 => size.saturating_sub(16 * MIB),
                _ => size,
            };
            let name = format!("nvme-Drive_G{:04}", self.drives.len());
            names.push(Json::from(name.clone()));
            self.drives.push((name, bytes));
        }
        names
    }

    fn level(&mut self) -> &'static str {
        self.one_of(&[
            "single", "mirror", "mirror", "raidz1", "raidz2", "raidz3", "draid1", "draid2",
        ])
    }

    fn size(&mut self) -> u64 {
        let mib = self.one_of(&[50, 64, 72, 74, 80, 100, 128, 256, 1024, 4096]);
        mib * MIB
    }

    fn root_properties(&mut self) -> Json {
        let mut properties = Map::new();
        for _ in 0..1 + self.below(3) {
            let (name, value) = self.one_of(&[
                ("encryption", "on"),
                ("encryption", "off"),
                ("keyformat", "raw"),
                ("keyformat", "passphrase"),
                ("keylocation", "prompt"),
                ("keylocation", "file:///root/absent"),
                ("pbkdf2iters", "400000"),
                ("utf8only", "off"),
                ("normalization", "formD"),
                ("special_small_blocks", "16K"),
                ("special_small_blocks", "256K"),
                ("recordsize", "1M"),
                ("reservation", "100M"),
                ("reservation", "900G"),
                ("quota", "10K"),
                ("zoned", "on"),
                ("sharenfs", "off"),
                ("dnodesize", "auto"),
                ("canmount", "off"),
            ]);
            properties.insert(name.to_owned(), value.into());
        }
        properties.into()
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = self.below(choices.len() as u64);
        match choices.get(usize::try_from(at).unwrap_or(0)) {
            Some(choice) => *choice,
            None => panic!("there is nothing to choose from"),
        }
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators").
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
