//! Recognises a `zfs get` about one dataset, so that several can be asked as one.

use super::PropertyRow;
use phoenix_host::command::{Command, Program};

/// A [`get`](super::get) about one dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatasetQuestion<'a> {
    /// The properties, with commas between them.
    pub properties: &'a str,
    /// The dataset.
    pub dataset: &'a str,
}

impl DatasetQuestion<'_> {
    /// The pool that the dataset lies in.
    pub fn pool(&self) -> &str {
        let end = self.dataset.find('/').unwrap_or(self.dataset.len());
        self.dataset.get(..end).unwrap_or(self.dataset)
    }
}

/// What `command` asks, if it is a [`get`](super::get) about one dataset.
pub fn dataset_question(command: &Command) -> Option<DatasetQuestion<'_>> {
    let [_, _, _, _, properties, dataset] = command.args.as_slice() else {
        return None;
    };
    let question = DatasetQuestion {
        properties,
        dataset,
    };
    let asked = super::get(&[properties], &[dataset]);
    (command.program == Program::Zfs && command.args == asked.args).then_some(question)
}

/// The pool in which `command` makes a dataset, if it is a `zfs create`.
pub fn pool_of_create(command: &Command) -> Option<&str> {
    let creates = command.args.first().is_some_and(|word| word == "create");
    let dataset = command
        .args
        .last()
        .filter(|_| creates && command.program == Program::Zfs)?;
    dataset.split('/').next()
}

/// Rows as [`get`](super::get) prints them.
pub fn print_get(rows: &[PropertyRow]) -> String {
    let line = |row: &PropertyRow| {
        let PropertyRow {
            name,
            property,
            value,
            source,
        } = row;
        format!("{name}\t{property}\t{value}\t{source}\n")
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::zfs::{create_filesystem, create_volume, get, mount, parse_get, set};

    #[test]
    fn a_create_is_known_by_the_pool_of_its_dataset() {
        let none = BTreeMap::new();
        let quota = BTreeMap::from([("quota".to_owned(), "1".to_owned())]);
        for (command, pool) in [
            (create_filesystem("tank/a/b", &quota), Some("tank")),
            (create_volume("tank/v", 8, true, &none), Some("tank")),
            (mount("tank/a"), None),
            (set("tank/a", &quota), None),
            (get(&["quota"], &["tank/a"]), None),
        ] {
            assert_eq!(pool_of_create(&command), pool, "{command}");
        }
    }

    #[test]
    fn only_a_get_about_one_dataset_is_a_question_about_one() {
        let one = get(&["quota", "sync"], &["tank/a"]);
        let question = dataset_question(&one).unwrap();
        assert_eq!(
            (question.properties, question.dataset, question.pool()),
            ("quota,sync", "tank/a", "tank")
        );
        assert_eq!(
            dataset_question(&get(&["quota"], &["tank/a", "tank/b"])),
            None
        );
        assert_eq!(dataset_question(&mount("tank/a")), None);
        let mut recursive = one;
        recursive.args[1] = "-rHp".to_owned();
        assert_eq!(dataset_question(&recursive), None);
    }

    #[test]
    fn rows_survive_being_printed() {
        let text = "t/a\tuser:note\ttwo\nlines\tand a tab\tlocal\nt/a\tquota\t0\tdefault\n";
        assert_eq!(print_get(&parse_get(text).unwrap()), text);
    }
}
