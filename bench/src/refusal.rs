//! Why a server refused.

use std::collections::BTreeMap;
use std::fmt;

use memchr::{memchr, memmem};
use serde::Serialize;

const LIMIT: &[u8] = br#""limit":""#;
const CODE: &[u8] = br#""code":""#;

/// How often a server refused because of load, by the reason that it gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Refusals {
    by_reason: BTreeMap<String, u64>,
    /// Of those, refusals that named no limit.
    #[serde(skip)]
    unnamed: u64,
}

impl Refusals {
    /// Counts one. `problem` is the JSON of a reply or an `error`.
    pub fn note(&mut self, problem: &[u8]) {
        let limit = text_after(problem, LIMIT);
        self.unnamed += u64::from(limit.is_none());
        // The name of a limit says more than the code.
        let reason = limit.or_else(|| text_after(problem, CODE));
        let reason = reason.unwrap_or("no reason given");
        match self.by_reason.get_mut(reason) {
            Some(times) => *times += 1,
            None => {
                self.by_reason.insert(reason.to_owned(), 1);
            }
        }
    }

    pub fn add(&mut self, other: Self) {
        self.unnamed += other.unnamed;
        for (reason, times) in other.by_reason {
            *self.by_reason.entry(reason).or_default() += times;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_reason.is_empty()
    }

    /// Whether each of them named the limit that was met.
    pub const fn all_name_limits(&self) -> bool {
        self.unnamed == 0
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (reason, times)) in self.by_reason.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(out, "{comma}{reason} {times}")?;
        }
        Ok(())
    }
}

fn text_after<'a>(json: &'a [u8], field: &[u8]) -> Option<&'a str> {
    let value = &json[memmem::find(json, field)? + field.len()..];
    str::from_utf8(&value[..memchr(b'"', value)?]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(problems: &[&[u8]]) -> Refusals {
        let mut refusals = Refusals::default();
        problems.iter().for_each(|problem| refusals.note(problem));
        refusals
    }

    #[test]
    fn a_limit_says_more_than_a_code() {
        let limit = br#"{"status":429,"code":"too_many_requests","limit":"user-bytes"}"#;
        let mut refusals = refusals(&[limit, limit]);
        assert_eq!(refusals.to_string(), "user-bytes 2");
        assert!(refusals.all_name_limits());
        refusals.add(self::refusals(&[br#"{"code":"unavailable","detail":""}"#]));
        assert_eq!(refusals.to_string(), "unavailable 1, user-bytes 2");
        assert!(!refusals.all_name_limits());
    }

    #[test]
    fn what_is_no_problem_gives_no_reason() {
        assert_eq!(refusals(&[b"<html>"]).to_string(), "no reason given 1");
    }
}
