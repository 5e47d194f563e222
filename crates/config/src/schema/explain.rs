//! Words for what the schema rejects: the thing, the place, and the way out.
//!
//! Owns the translation of a validator's error into findings. The schema itself supplies the
//! words where it can: `errorMessage`, `examples`, the allowed values and the allowed keys.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use crate::code::Code;
use crate::diagnostic::Finding;
use crate::pointer::Pointer;
use crate::suggest;

/// How messages call a boolean.
const BOOLEAN: &str = "true or false";

/// The findings for one error: one, but for unknown keys, of which each has its own.
pub(super) fn findings(schema: &Value, error: &ValidationError<'_>) -> Vec<Finding> {
    let pointer = Pointer::new(error.instance_path().as_str());
    let rule = Rule::of(schema, error);
    let one = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let unknown = unexpected.iter();
            return unknown
                .map(|key| unknown_key(&pointer, key, &rule.keys()))
                .collect();
        }
        ValidationErrorKind::Required { property } => missing_key(&pointer, property, &rule),
        ValidationErrorKind::Type { kind } => wrong_type(&pointer, error.instance(), kind, &rule),
        ValidationErrorKind::Enum { options } => {
            not_allowed(&pointer, error.instance(), options, &rule)
        }
        ValidationErrorKind::Minimum { limit } => out_of_range(
            &pointer,
            error.instance(),
            &format!("at least {limit}"),
            &rule,
        ),
        ValidationErrorKind::Maximum { limit } => out_of_range(
            &pointer,
            error.instance(),
            &format!("at most {limit}"),
            &rule,
        ),
        // Patterns are for machines: the schema says in words what is meant.
        _ => Finding::error(
            Code::SchemaInvalidValue,
            format!(
                "{} is not written as it must be: {}",
                name(&pointer),
                error.instance()
            ),
        )
        .help(rule.help("see `phoenix schema` for what is allowed here"))
        .at(&pointer, "not accepted"),
    };
    vec![one]
}

/// The keys that unknown ones were probably meant to be.
pub(super) fn meant<'a>(
    schema: &'a Value,
    error: &ValidationError<'_>,
    unknown: &'a [String],
) -> impl Iterator<Item = &'a str> {
    let allowed = Rule::of(schema, error).keys();
    unknown
        .iter()
        .filter_map(move |key| suggest::nearest(key, allowed.iter().copied()))
}

/// The part of the schema that rejected a value.
struct Rule<'a> {
    schema: &'a Value,
    /// The object that contains the failing keyword.
    object: Option<&'a Value>,
}

impl<'a> Rule<'a> {
    fn of(schema: &'a Value, error: &ValidationError<'_>) -> Self {
        let path = Pointer::new(error.schema_path().as_str());
        let object = path.parent().and_then(|it| schema.pointer(&it.text()));
        Self { schema, object }
    }

    /// The keys that the object may have, historic ones left out.
    fn keys(&self) -> Vec<&'a str> {
        let properties = self.object.and_then(|it| it.get("properties"));
        let properties = properties.and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .filter(|(_, property)| !property.get("deprecated").is_some_and(|it| it == true))
            .map(|(key, _)| key.as_str())
            .collect()
    }

    /// An example for the value itself.
    fn example(&self) -> Option<&'a Value> {
        self.object?.get("examples")?.get(0)
    }

    /// An example for the member `key`.
    fn example_of(&self, key: &str) -> Option<&'a Value> {
        let property = self.object?.get("properties")?.get(key)?;
        let referenced = property.get("$ref").and_then(Value::as_str);
        let target = referenced
            .and_then(|reference| reference.strip_prefix('#'))
            .and_then(|pointer| self.schema.pointer(pointer));
        [Some(property), target]
            .into_iter()
            .flatten()
            .find_map(|it| {
                let example = it.get("examples").and_then(|examples| examples.get(0));
                let choice = it
                    .get("oneOf")
                    .and_then(|choices| choices.get(0)?.get("const"));
                example.or(choice)
            })
    }

    fn help(&self, otherwise: &str) -> String {
        let object = self.object;
        let message = object.and_then(|it| it.get("errorMessage")?.as_str());
        match (message, self.example()) {
            (Some(message), _) => message.to_owned(),
            (None, Some(example)) => format!("{otherwise}, for example {example}"),
            (None, None) => otherwise.to_owned(),
        }
    }
}

/// How a message calls the value: by its key, or by its list's key.
fn name(pointer: &Pointer) -> String {
    let segments: Vec<_> = pointer.segments().collect();
    match segments.as_slice() {
        [] => "the document".to_owned(),
        [.., list, item] if item.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("an item of `{list}`")
        }
        [.., key] => format!("`{key}`"),
    }
}

fn unknown_key(pointer: &Pointer, key: &str, allowed: &[&str]) -> Finding {
    let place = match pointer.segments().last() {
        Some(_) => format!(" in {}", name(pointer)),
        None => String::new(),
    };
    let known = format!("allowed here: {}", allowed.join(", "));
    Finding::error(
        Code::SchemaUnknownKey,
        format!("unknown key `{key}`{place}"),
    )
    .help(match suggest::nearest(key, allowed.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {known}"),
        None => known,
    })
    .at_key(&pointer.key(key), "not known here")
}

fn missing_key(pointer: &Pointer, property: &Value, rule: &Rule<'_>) -> Finding {
    let key = property.as_str().unwrap_or_default();
    let help = match rule.example_of(key) {
        Some(example) => format!("add \"{key}\", for example \"{key}\": {example}"),
        None => format!("add \"{key}\""),
    };
    Finding::error(
        Code::SchemaMissingKey,
        format!("{} needs the key `{key}`", name(pointer)),
    )
    .help(help)
    .at_key(pointer, format!("missing `{key}`"))
}

fn wrong_type(pointer: &Pointer, instance: &Value, kind: &TypeKind, rule: &Rule<'_>) -> Finding {
    let wanted = match kind {
        TypeKind::Single(one) => type_in_words(&one.to_string()).to_owned(),
        TypeKind::Multiple(several) => {
            let mut words: Vec<_> = several
                .iter()
                .map(|one| type_in_words(&one.to_string()))
                .collect();
            words.sort_unstable_by_key(|word| (*word == BOOLEAN, std::cmp::Reverse(*word)));
            words.join(" or ")
        }
    };
    let found = match instance {
        Value::Null => "null",
        Value::Bool(_) => BOOLEAN,
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let help = match instance {
        Value::Null => format!("write {wanted}, or leave it out"),
        Value::String(_) if wanted == BOOLEAN => "write true or false without quotes".to_owned(),
        Value::String(text) if wanted == "a list" => format!("put it into brackets: [\"{text}\"]"),
        _ => rule.help(&format!("write {wanted}")),
    };
    Finding::error(
        Code::SchemaWrongType,
        format!("{} must be {wanted}, not {found}", name(pointer)),
    )
    .help(help)
    .at(pointer, format!("this is {found}"))
}

fn type_in_words(name: &str) -> &'static str {
    match name {
        "array" => "a list",
        "boolean" => BOOLEAN,
        "integer" => "a whole number",
        "number" => "a number",
        "object" => "an object",
        "string" => "text",
        _ => "null",
    }
}

fn not_allowed(pointer: &Pointer, instance: &Value, options: &Value, rule: &Rule<'_>) -> Finding {
    let allowed: Vec<&str> = options
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let known = format!("allowed here: {}", allowed.join(", "));
    let near = instance
        .as_str()
        .and_then(|text| suggest::nearest(text, allowed.iter().copied()));
    let help = match near {
        Some(near) => format!("did you mean \"{near}\"? {known}"),
        None => rule.help(&known),
    };
    Finding::error(
        Code::SchemaInvalidValue,
        format!("{} cannot be {instance}", name(pointer)),
    )
    .help(help)
    .at(pointer, "not one of the allowed values")
}

fn out_of_range(pointer: &Pointer, instance: &Value, limit: &str, rule: &Rule<'_>) -> Finding {
    Finding::error(
        Code::SchemaInvalidValue,
        format!("{} must be {limit}, not {instance}", name(pointer)),
    )
    .help(rule.help(&format!("write a number that is {limit}")))
    .at(pointer, "out of range")
}
