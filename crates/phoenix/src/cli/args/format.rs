//! The forms in which commands answer. What each looks like is the business of the command.

use clap::{Args, ValueEnum};

/// The form of the data on standard output.
#[derive(Debug, Args)]
pub(crate) struct FormatArgs {
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// For the terminal.
    Tree,
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
    /// For programs.
    Json,
}

/// The forms of what is wrong with a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    #[default]
    Text,
    Json,
    /// Workflow commands, which GitHub shows beside the code.
    Github,
    /// SARIF 2.1.0.
    Sarif,
}
