//! What programs may rely on is in the docs.

/// The text literals of some source that are one word: codes and names.
fn words(source: &str) -> Vec<&str> {
    let literals = source.split('"').skip(1).step_by(2);
    let is_word = |text: &&str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || b"_-".contains(&byte))
    };
    literals.filter(is_word).collect()
}

#[track_caller]
fn assert_documented(words: &[&str], docs: &str) {
    assert!(words.len() > 10, "{words:?}");
    let missing = words.iter().filter(|it| !docs.contains(&format!("`{it}`")));
    assert_eq!(missing.collect::<Vec<_>>(), [] as [&&str; 0]);
}

#[test]
fn every_code_of_a_refusal_is() {
    let docs = include_str!("../../../docs/api.md");
    let of_requests = words(include_str!("../../src/mesh/problem.rs"));
    let of_framing = words(include_str!("../../src/http/refusal.rs"));
    assert!(of_framing.contains(&"bad_proxy_header"), "{of_framing:?}");
    assert_documented(&of_requests, docs);
    assert_documented(&of_framing, docs);
}

#[test]
fn every_fault_of_a_field_is() {
    let source = include_str!("../../src/mesh/field.rs");
    let (_, faults) = source.split_once("impl Fault").unwrap();
    assert_documented(&words(faults), include_str!("../../../docs/api.md"));
}

#[test]
fn every_limit_is() {
    let docs = include_str!("../../../docs/api.md");
    let limits = words(include_str!("../../src/limits/limit.rs"));
    assert_documented(&limits, docs);
    let has_row = |limit: &&str| docs.contains(&format!("\n| `{limit}` | "));
    assert!(limits.iter().all(has_row), "each has a row of its own");
}

#[test]
fn every_word_of_the_security_log_is() {
    let docs = include_str!("../../../docs/configuration.md");
    assert_documented(&words(include_str!("../../src/security.rs")), docs);
}
