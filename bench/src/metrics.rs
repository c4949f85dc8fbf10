//! Numbers out of `/metrics`.

use std::net::SocketAddr;

use crate::http::{self, CallError};

/// What `/metrics` said at one moment.
pub struct Metrics(String);

impl Metrics {
    /// The sum of a metric over all cores.
    pub fn sum(&self, name: &str) -> f64 {
        self.values(name, "").sum()
    }

    /// The same of those of its values that have a label, as in `at="ring"`.
    pub fn sum_where(&self, name: &str, label: &str) -> f64 {
        self.values(name, label).sum()
    }

    /// The largest value that a metric has on any core.
    pub fn max(&self, name: &str) -> f64 {
        self.values(name, "").fold(0.0, f64::max)
    }

    fn values(&self, name: &str, label: &str) -> impl Iterator<Item = f64> {
        self.0
            .lines()
            .filter_map(move |line| line.strip_prefix(name))
            .filter(move |rest| rest.starts_with(['{', ' ']) && rest.contains(label))
            .filter_map(|rest| rest.rsplit(' ').next()?.parse().ok())
    }
}

/// Reads all metrics.
///
/// # Errors
/// Where the server doesn't answer.
pub fn read(addr: SocketAddr) -> Result<Metrics, CallError> {
    Ok(Metrics(http::get(addr, "/metrics")?))
}

/// The sum of a metric over all cores, now.
///
/// # Errors
/// Where the server doesn't answer.
pub fn read_sum(addr: SocketAddr, name: &str) -> Result<f64, CallError> {
    Ok(read(addr)?.sum(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_cores_and_not_over_others() {
        let text =
            "# TYPE lag gauge\nlag{core=\"0\"} 1\nlag{core=\"1\"} 2.5\nlag_seconds{core=\"0\"} 9\n";
        let metrics = Metrics(text.to_owned());
        assert!((metrics.sum("lag") - 3.5).abs() < f64::EPSILON);
        assert!((metrics.max("lag") - 2.5).abs() < f64::EPSILON);
        assert!(metrics.sum("absent").abs() < f64::EPSILON);
    }

    #[test]
    fn a_label_tells_values_apart() {
        let text = "drops{at=\"ring\",core=\"0\"} 1\ndrops{core=\"1\",at=\"ring\"} 2\ndrops{at=\"client\"} 4\n";
        let metrics = Metrics(text.to_owned());
        let sum = |label| metrics.sum_where("drops", label) as u64;
        assert_eq!(
            [r#"at="ring""#, r#"at="client""#, r#"at="x""#].map(sum),
            [3, 4, 0]
        );
    }
}
