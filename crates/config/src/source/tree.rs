//! One record per JSON value: where it stands, what it is called, and which values it contains.
//!
//! The records of a container's children lie side by side, so that an element is found by its
//! index and a member by binary search, without a string per value. Only bytes, no rules.

use std::borrow::Cow;
use std::ops::Range;

use nojson::{JsonParseError, JsonValueKind, RawJson, RawJsonValue};
use serde_json::{Map, Number, Value};

use super::SourceFile;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::pointer::Pointer;

/// All values of a file. The first one is the document.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree(Vec<Node>);

/// A value. Offsets fit 32 bits because files are at most [`crate::MAX_BYTES`] long.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    start: u32,
    end: u32,
    /// The member's name with its quotes; empty for list items and the document.
    key_start: u32,
    key_end: u32,
    /// The children: list items in order, members by name and then by place.
    first_child: u32,
    children: u32,
}

/// What a text turned into.
pub(super) struct Built {
    pub(super) tree: Tree,
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
        nodes: vec![Node::default()],
        duplicates: Vec::new(),
        path: Vec::new(),
        added,
        length: text.len() - 2 * added,
    };
    let value = builder.value(raw.value(), 0)?;
    Ok(Built {
        tree: Tree(builder.nodes),
        value,
        duplicates: builder.duplicates,
    })
}

struct Builder<'text> {
    nodes: Vec<Node>,
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
    /// Fills the record `slot` and everything below it. Recursion is bounded by the parser's
    /// limit on nesting.
    fn value(&mut self, raw: RawJsonValue<'text, '_>, slot: usize) -> Result<Value, BuildError> {
        let span = self.span(raw);
        if let Some(node) = self.nodes.get_mut(slot) {
            (node.start, node.end) = (offset(span.start), offset(span.end));
        }
        Ok(match raw.kind() {
            JsonValueKind::Null => Value::Null,
            JsonValueKind::Boolean => Value::Bool(raw.as_raw_str() == "true"),
            JsonValueKind::Integer | JsonValueKind::Float => {
                let number: Result<Number, _> = serde_json::from_str(raw.as_raw_str());
                Value::Number(number.map_err(|_| BuildError::Number(span))?)
            }
            JsonValueKind::String => Value::String(
                raw.to_unquoted_string_str()
                    .map_err(BuildError::Json)?
                    .into_owned(),
            ),
            JsonValueKind::Array => self.array(raw, slot)?,
            JsonValueKind::Object => self.object(raw, slot)?,
        })
    }

    fn array(&mut self, raw: RawJsonValue<'text, '_>, slot: usize) -> Result<Value, BuildError> {
        let items: Vec<_> = raw.to_array().map_err(BuildError::Json)?.collect();
        let first = self.reserve(slot, items.len());
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            self.path.push(Step::Index(index));
            values.push(self.value(item, first + index)?);
            self.path.pop();
        }
        Ok(Value::Array(values))
    }

    fn object(&mut self, raw: RawJsonValue<'text, '_>, slot: usize) -> Result<Value, BuildError> {
        let mut members = members(raw).map_err(BuildError::Json)?;
        // A stable sort: members of one name stay in file order, so the last one wins below, as
        // it does in every reader that does not complain.
        members.sort_by(|a, b| a.name.cmp(&b.name));
        let first = self.reserve(slot, members.len());
        let mut map = Map::new();
        let mut previous: Option<Range<usize>> = None;
        for (index, member) in members.into_iter().enumerate() {
            let key = self.span(member.key);
            if let Some(node) = self.nodes.get_mut(first + index) {
                (node.key_start, node.key_end) = (offset(key.start), offset(key.end));
            }
            let name = member.name.clone().into_owned();
            self.path.push(Step::Key(member.name));
            let value = self.value(member.value, first + index)?;
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

    /// Makes room for the children of `slot` and returns the index of the first.
    fn reserve(&mut self, slot: usize, children: usize) -> usize {
        let first = self.nodes.len();
        self.nodes.resize(first + children, Node::default());
        if let Some(node) = self.nodes.get_mut(slot) {
            (node.first_child, node.children) = (offset(first), offset(children));
        }
        first
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

/// Files are far below 4 GiB; a larger offset would only misplace a label.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl Tree {
    /// The value that `pointer` stands for, or its nearest ancestor and the segments that the file
    /// does not have.
    pub(super) fn find<'a>(&self, pointer: &'a Pointer, text: &str) -> (usize, Vec<Cow<'a, str>>) {
        let mut node = 0;
        let mut segments = pointer.segments();
        while let Some(segment) = segments.next() {
            match self.child(node, &segment, text) {
                Some(child) => node = child,
                None => {
                    let mut missing = vec![segment];
                    missing.extend(segments);
                    return (node, missing);
                }
            }
        }
        (node, Vec::new())
    }

    /// The bytes of a value.
    pub(super) fn value_span(&self, node: usize) -> Range<usize> {
        let node = self.node(node);
        node.start as usize..node.end as usize
    }

    /// The bytes of a member's name. A list item and the document have none: what stands for it
    /// is the opening bracket of a container, and otherwise the value.
    pub(super) fn key_span(&self, node: usize, text: &str) -> Range<usize> {
        let value = self.value_span(node);
        let node = self.node(node);
        if node.key_end > 0 {
            return node.key_start as usize..node.key_end as usize;
        }
        match text.as_bytes().get(value.start) {
            Some(b'{' | b'[') => value.start..value.start + 1,
            _ => value,
        }
    }

    fn node(&self, index: usize) -> Node {
        self.0.get(index).copied().unwrap_or_default()
    }

    fn child(&self, parent: usize, segment: &str, text: &str) -> Option<usize> {
        let node = self.node(parent);
        let first = node.first_child as usize;
        let children = self.0.get(first..first + node.children as usize)?;
        if children.first()?.key_end == 0 {
            let index: usize = segment.parse().ok()?;
            return (index < children.len()).then_some(first + index);
        }
        // The last of several members with one name: the one whose value counts.
        let after = children.partition_point(|child| *child.name(text) <= *segment);
        let index = after.checked_sub(1)?;
        (children.get(index)?.name(text) == segment).then_some(first + index)
    }
}

impl Node {
    /// The member's name without quotes and escapes.
    fn name(self, text: &str) -> Cow<'_, str> {
        let quoted = text
            .get(self.key_start as usize..self.key_end as usize)
            .unwrap_or("\"\"");
        if quoted.contains('\\') {
            Cow::Owned(serde_json::from_str(quoted).unwrap_or_default())
        } else {
            Cow::Borrowed(quoted.trim_matches('"'))
        }
    }
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
