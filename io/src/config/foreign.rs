//! Variables that begin with our prefix and are no settings.

/// Of tests, the image, compose and the tools beside the server.
const OURS: [&str; 7] = [
    "_TEST_",
    "_DEVSTACK_",
    "_KILLS",
    "_CHECK_CACHE",
    "_CPUSET",
    "_IMAGE",
    "_ADMIN_PORT",
];

/// Whether a variable that is no setting has a meaning for others. `rest` is its name after `ROOKERY`.
pub(super) fn is_foreign(rest: &str, value: &str) -> bool {
    let is_ours = |it: &str| rest == it || (it.ends_with('_') && rest.starts_with(it));
    OURS.into_iter().any(is_ours) || is_of_a_service(rest, value)
}

/// Whether Kubernetes sets it: of each Service it tells each container in the namespace where it is, in the manner of
/// Docker's links. It does so for one named `rookery`, and `rookery-admin` alike.
fn is_of_a_service(rest: &str, value: &str) -> bool {
    rest.ends_with("_SERVICE_HOST")
        || rest.ends_with("_SERVICE_PORT")
        || rest.contains("_SERVICE_PORT_")
        // A number alone is somebody's idea of a setting.
        || (rest.ends_with("_PORT") && value.contains("://"))
        || rest.rsplit_once("_PORT_").is_some_and(|(_, port)| is_port(port))
        || is_part_of_port(rest)
}

/// `8000_TCP`.
fn is_port(text: &str) -> bool {
    text.split_once('_').is_some_and(|(number, protocol)| {
        number.parse::<u16>().is_ok() && matches!(protocol, "TCP" | "UDP" | "SCTP")
    })
}

/// `…_PORT_8000_TCP_ADDR`.
fn is_part_of_port(rest: &str) -> bool {
    ["_PROTO", "_PORT", "_ADDR"]
        .iter()
        .filter_map(|part| rest.strip_suffix(part)?.rsplit_once("_PORT_"))
        .any(|(_, port)| is_port(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_set_is_told_from_a_slip() {
        for (rest, value) in [
            ("_SERVICE_HOST", "10.0.0.1"),
            ("_SERVICE_PORT", "8000"),
            ("_SERVICE_PORT_API", "8000"),
            ("_PORT", "tcp://10.0.0.1:8000"),
            ("_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
            ("_PORT_8000_TCP_PROTO", "tcp"),
            ("_PORT_8000_TCP_PORT", "8000"),
            ("_PORT_8000_TCP_ADDR", "10.0.0.1"),
            ("_ADMIN_SERVICE_HOST", "10.0.0.2"),
            ("_ADMIN_PORT", "tcp://10.0.0.2:9100"),
            ("_ADMIN_PORT_53_UDP_ADDR", "10.0.0.2"),
            ("_TEST_SEED", "7"),
            ("_CPUSET", "0-3"),
            ("_IMAGE", "rookery:1"),
            ("_ADMIN_PORT", "8001"),
        ] {
            assert!(is_foreign(rest, value), "{rest}={value}");
        }
        for (rest, value) in [
            ("_PORT", "8000"),
            ("_LISTN", "x"),
            ("_PORT_MAX", "1"),
            ("_PORT_8000", "1"),
            ("_PORT_99999_TCP", "1"),
            ("_IMAGES", "1"),
            ("_TESTS", "1"),
            ("_SERVICE", "1"),
        ] {
            assert!(!is_foreign(rest, value), "{rest}={value}");
        }
    }
}
