//! What clients are answered while no shard serves them, before the process is ready and while it stops: health checks
//! truthfully, and everything else with a refusal. Each connection gets one reply.

use std::net::IpAddr;

use bytes::BytesMut;
use rookery_schema::Timestamp;

use crate::api::Reply;
use crate::api::rejection::Rejection;
use crate::edge::input::Entrance;
use crate::http::{
    Method, Preface, Progress, Refusal, Request, RequestReader, Version, take_preface,
};
use crate::limits::Proxies;
use crate::mesh::problem::Problem;

/// Why no shard serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The log and the store are being opened.
    Starting {
        /// What that waits for, for an operator to read.
        waits_for: String,
    },
    /// The process was asked to stop.
    Draining,
}

/// A client that waits for its one reply.
#[derive(Debug)]
pub struct Visitor {
    entrance: Entrance,
    /// A trusted proxy may still say whom the connection is relayed for.
    preface_due: bool,
    reader: RequestReader,
    input: BytesMut,
}

impl Visitor {
    pub fn new(peer: IpAddr, entrance: Entrance, proxies: &Proxies) -> Self {
        Self {
            entrance,
            preface_due: proxies.is_trusted(peer),
            reader: RequestReader::default(),
            input: BytesMut::new(),
        }
    }

    /// Takes bytes that came, and gives the whole reply as soon as the head of the request is there: no body is waited
    /// for. The connection ends behind the reply.
    pub fn received(&mut self, bytes: &[u8], absence: &Absence, now: Timestamp) -> Option<Vec<u8>> {
        self.input.extend_from_slice(bytes);
        if self.preface_due {
            match take_preface(&mut self.input) {
                Preface::Partial => return None,
                Preface::Peer | Preface::Client(_) => self.preface_due = false,
                Preface::Malformed => return Some(self.refuse(&Refusal::MALFORMED_PREFACE, now)),
            }
        }
        match self.reader.next(&mut self.input) {
            Progress::Partial if !self.reader.in_body() => None,
            Progress::Partial | Progress::Continue => Some(self.turn_away(absence, now)),
            Progress::Request(request) => {
                let reply = self.reply(&request, absence);
                let head_only = request.method == Method::Head;
                Some(reply.closing(request.version, head_only, now))
            }
            Progress::Refused(refusal) => Some(self.refuse(&refusal, now)),
        }
    }

    /// Whether it has sent something of a request.
    pub fn has_begun(&self) -> bool {
        !self.input.is_empty()
    }

    /// The reply to a client that has taken too long; `None` where it has not begun a request.
    pub fn overdue(&self, now: Timestamp) -> Option<Vec<u8>> {
        self.has_begun()
            .then(|| self.refuse(&Refusal::REQUEST_TIMEOUT, now))
    }

    /// Answers a client that can't be waited for any longer; `None` where it has not begun a request.
    pub fn dismissed(&self, absence: &Absence, now: Timestamp) -> Option<Vec<u8>> {
        self.has_begun().then(|| self.turn_away(absence, now))
    }

    /// The reply to a request of which not all is known.
    fn turn_away(&self, absence: &Absence, now: Timestamp) -> Vec<u8> {
        let head_only = self.reader.is_head(&self.input);
        Reply::problem(&absence.problem()).closing(Version::Http11, head_only, now)
    }

    fn refuse(&self, refusal: &Refusal, now: Timestamp) -> Vec<u8> {
        let head_only = self.reader.is_head(&self.input);
        Reply::refusal(refusal).closing(Version::Http11, head_only, now)
    }

    fn reply(&self, request: &Request, absence: &Absence) -> Reply {
        let serves_operations = match self.entrance {
            Entrance::Public { operations } => operations,
            Entrance::Admin => true,
        };
        let is_read = matches!(request.method, Method::Get | Method::Head);
        match request.path() {
            "/livez" if is_read && serves_operations => Reply::alive(),
            "/readyz" if is_read && serves_operations => absence.explain(),
            "/" | "/ops" if is_read => absence.show(),
            _ => Reply::problem(&absence.problem()),
        }
    }
}

impl Absence {
    const fn problem(&self) -> Problem {
        match self {
            Self::Starting { .. } => Problem::STARTING,
            Self::Draining => Problem::DRAINING,
        }
    }

    /// To a browser, which shows it to a person, and asks again by itself.
    fn show(&self) -> Reply {
        let problem = self.problem();
        let text = match self {
            Self::Starting { .. } => "The server starts. Back in a moment.",
            Self::Draining => "The server restarts. Back in a moment.",
        };
        Reply::stopgap(&problem, text)
    }

    /// To who asks whether the process is ready.
    fn explain(&self) -> Reply {
        let problem = self.problem();
        match self {
            Self::Starting { waits_for } => {
                let detail = format!("{}: it waits for {waits_for}", problem.detail);
                Reply::rejection(&Rejection::in_detail(problem, detail))
            }
            Self::Draining => Reply::problem(&problem),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    const PUBLIC: Entrance = Entrance::Public { operations: true };
    /// A public entrance of a server that has an admin one.
    const API: Entrance = Entrance::Public { operations: false };

    fn starting() -> Absence {
        Absence::Starting {
            waits_for: "the moon".to_owned(),
        }
    }

    fn visitor(entrance: Entrance) -> Visitor {
        let peer = IpAddr::from([192, 0, 2, 1]);
        Visitor::new(peer, entrance, &Proxies::default())
    }

    fn answer(entrance: Entrance, absence: &Absence, request: &str) -> String {
        let reply = visitor(entrance).received(request.as_bytes(), absence, Timestamp::default());
        String::from_utf8(reply.unwrap()).unwrap()
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
    }

    #[track_caller]
    fn assert_reply(reply: &str, status: u16, holds: &str) {
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{reply}");
        assert!(reply.contains(holds), "{reply}");
        assert!(reply.contains("\r\nConnection: close\r\n"), "{reply}");
        let is_refusal = status == 503;
        assert_eq!(reply.contains("\r\nRetry-After: 1\r\n"), is_refusal);
    }

    #[test]
    fn health_checks_are_told_the_truth_and_all_others_to_come_back() {
        let draining = Absence::Draining;
        for entrance in [PUBLIC, Entrance::Admin] {
            assert_reply(&answer(entrance, &starting(), &get("/livez")), 200, "alive");
            assert_reply(&answer(entrance, &draining, &get("/livez")), 200, "alive");
            let reply = answer(entrance, &starting(), &get("/readyz?verbose"));
            assert_reply(&reply, 503, "is starting: it waits for the moon");
            let reply = answer(entrance, &draining, &get("/readyz"));
            assert_reply(&reply, 503, "is shutting down");
        }
        for request in [
            get("/chats"),
            get("/").replace("GET", "POST"),
            get("/assets/0123456789abcdef/chat/main.js"),
            get("/readyz").replace("GET", "PUT"),
        ] {
            let reply = answer(PUBLIC, &starting(), &request);
            assert_reply(&reply, 503, r#""detail":"the server is starting""#);
        }
    }

    #[test]
    fn a_person_sees_a_page_that_comes_back_by_itself() {
        for (absence, text) in [
            (starting(), "The server starts."),
            (Absence::Draining, "The server restarts."),
        ] {
            for path in ["/", "/ops", "/?a=b"] {
                let reply = answer(PUBLIC, &absence, &get(path));
                assert_reply(&reply, 503, text);
                for field in [
                    "Content-Type: text/html; charset=utf-8",
                    "Refresh: 1",
                    "Cache-Control: no-store",
                    "Content-Security-Policy: default-src 'none'",
                ] {
                    assert!(reply.contains(&format!("\r\n{field}\r\n")), "{reply}");
                }
            }
        }
    }

    #[test]
    fn strangers_are_not_told_what_it_waits_for_where_operators_have_an_address_of_their_own() {
        let reply = answer(API, &starting(), &get("/readyz"));
        assert_reply(&reply, 503, r#""detail":"the server is starting""#);
    }

    #[test]
    fn a_body_is_not_waited_for_and_a_head_is() {
        let mut slow = visitor(PUBLIC);
        let now = Timestamp::default();
        assert_eq!(slow.overdue(now), None, "it has not begun");
        assert_eq!(slow.dismissed(&starting(), now), None, "nor this");
        let post = "POST /chats HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n";
        assert_eq!(slow.received(post.as_bytes(), &starting(), now), None);
        let overdue = String::from_utf8(slow.overdue(now).unwrap()).unwrap();
        assert!(overdue.starts_with("HTTP/1.1 408 "), "{overdue}");
        let dismissed = String::from_utf8(slow.dismissed(&starting(), now).unwrap()).unwrap();
        assert_reply(&dismissed, 503, "is starting");
        let reply = slow.received(b"\r\n", &starting(), now).unwrap();
        assert_reply(&String::from_utf8(reply).unwrap(), 503, "is starting");
    }

    #[test]
    fn what_is_no_request_is_refused_as_ever() {
        let reply = answer(PUBLIC, &starting(), "nonsense\r\n\r\n");
        assert!(reply.starts_with("HTTP/1.1 400 "), "{reply}");
        let reply = answer(PUBLIC, &starting(), &get("/livez").replace("GET", "HEAD"));
        assert!(reply.ends_with("\r\n\r\n"), "a HEAD has no body: {reply}");
    }

    #[test]
    fn a_trusted_proxy_may_say_first_whom_it_relays_for() {
        let peer = IpAddr::from([192, 0, 2, 1]);
        let proxies = Proxies::new(vec!["192.0.2.0/24".parse().unwrap()], false);
        let mut relayed = Visitor::new(peer, PUBLIC, &proxies);
        let now = Timestamp::default();
        let local = *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
        assert_eq!(relayed.received(&local[..5], &starting(), now), None);
        assert_eq!(relayed.received(&local[5..], &starting(), now), None);
        let reply = relayed.received(get("/livez").as_bytes(), &starting(), now);
        assert_reply(&String::from_utf8(reply.unwrap()).unwrap(), 200, "alive");
    }
}
