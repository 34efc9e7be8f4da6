//! Symbols: extents that are known only when the model runs, and what is computed from them.

use std::collections::{BTreeMap, HashMap};

use super::Dim;

/// The most symbols of a graph.
const MOST_SYMBOLS: u32 = 1 << 18;

/// The most symbols that a product is made of.
const MOST_FACTORS: usize = 16;

/// Names that writers give to every extent that they do not know.
const NO_NAMES: [&str; 5] = ["", "?", "None", "unk", "-1"];

/// A number times symbols, which are sorted. None of them is a product.
#[derive(Clone, Debug)]
pub(super) struct Product {
    pub(super) number: usize,
    pub(super) symbols: Vec<u32>,
}

impl Product {
    /// Divides it; `None` if something remains.
    pub(super) fn divide(mut self, by: &Self) -> Option<Self> {
        if by.number == 0 || !self.number.is_multiple_of(by.number) {
            return None;
        }
        self.number /= by.number;
        for symbol in &by.symbols {
            let place = self.symbols.iter().position(|own| own == symbol)?;
            self.symbols.remove(place);
        }
        Some(self)
    }
}

/// All symbols of a graph. The same computation with the same symbols gives the same symbol.
pub(super) struct Symbols<'a> {
    count: u32,
    bound: &'a BTreeMap<String, usize>,
    named: HashMap<&'a str, u32>,
    names: HashMap<u32, String>,
    computed: HashMap<(&'static str, Vec<i64>), u32>,
    products: HashMap<u32, Product>,
}

impl<'a> Symbols<'a> {
    pub(super) fn new(bound: &'a BTreeMap<String, usize>) -> Self {
        Self {
            count: 0,
            bound,
            named: HashMap::new(),
            names: HashMap::new(),
            computed: HashMap::new(),
            products: HashMap::new(),
        }
    }

    /// Returns the names of symbols.
    pub(super) fn into_names(self) -> HashMap<u32, String> {
        self.names
    }

    /// Returns a symbol that equals no other; `None` if there are too many.
    pub(super) fn fresh(&mut self) -> Option<Dim> {
        if self.count >= MOST_SYMBOLS {
            return None;
        }
        self.count += 1;
        Some(Dim::Symbol(self.count - 1))
    }

    /// Returns symbols that equal no other.
    pub(super) fn several(&mut self, count: usize) -> Option<Vec<Dim>> {
        (0..count).map(|_| self.fresh()).collect()
    }

    /// Returns the extent with a name of the file.
    pub(super) fn named(&mut self, name: &'a str) -> Option<Dim> {
        if let Some(extent) = self.bound.get(name) {
            return Some(Dim::Known(*extent));
        }
        if let Some(symbol) = self.named.get(name) {
            return Some(Dim::Symbol(*symbol));
        }
        let dim = self.fresh()?;
        Some(self.name(dim, name))
    }

    /// Gives a name of the file to an extent, unless one of them has a better one. Returns the number if it is bound.
    pub(super) fn name(&mut self, dim: Dim, name: &'a str) -> Dim {
        let Dim::Symbol(symbol) = dim else { return dim };
        if let Some(extent) = self.bound.get(name) {
            return Dim::Known(*extent);
        }
        let is_new = !self.named.contains_key(name) && !self.names.contains_key(&symbol);
        if is_new && !NO_NAMES.contains(&name) {
            self.named.insert(name, symbol);
            self.names.insert(symbol, name.to_owned());
        }
        dim
    }

    /// Returns the symbol for what `rule` computes from numbers, in which symbols are numbers too.
    pub(super) fn computed(&mut self, rule: &'static str, numbers: Vec<i64>) -> Option<Dim> {
        let key = (rule, numbers);
        if let Some(symbol) = self.computed.get(&key) {
            return Some(Dim::Symbol(*symbol));
        }
        let dim = self.fresh()?;
        if let Dim::Symbol(symbol) = dim {
            self.computed.insert(key, symbol);
        }
        Some(dim)
    }

    /// Returns what an extent is a product of.
    fn factors(&self, dim: Dim) -> Product {
        match dim {
            Dim::Known(number) => Product { number, symbols: Vec::new() },
            Dim::Symbol(symbol) => match self.products.get(&symbol) {
                Some(product) => product.clone(),
                None => Product { number: 1, symbols: vec![symbol] },
            },
        }
    }

    /// Multiplies extents; `None` if the result is too large, or made of too many symbols.
    pub(super) fn product(&self, dims: &[Dim]) -> Option<Product> {
        let mut all = Product { number: 1, symbols: Vec::new() };
        for dim in dims {
            let Product { number, symbols } = self.factors(*dim);
            all.number = all.number.checked_mul(number)?;
            all.symbols.extend(symbols);
        }
        all.symbols.sort_unstable();
        (all.symbols.len() <= MOST_FACTORS).then_some(all)
    }

    /// Returns the extent that a product is.
    pub(super) fn extent(&mut self, product: Product) -> Option<Dim> {
        let Product { number, symbols } = &product;
        match (number, symbols.as_slice()) {
            (0, _) | (_, []) => return Some(Dim::Known(*number)),
            (1, [symbol]) => return Some(Dim::Symbol(*symbol)),
            _ => {}
        }
        let number = i64::try_from(*number).ok()?;
        let key = [number].into_iter().chain(symbols.iter().map(|s| i64::from(*s))).collect();
        let dim = self.computed("product", key)?;
        if let Dim::Symbol(symbol) = dim {
            self.products.insert(symbol, product);
        }
        Some(dim)
    }

    /// Returns the product of extents as an extent.
    pub(super) fn multiply(&mut self, dims: &[Dim]) -> Option<Dim> {
        match self.product(dims) {
            Some(product) => self.extent(product),
            None => self.fresh(),
        }
    }

    /// Returns the quotient of extents, rounded down.
    pub(super) fn divide(&mut self, dim: Dim, by: Dim) -> Option<Dim> {
        if let Some(quotient) = self.factors(dim).divide(&self.factors(by)) {
            return self.extent(quotient);
        }
        match (dim, by) {
            (Dim::Known(dim), Dim::Known(by)) => dim.checked_div(by).map(Dim::Known),
            _ => self.computed("quotient", vec![code(dim)?, code(by)?]),
        }
    }

    /// Returns the sum of extents; `None` if it is too large.
    pub(super) fn sum(&mut self, dims: &[Dim]) -> Option<Dim> {
        let mut number = 0_usize;
        let mut symbols = Vec::new();
        for dim in dims {
            match dim {
                Dim::Known(extent) => number = number.checked_add(*extent)?,
                Dim::Symbol(symbol) => symbols.push(i64::from(*symbol)),
            }
        }
        match (number, symbols.as_slice()) {
            (_, []) => Some(Dim::Known(number)),
            (0, [symbol]) => u32::try_from(*symbol).ok().map(Dim::Symbol),
            _ if symbols.len() > MOST_FACTORS => self.fresh(),
            _ => {
                symbols.sort_unstable();
                symbols.push(i64::try_from(number).ok()?);
                self.computed("sum", symbols)
            }
        }
    }

    /// Returns an extent that is larger by a number, which can be negative.
    pub(super) fn moved(&mut self, dim: Dim, by: i64) -> Option<Dim> {
        match (dim, usize::try_from(by)) {
            (dim, Ok(by)) => self.sum(&[dim, Dim::Known(by)]),
            (Dim::Known(dim), Err(_)) => {
                dim.checked_sub(usize::try_from(by.unsigned_abs()).ok()?).map(Dim::Known)
            }
            (Dim::Symbol(symbol), Err(_)) => self.computed("moved", vec![i64::from(symbol), by]),
        }
    }
}

/// Returns a number for an extent: another one for every extent.
pub(super) fn code(dim: Dim) -> Option<i64> {
    match dim {
        Dim::Known(extent) => i64::try_from(extent).ok(),
        Dim::Symbol(symbol) => Some(-1 - i64::from(symbol)),
    }
}
