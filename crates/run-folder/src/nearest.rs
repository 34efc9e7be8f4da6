//! Finds the name that the user probably meant.

/// Names with less similarity than this are not suggested.
const ALIKE: f64 = 0.6;

/// Returns the name that is most similar to `text`, if it is similar enough: a few letters are wrong or swapped, or
/// the end is missing.
pub fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.trim().to_lowercase();
    let likeness = |name: &str| {
        let begins = text.len() >= 3 && name.starts_with(&text);
        let alike = strsim::normalized_damerau_levenshtein(&text, &name.to_lowercase());
        if begins { alike.max(ALIKE) } else { alike }
    };
    let known = names.into_iter().map(|name| (likeness(name), name));
    let alike = known.filter(|(likeness, _)| *likeness >= ALIKE);
    alike.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_meant_and_nothing_else_is() {
        let methods = ["dtc", "magnitude", "l1", "random", "data-lasso"];
        assert_eq!(nearest("dct", methods), Some("dtc"));
        assert_eq!(nearest("Magntiude", methods), Some("magnitude"));
        assert_eq!(nearest("mag", methods), Some("magnitude"));
        assert_eq!(nearest("gpu", ["auto", "wgpu", "cuda"]), Some("wgpu"));
        assert_eq!(nearest("cifar10", ["digits", "mnist"]), None);
        assert_eq!(nearest("epochs", ["method", "preset", "replicas"]), None);
        assert_eq!(nearest("", methods), None);
    }
}
