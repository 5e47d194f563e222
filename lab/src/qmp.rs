//! QEMU's control socket: what a person would do to the machine with their hands.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use camino::Utf8Path;
use serde_json::{Value, json};

use crate::LabError;

/// An open control socket.
#[derive(Debug)]
pub struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects and says hello.
    ///
    /// # Errors
    /// When no QEMU listens there.
    pub fn connect(socket: &Utf8Path) -> Result<Self, LabError> {
        let stream = UnixStream::connect(socket).map_err(LabError::file(socket))?;
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .map_err(LabError::file(socket))?;
        let mut qmp = Self {
            stream: BufReader::new(stream),
        };
        qmp.line()?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Runs one command and returns its answer; events in between are passed over.
    ///
    /// # Errors
    /// When QEMU refuses the command or goes away.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, LabError> {
        let request = json!({ "execute": command, "arguments": arguments });
        let fail = |detail: String| LabError::Failed {
            what: format!("QMP {command}"),
            detail,
        };
        writeln!(self.stream.get_mut(), "{request}").map_err(|error| fail(error.to_string()))?;
        loop {
            let answer = self.line()?;
            if let Some(error) = answer.get("error") {
                return Err(fail(error.to_string()));
            }
            if let Some(result) = answer.get("return") {
                return Ok(result.clone());
            }
        }
    }

    fn line(&mut self) -> Result<Value, LabError> {
        let fail = |detail: String| LabError::Failed {
            what: "reading from QEMU".to_owned(),
            detail,
        };
        let mut line = String::new();
        let length = self
            .stream
            .read_line(&mut line)
            .map_err(|error| fail(error.to_string()))?;
        if length == 0 {
            return Err(fail("the socket was closed".to_owned()));
        }
        serde_json::from_str(&line).map_err(|error| fail(error.to_string()))
    }
}
