//! What is refused, and how: by its place, with what is allowed.

use std::{ffi::OsString, fs, os::unix::ffi::OsStringExt as _};

use super::machine::Machine;

#[test]
fn a_value_out_of_bounds_is_refused_with_what_is_allowed() {
    let address = "an IP address and a port";
    let kafka = "1 to 249 of a-z";
    for (name, text, allowed) in [
        ("listen", "localhost", address),
        ("listen", "127.0.0.1:65536", address),
        ("listen", "", address),
        ("admin-listen", "localhost:port", address),
        ("admin-listen", ":", address),
        ("cpus", "", "such as 0,2-5"),
        ("cpus", "5-4", "such as 0,2-5"),
        ("cpus", "0,0", "such as 0,2-5"),
        ("cpus", "0-1023", "1 to 256 distinct CPUs"),
        ("shards", "0", "from 1 to 256"),
        ("shards", "257", "from 1 to 256"),
        ("shards", "two", "from 1 to 256"),
        ("partitions", "0", "from 1 to 4096"),
        ("partitions", "4097", "from 1 to 4096"),
        ("data-dir", "", "a path"),
        ("log", "kafka", "embedded or redpanda"),
        ("brokers", "a", "HOST:PORT"),
        ("brokers", "a:0", "HOST:PORT"),
        ("brokers", "a:1,,b:2", "HOST:PORT"),
        ("brokers", "me:secret@a:1", "HOST:PORT"),
        ("brokers", "[a]:1", "HOST:PORT"),
        ("topic", "..", kafka),
        ("topic", "two words", kafka),
        ("group", "", kafka),
        ("store", "Scylla", "embedded or scylla"),
        ("scylla", "::1:9042", "HOST:PORT"),
        ("scylla-credentials-file", "", "a path"),
        ("keyspace", "1st", "beginning with a letter"),
        ("keyspace", "a-b", "beginning with a letter"),
        ("durability", "none", "fsync or os"),
        ("auth", "off", "token or trust"),
        ("trust-anyone", "yes", "true or false"),
        ("public-url", "", "URLs without a path"),
        ("public-url", "chat.example", "URLs without a path"),
        (
            "public-url",
            "https://chat.example/app",
            "URLs without a path",
        ),
        ("public-url", "ftp://chat.example", "URLs without a path"),
        ("public-url", "https://a.example,", "URLs without a path"),
        ("allowed-origin", "*", "origins as browsers send them"),
        ("allowed-origin", "null", "origins as browsers send them"),
        (
            "allowed-origin",
            "https://app.example/",
            "origins as browsers send them",
        ),
        ("token-secret-file", "", "a path"),
        ("user-rate", "-1", "from 0 to 1000000"),
        ("user-rate", "1.5", "from 0 to 1000000"),
        ("login-rate", "0", "from 1 to 100000"),
        ("lag-limit", "0", "seconds from 0.01 to 3600"),
        ("lag-limit", "inf", "seconds from 0.01 to 3600"),
        ("lag-limit", "NaN", "seconds from 0.01 to 3600"),
        ("lag-limit", "1s", "seconds from 0.01 to 3600"),
        ("chat-bytes", "16777215", "from 16777216 to 4294967295"),
        ("resume-events", "1000001", "from 0 to 1000000"),
        ("slow-reader", "0.4", "seconds from 0.5 to 60"),
        ("slow-reader", "61", "seconds from 0.5 to 60"),
        ("log-level", "loud", "error, warn, info, debug or trace"),
        ("topic", "a\nb", kafka),
    ] {
        let message = Machine::new().refusal(&[(name, text)]);
        let expected = format!("--{name}: {text:?} is not allowed; expected ");
        assert!(message.starts_with(&expected), "{message}");
        assert!(message.contains(allowed), "{message}");
    }
}

#[test]
fn a_refusal_names_the_place_and_weaker_places_are_checked_too() {
    let variable = Machine::new().variable("ROOKERY_AUTH", "none");
    let message = variable.refusal(&[("auth", "token")]);
    assert!(message.starts_with("ROOKERY_AUTH: \"none\""), "{message}");

    let file = Machine::new().file("rookery.toml", "auth = true");
    let message = file.refusal(&[]);
    assert!(
        message.starts_with("auth in rookery.toml: \"true\""),
        "{message}"
    );
}

#[test]
fn unknown_variables_and_keys_are_refused_with_those_that_are_known() {
    let message = Machine::new().variable("ROOKERY_LISTN", "x").refusal(&[]);
    assert!(
        message.starts_with("unknown variable \"ROOKERY_LISTN\""),
        "{message}"
    );
    assert!(
        message.contains("ROOKERY_LISTEN, ROOKERY_ADMIN_LISTEN"),
        "{message}"
    );
    assert!(message.contains("ROOKERY_CONFIG"), "{message}");

    for content in [
        "listn = 1",
        "[server]\nlisten = \"127.0.0.1:1\"",
        "config = \"a.toml\"",
    ] {
        let message = Machine::new().file("rookery.toml", content).refusal(&[]);
        assert!(message.starts_with("unknown key"), "{message}");
        assert!(
            message.contains("in rookery.toml; allowed are listen, admin-listen"),
            "{message}"
        );
    }
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_line() {
    let machine = Machine::new().file("rookery.toml", "topic = \"t\"\n\nlisten 127.0.0.1");
    let message = machine.refusal(&[]);
    assert!(message.starts_with("rookery.toml, line 3: "), "{message}");
}

#[test]
fn a_file_that_is_too_large_or_not_text_is_refused() {
    let large = "#".repeat(100_000);
    assert!(
        Machine::new()
            .file("rookery.toml", &large)
            .refusal(&[])
            .contains("larger than")
    );

    let machine = Machine::new();
    fs::write(machine.directory.path().join("rookery.toml"), [0xff]).unwrap();
    assert!(machine.refusal(&[]).contains("UTF-8"));
}

#[test]
fn a_variable_that_is_not_text_is_refused_if_it_is_ours() {
    let mut machine = Machine::new();
    machine
        .host
        .env
        .push(("OTHER".into(), OsString::from_vec(vec![0xff])));
    assert_eq!(machine.config(&[]).topic, "rookery.events");
    machine
        .host
        .env
        .push(("ROOKERY_TOPIC".into(), OsString::from_vec(vec![0xff])));
    assert!(machine.refusal(&[]).starts_with("ROOKERY_TOPIC: "));
}
