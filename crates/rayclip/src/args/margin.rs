//! The margin: smaller differences count as equal.

use clap::Args;
use rayclip_report::MARGIN;

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct MarginArgs {
    /// Smaller differences of accuracies count as equal
    #[arg(long, value_name = "ACCURACY", default_value_t = MARGIN, value_parser = margin, allow_negative_numbers = true)]
    pub(crate) margin: f64,
}

fn margin(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(margin) if margin > 0.0 && margin < 1.0 => Ok(margin),
        _ => Err("expected a difference of accuracies above 0 and below 1, such as 0.005".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_is_a_difference_of_accuracies() {
        assert_eq!(margin("0.01"), Ok(0.01));
        for text in ["0", "-0.1", "1", "NaN", "inf", "0,5", ""] {
            assert!(margin(text).unwrap_err().contains("0.005"), "{text}");
        }
    }
}
