//! Whom a request comes from, where proxies may stand between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::http::Request;
use crate::limits::network::Network;

/// Fields in which proxies name the client. Only the first is read.
const FORWARDING: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];

/// The proxies whose word counts.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    /// Clients of this machine are no strangers: no proxy is known of that could stand between.
    spares_local: bool,
}

/// Whom a request counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) network: Network,
    /// Limits by address do not count them.
    pub(crate) is_spared: bool,
    /// A peer that is not trusted named another client.
    pub(crate) is_untrusted_forward: bool,
}

impl Proxies {
    /// Proxies of these networks. `is_local` says whether clients of this machine may be told from those behind a
    /// proxy: neither proxies nor a public address are configured.
    pub fn new(trusted: Vec<IpNet>, is_local: bool) -> Self {
        let spares_local = is_local && trusted.is_empty();
        Self {
            trusted,
            spares_local,
        }
    }

    /// Whether an address is one of these proxies.
    pub fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Whether limits by address spare a connection from here.
    pub fn spares(&self, peer: IpAddr) -> bool {
        self.is_trusted(peer) || self.spares_local && is_this_machine(peer)
    }

    /// Whom a request from a peer counts for: the last address in `X-Forwarded-For` that is no trusted proxy, where
    /// the peer is one.
    pub(crate) fn client(&self, peer: IpAddr, request: &Request) -> Client {
        if !self.is_trusted(peer) {
            let is_untrusted_forward = FORWARDING.iter().any(|name| request.header(name).is_some());
            return Client {
                network: peer.into(),
                is_spared: !is_untrusted_forward && self.spares(peer),
                is_untrusted_forward,
            };
        }
        let address = self.forwarded_for(peer, request);
        Client {
            network: address.into(),
            is_spared: self.is_trusted(address),
            is_untrusted_forward: false,
        }
    }

    /// Goes back the way of a request, as far as trusted proxies tell of it.
    fn forwarded_for(&self, peer: IpAddr, request: &Request) -> IpAddr {
        let fields: Vec<&[u8]> = request.headers(FORWARDING[0]).collect();
        let hops = fields
            .iter()
            .rev()
            .flat_map(|field| field.rsplit(|byte| *byte == b','));
        let mut client = peer;
        for hop in hops {
            let Some(address) = address_of(hop) else {
                break;
            };
            client = address;
            if !self.is_trusted(address) {
                break;
            }
        }
        client
    }
}

/// An address as proxies write it, some with a port.
fn address_of(hop: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(hop).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

fn is_this_machine(peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    peer == Ipv4Addr::LOCALHOST || peer == Ipv6Addr::LOCALHOST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Progress, RequestReader};
    use bytes::BytesMut;

    fn request(fields: &str) -> Request {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut input = BytesMut::from(head.as_bytes());
        match RequestReader::default().next(&mut input) {
            Progress::Request(request) => request,
            Progress::Partial | Progress::Continue | Progress::Refused(_) => panic!("{fields}"),
        }
    }

    fn ip(address: &str) -> IpAddr {
        address.parse().expect("an address")
    }

    fn proxies() -> Proxies {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"];
        let trusted = trusted.map(|network| network.parse().expect("a network"));
        Proxies::new(trusted.to_vec(), true)
    }

    /// Whom a request counts for, and whether they are spared.
    fn client(peer: &str, fields: &str) -> (IpAddr, bool) {
        let client = proxies().client(ip(peer), &request(fields));
        (client.network.address(), client.is_spared)
    }

    #[test]
    fn the_last_who_is_no_trusted_proxy_is_the_client() {
        for (fields, expected) in [
            ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
            ("x-forwarded-for: 9.9.9.9, 192.0.2.1\r\n", "192.0.2.1"),
            (
                "X-Forwarded-For: 192.0.2.1,10.1.1.1 , 10.2.2.2\r\n",
                "192.0.2.1",
            ),
            (
                "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.9.9.9\r\n",
                "192.0.2.1",
            ),
            ("X-Forwarded-For: 192.0.2.1:4711\r\n", "192.0.2.1"),
            ("X-Forwarded-For: [2001:db9::1]:4711\r\n", "2001:db9::"),
            ("X-Forwarded-For: [2001:db9::1]\r\n", "2001:db9::"),
            ("X-Forwarded-For: 2001:db9::1\r\n", "2001:db9::"),
            ("X-Forwarded-For: ::ffff:192.0.2.1\r\n", "192.0.2.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", fields),
                (ip(expected), false),
                "{fields}"
            );
        }
    }

    #[test]
    fn who_can_t_be_read_counts_as_the_proxy_before_them() {
        for fields in [
            "",
            "X-Forwarded-For: unknown\r\n",
            "X-Forwarded-For: 1.1.1.1, \r\n",
        ] {
            assert_eq!(
                client("10.0.0.1", fields),
                (ip("10.0.0.1"), true),
                "{fields}"
            );
        }
        let fields = "X-Forwarded-For: 1.1.1.1, unknown, 10.0.0.7\r\n";
        assert_eq!(client("10.0.0.1", fields), (ip("10.0.0.7"), true));
        assert_eq!(client("2001:db8::1", ""), (ip("2001:db8::"), true));
    }

    #[test]
    fn a_stranger_s_word_counts_for_nothing() {
        for fields in FORWARDING.map(|name| format!("{name}: 10.0.0.1\r\n")) {
            let client = proxies().client(ip("192.0.2.9"), &request(&fields));
            assert_eq!(client.network.address(), ip("192.0.2.9"));
            assert!(!client.is_spared && client.is_untrusted_forward, "{fields}");
        }
        let plain = proxies().client(ip("192.0.2.9"), &request(""));
        assert!(!plain.is_untrusted_forward);
    }

    #[test]
    fn this_machine_is_spared_while_no_proxy_is_known_of() {
        let spared = |proxies: &Proxies, peer, fields| {
            let client = proxies.client(ip(peer), &request(fields));
            client.is_spared
        };
        let alone = Proxies::new(Vec::new(), true);
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(spared(&alone, peer, ""), "{peer}");
            assert!(
                !spared(&alone, peer, "Forwarded: for=1.1.1.1\r\n"),
                "{peer}"
            );
            assert!(!spared(&proxies(), peer, ""), "{peer}");
            assert!(
                !spared(&Proxies::new(Vec::new(), false), peer, ""),
                "{peer}"
            );
        }
        assert!(!spared(&alone, "127.0.0.2", ""));
    }
}
