//! What plan, apply and status have in common: load the file, look at the host, make the plan.

use std::collections::BTreeSet;

use camino::Utf8Path;
use phoenix::config::address::Address;
use phoenix::config::diagnostic::{Part, Place};
use phoenix::config::pointer::Pointer;
use phoenix::executor::ObserveError;
use phoenix::host::readonly::ReadOnly;
use phoenix::planner::plan::ConfigSource;
use phoenix::planner::{Grants, unknown_addresses};
use phoenix::{Config, ExitStatus, Host, Loaded, Observed, Plan, PlanOptions};

use super::args::{Allowance, ConsentArgs, Mode, ScopeArgs};
use super::config_file::{self, Input};
use super::diagnostics;
use super::failure::Failure;
use super::output::Terminal;

/// A valid file.
pub(crate) struct ValidFile {
    loaded: Loaded,
    source: ConfigSource,
}

impl ValidFile {
    /// Reads a file and refuses it when it has errors.
    ///
    /// # Errors
    /// When it cannot be read or is invalid.
    pub(crate) fn read(terminal: &Terminal, named: Option<&Utf8Path>) -> Result<Self, Failure> {
        Self::check(terminal, &config_file::read(named)?)
    }

    /// Checks a file that was read, and shows what is wrong with it.
    ///
    /// # Errors
    /// When it is invalid.
    pub(crate) fn check(terminal: &Terminal, input: &Input) -> Result<Self, Failure> {
        let loaded = phoenix::load(&input.name, &input.bytes);
        if !loaded.is_valid() {
            terminal.say(&diagnostics::drawn(
                &loaded,
                terminal.stderr_color,
                terminal.width,
            ));
            let summary = diagnostics::summary(&loaded);
            return Err(Failure::new(ExitStatus::ConfigInvalid, summary.trim_end()));
        }
        let source = ConfigSource::of(&input.name, &input.bytes);
        Ok(Self { loaded, source })
    }

    /// Tells the warnings that the file draws, one line each, with their text in a verbose run.
    /// Commands that say what would be done do this; the others are about something else.
    pub(crate) fn tell_warnings(&self, terminal: &Terminal) {
        terminal.talk(&if terminal.verbose {
            diagnostics::drawn(&self.loaded, terminal.stderr_color, terminal.width)
        } else {
            diagnostics::warnings(&self.loaded, terminal)
        });
    }

    /// The configuration.
    ///
    /// # Errors
    /// Never for a file that was checked.
    pub(crate) fn config(&self) -> Result<&Config, Failure> {
        let invalid = || Failure::new(ExitStatus::ConfigInvalid, "the file is invalid");
        self.loaded.config().ok_or_else(invalid)
    }

    /// `FILE:LINE:COLUMN` of the object at `origin`, or of the property `field` that it declares.
    pub(crate) fn place(&self, origin: &str, field: Option<&str>) -> String {
        let resolve = |pointer: &Pointer| {
            let (pointer, part) = (pointer.clone(), Part::Value);
            self.loaded.source.resolve(&Place {
                pointer,
                part,
                message: String::new(),
            })
        };
        let object = Pointer::new(origin);
        let property = field.map(|field| object.key("properties").key(field));
        let label = property
            .map(|property| (resolve(&property), property))
            .filter(|(label, property)| label.pointer == *property)
            .map_or_else(|| resolve(&object), |(label, _)| label);
        format!(
            "{}:{}:{}",
            self.loaded.source.name(),
            label.line,
            label.column
        )
    }

    /// What is to be planned: all of the file, or the part that the user names.
    ///
    /// # Errors
    /// When the user names an object that the file does not have.
    pub(crate) fn options(
        &self,
        scope: &ScopeArgs,
        consent: Option<&ConsentArgs>,
    ) -> Result<PlanOptions, Failure> {
        let config = self.config()?;
        for addresses in [&scope.target, &scope.exclude] {
            if let Some((unknown, nearest)) =
                unknown_addresses(config, addresses).into_iter().next()
            {
                return Err(unknown_address(&unknown, nearest.as_ref()));
            }
        }
        Ok(PlanOptions {
            source: self.source.clone(),
            grants: consent.map(grants).unwrap_or_default(),
            targets: scope.target.clone(),
            excludes: scope.exclude.clone(),
        })
    }
}

/// Reads from a host what the file names. Cannot change it.
///
/// # Errors
/// When the host gives no answer.
pub(crate) fn observe(config: &Config, host: &dyn Host) -> Result<Observed, Failure> {
    phoenix::observe(config, &ReadOnly(host)).map_err(|error| unobserved(&error))
}

/// Reads the host and plans the difference. Cannot change it.
///
/// # Errors
/// When the host gives no answer, or the user names an object that the file does not have.
pub(crate) fn plan(
    file: &ValidFile,
    host: &dyn Host,
    scope: &ScopeArgs,
    consent: Option<&ConsentArgs>,
) -> Result<Plan, Failure> {
    let config = file.config()?;
    let options = file.options(scope, consent)?;
    let observed = observe(config, host)?;
    Ok(phoenix::plan(config, &observed, &options))
}

fn grants(consent: &ConsentArgs) -> Grants {
    let mut wipe = BTreeSet::new();
    let mut failing = BTreeSet::new();
    for grant in &consent.allow {
        match grant {
            Allowance::Wipe(disk) => wipe.insert(disk.clone()),
            Allowance::Failing(disk) => failing.insert(disk.clone()),
        };
    }
    Grants {
        wipe,
        wipe_named: consent.mode == Mode::ForceDestructive,
        failing,
    }
}

fn unobserved(error: &ObserveError) -> Failure {
    Failure::from_error(ExitStatus::Failed, error)
        .help("phoenix changed nothing; run it again once the tool answers")
}

fn unknown_address(unknown: &Address, nearest: Option<&Address>) -> Failure {
    let failure = Failure::new(ExitStatus::Usage, format!("the file declares no {unknown}"));
    match nearest {
        Some(nearest) => failure.help(format!("did you mean {nearest}?")),
        None => failure.help("`phoenix apply --graph` lists every object of the file"),
    }
}
