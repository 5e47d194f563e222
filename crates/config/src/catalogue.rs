//! How a closed set of stable names is written down once: the variants, their text, and the list of
//! all of them, so that a page of documentation and a schema can be held to it.
//!
//! Owns the shape only; each crate names the codes of what it decides.

/// Makes an enum of stable codes. Each is written as its text, in JSON too.
///
/// A code never changes its meaning and is never used again for something else. The calling crate
/// needs `serde` and `schemars`.
#[macro_export]
macro_rules! codes {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as users see it, with `phoenix::` in front.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        // By hand: with the derived one, each of the many codes would be a paragraph of its own.
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let codes: Vec<&str> = Self::ALL.iter().map(|code| code.as_str()).collect();
                schemars::json_schema!({
                    "description": "A code that `phoenix explain` knows.",
                    "type": "string",
                    "enum": codes,
                })
            }
        }
    };
}
