//! Shows an apply while it runs: bars for a person who watches, one line per finished step for
//! everybody else, one event per line for programs.
//!
//! Receives the same events as the journal and decides nothing.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use anstyle::AnsiColor;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use phoenix::config::address::Address;
use phoenix::host::command::typed;
use phoenix::planner::plan::Action;
use phoenix::{Event, Observer, Outcome, Plan};

use super::output::Terminal;

/// How often spinners turn.
const TICK: Duration = Duration::from_millis(100);

/// Steps slower than this say how long they took.
const WORTH_TELLING: Duration = Duration::from_millis(100);

/// Prints every event as one line of JSON on standard output.
#[derive(Debug, Default)]
pub(crate) struct JsonLines {
    /// Set when nobody reads any more; the apply goes on without a listener.
    closed: bool,
}

impl Observer for JsonLines {
    fn event(&mut self, event: &Event) {
        if self.closed {
            return;
        }
        let mut stdout = io::stdout().lock();
        let written = serde_json::to_writer(&mut stdout, event)
            .map_err(io::Error::from)
            .and_then(|()| stdout.write_all(b"\n"))
            .and_then(|()| stdout.flush());
        self.closed = written.is_err();
    }
}

/// Tells a person what happens, on standard error.
pub(crate) struct Narrator<'a> {
    terminal: &'a Terminal,
    /// What each step does to its object.
    actions: BTreeMap<&'a Address, Action>,
    /// The display of a terminal; nothing elsewhere.
    bars: Option<Bars>,
}

impl<'a> Narrator<'a> {
    /// Bars where a person watches, plain lines elsewhere, nothing in a quiet run.
    pub(crate) fn new(terminal: &'a Terminal, plan: &'a Plan) -> Self {
        let actions = plan
            .steps
            .iter()
            .map(|step| (&step.id, step.action))
            .collect();
        let bars = (terminal.watched && !terminal.quiet).then(|| Bars::new(plan.steps.len()));
        Self {
            terminal,
            actions,
            bars,
        }
    }

    /// Prints lines from another thread, such as a signal handler's, without tearing the bars.
    pub(crate) fn speaker(&self) -> Speaker {
        Speaker(self.bars.as_ref().map(|bars| bars.all.clone()))
    }

    fn print(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.print(line),
            None => self.terminal.talk(&format!("{line}\n")),
        }
    }

    /// The outcome in one word, with the action where there was one.
    fn word(&self, id: &Address, outcome: Outcome) -> (&'static str, AnsiColor) {
        match (outcome, self.actions.get(id)) {
            (Outcome::Changed, Some(Action::Create)) => ("created", AnsiColor::Green),
            (Outcome::Changed, _) => ("changed", AnsiColor::Green),
            (Outcome::Unchanged, _) => ("already so", AnsiColor::Green),
            (Outcome::Failed, _) => ("failed", AnsiColor::Red),
            (Outcome::Blocked, Some(_)) => ("blocked", AnsiColor::Yellow),
            (Outcome::Blocked, None) => ("refused", AnsiColor::Yellow),
            (Outcome::NotStarted, _) => ("not started", AnsiColor::Yellow),
        }
    }
}

impl Observer for Narrator<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::StepStart { id, .. } => {
                if let Some(bars) = &mut self.bars {
                    bars.start(id);
                }
            }
            Event::StepCommand { argv, .. } => {
                if self.terminal.verbose {
                    self.print(&format!("{:>11}  {}", "ran", typed(argv)));
                }
            }
            Event::StepFinished {
                id,
                outcome,
                error,
                blocked_by,
                milliseconds,
            } => {
                let (word, color) = self.word(id, *outcome);
                let padding = " ".repeat(11_usize.saturating_sub(word.len()));
                let word = self.terminal.paint(word, color);
                let took = Duration::from_millis(*milliseconds);
                let story = if let Some(error) = error {
                    format!(": {}", error.message)
                } else if !blocked_by.is_empty() {
                    let causes: Vec<String> = blocked_by.iter().map(ToString::to_string).collect();
                    format!(" by {}", causes.join(", "))
                } else if took >= WORTH_TELLING {
                    format!("  ({:.1} s)", took.as_secs_f64())
                } else {
                    String::new()
                };
                if let Some(bars) = &mut self.bars {
                    bars.finish(id, *outcome);
                }
                self.print(&format!("{padding}{word}  {id}{story}"));
            }
            Event::ApplyFinished { .. } => {
                if let Some(bars) = &self.bars {
                    bars.clear();
                }
            }
            Event::ApplyStart { .. } => {}
        }
    }
}

/// See [`Narrator::speaker`]. Without bars it speaks to standard error directly.
#[derive(Debug, Default)]
pub(crate) struct Speaker(Option<MultiProgress>);

impl Speaker {
    /// Says one line.
    pub(crate) fn say(&self, line: &str) {
        // A terminal that is gone cannot be told so.
        let _ = match &self.0 {
            Some(bars) => bars.println(line),
            None => writeln!(io::stderr().lock(), "{line}"),
        };
    }
}

/// One line per running step, and one that counts.
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    running: BTreeMap<Address, ProgressBar>,
    step_style: ProgressStyle,
    failed: usize,
}

impl Bars {
    fn new(steps: usize) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = all.add(ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX)));
        total.set_style(style("[{bar:30}] {pos}/{len} done{msg}, {elapsed}").progress_chars("=> "));
        total.enable_steady_tick(TICK);
        Self {
            all,
            total,
            running: BTreeMap::new(),
            step_style: style("          {spinner}  {msg}  ({elapsed})"),
            failed: 0,
        }
    }

    fn start(&mut self, id: &Address) {
        let bar = ProgressBar::new_spinner()
            .with_style(self.step_style.clone())
            .with_message(id.to_string());
        let bar = self.all.insert_before(&self.total, bar);
        bar.enable_steady_tick(TICK);
        self.running.insert(id.clone(), bar);
    }

    fn finish(&mut self, id: &Address, outcome: Outcome) {
        if let Some(bar) = self.running.remove(id) {
            bar.finish_and_clear();
            self.all.remove(&bar);
            self.total.inc(1);
        }
        if outcome == Outcome::Failed {
            self.failed += 1;
            self.total.set_message(format!(", {} failed", self.failed));
        }
    }

    fn print(&self, line: &str) {
        // A terminal that is gone cannot be told so.
        let _ = self.all.println(line);
    }

    fn clear(&self) {
        self.total.finish_and_clear();
        let _ = self.all.clear();
    }
}

/// A style from a template of this file; a template that does not parse would be a plain bar.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
