//! What a process is given besides its arguments.

use std::fs;

use crate::config::{Config, ConfigError, CpuSet, Effective, Host, resolve};

/// A user's machine: CPUs 0, 1, 4 and 5, and an empty working directory.
pub(super) struct Machine {
    pub(super) directory: tempfile::TempDir,
    pub(super) host: Host,
}

impl Machine {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let host = Host {
            env: vec![("PATH".into(), "/bin".into())],
            working_dir: directory.path().to_owned(),
            cpus: CpuSet::parse("0-1,4-5").unwrap(),
        };
        Self { directory, host }
    }

    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.host.env.push((name.into(), value.into()));
        self
    }

    pub(super) fn file(self, name: &str, content: &str) -> Self {
        fs::write(self.directory.path().join(name), content).unwrap();
        self
    }

    pub(super) fn resolve(&self, flags: &[(&'static str, &str)]) -> Result<Effective, ConfigError> {
        let flags = flags
            .iter()
            .map(|&(name, text)| (name, text.to_owned()))
            .collect();
        resolve(flags, &self.host)
    }

    pub(super) fn config(&self, flags: &[(&'static str, &str)]) -> Config {
        self.resolve(flags).unwrap().config
    }

    pub(super) fn refusal(&self, flags: &[(&'static str, &str)]) -> String {
        let message = self.resolve(flags).unwrap_err().to_string();
        assert!(!message.contains('\n'), "{message:?}");
        message
    }
}
