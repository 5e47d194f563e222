//! Where every value of a JSON text stands, what it is called, and which values it contains.
//!
//! Made as far as somebody asks: a file in which nothing is wrong is never walked, and of one with
//! a few findings only the objects and lists on the way to them. Only bytes, no rules; the text is
//! known to be JSON.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use crate::pointer::Pointer;

/// All values of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    document: Node,
    /// Whether the text is the inside of an object, without the braces around it.
    bare: bool,
}

/// A value. Offsets fit 32 bits because files are at most [`crate::MAX_BYTES`] long.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    value: Span,
    /// The member's name with its quotes; empty for list items and the document.
    key: Span,
    /// The children: list items in order, members by name and then by place.
    children: OnceLock<Box<[Self]>>,
}

/// Bytes of the text.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Tree {
    /// The values of `text`, which is JSON.
    pub(super) fn new(text: &str) -> Self {
        let start = skip_space(text.as_bytes(), 0);
        Self {
            document: Node {
                value: Span::new(start..value_end(text.as_bytes(), start)),
                ..Node::default()
            },
            bare: false,
        }
    }

    /// The values of `text`, which would be JSON with braces around it.
    pub(super) fn bare(text: &str) -> Self {
        Self {
            document: Node {
                value: Span::new(0..text.len()),
                ..Node::default()
            },
            bare: true,
        }
    }

    /// The value that `pointer` stands for, or its nearest ancestor and the segments that the file
    /// does not have.
    pub(super) fn find<'a>(&self, pointer: &'a Pointer, text: &str) -> (&Node, Vec<Cow<'a, str>>) {
        let mut node = &self.document;
        let mut children = node.children(text, self.bare);
        let mut segments = pointer.segments();
        while let Some(segment) = segments.next() {
            match child(children, &segment, text) {
                Some(child) => {
                    node = child;
                    children = node.children(text, false);
                }
                None => {
                    let mut missing = vec![segment];
                    missing.extend(segments);
                    return (node, missing);
                }
            }
        }
        (node, Vec::new())
    }
}

impl Node {
    /// The bytes of a value.
    pub(super) fn value_span(&self) -> Range<usize> {
        self.value.range()
    }

    /// The bytes of a member's name. A list item and the document have none: what stands for it
    /// is the opening bracket of a container, and otherwise the value.
    pub(super) fn key_span(&self, text: &str) -> Range<usize> {
        let value = self.value.range();
        if self.key.end > 0 {
            return self.key.range();
        }
        match text.as_bytes().get(value.start) {
            Some(b'{' | b'[') => value.start..value.start + 1,
            _ => value,
        }
    }

    fn children(&self, text: &str, bare: bool) -> &[Self] {
        self.children.get_or_init(|| {
            let Range { start, end } = self.value.range();
            let bytes = text.as_bytes();
            match bytes.get(start) {
                _ if bare => members(text, start, end),
                Some(b'{') => members(text, start + 1, end),
                Some(b'[') => items(bytes, start + 1, end),
                _ => Box::default(),
            }
        })
    }

    /// The member's name without quotes and escapes.
    fn name<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let quoted = text.get(self.key.range()).unwrap_or("\"\"");
        if quoted.contains('\\') {
            Cow::Owned(serde_json::from_str(quoted).unwrap_or_default())
        } else {
            Cow::Borrowed(quoted.trim_matches('"'))
        }
    }
}

impl Span {
    fn new(range: Range<usize>) -> Self {
        Self {
            start: offset(range.start),
            end: offset(range.end),
        }
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Files are far below 4 GiB; a larger offset would only misplace a label.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn child<'a>(children: &'a [Node], segment: &str, text: &str) -> Option<&'a Node> {
    if children.first()?.key.end == 0 {
        return children.get(segment.parse::<usize>().ok()?);
    }
    // The last of several members with one name: the one whose value counts.
    let after = children.partition_point(|child| *child.name(text) <= *segment);
    let child = children.get(after.checked_sub(1)?)?;
    (child.name(text) == segment).then_some(child)
}

/// The members that stand from `at` on, sorted.
fn members(text: &str, mut at: usize, end: usize) -> Box<[Node]> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    loop {
        at = skip_space(bytes, at);
        if at >= end || bytes.get(at) != Some(&b'"') {
            break;
        }
        let key = at..value_end(bytes, at);
        // Between a name and its value there is one colon.
        let start = skip_space(bytes, skip_space(bytes, key.end) + 1);
        let value = start..value_end(bytes, start);
        at = skip_space(bytes, value.end) + 1;
        found.push(Node {
            value: Span::new(value),
            key: Span::new(key),
            children: OnceLock::new(),
        });
    }
    // A stable sort: members of one name stay in file order.
    found.sort_by(|a, b| a.name(text).cmp(&b.name(text)));
    found.into()
}

/// The items that stand from `at` on.
fn items(bytes: &[u8], mut at: usize, end: usize) -> Box<[Node]> {
    let mut found = Vec::new();
    loop {
        at = skip_space(bytes, at);
        // The last byte is the closing bracket.
        if at + 1 >= end {
            break;
        }
        let value = at..value_end(bytes, at);
        at = skip_space(bytes, value.end) + 1;
        found.push(Node {
            value: Span::new(value),
            ..Node::default()
        });
    }
    found.into()
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default().iter();
    at + rest.take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Where the value that begins at `at` ends. Always beyond `at`.
fn value_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = match rest.first() {
        Some(b'"') => string_length(rest),
        Some(b'{' | b'[') => container_length(rest),
        _ => {
            let word = rest.iter();
            word.take_while(|byte| !matches!(byte, b',' | b']' | b'}'))
                .take_while(|byte| !byte.is_ascii_whitespace())
                .count()
        }
    };
    at + length.max(1)
}

fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

fn container_length(bytes: &[u8]) -> usize {
    let mut open = 0_usize;
    let mut at = 0;
    loop {
        match bytes.get(at) {
            Some(b'"') => {
                at += string_length(bytes.get(at..).unwrap_or_default());
                continue;
            }
            Some(b'{' | b'[') => open += 1,
            Some(b'}' | b']') if open == 1 => return at + 1,
            Some(b'}' | b']') => open -= 1,
            Some(_) => {}
            None => return bytes.len(),
        }
        at += 1;
    }
}
