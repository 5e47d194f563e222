//! A row of numbers as a row of bars, for a terminal.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One bar per value, the tallest for the largest. Zero is always the lowest bar.
pub fn sparkline(values: &[u64]) -> String {
    let largest = values.iter().copied().max().unwrap_or(0);
    values.iter().map(|value| bar(*value, largest)).collect()
}

fn bar(value: u64, largest: u64) -> char {
    let steps = BARS.len() as u128 - 1;
    let height = (u128::from(value) * steps + u128::from(largest) / 2)
        .checked_div(u128::from(largest))
        .unwrap_or(0);
    let index = usize::try_from(height).unwrap_or(0);
    BARS.get(index).copied().unwrap_or('█')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_fills_the_line() {
        assert_eq!(sparkline(&[0, 1, 2, 3, 4, 5, 6, 7]), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&[0, 0, 9]), "▁▁█");
        assert_eq!(sparkline(&[0, 0]), "▁▁");
        assert_eq!(sparkline(&[u64::MAX, 1]), "█▁");
        assert_eq!(sparkline(&[]), "");
    }
}
