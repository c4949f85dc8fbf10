//! What several runs say of one measure.

use serde::Serialize;

/// The values of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub runs: usize,
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// None where there are no values.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let runs = values.len();
        Some(Self {
            runs,
            median: (values[(runs - 1) / 2] + values[runs / 2]) / 2.0,
            least,
            most,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        let spread = |runs, median, least, most| Spread {
            runs,
            median,
            least,
            most,
        };
        assert_eq!(
            Spread::of(vec![3.0, 1.0, 8.0]),
            Some(spread(3, 3.0, 1.0, 8.0))
        );
        assert_eq!(Spread::of(vec![4.0, 1.0]), Some(spread(2, 2.5, 1.0, 4.0)));
        assert_eq!(Spread::of(vec![5.0]), Some(spread(1, 5.0, 5.0, 5.0)));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
