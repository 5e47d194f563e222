//! Words for text that is not JSON: what stands there, what was expected, and the usual mistake.
//!
//! The place comes from the parser that keeps positions; the expectation comes from serde_json,
//! whose wording names what was missing.

use std::ops::Range;

use nojson::JsonParseError;

use super::SourceFile;
use super::document::BuildError;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::pointer::Pointer;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The file is larger than [`crate::MAX_BYTES`].
pub(super) fn too_large() -> Diagnostic {
    let limit = phoenix_zfs::size::human(crate::MAX_BYTES as u64);
    Diagnostic {
        code: Code::SyntaxTooLarge,
        severity: Severity::Error,
        // How much larger is not known: nobody reads the rest.
        message: format!("the file is larger than {limit}, which is the most that phoenix reads"),
        help: "check that this is the configuration: one for 100,000 datasets is far smaller"
            .to_owned(),
        labels: Vec::new(),
    }
}

/// The bytes from `offset` on are not UTF-8.
pub(super) fn encoding(source: &SourceFile, bytes: &[u8], offset: usize) -> Diagnostic {
    let byte = bytes.get(offset).copied().unwrap_or_default();
    let message = format!("the file is not UTF-8 text: byte 0x{byte:02x} at offset {offset}");
    let label = source.label(Pointer::root(), offset..offset, "not UTF-8 from here on");
    error(
        Code::SyntaxEncoding,
        message,
        "save the file as UTF-8; if it is not a text file at all, check its name",
        vec![label],
    )
}

/// Text that need not be parsed to know that it is no configuration.
pub(super) fn unusable(source: &SourceFile) -> Option<Diagnostic> {
    let text = source.text();
    if text.starts_with(BYTE_ORDER_MARK) {
        let span = 0..BYTE_ORDER_MARK.len_utf8();
        return Some(error(
            Code::SyntaxEncoding,
            "the file starts with a byte order mark, which JSON does not allow".to_owned(),
            "save the file as \"UTF-8 without BOM\"",
            vec![source.label(Pointer::root(), span, "invisible mark")],
        ));
    }
    if text.trim().is_empty() {
        return Some(error(
            Code::SyntaxJson,
            "the file is empty".to_owned(),
            "the smallest configuration is {}; the project's schema/examples/minimal.json is a useful one",
            vec![source.label(Pointer::root(), 0..0, "nothing here")],
        ));
    }
    None
}

/// Whether `problem` is that the text is members without an object around them: a snippet copied
/// out of a larger file.
pub(super) fn lacks_braces(text: &str, problem: &BuildError) -> bool {
    let BuildError::Json(error) = problem else {
        return false;
    };
    let rest = text.get(error.position()..).unwrap_or_default();
    rest.starts_with(':') && reference_message(text) == "trailing characters"
}

/// The text lacks its braces, which is `outside`, and even with them it is not JSON, which is
/// `inside`. Speaks of the mistake inside, unless that is at the very end.
pub(super) fn json_inside_braces(
    source: &SourceFile,
    outside: &BuildError,
    inside: &BuildError,
) -> Diagnostic {
    let text = source.text();
    match inside {
        BuildError::Json(error) if error.position() <= text.len() => {
            let offset = error.position().saturating_sub(1);
            at(
                source,
                error,
                offset,
                &reference_message(&format!("{{{text}}}")),
            )
        }
        _ => json(source, outside),
    }
}

/// The text is not JSON.
pub(super) fn json(source: &SourceFile, problem: &BuildError) -> Diagnostic {
    let error_kind = match problem {
        BuildError::Number(span) => {
            return error(
                Code::SyntaxJson,
                "this number is too large to be read".to_owned(),
                "write sizes as text with a unit, such as \"800G\"",
                vec![source.label(Pointer::root(), span.clone(), "out of range")],
            );
        }
        BuildError::Json(error) => error,
    };
    let text = source.text();
    let offset = error_kind.position().min(text.len());
    at(source, error_kind, offset, &reference_message(text))
}

/// A mistake at `offset`, for which serde_json has the words `reference`.
fn at(source: &SourceFile, kind: &JsonParseError, offset: usize, reference: &str) -> Diagnostic {
    let text = source.text();
    let found = text.get(offset..).and_then(|rest| rest.chars().next());
    let words = match kind {
        JsonParseError::InvalidValue { .. } => Words {
            message: "brackets are nested more than 128 deep".to_owned(),
            label: "the 129th level",
            help: "no configuration needs that; check that this is the right file",
        },
        _ => words(reference, found),
    };
    let span = offset..offset + found.map_or(0, char::len_utf8);
    let mut labels = vec![source.label(Pointer::root(), span, words.label)];
    if found.is_none() {
        let open = unclosed(text);
        labels.extend(open.map(|span| source.label(Pointer::root(), span, "opened here")));
    }
    error(Code::SyntaxJson, words.message, words.help, labels)
}

fn error(code: Code, message: String, help: &str, labels: Vec<Label>) -> Diagnostic {
    Diagnostic {
        code,
        severity: Severity::Error,
        message,
        help: help.to_owned(),
        labels,
    }
}

struct Words {
    message: String,
    label: &'static str,
    help: &'static str,
}

/// serde_json's words for the first mistake in `text`, without its place.
fn reference_message(text: &str) -> String {
    let message = match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let end = message.find(" at line ").unwrap_or(message.len());
    message.chars().take(end).collect()
}

fn words(reference: &str, found: Option<char>) -> Words {
    let found_text = match found {
        None => "the end of the file".to_owned(),
        Some(c) if c.is_control() || c == BYTE_ORDER_MARK => format!("the character {c:?}"),
        Some(c) => format!("`{c}`"),
    };
    let expected = |what: &str| format!("expected {what}, found {found_text}");
    let (message, label, help) = match reference {
        "expected value" | "EOF while parsing a value" => (
            expected("a value"),
            "a value belongs here",
            "a value is an object {..}, a list [..], text in double quotes, a number, true or false",
        ),
        "expected `:`" => (
            expected("`:`"),
            "`:` belongs here",
            "put `:` between a key and its value",
        ),
        "expected `,` or `}`" => (
            expected("`,` or `}`"),
            "`,` or `}` belongs here",
            "put a comma between two members, or close the object with `}`",
        ),
        "expected `,` or `]`" => (
            expected("`,` or `]`"),
            "`,` or `]` belongs here",
            "put a comma between two items, or close the list with `]`",
        ),
        "key must be a string" => (
            expected("a key in double quotes"),
            "a key belongs here",
            "write keys in double quotes; JSON knows no comments",
        ),
        "trailing comma" => (
            format!("expected another entry after the comma, found {found_text}"),
            "nothing after the comma",
            "remove the comma before the closing bracket",
        ),
        "trailing characters" if found == Some(':') => (
            "expected the end of the file, found `:`: this is a member without an object around it"
                .to_owned(),
            "the document ended before this",
            "put { at the beginning of the file and } at its end",
        ),
        "trailing characters" => (
            expected("the end of the file"),
            "the document ended before this",
            "remove what follows the document, or check whether a bracket was closed too early",
        ),
        "EOF while parsing an object" | "EOF while parsing a list" => (
            "the file ends before the last bracket is closed".to_owned(),
            "the file ends here",
            "close the bracket; the file may have been cut off",
        ),
        "EOF while parsing a string" => (
            "the file ends inside a text".to_owned(),
            "the file ends here",
            "close the text with a double quote; the file may have been cut off",
        ),
        "invalid number" => (
            format!("this number is not written as JSON wants it: found {found_text}"),
            "not part of a number",
            "write 5, 5.25 or -5, without leading zeros; write sizes as text, such as \"800G\"",
        ),
        "invalid escape" => (
            expected("an escape that JSON knows"),
            "unknown escape",
            "JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u followed by four hex digits",
        ),
        "expected ident" => (
            expected("true, false or null"),
            "misspelt word",
            "write true, false or null in lower case, or put text in double quotes",
        ),
        other if other.starts_with("control character") => (
            format!("a text must not contain {found_text} as it is"),
            "inside a text",
            "close the text with a double quote before the end of the line, or write \\n or \\t",
        ),
        _ => (
            format!("this is not JSON: found {found_text}"),
            "not JSON",
            "check the text around this place",
        ),
    };
    Words {
        message,
        label,
        help,
    }
}

/// The innermost bracket or quote that is still open at the end of `text`.
fn unclosed(text: &str) -> Option<Range<usize>> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(_), b'"') => quote = None,
            (Some(_), _) => {}
            (None, b'"') => quote = Some(index),
            (None, b'{' | b'[') => open.push(index),
            (None, b'}' | b']') => {
                open.pop();
            }
            (None, _) => {}
        }
    }
    quote.or(open.pop()).map(|start| start..start + 1)
}
