//! What a client is called in the list of its user's sessions, where it does not say so itself.

/// What browsers say of themselves, and what people call them. Most say that they are others too: the first that is found
/// counts.
const BROWSERS: [(&str, &str); 11] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// The same of what they run on.
const SYSTEMS: [(&str, &str); 8] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];

/// Characters of a program's name that are shown.
const PROGRAM_CHARS_MAX: usize = 32;
const UNKNOWN: &str = "unknown client";

/// A short name for a client, by its `User-Agent` (RFC 9110, section 10.1.5).
pub(super) fn name_of_client(user_agent: Option<&[u8]>) -> String {
    let text = user_agent.and_then(|it| str::from_utf8(it).ok());
    let text = text.unwrap_or_default();
    let found = |table: &[(&str, &'static str)]| {
        let known = table.iter().find(|(part, _)| text.contains(part));
        known.map(|(_, name)| *name)
    };
    match (found(&BROWSERS), found(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) => program(text).unwrap_or(UNKNOWN).to_owned(),
    }
}

/// The product that a client names first, without its version.
fn program(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
    let name = text.get(..end.min(PROGRAM_CHARS_MAX))?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_called_what_people_call_them() {
        let webkit = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        for (user_agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0",
                "Firefox on Android",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 OPR/111.0",
                "Opera on ChromeOS",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPad",
            ),
            (
                &format!("{webkit} Version/17.5 Safari/605.1.15"),
                "Safari on macOS",
            ),
            ("Firefox/1", "Firefox"),
            ("curl/8.5.0", "curl"),
            ("okhttp/4.12.0", "okhttp"),
            ("python-requests/2.32", "python-requests"),
            ("Rookery", "Rookery"),
            ("", UNKNOWN),
            ("(nothing but a comment)", UNKNOWN),
            ("\u{202e}evil", UNKNOWN),
            (&"x".repeat(4000), &"x".repeat(PROGRAM_CHARS_MAX)),
        ] {
            assert_eq!(
                name_of_client(Some(user_agent.as_bytes())),
                name,
                "{user_agent}"
            );
        }
        assert_eq!(name_of_client(None), UNKNOWN);
        assert_eq!(name_of_client(Some(b"\xffFirefox/1")), UNKNOWN);
    }
}
