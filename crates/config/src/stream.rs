//! A file without faults, read once from front to back.
//!
//! Owns the way of a large file: its datasets come one after the other, are checked against the
//! schema some at a time, and are handed on, so that never more than a few of them exist in the form
//! in which they were written. Nothing is explained here. Where anything is odd, `load` reads the
//! file again, with everything at hand that it takes to say what is wrong.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::{file, schema};

/// How many datasets are checked at a time: enough to make little of what a check costs by itself,
/// few enough to stay in the processor's cache.
const WINDOW: usize = 64;

/// Reads `text` and hands on its datasets with their indices. What comes back is the document
/// without them.
///
/// `None` if anything is wrong with the text, the document or a dataset; some datasets may have
/// been handed on by then.
pub(crate) fn read(text: &str, take: &mut dyn FnMut(usize, file::Dataset)) -> Option<Value> {
    let mut datasets = Datasets {
        window: Vec::with_capacity(WINDOW),
        taken: 0,
        take,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let document = Place::Document(&mut datasets).deserialize(&mut json).ok()?;
    json.end().ok()?;
    schema::is_valid(&document).then_some(document)
}

/// The datasets on their way.
struct Datasets<'a> {
    window: Vec<Value>,
    taken: usize,
    take: &'a mut dyn FnMut(usize, file::Dataset),
}

impl Datasets<'_> {
    fn push(&mut self, dataset: Value) -> Option<()> {
        self.window.push(dataset);
        if self.window.len() < WINDOW {
            return Some(());
        }
        self.hand_on()
    }

    /// Checks the datasets of the window as if they were a file's only ones.
    fn hand_on(&mut self) -> Option<()> {
        let window = std::mem::replace(&mut self.window, Vec::with_capacity(WINDOW));
        let zfs = Map::from_iter([("datasets".to_owned(), Value::Array(window))]);
        let mut document = Value::Object(Map::from_iter([("zfs".to_owned(), zfs.into())]));
        if !schema::is_valid(&document) {
            return None;
        }
        let window = document.pointer_mut("/zfs/datasets")?.as_array_mut()?;
        for dataset in window.drain(..) {
            (self.take)(self.taken, file::Dataset::deserialize(dataset).ok()?);
            self.taken += 1;
        }
        Some(())
    }
}

/// Where a value stands, as far as that matters here. Reads it as JSON in which no name is written
/// twice.
enum Place<'a, 'd> {
    Document(&'a mut Datasets<'d>),
    Zfs(&'a mut Datasets<'d>),
    List(&'a mut Datasets<'d>),
    Elsewhere,
}

impl<'de> DeserializeSeed<'de> for Place<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        if let Place::List(datasets) = self {
            while let Some(dataset) = items.next_element_seed(Place::Elsewhere)? {
                datasets.push(dataset).ok_or_else(odd)?;
            }
            datasets.hand_on().ok_or_else(odd)?;
            return Ok(Value::Array(Vec::new()));
        }
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Place::Elsewhere)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.member(&name))?;
            if map.insert(name, value).is_some() {
                return Err(odd());
            }
        }
        Ok(Value::Object(map))
    }
}

impl<'d> Place<'_, 'd> {
    fn member(&mut self, name: &str) -> Place<'_, 'd> {
        match (self, name) {
            (Place::Document(datasets), "zfs") => Place::Zfs(datasets),
            (Place::Zfs(datasets), "datasets") => Place::List(datasets),
            _ => Place::Elsewhere,
        }
    }
}

/// Nobody reads it: the file is read again.
fn odd<E: serde::de::Error>() -> E {
    E::custom("not here")
}
