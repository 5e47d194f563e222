//! Properties of pools and datasets: values as ZFS stores them.

use std::borrow::Cow;

use phoenix_zfs::property::{
    self, DatasetType, PropertyError, Value, dataset_property, pool_property,
};

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
                        value.into_word(),
                        at,
                        owner,
                    );
                }
            }
        }
        Some(file::Properties::Text(text)) => from_text(context, &mut properties, &text, at, owner),
    }
    properties
}

/// Adds one property after checking its value. `object` is what the file says it in.
pub(super) fn set(
    context: &mut Context,
    properties: &mut Properties,
    name: &str,
    written: String,
    object: &Pointer,
    owner: Owner,
) {
    let stored = match stored(name, &written, owner) {
        Ok(stored) => stored,
        Err(error) => {
            context.push(refused(name, &written, &error, &object.key(name)));
            return;
        }
    };
    let name = shared(name, owner);
    let origin = match name {
        Cow::Borrowed(name) => object.member(name),
        Cow::Owned(ref name) => object.key(name),
    };
    let property = Property {
        written,
        stored,
        origin: origin.clone(),
        default: false,
    };
    if let Some(first) = properties.insert(name.clone(), property) {
        context.push(
            Finding::error(Code::SchemaConflict, format!("`{name}` is set twice"))
                .help("keep one of them")
                .at(&origin, "set here")
                .at(&first.origin, "and here"),
        );
    }
}

/// The name, out of the tables where it stands there.
fn shared(name: &str, owner: Owner) -> Cow<'static, str> {
    let known = match owner {
        Owner::Pool => pool_property(name),
        Owner::Dataset(_) => dataset_property(name),
    };
    known.map_or_else(|| Cow::Owned(name.to_owned()), |it| Cow::Borrowed(it.name))
}

/// Adds phoenix's default for a property that the file does not mention. `at` is the object that
/// it applies to.
pub(super) fn set_default(
    properties: &mut Properties,
    name: &'static str,
    value: &str,
    at: &Pointer,
    owner: Owner,
) {
    properties
        .entry(Cow::Borrowed(name))
        .or_insert_with(|| Property {
            written: value.to_owned(),
            stored: stored(name, value, owner).unwrap_or_else(|_| value.into()),
            origin: at.clone(),
            default: true,
        });
}

fn stored(name: &str, written: &str, owner: Owner) -> Result<Value, PropertyError> {
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
                set(context, properties, name, value.to_owned(), at, owner);
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

/// The value of a declared property that is a word, as ZFS stores it.
pub(super) fn stored_value<'a>(properties: &'a Properties, name: &str) -> Option<&'a str> {
    properties.get(name)?.stored.word()
}
