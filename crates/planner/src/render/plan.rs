//! A plan for people: one block per object, fields aligned, then what is refused, notes, and one
//! line that sums it up.

use std::fmt::Write;

use phoenix_config::diagnostic::Severity;
use phoenix_zfs::property::{Kind, Source, Value, dataset_property, pool_property};
use phoenix_zfs::size;
use phoenix_zfs::text::visible;

use super::Style;
use crate::plan::{Action, Change, Class, Note, Plan, Refusal, Step, Summary};

const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const RED: u8 = 31;
const DIM: u8 = 2;

/// The plan as text, with a final newline.
pub fn plan(plan: &Plan, style: &Style) -> String {
    plan_pieces(plan, *style).collect()
}

/// What [`plan()`] gives, one object after the other.
pub fn plan_pieces(plan: &Plan, style: Style) -> impl Iterator<Item = String> {
    let steps = plan.steps.iter().map(move |step| step_block(step, style));
    let refusals = plan.refusals.iter();
    let refusals = refusals.map(move |refusal| refusal_block(refusal, style));
    let notes = plan.notes.iter().map(move |note| note_block(note, style));
    let says_nothing = plan.is_empty() && plan.notes.is_empty();
    let gap = if says_nothing { "" } else { "\n" };
    let end = std::iter::once_with(move || format!("{gap}{}\n{}", last_line(plan), not_read(plan)));
    steps.chain(refusals).chain(notes).chain(end)
}

/// What of the files was left to others, in a line; empty if there is nothing.
pub fn not_read(plan: &Plan) -> String {
    match plan.not_read() {
        keys if keys.is_empty() => String::new(),
        keys => format!("Not read: {}.\n", visible(&keys.join(", "))),
    }
}

fn last_line(plan: &Plan) -> String {
    let Summary {
        create,
        update,
        delete,
        refused,
        unchanged,
        waiting,
    } = plan.summary;
    if plan.is_empty() {
        return match waiting {
            0 if unchanged == 0 => "No changes. There is nothing to compare.".to_owned(),
            0 => "No changes. The host matches the file.".to_owned(),
            _ => format!("No changes. {waiting} waiting, {unchanged} unchanged."),
        };
    }
    let waiting = match waiting {
        0 => String::new(),
        _ => format!(", {waiting} waiting"),
    };
    format!(
        "Plan: {create} to create, {update} to change, {delete} to remove, {refused} refused, \
         {unchanged} unchanged{waiting}."
    )
}

fn step_block(step: &Step, style: Style) -> String {
    let (symbol, word, color) = match (step.action, step.class) {
        (Action::Create, Class::Destructive) => ("+", "create, erases disks", RED),
        (Action::Create, _) => ("+", "create", GREEN),
        (Action::Update, _) => ("~", "change", YELLOW),
    };
    let head = style.paint(color, &format!("{symbol} {}", step.id));
    let mut block = format!("{head}  {word}\n");
    let width = step
        .changes
        .iter()
        .map(|change| visible(&change.field).chars().count())
        .max()
        .unwrap_or(0);
    for change in &step.changes {
        // Writing to a string cannot fail.
        let _ = writeln!(
            block,
            "    {:width$}  {}",
            visible(&change.field),
            change_text(change, style)
        );
    }
    block
}

fn change_text(change: &Change, style: Style) -> String {
    let value = |value: &Value| show_value(&change.field, value);
    let mut text = match &change.before {
        _ if change.is_kept() => value(&change.after),
        None => value(&change.after),
        Some(before) => format!("{} -> {}", value(before), value(&change.after)),
    };
    let mut remarks = Vec::new();
    if let Some(source) = change
        .source
        .as_ref()
        .filter(|source| **source != Source::Local)
    {
        remarks.push(format!("was {source}"));
    }
    if change.is_kept() {
        remarks.push("as it is".to_owned());
    }
    if change.default {
        remarks.push("phoenix default".to_owned());
    }
    if !remarks.is_empty() {
        let remarks = style.paint(DIM, &format!("({})", remarks.join(", ")));
        text = format!("{text}  {remarks}");
    }
    text
}

/// Numbers of bytes in the form that people write, with the exact number behind it.
fn show_value(field: &str, value: &Value) -> String {
    let Some(bytes) = value.number().filter(|_| is_size(field)) else {
        return visible(&value.text());
    };
    match bytes {
        0 if is_limit(field) => "none".to_owned(),
        _ => format!("{} ({bytes})", size::human(bytes)),
    }
}

fn is_size(field: &str) -> bool {
    field.starts_with("zfs_arc_max")
        || is_limit(field)
        || matches!(kind(field), Some(Kind::Size | Kind::Block)) && bare(field) != "pbkdf2iters"
}

fn is_limit(field: &str) -> bool {
    let principal = |family: &str| field.starts_with(family);
    matches!(kind(field), Some(Kind::Limit))
        || matches!(bare(field), "reservation" | "refreservation")
        || ["userquota@", "groupquota@", "projectquota@"]
            .into_iter()
            .any(principal)
}

fn kind(field: &str) -> Option<Kind> {
    let field = bare(field);
    dataset_property(field)
        .or_else(|| pool_property(field))
        .map(|property| property.kind)
}

fn bare(field: &str) -> &str {
    field.strip_prefix("root_properties.").unwrap_or(field)
}

fn refusal_block(refusal: &Refusal, style: Style) -> String {
    let head = style.paint(RED, &format!("! {}", refusal.id));
    format!(
        "{head}  refused[{}]\n    {}\n    help: {}\n",
        refusal.code,
        visible(&refusal.reason),
        visible(&refusal.help)
    )
}

fn note_block(note: &Note, style: Style) -> String {
    let (word, color) = match note.severity {
        Severity::Error => ("error", RED),
        Severity::Warning => ("warning", YELLOW),
        Severity::Note => ("note", DIM),
    };
    let id = note
        .id
        .as_ref()
        .map(|id| format!(" {id}"))
        .unwrap_or_default();
    let head = style.paint(color, &format!("{word}[{}]", note.code));
    let mut block = format!("{head}{id}\n    {}\n", visible(&note.message));
    if let Some(help) = &note.help {
        let _ = writeln!(block, "    help: {}", visible(help));
    }
    block
}
