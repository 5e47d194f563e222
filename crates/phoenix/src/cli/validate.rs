//! `phoenix validate`: everything that is wrong with files, without any host.

use camino::Utf8Path;
use phoenix::code::EndCode;
use phoenix::config::{load_lxc_configs, load_owned, report};
use phoenix::{ExitStatus, Loaded};

use super::args::{ReportFormat, ValidateArgs};
use super::failure::Failure;
use super::output::Terminal;
use super::{CommandResult, config_file, diagnostics};

/// Runs the command. A file that cannot be read hides none of the others.
///
/// # Errors
/// When a file cannot be read or the answer not be written.
pub(crate) fn run(terminal: &Terminal, args: &ValidateArgs) -> CommandResult {
    let (files, unreadable) = load(terminal, args)?;
    match args.format {
        ReportFormat::Json => terminal.json(&report::to_json(&files))?,
        ReportFormat::Sarif => terminal.json(&report::sarif(&files))?,
        ReportFormat::Github => terminal.data(&report::github(&files))?,
        ReportFormat::Text => {
            for loaded in &files {
                let mut text = diagnostics::drawn(loaded, terminal.stdout_color, terminal.width);
                if !terminal.quiet || !loaded.is_valid() || args.strict.denies(loaded) {
                    text.push_str(&diagnostics::summary(loaded));
                }
                terminal.data(&text)?;
            }
        }
    }
    if let Some(failure) = unreadable {
        return Err(failure);
    }
    let refused = |loaded: &Loaded| !loaded.is_valid() || args.strict.denies(loaded);
    let status = if files.iter().any(refused) {
        ExitStatus::ConfigInvalid
    } else {
        ExitStatus::Done
    };
    // The process ends: the system takes memory back faster than it could be taken apart.
    std::mem::forget(files);
    Ok(status)
}

/// The files that can be read, and why the first of the others cannot.
fn load(
    terminal: &Terminal,
    args: &ValidateArgs,
) -> Result<(Vec<Loaded>, Option<Failure>), Failure> {
    if let Some(path) = &args.lxc.lxc_config {
        if args.files.len() > 1 {
            let message = "--lxc-config builds on one FILE, and several are named";
            return Err(Failure::new(EndCode::Usage, message));
        }
        let main = read(
            args.files
                .first()
                .or(args.config.as_ref())
                .map(|path| path.as_path()),
        )?;
        return Ok((with_lxc_config(terminal, main, path)?, None));
    }
    if args.files.is_empty() {
        return Ok((vec![read(args.config.as_deref())?], None));
    }
    let (mut files, mut unreadable) = (Vec::new(), None);
    for path in &args.files {
        match read(Some(path)) {
            Ok(loaded) => files.push(loaded),
            Err(failure) => {
                unreadable.get_or_insert(failure);
            }
        }
    }
    Ok((files, unreadable))
}

fn read(path: Option<&Utf8Path>) -> Result<Loaded, Failure> {
    let input = config_file::read_anybodys(path)?;
    Ok(load_owned(&input.name, input.bytes))
}

/// The file with the second one. What the second means depends on the datasets of the first, so it is
/// not looked at while the first has errors.
fn with_lxc_config(
    terminal: &Terminal,
    main: Loaded,
    path: &Utf8Path,
) -> Result<Vec<Loaded>, Failure> {
    let input = config_file::read_anybodys(Some(path))?;
    let Some(config) = main.config() else {
        terminal.say(&format!(
            "{path} was not checked, because it builds on {}, which has errors.\n",
            main.source.name()
        ));
        return Ok(vec![main]);
    };
    let lxc = load_lxc_configs(&input.name, &input.bytes, config);
    Ok(vec![main, lxc])
}
