//! The chunked body of a request. A reader that is as simple as can be says what is in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rookery_fuzz::http::read;

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

fuzz_target!(|body: &[u8]| {
    let outcome = read(&[HEAD, body].concat());
    if let Some(request) = outcome.requests.first() {
        let (content, rest) = content(body).expect("what is accepted can be read by others too");
        assert_eq!(request.body, content);
        let only = outcome.requests.len() == 1 && outcome.refusal.is_none();
        assert!(!only || outcome.left == skip_empty_lines(rest));
    }
});

/// What the chunks hold, and what comes behind them.
fn content(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut content = Vec::new();
    loop {
        // Behind the size, extensions may hold any byte.
        let size = take_line(&mut rest)?.split(|byte| *byte == b';').next()?;
        match usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()? {
            0 => break,
            size => {
                let (chunk, after) = rest.split_at_checked(size)?;
                content.extend_from_slice(chunk);
                rest = after.strip_prefix(b"\r\n")?;
            }
        }
    }
    while !take_line(&mut rest)?.is_empty() {}
    Some((content, rest))
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.windows(2).position(|it| it == b"\r\n")?;
    let (line, after) = (&rest[..end], &rest[end + 2..]);
    *rest = after;
    Some(line)
}

/// Those in front of a request are dropped.
fn skip_empty_lines(mut rest: &[u8]) -> &[u8] {
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        rest = after;
    }
    rest
}
