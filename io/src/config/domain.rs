//! What a setting's text may be: each domain parses a text, names what it allows, and shows a value.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use ipnet::{IpNet, Ipv4Net};

use rookery_engine::http;

use super::{cpus::CpuSet, endpoint::Endpoint};

/// Endpoints of one backend; a client needs a few of them to find all others.
const ENDPOINTS_MAX: usize = 64;
/// Networks of one list: each is looked at for a request by a proxy.
const NETWORKS_MAX: usize = 64;
/// Bits that all addresses of IPv4 in IPv6 begin with.
const MAPPED_PREFIX_BITS: u8 = 96;
/// Origins of one setting. Each request of a page may be compared with all of them.
const ORIGINS_MAX: usize = 64;

/// The set of values that a setting may have.
pub(super) trait Domain: Sync {
    type Value;

    /// The value that a text stands for, or `None` where it is not allowed.
    fn parse(&self, text: &str) -> Option<Self::Value>;

    /// What is allowed, as it follows "expected".
    fn allowed(&self) -> String;

    /// The value as it stands in `rookery.toml`.
    fn show(&self, value: &Self::Value) -> toml::Value;

    /// How it is given on the command line.
    fn form(&self) -> Form {
        Form::Once
    }
}

/// How a setting is given on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Once, with its value.
    Once,
    /// Alone, or with `=` and its value.
    Switch,
    /// Any number of times, each with some of its values.
    Repeated,
}

/// An IP address and a port. `localhost` is IPv4's loopback address; without a host it is all of IPv4's.
pub(super) struct Address;

impl Domain for Address {
    type Value = SocketAddr;

    fn parse(&self, text: &str) -> Option<SocketAddr> {
        let named = || {
            let (host, port) = text.rsplit_once(':')?;
            let ip = match host {
                "" => Ipv4Addr::UNSPECIFIED,
                _ if host.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST,
                _ => return None,
            };
            Some((ip, port.parse::<u16>().ok()?).into())
        };
        text.parse().ok().or_else(named)
    }

    fn allowed(&self) -> String {
        "an IP address and a port, such as 127.0.0.1:8000, localhost:8000, [::]:8000 or :8000"
            .into()
    }

    fn show(&self, value: &SocketAddr) -> toml::Value {
        value.to_string().into()
    }
}

/// A whole number within bounds.
pub(super) struct Number(pub(super) RangeInclusive<u32>);

impl Domain for Number {
    type Value = u32;

    fn parse(&self, text: &str) -> Option<u32> {
        text.parse().ok().filter(|number| self.0.contains(number))
    }

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.0.start(), self.0.end())
    }

    fn show(&self, value: &u32) -> toml::Value {
        i64::from(*value).into()
    }
}

/// A time in seconds within bounds, fractions allowed.
pub(super) struct Seconds(pub(super) RangeInclusive<f64>);

impl Domain for Seconds {
    type Value = Duration;

    fn parse(&self, text: &str) -> Option<Duration> {
        let seconds = text
            .parse()
            .ok()
            .filter(|seconds| self.0.contains(seconds))?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    fn allowed(&self) -> String {
        format!("seconds from {} to {}", self.0.start(), self.0.end())
    }

    fn show(&self, value: &Duration) -> toml::Value {
        value.as_secs_f64().into()
    }
}

/// One of a few words.
pub(super) struct Choice<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq + Sync> Domain for Choice<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        let found = self.0.iter().find(|(word, _)| *word == text)?;
        Some(found.1)
    }

    fn allowed(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|(word, _)| *word).collect();
        match words.split_last() {
            Some((last, others)) if !others.is_empty() => {
                format!("{} or {last}", others.join(", "))
            }
            _ => words.concat(),
        }
    }

    fn show(&self, value: &T) -> toml::Value {
        let word = self.0.iter().find(|(_, meaning)| meaning == value);
        word.map_or("", |(word, _)| *word).into()
    }
}

/// A name in a backend: its first byte, its other bytes and its length are restricted.
pub(super) struct Name {
    pub(super) first: fn(u8) -> bool,
    pub(super) rest: fn(u8) -> bool,
    pub(super) bytes_max: usize,
    pub(super) alphabet: &'static str,
}

impl Domain for Name {
    type Value = String;

    fn parse(&self, text: &str) -> Option<String> {
        let (first, rest) = text.as_bytes().split_first()?;
        let allowed = text.len() <= self.bytes_max
            && (self.first)(*first)
            && rest.iter().copied().all(self.rest);
        allowed.then(|| text.to_owned())
    }

    fn allowed(&self) -> String {
        format!("1 to {} of {}", self.bytes_max, self.alphabet)
    }

    fn show(&self, value: &String) -> toml::Value {
        value.clone().into()
    }
}

/// A path, relative to the working directory unless absolute.
pub(super) struct FilePath;

impl Domain for FilePath {
    type Value = PathBuf;

    fn parse(&self, text: &str) -> Option<PathBuf> {
        let allowed = !text.is_empty() && !text.contains('\0');
        allowed.then(|| text.into())
    }

    fn allowed(&self) -> String {
        "a path".into()
    }

    fn show(&self, value: &PathBuf) -> toml::Value {
        value.to_string_lossy().into_owned().into()
    }
}

/// Networks of addresses, such as `10.0.0.0/8`, separated by commas; an address alone is the network of one.
pub(super) struct Networks;

impl Domain for Networks {
    type Value = Vec<IpNet>;

    fn parse(&self, text: &str) -> Option<Vec<IpNet>> {
        let networks: Vec<_> = text
            .split(',')
            .map(|network| parse_network(network.trim()))
            .collect::<Option<_>>()?;
        (networks.len() <= NETWORKS_MAX).then_some(networks)
    }

    fn allowed(&self) -> String {
        format!(
            "1 to {NETWORKS_MAX} addresses or networks, such as 10.0.0.0/8, separated by commas"
        )
    }

    fn show(&self, value: &Vec<IpNet>) -> toml::Value {
        let texts: Vec<_> = value.iter().map(IpNet::to_string).collect();
        texts.join(",").into()
    }
}

/// A network as peers are compared with it: IPv4 in IPv6 (`::ffff:10.0.0.0/104`) counts as IPv4.
fn parse_network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse().ok().or_else(address)?;
    let IpNet::V6(in_ipv6) = network else {
        return Some(network);
    };
    match in_ipv6.addr().to_ipv4_mapped() {
        None => Some(network),
        Some(ipv4) => {
            let prefix = in_ipv6.prefix_len().checked_sub(MAPPED_PREFIX_BITS)?;
            Ipv4Net::new(ipv4, prefix).ok().map(IpNet::V4)
        }
    }
}

/// Where a backend can be reached: `HOST:PORT`, separated by commas.
pub(super) struct Endpoints;

impl Domain for Endpoints {
    type Value = Vec<Endpoint>;

    fn parse(&self, text: &str) -> Option<Vec<Endpoint>> {
        let endpoints: Vec<_> = text
            .split(',')
            .map(Endpoint::parse)
            .collect::<Option<_>>()?;
        (endpoints.len() <= ENDPOINTS_MAX).then_some(endpoints)
    }

    fn allowed(&self) -> String {
        format!("1 to {ENDPOINTS_MAX} of HOST:PORT, separated by commas")
    }

    fn show(&self, value: &Vec<Endpoint>) -> toml::Value {
        let texts: Vec<_> = value.iter().map(Endpoint::to_string).collect();
        texts.join(",").into()
    }
}

/// On or off.
pub(super) struct Switch;

impl Domain for Switch {
    type Value = bool;

    fn parse(&self, text: &str) -> Option<bool> {
        text.parse().ok()
    }

    fn allowed(&self) -> String {
        "true or false".into()
    }

    fn show(&self, value: &bool) -> toml::Value {
        (*value).into()
    }

    fn form(&self) -> Form {
        Form::Switch
    }
}

/// Where users find the server: `https://HOST[:PORT]` or the same with `http`, separated by commas.
pub(super) struct Urls;

impl Domain for Urls {
    type Value = Vec<http::Origin>;

    fn parse(&self, text: &str) -> Option<Vec<http::Origin>> {
        // The root is all that is served, so its slash says nothing.
        origins(text, |url| {
            http::Origin::parse(url.strip_suffix('/').unwrap_or(url))
                .filter(|origin| ["http", "https"].contains(&origin.scheme()))
        })
    }

    fn allowed(&self) -> String {
        format!(
            "1 to {ORIGINS_MAX} URLs without a path, such as https://chat.example.com, separated by commas"
        )
    }

    fn show(&self, value: &Vec<http::Origin>) -> toml::Value {
        show_origins(value)
    }
}

/// Where pages may come from: `SCHEME://HOST[:PORT]`, separated by commas.
pub(super) struct Origins;

impl Domain for Origins {
    type Value = Vec<http::Origin>;

    fn parse(&self, text: &str) -> Option<Vec<http::Origin>> {
        origins(text, http::Origin::parse)
    }

    fn allowed(&self) -> String {
        format!(
            "1 to {ORIGINS_MAX} origins as browsers send them, such as https://app.example.com or \
             capacitor://localhost, separated by commas"
        )
    }

    fn show(&self, value: &Vec<http::Origin>) -> toml::Value {
        show_origins(value)
    }

    fn form(&self) -> Form {
        Form::Repeated
    }
}

fn origins(text: &str, parse: impl Fn(&str) -> Option<http::Origin>) -> Option<Vec<http::Origin>> {
    let origins: Vec<_> = text.split(',').map(parse).collect::<Option<_>>()?;
    (origins.len() <= ORIGINS_MAX).then_some(origins)
}

fn show_origins(origins: &[http::Origin]) -> toml::Value {
    let texts: Vec<_> = origins.iter().map(http::Origin::as_str).collect();
    texts.join(",").into()
}

/// CPU numbers and ranges of them.
pub(super) struct CpuList {
    pub(super) cpus_max: usize,
}

impl Domain for CpuList {
    type Value = CpuSet;

    fn parse(&self, text: &str) -> Option<CpuSet> {
        CpuSet::parse(text).filter(|cpus| cpus.len() <= self.cpus_max)
    }

    fn allowed(&self) -> String {
        format!("1 to {} distinct CPUs, such as 0,2-5", self.cpus_max)
    }

    fn show(&self, value: &CpuSet) -> toml::Value {
        value.to_string().into()
    }
}
