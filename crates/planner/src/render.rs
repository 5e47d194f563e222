//! Plans and graphs as text for people and for other programs.
//!
//! Pure functions from data to strings: nothing here looks at a terminal or prints. Colour never
//! says anything that words and symbols do not say.

pub mod graph;
mod plan;

pub use plan::{not_read, plan, plan_pieces};

/// How text is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether to use ANSI colours.
    pub color: bool,
}

impl Style {
    /// `text` in a colour, given as its SGR parameter (ECMA-48): 32 is green.
    fn paint(self, sgr: u8, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{sgr}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
