//! Words of Python: which names a module can have, and how texts are written.

/// Keywords of Python, and names that a generated file uses.
const KEYWORDS: [&str; 41] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield", "self", "super", "inputs", "torch", "nn", "F",
];

/// Names with capitals that a generated file uses, which no class of a part can have.
const OWN: [&str; 6] = ["Network", "Path", "F", "CLASSES", "MEAN", "DEVIATION"];

/// Attributes of `torch.nn.Module`, `ModuleList` and `ModuleDict`, which no module can be named.
const ATTRIBUTES: [&str; 50] = [
    "T_destination",
    "add_module",
    "append",
    "apply",
    "bfloat16",
    "buffers",
    "call_super_init",
    "children",
    "clear",
    "compile",
    "cpu",
    "cuda",
    "double",
    "dump_patches",
    "eval",
    "extend",
    "extra_repr",
    "float",
    "forward",
    "get_buffer",
    "get_extra_state",
    "get_parameter",
    "get_submodule",
    "half",
    "insert",
    "ipu",
    "items",
    "keys",
    "load_state_dict",
    "modules",
    "mtia",
    "named_buffers",
    "named_children",
    "named_modules",
    "named_parameters",
    "parameters",
    "pop",
    "requires_grad_",
    "set_extra_state",
    "set_submodule",
    "share_memory",
    "state_dict",
    "to",
    "to_empty",
    "train",
    "training",
    "type",
    "update",
    "xpu",
    "zero_grad",
];

/// Returns whether a word can be the name of a variable or of an attribute.
pub(super) fn is_identifier(word: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    word.starts_with(is_letter)
        && word.chars().all(|c| is_letter(c) || c.is_ascii_digit())
        && !KEYWORDS.contains(&word)
}

/// Returns whether a module of PyTorch can have this name.
pub(super) fn is_module_name(word: &str) -> bool {
    let is_own = ATTRIBUTES.contains(&word) || word == "values" || word.starts_with("register_");
    !word.is_empty() && !is_own && !word.starts_with('_')
}

/// Returns a text as Python writes it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns a word like `text` that can name a variable.
pub(super) fn identifier(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let word: String = text.chars().map(plain).collect();
    match word {
        word if is_identifier(&word) => word,
        word if word.starts_with(|c: char| c.is_ascii_digit()) => format!("part_{word}"),
        word => format!("{word}_"),
    }
}

/// Returns the name of a class for modules at a path such as `layer1.0`: of the last part with letters, `Block` behind
/// it for those with a number, and for those whose name the file uses.
pub(super) fn class_name(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').collect();
    let has_letters = |part: &&str| part.contains(|c: char| c.is_ascii_alphabetic());
    let place = parts.iter().rposition(has_letters);
    let stem = place.map_or("Part", |place| parts[place]);
    let stem = match stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_') {
        "" => "Part",
        stem => stem,
    };
    let mut name = camel(stem);
    let is_taken = OWN.contains(&name.as_str()) || !is_identifier(&name);
    let is_numbered = place.is_none_or(|place| place + 1 < parts.len());
    if is_taken || (is_numbered && !name.ends_with("Block")) {
        name.push_str("Block");
    }
    name
}

/// Returns words that are joined by underscores as a name with capitals: `down_sample` is `DownSample`.
pub(super) fn camel(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
    };
    let name: String = words.filter_map(capital).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("Part{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_named_after_the_modules() {
        for (path, expected) in [
            ("layer1.0", "LayerBlock"),
            ("features.12", "FeaturesBlock"),
            ("blocks.3.mlp", "Mlp"),
            ("encoder.down_sample", "DownSample"),
            ("0.1", "PartBlock"),
            ("residual_block.2", "ResidualBlock"),
            ("a b.0", "ABBlock"),
            ("path", "PathBlock"),
            ("network", "NetworkBlock"),
            ("f", "FBlock"),
            ("none", "NoneBlock"),
        ] {
            assert_eq!(class_name(path), expected);
        }
    }

    #[test]
    fn words_of_python_name_no_variable_and_attributes_no_module() {
        assert!(is_identifier("conv1") && is_identifier("_x"));
        assert!(!is_identifier("nn") && !is_identifier("F"));
        assert!(!is_identifier("1x") && !is_identifier("class") && !is_identifier("a-b"));
        assert!(is_module_name("0") && is_module_name("a b") && is_module_name("relu"));
        assert!(!is_module_name("type") && !is_module_name("") && !is_module_name("forward"));
        assert_eq!(identifier("conv.0.0"), "conv_0_0");
        assert_eq!(identifier("0.1"), "part_0_1");
        assert_eq!(identifier("class"), "class_");
    }
}
