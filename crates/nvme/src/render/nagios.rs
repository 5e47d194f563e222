//! The report as a monitoring plugin prints it: one line, and numbers after a bar.
//!
//! The exit code belongs to it: [`crate::Status::exit_code`].

use std::cmp::Reverse;
use std::fmt::Write as _;

use crate::finding::{Finding, Status};
use crate::policy::Policy;
use crate::report::{DriveReport, Report};

/// One line, such as `NVME CRITICAL - nvme0n1 in quickOS: 104 % ... | nvme0n1_wear=104%;80;90`.
pub fn render(report: &Report, policy: &Policy) -> String {
    let word = report.status.word().to_uppercase();
    let mut line = format!("NVME {word} - {}", summary(report));
    // What could not be read beside the drives is told and costs the check nothing.
    for finding in &report.findings {
        let _infallible = write!(line, "; {}", finding.message);
    }
    // The bar separates the numbers, and a line break would end the answer.
    let line = line.replace('|', "/").replace(['\n', '\r'], " ");
    let numbers = numbers(report, policy);
    if numbers.is_empty() {
        return format!("{line}\n");
    }
    format!("{line} | {numbers}\n")
}

fn summary(report: &Report) -> String {
    let mut troubles: Vec<(Status, String)> = Vec::new();
    for pool in &report.pools {
        troubles.extend(
            pool.findings
                .iter()
                .filter_map(|finding| trouble(None, finding)),
        );
    }
    for drive in &report.drives {
        let place = place(drive);
        troubles.extend(
            drive
                .findings
                .iter()
                .filter_map(|finding| trouble(Some(&place), finding)),
        );
    }
    troubles.sort_by_key(|(status, _)| Reverse(*status));
    if troubles.is_empty() {
        return match report.drives.len() {
            0 => "no NVMe drives found".to_owned(),
            1 => "1 drive healthy".to_owned(),
            count => format!("{count} drives healthy"),
        };
    }
    let texts: Vec<String> = troubles.into_iter().map(|(_, text)| text).collect();
    texts.join("; ")
}

fn trouble(place: Option<&str>, finding: &Finding) -> Option<(Status, String)> {
    if finding.status == Status::Ok {
        return None;
    }
    let text = match place {
        Some(place) => format!("{place}: {}", finding.message),
        None => finding.message.clone(),
    };
    Some((finding.status, text))
}

fn place(drive: &DriveReport) -> String {
    match drive.serves.first() {
        Some(service) => format!("{} in {}", drive.drive.name, service.pool),
        None => drive.drive.name.clone(),
    }
}

/// `label=value;warning;critical` for wear, spare and temperature.
fn numbers(report: &Report, policy: &Policy) -> String {
    let mut numbers = Vec::new();
    for DriveReport { drive, .. } in &report.drives {
        let Some(health) = &drive.health else {
            continue;
        };
        let name = drive.name.replace(['\'', '=', ' '], "_");
        if let Some(used) = health.percentage_used.filter(|_| health.reports_wear()) {
            let (warn, critical) = (policy.wear_warning_percent, policy.wear_critical_percent);
            numbers.push(format!("{name}_wear={used}%;{warn};{critical};0"));
        }
        if let Some(spare) = health
            .available_spare_percent
            .filter(|_| health.reports_wear())
        {
            numbers.push(format!("{name}_spare={spare}%"));
        }
        if let Some(degrees) = health.temperature_celsius {
            numbers.push(format!("{name}_celsius={degrees}"));
        }
    }
    numbers.join(" ")
}
