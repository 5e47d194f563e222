//! Users and groups, by name or by number.

use super::context::Context;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::file::Scalar;
use crate::model::Principal;
use crate::pointer::Pointer;

/// A user or group. The highest 32-bit number is no id: chown(2) reads it as "leave alone".
pub(super) fn principal(
    context: &mut Context,
    value: &Scalar,
    at: &Pointer,
    key: &str,
) -> Option<Principal> {
    let text = value.word();
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        if let Some(id) = text.parse().ok().filter(|id| *id != u32::MAX) {
            return Some(Principal::Id(id));
        }
    } else if is_account_name(&text) {
        return Some(Principal::Name(text));
    }
    context.push(
        Finding::error(
            Code::SchemaInvalidValue,
            format!("`{key}`: \"{text}\" is neither a number below 4294967295 nor a name"),
        )
        .help("write a name such as \"root\", or a number such as 100000")
        .at(at, "no user or group"),
    );
    None
}

/// Whether useradd(8) would take the name; capitals and dots are common with directory services.
fn is_account_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-$@\\".contains(&byte);
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(allowed)
}
