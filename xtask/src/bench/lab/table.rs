//! Measured runs as a page that people read: medians, ratios, Markdown tables.
//!
//! Pure: numbers in, text out. What is measured, and how, is decided elsewhere.

use std::fmt::Write as _;

/// One timed run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Run {
    /// It came to its end.
    Ended {
        /// Wall time.
        seconds: f64,
        /// Transaction groups that the pools went through meanwhile.
        txgs: u64,
    },
    /// It was stopped after so many seconds.
    Over(u64),
}

/// All rounds of one way to do a task.
#[derive(Debug, Clone, Default)]
pub(super) struct Rounds {
    /// Runs that made everything.
    pub(super) first: Vec<Run>,
    /// Runs that found everything made.
    pub(super) again: Vec<Run>,
}

/// One task and everybody who did it; phoenix comes first.
#[derive(Debug, Clone)]
pub(super) struct Contest {
    /// What was to be done.
    pub(super) title: String,
    /// Who did it, and how long it took.
    pub(super) ways: Vec<(&'static str, Rounds)>,
}

/// How long a run with nothing to do takes beside the reads that it cannot do without, in seconds.
#[derive(Debug, Clone)]
pub(super) struct Reads {
    /// Which file, on which host.
    pub(super) title: String,
    /// How many commands phoenix ran.
    pub(super) commands: usize,
    /// phoenix, from start to end.
    pub(super) phoenix: Vec<f64>,
    /// The same commands, all started at once.
    pub(super) at_once: Vec<f64>,
    /// The same commands, one after the other.
    pub(super) in_turn: Vec<f64>,
}

/// The middle value; between the two middle ones where their number is even. `None` for nothing.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*sorted.get(middle - 1)?, upper))
}

/// The tables of all contests.
pub(super) fn contests(contests: &[Contest]) -> String {
    let mut text = String::from(
        "| task | way | first run | txgs | against phoenix | nothing to do | txgs | against phoenix |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for contest in contests {
        let phoenix = contest.ways.first().map(|(_, rounds)| rounds);
        let first = phoenix.and_then(|rounds| seconds(&rounds.first).ok());
        let again = phoenix.and_then(|rounds| seconds(&rounds.again).ok());
        for (way, rounds) in &contest.ways {
            let _ = writeln!(
                text,
                "| {} | {way} | {} | {} |",
                contest.title,
                cells(&rounds.first, first),
                cells(&rounds.again, again),
            );
        }
    }
    text
}

/// The table of reads.
pub(super) fn reads(rows: &[Reads]) -> String {
    let mut text = String::from(
        "| nothing to do | commands | phoenix | these commands, all at once | one after the other | phoenix against all at once |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in rows {
        let (phoenix, at_once) = (median(&row.phoenix), median(&row.at_once));
        let ratio = phoenix.zip(at_once).map(|(phoenix, bare)| phoenix / bare);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            row.title,
            row.commands,
            time(phoenix),
            time(at_once),
            time(median(&row.in_turn)),
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
        );
    }
    text
}

/// `page` with `text` between its two markers.
pub(super) fn between_markers(page: &str, text: &str) -> Option<String> {
    const START: &str = "<!-- measured: start -->\n";
    const END: &str = "<!-- measured: end -->";
    let (before, rest) = page.split_once(START)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{START}\n{text}\n{END}{after}"))
}

/// Time, transaction groups and ratio of some runs.
fn cells(runs: &[Run], phoenix: Option<f64>) -> String {
    let txgs: Vec<f64> = runs
        .iter()
        .filter_map(|run| match run {
            Run::Ended { txgs, .. } => u32::try_from(*txgs).ok().map(f64::from),
            Run::Over(_) => None,
        })
        .collect();
    match seconds(runs) {
        Ok(own) => {
            let txgs = median(&txgs).map_or_else(|| "-".to_owned(), |txgs| format!("{txgs:.0}"));
            let ratio = phoenix.map_or_else(|| "-".to_owned(), |phoenix| ratio(own, phoenix));
            format!("{} | {txgs} | {ratio}", time(Some(own)))
        }
        Err(Some(limit)) => {
            let ratio = phoenix.zip(u32::try_from(limit).ok()).map_or_else(
                || "-".to_owned(),
                |(phoenix, limit)| format!("> {}", ratio(f64::from(limit), phoenix)),
            );
            format!("> {limit} s | - | {ratio}")
        }
        Err(None) => "not run | - | -".to_owned(),
    }
}

/// The median of runs that all came to an end; else the limit that one of them hit, or nothing
/// where there was none.
fn seconds(runs: &[Run]) -> Result<f64, Option<u64>> {
    let mut seconds = Vec::with_capacity(runs.len());
    for run in runs {
        match run {
            Run::Ended { seconds: own, .. } => seconds.push(*own),
            Run::Over(limit) => return Err(Some(*limit)),
        }
    }
    median(&seconds).ok_or(None)
}

fn ratio(own: f64, phoenix: f64) -> String {
    format!("{:.1} x", own / phoenix)
}

fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 10.0 => format!("{seconds:.2} s"),
        Some(seconds) => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(seconds: f64, txgs: u64) -> Run {
        Run::Ended { seconds, txgs }
    }

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        let cases: [(&[f64], Option<f64>); 5] = [
            (&[], None),
            (&[3.0], Some(3.0)),
            (&[9.0, 1.0, 2.0], Some(2.0)),
            (&[4.0, 1.0, 2.0, 100.0], Some(3.0)),
            (&[1.0, 1.0, 7.0, 7.0, 7.0], Some(7.0)),
        ];
        for (values, wanted) in cases {
            assert_eq!(median(values), wanted, "{values:?}");
        }
    }

    #[test]
    fn contests_are_told_in_medians_and_ratios() {
        let phoenix = Rounds {
            first: vec![ended(2.0, 51), ended(4.0, 53), ended(3.0, 52)],
            again: vec![ended(0.5, 0)],
        };
        let shell = Rounds {
            first: vec![ended(30.0, 600)],
            again: vec![ended(1.0, 1), ended(2.0, 1)],
        };
        let ansible = Rounds {
            first: vec![ended(90.0, 700), Run::Over(600)],
            again: Vec::new(),
        };
        let contest = Contest {
            title: "200 datasets".to_owned(),
            ways: vec![("phoenix", phoenix), ("shell", shell), ("Ansible", ansible)],
        };
        let text = contests(&[contest]);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| 200 datasets | phoenix | 3.00 s | 52 | 1.0 x | 0.50 s | 0 | 1.0 x |",
                "| 200 datasets | shell | 30.0 s | 600 | 10.0 x | 1.50 s | 1 | 3.0 x |",
                "| 200 datasets | Ansible | > 600 s | - | > 200.0 x | not run | - | - |",
            ]
        );
    }

    #[test]
    fn reads_are_compared_with_all_at_once() {
        let row = Reads {
            title: "the plan".to_owned(),
            commands: 9,
            phoenix: vec![0.6, 0.55, 2.0],
            at_once: vec![0.5],
            in_turn: vec![0.8, 1.0],
        };
        let text = reads(&[row]);
        let wanted = "| the plan | 9 | 0.60 s | 0.50 s | 0.90 s | 1.20 |";
        assert_eq!(text.lines().nth(2), Some(wanted));
    }

    #[test]
    fn only_what_is_between_the_markers_is_replaced() {
        let page = "a\n<!-- measured: start -->\nold\n<!-- measured: end -->\nz\n";
        let wanted = "a\n<!-- measured: start -->\n\nnew\n\n<!-- measured: end -->\nz\n";
        let once = between_markers(page, "new\n");
        assert_eq!(once.as_deref(), Some(wanted));
        assert_eq!(between_markers(wanted, "new\n"), once);
        assert_eq!(between_markers("no markers", "new"), None);
    }
}
