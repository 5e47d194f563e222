//! "Did you mean": the known word that is nearest to a misspelt one.

/// The word of `known` that `word` most likely stands for, if any is near enough: the same word in
/// another case, or one typing error in a short word and a few in a long one.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let budget = match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|one| (strsim::damerau_levenshtein(&word, &one.to_lowercase()), one))
        .filter(|(distance, _)| *distance <= budget)
        .min()
        .map(|(_, one)| one)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["pools", "datasets", "arc_max", "zfs", "nfs"];
        for (word, found) in [
            ("zfz", Some("zfs")),
            ("ZFS", Some("zfs")),
            ("datatsets", Some("datasets")),
            ("arcmax", Some("arc_max")),
            ("vms", None),
            ("dns", None),
            ("storage", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), found, "{word}");
        }
    }
}
