//! Properties of pools and datasets: values as ZFS stores them.

use phoenix_zfs::property::{self, DatasetType, PropertyError};

use super::context::{self, Context};
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::file;
use crate::model::{Properties, Property};
use crate::pointer::Pointer;

/// Whose properties they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Pool,
    Dataset(DatasetType),
}

/// The declared properties, values that ZFS would refuse left out after reporting them.
pub(super) fn properties(
    context: &mut Context,
    declared: Option<file::Properties>,
    at: &Pointer,
    owner: Owner,
) -> Properties {
    let mut properties = Properties::new();
    match declared {
        None => {}
        Some(file::Properties::Map(map)) => {
            for (name, value) in map {
                if let Some(value) = value {
                    set(
                        context,
                        &mut properties,
                        &name,
                        &value.word(),
                        &at.key(&name),
                        owner,
                    );
                }
            }
        }
        Some(file::Properties::Text(text)) => from_text(context, &mut properties, &text, at, owner),
    }
    properties
}

/// Adds one property after checking its value. `at` is where the file says so.
pub(super) fn set(
    context: &mut Context,
    properties: &mut Properties,
    name: &str,
    written: &str,
    at: &Pointer,
    owner: Owner,
) {
    match stored(name, written, owner) {
        Ok(stored) => {
            let property = Property {
                written: written.to_owned(),
                stored,
                origin: at.clone(),
                default: false,
            };
            if let Some(first) = properties.insert(name.to_owned(), property) {
                context.push(
                    Finding::error(Code::SchemaConflict, format!("`{name}` is set twice"))
                        .help("keep one of them")
                        .at(at, "set here")
                        .at(&first.origin, "and here"),
                );
            }
        }
        Err(error) => context.push(refused(name, written, &error, at)),
    }
}

/// Adds phoenix's default for a property that the file does not mention. `at` is the object that
/// it applies to.
pub(super) fn set_default(
    properties: &mut Properties,
    name: &str,
    value: &str,
    at: &Pointer,
    owner: Owner,
) {
    properties
        .entry(name.to_owned())
        .or_insert_with(|| Property {
            written: value.to_owned(),
            stored: stored(name, value, owner).unwrap_or_else(|_| value.to_owned()),
            origin: at.clone(),
            default: true,
        });
}

fn stored(name: &str, written: &str, owner: Owner) -> Result<String, PropertyError> {
    match owner {
        Owner::Pool => property::stored_pool_value(name, written),
        Owner::Dataset(kind) => property::stored_dataset_value(name, written, kind),
    }
}

/// Reads the historic form `quota=800G,sync=always`.
fn from_text(
    context: &mut Context,
    properties: &mut Properties,
    text: &str,
    at: &Pointer,
    owner: Owner,
) {
    let pieces = || {
        text.split(',')
            .map(str::trim)
            .filter(|piece| !piece.is_empty())
    };
    context.historic(
        Code::HistoricPropertiesText,
        context::value(at, "properties as text"),
        || {
            let members = pieces()
                .filter_map(|piece| piece.split_once('='))
                .map(|(name, value)| format!("\"{}\": \"{}\"", name.trim(), value.trim()));
            let members: Vec<_> = members.collect();
            if members.is_empty() {
                "leave `properties` out, or write an object: {\"quota\": \"800G\"}".to_owned()
            } else {
                format!("write \"properties\": {{{}}}", members.join(", "))
            }
        },
    );
    for piece in pieces() {
        match piece.split_once('=') {
            Some((name, value)) => {
                let (name, value) = (name.trim(), value.trim());
                set(context, properties, name, value, &at.key(name), owner);
            }
            None => context.push(
                Finding::error(
                    Code::PropertyInvalidValue,
                    format!("\"{piece}\" is no property: expected name=value"),
                )
                .help("write \"properties\": {\"name\": \"value\"}")
                .within(at, piece, "no `=` here"),
            ),
        }
    }
}

fn refused(name: &str, written: &str, error: &PropertyError, at: &Pointer) -> Finding {
    let (code, message) = match error {
        PropertyError::Unknown { .. } => (
            Code::PropertyUnknown,
            format!("the property `{name}` {error}"),
        ),
        PropertyError::ReadOnly => (
            Code::PropertyReadOnly,
            format!("the property `{name}` {error}"),
        ),
        PropertyError::WrongType { .. } => (
            Code::PropertyWrongType,
            format!("the property `{name}` {error}"),
        ),
        PropertyError::Size(_) => (
            Code::PropertyInvalidValue,
            format!("`{name}`: \"{written}\" {error}"),
        ),
        _ => (Code::PropertyInvalidValue, format!("`{name}` {error}")),
    };
    let finding = Finding::error(code, message).help(error.help());
    if code == Code::PropertyInvalidValue {
        finding.at(at, "ZFS refuses this value")
    } else {
        finding.at_key(at, "ZFS refuses this property")
    }
}

/// The value of a declared property, as ZFS stores it.
pub(super) fn stored_value<'a>(properties: &'a Properties, name: &str) -> Option<&'a str> {
    properties
        .get(name)
        .map(|property| property.stored.as_str())
}
