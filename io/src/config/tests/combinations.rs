//! Settings that exclude, need or follow from each other.

use super::machine::Machine;
use crate::config::AuthMode;

#[test]
fn cpus_must_be_allowed_to_the_process() {
    assert_eq!(
        Machine::new().config(&[("cpus", "4,0")]).placement.shards,
        [Some(0), Some(4)]
    );
    let message = Machine::new().refusal(&[("cpus", "0-2")]);
    assert!(
        message.starts_with("--cpus: CPU 2 is not allowed"),
        "{message}"
    );
    assert!(message.ends_with("allowed are 0-1,4-5"), "{message}");
}

#[test]
fn shards_are_pinned_unless_there_are_more_than_cpus() {
    let placement = |shards| {
        Machine::new()
            .config(&[("shards", shards)])
            .placement
            .shards
    };
    assert_eq!(placement("2"), [Some(0), Some(1)]);
    assert_eq!(placement("4"), [Some(0), Some(1), Some(4), Some(5)]);
    assert_eq!(placement("5"), [None; 5]);
    assert_eq!(Machine::new().config(&[("shards", "5")]).partitions, 5);
}

#[test]
fn cpus_and_shards_exclude_each_other_in_one_place() {
    let message = Machine::new().refusal(&[("cpus", "0"), ("shards", "1")]);
    assert_eq!(
        message,
        "--cpus and --shards exclude each other; give one of them"
    );

    let overridden = Machine::new().file("rookery.toml", "cpus = \"0\"");
    assert_eq!(
        overridden.config(&[("shards", "2")]).placement.shards,
        [Some(0), Some(1)]
    );
    let overridden = Machine::new().variable("ROOKERY_SHARDS", "2");
    assert_eq!(
        overridden.config(&[("cpus", "5")]).placement.shards,
        [Some(5)]
    );
}

#[test]
fn two_listeners_have_two_addresses() {
    let resolve = |listen: &str, admin: &str| {
        Machine::new().resolve(&[("listen", listen), ("admin-listen", admin)])
    };
    for (listen, admin) in [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("0.0.0.0:80", "127.0.0.1:80"),
        ("127.0.0.1:80", "0.0.0.0:80"),
        ("127.0.0.1:80", "[::ffff:127.0.0.1]:80"),
        ("[::1]:80", "[::]:80"),
    ] {
        let message = resolve(listen, admin).unwrap_err().to_string();
        assert_eq!(
            message,
            format!(
                "--listen {listen} and --admin-listen {admin} overlap; give them different ports"
            )
        );
    }
    for (listen, admin) in [
        ("127.0.0.1:80", "127.0.0.1:81"),
        ("127.0.0.1:80", "127.0.0.2:80"),
        ("127.0.0.1:80", "[::1]:80"),
        ("127.0.0.1:0", "127.0.0.1:0"),
    ] {
        assert!(resolve(listen, admin).is_ok(), "{listen} and {admin}");
    }
    let variable = Machine::new().variable("ROOKERY_ADMIN_LISTEN", "127.0.0.1:8000");
    let message = variable.refusal(&[]);
    assert!(message.starts_with("default of --listen 127"), "{message}");
    assert!(message.contains("ROOKERY_ADMIN_LISTEN 127"), "{message}");
}

#[test]
fn trust_is_for_this_machine_unless_anybody_is_to_be_trusted() {
    let resolve = |listen: &str, more: &[(&'static str, &str)]| {
        let flags = [&[("auth", "trust"), ("listen", listen)], more].concat();
        Machine::new().resolve(&flags)
    };
    for listen in [
        "127.0.0.1:1",
        "127.8.8.8:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert!(resolve(listen, &[]).is_ok(), "{listen}");
    }
    for listen in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[fe80::1]:1"] {
        for more in [&[][..], &[("trust-anyone", "false")]] {
            let message = resolve(listen, more).unwrap_err().to_string();
            let expected = format!("--auth trust takes anybody who reaches --listen {listen} for");
            assert!(message.starts_with(&expected), "{message}");
            assert!(message.ends_with("or give --trust-anyone"), "{message}");
        }
        assert!(resolve(listen, &[("trust-anyone", "true")]).is_ok());
    }
    let file = Machine::new().file("rookery.toml", "auth = \"trust\"\ntrust-anyone = true");
    assert_eq!(
        file.config(&[("listen", "0.0.0.0:1")]).auth,
        AuthMode::Trust
    );
}
