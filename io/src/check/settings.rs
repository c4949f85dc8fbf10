//! Settings that are allowed, but hardly meant together.

use super::finding::Finding;
use crate::config::{AuthMode, Config, RegistrationMode};

/// What is to be said of a configuration's settings, at a start as well.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    vec![
        public_urls(config),
        trusted_proxies(config),
        registration(config),
    ]
}

fn has_url(config: &Config, scheme: &str) -> bool {
    config.public_urls.iter().any(|url| url.scheme() == scheme)
}

/// One URL with https makes all cookies `Secure`, and browsers take none of these over http, without a word.
fn public_urls(config: &Config) -> Finding {
    const CHECK: &str = "public URLs";
    if has_url(config, "https") && has_url(config, "http") {
        return Finding::warn(
            CHECK,
            "http beside https",
            "with one https URL all cookies are for TLS alone, so browsers can't log in at the http ones: name https \
             URLs alone with --public-url",
        );
    }
    Finding::ok(CHECK, config.public_urls.len().to_string())
}

/// Who ends TLS for this server is a proxy. In trust mode no limit is by address.
fn trusted_proxies(config: &Config) -> Finding {
    const CHECK: &str = "trusted proxies";
    let found = config.trusted_proxies.len().to_string();
    let is_behind_proxy = has_url(config, "https") && config.auth == AuthMode::Token;
    if is_behind_proxy && config.trusted_proxies.is_empty() {
        return Finding::warn(
            CHECK,
            "none, though who serves https is a proxy",
            "its clients count as one address, and can lock each other out of logins and connections: say where the \
             proxy connects from with --trusted-proxies, such as 127.0.0.1, and have it set X-Forwarded-For",
        );
    }
    Finding::ok(CHECK, found)
}

fn registration(config: &Config) -> Finding {
    const CHECK: &str = "registration";
    let found = match config.registration {
        RegistrationMode::Open => return Finding::ok(CHECK, "open"),
        RegistrationMode::Invite => "invite",
        RegistrationMode::Closed => "closed",
    };
    match config.operator_token_file {
        Some(_) => Finding::ok(CHECK, found),
        None => Finding::warn(
            CHECK,
            format!("{found}, without operators"),
            "nobody can register: let operators make invites and users with --admin-listen and --operator-token-file, \
             or set --registration open",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;
    use crate::check::Verdict;
    use crate::config::{self, CpuSet, Host};

    /// What is warned of, with these flags.
    fn warnings(flags: &[(&'static str, &str)]) -> Vec<&'static str> {
        let host = Host {
            env: Vec::new(),
            working_dir: "/nowhere".into(),
            cpus: CpuSet::allowed().unwrap(),
        };
        let flags = flags
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let effective = config::resolve(flags.collect(), &host).unwrap();
        findings(&effective.config)
            .into_iter()
            .filter(|finding| finding.verdict == Verdict::Warn)
            .map(|finding| finding.check)
            .collect()
    }

    #[test]
    fn what_locks_users_out_is_warned_of() {
        let none: [&str; 0] = [];
        assert_eq!(warnings(&[]), none);
        let https = ("public-url", "https://a.example");
        assert_eq!(warnings(&[https]), ["trusted proxies"]);
        assert_eq!(warnings(&[https, ("trusted-proxies", "127.0.0.1")]), none);
        assert_eq!(warnings(&[https, ("auth", "trust")]), none);
        assert_eq!(warnings(&[("public-url", "http://a.example")]), none);
        let both = ("public-url", "https://a.example,http://a.example:8000");
        assert_eq!(warnings(&[both]), ["public URLs", "trusted proxies"]);
    }

    #[test]
    fn a_registration_that_nobody_can_pass_is_warned_of() {
        let operators = [
            ("admin-listen", "127.0.0.1:9"),
            ("operator-token-file", "token"),
        ];
        for mode in ["invite", "closed"] {
            let mode = ("registration", mode);
            assert_eq!(warnings(&[mode]), ["registration"]);
            let flags = [&[mode][..], &operators].concat();
            assert_eq!(warnings(&flags), [""; 0]);
        }
        assert_eq!(warnings(&[("registration", "open")]), [""; 0]);
    }
}
