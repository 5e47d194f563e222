//! The text of a file and where every value stands in it.
//!
//! Owns the way from a [`Pointer`] to bytes, lines and columns. Whether a value is right is the
//! business of `schema`, `normalize` and `check`; this module and its children are the only users
//! of the parser that keeps positions.

mod document;
mod syntax;
mod tree;

use std::ops::Range;
use std::sync::OnceLock;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Label, Part, Place};
use crate::pointer::Pointer;
use tree::{Node, Tree};

/// How many bytes lie between two stored character counts. A column is found by counting at most
/// this many bytes, however long the line is.
const CHECKPOINT: u32 = 512;

/// A file: its name, its text, and the place of every value in it, which is looked for when
/// somebody asks.
#[derive(Debug, Clone, Default)]
pub struct SourceFile {
    name: String,
    text: String,
    tree: OnceLock<Tree>,
    positions: OnceLock<Positions>,
}

/// What turns bytes into lines and columns. Numbers fit 32 bits because files are at most
/// [`crate::MAX_BYTES`] long.
#[derive(Debug, Clone, Default)]
struct Positions {
    /// Offset of the first byte of each line.
    lines: Vec<u32>,
    /// Characters that start before byte `index * CHECKPOINT`.
    checkpoints: Vec<u32>,
}

/// A parsed file, and what its text says.
pub(crate) struct Parsed {
    pub(crate) source: SourceFile,
    /// The document; `null` when the text is not JSON.
    pub(crate) value: Value,
    /// Syntax errors and duplicate keys.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether the text is JSON, so that looking further makes sense.
    pub(crate) is_json: bool,
}

impl SourceFile {
    /// The name that the caller gave the file, normally its path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text. Bytes that are not UTF-8 have been replaced.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The label for a place.
    ///
    /// A pointer may go one step into a text such as `"quota=800G,sync=always"`, which historic
    /// files write instead of an object or a list: `/properties/quota` is then the piece
    /// `quota=800G`. A pointer to anything else that the file does not have stands for its nearest
    /// ancestor's key, so that "missing" can be said of a member. The label's own pointer is always
    /// one that the file has.
    pub fn resolve(&self, place: &Place) -> Label {
        let tree = self.tree.get_or_init(|| Tree::new(&self.text));
        let (node, missing) = tree.find(&place.pointer, &self.text);
        let span = match (missing.as_slice(), &place.part) {
            ([], Part::Value) => node.value_span(),
            ([], Part::Within(piece)) => self.within(node, piece),
            ([piece], _) => self
                .piece(node, piece)
                .unwrap_or_else(|| node.key_span(&self.text)),
            (_, _) => node.key_span(&self.text),
        };
        let mut pointer = place.pointer.clone();
        for _ in missing {
            pointer = pointer.parent().unwrap_or_default();
        }
        self.label(pointer, span, &place.message)
    }

    /// The label for some bytes.
    pub(crate) fn label(&self, pointer: Pointer, span: Range<usize>, message: &str) -> Label {
        let lines = &self.positions().lines;
        let line = lines.partition_point(|start| *start as usize <= span.start);
        let line_start = line
            .checked_sub(1)
            .and_then(|index| lines.get(index))
            .map_or(0, |start| *start as usize);
        Label {
            pointer,
            line: line.max(1),
            column: self.characters_before(span.start) - self.characters_before(line_start) + 1,
            offset: span.start,
            length: span.len(),
            message: message.to_owned(),
        }
    }

    /// The first occurrence of `piece` inside the string `node`, or the element `piece` of the
    /// list of strings `node`, or else the whole value.
    fn within(&self, node: &Node, piece: &str) -> Range<usize> {
        let whole = node.value_span();
        let text = self.text.get(whole.clone()).unwrap_or_default();
        let element = format!("\"{piece}\"");
        let wanted = match text.bytes().next() {
            Some(b'"') => piece,
            Some(b'[') => &element,
            _ => return whole,
        };
        match text.find(wanted).filter(|_| !piece.is_empty()) {
            Some(at) => whole.start + at..whole.start + at + wanted.len(),
            None => whole,
        }
    }

    /// The piece of the comma-separated string `node` that is `name` or `name=...`.
    fn piece(&self, node: &Node, name: &str) -> Option<Range<usize>> {
        let whole = node.value_span();
        let text = self.text.get(whole.clone())?;
        let list = text.strip_prefix('"')?.strip_suffix('"')?;
        let mut start = whole.start + 1;
        for piece in list.split(',') {
            let trimmed = piece.trim();
            if trimmed.split('=').next().unwrap_or_default().trim() == name || trimmed == name {
                let start = start + (piece.len() - piece.trim_start().len());
                return Some(start..start + trimmed.len());
            }
            start += piece.len() + 1;
        }
        None
    }

    fn with_text(name: &str, text: String) -> Self {
        Self {
            name: name.to_owned(),
            text,
            ..Self::default()
        }
    }

    fn positions(&self) -> &Positions {
        self.positions.get_or_init(|| Positions::of(&self.text))
    }

    /// How many characters start before byte `offset`.
    fn characters_before(&self, offset: usize) -> usize {
        let checkpoint = offset / CHECKPOINT as usize;
        let counted = self.positions().checkpoints.get(checkpoint);
        let counted = counted.map_or(0, |counted| *counted as usize);
        let rest = self
            .text
            .as_bytes()
            .get(checkpoint * CHECKPOINT as usize..offset);
        let rest = rest.unwrap_or_default().iter();
        counted + rest.filter(|byte| starts_character(**byte)).count()
    }
}

impl Positions {
    fn of(text: &str) -> Self {
        let mut lines = vec![0];
        let mut checkpoints = Vec::new();
        let mut characters = 0;
        for (index, byte) in (0_u32..).zip(text.bytes()) {
            if index.is_multiple_of(CHECKPOINT) {
                checkpoints.push(characters);
            }
            characters += u32::from(starts_character(byte));
            if byte == b'\n' {
                lines.push(index + 1);
            }
        }
        checkpoints.push(characters);
        Self { lines, checkpoints }
    }
}

fn starts_character(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

/// The text in `bytes`.
///
/// # Errors
///
/// Why there is none, beside what can be shown of it.
pub(crate) fn open(
    name: &str,
    bytes: Vec<u8>,
) -> Result<SourceFile, Box<(SourceFile, Diagnostic)>> {
    if bytes.len() > crate::MAX_BYTES {
        let source = SourceFile::with_text(name, String::new());
        return Err(Box::new((source, syntax::too_large())));
    }
    let source = match String::from_utf8(bytes) {
        Ok(text) => SourceFile::with_text(name, text),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let source = SourceFile::with_text(name, text);
            let valid = error.utf8_error().valid_up_to();
            let diagnostic = syntax::encoding(&source, error.as_bytes(), valid);
            return Err(Box::new((source, diagnostic)));
        }
    };
    match syntax::unusable(&source) {
        Some(diagnostic) => Err(Box::new((source, diagnostic))),
        None => Ok(source),
    }
}

/// Reads the text as JSON, and says everything that keeps it from being good JSON.
pub(crate) fn parse(source: SourceFile) -> Parsed {
    let stopped = |source: SourceFile, diagnostic| Parsed {
        source,
        value: Value::Null,
        diagnostics: vec![diagnostic],
        is_json: false,
    };
    let (built, mut diagnostics) = match document::build(&source.text) {
        Ok(built) => (built, Vec::new()),
        Err(error) => {
            let bare = syntax::lacks_braces(&source.text, &error);
            match bare.then(|| document::build_bare(&source.text)) {
                // What stands inside can be judged although the braces are missing.
                Some(Ok(built)) => {
                    let _ = source.tree.set(Tree::bare(&source.text));
                    (built, vec![syntax::json(&source, &error)])
                }
                // A mistake inside is what the author of a snippet wants to see first.
                Some(Err(inside)) => {
                    let diagnostic = syntax::json_inside_braces(&source, &error, &inside);
                    return stopped(source, diagnostic);
                }
                None => {
                    let diagnostic = syntax::json(&source, &error);
                    return stopped(source, diagnostic);
                }
            }
        }
    };
    diagnostics.extend(built.duplicates.iter().map(|one| one.diagnostic(&source)));
    Parsed {
        source,
        value: built.value,
        diagnostics,
        is_json: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str, pointer: &str, part: Part) -> (Label, String) {
        let parsed = parse(open("test.json", text.into()).unwrap());
        assert!(parsed.is_json, "{:?}", parsed.diagnostics);
        let label = parsed.source.resolve(&Place {
            pointer: Pointer::new(pointer),
            part,
            message: String::new(),
        });
        let bytes = text[label.offset..label.offset + label.length].to_owned();
        (label, bytes)
    }

    const TEXT: &str =
        "{\r\n  \"k/e~y\\u00e9\": [1, {\"ï\": \"a=1, b\"}],\r\n  \"€\": {\"x\": true}\r\n}";

    #[test]
    fn a_place_is_found_to_the_byte() {
        let within = |text: &str| Part::Within(text.to_owned());
        for (pointer, part, bytes) in [
            ("/k~1e~0yé", Part::Key, "\"k/e~y\\u00e9\""),
            ("/k~1e~0yé/0", Part::Value, "1"),
            ("/k~1e~0yé/0", Part::Key, "1"),
            ("/k~1e~0yé/1", Part::Key, "{"),
            ("/k~1e~0yé/1", Part::Value, "{\"ï\": \"a=1, b\"}"),
            ("/k~1e~0yé/1/ï", Part::Value, "\"a=1, b\""),
            ("/k~1e~0yé/1/ï", within("b"), "b"),
            ("/k~1e~0yé/1/ï", within("c"), "\"a=1, b\""),
            // One step into a text is a piece of it.
            ("/k~1e~0yé/1/ï/a", Part::Value, "a=1"),
            ("/k~1e~0yé/1/ï/b", Part::Key, "b"),
            ("/k~1e~0yé/1/ï/c", Part::Value, "\"ï\""),
            ("/€/x", Part::Value, "true"),
            // What does not exist stands at the nearest thing that does.
            ("/€/y", Part::Value, "\"€\""),
            ("/k~1e~0yé/7", Part::Value, "\"k/e~y\\u00e9\""),
            ("/nothing/at/all", Part::Value, "{"),
            ("", Part::Key, "{"),
        ] {
            assert_eq!(label(TEXT, pointer, part).1, bytes, "{pointer}");
        }
    }

    #[test]
    fn lines_and_columns_count_characters() {
        let (label, _) = label(TEXT, "/€/x", Part::Value);
        assert_eq!((label.line, label.column), (3, 14));
    }

    #[test]
    fn columns_are_right_beyond_a_checkpoint() {
        let long = "é".repeat(CHECKPOINT as usize);
        let text = format!("{{\"a\": \"{long}\", \"b\": 1}}");
        let (label, bytes) = label(&text, "/b", Part::Value);
        assert_eq!(bytes, "1");
        assert_eq!(
            label.column,
            "{\"a\": \"".len() + CHECKPOINT as usize + "\", \"b\": ".len() + 1
        );
    }
}
