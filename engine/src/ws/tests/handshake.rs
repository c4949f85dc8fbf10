//! Which requests become a WebSocket.

use crate::ws::{
    Accepted, BATCH_PROTOCOL, UpgradeRefusal, UpgradeRequest, accept, write_switching_protocols,
};

type Header = (&'static str, &'static str);

/// The request of RFC 6455, section 1.2.
const GOOD: [Header; 4] = [
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
];

/// The good request without the fields that `changes` name, and with those that have a value there.
fn changed(changes: &[Header]) -> Vec<Header> {
    let kept = GOOD.into_iter();
    let kept = kept.filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    kept.chain(
        changes
            .iter()
            .copied()
            .filter(|(_, value)| !value.is_empty()),
    )
    .collect()
}

fn values<'a>(headers: &'a [Header], name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let name = name.to_owned();
    headers
        .iter()
        .filter(move |header| header.0 == name)
        .map(|header| header.1.as_bytes())
}

fn judge(changes: &[Header]) -> Result<Accepted, UpgradeRefusal> {
    let headers = changed(changes);
    accept(&UpgradeRequest {
        is_get: true,
        http11: true,
        has_body: false,
        headers: |name| values(&headers, name),
    })
}

#[test]
fn the_example_of_the_rfc_is_accepted() {
    let accepted = judge(&[]).unwrap();
    assert_eq!(accepted.accept_key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(accepted.protocol, None);
}

#[test]
fn requests_are_judged_by_their_fields() {
    const OK: u16 = 101;
    let cases: &[(u16, &[Header])] = &[
        (OK, &[("connection", "keep-alive, UPGRADE")]),
        (
            OK,
            &[("connection", "keep-alive"), ("connection", "upgrade")],
        ),
        (OK, &[("upgrade", "WebSocket")]),
        (426, &[("connection", "")]),
        (426, &[("connection", "keep-alive")]),
        (426, &[("connection", "upgrades")]),
        (426, &[("upgrade", "")]),
        (426, &[("upgrade", "foo")]),
        (426, &[("upgrade", "websocket2")]),
        (400, &[("sec-websocket-version", "")]),
        (426, &[("sec-websocket-version", "8")]),
        (426, &[("sec-websocket-version", "013")]),
        (426, &[("sec-websocket-version", "13, 8")]),
        (
            400,
            &[
                ("sec-websocket-version", "13"),
                ("sec-websocket-version", "8"),
            ],
        ),
        (400, &[("sec-websocket-key", "")]),
        (400, &[("sec-websocket-key", "c2hvcnQ=")]),
        (400, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ")]),
        (400, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZS4u")]),
        (400, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZR==")]),
        (400, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25j-Q==")]),
        (
            400,
            &[
                ("sec-websocket-key", GOOD[2].1),
                ("sec-websocket-key", GOOD[2].1),
            ],
        ),
        (OK, &[("sec-websocket-extensions", "permessage-deflate")]),
    ];
    for (status, changes) in cases {
        let judged = judge(changes).map_or_else(status_of, |_| OK);
        assert_eq!(judged, *status, "{changes:?}");
    }
}

/// The HTTP status that a refusal asks for.
const fn status_of(refusal: UpgradeRefusal) -> u16 {
    match refusal {
        UpgradeRefusal::BadRequest(_) => 400,
        UpgradeRefusal::UpgradeRequired => 426,
    }
}

#[test]
fn the_method_version_and_body_count_too() {
    let headers = GOOD;
    let good = UpgradeRequest {
        is_get: true,
        http11: true,
        has_body: false,
        headers: |name| values(&headers, name),
    };
    assert!(accept(&good).is_ok());
    let post = UpgradeRequest {
        is_get: false,
        ..good
    };
    assert_eq!(accept(&post).map_err(status_of), Err(426));
    let old = UpgradeRequest {
        http11: false,
        ..good
    };
    assert_eq!(accept(&old).map_err(status_of), Err(426));
    let with_body = UpgradeRequest {
        has_body: true,
        ..good
    };
    assert_eq!(accept(&with_body).map_err(status_of), Err(400));
}

#[test]
fn the_batch_protocol_is_chosen_only_when_offered() {
    let cases: &[(&[Header], Option<&str>)] = &[
        (
            &[("sec-websocket-protocol", "rookery.v1.batch")],
            Some(BATCH_PROTOCOL),
        ),
        (
            &[("sec-websocket-protocol", "chat, rookery.v1.batch")],
            Some(BATCH_PROTOCOL),
        ),
        (&[("sec-websocket-protocol", "chat")], None),
        (&[("sec-websocket-protocol", "Rookery.V1.Batch")], None),
    ];
    for (changes, protocol) in cases {
        assert_eq!(judge(changes).unwrap().protocol, *protocol, "{changes:?}");
    }
}

#[test]
fn the_reply_switches_protocols_and_names_no_extension() {
    let accepted = judge(&[
        ("sec-websocket-protocol", "rookery.v1.batch"),
        ("sec-websocket-extensions", "permessage-deflate"),
    ]);
    let mut out = Vec::new();
    write_switching_protocols(&mut out, &accepted.unwrap());
    let mut headers = [httparse::EMPTY_HEADER; 8];
    let mut reply = httparse::Response::new(&mut headers);
    assert_eq!(reply.parse(&out), Ok(httparse::Status::Complete(out.len())));
    assert_eq!(reply.code, Some(101));
    let fields: Vec<_> = reply
        .headers
        .iter()
        .map(|field| (field.name, field.value))
        .collect();
    assert_eq!(
        fields,
        [
            ("Connection", &b"Upgrade"[..]),
            ("Upgrade", b"websocket"),
            ("Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("Sec-WebSocket-Protocol", b"rookery.v1.batch"),
        ]
    );
}
