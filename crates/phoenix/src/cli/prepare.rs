//! What plan, apply and status have in common: load the file, look at the host, make the plan.

use std::collections::BTreeSet;

use phoenix::code::EndCode;
use phoenix::config::address::Address;
use phoenix::config::diagnostic::{Part, Place};
use phoenix::config::pointer::Pointer;
use phoenix::config::{load_lxc_configs, load_owned};
use phoenix::executor::ObserveError;
use phoenix::planner::plan::ConfigSource;
use phoenix::planner::{GrantProblem, Grants, grant_problems, unknown_addresses};
use phoenix::{Config, Host, Loaded, Observed, Plan, PlanOptions};

use super::args::{Allowance, ConsentArgs, FileArgs, LxcConfigArgs, Mode, ScopeArgs, StrictArgs};
use super::config_file::{self, Input};
use super::diagnostics;
use super::failure::Failure;
use super::output::Terminal;

/// A valid file, with the second file that adds the mounts of containers, if there is one.
pub(crate) struct ValidFile {
    main: Checked,
    lxc: Option<Checked>,
}

/// One file that was checked.
struct Checked {
    loaded: Loaded,
    source: ConfigSource,
}

impl ValidFile {
    /// Reads a file and refuses it when it has errors.
    ///
    /// # Errors
    /// When it cannot be read or is invalid.
    pub(crate) fn read(
        terminal: &Terminal,
        file: &FileArgs,
        lxc: &LxcConfigArgs,
    ) -> Result<Self, Failure> {
        Self::check(terminal, config_file::read(terminal, file.path())?)?
            .with_lxc_config(terminal, lxc)
    }

    /// Checks a file that was read, and shows what is wrong with it.
    ///
    /// # Errors
    /// When it is invalid.
    pub(crate) fn check(terminal: &Terminal, input: Input) -> Result<Self, Failure> {
        let mut source = ConfigSource::of(&input.name, &input.bytes);
        let loaded = load_owned(&input.name, input.bytes);
        source.not_read.clone_from(&loaded.sections.not_read);
        Ok(Self {
            main: checked(terminal, source, loaded)?,
            lxc: None,
        })
    }

    /// Reads the second file, if one is named, on top of the first.
    ///
    /// # Errors
    /// When it cannot be read or is invalid.
    pub(crate) fn with_lxc_config(
        mut self,
        terminal: &Terminal,
        args: &LxcConfigArgs,
    ) -> Result<Self, Failure> {
        if let Some(path) = &args.lxc_config {
            let input = config_file::read(terminal, Some(path))?;
            let mut source = ConfigSource::of(&input.name, &input.bytes);
            let loaded = load_lxc_configs(&input.name, &input.bytes, self.config()?);
            source.not_read.clone_from(&loaded.sections.not_read);
            self.lxc = Some(checked(terminal, source, loaded)?);
        }
        Ok(self)
    }

    /// Tells the warnings that the files draw, one line each, with their text in a verbose run.
    /// Commands that say what would be done do this; the others are about something else.
    ///
    /// # Errors
    /// When there are some and the user wants none.
    pub(crate) fn tell_warnings(
        &self,
        terminal: &Terminal,
        strict: StrictArgs,
    ) -> Result<(), Failure> {
        for file in std::iter::once(&self.main).chain(&self.lxc) {
            terminal.talk(&if terminal.verbose {
                diagnostics::drawn(&file.loaded, terminal.stderr_color, terminal.width)
            } else {
                diagnostics::warnings(&file.loaded, terminal)
            });
        }
        let files = std::iter::once(&self.main).chain(&self.lxc);
        let mut denied = files.filter(|file| strict.denies(&file.loaded));
        match denied.next() {
            Some(file) => {
                let summary = diagnostics::summary(&file.loaded);
                let message = format!("{} --deny-warnings refuses that.", summary.trim_end());
                Err(Failure::new(EndCode::ConfigInvalid, message))
            }
            None => Ok(()),
        }
    }

    /// Whether one of the files has a section that phoenix reads.
    pub(crate) fn has_sections(&self) -> bool {
        let mut files = std::iter::once(&self.main).chain(&self.lxc);
        files.any(|file| !file.loaded.sections.read.is_empty())
    }

    /// The configuration, that of both files where there are two.
    ///
    /// # Errors
    /// Never for a file that was checked.
    pub(crate) fn config(&self) -> Result<&Config, Failure> {
        let invalid = || Failure::new(EndCode::ConfigInvalid, "the file is invalid");
        let last = self.lxc.as_ref().unwrap_or(&self.main);
        last.loaded.config().ok_or_else(invalid)
    }

    /// `FILE:LINE:COLUMN` of the object `id` at `origin`, or of the property `field` that it
    /// declares.
    pub(crate) fn place(&self, id: &Address, origin: &str, field: Option<&str>) -> String {
        let source = &self.declaring(id).loaded.source;
        let resolve = |pointer: &Pointer| {
            let (pointer, part) = (pointer.clone(), Part::Value);
            source.resolve(&Place {
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
        format!("{}:{}:{}", source.name(), label.line, label.column)
    }

    /// The file that declares an object. Only mounts come from the second one, and none of them
    /// has the address of one that the first declares.
    fn declaring(&self, id: &Address) -> &Checked {
        let is_here = |config: &Config| config.mounts.iter().any(|mount| mount.address() == *id);
        match (&self.lxc, id) {
            (Some(lxc), Address::Mount { .. })
                if !self.main.loaded.config().is_some_and(is_here) =>
            {
                lxc
            }
            _ => &self.main,
        }
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
            source: self.main.source.clone(),
            lxc_source: self.lxc.as_ref().map(|lxc| lxc.source.clone()),
            grants: consent.map(grants).unwrap_or_default(),
            targets: scope.target.clone(),
            excludes: scope.exclude.clone(),
        })
    }
}

impl StrictArgs {
    /// Whether the file draws warnings, and none are wanted.
    pub(crate) fn denies(self, loaded: &Loaded) -> bool {
        self.deny_warnings && loaded.warning_count() > 0
    }
}

/// A file that was loaded, unless it is invalid; then what is wrong with it is shown.
fn checked(terminal: &Terminal, source: ConfigSource, loaded: Loaded) -> Result<Checked, Failure> {
    if !loaded.is_valid() {
        terminal.say(&diagnostics::drawn(
            &loaded,
            terminal.stderr_color,
            terminal.width,
        ));
        let summary = diagnostics::summary(&loaded);
        return Err(Failure::new(EndCode::ConfigInvalid, summary.trim_end()));
    }
    Ok(Checked { loaded, source })
}

/// Reads from a host what the file names. Cannot change it.
///
/// # Errors
/// When the host gives no answer.
pub(crate) fn observe(config: &Config, host: &dyn Host) -> Result<Observed, Failure> {
    phoenix::observe(config, host).map_err(|error| unobserved(&error))
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
    check_grants(config, &observed, &options.grants)?;
    Ok(phoenix::plan(config, &observed, &options))
}

/// A grant is for one disk that the file names: what fits none or several is told at once, before
/// anybody relies on it.
///
/// # Errors
/// When a granted name is no disk's, or more than one disk's.
pub(crate) fn check_grants(
    config: &Config,
    observed: &Observed,
    grants: &Grants,
) -> Result<(), Failure> {
    match grant_problems(config, observed, grants).into_iter().next() {
        None => Ok(()),
        Some(GrantProblem::Unknown { name, nearest }) => {
            let message = format!("the file names no disk {name}, so --allow has nothing to allow");
            Err(Failure::new(EndCode::Usage, message).help(match nearest {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => {
                    "a disk is named by its path in the file, the last part of that path, or its \
                         serial number"
                        .to_owned()
                }
            }))
        }
        Some(GrantProblem::Ambiguous { name, disks }) => {
            let paths = Vec::from_iter(disks).join(" and ");
            let message = format!("the serial number {name} fits more than one disk: {paths}");
            Err(Failure::new(EndCode::GrantAmbiguous, message)
                .help("name the disk that is meant by its path"))
        }
    }
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
    Failure::from_error(EndCode::HostUnclear, error)
        .help("phoenix changed nothing; run it again once the tool answers")
}

fn unknown_address(unknown: &Address, nearest: Option<&Address>) -> Failure {
    let failure = Failure::new(EndCode::Usage, format!("the file declares no {unknown}"));
    match nearest {
        Some(nearest) => failure.help(format!("did you mean {nearest}?")),
        None => failure.help("`phoenix apply --graph` lists every object of the file"),
    }
}
