//! Bytes that are refused, and what must be true of each refusal.

use crate::support::Server;

/// What becomes of the connection after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Where the next request would begin can't be known: closed, and nothing behind is looked at.
    Closes,
    Lives,
}
pub(crate) use After::{Closes, Lives};

/// Bytes that are refused, and how.
pub(crate) struct Case {
    name: String,
    bytes: Vec<u8>,
    status: u16,
    code: &'static str,
    after: After,
}

pub(crate) fn case(
    name: impl Into<String>,
    bytes: impl Into<Vec<u8>>,
    refusal: (u16, &'static str),
    after: After,
) -> Case {
    Case {
        name: name.into(),
        bytes: bytes.into(),
        status: refusal.0,
        code: refusal.1,
        after,
    }
}

impl Case {
    /// Plays the case on a fresh connection, and again behind an honest request.
    pub(crate) fn play(&self, server: &Server) {
        for behind_another in [false, true] {
            let outcome = std::panic::catch_unwind(|| self.play_once(server, behind_another));
            assert!(
                outcome.is_ok(),
                "case: {}, behind another request: {behind_another}",
                self.name
            );
        }
        server.assert_lives();
    }

    fn play_once(&self, server: &Server, behind_another: bool) {
        let mut http = server.http();
        if behind_another {
            http.assert_lives();
        }
        http.send(&self.bytes);
        let reply = http.receive().unwrap();
        reply.expect_problem(self.status, self.code);
        assert!(reply.header("date").is_some(), "every reply has a date");
        match self.after {
            Closes => {
                assert_eq!(reply.header("connection"), Some("close"));
                http.send(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n");
                http.assert_closed();
            }
            Lives => http.assert_lives(),
        }
    }
}

pub(crate) fn play_all(server: &Server, cases: &[Case]) {
    assert!(!cases.is_empty());
    for case in cases {
        case.play(server);
    }
}

pub(crate) const HOST: &str = "host: localhost\r\n";

/// A head with the given fields, the host's among them, before a request that must not be answered.
pub(crate) fn post_with(fields: &str, body: &str) -> Vec<u8> {
    format!("POST /users HTTP/1.1\r\n{HOST}{fields}\r\n\r\n{body}").into_bytes()
}

pub(crate) fn get_with(fields: &str) -> Vec<u8> {
    format!("GET /livez HTTP/1.1\r\n{fields}\r\n\r\n").into_bytes()
}

pub(crate) const SMUGGLED: &str = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
