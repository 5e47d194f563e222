//! `phoenix explain`: the long text on a code, taken from the pages of documentation.

use phoenix::ExitStatus;
use phoenix::code::EndCode;
use phoenix::config::code::Code;
use phoenix::config::suggest::nearest;
use phoenix::executor::code::FailureCode;
use phoenix::planner::refusal::RefusalCode;

use super::CommandResult;
use super::args::ExplainArgs;
use super::failure::Failure;
use super::output::Terminal;

const PAGES: [&str; 2] = [
    include_str!("../../../../docs/diagnostics.md"),
    include_str!("../../../../docs/refusals-and-failures.md"),
];

/// Every code: of diagnostics, of refusals, of failures, of commands that end early.
fn codes() -> impl Iterator<Item = &'static str> {
    let diagnostics = Code::ALL.iter().map(|code| code.as_str());
    let refusals = RefusalCode::ALL.iter().map(|code| code.as_str());
    let failures = FailureCode::ALL.iter().map(|code| code.as_str());
    let ends = EndCode::ALL.iter().map(|code| code.as_str());
    diagnostics.chain(refusals).chain(failures).chain(ends)
}

/// Runs the command.
///
/// # Errors
/// When there is no such code.
pub(crate) fn run(terminal: &Terminal, args: &ExplainArgs) -> CommandResult {
    let text = match &args.code {
        None => codes().map(|code| format!("{code}\n")).collect(),
        Some(code) => section(code).ok_or_else(|| unknown(code))?,
    };
    terminal.data(&text)?;
    Ok(ExitStatus::Done)
}

/// The section that a code heads, up to the next heading of its level.
fn section(code: &str) -> Option<String> {
    PAGES.iter().find_map(|page| section_of(page, code))
}

fn section_of(page: &str, code: &str) -> Option<String> {
    let heading = format!("## {}", full(code));
    let mut fenced = false;
    let mut section: Option<String> = None;
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        match &mut section {
            None if !fenced && line == heading => section = Some(format!("{line}\n")),
            Some(_) if !fenced && (line.starts_with("## ") || line.starts_with("# ")) => break,
            Some(text) => {
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    section.map(|text| format!("{}\n", text.trim_end()))
}

/// The code may be given without its first word.
fn full(code: &str) -> String {
    if code.starts_with("phoenix::") {
        code.to_owned()
    } else {
        format!("phoenix::{code}")
    }
}

fn unknown(code: &str) -> Failure {
    let failure = Failure::new(EndCode::Usage, format!("there is no code {code}"));
    let full = full(code);
    let nearest = nearest(&full, codes());
    match nearest {
        Some(code) => failure.help(format!("did you mean {code}?")),
        None => failure.help("`phoenix explain` lists every code"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_alone() {
        for code in codes() {
            let text = section(code).unwrap_or_else(|| panic!("{code} has no section"));
            assert!(text.lines().count() > 2, "{code}: {text}");
            let headings = text.lines().filter(|line| line.starts_with("## phoenix::"));
            assert_eq!(headings.count(), 1, "{code}: {text}");
        }
    }

    #[test]
    fn a_misspelt_code_gets_a_suggestion() {
        let help = |code| unknown(code).help.unwrap();
        assert_eq!(
            help("schema::unknwon-key"),
            "did you mean phoenix::schema::unknown-key?"
        );
        assert_eq!(help("??"), "`phoenix explain` lists every code");
    }
}
