//! Text of a class whose numbers may differ from one of its objects to the next.

use std::collections::BTreeMap;

/// The most characters of a line.
pub(super) const COLUMNS: usize = 100;

/// A number of a class, by name.
pub(super) type Symbol = String;

/// A number of channels: a sum of symbols with factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Width(pub(super) Vec<(usize, Symbol)>);

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Plain(String),
    Width(Width),
    /// A stride, as an argument after others; nothing if it is always 1.
    Stride(Symbol),
    /// An object of another class, whose own numbers are named with a prefix.
    Object {
        class: usize,
        inputs: Width,
        prefix: String,
    },
}

/// An expression that makes a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    Line(Vec<Segment>),
    /// A container: what opens and closes it, and its items, each with what comes before it.
    Container {
        open: String,
        close: &'static str,
        items: Vec<(String, Made)>,
    },
}

/// What the symbols of a class are: parameters of its constructor, or numbers.
pub(super) struct Meaning<'a> {
    pub(super) signature: &'a Signature,
    pub(super) values: &'a BTreeMap<Symbol, usize>,
    /// All classes.
    pub(super) classes: &'a [Signature],
}

/// The name of a class, and the parameters of its constructor.
#[derive(Debug, Clone, Default)]
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) parameters: Vec<Parameter>,
    /// The names of the parameters by symbol. Symbols that always have the same number share one.
    pub(super) names: BTreeMap<Symbol, String>,
}

/// A parameter of a constructor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) symbol: Symbol,
    pub(super) name: String,
}

/// The symbol of the channels that a class reads.
pub(super) const INPUTS: &str = "inputs";

/// Returns the symbol of a stride. No symbol of channels is like it.
pub(super) fn stride(symbol: &str) -> Symbol {
    format!("{symbol}:stride")
}

impl Parameter {
    /// Returns whether it is a stride, which is given by name.
    pub(super) fn is_stride(&self) -> bool {
        self.symbol.contains(':')
    }
}

impl Width {
    pub(super) fn of(symbol: &str) -> Self {
        Self(vec![(1, symbol.to_owned())])
    }

    /// Returns the width times a number of positions.
    pub(super) fn times(&self, positions: usize) -> Self {
        Self(self.0.iter().map(|(factor, symbol)| (factor * positions, symbol.clone())).collect())
    }

    /// Returns the sum of widths.
    pub(super) fn sum<'a>(widths: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum: Vec<(usize, Symbol)> = vec![];
        for (factor, symbol) in widths.into_iter().flat_map(|width| &width.0) {
            match sum.iter_mut().find(|(_, known)| known == symbol) {
                Some((all, _)) => *all += factor,
                None => sum.push((*factor, symbol.clone())),
            }
        }
        Self(sum)
    }

    fn text(&self, meaning: &Meaning<'_>) -> String {
        let mut number = 0;
        let mut terms: Vec<(usize, &str)> = vec![];
        for (factor, symbol) in &self.0 {
            let Some(name) = meaning.signature.names.get(symbol) else {
                number += factor * meaning.value(symbol);
                continue;
            };
            match terms.iter_mut().find(|(_, known)| known == name) {
                Some((all, _)) => *all += factor,
                None => terms.push((*factor, name)),
            }
        }
        let term = |(factor, name): &(usize, &str)| match factor {
            1 => (*name).to_owned(),
            _ => format!("{factor} * {name}"),
        };
        let mut texts: Vec<String> = terms.iter().map(term).collect();
        if number > 0 || texts.is_empty() {
            texts.push(number.to_string());
        }
        texts.join(" + ")
    }
}

impl Meaning<'_> {
    fn value(&self, symbol: &str) -> usize {
        self.values.get(symbol).copied().unwrap_or_default()
    }

    fn number(&self, symbol: &str) -> String {
        let name = self.signature.names.get(symbol).cloned();
        name.unwrap_or_else(|| self.value(symbol).to_string())
    }
}

impl Segment {
    fn text(&self, meaning: &Meaning<'_>) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Width(width) => width.text(meaning),
            Self::Stride(symbol) => match meaning.number(symbol).as_str() {
                "1" => String::new(),
                number => format!(", stride={number}"),
            },
            Self::Object { class, inputs, prefix } => {
                let Signature { name, parameters, .. } = &meaning.classes[*class];
                let argument = |parameter: &Parameter| {
                    let Parameter { symbol, name } = parameter;
                    if symbol == INPUTS {
                        return inputs.text(meaning);
                    }
                    let number = meaning.number(&prefixed(prefix, symbol));
                    if parameter.is_stride() { format!("{name}={number}") } else { number }
                };
                let arguments: Vec<String> = parameters.iter().map(argument).collect();
                format!("{name}({})", arguments.join(", "))
            }
        }
    }

    /// Adds the symbols of the segment.
    fn symbols(&self, classes: &[Signature], symbols: &mut Vec<Symbol>) {
        let mut add = |symbol: &Symbol| {
            if !symbols.contains(symbol) {
                symbols.push(symbol.clone());
            }
        };
        match self {
            Self::Plain(_) => {}
            Self::Width(width) => width.0.iter().for_each(|(_, symbol)| add(symbol)),
            Self::Stride(symbol) => add(symbol),
            Self::Object { class, inputs, prefix } => {
                for Parameter { symbol, .. } in &classes[*class].parameters {
                    if symbol == INPUTS {
                        inputs.0.iter().for_each(|(_, symbol)| add(symbol));
                    } else {
                        add(&prefixed(prefix, symbol));
                    }
                }
            }
        }
    }
}

/// Returns the symbol that a number of an object has in the class that makes the object.
pub(super) fn prefixed(prefix: &str, symbol: &str) -> Symbol {
    format!("{prefix}_{symbol}")
}

impl Made {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::Line(vec![Segment::Plain(text.into())])
    }

    /// Returns the symbols, in the order in which they appear.
    pub(super) fn symbols(&self, classes: &[Signature], symbols: &mut Vec<Symbol>) {
        match self {
            Self::Line(segments) => {
                for segment in segments {
                    segment.symbols(classes, symbols);
                }
            }
            Self::Container { items, .. } => {
                for (_, made) in items {
                    made.symbols(classes, symbols);
                }
            }
        }
    }

    /// Returns the text of the expression after `before`, which is indented. It is broken into lines where it is too
    /// long.
    pub(super) fn text(
        &self,
        before: &str,
        after: &str,
        indent: usize,
        meaning: &Meaning<'_>,
    ) -> String {
        let line = format!("{}{before}{}{after}", " ".repeat(indent), self.line(meaning));
        let Self::Container { open, close, items } = self else { return line };
        if line.chars().count() <= COLUMNS || items.is_empty() {
            return line;
        }
        let mut text = format!("{}{before}{open}", " ".repeat(indent));
        for (label, item) in items {
            text.push('\n');
            text += &item.text(label, ",", indent + 4, meaning);
        }
        format!("{text}\n{}{close}{after}", " ".repeat(indent))
    }

    fn line(&self, meaning: &Meaning<'_>) -> String {
        match self {
            Self::Line(segments) => segments.iter().map(|segment| segment.text(meaning)).collect(),
            Self::Container { open, close, items } => {
                let items =
                    items.iter().map(|(label, item)| format!("{label}{}", item.line(meaning)));
                format!("{open}{}{close}", items.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_is_a_number_unless_it_has_parameters() {
        let width = Width::sum([&Width::of("a").times(25), &Width::of("b"), &Width::of("a")]);
        assert_eq!(width.0, [(26, "a".to_owned()), (1, "b".to_owned())]);
        let values = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 3)]);
        let text = |names: &[(&str, &str)]| {
            let names = names.iter().map(|&(symbol, name)| (symbol.to_owned(), name.to_owned()));
            let signature = Signature { names: names.collect(), ..Signature::default() };
            width.text(&Meaning { signature: &signature, values: &values, classes: &[] })
        };
        assert_eq!(text(&[]), "55");
        assert_eq!(text(&[("a", "a")]), "26 * a + 3");
        assert_eq!(text(&[("a", "a"), ("b", "outputs")]), "26 * a + outputs");
        assert_eq!(text(&[("b", "b")]), "b + 52");
        assert_eq!(text(&[("a", "inputs"), ("b", "inputs")]), "27 * inputs");
    }

    #[test]
    fn a_container_is_broken_where_it_is_too_long() {
        let item = || (String::new(), Made::plain("nn.Linear(1000, 1000)"));
        let short = Made::Container {
            open: "nn.Sequential(".into(),
            close: ")",
            items: vec![item(), item()],
        };
        let values = BTreeMap::new();
        let signature = Signature::default();
        let meaning = Meaning { signature: &signature, values: &values, classes: &[] };
        let line = "    self.a = nn.Sequential(nn.Linear(1000, 1000), nn.Linear(1000, 1000))";
        assert_eq!(short.text("self.a = ", "", 4, &meaning), line);
        let items = (0..5).map(|_| item()).collect();
        let long = Made::Container { open: "nn.Sequential(".into(), close: ")", items };
        let text = long.text("self.a = ", "", 4, &meaning);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 7);
        assert_eq!(lines[..2], ["    self.a = nn.Sequential(", "        nn.Linear(1000, 1000),"]);
        assert_eq!(lines[6], "    )");
    }
}
