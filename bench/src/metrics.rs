//! Sums out of `/metrics`.

use std::net::SocketAddr;

use crate::http::{self, CallError};

/// The sum of a metric over all cores, now.
///
/// # Errors
/// Where the server doesn't answer.
pub fn read_sum(addr: SocketAddr, name: &str) -> Result<f64, CallError> {
    Ok(sum(&http::get(addr, "/metrics")?, name))
}

fn sum(text: &str, name: &str) -> f64 {
    text.lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_cores_and_not_over_others() {
        let text =
            "# TYPE lag gauge\nlag{core=\"0\"} 1\nlag{core=\"1\"} 2.5\nlag_seconds{core=\"0\"} 9\n";
        assert!((sum(text, "lag") - 3.5).abs() < f64::EPSILON);
        assert!(sum(text, "absent").abs() < f64::EPSILON);
    }
}
