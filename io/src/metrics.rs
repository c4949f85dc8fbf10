//! The text of `/metrics`, in the Prometheus exposition format.

use std::collections::BTreeMap;

use crate::embedded::Disk;
use crate::logging;
use crate::process::{self, ProcessMetric};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Encoder, TextEncoder};
use rookery_engine::stats::metrics::{self, Value};
use rookery_engine::stats::{self, LATENCY_BOUNDS_MICROS, Stats};

const MICROS_PER_SECOND: f64 = 1e6;

/// Renders the numbers of all shards, given in their order, and those of the process: how many connections there may be,
/// and the disk that an embedded log or store fills. Every series has label `core`.
pub fn render(shards: &[Box<Stats>], connections_max: usize, disk: Option<&Disk>) -> Vec<u8> {
    let mut families = BTreeMap::new();
    for (core, stats) in shards.iter().enumerate() {
        for metric in stats.metrics() {
            families
                .entry(metric.name)
                .or_insert_with(|| family(metric.name, metric.help, kind(&metric)))
                .mut_metric()
                .push(series(core, &metric));
        }
    }
    let mut families: Vec<_> = families.into_values().collect();
    families.push(build_info(shards.len()));
    families.push(dropped_lines());
    families.extend(process::metrics().iter().map(of_kernel));
    families.push(of_process(
        "rookery_connections_max",
        "Connections that there may be.",
        connections_max as f64,
    ));
    families.extend(disk.into_iter().flat_map(disk_space));
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
        tracing::error!(%error, "the metrics could not be rendered");
    }
    text
}

fn family(name: &str, help: &str, kind: MetricType) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family
}

fn kind(metric: &metrics::Metric) -> MetricType {
    match metric.value {
        Value::Counter(_) => MetricType::COUNTER,
        Value::Gauge(_) => MetricType::GAUGE,
        Value::Histogram(_) => MetricType::HISTOGRAM,
    }
}

fn series(core: usize, metric: &metrics::Metric) -> Metric {
    let core = label("core", core.to_string());
    let own = metric
        .label
        .iter()
        .map(|(name, value)| label(name, value.clone()));
    let mut series = Metric::from_label(std::iter::once(core).chain(own).collect());
    match &metric.value {
        Value::Counter(value) => series.set_counter(counter(*value)),
        Value::Gauge(value) => series.set_gauge(gauge(*value)),
        Value::Histogram(value) => series.set_histogram(histogram(value)),
    }
    series
}

fn label(name: &str, value: String) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value);
    label
}

fn counter(value: f64) -> Counter {
    let mut counter = Counter::default();
    counter.set_value(value);
    counter
}

fn gauge(value: f64) -> Gauge {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    gauge
}

/// The last of the engine's buckets is the encoder's own `+Inf`.
fn histogram(value: &stats::Histogram) -> Histogram {
    let mut below = 0;
    let buckets = LATENCY_BOUNDS_MICROS
        .iter()
        .zip(value.buckets)
        .map(|(&bound, count)| {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound as f64 / MICROS_PER_SECOND);
            bucket.set_cumulative_count(below);
            bucket
        })
        .collect();
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(value.count());
    histogram.set_sample_sum(value.sum_micros as f64 / MICROS_PER_SECOND);
    histogram
}

fn build_info(shards: usize) -> MetricFamily {
    let info = |core: usize| {
        let version = label("version", env!("CARGO_PKG_VERSION").to_owned());
        let mut info = Metric::from_label(vec![label("core", core.to_string()), version]);
        info.set_gauge(gauge(1.0));
        info
    };
    let mut family = family(
        "rookery_build_info",
        "The version that runs; the value is always 1.",
        MetricType::GAUGE,
    );
    family.set_metric((0..shards).map(info).collect());
    family
}

fn dropped_lines() -> MetricFamily {
    counted_of_process(
        "rookery_log_lines_dropped_total",
        "Lines of the server's own log that stderr was too slow for.",
        logging::dropped_lines() as f64,
    )
}

fn of_kernel(metric: &ProcessMetric) -> MetricFamily {
    let ProcessMetric { name, help, value } = *metric;
    match name.ends_with("_total") {
        true => counted_of_process(name, help, value),
        false => of_process(name, help, value),
    }
}

/// A counter of the whole process. Every series has a core.
fn counted_of_process(name: &str, help: &str, value: f64) -> MetricFamily {
    let mut series = Metric::from_label(vec![label("core", "0".to_owned())]);
    series.set_counter(counter(value));
    let mut family = family(name, help, MetricType::COUNTER);
    family.set_metric(vec![series]);
    family
}

fn disk_space(disk: &Disk) -> [MetricFamily; 2] {
    let free = "Bytes that are free on the disk of the data directory.";
    let reserve = "Free bytes below which only small changes are taken, such as logouts.";
    [
        ("rookery_disk_free_bytes", free, disk.free_bytes()),
        ("rookery_disk_reserve_bytes", reserve, disk.room_bytes()),
    ]
    .map(|(name, help, bytes)| of_process(name, help, bytes as f64))
}

/// A gauge of the whole process, too.
fn of_process(name: &str, help: &str, value: f64) -> MetricFamily {
    let mut series = Metric::from_label(vec![label("core", "0".to_owned())]);
    series.set_gauge(gauge(value));
    let mut family = family(name, help, MetricType::GAUGE);
    family.set_metric(vec![series]);
    family
}

#[cfg(test)]
mod tests {
    use rookery_engine::limits::Limit;

    use super::*;

    fn text_of(shards: &[Stats]) -> String {
        let shards: Vec<_> = shards.iter().cloned().map(Box::new).collect();
        String::from_utf8(render(&shards, 100, None)).expect("text")
    }

    #[test]
    fn each_metric_is_documented() {
        let mut stats = Stats {
            security_events: vec![("login", 1)],
            ..Stats::default()
        };
        stats.count_close(rookery_engine::ws::CloseCode::SlowReader);
        stats.count_refusal("too_many_requests", Some(Limit::UserRate));
        let text = render(&[Box::new(stats)], 100, Some(&Disk::default()));
        let text = String::from_utf8(text).expect("text");
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let (_, docs) = include_str!("../../docs/api.md")
            .split_once("## Metrics")
            .expect("a section of metrics");
        for (name, kind) in types.filter_map(|line| line.split_once(' ')) {
            let of_metric = |row: &&str| {
                let cell = row.split(" | ").next().unwrap_or_default();
                [format!("`{name}`"), format!("`{name}{{")]
                    .iter()
                    .any(|it| cell.contains(it))
            };
            let row = docs.lines().find(of_metric);
            let row = row.unwrap_or_else(|| panic!("{name} is not documented"));
            assert_eq!(row.split(" | ").nth(1), Some(kind), "{name}");
        }
    }

    #[test]
    fn each_shard_is_a_series_of_one_family() {
        let shards = [3, 4].map(|messages_posted| Stats {
            messages_posted,
            ..Stats::default()
        });
        let text = text_of(&shards);
        assert!(text.contains("chat_messages_posted_total{core=\"0\"} 3\n"));
        assert!(text.contains("chat_messages_posted_total{core=\"1\"} 4\n"));
        assert_eq!(
            text.matches("# TYPE chat_messages_posted_total counter")
                .count(),
            1
        );
        assert_eq!(text.matches("# HELP consumer_lag ").count(), 1);
    }

    #[test]
    fn latencies_are_in_seconds_and_buckets_add_up() {
        let mut stats = Stats::default();
        stats.db.observe(60);
        stats.db.observe_many(2_000, 2);
        stats.db.observe(20_000_000);
        let text = text_of(&[stats]);
        for line in [
            "consumer_db_duration_seconds_bucket{core=\"0\",le=\"0.00005\"} 0\n",
            "consumer_db_duration_seconds_bucket{core=\"0\",le=\"0.0001\"} 1\n",
            "consumer_db_duration_seconds_bucket{core=\"0\",le=\"0.0025\"} 3\n",
            "consumer_db_duration_seconds_bucket{core=\"0\",le=\"+Inf\"} 4\n",
            "consumer_db_duration_seconds_count{core=\"0\"} 4\n",
            "consumer_db_duration_seconds_sum{core=\"0\"} 20.00406\n",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn reasons_are_labels_and_text_in_them_is_escaped() {
        let mut stats = Stats {
            busy_micros: 1_500_000,
            ..Stats::default()
        };
        stats.count_close(rookery_engine::ws::CloseCode::SlowReader);
        stats.count_refusal("with \"quotes\"", None);
        let text = text_of(&[stats]);
        assert!(text.contains("rookery_connections_closed_total{core=\"0\",code=\"4008\"} 1\n"));
        assert!(text.contains("reason=\"with \\\"quotes\\\"\"} 1\n"));
        assert!(text.contains("# TYPE rookery_core_busy_seconds_total counter\n"));
        assert!(text.contains("rookery_core_busy_seconds_total{core=\"0\"} 1.5\n"));
        assert!(text.contains("rookery_build_info{core=\"0\",version=\""));
        assert!(text.contains("rookery_log_lines_dropped_total{core=\"0\"} 0\n"));
        assert!(text.contains("rookery_connections_max{core=\"0\"} 100\n"));
    }
}
