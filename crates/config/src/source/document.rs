//! A text as a JSON document, with what the document does not show: that a name was written twice,
//! and why a text is none.
//!
//! The thorough way: it keeps the place of every value while it reads. A file without faults is
//! read by `stream`, which keeps none.

use std::borrow::Cow;
use std::ops::Range;

use nojson::{JsonParseError, JsonValueKind, RawJson, RawJsonValue};
use serde_json::{Map, Number, Value};

use super::SourceFile;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::pointer::Pointer;

/// What a text turned into.
pub(super) struct Built {
    pub(super) value: Value,
    pub(super) duplicates: Vec<Duplicate>,
}

/// A name that one object gives to two members.
pub(super) struct Duplicate {
    pointer: Pointer,
    name: String,
    first: Range<usize>,
    second: Range<usize>,
    /// Whether both members have the same value.
    same: bool,
}

/// Why a text could not be turned into a tree.
pub(super) enum BuildError {
    /// It is not JSON.
    Json(JsonParseError),
    /// This number is too large for any computer's number.
    Number(Range<usize>),
}

/// Reads `text`, keeping the place of everything.
pub(super) fn build(text: &str) -> Result<Built, BuildError> {
    build_at(text, 0)
}

/// Reads members without an object around them, such as a snippet out of a larger file, as if the
/// braces were there. All places are places in `text`.
pub(super) fn build_bare(text: &str) -> Result<Built, BuildError> {
    build_at(&format!("{{{text}}}"), 1)
}

/// Reads `text`, of which the first `added` bytes, and as many at the end, are not in the file.
fn build_at(text: &str, added: usize) -> Result<Built, BuildError> {
    let raw = RawJson::parse(text).map_err(BuildError::Json)?;
    let mut builder = Builder {
        duplicates: Vec::new(),
        path: Vec::new(),
        added,
        length: text.len() - 2 * added,
    };
    let value = builder.value(raw.value())?;
    Ok(Built {
        value,
        duplicates: builder.duplicates,
    })
}

struct Builder<'text> {
    duplicates: Vec<Duplicate>,
    /// The way from the document to the value at hand.
    path: Vec<Step<'text>>,
    /// How many bytes stand before the file's first one.
    added: usize,
    /// How many bytes the file has.
    length: usize,
}

enum Step<'text> {
    Key(Cow<'text, str>),
    Index(usize),
}

struct Member<'text, 'raw> {
    name: Cow<'text, str>,
    key: RawJsonValue<'text, 'raw>,
    value: RawJsonValue<'text, 'raw>,
}

impl<'text> Builder<'text> {
    /// Recursion is bounded by the parser's limit on nesting.
    fn value(&mut self, raw: RawJsonValue<'text, '_>) -> Result<Value, BuildError> {
        Ok(match raw.kind() {
            JsonValueKind::Null => Value::Null,
            JsonValueKind::Boolean => Value::Bool(raw.as_raw_str() == "true"),
            JsonValueKind::Integer | JsonValueKind::Float => {
                let number: Result<Number, _> = serde_json::from_str(raw.as_raw_str());
                Value::Number(number.map_err(|_| BuildError::Number(self.span(raw)))?)
            }
            JsonValueKind::String => Value::String(
                raw.to_unquoted_string_str()
                    .map_err(BuildError::Json)?
                    .into_owned(),
            ),
            JsonValueKind::Array => self.array(raw)?,
            JsonValueKind::Object => self.object(raw)?,
        })
    }

    fn array(&mut self, raw: RawJsonValue<'text, '_>) -> Result<Value, BuildError> {
        let items: Vec<_> = raw.to_array().map_err(BuildError::Json)?.collect();
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            self.path.push(Step::Index(index));
            values.push(self.value(item)?);
            self.path.pop();
        }
        Ok(Value::Array(values))
    }

    fn object(&mut self, raw: RawJsonValue<'text, '_>) -> Result<Value, BuildError> {
        let mut members = members(raw).map_err(BuildError::Json)?;
        // A stable sort: members of one name stay in file order, so the last one wins below, as
        // it does in every reader that does not complain.
        members.sort_by(|a, b| a.name.cmp(&b.name));
        let mut map = Map::new();
        let mut previous: Option<Range<usize>> = None;
        for member in members {
            let key = self.span(member.key);
            let name = member.name.clone().into_owned();
            self.path.push(Step::Key(member.name));
            let value = self.value(member.value)?;
            if let (Some(old), Some(first)) = (map.get(&name), previous) {
                let same = *old == value;
                self.duplicate(&name, first, key.clone(), same);
            }
            self.path.pop();
            // The next member can only repeat this one: names are sorted.
            previous = Some(key);
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }

    /// The bytes of a value in the file.
    fn span(&self, raw: RawJsonValue<'_, '_>) -> Range<usize> {
        let in_file = |at: usize| at.saturating_sub(self.added).min(self.length);
        in_file(raw.position())..in_file(raw.position() + raw.as_raw_str().len())
    }

    fn duplicate(&mut self, name: &str, first: Range<usize>, second: Range<usize>, same: bool) {
        let mut pointer = Pointer::root();
        for step in &self.path {
            pointer = match step {
                Step::Key(name) => pointer.key(name),
                Step::Index(index) => pointer.index(*index),
            };
        }
        self.duplicates.push(Duplicate {
            pointer,
            name: name.to_owned(),
            first,
            second,
            same,
        });
    }
}

fn members<'text, 'raw>(
    raw: RawJsonValue<'text, 'raw>,
) -> Result<Vec<Member<'text, 'raw>>, JsonParseError> {
    raw.to_object()?
        .map(|(key, value)| {
            let name = key.to_unquoted_string_str()?;
            Ok(Member { name, key, value })
        })
        .collect()
}

impl Duplicate {
    pub(super) fn diagnostic(&self, source: &SourceFile) -> Diagnostic {
        let name = &self.name;
        let (severity, how) = if self.same {
            (Severity::Warning, "with the same value")
        } else {
            (Severity::Error, "with different values")
        };
        let label = |span: &Range<usize>, message| {
            source.label(self.pointer.clone(), span.clone(), message)
        };
        Diagnostic {
            code: Code::SchemaDuplicateKey,
            severity,
            message: format!("the key \"{name}\" is written twice in one object, {how}"),
            help: format!(
                "keep one \"{name}\": readers of JSON silently take the last one, others refuse the file"
            ),
            labels: vec![
                label(&self.second, "written again here"),
                label(&self.first, "first written here"),
            ],
        }
    }
}
