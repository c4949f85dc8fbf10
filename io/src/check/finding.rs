//! What was found when one thing was looked at.

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but slower or less safely than it could.
    Warn,
    /// Will not work.
    Fail,
}

impl Verdict {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// What is there.
    pub found: String,
    /// How much that matters.
    pub verdict: Verdict,
    /// What to do; empty where nothing is to be done.
    pub remedy: String,
}

impl Finding {
    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            found: found.into(),
            verdict: Verdict::Ok,
            remedy: String::new(),
        }
    }

    pub(super) fn warn(
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            check,
            found: found.into(),
            verdict: Verdict::Warn,
            remedy: remedy.into(),
        }
    }

    pub(super) fn fail(
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            check,
            found: found.into(),
            verdict: Verdict::Fail,
            remedy: remedy.into(),
        }
    }
}
