//! Where output goes: data to standard output, talk to standard error.
//!
//! Owns the decisions about colour, width and volume, taken once per run. A reader that goes away
//! (`phoenix plan | head`) is no error: what it did not want to read is dropped.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use phoenix::code::EndCode;

use super::args::{ColorWhen, TalkArgs};
use super::failure::Failure;

/// Columns when nobody watches, so that output in files and pipes is always the same.
const FIXED_WIDTH: usize = 100;

/// The two streams of a run.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// Whether standard output takes colour.
    pub(crate) stdout_color: bool,
    /// Whether standard error takes colour.
    pub(crate) stderr_color: bool,
    /// Whether a person watches standard error.
    pub(crate) watched: bool,
    /// Columns.
    pub(crate) width: usize,
    /// Whether to say only what went wrong.
    pub(crate) quiet: bool,
    /// Whether to say more.
    pub(crate) verbose: bool,
}

impl Terminal {
    /// Looks at the streams of this process.
    pub(crate) fn new(args: &TalkArgs) -> Self {
        let auto = |choice: anstream::ColorChoice| match args.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => choice != anstream::ColorChoice::Never,
        };
        let watched = io::stderr().is_terminal();
        let width = match terminal_size::terminal_size() {
            Some((width, _)) if watched => usize::from(width.0).max(40),
            _ => FIXED_WIDTH,
        };
        Self {
            stdout_color: auto(AutoStream::choice(&io::stdout())),
            stderr_color: auto(AutoStream::choice(&io::stderr())),
            watched,
            width,
            quiet: args.quiet,
            verbose: args.verbose,
        }
    }

    /// Prints data.
    ///
    /// # Errors
    /// When it cannot be written for another reason than that nobody reads it any more.
    pub(crate) fn data(&self, text: &str) -> Result<(), Failure> {
        self.pieces(|to| to.write_all(text.as_bytes()))
    }

    /// Prints data that is made while it is printed, because all of it at once would be large.
    ///
    /// # Errors
    /// As [`Self::data`].
    pub(crate) fn pieces(
        &self,
        write: impl FnOnce(&mut BufWriter<io::StdoutLock<'_>>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut stdout = BufWriter::new(io::stdout().lock());
        match write(&mut stdout).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
                EndCode::FileUnwritable,
                format!("cannot write to standard output: {error}"),
            )),
            _ => Ok(()),
        }
    }

    /// Prints data for programs.
    ///
    /// # Errors
    /// As [`Self::data`].
    pub(crate) fn json(&self, value: &serde_json::Value) -> Result<(), Failure> {
        self.data(&format!("{value:#}\n"))
    }

    /// Says something that a quiet run leaves out.
    pub(crate) fn talk(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Says something even in a quiet run.
    pub(crate) fn say(&self, text: &str) {
        // There is nobody left to tell when standard error is closed.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Says why a command ends early.
    pub(crate) fn complain(&self, failure: &Failure) {
        let error = self.paint("error", AnsiColor::Red);
        self.say(&format!(
            "{error}: {} [{}]\n",
            failure.message, failure.code
        ));
        if let Some(help) = &failure.help {
            self.say(&format!(
                "{}: {help}\n",
                self.paint("help", AnsiColor::Cyan)
            ));
        }
    }

    /// A word for standard error, coloured where that is wanted.
    pub(crate) fn paint(&self, word: &str, color: AnsiColor) -> String {
        if self.stderr_color {
            let style = Style::new().bold().fg_color(Some(color.into()));
            format!("{style}{word}{style:#}")
        } else {
            word.to_owned()
        }
    }
}
