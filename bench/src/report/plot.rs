//! Latency against offered rate, as SVG.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::error::BenchError;
use crate::report::Report;
use crate::report::percentiles::Percentiles;

/// Pixels.
const SIZE: (u32, u32) = (900, 540);
const MARGIN: u32 = 16;
const LABELS_LEFT: u32 = 72;
const LABELS_BELOW: u32 = 48;
/// Of all text, its size in pixels.
const FONT: (&str, u32) = ("sans-serif", 14);
/// The least latency that is drawn, in milliseconds.
const LATENCY_MIN: f64 = 0.01;
/// Air above and beside the largest values.
const AIR: f64 = 1.1;

/// A curve: its name, colour and values.
type Curve = (&'static str, RGBColor, fn(&Percentiles) -> f64);

const CURVES: [Curve; 3] = [
    ("p50", RGBColor(0x1b, 0x7c, 0x3d), |p| p.p50),
    ("p99", RGBColor(0xc2, 0x5b, 0x00), |p| p.p99),
    ("p99.9", RGBColor(0xa6, 0x1e, 0x4d), |p| p.p999),
];

/// Draws the reports, each at the rate that was offered, or, at `max`, at the one that was accepted.
///
/// # Errors
/// Where the file can't be written.
pub fn draw(path: &Path, reports: &[Report]) -> Result<(), BenchError> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    draw_on(&root, reports).map_err(|error| BenchError::Draw {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

fn draw_on(
    root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    reports: &[Report],
) -> Result<(), Box<dyn Error>> {
    root.fill(&WHITE)?;
    let rate_max = reports.iter().map(rate).fold(1.0, f64::max) * AIR;
    let latency_max = reports
        .iter()
        .map(|report| report.latency_ms.p999)
        .fold(1.0, f64::max)
        * AIR;
    let mut chart = ChartBuilder::on(root)
        .margin(MARGIN)
        .x_label_area_size(LABELS_BELOW)
        .y_label_area_size(LABELS_LEFT)
        .build_cartesian_2d(0.0..rate_max, (LATENCY_MIN..latency_max).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("offered messages/s")
        .y_desc("latency from the intended send time, ms")
        .x_label_formatter(&|rate| format!("{rate:.0}"))
        .label_style(FONT)
        .axis_desc_style(FONT)
        .draw()?;
    for (name, color, value) in CURVES {
        let points = || {
            reports
                .iter()
                .map(|report| (rate(report), value(&report.latency_ms).max(LATENCY_MIN)))
        };
        chart
            .draw_series(LineSeries::new(points(), color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
        chart.draw_series(points().map(|point| Circle::new(point, 3, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(FONT)
        .background_style(WHITE.filled())
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}

fn rate(report: &Report) -> f64 {
    report.offered_per_s.unwrap_or(report.accepted_per_s)
}
