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

/// With a public URL clients of this machine count as others do, and so does a proxy there. Who ends TLS for this server
/// is one. In trust mode no limit is by address.
fn trusted_proxies(config: &Config) -> Finding {
    const CHECK: &str = "trusted proxies";
    let trusted = &config.trusted_proxies;
    if let Some(everybody) = trusted.iter().find(|it| it.prefix_len() == 0) {
        return Finding::warn(
            CHECK,
            format!("{everybody}, which is everybody"),
            "any client is taken for a proxy, and makes up the address that it counts for, or is spared: say where \
             proxies alone connect from with --trusted-proxies",
        );
    }
    let has_public_url = !config.public_urls.is_empty() && config.auth == AuthMode::Token;
    if has_public_url && trusted.is_empty() {
        let found = if has_url(config, "https") {
            "none, though who serves https is a proxy"
        } else {
            "none, though there is a public URL"
        };
        return Finding::warn(
            CHECK,
            found,
            "a proxy's clients count as one address, and can lock each other out of logins and connections: say where \
             it connects from with --trusted-proxies, such as 127.0.0.1, and have it set X-Forwarded-For",
        );
    }
    Finding::ok(CHECK, trusted.len().to_string())
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
        let http = ("public-url", "http://a.example");
        assert_eq!(warnings(&[http]), ["trusted proxies"]);
        assert_eq!(warnings(&[http, ("trusted-proxies", "127.0.0.1")]), none);
        let both = ("public-url", "https://a.example,http://a.example:8000");
        assert_eq!(warnings(&[both]), ["public URLs", "trusted proxies"]);
    }

    #[test]
    fn trust_in_everybody_is_warned_of() {
        for everybody in ["0.0.0.0/0", "::/0", "127.0.0.1,::/0"] {
            let trusted = ("trusted-proxies", everybody);
            assert_eq!(warnings(&[trusted]), ["trusted proxies"], "{everybody}");
        }
        assert_eq!(warnings(&[("trusted-proxies", "10.0.0.0/8")]), [""; 0]);
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
