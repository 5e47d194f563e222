//! Text that others chose, made fit for a terminal.
//!
//! Labels, names of drives and values of properties come from whoever had the disk or the dataset
//! before. What they are is decided elsewhere; here is only how they are shown.

/// The text on one line, with everything that a terminal would obey, or not show, escaped as Rust
/// does (`\n`, `\u{1b}`, `\u{202e}`); quotes and backslashes stay as they are.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\'' | '"' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_the_rest_is_kept() {
        for plain in ["Samsung SSD 990 PRO 2TB", "größe \"7\" \\ 'x'", "日本", ""] {
            assert_eq!(visible(plain), plain);
        }
        for (text, shown) in [
            ("a\nb\t\r", "a\\nb\\t\\r"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{7f}\u{85}", "\\u{7f}\\u{85}"),
            ("to\u{202e}txt", "to\\u{202e}txt"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }
}
