//! `phoenix show clients`: the lines that NFS clients put into their fstab.
//!
//! Client options never become part of an export; this is where they go instead.

use std::fmt::Write as _;

use phoenix::code::EndCode;
use phoenix::config::model::Export;
use phoenix::planner::export::fstab_line;
use phoenix::tools::system::{HOSTNAME_FILE, parse_hostname};
use phoenix::{ExitStatus, Host};
use serde_json::json;

use super::args::{Format, ShowClientsArgs};
use super::failure::Failure;
use super::output::Terminal;
use super::prepare::ValidFile;
use super::{CommandResult, config_file, host};

/// What a client needs to mount one export.
struct ClientMount {
    export: String,
    clients: Vec<String>,
    fstab: String,
}

/// Runs the command.
///
/// # Errors
/// When the file is unusable, or the host's name is neither given nor to be read.
pub(crate) fn clients(terminal: &Terminal, args: &ShowClientsArgs) -> CommandResult {
    let file = ValidFile::check(terminal, config_file::read(terminal, args.file.path())?)?;
    let server = match &args.server {
        Some(server) => server.clone(),
        None => hostname(&*host::open(&args.host)?.host)?,
    };
    let exports = file.config()?.exports.iter();
    let mounts: Vec<ClientMount> = exports
        .map(|export| client_mount(&server, export))
        .collect();
    match args.format.format {
        Format::Json => {
            let mounts: Vec<_> = mounts.iter().map(as_json).collect();
            terminal.json(&json!({ "mounts": mounts }))?;
        }
        Format::Text => terminal.data(&text(&mounts))?,
    }
    Ok(ExitStatus::Done)
}

fn hostname(host: &dyn Host) -> Result<String, Failure> {
    let unknown = || {
        Failure::new(
            EndCode::HostUnclear,
            format!("{HOSTNAME_FILE} does not name this host"),
        )
        .help("name it with --server, as the clients call it")
    };
    let text = host
        .read_file(HOSTNAME_FILE.into())
        .map_err(|error| Failure::from_error(EndCode::HostUnclear, &error))?
        .ok_or_else(unknown)?;
    Ok(parse_hostname(&text).to_owned())
}

fn client_mount(server: &str, export: &Export) -> ClientMount {
    ClientMount {
        export: export.path.to_string(),
        clients: export
            .clients
            .iter()
            .map(|client| client.text.clone())
            .collect(),
        fstab: fstab_line(server, export),
    }
}

fn as_json(mount: &ClientMount) -> serde_json::Value {
    json!({ "export": mount.export, "clients": mount.clients, "fstab": mount.fstab })
}

fn text(mounts: &[ClientMount]) -> String {
    if mounts.is_empty() {
        return "The file exports nothing.\n".to_owned();
    }
    let mut text = String::new();
    for mount in mounts {
        let _ = writeln!(text, "# for {}\n{}", mount.clients.join(", "), mount.fstab);
    }
    text
}
