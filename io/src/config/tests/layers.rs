//! Where a value comes from: a flag, a variable, the file or the default; and how all are shown.

use std::{num::NonZeroU32, time::Duration};

use rookery_engine::http;
use tracing::level_filters::LevelFilter;

use super::machine::Machine;
use crate::config::{
    AuthMode, Config, Durability, Endpoint, LogEngine, Placement, RegistrationMode, StoreEngine,
    settings,
};

#[test]
fn defaults_are_those_of_the_contract() {
    let machine = Machine::new();
    let config = machine.config(&[]);
    let endpoint = |port| Endpoint {
        host: "127.0.0.1".into(),
        port,
    };
    let expected = Config {
        listen: "127.0.0.1:8000".parse().unwrap(),
        admin_listen: None,
        public_urls: Vec::new(),
        placement: Placement {
            shards: vec![Some(0), Some(1), Some(4), Some(5)],
        },
        partitions: 4,
        partitions_given: false,
        data_dir: machine.directory.path().join("data"),
        log: LogEngine::Embedded,
        brokers: vec![endpoint(9092)],
        topic: "rookery.events".into(),
        group: "rookery".into(),
        store: StoreEngine::Embedded,
        scylla: vec![endpoint(9042)],
        scylla_credentials_file: None,
        keyspace: "rookery".into(),
        durability: Durability::Fsync,
        auth: AuthMode::Token,
        allowed_origins: Vec::new(),
        token_secret_file: machine.directory.path().join("data/token.secret"),
        registration: RegistrationMode::Open,
        operator_token_file: None,
        user_rate: None,
        user_bytes: 134_217_728,
        sockets_per_user: 64,
        chats_per_user: 2_000,
        memberships_per_user: 10_000,
        login_rate: 10,
        connections_per_address: None,
        trusted_proxies: Vec::new(),
        lag_limit: Duration::from_secs(1),
        chat_bytes: 268_435_456,
        resume_events: 10_000,
        slow_reader: Duration::from_secs(5),
        log_level: LevelFilter::INFO,
    };
    assert_eq!(config, expected);
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    for given in 0u8..8 {
        let (in_flag, in_variable, in_file) = (given & 1 != 0, given & 2 != 0, given & 4 != 0);
        let mut machine = Machine::new();
        if in_variable {
            machine = machine.variable("ROOKERY_LOGIN_RATE", "2");
        }
        if in_file {
            machine = machine.file("rookery.toml", "login-rate = 3");
        }
        let flags: &[_] = if in_flag { &[("login-rate", "1")] } else { &[] };
        let (rate, origin) = match (in_flag, in_variable, in_file) {
            (true, _, _) => (1, "# flag"),
            (_, true, _) => (2, "# env"),
            (_, _, true) => (3, "# file rookery.toml"),
            _ => (10, "# default"),
        };
        let effective = machine.resolve(flags).unwrap();
        assert_eq!(effective.config.login_rate, rate);
        let text = effective.to_string();
        let line = text
            .lines()
            .find(|line| line.starts_with("login-rate = "))
            .unwrap();
        assert!(line.ends_with(origin), "{line}");
    }
}

/// A value other than the default for every setting, as in a flag.
const EVERY: [(&str, &str); 34] = [
    ("listen", "0.0.0.0:80"),
    ("admin-listen", "[::1]:9100"),
    ("public-url", "https://chat.example,http://localhost:8000"),
    ("cpus", "1,4-5"),
    ("partitions", "12"),
    ("data-dir", "/var/lib/rookery"),
    ("log", "redpanda"),
    ("brokers", "a.example:9092,[::1]:9093"),
    ("topic", "t"),
    ("group", "g"),
    ("store", "scylla"),
    ("scylla", "10.0.0.1:9042"),
    ("scylla-credentials-file", "/etc/rookery/scylla"),
    ("keyspace", "k_1"),
    ("durability", "os"),
    ("auth", "trust"),
    ("trust-anyone", "true"),
    (
        "allowed-origin",
        "https://app.example,capacitor://localhost",
    ),
    ("token-secret-file", "/etc/rookery/secret"),
    ("registration", "invite"),
    ("operator-token-file", "/etc/rookery/operator.token"),
    ("user-rate", "7"),
    ("user-bytes", "1000"),
    ("sockets-per-user", "5"),
    ("chats-per-user", "6"),
    ("memberships-per-user", "60"),
    ("login-rate", "8"),
    ("connections-per-address", "9"),
    ("trusted-proxies", "10.0.0.0/8,::1/128"),
    ("lag-limit", "2.5"),
    ("chat-bytes", "20000000"),
    ("resume-events", "500"),
    ("slow-reader", "7.5"),
    ("log-level", "debug"),
];

#[test]
fn every_setting_can_be_a_flag_a_variable_or_a_key() {
    let by_flag = Machine::new().config(&EVERY);
    assert_eq!(by_flag.placement.shards, [Some(1), Some(4), Some(5)]);
    assert_eq!((by_flag.partitions, by_flag.partitions_given), (12, true));
    assert_eq!(
        by_flag.brokers[1],
        Endpoint {
            host: "::1".into(),
            port: 9093
        }
    );
    assert_eq!(by_flag.lag_limit, Duration::from_millis(2500));
    assert_eq!(by_flag.chat_bytes, 20_000_000);
    assert_eq!(by_flag.resume_events, 500);
    assert_eq!(by_flag.slow_reader, Duration::from_millis(7500));
    assert_eq!(by_flag.user_rate.map(NonZeroU32::get), Some(7));
    assert_eq!(by_flag.durability, Durability::Os);
    assert_eq!(by_flag.auth, AuthMode::Trust);
    let texts = |origins: &[http::Origin]| -> Vec<String> {
        let texts = origins.iter().map(|origin| origin.as_str().to_owned());
        texts.collect()
    };
    let urls = ["https://chat.example", "http://localhost:8000"];
    assert_eq!(texts(&by_flag.public_urls), urls);
    let origins = ["https://app.example", "capacitor://localhost"];
    assert_eq!(texts(&by_flag.allowed_origins), origins);

    let mut by_variable = Machine::new();
    let mut file = String::new();
    for (name, text) in EVERY {
        by_variable = by_variable.variable(&settings::variable(name), text);
        file += &format!("{name} = {}\n", toml::Value::from(text));
    }
    assert_eq!(by_variable.config(&[]), by_flag);
    assert_eq!(
        Machine::new().file("rookery.toml", &file).config(&[]),
        by_flag
    );

    let covered = EVERY
        .iter()
        .map(|(name, _)| *name)
        .chain(["shards"])
        .count();
    assert_eq!(covered, settings::ALL.len());
}

#[test]
fn what_is_shown_is_a_file_that_says_the_same() {
    let mut sharded = EVERY;
    sharded[3] = ("shards", "9");
    for flags in [&[][..], &EVERY, &sharded] {
        let machine = Machine::new();
        let shown = machine.resolve(flags).unwrap();
        let read = machine.file("rookery.toml", &shown.to_string()).config(&[]);
        let expected = Config {
            // What a file says is given, also where it is the default.
            partitions_given: true,
            ..shown.config
        };
        assert_eq!(read, expected);
    }
}

#[test]
fn the_file_has_numbers_and_lists_of_its_own() {
    let content = "
        partitions = 6
        lag-limit = 0.5
        cpus = [0, \"4-5\"]
        brokers = [\"a:1\", \"b:2\"]
    ";
    let config = Machine::new().file("rookery.toml", content).config(&[]);
    assert_eq!(config.partitions, 6);
    assert_eq!(config.lag_limit, Duration::from_millis(500));
    assert_eq!(config.placement.shards, [Some(0), Some(4), Some(5)]);
    assert_eq!(config.brokers.len(), 2);
}

#[test]
fn another_file_can_be_named_and_then_must_exist() {
    let machine = || {
        Machine::new()
            .file("rookery.toml", "topic = \"usual\"")
            .file("one.toml", "topic = \"one\"")
            .file("two.toml", "topic = \"two\"")
    };
    assert_eq!(machine().config(&[]).topic, "usual");
    assert_eq!(
        machine()
            .variable("ROOKERY_CONFIG", "two.toml")
            .config(&[])
            .topic,
        "two"
    );
    let both = machine().variable("ROOKERY_CONFIG", "two.toml");
    assert_eq!(both.config(&[("config", "one.toml")]).topic, "one");

    let message = machine().refusal(&[("config", "three.toml")]);
    assert!(message.starts_with("three.toml: No such file"), "{message}");
}

#[test]
fn addresses_may_leave_out_the_host_or_name_this_one() {
    for (text, expected) in [
        ("localhost:80", "127.0.0.1:80"),
        ("LocalHost:80", "127.0.0.1:80"),
        (":80", "0.0.0.0:80"),
        ("[::]:80", "[::]:80"),
    ] {
        let config = Machine::new().config(&[("listen", text), ("admin-listen", "[::1]:81")]);
        assert_eq!(config.listen, expected.parse().unwrap(), "{text}");
    }
}

/// Peers are compared with them in their own form, whatever the socket says.
#[test]
fn networks_of_ipv4_in_ipv6_are_those_of_ipv4() {
    for (text, expected) in [
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::1", "::1/128"),
        ("::/0", "::/0"),
    ] {
        let config = Machine::new().config(&[("trusted-proxies", text)]);
        assert_eq!(
            config.trusted_proxies,
            [expected.parse().unwrap()],
            "{text}"
        );
    }
    let wider = Machine::new().refusal(&[("trusted-proxies", "::ffff:0:0/90")]);
    assert!(wider.contains("10.0.0.0/8"), "{wider}");
}

#[test]
fn paths_do_not_depend_on_the_working_directory_later() {
    let machine = Machine::new();
    let config = machine.config(&[
        ("scylla-credentials-file", "a/../b"),
        ("data-dir", "./../d"),
        ("admin-listen", "127.0.0.1:9"),
        ("operator-token-file", "operator.token"),
    ]);
    let dir = machine.directory.path();
    let data_dir = dir.parent().unwrap().join("d");
    assert_eq!(config.token_secret_file, data_dir.join("token.secret"));
    assert_eq!(config.data_dir, data_dir);
    assert_eq!(config.scylla_credentials_file, Some(dir.join("a/../b")));
    let operator_token_file = Some(dir.join("operator.token"));
    assert_eq!(config.operator_token_file, operator_token_file);
}

#[test]
fn the_token_secret_is_shown_as_a_path_and_never_read() {
    let machine = Machine::new().file("key", "0123456789abcdef0123456789abcdef-very-secret");
    let path = machine.directory.path().join("key");
    let effective = machine
        .resolve(&[("token-secret-file", path.to_str().unwrap())])
        .unwrap();
    for text in [effective.to_string(), format!("{effective:?}")] {
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        assert!(!text.contains("very-secret"), "{text}");
    }
}
