//! The codes of all diagnostics. Every code has a section in `docs/diagnostics.md`.
//!
//! A code never changes its meaning and is never reused.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($variant:ident = $text:literal,)*) => {
        /// The stable name of a rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as users see it, such as `phoenix::schema::unknown-key`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

codes! {
    SyntaxJson = "phoenix::syntax::json",
    SyntaxEncoding = "phoenix::syntax::encoding",
    SyntaxTooLarge = "phoenix::syntax::too-large",
    SchemaUnknownKey = "phoenix::schema::unknown-key",
    SchemaMissingKey = "phoenix::schema::missing-key",
    SchemaWrongType = "phoenix::schema::wrong-type",
    SchemaInvalidValue = "phoenix::schema::invalid-value",
    SchemaDuplicateKey = "phoenix::schema::duplicate-key",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
