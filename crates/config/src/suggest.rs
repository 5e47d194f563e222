//! "Did you mean": the known word that is nearest to a misspelt one.

/// The word of `known` that `word` most likely stands for, if any is near enough: the same word in
/// another case, one typing error in a short word and a few in a long one, or the beginning of the
/// only word that begins so. Of several, the first of the same length.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let budget = match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    let known: Vec<&str> = known.into_iter().collect();
    let near = known
        .iter()
        .map(|one| (strsim::damerau_levenshtein(&word, &one.to_lowercase()), one))
        .filter(|(distance, _)| *distance <= budget)
        .min_by_key(|(distance, one)| (*distance, one.chars().count().abs_diff(length)));
    if let Some((_, one)) = near {
        return Some(one);
    }
    let mut beginnings = known
        .iter()
        .filter(|one| length > 2 && one.to_lowercase().starts_with(&word));
    beginnings
        .next()
        .filter(|_| beginnings.next().is_none())
        .copied()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = [
            "pools", "datasets", "arc_max", "zfs", "nfs", "raidz", "raidz1", "raidz2",
        ];
        for (word, found) in [
            ("zfz", Some("zfs")),
            ("ZFS", Some("zfs")),
            ("datatsets", Some("datasets")),
            ("arcmax", Some("arc_max")),
            ("raidz9", Some("raidz1")),
            ("data", Some("datasets")),
            ("rai", None),
            ("vms", None),
            ("dns", None),
            ("storage", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), found, "{word}");
        }
    }
}
