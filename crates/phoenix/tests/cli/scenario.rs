//! A directory with files, a simulated host, and phoenix run in it.

use std::path::{Path, PathBuf};
use std::process::Output;

use phoenix::SimHost;
use snapbox::cmd::Command;
use tempfile::TempDir;

/// The user's storage plan, completed for the simulated host's disks.
pub(crate) const EXAMPLE: &str = include_str!("../../../../schema/examples/quickos-fastdata.json");

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_phoenix");

/// One user's working directory.
pub(crate) struct Scenario {
    directory: TempDir,
}

/// What one run of phoenix has left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scenario {
    /// An empty directory.
    pub(crate) fn empty() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
        }
    }

    /// A directory with one file under the name that phoenix looks for by itself.
    pub(crate) fn with_config(text: &str) -> Self {
        let scenario = Self::empty();
        scenario.write("phoenix_hypervisor_config.json", text);
        scenario
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The simulated host `name`, opened as another process would.
    pub(crate) fn host(&self, name: &str) -> SimHost {
        SimHost::open(utf8(&self.path(name))).unwrap()
    }

    /// Runs phoenix in the directory, with arguments separated by blanks.
    pub(crate) fn run(&self, args: &str) -> Run {
        self.finish(self.command(args))
    }

    /// Runs phoenix with something on standard input.
    pub(crate) fn run_with_input(&self, args: &str, input: impl AsRef<[u8]>) -> Run {
        self.finish(self.command(args).stdin(input.as_ref().to_vec()))
    }

    /// Runs phoenix with environment variables.
    pub(crate) fn run_with_env(&self, args: &str, env: &[(&str, &str)]) -> Run {
        self.finish(self.command(args).envs(env.iter().copied()))
    }

    /// Runs phoenix with a standard output that nobody reads, and returns exit code and standard
    /// error.
    pub(crate) fn run_unread(&self, args: &str) -> (Option<i32>, String) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = self.plain_command(args).stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!stderr.contains("panicked"), "{stderr}");
        (output.status.code(), stderr)
    }

    /// phoenix in the directory, for tests that hold its pipes themselves.
    pub(crate) fn plain_command(&self, args: &str) -> std::process::Command {
        #[expect(
            clippy::disallowed_methods,
            reason = "starts the binary under test; no host is involved"
        )]
        let mut command = std::process::Command::new(BINARY);
        command
            .args(args.split_whitespace())
            .current_dir(self.directory.path())
            .env_clear();
        command
    }

    /// phoenix in the directory, undisturbed by the environment of whoever runs the tests.
    pub(crate) fn command(&self, args: &str) -> Command {
        Command::new(BINARY)
            .args(args.split_whitespace())
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", "/nonexistent")
    }

    /// Runs a command to its end.
    pub(crate) fn finish(&self, command: Command) -> Run {
        let output = command.output().unwrap();
        Run::new(&output, self.directory.path())
    }
}

impl Run {
    fn new(output: &Output, directory: &Path) -> Self {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
            text.replace(&*directory.to_string_lossy(), "DIR")
        };
        let run = Self {
            code: output.status.code().expect("phoenix ends by itself"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        assert!(!run.stderr.contains("panicked"), "{run:#?}");
        run
    }

    /// Fails the test, showing everything, unless the exit code is the wanted one.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Standard output as one JSON document per line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}: {self:#?}"))
        };
        self.stdout.lines().map(parse).collect()
    }
}

fn utf8(path: &Path) -> &camino::Utf8Path {
    path.try_into().unwrap()
}
